//! Addresses and datagrams as the caller and the machines exchange them.

use std::net::SocketAddr;

/// What carries a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Protocol {
    /// One datagram is one packet.
    #[default]
    Udp,
    /// A stream with RFC 4571 framing. What it names can be told and understood; nothing in the crate frames streams or runs over them yet.
    Tcp,
}

/// Two addresses and what runs between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Path {
    /// What carries the datagrams.
    pub protocol: Protocol,
    /// Our address: that of a socket the caller owns, never a wildcard.
    pub local: SocketAddr,
    /// The other end's address as this host sees it.
    pub remote: SocketAddr,
}

impl Path {
    /// A UDP path.
    pub const fn udp(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { protocol: Protocol::Udp, local, remote }
    }
}

/// The ECN field of the IP header (RFC 3168 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ecn {
    /// Not ECN-capable transport, or not known.
    #[default]
    NotEct,
    /// ECN-capable, codepoint 1 (L4S, RFC 9331).
    Ect1,
    /// ECN-capable, codepoint 0.
    Ect0,
    /// Congestion experienced.
    Ce,
}

/// The differentiated-services code point (RFC 8837) as a number below 64; 0 is best effort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dscp(pub u8);

/// A datagram that arrived.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Where it arrived and whence.
    pub path: Path,
    /// The ECN field it carried.
    pub ecn: Ecn,
    /// Its payload.
    pub data: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// A UDP datagram that arrived on the socket bound to `local` from `remote`.
    ///
    /// ```
    /// use antiphon::Datagram;
    /// let datagram = Datagram::udp("10.0.0.1:5000".parse()?, "10.0.0.2:6000".parse()?, b"hello");
    /// assert_eq!(datagram.path.remote.port(), 6000);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub const fn udp(local: SocketAddr, remote: SocketAddr, data: &'a [u8]) -> Self {
        Self { path: Path::udp(local, remote), ecn: Ecn::NotEct, data }
    }
}

/// Where the bytes go and how they are cut. Borrows nothing: the bytes are `buf[..len]`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit<P = Path> {
    /// Where to send them; `()` where a parent machine decides.
    pub path: P,
    /// How many bytes of the buffer they are.
    pub len: usize,
    /// Equal to `len` unless several datagrams for one path were drawn at once: then each is this long but the last.
    pub segment_len: usize,
    /// The ECN field to send with.
    pub ecn: Ecn,
    /// The DSCP to send with.
    pub dscp: Dscp,
}

impl<P> Transmit<P> {
    /// One datagram of `len` bytes, best effort.
    pub const fn new(path: P, len: usize) -> Self {
        Self { path, len, segment_len: len, ecn: Ecn::NotEct, dscp: Dscp(0) }
    }
}
