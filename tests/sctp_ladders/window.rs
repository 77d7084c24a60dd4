//! The peer's window and ours (RFC 9260 §6.1, §6.2).

use antiphon::sctp::Config;
use core::time::Duration;

use crate::sctp_common::hand::{Hand, WHOLE};
use crate::sctp_common::*;

#[test]
fn no_more_is_sent_than_the_peer_has_room_for() {
    let mut hand = Hand::established(&Config::default());
    hand.give_sack(0, &[], 3000);
    for _ in 0..10 {
        hand.send(1, 1000);
    }
    assert_eq!(hand.took_data(), [0, 1, 2]);
    hand.give_sack(3, &[], 2000);
    assert_eq!(hand.took_data(), [3, 4]);
}

// RFC 9260 §6.1 A: "SHOULD send the first zero window probe after 1 RTO when it detects that the receiver has closed its window and
// SHOULD increase the probe interval exponentially afterwards."
#[test]
fn a_closed_window_is_first_asked_after_a_timeout_and_then_ever_more_rarely() {
    for taken in [false, true] {
        let mut hand = Hand::established(&Config::default());
        hand.send(1, 1000);
        assert_eq!(hand.took_data(), [0]);
        hand.give_sack(1, &[], 0);
        let mut rto = hand.sctp.stats().rto;
        for _ in 0..6 {
            hand.send(1, 1000);
        }
        assert_eq!(hand.took().len(), 0);
        let mut closed_at = hand.now;
        for n in 0..5 {
            hand.wait_for_packet();
            assert_eq!(hand.now.saturating_duration_since(closed_at), rto * (1 << n), "probe {n}, {taken}");
            assert_eq!(hand.took_data(), [if taken { n + 1 } else { 1 }]);
            hand.give_sack(if taken { n + 2 } else { 1 }, &[], 0);
            assert_eq!(hand.took().len(), 0);
            (closed_at, rto) = (hand.now, hand.sctp.stats().rto);
        }
        assert_eq!(
            hand.sctp.stats().cwnd_bytes,
            Hand::established(&Config::default()).sctp.stats().cwnd_bytes
        );
    }
}

#[test]
fn a_window_that_opens_is_used_at_once() {
    let mut hand = Hand::established(&Config::default());
    hand.send(1, 1000);
    hand.took();
    hand.give_sack(1, &[], 0);
    for _ in 0..8 {
        hand.send(1, 1000);
    }
    assert_eq!(hand.took().len(), 0);
    hand.give_sack(1, &[], 3000);
    assert_eq!(hand.took_data(), [1, 2, 3]);
    // Closed again, and opened before the timeout.
    hand.give_sack(4, &[], 0);
    hand.wait(hand.sctp.stats().rto / 2);
    assert_eq!(hand.took().len(), 0);
    hand.give_sack(4, &[], 100_000);
    assert_eq!(hand.took_data(), [4, 5, 6, 7, 8]);
    // And where it opened after a probe, the timeout is what it was.
    hand.give_sack(9, &[], 0);
    hand.send(1, 1000);
    hand.wait(Duration::from_secs(20));
    assert!(hand.took().len() > 3);
    hand.give_sack(10, &[], 100_000);
    let rto = hand.sctp.stats().rto;
    hand.send(1, 1000);
    hand.took();
    let sent_at = hand.now;
    hand.wait_for_packet();
    assert_eq!(hand.now.saturating_duration_since(sent_at), rto);
}

// Too little room for the next chunk is none: nothing is cut to fit, and nothing sent beyond it but to ask.
#[test]
fn a_window_too_small_for_the_next_chunk_is_as_good_as_closed() {
    let mut hand = Hand::established(&Config::default());
    hand.send(1, 1000);
    hand.took();
    hand.give_sack(1, &[], 600);
    hand.send(1, 500);
    hand.send(1, 1000);
    assert_eq!(hand.took_data(), [1]);
    hand.give_sack(2, &[], 600);
    assert_eq!(hand.took().len(), 0);
    let closed_at = hand.now;
    // That it is still so starts no time again.
    hand.wait(hand.sctp.stats().rto / 2);
    hand.give_sack(2, &[], 600);
    hand.wait_for_packet();
    assert_eq!(hand.now.saturating_duration_since(closed_at), hand.sctp.stats().rto);
    assert_eq!(hand.took_data(), [2]);
}

#[test]
fn a_closed_window_is_asked_with_one_packet_at_a_time_and_opens_again() {
    let mut hand = Hand::established(&Config::default());
    hand.give_sack(0, &[], 0);
    for _ in 0..5 {
        hand.send(1, 1000);
    }
    hand.wait_for_packet();
    assert_eq!(hand.took_data(), [0]);
    let mut asked = 0;
    for _ in 0..100 {
        hand.wait(ms(1000));
        let again = hand.took_data();
        asked += again.len();
        if !again.is_empty() {
            assert_eq!(again, [0]);
            hand.give_sack(0, &[], 0);
        }
    }
    // Doubled each time up to a minute.
    assert!((5..=8).contains(&asked), "{asked}");
    assert_eq!(
        hand.sctp.stats().ssthresh_bytes,
        1 << 20,
        "that the peer has no room says nothing about the path"
    );
    // It opens: what was not taken leaves at once, without waiting for a timer of a minute.
    hand.give_sack(0, &[], 100_000);
    assert_eq!(hand.took_data(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_reader_who_comes_back_after_long_gets_everything() {
    for lost_update in [false, true] {
        let config =
            Config { receive_window: 100_000, max_receive_message_size: 50_000, ..Config::default() };
        let mut world = World::connected_with(ms(10), &Config::default(), &config);
        for n in 0..100_u8 {
            world.send(1, vec![n; 10_000]);
        }
        world.run(Duration::from_secs(600));
        assert!(world.z.sctp.stats().held_bytes <= 150_000);
        let held = world.received(1);
        assert!(held.len() < 20);
        if lost_update {
            // The SACK that tells of the room is lost: a probe of the sender's finds it.
            let now_at = world.to_a.carried;
            world.to_a.fate =
                Some(Box::new(move |index, _| if index == now_at { Fate::Drop } else { Fate::Deliver }));
        }
        let mut got = held;
        let begun = world.now;
        while got.len() < 100 {
            world.run(ms(10));
            got.extend(world.received(1));
            assert!(world.now.saturating_duration_since(begun) < Duration::from_secs(70), "{}", got.len());
        }
        assert!(got.iter().enumerate().all(|(n, data)| data.iter().all(|byte| usize::from(*byte) == n)));
    }
}

#[test]
fn a_window_full_of_fragments_does_not_keep_out_the_one_that_completes_them() {
    let config = Config { receive_window: 20_000, max_receive_message_size: 20_000, ..Config::default() };
    let mut world = World::connected_with(ms(10), &Config::default(), &config);
    // The second packet is lost while the window fills behind it.
    world.to_z.lose(1);
    world.send(1, vec![1; 20_000]);
    world.send(1, vec![2; 20_000]);
    let mut got = Vec::new();
    world.run_with(Duration::from_secs(30), |world| got.extend(world.received(1)));
    assert_eq!(got.iter().map(bytes::Bytes::len).collect::<Vec<_>>(), [20_000, 20_000]);
}

#[test]
fn data_beyond_the_window_is_dropped_and_counted_and_what_fills_a_gap_is_not() {
    let config = Config { receive_window: 10_000, max_receive_message_size: 10_000, ..Config::default() };
    let mut hand = Hand::established(&config);
    for n in 1..=30 {
        hand.give_data(n, 1, u16::try_from(n).unwrap(), WHOLE, &[1; 1000]);
    }
    let stats = hand.sctp.stats();
    assert!(stats.held_bytes <= 15_000, "{}", stats.held_bytes);
    assert!(stats.drops.window >= 15);
    hand.give_data(0, 1, 0, WHOLE, &[1; 1000]);
    let taken = hand.read().len();
    assert!(taken >= 10, "{taken}");
    assert_eq!(hand.sctp.stats().held_bytes, 0);
}

#[test]
fn what_a_full_peer_threw_away_leaves_again_as_soon_as_there_is_room() {
    let mut hand = Hand::established(&Config::default());
    for _ in 0..5 {
        hand.send(1, 1000);
    }
    assert_eq!(hand.took_data(), [0, 1, 2, 3, 4]);
    // The peer took two and had no room for more; then the timer runs out again and again, up to a minute apart.
    hand.give_sack(2, &[], 0);
    hand.wait(Duration::from_secs(130));
    assert!(hand.took_data().len() >= 5);
    hand.give_sack(2, &[], 100_000);
    assert_eq!(hand.took_data(), [2]);
    hand.give_sack(3, &[], 100_000);
    assert_eq!(hand.took_data(), [3, 4]);
}
