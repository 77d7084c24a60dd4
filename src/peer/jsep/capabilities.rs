//! What this side is able to negotiate about media, and the default: what browsers speak.

use core::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use crate::codec::MediaKind;
use crate::peer::jsep::codec::{Codec, Feedback};
use crate::wire::rtp::ExtensionKind;

/// The codecs and header extensions of one kind of media, in the order of preference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindCapabilities {
    /// The codecs; `rtx` once, where lost packets may be repeated.
    pub codecs: Vec<Codec>,
    /// The header extensions.
    pub extensions: Vec<ExtensionKind>,
    /// The feedback, for every codec that carries media.
    pub feedback: Vec<Feedback>,
}

/// What this side is able to negotiate: the W3C's `getCapabilities`.
///
/// ```
/// use antiphon::codec::MediaKind;
/// use antiphon::peer::MediaCapabilities;
///
/// let ours = MediaCapabilities::new();
/// assert!(ours.of(MediaKind::Audio).codecs[0].is("opus"));
/// assert!(MediaCapabilities::none().of(MediaKind::Video).codecs.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaCapabilities {
    /// Of sound.
    pub audio: KindCapabilities,
    /// Of pictures.
    pub video: KindCapabilities,
    /// Whether simulcast that is offered is received, layer by layer (RFC 8853). Otherwise one stream is asked for.
    pub receive_simulcast: bool,
}

/// The same for many connections: one of a server's has none of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SharedCapabilities(Arc<MediaCapabilities>);

impl Default for SharedCapabilities {
    fn default() -> Self {
        static DEFAULTS: OnceLock<SharedCapabilities> = OnceLock::new();
        DEFAULTS.get_or_init(|| MediaCapabilities::new().into()).clone()
    }
}

impl From<MediaCapabilities> for SharedCapabilities {
    fn from(capabilities: MediaCapabilities) -> Self {
        Self(Arc::new(capabilities))
    }
}

impl Deref for SharedCapabilities {
    type Target = MediaCapabilities;

    fn deref(&self) -> &MediaCapabilities {
        &self.0
    }
}

impl DerefMut for SharedCapabilities {
    fn deref_mut(&mut self) -> &mut MediaCapabilities {
        Arc::make_mut(&mut self.0)
    }
}

impl Default for MediaCapabilities {
    fn default() -> Self {
        Self::new()
    }
}

/// Encoding name, clock rate, channels, parameters.
type Row = (&'static str, u32, u16, &'static str);

const AUDIO: [Row; 5] = [
    ("opus", 48_000, 2, "minptime=10;useinbandfec=1"),
    ("PCMU", 8000, 1, ""),
    ("PCMA", 8000, 1, ""),
    ("telephone-event", 48_000, 1, "0-15"),
    ("telephone-event", 8000, 1, "0-15"),
];

/// RFC 7742 §5 asks for VP8 and for H.264 constrained baseline; browsers offer the other profiles besides.
const VIDEO: [Row; 12] = [
    ("VP8", 90_000, 1, ""),
    ("VP9", 90_000, 1, "profile-id=0"),
    ("H264", 90_000, 1, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
    ("H264", 90_000, 1, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"),
    ("H264", 90_000, 1, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
    ("H264", 90_000, 1, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f"),
    ("H264", 90_000, 1, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f"),
    ("H264", 90_000, 1, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f"),
    ("H264", 90_000, 1, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f"),
    ("AV1", 90_000, 1, "level-idx=5;profile=0;tier=0"),
    ("H265", 90_000, 1, "level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST"),
    ("rtx", 90_000, 1, ""),
];

fn codecs(rows: &[Row]) -> Vec<Codec> {
    let codec = |row: &Row| Codec::new(row.0, row.1, row.2, row.3).ok();
    rows.iter().filter_map(codec).collect()
}

impl MediaCapabilities {
    /// The defaults: opus, G.711 and telephone events; VP8, VP9, H.264, AV1 and H.265 with `rtx`; simulcast is received.
    pub fn new() -> Self {
        use ExtensionKind as E;
        let shared = [E::Mid, E::TransportSequence, E::AbsSendTime];
        let audio = [E::AudioLevel];
        let video = [
            E::Rid,
            E::RepairedRid,
            E::DependencyDescriptor,
            E::VideoOrientation,
            E::PlayoutDelay,
            E::TransmissionOffset,
            E::VideoContentType,
        ];
        let join = |own: &[E]| shared.iter().chain(own).copied().collect();
        Self {
            audio: KindCapabilities {
                codecs: codecs(&AUDIO),
                extensions: join(&audio),
                feedback: vec![Feedback::TransportCc],
            },
            video: KindCapabilities {
                codecs: codecs(&VIDEO),
                extensions: join(&video),
                feedback: Feedback::ALL.to_vec(),
            },
            receive_simulcast: true,
        }
    }

    /// Nothing: every media section is refused.
    pub fn none() -> Self {
        let (audio, video) = (KindCapabilities::default(), KindCapabilities::default());
        Self { audio, video, receive_simulcast: false }
    }

    /// Those of one kind.
    pub const fn of(&self, kind: MediaKind) -> &KindCapabilities {
        match kind {
            MediaKind::Audio => &self.audio,
            MediaKind::Video => &self.video,
        }
    }
}
