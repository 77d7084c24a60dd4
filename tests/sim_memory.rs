//! R1 to R4: what whole connections hold, counted at the allocator. One test, so that nothing else allocates meanwhile.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    reason = "most events are of no matter; figures are told"
)]
#![expect(clippy::cast_possible_wrap, clippy::cast_precision_loss, reason = "counts far below 2^52")]

mod steady_support;

use antiphon::sim::{App, Chance, Fault, HostId, Link, Network, Peers};
use antiphon::{
    Config, DataChannelId, DataChannelInit, Datagram, Event, Instant, Machine, Message, Output, Path,
    PeerConnection,
};
use bytes::Bytes;
use core::time::Duration;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What two connections may hold: each a receive window of 1 MiB, twice for what pins it, and 256 KiB to send on each of four channels.
const CAP: isize = 6 * 1024 * 1024;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Bytes that live, and all that was ever allocated.
fn held(region: &Region<'_, System>) -> (isize, usize) {
    let change = region.change();
    // What reallocation adds and takes away is in both numbers already.
    let live = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    (live, change.allocations + change.reallocations)
}

/// Keeps every channel full both ways; reads all, or nothing for a time.
struct Load {
    message: Message,
    deaf: bool,
    unread: Vec<(HostId, DataChannelId)>,
    received: u64,
}

impl Load {
    fn fill(&self, now: Instant, pc: &mut PeerConnection, id: DataChannelId) {
        let Some(mut channel) = pc.data_channel(id) else { return };
        while channel.send(now, &self.message).is_ok() {}
    }

    fn read(&mut self, pc: &mut PeerConnection, id: DataChannelId) {
        while pc.data_channel(id).is_some_and(|mut channel| channel.recv().is_some()) {
            self.received += 1;
        }
    }
}

impl<M: Machine<Event = Event> + AsPc> App<M> for Load {
    fn on_event(&mut self, now: Instant, host: HostId, machine: &mut M, event: Event) {
        let pc = machine.as_pc();
        match event {
            Event::DataChannel(id) | Event::DataChannelOpen(id) | Event::DataChannelBufferedAmountLow(id) => {
                self.fill(now, pc, id);
            }
            Event::DataChannelReadable(id) if self.deaf => self.unread.push((host, id)),
            Event::DataChannelReadable(id) => self.read(pc, id),
            _ => {}
        }
    }
}

/// A machine with a connection in it.
trait AsPc {
    fn as_pc(&mut self) -> &mut PeerConnection;
}

impl AsPc for PeerConnection {
    fn as_pc(&mut self) -> &mut PeerConnection {
        self
    }
}

/// A connection that keeps a copy of everything it is given: the queue that grows.
#[derive(Debug)]
struct Hoarder {
    pc: PeerConnection,
    hoard: Vec<Vec<u8>>,
}

impl AsPc for Hoarder {
    fn as_pc(&mut self) -> &mut PeerConnection {
        &mut self.pc
    }
}

impl core::borrow::Borrow<PeerConnection> for Hoarder {
    fn borrow(&self) -> &PeerConnection {
        &self.pc
    }
}

impl core::borrow::BorrowMut<PeerConnection> for Hoarder {
    fn borrow_mut(&mut self) -> &mut PeerConnection {
        &mut self.pc
    }
}

impl Machine for Hoarder {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Datagram<'_>) {
        self.hoard.push(input.data.to_vec());
        self.pc.handle_input(now, input);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        self.pc.poll_output(now, buf)
    }
}

fn config() -> Config {
    Config::new().receive_window(1024 * 1024).max_buffered_amount(256 * 1024)
}

/// Two machines made of connections, and what drives them.
fn world<M: Machine<Event = Event> + AsPc + core::borrow::BorrowMut<PeerConnection>>(
    make: impl Fn(PeerConnection) -> M,
) -> (Network<M>, Peers<Load>, [HostId; 2]) {
    let mut network = Network::new(5, Link::new().delay(ms(20)).loss(Chance::percent(1)));
    let hosts = [1_u8, 2].map(|n| {
        let address = [([203, 0, 113, n], 5000).into()];
        let pc = network.peer(&config(), &address).unwrap();
        network.add_host(make(pc), &address)
    });
    for index in 0..4 {
        let init = DataChannelInit { ordered: index % 2 == 0, ..DataChannelInit::default() };
        network.machine_mut(hosts[0]).as_pc().create_data_channel(&index.to_string(), init).unwrap();
    }
    let message = Message { binary: true, data: Bytes::from(vec![7; 4096]) };
    let load = Load { message, deaf: false, unread: Vec::new(), received: 0 };
    (network, Peers::new(load).pair(hosts[0], hosts[1]), hosts)
}

/// R1: how much is held at most, however badly the network and the reader behave.
fn peak_under_faults<M>(region: &Region<'_, System>, make: impl Fn(PeerConnection) -> M) -> isize
where
    M: Machine<Path = Path, Event = Event> + AsPc + core::borrow::BorrowMut<PeerConnection>,
    for<'i> M::Input<'i>: antiphon::sim::FromDatagram<'i>,
{
    let (mut network, mut peers, hosts) = world(make);
    let before = held(region).0;
    let mut peak = 0;
    for step in 0..60 {
        match step % 6 {
            1 => network.inject(Fault::partition(hosts[0], hosts[1]).lasting(ms(400))),
            2 => peers.app.deaf = true,
            4 => {
                peers.app.deaf = false;
                for (host, id) in core::mem::take(&mut peers.app.unread) {
                    peers.app.read(network.machine_mut(host).as_pc(), id);
                }
            }
            5 => network.inject(Fault::freeze(hosts[1], ms(300))),
            _ => {}
        }
        for _ in 0..10 {
            network.run_for(ms(30), &mut peers);
            peak = peak.max(held(region).0 - before);
        }
    }
    assert!(peers.app.received > 1000, "{} messages", peers.app.received);
    peak
}

/// R3: growth of what is held between the first eight and the last twelve seconds of load. R4: allocations per message in steady state,
/// over a network without loss.
fn soak<M>(region: &Region<'_, System>, make: impl Fn(PeerConnection) -> M) -> isize
where
    M: Machine<Path = Path, Event = Event> + AsPc + core::borrow::BorrowMut<PeerConnection>,
    for<'i> M::Input<'i>: antiphon::sim::FromDatagram<'i>,
{
    let (mut network, mut peers, _) = world(make);
    let peak = |network: &mut Network<M>, peers: &mut Peers<Load>, seconds: u64| {
        let mut peak = 0;
        for _ in 0..seconds * 4 {
            network.run_for(ms(250), peers);
            peak = peak.max(held(region).0);
        }
        peak
    };
    peak(&mut network, &mut peers, 3);
    let early = peak(&mut network, &mut peers, 5);
    let late = peak(&mut network, &mut peers, 12);
    late - early
}

/// R2: what is still held once both connections are closed and dropped; unless somebody keeps them.
fn rest_after_close(region: &Region<'_, System>, mut keep: impl FnMut(&PeerConnection)) -> isize {
    let before = held(region).0;
    {
        let (mut network, mut peers, hosts) = world(|pc| pc);
        network.run_for(Duration::from_secs(5), &mut peers);
        for host in hosts {
            network.machine_mut(host).close();
            keep(network.machine(host));
        }
        network.run_for(Duration::from_secs(1), &mut peers);
    }
    held(region).0 - before
}

/// R4: allocations per message that arrives, over a network that loses nothing.
fn allocations_per_message<M>(region: &Region<'_, System>, make: impl Fn(PeerConnection) -> M) -> f64
where
    M: Machine<Path = Path, Event = Event> + AsPc + core::borrow::BorrowMut<PeerConnection>,
    for<'i> M::Input<'i>: antiphon::sim::FromDatagram<'i>,
{
    let (mut network, mut peers, hosts) = world(make);
    network.set_link_both(hosts[0], hosts[1], &Link::new().delay(ms(20)));
    network.run_for(Duration::from_secs(5), &mut peers);
    let (allocations, received) = (held(region).1, peers.app.received);
    network.run_for(Duration::from_secs(5), &mut peers);
    let messages = peers.app.received - received;
    (held(region).1 - allocations) as f64 / messages as f64
}

#[test]
fn what_connections_hold_is_bounded_returned_and_constant() {
    steady_support::alone(ALLOCATOR);
    let region = Region::new(ALLOCATOR);
    // Caches that are filled once, of the library and of the language.
    rest_after_close(&region, |_| {});
    let peak = peak_under_faults(&region, |pc| pc);
    println!("R1: {peak} bytes at the most");
    assert!(peak <= CAP, "R1: {peak} bytes are held, {CAP} allowed");
    let rest = rest_after_close(&region, |_| {});
    println!("R2: {rest} bytes after the end");
    assert!(rest.abs() < 1024, "R2: {rest} bytes are still held");
    let growth = soak(&region, |pc| pc);
    println!("R3: {growth} bytes of growth");
    assert!(growth < 64 * 1024, "R3: {growth} bytes more after twelve seconds");
    let each = allocations_per_message(&region, |pc| pc);
    println!("R4: {each:.4} allocations for each message");
    assert!(each < 2.0, "R4: {each:.3} allocations for each message of 4 KiB");
    // The measures themselves: what keeps a copy of everything, or is not let go, is seen by each.
    let hoarder = |pc| Hoarder { pc, hoard: Vec::new() };
    let peak = peak_under_faults(&region, hoarder);
    assert!(peak > CAP, "R1 missed a queue that grows: {peak} bytes");
    let mut kept = Vec::new();
    let rest = rest_after_close(&region, |pc| kept.push(pc.fork()));
    assert!(rest > 1024, "R2 missed a connection that is kept: {rest} bytes");
    let growth = soak(&region, hoarder);
    assert!(growth > 64 * 1024, "R3 missed a queue that grows: {growth} bytes");
    let each = allocations_per_message(&region, hoarder);
    assert!(each > 2.0, "R4 missed a copy of every datagram: {each:.3}");
}
