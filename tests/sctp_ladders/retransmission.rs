//! What reports and timers send again (RFC 9260 §6.3, §7.2.4).

use antiphon::sctp::{CloseReason, Config, Event, State};
use core::time::Duration;

use crate::sctp_common::hand::Hand;
use crate::sctp_common::*;

const ROOM: u32 = 1 << 20;

/// An association with `count` chunks of 1000 bytes in flight.
fn flying(count: u32) -> Hand {
    let config = Config { initial_window_packets: 100, burst_packets: 200, ..Config::default() };
    let mut hand = Hand::established(&config);
    for _ in 0..count {
        hand.send(1, 1000);
    }
    assert_eq!(hand.took_data(), (0..count).collect::<Vec<_>>());
    hand
}

#[test]
fn three_reports_that_pass_a_chunk_over_send_it_again_at_once() {
    let mut hand = flying(6);
    hand.wait(ms(50));
    hand.give_sack(1, &[], ROOM);
    for last in 2..4 {
        hand.give_sack(1, &[(2, last)], ROOM);
        assert_eq!(hand.took_data(), []);
    }
    hand.give_sack(1, &[(2, 4)], ROOM);
    assert_eq!(hand.took_data(), [1]);
    let stats = hand.sctp.stats();
    assert_eq!((stats.fast_retransmits, stats.timeout_retransmits, stats.recoveries), (1, 0, 1));
    hand.give_sack(6, &[], ROOM);
    assert_eq!(hand.sctp.stats().in_flight_bytes, 0);
}

#[test]
fn the_same_report_counts_once() {
    let mut hand = flying(4);
    for _ in 0..10 {
        hand.give_sack(0, &[(2, 3)], ROOM);
    }
    assert_eq!(hand.took_data(), []);
    assert_eq!(hand.sctp.stats().fast_retransmits, 0);
}

#[test]
fn all_that_one_report_shows_lost_is_sent_again_without_waiting_for_reports_about_each() {
    let mut hand = flying(10);
    hand.give_sack(0, &[(4, 4)], ROOM);
    hand.give_sack(0, &[(4, 4), (6, 6)], ROOM);
    hand.give_sack(0, &[(4, 4), (6, 6), (8, 8)], ROOM);
    assert_eq!(hand.took_data(), [0, 1, 2]);
    hand.give_sack(0, &[(4, 4), (6, 6), (8, 8), (10, 10)], ROOM);
    assert_eq!(hand.took_data(), [4]);
    assert_eq!(hand.sctp.stats().recoveries, 1, "one fall of the window for all of them");
}

// RFC 9260 §7.2.4 step 5 leaves a repeated chunk that is lost to T3. Here it is seen like any other: by reports of what was sent after it.
#[test]
fn a_repeated_chunk_that_is_lost_is_seen_by_reports_of_what_was_sent_after_it() {
    let mut hand = flying(4);
    hand.wait(ms(50));
    hand.give_sack(0, &[(2, 2)], ROOM);
    hand.give_sack(0, &[(2, 3)], ROOM);
    hand.give_sack(0, &[(2, 4)], ROOM);
    assert_eq!(hand.took_data(), [0]);
    for _ in 4..8 {
        hand.send(1, 1000);
    }
    assert_eq!(hand.took_data(), [4, 5, 6, 7]);
    hand.wait(ms(50));
    hand.give_sack(0, &[(2, 5)], ROOM);
    hand.give_sack(0, &[(2, 6)], ROOM);
    assert_eq!(hand.took_data(), []);
    hand.give_sack(0, &[(2, 7)], ROOM);
    assert_eq!(hand.took_data(), [0]);
    let stats = hand.sctp.stats();
    assert_eq!((stats.fast_retransmits, stats.t3_timeouts), (2, 0));
}

#[test]
fn reports_of_what_was_sent_before_a_repetition_say_nothing_about_it() {
    let mut hand = flying(12);
    for last in 2..5 {
        hand.give_sack(0, &[(2, last)], ROOM);
    }
    assert_eq!(hand.took_data(), [0]);
    for last in 5..=12 {
        hand.give_sack(0, &[(2, last)], ROOM);
        assert_eq!(hand.took_data(), [], "all these were on their way before");
    }
}

#[test]
fn t3_sends_what_is_unacknowledged_again_a_packet_first() {
    let mut hand = flying(3);
    hand.wait(ms(999));
    assert_eq!(hand.took_data(), []);
    hand.wait(ms(1));
    // RFC 9260 §7.2.1: "only one packet is allowed to be in flight until successful acknowledgement".
    assert_eq!(hand.took_data(), [0]);
    hand.give_sack(1, &[], ROOM);
    assert_eq!(hand.took_data(), [1, 2]);
    let stats = hand.sctp.stats();
    assert_eq!((stats.t3_timeouts, stats.timeout_retransmits, stats.fast_retransmits), (1, 3, 0));
}

#[test]
fn t3_starts_again_with_each_advance_and_with_the_repetition_of_the_first_chunk() {
    let mut hand = flying(6);
    hand.wait(ms(900));
    hand.give_sack(1, &[], ROOM);
    let rto = hand.sctp.stats().rto;
    hand.wait(rto - ms(1));
    assert_eq!(hand.took_data(), []);
    // Reports without an advance leave the timer alone; the repetition of the first chunk moves it.
    for last in 2..5 {
        hand.give_sack(1, &[(2, last)], ROOM);
    }
    assert_eq!(hand.took_data(), [1]);
    hand.wait(rto - ms(1));
    assert_eq!(hand.took_data(), []);
    hand.wait(ms(1));
    assert_eq!(hand.took_data(), [1]);
}

#[test]
fn t3_doubles_until_a_round_trip_is_measured() {
    let mut hand = flying(1);
    let mut times = Vec::new();
    for _ in 0..4 {
        let from = hand.now;
        while hand.sent.is_empty() {
            hand.wait(ms(10));
        }
        hand.took();
        times.push(hand.now.saturating_duration_since(from));
    }
    assert_eq!(times, [1000, 2000, 4000, 8000].map(ms));
    // The acknowledgement may be of any of the five: no measurement, and the timeout stays (Karn).
    hand.give_sack(1, &[], ROOM);
    hand.send(1, 100);
    hand.took();
    hand.wait(ms(15_000));
    assert_eq!(hand.took_data(), []);
    hand.wait(ms(1000));
    assert_eq!(hand.took_data(), [1]);
    hand.give_sack(2, &[], ROOM);
    hand.send(1, 100);
    hand.wait(ms(40));
    hand.give_sack(3, &[], ROOM);
    assert_eq!(hand.sctp.stats().smoothed_rtt, ms(40));
    hand.took();
    hand.send(1, 100);
    hand.took();
    hand.wait(ms(290));
    assert_eq!(hand.took_data(), [3]);
}

#[test]
fn the_last_repetition_may_still_be_answered() {
    let config = Config { max_retransmits: Some(2), ..Config::default() };
    let mut hand = Hand::established(&config);
    hand.send(1, 100);
    hand.wait(Duration::from_secs(5));
    assert_eq!(hand.took_data(), [0, 0, 0]);
    hand.give_sack(1, &[], ROOM);
    // The count begins again.
    hand.send(1, 100);
    hand.wait(Duration::from_secs(20));
    assert_eq!(hand.sctp.state(), State::Established);
    hand.give_sack(2, &[], ROOM);
    hand.wait(Duration::from_secs(100));
    assert_eq!(hand.events.iter().filter(|event| matches!(event, Event::Closed(_))).count(), 0);
}

#[test]
fn so_many_timeouts_in_a_row_end_the_association() {
    for max in [0, 1, 10] {
        let config =
            Config { max_retransmits: Some(max), rto_max: Duration::from_secs(2), ..Config::default() };
        let mut hand = Hand::established(&config);
        hand.send(1, 100);
        hand.wait(Duration::from_secs(60));
        let mut expected = vec![vec!["DATA"]; max as usize + 1];
        expected.push(vec!["ABORT"]);
        assert_eq!(hand.names(), expected);
        assert_eq!(hand.events.last(), Some(&Event::Closed(CloseReason::Unreachable)));
    }
    // Never, by default: ICE's consent decides.
    let mut hand = Hand::established(&Config::default());
    hand.send(1, 100);
    hand.wait(Duration::from_secs(100_000));
    assert_eq!(hand.sctp.state(), State::Established);
}

#[test]
fn a_report_that_cannot_be_is_refused() {
    let mut hand = flying(3);
    hand.give_sack(4, &[], ROOM); // of what was never sent
    hand.give_sack(u32::MAX - 5, &[], ROOM); // of the past
    hand.give_sack(1 << 31, &[], ROOM);
    assert_eq!(hand.sctp.stats().drops.bad_sack, 3);
    assert_eq!(hand.sctp.stats().in_flight_bytes, 3000);
    // Gap blocks of nothing in flight, upside down, from zero, overlapping.
    hand.give_sack(0, &[(10, 20), (3, 2), (0, 1), (500, 65_535)], ROOM);
    assert_eq!(hand.sctp.stats().in_flight_bytes, 3000);
    hand.give_sack(0, &[(1, 65_535)], ROOM);
    assert_eq!(hand.sctp.stats().in_flight_bytes, 3000, "what is behind the cumulative TSN is not there");
    hand.give_sack(0, &[(2, 2), (2, 3), (2, 65_535)], ROOM);
    assert_eq!(hand.sctp.stats().in_flight_bytes, 1000, "overlapping blocks count once");
    hand.give_sack(3, &[], ROOM);
    assert_eq!(hand.sctp.state(), State::Established);
}

#[test]
fn a_report_older_than_one_before_changes_nothing() {
    let mut hand = flying(5);
    hand.give_sack(3, &[], ROOM);
    hand.give_sack(2, &[], 0);
    assert_eq!(hand.sctp.stats().drops.bad_sack, 1);
    assert_eq!(hand.sctp.stats().peer_window_bytes, ROOM as usize - 2000);
}

// RFC 9260 §3.3.4 seen from the other side.
#[test]
fn the_example_of_the_standard() {
    let mut hand = flying(8);
    hand.give_sack(3, &[(2, 3), (5, 5)], ROOM);
    assert_eq!(hand.sctp.stats().in_flight_bytes, 2000);
    hand.give_sack(3, &[(2, 3), (5, 5)], ROOM);
    assert_eq!(hand.sctp.stats().in_flight_bytes, 2000);
}

#[test]
fn a_peer_that_takes_back_what_it_reported_gets_it_again() {
    let mut hand = flying(4);
    hand.give_sack(1, &[(2, 3)], ROOM);
    assert_eq!(hand.sctp.stats().in_flight_bytes, 1000);
    // It has chunk 1 now, and 2 and 3 no more: else its cumulative TSN would cover them.
    hand.give_sack(2, &[], ROOM);
    assert_eq!(hand.took_data(), [2]);
    hand.give_sack(3, &[], ROOM);
    assert_eq!(hand.took_data(), [3]);
}

#[test]
fn the_round_trip_is_measured_of_what_was_sent_once() {
    let mut hand = flying(2);
    hand.wait(ms(70));
    hand.give_sack(1, &[], ROOM);
    assert_eq!(hand.sctp.stats().smoothed_rtt, ms(70));
    hand.wait_for_packet();
    assert_eq!(hand.took_data(), [1]);
    hand.wait(ms(5));
    hand.give_sack(2, &[], ROOM);
    assert_eq!(hand.sctp.stats().smoothed_rtt, ms(70));
}

#[test]
fn the_second_packet_of_many_lost_costs_no_timeout() {
    let mut world = World::connected(ms(25));
    let mut data_packets = 0;
    world.to_z.fate = Some(Box::new(move |_, packet| {
        data_packets += u32::from(holds(packet, "DATA"));
        if data_packets == 2 && holds(packet, "DATA") { Fate::Drop } else { Fate::Deliver }
    }));
    world.send(1, vec![7; 100_000]);
    world.run(ms(2000));
    assert_eq!(world.received(1)[0].len(), 100_000);
    let stats = world.a.sctp.stats();
    assert_eq!((stats.t3_timeouts, stats.fast_retransmits), (0, 1));
}

#[test]
fn the_first_message_may_be_lost() {
    let mut world = World::connected(ms(25));
    world.to_z.lose(0);
    world.send(1, "first");
    world.run(ms(10));
    world.send(1, "second");
    world.run(ms(3000));
    assert_eq!(world.received(1), ["first", "second"]);
}

#[test]
fn reordering_without_loss_repeats_nothing() {
    let mut world = World::connected(ms(25));
    // Every seventh packet is overtaken by the two behind it.
    world.to_z.fate =
        Some(Box::new(|index, _| if index % 7 == 0 { Fate::Delay(ms(25)) } else { Fate::Deliver }));
    for n in 0..500_u32 {
        world.send(1, vec![n.to_be_bytes()[3]; 1100]);
        world.run(ms(10));
    }
    world.run(ms(1000));
    let stats = world.a.sctp.stats();
    assert_eq!((stats.fast_retransmits, stats.timeout_retransmits), (0, 0));
    assert_eq!(world.received(1).len(), 500);
}

// RFC 9260 §8.1
#[test]
fn an_acknowledgement_starts_the_count_of_timeouts_again() {
    let mut hand = Hand::established(&Config { max_retransmits: Some(3), ..Config::default() });
    for round in 1..=3 {
        hand.send(1, 100);
        while hand.sctp.stats().t3_timeouts < 3 * u64::from(round) {
            hand.now = hand.deadline.unwrap();
            hand.poll();
        }
        hand.give_sack(round, &[], ROOM);
        assert_eq!(hand.sctp.state(), State::Established);
    }
}
