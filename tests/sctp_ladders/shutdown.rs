//! The end in order.

use antiphon::base::serial::Tsn;
use antiphon::sctp::{CloseReason, Config, Event, Message, SendError, SendOptions, State};
use core::time::Duration;

use crate::sctp_common::hand::{Hand, WHOLE};
use crate::sctp_common::*;

const END: Event = Event::Closed(CloseReason::Shutdown);

#[test]
fn three_packets_end_an_association_at_both_ends() {
    let mut world = World::connected(ms(10));
    world.to_z.log = Some(Vec::new());
    world.to_a.log = Some(Vec::new());
    world.a.sctp.shutdown();
    world.run(ms(100));
    let names =
        |link: &Link| -> Vec<_> { link.log.iter().flatten().map(|(_, packet)| chunks(packet)).collect() };
    assert_eq!(names(&world.to_z), [["SHUTDOWN"], ["SHUTDOWN_COMPLETE"]]);
    assert_eq!(names(&world.to_a), [["SHUTDOWN_ACK"]]);
    assert_eq!((world.a.events, world.z.events), (vec![END], vec![END]));
    assert_eq!((world.a.deadline, world.z.deadline), (None, None));
}

#[test]
fn everything_queued_arrives_before_the_end_and_nothing_more_is_taken() {
    let mut world = World::connected(ms(10));
    world.to_z.loss_ppm = 100_000;
    for _ in 0..50 {
        world.send(1, vec![1; 5000]);
    }
    world.a.sctp.shutdown();
    let message = Message { stream: 1, ppid: 53, data: "more".into() };
    let refused = world.a.sctp.send(world.now, &message, SendOptions::default());
    assert_eq!(refused, Err(SendError::ShuttingDown));
    assert_eq!(world.a.sctp.state(), State::ShutdownPending);
    world.run(Duration::from_secs(60));
    assert_eq!(world.received(1).len(), 50);
    assert!(world.a.has(&END) && world.z.has(&END));
}

#[test]
fn the_side_that_is_told_sends_what_it_has_first() {
    let mut world = World::connected(ms(10));
    let message = Message { stream: 1, ppid: 53, data: vec![1; 100_000].into() };
    world.z.sctp.send(world.now, &message, SendOptions::default()).unwrap();
    world.a.sctp.shutdown();
    world.run(ms(15));
    assert_eq!(world.z.sctp.state(), State::ShutdownReceived);
    let refused = world.z.sctp.send(world.now, &message, SendOptions::default());
    assert_eq!(refused, Err(SendError::ShuttingDown));
    world.run(ms(2000));
    assert_eq!(world.a.sctp.recv_from(1).unwrap().data.len(), 100_000);
    assert!(world.a.has(&END) && world.z.has(&END));
}

#[test]
fn both_may_end_at_once() {
    let mut world = World::connected(ms(10));
    world.a.sctp.shutdown();
    world.z.sctp.shutdown();
    world.run(ms(100));
    assert_eq!((world.a.events, world.z.events), (vec![END], vec![END]));
}

#[test]
fn a_shutdown_that_nobody_answers_is_repeated_so_often_and_no_oftener() {
    let config = Config { max_retransmits: Some(2), ..Config::default() };
    let mut hand = Hand::established(&config);
    hand.sctp.shutdown();
    hand.wait(Duration::from_secs(60));
    assert_eq!(hand.names(), [["SHUTDOWN"], ["SHUTDOWN"], ["SHUTDOWN"], ["ABORT"]]);
    assert_eq!(hand.events, [Event::Closed(CloseReason::Unreachable)]);
}

#[test]
fn without_a_limit_of_repetitions_time_ends_a_shutdown() {
    let config = Config { rto_max: Duration::from_secs(2), ..Config::default() };
    for begun_by_us in [true, false] {
        let mut hand = Hand::established(&config);
        if begun_by_us {
            hand.sctp.shutdown();
        } else {
            hand.give(|packet| packet.shutdown(Tsn(hand_tsn(&config)).minus(1)).unwrap());
        }
        let begun = hand.now;
        hand.wait(Duration::from_secs(60));
        let (at, last) = hand.sent.pop_back().unwrap();
        assert_eq!(chunks(&last), ["ABORT"]);
        assert_eq!(at.saturating_duration_since(begun), Duration::from_secs(10));
        assert_eq!(hand.events, [Event::Closed(CloseReason::Unreachable)]);
    }
}

fn hand_tsn(config: &Config) -> u32 {
    Hand::established(config).tsn
}

#[test]
fn shutdown_ack_is_repeated_by_its_timer_and_when_it_is_asked_for_again() {
    let mut hand = Hand::established(&Config::default());
    let cumulative = Tsn(hand.tsn).minus(1);
    hand.give(|packet| packet.shutdown(cumulative).unwrap());
    assert_eq!(hand.names(), [["SHUTDOWN_ACK"]]);
    assert_eq!(hand.sctp.state(), State::ShutdownAckSent);
    hand.wait(ms(1500));
    assert_eq!(hand.names(), [["SHUTDOWN_ACK"]]);
    hand.give(|packet| packet.shutdown(cumulative).unwrap());
    assert_eq!(hand.names(), [["SHUTDOWN_ACK"]]);
    // An INIT says that the peer has not heard of it (RFC 9260 §9.2).
    hand.give_tagged(0, |packet| packet.init(&Hand::init(), []).unwrap());
    assert_eq!(hand.names(), [["SHUTDOWN_ACK"]]);
    hand.give(|packet| packet.shutdown_complete(false).unwrap());
    assert_eq!(hand.events, [END]);
}

#[test]
fn a_shutdown_that_comes_again_changes_nothing() {
    let mut hand = Hand::established(&Config::default());
    hand.send(1, 100);
    hand.took();
    let none = Tsn(hand.tsn).minus(1);
    for _ in 0..2 {
        hand.give(|packet| packet.shutdown(none).unwrap());
        assert_eq!(hand.sctp.state(), State::ShutdownReceived);
        assert_eq!(hand.names(), [""; 0].map(|name| vec![name]));
    }
    // One that acknowledges what was left goes on.
    hand.give(|packet| packet.shutdown(none.plus(1)).unwrap());
    assert_eq!(hand.names(), [["SHUTDOWN_ACK"]]);

    // Ours is pending: the peer's comes first.
    let mut hand = Hand::established(&Config::default());
    hand.send(1, 100);
    hand.sctp.shutdown();
    hand.took();
    hand.give(|packet| packet.shutdown(none).unwrap());
    assert_eq!(hand.sctp.state(), State::ShutdownReceived);
}

#[test]
fn data_that_comes_after_our_shutdown_is_acknowledged_at_once_with_another_shutdown() {
    let mut hand = Hand::established(&Config::default());
    hand.sctp.shutdown();
    assert_eq!(hand.names(), [["SHUTDOWN"]]);
    hand.give_data(0, 1, 0, WHOLE, b"still here");
    let packets = hand.took();
    assert_eq!(chunks(&packets[0]), ["SACK", "SHUTDOWN"]);
    assert_eq!(hand.read(), ["still here"]);
}
