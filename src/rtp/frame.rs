//! What is written and read: whole frames, and packets for those who forward them.

use bytes::Bytes;

use super::clock::NtpTime;
use super::event::SourceId;
use crate::base::serial::Seq16;
use crate::codec::Layer;
use crate::time::Instant;
use crate::wire::rtp::{AbsCaptureTime, AudioLevel, PlayoutDelay, VideoOrientation};

/// One encoded frame: of audio what one packet holds, of video what one timestamp holds.
///
/// A frame that was read can be written. Fields that only make sense in one direction say so.
///
/// ```
/// use antiphon::rtp::Frame;
///
/// let frame = Frame { keyframe: true, ..Frame::new(&b"encoded"[..], 90_000) };
/// assert!(frame.contiguous);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The encoded bytes, in the form the codec's module says.
    pub data: Bytes,
    /// When it is to be played, in ticks of the codec's clock. A sender adds an offset of its own that does not change.
    pub timestamp: u32,
    /// What it is encoded as. To write: `None` is the sender's first codec.
    pub payload_type: Option<u8>,
    /// Whether it can be decoded without others. Only read; what is written says it in its bytes.
    pub keyframe: bool,
    /// The packet's marker: of audio, that sound begins after silence. Video sets its own.
    pub marker: bool,
    /// When it was captured, on the sender's wall clock. Read: `None` until a sender report has arrived. To write: `None` is the
    /// time of the call.
    pub capture_time: Option<NtpTime>,
    /// Loudness, where the extension is agreed.
    pub audio_level: Option<AudioLevel>,
    /// How the camera is held, where the extension is agreed.
    pub video_orientation: Option<VideoOrientation>,
    /// Bounds on the playing delay, where the extension is agreed.
    pub playout_delay: Option<PlayoutDelay>,
    /// When a mixer's input was captured, where the extension is agreed.
    pub abs_capture_time: Option<AbsCaptureTime>,
    /// The dependency descriptor of its first packet, where the extension is agreed. Written, the other packets have what goes with it.
    pub dependency_descriptor: Option<Bytes>,
    /// Where it stands among the layers of a scalable stream. To write.
    pub layer: Layer,
    /// Whether nothing is missing between the frame read before and this one.
    pub contiguous: bool,
    /// Which source it is of; only read.
    pub source: Option<SourceId>,
    /// When the last of its packets arrived; only read.
    pub received_at: Option<Instant>,
}

impl Frame {
    /// A frame of which the bytes and the timestamp are known.
    pub fn new(data: impl Into<Bytes>, timestamp: u32) -> Self {
        Self {
            data: data.into(),
            timestamp,
            payload_type: None,
            keyframe: false,
            marker: false,
            capture_time: None,
            audio_level: None,
            video_orientation: None,
            playout_delay: None,
            abs_capture_time: None,
            dependency_descriptor: None,
            layer: Layer::default(),
            contiguous: true,
            source: None,
            received_at: None,
        }
    }
}

/// One packet, as it is read for forwarding and written.
///
/// Written, its source, sequence number, timestamp and picture ids are mapped so that packets of several sources, one after the other,
/// look like one stream to the receiver.
///
/// ```
/// use antiphon::base::serial::Seq16;
/// use antiphon::rtp::RtpPacket;
///
/// let packet = RtpPacket { sequence: Seq16(7), marker: true, ..RtpPacket::new(96, &b"payload"[..]) };
/// assert_eq!(packet.payload.len(), 7);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own use")]
pub struct RtpPacket {
    /// The stream it is of.
    pub ssrc: u32,
    /// What it is encoded as.
    pub payload_type: u8,
    /// Its number.
    pub sequence: Seq16,
    /// Its timestamp.
    pub timestamp: u32,
    /// Its marker.
    pub marker: bool,
    /// Its payload, without padding; empty for a packet of padding alone.
    pub payload: Bytes,
    /// Loudness.
    pub audio_level: Option<AudioLevel>,
    /// How the camera is held.
    pub video_orientation: Option<VideoOrientation>,
    /// Bounds on the playing delay.
    pub playout_delay: Option<PlayoutDelay>,
    /// When it was captured.
    pub abs_capture_time: Option<AbsCaptureTime>,
    /// The dependency descriptor.
    pub dependency_descriptor: Option<Bytes>,
    /// Whether a key frame begins in it; only read.
    pub keyframe: bool,
    /// Its temporal layer, if its payload says so; only read.
    pub temporal: Option<u8>,
    /// Its spatial layer, if its payload says so; only read.
    pub spatial: Option<u8>,
    /// Whether its temporal layer may be taken in from here on; only read.
    pub switching_up: bool,
    /// Whether it came as a repetition; only read.
    pub repaired: bool,
    /// Which source it is of; only read.
    pub source: Option<SourceId>,
    /// When it arrived; only read.
    pub received_at: Option<Instant>,
}

impl RtpPacket {
    /// A packet of which the payload is known.
    pub fn new(payload_type: u8, payload: impl Into<Bytes>) -> Self {
        Self {
            ssrc: 0,
            payload_type,
            sequence: Seq16(0),
            timestamp: 0,
            marker: false,
            payload: payload.into(),
            audio_level: None,
            video_orientation: None,
            playout_delay: None,
            abs_capture_time: None,
            dependency_descriptor: None,
            keyframe: false,
            temporal: None,
            spatial: None,
            switching_up: false,
            repaired: false,
            source: None,
            received_at: None,
        }
    }
}
