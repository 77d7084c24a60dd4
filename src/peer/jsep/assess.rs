//! Which sections of the peer's offer can be served, and over which transport.

use crate::codec::MediaKind;
use crate::peer::jsep::codec::Codec;
use crate::peer::jsep::format::{self, Format};
use crate::peer::jsep::negotiated::Refusal;
use crate::peer::jsep::negotiator::Negotiator;
use crate::peer::jsep::remote::{View, is_live};
use crate::sdp::{Attribute, Media, MediaKind as SectionKind, Session};

/// What becomes of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The peer rejects it itself.
    Dead,
    /// It is refused.
    Refused(Refusal),
    /// It carries data channels.
    Data,
    /// It carries media, in these formats.
    Media(Vec<Format>),
}

impl Verdict {
    pub(super) const fn is_accepted(&self) -> bool {
        matches!(self, Self::Data | Self::Media(_))
    }
}

/// The kind of media of a section, if it has one.
pub(super) const fn media_kind(media: &Media) -> Option<MediaKind> {
    match media.kind {
        SectionKind::Audio => Some(MediaKind::Audio),
        SectionKind::Video => Some(MediaKind::Video),
        SectionKind::Application | SectionKind::Other(_) => None,
    }
}

/// Whether a section's profile is RTP with feedback over DTLS: the forms RFC 9429 §5.1.2 has endpoints accept, less those without
/// feedback or encryption.
pub(super) fn is_savpf(media: &Media) -> bool {
    ["UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF", "RTP/SAVPF"]
        .iter()
        .any(|profile| media.protocol.eq_ignore_ascii_case(profile))
}

impl Negotiator {
    /// What becomes of each section of an offer, given the section whose transport serves all.
    pub(super) fn assess(&self, offer: &Session, transport: Option<usize>) -> Vec<Verdict> {
        let mut data = false;
        let sections = offer.media.iter().enumerate().map(|(index, media)| {
            let verdict = self.verdict(offer, index, media);
            match transport {
                Some(transport) if verdict.is_accepted() && !shares(offer, transport, index) => {
                    let second = verdict == Verdict::Data && transport_is_data(offer, transport);
                    Verdict::Refused(if second { Refusal::SecondData } else { Refusal::Bundle })
                }
                Some(_) | None if verdict == Verdict::Data && core::mem::replace(&mut data, true) => {
                    Verdict::Refused(Refusal::SecondData)
                }
                Some(_) | None => verdict,
            }
        });
        sections.collect()
    }

    /// The section whose transport serves an offer: that of the bundle in use, or of the first section that can be served
    /// (RFC 9429 §5.3.1, `max-bundle`). In a bundle it is the tagged one, if that is served.
    pub(super) fn choose_transport(&self, offer: &Session) -> Option<usize> {
        let accepted: Vec<bool> = offer
            .media
            .iter()
            .enumerate()
            .map(|(index, media)| self.verdict(offer, index, media).is_accepted())
            .collect();
        let is_accepted = |index: usize| accepted.get(index).copied().unwrap_or(false);
        let used = self.in_effect.as_ref().map(|in_effect| in_effect.remote.section);
        let mut sections = 0..offer.media.len();
        let same = used.and_then(|used| {
            sections.clone().find(|index| is_accepted(*index) && shares(offer, used, *index))
        });
        let first = same.or_else(|| sections.find(|index| is_accepted(*index)))?;
        let mid = offer.media.get(first)?.attributes.mid();
        let group = mid.and_then(|mid| {
            offer.attributes.groups().find(|group| group.semantics == "BUNDLE" && group.mids.contains(mid))
        });
        let members =
            group.into_iter().flat_map(|group| &group.mids).filter_map(|mid| offer.media_by_mid(mid));
        members.map(|(index, _)| index).find(|index| is_accepted(*index)).or(Some(first))
    }

    fn verdict(&self, offer: &Session, index: usize, media: &Media) -> Verdict {
        if !is_live(media) {
            return Verdict::Dead;
        }
        if media.is_data() {
            return Verdict::Data;
        }
        let Some(kind) = media_kind(media) else { return Verdict::Refused(Refusal::Kind) };
        if !is_savpf(media) {
            return Verdict::Refused(Refusal::Profile);
        }
        let view = View::of(offer, index);
        if view.credentials().is_none() {
            return Verdict::Refused(Refusal::Credentials);
        }
        if !view.has_fingerprint() {
            return Verdict::Refused(Refusal::Fingerprint);
        }
        // IDENTICAL by RFC 8859: a section in a bundle may leave it to the tagged one.
        if !view.has(&Attribute::RtcpMux) {
            return Verdict::Refused(Refusal::RtcpMux);
        }
        let transceiver = self.transceiver_at(index);
        if transceiver.is_some_and(super::transceiver::Transceiver::is_stopped) {
            return Verdict::Refused(Refusal::Stopped);
        }
        let preferences: &[Codec] = transceiver.map_or(&[], |its| &its.preferences);
        let formats = format::answer(self.settings.media.of(kind), preferences, &format::read(media));
        if formats.is_empty() {
            return Verdict::Refused(Refusal::Codec);
        }
        Verdict::Media(formats)
    }
}

/// Whether two sections are the same, or in one bundle.
pub(super) fn shares(session: &Session, a: usize, b: usize) -> bool {
    let mid = |index: usize| session.media.get(index).and_then(|media| media.attributes.mid());
    a == b
        || mid(a).zip(mid(b)).is_some_and(|(a, b)| {
            let mut groups = session.attributes.groups().filter(|group| group.semantics == "BUNDLE");
            groups.any(|group| group.mids.contains(a) && group.mids.contains(b))
        })
}

fn transport_is_data(session: &Session, transport: usize) -> bool {
    session.media.get(transport).is_some_and(Media::is_data)
}
