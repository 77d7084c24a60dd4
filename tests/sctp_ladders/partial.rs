//! Messages that may be given up (RFC 3758, RFC 7496).

use antiphon::base::serial::Tsn;
use antiphon::sctp::{Config, Event, Message, Reliability, SendOptions};
use antiphon::wire::sctp::{Chunk, Packet};
use core::time::Duration;

use crate::sctp_common::hand::{FIRST, HAND_TSN, Hand, LAST, UNORDERED, WHOLE};
use crate::sctp_common::*;

const ROOM: u32 = 1 << 20;

fn retransmits(count: u16) -> SendOptions {
    SendOptions { ordered: true, reliability: Reliability::MaxRetransmits(count) }
}

fn lifetime(millis: u64) -> SendOptions {
    SendOptions { ordered: true, reliability: Reliability::MaxLifetime(ms(millis)) }
}

/// The FORWARD TSN sent since the last look: which chunk, counted from 0, and what it skips.
fn forward(hand: &mut Hand) -> Option<(u32, Vec<(u16, u16)>)> {
    let base = hand.tsn;
    let packets = hand.took();
    let mut found = None;
    for packet in &packets {
        for chunk in Packet::parse(packet).unwrap().chunks().map(Result::unwrap) {
            if let Chunk::ForwardTsn(forward) = chunk {
                let skipped = forward.streams().map(|skipped| (skipped.stream, skipped.ssn.0)).collect();
                found = Some((forward.new_cumulative_tsn.0.wrapping_sub(base), skipped));
            }
        }
    }
    found
}

#[test]
fn without_repetitions_a_lost_message_is_skipped_when_t3_runs_out() {
    let mut hand = Hand::established(&Config::default());
    hand.send_with(7, 100, retransmits(0));
    assert_eq!(hand.took_data(), [0]);
    hand.wait(ms(1000));
    assert_eq!(forward(&mut hand), Some((0, vec![(7, 0)])));
    let stats = hand.sctp.stats();
    assert_eq!((stats.messages_abandoned, stats.in_flight_bytes, stats.timeout_retransmits), (1, 0, 0));
    // It is repeated until it is acknowledged.
    hand.wait(ms(3000));
    assert_eq!(forward(&mut hand), Some((0, vec![(7, 0)])));
    hand.give_sack(1, &[], ROOM);
    hand.wait(Duration::from_secs(100));
    assert_eq!(forward(&mut hand), None);
}

#[test]
fn so_many_repetitions_and_no_more() {
    let mut hand = Hand::established(&Config::default());
    hand.send_with(1, 100, retransmits(2));
    hand.wait(Duration::from_secs(60));
    let names: Vec<_> = hand.names().into_iter().flatten().take(4).collect();
    assert_eq!(names, ["DATA", "DATA", "DATA", "FORWARD_TSN"]);
}

#[test]
fn reports_give_up_as_timers_do() {
    // Three times passed over, for each of three sendings.
    let config = Config { initial_window_packets: 100, ..Config::default() };
    let mut hand = Hand::established(&config);
    hand.send_with(1, 100, retransmits(2));
    let (mut next, mut last) = (1_u32, 1_u16);
    let mut sendings = 1;
    loop {
        for _ in 0..3 {
            hand.send(2, 1100);
            next += 1;
            last += 1;
        }
        hand.wait(ms(20));
        hand.took();
        for reported in last - 2..=last {
            hand.give_sack(0, &[(2, reported)], ROOM);
        }
        let packets: Vec<_> = hand.sent.iter().cloned().collect();
        if let Some(skipped) = forward(&mut hand) {
            assert_eq!(skipped, (0, vec![(1, 0)]));
            break;
        }
        assert!(packets.iter().any(|(_, packet)| holds(packet, "DATA")));
        sendings += 1;
        assert!(sendings <= 3, "{next}");
    }
    assert_eq!(sendings, 3);
    assert_eq!(hand.sctp.stats().t3_timeouts, 0);
}

#[test]
fn all_fragments_of_a_message_go_with_one() {
    let mut hand = Hand::established(&Config::default());
    hand.send_with(3, 5000, retransmits(0));
    hand.send(3, 100);
    let sent = hand.took_data().len() as u32;
    assert_eq!(sent, 6);
    // The third fragment is lost, all else arrives.
    hand.give_sack(2, &[(2, 4)], ROOM);
    hand.wait(ms(1500));
    assert_eq!(forward(&mut hand), Some((4, vec![(3, 0)])));
    hand.give_sack(6, &[], ROOM);
    let stats = hand.sctp.stats();
    assert_eq!((stats.messages_abandoned, stats.in_flight_bytes), (1, 0));
}

#[test]
fn a_message_given_up_before_it_has_all_left_ends_in_a_tsn_kept_for_its_end() {
    let config = Config { initial_window_packets: 3, ..Config::default() };
    let mut hand = Hand::established(&config);
    hand.send_with(3, 20_000, retransmits(0));
    let sent = hand.took_data().len() as u32;
    assert!(sent < 6);
    hand.wait(ms(1000));
    // Its TSN is one above what was sent, so that the peer's stream goes on behind it.
    assert_eq!(forward(&mut hand), Some((sent, vec![(3, 0)])));
    assert_eq!(hand.sctp.buffered_amount(3), 0);
    assert!(hand.events.contains(&Event::BufferedAmountLow(3)));
    hand.give_sack(sent + 1, &[], ROOM);
    hand.send(3, 10);
    let packet = hand.took().remove(0);
    let Some(Ok(Chunk::Data(data))) = Packet::parse(&packet).unwrap().chunks().next() else { panic!() };
    assert_eq!((data.tsn, data.ssn.0), (Tsn(hand.tsn).plus(sent + 1), 1));
}

#[test]
fn what_has_expired_before_it_leaves_takes_no_tsn() {
    let mut hand = Hand::established(&Config::default());
    hand.give_sack(0, &[], 1000);
    hand.send(1, 1000);
    hand.send_with(1, 500, lifetime(200));
    hand.send_with(2, 500, lifetime(2000));
    assert_eq!(hand.took_data(), [0]);
    hand.wait(ms(500));
    hand.give_sack(1, &[], ROOM);
    let packets = hand.took();
    let Some(Ok(Chunk::Data(data))) = Packet::parse(&packets[0]).unwrap().chunks().next() else { panic!() };
    assert_eq!((data.tsn, data.stream, data.ssn.0), (Tsn(hand.tsn).plus(1), 2, 0));
    assert_eq!((hand.sctp.stats().messages_abandoned, hand.sctp.buffered_amount(1)), (1, 0));
    // The next of the stream goes on where the expired one did not: with the number that it had not got.
    hand.send(1, 10);
    let packet = hand.took().remove(0);
    let Some(Ok(Chunk::Data(data))) = Packet::parse(&packet).unwrap().chunks().next() else { panic!() };
    assert_eq!((data.stream, data.ssn.0), (1, 1));
}

#[test]
fn a_lifetime_that_ends_in_flight_spares_the_repetition() {
    let mut hand = Hand::established(&Config::default());
    hand.send_with(1, 100, lifetime(500));
    hand.wait(ms(1000));
    assert_eq!(hand.names(), [["DATA"], ["FORWARD_TSN"]]);
    // One that lasts longer is repeated.
    let mut hand = Hand::established(&Config::default());
    hand.send_with(1, 100, lifetime(1500));
    hand.wait(ms(1000));
    assert_eq!(hand.names(), [["DATA"], ["DATA"]]);
}

#[test]
fn an_expired_message_behind_a_reliable_one_is_given_up_once_that_is_through() {
    for by_timer in [true, false] {
        let mut hand = Hand::established(&Config { initial_window_packets: 100, ..Config::default() });
        hand.send(1, 1000);
        hand.send_with(2, 1000, lifetime(100));
        for _ in 0..3 {
            hand.send(3, 1000);
        }
        hand.took();
        if by_timer {
            hand.wait(ms(1000));
        } else {
            hand.wait(ms(200));
            for last in 3..6 {
                hand.give_sack(0, &[(3, last)], ROOM);
            }
        }
        let again = hand.took_data();
        assert!(
            again.contains(&0) && !again.contains(&1),
            "the reliable one is repeated, the other is not: {again:?}"
        );
        hand.give_sack(1, &[(2, 4)], ROOM);
        assert_eq!(forward(&mut hand), Some((1, vec![(2, 0)])));
        assert_eq!(hand.sctp.stats().messages_abandoned, 1);
    }
}

#[test]
fn what_keeps_the_peer_from_later_messages_is_given_up_when_its_time_is_over() {
    let mut hand = Hand::established(&Config::default());
    hand.send_with(1, 100, lifetime(100));
    hand.send_with(1, 100, lifetime(10_000));
    hand.took();
    hand.wait(ms(150));
    // One report is enough: neither three of them nor T3 are waited for.
    hand.give_sack(0, &[(2, 2)], ROOM);
    assert_eq!(forward(&mut hand), Some((0, vec![(1, 0)])));
}

#[test]
fn the_skip_names_the_last_message_of_each_ordered_stream() {
    let mut hand = Hand::established(&Config { initial_window_packets: 100, ..Config::default() });
    for _ in 0..3 {
        hand.send_with(5, 100, retransmits(0));
        hand.send_with(2, 100, retransmits(0));
        hand.send_with(9, 100, SendOptions { ordered: false, reliability: Reliability::MaxRetransmits(0) });
    }
    hand.took();
    hand.wait(ms(1000));
    assert_eq!(forward(&mut hand), Some((8, vec![(2, 2), (5, 2)])));
}

#[test]
fn a_peer_that_does_not_know_it_gets_everything() {
    let peer = Config { partial_reliability: false, ..Config::default() };
    let mut world = World::connected_with(ms(10), &Config::default(), &peer);
    assert!(!world.a.sctp.supports_partial_reliability());
    world.to_z.loss_ppm = 300_000;
    for n in 0..30_u8 {
        let message = Message { stream: 1, ppid: 53, data: vec![n; 10].into() };
        world.a.sctp.send(world.now, &message, retransmits(0)).unwrap();
        world.run(ms(50));
    }
    world.run(Duration::from_secs(200));
    assert_eq!(world.received(1).len(), 30);
    assert_eq!(world.a.sctp.stats().messages_abandoned, 0);
}

#[test]
fn forward_tsn_frees_what_waited_behind_the_skipped() {
    let mut hand = Hand::established(&Config::default());
    // Message 0 in part, 1 whole, of one stream; fragments of an unordered one; a whole one of another stream.
    hand.give_data(1, 1, 0, LAST, b"no beginning");
    hand.give_data(2, 1, 1, WHOLE, b"behind");
    hand.give_data(3, 2, 0, antiphon::wire::sctp::DataFlags { unordered: true, ..FIRST }, b"no end");
    hand.give_data(5, 3, 1, WHOLE, b"waits for message 0");
    assert_eq!(hand.read(), [""; 0]);
    let tsn = |n: u32| Tsn(HAND_TSN).plus(n);
    let skip = |stream, ssn| antiphon::wire::sctp::Skipped { stream, ssn: antiphon::base::serial::Ssn(ssn) };
    hand.give(|packet| packet.forward_tsn(tsn(4), [skip(1, 0), skip(3, 0)]).unwrap());
    assert_eq!(hand.read(), ["behind", "waits for message 0"]);
    assert_eq!(hand.sctp.stats().held_bytes, 0, "nothing of the skipped is kept");
    // The rest of a skipped message comes too late.
    hand.give_data(0, 1, 0, FIRST, b"late");
    hand.give_data(
        4,
        2,
        0,
        antiphon::wire::sctp::DataFlags { ending: true, beginning: false, ..UNORDERED },
        b"late",
    );
    assert_eq!((hand.read().len(), hand.sctp.stats().held_bytes), (0, 0));
}

#[test]
fn many_given_up_and_many_through_under_loss() {
    for (seed, ordered) in [(1, true), (2, false), (3, true), (4, false)] {
        let mut world = World::connected(ms(20));
        world.seed(seed);
        world.to_z.loss_ppm = 100_000;
        world.to_a.loss_ppm = 100_000;
        for n in 0..400_u32 {
            let mut data = n.to_be_bytes().to_vec();
            data.resize(if n % 7 == 0 { 4000 } else { 100 }, 0);
            let reliability = match n % 3 {
                0 => Reliability::MaxRetransmits(0),
                1 => Reliability::MaxLifetime(ms(60)),
                _ => Reliability::Reliable,
            };
            let message = Message { stream: 1, ppid: 53, data: data.into() };
            world.a.sctp.send(world.now, &message, SendOptions { ordered, reliability }).unwrap();
            world.run(ms(10));
        }
        world.run(Duration::from_secs(60));
        let numbers: Vec<u32> =
            world.received(1).iter().map(|data| u32::from_be_bytes(data[..4].try_into().unwrap())).collect();
        assert!(!ordered || numbers.is_sorted());
        for n in (0..400).filter(|n| n % 3 == 2) {
            assert_eq!(numbers.iter().filter(|other| **other == n).count(), 1, "{n} is reliable");
        }
        let abandoned = world.a.sctp.stats().messages_abandoned as usize;
        assert!(abandoned > 0);
        assert!(numbers.len() + abandoned >= 400 && numbers.len() <= 400);
        assert_eq!(world.z.sctp.stats().held_bytes, 0);
        assert_eq!(world.a.sctp.stats().in_flight_bytes, 0);
    }
}

#[test]
fn a_lost_sack_of_a_forward_tsn_is_made_good() {
    let mut world = World::connected(ms(10));
    let mut forwards = 0;
    world.to_z.fate = Some(Box::new(move |_, packet| {
        let data = holds(packet, "DATA");
        forwards += u32::from(holds(packet, "FORWARD_TSN"));
        if data || forwards == 1 { Fate::Drop } else { Fate::Deliver }
    }));
    let message = Message { stream: 1, ppid: 53, data: "x".into() };
    world.a.sctp.send(world.now, &message, retransmits(0)).unwrap();
    world.run(Duration::from_secs(30));
    world.to_z.fate = None;
    world.send(1, "behind");
    world.run(ms(100));
    assert_eq!(world.received(1), ["behind"]);
}

#[test]
fn a_forward_tsn_that_is_answered_late_is_not_sent_twice() {
    let mut world = World::connected(ms(10));
    // The timeout comes down to its least, for the I bit is answered; FORWARD TSN has none.
    for _ in 0..30 {
        world.send(1, "data");
        world.run(ms(100));
    }
    let before = world.a.sctp.stats().t3_timeouts;
    world.to_z.log = Some(Vec::new());
    world.to_z.fate =
        Some(Box::new(|_, packet| if holds(packet, "DATA") { Fate::Drop } else { Fate::Deliver }));
    let message = Message { stream: 1, ppid: 53, data: "x".into() };
    world.a.sctp.send(world.now, &message, retransmits(0)).unwrap();
    world.run(Duration::from_secs(5));
    let forwards = world.to_z.log.as_ref().unwrap().iter().filter(|(_, packet)| holds(packet, "FORWARD_TSN"));
    assert_eq!(forwards.count(), 1);
    assert_eq!(world.a.sctp.stats().t3_timeouts - before, 1, "that of the message");
}
