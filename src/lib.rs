//! WebRTC as pure state machines: datagrams and instants go in; datagrams, events and a deadline come out.
//!
//! The crate opens no socket, starts no thread, reads no clock and draws no entropy. Every machine has two
//! verbs, [`handle_input`](machine::Machine::handle_input) and [`poll_output`](machine::Machine::poll_output),
//! and obeys the twelve laws of [`machine`]. [`PeerConnection`] is the whole stack as one such machine, under the W3C's names.
//!
//! Two ends in one program, their datagrams handed over as values, their descriptions as text:
//!
//! ```
//! use antiphon::{
//!     Config, DataChannelInit, Datagram, Event, Instant, LocalCandidate, Message, Output, PeerConnection, SdpType, Seed,
//!     SessionDescription,
//! };
//! use core::time::Duration;
//!
//! // A program takes these from `StdClock` and `Seed::from_os`; `new` is told the time since 1970 as well.
//! let mut now = Instant::from_nanos(1_000_000_000);
//! let unix_time = Duration::from_secs(1_790_000_000);
//! let [mut alice, mut bob] = [1, 2].map(|end| {
//!     PeerConnection::new(now, unix_time, Seed::from_bytes([end; 32]), &Config::new()).expect("defaults are valid")
//! });
//! alice.add_local_candidate(LocalCandidate::udp("192.0.2.1:5000".parse()?))?;
//! bob.add_local_candidate(LocalCandidate::udp("192.0.2.2:5000".parse()?))?;
//!
//! let chat = alice.create_data_channel("chat", DataChannelInit::default())?;
//! alice.set_local_description(None)?;
//! let offer = alice.local_description().expect("it was set").to_sdp();
//! bob.set_remote_description(SessionDescription::parse(SdpType::Offer, &offer)?)?;
//! bob.set_local_description(None)?;
//! let answer = bob.local_description().expect("it was set").to_sdp();
//! alice.set_remote_description(SessionDescription::parse(SdpType::Answer, &answer)?)?;
//!
//! let (mut buf, mut heard) = ([0; 1200], None);
//! while heard.is_none() {
//!     let mut deadlines = [None; 2];
//!     for (from, wait) in deadlines.iter_mut().enumerate() {
//!         let (pc, peer) = if from == 0 { (&mut alice, &mut bob) } else { (&mut bob, &mut alice) };
//!         *wait = loop {
//!             match pc.poll_output(now, &mut buf) {
//!                 Output::Event(Event::DataChannelOpen(id)) if from == 0 => {
//!                     let mut channel = pc.data_channel(id).expect("it has just opened");
//!                     channel.send(now, &Message::text("hello"))?;
//!                 }
//!                 Output::Event(Event::DataChannelReadable(id)) => {
//!                     heard = pc.data_channel(id).and_then(|mut channel| channel.recv());
//!                 }
//!                 Output::Event(_) => {}
//!                 Output::Transmit(t) => {
//!                     peer.handle_input(now, Datagram::udp(t.path.remote, t.path.local, &buf[..t.len]));
//!                 }
//!                 Output::Wait(deadline) => break deadline,
//!             }
//!         };
//!     }
//!     now = antiphon::time::earliest(deadlines[0], deadlines[1]).expect("a connection has timers").max(now);
//! }
//! assert_eq!(heard, Some(Message::text("hello")));
//! assert_eq!(alice.data_channel(chat).map(|channel| channel.label().to_owned()), Some("chat".to_owned()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Audio and video: [`PeerConnection::add_transceiver`], then [`Sender::write`] and [`Receiver::recv`] for frames, or
//! [`Sender::write_rtp`] and [`Receiver::recv_rtp`] for packets. Many connections behind one socket: [`Router`].
//! The layers are of use alone too: [`ice::Agent`], [`dtls::Connection`], [`sctp::Association`], [`srtp::Session`], [`rtp::Session`],
//! [`stun::Message`], [`sdp::Session`] and the payload formats of [`codec`].

pub mod base;
pub mod cc;
pub mod codec;
pub mod crypto;
pub mod data;
pub mod dtls;
pub mod ice;
mod log;
pub mod machine;
pub mod net;
pub mod peer;
pub mod rng;
pub mod rtp;
pub mod sctp;
pub mod sdp;
#[cfg(feature = "sim")]
pub mod sim;
pub mod srtp;
pub mod stun;
pub mod time;
pub mod wire;

pub use codec::MediaKind;
pub use crypto::{Certificate, Fingerprint};
pub use data::{
    ChannelId as DataChannelId, ChannelState as DataChannelState, DataChannelError, DataChannelFailure,
    DataChannelInit, Message, SendError,
};
pub use ice::{CandidateError, IceConnectionState, LocalCandidate};
pub use machine::{Machine, Output};
pub use net::{Datagram, Dscp, Ecn, Path, Protocol, Transmit};
pub use peer::{
    Config, ConfigError, ConnectionId, ConnectionState, DataChannel, Encoding, Event, Failure, IceCandidate,
    IceCandidateError, IceGatheringState, MediaCapabilities, NegotiationError, OfferOptions, PeerConnection,
    Receiver, Router, SdpType, Sender, SessionDescription, SignalingState, Stats, Transceiver,
    TransceiverError, TransceiverId, TransceiverInit, WriteError,
};
pub use rng::{Rng, Seed};
pub use rtp::{Delivery, Frame, KeyframeRequest, RtpPacket};
pub use sdp::{Direction, ParseError};
pub use time::{Instant, StdClock};
