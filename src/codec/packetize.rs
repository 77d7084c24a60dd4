//! `Packetizer`: frames to payloads, whatever the codec.

use super::error::PacketizeError;
use super::h264::{H264, PacketizationMode};
use super::h265::H265;
use super::info::FrameInfo;
use super::kind::CodecKind;
use super::nal::{self, NalFraming};
use super::telephone_event;
use super::{av1, vp8, vp9};

/// The least `max_payload` a packetizer takes, in bytes: the longest header of a first payload, and something behind it.
pub const MIN_MAX_PAYLOAD: usize = 32;

/// Takes one payload as slices to be written one behind the other, and whether it is the last of its picture.
pub(super) type Emit<'e> = &'e mut dyn FnMut(&[&[u8]], bool);

/// How a packetizer writes what the format leaves open.
///
/// ```
/// use antiphon::codec::{NalFraming, PacketizerOptions};
///
/// let options = PacketizerOptions { framing: NalFraming::LengthPrefixed, ..PacketizerOptions::default() };
/// assert!(options.repeat_parameter_sets && !options.layers);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketizerOptions {
    /// How the units of H.264 and H.265 frames are told apart.
    pub framing: NalFraming,
    /// Packetization mode of H.264, as negotiated.
    pub h264_mode: PacketizationMode,
    /// Whether parameter sets of H.264 and H.265 are sent again before a key frame that lacks them, so that a receiver can
    /// join at any.
    pub repeat_parameter_sets: bool,
    /// First picture id of VP8 and VP9, of 15 bits. RFC 7741 §4.2 lets it be random.
    pub picture_id: u16,
    /// TL0PICIDX of VP8 before the first base-layer frame.
    pub tl0_pic_idx: u8,
    /// Whether VP8 and VP9 payloads say the layer of their frame ([`FrameInfo::layer`]).
    pub layers: bool,
    /// Spatial layers of VP9, 1 to 8, said with key pictures where `layers` is set.
    pub spatial_layers: u8,
}

impl Default for PacketizerOptions {
    fn default() -> Self {
        Self {
            framing: NalFraming::AnnexB,
            h264_mode: PacketizationMode::NonInterleaved,
            repeat_parameter_sets: true,
            picture_id: 0,
            tl0_pic_idx: 0,
            layers: false,
            spatial_layers: 1,
        }
    }
}

/// Cuts the frames of one stream into payloads. Once it has seen a frame of as many units, it allocates nothing.
///
/// ```
/// use antiphon::codec::{CodecKind, Packetizer, PacketizerOptions};
///
/// let mut packetizer = Packetizer::new(CodecKind::H264, &PacketizerOptions::default());
/// let mut sizes = Vec::new();
/// let frame = [&[0, 0, 0, 1, 0x65][..], &[0x88; 2500]].concat();
/// packetizer.packetize(&frame, 1150, &mut |slices, _last| sizes.push(slices.concat().len()))?;
/// assert_eq!(sizes, [836, 835, 835]);
/// # Ok::<(), antiphon::codec::PacketizeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Packetizer {
    kind: CodecKind,
    format: Format,
}

#[derive(Clone, Debug)]
enum Format {
    /// One frame is one payload.
    Whole,
    TelephoneEvent,
    Vp8(vp8::Fragmenter),
    Vp9(vp9::Fragmenter),
    H264(nal::Fragmenter),
    H265(nal::Fragmenter),
    Av1(av1::Fragmenter),
}

impl Packetizer {
    /// For one stream of `kind`.
    pub fn new(kind: CodecKind, options: &PacketizerOptions) -> Self {
        let PacketizerOptions { framing, repeat_parameter_sets: repeat, picture_id, layers, .. } = *options;
        let format = match kind {
            CodecKind::Opus | CodecKind::Pcmu | CodecKind::Pcma => Format::Whole,
            CodecKind::TelephoneEvent => Format::TelephoneEvent,
            CodecKind::Vp8 => Format::Vp8(vp8::Fragmenter::new(picture_id, options.tl0_pic_idx, layers)),
            CodecKind::Vp9 => Format::Vp9(vp9::Fragmenter::new(picture_id, layers, options.spatial_layers)),
            CodecKind::H264 => {
                let single = options.h264_mode == PacketizationMode::SingleNal;
                Format::H264(nal::Fragmenter::new(framing, single, repeat))
            }
            CodecKind::H265 => Format::H265(nal::Fragmenter::new(framing, false, repeat)),
            CodecKind::Av1 => Format::Av1(av1::Fragmenter::default()),
        };
        Self { kind, format }
    }

    /// The payload format.
    pub const fn kind(&self) -> CodecKind {
        self.kind
    }

    /// Cuts one frame of a stream without layers. `emit` is called for each payload, in order: the slices to be written one
    /// behind the other, never more than `max_payload` bytes together, and whether it is the last payload of the frame,
    /// where the RTP marker bit of video belongs. Fragments are of nearly equal length.
    ///
    /// # Errors
    /// [`PacketizeError`] if the frame is not what the codec's frames are, or `max_payload` is less than
    /// [`MIN_MAX_PAYLOAD`]. Nothing has then been emitted.
    pub fn packetize(
        &mut self,
        frame: &[u8],
        max_payload: usize,
        emit: &mut dyn FnMut(&[&[u8]], bool),
    ) -> Result<(), PacketizeError> {
        self.packetize_with(frame, &FrameInfo::default(), max_payload, emit)
    }

    /// As [`packetize`](Self::packetize), with what the encoder knows of the frame. The last payload is that of the picture:
    /// frames of lower spatial layers have none.
    ///
    /// # Errors
    /// As [`packetize`](Self::packetize).
    pub fn packetize_with(
        &mut self,
        frame: &[u8],
        info: &FrameInfo<'_>,
        max_payload: usize,
        emit: &mut dyn FnMut(&[&[u8]], bool),
    ) -> Result<(), PacketizeError> {
        if max_payload < MIN_MAX_PAYLOAD {
            return Err(PacketizeError::MaxPayload { max: max_payload, min: MIN_MAX_PAYLOAD });
        }
        let ends_picture = info.layer.ends_picture;
        let emit: Emit<'_> = &mut |slices, last| emit(slices, last && ends_picture);
        match &mut self.format {
            Format::Whole => whole(frame, max_payload, emit),
            Format::TelephoneEvent => {
                if telephone_event::reports(frame).is_err() {
                    return Err(PacketizeError::Report { len: frame.len() });
                }
                whole(frame, max_payload, emit)
            }
            Format::Vp8(fragmenter) => fragmenter.packetize(frame, info, max_payload, emit),
            Format::Vp9(fragmenter) => fragmenter.packetize(frame, info, max_payload, emit),
            Format::H264(fragmenter) => fragmenter.packetize::<H264>(frame, max_payload, emit),
            Format::H265(fragmenter) => fragmenter.packetize::<H265>(frame, max_payload, emit),
            Format::Av1(fragmenter) => fragmenter.packetize(frame, max_payload, emit),
        }
    }
}

fn whole(frame: &[u8], max: usize, emit: Emit<'_>) -> Result<(), PacketizeError> {
    match frame.len() {
        0 => Err(PacketizeError::Empty),
        len if len > max => Err(PacketizeError::TooLong { len, max }),
        _ => {
            emit(&[frame], true);
            Ok(())
        }
    }
}
