//! `Depacketizer`: payloads to frames, whatever the codec.

use bytes::BytesMut;

use super::error::PayloadError;
use super::info::PayloadInfo;
use super::kind::CodecKind;
use super::nal::{self, NalFraming};
use super::sink::Sink;
use super::{av1, h264, h265, telephone_event, vp8, vp9};

/// What one payload of a stream of `kind` says about its frame, without any other payload.
///
/// # Errors
/// [`PayloadError`] if it is malformed.
pub fn inspect(kind: CodecKind, payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    match kind {
        CodecKind::Opus | CodecKind::Pcmu | CodecKind::Pcma => {
            if payload.is_empty() {
                Err(PayloadError::Empty)
            } else {
                Ok(WHOLE)
            }
        }
        CodecKind::TelephoneEvent => telephone_event::reports(payload).map(|_| WHOLE),
        CodecKind::Vp8 => vp8::inspect(payload),
        CodecKind::Vp9 => vp9::inspect(payload),
        CodecKind::H264 => h264::inspect(payload),
        CodecKind::H265 => h265::inspect(payload),
        CodecKind::Av1 => av1::inspect(payload),
    }
}

/// A payload that is a frame.
const WHOLE: PayloadInfo = PayloadInfo {
    starts_frame: true,
    start_certain: true,
    ends_frame: true,
    keyframe: true,
    precedes_picture: false,
    temporal: None,
    spatial: None,
    picture_id: None,
    tl0_pic_idx: None,
    switching_up: false,
    discardable: false,
    resolution: None,
};

/// Puts the payloads of one frame after the other together.
///
/// It knows nothing of sequence numbers: the caller appends the payloads of one frame in order and without gaps, then calls
/// [`finish`](Self::finish). After an error the frame is lost: [`reset`](Self::reset), and drop what is in the buffer.
///
/// ```
/// use antiphon::codec::{CodecKind, Depacketizer};
///
/// let mut depacketizer = Depacketizer::new(CodecKind::H264);
/// let mut frame = bytes::BytesMut::new();
/// for payload in [&[0x7c, 0x85, 0x88][..], &[0x7c, 0x45, 0x99]] { // two fragments of an IDR slice
///     depacketizer.append(payload, &mut frame)?;
/// }
/// depacketizer.finish()?;
/// assert_eq!(frame.as_ref(), [0, 0, 0, 1, 0x65, 0x88, 0x99]);
/// # Ok::<(), antiphon::codec::PayloadError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Depacketizer {
    kind: CodecKind,
    framing: NalFraming,
    format: Format,
    /// Bytes of the frame so far.
    written: usize,
}

#[derive(Clone, Debug)]
enum Format {
    /// One payload is one frame; whether there is one already.
    Whole(bool),
    Vp8(vp8::Assembler),
    Vp9(vp9::Assembler),
    H264(nal::Assembler),
    H265(nal::Assembler),
    Av1(av1::Assembler),
}

impl Format {
    fn new(kind: CodecKind, framing: NalFraming) -> Self {
        match kind {
            CodecKind::Opus | CodecKind::Pcmu | CodecKind::Pcma | CodecKind::TelephoneEvent => {
                Self::Whole(false)
            }
            CodecKind::Vp8 => Self::Vp8(vp8::Assembler::default()),
            CodecKind::Vp9 => Self::Vp9(vp9::Assembler::default()),
            CodecKind::H264 => Self::H264(nal::Assembler::new(framing)),
            CodecKind::H265 => Self::H265(nal::Assembler::new(framing)),
            CodecKind::Av1 => Self::Av1(av1::Assembler::default()),
        }
    }

    /// Whether something has begun that has not ended.
    const fn is_open(&self) -> bool {
        match self {
            Self::Whole(_) | Self::Vp8(_) => false,
            Self::Vp9(assembler) => assembler.is_open(),
            Self::H264(assembler) | Self::H265(assembler) => assembler.is_open(),
            Self::Av1(assembler) => assembler.is_open(),
        }
    }
}

impl Depacketizer {
    /// For a stream of `kind`; H.264 and H.265 frames are given in Annex B.
    pub fn new(kind: CodecKind) -> Self {
        Self::with_framing(kind, NalFraming::AnnexB)
    }

    /// As [`new`](Self::new), with H.264 and H.265 frames in `framing`.
    pub fn with_framing(kind: CodecKind, framing: NalFraming) -> Self {
        Self { kind, framing, format: Format::new(kind, framing), written: 0 }
    }

    /// The payload format.
    pub const fn kind(&self) -> CodecKind {
        self.kind
    }

    /// What one payload says about its frame; the same as [`inspect`].
    ///
    /// # Errors
    /// [`PayloadError`] if it is malformed.
    pub fn inspect(&self, payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
        inspect(self.kind, payload)
    }

    /// Appends the next payload of the frame to `out`, behind what earlier calls put there.
    ///
    /// # Errors
    /// [`PayloadError`] if the payload is malformed, does not follow on the ones before it, or makes the frame longer than
    /// [`limits::CODEC_FRAME`](crate::base::limits::CODEC_FRAME).
    pub fn append(&mut self, payload: &[u8], out: &mut BytesMut) -> Result<(), PayloadError> {
        let mut sink = Sink::new(out, &mut self.written);
        match &mut self.format {
            Format::Whole(has_one) => {
                inspect(self.kind, payload)?;
                if core::mem::replace(has_one, true) {
                    return Err(PayloadError::Unfinished);
                }
                sink.put(payload)
            }
            Format::Vp8(assembler) => assembler.append(payload, &mut sink),
            Format::Vp9(assembler) => assembler.append(payload, &mut sink),
            Format::H264(assembler) => h264::append(assembler, payload, &mut sink),
            Format::H265(assembler) => h265::append(assembler, payload, &mut sink),
            Format::Av1(assembler) => assembler.append(payload, &mut sink),
        }
    }

    /// Ends the frame: nothing may be missing at its end. The next payload begins another.
    ///
    /// # Errors
    /// [`PayloadError`] if what was begun is not ended, or there is nothing.
    pub fn finish(&mut self) -> Result<(), PayloadError> {
        let (open, written) = (self.format.is_open(), self.written);
        self.reset();
        if open {
            Err(PayloadError::Unfinished)
        } else if written == 0 {
            Err(PayloadError::Empty)
        } else {
            Ok(())
        }
    }

    /// Forgets the frame that was begun. What is in the buffer is the caller's to drop.
    pub fn reset(&mut self) {
        self.format = Format::new(self.kind, self.framing);
        self.written = 0;
    }
}
