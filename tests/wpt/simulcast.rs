//! Encodings between offers and answers: what is set at which moment, and what of it stays (W3C, "simulcast envelope").

use antiphon::base::bitrate::Bitrate;
use antiphon::codec::MediaKind;
use antiphon::peer::{Encoding, TransceiverError, TransceiverId, TransceiverInit};
use antiphon::sdp::{Direction, Token};
use antiphon::{PeerConnection, SessionDescription};

use crate::{connection, describe, exchange};

const LIMIT: Bitrate = Bitrate::from_bps(123_456);

fn layers(names: &[&str]) -> Vec<Encoding> {
    names.iter().map(|name| Encoding::named(name).unwrap()).collect()
}

/// The rid and the limit of each encoding.
fn encodings(pc: &mut PeerConnection, id: TransceiverId) -> Vec<(String, Option<Bitrate>)> {
    let all = pc.sender(id).unwrap().encodings().into_iter();
    all.map(|its| (its.rid.map(|rid| rid.to_string()).unwrap_or_default(), its.max_bitrate)).collect()
}

fn named(names: &[&str], limit: Option<Bitrate>) -> Vec<(String, Option<Bitrate>)> {
    names.iter().map(|name| ((*name).to_owned(), limit)).collect()
}

/// Limits every encoding there is.
fn limit(pc: &mut PeerConnection, id: TransceiverId) {
    let mut all = pc.sender(id).unwrap().encodings();
    for encoding in &mut all {
        encoding.max_bitrate = Some(LIMIT);
    }
    pc.sender(id).unwrap().set_encodings(&all).unwrap();
}

/// A description without simulcast.
fn unicast(description: &SessionDescription) -> SessionDescription {
    let lines = description.to_sdp();
    let kept = lines
        .split_inclusive("\r\n")
        .filter(|line| !line.starts_with("a=simulcast") && !line.starts_with("a=rid"));
    SessionDescription::parse(description.kind(), &kept.collect::<String>()).unwrap()
}

/// One that asks for layers, one that has a track for it and has not answered yet, and what it is called there.
fn asked(rids: &[&str]) -> (PeerConnection, PeerConnection, TransceiverId) {
    let (mut asking, mut bob) = (connection(1), connection(2));
    let receive_layers = rids.iter().map(|rid| Token::new(*rid).unwrap()).collect();
    let init =
        TransceiverInit { direction: Direction::RecvOnly, receive_layers, ..TransceiverInit::default() };
    asking.add_transceiver(MediaKind::Video, init).unwrap();
    let id = bob.add_track(MediaKind::Video, Vec::new()).unwrap();
    (asking, bob, id)
}

/// One that sends these layers, and its peer; not negotiated yet.
fn sending(rids: &[&str]) -> (PeerConnection, PeerConnection, TransceiverId) {
    let (mut alice, bob) = (connection(1), connection(2));
    let init = TransceiverInit { send_encodings: layers(rids), ..TransceiverInit::default() };
    let id = alice.add_transceiver(MediaKind::Video, init).unwrap();
    (alice, bob, id)
}

#[test]
fn an_answer_narrows_what_was_set_meanwhile() {
    let (mut alice, mut bob, id) = sending(&["foo", "bar"]);
    bob.set_remote_description(describe(&mut alice)).unwrap();
    limit(&mut alice, id);
    let answer = describe(&mut bob).to_sdp();
    let answer =
        answer.replace("a=simulcast:recv foo;bar", "a=simulcast:recv foo").replace("a=rid:bar recv\r\n", "");
    alice.set_remote_description(SessionDescription::answer(&answer).unwrap()).unwrap();
    // The one that remains is as it was set, and is no simulcast any more.
    assert_eq!(encodings(&mut alice, id), named(&[""], Some(LIMIT)));
}

#[test]
fn an_offer_narrows_what_was_set_meanwhile() {
    let (mut asking, mut bob, id) = asked(&["foo", "bar", "baz"]);
    exchange(&mut asking, &mut bob);
    assert_eq!(encodings(&mut bob, id), named(&["foo", "bar", "baz"], None));
    let offer = describe(&mut asking).to_sdp();
    limit(&mut bob, id);
    let offer = offer
        .replace("a=simulcast:recv foo;bar;baz", "a=simulcast:recv foo;baz")
        .replace("a=rid:bar recv\r\n", "");
    bob.set_remote_description(SessionDescription::offer(&offer).unwrap()).unwrap();
    assert_eq!(encodings(&mut bob, id), named(&["foo", "baz"], Some(LIMIT)));
}

#[test]
fn an_answer_without_simulcast_keeps_the_first_as_it_was_set() {
    for early in [false, true] {
        let (mut alice, mut bob, id) = sending(&["foo", "bar"]);
        if early {
            limit(&mut alice, id);
        }
        bob.set_remote_description(describe(&mut alice)).unwrap();
        if !early {
            limit(&mut alice, id);
        }
        alice.set_remote_description(unicast(&describe(&mut bob))).unwrap();
        assert_eq!(encodings(&mut alice, id), named(&[""], Some(LIMIT)));
        // What was known of two is nothing for one.
        let two = layers(&["foo", "bar"]);
        assert_eq!(
            alice.sender(id).unwrap().set_encodings(&two),
            Err(TransceiverError::EncodingsChanged { expected: 1, got: 2 })
        );
    }
}

#[test]
fn an_offer_without_simulcast_keeps_the_first_as_it_was_set() {
    let (mut asking, mut bob, id) = asked(&["foo", "bar"]);
    exchange(&mut asking, &mut bob);
    let before = bob.sender(id).unwrap().encodings();
    limit(&mut bob, id);
    bob.set_remote_description(unicast(&describe(&mut asking))).unwrap();
    assert_eq!(encodings(&mut bob, id), named(&[""], Some(LIMIT)));
    // What was read before the offer fits no more, and the answer is for one.
    let late = bob.sender(id).unwrap().set_encodings(&before);
    assert_eq!(late, Err(TransceiverError::EncodingsChanged { expected: 1, got: 2 }));
    let answer = describe(&mut bob).to_sdp();
    assert!(!answer.contains("simulcast"), "{answer}");
    assert_eq!(encodings(&mut bob, id), named(&[""], Some(LIMIT)));
}

#[test]
fn what_was_set_for_one_is_not_for_layers_that_an_offer_makes() {
    let (mut asking, mut bob, id) = asked(&["foo", "bar"]);
    limit(&mut bob, id);
    let one = bob.sender(id).unwrap().encodings();
    bob.set_remote_description(describe(&mut asking)).unwrap();
    assert_eq!(encodings(&mut bob, id), named(&["foo", "bar"], None));
    assert_eq!(
        bob.sender(id).unwrap().set_encodings(&one),
        Err(TransceiverError::EncodingsChanged { expected: 2, got: 1 })
    );
    describe(&mut bob);
    assert_eq!(encodings(&mut bob, id), named(&["foo", "bar"], None));
}

#[test]
fn a_rollback_takes_layers_back_with_what_was_set_of_them() {
    let (mut asking, mut bob, id) = asked(&["foo", "bar"]);
    bob.set_remote_description(describe(&mut asking)).unwrap();
    limit(&mut bob, id);
    bob.set_remote_description(SessionDescription::rollback()).unwrap();
    assert_eq!(encodings(&mut bob, id), named(&[""], None));
}

#[test]
fn a_rollback_restores_simulcast_as_it_was_set() {
    let (mut asking, mut bob, id) = asked(&["foo", "bar"]);
    exchange(&mut asking, &mut bob);
    limit(&mut bob, id);
    bob.set_remote_description(unicast(&describe(&mut asking))).unwrap();
    assert_eq!(encodings(&mut bob, id).len(), 1);
    bob.set_remote_description(SessionDescription::rollback()).unwrap();
    assert_eq!(encodings(&mut bob, id), named(&["foo", "bar"], Some(LIMIT)));
}

#[test]
fn a_pause_that_the_peer_asks_for_switches_nothing_off() {
    let (mut asking, mut bob, id) = asked(&["foo", "bar"]);
    let offer =
        describe(&mut asking).to_sdp().replace("a=simulcast:recv foo;bar", "a=simulcast:recv foo;~bar");
    bob.set_remote_description(SessionDescription::offer(&offer).unwrap()).unwrap();
    let answer = describe(&mut bob).to_sdp();
    assert!(bob.sender(id).unwrap().encodings().iter().all(|encoding| encoding.active));
    assert!(answer.contains("a=simulcast:send foo;bar\r\n"), "{answer}");
    // Nor does switching off change what is told.
    let mut all = bob.sender(id).unwrap().encodings();
    all[0].active = false;
    bob.sender(id).unwrap().set_encodings(&all).unwrap();
    let offer = describe(&mut bob).to_sdp();
    assert!(offer.contains("a=simulcast:send foo;bar\r\n"), "{offer}");
}
