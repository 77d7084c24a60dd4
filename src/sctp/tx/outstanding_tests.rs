//! The book of what is in flight against a plain one, whatever the peer reports.

use super::*;
use crate::base::outbox::Outbox;
use crate::sctp::message::{Message, SendOptions};
use crate::sctp::tx::queue::Room;
use proptest::prelude::*;
use std::collections::BTreeSet;

const FIRST: u64 = (1 << 32) + 100;

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

struct Book {
    out: Outstanding,
    queue: SendQueue,
    events: Outbox<crate::sctp::event::Event>,
    now: u64,
}

impl Book {
    fn new() -> Self {
        Self {
            out: Outstanding::new(FIRST),
            queue: SendQueue::new(1 << 20, 1200),
            events: Outbox::new(1000),
            now: 1,
        }
    }

    /// Sends a message in fragments of 100 bytes.
    fn send(&mut self, fragments: usize, options: SendOptions) {
        self.now += 1;
        let message = Message { stream: 1, ppid: 0, data: vec![0; fragments * 100].into() };
        self.queue.push(at(self.now), &message, options, false).unwrap();
        let room = Room { packet: 100, whole_packet: 100, least: 1, peer: usize::MAX };
        while let Some(fragment) = self.queue.next(at(self.now), room, &mut self.events) {
            self.out.insert(at(self.now), fragment);
        }
    }

    fn sack(&mut self, count: u64, blocks: &[(u16, u16)]) -> Option<Acked> {
        self.now += 1;
        let blocks = blocks.iter().map(|(start, end)| GapBlock { start: *start, end: *end });
        let acked =
            self.out.on_sack(at(self.now), FIRST + count - 1, blocks, Duration::ZERO, &mut self.queue);
        if let Some(acked) = acked {
            self.out.find_reneged(&mut self.queue);
            if let Some((newest, _)) = acked.newest {
                self.out.detect_losses(newest);
            }
        }
        self.out.check();
        acked
    }

    /// Sends again what waits for it, up to `count` chunks.
    fn resend(&mut self, count: usize) -> Vec<u64> {
        self.now += 1;
        let mut sent = Vec::new();
        while sent.len() < count
            && let Some(tsn) = self.out.next_lost()
        {
            self.out.resent(at(self.now), tsn);
            sent.push(tsn - FIRST);
        }
        self.out.check();
        sent
    }
}

#[test]
fn one_chunk_three_and_the_gaps_between() {
    let mut book = Book::new();
    book.send(1, SendOptions::default());
    let acked = book.sack(1, &[]).unwrap();
    assert_eq!((acked.bytes, acked.chunks, acked.advanced, book.out.is_empty()), (100, 1, true, true));
    assert_eq!(book.sack(1, &[]).unwrap().bytes, 0);
    assert!(book.sack(0, &[]).is_none(), "the past");
    assert!(book.sack(2, &[]).is_none(), "the future");
    book.send(3, SendOptions::default());
    let acked = book.sack(1, &[(2, 3)]).unwrap();
    assert_eq!((acked.bytes, acked.advanced, acked.rtt), (200, false, None), "a gap block moves nothing");
    assert_eq!(book.out.in_flight_bytes, 100);
    // What is acknowledged once more counts no more.
    assert_eq!(book.sack(1, &[(2, 3), (3, 3), (2, 2)]).unwrap().bytes, 0);
    assert_eq!(book.sack(4, &[]).unwrap().bytes, 100);
}

#[test]
fn a_lost_chunk_is_judged_anew_once_it_has_been_sent_again() {
    let mut book = Book::new();
    book.send(10, SendOptions::default());
    for end in 2..5 {
        book.sack(0, &[(2, end)]);
    }
    assert_eq!(book.resend(9), [0]);
    for end in 5..11 {
        book.sack(0, &[(2, end)]);
        assert_eq!(book.resend(9), []);
    }
    book.send(3, SendOptions::default());
    for end in 11..14 {
        assert_eq!(book.resend(9), []);
        book.sack(0, &[(2, end)]);
    }
    assert_eq!(book.resend(9), [0]);
}

#[test]
fn the_round_trip_is_that_of_a_chunk_sent_once() {
    let mut book = Book::new();
    book.send(2, SendOptions::default());
    book.now += 50;
    assert_eq!(book.sack(1, &[]).unwrap().rtt, Some(Duration::from_millis(51)));
    book.out.lose_all(&mut book.queue);
    book.resend(9);
    assert_eq!(book.sack(2, &[]).unwrap().rtt, None);
}

#[test]
fn giving_up_takes_the_whole_message_and_what_is_acknowledged_of_it() {
    let mut book = Book::new();
    book.send(1, SendOptions::default());
    book.send(4, SendOptions::default());
    book.send(1, SendOptions::default());
    book.sack(0, &[(3, 3)]);
    assert!(!book.out.abandon(FIRST + 3, &mut book.queue), "its end has been sent");
    book.out.check();
    assert_eq!((book.out.in_flight_bytes, book.out.abandoned), (200, 1));
    assert_eq!(book.out.forward_to(), None, "something before it is in flight");
    // An acknowledgement of the given up counts nothing twice.
    assert_eq!(book.sack(1, &[(2, 3)]).unwrap().bytes, 100);
    assert_eq!(book.out.forward_to(), Some(FIRST + 4));
    let mut skipped = Vec::new();
    assert_eq!(book.out.skipped(10, &mut skipped), FIRST + 4);
    assert_eq!(skipped, [(1, 1)]);
    assert_eq!(book.out.skipped(0, &mut skipped), FIRST, "no room for the stream");
    assert_eq!(book.sack(6, &[]).unwrap().bytes, 100);
    assert!(book.out.is_empty());
}

#[test]
fn what_a_peer_takes_back_is_found_by_its_own_report() {
    let mut book = Book::new();
    book.send(4, SendOptions::default());
    book.sack(0, &[(2, 4)]);
    book.sack(1, &[]);
    assert_eq!(book.resend(9), [1]);
    // T3: it cannot be relied on for the rest either.
    book.out.lose_all(&mut book.queue);
    book.out.check();
    assert_eq!(book.resend(9), [1, 2, 3]);
    assert_eq!(book.out.in_flight_bytes, 300);
}

#[derive(Clone, Debug)]
enum Step {
    Send(usize),
    Sack(u64, Vec<(u16, u16)>),
    Resend(usize),
    TimeOut,
    Abandon(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1_usize..6).prop_map(Step::Send),
        5 => (0_u64..40, proptest::collection::vec((0_u16..40, 0_u16..40), 0..5)).prop_map(|(n, gaps)| Step::Sack(n, gaps)),
        3 => (1_usize..10).prop_map(Step::Resend),
        1 => Just(Step::TimeOut),
        1 => (0_u64..40).prop_map(Step::Abandon),
    ]
}

proptest! {
    #[test]
    fn the_book_balances_whatever_is_reported(steps in proptest::collection::vec(step(), 0..80)) {
        let mut book = Book::new();
        let (mut sent, mut cumulative) = (0_u64, 0_u64);
        // What the peer has ever reported, so that a chunk never reported is never taken for delivered.
        let mut reported = BTreeSet::new();
        for step in steps {
            match step {
                Step::Send(fragments) => {
                    book.send(fragments, SendOptions::default());
                    sent += fragments as u64;
                }
                Step::Sack(count, gaps) => {
                    let possible = count >= cumulative && count <= sent;
                    prop_assert_eq!(book.sack(count, &gaps).is_some(), possible);
                    if possible {
                        cumulative = count;
                        let offsets = gaps.iter().filter(|(start, end)| *start >= 2 && start <= end);
                        reported.extend(offsets.flat_map(|(start, end)| *start..=*end).map(|at| count + u64::from(at) - 1));
                    }
                }
                Step::Resend(count) => {
                    let again = book.resend(count);
                    prop_assert!(again.iter().all(|n| (cumulative..sent).contains(n)));
                    prop_assert!(again.is_sorted());
                }
                Step::TimeOut => {
                    book.out.lose_all(&mut book.queue);
                    prop_assert_eq!(book.out.in_flight_bytes, 0);
                }
                Step::Abandon(n) if (cumulative..sent).contains(&n) => {
                    prop_assert!(!book.out.abandon(FIRST + n, &mut book.queue));
                }
                Step::Abandon(_) => {}
            }
            book.out.check();
            prop_assert_eq!(book.out.cumulative() + 1 - FIRST, cumulative);
            prop_assert_eq!(book.out.next_tsn() - FIRST, sent);
            for n in cumulative..sent {
                let state = book.out.get(FIRST + n).map(|sent| sent.state);
                prop_assert!(state != Some(State::Acked) || reported.contains(&n), "{} was never reported", n);
            }
        }
        // All of it can be brought to an end.
        book.sack(sent, &[]);
        prop_assert!(book.out.is_empty());
        prop_assert_eq!((book.out.in_flight_bytes, book.out.in_flight_chunks), (0, 0));
    }
}

#[test]
fn transmission_numbers_wrap() {
    let first = crate::sctp::tx::sender::unwrapped(Tsn(u32::MAX));
    let mut book = Book { out: Outstanding::new(first), ..Book::new() };
    book.send(3, SendOptions::default());
    let on_wire: Vec<_> = (first..first + 3).map(|tsn| book.out.encode(tsn).unwrap().tsn).collect();
    assert_eq!(on_wire, [Tsn(u32::MAX), Tsn(0), Tsn(1)]);
    let cumulative = Tsn(0).unwrap_near(book.out.cumulative());
    assert_eq!(cumulative, first + 1);
    let report =
        book.out.on_sack(at(9), cumulative, core::iter::empty(), Duration::ZERO, &mut book.queue).unwrap();
    assert_eq!((report.chunks, book.out.in_flight_chunks), (2, 1));
}
