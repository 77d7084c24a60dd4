//! Which payload formats there are, and what a description calls them.

/// What is carried: sound or pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MediaKind {
    /// `m=audio`.
    Audio,
    /// `m=video`.
    Video,
}

/// A payload format that can be packetized.
///
/// ```
/// use antiphon::codec::{CodecKind, MediaKind};
///
/// assert_eq!(CodecKind::from_name("h264"), Some(CodecKind::H264));
/// assert_eq!(CodecKind::Opus.clock_rate(), 48_000);
/// assert_eq!(CodecKind::Vp8.media(), MediaKind::Video);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CodecKind {
    /// RFC 7587.
    Opus,
    /// G.711 µ-law (RFC 3551 §4.5.14).
    Pcmu,
    /// G.711 A-law (RFC 3551 §4.5.14).
    Pcma,
    /// Named events, DTMF among them (RFC 4733).
    TelephoneEvent,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// RFC 7798.
    H265,
    /// The Alliance for Open Media's RTP payload format.
    Av1,
}

impl CodecKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Opus,
        Self::Pcmu,
        Self::Pcma,
        Self::TelephoneEvent,
        Self::Vp8,
        Self::Vp9,
        Self::H264,
        Self::H265,
        Self::Av1,
    ];

    /// The one of this encoding name; case does not matter (RFC 4855 §3).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// The encoding name as `a=rtpmap` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::TelephoneEvent => "telephone-event",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Av1 => "AV1",
        }
    }

    /// Ticks of the RTP clock a second. A telephone-event runs with the audio beside it, so another rate may be
    /// negotiated for it (RFC 4733 §2.5.1.2).
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma | Self::TelephoneEvent => 8000,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1 => 90_000,
        }
    }

    /// Channels as `a=rtpmap` has them: two for Opus, whatever it carries (RFC 7587 §7).
    pub const fn channels(self) -> u8 {
        match self {
            Self::Opus => 2,
            Self::Pcmu | Self::Pcma | Self::TelephoneEvent => 1,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1 => 0,
        }
    }

    /// Sound or pictures.
    pub const fn media(self) -> MediaKind {
        match self {
            Self::Opus | Self::Pcmu | Self::Pcma | Self::TelephoneEvent => MediaKind::Audio,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1 => MediaKind::Video,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        for kind in CodecKind::ALL {
            assert_eq!(CodecKind::from_name(kind.name()), Some(kind));
            assert_eq!(CodecKind::from_name(&kind.name().to_lowercase()), Some(kind));
            assert_eq!(CodecKind::from_name(&kind.name().to_uppercase()), Some(kind));
        }
        assert_eq!(CodecKind::from_name("rtx"), None);
    }
}
