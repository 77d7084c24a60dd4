//! What a bad peer of an association gets. Numbers are those of the list of negative tests; each test looks at the state, the counter that
//! moved and the memory afterwards, and the last ones at the work that each byte of input makes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]
#![expect(clippy::disallowed_types, reason = "what one test allocates must not be counted to another")]

mod sctp_common;

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};

use antiphon::base::limits;
use antiphon::base::serial::{Ssn, Tsn};
use antiphon::sctp::{CloseReason, Config, Drops, Event, State};
use antiphon::wire::sctp::{
    Chunk, DataFlags, GapBlock, Init, Packet, Parameter, ReConfigParameter, ReConfigResult, Skipped, U16List,
};
use bytes::Bytes;
use core::time::Duration;
use sctp_common::hand::{
    FIRST, HAND_TAG, HAND_TSN, Hand, LAST, MIDDLE, UNORDERED, WHOLE, data, raw, written,
};
use sctp_common::{chunks, ms};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Held by whoever measures the heap, which all threads share; nobody else is to allocate much meanwhile.
static ALONE: Mutex<()> = Mutex::new(());

const NOTHING: [Vec<&str>; 0] = [];

/// What junk may leave behind: room that a queue has grown to once.
const JUNK: isize = 8 * 1024;

fn live() -> isize {
    let stats = GLOBAL.stats();
    stats.bytes_allocated.cast_signed() - stats.bytes_deallocated.cast_signed()
}

/// An association under attack, and the heap before it.
struct Attacked {
    hand: Hand,
    before: isize,
    drops: Drops,
    _alone: MutexGuard<'static, ()>,
}

fn attacked(hand: impl FnOnce() -> Hand) -> Attacked {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut hand = hand();
    // What every association has once it has done something.
    for _ in 0..4 {
        hand.poll();
    }
    hand.took();
    hand.events.clear();
    let drops = hand.sctp.stats().drops;
    Attacked { hand, before: live(), drops, _alone: alone }
}

fn established() -> Attacked {
    attacked(|| Hand::established(&Config::default()))
}

impl Attacked {
    /// Bytes of heap more than before, what the test itself keeps not counted.
    fn grown(&mut self) -> isize {
        self.hand.sent = std::collections::VecDeque::new();
        self.hand.events = Vec::new();
        live() - self.before
    }

    /// Nothing came of it but this counter: the association is up, sends nothing, and has not grown.
    fn unmoved(&mut self, counter: impl Fn(&Drops) -> u64, by: u64) {
        let drops = self.hand.sctp.stats().drops;
        assert_eq!(counter(&drops) - counter(&self.drops), by, "{drops:?}");
        assert_eq!(self.hand.sctp.state(), State::Established);
        assert_eq!(self.hand.names(), NOTHING);
        assert_eq!(self.hand.sctp.stats().held_bytes, 0);
        let grown = self.grown();
        assert!(grown <= JUNK, "{grown} bytes");
        // And it works as before.
        self.hand.give_data(0, 1, 0, WHOLE, b"alive");
        assert_eq!(self.hand.read(), ["alive"]);
    }

    /// Gives packets without looking at the answers, and measures the steps for each of their bytes.
    fn steps_per_byte(&mut self, packets: &[Bytes]) -> u64 {
        let (before, mut bytes) = (self.hand.sctp.ops(), 0);
        for packet in packets {
            bytes += packet.len() as u64;
            self.hand.give_bytes(packet);
            self.hand.sent.clear();
        }
        (self.hand.sctp.ops() - before) / bytes
    }
}

// ---- 47 -----------------------------------------------------------------------------------------------------------

#[test]
fn n47_packets_under_a_wrong_tag() {
    let mut at = established();
    for tag in [0, at.hand.tag ^ 1, HAND_TAG] {
        for _ in 0..1000 {
            at.hand.give_tagged(tag, |packet| packet.data(&data(0, 1, 0, WHOLE, b"x")).unwrap());
            at.hand.give_tagged(tag, |packet| packet.shutdown(Tsn(0)).unwrap());
        }
    }
    at.hand.give_tagged(at.hand.tag, |packet| packet.abort(true, []).unwrap());
    at.hand.give_tagged(HAND_TAG, |packet| packet.abort(false, []).unwrap());
    at.unmoved(|drops| drops.verification_tag, 6002);
}

#[test]
fn n47_an_init_in_company_or_under_a_tag() {
    let mut at = established();
    at.hand.give_tagged(0, |packet| {
        packet.init(&Hand::init(), []).unwrap();
        packet.data(&data(0, 1, 0, WHOLE, b"x")).unwrap();
    });
    at.hand.give_tagged(at.hand.tag, |packet| packet.init(&Hand::init(), []).unwrap());
    at.hand.give(|packet| {
        packet.data(&data(0, 1, 0, UNORDERED, b"x")).unwrap();
        packet.init(&Hand::init(), []).unwrap();
        packet.abort(false, []).unwrap();
    });
    assert_eq!(at.hand.sctp.state(), State::Established, "what follows an INIT is not read");
    assert_eq!(at.hand.sctp.stats().drops.bad_init, 3);
    assert_eq!(at.hand.read(), ["x"]);
    assert!(at.grown() <= JUNK);
}

#[test]
fn n47_a_stranger_who_calls_an_established_association() {
    let mut at = established();
    let tag = at.hand.tag;
    for n in 0..10_000 {
        let stranger = Init { initiate_tag: 1000 + n, ..Hand::init() };
        at.hand.give_tagged(0, |packet| packet.init(&stranger, []).unwrap());
        // It is answered, and nothing is remembered.
        let answer = at.hand.took().remove(0);
        assert_eq!(
            (chunks(&answer), Packet::parse(&answer).unwrap().verification_tag),
            (vec!["INIT_ACK"], 1000 + n)
        );
    }
    assert_eq!((at.hand.sctp.state(), at.hand.tag), (State::Established, tag));
    at.unmoved(|drops| drops.bad_init, 0);
}

#[test]
fn n47_inits_with_impossible_values() {
    let mut at = attacked(|| Hand::new(&Config::default()));
    let bad = [
        (Init { initiate_tag: 0, ..Hand::init() }, false),
        (Init { a_rwnd: 1499, ..Hand::init() }, true),
        (Init { outbound_streams: 0, ..Hand::init() }, true),
        (Init { inbound_streams: 0, ..Hand::init() }, true),
    ];
    for (init, answered) in bad {
        at.hand.give_tagged(0, |packet| packet.init(&init, []).unwrap());
        let answer = at.hand.took();
        assert_eq!(answer.len(), usize::from(answered), "{init:?}");
        if let Some(abort) = answer.first() {
            assert_eq!(
                (chunks(abort), Packet::parse(abort).unwrap().verification_tag),
                (vec!["ABORT"], HAND_TAG)
            );
        }
    }
    assert_eq!((at.hand.sctp.stats().drops.bad_init, at.hand.sctp.state()), (4, State::Closed));
    assert!(at.grown() <= JUNK);
}

#[test]
fn n47_init_acks_with_impossible_values() {
    let cases = [
        (Init { initiate_tag: 0, ..Hand::init() }, true),
        (Init { outbound_streams: 0, ..Hand::init() }, true),
        (Init { inbound_streams: 0, ..Hand::init() }, true),
        // RFC 9260 §3.3.3: the packet is dropped and the sender told; the state does not change.
        (Init { a_rwnd: 1499, ..Hand::init() }, false),
    ];
    for (ack, ends) in cases {
        let mut at = attacked(|| {
            let mut hand = Hand::new(&Config::default());
            hand.sctp.connect();
            let init = hand.took().remove(0);
            hand.learn(&init);
            hand
        });
        at.hand.give(|packet| packet.init_ack(&ack, [Parameter::StateCookie(b"cookie")]).unwrap());
        let abort = at.hand.took().remove(0);
        assert_eq!(chunks(&abort), ["ABORT"], "{ack:?}");
        // Without a tag of the peer's our own is reflected.
        let (tag, reflected) = if ack.initiate_tag == 0 { (at.hand.tag, 1) } else { (HAND_TAG, 0) };
        assert_eq!((Packet::parse(&abort).unwrap().verification_tag, abort[13]), (tag, reflected));
        assert_eq!(at.hand.sctp.stats().drops.bad_init, 1);
        if ends {
            assert_eq!(at.hand.events, [Event::Closed(CloseReason::ProtocolViolation)]);
        } else {
            assert_eq!(at.hand.sctp.state(), State::CookieWait);
        }
        assert!(at.grown() <= JUNK);
    }
}

// A cookie that fits no packet could never be echoed: the attempt would wait for ever, and nobody would know why.
#[test]
fn n47_an_init_ack_whose_cookie_fits_no_packet() {
    let most = Config::default().mtu - 12 - 4;
    for (len, fits) in [(most, true), (most + 1, false), (30_000, false)] {
        let mut at = attacked(|| {
            let mut hand = Hand::new(&Config::default());
            hand.sctp.connect();
            let init = hand.took().remove(0);
            hand.learn(&init);
            hand
        });
        let cookie = vec![7; len];
        at.hand.give(|packet| packet.init_ack(&Hand::init(), [Parameter::StateCookie(&cookie)]).unwrap());
        assert_eq!(at.hand.names(), [[if fits { "COOKIE_ECHO" } else { "ABORT" }]], "{len}");
        assert_eq!(at.hand.sctp.stats().drops.bad_init, u64::from(!fits));
        if !fits {
            assert_eq!(at.hand.events, [Event::Closed(CloseReason::ProtocolViolation)]);
            drop(cookie);
            assert!(at.grown() <= JUNK);
        }
    }
}

// ---- 48 -----------------------------------------------------------------------------------------------------------

#[test]
fn n48_chunks_whose_length_cannot_be() {
    let mut at = established();
    let mut count = 0;
    for kind in 0..=255 {
        for length in [0_u16, 1, 2, 3, 9, 1000, 65_535] {
            at.hand.give_bytes(&raw(at.hand.tag, &[&[kind, 0][..], &length.to_be_bytes(), &[0; 4]].concat()));
            count += 1;
        }
        at.hand.took();
    }
    // INIT and COOKIE ECHO decide before the rest is read, and so does an unreadable one.
    assert_eq!(at.hand.sctp.stats().drops.malformed, count);
    at.unmoved(|drops| drops.malformed, count);
}

#[test]
fn n48_known_chunks_too_short_for_their_type() {
    let mut at = established();
    let short = [0_u8, 1, 2, 3, 4, 5, 7, 0xc0];
    for kind in short {
        at.hand.give_bytes(&raw(at.hand.tag, &[kind, 0, 0, 4]));
    }
    at.unmoved(|drops| drops.malformed, short.len() as u64);
}

#[test]
fn n48_parameters_whose_length_cannot_be() {
    for length in [0_u16, 1, 2, 3, 9, 65_535] {
        let mut at = attacked(|| Hand::new(&Config::default()));
        let mut chunk = vec![1, 0, 0, 28];
        chunk.extend(HAND_TAG.to_be_bytes());
        chunk.extend([0, 1, 0, 0, 0, 10, 0, 10, 0, 0, 0, 1, 0x80, 0]);
        chunk.extend(length.to_be_bytes());
        chunk.extend([0; 4]);
        at.hand.give_bytes(&raw(0, &chunk));
        assert_eq!(at.hand.names(), [["ABORT"]], "length {length}");
        assert_eq!((at.hand.sctp.state(), at.hand.sctp.stats().drops.bad_init), (State::Closed, 1));
        // The same in a reset, and in what an ERROR lists.
        drop(at);
        let mut at = established();
        let parameter = [&[0, 13][..], &length.to_be_bytes(), &[0; 4]].concat();
        at.hand.give_bytes(&raw(at.hand.tag, &[&[0x82, 0, 0, 12][..], &parameter].concat()));
        at.hand.give_bytes(&raw(at.hand.tag, &[&[9, 0, 0, 12][..], &parameter].concat()));
        assert_eq!(at.hand.sctp.stats().drops.malformed, 1);
        at.unmoved(|drops| drops.bad_reconfig, 1);
    }
}

#[test]
fn n48_unknown_chunks_without_end_make_no_more_answers_than_the_limit() {
    let mut at = established();
    let reported = raw(at.hand.tag, &[0xff, 0, 0, 4].repeat(10_000));
    for _ in 0..100 {
        at.hand.sctp.handle_input(at.hand.now, Bytes::from(reported.clone()));
    }
    drop(reported);
    let answers = at.hand.names().iter().flatten().count();
    assert_eq!(answers, limits::SCTP_MAX_ANSWERS);
    let stats = at.hand.sctp.stats();
    assert_eq!(stats.drops.unknown_chunk, 1_000_000);
    assert_eq!(stats.drops.answer_queue_full, 1_000_000 - limits::SCTP_MAX_ANSWERS as u64);
    assert!(at.grown() <= JUNK);
}

#[test]
fn n48_an_init_of_64_kib_of_parameters() {
    let mut at = attacked(|| Hand::new(&Config::default()));
    let parameter = [0xff, 0xfe, 0, 4];
    for _ in 0..100 {
        let mut chunk = vec![1, 0, 0xff, 0xf0];
        chunk.extend(HAND_TAG.to_be_bytes());
        chunk.extend([0, 1, 0, 0, 0, 10, 0, 10, 0, 0, 0, 1]);
        chunk.extend(parameter.repeat((0xfff0 - 20) / 4));
        at.hand.give_bytes(&raw(0, &chunk));
        let answer = at.hand.took().remove(0);
        assert!(answer.len() <= 1200, "{}", answer.len());
    }
    assert_eq!(at.hand.sctp.state(), State::Closed);
    assert!(at.grown() <= JUNK);
}

#[test]
fn n48_heartbeats_reflect_no_more_than_a_packet_each_and_so_many() {
    let mut at = established();
    for len in [0_usize, 1, 1000, 1170, 1180, 1200, 60_000] {
        at.hand.give(|packet| packet.heartbeat(&vec![1; len]).unwrap());
        let answers = at.hand.took();
        let sent: usize = answers.iter().map(Vec::len).sum();
        assert!(answers.len() <= 1 && sent <= 1200.min(len + 32), "{len}: {sent}");
    }
    let flood: Vec<u8> = written(at.hand.tag, |packet| packet.heartbeat(&[7; 1000]).unwrap());
    for _ in 0..10_000 {
        at.hand.sctp.handle_input(at.hand.now, Bytes::from(flood.clone()));
    }
    assert_eq!(at.hand.took().len(), limits::SCTP_MAX_ANSWERS);
    assert!(at.hand.sctp.stats().drops.answer_queue_full >= 9_000);
    assert_eq!(at.hand.sctp.state(), State::Established);
    assert!(at.grown() <= JUNK);
}

// ---- 49 -----------------------------------------------------------------------------------------------------------

#[test]
fn n49_a_cookie_with_any_bit_changed() {
    let mut at = attacked(|| Hand::new(&Config::default()));
    let cookie = at.hand.call(&Hand::init());
    for bit in 0..cookie.len() * 8 {
        let mut forged = cookie.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        at.hand.give(|packet| packet.cookie_echo(&forged).unwrap());
    }
    for forged in [&cookie[1..], &cookie[..cookie.len() - 1], &[][..]] {
        at.hand.give(|packet| packet.cookie_echo(forged).unwrap());
    }
    assert_eq!(at.hand.sctp.stats().drops.bad_cookie, cookie.len() as u64 * 8 + 3);
    assert_eq!((at.hand.sctp.state(), at.hand.names()), (State::Closed, NOTHING.to_vec()));
    assert!(at.grown() <= JUNK);
    // The true one works, though not under another tag.
    at.hand.give_tagged(at.hand.tag ^ 1, |packet| packet.cookie_echo(&cookie).unwrap());
    assert_eq!((at.hand.sctp.state(), at.hand.sctp.stats().drops.verification_tag), (State::Closed, 1));
    at.hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
    assert_eq!(at.hand.sctp.state(), State::Established);
}

// A cookie tells what the peer can do: were it not sealed, a peer could promise itself what was never agreed.
#[test]
fn n49_a_cookie_of_another_association() {
    let mut at = attacked(|| Hand::new(&Config::default()));
    let mut other = Hand::new(&Config::default());
    other.sctp = antiphon::sctp::Association::new(
        other.now,
        antiphon::Rng::new(&antiphon::Seed::from_bytes([77; 32])),
        &Config::default(),
    )
    .unwrap();
    let cookie = other.call(&Hand::init());
    at.hand.give_tagged(other.tag, |packet| packet.cookie_echo(&cookie).unwrap());
    assert_eq!((at.hand.sctp.state(), at.hand.sctp.stats().drops.bad_cookie), (State::Closed, 1));
    assert_eq!(at.hand.names(), NOTHING);
}

#[test]
fn n49_a_cookie_past_its_life() {
    let mut at = attacked(|| Hand::new(&Config::default()));
    let cookie = at.hand.call(&Hand::init());
    at.hand.wait(Duration::from_secs(61));
    at.hand.give(|packet| {
        packet.cookie_echo(&cookie).unwrap();
        packet.data(&data(0, 1, 0, WHOLE, b"rides along")).unwrap();
    });
    let answer = at.hand.took().remove(0);
    let Some(Ok(Chunk::Error(causes))) = Packet::parse(&answer).unwrap().chunks().next() else { panic!() };
    assert_eq!(causes.iter().next(), Some(Ok(antiphon::wire::sctp::Cause::StaleCookie(1_000_000))));
    assert_eq!((at.hand.sctp.state(), at.hand.sctp.stats().drops.stale_cookie), (State::Closed, 1));
    assert_eq!(at.hand.read().len(), 0);
}

#[test]
fn n49_a_cookie_played_again() {
    let mut at = attacked(|| Hand::new(&Config::default()));
    let cookie = at.hand.call(&Hand::init());
    at.hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
    at.hand.give_data(0, 1, 0, WHOLE, b"data");
    at.hand.took();
    at.hand.events.clear();
    // While the association stands it is answered, for our answer may have been lost, and resets nothing.
    at.hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
    assert_eq!((at.hand.names(), at.hand.events.len()), (vec![vec!["COOKIE_ACK"]], 0));
    at.hand.give_data(1, 1, 1, WHOLE, b"goes on");
    assert_eq!(at.hand.read(), ["data", "goes on"]);
    // Once it is over it opens nothing.
    at.hand.sctp.abort();
    at.hand.took();
    at.hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
    assert_eq!((at.hand.names(), at.hand.sctp.state()), (NOTHING.to_vec(), State::Closed));
}

#[test]
fn n49_a_cookie_of_another_association_past_its_life_and_again() {
    let mut at = attacked(|| Hand::new(&Config::default()));
    let rng = antiphon::Rng::new(&antiphon::Seed::from_bytes([77; 32]));
    let (tag, packet) = {
        let mut other = Hand::new(&Config::default());
        other.sctp = antiphon::sctp::Association::new(other.now, rng, &Config::default()).unwrap();
        let cookie = other.call(&Hand::init());
        (other.tag, written(other.tag, |packet| packet.cookie_echo(&cookie).unwrap()))
    };
    assert_ne!(tag, at.hand.tag);
    for _ in 0..1000 {
        at.hand.give_bytes(&packet);
    }
    at.hand.wait(Duration::from_secs(61));
    for _ in 0..1000 {
        at.hand.give_bytes(&packet);
    }
    // Whoever cannot seal a cookie is told nothing, not even that it is old.
    let drops = at.hand.sctp.stats().drops;
    assert_eq!((drops.bad_cookie, drops.stale_cookie, at.hand.names()), (2000, 0, NOTHING.to_vec()));
    assert_eq!(at.hand.sctp.state(), State::Closed);
    drop(packet);
    assert!(at.grown() <= JUNK);
}

#[test]
fn n49_a_cookie_past_its_life_played_again() {
    let mut at = attacked(|| Hand::new(&Config::default()));
    let old = at.hand.call(&Hand::init());
    let tag = at.hand.tag;
    at.hand.give(|packet| packet.cookie_echo(&old).unwrap());
    at.hand.wait(Duration::from_secs(61));
    at.hand.took();
    at.hand.events.clear();
    // It is the association's own, and so answered; it changes nothing.
    at.hand.give(|packet| packet.cookie_echo(&old).unwrap());
    assert_eq!((at.hand.names(), at.hand.events.len()), (vec![vec!["COOKIE_ACK"]], 0));
    // The peer begins anew, and the cookie is no longer of the association there is.
    let new = at.hand.call(&Init { initiate_tag: 99, ..Hand::init() });
    at.hand.give(|packet| packet.cookie_echo(&new).unwrap());
    at.hand.took();
    assert_eq!(core::mem::take(&mut at.hand.events), [Event::Restarted]);
    for n in 1..=1000 {
        at.hand.give_tagged(tag, |packet| packet.cookie_echo(&old).unwrap());
        assert_eq!(at.hand.names(), [["ERROR"]]);
        assert_eq!(at.hand.sctp.stats().drops.stale_cookie, n);
    }
    assert_eq!((at.hand.sctp.state(), at.hand.events.len()), (State::Established, 0));
    at.hand.give_data(0, 1, 0, WHOLE, b"goes on");
    assert_eq!(at.hand.read(), ["goes on"]);
    assert!(at.grown() <= JUNK);
}

// ---- 50 -----------------------------------------------------------------------------------------------------------

#[test]
fn n50_data_beyond_the_window() {
    let config = Config { receive_window: 100_000, max_receive_message_size: 100_000, ..Config::default() };
    let mut at = attacked(|| Hand::established(&config));
    for n in 0..10_000 {
        at.hand.give_data(n, 1, n as u16, WHOLE, &[1; 1000]);
        at.hand.sent.clear();
    }
    let stats = at.hand.sctp.stats();
    assert!(stats.drops.window + stats.drops.tsn_range >= 9_800, "{:?}", stats.drops);
    assert!(stats.held_bytes <= 150_000);
    assert_eq!(at.hand.sctp.state(), State::Established);
    let grown = at.grown();
    assert!(grown <= 200_000 + JUNK, "{grown}");
    assert!(at.hand.read().len() >= 90);
}

#[test]
fn n50_every_other_tsn() {
    let config = Config { receive_window: 100_000, max_receive_message_size: 100_000, ..Config::default() };
    let mut at = attacked(|| Hand::established(&config));
    at.hand.checked = false;
    for n in 1..60_000 {
        at.hand.give_data(n * 2, 1, n as u16, WHOLE, b"x");
        if n % 100 == 0 {
            // One SACK after another, each within a packet.
            assert!(at.hand.took().iter().all(|packet| packet.len() <= 1200));
        }
    }
    let stats = at.hand.sctp.stats();
    assert!(stats.held_bytes <= 200_000 && stats.drops.window > 0, "{stats:?}");
    let grown = at.grown();
    // At most twice the window is pinned.
    assert!(grown <= 200_000 + JUNK, "{grown}");
    assert_eq!(at.hand.sctp.state(), State::Established);
}

#[test]
fn n50_reports_that_cannot_be() {
    let mut at = attacked(|| {
        let mut hand = Hand::established(&Config::default());
        hand.send(1, 5000);
        hand
    });
    let cumulative = |n: u32| Tsn(at.hand.tsn).plus(n);
    let cases = [cumulative(1 << 31), cumulative((1 << 31) - 1), cumulative(100), cumulative(0).minus(100)];
    for cumulative in cases {
        at.hand.give(|packet| packet.sack(cumulative, 1 << 20, [], []).unwrap());
    }
    assert_eq!(at.hand.sctp.stats().drops.bad_sack, 4);
    // Blocks beyond what was sent acknowledge nothing.
    at.hand.give_sack(0, &[(1000, 65_535), (40_000, 50_000)], 1 << 20);
    let stats = at.hand.sctp.stats();
    assert_eq!((stats.in_flight_bytes, at.hand.sctp.state()), (5000, State::Established));
    assert!(at.grown() <= JUNK);
    at.hand.give_sack(5, &[], 1 << 20);
    assert_eq!(at.hand.sctp.stats().in_flight_bytes, 0);
}

// ---- 51 -----------------------------------------------------------------------------------------------------------

#[test]
fn n51_forward_tsn_that_was_not_agreed() {
    let mut at = attacked(|| Hand::established(&Config { partial_reliability: false, ..Config::default() }));
    at.hand.give(|packet| packet.forward_tsn(Tsn(HAND_TSN).plus(5), []).unwrap());
    assert_eq!(at.hand.names(), [["ERROR"]]);
    at.unmoved(|drops| drops.bad_forward_tsn, 1);
}

#[test]
fn n51_forward_tsn_that_leaps() {
    let mut at = established();
    for leap in [65_536, 1 << 30, (1 << 31) - 2] {
        at.hand.give(|packet| packet.forward_tsn(Tsn(HAND_TSN).plus(leap), []).unwrap());
        at.hand.took();
    }
    at.unmoved(|drops| drops.bad_forward_tsn, 3);
}

#[test]
fn n51_forward_tsn_with_every_stream() {
    let mut at = established();
    for n in 0..20 {
        let skipped = (0..16_000).map(|stream| Skipped { stream, ssn: Ssn(n) });
        at.hand.give(|packet| packet.forward_tsn(Tsn(HAND_TSN).plus(u32::from(n)), skipped).unwrap());
        at.hand.took();
    }
    assert_eq!(at.hand.sctp.state(), State::Established);
    // The hundred streams that were agreed, and no more.
    let grown = at.grown();
    assert!(grown <= 100 * 300 + JUNK, "{grown}");
    at.hand.give_data(20, 99, 20, WHOLE, b"goes on");
    at.hand.give_data(21, 100, 0, WHOLE, b"no such stream");
    assert_eq!(at.hand.read(), ["goes on"]);
}

/// An association whose peer may use every stream there is.
fn every_stream() -> Hand {
    let mut hand = Hand::new(&Config::default());
    let cookie = hand.call(&Init { outbound_streams: u16::MAX, inbound_streams: u16::MAX, ..Hand::init() });
    hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
    assert_eq!(hand.sctp.streams().1, u16::MAX);
    // Looking at each of them after every packet would take long.
    hand.checked = false;
    hand
}

/// What a stream that the peer has named may cost for as long as the association lives.
const NAMED: isize = 36;

/// Skips on all of the 65 535 streams, five packets a round, the `n`th message of each with the `n`th round.
fn skips(rounds: impl IntoIterator<Item = u16>, tag: u32) -> Vec<Bytes> {
    const SHARE: u16 = u16::MAX / 5;
    let each = rounds.into_iter().flat_map(|ssn| (0..5).map(move |part| (ssn, part)));
    let packet = |(n, (ssn, part)): (u32, (u16, u16))| {
        let skipped = (part * SHARE..(part + 1) * SHARE).map(move |stream| Skipped { stream, ssn: Ssn(ssn) });
        let tsn = Tsn(HAND_TSN).plus(n);
        Bytes::from(written(tag, |packet| packet.forward_tsn(tsn, skipped).unwrap()))
    };
    (0..).zip(each).map(packet).collect()
}

#[test]
fn n51_forward_tsn_with_every_stream_there_is() {
    let mut at = attacked(every_stream);
    let packets = skips(0..4, at.hand.tag);
    let count = packets.len() as u32;
    let steps = at.steps_per_byte(&packets);
    assert!(steps <= BOUND, "{steps} steps a byte");
    drop(packets);
    assert_eq!((at.hand.sctp.state(), at.hand.sctp.stats().held_bytes), (State::Established, 0));
    let grown = at.grown();
    assert!(grown <= 65_535 * NAMED + JUNK, "{grown}");
    at.hand.sctp.check();
    // Each has remembered what was skipped.
    at.hand.give_data(count, 65_534, 4, WHOLE, b"goes on");
    at.hand.give_data(count + 1, 0, 3, WHOLE, b"skipped");
    assert_eq!(at.hand.read(), ["goes on"]);
}

// The number before the first: what a stream that nothing came on says anyway.
#[test]
fn n51_skips_that_say_nothing_cost_nothing() {
    let mut at = attacked(every_stream);
    let packets = skips([u16::MAX, u16::MAX - 9, 1 << 15], at.hand.tag);
    let steps = at.steps_per_byte(&packets);
    assert!(steps <= BOUND, "{steps} steps a byte");
    drop(packets);
    assert_eq!(at.hand.sctp.state(), State::Established);
    let grown = at.grown();
    assert!(grown <= JUNK, "{grown}");
}

#[test]
fn n51_data_on_every_stream_there_is() {
    let window = isize::try_from(Config::default().receive_window).unwrap();
    for (ssn, read) in [(0, true), (0, false), (1, false)] {
        let mut at = attacked(every_stream);
        for n in 0..65_535_u32 {
            at.hand.give_data(n, n as u16, ssn, WHOLE, b"x");
            at.hand.sent.clear();
            at.hand.events.clear();
            if read {
                assert_eq!(at.hand.sctp.recv().map(|message| message.stream), Some(n as u16));
            }
        }
        let stats = at.hand.sctp.stats();
        let grown = at.grown();
        if read {
            assert_eq!((stats.held_bytes, stats.drops.window), (0, 0));
            assert!(grown <= 65_535 * NAMED + JUNK, "{grown}");
        } else {
            // Charged with what it pins: the window is full long before every stream has a message.
            assert!(stats.drops.window > 10_000, "{:?}", stats.drops);
            assert!(grown <= 2 * window, "number {ssn}: {grown}");
        }
        at.hand.sctp.check();
    }
}

// All streams begin again with the peer: those that it had named are forgotten, and so is what it costs to walk over them.
#[test]
fn n51_every_stream_named_and_forgotten_when_the_peer_begins_anew() {
    let mut at = attacked(every_stream);
    let begin = |at: &mut Attacked, n: u32| {
        let init = Init {
            initiate_tag: 1000 + n,
            outbound_streams: u16::MAX,
            inbound_streams: u16::MAX,
            ..Hand::init()
        };
        let before = at.hand.sctp.ops();
        let cookie = at.hand.call(&init);
        at.hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
        assert_eq!(core::mem::take(&mut at.hand.events), [Event::Restarted]);
        at.hand.sent.clear();
        at.hand.sctp.ops() - before
    };
    let packets = skips(0..2, at.hand.tag);
    assert!(at.steps_per_byte(&packets) <= BOUND);
    drop(packets);
    // Each of them twice, which its four bytes have paid for.
    assert!((2 * 65_535..135_000).contains(&begin(&mut at, 0)));
    for n in 1..100 {
        let steps = begin(&mut at, n);
        assert!(steps <= 100 * BOUND, "{steps} steps");
    }
    at.hand.checked = true;
    let grown = at.grown();
    assert!(grown <= JUNK, "{grown}");
    at.hand.give_data(0, 65_534, 0, WHOLE, b"from the start");
    assert_eq!(at.hand.read(), ["from the start"]);
}

// ---- 52 -----------------------------------------------------------------------------------------------------------

fn outgoing(n: u32, last: u32, streams: &[u16]) -> ReConfigParameter<'_> {
    ReConfigParameter::OutgoingReset {
        request: HAND_TSN.wrapping_add(n),
        response: 0,
        last_tsn: Tsn(HAND_TSN).plus(last),
        streams: U16List::new(streams),
    }
}

// Data held back for a reset that never happens must not pile up (CVE of another stack: unbounded growth).
#[test]
fn n52_a_reset_that_never_happens_while_data_and_skips_go_on() {
    let mut at = established();
    let streams: Vec<u16> = (0..100).collect();
    at.hand.give(|packet| packet.re_config([outgoing(0, 60_000, &streams)]).unwrap());
    at.hand.took();
    for n in 0..20_000_u32 {
        // Behind the reset: dropped and counted, not stored.
        at.hand.give_data(60_001 + n % 5000, (n % 100) as u16, 0, WHOLE, &[1; 500]);
        // And skips towards it that never get there.
        let skip = Skipped { stream: (n % 100) as u16, ssn: Ssn((n / 100) as u16) };
        at.hand.give(|packet| packet.forward_tsn(Tsn(HAND_TSN).plus(n), [skip]).unwrap());
        at.hand.sent.clear();
    }
    let stats = at.hand.sctp.stats();
    assert_eq!((stats.held_bytes, stats.drops.resetting), (0, 20_000));
    let grown = at.grown();
    assert!(grown <= 64 * 1024, "{grown}");
    assert_eq!(at.hand.sctp.state(), State::Established);
}

#[test]
fn n52_requests_with_wrong_numbers_and_answers_to_none() {
    let mut at = established();
    for n in [1, 100, u32::MAX, 1 << 31] {
        at.hand.give(|packet| packet.re_config([outgoing(n, 0, &[1])]).unwrap());
        assert_eq!(at.hand.names(), [["SACK", "RE_CONFIG"]]);
        let response =
            ReConfigParameter::Response { request: n, result: ReConfigResult::Performed, tsns: None };
        at.hand.give(|packet| packet.re_config([response]).unwrap());
    }
    assert_eq!(at.hand.events, []);
    at.unmoved(|drops| drops.bad_reconfig, 4);
}

#[test]
fn n52_all_streams_at_once_and_again() {
    let mut at = attacked(|| {
        let mut hand = Hand::new(&Config::default());
        let init = Init { outbound_streams: u16::MAX, inbound_streams: u16::MAX, ..Hand::init() };
        let cookie = hand.call(&init);
        hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
        hand
    });
    let (low, high): (Vec<u16>, Vec<u16>) = (0..u16::MAX).partition(|stream| *stream < 32_000);
    let mut reported = 0;
    for n in 0..20 {
        let half = if n % 2 == 0 { &low[..] } else { &high[..32_000] };
        let packet =
            written(at.hand.tag, |packet| packet.re_config([outgoing(n, u32::MAX - n, half)]).unwrap());
        at.hand.sctp.handle_input(at.hand.now, Bytes::from(packet));
    }
    at.hand.poll();
    reported += at.hand.events.iter().filter(|event| matches!(event, Event::IncomingReset { .. })).count();
    // Each once, however often it was reset before anybody looked.
    assert_eq!(reported, 64_000);
    assert_eq!(at.hand.sctp.state(), State::Established);
    assert_eq!(at.hand.sctp.stats().held_bytes, 0);
    at.hand.sctp.check();
    // The list of what waits to be read has been given out; of the streams nothing is kept.
    let grown = at.grown();
    assert!(grown <= 64_000 * 16 + 128_000 + JUNK, "{grown}");
}

// ---- 53 -----------------------------------------------------------------------------------------------------------

#[test]
fn n53_beginnings_without_ends() {
    let config = Config { receive_window: 100_000, max_receive_message_size: 50_000, ..Config::default() };
    let mut at = attacked(|| Hand::established(&config));
    for n in 0..10_000 {
        at.hand.give_data(n, (n % 100) as u16, 0, FIRST, &[1; 100]);
        at.hand.sent.clear();
    }
    let stats = at.hand.sctp.stats();
    assert!(stats.held_bytes <= 200_000 && stats.drops.window > 8_000);
    let grown = at.grown();
    // At most twice the window is pinned.
    assert!(grown <= 200_000 + JUNK, "{grown}");
    assert_eq!(at.hand.sctp.state(), State::Established);
}

#[test]
fn n53_a_message_without_end() {
    let mut at = established();
    let mut n = 0;
    at.hand.give_data(n, 1, 0, FIRST, &[1; 1100]);
    while at.hand.sctp.state() == State::Established {
        n += 1;
        assert!(u64::from(n) * 1100 <= 300_000, "stopped at 256 KiB");
        at.hand.give_data(n, 1, 0, MIDDLE, &[1; 1100]);
    }
    assert_eq!(at.hand.events, [Event::Closed(CloseReason::MessageTooLong)]);
    assert!(chunks(at.hand.took().last().unwrap()).contains(&"ABORT"));
    let grown = at.grown();
    assert!(grown <= 2 * 300_000, "{grown}");
}

#[test]
fn n53_pieces_that_contradict_each_other() {
    let mut at = established();
    let unordered = |flags: DataFlags| DataFlags { unordered: true, ..flags };
    let pieces =
        [FIRST, FIRST, LAST, LAST, MIDDLE, unordered(LAST), unordered(FIRST), FIRST, unordered(LAST)];
    for (n, flags) in (0..).zip(pieces) {
        at.hand.give_data(n, 1, (n % 3) as u16, flags, b"piece");
    }
    at.hand.sctp.check();
    let read = at.hand.read();
    assert!(read.iter().all(|message| message.len() == 10), "only neighbours that fit are joined: {read:?}");
    // What can never be whole is charged like everything else, and ends with the association.
    assert!(at.hand.sctp.stats().held_bytes <= 9 * 1000);
    assert_eq!(at.hand.sctp.state(), State::Established);
    assert!(at.grown() <= JUNK);
}

// ---- 54 -----------------------------------------------------------------------------------------------------------

// RFC 8831 §6.2: the last number is no stream, so no channel can be opened on it.
#[test]
fn n54_stream_65535_is_none() {
    let mut at = attacked(|| {
        let mut hand = Hand::new(&Config::default());
        let cookie =
            hand.call(&Init { outbound_streams: u16::MAX, inbound_streams: u16::MAX, ..Hand::init() });
        hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
        hand
    });
    let open = antiphon::wire::dcep::Open::default().to_vec();
    at.hand.give_data(0, 65_535, 0, WHOLE, &open);
    let answer = at.hand.took().remove(0);
    assert_eq!(chunks(&answer), ["SACK", "ERROR"]);
    assert_eq!((at.hand.sctp.stats().drops.bad_data, at.hand.read().len()), (1, 0));
    assert!(at.grown() <= JUNK);
}

// ---- work per byte ------------------------------------------------------------------------------------------------

/// Steps that a byte may cost.
const BOUND: u64 = 4;

/// An association with `count` messages of one byte in flight.
fn flying(count: usize) -> Hand {
    let config = Config {
        initial_window_packets: 100_000,
        burst_packets: 200_000,
        send_limit: 1 << 24,
        ..Config::default()
    };
    let mut hand = Hand::established(&config);
    hand.give_sack(0, &[], 1 << 30);
    for _ in 0..count {
        let message = antiphon::sctp::Message { stream: 1, ppid: 53, data: Bytes::from_static(b"x") };
        hand.sctp.send(hand.now, &message, antiphon::sctp::SendOptions::default()).unwrap();
    }
    hand.poll();
    assert_eq!(hand.sctp.stats().in_flight_bytes, count);
    hand
}

#[test]
fn work_of_ten_thousand_gap_blocks_is_bounded_by_their_bytes() {
    let report = |at: &Attacked, cumulative: u32, blocks: &mut dyn Iterator<Item = (u16, u16)>| {
        let blocks: Vec<_> = blocks.map(|(start, end)| GapBlock { start, end }).collect();
        let cumulative = Tsn(at.hand.tsn).plus(cumulative).minus(1);
        Bytes::from(written(at.hand.tag, |packet| packet.sack(cumulative, 1 << 30, blocks, []).unwrap()))
    };
    let mut at = attacked(|| flying(60_000));
    at.hand.checked = false;
    // Each block one chunk; the same again; all of them everything; shifted by one; nested.
    let every_other: Vec<Bytes> =
        (0..20).map(|_| report(&at, 0, &mut (1..10_000).map(|n| (n * 2, n * 2)))).collect();
    let everything: Vec<Bytes> =
        (0..20).map(|_| report(&at, 0, &mut (0..10_000).map(|_| (2, 65_000)))).collect();
    let nested: Vec<Bytes> =
        (0..20).map(|_| report(&at, 0, &mut (0..10_000).map(|n| (2 + n, 60_000 - n)))).collect();
    let growing: Vec<Bytes> =
        (0..20).map(|_| report(&at, 0, &mut (0..10_000).map(|n| (2 + n / 2, 2 + n)))).collect();
    for (name, packets) in
        [("single", every_other), ("growing", growing), ("nested", nested), ("all", everything)]
    {
        let steps = at.steps_per_byte(&packets);
        assert!(steps <= BOUND, "{name}: {steps} steps a byte");
    }
    // A peer that reports everything and takes it back with each advance.
    let packets: Vec<Bytes> = (1..2000)
        .flat_map(|n| {
            [report(&at, n, &mut [(2, 65_000)].into_iter()), report(&at, n + 1, &mut [].into_iter())]
        })
        .collect();
    let steps = at.steps_per_byte(&packets);
    assert!(steps <= 40, "taken back: {steps} steps a byte");
    assert_eq!(at.hand.sctp.state(), State::Established);
}

#[test]
fn work_of_sixty_four_thousand_resets_is_bounded_by_their_bytes() {
    let mut at = attacked(|| {
        let mut hand = Hand::new(&Config::default());
        hand.checked = false;
        let cookie =
            hand.call(&Init { outbound_streams: u16::MAX, inbound_streams: u16::MAX, ..Hand::init() });
        hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
        hand
    });
    // Streams that have been used, so that there is something to reset.
    let mut bytes = 0;
    for n in 0..64_000_u32 {
        let packet = written(at.hand.tag, |packet| packet.data(&data(n, n as u16, 0, WHOLE, b"x")).unwrap());
        bytes += packet.len();
        at.hand.give_bytes(&packet);
        at.hand.sctp.recv();
        at.hand.sent.clear();
    }
    assert!(bytes > 64_000);
    let streams: Vec<u16> = (0..64_000).collect();
    let packet = |n: u32, last: u32, streams: &[u16]| {
        Bytes::from(written(at.hand.tag, |packet| packet.re_config([outgoing(n, last, streams)]).unwrap()))
    };
    let mut packets = vec![packet(0, 63_999, &streams[..32_000]), packet(1, 63_999, &streams[32_000..])];
    // Again and again, performed, deferred, and all of them without naming one.
    packets.extend((2..50).map(|n| packet(n, 63_000, &streams[..32_000])));
    packets.extend((50..60).map(|n| packet(n, 70_000, &streams[..32_000])));
    let all: Vec<Bytes> = (60..1060).map(|n| packet(n, 63_999 - n, &[])).collect();
    let steps = at.steps_per_byte(&packets);
    assert!(steps <= BOUND, "{steps} steps a byte");
    let steps = at.steps_per_byte(&all);
    assert!(steps <= 40, "without names: {steps} steps a byte");
    assert_eq!(at.hand.sctp.state(), State::Established);
}

/// The numbers of all fragments as they arrive.
type Order = fn() -> Vec<u32>;

#[test]
fn work_of_fragments_of_one_byte_is_bounded_by_their_bytes() {
    const COUNT: u32 = 20_000;
    // Each is made while its test has the heap to itself.
    let orders: [(&str, Order); 4] = [
        ("in order", || (0..COUNT).collect()),
        ("backwards", || (0..COUNT).rev().collect()),
        ("from both ends", || (0..COUNT / 2).flat_map(|n| [n, COUNT - 1 - n]).collect()),
        ("every other first", || {
            (0..COUNT / 2).map(|n| n * 2 + 1).chain((0..COUNT / 2).map(|n| n * 2)).collect()
        }),
    ];
    for (name, order) in orders {
        let mut at = established();
        let flags = |n: u32| match n {
            0 => FIRST,
            n if n == COUNT - 1 => LAST,
            _ => MIDDLE,
        };
        // As many to a packet as fit.
        let packets: Vec<Bytes> = order()
            .chunks(50)
            .map(|some| {
                Bytes::from(written(at.hand.tag, |packet| {
                    for n in some {
                        packet.data(&data(*n, 1, 0, flags(*n), b"x")).unwrap();
                    }
                }))
            })
            .collect();
        let steps = at.steps_per_byte(&packets);
        assert!(steps <= BOUND, "{name}: {steps} steps a byte");
        assert_eq!(at.hand.read(), [vec![b'x'; COUNT as usize]], "{name}");
        assert_eq!(at.hand.sctp.stats().held_bytes, 0);
    }
}

#[test]
fn work_of_skips_and_holes_is_bounded_by_their_bytes() {
    let mut at = established();
    let holes: Vec<Bytes> = (1..600_u32)
        .map(|n| {
            Bytes::from(written(at.hand.tag, |packet| {
                for k in 0..50 {
                    packet.data(&data(n * 100 + k * 2, 1, 0, UNORDERED, b"x")).unwrap();
                }
            }))
        })
        .collect();
    let steps = at.steps_per_byte(&holes);
    assert!(steps <= BOUND, "holes: {steps} steps a byte");
    let skips: Vec<Bytes> = (0..60_u32)
        .map(|n| {
            let skipped = (0..16_000).map(|stream| Skipped { stream, ssn: Ssn(n as u16) });
            let tsn = Tsn(HAND_TSN).plus(n);
            Bytes::from(written(at.hand.tag, |packet| packet.forward_tsn(tsn, skipped).unwrap()))
        })
        .collect();
    let steps = at.steps_per_byte(&skips);
    assert!(steps <= BOUND, "skips: {steps} steps a byte");
    at.hand.wait(ms(1));
}
