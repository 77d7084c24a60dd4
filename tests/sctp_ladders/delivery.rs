//! Messages and their fragments on the way to the reader.

use antiphon::sctp::{CloseReason, Config, Event, Message, SendOptions};

use crate::sctp_common::hand::{FIRST, Hand, LAST, MIDDLE, UNORDERED, WHOLE, data};
use crate::sctp_common::{World, ms};

#[test]
fn small_messages_share_a_packet() {
    let mut hand = Hand::established(&Config::default());
    let message = Message { stream: 1, ppid: 53, data: vec![1; 10].into() };
    for _ in 0..30 {
        hand.sctp.send(hand.now, &message, SendOptions::default()).unwrap();
    }
    assert_eq!(hand.names(), [["DATA"; 30]]);
}

#[test]
fn a_message_is_cut_when_it_leaves_and_not_before() {
    let mut hand = Hand::established(&Config::default());
    hand.send(1, 100);
    assert_eq!(hand.took_data(), [0]);
    // While the window is closed the packet's length changes; what waits is cut to the new one.
    hand.send(1, 100_000);
    hand.took();
    hand.sctp.set_mtu(500);
    hand.give_sack(2, &[], 1 << 20);
    let packets = hand.took();
    assert!(!packets.is_empty() && packets.iter().all(|packet| packet.len() <= 500));
}

#[test]
fn one_message_is_finished_before_the_next_of_any_stream() {
    let mut hand = Hand::established(&Config::default());
    hand.send(1, 3000);
    hand.send(2, 3000);
    let packets = hand.took();
    let mut order = Vec::new();
    for packet in &packets {
        for chunk in antiphon::wire::sctp::Packet::parse(packet).unwrap().chunks() {
            if let antiphon::wire::sctp::Chunk::Data(data) = chunk.unwrap() {
                order.push((data.stream, data.flags.beginning, data.flags.ending));
            }
        }
    }
    let streams: Vec<_> = order.iter().map(|(stream, ..)| *stream).collect();
    assert!(streams.is_sorted(), "{order:?}");
    assert_eq!(order.iter().filter(|(_, beginning, _)| *beginning).count(), 2);
    assert_eq!(order.iter().filter(|(.., ending)| *ending).count(), 2);
}

#[test]
fn a_message_that_fits_a_packet_is_not_cut_to_fill_another() {
    let mut hand = Hand::established(&Config::default());
    let message = Message { stream: 1, ppid: 53, data: vec![1; 700].into() };
    for _ in 0..3 {
        hand.sctp.send(hand.now, &message, SendOptions::default()).unwrap();
    }
    assert_eq!(hand.names(), [["DATA"], ["DATA"], ["DATA"]]);
    // One that needs two packets anyway uses the room there is.
    let long = Message { data: vec![1; 1300].into(), ..message };
    hand.sctp.send(hand.now, &long, SendOptions::default()).unwrap();
    hand.sctp.send(hand.now, &long, SendOptions::default()).unwrap();
    assert_eq!(hand.names(), [vec!["DATA"], vec!["DATA", "DATA"], vec!["DATA"]]);
}

#[test]
fn fragments_in_any_order_make_the_message() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for flags in [WHOLE, UNORDERED] {
        for order in orders {
            let mut hand = Hand::established(&Config::default());
            for n in order {
                let place = [FIRST, MIDDLE, LAST][n as usize];
                let flags = antiphon::wire::sctp::DataFlags { unordered: flags.unordered, ..place };
                let pieces = [b"con".as_slice(), b"cat", b"enate"];
                hand.give_data(n, 1, 0, flags, pieces[n as usize]);
            }
            assert_eq!(hand.read(), ["concatenate"], "{order:?}");
            assert_eq!(hand.sctp.stats().held_bytes, 0);
        }
    }
}

#[test]
fn ordered_messages_wait_for_their_turn_and_unordered_ones_do_not() {
    let mut hand = Hand::established(&Config::default());
    hand.give_data(1, 1, 1, WHOLE, b"second");
    hand.give_data(2, 1, 0, UNORDERED, b"at once");
    hand.give_data(3, 2, 0, WHOLE, b"another stream");
    assert_eq!(hand.read(), ["at once", "another stream"]);
    hand.give_data(0, 1, 0, WHOLE, b"first");
    assert_eq!(hand.read(), ["first", "second"]);
}

#[test]
fn a_stream_is_reported_readable_once_until_it_has_been_read_empty() {
    let mut hand = Hand::established(&Config::default());
    for n in 0..5 {
        hand.give_data(n, 1, u16::try_from(n).unwrap(), WHOLE, b"x");
    }
    assert_eq!(hand.events, [Event::Readable(1)]);
    assert_eq!(hand.read().len(), 5);
    hand.give_data(5, 1, 5, WHOLE, b"x");
    assert_eq!(hand.events, [Event::Readable(1), Event::Readable(1)]);
}

#[test]
fn stream_sequence_numbers_wrap() {
    let mut hand = Hand::established(&Config::default());
    let mut next = 0_u32;
    for round in 0..66_000_u32 {
        let ssn = u16::try_from(round % 65_536).unwrap();
        hand.give_data(round, 3, ssn, WHOLE, &round.to_be_bytes());
        while let Some(message) = hand.sctp.recv() {
            assert_eq!(message.data, next.to_be_bytes().as_slice());
            next += 1;
        }
        hand.events.clear();
        hand.sent.clear();
    }
    assert_eq!(next, 66_000);
}

#[test]
fn fragments_of_different_messages_are_not_mixed() {
    let mut hand = Hand::established(&Config::default());
    // Neighbours in TSN: the first has no end, then one of another stream, another order, another message.
    hand.give_data(0, 1, 0, FIRST, b"a");
    hand.give_data(1, 2, 0, LAST, b"b");
    hand.give_data(2, 1, 0, antiphon::wire::sctp::DataFlags { unordered: true, ..LAST }, b"c");
    hand.give_data(3, 1, 1, LAST, b"d");
    assert_eq!(hand.read(), [""; 0]);
    // A second beginning does not go on with the first.
    hand.give_data(4, 1, 2, FIRST, b"e");
    hand.give_data(5, 1, 2, FIRST, b"f");
    hand.give_data(6, 1, 2, LAST, b"g");
    assert_eq!(hand.read(), [""; 0], "message 2 waits for 0 and 1 of its stream");
    assert!(hand.sctp.stats().held_bytes > 0);
}

#[test]
fn chunks_that_come_twice_are_taken_once() {
    let mut hand = Hand::established(&Config::default());
    for _ in 0..3 {
        hand.give_data(0, 1, 0, FIRST, b"on");
        hand.give_data(1, 1, 0, LAST, b"ce");
        hand.give_data(3, 2, 0, UNORDERED, b"and once");
    }
    assert_eq!(hand.read(), ["once", "and once"]);
    assert_eq!(hand.sctp.stats().duplicates_received, 6);
    assert_eq!(hand.sctp.stats().held_bytes, 0);
}

#[test]
fn what_arrived_can_be_read_after_the_end() {
    let mut hand = Hand::established(&Config::default());
    hand.give_data(0, 1, 0, WHOLE, b"last");
    hand.give(|packet| packet.abort(false, []).unwrap());
    assert_eq!(hand.events.last(), Some(&Event::Closed(CloseReason::PeerAborted { cause: 0 })));
    assert_eq!(hand.read(), ["last"]);
}

#[test]
fn data_without_payload_ends_the_association() {
    let mut hand = Hand::established(&Config::default());
    hand.give(|packet| packet.data(&data(0, 1, 0, WHOLE, b"")).unwrap());
    assert_eq!(hand.names(), [["ABORT"]]);
    assert_eq!(hand.events, [Event::Closed(CloseReason::ProtocolViolation)]);
}

#[test]
fn no_packet_is_longer_than_the_mtu() {
    for mtu in [160, 576, 1199, 1200] {
        let config = Config { mtu, ..Config::default() };
        let mut world = World::connected_with(ms(5), &config, &config);
        (world.to_z.log, world.to_a.log) = (Some(Vec::new()), Some(Vec::new()));
        let sizes: Vec<usize> = (1..=40).chain(mtu - 40..=mtu + 40).chain([5 * mtu]).collect();
        for (stream, size) in (0..).zip(&sizes) {
            world.send(stream % 7, vec![1; *size]);
            world.a.sctp.reset_streams(&[stream]).unwrap();
        }
        world.run(ms(5000));
        let received: usize = (0..7).map(|stream| world.received(stream).len()).sum();
        assert_eq!(received, sizes.len());
        let logs = [&world.to_z, &world.to_a].map(|link| link.log.as_ref().unwrap());
        for (_, packet) in logs.into_iter().flatten() {
            assert!(packet.len() <= mtu && packet.len() % 4 == 0, "{} of {mtu}", packet.len());
        }
    }
}
