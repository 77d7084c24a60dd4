//! What a caller chooses about a session, its senders and its receivers.

use core::time::Duration;

use crate::base::bitrate::Bitrate;
use crate::base::limits;
use crate::codec::h264::PacketizationMode;
use crate::codec::{CodecKind, MediaKind, PacketizerOptions};
use crate::wire::rtp::ExtensionMap;

/// The settings of a [`Session`](super::Session).
///
/// ```
/// use antiphon::rtp::Config;
///
/// let config = Config { reduced_size: true, ..Config::new("canonical name") };
/// assert_eq!(config.mtu, 1200);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is negotiated on its own")]
pub struct Config {
    /// The canonical name of this endpoint, the same for all its streams (RFC 7022): at most 255 bytes.
    pub cname: String,
    /// Longest packet that is sent, before protection, in bytes.
    pub mtu: usize,
    /// Whether feedback may travel without a report before it (RFC 5506, `a=rtcp-rsize`). It is accepted always.
    pub reduced_size: bool,
    /// Whether packets with one-byte and with two-byte extension headers may be mixed (RFC 8285 §4.1.2).
    pub extmap_allow_mixed: bool,
    /// The extensions that packets arrive with, in all sections together.
    pub extensions: ExtensionMap,
    /// Whether to tell the peer which packets of the transport arrived when.
    pub transport_feedback: bool,
    /// Whether to ask for round trips while nothing is sent (RFC 3611 §4.4, `a=rtcp-xr:rcvr-rtt`). Such questions are always answered.
    pub receiver_round_trips: bool,
    /// The session bandwidth, of which reports take a twentieth (RFC 3550 §6.2); the reduced minimum interval is 360 seconds divided by
    /// it in kilobits a second.
    pub bandwidth: Bitrate,
    /// How long frames may wait for a packet that is missing where nothing brings it back.
    pub reorder_wait: Duration,
    /// How long frames may wait for a packet that has been asked for again.
    pub repair_wait: Duration,
    /// How long sent packets are kept to be sent again.
    pub history: Duration,
}

impl Config {
    /// The defaults, with a canonical name.
    pub fn new(cname: impl Into<String>) -> Self {
        Self {
            cname: cname.into(),
            mtu: limits::DEFAULT_MTU,
            reduced_size: false,
            extmap_allow_mixed: false,
            extensions: ExtensionMap::new(),
            transport_feedback: false,
            receiver_round_trips: false,
            bandwidth: Bitrate::from_bps(360_000),
            reorder_wait: Duration::from_millis(100),
            repair_wait: Duration::from_millis(600),
            history: Duration::from_secs(1),
        }
    }
}

/// What a payload type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PayloadFormat {
    /// A codec whose frames are cut and put together.
    Codec(CodecKind),
    /// Repetitions of the payload type `apt` (RFC 4588).
    Rtx {
        /// The payload type that is repeated.
        apt: u8,
    },
    /// Anything else: its packets are forwarded, not understood.
    Opaque,
}

/// Which feedback was agreed for a payload type (`a=rtcp-fb`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a line of a description of its own")]
pub struct FeedbackKinds {
    /// `nack`.
    pub nack: bool,
    /// `nack pli`.
    pub pli: bool,
    /// `ccm fir`.
    pub fir: bool,
    /// `goog-remb`.
    pub remb: bool,
}

impl FeedbackKinds {
    /// Everything browsers agree on for video.
    pub const VIDEO: Self = Self { nack: true, pli: true, fir: true, remb: true };
}

/// A payload type of a media section.
///
/// ```
/// use antiphon::codec::CodecKind;
/// use antiphon::rtp::Payload;
///
/// let payload = Payload::codec(111, CodecKind::Opus);
/// assert_eq!(payload.clock_rate, 48_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The number in the packet.
    pub payload_type: u8,
    /// What it stands for.
    pub format: PayloadFormat,
    /// Ticks of its timestamps a second.
    pub clock_rate: u32,
    /// Which feedback was agreed.
    pub feedback: FeedbackKinds,
    /// How H.264 is cut (`packetization-mode`); without meaning elsewhere.
    pub h264_mode: PacketizationMode,
}

impl Payload {
    /// A codec at its usual clock, with the feedback browsers agree on for video and none for audio.
    pub const fn codec(payload_type: u8, codec: CodecKind) -> Self {
        let feedback = match codec.media() {
            MediaKind::Audio => FeedbackKinds { nack: false, pli: false, fir: false, remb: false },
            MediaKind::Video => FeedbackKinds::VIDEO,
        };
        let (format, clock_rate) = (PayloadFormat::Codec(codec), codec.clock_rate());
        Self { payload_type, format, clock_rate, feedback, h264_mode: PacketizationMode::NonInterleaved }
    }

    /// Repetitions of `apt`, whose clock it shares.
    pub const fn rtx(payload_type: u8, apt: u8, clock_rate: u32) -> Self {
        let feedback = FeedbackKinds { nack: false, pli: false, fir: false, remb: false };
        let format = PayloadFormat::Rtx { apt };
        Self { payload_type, format, clock_rate, feedback, h264_mode: PacketizationMode::NonInterleaved }
    }

    /// The codec, if it is one.
    pub const fn codec_kind(&self) -> Option<CodecKind> {
        match self.format {
            PayloadFormat::Codec(kind) => Some(kind),
            PayloadFormat::Rtx { .. } | PayloadFormat::Opaque => None,
        }
    }

    /// The payload type that this repeats, if that is what it does.
    pub const fn apt(&self) -> Option<u8> {
        match self.format {
            PayloadFormat::Rtx { apt } => Some(apt),
            PayloadFormat::Codec(_) | PayloadFormat::Opaque => None,
        }
    }
}

/// One outgoing encoding.
///
/// ```
/// use antiphon::codec::{CodecKind, MediaKind};
/// use antiphon::rtp::{Payload, SenderConfig};
///
/// let config = SenderConfig {
///     mid: Some("0".into()),
///     payloads: vec![Payload::codec(96, CodecKind::Vp8), Payload::rtx(97, 96, 90_000)],
///     ..SenderConfig::new(MediaKind::Video)
/// };
/// assert!(config.active);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderConfig {
    /// Sound or pictures. Sound is drawn before pictures.
    pub kind: MediaKind,
    /// The media section, sent in the extension for it until the peer has reported on the stream.
    pub mid: Option<String>,
    /// The encoding's id where there are several (RFC 8852), sent likewise.
    pub rid: Option<String>,
    /// The synchronization source; drawn if not given.
    pub ssrc: Option<u32>,
    /// That of repetitions; drawn if not given and a payload type is for them.
    pub rtx_ssrc: Option<u32>,
    /// What may be sent; the first codec is what a frame is sent with that does not say.
    pub payloads: Vec<Payload>,
    /// The extensions that may be written.
    pub extensions: ExtensionMap,
    /// How frames are cut where the format leaves it open. The mode of H.264 is the payload type's, picture ids begin at random.
    pub packetizer: PacketizerOptions,
    /// Whether anything may be sent at all.
    pub active: bool,
}

impl SenderConfig {
    /// An active encoding of which the rest is to be filled in.
    pub fn new(kind: MediaKind) -> Self {
        Self {
            kind,
            mid: None,
            rid: None,
            ssrc: None,
            rtx_ssrc: None,
            payloads: Vec::new(),
            extensions: ExtensionMap::new(),
            packetizer: PacketizerOptions::default(),
            active: true,
        }
    }
}

/// How what arrives in a media section is handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// As whole frames in order, from [`Session::recv`](super::Session::recv).
    #[default]
    Frames,
    /// As packets at once, from [`Session::recv_rtp`](super::Session::recv_rtp); in the order of arrival.
    Packets,
}

/// What may arrive in one media section.
///
/// ```
/// use antiphon::codec::{CodecKind, MediaKind};
/// use antiphon::rtp::{Payload, ReceiverConfig};
///
/// let config = ReceiverConfig {
///     mid: Some("1".into()),
///     payloads: vec![Payload::codec(111, CodecKind::Opus)],
///     ..ReceiverConfig::new(MediaKind::Audio)
/// };
/// assert!(config.ssrcs.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverConfig {
    /// Sound or pictures.
    pub kind: MediaKind,
    /// The media section, by which packets are told apart first (RFC 9143 §9.2).
    pub mid: Option<String>,
    /// Encodings that are expected; others are taken too.
    pub rids: Vec<String>,
    /// What may arrive.
    pub payloads: Vec<Payload>,
    /// Synchronization sources that a description named (`a=ssrc`).
    pub ssrcs: Vec<u32>,
    /// Sources and those of their repetitions (`a=ssrc-group:FID`).
    pub rtx_pairs: Vec<(u32, u32)>,
    /// How it is handed over.
    pub delivery: Delivery,
}

impl ReceiverConfig {
    /// A section of which the rest is to be filled in.
    pub const fn new(kind: MediaKind) -> Self {
        Self {
            kind,
            mid: None,
            rids: Vec::new(),
            payloads: Vec::new(),
            ssrcs: Vec::new(),
            rtx_pairs: Vec::new(),
            delivery: Delivery::Frames,
        }
    }

    /// What a payload type stands for here.
    pub(super) fn payload(&self, payload_type: u8) -> Option<&Payload> {
        self.payloads.iter().find(|payload| payload.payload_type == payload_type)
    }
}
