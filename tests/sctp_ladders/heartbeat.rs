//! HEARTBEAT: asked, answered, missed (RFC 9260 §8.1, §8.3).

use antiphon::sctp::{CloseReason, Config, Event, State};
use antiphon::wire::sctp::{Chunk, Init, Packet, Parameter};
use core::time::Duration;

use crate::sctp_common::hand::{Hand, raw};
use crate::sctp_common::*;

fn every(interval: Duration) -> Config {
    Config { heartbeat_interval: Some(interval), ..Config::default() }
}

/// The information of a HEARTBEAT.
fn info(packet: &[u8]) -> Vec<u8> {
    let Some(Ok(Chunk::Heartbeat(info))) = Packet::parse(packet).unwrap().chunks().next() else { panic!() };
    info.to_vec()
}

#[test]
fn a_heartbeat_is_answered_with_what_it_brought() {
    let mut hand = Hand::established(&Config::default());
    hand.give(|packet| packet.heartbeat(b"anything at all").unwrap());
    let answer = hand.took().remove(0);
    let Some(Ok(Chunk::HeartbeatAck(info))) = Packet::parse(&answer).unwrap().chunks().next() else {
        panic!()
    };
    assert_eq!(info, b"anything at all");
}

#[test]
fn one_that_would_not_fit_a_packet_is_dropped() {
    let mut hand = Hand::established(&Config::default());
    hand.give(|packet| packet.heartbeat(&[1; 1200]).unwrap());
    assert_eq!(hand.took().len(), 0);
    assert_eq!(hand.sctp.stats().drops.bad_heartbeat, 1);
}

#[test]
fn an_idle_path_is_asked_in_its_time() {
    let mut hand = Hand::established(&every(Duration::from_secs(30)));
    hand.wait(Duration::from_secs(30));
    assert_eq!(hand.took().len(), 0);
    hand.wait(Duration::from_secs(2));
    assert_eq!(hand.names(), [["HEARTBEAT"]]);
    let mut never = Hand::established(&Config { heartbeat_interval: None, ..Config::default() });
    never.wait(Duration::from_secs(1000));
    assert_eq!(never.took().len(), 0);
}

#[test]
fn data_makes_heartbeats_unnecessary() {
    let config = every(Duration::from_secs(30));
    let mut world =
        World::connected_with(ms(10), &config, &Config { heartbeat_interval: None, ..config.clone() });
    world.to_z.log = Some(Vec::new());
    for _ in 0..20 {
        world.send(1, "still here");
        world.run(Duration::from_secs(10));
    }
    assert!(world.to_z.log.as_ref().unwrap().iter().all(|(_, packet)| !holds(packet, "HEARTBEAT")));
    world.run(Duration::from_secs(60));
    assert!(world.to_z.log.as_ref().unwrap().iter().any(|(_, packet)| holds(packet, "HEARTBEAT")));
}

#[test]
fn both_sides_ask() {
    let mut world = World::connected_with(ms(10), &every(ms(5000)), &every(ms(5000)));
    world.to_z.log = Some(Vec::new());
    world.to_a.log = Some(Vec::new());
    world.run(Duration::from_secs(60));
    for link in [&world.to_z, &world.to_a] {
        let count = |name| link.log.iter().flatten().filter(|(_, packet)| holds(packet, name)).count();
        assert!(count("HEARTBEAT") >= 7, "{}", count("HEARTBEAT"));
        assert!(count("HEARTBEAT_ACK") >= 7);
    }
    assert_eq!((world.a.events.len(), world.z.events.len()), (0, 0));
}

#[test]
fn so_many_unanswered_end_the_association() {
    for max in [0, 1, 3] {
        let config = Config { max_retransmits: Some(max), ..every(ms(1000)) };
        let mut hand = Hand::established(&config);
        hand.wait(Duration::from_secs(60));
        let mut expected = vec![vec!["HEARTBEAT"]; max as usize + 1];
        expected.push(vec!["ABORT"]);
        assert_eq!(hand.names(), expected);
        assert_eq!(hand.events, [Event::Closed(CloseReason::Unreachable)]);
    }
}

// RFC 9260 §8.3: "once per RTO of that destination address plus the protocol parameter 'HB.interval', with jittering of +/- 50% of the
// RTO value and exponential backoff of the RTO if the previous HEARTBEAT chunk is unanswered".
#[test]
fn unanswered_ones_follow_each_other_ever_more_slowly() {
    let interval = ms(1000);
    let mut hand = Hand::established(&every(interval));
    let rto = hand.sctp.stats().rto;
    hand.wait_for_packet();
    let mut before = hand.now;
    let mut beats = 1;
    for doubled in [1, 2, 4, 8, 16, 32, 60, 60] {
        // One timeout for the answer, then the interval and a timeout twice as long, half of it more or less.
        let (answer, next) = (rto * doubled, (rto * doubled * 2).min(Duration::from_secs(60)));
        hand.took();
        hand.wait_for_packet();
        let gap = hand.now.saturating_duration_since(before);
        let least = answer + interval + next / 2;
        assert!((least..=least + next).contains(&gap), "{gap:?} after beat {beats}");
        (before, beats) = (hand.now, beats + 1);
    }
    // Answered, the next comes after the usual time.
    let beat = hand.took().remove(0);
    let answered = info(&beat);
    hand.wait(ms(100));
    hand.give(|packet| packet.heartbeat_ack(&answered).unwrap());
    let (before, rto) = (hand.now, hand.sctp.stats().rto);
    hand.wait_for_packet();
    let gap = hand.now.saturating_duration_since(before);
    assert!((interval + rto / 2..=interval + rto * 3 / 2).contains(&gap), "{gap:?}");
}

#[test]
fn a_peer_that_begins_anew_owes_no_answer() {
    let config = Config { max_retransmits: Some(0), ..every(ms(1000)) };
    let mut hand = Hand::established(&config);
    hand.wait_for_packet();
    let beat = hand.took().remove(0);
    let cookie = hand.call(&Init { initiate_tag: 99, ..Hand::init() });
    hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
    hand.took();
    let before = hand.now;
    hand.wait_for_packet();
    assert_eq!(hand.names(), [["HEARTBEAT"]], "the one before is forgotten");
    assert!(hand.now.saturating_duration_since(before) >= ms(1000));
    let late = info(&beat);
    hand.give(|packet| packet.heartbeat_ack(&late).unwrap());
    assert_eq!(hand.sctp.stats().drops.bad_heartbeat, 1);
}

#[test]
fn an_answer_that_is_not_ours_is_none() {
    let config = Config { max_retransmits: Some(0), ..every(ms(1000)) };
    let mut hand = Hand::established(&config);
    hand.wait_for_packet();
    let first = hand.took().remove(0);
    let mut wrong = info(&first);
    wrong[0] ^= 1;
    hand.give(|packet| packet.heartbeat_ack(&wrong).unwrap());
    hand.give(|packet| packet.heartbeat_ack(&wrong[..7]).unwrap());
    assert_eq!(hand.sctp.stats().drops.bad_heartbeat, 2);
    hand.wait(ms(3000));
    assert_eq!(hand.events, [Event::Closed(CloseReason::Unreachable)]);
}

#[test]
fn a_good_answer_starts_the_count_again() {
    let config = Config { max_retransmits: Some(1), ..every(ms(1000)) };
    let mut hand = Hand::established(&config);
    for _ in 0..5 {
        // One is lost, the next is answered.
        for answered in [false, true] {
            hand.wait_for_packet();
            let beat = hand.took().remove(0);
            if answered {
                hand.wait(ms(20));
                let info = info(&beat);
                hand.give(|packet| packet.heartbeat_ack(&info).unwrap());
            }
        }
    }
    assert_eq!(hand.sctp.state(), State::Established);
    assert_eq!(hand.sctp.stats().smoothed_rtt, ms(20));
}

// RFC 9260 §8.3: "together with any other received TLVs, copied unchanged".
#[test]
fn everything_that_a_heartbeat_brought_comes_back() {
    let mut hand = Hand::established(&Config::default());
    let brought = [0, 1, 0, 7, b'a', b'b', b'c', 0, 0x80, 0x77, 0, 6, 1, 2];
    let beat = [&[4, 0, 0, 18][..], &brought, &[0, 0]].concat();
    hand.give_bytes(&raw(hand.tag, &beat));
    let answer = hand.took().remove(0);
    assert_eq!(answer[12..], [&[5, 0, 0, 18][..], &brought, &[0, 0]].concat());
}

// RFC 9260 §8.3: answered "after entering the COOKIE-ECHOED state", and §5.1 C: nothing is sent before COOKIE ACK.
#[test]
fn one_that_comes_before_cookie_ack_is_answered_after_it() {
    let mut hand = Hand::new(&Config::default());
    hand.sctp.connect();
    let init = hand.took().remove(0);
    hand.learn(&init);
    hand.give(|packet| packet.init_ack(&Hand::init(), [Parameter::StateCookie(b"cookie")]).unwrap());
    assert_eq!(hand.names(), [["COOKIE_ECHO"]]);
    hand.give(|packet| packet.heartbeat(b"x").unwrap());
    assert_eq!(hand.took().len(), 0);
    hand.give(|packet| packet.cookie_ack().unwrap());
    assert_eq!(hand.names(), [["HEARTBEAT_ACK"]]);
}

// RFC 9260 §8.3: "discontinued after sending either a SHUTDOWN chunk or SHUTDOWN ACK chunk".
#[test]
fn who_shuts_down_asks_no_more_and_answers_still() {
    let mut hand = Hand::established(&every(ms(500)));
    hand.sctp.shutdown();
    hand.wait(Duration::from_secs(30));
    let sent: Vec<_> = hand.names().into_iter().flatten().collect();
    assert!(sent.len() > 3 && sent.iter().all(|name| *name == "SHUTDOWN"), "{sent:?}");
    hand.give(|packet| packet.heartbeat(b"x").unwrap());
    assert_eq!(hand.names(), [["HEARTBEAT_ACK"]]);
}
