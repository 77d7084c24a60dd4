//! One machine on the network: its addresses, its clock, when it is polled, its application.

use core::time::Duration;
use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;

use super::clock::{Clock, LocalClock};
use super::network::HostId;
use super::seed::Dice;
use super::trace::Trace;
use crate::machine::Machine;
use crate::net::{Datagram, Path};
use crate::time::Instant;

/// What an application does with a machine's events. Closures with the shape of [`App::on_event`] are applications too.
///
/// Whatever is called on a machine here is polled for before anything else happens.
pub trait App<M: Machine> {
    /// The machine of `host` reports `event` at `now` on its own clock.
    fn on_event(&mut self, now: Instant, host: HostId, machine: &mut M, event: M::Event);

    /// A message that [`Network::signal`](super::Network::signal) or [`App::poll_signal`] of `from` sent arrives at `host`.
    fn on_signal(&mut self, now: Instant, host: HostId, machine: &mut M, signal: Signal<'_>) {
        let _ = (now, host, machine, signal);
    }

    /// The system of `host` tells its programs something.
    fn on_notice(&mut self, now: Instant, host: HostId, machine: &mut M, notice: Notice) {
        let _ = (now, host, machine, notice);
    }

    /// A datagram arrives at a socket of `host`. `true`: the application took it, and the machine does not see it.
    fn on_datagram(&mut self, now: Instant, host: HostId, machine: &mut M, datagram: &Datagram<'_>) -> bool {
        let _ = (now, host, machine, datagram);
        false
    }

    /// The machine of `host` has sent a datagram. For those that watch: nothing can be changed here.
    fn on_sent(&mut self, now: Instant, host: HostId, machine: &M, sent: &Sent<'_>) {
        let _ = (now, host, machine, sent);
    }

    /// The next message `host` sends over signalling, and to whom. Asked after each time the host was polled, until `None`.
    fn poll_signal(&mut self, host: HostId) -> Option<(HostId, String)> {
        let _ = host;
        None
    }

    /// The next datagram the application itself sends from a socket of `host`. Asked after each time the host was polled.
    fn poll_datagram(&mut self, host: HostId) -> Option<(Path, Vec<u8>)> {
        let _ = host;
        None
    }
}

impl<M: Machine, F: FnMut(Instant, HostId, &mut M, M::Event)> App<M> for F {
    fn on_event(&mut self, now: Instant, host: HostId, machine: &mut M, event: M::Event) {
        self(now, host, machine, event);
    }
}

/// The application that does nothing.
pub fn ignore_events<M: Machine>(_now: Instant, _host: HostId, _machine: &mut M, _event: M::Event) {}

/// A message that came over the signalling channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal<'a> {
    /// Who sent it.
    pub from: HostId,
    /// What it says: the application's own matter.
    pub body: &'a str,
}

/// A datagram that a machine has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent<'a> {
    /// From where to where, as its sender sees it.
    pub path: Path,
    /// Its payload.
    pub data: &'a [u8],
}

/// What a system tells its programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The interface with this address has gone.
    InterfaceDown(SocketAddr),
    /// There is an interface with this address.
    InterfaceUp(SocketAddr),
    /// The host slept, or the process was stopped, for so long on the network's clock.
    Resumed(Duration),
    /// A datagram over this path was too long for the way; so many bytes are not.
    TooBig(Path, usize),
}

/// When a host polls its machine, as a value.
///
/// ```
/// use antiphon::sim::Polls;
/// use core::time::Duration;
///
/// let game = Polls::prompt().tick(Duration::from_millis(16));
/// let busy = Polls::prompt().late(Duration::from_millis(5)).early();
/// assert_ne!(game, busy);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Polls {
    pub(super) late: Duration,
    pub(super) early: bool,
    pub(super) tick: Duration,
}

impl Polls {
    /// At the deadline and at every arrival.
    pub const fn prompt() -> Self {
        Self { late: Duration::ZERO, early: false, tick: Duration::ZERO }
    }

    /// Up to so much after the deadline.
    #[must_use]
    pub const fn late(mut self, by: Duration) -> Self {
        self.late = by;
        self
    }

    /// Also at some instant before the deadline, which must be of no effect (law 4).
    #[must_use]
    pub const fn early(mut self) -> Self {
        self.early = true;
        self
    }

    /// Only at multiples of `interval`, as a game does: what arrives waits in the socket until then.
    #[must_use]
    pub const fn tick(mut self, interval: Duration) -> Self {
        self.tick = interval;
        self
    }
}

/// What a machine takes in, made from a datagram that arrived.
pub trait FromDatagram<'i> {
    /// The input this datagram is.
    fn from_datagram(datagram: Datagram<'i>) -> Self;
}

impl<'i> FromDatagram<'i> for Datagram<'i> {
    fn from_datagram(datagram: Datagram<'i>) -> Self {
        datagram
    }
}

impl<'i> FromDatagram<'i> for &'i [u8] {
    fn from_datagram(datagram: Datagram<'i>) -> Self {
        datagram.data
    }
}

impl FromDatagram<'_> for Bytes {
    fn from_datagram(datagram: Datagram<'_>) -> Self {
        Self::copy_from_slice(datagram.data)
    }
}

/// How a machine says where a datagram goes: a [`Path`], or `()` on the one path its host has.
pub trait Route: Copy {
    /// The path, where `own` is that of the host.
    fn path(self, own: Option<Path>) -> Option<Path>;
}

impl Route for Path {
    fn path(self, _own: Option<Path>) -> Option<Path> {
        Some(self)
    }
}

impl Route for () {
    fn path(self, own: Option<Path>) -> Option<Path> {
        own
    }
}

/// An address of a host, and the realm it is an address of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interface {
    pub(super) address: SocketAddr,
    pub(super) realm: usize,
    pub(super) up: bool,
}

/// A host that does not run at present.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sleep {
    pub(super) since: Instant,
    pub(super) until: Instant,
    /// Its radio is off too: what comes is lost. Otherwise it waits in the socket.
    pub(super) deaf: bool,
}

/// What the network knows of a machine, but not the machine itself.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) interfaces: Vec<Interface>,
    /// Where the datagrams of a machine that knows no paths go.
    pub(super) path: Option<Path>,
    pub(super) clock: LocalClock,
    pub(super) polls: Polls,
    pub(super) dice: Dice,
    /// The deadline of its last `Wait`, on its own clock.
    pub(super) deadline: Option<Instant>,
    /// The instant of the alarm in the network's heap that counts; others are stale.
    pub(super) alarm: Option<Instant>,
    /// Its machine was called from outside and has not been polled since.
    pub(super) touched: bool,
    pub(super) sleep: Option<Sleep>,
    /// The wake in the heap that counts.
    pub(super) wake: Option<Instant>,
    /// What its system will tell when it runs again, in order.
    pub(super) untold: VecDeque<Notice>,
    /// Datagrams that wait in its sockets.
    pub(super) inbox: VecDeque<usize>,
    pub(super) inbox_bytes: usize,
    pub(super) trace: Trace,
}

impl Host {
    pub(super) fn new(name: String, now: Instant, dice: Dice) -> Self {
        Self {
            name,
            interfaces: Vec::new(),
            path: None,
            clock: LocalClock::new(now, Clock::new()),
            polls: Polls::prompt(),
            dice,
            deadline: None,
            alarm: None,
            touched: true,
            sleep: None,
            wake: None,
            untold: VecDeque::new(),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            trace: Trace::new(),
        }
    }

    /// The interface that has an address and is up.
    pub(super) fn interface(&self, address: SocketAddr) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.up && interface.address == address)
    }
}
