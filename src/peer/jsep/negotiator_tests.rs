use super::*;
use crate::peer::jsep::apply::{DtlsRole, Negotiated, NegotiatedData, NegotiatedTransport};
use crate::peer::jsep::candidates::{CandidatePlace, CandidateTarget};
use crate::peer::jsep::error::RemoteCandidateError;
use crate::peer::jsep::test_peer::{Peer, peer, travel};
use crate::sdp::{Direction, MediaKind, Setup};
use SignalingState::{HaveLocalOffer, HaveLocalPranswer, HaveRemoteOffer, HaveRemotePranswer, Stable};

fn with_data(seed: u8) -> Peer {
    let mut peer = peer(seed);
    assert!(peer.negotiator.need_data_channel());
    peer
}

/// What was settled about a description of data.
struct Settled {
    transport: NegotiatedTransport,
    data: NegotiatedData,
}

impl core::ops::Deref for Settled {
    type Target = NegotiatedTransport;

    fn deref(&self) -> &NegotiatedTransport {
        &self.transport
    }
}

impl Settled {
    fn of(negotiated: Negotiated) -> Option<Self> {
        let (transport, data) = negotiated.transport.zip(negotiated.data)?;
        Some(Self { transport, data })
    }
}

/// One whole exchange; returns what each side settled.
fn exchange(offerer: &mut Peer, answerer: &mut Peer) -> (Option<Settled>, Option<Settled>) {
    let offer = offerer.describe();
    answerer.set_remote(&offer).unwrap();
    let at_answerer = answerer.set_local(None).unwrap().negotiated.unwrap();
    let answer = travel(answerer.negotiator.local_description().unwrap());
    let at_offerer = offerer.set_remote(&answer).unwrap().negotiated.unwrap();
    assert_eq!((offerer.state(), answerer.state()), (Stable, Stable));
    (Settled::of(at_offerer), Settled::of(at_answerer))
}

/// A remote offer of one data section with these media-level lines.
fn offer_of(lines: &str) -> SessionDescription {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n{lines}"
    );
    SessionDescription::offer(&text).unwrap()
}

const ICE: &str = "a=ice-ufrag:Vs3v\r\na=ice-pwd:J681eCENDm/XxbRJzXGMFU7q\r\n";
const FINGERPRINT: &str = "a=fingerprint:sha-256 40:4A:1F:54:07:D2:15:1F:62:C9:19:BE:B2:51:5C:11:E0:E9:B7:E1:94:62:AE:B2:72:29:82:56:0E:8F:20:F6\r\n";
const SCTP: &str = "a=sctp-port:5000\r\n";

fn offer_with_setup(setup: &str) -> SessionDescription {
    offer_of(&format!("{ICE}{FINGERPRINT}{SCTP}a=setup:{setup}\r\n"))
}

fn candidate(port: u16) -> Candidate {
    format!("candidate:1 1 udp 2130706431 192.0.2.1 {port} typ host").parse().unwrap()
}

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
fn the_setup_of_the_answer_fits_the_offer() {
    for (offered, answer_active, answered, role) in [
        ("actpass", true, Setup::Active, DtlsRole::Client),
        ("actpass", false, Setup::Passive, DtlsRole::Server),
        ("active", true, Setup::Passive, DtlsRole::Server),
        ("passive", false, Setup::Active, DtlsRole::Client),
    ] {
        let mut bob = peer(2);
        bob.negotiator.settings.answer_active = answer_active;
        bob.set_remote(&offer_with_setup(offered)).unwrap();
        let negotiated = bob.set_local(None).unwrap().negotiated.unwrap().transport.unwrap();
        let answer = bob.negotiator.local_description().unwrap();
        assert_eq!(answer.session().media[0].attributes.setup(), Some(&answered), "{offered}");
        assert_eq!(negotiated.dtls_role, role, "{offered}");
    }
    let refused = peer(2).set_remote(&offer_with_setup("holdconn")).unwrap_err();
    assert!(matches!(refused, NegotiationError::BadSetup { section: 0, setup: Setup::HoldConn, .. }));
}

#[test]
fn an_answer_must_choose_its_part() {
    for (answered, expected) in [
        ("active", Ok(DtlsRole::Server)),
        ("passive", Ok(DtlsRole::Client)),
        ("actpass", Err(Setup::ActPass)),
        ("holdconn", Err(Setup::HoldConn)),
    ] {
        let (mut alice, mut bob) = (with_data(1), peer(2));
        bob.set_remote(&alice.describe()).unwrap();
        let answer = bob.describe().to_sdp().replace("a=setup:active", &format!("a=setup:{answered}"));
        let applied = alice.set_remote(&SessionDescription::answer(&answer).unwrap());
        match (applied, expected) {
            (Ok(applied), Ok(role)) => {
                assert_eq!(applied.negotiated.unwrap().transport.unwrap().dtls_role, role);
            }
            (Err(NegotiationError::BadSetup { setup, .. }), Err(expected)) => assert_eq!(setup, expected),
            (other, _) => panic!("{answered}: {other:?}"),
        }
    }
}

#[test]
fn roles_stay_when_the_peers_change_sides() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    let (b, a) = exchange(&mut bob, &mut alice);
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((a.dtls_role, b.dtls_role), (DtlsRole::Server, DtlsRole::Client));
    assert_eq!((a.controlling, b.controlling), (true, false));
    assert!(!a.new_association && !b.new_association);
}

#[test]
fn a_setup_that_would_change_roles_is_refused() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    // Bob is the client; Alice may say so, but not claim it for herself.
    let text = alice.offer(false).to_sdp();
    let active = SessionDescription::offer(&text.replace("setup:actpass", "setup:active")).unwrap();
    let error = bob.set_remote(&active).unwrap_err();
    assert_eq!(error, NegotiationError::RoleConflict { section: 0, setup: Setup::Active });
    assert_eq!(bob.state(), Stable);
    let passive = SessionDescription::offer(&text.replace("setup:actpass", "setup:passive")).unwrap();
    bob.set_remote(&passive).unwrap();
    assert_eq!(bob.answer().session().media[0].attributes.setup(), Some(&Setup::Active));
    // And an answer that takes the other part.
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    bob.set_remote(&alice.describe()).unwrap();
    let answer = bob.describe().to_sdp().replace("setup:active", "setup:passive");
    let error = alice.set_remote(&SessionDescription::answer(&answer).unwrap()).unwrap_err();
    assert_eq!(error, NegotiationError::RoleConflict { section: 0, setup: Setup::Passive });
    assert_eq!(alice.state(), HaveLocalOffer);
}

#[test]
fn a_new_certificate_needs_a_restart() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    alice.fingerprints = peer(9).fingerprints;
    let error = bob.set_remote(&alice.offer(false)).unwrap_err();
    assert_eq!(error, NegotiationError::AssociationWithoutRestart(0));
    let offer = alice.offer(true);
    bob.set_remote(&offer).unwrap();
    let settled = bob.set_local(None).unwrap().negotiated.unwrap().transport.unwrap();
    assert!(settled.new_association);
}

#[test]
fn a_new_tls_id_is_a_new_association() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    let text = alice.offer(true).to_sdp();
    let old =
        bob.negotiator.current_local_description().unwrap().session().media[0].attributes.tls_id().cloned();
    let theirs =
        alice.negotiator.current_local_description().unwrap().session().media[0].attributes.tls_id().cloned();
    let text = text.replace(theirs.unwrap().as_str(), "0123456789abcdef0123456789abcdef");
    bob.set_remote(&SessionDescription::offer(&text).unwrap()).unwrap();
    let settled = bob.set_local(None).unwrap().negotiated.unwrap().transport.unwrap();
    assert!(settled.new_association);
    let new =
        bob.negotiator.current_local_description().unwrap().session().media[0].attributes.tls_id().cloned();
    assert!(new.is_some() && new != old);
}

#[test]
fn renegotiation_keeps_everything_but_the_version() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    let before = alice.negotiator.current_local_description().unwrap().session().clone();
    let (a, b) = exchange(&mut alice, &mut bob);
    let after = alice.negotiator.current_local_description().unwrap().session();
    assert_eq!(after.origin.session_id, before.origin.session_id);
    assert!(after.origin.version > before.origin.version);
    assert_eq!(after.media, before.media);
    for data in [a.unwrap(), b.unwrap()] {
        assert!(!data.new_association);
    }
}

#[test]
fn a_restart_we_ask_for_is_answered_with_one() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    let (old_alice, old_bob) = (alice.credentials.clone(), bob.credentials.clone());
    assert!(alice.negotiator.need_restart());
    assert!(alice.negotiator.negotiation_needed());
    let (a, b) = exchange(&mut alice, &mut bob);
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(alice.credentials != old_alice && bob.credentials != old_bob);
    assert!(!a.new_association && !b.new_association);
    assert_eq!(
        (&a.remote_ice.credentials, &b.remote_ice.credentials),
        (&bob.credentials, &alice.credentials)
    );
    assert!(!alice.negotiator.negotiation_needed());
}

#[test]
fn a_restart_whose_answer_forgets_its_part_keeps_the_association() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    // Bob is the client. He restarts; Alice answers as if nothing had been before, and once more in the negotiation after.
    for restart in [true, false] {
        let offer = bob.offer(restart);
        bob.set_local(Some(offer.clone())).unwrap();
        alice.set_remote(&offer).unwrap();
        let answer = alice.describe().to_sdp();
        assert!(answer.contains("setup:passive"), "RFC 9429 §5.3.2: the part she has");
        let answer = SessionDescription::answer(&answer.replace("setup:passive", "setup:active")).unwrap();
        let transport = bob.set_remote(&answer).unwrap().negotiated.unwrap().transport.unwrap();
        assert_eq!((transport.dtls_role, transport.new_association), (DtlsRole::Client, false));
    }
    let (b, a) = exchange(&mut bob, &mut alice);
    assert_eq!((a.unwrap().dtls_role, b.unwrap().dtls_role), (DtlsRole::Server, DtlsRole::Client));
}

#[test]
fn a_restart_by_half_is_refused() {
    let (mut alice, mut bob) = (with_data(1), peer(2));
    exchange(&mut alice, &mut bob);
    let old = bob.negotiator.current_local_description().unwrap().clone();
    // Alice restarts, and the answer carries Bob's old credentials.
    let offer = alice.offer(true);
    alice.set_local(Some(offer)).unwrap();
    let error = alice.set_remote(&old).unwrap_err();
    assert_eq!(error, NegotiationError::RestartIgnored(0));
    alice.set_local(Some(SessionDescription::rollback())).unwrap();
    // Alice does not, and the answer has new ones.
    alice.credentials = Credentials::new(
        alice.negotiator.current_local_description().unwrap().session().media[0]
            .attributes
            .ice_ufrag()
            .unwrap(),
        alice.negotiator.current_local_description().unwrap().session().media[0]
            .attributes
            .ice_pwd()
            .unwrap(),
    )
    .unwrap();
    alice.set_local(None).unwrap();
    let answer = old.to_sdp().replace(bob.credentials.ufrag(), "other-ufrag");
    let error = alice.set_remote(&SessionDescription::answer(&answer).unwrap()).unwrap_err();
    assert_eq!(error, NegotiationError::UnaskedRestart(0));
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

/// What happens in a random history.
#[derive(Clone, Copy, Debug)]
enum Step {
    Exchange { by_bob: bool, restart: bool, provisional: bool },
    RolledBack { by_bob: bool, restart: bool },
    Glare { bob_is_polite: bool },
}

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Step>> {
    use proptest::prelude::*;
    let step = prop_oneof![
        (any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(by_bob, restart, provisional)| Step::Exchange { by_bob, restart, provisional }),
        (any::<bool>(), any::<bool>()).prop_map(|(by_bob, restart)| Step::RolledBack { by_bob, restart }),
        any::<bool>().prop_map(|bob_is_polite| Step::Glare { bob_is_polite }),
    ];
    prop::collection::vec(step, 1..8)
}

fn take(step: Step, alice: &mut Peer, bob: &mut Peer) {
    let by_bob = match step {
        Step::Exchange { by_bob, .. } | Step::RolledBack { by_bob, .. } => by_bob,
        Step::Glare { bob_is_polite } => !bob_is_polite,
    };
    let (offerer, answerer) = if by_bob { (bob, alice) } else { (alice, bob) };
    let restart =
        matches!(step, Step::Exchange { restart: true, .. } | Step::RolledBack { restart: true, .. });
    if matches!(step, Step::Glare { .. }) {
        answerer.set_local(None).unwrap();
    }
    let offer = offerer.offer(restart);
    offerer.set_local(Some(offer)).unwrap();
    let offer = offerer.negotiator.local_description().unwrap().clone();
    answerer.set_remote(&offer).unwrap();
    if matches!(step, Step::RolledBack { .. }) {
        offerer.set_local(Some(SessionDescription::rollback())).unwrap();
        answerer.set_remote(&SessionDescription::rollback()).unwrap();
        return;
    }
    let mut answer = answerer.answer();
    if matches!(step, Step::Exchange { provisional: true, .. }) {
        let provisional = SessionDescription::new(SdpType::Pranswer, answer.session().clone());
        answerer.set_local(Some(provisional.clone())).unwrap();
        offerer.set_remote(&provisional).unwrap();
        answer = answerer.answer();
    }
    let at_answerer = answerer.set_local(Some(answer)).unwrap().negotiated.unwrap().transport.unwrap();
    let answer = answerer.negotiator.local_description().unwrap().clone();
    let at_offerer = offerer.set_remote(&answer).unwrap().negotiated.unwrap().transport.unwrap();
    assert_ne!(at_answerer.dtls_role, at_offerer.dtls_role);
    assert_ne!(at_answerer.controlling, at_offerer.controlling);
    assert_eq!(at_answerer.remote_ice.credentials, offerer.credentials);
    assert_eq!(at_offerer.remote_ice.credentials, answerer.credentials);
    assert_eq!(at_answerer.remote_fingerprints, offerer.fingerprints);
    assert!(!at_answerer.new_association && !at_offerer.new_association);
}

proptest::proptest! {
    #[test]
    fn any_two_capability_sets_negotiate_symmetrically(
        active in proptest::array::uniform2(proptest::bool::ANY),
        lite in 0_u8..3,
        sizes in proptest::array::uniform2(proptest::num::u64::ANY),
        hashes in proptest::array::uniform2(1_usize..4),
        steps in steps(),
    ) {
        let (mut alice, mut bob) = (with_data(1), peer(2));
        for (index, peer) in [&mut alice, &mut bob].into_iter().enumerate() {
            peer.negotiator.settings.answer_active = active[index];
            peer.negotiator.settings.max_message_size = sizes[index];
            peer.lite = usize::from(lite) == index;
            for extra in 1..hashes[index] {
                let text = format!("sha-512 {}", vec![format!("{extra:02X}"); 64].join(":"));
                peer.fingerprints.push(text.parse().unwrap());
            }
        }
        let (a, b) = exchange(&mut alice, &mut bob);
        proptest::prop_assert_eq!(a.unwrap().data.remote_max_message_size, sizes[1]);
        proptest::prop_assert_eq!(b.unwrap().data.remote_max_message_size, sizes[0]);
        for step in steps {
            take(step, &mut alice, &mut bob);
            proptest::prop_assert_eq!((alice.state(), bob.state()), (Stable, Stable));
            let sessions = [&alice, &bob].map(|p| p.negotiator.current_local_description().unwrap().session());
            proptest::prop_assert_eq!(sessions[0].media.len(), 1);
            proptest::prop_assert_eq!(sessions[0].media[0].attributes.mid(), sessions[1].media[0].attributes.mid());
        }
    }
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
