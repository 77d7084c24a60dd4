//! What a rollback undoes and what stays, glare, and the choreography of perfect negotiation (RFC 9429 §4.1.10.2, W3C §10.7).

use super::negotiated::TrackChange;
use super::test_peer::{Peer, exchange_media, media_peer, token, travel};
use super::transceiver::{Encoding, Transceiver, TransceiverId, TransceiverInit};
use super::{SdpType, SessionDescription, SignalingState};
use crate::base::bitrate::Bitrate;
use crate::codec::MediaKind::{Audio, Video};
use crate::sdp::Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
use crate::sdp::{Direction, Token};

fn add(peer: &mut Peer, direction: Direction) -> TransceiverId {
    peer.negotiator
        .add_transceiver(Video, TransceiverInit { direction, ..TransceiverInit::default() })
        .unwrap()
}

fn ids(peer: &Peer) -> Vec<TransceiverId> {
    peer.negotiator.transceivers().map(Transceiver::id).collect()
}

fn its(peer: &Peer, id: TransceiverId) -> &Transceiver {
    peer.negotiator.transceiver(id).unwrap()
}

fn mid(peer: &Peer, id: TransceiverId) -> Option<&str> {
    its(peer, id).mid().map(Token::as_str)
}

fn roll_back_local(peer: &mut Peer) -> Vec<TrackChange> {
    peer.set_local(Some(SessionDescription::rollback())).unwrap().tracks
}

fn roll_back_remote(peer: &mut Peer) -> Vec<TrackChange> {
    peer.set_remote(&SessionDescription::rollback()).unwrap().tracks
}

#[test]
fn rollback_of_our_offer_takes_the_mids_of_this_round_only() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let old = add(&mut alice, SendRecv);
    exchange_media(&mut alice, &mut bob);
    let new = add(&mut alice, SendRecv);
    alice.set_local(None).unwrap();
    assert_eq!((mid(&alice, old), mid(&alice, new)), (Some("0"), Some("1")));
    assert!(roll_back_local(&mut alice).is_empty());
    assert_eq!((mid(&alice, old), mid(&alice, new)), (Some("0"), None));
    assert_eq!(its(&alice, old).current_direction(), Some(SendOnly));
    assert!(alice.negotiator.negotiation_needed());
    // It is offered again.
    exchange_media(&mut alice, &mut bob);
    assert_eq!(mid(&alice, new), Some("1"));
}

#[test]
fn rollback_of_their_offer_removes_what_it_made() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    add(&mut alice, SendRecv);
    bob.set_remote(&alice.describe()).unwrap();
    let made = ids(&bob);
    assert_eq!(made.len(), 1);
    let changes = roll_back_remote(&mut bob);
    let transceiver = made[0];
    assert_eq!(changes, [TrackChange::Removed { transceiver }, TrackChange::Gone { transceiver }]);
    assert!(ids(&bob).is_empty() && !bob.negotiator.negotiation_needed());
    // The same offer makes another, of another name.
    bob.set_remote(&travel(alice.negotiator.local_description().unwrap())).unwrap();
    assert_ne!(ids(&bob), made);
}

#[test]
fn a_track_added_meanwhile_keeps_the_transceiver() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    add(&mut alice, SendRecv);
    bob.set_remote(&alice.describe()).unwrap();
    let made = ids(&bob)[0];
    assert_eq!(bob.negotiator.add_track(Video, vec![token("s")]).unwrap(), made);
    let changes = roll_back_remote(&mut bob);
    assert_eq!(changes, [TrackChange::Removed { transceiver: made }]);
    assert_eq!((mid(&bob, made), its(&bob, made).direction()), (None, SendRecv));
    assert!(bob.negotiator.negotiation_needed());
    // It waits for their next offer.
    bob.set_remote(&travel(alice.negotiator.local_description().unwrap())).unwrap();
    assert_eq!((ids(&bob), mid(&bob, made)), (vec![made], Some("0")));
}

#[test]
fn direction_and_track_do_not_revert() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = alice.negotiator.add_track(Video, vec![token("old")]).unwrap();
    exchange_media(&mut alice, &mut bob);
    alice.set_local(None).unwrap();
    alice.negotiator.set_direction(a, Inactive).unwrap();
    alice.negotiator.set_streams(a, vec![token("new")]).unwrap();
    roll_back_local(&mut alice);
    assert_eq!((its(&alice, a).direction(), its(&alice, a).streams()), (Inactive, &[token("new")][..]));
    assert_eq!(its(&alice, a).current_direction(), Some(SendOnly));
    assert!(alice.negotiator.negotiation_needed());
}

#[test]
fn a_track_that_an_offer_would_remove_comes_back() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = alice.negotiator.add_track(Video, vec![token("s")]).unwrap();
    exchange_media(&mut alice, &mut bob);
    let b = ids(&bob)[0];
    alice.negotiator.set_direction(a, RecvOnly).unwrap();
    let applied = bob.set_remote(&alice.describe()).unwrap();
    assert_eq!(applied.tracks, [TrackChange::Removed { transceiver: b }]);
    let changes = roll_back_remote(&mut bob);
    assert_eq!(changes, [TrackChange::Added { transceiver: b, streams: vec![token("s")] }]);
    assert_eq!(its(&bob, b).remote_streams(), [token("s")]);
    assert_eq!(its(&bob, b).current_direction(), Some(RecvOnly));
}

#[test]
fn a_section_that_an_offer_would_stop_lives_on() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = add(&mut alice, SendRecv);
    exchange_media(&mut alice, &mut bob);
    let b = ids(&bob)[0];
    alice.negotiator.stop(a).unwrap();
    bob.set_remote(&alice.describe()).unwrap();
    assert!(its(&bob, b).is_stopped());
    roll_back_remote(&mut bob);
    assert!(!its(&bob, b).is_stopped());
    assert!(!bob.negotiator.negotiation_needed());
}

#[test]
fn a_transceiver_stopped_under_an_offer_that_is_rolled_back_is_gone() {
    let mut alice = media_peer(1);
    let a = add(&mut alice, SendRecv);
    alice.set_local(None).unwrap();
    alice.negotiator.stop(a).unwrap();
    assert_eq!(roll_back_local(&mut alice), [TrackChange::Gone { transceiver: a }]);
    assert!(ids(&alice).is_empty() && !alice.negotiator.negotiation_needed());
}

#[test]
fn a_provisional_answer_can_be_rolled_back() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = alice.negotiator.add_track(Video, Vec::new()).unwrap();
    bob.set_remote(&alice.describe()).unwrap();
    let answer = bob.answer();
    let provisional = SessionDescription::new(SdpType::Pranswer, answer.session().clone());
    let applied = bob.set_local(Some(provisional.clone())).unwrap();
    let negotiated = applied.negotiated.unwrap();
    assert!(negotiated.provisional && negotiated.media.len() == 1);
    alice.set_remote(&provisional).unwrap();
    assert_eq!(alice.state(), SignalingState::HaveRemotePranswer);
    assert_eq!(its(&alice, a).current_direction(), Some(SendOnly));
    roll_back_remote(&mut alice);
    assert_eq!((its(&alice, a).current_direction(), mid(&alice, a)), (None, None));
    roll_back_local(&mut bob);
    assert!(ids(&bob).is_empty());
    // Several of them, and then the answer.
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let a = alice.negotiator.add_track(Video, Vec::new()).unwrap();
    bob.set_remote(&alice.describe()).unwrap();
    for _ in 0..2 {
        let provisional = SessionDescription::new(SdpType::Pranswer, bob.answer().session().clone());
        bob.set_local(Some(provisional.clone())).unwrap();
        alice.set_remote(&provisional).unwrap();
    }
    alice.set_remote(&bob.describe()).unwrap();
    assert_eq!((alice.state(), its(&alice, a).current_direction()), (SignalingState::Stable, Some(SendOnly)));
}

#[test]
fn the_same_offer_again_changes_nothing() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    alice.negotiator.add_track(Video, vec![token("s")]).unwrap();
    let offer = alice.describe();
    bob.set_remote(&offer).unwrap();
    let made = ids(&bob);
    let applied = bob.set_remote(&offer).unwrap();
    assert!(applied.tracks.is_empty() && !applied.changed);
    assert_eq!(ids(&bob), made);
    // Another one in its place, with less in it, lets go of what it has not.
    let empty = "v=0\r\no=- 1 9 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    bob.set_remote(&SessionDescription::offer(empty).unwrap()).unwrap();
    assert!(ids(&bob).is_empty());
}

#[test]
fn an_offer_that_is_refused_undoes_nothing() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    exchange_media(&mut alice, &mut bob);
    let b = bob.negotiator.add_track(Video, Vec::new()).unwrap();
    let pending = bob.describe();
    add(&mut alice, SendRecv);
    let offer = alice.offer(false).to_sdp().replace("a=setup:actpass", "a=setup:holdconn");
    bob.set_remote(&SessionDescription::offer(&offer).unwrap()).unwrap_err();
    assert_eq!(bob.state(), SignalingState::HaveLocalOffer);
    assert_eq!((ids(&bob), mid(&bob, b)), (vec![b], Some("0")));
    assert_eq!(bob.negotiator.pending_local_description(), Some(&pending));
}

#[test]
fn glare_over_a_restart_leaves_the_generation_in_force() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    add(&mut alice, SendRecv);
    exchange_media(&mut alice, &mut bob);
    let credentials = bob.credentials.clone();
    let restart = bob.offer(true);
    bob.set_local(Some(restart)).unwrap();
    assert_ne!(bob.credentials, credentials);
    let applied = bob.set_remote(&alice.describe()).unwrap();
    bob.credentials = applied.local_credentials.unwrap();
    assert_eq!(bob.credentials, credentials);
    // The answer restarts nothing that the offer did not.
    alice.set_remote(&bob.describe()).unwrap();
}

/// Rollback brings back what simulcast had made of the layers, with what the application set of those that are the same.
#[test]
fn layers_are_as_they_were_before_the_offer() {
    let (mut alice, mut bob) = (media_peer(1), media_peer(2));
    let receive_layers = vec![token("a"), token("b")];
    alice
        .negotiator
        .add_transceiver(Video, TransceiverInit { receive_layers, ..TransceiverInit::default() })
        .unwrap();
    let b = bob.negotiator.add_track(Video, Vec::new()).unwrap();
    let limit = Some(Bitrate::from_bps(100_000));
    bob.negotiator.set_encodings(b, &[Encoding { max_bitrate: limit, ..Encoding::default() }]).unwrap();
    let before = its(&bob, b).settled.layers.clone();
    bob.set_remote(&alice.describe()).unwrap();
    let rids: Vec<_> = its(&bob, b).encodings().map(|e| e.rid.clone().unwrap().to_string()).collect();
    assert_eq!(rids, ["a", "b"]);
    // What was set for one stream is not for layers (W3C).
    assert!(its(&bob, b).encodings().all(|encoding| encoding.max_bitrate.is_none()));
    roll_back_remote(&mut bob);
    assert_eq!(its(&bob, b).settled.layers, before);
}

/// W3C §10.7: whoever is polite gives way, the other ignores; both come to rest with what both wanted.
#[test]
fn perfect_negotiation_comes_to_rest_after_any_glare() {
    for rounds in 1..6 {
        let (mut polite, mut rude) = (media_peer(1), media_peer(2));
        for _ in 0..rounds {
            polite.negotiator.add_track(Audio, Vec::new()).unwrap();
            rude.negotiator.add_track(Video, Vec::new()).unwrap();
            add(&mut polite, SendOnly);
            let (mut offers, mut turns) = (Vec::new(), 0);
            while polite.negotiator.negotiation_needed() || rude.negotiator.negotiation_needed() {
                turns += 1;
                assert!(turns < 10);
                for peer in [&mut polite, &mut rude] {
                    offers.push(peer.negotiator.negotiation_needed().then(|| peer.describe()));
                }
                let (from_polite, from_rude) = (offers.remove(0), offers.remove(0));
                match (from_polite, from_rude) {
                    (_, Some(offer)) => {
                        // Hers is not looked at; his makes her roll back.
                        polite.set_remote(&offer).unwrap();
                        rude.set_remote(&polite.describe()).unwrap();
                    }
                    (Some(offer), None) => {
                        rude.set_remote(&offer).unwrap();
                        polite.set_remote(&rude.describe()).unwrap();
                    }
                    (None, None) => unreachable!(),
                }
                assert_eq!((polite.state(), rude.state()), (SignalingState::Stable, SignalingState::Stable));
            }
        }
        let mids = |peer: &Peer| {
            let mut mids: Vec<_> =
                peer.negotiator.transceivers().map(|its| its.mid().unwrap().to_string()).collect();
            mids.sort();
            mids
        };
        assert_eq!(mids(&polite), mids(&rude));
        // A track takes a transceiver that only receives, so there are no more sections than transceivers.
        let sections = polite.negotiator.current_local_description().unwrap().session().media.len();
        assert_eq!((sections, sections), (mids(&polite).len(), ids(&rude).len()));
    }
}
