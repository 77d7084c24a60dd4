//! Order within a stream.

use super::*;

fn message(n: u16) -> Arrived {
    Arrived { ppid: u32::from(n), data: Bytes::from_static(b"x") }
}

fn read(stream: &mut InStream) -> Vec<u32> {
    core::iter::from_fn(|| stream.pop(&mut Spares::default())).map(|message| message.ppid).collect()
}

#[test]
fn messages_come_out_in_order_whatever_order_they_come_in() {
    let mut stream = InStream::new(1);
    for ssn in [2, 1, 4, 0, 3] {
        assert!(stream.push_ordered(ssn, message(ssn), &mut Spares::default()).is_none());
    }
    assert_eq!(read(&mut stream), [0, 1, 2, 3, 4]);
    assert_eq!(stream.charge(), 0);
}

#[test]
fn what_comes_twice_or_too_late_is_given_back() {
    let mut stream = InStream::new(1);
    stream.push_ordered(0, message(0), &mut Spares::default());
    assert_eq!(stream.push_ordered(0, message(7), &mut Spares::default()).map(|late| late.ppid), Some(7));
    stream.push_ordered(2, message(2), &mut Spares::default());
    // Another with the number of one that waits takes its place.
    assert_eq!(
        stream.push_ordered(2, message(8), &mut Spares::default()).map(|replaced| replaced.ppid),
        Some(2)
    );
    stream.push_ordered(1, message(1), &mut Spares::default());
    assert_eq!(read(&mut stream), [0, 1, 8]);
}

#[test]
fn numbers_wrap() {
    let mut stream = InStream::new(1);
    for n in 0..70_000_u32 {
        let ssn = u16::try_from(n % 65_536).unwrap();
        // Two at a time, the second first.
        let other = if n % 2 == 0 { ssn + 1 } else { ssn - 1 };
        stream.push_ordered(other, message(other), &mut Spares::default());
    }
    assert_eq!(read(&mut stream).len(), 70_000);
    assert!(!stream.is_readable());
}

#[test]
fn a_skip_delivers_what_is_whole_and_drops_what_comes_later() {
    let mut stream = InStream::new(1);
    for ssn in [1, 3, 5, 6] {
        stream.push_ordered(ssn, message(ssn), &mut Spares::default());
    }
    stream.skip_to(3);
    assert_eq!(read(&mut stream), [1, 3]);
    assert!(stream.push_ordered(2, message(2), &mut Spares::default()).is_some());
    stream.skip_to(2); // an old one
    stream.push_ordered(4, message(4), &mut Spares::default());
    assert_eq!(read(&mut stream), [4, 5, 6]);
}

#[test]
fn numbers_wrap_under_a_skip_and_a_reset() {
    let mut stream = InStream::new(1);
    stream.skip_to(20_000);
    stream.skip_to(40_000);
    stream.skip_to(65_529);
    for ssn in [5, 65_534, 2, 65_532] {
        stream.push_ordered(ssn, message(ssn), &mut Spares::default());
    }
    let mut other = stream.clone();
    stream.skip_to(3);
    assert_eq!(read(&mut stream), [65_532, 65_534, 2]);
    stream.push_ordered(4, message(4), &mut Spares::default());
    assert_eq!(read(&mut stream), [4, 5]);
    other.reset();
    assert_eq!(read(&mut other), [65_532, 65_534, 2, 5]);
    assert_eq!((stream.charge(), other.charge()), (0, 0));
}

#[test]
fn a_queue_that_was_long_gives_its_room_back() {
    let mut stream = InStream::new(1);
    let mut spares = Spares::default();
    let room = |stream: &InStream| stream.held.as_ref().map_or(0, |held| held.queue.capacity());
    for n in 0..100_000_u32 {
        stream.push_unordered(message(u16::try_from(n % 100).unwrap()), &mut spares);
    }
    while stream.charge() > 10 * message(0).charge() + limits::SCTP_STREAM_OVERHEAD {
        stream.pop(&mut spares);
    }
    assert!(room(&stream) <= limits::SCTP_SPARE_MESSAGES, "{}", room(&stream));
}

#[test]
fn a_reset_delivers_what_waits_and_a_restart_does_not() {
    let mut stream = InStream::new(1);
    stream.push_ordered(0, message(0), &mut Spares::default());
    stream.push_ordered(2, message(2), &mut Spares::default());
    let mut other = stream.clone();
    stream.reset();
    stream.push_ordered(0, message(10), &mut Spares::default());
    assert_eq!(read(&mut stream), [0, 2, 10]);
    let charge = other.restart();
    assert_eq!(charge, message(2).charge() + limits::SCTP_ORDER_OVERHEAD);
    other.push_ordered(0, message(10), &mut Spares::default());
    assert_eq!(read(&mut other), [0, 10]);
}
