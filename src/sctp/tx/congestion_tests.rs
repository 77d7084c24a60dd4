//! `NewReno` by itself: what windows grow and fall by.

use super::*;

const MTU: usize = 1200;

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn ack(millis: u64, bytes: usize, in_flight: usize, cumulative: u64) -> Ack {
    Ack {
        now: at(millis),
        bytes,
        in_flight,
        cumulative,
        advanced: true,
        newest: Delivery::default(),
        rtt: Some(Duration::from_millis(50)),
        delivered: 0,
        highest_sent: cumulative + 100,
    }
}

fn loss(highest_sent: u64) -> Loss {
    Loss { now: at(1), bytes: MTU, in_flight: 0, highest_sent }
}

fn reno(window: usize) -> NewReno {
    let mut reno = NewReno::new(MTU, window, 16);
    reno.begin(1 << 22);
    reno
}

#[test]
fn slow_start_ends_when_the_round_trip_grows() {
    let mut reno = reno(100);
    let mut cumulative = 0;
    // Rounds of 20 acknowledgements at 50 ms, then at 80: a queue has begun to fill.
    for rtt in [50, 50, 80, 80] {
        for _ in 0..20 {
            cumulative += 10;
            let mut each = ack(cumulative, MTU, reno.window(), cumulative);
            each.rtt = Some(Duration::from_millis(rtt));
            each.highest_sent = cumulative + 190;
            reno.on_ack(&each);
        }
    }
    assert!(reno.threshold() <= reno.window(), "{} {}", reno.threshold(), reno.window());
    assert!(reno.window() < 100 * MTU + 80 * MTU);
}

#[test]
fn a_steady_round_trip_ends_nothing() {
    let mut reno = reno(100);
    for n in 1..80 {
        reno.on_ack(&ack(n, MTU, reno.window(), n * 10));
    }
    assert_eq!((reno.window(), reno.threshold()), (179 * MTU, 1 << 22));
}

#[test]
fn one_acknowledgement_of_much_leaps_to_the_threshold_at_most() {
    let mut reno = reno(10);
    reno.on_loss(&loss(10));
    reno.on_timeout(at(2), 1);
    assert_eq!((reno.window(), reno.threshold()), (MTU, 4 * MTU));
    reno.on_ack(&ack(3, 50 * MTU, 50 * MTU, 20));
    assert_eq!(reno.window(), 5 * MTU);
}

#[test]
fn the_threshold_is_never_below_four_packets() {
    let mut reno = reno(2);
    reno.on_loss(&loss(10));
    assert_eq!(reno.window(), 4 * MTU);
}

#[test]
fn an_idle_window_falls_by_half_per_timeout_to_where_it_began() {
    let mut reno = reno(10);
    for n in 1..100 {
        reno.on_ack(&ack(n, 10 * MTU, reno.window(), n * 10));
    }
    let before = reno.window();
    reno.on_idle(Duration::from_millis(250), Duration::from_millis(200));
    assert_eq!(reno.window(), before / 2);
    reno.on_idle(Duration::from_secs(100_000), Duration::from_millis(200));
    assert_eq!(reno.window(), 10 * MTU);
    // A window that is less is left alone.
    reno.on_timeout(at(1), 1);
    reno.on_idle(Duration::from_secs(100), Duration::from_millis(200));
    assert_eq!(reno.window(), MTU);
}

#[test]
fn small_windows_are_not_spread_and_large_ones_faster_than_they_drain() {
    let mut reno = reno(10);
    let srtt = Duration::from_millis(100);
    assert_eq!(reno.pacing_rate(srtt), None);
    for n in 1..100 {
        reno.on_ack(&ack(n, 10 * MTU, reno.window(), n * 10));
    }
    let window = reno.window() as u64;
    assert_eq!(
        reno.pacing_rate(srtt),
        Some(window * 2 * 10),
        "twice the window per round trip in slow start"
    );
    reno.on_loss(&loss(2000));
    assert_eq!(reno.pacing_rate(srtt), Some(reno.window() as u64 * 10 * 5 / 4));
    assert_eq!(reno.pacing_rate(Duration::ZERO), None);
}

#[test]
fn another_packet_length_scales_what_is_counted_in_packets() {
    let mut reno = reno(10);
    reno.set_mtu(600);
    reno.on_timeout(at(1), 1);
    assert_eq!(reno.window(), 600);
    reno.set_mtu(1400);
    assert_eq!(reno.window(), 1400, "one packet fits always");
}

/// A caller of long ticks takes all that a window brings at once: the acknowledgement that completes it finds the window empty.
#[test]
fn a_window_whose_acknowledgements_come_together_grows() {
    let mut reno = reno(10);
    reno.on_loss(&loss(0));
    reno.on_ack(&ack(1, MTU, MTU, 0));
    assert!(!reno.is_recovering());
    let before = reno.window();
    let mut cumulative = 0;
    for round in 1..=20 {
        let mut in_flight = reno.window();
        while in_flight > 0 {
            let bytes = in_flight.min(2 * MTU);
            cumulative += 2;
            reno.on_ack(&ack(50 * round, bytes, in_flight, cumulative));
            in_flight -= bytes;
        }
    }
    // §7.2.2: one packet a round.
    assert_eq!(reno.window(), before + 20 * MTU);
}

/// §7.2.2: what does not use its window is not given more.
#[test]
fn a_window_of_which_little_is_used_does_not_grow() {
    let mut reno = reno(40);
    reno.on_loss(&loss(0));
    reno.on_ack(&ack(1, MTU, MTU, 0));
    let before = reno.window();
    for round in 1..=200 {
        reno.on_ack(&ack(50 * round, 2 * MTU, before / 3, round));
    }
    assert_eq!(reno.window(), before);
}
