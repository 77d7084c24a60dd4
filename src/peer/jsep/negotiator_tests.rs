use super::*;
use crate::peer::jsep::apply::DtlsRole;
use crate::peer::jsep::test_peer::{
    FINGERPRINT, ICE, Peer, SCTP, Settled, candidate, exchange, offer_of, peer, travel, with_data,
};
use crate::sdp::{Direction, MediaKind};
use SignalingState::{HaveLocalOffer, HaveLocalPranswer, HaveRemoteOffer, HaveRemotePranswer, Stable};

#[test]
fn an_offer_looks_as_endpoints_expect_it() {
    let mut alice = with_data(1);
    alice.candidates.push(candidate(4000));
    let text = alice.offer(false).to_sdp();
    let session: Session = text.parse().unwrap();
    let tls_id = session.media[0].attributes.tls_id().unwrap();
    let expected = format!(
        "v=0\r\no=- {id} 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-options:trickle ice2\r\n\
         m=application 4000 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 192.0.2.1\r\na=mid:0\r\na=ice-ufrag:{ufrag}\r\n\
         a=ice-pwd:{pwd}\r\na=fingerprint:{fingerprint}\r\na=setup:actpass\r\na=tls-id:{tls_id}\r\na=sctp-port:5000\r\n\
         a=max-message-size:262144\r\na=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host\r\n",
        id = alice.negotiator.session_id,
        ufrag = alice.credentials.ufrag(),
        pwd = alice.credentials.pwd(),
        fingerprint = alice.fingerprints[0],
    );
    assert_eq!(text, expected);
}

#[test]
fn an_exchange_settles_both_transports() {
    let (mut alice, mut bob) = (with_data(1), with_data(2));
    alice.candidates.push(candidate(4000));
    bob.ended = true;
    let (a, b) = exchange(&mut alice, &mut bob);
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((a.dtls_role, b.dtls_role), (DtlsRole::Server, DtlsRole::Client));
    assert_eq!((a.controlling, b.controlling), (true, false));
    assert_eq!(
        (&a.remote_ice.credentials, &b.remote_ice.credentials),
        (&bob.credentials, &alice.credentials)
    );
    assert_eq!((&a.remote_fingerprints, &b.remote_fingerprints), (&bob.fingerprints, &alice.fingerprints));
    assert_eq!(b.remote_candidates, [candidate(4000)]);
    assert_eq!((a.remote_ended, b.remote_ended), (true, false));
    assert_eq!((a.data.remote_sctp_port, a.data.remote_max_message_size), (5000, 262_144));
    assert!(a.remote_ice.trickle && a.remote_ice.ice2 && !a.remote_ice.lite);
    assert!(!a.new_association);
    assert!(!alice.negotiator.negotiation_needed() && !bob.negotiator.negotiation_needed());
}

#[test]
fn media_is_rejected_in_its_place_and_data_accepted() {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a v d\r\na=ice-options:trickle x\r\n{FINGERPRINT}\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=mid:a\r\na=rtpmap:111 opus/48000/2\r\n{ICE}a=setup:actpass\r\n\
         m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=bundle-only\r\na=rtpmap:96 VP8/90000\r\n\
         m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\na=bundle-only\r\n{SCTP}"
    );
    let mut bob = peer(2);
    bob.set_remote(&SessionDescription::offer(&text).unwrap()).unwrap();
    let negotiated = bob.set_local(None).unwrap().negotiated.unwrap();
    assert_eq!(negotiated.transport.unwrap().remote_ice.credentials.ufrag(), "Vs3v");
    let answer = bob.negotiator.current_local_description().unwrap().to_sdp();
    assert!(
        answer.contains("m=audio 0 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=mid:a\r\na=inactive\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=inactive\r\n"),
        "{answer}"
    );
    assert!(answer.contains("a=group:BUNDLE d\r\na=ice-options:trickle\r\n"), "{answer}");
    assert!(!answer.contains("bundle-only"), "{answer}");
    // A later offer of ours keeps the sections where they are.
    let offer = bob.offer(false);
    let kinds: Vec<_> = offer.session().media.iter().map(|m| (m.kind.clone(), m.port != 0)).collect();
    assert_eq!(kinds, [(MediaKind::Audio, false), (MediaKind::Video, false), (MediaKind::Application, true)]);
    assert_eq!(offer.session().media[0].attributes.direction(), Some(&Direction::Inactive));
}

#[test]
fn a_peer_that_offers_no_data_is_asked_for_it() {
    let text = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
                m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n";
    let mut bob = with_data(2);
    bob.set_remote(&SessionDescription::offer(text).unwrap()).unwrap();
    let applied = bob.set_local(None).unwrap();
    assert!(applied.negotiated.unwrap().transport.is_none());
    assert!(applied.local_credentials.is_none());
    assert!(!bob.negotiator.current_local_description().unwrap().to_sdp().contains("BUNDLE"));
    assert!(bob.negotiator.negotiation_needed());
    let offer = bob.offer(false);
    assert_eq!(offer.session().media.len(), 2);
    assert_eq!(offer.session().media[1].attributes.mid().unwrap().as_str(), "1");
}

#[test]
fn only_one_data_section_is_accepted() {
    let data = format!("{ICE}{FINGERPRINT}{SCTP}a=setup:actpass\r\n");
    let offer = offer_of(&format!(
        "a=mid:x\r\n{data}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:y\r\n{data}"
    ));
    let mut bob = peer(2);
    bob.set_remote(&offer).unwrap();
    let answer = bob.answer();
    assert_eq!(answer.session().media.iter().map(|m| m.port).collect::<Vec<_>>(), [9, 0]);
}

#[test]
fn provisional_answers_come_before_the_final_one() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    bob.set_remote(&alice.describe()).unwrap();
    let answer = bob.answer();
    let provisional = SessionDescription::new(SdpType::Pranswer, answer.session().clone());
    let applied = bob.set_local(Some(provisional.clone())).unwrap();
    assert!(applied.negotiated.unwrap().provisional);
    assert_eq!(bob.state(), HaveLocalPranswer);
    let applied = alice.set_remote(&provisional).unwrap();
    assert!(applied.negotiated.unwrap().transport.is_some());
    assert_eq!(alice.state(), HaveRemotePranswer);
    assert!(matches!(alice.set_local(None), Err(NegotiationError::InvalidState { .. })));
    let last = bob.describe();
    assert_eq!((bob.state(), last.kind()), (Stable, SdpType::Answer));
    let settled = alice.set_remote(&last).unwrap().negotiated.unwrap();
    let data = settled.transport.unwrap();
    assert!(!settled.provisional && !data.new_association);
    assert_eq!(alice.state(), Stable);
    assert!(alice.negotiator.pending_local_description().is_none());
    assert_eq!(alice.negotiator.current_remote_description().unwrap().kind(), SdpType::Answer);
}

#[test]
fn rollback_leaves_what_was_in_force() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    let before = alice.negotiator.current_local_description().cloned();
    let credentials = alice.credentials.clone();
    let offer = alice.offer(true);
    alice.set_local(Some(offer.clone())).unwrap();
    assert_ne!(alice.credentials, credentials);
    let applied = alice.set_local(Some(SessionDescription::rollback())).unwrap();
    assert!(applied.changed);
    assert_eq!(alice.credentials, credentials);
    assert_eq!(alice.negotiator.local_description().cloned(), before);
    // A remote one, too.
    bob.set_remote(&offer).unwrap();
    assert_eq!(bob.state(), HaveRemoteOffer);
    bob.set_remote(&SessionDescription::rollback()).unwrap();
    assert_eq!(bob.state(), Stable);
    let version = alice.negotiator.version;
    assert!(alice.offer(false).session().origin.version > version);
    let error = alice.set_local(Some(SessionDescription::rollback())).unwrap_err();
    assert!(matches!(error, NegotiationError::InvalidState { state: Stable, kind: SdpType::Rollback, .. }));
}

#[test]
fn glare_is_settled_by_rollback() {
    let (mut alice, mut bob) = (with_data(1), with_data(2));
    let (from_alice, from_bob) = (alice.describe(), bob.describe());
    // Bob is the polite one.
    bob.set_remote(&from_alice).unwrap();
    assert!(bob.negotiator.pending_local_description().is_none());
    assert_eq!(bob.state(), HaveRemoteOffer);
    let answer = bob.describe();
    alice.set_remote(&answer).unwrap();
    assert_eq!((alice.state(), bob.state()), (Stable, Stable));
    drop(from_bob);
}

#[test]
fn descriptions_out_of_turn_are_refused() {
    let (mut alice, mut bob) = (with_data(1), with_data(2));
    let offer = alice.describe();
    bob.set_remote(&offer).unwrap();
    let answer = bob.describe();
    assert!(matches!(bob.set_remote(&answer), Err(NegotiationError::InvalidState { state: Stable, .. })));
    assert_eq!(bob.with(Negotiator::create_answer).unwrap_err(), NegotiationError::NoRemoteOffer(Stable));
    alice.set_remote(&answer).unwrap();
    assert!(matches!(alice.set_remote(&answer), Err(NegotiationError::InvalidState { .. })));
    bob.set_remote(&offer).unwrap();
    let late = bob.with(|n, t| n.create_offer(OfferOptions::default(), t));
    assert!(matches!(
        late,
        Err(NegotiationError::InvalidState { state: HaveRemoteOffer, side: Side::Local, .. })
    ));
    bob.negotiator.close();
    assert_eq!(bob.set_remote(&offer).unwrap_err(), NegotiationError::Closed);
    assert_eq!(bob.set_local(None).unwrap_err(), NegotiationError::Closed);
    assert_eq!(bob.state(), SignalingState::Closed);
}

#[test]
fn local_descriptions_may_not_be_changed() {
    let mut alice = with_data(1);
    let text = alice.offer(false).to_sdp().replace("setup:actpass", "setup:active");
    let error = alice.set_local(Some(SessionDescription::offer(&text).unwrap())).unwrap_err();
    assert_eq!(error, NegotiationError::Modified);
    let old = alice.offer(false);
    let new = alice.offer(false);
    assert!(new.session().origin.version > old.session().origin.version);
    assert_eq!(alice.set_local(Some(old)).unwrap_err(), NegotiationError::Modified);
    assert_eq!(alice.state(), Stable);
    alice.set_local(Some(travel(&new))).unwrap();
    assert_eq!(alice.state(), HaveLocalOffer);
}

#[test]
fn a_description_without_what_data_needs_is_refused() {
    let setup = "a=setup:actpass\r\n";
    for (lines, error) in [
        (format!("{FINGERPRINT}{SCTP}{setup}"), NegotiationError::MissingCredentials(0)),
        (format!("a=ice-ufrag:abcd\r\n{FINGERPRINT}{SCTP}{setup}"), NegotiationError::MissingCredentials(0)),
        (format!("{ICE}{SCTP}{setup}"), NegotiationError::MissingFingerprint(0)),
        (format!("{ICE}a=fingerprint:md5 AB\r\n{SCTP}{setup}"), NegotiationError::MissingFingerprint(0)),
        (format!("{ICE}{FINGERPRINT}{setup}"), NegotiationError::MissingSctpPort(0)),
    ] {
        let mut bob = peer(2);
        assert_eq!(bob.set_remote(&offer_of(&lines)).unwrap_err(), error, "{lines}");
        assert_eq!((bob.state(), bob.negotiator.remote_description()), (Stable, None));
    }
}

#[test]
fn a_description_that_contradicts_itself_is_refused() {
    let head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    let audio = "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\n";
    for (body, error) in [
        (format!("{audio}a=mid:0\r\n{audio}a=mid:0\r\n"), NegotiationError::DuplicateMid(1)),
        (format!("a=group:BUNDLE 0 1\r\n{audio}a=mid:0\r\n"), NegotiationError::BadBundle),
        (format!("a=group:BUNDLE 0 0\r\n{audio}a=mid:0\r\n"), NegotiationError::BadBundle),
        (
            format!("{audio}a=rtpmap:96 VP8/90000\r\na=rtpmap:96 H264/90000\r\n"),
            NegotiationError::DuplicatePayloadType { section: 0, payload_type: 96 },
        ),
        (
            "m=audio 9 UDP/TLS/RTP/SAVPF 96 96\r\n".into(),
            NegotiationError::DuplicatePayloadType { section: 0, payload_type: 96 },
        ),
        (
            format!("{audio}a=extmap:1 urn:a\r\na=extmap:1 urn:b\r\n"),
            NegotiationError::DuplicateExtension { section: 0, id: 1 },
        ),
        (format!("{audio}a=rid:1 send\r\na=rid:1 send\r\n"), NegotiationError::BadRid(0)),
        (format!("{audio}a=rid:1 send\r\na=simulcast:send 1;2\r\n"), NegotiationError::BadRid(0)),
    ] {
        let offer = SessionDescription::offer(&format!("{head}{body}")).unwrap();
        assert_eq!(peer(2).set_remote(&offer).unwrap_err(), error, "{body}");
    }
}

#[test]
fn an_answer_must_have_the_sections_of_its_offer() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    bob.set_remote(&alice.describe()).unwrap();
    let answer = bob.describe().to_sdp();
    let set = |alice: &mut Peer, text: &str| {
        alice.set_remote(&SessionDescription::answer(text).unwrap()).unwrap_err()
    };
    let more = format!("{answer}m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n");
    assert_eq!(set(&mut alice, &more), NegotiationError::SectionCount { got: 2, expected: 1 });
    let other = answer.replace("a=group:BUNDLE 0", "a=group:BUNDLE 7").replace("a=mid:0", "a=mid:7");
    assert_eq!(set(&mut alice, &other), NegotiationError::SectionMismatch(0));
    let other = answer.replace("UDP/DTLS/SCTP", "TCP/DTLS/SCTP");
    assert_eq!(set(&mut alice, &other), NegotiationError::SectionMismatch(0));
    assert_eq!(alice.state(), HaveLocalOffer);
    alice.set_remote(&SessionDescription::answer(&answer).unwrap()).unwrap();
}

#[test]
fn a_rejected_data_section_is_offered_anew_in_its_place() {
    let mut alice = with_data(1);
    alice.set_local(None).unwrap();
    let answer = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n";
    let settled = alice.set_remote(&SessionDescription::answer(answer).unwrap()).unwrap().negotiated.unwrap();
    assert!(settled.data.is_none());
    assert!(!alice.negotiator.negotiation_needed());
    let offer = alice.offer(false);
    assert_eq!(offer.session().media.len(), 1);
    assert_eq!(offer.session().media[0].attributes.mid().unwrap().as_str(), "1");
}

#[test]
fn sections_may_not_vanish_or_change_places() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    let text = alice.offer(false).to_sdp();
    let none = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    let error = bob.set_remote(&SessionDescription::offer(none).unwrap()).unwrap_err();
    assert_eq!(error, NegotiationError::SectionCount { got: 0, expected: 1 });
    let renamed = text.replace("BUNDLE 0", "BUNDLE 5").replace("mid:0", "mid:5");
    let error = bob.set_remote(&SessionDescription::offer(&renamed).unwrap()).unwrap_err();
    assert_eq!(error, NegotiationError::SectionMismatch(0));
}

#[test]
fn the_session_level_is_inherited() {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{ICE}{FINGERPRINT}a=setup:passive\r\na=ice-lite\r\na=ice-pacing:30\r\n\
         a=ice-options:renomination\r\na=end-of-candidates\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n{SCTP}"
    );
    let mut bob = peer(2);
    bob.set_remote(&SessionDescription::offer(&text).unwrap()).unwrap();
    let data = Settled::of(bob.set_local(None).unwrap().negotiated.unwrap()).unwrap();
    assert_eq!(data.dtls_role, DtlsRole::Client);
    assert!(data.remote_ice.lite && !data.remote_ice.trickle && !data.remote_ice.ice2 && data.remote_ended);
    assert_eq!(data.remote_ice.pacing, Some(Duration::from_millis(30)));
    assert_eq!(data.data.remote_max_message_size, 65_536);
    // RFC 8445 §6.1.1: against a lite agent the full one controls.
    assert!(data.controlling);
    assert_eq!(bob.negotiator.can_trickle(), Some(false));
    assert!(!bob.negotiator.local_description().unwrap().to_sdp().contains("ice-options"));
}

#[test]
fn the_form_of_the_drafts_is_answered_in_kind() {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=application 9 DTLS/SCTP 5001\r\n{ICE}{FINGERPRINT}\
         a=setup:actpass\r\na=mid:data\r\na=sctpmap:5001 webrtc-datachannel 1024\r\n"
    );
    let mut bob = peer(2);
    bob.set_remote(&SessionDescription::offer(&text).unwrap()).unwrap();
    let data = bob.set_local(None).unwrap().negotiated.unwrap().data.unwrap();
    assert_eq!((data.local_sctp_port, data.remote_sctp_port), (5000, 5001));
    let answer = bob.negotiator.local_description().unwrap().to_sdp();
    // Each side's line has its own port.
    assert!(answer.contains("m=application 9 DTLS/SCTP 5000\r\n"), "{answer}");
    assert!(answer.contains("a=sctpmap:5000 webrtc-datachannel 65535\r\n"), "{answer}");
    assert!(!answer.contains("a=group") && !answer.contains("a=sctp-port"), "{answer}");
}

#[test]
fn a_lite_agent_says_so_and_leaves_control() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    alice.lite = true;
    let (a, b) = exchange(&mut alice, &mut bob);
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(b.remote_ice.lite && !a.remote_ice.lite);
    assert_eq!((a.controlling, b.controlling), (false, true));
}
