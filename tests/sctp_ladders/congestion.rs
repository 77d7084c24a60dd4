//! How much may be in flight (RFC 9260 §7.2), and an algorithm of somebody else's in place of ours.

use antiphon::Instant;
use antiphon::sctp::Config;
use antiphon::sctp::congestion::{Ack, Algorithm, CongestionControl, Departure, Loss, Start};
use core::time::Duration;

use crate::sctp_common::hand::Hand;
use crate::sctp_common::*;

const ROOM: u32 = 1 << 24;

fn config(packets: usize) -> Config {
    Config { initial_window_packets: packets, burst_packets: 1000, send_limit: 1 << 24, ..Config::default() }
}

/// What fills a window, with the numbers of chunks in flight.
fn full(packets: usize) -> (Hand, u32) {
    let mut hand = Hand::established(&config(packets));
    hand.give_sack(0, &[], ROOM);
    hand.send(1, 200_000);
    let count = hand.took_data().len() as u32;
    (hand, count)
}

#[test]
fn the_first_flight_is_the_initial_window() {
    let (hand, count) = full(10);
    assert_eq!(count as usize, 12_000_usize.div_ceil(1172));
    assert_eq!(hand.sctp.stats().cwnd_bytes, 12_000);
}

#[test]
fn slow_start_doubles_the_window_each_round_trip() {
    let (mut hand, count) = full(10);
    hand.wait(ms(50));
    for n in 1..=count {
        hand.give_sack(n, &[], ROOM);
    }
    let cwnd = hand.sctp.stats().cwnd_bytes;
    assert!((22_000..=25_000).contains(&cwnd), "{cwnd}");
}

#[test]
fn ssthresh_begins_at_the_peers_window_in_either_role() {
    let hand = Hand::established(&config(10));
    assert_eq!(hand.sctp.stats().ssthresh_bytes, 1 << 20);
    let peer = Config { receive_window: 300_000, ..Config::default() };
    let mut world = World::with(ms(5), &Config::default(), &peer);
    world.a.sctp.connect();
    world.run(ms(100));
    assert_eq!(world.a.sctp.stats().ssthresh_bytes, 300_000);
    assert_eq!(world.z.sctp.stats().ssthresh_bytes, 5 * 1024 * 1024);
}

#[test]
fn a_window_that_is_not_used_does_not_grow() {
    let mut hand = Hand::established(&config(10));
    for n in 0..200 {
        hand.send(1, 500);
        hand.wait(ms(20));
        hand.give_sack(n + 1, &[], ROOM);
    }
    assert_eq!(hand.sctp.stats().cwnd_bytes, 12_000);
}

#[test]
fn a_loss_halves_the_window_once_in_a_recovery_and_growth_is_slow_after_it() {
    let (mut hand, count) = full(40);
    hand.wait(ms(50));
    for last in 2..5 {
        hand.give_sack(0, &[(2, last)], ROOM);
    }
    let cwnd = hand.sctp.stats().cwnd_bytes;
    assert_eq!((cwnd, hand.sctp.stats().ssthresh_bytes), (24_000, 24_000));
    for last in (6..20).step_by(2) {
        hand.give_sack(0, &[(2, 4), (6, last)], ROOM);
    }
    assert_eq!(hand.sctp.stats().cwnd_bytes, 24_000, "once");
    let sent = count + hand.took_data().iter().filter(|n| **n >= count).count() as u32;
    hand.give_sack(sent, &[], ROOM);
    assert_eq!(hand.sctp.stats().cwnd_bytes, 24_000, "the end of recovery is no growth");
    // Congestion avoidance: a packet for each window's worth.
    let mut acknowledged = sent;
    for _ in 0..3 {
        let flight = hand.took_data().len() as u32;
        hand.wait(ms(50));
        acknowledged += flight;
        hand.give_sack(acknowledged, &[], ROOM);
    }
    let grown = hand.sctp.stats().cwnd_bytes - 24_000;
    assert!((1200..=4 * 1200).contains(&grown), "{grown}");
}

// Staying in fast recovery after T3 would freeze the window until all that was ever sent is acknowledged.
#[test]
fn t3_ends_fast_recovery_and_the_window_grows_again() {
    let config = Config { send_limit: 1 << 24, ..Config::default() };
    let mut world = World::connected_with(ms(25), &config, &Config::default());
    for _ in 0..40 {
        world.send(1, vec![1; 100_000]);
    }
    world.run(ms(300));
    // One loss begins a recovery, then nothing arrives for a second.
    world.to_z.lose(0);
    world.run(ms(60));
    assert_eq!(world.a.sctp.stats().recoveries, 1);
    world.to_z.fate = Some(Box::new(|_, _| Fate::Drop));
    world.run(ms(1000));
    assert!(world.a.sctp.stats().t3_timeouts >= 1);
    assert!(world.a.sctp.stats().cwnd_bytes <= 1200);
    world.to_z.fate = None;
    world.run(ms(1500));
    assert!(world.a.sctp.stats().cwnd_bytes >= 12_000, "{}", world.a.sctp.stats().cwnd_bytes);
}

#[test]
fn t3_halves_the_threshold_once_however_often_it_runs_out() {
    let (mut hand, _) = full(40);
    hand.wait(Duration::from_secs(20));
    let stats = hand.sctp.stats();
    assert!(stats.t3_timeouts >= 3);
    assert_eq!((stats.ssthresh_bytes, stats.cwnd_bytes), (24_000, 1200));
}

#[test]
fn one_packet_may_always_be_in_flight() {
    let (mut hand, _) = full(40);
    hand.took();
    for _ in 0..5 {
        while hand.sent.is_empty() {
            hand.wait(ms(100));
        }
        let again = hand.took_data();
        assert!(again == [0] || again == [0, 1], "{again:?}");
    }
}

#[test]
fn what_leaves_at_once_is_bounded() {
    // A window of megabytes, an application that has been silent, and then much to say.
    let config = Config { send_limit: 1 << 24, ..Config::default() };
    let mut world = World::connected_with(ms(25), &config, &Config::default());
    for _ in 0..20 {
        world.send(1, vec![1; 250_000]);
        world.run(ms(100));
        world.received(1);
    }
    world.run(ms(200));
    assert!(world.a.sctp.stats().cwnd_bytes > 250_000, "{}", world.a.sctp.stats().cwnd_bytes);
    world.to_z.log = Some(Vec::new());
    world.send(1, vec![1; 250_000]);
    world.drain();
    let at_once = world.to_z.log.as_ref().unwrap().len();
    assert!(at_once <= 2 * config.burst_packets, "{at_once} packets");
}

#[test]
fn a_sender_that_was_idle_begins_lower() {
    let mut world = World::connected(ms(25));
    for _ in 0..10 {
        world.send(1, vec![1; 200_000]);
        world.run(ms(200));
        world.received(1);
    }
    let cwnd = world.a.sctp.stats().cwnd_bytes;
    assert!(cwnd > 100_000);
    world.run(Duration::from_secs(60));
    world.send(1, "x");
    world.run(ms(1));
    assert_eq!(world.a.sctp.stats().cwnd_bytes, 12_000);
}

// RFC 8831 §5, RFC 9260 §7.2.5.2
#[test]
fn another_path_is_learned_anew() {
    let mut world = World::connected(ms(25));
    for _ in 0..10 {
        world.send(1, vec![1; 200_000]);
        world.run(ms(200));
        world.received(1);
    }
    world.to_z.lose(5);
    world.send(1, vec![1; 200_000]);
    world.run(ms(200));
    let before = world.a.sctp.stats();
    assert!(before.cwnd_bytes > 50_000 && before.ssthresh_bytes < 5 << 20);
    world.a.sctp.path_changed(Some(ms(300)));
    let after = world.a.sctp.stats();
    assert_eq!((after.cwnd_bytes, after.ssthresh_bytes), (12_000, 5 << 20));
    assert_eq!((after.smoothed_rtt, after.rto), (Duration::ZERO, ms(900)));
    // Without a measurement the first timeout stays what it was.
    world.a.sctp.path_changed(None);
    assert_eq!(world.a.sctp.stats().rto, ms(900));
    let read = world.received(1).len();
    world.send(1, vec![2; 200_000]);
    world.run(ms(3000));
    assert_eq!(read + world.received(1).len(), 2);
    assert!((ms(50)..ms(60)).contains(&world.a.sctp.stats().smoothed_rtt));
}

/// Keeps a window of its own and lets a packet leave every 10 ms; notes what it is told.
#[derive(Clone, Debug, Default)]
struct Metronome {
    mtu: usize,
    next_at: Option<Instant>,
    said: Said,
}

#[derive(Clone, Debug, Default)]
struct Said {
    sent: usize,
    acknowledged: usize,
    samples: usize,
}

impl CongestionControl for Metronome {
    fn begin(&mut self, peer_window: usize) {
        assert!(peer_window >= 1500);
    }
    fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu;
    }
    fn on_sent(&mut self, departure: &Departure) {
        assert!(departure.bytes > 0 && departure.in_flight >= departure.bytes);
        self.said.sent += departure.bytes;
        self.next_at = Some(departure.now + ms(10));
    }
    fn on_ack(&mut self, ack: &Ack) {
        self.said.acknowledged += ack.bytes;
        assert_eq!(ack.delivered, self.said.acknowledged as u64);
        assert!(ack.newest.sent_at < ack.now && ack.newest.delivered < ack.delivered);
        assert!(ack.newest.first_sent_at <= ack.newest.sent_at && ack.newest.delivered_at <= ack.now);
        assert_eq!(
            ack.rtt,
            (!ack.newest.repeated).then(|| ack.now.saturating_duration_since(ack.newest.sent_at))
        );
        self.said.samples += usize::from(!ack.newest.app_limited);
    }
    fn on_loss(&mut self, _: &Loss) {}
    fn on_timeout(&mut self, _: Instant, _: u32) {}
    fn on_idle(&mut self, _: Duration, _: Duration) {}
    fn window(&self) -> usize {
        // What the test reads comes out where a window is shown.
        20_000 + self.said.samples
    }
    fn threshold(&self) -> usize {
        usize::MAX
    }
    fn is_recovering(&self) -> bool {
        false
    }
    fn pacing_rate(&self, _: Duration) -> Option<u64> {
        None
    }
    fn send_at(&self) -> Option<Instant> {
        self.next_at
    }
    fn duplicate(&self) -> Box<dyn CongestionControl> {
        Box::new(self.clone())
    }
}

#[test]
fn an_algorithm_of_the_callers_own_decides_when_packets_leave() {
    let algorithm = Algorithm::new("metronome", |start: &Start| {
        Box::new(Metronome { mtu: start.mtu, ..Metronome::default() })
    });
    let config = Config { congestion: algorithm, sack_delay: Duration::ZERO, ..Config::default() };
    let mut world = World::connected_with(ms(25), &config, &config);
    world.to_z.log = Some(Vec::new());
    world.send(1, vec![1; 50_000]);
    world.run(ms(2000));
    assert_eq!(world.received(1)[0].len(), 50_000);
    let log = world.to_z.log.take().unwrap();
    let times: Vec<_> = log.iter().filter(|(_, packet)| holds(packet, "DATA")).map(|(at, _)| *at).collect();
    assert_eq!(times.len(), 50_000_usize.div_ceil(1172));
    for pair in times.windows(2) {
        let [before, after] = pair else { continue };
        assert_eq!(after.saturating_duration_since(*before), ms(10));
    }
    // While there is more than a window to send the path is measured, then the application.
    let samples = world.a.sctp.stats().cwnd_bytes - 20_000;
    assert!((20..36).contains(&samples), "{samples} of {}", times.len());
    let _fork = world.a.sctp.fork();
}
