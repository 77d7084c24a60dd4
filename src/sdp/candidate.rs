//! ICE candidates as values and as text (RFC 8839 §5.1).

use core::fmt::{self, Write as _};
use core::str::FromStr;
use std::net::{IpAddr, Ipv4Addr};

use nom::bytes::complete::{take_till, take_till1};
use nom::character::complete::{char, digit1, space1};
use nom::combinator::{all_consuming, opt};
use nom::multi::many_m_n;
use nom::sequence::preceded;
use nom::{IResult, Parser};
use thiserror::Error;

use crate::base::limits;

/// What a candidate is (RFC 8445 §5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CandidateKind {
    /// An address of an interface.
    Host,
    /// An address a STUN server saw.
    ServerReflexive,
    /// An address a peer's check came from.
    PeerReflexive,
    /// An address a TURN server lent.
    Relayed,
}

/// Who opens a TCP candidate (RFC 6544 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpType {
    /// It opens.
    Active,
    /// It listens.
    Passive,
    /// Both at once.
    SimultaneousOpen,
}

/// What carries a candidate's datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP with RFC 4571 framing.
    Tcp(TcpType),
}

/// A candidate's address: a number, or a name that only the caller can resolve.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateAddress {
    /// A literal address.
    Ip(IpAddr),
    /// A name, such as an mDNS one that ends in `.local`.
    Name(String),
}

impl fmt::Display for CandidateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// One candidate as it stands in an `a=candidate` line.
///
/// `str::parse` takes the line with or without its `a=`; `Display` writes `candidate:...`. With feature `serde` it is
/// that string.
///
/// ```
/// use antiphon::sdp::{Candidate, CandidateKind};
///
/// let candidate: Candidate = "candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host".parse()?;
/// assert_eq!(candidate.kind, CandidateKind::Host);
/// assert_eq!(candidate.to_string(), "candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host");
/// # Ok::<(), antiphon::sdp::CandidateParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub struct Candidate {
    /// Groups candidates that share a type, a base and a server; 1 to 32 ice-chars.
    pub foundation: String,
    /// 1 for RTP and everything multiplexed with it.
    pub component: u16,
    /// What carries it.
    pub transport: Transport,
    /// RFC 8445 §5.1.2.
    pub priority: u32,
    /// Where it is reached.
    pub address: CandidateAddress,
    /// Where it is reached.
    pub port: u16,
    /// What it is.
    pub kind: CandidateKind,
    /// The related address, if the line told one (or 0.0.0.0 where it is hidden).
    pub related: Option<(IpAddr, u16)>,
    /// The user fragment it belongs to, where the line says so (RFC 8838 §11).
    pub username_fragment: Option<String>,
    /// Extension attributes we give no meaning to, in their order: name, value.
    pub extensions: Vec<(String, String)>,
}

/// A candidate line that is malformed, or tells of something we do not know: RFC 8839 §5.1 has the latter ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CandidateParseError {
    /// It does not start with `candidate:`, or ends too early.
    #[error("not a candidate line")]
    Incomplete,
    /// The foundation is longer than is accepted.
    #[error("a foundation of {0} bytes")]
    Foundation(usize),
    /// The component is not a number from 1 to 256.
    #[error("bad component")]
    Component,
    /// Neither UDP, nor TCP with a known `tcptype`.
    #[error("unknown transport")]
    Transport,
    /// The priority is no 32-bit number.
    #[error("bad priority")]
    Priority,
    /// Neither an address nor a name.
    #[error("bad address")]
    Address,
    /// The port is no 16-bit number.
    #[error("bad port")]
    Port,
    /// A type that is not known.
    #[error("unknown candidate type")]
    Kind,
    /// More text than is looked at, or extensions that are longer than is kept.
    #[error("a candidate of {bytes} bytes, of {limit}")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// More extensions than are kept.
    #[error("more than {limit} extensions")]
    TooManyExtensions {
        /// How many there may be.
        limit: usize,
    },
}

impl CandidateParseError {
    /// Whether the line is well-formed as far as it is understood, and of a transport or a type that is not known: RFC 8839 §5.1
    /// has an agent ignore it.
    pub const fn is_unknown(self) -> bool {
        matches!(self, Self::Transport | Self::Kind)
    }
}

/// Longest foundation that is accepted: RFC 8839 §5.1 allows 32, deployed endpoints write more.
const MAX_FOUNDATION: usize = 64;
/// Most pairs after the type: extensions, and the four that have a meaning.
const MAX_PAIRS: usize = limits::MAX_CANDIDATE_EXTENSIONS + 4;

impl FromStr for Candidate {
    type Err = CandidateParseError;

    fn from_str(text: &str) -> Result<Self, CandidateParseError> {
        let text = text.strip_prefix("a=").unwrap_or(text);
        let value = text.strip_prefix("candidate:").ok_or(CandidateParseError::Incomplete)?;
        Self::parse_value(value)
    }
}

impl TryFrom<String> for Candidate {
    type Error = CandidateParseError;

    fn try_from(text: String) -> Result<Self, CandidateParseError> {
        text.parse()
    }
}

impl From<Candidate> for String {
    fn from(candidate: Candidate) -> Self {
        candidate.to_string()
    }
}

impl Candidate {
    /// Reads what follows `candidate:`.
    pub(in crate::sdp) fn parse_value(text: &str) -> Result<Self, CandidateParseError> {
        let within = |bytes, limit| {
            if bytes > limit { Err(CandidateParseError::TooLong { bytes, limit }) } else { Ok(()) }
        };
        within(text.len(), limits::MAX_SDP_LINE_BYTES)?;
        // What `clean` would leave out when writing is not read: a line is written as it was read.
        if text.chars().any(|c| c.is_control() || (c.is_whitespace() && c != ' ')) {
            return Err(CandidateParseError::Incomplete);
        }
        let (_, (fields, pairs)) = line(text.trim_end()).map_err(|_| CandidateParseError::Incomplete)?;
        let [foundation, component, transport, priority, address, port, typ, kind] = fields;
        if foundation.len() > MAX_FOUNDATION {
            return Err(CandidateParseError::Foundation(foundation.len()));
        }
        if typ != "typ" {
            return Err(CandidateParseError::Incomplete);
        }
        let mut rest = Extensions::sort(&pairs);
        if rest.others.len() > limits::MAX_CANDIDATE_EXTENSIONS {
            return Err(CandidateParseError::TooManyExtensions { limit: limits::MAX_CANDIDATE_EXTENSIONS });
        }
        // What is kept, not what stands between it: a line that is read is still read once it is written.
        let kept = rest.others.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        within(kept + rest.username_fragment.map_or(0, str::len), limits::MAX_CANDIDATE_BYTES)?;
        let component =
            number(component).filter(|c| (1..=256).contains(c)).ok_or(CandidateParseError::Component)?;
        let priority = number(priority).ok_or(CandidateParseError::Priority)?;
        let address = parse_address(address).ok_or(CandidateParseError::Address)?;
        let port = number(port).ok_or(CandidateParseError::Port)?;
        // Last what may be unknown: then all else is well-formed.
        Ok(Self {
            foundation: foundation.into(),
            component,
            transport: rest.transport(transport).ok_or(CandidateParseError::Transport)?,
            priority,
            address,
            port,
            kind: parse_kind(kind).ok_or(CandidateParseError::Kind)?,
            related: rest.related,
            username_fragment: rest.username_fragment.map(Into::into),
            extensions: rest.others.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        })
    }
}

type Line<'a> = ([&'a str; 8], Vec<(&'a str, &'a str)>);

/// Eight words, then names with their values; a last name may lack one.
fn line(input: &str) -> IResult<&str, Line<'_>> {
    let word = || take_till1(|c: char| c == ' ');
    let mut fields = [""; 8];
    let mut input = input;
    for (index, field) in fields.iter_mut().enumerate() {
        let (rest, _) = if index == 0 { (input, "") } else { space1(input)? };
        (input, *field) = word().parse(rest)?;
    }
    let value = opt(preceded(char(' '), take_till(|c: char| c == ' ')));
    let pair = (preceded(space1, word()), value.map(Option::unwrap_or_default));
    // More are too many, whatever they are: what follows is not looked at.
    let (mut input, pairs) = many_m_n(0, MAX_PAIRS + 1, pair).parse(input)?;
    if pairs.len() <= MAX_PAIRS {
        (input, _) = all_consuming(opt(space1)).parse(input)?;
    }
    Ok((input, (fields, pairs)))
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    let digits: IResult<&str, &str> = all_consuming(digit1).parse(text);
    digits.ok().and_then(|(_, digits)| digits.parse().ok())
}

fn parse_kind(text: &str) -> Option<CandidateKind> {
    Some(match text {
        "host" => CandidateKind::Host,
        "srflx" => CandidateKind::ServerReflexive,
        "prflx" => CandidateKind::PeerReflexive,
        "relay" => CandidateKind::Relayed,
        _ => return None,
    })
}

fn parse_address(text: &str) -> Option<CandidateAddress> {
    if let Ok(ip) = text.parse() {
        return Some(CandidateAddress::Ip(ip));
    }
    // A name in the DNS (RFC 1123 §2.1, and the underscore of service names), at most 255 bytes of it.
    let is_name = text.len() < 256
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        && text.bytes().any(|b| b.is_ascii_alphabetic());
    is_name.then(|| CandidateAddress::Name(text.into()))
}

/// The pairs after the type, sorted into what we know and what we do not.
#[derive(Default)]
struct Extensions<'a> {
    related: Option<(IpAddr, u16)>,
    tcp_type: Option<&'a str>,
    username_fragment: Option<&'a str>,
    others: Vec<(&'a str, &'a str)>,
}

impl<'a> Extensions<'a> {
    fn sort(pairs: &[(&'a str, &'a str)]) -> Self {
        let mut sorted = Self::default();
        let find = |wanted: &str| pairs.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        let address = find("raddr").and_then(|value| value.parse().ok());
        let port = find("rport").and_then(number);
        // An address that is no number, or stands without its port, stays among the others.
        sorted.related = address.zip(port);
        for (name, value) in pairs {
            match *name {
                "raddr" | "rport" if sorted.related.is_some() => {}
                "tcptype" if sorted.tcp_type.is_none() => sorted.tcp_type = Some(value),
                "ufrag" if sorted.username_fragment.is_none() && !value.is_empty() => {
                    sorted.username_fragment = Some(value);
                }
                _ => sorted.others.push((name, value)),
            }
        }
        sorted
    }

    fn transport(&mut self, text: &str) -> Option<Transport> {
        if text.eq_ignore_ascii_case("udp") {
            if let Some(tcp_type) = self.tcp_type.take() {
                self.others.insert(0, ("tcptype", tcp_type));
            }
            return Some(Transport::Udp);
        }
        if !text.eq_ignore_ascii_case("tcp") {
            return None;
        }
        Some(Transport::Tcp(match self.tcp_type {
            Some("active") => TcpType::Active,
            Some("passive") => TcpType::Passive,
            Some("so") => TcpType::SimultaneousOpen,
            _ => return None,
        }))
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("candidate:")?;
        clean(f, &self.foundation)?;
        let transport = if self.transport == Transport::Udp { "udp" } else { "tcp" };
        write!(f, " {} {transport} {} ", self.component, self.priority)?;
        match &self.address {
            CandidateAddress::Ip(ip) => ip.fmt(f)?,
            CandidateAddress::Name(name) => clean(f, name)?,
        }
        write!(f, " {} typ {}", self.port, self.kind)?;
        if let Some((address, port)) = self.related {
            write!(f, " raddr {address} rport {port}")?;
        }
        if let Transport::Tcp(tcp_type) = self.transport {
            write!(f, " tcptype {tcp_type}")?;
        }
        if let Some(ufrag) = &self.username_fragment {
            f.write_str(" ufrag ")?;
            clean(f, ufrag)?;
        }
        for (name, value) in &self.extensions {
            f.write_char(' ')?;
            clean(f, name)?;
            f.write_char(' ')?;
            clean(f, value)?;
        }
        Ok(())
    }
}

/// Leaves out what would end a field or the line: the strings of a [`Candidate`] may be anybody's.
fn clean(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.split(|c: char| c.is_control() || c.is_whitespace()).try_for_each(|part| f.write_str(part))
}

impl fmt::Display for CandidateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        })
    }
}

impl fmt::Display for TcpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        })
    }
}

impl CandidateAddress {
    /// The address where it is a literal one that can be reached.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) if *ip != IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Some(*ip),
            Self::Ip(_) | Self::Name(_) => None,
        }
    }
}

#[cfg(test)]
#[path = "candidate_tests.rs"]
mod tests;
