//! What must hold of a description by itself, and beside the one before it (RFC 9429 §5.8.3, RFC 9143 §7).

use std::collections::{BTreeMap, BTreeSet};

use crate::peer::jsep::description::SessionDescription;
use crate::peer::jsep::error::NegotiationError;
use crate::peer::jsep::remote::is_live;
use crate::peer::jsep::section;
use crate::peer::jsep::survey::Survey;
use crate::sdp::{Attribute, Media, MediaKind, Session};

/// Checks what one description says against itself.
pub(super) fn consistency(session: &Session) -> Result<(), NegotiationError> {
    let mut mids = BTreeMap::new();
    for (index, media) in session.media.iter().enumerate() {
        if media.attributes.mid().is_some_and(|mid| mids.insert(mid, (index, media)).is_some()) {
            return Err(NegotiationError::DuplicateMid(index));
        }
        // What is rejected has nothing to say.
        if media.port != 0 {
            media_section(index, media)?;
        }
    }
    let mut bundled = BTreeSet::new();
    for group in session.attributes.groups().filter(|group| group.semantics == "BUNDLE") {
        if group.mids.iter().any(|mid| !mids.contains_key(mid) || !bundled.insert(mid)) {
            return Err(NegotiationError::BadBundle);
        }
        // RFC 8859 §5.8 (SPECIAL), RFC 9143 §15: a number has one meaning in a bundle.
        let mut extensions = BTreeMap::new();
        let members = group.mids.iter().filter_map(|mid| mids.get(mid));
        for (index, media) in members.filter(|(_, media)| is_live(media)) {
            for map in media.attributes.extmaps() {
                if extensions.insert(map.id, &map.uri).is_some_and(|before| *before != map.uri) {
                    return Err(NegotiationError::DuplicateExtension { section: *index, id: map.id });
                }
            }
        }
    }
    Ok(())
}

fn media_section(index: usize, media: &Media) -> Result<(), NegotiationError> {
    let mut payload_types = BTreeMap::new();
    for map in media.attributes.rtp_maps() {
        let before = payload_types.insert(map.payload_type, map);
        if before.is_some_and(|before| before != map) {
            return Err(NegotiationError::DuplicatePayloadType {
                section: index,
                payload_type: map.payload_type,
            });
        }
    }
    let mut formats = BTreeSet::new();
    for payload_type in media.formats.iter().filter_map(|format| format.parse::<u8>().ok()) {
        if !formats.insert(payload_type) {
            return Err(NegotiationError::DuplicatePayloadType { section: index, payload_type });
        }
    }
    let muxed = matches!(media.kind, MediaKind::Audio | MediaKind::Video)
        && media.attributes.has(&Attribute::RtcpMux);
    let taken_for_rtcp = formats.iter().copied().find(|number| (64..=95).contains(number));
    if let Some(payload_type) = taken_for_rtcp.filter(|_| muxed) {
        return Err(NegotiationError::PayloadTypeRange { section: index, payload_type });
    }
    let mut streams = BTreeSet::new();
    for attribute in media.attributes.iter() {
        if let Attribute::Msid(stream, track) = attribute
            && !streams.insert((stream.as_str(), track.as_deref()))
        {
            return Err(NegotiationError::DuplicateMsid(index));
        }
    }
    let mut extensions = BTreeMap::new();
    for extmap in media.attributes.extmaps() {
        let before = extensions.insert(extmap.id, &extmap.uri);
        if before.is_some_and(|before| *before != extmap.uri) {
            return Err(NegotiationError::DuplicateExtension { section: index, id: extmap.id });
        }
    }
    let mut rids = BTreeSet::new();
    if media.attributes.rids().any(|rid| !rids.insert((&rid.id, rid.sends))) {
        return Err(NegotiationError::BadRid(index));
    }
    if let Some(simulcast) = media.attributes.simulcast() {
        let send = simulcast.send.iter().flatten().map(|id| (&id.rid, true));
        let receive = simulcast.receive.iter().flatten().map(|id| (&id.rid, false));
        if send.chain(receive).any(|id| !rids.contains(&id)) {
            return Err(NegotiationError::BadRid(index));
        }
    }
    Ok(())
}

/// Checks that an offer of the peer's has the sections of the exchange before it, in their order (RFC 3264 §8). `ours`, `theirs`: the
/// descriptions of that exchange.
pub(super) fn continues(
    ours: Option<&SessionDescription>,
    theirs: Option<&SessionDescription>,
    offer: &Session,
) -> Result<(), NegotiationError> {
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(()) };
    let (ours, theirs) = (&ours.session().media, &theirs.session().media);
    if offer.media.len() < theirs.len() {
        return Err(NegotiationError::SectionCount { got: offer.media.len(), expected: theirs.len() });
    }
    for (index, ((ours, old), new)) in ours.iter().zip(theirs).zip(&offer.media).enumerate() {
        // A dead section's place may be taken by any other.
        if !is_live(ours) || !is_live(old) || !is_live(new) {
            continue;
        }
        if old.attributes.mid() != new.attributes.mid() || old.kind != new.kind {
            return Err(NegotiationError::SectionMismatch(index));
        }
        // RFC 8285 §5: a number keeps its meaning for the session.
        let meanings: BTreeMap<_, _> = old.attributes.extmaps().map(|map| (map.id, &map.uri)).collect();
        let mut changed = new.attributes.extmaps();
        if let Some(map) = changed.find(|map| meanings.get(&map.id).is_some_and(|uri| **uri != map.uri)) {
            return Err(NegotiationError::DuplicateExtension { section: index, id: map.id });
        }
    }
    Ok(())
}

/// Checks that an answer has the sections of its offer, and accepts none that was not offered (RFC 3264 §6).
pub(super) fn answers(offer: &Session, answer: &Session) -> Result<(), NegotiationError> {
    if offer.media.len() != answer.media.len() {
        return Err(NegotiationError::SectionCount { got: answer.media.len(), expected: offer.media.len() });
    }
    for (index, (offered, answered)) in offer.media.iter().zip(&answer.media).enumerate() {
        let mids = offered.attributes.mid().zip(answered.attributes.mid());
        if offered.kind != answered.kind
            || !offered.protocol.eq_ignore_ascii_case(&answered.protocol)
            || mids.is_some_and(|(offered, answered)| offered != answered)
        {
            return Err(NegotiationError::SectionMismatch(index));
        }
        if !is_live(offered) && answered.port != 0 {
            return Err(NegotiationError::NotOffered(index));
        }
    }
    let Some(tagged) = section::tagged(answer) else { return Ok(()) };
    let survey = Survey::of(answer);
    for (index, media) in answer.media.iter().enumerate().filter(|(_, media)| is_live(media)) {
        if !survey.shares(tagged, index) {
            return Err(NegotiationError::NotBundled(index));
        }
        if !media.is_data() && !survey.view(index).rtcp_mux() {
            return Err(NegotiationError::NoRtcpMux(index));
        }
    }
    Ok(())
}
