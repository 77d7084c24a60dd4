//! What the caller may do and learns: refusals, buffered amounts, figures.

use antiphon::sctp::{
    CloseReason, Config, ConfigError, Drops, Event, Message, SendError, SendOptions, State, Stats,
};
use core::time::Duration;

use crate::sctp_common::hand::{Hand, WHOLE, data, written};
use crate::sctp_common::*;

const ROOM: u32 = 1 << 20;
const LOW: Event = Event::BufferedAmountLow(1);

fn message(stream: u16, len: usize) -> Message {
    Message { stream, ppid: 53, data: vec![1; len].into() }
}

#[test]
fn messages_that_cannot_be_are_refused_with_a_reason() {
    let config = Config { max_send_message_size: 1000, streams: 5, ..Config::default() };
    let mut hand = Hand::established(&config);
    let mut send = |stream, len| hand.sctp.send(hand.now, &message(stream, len), SendOptions::default());
    assert_eq!(send(1, 0), Err(SendError::Empty));
    assert_eq!(send(1, 1001), Err(SendError::TooLong { len: 1001, max: 1000 }));
    assert_eq!(send(5, 1), Err(SendError::NoSuchStream { stream: 5, streams: 5 }));
    assert_eq!(send(4, 1000), Ok(()));
    hand.sctp.set_max_send_message_size(2000);
    assert_eq!(hand.sctp.send(hand.now, &message(1, 2000), SendOptions::default()), Ok(()));
    hand.sctp.abort();
    assert_eq!(hand.sctp.send(hand.now, &message(1, 1), SendOptions::default()), Err(SendError::Closed));
}

#[test]
fn each_stream_is_refused_at_its_own_limit() {
    let config = Config { send_limit: 10_000, ..Config::default() };
    let mut hand = Hand::established(&config);
    hand.give_sack(0, &[], 0);
    hand.send(9, 100);
    hand.wait_for_packet(); // In flight: nothing more leaves.
    let mut send = |stream| hand.sctp.send(hand.now, &message(stream, 6000), SendOptions::default());
    assert_eq!((send(1), send(1)), (Ok(()), Ok(())), "whatever its length, below the limit");
    assert_eq!(send(1), Err(SendError::BufferFull { buffered: 12_000, limit: 10_000 }));
    assert_eq!(send(2), Ok(()));
    assert!(!hand.sctp.can_send(1) && hand.sctp.can_send(2));
    hand.events.clear();
    hand.took();
    let mut acknowledged = 1;
    hand.give_sack(1, &[], ROOM);
    while !hand.events.contains(&LOW) {
        assert!(acknowledged < 100);
        acknowledged += hand.took_data().len() as u32;
        hand.give_sack(acknowledged, &[], ROOM);
    }
    // Refused once, it is told: at half the limit.
    assert!(hand.sctp.can_send(1));
}

#[test]
fn the_buffered_amount_is_what_has_not_left() {
    let mut hand = Hand::established(&Config::default());
    assert_eq!((hand.sctp.buffered_amount(1), hand.sctp.total_buffered_amount()), (0, 0));
    hand.give_sack(0, &[], 1200);
    for stream in [1, 2] {
        for _ in 0..3 {
            hand.sctp.send(hand.now, &message(stream, 1000), SendOptions::default()).unwrap();
        }
    }
    assert_eq!((hand.sctp.buffered_amount(1), hand.sctp.total_buffered_amount()), (3000, 6000));
    hand.poll();
    assert_eq!((hand.sctp.buffered_amount(1), hand.sctp.total_buffered_amount()), (2000, 5000));
    let stats = hand.sctp.stats();
    assert_eq!((stats.in_flight_bytes, stats.queued_bytes), (1000, 5000));
    hand.sctp.abort();
    hand.poll();
    assert_eq!(hand.sctp.total_buffered_amount(), 0);
}

#[test]
fn low_is_reported_when_the_amount_falls_to_the_threshold_and_not_before() {
    let mut hand = Hand::established(&Config::default());
    hand.give_sack(0, &[], 1000);
    // The threshold is 0 at first.
    hand.send(1, 1000);
    assert_eq!(core::mem::take(&mut hand.events), [LOW]);
    hand.sctp.set_buffered_amount_low_threshold(1, 1500);
    for _ in 0..4 {
        hand.send(1, 1000);
    }
    assert_eq!(hand.sctp.buffered_amount(1), 4000);
    let mut amounts = Vec::new();
    for n in 1..5 {
        hand.give_sack(n, &[], 1000);
        let told = core::mem::take(&mut hand.events).contains(&LOW);
        amounts.push((hand.sctp.buffered_amount(1), told));
    }
    assert_eq!(amounts, [(3000, false), (2000, false), (1000, true), (0, false)]);
    // Below the threshold all the time: nothing to report.
    hand.give_sack(5, &[], ROOM);
    hand.send(1, 1000);
    assert_eq!(hand.events, []);
    // Again after another rise.
    hand.send(1, 200_000);
    for n in 6..300 {
        hand.give_sack(n, &[], ROOM);
    }
    assert_eq!(hand.events.iter().filter(|event| **event == LOW).count(), 1);
}

#[test]
fn a_raised_threshold_may_be_crossed_from_below() {
    let mut hand = Hand::established(&Config::default());
    hand.give_sack(0, &[], 1000);
    for _ in 0..4 {
        hand.send(1, 1000);
    }
    hand.events.clear();
    hand.sctp.set_buffered_amount_low_threshold(1, 2999);
    hand.poll();
    assert_eq!(hand.events, []);
    hand.sctp.set_buffered_amount_low_threshold(1, 3000);
    hand.poll();
    assert_eq!(hand.events, [LOW]);
}

#[test]
fn the_total_of_all_streams_has_a_threshold_too() {
    let mut hand = Hand::established(&Config::default());
    hand.sctp.set_total_buffered_amount_low_threshold(2500);
    hand.give_sack(0, &[], 1000);
    hand.send(1, 1000);
    hand.send(2, 1000);
    let total =
        |hand: &Hand| hand.events.iter().filter(|event| **event == Event::TotalBufferedAmountLow).count();
    assert_eq!(total(&hand), 0, "never above");
    hand.send(3, 1000);
    hand.send(4, 1000);
    assert_eq!((hand.sctp.total_buffered_amount(), total(&hand)), (3000, 0));
    hand.give_sack(1, &[], 1000);
    assert_eq!((hand.sctp.total_buffered_amount(), total(&hand)), (2000, 1));
    hand.give_sack(2, &[], 1000);
    assert_eq!(total(&hand), 1, "on crossing only");
    for _ in 0..3 {
        hand.send(1, 1000);
    }
    hand.sctp.set_total_buffered_amount_low_threshold(100_000);
    hand.poll();
    assert_eq!(total(&hand), 2, "raised above what there is");
}

#[test]
fn the_figures_begin_with_nothing() {
    let hand = Hand::new(&Config::default());
    let stats = hand.sctp.stats();
    assert_eq!(stats.drops, Drops::default());
    let expected = Stats::default();
    assert_eq!((stats.packets_sent, stats.smoothed_rtt, stats.held_bytes), (0, Duration::ZERO, 0));
    assert_eq!((stats.messages_sent, stats.peer_implementation), (0, expected.peer_implementation));
}

#[test]
fn the_figures_count_packets_messages_and_repetitions() {
    let mut world = World::connected(ms(20));
    let before = (world.a.sctp.stats(), world.z.sctp.stats());
    world.to_z.lose(3);
    for _ in 0..10 {
        world.send(1, vec![1; 1000]);
        world.run(ms(1));
    }
    world.run(ms(1000));
    let (a, z) = (world.a.sctp.stats(), world.z.sctp.stats());
    assert_eq!(
        (a.messages_sent, z.messages_received, a.data_chunks_sent, z.data_chunks_received),
        (10, 10, 11, 10)
    );
    assert_eq!((a.fast_retransmits, a.timeout_retransmits), (1, 0));
    assert_eq!(a.packets_sent - before.0.packets_sent, z.packets_received - before.1.packets_received + 1);
    assert!(a.bytes_sent > before.0.bytes_sent + 11_000);
    assert_eq!(z.sacks_sent, a.sacks_received);
    assert_eq!((a.in_flight_bytes, a.queued_bytes), (0, 0));
    assert!(a.smoothed_rtt >= ms(40) && a.smoothed_rtt < ms(60));
    // Now a timer.
    world.to_z.lose(0);
    world.send(1, "alone");
    world.run(ms(2000));
    let a = world.a.sctp.stats();
    assert_eq!((a.t3_timeouts, a.timeout_retransmits), (1, 1));
}

// However often a stream is read empty and filled again before anybody polls.
#[test]
fn a_stream_is_reported_once_until_the_report_has_been_read() {
    let mut hand = Hand::established(&Config::default());
    for n in 0..1000 {
        let tag = hand.tag;
        let packet = written(tag, |packet| packet.data(&data(n, 1, n as u16, WHOLE, b"x")).unwrap());
        hand.sctp.handle_input(hand.now, packet.into());
        assert!(hand.sctp.recv_from(1).is_some());
    }
    hand.give_data(1000, 1, 1000, WHOLE, b"waits");
    assert_eq!(hand.events, [Event::Readable(1)]);
    assert_eq!(hand.read(), ["waits"]);
    hand.give_data(1001, 1, 1001, WHOLE, b"another");
    assert_eq!(hand.events, [Event::Readable(1), Event::Readable(1)]);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let default = Config::default;
    assert_eq!(Config { mtu: 159, ..default() }.check(), Err(ConfigError::Mtu { mtu: 159 }));
    assert_eq!(Config { mtu: 65_536, ..default() }.check(), Err(ConfigError::Mtu { mtu: 65_536 }));
    let window = Config { receive_window: 1499, ..default() };
    assert_eq!(window.check(), Err(ConfigError::ReceiveWindow { bytes: 1499 }));
    let message = Config { max_receive_message_size: 6 << 20, ..default() };
    assert_eq!(message.check(), Err(ConfigError::MessageSize { bytes: 6 << 20, window: 5 << 20 }));
    let delay = ms(501);
    let lazy = Config { sack_delay: delay, ..default() };
    assert_eq!(lazy.check(), Err(ConfigError::SackDelay { delay }), "RFC 9260 §6.2");
    assert_eq!(Config { sack_delay: ms(500), ..default() }.check(), Ok(()));
    for config in [
        Config { streams: 0, ..default() },
        Config { inbound_streams: 0, ..default() },
        Config { send_limit: 0, ..default() },
        Config { rto_min: Duration::ZERO, ..default() },
        Config { rto_min: ms(100_000), ..default() },
        Config { initial_window_packets: 0, ..default() },
    ] {
        assert_eq!(config.check(), Err(ConfigError::Zero));
    }
}

#[test]
fn a_message_longer_than_agreed_ends_the_association() {
    let config = Config { max_receive_message_size: 5000, ..Config::default() };
    let mut world = World::connected_with(ms(5), &Config::default(), &config);
    world.send(1, vec![1; 5000]);
    world.run(ms(100));
    assert_eq!(world.received(1)[0].len(), 5000);
    world.send(1, vec![1; 5001]);
    world.run(ms(100));
    assert!(world.z.has(&Event::Closed(CloseReason::MessageTooLong)));
    assert!(world.a.has(&Event::Closed(CloseReason::PeerAborted { cause: 13 })));
}

#[test]
fn abort_says_so_once_and_is_the_end() {
    let mut hand = Hand::established(&Config::default());
    hand.give_data(0, 1, 0, WHOLE, b"kept");
    hand.send(1, 100);
    hand.took();
    hand.events.clear();
    hand.sctp.abort();
    hand.sctp.abort();
    assert_eq!(hand.names(), [["ABORT"]]);
    assert_eq!(hand.events, [Event::Closed(CloseReason::Aborted)]);
    assert_eq!((hand.sctp.state(), hand.deadline), (State::Closed, None));
    hand.wait(Duration::from_secs(1000));
    assert_eq!(hand.took().len(), 0);
    assert_eq!(hand.read(), ["kept"]);
}

#[test]
fn packets_go_between_the_ports_that_were_agreed() {
    let ports = |packet: &[u8]| {
        let packet = antiphon::wire::sctp::Packet::parse(packet).unwrap();
        (packet.source_port, packet.destination_port)
    };
    let a = Config { local_port: 6000, remote_port: 7000, ..Config::default() };
    let z = Config { local_port: 7000, remote_port: 6000, ..Config::default() };
    let mut world = World::connected_with(ms(5), &a, &z);
    world.to_z.log = Some(Vec::new());
    world.send(1, "between other ports");
    world.run(ms(100));
    assert_eq!(world.received(1), ["between other ports"]);
    assert!(world.to_z.log.iter().flatten().all(|(_, packet)| ports(packet) == (6000, 7000)));
    // They are told before the handshake, and stay as they are from then on.
    let mut hand = Hand::new(&Config::default());
    hand.sctp.set_ports(1, 65_535);
    hand.sctp.connect();
    hand.sctp.set_ports(2, 3);
    hand.wait(ms(1000));
    let packets = hand.took();
    assert!(packets.len() == 2 && packets.iter().all(|packet| ports(packet) == (1, 65_535)));
}
