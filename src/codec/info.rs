//! What is known about a frame before it is sent, and what its payloads and bytes say about it.

use super::kind::CodecKind;
use super::nal::NalFraming;
use super::{av1_obu, h264_nal, h265_nal, opus, vp8, vp9_header};

/// The running number of a picture, 7 or 15 bits wide on the wire.
///
/// ```
/// use antiphon::codec::PictureId;
///
/// assert_eq!(PictureId::Fifteen(0x7fff).next(), PictureId::Fifteen(0));
/// assert_eq!(PictureId::Seven(5).value(), 5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureId {
    /// Seven bits.
    Seven(u8),
    /// Fifteen bits.
    Fifteen(u16),
}

impl PictureId {
    /// The number.
    pub const fn value(self) -> u16 {
        match self {
            Self::Seven(id) => id as u16 & 0x7f,
            Self::Fifteen(id) => id & 0x7fff,
        }
    }

    /// That of the picture after this one, wrapping at its width.
    #[must_use]
    pub const fn next(self) -> Self {
        self.with(self.value().wrapping_add(1))
    }

    /// Another number of the same width; higher bits are cut off.
    #[must_use]
    pub const fn with(self, value: u16) -> Self {
        match self {
            Self::Seven(_) => Self::Seven(value.to_be_bytes()[1] & 0x7f),
            Self::Fifteen(_) => Self::Fifteen(value & 0x7fff),
        }
    }
}

/// Where a frame stands among the layers of a scalable stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "bits of the wire, each with its own meaning")]
pub struct Layer {
    /// Temporal layer; 0 is the base.
    pub temporal: u8,
    /// Spatial layer; 0 is the base. VP9 only.
    pub spatial: u8,
    /// From here on a receiver may take this temporal layer in (VP8's Y, VP9's U).
    pub switching_up: bool,
    /// Whether the frame refers to the next lower spatial layer of its picture (VP9's D).
    pub inter_layer: bool,
    /// Whether no higher spatial layer of this picture refers to it (VP9's Z).
    pub not_inter_layer_reference: bool,
    /// Whether no frame of this picture follows: its last payload ends the picture.
    pub ends_picture: bool,
}

impl Default for Layer {
    fn default() -> Self {
        Self {
            temporal: 0,
            spatial: 0,
            switching_up: false,
            inter_layer: false,
            not_inter_layer_reference: false,
            ends_picture: true,
        }
    }
}

/// What an encoder knows of a frame and its bytes do not say. The default is right for a stream without layers.
///
/// ```
/// use antiphon::codec::{FrameInfo, Layer};
///
/// let info = FrameInfo { layer: Layer { temporal: 1, ..Layer::default() }, ..FrameInfo::default() };
/// assert!(info.layer.ends_picture && !info.discardable);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameInfo<'a> {
    /// Said on the wire if [`PacketizerOptions::layers`](super::PacketizerOptions::layers) is set.
    pub layer: Layer,
    /// No other frame refers to this one (VP8's N).
    pub discardable: bool,
    /// Which earlier pictures it refers to, in pictures back (VP9 with layers): at most three, 1 to 127. Empty on an inter
    /// frame means the one before, or none if the frame refers to a lower layer of its own picture.
    pub references: &'a [u8],
}

/// What one payload says about its frame.
///
/// ```
/// use antiphon::codec::{CodecKind, inspect};
///
/// let info = inspect(CodecKind::Vp8, &[0x10, 0x00, 0x9d, 0x01])?; // S, then a key frame
/// assert!(info.starts_frame && info.keyframe);
/// # Ok::<(), antiphon::codec::PayloadError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own use")]
pub struct PayloadInfo {
    /// `false`: certainly not the first of its frame. `true`: it may be; H.264, H.265 and AV1 frames have several such.
    pub starts_frame: bool,
    /// Certainly the first of its frame.
    pub start_certain: bool,
    /// `false`: the frame certainly goes on. `true`: it may end here; the marker bit decides.
    pub ends_frame: bool,
    /// A key frame begins in this payload, or its parameter sets do: where a receiver may start.
    pub keyframe: bool,
    /// Nothing of the picture itself is in it, only what H.264 and H.265 put before: delimiters, parameter sets and the like.
    /// Whether the frame is a key frame may be said only by a later payload.
    pub precedes_picture: bool,
    /// Temporal layer, if the format says it.
    pub temporal: Option<u8>,
    /// Spatial layer, if the format says it.
    pub spatial: Option<u8>,
    /// VP8 and VP9.
    pub picture_id: Option<PictureId>,
    /// Running number of base-layer pictures (VP8, VP9 in non-flexible mode).
    pub tl0_pic_idx: Option<u8>,
    /// From here on this temporal layer may be taken in.
    pub switching_up: bool,
    /// No other frame refers to this one.
    pub discardable: bool,
    /// Width and height, where the payload holds what says them.
    pub resolution: Option<(u32, u32)>,
}

/// Whether a frame, as [`Packetizer`](super::Packetizer) takes it, can be decoded without any before it. H.264 and H.265 in
/// Annex B. Audio always can.
///
/// ```
/// use antiphon::codec::{CodecKind, is_keyframe};
///
/// assert!(is_keyframe(CodecKind::H264, &[0, 0, 0, 1, 0x65, 0x88]));
/// assert!(!is_keyframe(CodecKind::Vp8, &[0x01, 0, 0]));
/// ```
pub fn is_keyframe(kind: CodecKind, frame: &[u8]) -> bool {
    is_keyframe_framed(kind, frame, NalFraming::AnnexB)
}

/// As [`is_keyframe`], for H.264 and H.265 in the given framing.
pub fn is_keyframe_framed(kind: CodecKind, frame: &[u8], framing: NalFraming) -> bool {
    match kind {
        CodecKind::Opus | CodecKind::Pcmu | CodecKind::Pcma | CodecKind::TelephoneEvent => true,
        CodecKind::Vp8 => vp8::FrameHeader::parse(frame).is_some_and(|header| header.key),
        CodecKind::Vp9 => vp9_header::FrameHeader::parse(frame).is_some_and(|header| header.key),
        CodecKind::H264 => h264_nal::is_keyframe(frame, framing),
        CodecKind::H265 => h265_nal::is_keyframe(frame, framing),
        CodecKind::Av1 => av1_obu::is_keyframe(frame),
    }
}

/// How long an audio frame sounds, in ticks of its RTP clock; `None` for video, and for Opus that violates RFC 6716 §3.4.
///
/// ```
/// use antiphon::codec::{CodecKind, frame_duration};
///
/// assert_eq!(frame_duration(CodecKind::Pcmu, &[0xff; 160]), Some(160));
/// assert_eq!(frame_duration(CodecKind::Opus, &[0xfc, 1, 2, 3]), Some(960));
/// ```
pub fn frame_duration(kind: CodecKind, frame: &[u8]) -> Option<u32> {
    match kind {
        CodecKind::Opus => opus::Packet::parse(frame).map(|packet| packet.duration()),
        CodecKind::Pcmu | CodecKind::Pcma => u32::try_from(frame.len()).ok(),
        CodecKind::TelephoneEvent
        | CodecKind::Vp8
        | CodecKind::Vp9
        | CodecKind::H264
        | CodecKind::H265
        | CodecKind::Av1 => None,
    }
}
