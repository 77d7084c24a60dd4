//! RTP sessions: senders, receivers, reports, repair and frames on top of plain packets (RFC 3550, RFC 4585, RFC 4588).
//!
//! A [`Session`] stands between whoever has frames (or packets to forward) and whoever protects and carries packets. It knows nothing
//! of SRTP, paths or descriptions: one session serves one transport with all its bundled media sections (RFC 9143).
//!
//! # For a parent
//!
//! * **Construction**: [`Session::new`] with the instant, the wall clock at it, a forked [`Rng`](crate::Rng) and a [`Config`].
//! * **Descriptions**: for each section that may be sent, one [`Session::add_sender`] per encoding (simulcast: one per RID); for each
//!   that may be received, one [`Session::add_receiver`]. After a new description [`Session::set_sender`], [`Session::set_receiver`],
//!   [`Session::set_extensions`] and [`Session::set_negotiated`] bring them up to date; ids, sources and numbering stay.
//!   [`Session::sender_ssrcs`] gives what `a=ssrc` and `a=ssrc-group:FID` say.
//! * **In**: what was decrypted goes to [`Session::handle_input`] as [`Input::Rtp`] or [`Input::Rtcp`]; slices of it may be kept.
//! * **Out**: [`Session::poll_output`] draws one plaintext packet into the parent's buffer; [`is_rtcp`](crate::wire::rtp::is_rtcp)
//!   tells which of the two protections it needs. The buffer needs [`Config::mtu`] bytes, and what protection adds has to fit behind.
//!   [`Session::hold_media`] is a pacer's tap: while it is closed only RTCP and sound are drawn.
//! * **Frames**: [`Session::write`] and [`Session::recv`]. **Packets**, for who forwards: [`Session::write_rtp`] and, after
//!   [`Delivery::Packets`] was chosen, [`Session::recv_rtp`]. Events tell when there is something to read and when the peer wants a
//!   key frame; a session asks for key frames by itself when its frames cannot go on, and [`Session::request_keyframe`] does so for
//!   packets. A [`Forwarder`] chooses for one viewer what of a publisher's packets to write, and [`Session::skip_rtp`] closes up what
//!   it leaves out.
//! * **Congestion control**: after each [`Output::Transmit`](crate::Output::Transmit), [`Session::take_departure`] tells of the packet
//!   if it counts on the transport; [`Session::feed`] gives an [`Estimator`](crate::cc::Estimator) what became of each packet, reports
//!   and the peer's estimates ([`Session::take_feedback`] gives the same one by one). [`Session::set_estimate`] tells the peer ours.
//!
//! ```
//! use antiphon::codec::{CodecKind, MediaKind};
//! use antiphon::rtp::{Config, Event, Frame, Input, Payload, ReceiverConfig, SenderConfig, Session};
//! use antiphon::wire::rtp::is_rtcp;
//! use antiphon::{Instant, Output, Rng, Seed};
//! use bytes::Bytes;
//! use core::time::Duration;
//!
//! let now = Instant::from_nanos(1_000_000_000);
//! let unix_time = Duration::from_secs(1_790_000_000);
//! let mut ends = [1, 2].map(|seed| {
//!     Session::new(now, unix_time, Rng::new(&Seed::from_bytes([seed; 32])), Config::new("name")).expect("a name is all it needs")
//! });
//! let [a, b] = &mut ends;
//! let payloads = vec![Payload::codec(111, CodecKind::Opus)];
//! let sender = a.add_sender(SenderConfig { payloads: payloads.clone(), ..SenderConfig::new(MediaKind::Audio) })?;
//! let receiver = b.add_receiver(ReceiverConfig { payloads, ..ReceiverConfig::new(MediaKind::Audio) })?;
//!
//! a.write(now, sender, &Frame::new(&[0xfc, 1, 2, 3][..], 0))?;
//! let mut buf = [0; 1200];
//! while let Output::Transmit(transmit) = a.poll_output(now, &mut buf) {
//!     // Here it would be protected, sent, and unprotected at the other end.
//!     let bytes = Bytes::copy_from_slice(&buf[..transmit.len]);
//!     b.handle_input(now, if is_rtcp(&bytes) { Input::Rtcp(bytes) } else { Input::Rtp(bytes) });
//! }
//! assert!(matches!(b.poll_output(now, &mut []), Output::Event(Event::Source(_, _))));
//! assert_eq!(b.poll_output(now, &mut []), Output::Event(Event::Readable(receiver)));
//! assert_eq!(b.recv(receiver).expect("it is readable").data, &[0xfc, 1, 2, 3][..]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ahead;
mod arrivals;
mod assembler;
mod budget;
mod clock;
mod config;
mod control;
mod demux;
mod dependency;
mod encode;
mod error;
mod event;
mod feedback;
#[cfg(feature = "sim")]
mod fork;
mod forwarder;
mod frame;
mod gaps;
mod history;
mod input;
mod nack;
mod output;
mod picture;
mod receiver;
mod reception;
mod report;
mod sender;
mod session;
mod shelf;
mod source;
mod splice;
mod stats;
mod streams;
mod throttle;

pub use clock::NtpTime;
pub use config::{Config, Delivery, FeedbackKinds, Payload, PayloadFormat, ReceiverConfig, SenderConfig};
pub use error::{ConfigError, KeyframeError, StreamError, WriteError};
pub use event::{Event, KeyframeRequest, ReceiverId, SenderId, SourceId};
pub use feedback::Feedback;
pub use forwarder::{Forwarder, Verdict};
pub use frame::{Frame, RtpPacket};
pub use session::{Input, Session};
pub use stats::{RemoteInboundStats, RemoteOutboundStats, SenderStats, SessionStats, SourceStats};
