//! Local and remote candidates in use: bases, foundations, priorities (RFC 8445 §5.1).

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::ice::CandidateError;
use crate::net::Protocol;
use crate::sdp::candidate::{Candidate, CandidateAddress, CandidateKind, Transport};

/// A candidate the caller offers: the address of a socket of its own.
///
/// ```
/// use antiphon::ice::LocalCandidate;
/// let host = LocalCandidate::udp("10.0.0.5:4000".parse()?);
/// let behind_a_static_nat = host.advertised("203.0.113.7:4000".parse()?).preference(10);
/// # let _ = behind_a_static_nat;
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalCandidate {
    pub(crate) protocol: Protocol,
    pub(crate) base: SocketAddr,
    pub(crate) advertised: Option<SocketAddr>,
    pub(crate) preference: Option<u16>,
}

impl LocalCandidate {
    /// A UDP socket bound to `addr`: its interface's address, never a wildcard.
    pub const fn udp(addr: SocketAddr) -> Self {
        Self { protocol: Protocol::Udp, base: addr, advertised: None, preference: None }
    }

    /// The address to tell the peer, where a static NAT maps `public` to the socket.
    #[must_use]
    pub const fn advertised(mut self, public: SocketAddr) -> Self {
        self.advertised = Some(public);
        self
    }

    /// The local preference of RFC 8445 §5.1.2.1, higher is better. Without one, candidates are preferred in the order
    /// in which they are added, IPv6 and IPv4 alternating (RFC 8421).
    #[must_use]
    pub const fn preference(mut self, preference: u16) -> Self {
        self.preference = Some(preference);
        self
    }
}

/// A local candidate in use.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    /// The socket's address as the caller gave it.
    pub(crate) base: SocketAddr,
    /// What runs over it.
    pub(crate) protocol: Protocol,
    /// The local preference, for the priority of reflexive candidates of this base.
    pub(crate) preference: u16,
    /// Equal for candidates of equal foundation.
    pub(crate) foundation: u16,
    /// Whether the socket still exists. A slot that is not alive is used again.
    pub(crate) alive: bool,
    /// The socket is gone, and the peer may know of it in this generation: no other candidate is to have its priority (RFC 8445 §5.1.2).
    pub(crate) told: bool,
    /// What the peer is told.
    pub(crate) candidate: Candidate,
}

impl Local {
    /// The address the peer is told, and sees where no NAT is between.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match &self.candidate.address {
            CandidateAddress::Ip(ip) => Some(SocketAddr::new(*ip, self.candidate.port)),
            CandidateAddress::Name(_) => None,
        }
    }

    /// The priority a reflexive candidate of this base has: what a check carries (RFC 8445 §7.1.1).
    pub(crate) fn reflexive_priority(&self) -> u32 {
        priority(CandidateKind::PeerReflexive, self.preference)
    }
}

/// A candidate of the peer, signalled or learned from a check.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    /// Where it is reached, without scope; `None` where it cannot be paired.
    pub(crate) address: Option<SocketAddr>,
    /// The name it has instead of an address.
    pub(crate) name: Option<Box<str>>,
    pub(crate) port: u16,
    pub(crate) transport: Transport,
    pub(crate) kind: CandidateKind,
    pub(crate) priority: u32,
    pub(crate) foundation: Box<str>,
    /// Equal for candidates of equal foundation; unique for those learned.
    pub(crate) group: u16,
    /// The generation it said it belongs to, until that is known.
    pub(crate) ufrag: Option<Box<str>>,
    /// Some pair of it may still work; valid while a place is looked for.
    pub(crate) hopeful: bool,
}

impl Remote {
    /// Whether only a check has told of it.
    pub(crate) fn is_learned(&self) -> bool {
        self.kind == CandidateKind::PeerReflexive
    }

    /// The candidate as statistics show it.
    pub(crate) fn to_candidate(&self) -> Candidate {
        let unnamed = || CandidateAddress::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        let named = self.name.as_deref().map_or_else(unnamed, |name| CandidateAddress::Name(name.into()));
        Candidate {
            foundation: self.foundation.to_string(),
            component: 1,
            transport: self.transport,
            priority: self.priority,
            address: self.address.map_or(named, |address| CandidateAddress::Ip(address.ip())),
            port: self.port,
            kind: self.kind,
            related: None,
            username_fragment: None,
            extensions: Vec::new(),
        }
    }
}

/// RFC 8445 §5.1.2.1, component 1.
pub(crate) fn priority(kind: CandidateKind, local_preference: u16) -> u32 {
    let type_preference: u32 = match kind {
        CandidateKind::Host => 126,
        CandidateKind::PeerReflexive => 110,
        CandidateKind::ServerReflexive => 100,
        CandidateKind::Relayed => 0,
    };
    (type_preference << 24) | (u32::from(local_preference) << 8) | 255
}

/// The preference of the `nth` candidate of its family: the families alternate, IPv6 first (RFC 8421 §4), so that one
/// that is broken costs one slot of pacing for each candidate of the other.
pub(crate) fn interleaved_preference(ipv6: bool, nth: usize) -> u16 {
    let behind = u16::try_from(nth * 2 + usize::from(!ipv6)).unwrap_or(u16::MAX);
    u16::MAX - behind
}

/// The address without flow and scope: what identifies it in one session.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

/// The address to send to from `base`: a link-local one is in the scope of the socket's interface.
pub(crate) fn scoped(remote: SocketAddr, base: SocketAddr) -> SocketAddr {
    match (remote, base) {
        (SocketAddr::V6(to), SocketAddr::V6(from)) if to.ip().is_unicast_link_local() => {
            SocketAddr::V6(SocketAddrV6::new(*to.ip(), to.port(), 0, from.scope_id()))
        }
        _ => remote,
    }
}

/// Whether a pair of the two makes sense: one family, link-local with its like (RFC 8445 §6.1.2.2), loopback with
/// its like.
pub(crate) fn pairable(local: IpAddr, remote: IpAddr) -> bool {
    let link_local = |ip| matches!(ip, IpAddr::V6(ip) if Ipv6Addr::is_unicast_link_local(&ip));
    local.is_ipv4() == remote.is_ipv4()
        && link_local(local) == link_local(remote)
        && local.is_loopback() == remote.is_loopback()
}

/// Refuses addresses that no candidate may have; loopback is the caller's to allow.
pub(crate) fn screen(ip: IpAddr, port: u16, loopback_allowed: bool) -> Result<(), CandidateError> {
    if ip.is_unspecified() {
        return Err(CandidateError::Unspecified(ip));
    }
    if ip.is_multicast() {
        return Err(CandidateError::Multicast(ip));
    }
    if ip.is_loopback() && !loopback_allowed {
        return Err(CandidateError::Loopback(ip));
    }
    match ip {
        IpAddr::V4(v4) if v4.is_broadcast() => return Err(CandidateError::Broadcast(ip)),
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let site_local = v6.segments().first().is_some_and(|first| first & 0xffc0 == 0xfec0);
            if site_local || v6.to_ipv4().is_some() {
                return Err(CandidateError::Deprecated(ip));
            }
        }
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    if port == 0 {
        return Err(CandidateError::Port(port));
    }
    Ok(())
}

/// Whether a name is one that mDNS candidates have: a UUID below `.local`, one label.
pub(crate) fn is_mdns_name(name: &str) -> bool {
    let Some(label) = name.strip_suffix(".local").or_else(|| name.strip_suffix(".local.")) else {
        return false;
    };
    label.len() == 36
        && label.bytes().zip(0..).all(|(byte, at)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn priorities_follow_the_formula() {
        assert_eq!(priority(CandidateKind::Host, 65535), 2_130_706_431); // RFC 8445 §5.1.2.1: 126, 65535, 255
        assert_eq!(priority(CandidateKind::PeerReflexive, 0), (110 << 24) + 255);
    }

    #[test]
    fn families_alternate_with_ipv6_first() {
        let six = [0, 1].map(|n| interleaved_preference(true, n));
        let four = [0, 1].map(|n| interleaved_preference(false, n));
        assert!(six[0] > four[0] && four[0] > six[1] && six[1] > four[1]);
    }

    #[test]
    fn n14_unusable_addresses_are_refused() {
        let refused = |text: &str| screen(ip(text), 9, false).unwrap_err();
        assert!(matches!(refused("0.0.0.0"), CandidateError::Unspecified(_)));
        assert!(matches!(refused("::"), CandidateError::Unspecified(_)));
        assert!(matches!(refused("224.0.0.1"), CandidateError::Multicast(_)));
        assert!(matches!(refused("ff02::1"), CandidateError::Multicast(_)));
        assert!(matches!(refused("255.255.255.255"), CandidateError::Broadcast(_)));
        assert!(matches!(refused("::ffff:10.0.0.1"), CandidateError::Deprecated(_)));
        assert!(matches!(refused("::10.0.0.1"), CandidateError::Deprecated(_)));
        assert!(matches!(refused("fec0::1"), CandidateError::Deprecated(_)));
        assert!(matches!(refused("127.0.0.1"), CandidateError::Loopback(_)));
        assert!(matches!(refused("::1"), CandidateError::Loopback(_)));
        assert_eq!(screen(ip("::1"), 9, true), Ok(()));
        assert_eq!(screen(ip("10.0.0.1"), 0, false), Err(CandidateError::Port(0)));
        assert_eq!(screen(ip("2001:db8::1"), 9, false), Ok(()));
    }

    #[test]
    fn link_local_pairs_with_link_local_in_its_scope() {
        assert!(pairable(ip("fe80::1"), ip("fe80::2")));
        assert!(!pairable(ip("fe80::1"), ip("2001:db8::2")));
        assert!(!pairable(ip("10.0.0.1"), ip("2001:db8::2")));
        assert!(!pairable(ip("127.0.0.1"), ip("10.0.0.1")));
        let base = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 1, 0, 7));
        let SocketAddr::V6(to) = scoped("[fe80::2]:5".parse().unwrap(), base) else { panic!("v6 stays v6") };
        assert_eq!(to.scope_id(), 7);
    }

    #[test]
    fn n15_names_that_are_no_mdns_names_are_refused() {
        assert!(is_mdns_name("1f4712db-ea17-4bcf-a596-105139dfd8bf.local"));
        assert!(!is_mdns_name("printer.local"));
        assert!(!is_mdns_name("1f4712db-ea17-4bcf-a596-105139dfd8bf.local.evil"));
        assert!(!is_mdns_name(&("a.".repeat(300) + "local")));
    }
}
