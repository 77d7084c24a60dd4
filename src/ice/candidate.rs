//! Local and remote candidates in use: bases, foundations, priorities (RFC 8445 §5.1).

use std::net::SocketAddr;

use crate::net::Protocol;

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
