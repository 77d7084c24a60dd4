//! Streams whose numbers begin again (RFC 6525), and streams in turn (RFC 8831 §6.4).

use antiphon::base::serial::{Ssn, Tsn};
use antiphon::sctp::{Config, Event, Message, Reliability, ResetError, ResetFailure, SendOptions};
use antiphon::wire::sctp::{Chunk, Packet, ReConfigParameter, ReConfigResult, Skipped, U16List};
use core::time::Duration;

use crate::sctp_common::hand::{HAND_TSN, Hand, WHOLE, raw};
use crate::sctp_common::*;

const ROOM: u32 = 1 << 20;

/// Looks at every chunk sent since the last look.
fn each_chunk(hand: &mut Hand, mut look: impl FnMut(Chunk<'_>)) {
    for packet in hand.took() {
        Packet::parse(&packet).unwrap().chunks().map(Result::unwrap).for_each(&mut look);
    }
}

/// The requests sent since the last look: number, last TSN counted from 0, streams.
fn requests(hand: &mut Hand) -> Vec<(u32, u32, Vec<u16>)> {
    let base = hand.tsn;
    let mut found = Vec::new();
    each_chunk(hand, |chunk| {
        let Chunk::ReConfig(reset) = chunk else { return };
        for parameter in reset.parameters().map(Result::unwrap) {
            if let ReConfigParameter::OutgoingReset { request, last_tsn, streams, .. } = parameter {
                found.push((request, last_tsn.0.wrapping_sub(base), streams.iter().collect()));
            }
        }
    });
    found
}

/// The responses sent since the last look.
fn responses(hand: &mut Hand) -> Vec<(u32, ReConfigResult)> {
    let mut found = Vec::new();
    each_chunk(hand, |chunk| {
        let Chunk::ReConfig(reset) = chunk else { return };
        found.extend(reset.parameters().map(Result::unwrap).filter_map(answered));
    });
    found
}

/// Which of the peer's requests a response answers, and how.
fn answered(parameter: ReConfigParameter<'_>) -> Option<(u32, ReConfigResult)> {
    let ReConfigParameter::Response { request, result, .. } = parameter else { return None };
    Some((request.wrapping_sub(HAND_TSN), result))
}

/// The peer asks: its `n`th request, its streams end with chunk `last`.
fn ask(hand: &mut Hand, n: u32, last: u32, streams: &[u16]) {
    let parameter = ReConfigParameter::OutgoingReset {
        request: HAND_TSN.wrapping_add(n),
        response: 0,
        last_tsn: Tsn(HAND_TSN).plus(last),
        streams: U16List::new(streams),
    };
    hand.give(|packet| packet.re_config([parameter]).unwrap());
}

/// The peer answers our `n`th request.
fn answer(hand: &mut Hand, n: u32, result: ReConfigResult) {
    let request = hand.tsn.wrapping_add(n);
    let parameter = ReConfigParameter::Response { request, result, tsns: None };
    hand.give(|packet| packet.re_config([parameter]).unwrap());
}

/// Stream and number of the messages sent since the last look.
fn sent(hand: &mut Hand) -> Vec<(u16, u16)> {
    let mut found = Vec::new();
    each_chunk(hand, |chunk| {
        if let Chunk::Data(data) = chunk {
            found.push((data.stream, data.ssn.0));
        }
    });
    found
}

#[test]
fn a_stream_is_reset_at_both_ends_and_counts_from_zero() {
    let mut world = World::connected(ms(10));
    for _ in 0..3 {
        world.send(5, "before");
    }
    world.run(ms(50));
    world.a.sctp.reset_streams(&[5]).unwrap();
    world.run(ms(50));
    assert!(world.a.has(&Event::OutgoingReset { stream: 5 }));
    assert!(world.z.has(&Event::IncomingReset { stream: 5 }));
    world.to_z.log = Some(Vec::new());
    world.send(5, "after");
    world.send(6, "other");
    world.run(ms(50));
    let log = world.to_z.log.take().unwrap();
    let Some(Ok(Chunk::Data(data))) = Packet::parse(&log[0].1).unwrap().chunks().next() else { panic!() };
    assert_eq!(data.ssn, Ssn(0));
    assert_eq!(world.received(5), ["before", "before", "before", "after"]);
}

#[test]
fn the_request_waits_until_what_was_queued_is_acknowledged_and_holds_back_what_comes_after() {
    let mut hand = Hand::established(&Config { initial_window_packets: 2, ..Config::default() });
    hand.send(3, 5000);
    hand.sctp.reset_streams(&[3]).unwrap();
    hand.send(3, 10);
    hand.send(4, 10);
    let mut acknowledged = 0;
    let mut streams = Vec::new();
    for _ in 0..10 {
        let flight = hand.sent.iter().filter(|(_, packet)| holds(packet, "DATA")).count() as u32;
        if hand.sent.iter().any(|(_, packet)| holds(packet, "RE_CONFIG")) {
            break;
        }
        streams.extend(sent(&mut hand));
        acknowledged += flight;
        hand.give_sack(acknowledged.max(streams.len() as u32), &[], ROOM);
    }
    let asked = requests(&mut hand);
    assert_eq!(asked.len(), 1);
    let (number, last, named) = asked[0].clone();
    assert_eq!((number, named), (hand.tsn, vec![3]));
    assert_eq!(last + 1, streams.len() as u32);
    assert!(!streams.contains(&(3, 1)), "what was sent after waits");
    assert!(streams.contains(&(4, 0)), "other streams do not");
    answer(&mut hand, 0, ReConfigResult::Performed);
    assert!(hand.events.contains(&Event::OutgoingReset { stream: 3 }));
    assert_eq!(sent(&mut hand), [(3, 0)]);
}

// RFC 3758 §3.5 C3 names streams by number alone: one that is named after its reset would lose what has that number since.
#[test]
fn a_reset_waits_until_the_peer_has_skipped_what_was_given_up() {
    let once = SendOptions { reliability: Reliability::MaxRetransmits(0), ..SendOptions::default() };
    let mut hand = Hand::established(&Config::default());
    hand.send_with(3, 100, once);
    hand.wait(ms(1000));
    assert_eq!(hand.sctp.stats().messages_abandoned, 1);
    hand.sctp.reset_streams(&[3]).unwrap();
    hand.send(3, 10);
    hand.wait(ms(5000));
    assert_eq!(requests(&mut hand), [], "it may name the stream yet");
    hand.give_sack(1, &[], ROOM);
    assert_eq!(requests(&mut hand), [(hand.tsn, 0, vec![3])]);
    // What is given up of other streams meanwhile names them only.
    hand.send_with(4, 100, once);
    hand.wait(ms(15_000));
    let mut named = Vec::new();
    each_chunk(&mut hand, |chunk| {
        if let Chunk::ForwardTsn(forward) = chunk {
            named.extend(forward.streams().map(|skipped| skipped.stream));
        }
    });
    named.dedup();
    assert_eq!(named, [4]);
    answer(&mut hand, 0, ReConfigResult::Performed);
    assert_eq!(sent(&mut hand), [(3, 0)]);
}

#[test]
fn only_the_streams_named_are_reset_and_several_share_a_request() {
    let mut hand = Hand::established(&Config::default());
    for stream in [1, 2, 3] {
        hand.send(stream, 10);
    }
    hand.took();
    hand.give_sack(3, &[], ROOM);
    hand.sctp.reset_streams(&[1, 3]).unwrap();
    assert_eq!(requests(&mut hand), [(hand.tsn, 2, vec![1, 3])]);
    // Another while that is under way waits for its turn.
    hand.sctp.reset_streams(&[2]).unwrap();
    assert_eq!(requests(&mut hand), []);
    answer(&mut hand, 0, ReConfigResult::Performed);
    assert_eq!(requests(&mut hand), [(hand.tsn.wrapping_add(1), 2, vec![2])]);
    answer(&mut hand, 1, ReConfigResult::NothingToDo);
    for stream in [1, 2, 3] {
        assert!(hand.events.contains(&Event::OutgoingReset { stream }));
        hand.send(stream, 10);
    }
    assert_eq!(sent(&mut hand), [(1, 0), (2, 0), (3, 0)]);
}

#[test]
fn streams_asked_for_one_after_the_other_share_a_request() {
    let mut world = World::connected(ms(10));
    world.to_z.log = Some(Vec::new());
    for stream in [1, 2, 3] {
        world.send(stream, "x");
    }
    world.run(ms(50));
    for stream in [1, 2, 3] {
        world.a.sctp.reset_streams(&[stream]).unwrap();
    }
    world.run(ms(100));
    let count = world.to_z.log.iter().flatten().filter(|(_, packet)| holds(packet, "RE_CONFIG")).count();
    assert_eq!(count, 1);
    for stream in [1, 2, 3] {
        assert!(world.z.has(&Event::IncomingReset { stream }));
    }
}

#[test]
fn a_request_is_repeated_with_its_number_until_it_is_answered() {
    let mut hand = Hand::established(&Config::default());
    hand.sctp.reset_streams(&[1]).unwrap();
    hand.wait(ms(3500));
    let asked = requests(&mut hand);
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|request| *request == asked[0]));
    answer(&mut hand, 7, ReConfigResult::Performed); // of another
    assert_eq!(hand.sctp.stats().drops.bad_reconfig, 1);
    answer(&mut hand, 0, ReConfigResult::Performed);
    hand.wait(Duration::from_secs(20));
    assert_eq!(requests(&mut hand), []);
    assert_eq!(hand.events.iter().filter(|event| **event == Event::OutgoingReset { stream: 1 }).count(), 1);
}

#[test]
fn in_progress_is_asked_again_and_is_no_error() {
    let mut hand = Hand::established(&Config { max_retransmits: Some(1), ..Config::default() });
    hand.sctp.reset_streams(&[1]).unwrap();
    for _ in 0..10 {
        assert_eq!(requests(&mut hand), [(hand.tsn, u32::MAX, vec![1])]);
        answer(&mut hand, 0, ReConfigResult::InProgress);
        hand.wait(ms(1000));
    }
    answer(&mut hand, 0, ReConfigResult::Performed);
    assert_eq!(hand.events, [Event::OutgoingReset { stream: 1 }]);
}

#[test]
fn a_refused_reset_leaves_the_numbers_as_they_were() {
    let refusals = [
        (ReConfigResult::Denied, ResetFailure::Denied),
        (ReConfigResult::WrongSsn, ResetFailure::Wrong),
        (ReConfigResult::BadSequenceNumber, ResetFailure::BadSequenceNumber),
        (ReConfigResult::Other(77), ResetFailure::Denied),
    ];
    for (result, reason) in refusals {
        let mut hand = Hand::established(&Config::default());
        hand.send(1, 10);
        hand.took();
        hand.give_sack(1, &[], ROOM);
        hand.sctp.reset_streams(&[1]).unwrap();
        hand.send(1, 10);
        assert_eq!(requests(&mut hand).len(), 1);
        answer(&mut hand, 0, result);
        assert!(hand.events.contains(&Event::ResetFailed { stream: 1, reason }));
        assert_eq!(sent(&mut hand), [(1, 1)], "it goes on");
        // Asked again, it is another request.
        hand.give_sack(2, &[], ROOM);
        hand.sctp.reset_streams(&[1]).unwrap();
        assert_eq!(requests(&mut hand), [(hand.tsn.wrapping_add(1), 1, vec![1])]);
    }
}

#[test]
fn what_cannot_be_reset_is_refused_at_once() {
    let mut hand = Hand::new(&Config::default());
    assert_eq!(hand.sctp.reset_streams(&[1]), Err(ResetError::NotConnected));
    let mut hand = Hand::established(&Config::default());
    assert_eq!(
        hand.sctp.reset_streams(&[1, 100]),
        Err(ResetError::NoSuchStream { stream: 100, streams: 100 })
    );
    assert_eq!(requests(&mut hand), []);
    let peer = Config { stream_reset: false, ..Config::default() };
    let mut world = World::connected_with(ms(5), &Config::default(), &peer);
    assert_eq!(world.a.sctp.reset_streams(&[1]), Err(ResetError::NotSupported));
    assert!(!world.a.sctp.supports_reset());
}

#[test]
fn the_peers_reset_waits_for_data_before_it_and_holds_back_data_behind_it() {
    let mut hand = Hand::established(&Config::default());
    hand.give_data(0, 1, 0, WHOLE, b"0");
    hand.took();
    ask(&mut hand, 0, 2, &[1]);
    assert_eq!(responses(&mut hand), [(0, ReConfigResult::InProgress)]);
    // Behind the reset: not taken for the stream, taken for others.
    hand.give_data(3, 1, 0, WHOLE, b"too soon");
    hand.give_data(4, 2, 0, WHOLE, b"another");
    assert_eq!(hand.sctp.stats().drops.resetting, 1);
    assert_eq!(hand.read(), ["0", "another"]);
    hand.give_data(2, 1, 2, WHOLE, b"2");
    // Asked again meanwhile, under the same number or another.
    ask(&mut hand, 0, 2, &[1]);
    assert_eq!(responses(&mut hand), [(0, ReConfigResult::InProgress)]);
    ask(&mut hand, 1, 2, &[1]);
    assert_eq!(responses(&mut hand), [(1, ReConfigResult::InProgress)]);
    hand.give_data(1, 1, 1, WHOLE, b"1");
    assert_eq!(responses(&mut hand), [(1, ReConfigResult::Performed)]);
    assert_eq!(hand.events.iter().filter(|event| **event == Event::IncomingReset { stream: 1 }).count(), 1);
    hand.give_data(3, 1, 0, WHOLE, b"new");
    assert_eq!(hand.read(), ["1", "2", "new"]);
}

#[test]
fn a_request_that_comes_again_is_answered_again_and_not_performed_again() {
    let mut hand = Hand::established(&Config::default());
    hand.give_data(0, 1, 0, WHOLE, b"0");
    hand.took();
    ask(&mut hand, 0, 0, &[1]);
    assert_eq!(responses(&mut hand), [(0, ReConfigResult::Performed)]);
    hand.give_data(1, 1, 0, WHOLE, b"new");
    ask(&mut hand, 0, 0, &[1]);
    assert_eq!(responses(&mut hand), [(0, ReConfigResult::Performed)]);
    hand.give_data(2, 1, 1, WHOLE, b"newer");
    assert_eq!(hand.read(), ["0", "new", "newer"]);
    assert_eq!(incoming_resets(&hand), 1);
}

/// How often it was reported that the peer reset stream 1.
fn incoming_resets(hand: &Hand) -> usize {
    hand.events.iter().filter(|event| **event == Event::IncomingReset { stream: 1 }).count()
}

// RFC 6525 §5.2.1: it is the number that tells a request that comes again, and §5.2.2 E3 to E5: any other is performed.
#[test]
fn the_same_streams_under_a_new_number_are_reset_again() {
    let mut hand = Hand::established(&Config::default());
    hand.give_data(0, 1, 0, WHOLE, b"0");
    hand.took();
    for n in 0..3 {
        ask(&mut hand, n, 0, &[1]);
        assert_eq!(responses(&mut hand), [(n, ReConfigResult::Performed)]);
        assert_eq!(incoming_resets(&hand), n as usize + 1);
    }
    hand.give_data(1, 1, 0, WHOLE, b"new");
    assert_eq!(hand.read(), ["0", "new"]);
}

// dcSCTP asks under a new number once it has been told "in progress", and does not look at what is said of the old one any more.
#[test]
fn what_was_in_progress_may_be_asked_under_the_next_number_and_is_performed_once() {
    let mut hand = Hand::established(&Config::default());
    ask(&mut hand, 0, 0, &[1]);
    assert_eq!(responses(&mut hand), [(0, ReConfigResult::InProgress)]);
    hand.give_data(0, 1, 0, WHOLE, b"0");
    assert_eq!(responses(&mut hand), [(0, ReConfigResult::Performed)]);
    ask(&mut hand, 1, 0, &[1]);
    assert_eq!(responses(&mut hand), [(1, ReConfigResult::Performed)]);
    assert_eq!(incoming_resets(&hand), 1);
    // What comes then is another.
    ask(&mut hand, 2, 0, &[1]);
    assert_eq!(responses(&mut hand), [(2, ReConfigResult::Performed)]);
    assert_eq!(incoming_resets(&hand), 2);
}

// RFC 6525 §5.2.1: "a selective acknowledgment (SACK) chunk SHOULD be sent back and MAY be bundled with the RE-CONFIG chunk".
#[test]
fn the_answer_to_a_request_takes_an_acknowledgement_along() {
    let mut hand = Hand::established(&Config::default());
    hand.give_data(0, 1, 0, WHOLE, b"0");
    hand.took();
    hand.give_data(1, 1, 1, WHOLE, b"1");
    assert_eq!(hand.took().len(), 0, "it waits for company");
    ask(&mut hand, 0, 2, &[1]);
    assert_eq!(hand.names(), [["SACK", "RE_CONFIG"]], "what is missing shows");
    hand.give_data(2, 1, 2, WHOLE, b"2");
    assert_eq!(hand.names(), [["SACK", "RE_CONFIG"]], "the reset that waited");
    ask(&mut hand, 0, 2, &[1]);
    assert_eq!(hand.names(), [["SACK", "RE_CONFIG"]], "a request that comes again");
    // A response asks for nothing.
    answer(&mut hand, 0, ReConfigResult::Performed);
    assert_eq!(hand.took().len(), 0);
}

#[test]
fn forward_tsn_lets_a_waiting_reset_happen() {
    let mut hand = Hand::established(&Config::default());
    hand.give_data(1, 1, 1, WHOLE, b"1");
    ask(&mut hand, 0, 1, &[1]);
    hand.took();
    hand.give(|packet| packet.forward_tsn(Tsn(HAND_TSN), [Skipped { stream: 1, ssn: Ssn(0) }]).unwrap());
    assert_eq!(responses(&mut hand), [(0, ReConfigResult::Performed)]);
    hand.give_data(2, 1, 0, WHOLE, b"new");
    assert_eq!(hand.read(), ["1", "new"]);
    assert_eq!(hand.sctp.stats().held_bytes, 0);
}

#[test]
fn no_stream_named_is_every_stream() {
    let mut hand = Hand::established(&Config::default());
    for stream in 0..3 {
        hand.give_data(u32::from(stream), stream, 0, WHOLE, b"x");
    }
    hand.took();
    ask(&mut hand, 0, 2, &[]);
    for stream in 0..3 {
        assert!(hand.events.contains(&Event::IncomingReset { stream }));
        hand.give_data(3 + u32::from(stream), stream, 0, WHOLE, b"y");
    }
    assert_eq!(hand.read().len(), 6);
}

#[test]
fn a_stream_that_nothing_came_on_can_be_reset() {
    let mut hand = Hand::established(&Config::default());
    ask(&mut hand, 0, u32::MAX, &[40]);
    assert_eq!(hand.events, [Event::IncomingReset { stream: 40 }]);
    assert_eq!(responses(&mut hand), [(0, ReConfigResult::Performed)]);
}

#[test]
fn other_requests_are_answered_without_doing_anything() {
    let mut hand = Hand::established(&Config::default());
    let number = |n: u32| HAND_TSN.wrapping_add(n);
    let all = [
        (
            ReConfigParameter::IncomingReset { request: number(0), streams: U16List::new(&[1]) },
            ReConfigResult::NothingToDo,
        ),
        (ReConfigParameter::SsnTsnReset { request: number(1) }, ReConfigResult::Denied),
        (ReConfigParameter::AddOutgoing { request: number(2), count: 5 }, ReConfigResult::Denied),
        (ReConfigParameter::AddIncoming { request: number(3), count: 5 }, ReConfigResult::Denied),
    ];
    for (n, (parameter, result)) in all.into_iter().enumerate() {
        hand.give(|packet| packet.re_config([parameter]).unwrap());
        assert_eq!(responses(&mut hand), [(n as u32, result)]);
    }
    // Numbers that are not the next.
    ask(&mut hand, 9, 0, &[1]);
    assert_eq!(responses(&mut hand), [(9, ReConfigResult::BadSequenceNumber)]);
    // Streams that are not there, data that never was.
    ask(&mut hand, 4, u32::MAX, &[60_000]);
    ask(&mut hand, 5, 100_000, &[1]);
    assert_eq!(responses(&mut hand), [(4, ReConfigResult::WrongSsn), (5, ReConfigResult::Denied)]);
    assert_eq!(hand.sctp.stats().drops.bad_reconfig, 2);
}

#[test]
fn a_malformed_request_is_counted() {
    let mut hand = Hand::established(&Config::default());
    for chunk in [
        &[0x82, 0, 0, 12, 0, 13, 0, 8, 0, 0, 0, 0][..],
        &[0x82, 0, 0, 8, 0, 13, 0, 99],
        &[0x82, 0, 0, 8, 0, 99, 0, 4],
    ] {
        hand.give_bytes(&raw(hand.tag, chunk));
    }
    assert_eq!(hand.sctp.stats().drops.bad_reconfig, 3);
    assert_eq!(responses(&mut hand), []);
}

#[test]
fn streams_take_turns_by_bytes_and_by_priority() {
    for (priorities, least, most) in [([256, 256], 45, 55), ([256, 512], 28, 39), ([256, 1024], 15, 25)] {
        let config = Config { send_limit: 1 << 22, ..Config::default() };
        let mut world = World::connected_with(ms(5), &config, &Config::default());
        world.to_z.rate_bps = 10_000_000;
        for (stream, priority) in (1..).zip(priorities) {
            assert_eq!(world.a.sctp.stream_priority(stream), 256, "at first");
            world.a.sctp.set_stream_priority(stream, priority);
            assert_eq!(world.a.sctp.stream_priority(stream), priority);
        }
        for n in 0..2000 {
            // Unequal sizes: what counts is bytes.
            world.send(1, vec![1; 1000]);
            if n % 4 == 0 {
                world.send(2, vec![2; 4000]);
            }
        }
        world.run(ms(1000));
        let of =
            |world: &mut World, stream| world.received(stream).iter().map(bytes::Bytes::len).sum::<usize>();
        let (one, two) = (of(&mut world, 1), of(&mut world, 2));
        let share = one * 100 / (one + two);
        assert!((least..=most).contains(&share), "{share} % of {} for {priorities:?}", one + two);
    }
}

#[test]
fn no_priority_is_the_least_and_not_nothing() {
    let mut world = World::connected(ms(5));
    world.a.sctp.set_stream_priority(1, 0);
    for _ in 0..20 {
        world.send(1, vec![1; 1000]);
        world.send(2, vec![2; 1000]);
    }
    world.run(ms(1000));
    assert_eq!((world.received(1).len(), world.received(2).len()), (20, 20));
}

#[test]
fn a_single_stream_and_streams_that_pause_get_their_turns() {
    let mut hand = Hand::established(&Config { initial_window_packets: 1000, ..Config::default() });
    let message = |stream| Message { stream, ppid: 53, data: vec![1; 1100].into() };
    for stream in [1, 2, 3, 1, 2, 3, 1, 2, 3] {
        hand.sctp.send(hand.now, &message(stream), SendOptions::default()).unwrap();
    }
    // One of them is being reset: what follows on it waits, the others go on.
    hand.sctp.reset_streams(&[2]).unwrap();
    for stream in [2, 1] {
        hand.sctp.send(hand.now, &message(stream), SendOptions::default()).unwrap();
    }
    let order: Vec<u16> = sent(&mut hand).iter().map(|(stream, _)| *stream).collect();
    assert_eq!(order.len(), 10);
    for (end, each) in [(6, 2), (9, 3)] {
        for stream in 1..4 {
            assert_eq!(order[..end].iter().filter(|other| **other == stream).count(), each, "{order:?}");
        }
    }
    hand.give_sack(10, &[], ROOM);
    assert_eq!(requests(&mut hand), [(hand.tsn, 9, vec![2])]);
    answer(&mut hand, 0, ReConfigResult::Performed);
    assert_eq!(sent(&mut hand), [(2, 0)]);
}

// RFC 6525 §5.2.1: "If multiple parameters have to be returned, they MUST be put into one RE_CONFIG chunk"; a repeated request gets the
// same answers.
#[test]
fn two_requests_in_a_chunk_get_both_answers_in_one_and_again_when_they_come_again() {
    let mut hand = Hand::established(&Config::default());
    let streams = U16List::new(&[3]);
    let requests = [
        ReConfigParameter::OutgoingReset {
            request: HAND_TSN,
            response: 0,
            last_tsn: Tsn(HAND_TSN).minus(1),
            streams,
        },
        ReConfigParameter::IncomingReset { request: HAND_TSN.wrapping_add(1), streams },
    ];
    for _ in 0..3 {
        hand.give(|packet| packet.re_config(requests).unwrap());
        let packets = hand.took();
        let resets = Packet::parse(&packets[0]).unwrap().chunks().map(Result::unwrap);
        let lists: Vec<_> = resets
            .filter_map(|chunk| if let Chunk::ReConfig(reset) = chunk { Some(reset) } else { None })
            .map(|reset| {
                let parameters = reset.parameters().map(Result::unwrap);
                parameters.filter_map(answered).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(lists, [[(0, ReConfigResult::Performed), (1, ReConfigResult::NothingToDo)]]);
    }
    assert_eq!(hand.events, [Event::IncomingReset { stream: 3 }], "performed once");
}
