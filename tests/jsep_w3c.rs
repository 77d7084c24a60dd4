//! What the web platform's tests ask of `RTCPeerConnection`, asked of ours: events and their order, descriptions and when they are there,
//! candidates and their places, transceivers through whole connections.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands, and picks the events it wants")]

mod jsep_support;
mod pair;

use antiphon::codec::MediaKind;
use antiphon::peer::{
    Codec, Encoding, MediaCapabilities, NegotiationError, RemoteCandidateError, SdpType, TransceiverInit,
};
use antiphon::sdp::{Direction, Token};
use antiphon::{
    Certificate, Config, ConnectionState, DataChannelInit, Event, IceCandidate, IceCandidateError,
    IceConnectionState, IceGatheringState, Instant, OfferOptions, PeerConnection, Seed, SessionDescription,
    SignalingState,
};
use jsep_support::{add, connection, describe, events, exchange};
use pair::{End, Pair, UNIX, ms, secs};

fn due(pc: &mut PeerConnection) -> usize {
    events(pc).iter().filter(|event| **event == Event::NegotiationNeeded).count()
}

fn place(pc: &PeerConnection) -> IceCandidate {
    let section = &pc.remote_description().unwrap().session().media[0];
    IceCandidate {
        candidate: "candidate:1 1 udp 2130706431 192.0.2.9 5000 typ host".into(),
        sdp_mid: Some(section.attributes.mid().unwrap().to_string()),
        sdp_m_line_index: Some(0),
        username_fragment: None,
    }
}

fn told(pc: &PeerConnection, section: usize) -> usize {
    pc.remote_description().unwrap().session().media[section].attributes.candidates().count()
}

#[test]
fn what_makes_an_offer_due_is_told_once() {
    let mut pc = connection(1);
    pc.create_data_channel("x", DataChannelInit::default()).unwrap();
    assert_eq!(due(&mut pc), 1);
    pc.create_data_channel("y", DataChannelInit::default()).unwrap();
    add(&mut pc, MediaKind::Audio);
    pc.add_track(MediaKind::Video, Vec::new()).unwrap();
    assert_eq!(due(&mut pc), 0);
    let mut pc = connection(1);
    add(&mut pc, MediaKind::Audio);
    add(&mut pc, MediaKind::Audio);
    pc.create_data_channel("x", DataChannelInit::default()).unwrap();
    assert_eq!(due(&mut pc), 1);
    // Only what is new after an exchange is due again.
    let mut bob = connection(2);
    exchange(&mut pc, &mut bob);
    assert_eq!(due(&mut pc), 0);
    add(&mut pc, MediaKind::Audio);
    assert_eq!(due(&mut pc), 1);
}

#[test]
fn nothing_is_due_while_an_exchange_is_under_way_and_then_it_is_after_the_state() {
    let (mut alice, mut bob) = (connection(1), connection(2));
    add(&mut alice, MediaKind::Audio);
    assert_eq!(due(&mut alice), 1);
    bob.set_remote_description(describe(&mut alice)).unwrap();
    add(&mut alice, MediaKind::Video);
    add(&mut bob, MediaKind::Video);
    assert_eq!((due(&mut alice), due(&mut bob)), (0, 0));
    let answer = describe(&mut bob);
    alice.set_remote_description(answer).unwrap();
    // By the local answer, and by the remote one.
    for pc in [&mut alice, &mut bob] {
        let seen = events(pc);
        let at = |wanted: &Event| seen.iter().position(|event| event == wanted).unwrap();
        assert!(
            at(&Event::SignalingStateChange(SignalingState::Stable)) < at(&Event::NegotiationNeeded),
            "{seen:?}"
        );
    }
}

#[test]
fn changes_of_tracks_directions_and_streams_are_due() {
    let (mut alice, mut bob) = (connection(1), connection(2));
    let id = alice.add_track(MediaKind::Video, vec![Token::new("s").unwrap()]).unwrap();
    exchange(&mut alice, &mut bob);
    due(&mut alice);
    alice.transceiver(id).unwrap().set_direction(Direction::SendOnly).unwrap();
    assert_eq!(due(&mut alice), 0, "it was answered so");
    alice.transceiver(id).unwrap().set_streams(vec![Token::new("t").unwrap()]).unwrap();
    assert_eq!(due(&mut alice), 1);
    exchange(&mut alice, &mut bob);
    due(&mut alice);
    alice.remove_track(id).unwrap();
    assert_eq!(due(&mut alice), 1);
    alice.remove_track(id).unwrap();
    assert_eq!(due(&mut alice), 0);
}

#[test]
fn descriptions_are_pending_until_they_are_answered() {
    let (mut alice, mut bob) = (connection(1), connection(2));
    add(&mut alice, MediaKind::Audio);
    assert!(alice.local_description().is_none() && alice.pending_local_description().is_none());
    let offer = alice.create_offer(&OfferOptions::default()).unwrap();
    assert!(alice.pending_local_description().is_none());
    alice.set_local_description(Some(offer.clone())).unwrap();
    assert_eq!(alice.pending_local_description(), Some(&offer));
    assert!(alice.current_local_description().is_none());
    bob.set_remote_description(offer.clone()).unwrap();
    assert_eq!((bob.pending_remote_description(), bob.remote_description()), (Some(&offer), Some(&offer)));
    assert!(bob.current_remote_description().is_none());
    let answer = bob.create_answer().unwrap();
    bob.set_local_description(Some(answer.clone())).unwrap();
    assert_eq!(
        (bob.current_local_description(), bob.current_remote_description()),
        (Some(&answer), Some(&offer))
    );
    assert!(bob.pending_local_description().is_none() && bob.pending_remote_description().is_none());
    alice.set_remote_description(answer.clone()).unwrap();
    assert_eq!(
        (alice.current_local_description(), alice.current_remote_description()),
        (Some(&offer), Some(&answer))
    );
    assert!(alice.pending_local_description().is_none() && alice.pending_remote_description().is_none());
}

#[test]
fn the_signalling_state_is_told_with_each_change() {
    use SignalingState::{HaveLocalOffer, HaveRemoteOffer, HaveRemotePranswer, Stable};
    let (mut alice, mut bob) = (connection(1), connection(2));
    add(&mut alice, MediaKind::Audio);
    let states = |pc: &mut PeerConnection| {
        let changes = events(pc).into_iter();
        changes
            .filter_map(
                |event| if let Event::SignalingStateChange(state) = event { Some(state) } else { None },
            )
            .collect::<Vec<_>>()
    };
    let offer = describe(&mut alice);
    assert_eq!((states(&mut alice), alice.signaling_state()), (vec![HaveLocalOffer], HaveLocalOffer));
    bob.set_remote_description(offer.clone()).unwrap();
    assert_eq!(states(&mut bob), [HaveRemoteOffer]);
    bob.set_remote_description(offer.clone()).unwrap();
    assert_eq!(states(&mut bob), []);
    let answer = describe(&mut bob);
    assert_eq!(states(&mut bob), [Stable]);
    for _ in 0..2 {
        alice
            .set_remote_description(SessionDescription::new(SdpType::Pranswer, answer.session().clone()))
            .unwrap();
    }
    assert_eq!(states(&mut alice), [HaveRemotePranswer]);
    alice.set_remote_description(answer).unwrap();
    assert_eq!(states(&mut alice), [Stable]);
    // The other way round, and another round.
    exchange(&mut bob, &mut alice);
    assert_eq!(
        (states(&mut alice), states(&mut bob)),
        (vec![HaveRemoteOffer, Stable], vec![HaveLocalOffer, Stable])
    );
    // Crossed offers: ours is taken back first.
    describe(&mut alice);
    states(&mut alice);
    alice.set_remote_description(describe(&mut bob)).unwrap();
    assert_eq!(states(&mut alice), [Stable, HaveRemoteOffer]);
}

#[test]
fn answers_out_of_turn_are_refused_by_type() {
    let (mut alice, mut bob) = (connection(1), connection(2));
    assert!(matches!(alice.create_answer(), Err(NegotiationError::NoRemoteOffer(SignalingState::Stable))));
    add(&mut alice, MediaKind::Audio);
    let offer = describe(&mut alice);
    let invalid =
        |result: Result<(), NegotiationError>| matches!(result, Err(NegotiationError::InvalidState { .. }));
    bob.set_remote_description(offer.clone()).unwrap();
    let answer = bob.create_answer().unwrap();
    let pranswer = SessionDescription::new(SdpType::Pranswer, answer.session().clone());
    // In stable, by the wrong side, and in the other's state.
    let mut carol = connection(3);
    for description in [answer.clone(), pranswer.clone()] {
        assert!(invalid(carol.set_local_description(Some(description.clone()))));
        assert!(invalid(carol.set_remote_description(description.clone())));
        assert!(invalid(alice.set_local_description(Some(description.clone()))));
        assert!(invalid(bob.set_remote_description(description)));
    }
    assert!(invalid(bob.set_local_description(Some(offer))));
    // Not the one that was made.
    let other = SessionDescription::answer(&answer.to_sdp().replace("a=recvonly", "a=inactive")).unwrap();
    assert_eq!(bob.set_local_description(Some(other)), Err(NegotiationError::Modified));
    bob.set_local_description(Some(answer.clone())).unwrap();
    alice.set_remote_description(answer).unwrap();
    assert_eq!(
        (alice.signaling_state(), bob.signaling_state()),
        (SignalingState::Stable, SignalingState::Stable)
    );
    // Closed: nothing more.
    bob.close();
    assert!(matches!(bob.create_answer(), Err(NegotiationError::Closed)));
    assert!(matches!(bob.create_offer(&OfferOptions::default()), Err(NegotiationError::Closed)));
}

#[test]
fn whether_the_peer_takes_candidates_later_is_known_from_its_description() {
    let mut alice = connection(1);
    add(&mut alice, MediaKind::Audio);
    assert_eq!(alice.can_trickle_ice_candidates(), None);
    let offer = describe(&mut alice).to_sdp();
    assert!(offer.contains("a=ice-options:trickle ice2\r\n"));
    for (text, trickles) in
        [(offer.clone(), true), (offer.replace("a=ice-options:trickle ice2\r\n", ""), false)]
    {
        let mut bob = connection(2);
        assert_eq!(bob.can_trickle_ice_candidates(), None);
        bob.set_remote_description(SessionDescription::offer(&text).unwrap()).unwrap();
        assert_eq!(bob.can_trickle_ice_candidates(), Some(trickles));
    }
}

/// A connection that has taken an offer of two sections of one bundle.
fn two_sections() -> PeerConnection {
    let (mut alice, mut bob) = (connection(1), connection(2));
    add(&mut alice, MediaKind::Audio);
    add(&mut alice, MediaKind::Video);
    bob.set_remote_description(describe(&mut alice)).unwrap();
    bob
}

#[test]
fn a_candidate_finds_its_section_by_mid_or_index() {
    let mut bob = two_sections();
    let good = place(&bob);
    bob.add_ice_candidate(Some(&IceCandidate { sdp_m_line_index: None, ..good.clone() })).unwrap();
    assert_eq!(told(&bob, 0), 1);
    // The same one again is the same one.
    bob.add_ice_candidate(Some(&IceCandidate { sdp_mid: None, ..good.clone() })).unwrap();
    assert_eq!(told(&bob, 0), 1);
    let other = good.candidate.replace("5000", "5001");
    // The mid decides, whatever the index says.
    bob.add_ice_candidate(Some(&IceCandidate {
        candidate: other.clone(),
        sdp_m_line_index: Some(9),
        ..good.clone()
    }))
    .unwrap();
    assert_eq!((told(&bob, 0), told(&bob, 1)), (2, 0));
    let ufrag =
        bob.remote_description().unwrap().session().media[0].attributes.ice_ufrag().unwrap().to_string();
    let with_ufrag = IceCandidate {
        candidate: other.replace("5001", "5002"),
        username_fragment: Some(ufrag),
        ..good.clone()
    };
    bob.add_ice_candidate(Some(&with_ufrag)).unwrap();
    assert_eq!(told(&bob, 0), 3);
    // One of a section that rides in the bundle is taken, and of no use: there is one transport (RFC 9143 §7.1.3).
    let second = IceCandidate { sdp_mid: Some("1".into()), sdp_m_line_index: Some(1), ..good };
    bob.add_ice_candidate(Some(&second)).unwrap();
}

#[test]
fn a_candidate_without_a_section_is_refused_by_type() {
    use IceCandidateError::{Place, Syntax};
    let mut bob = two_sections();
    let good = place(&bob);
    let mut refused = |change: fn(&mut IceCandidate)| {
        let mut candidate = good.clone();
        change(&mut candidate);
        bob.add_ice_candidate(Some(&candidate)).unwrap_err()
    };
    let nowhere: fn(&mut IceCandidate) = |c| (c.sdp_mid, c.sdp_m_line_index) = (None, None);
    assert!(matches!(refused(nowhere), Place(RemoteCandidateError::NoSection)));
    assert!(matches!(
        refused(|c| c.sdp_mid = Some("invalid".into())),
        Place(RemoteCandidateError::UnknownMid)
    ));
    let far: fn(&mut IceCandidate) = |c| (c.sdp_mid, c.sdp_m_line_index) = (None, Some(2));
    assert!(matches!(refused(far), Place(RemoteCandidateError::UnknownIndex { index: 2, count: 2 })));
    assert!(matches!(
        refused(|c| c.username_fragment = Some("nobody".into())),
        Place(RemoteCandidateError::UnknownUfrag)
    ));
    assert!(matches!(refused(|c| c.candidate = "(Invalid) candidate \r\n string".into()), Syntax(_)));
    assert_eq!(told(&bob, 0), 0);
    bob.close();
    assert!(matches!(bob.add_ice_candidate(Some(&good)), Err(Place(RemoteCandidateError::Closed))));
}

#[test]
fn the_end_of_candidates_is_told_in_every_form() {
    let forms: [fn(&IceCandidate) -> Option<IceCandidate>; 4] = [
        |_| None,
        |_| Some(IceCandidate::default()),
        |good| Some(IceCandidate { candidate: String::new(), ..good.clone() }),
        |good| Some(IceCandidate { candidate: String::new(), sdp_mid: None, ..good.clone() }),
    ];
    for form in forms {
        let mut bob = two_sections();
        let end = form(&place(&bob));
        bob.add_ice_candidate(end.as_ref()).unwrap();
        assert!(bob.remote_description().unwrap().to_sdp().contains("a=end-of-candidates"));
        // In force as well as under way.
        bob.set_local_description(None).unwrap();
        bob.add_ice_candidate(end.as_ref()).unwrap();
        let ends = bob.remote_description().unwrap().to_sdp().matches("a=end-of-candidates").count();
        assert_eq!(ends, 1);
    }
    let mut bob = two_sections();
    let strange = IceCandidate { username_fragment: Some("no such ufrag".into()), ..IceCandidate::default() };
    assert!(bob.add_ice_candidate(Some(&strange)).is_err());
}

#[test]
fn closing_takes_everything_along_in_silence() {
    let (mut pair, _) = Pair::connected();
    let before = pair.ends[0].events.len();
    pair.ends[0].pc.close();
    assert_eq!(pair.ends[0].pc.ice_connection_state(), IceConnectionState::Closed);
    pair.run_for(ms(200));
    let later: Vec<&Event> = pair.ends[0].events[before..].iter().map(|(_, event)| event).collect();
    assert!(
        !later.iter().any(|event| matches!(
            event,
            Event::IceConnectionStateChange(_) | Event::SignalingStateChange(_)
        )),
        "{later:?}"
    );
    assert_eq!(later.last(), Some(&&Event::ConnectionStateChange(ConnectionState::Closed)));
    assert_eq!(pair.ends[0].pc.signaling_state(), SignalingState::Closed);
    assert!(pair.ends[1].saw(&Event::PeerClosed));
}

fn states(end: &End) -> Vec<IceConnectionState> {
    end.events
        .iter()
        .filter_map(
            |(_, event)| if let Event::IceConnectionStateChange(state) = event { Some(*state) } else { None },
        )
        .collect()
}

#[test]
fn ice_goes_from_new_over_checking_to_connected_and_stays_there_in_a_restart() {
    let mut pair = Pair::default_pair();
    assert_eq!(pair.ends[0].pc.ice_connection_state(), IceConnectionState::New);
    let id = pair.ends[0].pc.add_transceiver(
        MediaKind::Video,
        TransceiverInit { direction: Direction::RecvOnly, ..TransceiverInit::default() },
    );
    id.unwrap();
    pair.negotiate();
    assert!(pair.run_until(secs(5), Pair::is_connected));
    for end in &pair.ends {
        let seen = states(end);
        let at = |wanted| seen.iter().position(|state| *state == wanted);
        assert!(at(IceConnectionState::Checking) < at(IceConnectionState::Connected), "{seen:?}");
        assert!(at(IceConnectionState::Checking).is_some());
    }
    let before = pair.ends.each_ref().map(|end| states(end).len());
    pair.ends[0].pc.restart_ice();
    pair.negotiate();
    pair.run_for(secs(3));
    for (end, before) in pair.ends.iter().zip(before) {
        assert!(!states(end)[before..].contains(&IceConnectionState::Checking), "{:?}", states(end));
    }
}

#[test]
fn a_restart_that_is_rolled_back_leaves_the_gathering_state() {
    let (mut pair, _) = Pair::connected();
    pair.ends[0].offer_with(OfferOptions { ice_restart: true });
    pair.wake();
    pair.ends[0].pc.set_local_description(Some(SessionDescription::rollback())).unwrap();
    let before = pair.ends[0].events.len();
    pair.wake();
    assert_eq!(pair.ends[0].pc.ice_gathering_state(), IceGatheringState::Complete);
    let later = &pair.ends[0].events[before..];
    assert!(!later.iter().any(|(_, event)| matches!(event, Event::IceGatheringStateChange(_))), "{later:?}");
}

#[test]
fn stopping_one_of_two_leaves_the_transport_up() {
    let mut pair = Pair::default_pair();
    let first = add(&mut pair.ends[0].pc, MediaKind::Audio);
    add(&mut pair.ends[0].pc, MediaKind::Video);
    pair.negotiate();
    assert!(pair.run_until(secs(5), Pair::is_connected));
    pair.ends[0].pc.transceiver(first).unwrap().stop().unwrap();
    pair.negotiate();
    pair.run_for(secs(2));
    assert!(pair.is_connected());
    for end in &pair.ends {
        assert_eq!(
            end.count(|event| matches!(event, Event::ConnectionStateChange(ConnectionState::Connected))),
            1
        );
        assert_eq!(end.count(|event| matches!(event, Event::TrackEnded(_))), 1);
    }
    assert_eq!((pair.ends[0].pc.transceivers().len(), pair.ends[1].pc.transceivers().len()), (1, 1));
    // A restart is no new connection either.
    pair.ends[1].pc.restart_ice();
    pair.negotiate_from(1);
    pair.run_for(secs(2));
    assert!(pair.is_connected());
}

#[test]
fn more_tracks_make_no_more_candidates() {
    let mut pair = Pair::default_pair();
    pair.ends[0].pc.add_track(MediaKind::Video, Vec::new()).unwrap();
    pair.negotiate();
    assert!(pair.run_until(secs(5), Pair::is_connected));
    let before = pair.ends.each_ref().map(|end| end.candidates().len());
    for kind in [MediaKind::Video, MediaKind::Audio, MediaKind::Audio] {
        pair.ends[0].pc.add_track(kind, Vec::new()).unwrap();
    }
    pair.negotiate();
    pair.run_for(secs(1));
    assert_eq!(pair.ends.each_ref().map(|end| end.candidates().len()), before);
    assert!(pair.is_connected());
}

#[test]
fn a_call_is_made_with_one_track_from_each_side() {
    let mut pair = Pair::default_pair();
    let ours = pair.ends[0].pc.add_track(MediaKind::Audio, vec![Token::new("a").unwrap()]).unwrap();
    let offer = pair.ends[0].offer();
    pair.ends[1].take(SdpType::Offer, &offer).unwrap();
    let theirs = pair.ends[1].pc.add_track(MediaKind::Audio, vec![Token::new("b").unwrap()]).unwrap();
    assert_eq!(pair.ends[1].pc.transceivers(), [theirs]);
    let answer = {
        pair.ends[1].pc.set_local_description(None).unwrap();
        pair.ends[1].pc.local_description().unwrap().to_sdp()
    };
    pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    pair.wake();
    assert!(pair.run_until(secs(5), Pair::is_connected));
    for (index, id, stream) in [(0, ours, "b"), (1, theirs, "a")] {
        let end = &mut pair.ends[index];
        assert!(end.saw(&Event::Track(id)));
        let its = end.pc.transceiver(id).unwrap();
        assert_eq!(its.current_direction(), Some(Direction::SendRecv));
        assert_eq!(its.remote_streams(), [Token::new(stream).unwrap()]);
        assert!(!its.is_stopped() && its.mid() == Some("0"));
    }
}

#[test]
fn codecs_are_known_to_both_once_they_are_negotiated() {
    let (mut alice, mut bob) = (connection(1), connection(2));
    let id = alice.add_track(MediaKind::Video, Vec::new()).unwrap();
    assert!(alice.sender(id).unwrap().codecs().is_empty());
    bob.set_remote_description(describe(&mut alice)).unwrap();
    let theirs = bob.transceivers()[0];
    assert!(alice.sender(id).unwrap().codecs().is_empty(), "an offer is no agreement");
    let answer = describe(&mut bob);
    assert!(!bob.receiver(theirs).unwrap().codecs().is_empty());
    alice.set_remote_description(answer).unwrap();
    let sent: Vec<_> = alice
        .sender(id)
        .unwrap()
        .codecs()
        .iter()
        .map(|c| (c.payload_type, c.codec.name.to_string()))
        .collect();
    let taken: Vec<_> = bob
        .receiver(theirs)
        .unwrap()
        .codecs()
        .iter()
        .map(|c| (c.payload_type, c.codec.name.to_string()))
        .collect();
    assert_eq!(sent, taken);
    assert_eq!(sent[0].1, "VP8");
}

#[test]
fn capabilities_name_codecs_extensions_and_feedback() {
    let ours = MediaCapabilities::new();
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let of = ours.of(kind);
        assert!(
            of.codecs.iter().any(Codec::is_primary) && !of.extensions.is_empty() && !of.feedback.is_empty()
        );
        assert!(of.codecs.iter().all(|codec| codec.clock_rate > 0 && codec.channels > 0));
        // Each once: what is preferred is found by its value.
        assert!(of.codecs.iter().enumerate().all(|(index, codec)| !of.codecs[..index].contains(codec)));
    }
}

#[test]
fn encodings_are_those_that_were_given() {
    let mut pc = connection(1);
    let send_encodings = vec![
        Encoding { active: false, max_framerate: Some(15.0), ..Encoding::named("q").unwrap() },
        Encoding { scale_resolution_down_by: Some(1.0), ..Encoding::named("f").unwrap() },
    ];
    let init =
        TransceiverInit { direction: Direction::Inactive, send_encodings, ..TransceiverInit::default() };
    let id = pc.add_transceiver(MediaKind::Video, init).unwrap();
    assert_eq!(pc.transceiver(id).unwrap().direction(), Direction::Inactive);
    let encodings = pc.sender(id).unwrap().encodings();
    assert_eq!(encodings.iter().map(|e| e.rid.as_ref().unwrap().as_str()).collect::<Vec<_>>(), ["q", "f"]);
    assert_eq!((encodings[0].active, encodings[0].max_framerate), (false, Some(15.0)));
    assert_eq!((encodings[0].codec.clone(), encodings[1].codec.clone()), (None, None));
}

#[test]
fn an_offer_needs_no_more_than_its_lines() {
    let mut pc = connection(1);
    add(&mut pc, MediaKind::Audio);
    add(&mut pc, MediaKind::Video);
    pc.create_data_channel("x", DataChannelInit::default()).unwrap();
    let text = describe(&mut pc).to_sdp();
    // RFC 9429 §5.2.1.
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "v=0");
    let origin: Vec<&str> = lines[1].strip_prefix("o=").unwrap().split(' ').collect();
    assert_eq!((origin.len(), origin[0], &origin[3..5]), (6, "-", &["IN", "IP4"][..]));
    assert!(origin[1].parse::<u64>().unwrap() < i64::MAX.unsigned_abs());
    assert_eq!(&lines[2..4], ["s=-", "t=0 0"]);
    assert!(lines.contains(&"a=ice-options:trickle ice2"));
    for never in ["i=", "u=", "e=", "p=", "k=", "a=crypto", "a=key-mgmt", "a=ice-lite"] {
        assert!(!lines.iter().any(|line| line.starts_with(never)), "{never}");
    }
}

#[test]
fn the_fingerprint_of_the_certificate_that_was_given_is_told() {
    let certificate = Certificate::generate(&Seed::from_bytes([9; 32]), UNIX).unwrap();
    let now = Instant::from_nanos(1_000_000_000);
    let config = Config::new().certificate(certificate.clone());
    let mut pc = PeerConnection::new(now, UNIX, Seed::from_bytes([1; 32]), &config).unwrap();
    add(&mut pc, MediaKind::Audio);
    let fingerprint = certificate.fingerprint(antiphon::crypto::FingerprintHash::Sha256);
    assert!(describe(&mut pc).to_sdp().contains(&format!("a=fingerprint:{fingerprint}\r\n")));
}

#[test]
fn a_description_without_data_starts_no_association() {
    let mut pair = Pair::default_pair();
    add(&mut pair.ends[0].pc, MediaKind::Audio);
    pair.negotiate();
    assert!(pair.run_until(secs(5), Pair::is_connected));
    for end in &pair.ends {
        assert!(!end.pc.local_description().unwrap().to_sdp().contains("m=application"));
        assert_eq!(end.pc.stats(pair.now).sctp.packets_sent, 0);
    }
    // It starts with the exchange that has data in it.
    let channel = pair.ends[1].pc.create_data_channel("x", DataChannelInit::default()).unwrap();
    pair.negotiate_from(1);
    pair.connect();
    assert!(pair.ends[1].saw(&Event::DataChannelOpen(channel)));
}
