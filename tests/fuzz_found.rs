//! What the fuzz targets have found (`docs/fuzzing.md`), each find with a test of its own.

use core::time::Duration;
use std::net::SocketAddr;

use antiphon::sim::{App, Fault, HostId, Link, Network, Notice, Polls, ignore_events};
use antiphon::{Datagram, Instant, Machine, Output, Path};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A machine that wants to be woken ten times a second.
#[derive(Debug)]
struct Clockwork {
    next: Instant,
}

impl Machine for Clockwork {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = ();

    fn handle_input(&mut self, _: Instant, _: Datagram<'_>) {}

    fn poll_output(&mut self, now: Instant, _: &mut [u8]) -> Output<Path, ()> {
        if now >= self.next {
            self.next = now + ms(100);
        }
        Output::Wait(Some(self.next))
    }
}

/// One host with one interface.
fn alone() -> (Network<Clockwork>, HostId, SocketAddr) {
    let mut network = Network::new(1, Link::new());
    let address = SocketAddr::from(([203, 0, 113, 1], 5000));
    let host = network.add_host(Clockwork { next: Instant::ZERO }, &[address]);
    (network, host, address)
}

/// `scenario`: a host that polls at ticks was woken by a change of its clock.
#[test]
fn a_clock_that_jumps_wakes_no_host_that_sleeps() {
    let (mut network, host, _) = alone();
    network.set_polls(host, Polls::prompt().tick(ms(16)));
    let mut app = ignore_events::<Clockwork>;
    network.run_for(ms(1000), &mut app);
    network.inject(Fault::suspend(host, ms(10_000)));
    network.run_for(ms(1000), &mut app);
    network.inject(Fault::clock_forward(host, ms(5000)));
    network.run_for(ms(8900), &mut app);
    assert!(!network.is_awake(host));
    network.run_for(ms(200), &mut app);
    assert!(network.is_awake(host));
}

/// What the system told.
#[derive(Default)]
struct Notices(Vec<Notice>);

impl App<Clockwork> for Notices {
    fn on_event(&mut self, _: Instant, _: HostId, _: &mut Clockwork, (): ()) {}

    fn on_notice(&mut self, _: Instant, _: HostId, _: &mut Clockwork, notice: Notice) {
        self.0.push(notice);
    }
}

/// `scenario`: an interface that came back in a sleep that had been prolonged did so before it had gone, and was lost for good.
#[test]
fn what_happened_in_a_prolonged_sleep_is_told_in_order() {
    let (mut network, host, address) = alone();
    let mut app = Notices::default();
    network.run_for(ms(100), &mut app);
    network.inject(Fault::suspend(host, ms(1000)));
    network.inject(Fault::interface_down(host, address).lasting(ms(700)));
    network.run_for(ms(200), &mut app);
    network.inject(Fault::suspend(host, ms(2000)));
    network.run_for(ms(3000), &mut app);
    let expected = [Notice::Resumed(ms(2200)), Notice::InterfaceDown(address), Notice::InterfaceUp(address)];
    assert_eq!(app.0, expected);
}
