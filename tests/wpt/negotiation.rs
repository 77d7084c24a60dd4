//! Offers and answers: what goes through glare, what is refused, header extensions, payload types.

use antiphon::codec::MediaKind;
use antiphon::peer::{
    MediaCapabilities, NegotiationError, Refusal, SdpType, TransceiverError, TransceiverInit,
};
use antiphon::sdp::{Attribute, Direction, Token};
use antiphon::wire::rtp::ExtensionKind;
use antiphon::{DataChannelInit, Event, OfferOptions, PeerConnection, SessionDescription, SignalingState};

use crate::pair::{Pair, ms, secs};
use crate::{add, codec, connection, describe, events, exchange};

fn states(pc: &mut PeerConnection) -> Vec<SignalingState> {
    let all = events(pc).into_iter();
    all.filter_map(|event| if let Event::SignalingStateChange(state) = event { Some(state) } else { None })
        .collect()
}

#[test]
fn an_offer_that_crosses_ours_passes_through_stable() {
    use SignalingState::{HaveLocalOffer, HaveRemoteOffer, Stable};
    let (mut alice, mut bob) = (connection(1), connection(2));
    let ours = add(&mut alice, MediaKind::Audio);
    add(&mut bob, MediaKind::Audio);
    describe(&mut alice);
    assert_eq!(states(&mut alice), [HaveLocalOffer]);
    let theirs = describe(&mut bob);
    alice.set_remote_description(theirs.clone()).unwrap();
    // W3C WebRTC §4.4.1.5: the rollback is a change of its own.
    assert_eq!(states(&mut alice), [Stable, HaveRemoteOffer]);
    assert!(alice.pending_local_description().is_none());
    assert_eq!(alice.pending_remote_description(), Some(&theirs));
    // A candidate that follows has its place, however soon it comes.
    alice.add_ice_candidate(None).unwrap();
    assert_eq!(alice.transceiver(ours).unwrap().mid(), None);
    bob.set_remote_description(describe(&mut alice)).unwrap();
    assert_eq!((states(&mut alice), states(&mut bob)), (vec![Stable], vec![HaveLocalOffer, Stable]));
    // One that cannot be taken changes nothing, so there is nothing to be put right.
    describe(&mut alice);
    let invalid = theirs.to_sdp().replace("a=setup:actpass", "a=setup:holdconn");
    let error = alice.set_remote_description(SessionDescription::offer(&invalid).unwrap()).unwrap_err();
    assert!(matches!(error, NegotiationError::BadSetup { .. }), "{error:?}");
    assert_eq!((alice.signaling_state(), states(&mut alice)), (HaveLocalOffer, vec![HaveLocalOffer]));
}

#[test]
fn a_rollback_by_hand_leaves_a_moment_without_a_description() {
    // What glare handled by the application in two steps costs: a candidate in between has no place, and waits.
    let (mut alice, mut bob) = (connection(1), connection(2));
    add(&mut alice, MediaKind::Audio);
    add(&mut bob, MediaKind::Audio);
    describe(&mut alice);
    let offer = describe(&mut bob);
    alice.set_local_description(Some(SessionDescription::rollback())).unwrap();
    assert_eq!(alice.signaling_state(), SignalingState::Stable);
    assert!(alice.remote_description().is_none());
    alice.add_ice_candidate(None).unwrap();
    alice.set_remote_description(offer).unwrap();
    assert!(alice.remote_description().unwrap().to_sdp().contains("a=end-of-candidates"));
}

#[test]
fn sections_that_cannot_be_served_are_told_with_their_reason() {
    let (mut alice, mut bob) = (connection(1), connection(2));
    for kind in [MediaKind::Audio, MediaKind::Video, MediaKind::Video] {
        add(&mut alice, kind);
    }
    let offer = describe(&mut alice).to_sdp();
    let sections: Vec<&str> = offer.split("m=").collect();
    let spoilt = [
        sections[0].to_owned(),
        sections[1].replace("a=rtcp-mux\r\n", ""),
        sections[2].to_owned(),
        sections[3].replace(" VP", " XP").replace(" H26", " X26").replace(" AV1", " XV1"),
    ]
    .join("m=");
    assert!(bob.refused_sections().is_empty());
    bob.set_remote_description(SessionDescription::offer(&spoilt).unwrap()).unwrap();
    let answer = describe(&mut bob);
    assert_eq!(bob.refused_sections(), [(0, Refusal::RtcpMux), (2, Refusal::Codec)]);
    let ports: Vec<bool> = answer.session().media.iter().map(|media| media.port != 0).collect();
    assert_eq!(ports, [false, true, false]);
    // The offerer's transceivers of those sections are gone, the other one lives.
    alice.set_remote_description(answer).unwrap();
    assert_eq!(alice.transceivers().len(), 1);
    assert!(alice.refused_sections().is_empty(), "what the peer refuses is no refusal of ours");
}

#[test]
fn header_extensions_are_chosen_for_each_transceiver() {
    use ExtensionKind::{AbsSendTime, AudioLevel, Mid, TransportSequence};
    let (mut alice, mut bob) = (connection(1), connection(2));
    let id = add(&mut alice, MediaKind::Audio);
    let all = alice.transceiver(id).unwrap().header_extensions();
    assert_eq!(
        all,
        [Mid, TransportSequence, AbsSendTime, AudioLevel].map(|kind| (kind, Direction::SendRecv))
    );
    let mut set =
        |wanted: &[(ExtensionKind, Direction)]| alice.transceiver(id).unwrap().set_header_extensions(wanted);
    let mid = (Mid, Direction::SendRecv);
    assert_eq!(set(&[(AudioLevel, Direction::SendRecv)]), Err(TransceiverError::MandatoryExtension));
    assert_eq!(set(&[(Mid, Direction::SendOnly)]), Err(TransceiverError::MandatoryExtension));
    assert_eq!(
        set(&[mid, (ExtensionKind::Rid, Direction::SendRecv)]),
        Err(TransceiverError::UnknownExtension(1))
    );
    assert_eq!(set(&[mid, mid]), Err(TransceiverError::UnknownExtension(1)));
    let wanted = [mid, (AudioLevel, Direction::RecvOnly)];
    set(&wanted).unwrap();
    assert_eq!(alice.transceiver(id).unwrap().header_extensions(), wanted);
    let offer = describe(&mut alice);
    // Feedback about numbers that are not sent is nothing.
    assert!(!offer.to_sdp().contains("transport-cc"), "{}", offer.to_sdp());
    let lines: Vec<_> = offer.session().media[0]
        .attributes
        .extmaps()
        .map(|map| (map.uri.to_string(), map.direction))
        .collect();
    assert_eq!(
        lines,
        [(Mid.uri().to_owned(), None), (AudioLevel.uri().to_owned(), Some(Direction::RecvOnly))]
    );
    bob.set_remote_description(offer).unwrap();
    let theirs = bob.transceivers()[0];
    alice.set_remote_description(describe(&mut bob)).unwrap();
    let settled = |pc: &mut PeerConnection, id| -> Vec<_> {
        let its = pc.transceiver(id).unwrap();
        its.negotiated().unwrap().extensions.iter().map(|its| (its.kind, its.send, its.receive)).collect()
    };
    assert_eq!(settled(&mut alice, id), [(Mid, true, true), (AudioLevel, false, true)]);
    assert_eq!(settled(&mut bob, theirs), [(Mid, true, true), (AudioLevel, true, false)]);
    // The answerer's wish counts as well.
    let (mut alice, mut bob) = (connection(1), connection(2));
    let id = add(&mut alice, MediaKind::Audio);
    bob.set_remote_description(describe(&mut alice)).unwrap();
    let theirs = bob.transceivers()[0];
    bob.transceiver(theirs).unwrap().set_header_extensions(&[mid]).unwrap();
    alice.set_remote_description(describe(&mut bob)).unwrap();
    assert_eq!(settled(&mut alice, id), [(Mid, true, true)]);
    assert_eq!(settled(&mut bob, theirs), [(Mid, true, true)]);
}

#[test]
fn tracks_of_one_kind_have_a_section_each() {
    let (mut alice, mut bob) = (connection(1), connection(2));
    for stream in ["a", "b"] {
        alice.add_track(MediaKind::Audio, vec![Token::new(stream).unwrap()]).unwrap();
    }
    let offer = describe(&mut alice);
    assert_eq!(offer.session().media.len(), 2);
    for media in &offer.session().media {
        let sources = media.attributes.iter().filter(|a| matches!(a, Attribute::Msid(..))).count();
        assert_eq!(sources, 1, "{}", offer.to_sdp());
    }
    bob.set_remote_description(offer).unwrap();
    assert_eq!(bob.transceivers().len(), 2);
}

#[test]
fn an_answer_is_good_until_another_is_made() {
    let (mut alice, mut bob) = (connection(1), connection(2));
    add(&mut alice, MediaKind::Audio);
    bob.set_remote_description(describe(&mut alice)).unwrap();
    let answer = bob.create_answer().unwrap();
    // An offer may not be made now, and asking for one leaves the answer good.
    let refused = bob.create_offer(&OfferOptions::default());
    assert!(matches!(refused, Err(NegotiationError::InvalidState { .. })), "{refused:?}");
    bob.set_local_description(Some(answer)).unwrap();
    assert_eq!(bob.signaling_state(), SignalingState::Stable);
}

#[test]
fn numbers_may_be_used_twice_where_sections_are_not_bundled() {
    let mut alice = connection(1);
    add(&mut alice, MediaKind::Audio);
    add(&mut alice, MediaKind::Video);
    let offer = describe(&mut alice).to_sdp();
    let audio = offer.split("m=").nth(1).unwrap().split(' ').nth(3).unwrap().to_owned();
    let video = offer.split("m=").nth(2).unwrap().split(' ').nth(3).unwrap().to_owned();
    assert_ne!(audio, video);
    let (head, tail) = offer.rsplit_once("m=video").unwrap();
    let tail = tail.replace(&format!("SAVPF {video} "), &format!("SAVPF {audio} "));
    let tail = tail.replace(&format!(":{video} "), &format!(":{audio} "));
    let twice = format!("{head}m=video{tail}");
    let bundle = twice.lines().find(|line| line.starts_with("a=group:BUNDLE")).unwrap();
    let apart = twice.replace(&format!("{bundle}\r\n"), "");
    let mut bob = connection(2);
    bob.set_remote_description(SessionDescription::offer(&apart).unwrap()).unwrap();
    bob.set_local_description(None).unwrap();
    assert_eq!(bob.refused_sections(), [(1, Refusal::Bundle)]);
}

#[test]
fn an_offer_with_every_codec_gives_no_number_of_rtcp() {
    let mut alice = connection(1);
    for kind in [MediaKind::Audio, MediaKind::Video, MediaKind::Video, MediaKind::Audio] {
        add(&mut alice, kind);
    }
    let offer = describe(&mut alice);
    for media in &offer.session().media {
        let numbers: Vec<u8> = media.formats.iter().map(|format| format.parse().unwrap()).collect();
        assert!(numbers.iter().all(|number| *number < 128 && !(64..96).contains(number)), "{numbers:?}");
        assert_eq!(
            numbers.iter().collect::<std::collections::BTreeSet<_>>().len(),
            numbers.len(),
            "{numbers:?}"
        );
        for number in &numbers {
            assert_eq!(media.attributes.rtp_maps().filter(|map| map.payload_type == *number).count(), 1);
        }
    }
}

#[test]
fn what_the_peer_says_of_a_format_is_kept() {
    let (mut alice, mut bob) = (connection(1), connection(2));
    let id = add(&mut alice, MediaKind::Video);
    let vp8 = codec(MediaKind::Video, "VP8");
    alice.transceiver(id).unwrap().set_codec_preferences(&[vp8]).unwrap();
    bob.set_remote_description(describe(&mut alice)).unwrap();
    let answer = describe(&mut bob).to_sdp();
    let number = answer.split("a=rtpmap:").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let answer = format!("{answer}a=fmtp:{number} max-fr=30;max-fs=3600\r\n");
    alice.set_remote_description(SessionDescription::answer(&answer).unwrap()).unwrap();
    let codecs = alice.sender(id).unwrap().codecs().to_vec();
    assert_eq!(codecs[0].codec.parameters.get("max-fr"), Some("30"));
    assert_eq!(codecs[0].codec.parameters.get("max-fs"), Some("3600"));
}

#[test]
fn preferences_may_leave_repair_out() {
    let mut alice = connection(1);
    let id = add(&mut alice, MediaKind::Video);
    let all = MediaCapabilities::new().video.codecs;
    assert!(all.iter().any(|codec| codec.is("rtx")));
    let without: Vec<_> = all.iter().filter(|codec| !codec.is("rtx")).cloned().collect();
    alice.transceiver(id).unwrap().set_codec_preferences(&without).unwrap();
    assert!(!describe(&mut alice).to_sdp().contains(" rtx/"));
    alice.set_local_description(Some(SessionDescription::rollback())).unwrap();
    alice.transceiver(id).unwrap().set_codec_preferences(&[]).unwrap();
    assert!(describe(&mut alice).to_sdp().contains(" rtx/"));
}

#[test]
fn events_of_a_telephone_go_with_sound_only() {
    let (mut alice, mut bob) = (connection(1), connection(2));
    let ids = [MediaKind::Audio, MediaKind::Video].map(|kind| add(&mut alice, kind));
    exchange(&mut alice, &mut bob);
    let has =
        ids.map(|id| alice.sender(id).unwrap().codecs().iter().any(|its| its.codec.is("telephone-event")));
    assert_eq!(has, [true, false]);
}

#[test]
fn a_track_added_before_the_offer_comes_first() {
    // Of different kinds: the one that was there is not the offer's, and stands before what the offer makes.
    let (mut alice, mut bob) = (connection(1), connection(2));
    add(&mut alice, MediaKind::Audio);
    let offer = describe(&mut alice);
    let ours = bob.add_track(MediaKind::Video, Vec::new()).unwrap();
    bob.set_remote_description(offer.clone()).unwrap();
    let ids = bob.transceivers();
    assert_eq!((ids.len(), ids[0]), (2, ours));
    assert_eq!(bob.transceiver(ids[1]).unwrap().mid(), Some("0"));
    // Of one kind it is the offer's.
    let mut bob = connection(3);
    let ours = bob.add_track(MediaKind::Audio, Vec::new()).unwrap();
    bob.set_remote_description(offer).unwrap();
    assert_eq!(bob.transceivers(), [ours]);
    assert_eq!(bob.transceiver(ours).unwrap().mid(), Some("0"));
}

#[test]
fn setting_a_direction_changes_what_is_wanted_and_not_what_is() {
    let (mut alice, mut bob) = (connection(1), connection(2));
    let init = TransceiverInit { direction: Direction::RecvOnly, ..TransceiverInit::default() };
    let id = alice.add_transceiver(MediaKind::Audio, init).unwrap();
    let both = |pc: &mut PeerConnection| {
        let its = pc.transceiver(id).unwrap();
        (its.direction(), its.current_direction())
    };
    assert_eq!(both(&mut alice), (Direction::RecvOnly, None));
    for wanted in [Direction::SendOnly, Direction::SendOnly, Direction::RecvOnly] {
        alice.transceiver(id).unwrap().set_direction(wanted).unwrap();
        assert_eq!(both(&mut alice), (wanted, None));
    }
    exchange(&mut alice, &mut bob);
    assert_eq!(both(&mut alice), (Direction::RecvOnly, Some(Direction::Inactive)));
    events(&mut alice);
    alice.transceiver(id).unwrap().set_direction(Direction::RecvOnly).unwrap();
    assert!(!events(&mut alice).contains(&Event::NegotiationNeeded), "the same is no change");
    alice.transceiver(id).unwrap().set_direction(Direction::SendRecv).unwrap();
    assert_eq!(both(&mut alice), (Direction::SendRecv, Some(Direction::Inactive)));
    assert!(events(&mut alice).contains(&Event::NegotiationNeeded));
}

#[test]
fn an_exchange_with_all_candidates_inside_can_be_made_again() {
    let mut pair = Pair::default_pair();
    add(&mut pair.ends[0].pc, MediaKind::Video);
    for _ in 0..2 {
        let offer = pair.ends[0].offer();
        assert!(offer.contains("a=candidate:") && offer.contains("a=end-of-candidates"));
        let offer = offer.replace("a=ice-options:trickle ice2\r\n", "");
        let answer = pair.ends[1].answer(&offer).unwrap();
        pair.ends[0].take(SdpType::Answer, &answer).unwrap();
        pair.wake();
    }
    assert!(pair.run_until(secs(5), Pair::is_connected));
    assert_eq!(pair.ends[1].pc.transceivers().len(), 1);
}

#[test]
fn a_channel_and_its_priority_are_the_same_at_both_ends() {
    let (mut pair, _) = Pair::connected();
    let all = [
        DataChannelInit::default(),
        DataChannelInit {
            ordered: false,
            max_retransmits: Some(1),
            protocol: "custom".into(),
            priority: 1024,
            ..DataChannelInit::default()
        },
        DataChannelInit { max_packet_life_time: Some(ms(250)), priority: 128, ..DataChannelInit::default() },
    ];
    for init in all {
        let ours = pair.ends[0].pc.create_data_channel("label", init.clone()).unwrap();
        pair.wake();
        pair.run_for(ms(500));
        let theirs = pair.ends[1].events.iter().rev().find_map(|(_, event)| match event {
            Event::DataChannel(id) => Some(*id),
            _ => None,
        });
        for (end, id) in [(0, ours), (1, theirs.unwrap())] {
            let channel = pair.ends[end].pc.data_channel(id).unwrap();
            assert_eq!((channel.label(), channel.protocol()), ("label", init.protocol.as_str()));
            assert_eq!((channel.ordered(), channel.negotiated()), (init.ordered, false));
            assert_eq!(channel.max_retransmits(), init.max_retransmits);
            assert_eq!(channel.max_packet_life_time(), init.max_packet_life_time);
            assert_eq!((channel.priority(), channel.buffered_amount_low_threshold()), (init.priority, 0));
        }
    }
}
