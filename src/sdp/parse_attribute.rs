//! nom grammar of attribute values.

use core::str::FromStr;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, digit1, space0, space1};
use nom::combinator::{all_consuming, map, map_opt, map_res, opt, peek, rest, success, value, verify};
use nom::multi::{many0, many1, separated_list1};
use nom::sequence::{preceded, separated_pair, terminated};
use nom::{IResult, Parser};

use crate::base::limits;
use crate::crypto::fingerprint::{Fingerprint, FingerprintError};
use crate::sdp::attribute::{
    Attribute, Direction, Extmap, Group, Raw, Rid, RtpMap, Setup, Simulcast, SimulcastId, Ssrc,
};
use crate::sdp::candidate::Candidate;
use crate::sdp::error::{ParseError, ParseErrorKind};
use crate::sdp::session::{AddressKind, Connection};
use crate::sdp::text::{Text, Token, Word, is_token_char, is_word_char};

/// What a grammar returns: the rest of the line, and the value.
pub(super) type Parsed<'a, T> = IResult<&'a str, T>;

impl FromStr for Attribute {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > limits::MAX_SDP_LINE_BYTES {
            let kind = ParseErrorKind::LineTooLong { bytes: text.len(), limit: limits::MAX_SDP_LINE_BYTES };
            return Err(ParseError { line: 1, column: 1, kind });
        }
        parse_attribute(text).map_err(|(at, kind)| ParseError { line: 1, column: column(text, at), kind })
    }
}

/// Where `at`, a tail of `line`, starts; from 1.
pub(super) fn column(line: &str, at: &str) -> usize {
    line.len() - at.len().min(line.len()) + 1
}

/// Attributes whose form varies in the wild, or of which RFC 8839 §5.1 and RFC 8122 §5 tell us to ignore what we do
/// not know. What does not parse is kept word for word.
const LENIENT: &[&str] =
    &["candidate", "crypto", "imageattr", "msid-semantic", "remote-candidates", "simulcast"];

/// Reads what follows `a=`. An error carries the tail of the text at which the grammar broke.
pub(super) fn parse_attribute(text: &str) -> Result<Attribute, (&str, ParseErrorKind)> {
    let (name, given) = match text.split_once(':') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let raw = || {
        // What breaks Text breaks the line, and there is only one place to point at.
        Text::new(text).map(|text| Attribute::Other(Raw(text))).map_err(|error| {
            let byte = text.as_bytes().get(error.position).copied().unwrap_or(0);
            (text.get(error.position..).unwrap_or(text), ParseErrorKind::ControlCharacter(byte))
        })
    };
    if text.bytes().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
        return raw();
    }
    let Some(given) = given else {
        // As after a value, there may be spaces.
        return flag(name.trim_end_matches(' ')).map_or_else(raw, Ok);
    };
    let Some((name, parsed)) = valued(name, given) else {
        return raw();
    };
    match parsed {
        Ok((_, attribute)) => Ok(attribute),
        Err(_) if LENIENT.contains(&name) => raw(),
        // RFC 8122 §5: a hash function we do not know is passed over. A known one must be right.
        Err(_) if name == "fingerprint" && !is_known_hash(given) => raw(),
        Err(error) => Err((tail(error, given), ParseErrorKind::MalformedAttribute(name))),
    }
}

/// Where in the text a grammar broke.
pub(super) fn tail<'a>(error: nom::Err<nom::error::Error<&'a str>>, text: &'a str) -> &'a str {
    match error {
        nom::Err::Error(error) | nom::Err::Failure(error) => error.input,
        nom::Err::Incomplete(_) => text,
    }
}

fn is_known_hash(given: &str) -> bool {
    !matches!(given.parse::<Fingerprint>(), Err(FingerprintError::UnknownHash))
}

fn flag(name: &str) -> Option<Attribute> {
    Some(match name {
        "rtcp-mux" => Attribute::RtcpMux,
        "rtcp-mux-only" => Attribute::RtcpMuxOnly,
        "rtcp-rsize" => Attribute::RtcpRsize,
        "extmap-allow-mixed" => Attribute::ExtmapAllowMixed,
        "bundle-only" => Attribute::BundleOnly,
        "ice-lite" => Attribute::IceLite,
        "ice-mismatch" => Attribute::IceMismatch,
        "end-of-candidates" => Attribute::EndOfCandidates,
        "cryptex" => Attribute::Cryptex,
        "sendrecv" => Attribute::Direction(Direction::SendRecv),
        "sendonly" => Attribute::Direction(Direction::SendOnly),
        "recvonly" => Attribute::Direction(Direction::RecvOnly),
        "inactive" => Attribute::Direction(Direction::Inactive),
        _ => return None,
    })
}

/// The attributes that have a value; `None` for a name that is not known.
fn valued<'a>(name: &str, given: &'a str) -> Option<(&'static str, Parsed<'a, Attribute>)> {
    // Some endpoints, and RFC 9429's own examples, leave spaces at the end.
    macro_rules! names {
        ($($name:literal => $grammar:expr,)*) => {
            match name {
                $($name => ($name, all_consuming(terminated($grammar, space0)).parse(given)),)*
                _ => return None,
            }
        };
    }
    Some(names! {
        "group" => group,
        "mid" => map(token, Attribute::Mid),
        "msid" => map((word, opt(preceded(space1, word))), |(stream, track)| Attribute::Msid(stream, track)),
        "msid-semantic" => msid_semantic,
        "rtpmap" => rtp_map,
        "fmtp" => map((word, space, text), |(format, _, parameters)| Attribute::Fmtp(format, parameters)),
        "rtcp-fb" => map((payload_or_all, space, text), |(payload, _, kind)| Attribute::RtcpFb(payload, kind)),
        "rtcp" => map((number, opt(preceded(space, connection))), |(port, at)| Attribute::Rtcp(port, at.map(Box::new))),
        "extmap" => extmap,
        "ssrc" => ssrc,
        "ssrc-group" => map((token, many0(preceded(space1, number))), |(kind, ids)| Attribute::SsrcGroup(kind, tight(ids))),
        "rid" => rid,
        "simulcast" => simulcast,
        "ice-ufrag" => map(checked, Attribute::IceUfrag),
        "ice-pwd" => map(checked, Attribute::IcePwd),
        "ice-options" => map(separated_list1(space1, token), |options| Attribute::IceOptions(tight(options))),
        "ice-pacing" => map(number, Attribute::IcePacing),
        "candidate" => map(map_res(rest, Candidate::parse_value), |c| Attribute::Candidate(Box::new(c))),
        "remote-candidates" => remote_candidates,
        "fingerprint" => map(map_res(rest, str::parse::<Fingerprint>), |f| Attribute::Fingerprint(Box::new(f))),
        "setup" => map(setup, Attribute::Setup),
        "tls-id" => map(checked, Attribute::TlsId),
        "identity" => map(text, Attribute::Identity),
        "sctp-port" => map(number, Attribute::SctpPort),
        "max-message-size" => map(number, Attribute::MaxMessageSize),
        "sctpmap" => map((number, space1, token, opt(preceded(space1, number))), |(port, _, what, streams)| {
            Attribute::SctpMap(port, what, streams)
        }),
        "sctp-init" => map(word, Attribute::SctpInit),
        "ptime" => map(token, Attribute::Ptime),
        "maxptime" => map(token, Attribute::MaxPtime),
        "imageattr" => map((payload_or_all, space, text), |(payload, _, sizes)| Attribute::ImageAttr(payload, sizes)),
        "crypto" => map((number, space, token, space, text), |(number, _, suite, _, keys)| {
            Attribute::Crypto(number, suite, keys)
        }),
    })
}

/// Without the room that a list has grown beyond its entries.
fn tight<T>(mut list: Vec<T>) -> Vec<T> {
    list.shrink_to_fit();
    list
}

/// One space, as the grammars of RFC 8866 §9 have it.
pub(super) fn space(input: &str) -> Parsed<'_, char> {
    char(' ')(input)
}

pub(super) fn number<T: FromStr>(input: &str) -> Parsed<'_, T> {
    map_res(digit1, str::parse).parse(input)
}

pub(super) fn token(input: &str) -> Parsed<'_, Token> {
    map_res(take_while1(is_token_char), |text: &str| Token::new(text)).parse(input)
}

pub(super) fn word(input: &str) -> Parsed<'_, Word> {
    map_res(take_while1(is_word_char), |text: &str| Word::new(text)).parse(input)
}

/// The rest of the line.
pub(super) fn text(input: &str) -> Parsed<'_, Text> {
    map_res(rest, |text: &str| Text::new(text)).parse(input)
}

/// One of the strings that check themselves.
fn checked<'a, T: TryFrom<&'a str>>(input: &'a str) -> Parsed<'a, T> {
    map_opt(take_while1(is_word_char), |text| T::try_from(text).ok()).parse(input)
}

pub(super) fn connection(input: &str) -> Parsed<'_, Connection> {
    let kind = alt((value(AddressKind::Ip4, tag("IP4")), value(AddressKind::Ip6, tag("IP6"))));
    map((token, space1, kind, space1, word), |(network, _, kind, _, address)| Connection {
        network,
        kind,
        address,
    })
    .parse(input)
}

fn group(input: &str) -> Parsed<'_, Attribute> {
    map((token, many0(preceded(space1, token))), |(semantics, mids)| {
        Attribute::Group(Group { semantics, mids: tight(mids) })
    })
    .parse(input)
}

fn msid_semantic(input: &str) -> Parsed<'_, Attribute> {
    map((space0, token, many0(preceded(space1, word))), |(_, semantic, streams)| {
        Attribute::MsidSemantic(semantic, tight(streams))
    })
    .parse(input)
}

fn payload_type(input: &str) -> Parsed<'_, u8> {
    verify(number, |payload: &u8| *payload < 128).parse(input)
}

fn payload_or_all(input: &str) -> Parsed<'_, Option<u8>> {
    alt((map(payload_type, Some), value(None, char('*')))).parse(input)
}

fn rtp_map(input: &str) -> Parsed<'_, Attribute> {
    let channels = opt(preceded(char('/'), number));
    map(
        (payload_type, space1, token, char('/'), number, channels),
        |(payload_type, _, encoding, _, clock_rate, channels)| {
            Attribute::RtpMap(RtpMap { payload_type, encoding, clock_rate, channels })
        },
    )
    .parse(input)
}

pub(super) fn direction(input: &str) -> Parsed<'_, Direction> {
    alt((
        value(Direction::SendRecv, tag("sendrecv")),
        value(Direction::SendOnly, tag("sendonly")),
        value(Direction::RecvOnly, tag("recvonly")),
        value(Direction::Inactive, tag("inactive")),
    ))
    .parse(input)
}

fn extmap(input: &str) -> Parsed<'_, Attribute> {
    // RFC 8285 §5: 1 to 14 or 255 on the wire, 4096 to 4351 for what is offered and has no number yet.
    let id = verify(number, |id: &u16| matches!(id, 1..=255 | 4096..=4351));
    let way = opt(preceded(char('/'), direction));
    map((id, way, space1, word, opt(preceded(space, text))), |(id, direction, _, uri, parameters)| {
        Attribute::Extmap(Box::new(Extmap { id, direction, uri, parameters }))
    })
    .parse(input)
}

fn ssrc(input: &str) -> Parsed<'_, Attribute> {
    map((number, space1, token, opt(preceded(char(':'), text))), |(id, _, name, value)| {
        Attribute::Ssrc(Ssrc { id, name, value })
    })
    .parse(input)
}

fn rid(input: &str) -> Parsed<'_, Attribute> {
    let id =
        verify(token, |id: &Token| id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
    let sends = alt((value(true, tag("send")), value(false, tag("recv"))));
    map((id, space, sends, opt(preceded(space, text))), |(id, _, sends, restrictions)| {
        Attribute::Rid(Box::new(Rid { id, sends, restrictions }))
    })
    .parse(input)
}

fn simulcast_list(input: &str) -> Parsed<'_, Vec<Vec<SimulcastId>>> {
    let name =
        map_res(take_while1(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')), |t: &str| {
            Token::new(t)
        });
    let id = map((opt(char('~')), name), |(paused, rid)| SimulcastId { rid, paused: paused.is_some() });
    map(separated_list1(char(';'), map(separated_list1(char(','), id), tight)), tight).parse(input)
}

fn simulcast(input: &str) -> Parsed<'_, Attribute> {
    let direction = alt((value(true, tag("send")), value(false, tag("recv"))));
    let part = separated_pair(direction, space1, simulcast_list);
    let parts = verify(separated_list1(space1, part), |parts: &Vec<(bool, _)>| match parts.as_slice() {
        [_] => true,
        [first, second] => first.0 != second.0,
        _ => false,
    });
    // Counted before anything is made of them.
    let few = |text: &str| {
        text.bytes().filter(|byte| matches!(byte, b';' | b',')).count() < limits::MAX_SIMULCAST_LAYERS
    };
    map(preceded(peek(verify(rest, few)), parts), |parts| {
        let mut both = Simulcast::default();
        for (sends, list) in parts {
            *(if sends { &mut both.send } else { &mut both.receive }) = list;
        }
        Attribute::Simulcast(Box::new(both))
    })
    .parse(input)
}

fn remote_candidates(input: &str) -> Parsed<'_, Attribute> {
    let one = map((space0, number, space1, word, space1, number), |(_, component, _, address, _, port)| {
        (component, address, port)
    });
    map(many1(one), |candidates| Attribute::RemoteCandidates(tight(candidates))).parse(input)
}

fn setup(input: &str) -> Parsed<'_, Setup> {
    alt((
        value(Setup::ActPass, tag("actpass")),
        value(Setup::Active, tag("active")),
        value(Setup::Passive, tag("passive")),
        value(Setup::HoldConn, tag("holdconn")),
    ))
    .parse(input)
}

/// Nothing more on the line, but for spaces that some endpoints leave there.
pub(super) fn end(input: &str) -> Parsed<'_, ()> {
    all_consuming(value((), (space0, success(())))).parse(input)
}
