//! A network as its user builds it: hosts, links, NATs, servers, faults and what is recorded.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::clock::{Clock, LocalClock};
use super::fault::Fault;
use super::fork::Fork;
use super::host::{Host, Interface, Polls};
use super::link::Link;
use super::log::{Line, Log, What};
use super::nat::Nat;
use super::seed::{Dice, label};
use super::server::StunServer;
use super::topology::{PUBLIC, Place};
use super::trace::Trace;
use super::wire::DropReason;
use super::world::{Server, World};
use crate::net::{Ecn, Path};
use crate::time::Instant;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $word:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(super) usize);

        impl $name {
            /// In order of their adding: 0, 1, ..
            pub const fn index(self) -> usize {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($word, " {}"), self.0)
            }
        }
    )*};
}

ids! {
    /// A host of one [`Network`]. Given to another, it names another host there, or none: then the call panics. So do the other ids.
    HostId, "host";
    /// A NAT or firewall of one [`Network`].
    NatId, "nat";
    /// A server of one [`Network`].
    ServerId, "server";
    /// One stretch of a way through a [`Network`]: see [`Network::add_pipe`].
    PipeId, "pipe";
}

/// What happened to the datagrams of one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Datagrams it sent.
    pub sent: u64,
    /// Their bytes (UDP payload).
    pub sent_bytes: u64,
    /// Sent ones that were lost: at random, by a partition, because they exceeded the MTU or their receiver slept.
    pub lost: u64,
    /// Sent ones dropped by a full or managed queue.
    pub overflowed: u64,
    /// Sent ones delivered twice.
    pub duplicated: u64,
    /// Sent ones whose bytes were changed on the way.
    pub harmed: u64,
    /// Sent ones for an address nobody has, or from one it does not own.
    pub unroutable: u64,
    /// Sent ones that a NAT or firewall stopped.
    pub filtered: u64,
    /// Datagrams that were delivered to it.
    pub delivered: u64,
    /// Their bytes.
    pub delivered_bytes: u64,
    /// How often it was woken by its own deadline.
    pub alarms: u64,
}

/// Machines of one kind, what lies between them, and virtual time.
///
/// Every host reaches every other over the network's standard link, unless [`Network::set_link`] (two hosts),
/// [`Network::set_link_between`] (two addresses) or [`Network::set_route`] (over several pipes) says otherwise. See the
/// [module](super) for an example.
#[derive(Debug)]
pub struct Network<M> {
    pub(super) machines: Vec<M>,
    pub(super) world: World,
}

impl<M> Network<M> {
    /// An empty network at one second past the epoch, whose every choice `seed` decides.
    pub fn new(seed: u64, standard: Link) -> Self {
        Self { machines: Vec::new(), world: World::new(seed, standard) }
    }

    // -- who is there

    /// Adds a host with its public addresses. Machines that know no paths also need [`Network::join`].
    pub fn add_host(&mut self, machine: M, addresses: &[SocketAddr]) -> HostId {
        self.add(machine, PUBLIC, addresses)
    }

    /// Adds a host with addresses of the network behind a NAT.
    pub fn add_host_behind(&mut self, nat: NatId, machine: M, addresses: &[SocketAddr]) -> HostId {
        self.add(machine, nat.0 + 1, addresses)
    }

    fn add(&mut self, machine: M, realm: usize, addresses: &[SocketAddr]) -> HostId {
        let host = HostId(self.machines.len());
        let own = addresses.first().map_or(0, |address| label(*address));
        let dice = Dice::new(self.world.seed ^ own.rotate_left(7));
        self.machines.push(machine);
        self.world.hosts.push(Host::new(host.to_string(), self.world.now, dice));
        self.world.counters.push(Counters::default());
        for address in addresses {
            self.settle(host, realm, *address);
        }
        host
    }

    /// Gives a host one more address: public, or of the network behind a NAT.
    pub fn add_interface(&mut self, host: HostId, nat: Option<NatId>, address: SocketAddr) {
        self.settle(host, nat.map_or(PUBLIC, |nat| nat.0 + 1), address);
    }

    fn settle(&mut self, host: HostId, realm: usize, address: SocketAddr) {
        self.world.topology.settle(Place::Host(host.0), realm, address);
        self.world.hosts[host.0].interfaces.push(Interface { address, realm, up: true });
    }

    /// Adds a NAT with its external addresses on the public network. A firewall needs none.
    pub fn add_nat(&mut self, nat: Nat, external: &[IpAddr]) -> NatId {
        NatId(self.world.topology.add_gate(PUBLIC, nat, external) - 1)
    }

    /// Adds a NAT whose external addresses are of the network behind another: a home behind a provider's.
    pub fn add_nat_behind(&mut self, outer: NatId, nat: Nat, external: &[IpAddr]) -> NatId {
        NatId(self.world.topology.add_gate(outer.0 + 1, nat, external) - 1)
    }

    /// Adds a STUN server on the public network.
    pub fn add_stun_server(&mut self, address: SocketAddr, manners: StunServer) -> ServerId {
        let server = ServerId(self.world.servers.len());
        self.world.servers.push(Server { manners, address });
        self.world.topology.settle(World::server_place(server), PUBLIC, address);
        server
    }

    /// Makes the first addresses of two hosts the two ends of the one path both have.
    pub fn join(&mut self, a: HostId, b: HostId) {
        let first =
            |host: HostId| self.world.hosts[host.0].interfaces.first().map(|interface| interface.address);
        if let (Some(at_a), Some(at_b)) = (first(a), first(b)) {
            self.world.hosts[a.0].path = Some(Path::udp(at_a, at_b));
            self.world.hosts[b.0].path = Some(Path::udp(at_b, at_a));
        }
    }

    /// Names a host for the log.
    pub fn set_name(&mut self, host: HostId, name: &str) {
        name.clone_into(&mut self.world.hosts[host.0].name);
    }

    /// A host's name: `host 0`, unless it was given another.
    pub fn name(&self, host: HostId) -> &str {
        &self.world.hosts[host.0].name
    }

    /// The addresses a host has at present.
    pub fn addresses(&self, host: HostId) -> impl Iterator<Item = SocketAddr> {
        self.world.hosts[host.0].interfaces.iter().filter(|i| i.up).map(|interface| interface.address)
    }

    // -- what it is like

    /// Gives a host a clock of its own. Comparing instants of two hosts is then a mistake that shows.
    pub fn set_clock(&mut self, host: HostId, clock: Clock) {
        let seat = &mut self.world.hosts[host.0];
        seat.clock = LocalClock::new(self.world.now, clock);
        seat.alarm = None;
        self.world.set_alarm(host.0);
    }

    /// Sets how far a host's clock is ahead of the network's.
    pub fn set_clock_ahead(&mut self, host: HostId, ahead: Duration) {
        self.set_clock(host, Clock::new().ahead(ahead));
    }

    /// Says when a host polls its machine.
    pub fn set_polls(&mut self, host: HostId, polls: Polls) {
        self.world.hosts[host.0].polls = polls;
    }

    /// How many datagrams that arrive together are given to a machine before it is polled. At first 1.
    pub fn set_burst(&mut self, datagrams: usize) {
        self.world.burst = datagrams.max(1);
    }

    /// Changes the link from one host to another, one way, from now on.
    pub fn set_link(&mut self, from: HostId, to: HostId, link: Link) {
        self.inject(Fault::link(from, to, link));
    }

    /// Changes the link both ways.
    pub fn set_link_both(&mut self, a: HostId, b: HostId, link: &Link) {
        self.set_link(a, b, link.clone());
        self.set_link(b, a, link.clone());
    }

    /// Changes what connects two addresses, both ways, whatever the link of their hosts is.
    pub fn set_link_between(&mut self, a: SocketAddr, b: SocketAddr, link: &Link) {
        self.world.topology.set_link_between(a, b, link.clone());
        self.world.topology.set_link_between(b, a, link.clone());
    }

    /// Adds a stretch that several ways may share: a bottleneck, say.
    pub fn add_pipe(&mut self, link: Link) -> PipeId {
        let nth = self.world.topology.wires.len() as u64;
        PipeId(self.world.topology.add_wire(link, Dice::new(nth).draw()))
    }

    /// Makes these pipes, one after the other, the way from one host to another. [`Network::set_link`] then speaks of the last.
    pub fn set_route(&mut self, from: HostId, to: HostId, pipes: &[PipeId]) {
        let wires = pipes.iter().map(|pipe| pipe.0).collect();
        self.world.topology.set_route(Place::Host(from.0), Place::Host(to.0), wires);
    }

    /// Changes what a pipe does.
    pub fn set_pipe(&mut self, pipe: PipeId, link: Link) {
        self.world.topology.wires[pipe.0].set(link);
    }

    /// What the signalling channel does to messages, which are reliable, in order and at once unless this says otherwise.
    pub fn set_signalling(&mut self, link: &Link) {
        self.world.set_signalling(link);
    }

    /// Holds every machine to the contract beyond law 4, at some cost: a second poll at the same instant says the same (T3).
    pub fn set_checks(&mut self, checks: bool) {
        self.world.checks = checks;
    }

    // -- what happens

    /// Lets a fault happen now.
    pub fn inject(&mut self, fault: Fault) {
        self.world.apply(fault);
    }

    /// Plans a fault.
    pub fn after(&mut self, time: Duration, fault: Fault) {
        self.world.plan(self.world.now + time, fault);
    }

    /// Plans a fault for an instant of the network's clock.
    pub fn at(&mut self, at: Instant, fault: Fault) {
        self.world.plan(at, fault);
    }

    /// Sends a message over the signalling channel: see [`App::on_signal`](super::App::on_signal).
    pub fn signal(&mut self, from: HostId, to: HostId, body: &str) {
        self.world.signal(from, to, body.to_owned());
    }

    /// Sends a datagram from a host's socket that is not its machine's: the application's own, or a forger's.
    pub fn send(&mut self, host: HostId, path: Path, data: &[u8]) {
        self.world.write(data);
        self.world.carry(Place::Host(host.0), Some(path), Ecn::NotEct, data.len());
    }

    // -- what is recorded

    /// Starts hashing everything that is delivered.
    pub fn start_trace(&mut self) {
        self.world.trace = Some(Trace::new());
        self.world.hosts.iter_mut().for_each(|host| host.trace = Trace::new());
    }

    /// The hash of every delivery (instant, addresses, bytes) since [`Network::start_trace`].
    pub fn trace_hash(&self) -> Option<u64> {
        self.world.trace.as_ref().map(Trace::hash)
    }

    /// The hash of every delivery to one host.
    pub fn host_trace_hash(&self, host: HostId) -> Option<u64> {
        self.world.trace.as_ref().map(|_| self.world.hosts[host.0].trace.hash())
    }

    /// Starts keeping a readable log, datagrams and all.
    pub fn start_log(&mut self) {
        self.world.log = Some(Log::default());
    }

    /// The log since [`Network::start_log`]; each line has a `Display`.
    pub fn log(&self) -> impl Iterator<Item = &Line> {
        self.world.log.iter().flat_map(Log::lines)
    }

    /// Adds a line to the log.
    pub fn note(&mut self, text: &str) {
        self.world.record(|| What::Note(text.to_owned()));
    }

    /// Every datagram in the log, as a hex dump of IP packets that `text2pcap -l 101 -t '%s.%f'` turns into a capture.
    pub fn pcap_text(&self) -> String {
        self.world.log.as_ref().map(Log::pcap_text).unwrap_or_default()
    }

    /// What happened to a host's datagrams.
    pub fn counters(&self, host: HostId) -> Counters {
        self.world.counters[host.0]
    }

    /// How many datagrams went no further, by reason.
    pub const fn drops(&self) -> &BTreeMap<DropReason, u64> {
        &self.world.drops
    }

    /// How many datagrams are on their way, or wait in a socket.
    pub fn in_flight(&self) -> usize {
        self.world.packets.len() - self.world.free.len()
    }

    // -- the present

    /// The network's present instant.
    pub const fn now(&self) -> Instant {
        self.world.now
    }

    /// The present instant on a host's own clock: what its machine must be given.
    pub fn host_now(&self, host: HostId) -> Instant {
        self.world.host_now(host.0)
    }

    /// Whether a host runs: it does not sleep, and its process is not stopped.
    pub fn is_awake(&self, host: HostId) -> bool {
        self.world.hosts[host.0].sleep.is_none()
    }

    /// A host's machine.
    pub fn machine(&self, host: HostId) -> &M {
        &self.machines[host.0]
    }

    /// A host's machine to call something on; it is polled before time moves on.
    pub fn machine_mut(&mut self, host: HostId) -> &mut M {
        self.world.hosts[host.0].touched = true;
        &mut self.machines[host.0]
    }

    /// Every host.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> + use<M> {
        (0..self.machines.len()).map(HostId)
    }
}

impl<M: Fork> Network<M> {
    /// The whole world again, every datagram in the air included (law 11): given the same calls it does the same.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { machines: self.machines.iter().map(Fork::fork).collect(), world: self.world.clone() }
    }
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
