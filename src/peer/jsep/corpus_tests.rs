//! Recorded offers answered and recorded answers taken, media and all. Skipped, aloud, where the records are not to be had.
#![expect(
    clippy::print_stderr,
    clippy::unwrap_in_result,
    reason = "a test picks what it wants, and fails where it stands"
)]

use std::fs;
use std::path::PathBuf;

use super::apply::Negotiated;
use super::assess::media_kind;
use super::format;
use super::negotiator::Created;
use super::remote::is_live;
use super::test_peer::{Peer, media_peer, travel};
use super::transceiver::TransceiverInit;
use super::{SdpType, SessionDescription};
use crate::sdp::{Direction, Session};

fn shared() -> Option<PathBuf> {
    // When it is built, not when it runs: the source asks for no environment.
    let found = option_env!("ANTIPHON_SHARED").map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: ANTIPHON_SHARED is not set");
    }
    found
}

/// The descriptions of a directory: name and text.
fn texts(directory: &str) -> Vec<(String, String)> {
    let Some(shared) = shared() else { return Vec::new() };
    let entries = fs::read_dir(shared.join(directory)).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "sdp"));
    let mut found: Vec<_> = files
        .map(|path| {
            // One collection has comments before the description, which its own reader takes away.
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            let text = text.split_inclusive('\n').filter(|line| !line.starts_with(';')).collect();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), text)
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{directory}");
    found
}

/// Takes an offer and answers it; what was settled, and the answer as it travels. `None`: the offer was not taken, and nothing has
/// changed.
fn answer(name: &str, text: &str) -> Option<(Negotiated, SessionDescription)> {
    let offer = SessionDescription::offer(text).ok()?;
    let mut bob = media_peer(2);
    let Ok(applied) = bob.set_remote(&offer) else {
        assert!(
            bob.negotiator.remote_description().is_none() && bob.negotiator.transceivers().next().is_none(),
            "{name}"
        );
        return None;
    };
    assert!(applied.negotiated.is_none());
    let negotiated =
        bob.set_local(None).unwrap_or_else(|error| panic!("{name}: {error}")).negotiated.unwrap();
    let answer = travel(bob.negotiator.current_local_description().unwrap());
    assert_eq!(&answer, bob.negotiator.current_local_description().unwrap(), "{name}");
    assert!(!bob.negotiator.negotiation_needed(), "{name}");
    check(name, offer.session(), answer.session(), &negotiated);
    // The next offer of ours keeps the sections where they are.
    let next = bob.offer(false);
    for (now, later) in answer.session().media.iter().zip(&next.session().media) {
        assert_eq!((now.kind.as_str(), now.port == 0), (later.kind.as_str(), later.port == 0), "{name}");
        assert!(
            now.port == 0 || now.attributes.mid().is_none_or(|mid| Some(mid) == later.attributes.mid()),
            "{name}"
        );
    }
    Some((negotiated, answer))
}

/// Checks an answer of ours against the offer it is for.
fn check(name: &str, offer: &Session, answer: &Session, negotiated: &Negotiated) {
    assert_eq!(answer.media.len(), offer.media.len(), "{name}");
    let mut media = negotiated.media.iter();
    for (index, (offered, answered)) in offer.media.iter().zip(&answer.media).enumerate() {
        assert_eq!((&answered.kind, &answered.protocol), (&offered.kind, &offered.protocol), "{name}");
        assert_eq!(answered.attributes.mid(), offered.attributes.mid(), "{name}");
        assert!(
            answered.formats.iter().all(|format| offered.formats.contains(format) || answered.is_data()),
            "{name}"
        );
        let refused = negotiated.refused.iter().any(|(section, _)| *section == index);
        assert_eq!(answered.port != 0, is_live(offered) && !refused, "{name}: section {index}");
        if answered.port == 0 || answered.is_data() {
            continue;
        }
        let settled = media.next().unwrap();
        assert_eq!((settled.section, Some(settled.kind)), (index, media_kind(offered)), "{name}");
        assert!(settled.send_codecs.iter().any(|codec| codec.codec.is_primary()), "{name}");
        // The formats of the offer, by its numbers and in its order (RFC 9429 §5.3.1).
        let numbers: Vec<u8> = format::read(offered).iter().map(|format| format.payload_type).collect();
        let sent: Vec<u8> = settled.send_codecs.iter().map(|codec| codec.payload_type).collect();
        let kept: Vec<u8> = numbers.into_iter().filter(|number| sent.contains(number)).collect();
        assert_eq!(sent, kept, "{name}");
        for codec in settled.send_codecs.iter().filter(|codec| codec.rtx.is_some()) {
            assert!(
                format::read(offered)
                    .iter()
                    .any(|rtx| Some(rtx.payload_type) == codec.rtx && rtx.repeats(codec.payload_type))
            );
        }
        // Nobody was asked to send: what is offered is received, if at all.
        assert!(matches!(settled.direction, Direction::RecvOnly | Direction::Inactive), "{name}");
        let ids: Vec<u16> = offered.attributes.extmaps().map(|map| map.id).collect();
        assert!(settled.extensions.iter().all(|its| ids.contains(&u16::from(its.id))), "{name}");
        if let Some(simulcast) = offered.attributes.simulcast().filter(|simulcast| !simulcast.send.is_empty())
        {
            assert_eq!(settled.remote_layers.len(), simulcast.send.len(), "{name}");
        }
    }
    assert!(media.next().is_none(), "{name}");
    let text = answer.to_string();
    for never in ["a=crypto", "bundle-only", "rtcp-mux-only", "a=candidate"] {
        assert!(!text.contains(never), "{name}: {never}");
    }
}

#[test]
fn every_recorded_offer_is_answered_with_its_media() {
    let (mut offers, mut sections) = (0, 0);
    for (name, text) in texts("interop/sdp-corpus") {
        if name.contains("-answer-to-") {
            continue;
        }
        let (negotiated, answer) = answer(&name, &text).unwrap_or_else(|| panic!("{name}"));
        // Browsers and libraries of today: nothing is left out.
        assert!(negotiated.refused.is_empty(), "{name}: {:?}", negotiated.refused);
        assert_eq!(negotiated.data.is_some(), text.contains("m=application"), "{name}");
        assert!(negotiated.transport.is_some(), "{name}");
        let mids: Vec<_> = answer
            .session()
            .attributes
            .groups()
            .filter(|g| g.semantics == "BUNDLE")
            .flat_map(|g| &g.mids)
            .collect();
        assert_eq!(mids.len(), answer.session().media.len(), "{name}");
        offers += 1;
        sections += negotiated.media.len();
    }
    assert!(shared().is_none() || (offers >= 25 && sections >= 25), "{offers} offers, {sections} sections");
}

/// Puts a recorded offer in place of one of ours, with a transceiver for each section.
fn as_if_ours(peer: &mut Peer, offer: &Session) {
    let mut places = Vec::new();
    for media in &offer.media {
        let kind = media_kind(media).filter(|_| is_live(media));
        let init = |direction| TransceiverInit { direction, ..TransceiverInit::default() };
        let direction = super::direction::of(super::survey::Inherited::of(offer), media);
        places.push(kind.map(|kind| peer.negotiator.add_transceiver(kind, init(direction)).unwrap()));
    }
    let created = Created { session: offer.clone(), places, refused: Vec::new() };
    peer.negotiator.created_offer = Some(Box::new(created));
    peer.set_local(Some(SessionDescription::new(SdpType::Offer, offer.clone()))).unwrap();
}

#[test]
fn every_recorded_answer_is_taken_by_its_offerer() {
    let all = texts("interop/sdp-corpus");
    let find = |wanted: &str| all.iter().find(|(name, _)| name == wanted);
    let mut taken = 0;
    for (name, text) in &all {
        let Some((_, (_, offer))) =
            name.split_once("-answer-to-").and_then(|(by, offer)| Some((by, find(offer)?)))
        else {
            continue;
        };
        let offer: Session = offer.parse().unwrap();
        let mut alice = media_peer(1);
        as_if_ours(&mut alice, &offer);
        let answer = SessionDescription::answer(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let negotiated =
            alice.set_remote(&answer).unwrap_or_else(|error| panic!("{name}: {error}")).negotiated.unwrap();
        let sections = offer.media.iter().zip(&answer.session().media);
        let live = sections.filter(|(ours, theirs)| is_live(ours) && is_live(theirs));
        assert_eq!(negotiated.media.len() + usize::from(negotiated.data.is_some()), live.count(), "{name}");
        for media in &negotiated.media {
            assert!(media.send_codecs.iter().any(|codec| codec.codec.is_primary()), "{name}");
            assert!(!media.receive_codecs.is_empty(), "{name}");
            assert!(
                media.receives() != media.remote_streams.is_empty() || !text.contains("a=msid"),
                "{name}"
            );
            // Both sides of a recorded exchange repair what is lost, where they say so.
            let repairs = |codec: &super::NegotiatedCodec| codec.codec.is("VP8") && codec.rtx.is_none();
            let has_rtx = |media: usize| {
                [&offer, answer.session()].iter().all(|s| s.media[media].to_string().contains("rtx/90000"))
            };
            assert!(!has_rtx(media.section) || !media.send_codecs.iter().any(repairs), "{name}");
        }
        taken += 1;
    }
    assert!(shared().is_none() || taken >= 25, "{taken}");
}

/// What other projects test with is answered in its shape or refused with a reason.
#[test]
fn collected_offers_are_answered_or_refused() {
    let directories = ["sdp-transform", "mozilla-webrtc-sdp", "libwebrtc-corpus/sdp-corpus"];
    let (mut served, mut refused, mut not_taken) = (0, 0, 0);
    for directory in directories {
        for (name, text) in texts(&format!("vectors/sdp/{directory}")) {
            match answer(&name, &text) {
                Some((negotiated, _)) if negotiated.transport.is_some() => served += 1,
                Some(_) => refused += 1,
                None => not_taken += 1,
            }
        }
    }
    eprintln!("{served} served, {refused} refused, {not_taken} not taken");
    assert!(shared().is_none() || served >= 9, "{served} served, {refused} refused, {not_taken} not taken");
}
