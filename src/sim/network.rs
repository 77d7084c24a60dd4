//! Hosts, the links between them, and the heap of events that moves time.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;

use super::host::{App, FromDatagram, Host, Route};
use super::link::{Fate, Link, Wire};
use super::seed::Dice;
use super::trace::Trace;
use crate::machine::{Machine, Output};
use crate::net::{Datagram, Ecn, Path};
use crate::time::Instant;

/// The buffer given to machines: above every MTU a test sets.
const BUFFER: usize = 2048;
/// A machine that gives more outputs than this without a `Wait` will never stop.
const OUTPUTS_MAX: u64 = 10_000_000;

/// A host of one [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(usize);

impl HostId {
    /// The hosts of a network in order of their adding: 0, 1, ..
    pub const fn index(self) -> usize {
        self.0
    }
}

/// What happened to the datagrams of one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Datagrams it sent.
    pub sent: u64,
    /// Their bytes (UDP payload).
    pub sent_bytes: u64,
    /// Sent ones that were lost at random or exceeded the MTU.
    pub lost: u64,
    /// Sent ones dropped before a full queue.
    pub overflowed: u64,
    /// Sent ones delivered twice.
    pub duplicated: u64,
    /// Sent ones for an address nobody has, or from one it does not own.
    pub unroutable: u64,
    /// Datagrams that were delivered to it.
    pub delivered: u64,
    /// Their bytes.
    pub delivered_bytes: u64,
    /// How often it was woken by its own deadline.
    pub alarms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// The packet in this slot arrives.
    Arrival(usize),
    /// This host wanted to be polled.
    Alarm(usize),
}

/// A datagram on its way, as its receiver sees it. The buffer is used again.
#[derive(Clone, Debug)]
struct Packet {
    to: usize,
    path: Path,
    ecn: Ecn,
    len: usize,
    buffer: Vec<u8>,
}

/// Where datagrams from one address to another go.
#[derive(Clone, Copy, Debug)]
struct Hop {
    from: usize,
    to: usize,
    wire: usize,
}

/// Machines of one kind, the links between them, and virtual time.
///
/// Every host reaches every other over the network's standard link, unless [`Network::set_link`] (two hosts) or
/// [`Network::set_link_between`] (two addresses) says otherwise. See the [module](super) for an example.
#[derive(Debug)]
pub struct Network<M> {
    now: Instant,
    dice: Dice,
    hosts: Vec<Host<M>>,
    counters: Vec<Counters>,
    owners: BTreeMap<SocketAddr, usize>,
    standard: Link,
    wires: Vec<Wire>,
    by_hosts: BTreeMap<(usize, usize), usize>,
    by_addresses: BTreeMap<(SocketAddr, SocketAddr), usize>,
    /// Resolved hops; emptied when a link or an address changes.
    hops: BTreeMap<(SocketAddr, SocketAddr), Option<Hop>>,
    last_hop: Option<((SocketAddr, SocketAddr), Hop)>,
    heap: BinaryHeap<Reverse<(Instant, u64, Due)>>,
    serial: u64,
    packets: Vec<Packet>,
    free: Vec<usize>,
    scratch: Vec<u8>,
    burst: usize,
    trace: Option<Trace>,
}

impl<M> Network<M> {
    /// An empty network at one second past the epoch, whose every choice `seed` decides.
    pub fn new(seed: u64, standard: Link) -> Self {
        Self {
            now: Instant::from_nanos(1_000_000_000),
            dice: Dice::new(seed),
            hosts: Vec::new(),
            counters: Vec::new(),
            owners: BTreeMap::new(),
            standard,
            wires: Vec::new(),
            by_hosts: BTreeMap::new(),
            by_addresses: BTreeMap::new(),
            hops: BTreeMap::new(),
            last_hop: None,
            heap: BinaryHeap::new(),
            serial: 0,
            packets: Vec::new(),
            free: Vec::new(),
            scratch: vec![0; BUFFER],
            burst: 1,
            trace: None,
        }
    }

    /// Adds a host with its addresses. Machines that know no paths also need [`Network::join`].
    pub fn add_host(&mut self, machine: M, addresses: &[SocketAddr]) -> HostId {
        let host = self.hosts.len();
        for address in addresses {
            self.owners.insert(*address, host);
        }
        self.forget_hops();
        self.hosts.push(Host::new(machine, addresses));
        self.counters.push(Counters::default());
        HostId(host)
    }

    /// Makes the first addresses of two hosts the two ends of the one path both have.
    pub fn join(&mut self, a: HostId, b: HostId) {
        let first = |host: HostId| self.hosts[host.0].addresses.first().copied();
        if let (Some(at_a), Some(at_b)) = (first(a), first(b)) {
            self.hosts[a.0].path = Some(Path::udp(at_a, at_b));
            self.hosts[b.0].path = Some(Path::udp(at_b, at_a));
        }
    }

    /// Sets how far a host's clock is ahead of the network's.
    pub fn set_clock_ahead(&mut self, host: HostId, ahead: Duration) {
        self.hosts[host.0].ahead = ahead;
    }

    /// How many datagrams that arrive together are given to a machine before it is polled. At first 1.
    pub fn set_burst(&mut self, datagrams: usize) {
        self.burst = datagrams.max(1);
    }

    /// Starts hashing everything that is delivered.
    pub fn start_trace(&mut self) {
        self.trace = Some(Trace::new());
    }

    /// The hash of every delivery (instant, addresses, bytes) since [`Network::start_trace`].
    pub fn trace_hash(&self) -> Option<u64> {
        self.trace.as_ref().map(Trace::hash)
    }

    /// Changes the link from one host to another, one way, from now on.
    pub fn set_link(&mut self, from: HostId, to: HostId, link: Link) {
        if let Some(&wire) = self.by_hosts.get(&(from.0, to.0)) {
            self.wires[wire].set(link);
        } else {
            self.by_hosts.insert((from.0, to.0), self.wires.len());
            self.wires.push(Wire::new(link));
        }
        self.forget_hops();
    }

    /// Changes the link both ways.
    pub fn set_link_both(&mut self, a: HostId, b: HostId, link: &Link) {
        self.set_link(a, b, link.clone());
        self.set_link(b, a, link.clone());
    }

    /// Changes what connects two addresses, both ways, whatever the link of their hosts is.
    pub fn set_link_between(&mut self, a: SocketAddr, b: SocketAddr, link: &Link) {
        for pair in [(a, b), (b, a)] {
            if let Some(&wire) = self.by_addresses.get(&pair) {
                self.wires[wire].set(link.clone());
            } else {
                self.by_addresses.insert(pair, self.wires.len());
                self.wires.push(Wire::new(link.clone()));
            }
        }
        self.forget_hops();
    }

    /// The network's present instant.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The present instant on a host's own clock: what its machine must be given.
    pub fn host_now(&self, host: HostId) -> Instant {
        self.now + self.hosts[host.0].ahead
    }

    /// A host's machine.
    pub fn machine(&self, host: HostId) -> &M {
        &self.hosts[host.0].machine
    }

    /// A host's machine to call something on; it is polled before time moves on.
    pub fn machine_mut(&mut self, host: HostId) -> &mut M {
        let host = &mut self.hosts[host.0];
        host.touched = true;
        &mut host.machine
    }

    /// What happened to a host's datagrams.
    pub fn counters(&self, host: HostId) -> Counters {
        self.counters[host.0]
    }

    /// How many datagrams are on their way.
    pub fn in_flight(&self) -> usize {
        self.packets.len() - self.free.len()
    }

    fn forget_hops(&mut self) {
        self.hops.clear();
        self.last_hop = None;
    }

    fn hop(&mut self, path: Path) -> Option<Hop> {
        let key = (path.local, path.remote);
        if let Some((last, hop)) = self.last_hop
            && last == key
        {
            return Some(hop);
        }
        let hop = if let Some(&hop) = self.hops.get(&key) {
            hop
        } else {
            let hop = self.resolve(key);
            self.hops.insert(key, hop);
            hop
        };
        if let Some(hop) = hop {
            self.last_hop = Some((key, hop));
        }
        hop
    }

    fn resolve(&mut self, key: (SocketAddr, SocketAddr)) -> Option<Hop> {
        let (from, to) = (*self.owners.get(&key.0)?, *self.owners.get(&key.1)?);
        let known = self.by_addresses.get(&key).or_else(|| self.by_hosts.get(&(from, to))).copied();
        let wire = known.unwrap_or(self.wires.len());
        if known.is_none() {
            self.by_hosts.insert((from, to), wire);
            self.wires.push(Wire::new(self.standard.clone()));
        }
        Some(Hop { from, to, wire })
    }

    fn schedule(&mut self, at: Instant, due: Due) {
        self.serial += 1;
        self.heap.push(Reverse((at, self.serial, due)));
    }

    /// Puts the first `len` bytes of the scratch buffer on its way.
    fn carry(&mut self, from: usize, path: Option<Path>, ecn: Ecn, len: usize) {
        let counters = &mut self.counters[from];
        counters.sent += 1;
        counters.sent_bytes += u64::try_from(len).unwrap_or(0);
        let Some((path, hop)) =
            path.and_then(|path| Some((path, self.hop(path)?))).filter(|(_, hop)| hop.from == from)
        else {
            self.counters[from].unroutable += 1;
            return;
        };
        match self.wires[hop.wire].carry(self.now, len, &mut self.dice) {
            Fate::Lost => self.counters[from].lost += 1,
            Fate::Overflow => self.counters[from].overflowed += 1,
            Fate::Arrives(at, again) => {
                let seen = Path { protocol: path.protocol, local: path.remote, remote: path.local };
                if let Some(again) = again {
                    self.counters[from].duplicated += 1;
                    let copy = self.scratch.clone();
                    self.put(again, Packet { to: hop.to, path: seen, ecn, len, buffer: copy });
                }
                // The packet takes the buffer it was written into; one that was used before takes its place.
                let slot = self.free.last().copied();
                let spare =
                    slot.map_or_else(Vec::new, |slot| core::mem::take(&mut self.packets[slot].buffer));
                let buffer = core::mem::replace(&mut self.scratch, spare);
                self.scratch.resize(BUFFER, 0);
                self.put(at, Packet { to: hop.to, path: seen, ecn, len, buffer });
            }
        }
    }

    fn put(&mut self, at: Instant, packet: Packet) {
        let slot = self.free.pop().unwrap_or(self.packets.len());
        if let Some(free) = self.packets.get_mut(slot) {
            *free = packet;
        } else {
            self.packets.push(packet);
        }
        self.schedule(at, Due::Arrival(slot));
    }
}

impl<M> Network<M>
where
    M: Machine,
    M::Path: Route,
    for<'i> M::Input<'i>: FromDatagram<'i>,
{
    /// Lets everything happen that is due until `limit`, and moves the clock there.
    ///
    /// # Panics
    /// If a machine breaks law 4 (a `Wait` that is not later than now) or never stops talking.
    pub fn run_until(&mut self, limit: Instant, app: &mut impl App<M>) {
        while self.step(limit, app) {}
        self.now = self.now.max(limit);
    }

    /// [`Network::run_until`] so much later than now.
    pub fn run_for(&mut self, time: Duration, app: &mut impl App<M>) {
        self.run_until(self.now + time, app);
    }

    /// Runs while `more` says so (then `true`) and `limit` is not reached (then `false`). It is asked after each event
    /// of the network.
    pub fn run_while(
        &mut self,
        limit: Instant,
        app: &mut impl App<M>,
        mut more: impl FnMut(&mut Self) -> bool,
    ) -> bool {
        self.poll_touched(app);
        while more(self) {
            if !self.step(limit, app) {
                self.now = self.now.max(limit);
                return false;
            }
        }
        true
    }

    /// Lets the next thing happen that is due until `limit`; `false` if there is none. Machines that were called from
    /// outside are polled first.
    pub fn step(&mut self, limit: Instant, app: &mut impl App<M>) -> bool {
        self.poll_touched(app);
        let Some(&Reverse((at, _, due))) = self.heap.peek() else { return false };
        if at > limit {
            return false;
        }
        self.heap.pop();
        self.now = self.now.max(at);
        match due {
            Due::Arrival(slot) => {
                let host = self.deliver(slot);
                for _ in 1..self.burst {
                    match self.heap.peek() {
                        Some(&Reverse((next, _, Due::Arrival(slot))))
                            if next <= self.now && self.packets[slot].to == host =>
                        {
                            self.heap.pop();
                            self.deliver(slot);
                        }
                        _ => break,
                    }
                }
                self.drain(host, app);
            }
            Due::Alarm(host) => {
                if self.hosts[host].alarm == Some(at) {
                    self.hosts[host].alarm = None;
                    if self.hosts[host].deadline.is_some_and(|deadline| deadline <= self.now) {
                        self.counters[host].alarms += 1;
                        self.drain(host, app);
                    } else {
                        self.set_alarm(host);
                    }
                }
            }
        }
        true
    }

    fn poll_touched(&mut self, app: &mut impl App<M>) {
        for host in 0..self.hosts.len() {
            if self.hosts[host].touched {
                self.drain(host, app);
            }
        }
    }

    /// Gives a packet to its host's machine.
    fn deliver(&mut self, slot: usize) -> usize {
        let packet = &self.packets[slot];
        let host = &mut self.hosts[packet.to];
        let data = packet.buffer.get(..packet.len).unwrap_or_default();
        if let Some(trace) = &mut self.trace {
            trace.arrival(self.now, packet.path, data);
        }
        let counters = &mut self.counters[packet.to];
        counters.delivered += 1;
        counters.delivered_bytes += u64::try_from(packet.len).unwrap_or(0);
        let datagram = Datagram { path: packet.path, ecn: packet.ecn, data };
        host.machine.handle_input(self.now + host.ahead, M::Input::from_datagram(datagram));
        self.free.push(slot);
        packet.to
    }

    /// Polls a machine until it waits.
    fn drain(&mut self, host: usize, app: &mut impl App<M>) {
        self.hosts[host].touched = false;
        let now = self.now + self.hosts[host].ahead;
        for _ in 0..OUTPUTS_MAX {
            match self.hosts[host].machine.poll_output(now, &mut self.scratch) {
                Output::Event(event) => app.on_event(now, HostId(host), &mut self.hosts[host].machine, event),
                Output::Transmit(transmit) => {
                    let path = transmit.path.path(self.hosts[host].path);
                    self.send(host, path, transmit.ecn, transmit.len, transmit.segment_len);
                }
                Output::Wait(deadline) => {
                    if let Some(at) = deadline {
                        assert!(at > now, "law 4: host {host} waits for {at:?} at {now:?}");
                    }
                    let ahead = self.hosts[host].ahead;
                    self.hosts[host].deadline = deadline.map(|at| at - ahead);
                    self.set_alarm(host);
                    return;
                }
            }
        }
        panic!("host {host} gave {OUTPUTS_MAX} outputs at {now:?} and no Wait");
    }

    /// Sends what stands in the scratch buffer, cut into its segments.
    fn send(&mut self, host: usize, path: Option<Path>, ecn: Ecn, len: usize, segment: usize) {
        if segment >= len || segment == 0 {
            return self.carry(host, path, ecn, len);
        }
        let whole = core::mem::replace(&mut self.scratch, vec![0; BUFFER]);
        for part in whole.get(..len).unwrap_or_default().chunks(segment) {
            self.scratch.resize(BUFFER.max(part.len()), 0);
            self.scratch.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
            self.carry(host, path, ecn, part.len());
        }
    }

    /// Sees to an alarm no later than the host's deadline.
    fn set_alarm(&mut self, host: usize) {
        let (alarm, deadline) = (self.hosts[host].alarm, self.hosts[host].deadline);
        if let Some(at) = deadline
            && alarm.is_none_or(|alarm| at < alarm)
        {
            self.hosts[host].alarm = Some(at);
            self.schedule(at, Due::Alarm(host));
        }
    }
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
