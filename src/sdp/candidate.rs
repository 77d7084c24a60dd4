//! ICE candidates as values and as text (RFC 8839 §5.1).

use core::fmt;
use std::net::IpAddr;

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
#[derive(Clone, Debug, PartialEq, Eq)]
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
