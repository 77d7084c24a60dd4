//! Messages waiting to be cut: every byte leaves once and in order.

use super::*;
use core::time::Duration;
use proptest::prelude::*;

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn message(stream: u16, len: usize, fill: u8) -> Message {
    Message { stream, ppid: u32::from(fill), data: vec![fill; len].into() }
}

fn queue() -> (SendQueue, Outbox<Event>) {
    (SendQueue::new(1 << 20, 1200), Outbox::new(1000))
}

/// A packet of `packet` bytes of room.
fn room(packet: usize) -> Room {
    Room { packet, whole_packet: 1172, least: 200, peer: usize::MAX }
}

fn push(queue: &mut SendQueue, stream: u16, len: usize, fill: u8) {
    queue.push(at(0), &message(stream, len, fill), SendOptions::default(), false).unwrap();
}

proptest! {
    #[test]
    fn every_message_leaves_whole_in_consecutive_fragments(
        messages in proptest::collection::vec((0_u16..5, 1_usize..5000, any::<bool>()), 1..60),
        rooms in proptest::collection::vec(1_usize..1172, 1..20),
    ) {
        let (mut queue, mut events) = queue();
        let mut expected: Vec<Vec<(u32, usize)>> = vec![Vec::new(); 5];
        for (n, (stream, len, ordered)) in (0_u32..).zip(&messages) {
            let message = Message { stream: *stream, ppid: n, data: vec![1; *len].into() };
            queue.push(at(0), &message, SendOptions { ordered: *ordered, ..SendOptions::default() }, false).unwrap();
            expected[usize::from(*stream)].push((n, *len));
        }
        let mut left: Vec<Vec<(u32, usize)>> = vec![Vec::new(); 5];
        let mut ssns = [0_u16; 5];
        let (mut current, mut tries) = (None, 0);
        while queue.has_more() {
            tries += 1;
            // What does not fit a small room fits a whole packet.
            let packet = if tries % 2 == 0 { 1172 } else { rooms[tries % rooms.len()] };
            let Some(fragment) = queue.next(at(0), room(packet), &mut events) else { continue };
            queue.check();
            prop_assert!(fragment.data.len() <= packet);
            let stream = usize::from(fragment.stream);
            match current.take() {
                None => {
                    prop_assert!(fragment.beginning);
                    left[stream].push((fragment.ppid, 0));
                    if fragment.ordered {
                        prop_assert_eq!(fragment.ssn, ssns[stream]);
                    }
                }
                Some(message) => prop_assert_eq!((message, fragment.beginning), (fragment.ppid, false)),
            }
            left[stream].last_mut().unwrap().1 += fragment.data.len();
            if fragment.ending {
                ssns[stream] += u16::from(fragment.ordered);
            } else {
                current = Some(fragment.ppid);
            }
        }
        prop_assert_eq!(left, expected);
        prop_assert_eq!(queue.buffered(), 0);
    }

    #[test]
    fn no_stream_waits_for_long(lens in proptest::collection::vec(1_usize..1172, 4)) {
        // Four streams that always have something: none gets less than a fifth of the bytes.
        let (mut queue, mut events) = queue();
        let mut sent = [0_usize; 4];
        for (stream, len) in (0_u16..).zip(&lens) {
            for _ in 0..400_000_usize.div_ceil(*len) {
                push(&mut queue, stream, *len, 0);
            }
        }
        while sent.iter().sum::<usize>() < 300_000 {
            let fragment = queue.next(at(0), room(1172), &mut events).unwrap();
            sent[usize::from(fragment.stream)] += fragment.data.len();
        }
        prop_assert!(sent.iter().all(|bytes| *bytes >= 60_000), "{:?}", sent);
    }
}

#[test]
fn a_reset_pauses_behind_what_was_queued_and_goes_on_or_back() {
    for performed in [true, false] {
        let (mut queue, mut events) = queue();
        push(&mut queue, 1, 2000, 1);
        push(&mut queue, 1, 100, 2);
        queue.begin_reset(1);
        push(&mut queue, 1, 100, 3);
        let mut fragments = Vec::new();
        while let Some(fragment) = queue.next(at(0), room(1172), &mut events) {
            fragments.push((fragment.ppid, fragment.ssn));
        }
        assert_eq!(fragments, [(1, 0), (1, 0), (2, 1)]);
        assert!(queue.ready_to_reset.is_empty(), "they are in flight");
        let slot = queue.streams.slot(1).unwrap();
        for _ in 0..3 {
            queue.settled(slot);
        }
        assert_eq!(queue.ready_to_reset, [1]);
        queue.requested(1);
        assert!(queue.next(at(0), room(1172), &mut events).is_none());
        queue.end_reset(1, performed);
        let fragment = queue.next(at(0), room(1172), &mut events).unwrap();
        assert_eq!((fragment.ppid, fragment.ssn), (3, if performed { 0 } else { 2 }));
        queue.check();
    }
}

#[test]
fn an_empty_stream_can_be_reset_at_once_and_a_second_wish_is_the_same() {
    let (mut queue, _) = queue();
    queue.begin_reset(9);
    queue.begin_reset(9);
    assert_eq!(queue.ready_to_reset, [9]);
}

#[test]
fn a_message_given_up_in_the_middle_leaves_the_end_it_would_have_had() {
    let (mut queue, mut events) = queue();
    push(&mut queue, 1, 3000, 1);
    push(&mut queue, 1, 100, 2);
    queue.next(at(0), room(1172), &mut events).unwrap();
    assert_eq!(queue.stream(1).unwrap().buffered, 1928);
    let end = queue.discard_current(&mut events).unwrap();
    assert_eq!((end.ssn, end.beginning, end.ending, end.data.len()), (0, false, true, 0));
    assert_eq!(queue.stream(1).unwrap().buffered, 100);
    let next = queue.next(at(0), room(1172), &mut events).unwrap();
    assert_eq!((next.ppid, next.ssn, next.beginning), (2, 1, true));
    assert!(queue.discard_current(&mut events).is_none());
}

#[test]
fn what_expires_while_it_waits_never_leaves_and_lowers_the_amount() {
    let (mut queue, mut events) = queue();
    let brief = SendOptions {
        reliability: Reliability::MaxLifetime(Duration::from_millis(100)),
        ..SendOptions::default()
    };
    queue.push(at(0), &message(1, 500, 1), brief, false).unwrap();
    queue.push(at(50), &message(1, 600, 2), brief, false).unwrap();
    push(&mut queue, 2, 700, 3);
    let fragment = queue.next(at(120), room(1172), &mut events).unwrap();
    assert_eq!((fragment.ppid, fragment.ssn), (2, 0));
    assert_eq!((queue.expired, queue.buffered()), (1, 700));
    // One that has begun is not dropped here.
    queue.push(at(120), &message(3, 3000, 4), brief, false).unwrap();
    assert_eq!(queue.next(at(130), room(1172), &mut events).unwrap().ppid, 3);
    assert!(queue.next(at(130), room(1172), &mut events).unwrap().beginning);
    assert_eq!(queue.current_expires_at(), Some(at(220)));
    assert_eq!(queue.next(at(500), room(1172), &mut events).unwrap().ppid, 4);
}

#[test]
fn nothing_is_cut_to_fit_the_peers_window() {
    let (mut queue, mut events) = queue();
    push(&mut queue, 1, 3000, 1);
    let small = Room { peer: 1000, ..room(1172) };
    assert!(queue.next(at(0), small, &mut events).is_none());
    push(&mut queue, 2, 100, 2);
    assert!(queue.next(at(0), Room { peer: 99, ..room(1172) }, &mut events).is_none());
    assert_eq!(queue.next(at(0), Room { peer: 1172, ..room(1172) }, &mut events).unwrap().data.len(), 1172);
}

#[test]
fn clearing_tells_who_waited_for_room() {
    let (mut queue, mut events) = queue();
    push(&mut queue, 1, 100, 1);
    queue.set_total_threshold(50, &mut events);
    queue.clear(&mut events);
    assert_eq!(events.pop(), Some(Event::BufferedAmountLow(1)));
    assert_eq!(events.pop(), Some(Event::TotalBufferedAmountLow));
    assert_eq!((events.pop(), queue.buffered(), queue.has_more()), (None, 0, false));
    queue.check();
}
