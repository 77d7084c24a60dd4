//! WebRTC as pure state machines: datagrams and instants go in; datagrams, events and a deadline come out.
//!
//! The crate opens no socket, starts no thread, reads no clock and draws no entropy. Every machine has two
//! verbs, [`handle_input`](machine::Machine::handle_input) and [`poll_output`](machine::Machine::poll_output),
//! and obeys the twelve laws of [`machine`].

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

pub use crypto::{Certificate, Fingerprint};
pub use data::{
    ChannelId as DataChannelId, ChannelState as DataChannelState, DataChannelError, DataChannelFailure,
    DataChannelInit, Message, SendError,
};
pub use ice::{CandidateError, IceConnectionState, LocalCandidate};
pub use machine::{Machine, Output};
pub use net::{Datagram, Dscp, Ecn, Path, Protocol, Transmit};
pub use peer::{
    Config, ConfigError, ConnectionId, ConnectionState, DataChannel, Event, Failure, IceCandidate,
    IceCandidateError, IceGatheringState, NegotiationError, OfferOptions, PeerConnection, Router, SdpType,
    SessionDescription, SignalingState, Stats,
};
pub use rng::{Rng, Seed};
pub use sdp::ParseError;
pub use time::{Instant, StdClock};
