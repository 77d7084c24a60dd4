//! `RTCDtlsTransport`, `RTCSctpTransport`, `RTCIceTransport` of a connection, who has which, and certificates.

use core::time::Duration;

use antiphon::codec::MediaKind;
use antiphon::ice::Role;
use antiphon::peer::{ConfigError, DtlsTransportState, SctpTransportState, TransceiverId};
use antiphon::sdp::CandidateAddress;
use antiphon::{
    Certificate, Config, DataChannelInit, Event, IceConnectionState, IceGatheringState, Instant,
    LocalCandidate, OfferOptions, PeerConnection, Seed, SessionDescription,
};

use crate::pair::{Pair, UNIX, address, ms, secs};
use crate::{add, connection, describe, events, exchange};

fn dtls(pair: &Pair, end: usize) -> Option<DtlsTransportState> {
    pair.ends[end].pc.dtls_transport().map(|dtls| dtls.state)
}

#[test]
fn dtls_is_new_then_connecting_then_connected_and_closed_by_either_side() {
    use DtlsTransportState::{Closed, Connected, Connecting, New};
    let mut pair = Pair::default_pair();
    add(&mut pair.ends[0].pc, MediaKind::Audio);
    assert_eq!((dtls(&pair, 0), dtls(&pair, 1)), (None, None));
    pair.negotiate();
    assert_eq!((dtls(&pair, 0), dtls(&pair, 1)), (Some(New), Some(New)));
    let mut seen = Vec::new();
    pair.run_until(secs(5), |pair| {
        seen.extend(dtls(pair, 1).filter(|state| seen.last() != Some(state)));
        pair.is_connected()
    });
    assert_eq!(seen, [New, Connecting, Connected]);
    assert_eq!((dtls(&pair, 0), dtls(&pair, 1)), (Some(Connected), Some(Connected)));
    for (end, other) in [(0, 1), (1, 0)] {
        let theirs = pair.ends[end].pc.dtls_transport().unwrap().remote_certificates;
        assert_eq!(theirs, [pair.ends[other].pc.certificate().der().clone()]);
    }
    // At once here, and with the goodbye there.
    pair.ends[0].pc.close();
    assert_eq!((dtls(&pair, 0), dtls(&pair, 1)), (Some(Closed), Some(Connected)));
    pair.wake();
    pair.run_for(ms(200));
    assert_eq!(dtls(&pair, 1), Some(Closed));
}

/// Whether sender and receiver have a transport: always both or neither.
fn has_transport(pc: &mut PeerConnection, id: TransceiverId) -> bool {
    let sender = pc.sender(id).unwrap().transport();
    assert_eq!(sender, pc.receiver(id).unwrap().transport());
    sender.is_some()
}

#[test]
fn a_transceiver_has_its_transport_from_the_local_description_on() {
    let (mut alice, mut bob) = (connection(1), connection(2));
    let ours = add(&mut alice, MediaKind::Audio);
    assert!(!has_transport(&mut alice, ours));
    let offer = alice.create_offer(&OfferOptions::default()).unwrap();
    assert!(!has_transport(&mut alice, ours));
    alice.set_local_description(Some(offer)).unwrap();
    assert!(has_transport(&mut alice, ours));
    alice.set_local_description(Some(SessionDescription::rollback())).unwrap();
    assert!(!has_transport(&mut alice, ours) && alice.dtls_transport().is_none());
    // An offer of the peer's is no description of ours.
    bob.set_remote_description(describe(&mut alice)).unwrap();
    let theirs = bob.transceivers()[0];
    assert!(has_transport(&mut alice, ours) && !has_transport(&mut bob, theirs));
    let answer = describe(&mut bob);
    assert!(has_transport(&mut bob, theirs));
    alice.set_remote_description(answer).unwrap();
    // One that is offered later has it later.
    let later = add(&mut alice, MediaKind::Video);
    assert!(has_transport(&mut alice, ours) && !has_transport(&mut alice, later));
    exchange(&mut alice, &mut bob);
    assert!(has_transport(&mut alice, later));
}

#[test]
fn all_share_one_transport_which_a_restart_leaves() {
    let mut pair = Pair::default_pair();
    let ids = [MediaKind::Audio, MediaKind::Video].map(|kind| add(&mut pair.ends[0].pc, kind));
    pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    pair.negotiate();
    pair.connect();
    let of = |pair: &mut Pair| ids.map(|id| pair.ends[0].pc.sender(id).unwrap().transport().unwrap());
    let before = of(&mut pair);
    assert_eq!(before[0], before[1]);
    assert_eq!(pair.ends[0].pc.dtls_transport().as_ref(), Some(&before[0]));
    assert_eq!(before[0].remote_certificates.len(), 1);
    pair.ends[0].pc.restart_ice();
    pair.negotiate();
    assert_eq!(of(&mut pair), before);
    pair.run_for(secs(3));
    assert_eq!(of(&mut pair), before);
}

#[test]
fn sctp_is_there_once_an_answer_agrees_on_it() {
    let (mut alice, mut bob) = (connection(1), connection(2));
    add(&mut alice, MediaKind::Audio);
    exchange(&mut alice, &mut bob);
    assert!(alice.sctp_transport().is_none() && bob.sctp_transport().is_none());
    alice.create_data_channel("x", DataChannelInit::default()).unwrap();
    let offer = describe(&mut alice);
    assert!(alice.sctp_transport().is_none());
    bob.set_remote_description(offer).unwrap();
    assert!(bob.sctp_transport().is_none());
    let answer = describe(&mut bob);
    assert_eq!(bob.sctp_transport().map(|sctp| sctp.state), Some(SctpTransportState::Connecting));
    alice.set_remote_description(answer).unwrap();
    let sctp = alice.sctp_transport().unwrap();
    assert_eq!((sctp.state, sctp.max_channels), (SctpTransportState::Connecting, None));
    assert_eq!(sctp.max_message_size, 256 * 1024);
}

#[test]
fn sctp_is_connecting_then_connected_with_its_streams_and_closed() {
    let mut pair = Pair::default_pair();
    pair.create_channels();
    pair.negotiate();
    assert!(pair.ends.iter().all(|end| end.pc.sctp_transport().unwrap().max_channels.is_none()));
    pair.connect();
    pair.run_for(ms(200));
    for end in &pair.ends {
        let sctp = end.pc.sctp_transport().unwrap();
        assert_eq!(sctp.state, SctpTransportState::Connected);
        // RFC 8831 §6.2: as many streams as can be told apart.
        assert!(sctp.max_channels.is_some_and(|channels| channels > 1000), "{sctp:?}");
    }
    pair.ends[0].pc.close();
    pair.wake();
    pair.run_for(ms(300));
    for end in &pair.ends {
        assert_eq!(end.pc.sctp_transport().unwrap().state, SctpTransportState::Closed);
    }
}

#[test]
fn the_selected_pair_is_known_while_there_is_one() {
    let mut pair = Pair::default_pair();
    pair.create_channels();
    let before = pair.ends[0].pc.ice_transport();
    assert_eq!((before.role, before.state), (None, IceConnectionState::New));
    assert!(before.selected_pair.is_none() && before.remote_parameters.is_none());
    pair.negotiate();
    pair.connect();
    let [a, b] = [pair.ends[0].pc.ice_transport(), pair.ends[1].pc.ice_transport()];
    assert_eq!((a.role, b.role), (Some(Role::Controlling), Some(Role::Controlled)));
    assert_eq!(a.gathering_state, IceGatheringState::Complete);
    assert_eq!(
        (a.remote_parameters.as_ref(), b.remote_parameters.as_ref()),
        (Some(&b.local_parameters), Some(&a.local_parameters))
    );
    for (ice, ours, theirs) in [(&a, 0, 1), (&b, 1, 0)] {
        let (local, remote) = ice.selected_pair.clone().unwrap();
        let at = |index| (CandidateAddress::Ip(address(index).ip()), address(index).port());
        assert_eq!(((local.address, local.port), (remote.address, remote.port)), (at(ours), at(theirs)));
        assert!(
            ice.local_candidates
                .iter()
                .all(|its| its.username_fragment.as_deref() == Some(ice.local_parameters.ufrag()))
        );
    }
    pair.ends[0].pc.close();
    assert!(pair.ends[0].pc.ice_transport().selected_pair.is_none());
}

#[test]
fn an_only_offer_that_is_taken_back_takes_gathering_back() {
    for data in [false, true] {
        let mut pc = connection(1);
        pc.add_local_candidate(LocalCandidate::udp(address(0))).unwrap();
        if data {
            pc.create_data_channel("x", DataChannelInit::default()).unwrap();
        } else {
            add(&mut pc, MediaKind::Audio);
        }
        let gathering = |pc: &mut PeerConnection| -> Vec<IceGatheringState> {
            let states = events(pc).into_iter();
            states
                .filter_map(|event| {
                    if let Event::IceGatheringStateChange(state) = event { Some(state) } else { None }
                })
                .collect()
        };
        describe(&mut pc);
        assert_eq!(gathering(&mut pc), [IceGatheringState::Gathering, IceGatheringState::Complete]);
        pc.set_local_description(Some(SessionDescription::rollback())).unwrap();
        assert_eq!(pc.ice_gathering_state(), IceGatheringState::New);
        assert_eq!(gathering(&mut pc), [IceGatheringState::New]);
        // With the next one it begins anew, and the candidates are told anew.
        describe(&mut pc);
        let seen = events(&mut pc);
        let told = seen.iter().filter(|event| matches!(event, Event::IceCandidate(Some(_)))).count();
        assert_eq!((told, seen.iter().filter(|event| **event == Event::IceCandidate(None)).count()), (1, 1));
        assert_eq!(pc.ice_gathering_state(), IceGatheringState::Complete);
    }
}

#[test]
fn a_restart_that_is_taken_back_leaves_gathering_with_and_without_data() {
    for data in [false, true] {
        let mut pair = Pair::default_pair();
        if data {
            pair.create_channels();
        } else {
            add(&mut pair.ends[0].pc, MediaKind::Audio);
        }
        pair.negotiate();
        assert!(pair.run_until(secs(5), Pair::is_connected));
        pair.ends[0].offer_with(OfferOptions { ice_restart: true });
        pair.wake();
        let before = pair.ends[0].events.len();
        pair.ends[0].pc.set_local_description(Some(SessionDescription::rollback())).unwrap();
        pair.wake();
        assert_eq!(pair.ends[0].pc.ice_gathering_state(), IceGatheringState::Complete);
        let later = &pair.ends[0].events[before..];
        assert!(!later.iter().any(|(_, event)| matches!(event, Event::IceGatheringStateChange(_))));
    }
}

#[test]
fn a_restart_while_disconnected_checks_and_connects() {
    let (mut pair, channels) = Pair::connected();
    pair.filter = Box::new(|_, _| false);
    let disconnected =
        |pair: &mut Pair| pair.ends[0].pc.ice_connection_state() == IceConnectionState::Disconnected;
    assert!(pair.run_until(secs(30), disconnected));
    pair.filter = Box::new(|_, _| true);
    let before = pair.ends[0].events.len();
    pair.ends[0].pc.restart_ice();
    pair.negotiate();
    assert!(pair.run_until(secs(10), Pair::is_connected));
    let states: Vec<_> = pair.ends[0].events[before..]
        .iter()
        .filter_map(
            |(_, event)| if let Event::IceConnectionStateChange(state) = event { Some(*state) } else { None },
        )
        .collect();
    assert_eq!(states[..2], [IceConnectionState::Checking, IceConnectionState::Connected], "{states:?}");
    pair.assert_talks(channels, secs(3));
}

#[test]
fn a_certificate_lives_as_long_as_asked_for_and_then_makes_no_connection() {
    let seed = || Seed::from_bytes([9; 32]);
    let now = Instant::from_nanos(1_000_000_000);
    let made = |certificate: &Certificate, at| {
        PeerConnection::new(now, at, seed(), &Config::new().certificate(certificate.clone())).map(drop)
    };
    let certificate = Certificate::generate_until(&seed(), UNIX, UNIX + secs(3600)).unwrap();
    assert_eq!(certificate.expires(), Some(UNIX + secs(3600)));
    made(&certificate, UNIX).unwrap();
    let late = made(&certificate, UNIX + secs(3601));
    assert!(
        matches!(late, Err(ConfigError::CertificateExpired { expired_at }) if expired_at == UNIX + secs(3600))
    );
    // One that lives for no time is expired when it is made.
    let dead = Certificate::generate_until(&seed(), UNIX, UNIX).unwrap();
    assert!(matches!(made(&dead, UNIX + secs(1)), Err(ConfigError::CertificateExpired { .. })));
    let default = Certificate::generate(&seed(), UNIX).unwrap();
    assert_eq!(default.expires(), Some(UNIX + Duration::from_secs(30 * 86_400)));
}
