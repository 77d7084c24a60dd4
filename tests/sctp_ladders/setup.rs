//! INIT, cookies, collisions, restarts.

use antiphon::Output;
use antiphon::sctp::{CloseReason, Config, Event, Message, PeerImplementation, SendOptions, State};
use antiphon::wire::sctp::{Cause, Chunk, Init, Packet, Parameter};
use core::time::Duration;

use crate::sctp_common::hand::{HAND_TAG, Hand, WHOLE, data, written};
use crate::sctp_common::*;

/// The packets one end has sent, by the names of their chunks.
fn log(link: &Link) -> Vec<Vec<&'static str>> {
    link.log.iter().flatten().map(|(_, packet)| chunks(packet)).collect()
}

fn logged() -> World {
    let mut world = World::new(ms(10));
    world.to_a.log = Some(Vec::new());
    world.to_z.log = Some(Vec::new());
    world
}

#[test]
fn four_packets_connect_two_ends_one_of_which_calls() {
    let mut world = logged();
    world.a.sctp.connect();
    world.run(ms(100));
    assert_eq!(log(&world.to_z), [["INIT"], ["COOKIE_ECHO"]]);
    assert_eq!(log(&world.to_a), [["INIT_ACK"], ["COOKIE_ACK"]]);
    assert_eq!((&world.a.events, &world.z.events), (&vec![Event::Connected], &vec![Event::Connected]));
}

#[test]
fn both_call_at_once_and_one_association_comes_of_it_whatever_packet_is_lost() {
    for (direction, lost) in (0..2).flat_map(|direction| (0..4).map(move |lost| (direction, lost))) {
        let mut world = World::new(ms(10));
        let fate = Box::new(move |index, _: &[u8]| if index == lost { Fate::Drop } else { Fate::Deliver });
        if direction == 0 {
            world.to_z.fate = Some(fate);
        } else {
            world.to_a.fate = Some(fate);
        }
        world.a.sctp.connect();
        world.z.sctp.connect();
        world.send(1, "from a");
        let message = Message { stream: 1, ppid: 53, data: "from z".into() };
        world.z.sctp.send(world.now, &message, SendOptions::default()).unwrap();
        world.run(Duration::from_secs(10));
        assert_eq!((world.a.count(&Event::Connected), world.z.count(&Event::Connected)), (1, 1));
        assert_eq!((world.a.count(&Event::Restarted), world.z.count(&Event::Restarted)), (0, 0));
        assert_eq!(world.received(1), ["from a"], "packet {lost} in direction {direction}");
        assert_eq!(world.a.sctp.recv_from(1).unwrap().data, "from z");
    }
}

#[test]
fn messages_queued_before_leave_with_cookie_echo_and_nothing_more_before_the_answer() {
    let mut world = logged();
    world.a.sctp.connect();
    for _ in 0..5 {
        world.send(1, vec![1; 1000]);
    }
    world.run(ms(35));
    assert_eq!(log(&world.to_z), [vec!["INIT"], vec!["COOKIE_ECHO", "DATA"]]);
    world.run(ms(5));
    // COOKIE ACK has come, and with it everything leaves.
    assert_eq!(log(&world.to_z)[2..], [["DATA"], ["DATA"], ["DATA"], ["DATA"]]);
    assert_eq!(log(&world.to_a)[1], ["COOKIE_ACK", "SACK"]);
    world.run(ms(100));
    assert_eq!(world.received(1).len(), 5);
}

#[test]
fn init_and_cookie_echo_are_repeated_the_same_until_they_are_answered() {
    let mut world = logged();
    world.to_z.fate =
        Some(Box::new(|index, _| if matches!(index, 0 | 1 | 3) { Fate::Drop } else { Fate::Deliver }));
    world.a.sctp.connect();
    world.run(Duration::from_secs(10));
    let packets = world.to_z.log.take().unwrap();
    let names: Vec<_> = packets.iter().map(|(_, packet)| chunks(packet)).collect();
    assert_eq!(names, [["INIT"], ["INIT"], ["INIT"], ["COOKIE_ECHO"], ["COOKIE_ECHO"]]);
    assert!(packets[0].1 == packets[1].1 && packets[1].1 == packets[2].1 && packets[3].1 == packets[4].1);
    // T1 doubles (RFC 9260 §6.3.3).
    let gap = |n: usize| packets[n + 1].0.saturating_duration_since(packets[n].0);
    assert_eq!((gap(0), gap(1)), (ms(1000), ms(2000)));
    assert_eq!(world.z.sctp.state(), State::Established);
}

#[test]
fn what_is_repeated_too_often_ends_the_attempt() {
    for silent_after in [0, 1] {
        let config = Config { max_init_retransmits: Some(3), ..Config::default() };
        let mut world = World::with(ms(10), &config, &Config::default());
        world.to_z.log = Some(Vec::new());
        world.to_z.fate =
            Some(Box::new(move |index, _| if index >= silent_after { Fate::Drop } else { Fate::Deliver }));
        world.a.sctp.connect();
        world.run(Duration::from_secs(100));
        assert_eq!(world.a.events, [Event::Closed(CloseReason::SetupTimeout)]);
        assert_eq!(world.a.sctp.state(), State::Closed);
        let last = if silent_after == 0 { "INIT" } else { "COOKIE_ECHO" };
        assert_eq!(log(&world.to_z).iter().filter(|names| names[0] == last).count(), 4);
        assert_eq!(world.a.deadline, None);
    }
}

#[test]
fn a_lost_cookie_ack_is_given_again() {
    let mut world = logged();
    world.to_a.fate = Some(Box::new(|index, _| if index == 1 { Fate::Drop } else { Fate::Deliver }));
    world.a.sctp.connect();
    world.run(Duration::from_secs(3));
    assert_eq!(log(&world.to_z), [["INIT"], ["COOKIE_ECHO"], ["COOKIE_ECHO"]]);
    assert_eq!(log(&world.to_a), [["INIT_ACK"], ["COOKIE_ACK"], ["COOKIE_ACK"]]);
    assert_eq!((world.a.events.len(), world.z.events.len()), (1, 1));
}

#[test]
fn data_that_rode_with_a_lost_cookie_echo_rides_again() {
    let mut world = logged();
    world.to_z.fate = Some(Box::new(|index, _| if index == 1 { Fate::Drop } else { Fate::Deliver }));
    world.a.sctp.connect();
    world.send(1, "hello");
    world.run(Duration::from_secs(5));
    assert_eq!(log(&world.to_z)[1..3], [["COOKIE_ECHO", "DATA"], ["COOKIE_ECHO", "DATA"]]);
    assert_eq!(world.received(1), ["hello"]);
}

#[test]
fn shutdown_while_connecting_comes_after_connecting() {
    let mut world = World::new(ms(10));
    world.a.sctp.connect();
    world.send(1, "last words");
    world.a.sctp.shutdown();
    world.run(ms(500));
    let end = Event::Closed(CloseReason::Shutdown);
    assert!(world.a.has(&Event::Connected) && world.a.has(&end) && world.z.has(&end));
    assert_eq!(world.received(1), ["last words"]);
}

#[test]
fn an_init_ack_without_a_cookie_is_answered_with_an_abort() {
    let mut hand = Hand::new(&Config::default());
    hand.sctp.connect();
    let init = hand.took().remove(0);
    hand.learn(&init);
    hand.give(|packet| packet.init_ack(&Hand::init(), []).unwrap());
    let abort = hand.took().remove(0);
    let packet = Packet::parse(&abort).unwrap();
    assert_eq!(packet.verification_tag, HAND_TAG);
    let Some(Ok(Chunk::Abort { reflected: false, causes })) = packet.chunks().next() else {
        panic!("{packet:?}")
    };
    let Some(Ok(Cause::MissingParameters(missing))) = causes.iter().next() else { panic!("{causes:?}") };
    assert_eq!(missing.iter().collect::<Vec<_>>(), [7]);
    assert_eq!(hand.events, [Event::Closed(CloseReason::ProtocolViolation)]);
}

#[test]
fn each_init_gets_an_answer_of_its_own_and_every_cookie_is_good() {
    let mut hand = Hand::new(&Config::default());
    let first = hand.call(&Hand::init());
    let tags = (hand.tag, hand.tsn);
    let second = hand.call(&Hand::init());
    assert_ne!(tags, (hand.tag, hand.tsn), "nothing is remembered of the first");
    let mut other = Hand::new(&Config::default());
    (other.sctp, other.tag) = (hand.sctp.fork(), tags.0);
    hand.give(|packet| packet.cookie_echo(&second).unwrap());
    other.give(|packet| packet.cookie_echo(&first).unwrap());
    assert_eq!((hand.names(), other.names()), (vec![vec!["COOKIE_ACK"]], vec![vec!["COOKIE_ACK"]]));
    assert_eq!((hand.sctp.state(), other.sctp.state()), (State::Established, State::Established));
}

#[test]
fn a_second_init_ack_changes_nothing() {
    let mut hand = Hand::new(&Config::default());
    hand.sctp.connect();
    let init = hand.took().remove(0);
    hand.learn(&init);
    let ack = |cookie: &'static [u8]| {
        move |packet: &mut antiphon::wire::sctp::PacketWriter<'_>| {
            packet.init_ack(&Hand::init(), [Parameter::StateCookie(cookie)]).unwrap();
        }
    };
    hand.give(ack(b"first"));
    hand.give(ack(b"second"));
    assert_eq!(hand.names(), [["COOKIE_ECHO"]]);
    assert_eq!(hand.sctp.stats().drops.unexpected_chunk, 1);
    hand.give(|packet| packet.cookie_ack().unwrap());
    hand.give(|packet| packet.cookie_ack().unwrap());
    assert_eq!(hand.events, [Event::Connected]);
}

#[test]
fn there_are_as_many_streams_as_both_sides_want() {
    let config = Config { streams: 10, inbound_streams: 300, ..Config::default() };
    let hand = Hand::established(&config);
    assert_eq!(hand.sctp.streams(), (10, 100));
    let mut world = World::with(ms(1), &Config { streams: 7, ..Config::default() }, &Config::default());
    assert_eq!(world.a.sctp.streams(), (0, 0));
    world.a.sctp.connect();
    world.run(ms(50));
    assert_eq!((world.a.sctp.streams(), world.z.sctp.streams()), ((7, 65_535), (65_535, 7)));
}

#[test]
fn an_init_ack_tells_whose_stack_it_is_if_the_cookie_says_so() {
    let cookies: [(&[u8], _); 4] = [
        (b"dcSCTP00 and more", PeerImplementation::DcSctp),
        (b"KAME-BSD 1.1 and more", PeerImplementation::Usrsctp),
        (b"whoever", PeerImplementation::Unknown),
        (b"", PeerImplementation::Unknown),
    ];
    for (cookie, expected) in cookies {
        let mut hand = Hand::new(&Config::default());
        hand.sctp.connect();
        assert_eq!(hand.sctp.stats().peer_implementation, PeerImplementation::Unknown);
        let init = hand.took().remove(0);
        hand.learn(&init);
        hand.give(|packet| packet.init_ack(&Hand::init(), [Parameter::StateCookie(cookie)]).unwrap());
        assert_eq!(hand.sctp.stats().peer_implementation, expected);
    }
    let world = World::connected(ms(5));
    assert_eq!(world.a.sctp.stats().peer_implementation, PeerImplementation::Antiphon);
    assert_eq!(world.z.sctp.stats().peer_implementation, PeerImplementation::Antiphon);
}

/// A peer that has lost its memory calls again.
fn call_again(hand: &mut Hand) -> (Vec<u8>, u32) {
    let old = hand.tag;
    hand.took();
    let cookie = hand.call(&Init { initiate_tag: 99, ..Hand::init() });
    assert_ne!(hand.tag, old);
    (cookie, old)
}

#[test]
fn a_peer_that_begins_anew_is_taken_with_new_tags_and_new_data() {
    let mut hand = Hand::established(&Config::default());
    // Old data in part, and some that was not acknowledged.
    hand.give_data(0, 1, 0, WHOLE, b"old, whole");
    hand.give_data(2, 1, 2, WHOLE, b"old, never in order");
    hand.send(1, 5000);
    hand.events.clear();
    let (cookie, old) = call_again(&mut hand);
    assert_eq!(hand.sctp.state(), State::Established);
    hand.give(|packet| {
        packet.cookie_echo(&cookie).unwrap();
        packet.data(&data(0, 1, 0, WHOLE, b"new")).unwrap();
    });
    assert!(hand.events.contains(&Event::Restarted));
    let packets = hand.took();
    assert_eq!(chunks(packets.last().unwrap()), ["COOKIE_ACK", "SACK"]);
    assert_eq!(Packet::parse(packets.last().unwrap()).unwrap().verification_tag, 99);
    assert_eq!(hand.read(), ["old, whole", "new"]);
    let stats = hand.sctp.stats();
    assert_eq!((stats.in_flight_bytes, stats.queued_bytes, stats.held_bytes), (0, 0, 0));
    // Packets under the old tag belong to nobody.
    hand.give_tagged(old, |packet| packet.data(&data(1, 1, 1, WHOLE, b"late")).unwrap());
    assert_eq!(hand.sctp.stats().drops.verification_tag, 1);
    // Ours begins anew too.
    hand.took();
    hand.send(1, 100);
    assert_eq!(hand.took_data(), [0]);
}

#[test]
fn a_peer_that_begins_anew_ends_a_reset_under_way() {
    let mut hand = Hand::established(&Config::default());
    hand.send(4, 10);
    hand.give_sack(1, &[], 1 << 20);
    hand.sctp.reset_streams(&[4]).unwrap();
    assert!(hand.names().contains(&vec!["RE_CONFIG"]));
    let (cookie, _) = call_again(&mut hand);
    hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
    hand.took();
    hand.wait(Duration::from_secs(10));
    assert!(hand.names().iter().flatten().all(|name| *name != "RE_CONFIG"));
    // The stream can be used and reset again.
    hand.send(4, 10);
    assert_eq!(hand.took_data(), [0]);
    hand.give_sack(1, &[], 1 << 20);
    hand.sctp.reset_streams(&[4]).unwrap();
    assert_eq!(hand.names(), [["RE_CONFIG"]]);
}

#[test]
fn a_peer_that_begins_anew_during_the_set_up_replaces_the_one_before() {
    let mut hand = Hand::new(&Config::default());
    hand.sctp.connect();
    let init = hand.took().remove(0);
    hand.learn(&init);
    // Two INITs of two lives of the peer; the cookie of the first arrives first.
    let first = hand.call(&Hand::init());
    let second = hand.call(&Init { initiate_tag: 99, ..Hand::init() });
    hand.give(|packet| packet.cookie_echo(&first).unwrap());
    hand.took();
    hand.give(|packet| packet.cookie_echo(&second).unwrap());
    let ack = hand.took().remove(0);
    assert_eq!(Packet::parse(&ack).unwrap().verification_tag, 99);
    assert_eq!(hand.events, [Event::Connected]);
    hand.give_data(0, 1, 0, WHOLE, b"new");
    assert_eq!(hand.read(), ["new"]);
}

#[test]
fn a_cookie_past_its_life_is_reported_and_the_caller_begins_again() {
    let config = Config { cookie_lifetime: ms(100), ..Config::default() };
    let mut world = World::with(ms(10), &Config::default(), &config);
    world.to_z.log = Some(Vec::new());
    world.to_z.fate =
        Some(Box::new(|index, _| if index == 1 { Fate::Delay(ms(200)) } else { Fate::Deliver }));
    world.a.sctp.connect();
    world.send(1, "patience");
    world.run(Duration::from_secs(5));
    assert_eq!(world.z.sctp.stats().drops.stale_cookie, 1);
    let names = log(&world.to_z);
    assert_eq!(names.iter().filter(|names| names[0] == "INIT").count(), 2);
    assert_eq!(world.received(1), ["patience"]);
}

// RFC 9260 §3.3.3: the window of an INIT ACK "MUST NOT be smaller than 1500", and who gets such a one must discard it.
#[test]
fn a_peer_that_begins_anew_while_the_window_is_full_can_take_the_answer() {
    let config = Config { receive_window: 10_000, max_receive_message_size: 10_000, ..Config::default() };
    let mut hand = Hand::established(&config);
    for n in 0..12 {
        hand.give_data(n, 1, n as u16, WHOLE, &[1; 1000]);
    }
    assert!(hand.sctp.stats().held_bytes > 10_000 - 1500);
    hand.took();
    hand.give_tagged(0, |packet| packet.init(&Init { initiate_tag: 99, ..Hand::init() }, []).unwrap());
    let answer = hand.took().remove(0);
    let Some(Ok(Chunk::InitAck(ack))) = Packet::parse(&answer).unwrap().chunks().next() else { panic!() };
    assert_eq!(ack.a_rwnd, 1500);
    let cookie = hand.learn(&answer).unwrap();
    hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
    assert!(hand.events.contains(&Event::Restarted));
}

// RFC 9260 §5.2.4 step 3: where both tags match, the cookie is valid "even if the lifespan is exceeded", in any state (D of the table).
#[test]
fn a_cookie_of_the_association_that_is_being_set_up_is_good_past_its_life() {
    let mut hand = Hand::new(&Config::default());
    hand.sctp.connect();
    hand.took();
    let cookie = hand.call(&Hand::init());
    hand.give(|packet| packet.init_ack(&Hand::init(), [Parameter::StateCookie(b"theirs")]).unwrap());
    assert_eq!(hand.sctp.state(), State::CookieEchoed);
    hand.wait(Duration::from_secs(61));
    hand.took();
    // Under another tag it is nobody's.
    hand.give_tagged(hand.tag ^ 1, |packet| packet.cookie_echo(&cookie).unwrap());
    assert_eq!((hand.took().len(), hand.sctp.stats().drops.verification_tag), (0, 1));
    hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
    assert_eq!(hand.names(), [["COOKIE_ACK"]]);
    assert_eq!((hand.sctp.state(), hand.sctp.stats().drops.stale_cookie), (State::Established, 0));
    assert_eq!(hand.events, [Event::Connected]);
}

// Where the MTU shrinks under an INIT ACK that had been accepted, the cookie has to leave nevertheless, as a long chunk does.
#[test]
fn a_cookie_that_fits_no_longer_leaves_in_a_longer_packet() {
    let mut hand = Hand::new(&Config::default());
    hand.sctp.connect();
    let init = hand.took().remove(0);
    hand.learn(&init);
    let ack = written(hand.tag, |packet| {
        packet.init_ack(&Hand::init(), [Parameter::StateCookie(&[7; 1000])]).unwrap();
    });
    hand.sctp.handle_input(hand.now, ack.into());
    hand.sctp.set_mtu(600);
    hand.send(1, 500);
    let packets = hand.took();
    assert_eq!(packets.iter().map(|packet| chunks(packet)).collect::<Vec<_>>(), [["COOKIE_ECHO"]]);
    assert_eq!(packets[0].len(), 12 + 4 + 1000);
    // A caller whose buffer is no longer than it must be gets none, and the attempt ends as if it had been lost.
    let config = Config { max_init_retransmits: Some(2), ..Config::default() };
    let mut hand = Hand::new(&config);
    hand.sctp.connect();
    let init = hand.took().remove(0);
    hand.learn(&init);
    let ack = written(hand.tag, |packet| {
        packet.init_ack(&Hand::init(), [Parameter::StateCookie(&[7; 1000])]).unwrap();
    });
    hand.sctp.handle_input(hand.now, ack.into());
    hand.sctp.set_mtu(600);
    let mut buf = [0; 600];
    let mut waits = 0;
    loop {
        match hand.sctp.poll_output(hand.now, &mut buf) {
            Output::Event(event) => hand.events.push(event),
            Output::Transmit(transmit) => panic!("{transmit:?}"),
            Output::Wait(Some(due)) => {
                waits += 1;
                hand.now = due;
            }
            Output::Wait(None) => break,
        }
    }
    assert_eq!((waits, &hand.events), (3, &vec![Event::Closed(CloseReason::SetupTimeout)]));
}

// RFC 9260 §5.1.1: "the endpoint MUST use MIS outbound streams".
#[test]
fn what_waits_for_a_stream_that_the_peer_does_not_have_is_dropped() {
    let mut hand = Hand::new(&Config::default());
    hand.sctp.connect();
    for stream in [7, 99, 100, 4000] {
        hand.send(stream, 10);
    }
    let init = hand.took().remove(0);
    hand.learn(&init);
    hand.give(|packet| packet.init_ack(&Hand::init(), [Parameter::StateCookie(b"cookie")]).unwrap());
    hand.give(|packet| packet.cookie_ack().unwrap());
    assert_eq!(hand.sctp.streams(), (100, 100));
    let mut streams = Vec::new();
    for packet in hand.took() {
        for chunk in Packet::parse(&packet).unwrap().chunks().map(Result::unwrap) {
            if let Chunk::Data(data) = chunk {
                streams.push(data.stream);
            }
        }
    }
    assert_eq!(streams, [7, 99]);
    let stats = hand.sctp.stats();
    assert_eq!((stats.messages_abandoned, hand.sctp.total_buffered_amount()), (2, 0));
    // Whoever waits for their buffers to empty is told.
    assert!(hand.events.contains(&Event::BufferedAmountLow(4000)));
}
