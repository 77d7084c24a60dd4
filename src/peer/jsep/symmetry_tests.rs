//! Two ends with any capabilities, through any sequence of changes, offers, answers, glare and rollback: both settle the same (S15).
#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks what it wants, and fails where it stands")]

use proptest::collection::vec;
use proptest::prelude::*;

use super::apply::Negotiated;
use super::capabilities::MediaCapabilities;
use super::format;
use super::test_peer::{Peer, media_peer, settled, token, travel};
use super::transceiver::{Encoding, Transceiver, TransceiverId, TransceiverInit};
use super::{SdpType, SessionDescription, SignalingState};
use crate::codec::MediaKind;
use crate::sdp::{Direction, Session};

/// What the application of one side does.
#[derive(Clone, Debug)]
enum Change {
    AddTransceiver {
        audio: bool,
        direction: Direction,
        layers: usize,
        asked: usize,
    },
    AddTrack {
        audio: bool,
        streams: usize,
    },
    RemoveTrack(usize),
    Direction(usize, Direction),
    Streams(usize, usize),
    /// Every codec of which a bit is set, from the last on.
    Preferences(usize, u16),
    Stop(usize),
    Data,
    Restart,
}

#[derive(Clone, Debug)]
enum Step {
    Change(bool, Change),
    /// One side offers, the other answers, perhaps provisionally first. `between`: what the answerer does before it answers.
    Exchange {
        first: bool,
        provisional: bool,
        between: Option<Change>,
    },
    /// Both offer; the first gives way.
    Glare {
        polite: bool,
    },
    /// One side offers, and takes it back, as the other does that has seen it.
    Rollback {
        first: bool,
        seen: bool,
        between: Option<Change>,
    },
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![
        4 => Just(Direction::SendRecv),
        1 => Just(Direction::SendOnly),
        1 => Just(Direction::RecvOnly),
        1 => Just(Direction::Inactive),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<bool>(), direction(), 0_usize..4, 0_usize..4)
            .prop_map(|(audio, direction, layers, asked)| Change::AddTransceiver { audio, direction, layers, asked }),
        4 => (any::<bool>(), 0_usize..3).prop_map(|(audio, streams)| Change::AddTrack { audio, streams }),
        2 => any::<usize>().prop_map(Change::RemoveTrack),
        3 => (any::<usize>(), direction()).prop_map(|(index, direction)| Change::Direction(index, direction)),
        1 => (any::<usize>(), 0_usize..3).prop_map(|(index, streams)| Change::Streams(index, streams)),
        1 => (any::<usize>(), any::<u16>()).prop_map(|(index, bits)| Change::Preferences(index, bits)),
        2 => any::<usize>().prop_map(Change::Stop),
        1 => Just(Change::Data),
        1 => Just(Change::Restart),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), change()).prop_map(|(first, change)| Step::Change(first, change)),
        4 => (any::<bool>(), any::<bool>(), proptest::option::of(change()))
            .prop_map(|(first, provisional, between)| Step::Exchange { first, provisional, between }),
        1 => any::<bool>().prop_map(|polite| Step::Glare { polite }),
        1 => (any::<bool>(), any::<bool>(), proptest::option::of(change()))
            .prop_map(|(first, seen, between)| Step::Rollback { first, seen, between }),
    ]
}

fn pick(peer: &Peer, index: usize) -> Option<TransceiverId> {
    let ids: Vec<_> = peer.negotiator.transceivers().map(Transceiver::id).collect();
    ids.get(index % ids.len().max(1)).copied()
}

const STREAMS: [&str; 2] = ["one", "two"];
const SENT: [&str; 3] = ["q", "h", "f"];
const ASKED: [&str; 3] = ["x", "y", "z"];

/// Does it; that it is refused in some states is fine, as long as it is refused.
fn act(peer: &mut Peer, change: &Change) {
    let kind = |audio| if audio { MediaKind::Audio } else { MediaKind::Video };
    let streams = |count: usize| STREAMS.iter().take(count).map(|name| token(name)).collect::<Vec<_>>();
    match *change {
        Change::AddTransceiver { audio, direction, layers, asked } => {
            let asked = if asked > 1 { asked } else { 0 };
            let init = TransceiverInit {
                direction,
                streams: streams(layers),
                send_encodings: SENT.iter().take(layers).map(|name| Encoding::named(name).unwrap()).collect(),
                receive_layers: ASKED.iter().take(asked).map(|name| token(name)).collect(),
                max_receive_bitrate: None,
            };
            peer.negotiator.add_transceiver(kind(audio), init).map(drop).unwrap_or_default();
        }
        Change::AddTrack { audio, streams: count } => {
            peer.negotiator.add_track(kind(audio), streams(count)).map(drop).unwrap_or_default();
        }
        Change::Data => drop(peer.negotiator.need_data_channel()),
        Change::Restart => drop(peer.negotiator.need_restart()),
        Change::RemoveTrack(index)
        | Change::Direction(index, _)
        | Change::Streams(index, _)
        | Change::Preferences(index, _)
        | Change::Stop(index) => {
            let Some(id) = pick(peer, index) else { return };
            let done = match *change {
                Change::RemoveTrack(_) => peer.negotiator.remove_track(id),
                Change::Direction(_, direction) => peer.negotiator.set_direction(id, direction),
                Change::Streams(_, count) => peer.negotiator.set_streams(id, streams(count)),
                Change::Preferences(_, bits) => {
                    let kind = peer.negotiator.transceiver(id).unwrap().kind();
                    let codecs = &peer.negotiator.settings.media.of(kind).codecs;
                    let chosen =
                        codecs.iter().enumerate().rev().filter(|(index, _)| bits & (1 << index) != 0);
                    let chosen: Vec<_> = chosen.map(|(_, codec)| codec.clone()).collect();
                    peer.negotiator.set_codec_preferences(id, &chosen)
                }
                _ => peer.negotiator.stop(id),
            };
            done.unwrap_or_default();
        }
    }
}

/// What holds of every description of ours.
fn well_formed(description: &SessionDescription) {
    let text = description.to_sdp();
    let session: Session = text.parse().unwrap();
    assert_eq!(&session, description.session(), "{text}");
    let mut mids = std::collections::BTreeSet::new();
    assert!(
        session.media.iter().filter_map(|media| media.attributes.mid()).all(|mid| mids.insert(mid)),
        "{text}"
    );
    // One payload type has one meaning in the whole bundle, one extension one number.
    let (mut meanings, mut ids) = (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
    for media in session.media.iter().filter(|media| media.port != 0) {
        for format in format::read(media) {
            let meaning = (media.kind.as_str(), format.codec.name.to_string(), format.apt);
            assert_eq!(
                meanings.entry(format.payload_type).or_insert_with(|| meaning.clone()),
                &meaning,
                "{text}"
            );
        }
        for map in media.attributes.extmaps() {
            assert_eq!(ids.entry(&map.uri).or_insert(map.id), &map.id, "{text}");
        }
    }
    super::check::consistency(&session).unwrap();
}

/// Sections stay where they are: a place changes its mid only when it was dead.
fn order_kept(peer: &Peer, after: &Session) {
    let both = [peer.negotiator.current_local_description(), peer.negotiator.current_remote_description()];
    let [Some(ours), Some(theirs)] = both.map(|its| its.map(|its| &its.session().media)) else { return };
    assert!(after.media.len() >= ours.len());
    for ((old, answered), new) in ours.iter().zip(theirs).zip(&after.media) {
        if old.port != 0 && answered.port != 0 && new.port != 0 {
            assert_eq!((old.attributes.mid(), old.kind.as_str()), (new.attributes.mid(), new.kind.as_str()));
        }
    }
}

fn offer(peer: &mut Peer) -> SessionDescription {
    let offer = peer.describe();
    well_formed(&offer);
    order_kept(peer, offer.session());
    offer
}

/// The answerer answers what it has taken, and the offerer takes that.
fn finish(offerer: &mut Peer, answerer: &mut Peer, provisional: bool) {
    if provisional {
        let pranswer = SessionDescription::new(SdpType::Pranswer, answerer.answer().session().clone());
        let theirs = answerer.set_local(Some(pranswer)).unwrap().negotiated.unwrap();
        let ours = offerer.set_remote(&travel(answerer.negotiator.local_description().unwrap())).unwrap();
        assert!(theirs.provisional && ours.negotiated.unwrap().provisional);
    }
    let at_answerer = answerer.set_local(None).unwrap().negotiated.unwrap();
    let answer = travel(answerer.negotiator.local_description().unwrap());
    well_formed(&answer);
    let at_offerer = offerer.set_remote(&answer).unwrap().negotiated.unwrap();
    agree(&at_offerer, &at_answerer);
    for peer in [&*offerer, &*answerer] {
        assert_eq!(peer.state(), SignalingState::Stable);
        let mut sections = std::collections::BTreeSet::new();
        for its in peer.negotiator.transceivers() {
            assert!(its.settled.section.is_none_or(|section| sections.insert(section)));
            assert_eq!(its.settled.section.is_some(), its.mid().is_some());
            assert!(!its.settled.layers.is_empty() && its.before.is_none() && !its.made_by_offer);
        }
        let both =
            [peer.negotiator.current_local_description(), peer.negotiator.current_remote_description()];
        let [ours, theirs] = both.map(|description| &description.unwrap().session().media);
        let live = ours
            .iter()
            .zip(theirs)
            .filter(|(ours, theirs)| ours.port != 0 && theirs.port != 0 && !ours.is_data());
        assert_eq!(live.count(), sections.len());
    }
    assert_eq!(at_offerer.data.is_some(), at_answerer.data.is_some());
}

fn agree(a: &Negotiated, b: &Negotiated) {
    settled(a, b);
    assert_eq!(a.transport.is_some(), b.transport.is_some());
    if let (Some(a), Some(b)) = (&a.transport, &b.transport) {
        assert_ne!(a.dtls_role, b.dtls_role);
        assert_ne!(a.controlling, b.controlling);
    }
}

fn run(step: &Step, alice: &mut Peer, bob: &mut Peer) {
    let by = |first: bool, alice, bob| if first { (alice, bob) } else { (bob, alice) };
    match step {
        Step::Change(first, change) => act(by(*first, alice, bob).0, change),
        Step::Exchange { first, provisional, between } => {
            let (offerer, answerer) = by(*first, alice, bob);
            let offer = offer(offerer);
            answerer.set_remote(&offer).unwrap();
            if let Some(change) = between {
                act(answerer, change);
            }
            finish(offerer, answerer, *provisional);
            // The offerer has told all it wanted.
            assert!(!offerer.negotiator.negotiation_needed());
        }
        Step::Glare { polite } => {
            let (polite, rude) = by(*polite, alice, bob);
            let (lost, won) = (offer(polite), offer(rude));
            drop(lost);
            let applied = polite.set_remote(&won).unwrap();
            if let Some(credentials) = applied.local_credentials {
                polite.credentials = credentials;
            }
            finish(rude, polite, false);
        }
        Step::Rollback { first, seen, between } => {
            let (offerer, answerer) = by(*first, alice, bob);
            let offer = offer(offerer);
            if *seen {
                answerer.set_remote(&offer).unwrap();
                if let Some(change) = between {
                    act(answerer, change);
                }
                answerer.set_remote(&SessionDescription::rollback()).unwrap();
                assert_eq!(answerer.state(), SignalingState::Stable);
            }
            if let Some(change) = between {
                act(offerer, change);
            }
            offerer.set_local(Some(SessionDescription::rollback())).unwrap();
        }
    }
}

/// Some of all we have, in another order.
fn capabilities() -> impl Strategy<Value = MediaCapabilities> {
    let all = MediaCapabilities::new();
    let (audio, video) = (all.audio.clone(), all.video.clone());
    let some = |kind: super::capabilities::KindCapabilities| {
        let codecs = kind.codecs.len();
        (
            proptest::sample::subsequence(kind.codecs, 1..=codecs).prop_shuffle(),
            proptest::sample::subsequence(kind.extensions.clone(), 0..=kind.extensions.len()).prop_shuffle(),
            proptest::sample::subsequence(kind.feedback.clone(), 0..=kind.feedback.len()),
        )
            .prop_map(|(codecs, extensions, feedback)| super::capabilities::KindCapabilities {
                codecs,
                extensions,
                feedback,
            })
    };
    (some(audio), some(video), any::<bool>())
        .prop_map(|(audio, video, receive_simulcast)| MediaCapabilities { audio, video, receive_simulcast })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_two_ends_settle_the_same(
        media in proptest::array::uniform2(capabilities()),
        steps in vec(step(), 1..16),
    ) {
        let (mut alice, mut bob) = (media_peer(1), media_peer(2));
        let [a, b] = media;
        alice.negotiator.settings.media = a.into();
        bob.negotiator.settings.media = b.into();
        for step in &steps {
            run(step, &mut alice, &mut bob);
        }
    }

    #[test]
    fn ends_that_have_all_settle_the_same(steps in vec(step(), 1..24)) {
        let (mut alice, mut bob) = (media_peer(1), media_peer(2));
        for step in &steps {
            run(step, &mut alice, &mut bob);
        }
    }
}
