//! When a SACK leaves and what it says (RFC 9260 §6.2, RFC 7053).

use antiphon::sctp::Config;
use antiphon::wire::sctp::DataFlags;
use core::time::Duration;

use crate::sctp_common::hand::{self, Hand, Report, WHOLE};
use crate::sctp_common::ms;

/// An association that has acknowledged its first packet.
fn begun() -> Hand {
    let mut hand = Hand::established(&Config::default());
    hand.give_data(0, 1, 0, WHOLE, b"0");
    assert_eq!(hand.took_sack().map(|sack| sack.acknowledged), Some(1));
    hand
}

/// Gap blocks.
type Blocks = &'static [(u16, u16)];

/// The peer sends chunk `n`, a message of its own stream.
fn give(hand: &mut Hand, n: u32) {
    hand.give_data(n, u16::try_from(n % 100).unwrap(), 0, DataFlags { unordered: true, ..WHOLE }, b"x");
}

fn gaps(hand: &mut Hand) -> (u32, Vec<(u16, u16)>) {
    hand.took_sack().map(|sack| (sack.acknowledged, sack.gaps)).unwrap()
}

#[test]
fn the_first_packet_at_once_then_every_second_and_a_single_one_after_the_delay() {
    let mut hand = begun();
    give(&mut hand, 1);
    assert_eq!(hand.took_sack(), None);
    give(&mut hand, 2);
    assert_eq!(gaps(&mut hand), (3, vec![]));
    give(&mut hand, 3);
    hand.wait(ms(199));
    assert_eq!(hand.took_sack(), None);
    hand.wait(ms(1));
    assert_eq!(gaps(&mut hand), (4, vec![]));
    hand.wait(Duration::from_secs(20));
    assert_eq!(hand.took_sack(), None, "time alone acknowledges nothing");
}

#[test]
fn packets_count_not_chunks() {
    let mut hand = begun();
    hand.give(|packet| {
        for n in 1..5 {
            packet.data(&hand::data(n, 1, u16::try_from(n).unwrap(), WHOLE, b"x")).unwrap();
        }
    });
    assert_eq!(hand.took_sack(), None);
}

#[test]
fn the_i_bit_is_answered_at_once() {
    let mut hand = begun();
    hand.give_data(1, 1, 1, DataFlags { immediate: true, ..WHOLE }, b"x");
    assert_eq!(gaps(&mut hand), (2, vec![]));
}

#[test]
fn every_packet_is_answered_while_there_are_gaps_and_the_one_that_fills_the_last() {
    let mut hand = begun();
    give(&mut hand, 2);
    assert_eq!(gaps(&mut hand), (1, vec![(2, 2)]));
    give(&mut hand, 3);
    assert_eq!(gaps(&mut hand), (1, vec![(2, 3)]));
    give(&mut hand, 1);
    assert_eq!(gaps(&mut hand), (4, vec![]));
    give(&mut hand, 4);
    assert_eq!(hand.took_sack(), None);
}

#[test]
fn a_repeated_chunk_is_reported_once_and_at_once() {
    let mut hand = begun();
    give(&mut hand, 0);
    let sack = hand.took_sack().unwrap();
    assert_eq!((sack.acknowledged, sack.duplicates), (1, vec![0]));
    give(&mut hand, 2);
    assert_eq!(hand.took_sack().unwrap().duplicates, Vec::<u32>::new());
    give(&mut hand, 2);
    assert_eq!(hand.took_sack().unwrap().duplicates, [2]);
}

#[test]
fn no_more_duplicates_are_reported_than_the_limit() {
    let mut hand = begun();
    hand.give(|packet| {
        for _ in 0..40 {
            packet.data(&hand::data(0, 1, 0, WHOLE, b"0")).unwrap();
        }
    });
    assert_eq!(hand.took_sack().unwrap().duplicates, [0; antiphon::base::limits::SCTP_MAX_DUPLICATES]);
    assert_eq!(hand.sctp.stats().duplicates_received, 40);
}

// The cases of a set of ranges: add, grow left and right, merge, cut by the cumulative TSN at begin, middle and end.
#[test]
fn gap_blocks_are_what_has_arrived() {
    let mut hand = begun();
    let steps: [(u32, u32, Blocks); 12] = [
        (5, 1, &[(5, 5)]),
        (4, 1, &[(4, 5)]),
        (6, 1, &[(4, 6)]),
        (9, 1, &[(4, 6), (9, 9)]),
        (12, 1, &[(4, 6), (9, 9), (12, 12)]),
        (8, 1, &[(4, 6), (8, 9), (12, 12)]),
        (7, 1, &[(4, 9), (12, 12)]),
        (1, 2, &[(3, 8), (11, 11)]),
        (2, 3, &[(2, 7), (10, 10)]),
        (3, 10, &[(3, 3)]),
        (10, 11, &[(2, 2)]),
        (11, 13, &[]),
    ];
    for (n, acknowledged, blocks) in steps {
        give(&mut hand, n);
        assert_eq!(gaps(&mut hand), (acknowledged, blocks.to_vec()), "after {n}");
    }
    assert_eq!(hand.sctp.stats().data_chunks_received, 13);
}

// RFC 9260 §3.3.4: 10, 11, 12, 14, 15, 17 have arrived, 13 and 16 are missing.
#[test]
fn the_example_of_the_standard() {
    let mut hand = begun();
    for n in [1, 2, 4, 5, 7] {
        give(&mut hand, n);
    }
    assert_eq!(gaps(&mut hand), (3, vec![(2, 3), (5, 5)]));
}

// RFC 3758 §3.6: the cumulative TSN moves to the new one and on over what is there.
#[test]
fn forward_tsn_moves_the_acknowledgement_and_what_it_skips_is_refused() {
    let mut hand = begun();
    for n in [3, 5] {
        give(&mut hand, n);
    }
    let forward = |hand: &mut Hand, n: u32| {
        let tsn = hand::data(n, 0, 0, WHOLE, b"").tsn;
        hand.give(|packet| packet.forward_tsn(tsn, []).unwrap());
    };
    forward(&mut hand, 2);
    assert_eq!(gaps(&mut hand), (4, vec![(2, 2)]));
    forward(&mut hand, 4);
    assert_eq!(gaps(&mut hand), (6, vec![]));
    let held = hand.sctp.stats().held_bytes;
    give(&mut hand, 2);
    let sack = hand.took_sack().unwrap();
    assert_eq!((sack.acknowledged, sack.duplicates), (6, vec![2]));
    assert_eq!(hand.sctp.stats().held_bytes, held);
    // One that is old is answered, for our SACK may have been lost; one too far ahead is not believed.
    forward(&mut hand, 4);
    assert_eq!(gaps(&mut hand).0, 6);
    forward(&mut hand, 80_000);
    assert_eq!(gaps(&mut hand).0, 6);
    assert_eq!(hand.sctp.stats().drops.bad_forward_tsn, 1);
}

#[test]
fn a_chunk_beyond_what_a_gap_block_can_tell_is_not_taken() {
    let mut hand = begun();
    give(&mut hand, 65_535);
    assert_eq!(gaps(&mut hand), (1, vec![(65_535, 65_535)]));
    give(&mut hand, 65_536);
    assert_eq!(gaps(&mut hand), (1, vec![(65_535, 65_535)]));
    assert_eq!(hand.sctp.stats().drops.tsn_range, 1);
    // Half of all numbers away is the past.
    give(&mut hand, 1 << 31);
    assert_eq!(hand.sctp.stats().duplicates_received, 1);
}

#[test]
fn no_more_gap_blocks_are_reported_than_fit_a_packet() {
    let mut hand = begun();
    for n in 1..1000 {
        give(&mut hand, n * 2);
    }
    let (acknowledged, blocks) = gaps(&mut hand);
    assert_eq!((acknowledged, blocks.len()), (1, (1200 - 12 - 16) / 4));
    assert!(blocks.iter().enumerate().all(|(n, block)| usize::from(block.0) == n * 2 + 2));
}

#[test]
fn the_window_shrinks_by_what_is_held_and_comes_back_with_the_reading() {
    let config = Config { receive_window: 100_000, max_receive_message_size: 50_000, ..Config::default() };
    let mut hand = Hand::established(&config);
    hand.give_data(0, 1, 0, WHOLE, &[7; 1000]);
    let Some(Report { a_rwnd, .. }) = hand.took_sack() else { panic!("no SACK") };
    assert!((98_000..=99_000).contains(&a_rwnd), "{a_rwnd}");
    hand.give_data(1, 1, 1, WHOLE, &[7; 1000]);
    hand.give_data(2, 1, 2, WHOLE, &[7; 1000]);
    let held = hand.sctp.stats().held_bytes;
    assert_eq!(hand.took_sack().unwrap().a_rwnd as usize, 100_000 - held);
    hand.read();
    hand.give_data(3, 1, 3, DataFlags { immediate: true, ..WHOLE }, b"x");
    hand.read();
    hand.give_data(4, 1, 4, DataFlags { immediate: true, ..WHOLE }, b"x");
    // All but what the last one costs.
    assert!(hand.took_sack().unwrap().a_rwnd > 99_600);
}

// RFC 3758 §3.6: "for the purposes of sending a SACK, the receiver MUST follow the same rules as if a DATA chunk had been received".
#[test]
fn forward_tsn_is_acknowledged_as_data_is() {
    let mut hand = begun();
    let forward = |hand: &mut Hand, n: u32| {
        let tsn = hand::data(n, 0, 0, WHOLE, b"").tsn;
        hand.give(|packet| packet.forward_tsn(tsn, []).unwrap());
    };
    // One alone after the delay, of two packets the second at once, and at once where there are gaps.
    forward(&mut hand, 1);
    assert_eq!(hand.took_sack(), None);
    hand.wait(ms(200));
    assert_eq!(gaps(&mut hand), (2, vec![]));
    give(&mut hand, 2);
    forward(&mut hand, 3);
    assert_eq!(gaps(&mut hand), (4, vec![]));
    give(&mut hand, 6);
    assert_eq!(gaps(&mut hand), (4, vec![(3, 3)]));
    forward(&mut hand, 4);
    assert_eq!(gaps(&mut hand), (5, vec![(2, 2)]));
    forward(&mut hand, 5);
    assert_eq!(gaps(&mut hand), (7, vec![]));
}
