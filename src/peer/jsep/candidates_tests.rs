//! Candidates that come after their description: where they belong, and how many.

use crate::peer::jsep::SessionDescription;
use crate::peer::jsep::candidates::{CandidatePlace, CandidateTarget};
use crate::peer::jsep::error::RemoteCandidateError;
use crate::peer::jsep::test_peer::{FINGERPRINT, ICE, Peer, SCTP, candidate, exchange, peer, with_data};
use crate::sdp::Attribute;

#[test]
fn candidates_go_where_they_belong() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    let place = |mid| CandidatePlace { mid: Some(mid), ..CandidatePlace::default() };
    let add =
        |peer: &mut Peer, place, port| peer.negotiator.add_remote_candidate(place, Some(&candidate(port)));
    assert_eq!(add(&mut bob, place("0"), 1), Err(RemoteCandidateError::NoRemoteDescription));
    bob.set_remote(&alice.describe()).unwrap();
    assert_eq!(add(&mut bob, place("0"), 1), Ok(CandidateTarget::Later));
    assert_eq!(add(&mut bob, place("9"), 1), Err(RemoteCandidateError::UnknownMid));
    assert_eq!(add(&mut bob, CandidatePlace::default(), 1), Err(RemoteCandidateError::NoSection));
    let index = |index| CandidatePlace { index: Some(index), ..CandidatePlace::default() };
    assert_eq!(add(&mut bob, index(1), 1), Err(RemoteCandidateError::UnknownIndex { index: 1, count: 1 }));
    assert_eq!(add(&mut bob, index(0), 2), Ok(CandidateTarget::Later));
    let old = CandidatePlace { mid: Some("0"), ufrag: Some("gone"), index: None };
    assert_eq!(add(&mut bob, old, 3), Err(RemoteCandidateError::UnknownUfrag));
    let settled = bob.set_local(None).unwrap().negotiated.unwrap().transport.unwrap();
    assert_eq!(settled.remote_candidates, [candidate(1), candidate(2)]);
    assert_eq!(add(&mut bob, place("0"), 4), Ok(CandidateTarget::Now));
    assert_eq!(
        bob.negotiator.add_remote_candidate(CandidatePlace::default(), None),
        Ok(CandidateTarget::Now)
    );
    let remote = bob.negotiator.remote_description().unwrap().to_sdp();
    assert!(remote.ends_with("192.0.2.1 4 typ host\r\na=end-of-candidates\r\n"), "{remote}");
}

#[test]
fn candidates_of_a_restart_wait_for_its_answer() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    let old = alice.credentials.clone();
    let offer = alice.offer(true);
    alice.set_local(Some(offer)).unwrap();
    let offer = alice.negotiator.local_description().unwrap().clone();
    bob.set_remote(&offer).unwrap();
    let of = |ufrag| CandidatePlace { mid: Some("0"), index: None, ufrag: Some(ufrag) };
    let place = of(alice.credentials.ufrag());
    assert_eq!(bob.negotiator.add_remote_candidate(place, Some(&candidate(7))), Ok(CandidateTarget::Later));
    assert_eq!(
        bob.negotiator.add_remote_candidate(of(old.ufrag()), Some(&candidate(8))),
        Ok(CandidateTarget::Now)
    );
    let settled = bob.set_local(None).unwrap().negotiated.unwrap().transport.unwrap();
    assert_eq!(settled.remote_candidates, [candidate(7)]);
    let late = bob.negotiator.add_remote_candidate(of(old.ufrag()), Some(&candidate(9)));
    assert_eq!(late, Err(RemoteCandidateError::UnknownUfrag));
}

#[test]
fn local_candidates_join_the_description_of_their_generation() {
    let mut alice = with_data(1);
    alice.set_local(None).unwrap();
    let ufrag = alice.credentials.ufrag().to_owned();
    alice.negotiator.add_local_candidate(&ufrag, &candidate(5));
    alice.negotiator.add_local_candidate(&ufrag, &candidate(5));
    alice.negotiator.add_local_candidate("another", &candidate(6));
    alice.negotiator.end_local_candidates(&ufrag);
    let media = &alice.negotiator.local_description().unwrap().session().media[0];
    assert_eq!(media.attributes.candidates().collect::<Vec<_>>(), [&candidate(5)]);
    assert!(media.attributes.has(&Attribute::EndOfCandidates));
    assert_eq!(media.port, 5);
}

#[test]
fn candidates_in_a_description_are_bounded() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    bob.set_remote(&alice.describe()).unwrap();
    let place = CandidatePlace { mid: Some("0"), ..CandidatePlace::default() };
    let results: Vec<_> =
        (1..1000).map(|port| bob.negotiator.add_remote_candidate(place, Some(&candidate(port)))).collect();
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 256);
    assert_eq!(results.last(), Some(&Err(RemoteCandidateError::TooMany { limit: 256 })));
}

#[test]
fn one_transport_for_all_trickles_under_the_first_section() {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a d\r\n{FINGERPRINT}a=setup:actpass\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\n{ICE}\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n{ICE}{SCTP}"
    );
    let place = |mid| CandidatePlace { mid: Some(mid), ..CandidatePlace::default() };
    let mut bob = peer(2);
    bob.set_remote(&SessionDescription::offer(&text).unwrap()).unwrap();
    assert_eq!(
        bob.negotiator.add_remote_candidate(place("a"), Some(&candidate(1))),
        Ok(CandidateTarget::Later)
    );
    let settled = bob.set_local(None).unwrap().negotiated.unwrap().transport.unwrap();
    assert_eq!(settled.remote_candidates, [candidate(1)]);
    assert_eq!(
        bob.negotiator.add_remote_candidate(place("a"), Some(&candidate(2))),
        Ok(CandidateTarget::Now)
    );
    // Where each section gathers for itself, ours is the one that counts.
    let mut bob = peer(2);
    bob.set_remote(&SessionDescription::offer(&text).unwrap()).unwrap();
    assert_eq!(
        bob.negotiator.add_remote_candidate(place("d"), Some(&candidate(1))),
        Ok(CandidateTarget::Later)
    );
    assert_eq!(
        bob.negotiator.add_remote_candidate(place("a"), Some(&candidate(2))),
        Ok(CandidateTarget::Ignored)
    );
}
