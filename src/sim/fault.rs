//! What goes wrong, as values that are let loose now or planned for later.

use core::fmt;
use core::time::Duration;
use std::net::SocketAddr;

use super::link::Link;
use super::nat::Nat;
use super::network::{HostId, NatId, ServerId};
use super::server::StunServer;

/// Something that happens to the network or one of its hosts. See [`Network::inject`](super::Network::inject) and
/// [`Network::after`](super::Network::after).
///
/// ```
/// use antiphon::sim::{Fault, Link, Network};
/// use core::time::Duration;
/// # #[derive(Debug)] struct Nothing;
/// # impl antiphon::Machine for Nothing {
/// #     type Input<'i> = antiphon::Datagram<'i>;
/// #     type Path = antiphon::Path;
/// #     type Event = ();
/// #     fn handle_input(&mut self, _: antiphon::Instant, _: antiphon::Datagram<'_>) {}
/// #     fn poll_output(&mut self, _: antiphon::Instant, _: &mut [u8]) -> antiphon::Output<antiphon::Path, ()> { antiphon::Output::Wait(None) }
/// # }
/// let mut network = Network::new(7, Link::new());
/// let phone = network.add_host(Nothing, &["10.0.0.1:1".parse()?]);
/// let server = network.add_host(Nothing, &["10.0.0.2:1".parse()?]);
/// network.after(Duration::from_secs(5), Fault::partition(phone, server).lasting(Duration::from_secs(3)));
/// network.after(Duration::from_secs(20), Fault::suspend(phone, Duration::from_secs(60)));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(super) kind: FaultKind,
    pub(super) lasting: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    Part(HostId, HostId),
    Join(HostId, HostId),
    Clog(HostId, HostId),
    Unclog(HostId, HostId),
    InterfaceDown(HostId, SocketAddr),
    InterfaceUp(HostId, SocketAddr),
    AddressChange(HostId, SocketAddr, SocketAddr),
    Suspend { host: HostId, time: Duration, clock_stops: bool },
    Freeze { host: HostId, time: Duration },
    Clock { host: HostId, forward: bool, by: Duration },
    Rebind(NatId),
    Nat(NatId, Nat),
    Link(HostId, HostId, Box<Link>),
    Server(ServerId, StunServer),
}

impl Fault {
    const fn of(kind: FaultKind) -> Self {
        Self { kind, lasting: None }
    }

    /// Neither host reaches the other.
    pub const fn partition(a: HostId, b: HostId) -> Self {
        Self::of(FaultKind::Part(a, b))
    }

    /// Both reach each other again.
    pub const fn heal(a: HostId, b: HostId) -> Self {
        Self::of(FaultKind::Join(a, b))
    }

    /// Datagrams from one to the other wait, and come all at once when it is over.
    pub const fn clog(from: HostId, to: HostId) -> Self {
        Self::of(FaultKind::Clog(from, to))
    }

    /// What waits comes.
    pub const fn unclog(from: HostId, to: HostId) -> Self {
        Self::of(FaultKind::Unclog(from, to))
    }

    /// A host's interface goes; its system tells.
    pub const fn interface_down(host: HostId, address: SocketAddr) -> Self {
        Self::of(FaultKind::InterfaceDown(host, address))
    }

    /// An interface the host had comes back; its system tells.
    pub const fn interface_up(host: HostId, address: SocketAddr) -> Self {
        Self::of(FaultKind::InterfaceUp(host, address))
    }

    /// An interface gets another address in the same network.
    pub const fn address_change(host: HostId, old: SocketAddr, new: SocketAddr) -> Self {
        Self::of(FaultKind::AddressChange(host, old, new))
    }

    /// A host sleeps with its radio off; its clock goes on.
    pub const fn suspend(host: HostId, time: Duration) -> Self {
        Self::of(FaultKind::Suspend { host, time, clock_stops: false })
    }

    /// A host sleeps with its radio off, and its clock stands still meanwhile.
    pub const fn suspend_with_clock(host: HostId, time: Duration) -> Self {
        Self::of(FaultKind::Suspend { host, time, clock_stops: true })
    }

    /// A host's process is stopped; what arrives waits in its sockets, as much as they hold.
    pub const fn freeze(host: HostId, time: Duration) -> Self {
        Self::of(FaultKind::Freeze { host, time })
    }

    /// A host's clock jumps forward.
    pub const fn clock_forward(host: HostId, by: Duration) -> Self {
        Self::of(FaultKind::Clock { host, forward: true, by })
    }

    /// A host's clock jumps back, which no monotonic clock does: law 1 says what follows.
    pub const fn clock_back(host: HostId, by: Duration) -> Self {
        Self::of(FaultKind::Clock { host, forward: false, by })
    }

    /// A NAT forgets its mappings; new ones have other ports.
    pub const fn rebind(nat: NatId) -> Self {
        Self::of(FaultKind::Rebind(nat))
    }

    /// A NAT's manners change.
    pub const fn nat(nat: NatId, manners: Nat) -> Self {
        Self::of(FaultKind::Nat(nat, manners))
    }

    /// The link from one host to another changes, one way.
    pub fn link(from: HostId, to: HostId, link: Link) -> Self {
        Self::of(FaultKind::Link(from, to, Box::new(link)))
    }

    /// A STUN server's manners change.
    pub const fn server(server: ServerId, manners: StunServer) -> Self {
        Self::of(FaultKind::Server(server, manners))
    }

    /// Ends it after so long: partitions heal, clogs open, interfaces come back, links are as before. Of no meaning for what
    /// is over at once or says itself how long it lasts.
    #[must_use]
    pub const fn lasting(mut self, time: Duration) -> Self {
        self.lasting = Some(time);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FaultKind::Part(a, b) => write!(f, "partition between {a} and {b}"),
            FaultKind::Join(a, b) => write!(f, "{a} and {b} reach each other again"),
            FaultKind::Clog(from, to) => write!(f, "clog from {from} to {to}"),
            FaultKind::Unclog(from, to) => write!(f, "clog from {from} to {to} is over"),
            FaultKind::InterfaceDown(host, address) => write!(f, "{host} loses {address}"),
            FaultKind::InterfaceUp(host, address) => write!(f, "{host} gets {address}"),
            FaultKind::AddressChange(host, old, new) => write!(f, "{host} changes from {old} to {new}"),
            FaultKind::Suspend { host, time, .. } => write!(f, "{host} sleeps for {time:?}"),
            FaultKind::Freeze { host, time } => write!(f, "{host} is stopped for {time:?}"),
            FaultKind::Clock { host, forward, by } => {
                write!(f, "clock of {host} jumps {} by {by:?}", if *forward { "forward" } else { "back" })
            }
            FaultKind::Rebind(nat) => write!(f, "{nat} forgets its mappings"),
            FaultKind::Nat(nat, _) => write!(f, "{nat} changes its manners"),
            FaultKind::Link(from, to, _) => write!(f, "link from {from} to {to} changes"),
            FaultKind::Server(server, _) => write!(f, "{server} changes its manners"),
        }?;
        match self.lasting {
            Some(time) => write!(f, " for {time:?}"),
            None => Ok(()),
        }
    }
}
