//! Everything of a network but its machines: datagrams on their way, what is due, what went wrong.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;

use super::host::{Host, Notice, Sleep};
use super::link::Link;
use super::log::{Log, What};
use super::network::{Counters, HostId, ServerId};
use super::seed::Dice;
use super::server::StunServer;
use super::topology::{Leg, PUBLIC, Place, Topology};
use super::trace::Trace;
use super::wire::{Delivery, DropReason, Fate, Wire};
use crate::base::limits;
use crate::net::{Ecn, Path, Protocol};
use crate::time::Instant;

/// The buffer given to machines: above every MTU a test sets.
pub(super) const BUFFER: usize = 2048;

/// What the heap holds. What belongs to it is found by the entry's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The datagram in this slot comes to the end of a wire.
    Arrival(usize),
    /// This host wanted to be polled.
    Alarm(usize),
    /// This host polls before its deadline.
    Early(usize),
    /// This host looks at what waits in its sockets.
    Wake(usize),
    /// A server has thought about the datagram in this slot.
    Answer(usize, usize),
    Signal,
    Notice,
    Fault,
}

/// A datagram on its way. The buffer is used again.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) from: Place,
    pub(super) leg: Leg,
    /// Where it goes, where it came from, as the receiver will see them.
    pub(super) path: Path,
    pub(super) stage: usize,
    /// The number of the entry in the heap that counts.
    pub(super) number: u64,
    pub(super) ecn: Ecn,
    pub(super) len: usize,
    pub(super) buffer: Vec<u8>,
}

/// A message of the signalling channel on its way.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) from: HostId,
    pub(super) to: HostId,
    pub(super) body: String,
}

#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) manners: StunServer,
    pub(super) address: SocketAddr,
}

/// Datagrams that wait until a clog is gone.
#[derive(Clone, Debug)]
struct Clog {
    from: Place,
    to: Place,
    slots: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) seed: u64,
    pub(super) hosts: Vec<Host>,
    pub(super) counters: Vec<Counters>,
    pub(super) servers: Vec<Server>,
    pub(super) topology: Topology,
    pub(super) heap: BinaryHeap<Reverse<(Instant, u64, Due)>>,
    numbers: u64,
    pub(super) packets: Vec<Packet>,
    pub(super) free: Vec<usize>,
    clogs: Vec<Clog>,
    pub(super) scratch: Vec<u8>,
    pub(super) burst: usize,
    pub(super) trace: Option<Trace>,
    pub(super) log: Option<Log>,
    pub(super) signalling: Link,
    signal_wires: BTreeMap<(usize, usize), Wire>,
    pub(super) letters: BTreeMap<u64, Letter>,
    pub(super) notices: BTreeMap<u64, (usize, Notice)>,
    pub(super) faults: BTreeMap<u64, super::fault::Fault>,
    pub(super) checks: bool,
    pub(super) drops: BTreeMap<DropReason, u64>,
}

impl World {
    pub(super) fn new(seed: u64, standard: Link) -> Self {
        Self {
            now: Instant::from_nanos(1_000_000_000),
            seed,
            hosts: Vec::new(),
            counters: Vec::new(),
            servers: Vec::new(),
            topology: Topology::new(seed, standard),
            heap: BinaryHeap::new(),
            numbers: 0,
            packets: Vec::new(),
            free: Vec::new(),
            clogs: Vec::new(),
            scratch: vec![0; BUFFER],
            burst: 1,
            trace: None,
            log: None,
            signalling: Link::new(),
            signal_wires: BTreeMap::new(),
            letters: BTreeMap::new(),
            notices: BTreeMap::new(),
            faults: BTreeMap::new(),
            checks: false,
            drops: BTreeMap::new(),
        }
    }

    pub(super) fn schedule(&mut self, at: Instant, due: Due) -> u64 {
        self.numbers += 1;
        self.heap.push(Reverse((at, self.numbers, due)));
        self.numbers
    }

    pub(super) fn host_now(&self, host: usize) -> Instant {
        self.hosts[host].clock.at(self.now)
    }

    pub(super) fn record(&mut self, what: impl FnOnce() -> What) {
        if let Some(log) = &mut self.log {
            log.push(self.now, what());
        }
    }

    // -- datagrams out

    /// Puts the first `len` bytes of the scratch buffer on their way.
    pub(super) fn carry(&mut self, from: Place, path: Option<Path>, ecn: Ecn, len: usize) {
        if let Place::Host(host) = from {
            self.counters[host].sent += 1;
            self.counters[host].sent_bytes += len as u64;
        }
        let Some(path) = path else { return self.lose(from, None, DropReason::Unroutable) };
        if self.log.is_some() {
            let data = self.scratch.get(..len).unwrap_or_default().to_vec();
            self.record(|| What::Sent { path, data });
        }
        let Some(realm) = self.realm_of(from, path.local) else {
            return self.lose(from, Some(path), DropReason::Unroutable);
        };
        let leg = match self.topology.depart(self.now, from, realm, path.local, path.remote) {
            Ok(leg) => leg,
            Err(drop) => return self.lose(from, Some(path), drop),
        };
        if self.topology.are_parted(from, leg.to) {
            return self.lose(from, Some(path), DropReason::Partition);
        }
        // The packet takes the buffer it was written into; one that was used before takes its place.
        let slot = self.slot();
        let buffer = core::mem::replace(&mut self.scratch, core::mem::take(&mut self.packets[slot].buffer));
        self.scratch.resize(BUFFER, 0);
        let seen = Path { protocol: path.protocol, local: leg.dst, remote: leg.src };
        self.packets[slot] = Packet { from, leg, path: seen, stage: 0, number: 0, ecn, len, buffer };
        self.enter_wire(slot);
    }

    fn realm_of(&self, place: Place, address: SocketAddr) -> Option<usize> {
        match place {
            Place::Host(host) => self.hosts[host].interface(address).map(|interface| interface.realm),
            Place::Server(_) | Place::Nobody => Some(PUBLIC),
        }
    }

    /// A place for a datagram.
    fn slot(&mut self) -> usize {
        if let Some(slot) = self.free.pop() {
            return slot;
        }
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        self.packets.push(Packet {
            from: Place::Nobody,
            leg: Leg { realm: PUBLIC, src: nowhere, dst: nowhere, to: Place::Nobody, route: 0 },
            path: Path { protocol: Protocol::Udp, local: nowhere, remote: nowhere },
            stage: 0,
            number: 0,
            ecn: Ecn::NotEct,
            len: 0,
            buffer: Vec::new(),
        });
        self.packets.len() - 1
    }

    /// The datagram in the slot is at the beginning of its next wire.
    pub(super) fn enter_wire(&mut self, slot: usize) {
        let Packet { leg, stage, len, ecn, from, .. } = self.packets[slot];
        let Some(wire) = self.topology.wire_of(leg.route, stage) else { return self.release(slot) };
        if let Some(clog) = self.clogs.iter_mut().find(|clog| clog.from == from && clog.to == leg.to) {
            clog.slots.push(slot);
            return;
        }
        match self.topology.wires[wire].carry(self.now, len, ecn) {
            Fate::Dropped(drop) => {
                if drop == DropReason::TooLong {
                    self.report_mtu(slot, wire);
                }
                let path = self.packets[slot].path;
                self.lose(from, Some(Path { local: path.remote, remote: path.local, ..path }), drop);
                self.release(slot);
            }
            Fate::Arrives(delivery) => self.deliver_over(slot, wire, delivery),
        }
    }

    fn deliver_over(&mut self, slot: usize, wire: usize, delivery: Delivery) {
        let Delivery { at, again, ecn, harm, held_for } = delivery;
        if let Some(again) = again {
            if let Place::Host(host) = self.packets[slot].from {
                self.counters[host].duplicated += 1;
            }
            let mut copy = self.packets[slot].clone();
            copy.ecn = ecn;
            let other = self.slot();
            copy.number = self.schedule(again, Due::Arrival(other));
            self.packets[other] = copy;
        }
        let packet = &mut self.packets[slot];
        packet.ecn = ecn;
        if harm != super::wire::Harm::default() {
            packet.len = self.topology.wires[wire].harm(harm, &mut packet.buffer, packet.len);
            if let Place::Host(host) = packet.from {
                self.counters[host].harmed += 1;
            }
        }
        let number = self.schedule(at, Due::Arrival(slot));
        self.packets[slot].number = number;
        let mut freed = Vec::new();
        self.topology.wires[wire].overtake(|slot, number| freed.push((slot, number)));
        for (held, number) in freed {
            if self.packets[held].number == number {
                self.packets[held].number = self.schedule(at, Due::Arrival(held));
            }
        }
        if held_for > 0 {
            self.topology.wires[wire].hold(slot, number, held_for);
        }
    }

    /// Tells a sender what does get through, as ICMP would, if the link does so.
    fn report_mtu(&mut self, slot: usize, wire: usize) {
        let packet = &self.packets[slot];
        let Place::Host(host) = packet.from else { return };
        let Some(mtu) = self.topology.wires[wire].reports_mtu() else { return };
        let path = Path { local: packet.path.remote, remote: packet.path.local, ..packet.path };
        let at = self.now + self.topology.wires[wire].delay() * 2;
        self.notify_at(at, host, Notice::TooBig(path, mtu));
    }

    pub(super) fn lose(&mut self, from: Place, path: Option<Path>, drop: DropReason) {
        *self.drops.entry(drop).or_default() += 1;
        if let Place::Host(host) = from {
            let counters = &mut self.counters[host];
            match drop {
                DropReason::Overflow | DropReason::Codel => counters.overflowed += 1,
                DropReason::Unroutable => counters.unroutable += 1,
                DropReason::Nat => counters.filtered += 1,
                DropReason::Loss
                | DropReason::Chosen
                | DropReason::TooLong
                | DropReason::Partition
                | DropReason::Asleep => {
                    counters.lost += 1;
                }
            }
        }
        self.record(|| What::Dropped { path, why: drop });
    }

    pub(super) fn release(&mut self, slot: usize) {
        self.packets[slot].number = 0;
        self.free.push(slot);
    }

    // -- datagrams in

    /// A datagram comes to the end of a wire: which host it is for, if it is for one and gets there.
    pub(super) fn arrive(&mut self, slot: usize) -> Option<usize> {
        let Packet { from, leg, stage, .. } = self.packets[slot];
        if self.topology.wire_of(leg.route, stage + 1).is_some() {
            self.packets[slot].stage += 1;
            self.enter_wire(slot);
            return None;
        }
        let arrived = self.topology.arrive(self.now, leg.realm, leg.src, leg.dst);
        let (place, local) = match arrived {
            Ok(arrived) => arrived,
            Err(drop) => {
                self.lose(from, Some(Path::udp(leg.src, leg.dst)), drop);
                self.release(slot);
                return None;
            }
        };
        self.packets[slot].path.local = local;
        match place {
            Place::Host(host) => self.arrive_at_host(slot, host),
            Place::Server(server) => {
                self.arrive_at_server(slot, server);
                None
            }
            Place::Nobody => {
                self.release(slot);
                None
            }
        }
    }

    /// It is taken at once, or waits in the socket, or is lost on a host that sleeps.
    fn arrive_at_host(&mut self, slot: usize, host: usize) -> Option<usize> {
        let (len, from) = (self.packets[slot].len, self.packets[slot].from);
        let seat = &mut self.hosts[host];
        let ticks = !seat.polls.tick.is_zero();
        if seat.sleep.is_none() && !ticks {
            return Some(host);
        }
        let deaf = seat.sleep.is_some_and(|sleep| sleep.deaf);
        if deaf || seat.inbox_bytes + len > limits::SIM_SOCKET_BYTES {
            let path = self.packets[slot].path;
            self.lose(
                from,
                Some(Path { local: path.remote, remote: path.local, ..path }),
                DropReason::Asleep,
            );
            self.release(slot);
            return None;
        }
        seat.inbox_bytes += len;
        seat.inbox.push_back(slot);
        if seat.sleep.is_none() {
            self.wake_at_tick(host, self.now);
        }
        None
    }

    /// Sees to a wake at the first tick from `at` on.
    pub(super) fn wake_at_tick(&mut self, host: usize, at: Instant) {
        let tick = u64::try_from(self.hosts[host].polls.tick.as_nanos()).unwrap_or(u64::MAX).max(1);
        let at = Instant::from_nanos(at.as_nanos().div_ceil(tick).saturating_mul(tick));
        self.wake_at(host, at.max(self.now));
    }

    fn wake_at(&mut self, host: usize, at: Instant) {
        if self.hosts[host].wake.is_none_or(|wake| at < wake) {
            self.hosts[host].wake = Some(at);
            self.schedule(at, Due::Wake(host));
        }
    }

    fn arrive_at_server(&mut self, slot: usize, server: usize) {
        let delay = self.servers[server].manners.delay;
        if delay.is_zero() {
            return self.answer(slot, server);
        }
        let number = self.schedule(self.now + delay, Due::Answer(slot, server));
        self.packets[slot].number = number;
    }

    /// A server answers the datagram in the slot.
    pub(super) fn answer(&mut self, slot: usize, server: usize) {
        let packet = &self.packets[slot];
        let data = packet.buffer.get(..packet.len).unwrap_or_default();
        let (client, own) = (packet.path.remote, self.servers[server].address);
        let answer = self.servers[server].manners.answer(client, data);
        self.release(slot);
        if let Some(answer) = answer {
            self.write(&answer);
            self.carry(Place::Server(server), Some(Path::udp(own, client)), Ecn::NotEct, answer.len());
        }
    }

    /// Puts bytes into the scratch buffer.
    pub(super) fn write(&mut self, data: &[u8]) {
        self.scratch.resize(BUFFER.max(data.len()), 0);
        self.scratch.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
    }

    // -- alarms

    /// Sees to an alarm no later than the host's deadline. One that sleeps looks at it when it wakes.
    pub(super) fn set_alarm(&mut self, host: usize) {
        let seat = &mut self.hosts[host];
        if seat.sleep.is_some() {
            return;
        }
        let Some(deadline) = seat.deadline else { return };
        let due = seat.clock.when(deadline).max(self.now);
        if seat.alarm.is_some_and(|alarm| alarm <= due) {
            return;
        }
        if !seat.polls.tick.is_zero() {
            return self.wake_at_tick(host, due);
        }
        let due = due + super::chance::draw(seat.polls.late, &mut seat.dice);
        seat.alarm = Some(due);
        let early = seat
            .polls
            .early
            .then(|| self.now + super::chance::draw(due.saturating_duration_since(self.now), &mut seat.dice));
        self.schedule(due, Due::Alarm(host));
        if let Some(early) = early {
            self.schedule(early, Due::Early(host));
        }
    }

    /// Whether the host's deadline has passed on its own clock.
    pub(super) fn is_due(&self, host: usize) -> bool {
        self.hosts[host].deadline.is_some_and(|deadline| deadline <= self.host_now(host))
    }

    /// Stops a host for a time.
    pub(super) fn put_to_sleep(&mut self, host: usize, time: Duration, deaf: bool) {
        let until = self.now + time;
        let since = self.hosts[host].sleep.map_or(self.now, |sleep| sleep.since);
        let until = self.hosts[host].sleep.map_or(until, |sleep| sleep.until.max(until));
        self.hosts[host].sleep = Some(Sleep { since, until, deaf });
        self.hosts[host].wake = None;
        self.wake_at(host, until);
    }

    // -- signalling and notices

    /// Sends a message over the signalling channel.
    pub(super) fn signal(&mut self, from: HostId, to: HostId, body: String) {
        let (now, link) = (self.now, &self.signalling);
        let key = (from.index(), to.index());
        let own = |host: usize| self.topology.label_of(Place::Host(host));
        let label = self.seed ^ own(key.0).rotate_left(16) ^ own(key.1);
        let wire = self.signal_wires.entry(key).or_insert_with(|| Wire::new(link.clone(), Dice::new(label)));
        let fate = wire.carry(now, body.len(), Ecn::NotEct);
        self.record(|| What::Signalled { from, to, bytes: body.len() });
        let Fate::Arrives(delivery) = fate else { return };
        let number = self.schedule(delivery.at, Due::Signal);
        self.letters.insert(number, Letter { from, to, body: body.clone() });
        if let Some(again) = delivery.again {
            let number = self.schedule(again, Due::Signal);
            self.letters.insert(number, Letter { from, to, body });
        }
    }

    /// Changes the manners of the signalling channel.
    pub(super) fn set_signalling(&mut self, link: &Link) {
        self.signalling = link.clone();
        self.signal_wires.values_mut().for_each(|wire| drop_old(wire.set(link.clone())));
    }

    pub(super) fn notify_at(&mut self, at: Instant, host: usize, notice: Notice) {
        let number = self.schedule(at, Due::Notice);
        self.notices.insert(number, (host, notice));
    }

    // -- clogs

    pub(super) fn clog(&mut self, from: HostId, to: HostId) {
        let (from, to) = (Place::Host(from.index()), Place::Host(to.index()));
        if !self.clogs.iter().any(|clog| clog.from == from && clog.to == to) {
            self.clogs.push(Clog { from, to, slots: Vec::new() });
        }
    }

    pub(super) fn unclog(&mut self, from: HostId, to: HostId) {
        let (from, to) = (Place::Host(from.index()), Place::Host(to.index()));
        let Some(index) = self.clogs.iter().position(|clog| clog.from == from && clog.to == to) else {
            return;
        };
        for slot in self.clogs.swap_remove(index).slots {
            self.enter_wire(slot);
        }
    }

    pub(super) const fn server_place(server: ServerId) -> Place {
        Place::Server(server.index())
    }
}

/// What a link did before is of no interest where it is set for good.
fn drop_old(_link: Link) {}
