//! Order within a stream.

use super::*;

fn message(n: u16) -> Arrived {
    Arrived { ppid: u32::from(n), data: Bytes::from_static(b"x") }
}

fn read(stream: &mut InStream) -> Vec<u32> {
    core::iter::from_fn(|| stream.pop()).map(|message| message.ppid).collect()
}

#[test]
fn messages_come_out_in_order_whatever_order_they_come_in() {
    let mut stream = InStream::new(1);
    for ssn in [2, 1, 4, 0, 3] {
        assert!(stream.push_ordered(ssn, message(ssn)).is_none());
    }
    assert_eq!(read(&mut stream), [0, 1, 2, 3, 4]);
    assert_eq!(stream.charge(), 0);
}

#[test]
fn what_comes_twice_or_too_late_is_given_back() {
    let mut stream = InStream::new(1);
    stream.push_ordered(0, message(0));
    assert_eq!(stream.push_ordered(0, message(7)).map(|late| late.ppid), Some(7));
    stream.push_ordered(2, message(2));
    // Another with the number of one that waits takes its place.
    assert_eq!(stream.push_ordered(2, message(8)).map(|replaced| replaced.ppid), Some(2));
    stream.push_ordered(1, message(1));
    assert_eq!(read(&mut stream), [0, 1, 8]);
}

#[test]
fn numbers_wrap() {
    let mut stream = InStream::new(1);
    for n in 0..70_000_u32 {
        let ssn = u16::try_from(n % 65_536).unwrap();
        // Two at a time, the second first.
        let other = if n % 2 == 0 { ssn + 1 } else { ssn - 1 };
        stream.push_ordered(other, message(other));
    }
    assert_eq!(read(&mut stream).len(), 70_000);
    assert!(!stream.is_readable());
}

#[test]
fn a_skip_delivers_what_is_whole_and_drops_what_comes_later() {
    let mut stream = InStream::new(1);
    for ssn in [1, 3, 5, 6] {
        stream.push_ordered(ssn, message(ssn));
    }
    stream.skip_to(3);
    assert_eq!(read(&mut stream), [1, 3]);
    assert!(stream.push_ordered(2, message(2)).is_some());
    stream.skip_to(2); // an old one
    stream.push_ordered(4, message(4));
    assert_eq!(read(&mut stream), [4, 5, 6]);
}

#[test]
fn a_reset_delivers_what_waits_and_a_restart_does_not() {
    let mut stream = InStream::new(1);
    stream.push_ordered(0, message(0));
    stream.push_ordered(2, message(2));
    let mut other = stream.clone();
    stream.reset();
    stream.push_ordered(0, message(10));
    assert_eq!(read(&mut stream), [0, 2, 10]);
    let charge = other.restart();
    assert_eq!(charge, message(2).charge());
    other.push_ordered(0, message(10));
    assert_eq!(read(&mut other), [0, 10]);
}
