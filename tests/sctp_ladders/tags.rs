//! Whose packet it is (RFC 9260 §8.4, §8.5).

use antiphon::sctp::{CloseReason, Config, Event, State};
use antiphon::wire::sctp::{Cause, Packet};

use crate::sctp_common::chunks;
use crate::sctp_common::hand::{HAND_TAG, Hand, WHOLE, data, raw};

const NOTHING: [Vec<&str>; 0] = [];

#[test]
fn a_packet_under_another_tag_is_dropped() {
    let mut hand = Hand::established(&Config::default());
    for tag in [0, hand.tag ^ 1, HAND_TAG] {
        hand.give_tagged(tag, |packet| packet.data(&data(0, 1, 0, WHOLE, b"x")).unwrap());
    }
    assert_eq!(hand.sctp.stats().drops.verification_tag, 3);
    assert_eq!((hand.names(), hand.read().len()), (NOTHING.to_vec(), 0));
}

#[test]
fn an_abort_counts_under_our_tag_or_reflected_under_the_peers() {
    let cases = [(false, false, true), (true, true, true), (true, false, false), (false, true, false)];
    for (reflected, peers_tag, counts) in cases {
        let mut hand = Hand::established(&Config::default());
        let tag = if peers_tag { HAND_TAG } else { hand.tag };
        hand.give_tagged(tag, |packet| packet.abort(reflected, [Cause::UserInitiatedAbort(&[])]).unwrap());
        if counts {
            assert_eq!(hand.events, [Event::Closed(CloseReason::PeerAborted { cause: 12 })]);
        } else {
            assert_eq!(
                (hand.sctp.state(), hand.sctp.stats().drops.verification_tag),
                (State::Established, 1)
            );
        }
        assert_eq!(hand.names(), NOTHING, "an ABORT is never answered");
    }
}

#[test]
fn shutdown_complete_counts_by_the_same_rule_and_only_where_it_is_waited_for() {
    let cases = [(false, false, true), (true, true, true), (true, false, false), (false, true, false)];
    for (reflected, peers_tag, counts) in cases {
        let mut hand = Hand::established(&Config::default());
        let tag = if peers_tag { HAND_TAG } else { hand.tag };
        hand.give_tagged(tag, |packet| packet.shutdown_complete(reflected).unwrap());
        assert_eq!(hand.sctp.state(), State::Established);
        let cumulative = antiphon::base::serial::Tsn(hand.tsn).minus(1);
        hand.give(|packet| packet.shutdown(cumulative).unwrap());
        assert_eq!(hand.sctp.state(), State::ShutdownAckSent);
        hand.give_tagged(tag, |packet| packet.shutdown_complete(reflected).unwrap());
        assert_eq!(hand.events.contains(&Event::Closed(CloseReason::Shutdown)), counts);
    }
}

#[test]
fn a_shutdown_ack_of_an_association_we_do_not_have_is_answered_under_its_own_tag() {
    let mut idle = Hand::new(&Config::default());
    let mut calling = Hand::new(&Config::default());
    calling.sctp.connect();
    calling.took();
    for hand in [&mut idle, &mut calling] {
        hand.give_tagged(77, |packet| packet.shutdown_ack().unwrap());
        let answer = hand.took().remove(0);
        assert_eq!((chunks(&answer), answer[13]), (vec!["SHUTDOWN_COMPLETE"], 1));
        assert_eq!(Packet::parse(&answer).unwrap().verification_tag, 77);
    }
    assert_eq!((idle.sctp.state(), calling.sctp.state()), (State::Closed, State::CookieWait));
    // Established, it is only unexpected.
    let mut hand = Hand::established(&Config::default());
    hand.give(|packet| packet.shutdown_ack().unwrap());
    assert_eq!((hand.names(), hand.sctp.stats().drops.unexpected_chunk), (NOTHING.to_vec(), 1));
}

#[test]
fn what_belongs_to_no_association_is_answered_with_a_reflected_abort_where_that_may_be() {
    let mut hand = Hand::new(&Config::default());
    hand.give_tagged(77, |packet| packet.data(&data(0, 1, 0, WHOLE, b"x")).unwrap());
    let answer = hand.took().remove(0);
    assert_eq!((chunks(&answer), answer[13]), (vec!["ABORT"], 1));
    assert_eq!(Packet::parse(&answer).unwrap().verification_tag, 77);
    hand.give_tagged(77, |packet| packet.abort(false, []).unwrap());
    hand.give_tagged(77, |packet| packet.cookie_ack().unwrap());
    hand.give_tagged(77, |packet| packet.shutdown_complete(false).unwrap());
    hand.give_tagged(77, |packet| packet.error([Cause::StaleCookie(1)]).unwrap());
    assert_eq!((hand.names(), hand.sctp.stats().drops.verification_tag), (NOTHING.to_vec(), 5));
    assert_eq!(hand.sctp.state(), State::Closed);
    // What is over stays silent.
    let mut hand = Hand::established(&Config::default());
    hand.sctp.abort();
    assert_eq!(hand.names(), [["ABORT"]]);
    hand.give(|packet| packet.data(&data(0, 1, 0, WHOLE, b"x")).unwrap());
    assert_eq!(hand.names(), NOTHING);
}

#[test]
fn packets_between_other_ports_are_dropped() {
    let mut hand = Hand::established(&Config { remote_port: 5000, ..Config::default() });
    let mut buf = [0; 100];
    let mut writer = antiphon::wire::sctp::PacketWriter::new(&mut buf, 5001, 5000, hand.tag);
    writer.abort(false, []).unwrap();
    let len = writer.finish();
    hand.give_bytes(&buf[..len]);
    assert_eq!((hand.sctp.state(), hand.sctp.stats().drops.port), (State::Established, 1));
}

// RFC 9260 §8.5.1 A: under no tag there is INIT and nothing else, and nobody is told.
#[test]
fn nothing_but_init_is_answered_under_no_tag() {
    let mut idle = Hand::new(&Config::default());
    let mut calling = Hand::new(&Config::default());
    calling.sctp.connect();
    calling.took();
    for hand in [&mut idle, &mut calling] {
        hand.give_tagged(0, |packet| packet.data(&data(0, 1, 0, WHOLE, b"x")).unwrap());
        hand.give_tagged(0, |packet| packet.heartbeat(b"x").unwrap());
        hand.give_tagged(0, |packet| packet.abort(false, []).unwrap());
        hand.give_tagged(0, |packet| packet.cookie_echo(b"cookie").unwrap());
        assert_eq!((hand.names(), hand.sctp.stats().drops.verification_tag), (NOTHING.to_vec(), 4));
    }
    assert_eq!((idle.sctp.state(), calling.sctp.state()), (State::Closed, State::CookieWait));
}

// RFC 9260 §8.4, rules 2 and 5 speak of what the packet contains, not of its first chunk.
#[test]
fn a_shutdown_ack_in_company_is_answered_too_unless_there_is_an_abort() {
    let mut hand = Hand::new(&Config::default());
    hand.give_tagged(77, |packet| {
        packet.heartbeat_ack(b"x").unwrap();
        packet.shutdown_ack().unwrap();
    });
    let answer = hand.took().remove(0);
    assert_eq!((chunks(&answer), answer[13]), (vec!["SHUTDOWN_COMPLETE"], 1));
    hand.give_tagged(77, |packet| {
        packet.heartbeat_ack(b"x").unwrap();
        packet.shutdown_ack().unwrap();
        packet.abort(false, []).unwrap();
    });
    assert_eq!(hand.names(), NOTHING);
}

// RFC 9260 §3.3.7
#[test]
fn an_abort_with_a_format_error_is_none() {
    let mut hand = Hand::established(&Config::default());
    // A cause that is longer than the chunk, and one that is shorter than its own header.
    for cause in [[0, 12, 0, 9], [0, 12, 0, 3]] {
        let abort = [&[6, 0, 0, 8][..], &cause].concat();
        hand.give_bytes(&raw(hand.tag, &abort));
        assert_eq!(hand.sctp.state(), State::Established);
    }
    assert_eq!((hand.names(), hand.sctp.stats().drops.malformed), (NOTHING.to_vec(), 2));
    // A cause nobody knows is no format error.
    hand.give_bytes(&raw(hand.tag, &[6, 0, 0, 8, 0x77, 0x77, 0, 4]));
    assert_eq!(hand.events, [Event::Closed(CloseReason::PeerAborted { cause: 0x7777 })]);
}
