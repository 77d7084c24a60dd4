use super::*;
use crate::machine::{Machine, Output};
use crate::net::Transmit;
use crate::sim::{Chance, ignore_events};

/// Sends a numbered datagram each 10 ms and keeps what it gets.
#[derive(Debug, Default)]
struct Beacon {
    next: Instant,
    sent: u64,
    left: u64,
    got: Vec<(Instant, u64)>,
    fresh: usize,
}

impl Beacon {
    fn of(count: u64) -> Self {
        Self { left: count, ..Self::default() }
    }
}

impl Machine for Beacon {
    type Input<'i> = &'i [u8];
    type Path = ();
    type Event = u64;

    fn handle_input(&mut self, now: Instant, input: &[u8]) {
        self.got.push((now, u64::from_be_bytes(input.try_into().unwrap())));
        self.fresh += 1;
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), u64> {
        if self.fresh > 0 {
            self.fresh -= 1;
            return Output::Event(self.got[self.got.len() - 1 - self.fresh].1);
        }
        if self.left == 0 {
            return Output::Wait(None);
        }
        if now < self.next {
            return Output::Wait(Some(self.next));
        }
        self.next = now + Duration::from_millis(10);
        self.left -= 1;
        buf[..8].copy_from_slice(&self.sent.to_be_bytes());
        self.sent += 1;
        Output::Transmit(Transmit::new((), 8))
    }
}

fn pair(seed: u64, link: Link, count: u64) -> (Network<Beacon>, HostId, HostId) {
    let mut network = Network::new(seed, link);
    let a = network.add_host(Beacon::of(count), &["10.0.0.1:1".parse().unwrap()]);
    let b = network.add_host(Beacon::of(0), &["10.0.0.2:1".parse().unwrap()]);
    network.join(a, b);
    network.start_trace();
    (network, a, b)
}

#[test]
fn datagrams_arrive_in_order_after_the_delay() {
    let (mut network, _, b) = pair(1, Link::new().delay(Duration::from_millis(25)), 3);
    let mut events = Vec::new();
    let start = network.now();
    network.run_for(Duration::from_secs(1), &mut |now: Instant, _: HostId, _: &mut Beacon, event: u64| {
        events.push((now.saturating_duration_since(start).as_millis(), event));
    });
    assert_eq!(events, [(25, 0), (35, 1), (45, 2)]);
    assert_eq!(network.now(), start + Duration::from_secs(1));
    assert_eq!(network.counters(b).delivered, 3);
    assert_eq!(network.in_flight(), 0);
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_not() {
    let link = Link::new()
        .delay(Duration::from_millis(25))
        .jitter(Duration::from_millis(30))
        .loss(Chance::percent(10))
        .duplicate(Chance::percent(10))
        .reorder(Chance::percent(10), Duration::from_millis(50));
    let run = |seed| {
        let (mut network, a, b) = pair(seed, link.clone(), 200);
        network.run_for(Duration::from_secs(5), &mut ignore_events);
        let sent = network.counters(a);
        assert_eq!(sent.sent, 200);
        assert_eq!(network.counters(b).delivered, 200 - sent.lost + sent.duplicated);
        assert!(sent.lost > 0 && sent.duplicated > 0);
        network.trace_hash()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_host_is_given_its_own_clock() {
    let (mut network, a, b) = pair(1, Link::new(), 1);
    network.set_clock_ahead(b, Duration::from_secs(100));
    network.run_for(Duration::from_secs(1), &mut ignore_events);
    assert_eq!(network.machine(b).got[0].0, Instant::from_nanos(101_000_000_000));
    assert_eq!(network.host_now(a), Instant::from_nanos(2_000_000_000));
}

#[test]
fn a_link_between_addresses_overrides_that_of_hosts() {
    let (mut network, a, b) = pair(1, Link::new(), 5);
    network.set_link_between("10.0.0.1:1".parse().unwrap(), "10.0.0.2:1".parse().unwrap(), &Link::blocked());
    network.run_for(Duration::from_secs(1), &mut ignore_events);
    assert_eq!(network.counters(a).lost, 5);
    assert!(network.machine(b).got.is_empty());
}
