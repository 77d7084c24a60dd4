//! Payload formats: frames <-> RTP payloads. No state beyond what a format itself carries, no time.
//!
//! A [`Packetizer`] cuts one encoded frame into payloads; a [`Depacketizer`] puts the payloads of one frame, in order,
//! together again; [`inspect`] reads what a single payload says about its frame. What an application hands over and
//! gets back is, for each [`CodecKind`]:
//!
//! | codec | a frame is |
//! |---|---|
//! | Opus, PCMU, PCMA | the bytes of one packet |
//! | telephone-event | one report of four bytes, see [`telephone_event`] |
//! | VP8, VP9 | what the encoder gives: one frame; of VP9 with spatial layers, one layer's frame to send, all of a picture received |
//! | H.264, H.265 | an access unit, its units behind start codes or lengths ([`NalFraming`]) |
//! | AV1 | a temporal unit in the low-overhead format, without its temporal delimiter |
//!
//! ```
//! use antiphon::codec::{CodecKind, Depacketizer, Packetizer, PacketizerOptions};
//!
//! let frame = vec![0x01; 3000]; // an inter frame of VP8
//! let mut packetizer = Packetizer::new(CodecKind::Vp8, &PacketizerOptions::default());
//! let mut payloads = Vec::new();
//! packetizer.packetize(&frame, 1150, &mut |slices, last| payloads.push((slices.concat(), last)))?;
//! assert_eq!(payloads.iter().map(|(_, last)| *last).collect::<Vec<_>>(), [false, false, true]);
//!
//! let mut depacketizer = Depacketizer::new(CodecKind::Vp8);
//! let mut out = bytes::BytesMut::new();
//! for (payload, _) in &payloads {
//!     depacketizer.append(payload, &mut out)?;
//! }
//! depacketizer.finish()?;
//! assert_eq!(out, frame);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod av1;
pub mod av1_obu;
mod bits;
mod depacketize;
mod error;
mod fragment;
pub mod g711;
pub mod h264;
pub mod h264_nal;
pub mod h264_profile;
pub mod h265;
pub mod h265_nal;
mod info;
mod kind;
pub mod nal;
pub mod opus;
mod packetize;
pub mod red;
mod sink;
pub mod telephone_event;
pub mod vp8;
pub mod vp9;
pub mod vp9_header;

pub use depacketize::{Depacketizer, inspect};
pub use error::{PacketizeError, PayloadError};
pub use info::{FrameInfo, Layer, PayloadInfo, PictureId, frame_duration, is_keyframe, is_keyframe_framed};
pub use kind::{CodecKind, MediaKind};
pub use nal::NalFraming;
pub use packetize::{MIN_MAX_PAYLOAD, Packetizer, PacketizerOptions};
