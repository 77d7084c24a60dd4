//! Transceivers through offers and answers: association, directions, tracks, stop and reuse (W3C §4.4, §5; RFC 9429 §5).
#![expect(
    clippy::unwrap_in_result,
    clippy::wildcard_enum_match_arm,
    reason = "a test picks what it wants, and fails where it stands"
)]

use super::negotiated::{Refusal, TrackChange};
use super::test_peer::{Peer, exchange_media, media_peer, settled, token, travel};
use super::transceiver::{TransceiverError, TransceiverId, TransceiverInit};
use super::{Applied, NegotiationError, SdpType, SessionDescription, SignalingState};
use crate::codec::MediaKind::{Audio, Video};
use crate::sdp::Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
use crate::sdp::{Attribute, Direction};

fn init(direction: Direction, streams: &[&str]) -> TransceiverInit {
    let streams = streams.iter().map(|name| token(name)).collect();
    TransceiverInit { direction, streams, ..TransceiverInit::default() }
}

fn add(peer: &mut Peer, direction: Direction) -> TransceiverId {
    peer.negotiator.add_transceiver(Video, init(direction, &[])).unwrap()
}

fn only(peer: &Peer) -> TransceiverId {
    let mut ids = peer.negotiator.transceivers().map(super::transceiver::Transceiver::id);
    let id = ids.next().unwrap();
    assert!(ids.next().is_none());
    id
}

fn direction(peer: &Peer, id: TransceiverId) -> Direction {
    peer.negotiator.transceiver(id).unwrap().direction()
}

fn current(peer: &Peer, id: TransceiverId) -> Option<Direction> {
    peer.negotiator.transceiver(id).unwrap().current_direction()
}

fn mid(peer: &Peer, id: TransceiverId) -> Option<String> {
    peer.negotiator.transceiver(id).unwrap().mid().map(ToString::to_string)
}

/// The ports and mids of a description.
fn shape(description: &SessionDescription) -> Vec<(bool, String)> {
    let media = &description.session().media;
    media.iter().map(|m| (m.port != 0, m.attributes.mid().unwrap().to_string())).collect()
}

fn needed(peer: &Peer) -> bool {
    peer.negotiator.negotiation_needed()
}

/// The answer that rejects every section of an offer.
fn rejecting(offer: &SessionDescription) -> SessionDescription {
    let mut answer = offer.session().clone();
    for media in &mut answer.media {
        *media = super::section::rejection(media);
    }
    answer.attributes.retain(|attribute| !matches!(attribute, Attribute::Group(_)));
    SessionDescription::new(SdpType::Answer, answer)
}

#[test]
fn a_new_transceiver_is_sendrecv_and_of_no_section() {
    let mut alice = media_peer(1);
    let id = alice.negotiator.add_transceiver(Audio, TransceiverInit::default()).unwrap();
    let its = alice.negotiator.transceiver(id).unwrap();
    assert_eq!((its.kind(), its.direction(), its.current_direction()), (Audio, SendRecv, None));
    assert!(its.mid().is_none() && !its.is_stopped());
    assert!(needed(&alice));
}

#[test]
fn set_local_offer_gives_the_mid_and_create_offer_does_not() {
    let mut alice = media_peer(1);
    let (a, v) =
        (alice.negotiator.add_transceiver(Audio, init(SendRecv, &[])).unwrap(), add(&mut alice, SendOnly));
    assert!(alice.negotiator.need_data_channel());
    let offer = alice.offer(false);
    assert_eq!((mid(&alice, a), mid(&alice, v)), (None, None));
    alice.set_local(Some(offer.clone())).unwrap();
    assert_eq!((mid(&alice, a).as_deref(), mid(&alice, v).as_deref()), (Some("0"), Some("1")));
    // In the order they were made, data last (RFC 9429 §5.2.1).
    let kinds: Vec<_> = offer.session().media.iter().map(|m| m.kind.as_str()).collect();
    assert_eq!(kinds, ["audio", "video", "application"]);
    let directions: Vec<_> =
        offer.session().media.iter().map(|m| m.attributes.direction().copied()).collect();
    assert_eq!(directions, [Some(SendRecv), Some(SendOnly), None]);
    assert!(offer.to_sdp().contains("a=group:BUNDLE 0 1 2\r\n"));
    assert!(!needed(&alice));
}

#[test]
fn a_remote_offer_makes_receiving_transceivers_and_tracks() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let sent = alice.negotiator.add_transceiver(Video, init(SendRecv, &["s1", "s2"])).unwrap();
    let asked = alice.negotiator.add_transceiver(Audio, init(RecvOnly, &[])).unwrap();
    let idle = alice.negotiator.add_transceiver(Audio, init(Inactive, &[])).unwrap();
    let applied = bob.set_remote(&alice.describe()).unwrap();
    let ids: Vec<_> = bob.negotiator.transceivers().map(super::transceiver::Transceiver::id).collect();
    assert_eq!(ids.len(), 3);
    // Only what is sent has a track to it.
    let streams = vec![token("s1"), token("s2")];
    assert_eq!(applied.tracks, [TrackChange::Added { transceiver: ids[0], streams: streams.clone() }]);
    assert_eq!(bob.negotiator.transceiver(ids[0]).unwrap().remote_streams(), streams);
    for (id, theirs) in ids.iter().zip([sent, asked, idle]) {
        assert_eq!((direction(&bob, *id), current(&bob, *id)), (RecvOnly, None));
        assert_eq!(mid(&bob, *id), mid(&alice, theirs));
    }
    let answer = bob.describe();
    assert_eq!(current(&bob, ids[0]), Some(RecvOnly));
    alice.set_remote(&answer).unwrap();
    assert_eq!(current(&alice, sent), Some(SendOnly));
    assert_eq!((current(&alice, asked), current(&alice, idle)), (Some(Inactive), Some(Inactive)));
    assert!(!needed(&alice) && !needed(&bob));
}

#[test]
fn every_pair_of_directions_meets_in_the_middle() {
    let all = [SendRecv, SendOnly, RecvOnly, Inactive];
    for (offered, wanted) in all.into_iter().flat_map(|a| all.map(|b| (a, b))) {
        let (mut alice, mut bob) = (media_peer(1), media_peer(2));
        let a = add(&mut alice, offered);
        bob.set_remote(&alice.describe()).unwrap();
        let b = only(&bob);
        bob.negotiator.set_direction(b, wanted).unwrap();
        let answer = bob.describe();
        alice.set_remote(&answer).unwrap();
        let sends = |d| matches!(d, SendRecv | SendOnly);
        let receives = |d| matches!(d, SendRecv | RecvOnly);
        let (now_a, now_b) = (current(&alice, a).unwrap(), current(&bob, b).unwrap());
        assert_eq!(sends(now_a), sends(offered) && receives(wanted), "{offered} {wanted}");
        assert_eq!(receives(now_a), receives(offered) && sends(wanted), "{offered} {wanted}");
        assert_eq!((sends(now_a), receives(now_a)), (receives(now_b), sends(now_b)));
        assert_eq!((direction(&alice, a), direction(&bob, b)), (offered, wanted));
        // What was not offered is not due either: the answer says all it could (W3C, check if negotiation is needed, 5.4.3).
        assert!(!needed(&bob), "{offered} {wanted}");
        assert!(!needed(&alice), "{offered} {wanted}");
    }
}

#[test]
fn a_recvonly_transceiver_can_become_sendrecv() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = add(&mut alice, SendRecv);
    exchange_media(&mut alice, &mut bob);
    let b = only(&bob);
    assert_eq!((current(&alice, a), current(&bob, b)), (Some(SendOnly), Some(RecvOnly)));
    assert!(!needed(&bob));
    bob.negotiator.set_direction(b, SendRecv).unwrap();
    assert!(needed(&bob));
    let (_, at_alice) = exchange_tracks(&mut bob, &mut alice);
    assert!(matches!(at_alice.as_slice(), [TrackChange::Added { transceiver, .. }] if *transceiver == a));
    assert_eq!((current(&alice, a), current(&bob, b)), (Some(SendRecv), Some(SendRecv)));
}

/// One exchange; the changes of tracks at the offerer and the answerer.
fn exchange_tracks(offerer: &mut Peer, answerer: &mut Peer) -> (Vec<TrackChange>, Vec<TrackChange>) {
    let offer = offerer.describe();
    let mut theirs = answerer.set_remote(&offer).unwrap().tracks;
    theirs.extend(answerer.set_local(None).unwrap().tracks);
    let answer = travel(answerer.negotiator.local_description().unwrap());
    (offerer.set_remote(&answer).unwrap().tracks, theirs)
}

#[test]
fn direction_changes_are_needed_only_where_they_differ_from_what_was_negotiated() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = add(&mut alice, SendRecv);
    exchange_media(&mut alice, &mut bob);
    // The offer said sendrecv and the answer recvonly: both stand for it (W3C, check if negotiation is needed, 5.4.2).
    for (wanted, due) in
        [(SendRecv, false), (SendOnly, false), (RecvOnly, true), (Inactive, true), (SendRecv, false)]
    {
        alice.negotiator.set_direction(a, wanted).unwrap();
        assert_eq!(needed(&alice), due, "{wanted}");
        assert_eq!(current(&alice, a), Some(SendOnly));
    }
}

#[test]
fn add_track_waits_for_an_offer_and_add_transceiver_does_not() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = add(&mut alice, SendRecv);
    let made = add(&mut bob, SendRecv);
    let audio = bob.negotiator.add_track(Audio, Vec::new()).unwrap();
    let tracked = bob.negotiator.add_track(Video, vec![token("mine")]).unwrap();
    // add_track takes the one that has nothing to send; this one has.
    assert_ne!(tracked, made);
    bob.set_remote(&alice.describe()).unwrap();
    assert_eq!((mid(&bob, tracked).as_deref(), mid(&bob, made), mid(&bob, audio)), (Some("0"), None, None));
    let answer = bob.describe();
    let applied = alice.set_remote(&answer).unwrap();
    assert_eq!(applied.tracks, [TrackChange::Added { transceiver: a, streams: vec![token("mine")] }]);
    assert_eq!((current(&alice, a), current(&bob, tracked)), (Some(SendRecv), Some(SendRecv)));
    // The others wait for an offer of their own.
    assert!(needed(&bob));
    assert_eq!(bob.offer(false).session().media.len(), 3);
}

#[test]
fn an_offer_that_only_sends_does_not_take_a_track_that_waits() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    add(&mut alice, SendOnly);
    let tracked = bob.negotiator.add_track(Video, Vec::new()).unwrap();
    bob.set_remote(&alice.describe()).unwrap();
    assert_eq!(mid(&bob, tracked), None);
    assert_eq!(bob.negotiator.transceivers().count(), 2);
}

#[test]
fn add_track_reuses_what_has_never_sent() {
    let mut alice = media_peer(1);
    let idle = add(&mut alice, RecvOnly);
    // Another kind makes its own.
    let audio = alice.negotiator.add_track(Audio, Vec::new()).unwrap();
    assert_ne!(audio, idle);
    assert_eq!(alice.negotiator.add_track(Video, vec![token("s")]).unwrap(), idle);
    assert_eq!(direction(&alice, idle), SendRecv);
    assert_eq!(alice.negotiator.transceiver(idle).unwrap().streams(), [token("s")]);
    // It has a track now.
    let second = alice.negotiator.add_track(Video, Vec::new()).unwrap();
    assert_ne!(second, idle);
    // Without it, it is free again, since it never sent.
    alice.negotiator.remove_track(second).unwrap();
    assert_eq!(direction(&alice, second), RecvOnly);
    assert_eq!(alice.negotiator.add_track(Video, Vec::new()).unwrap(), second);
}

#[test]
fn add_track_makes_a_new_one_where_the_old_has_sent() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let first = alice.negotiator.add_track(Video, Vec::new()).unwrap();
    exchange_media(&mut alice, &mut bob);
    alice.negotiator.remove_track(first).unwrap();
    assert_ne!(alice.negotiator.add_track(Video, Vec::new()).unwrap(), first);
}

#[test]
fn remove_track_mutes_the_other_side_and_is_safe_twice() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = alice.negotiator.add_track(Video, vec![token("s")]).unwrap();
    exchange_media(&mut alice, &mut bob);
    let b = only(&bob);
    assert_eq!(bob.negotiator.transceiver(b).unwrap().remote_streams(), [token("s")]);
    alice.negotiator.remove_track(a).unwrap();
    alice.negotiator.remove_track(a).unwrap();
    assert_eq!(direction(&alice, a), RecvOnly);
    assert!(needed(&alice));
    let (_, at_bob) = exchange_tracks(&mut alice, &mut bob);
    assert_eq!(at_bob, [TrackChange::Removed { transceiver: b }]);
    // The receiver stays, its track is of no stream.
    assert!(bob.negotiator.transceiver(b).unwrap().remote_streams().is_empty());
    assert_eq!(current(&bob, b), Some(Inactive));
    // A callee that removes its track is heard, too.
    let tracked = bob.negotiator.add_track(Video, Vec::new()).unwrap();
    assert_eq!(tracked, b);
    exchange_media(&mut bob, &mut alice);
    bob.negotiator.remove_track(b).unwrap();
    assert!(needed(&bob));
}

#[test]
fn stop_offers_port_zero_and_both_sides_let_go() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let (a, kept) = (add(&mut alice, SendRecv), add(&mut alice, SendRecv));
    exchange_media(&mut alice, &mut bob);
    alice.negotiator.stop(a).unwrap();
    alice.negotiator.stop(a).unwrap();
    assert!(needed(&alice));
    assert_eq!(direction(&alice, a), Inactive);
    assert_eq!(alice.negotiator.set_direction(a, SendRecv), Err(TransceiverError::Stopped));
    let offer = alice.offer(false);
    assert_eq!(shape(&offer), [(false, "0".into()), (true, "1".into())]);
    assert!(offer.to_sdp().contains("a=group:BUNDLE 1\r\n"));
    let (at_alice, at_bob) = exchange_tracks(&mut alice, &mut bob);
    assert_eq!(at_alice, [TrackChange::Gone { transceiver: a }]);
    assert!(matches!(at_bob.as_slice(), [TrackChange::Removed { .. }, TrackChange::Gone { .. }]));
    assert_eq!(
        alice.negotiator.transceivers().map(super::transceiver::Transceiver::id).collect::<Vec<_>>(),
        [kept]
    );
    assert_eq!(bob.negotiator.transceivers().count(), 1);
    assert_eq!(alice.negotiator.stop(a), Err(TransceiverError::Unknown));
    assert!(!needed(&alice) && !needed(&bob));
}

#[test]
fn the_place_of_a_stopped_transceiver_is_taken_again_under_a_new_mid() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = add(&mut alice, SendRecv);
    add(&mut alice, SendRecv);
    exchange_media(&mut alice, &mut bob);
    alice.negotiator.stop(a).unwrap();
    exchange_media(&mut alice, &mut bob);
    // Whichever side offers next, and of whatever kind.
    let new = bob.negotiator.add_transceiver(Audio, init(SendRecv, &[])).unwrap();
    let offer = bob.offer(false);
    assert_eq!(shape(&offer), [(true, "2".into()), (true, "1".into())]);
    exchange_media(&mut bob, &mut alice);
    assert_eq!(mid(&bob, new).as_deref(), Some("2"));
    assert_eq!(alice.negotiator.transceivers().count(), 2);
    let media = &alice.negotiator.current_local_description().unwrap().session().media;
    assert_eq!(media.iter().map(|m| m.kind.as_str()).collect::<Vec<_>>(), ["audio", "video"]);
}

#[test]
fn a_transceiver_stopped_before_it_was_offered_leaves_no_trace() {
    let mut alice = media_peer(1);
    let a = add(&mut alice, SendRecv);
    alice.negotiator.stop(a).unwrap();
    assert!(alice.negotiator.transceiver(a).is_none());
    assert!(!needed(&alice));
    assert!(alice.offer(false).session().media.is_empty());
    // One that has been stopped between the offer and its setting is still in it, and due to go.
    let a = add(&mut alice, SendRecv);
    let offer = alice.offer(false);
    alice.negotiator.stop(a).unwrap();
    alice.set_local(Some(offer)).unwrap();
    let mut bob = media_peer(2);
    bob.set_remote(&travel(alice.negotiator.local_description().unwrap())).unwrap();
    alice.set_remote(&bob.describe()).unwrap();
    assert!(needed(&alice));
}

#[test]
fn a_transceiver_stopped_under_an_offer_is_refused_in_the_answer() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let (a, kept) = (add(&mut alice, SendRecv), add(&mut alice, SendRecv));
    bob.set_remote(&alice.describe()).unwrap();
    let first = bob.negotiator.transceivers().next().unwrap().id();
    bob.negotiator.stop(first).unwrap();
    let applied = bob.set_local(None).unwrap();
    assert_eq!(applied.negotiated.unwrap().refused, [(0, Refusal::Stopped)]);
    assert!(applied.tracks.contains(&TrackChange::Gone { transceiver: first }));
    let answer = travel(bob.negotiator.local_description().unwrap());
    assert_eq!(shape(&answer), [(false, "0".into()), (true, "1".into())]);
    let applied = alice.set_remote(&answer).unwrap();
    assert!(applied.tracks.contains(&TrackChange::Gone { transceiver: a }));
    assert_eq!(applied.negotiated.unwrap().media.iter().map(|m| m.transceiver).collect::<Vec<_>>(), [kept]);
}

#[test]
fn an_answer_that_rejects_a_section_stops_its_transceiver() {
    let mut alice = media_peer(1);
    let a = add(&mut alice, SendRecv);
    let offer = alice.describe();
    let applied = alice.set_remote(&rejecting(&offer)).unwrap();
    assert_eq!(applied.tracks, [TrackChange::Gone { transceiver: a }]);
    let negotiated = applied.negotiated.unwrap();
    assert!(negotiated.transport.is_none() && negotiated.media.is_empty());
    assert!(!needed(&alice));
    // And its place is taken by the next.
    let b = add(&mut alice, SendRecv);
    assert_eq!(shape(&alice.offer(false)), [(true, "1".into())]);
    alice.set_local(None).unwrap();
    assert_eq!(mid(&alice, b).as_deref(), Some("1"));
}

#[test]
fn one_transceiver_makes_a_call_in_both_directions() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = alice.negotiator.add_track(Audio, vec![token("a")]).unwrap();
    bob.set_remote(&alice.describe()).unwrap();
    let b = bob.negotiator.add_track(Audio, vec![token("b")]).unwrap();
    assert_eq!(b, only(&bob));
    assert_eq!(direction(&bob, b), SendRecv);
    let applied = alice.set_remote(&bob.describe()).unwrap();
    assert_eq!(applied.tracks, [TrackChange::Added { transceiver: a, streams: vec![token("b")] }]);
    assert_eq!((current(&alice, a), current(&bob, b)), (Some(SendRecv), Some(SendRecv)));
    assert!(!needed(&alice) && !needed(&bob));
}

#[test]
fn tracks_come_in_the_order_of_sections() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    for kind in [Video, Audio, Audio, Video] {
        alice.negotiator.add_transceiver(kind, init(SendRecv, &["one"])).unwrap();
    }
    let applied = bob.set_remote(&alice.describe()).unwrap();
    let added: Vec<_> = applied
        .tracks
        .iter()
        .map(|change| match change {
            TrackChange::Added { transceiver, streams } => {
                assert_eq!(*streams, [token("one")]);
                bob.negotiator.transceiver(*transceiver).unwrap().kind()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(added, [Video, Audio, Audio, Video]);
}

#[test]
fn set_streams_is_told_and_only_what_differs_is_due() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = alice.negotiator.add_transceiver(Video, init(SendRecv, &["x", "y"])).unwrap();
    exchange_media(&mut alice, &mut bob);
    let b = only(&bob);
    let sets: [(&[&str], bool); 7] = [
        (&["x", "y"], false),
        (&["y", "x"], false),
        (&["x", "y", "x", "y"], false),
        (&["x"], true),
        (&["x", "z"], true),
        (&["x", "y", "z"], true),
        (&[], true),
    ];
    for (streams, due) in sets {
        alice.negotiator.set_streams(a, streams.iter().map(|name| token(name)).collect()).unwrap();
        assert_eq!(needed(&alice), due, "{streams:?}");
    }
    alice.negotiator.set_streams(a, vec![token("z")]).unwrap();
    let (_, at_bob) = exchange_tracks(&mut alice, &mut bob);
    assert_eq!(at_bob, [TrackChange::Streams { transceiver: b, streams: vec![token("z")] }]);
    assert!(!needed(&alice));
}

#[test]
fn streams_are_told_by_msid() {
    let lines = |streams: &[&str], direction| {
        let mut alice = media_peer(1);
        alice.negotiator.add_transceiver(Video, init(direction, streams)).unwrap();
        let offer = alice.offer(false);
        let media = &offer.session().media[0].attributes;
        media
            .iter()
            .filter_map(|a| {
                if let Attribute::Msid(stream, track) = a {
                    Some((stream.to_string(), track.clone()))
                } else {
                    None
                }
            })
            .collect::<Vec<_>>()
    };
    assert!(lines(&["s"], RecvOnly).is_empty());
    let none = lines(&[], SendRecv);
    assert_eq!(none.len(), 1);
    assert!(none[0].0 == "-" && none[0].1.is_some());
    assert_eq!(lines(&["s"], SendOnly).iter().map(|l| l.0.as_str()).collect::<Vec<_>>(), ["s"]);
    assert_eq!(lines(&["s", "s"], SendOnly).len(), 1);
    let two = lines(&["s", "t"], SendOnly);
    assert_eq!(two.iter().map(|l| l.0.as_str()).collect::<Vec<_>>(), ["s", "t"]);
    // One track is in both.
    assert_eq!(two[0].1, two[1].1);
}

#[test]
fn the_streams_of_the_peer_are_read_as_it_tells_them() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    alice.negotiator.add_transceiver(Video, init(SendRecv, &["one"])).unwrap();
    let text = alice.describe().to_sdp();
    let line = text.lines().find(|line| line.starts_with("a=msid:")).unwrap();
    let streams = |bob: &mut Peer, lines: &str| {
        let sdp = text.replace(&format!("{line}\r\n"), lines);
        let applied = bob.set_remote(&SessionDescription::offer(&sdp).unwrap()).unwrap();
        let found = bob.negotiator.transceivers().next().unwrap().remote_streams().to_vec();
        drop(applied);
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(streams(&mut bob, "a=msid:foo bar\r\n"), ["foo"]);
    assert_eq!(streams(&mut bob, "a=msid:foo\r\n"), ["foo"]);
    assert_eq!(streams(&mut bob, "a=msid:- bar\r\n"), [""; 0]);
    assert_eq!(streams(&mut bob, "a=msid:foo bar\r\na=msid:baz bar\r\n"), ["foo", "baz"]);
    assert_eq!(streams(&mut bob, "a=ssrc:7 msid:old track\r\n"), ["old"]);
    // Whatever names none is of one stream.
    let default = streams(&mut bob, "");
    assert_eq!(default.len(), 1);
    assert_eq!(streams(&mut media_peer(2), ""), default);
    let twice = text.replace(&format!("{line}\r\n"), "a=msid:foo bar\r\na=msid:foo bar\r\n");
    let error = bob.set_remote(&SessionDescription::offer(&twice).unwrap()).unwrap_err();
    assert_eq!(error, NegotiationError::DuplicateMsid(0));
}

#[test]
fn closing_stops_all() {
    let mut alice = media_peer(1);
    let a = add(&mut alice, SendRecv);
    alice.negotiator.close();
    assert!(alice.negotiator.transceiver(a).unwrap().is_stopped());
    assert_eq!(direction(&alice, a), Inactive);
    assert_eq!(alice.negotiator.add_track(Video, Vec::new()), Err(TransceiverError::Closed));
    assert_eq!(alice.negotiator.set_streams(a, Vec::new()), Err(TransceiverError::Closed));
    assert!(matches!(alice.with(super::Negotiator::create_answer), Err(NegotiationError::Closed)));
}

#[test]
fn data_and_media_share_a_transport_whoever_is_first() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    assert!(alice.negotiator.need_data_channel());
    exchange_media(&mut alice, &mut bob);
    let v = add(&mut bob, SendRecv);
    let (at_bob, at_alice) = exchange_media(&mut bob, &mut alice);
    assert!(at_alice.data.is_some() && at_bob.data.is_some());
    assert!(!at_alice.transport.unwrap().new_association && !at_bob.transport.unwrap().new_association);
    assert_eq!(at_bob.media[0].transceiver, v);
    assert_eq!(at_bob.media[0].section, 1);
    let offer = bob.negotiator.current_local_description().unwrap();
    assert_eq!(shape(offer), [(true, "0".into()), (true, "1".into())]);
    assert!(offer.to_sdp().contains("a=group:BUNDLE 0 1\r\n"));
}

#[test]
fn settled_media_is_the_same_at_both_ends() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    alice.negotiator.add_track(Audio, vec![token("s")]).unwrap();
    alice.negotiator.add_track(Video, vec![token("s")]).unwrap();
    bob.negotiator.add_track(Audio, Vec::new()).unwrap();
    bob.negotiator.add_track(Video, Vec::new()).unwrap();
    let (a, b) = exchange_media(&mut alice, &mut bob);
    settled(&a, &b);
    assert_eq!(a.media.len(), 2);
    let video = &a.media[1];
    assert_eq!((video.mid.as_str(), video.direction, video.local_sources.len()), ("1", SendRecv, 1));
    assert!(video.send_codecs[0].codec.is("VP8") && video.send_codecs[0].rtx.is_some());
    assert!(video.reduced_size_rtcp && video.extensions_mixed);
    assert_eq!(video.local_sources[0].ssrc, b.media[1].remote_sources[0].ssrc);
    assert_eq!(video.local_sources[0].rtx_ssrc, b.media[1].remote_sources[0].rtx_ssrc);
    assert_eq!(Some(&video.cname), b.media[1].remote_sources[0].cname.as_ref());
    // One name for the sources of all sections, and what is one stream is played in step.
    assert_eq!(a.media[0].cname, a.media[1].cname);
    assert!(alice.negotiator.current_local_description().unwrap().to_sdp().contains("a=group:LS 0 1\r\n"));
}

#[test]
fn glare_restores_what_the_local_offer_had_changed() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let (a, b) = (
        alice.negotiator.add_track(Video, Vec::new()).unwrap(),
        bob.negotiator.add_track(Video, Vec::new()).unwrap(),
    );
    let (from_alice, from_bob) = (alice.describe(), bob.describe());
    assert_eq!(mid(&bob, b).as_deref(), Some("0"));
    // Bob is polite: his offer goes, and his track takes the section of hers.
    let applied: Applied = bob.set_remote(&from_alice).unwrap();
    assert_eq!(bob.state(), SignalingState::HaveRemoteOffer);
    assert!(
        matches!(applied.tracks.as_slice(), [TrackChange::Added { transceiver, .. }] if *transceiver == b)
    );
    assert_eq!(only(&bob), b);
    alice.set_remote(&bob.describe()).unwrap();
    assert_eq!((current(&alice, a), current(&bob, b)), (Some(SendRecv), Some(SendRecv)));
    assert!(!needed(&alice) && !needed(&bob));
    drop(from_bob);
}
