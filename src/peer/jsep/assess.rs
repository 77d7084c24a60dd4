//! Which sections of the peer's offer can be served, and over which transport.

use crate::codec::MediaKind;
use crate::peer::jsep::codec::Codec;
use crate::peer::jsep::format::{self, Format};
use crate::peer::jsep::negotiated::Refusal;
use crate::peer::jsep::negotiator::Negotiator;
use crate::peer::jsep::remote::is_live;
use crate::peer::jsep::survey::Survey;
use crate::sdp::{Media, MediaKind as SectionKind};

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
    /// What becomes of each section of an offer, whichever transport serves them.
    pub(super) fn verdicts(&self, offer: &Survey<'_>) -> Vec<Verdict> {
        let sections = offer.session().media.iter().enumerate();
        sections.map(|(index, media)| self.verdict(offer, index, media)).collect()
    }

    /// What becomes of each section, given its verdict and the section whose transport serves all.
    pub(super) fn assess(
        offer: &Survey<'_>,
        verdicts: Vec<Verdict>,
        transport: Option<usize>,
    ) -> Vec<Verdict> {
        let mut data = false;
        let sections = verdicts.into_iter().enumerate().map(|(index, verdict)| match transport {
            Some(transport) if verdict.is_accepted() && !offer.shares(transport, index) => {
                let second = verdict == Verdict::Data && offer.media(transport).is_some_and(Media::is_data);
                Verdict::Refused(if second { Refusal::SecondData } else { Refusal::Bundle })
            }
            Some(_) | None if verdict == Verdict::Data && core::mem::replace(&mut data, true) => {
                Verdict::Refused(Refusal::SecondData)
            }
            Some(_) | None => verdict,
        });
        sections.collect()
    }

    /// The section whose transport serves an offer: that of the bundle in use, or of the first section that can be served
    /// (RFC 9429 §5.3.1, `max-bundle`). In a bundle it is the tagged one, if that is served.
    pub(super) fn choose_transport(&self, offer: &Survey<'_>, verdicts: &[Verdict]) -> Option<usize> {
        let is_accepted = |index: &usize| verdicts.get(*index).is_some_and(Verdict::is_accepted);
        let used = self.in_effect.as_ref().map(|in_effect| in_effect.remote.section);
        let mut sections = 0..verdicts.len();
        let same = used
            .and_then(|used| sections.clone().find(|index| is_accepted(index) && offer.shares(used, *index)));
        let first = same.or_else(|| sections.find(is_accepted))?;
        offer.bundled_with(first).find(is_accepted).or(Some(first))
    }

    fn verdict(&self, offer: &Survey<'_>, index: usize, media: &Media) -> Verdict {
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
        let view = offer.view(index);
        if view.credentials().is_none() {
            return Verdict::Refused(Refusal::Credentials);
        }
        if !view.has_fingerprint() {
            return Verdict::Refused(Refusal::Fingerprint);
        }
        // IDENTICAL by RFC 8859: a section in a bundle may leave it to the tagged one.
        if !view.rtcp_mux() {
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
