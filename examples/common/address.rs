//! Which address of this host others can reach.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The address this host would reach others from; loopback where it has no network. Nothing is sent.
#[expect(clippy::disallowed_types, reason = "asks the system for a route")]
pub(crate) fn own_address() -> IpAddr {
    let probe = || {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    };
    probe().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address: SocketAddr| address.ip())
}
