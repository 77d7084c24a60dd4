//! Offers and answers of whole connections: glare, provisional answers, rollback, renegotiation under data.

mod pair;

use antiphon::peer::{NegotiationError, SdpType};
use antiphon::{
    ConnectionState, DataChannelInit, Event, IceCandidate, OfferOptions, SessionDescription, SignalingState,
};
use pair::{Pair, ms, replaced, secs, text, value};

fn signalling(end: &pair::End) -> Vec<SignalingState> {
    let states = end.events.iter().filter_map(|(_, event)| {
        if let Event::SignalingStateChange(state) = event { Some(*state) } else { None }
    });
    states.collect()
}

#[test]
fn offers_that_cross_are_settled_by_the_polite_side() {
    // Whichever side is polite, and whoever hears of the other first: W3C WebRTC §10.7, perfect negotiation.
    for polite in 0..2 {
        let mut pair = Pair::default_pair();
        let impolite = 1 - polite;
        let channels = pair.create_channels();
        pair.wake();
        let offers = [pair.ends[0].offer(), pair.ends[1].offer()];
        pair.wake();
        // The impolite side ignores the offer; the polite one rolls its own back by taking it.
        let answer = pair.ends[polite].answer(&offers[impolite]).unwrap();
        pair.ends[impolite].take(SdpType::Answer, &answer).unwrap();
        pair.wake();
        pair.connect();
        pair.assert_talks(channels, ms(500));
        assert_eq!(signalling(&pair.ends[polite]).last(), Some(&SignalingState::Stable));
        assert_eq!(
            signalling(&pair.ends[impolite]),
            [SignalingState::HaveLocalOffer, SignalingState::Stable],
            "the impolite side saw nothing of it"
        );
        assert_eq!(
            pair.ends[polite].count(|event| *event == Event::NegotiationNeeded),
            1,
            "nothing is left over"
        );
    }
}

#[test]
fn answers_to_crossed_offers_are_both_refused() {
    let mut pair = Pair::default_pair();
    let channels = pair.create_channels();
    let offers = [pair.ends[0].offer(), pair.ends[1].offer()];
    let answers = [pair.ends[0].answer(&offers[1]).unwrap(), pair.ends[1].answer(&offers[0]).unwrap()];
    for index in 0..2 {
        assert!(matches!(
            pair.ends[index].take(SdpType::Answer, &answers[1 - index]),
            Err(NegotiationError::InvalidState { .. })
        ));
    }
    pair.run_for(secs(5));
    // Each believes itself the answerer, so both are DTLS clients: what the polite side is there to prevent.
    assert!(pair.states().iter().all(|state| *state != ConnectionState::Connected));
    assert_eq!(pair.received(0, channels[0]), Vec::<String>::new());
}

#[test]
fn a_provisional_answer_connects_and_the_final_one_changes_nothing() {
    let mut pair = Pair::default_pair();
    let channels = pair.create_channels();
    let offer = pair.ends[0].offer();
    pair.ends[1].take(SdpType::Offer, &offer).unwrap();
    let answer = pair.ends[1].pc.create_answer().unwrap();
    let provisional = SessionDescription::parse(SdpType::Pranswer, &answer.to_sdp()).unwrap();
    pair.ends[1].pc.set_local_description(Some(provisional)).unwrap();
    assert_eq!(pair.ends[1].pc.signaling_state(), SignalingState::HaveLocalPranswer);
    let sdp = pair.ends[1].pc.local_description().unwrap().to_sdp();
    pair.ends[0].take(SdpType::Pranswer, &sdp).unwrap();
    assert_eq!(pair.ends[0].pc.signaling_state(), SignalingState::HaveRemotePranswer);
    pair.wake();
    pair.connect();
    pair.assert_talks(channels, ms(500));

    pair.ends[1].pc.set_local_description(None).unwrap();
    let sdp = pair.ends[1].pc.local_description().unwrap().to_sdp();
    pair.ends[0].take(SdpType::Answer, &sdp).unwrap();
    pair.wake();
    assert_eq!(pair.ends.each_ref().map(|end| end.pc.signaling_state()), [SignalingState::Stable; 2]);
    pair.assert_talks(channels, ms(500));
    assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
}

#[test]
fn a_local_offer_rolled_back_leaves_no_trace() {
    let (mut pair, channels) = Pair::connected();
    let before = pair.ends[0].pc.local_description().unwrap().to_sdp();
    pair.ends[0].pc.restart_ice();
    pair.wake();
    let needed = |pair: &Pair| pair.ends[0].count(|event| *event == Event::NegotiationNeeded);
    assert_eq!(needed(&pair), 1);
    pair.ends[0].offer();
    pair.wake();
    pair.run_for(ms(500));
    pair.ends[0].pc.set_local_description(Some(SessionDescription::rollback())).unwrap();
    pair.wake();
    assert_eq!(pair.ends[0].pc.signaling_state(), SignalingState::Stable);
    let after = pair.ends[0].pc.local_description().unwrap().to_sdp();
    assert_eq!(value(&after, "a=ice-ufrag:"), value(&before, "a=ice-ufrag:"));
    pair.assert_talks(channels, ms(500));
    // Consent goes on as if nothing had been.
    pair.run_for(secs(60));
    assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
    // The restart that was asked for is still due, and said to be.
    assert_eq!(needed(&pair), 2);
    pair.negotiate();
    pair.run_for(secs(60));
    assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
    pair.assert_talks(channels, ms(500));
}

#[test]
fn a_candidate_that_comes_during_an_offer_of_our_own_outlives_its_rollback() {
    let (mut pair, channels) = Pair::connected();
    let of_peer = pair.ends[1].pc.local_description().unwrap().to_sdp();
    pair.ends[0].offer_with(OfferOptions { ice_restart: true });
    // The peer, which has not heard of the offer, has found another address under the credentials in force.
    let candidate = IceCandidate {
        candidate: "candidate:7 1 udp 1694498815 192.0.2.77 5000 typ host".into(),
        sdp_mid: Some(value(&of_peer, "a=mid:").into()),
        username_fragment: Some(value(&of_peer, "a=ice-ufrag:").into()),
        ..IceCandidate::default()
    };
    pair.ends[0].pc.add_ice_candidate(Some(&candidate)).unwrap();
    pair.ends[0].pc.set_local_description(Some(SessionDescription::rollback())).unwrap();
    pair.wake();
    let known = pair.ends[0].pc.stats(pair.now).ice.remote_candidates;
    assert!(known.iter().any(|its| its.to_string().contains("192.0.2.77 5000")), "{known:?}");
    pair.assert_talks(channels, ms(500));
}

#[test]
fn a_remote_offer_rolled_back_leaves_no_trace() {
    let (mut pair, channels) = Pair::connected();
    let before = pair.ends[1].pc.remote_description().unwrap().to_sdp();
    pair.ends[0].pc.restart_ice();
    let offer = pair.ends[0].offer();
    pair.ends[1].take(SdpType::Offer, &offer).unwrap();
    pair.ends[1].pc.set_remote_description(SessionDescription::rollback()).unwrap();
    pair.ends[0].pc.set_local_description(Some(SessionDescription::rollback())).unwrap();
    pair.wake();
    assert_eq!(pair.ends[1].pc.signaling_state(), SignalingState::Stable);
    assert_eq!(pair.ends[1].pc.remote_description().unwrap().to_sdp(), before);
    pair.assert_talks(channels, ms(500));
    pair.run_for(secs(60));
    assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
}

#[test]
fn rollback_in_stable_is_a_typed_error() {
    let (mut pair, channels) = Pair::connected();
    for index in 0..2 {
        let pc = &mut pair.ends[index].pc;
        assert!(matches!(
            pc.set_local_description(Some(SessionDescription::rollback())),
            Err(NegotiationError::InvalidState { state: SignalingState::Stable, .. })
        ));
        assert!(matches!(
            pc.set_remote_description(SessionDescription::rollback()),
            Err(NegotiationError::InvalidState { state: SignalingState::Stable, .. })
        ));
    }
    pair.assert_talks(channels, ms(500));
}

#[test]
fn implicit_descriptions_are_the_ones_that_are_due() {
    let mut pair = Pair::default_pair();
    let channels = pair.create_channels();
    pair.ends[0].pc.set_local_description(None).unwrap();
    assert_eq!(pair.ends[0].pc.signaling_state(), SignalingState::HaveLocalOffer);
    let offer = pair.ends[0].pc.pending_local_description().unwrap();
    assert_eq!(offer.kind(), SdpType::Offer);
    let offer = offer.to_sdp();
    pair.ends[1].take(SdpType::Offer, &offer).unwrap();
    pair.ends[1].pc.set_local_description(None).unwrap();
    let answer = pair.ends[1].pc.current_local_description().unwrap();
    assert_eq!(answer.kind(), SdpType::Answer);
    let answer = answer.to_sdp();
    pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    pair.wake();
    pair.connect();
    pair.assert_talks(channels, ms(500));
}

#[test]
fn renegotiation_by_either_side_does_not_disturb_data() {
    let (mut pair, channels) = Pair::connected();
    let mut heard = 0;
    for round in 0..40_u32 {
        pair.send(0, channels[0], &text(&format!("{round}")));
        if round % 8 == 3 {
            // Not even the roles change when the answerer offers.
            pair.negotiate_from(usize::from(round % 16 == 3));
        }
        pair.run_for(ms(20));
        for message in pair.received(1, channels[1]) {
            assert_eq!(message, heard.to_string());
            heard += 1;
        }
    }
    pair.run_for(ms(200));
    heard += u32::try_from(pair.received(1, channels[1]).len()).unwrap();
    assert_eq!(heard, 40);
    for end in &pair.ends {
        assert_eq!(
            end.count(|event| matches!(event, Event::ConnectionStateChange(_))),
            2,
            "{:?}",
            end.events
        );
        assert!(end.pc.local_description().unwrap().to_sdp().contains("o=- "));
    }
}

#[test]
fn a_channel_added_later_needs_no_exchange_and_the_first_one_does() {
    let (mut pair, channels) = Pair::connected();
    let needed = pair.ends[0].count(|event| *event == Event::NegotiationNeeded);
    let second = pair.ends[0].pc.create_data_channel("second", DataChannelInit::default()).unwrap();
    pair.wake();
    assert!(pair.run_until(ms(500), |pair| pair.ends[0].saw(&Event::DataChannelOpen(second))));
    assert_eq!(pair.ends[0].count(|event| *event == Event::NegotiationNeeded), needed);
    pair.assert_talks(channels, ms(500));
}

#[test]
fn a_section_refused_by_the_peer_can_be_offered_anew() {
    // The answerer of a first exchange without data; then data, offered by the other side.
    let mut pair = Pair::default_pair();
    let channel = pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    let offer = pair.ends[0].offer();
    let rejected = replaced(&offer, "m=application 5000", "m=application 0");
    // What a peer without data channels answers: the same section with port zero.
    let mut answer = String::new();
    for line in rejected.lines() {
        if !["a=setup", "a=candidate", "a=end-of", "a=group"].iter().any(|start| line.starts_with(start)) {
            answer.push_str(line);
            answer.push_str("\r\n");
        }
    }
    pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    pair.wake();
    assert_eq!(pair.ends[0].pc.signaling_state(), SignalingState::Stable);
    pair.negotiate();
    pair.connect();
    assert!(pair.run_until(ms(500), |pair| pair.ends[0].saw(&Event::DataChannelOpen(channel))));
}
