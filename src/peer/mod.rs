//! Connections between peers: offer and answer, and ICE, DTLS, SCTP and data channels plumbed together.
//!
//! [`PeerConnection`] is the W3C's `RTCPeerConnection` as a machine of two verbs; [`Router`] keeps many of them behind one socket.

mod config;
mod connection;
mod data_channel;
mod demux;
mod error;
mod event;
#[cfg(feature = "sim")]
mod inside;
mod jsep;
mod media;
mod negotiate;
mod output;
mod receiver;
mod router;
mod sender;
mod setup;
mod state;
mod stats;
mod stats_build;
mod stats_entries;
mod stats_report;
mod stats_rtp;
#[cfg(feature = "serde")]
mod stats_written;
mod transceiver;
mod transport;
mod transports;

pub use crate::ice::IceGatheringState;
pub use config::Config;
pub use connection::PeerConnection;
pub use data_channel::DataChannel;
pub use error::{ConfigError, Failure, IceCandidateError, WriteError};
pub use event::{Event, IceCandidate};
#[cfg(feature = "sim")]
pub use inside::Inside;
pub use jsep::{
    Codec, CodecParameters, Encoding, Feedback, KindCapabilities, LocalSource, MediaCapabilities,
    NegotiatedCodec, NegotiatedExtension, NegotiatedMedia, NegotiationError, OfferOptions, Refusal,
    RemoteCandidateError, RemoteLayer, RemoteSource, SdpType, SessionDescription, Side, SignalingState,
    TrackChange, TransceiverError, TransceiverId, TransceiverInit,
};
pub use receiver::Receiver;
pub use router::{ConnectionId, Router, RouterStats};
pub use sender::Sender;
pub use state::ConnectionState;
pub use stats::{DatagramStats, InboundRtp, MediaStats, OutboundRtp, Stats};
pub use stats_entries::{
    CandidateEntry, CandidatePairEntry, CertificateEntry, CodecEntry, DataChannelEntry, DtlsTransportState,
    PeerConnectionEntry, TransportEntry,
};
pub use stats_report::{StatsEntry, StatsReport};
pub use stats_rtp::{InboundRtpEntry, OutboundRtpEntry, RemoteInboundRtpEntry, RemoteOutboundRtpEntry};
pub use transceiver::Transceiver;
pub use transports::{DtlsTransport, IceTransport, SctpTransport, SctpTransportState};

/// The programs of the guides and of the front page are compiled with the documentation's.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../docs/guide-event-loop.md")]
    #[derive(Debug)]
    struct EventLoop;

    #[doc = include_str!("../../docs/guide-game-tick.md")]
    #[derive(Debug)]
    struct GameTick;

    #[doc = include_str!("../../docs/guide-media.md")]
    #[derive(Debug)]
    struct Media;

    #[doc = include_str!("../../README.md")]
    #[derive(Debug)]
    struct FrontPage;
}
