//! One snapshot of every layer.

use super::state::ConnectionState;
use crate::codec::MediaKind;
use crate::crypto::srtp_keys::SrtpProfile;
use crate::ice::IceGatheringState;
use crate::time::Instant;
use crate::{data, dtls, ice, rtp, sctp, srtp};

/// What happened to the datagrams of a connection before any protocol looked at them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DatagramStats {
    /// Datagrams given to `handle_input`.
    pub received: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Datagrams handed out by `poll_output`.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Dropped: DTLS from an address that has not proved a path to us (no validated candidate pair).
    pub unvalidated_path: u64,
    /// Dropped: DTLS before its role was negotiated.
    pub before_negotiation: u64,
    /// Dropped: RTP or RTCP, while no media is negotiated.
    pub unexpected_media: u64,
    /// Dropped: a first byte that RFC 7983 gives to nothing we speak.
    pub unknown_protocol: u64,
    /// Lost: packets that could not be sealed.
    pub unsealed: u64,
}

/// A snapshot of a connection, layer by layer. Counters only ever grow.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// When it was taken, in nanoseconds of the caller's timeline.
    pub at_nanos: u64,
    /// The connection's state.
    pub connection_state: ConnectionState,
    /// The gathering state.
    pub ice_gathering_state: IceGatheringState,
    /// Datagrams as such.
    pub datagrams: DatagramStats,
    /// Steps of the caller's clock that were cut to 30 days.
    pub clock_jumps: u64,
    /// Events lost because nobody took them.
    pub events_refused: u64,
    /// ICE.
    pub ice: ice::Stats,
    /// DTLS, once its role is negotiated.
    pub dtls: Option<dtls::Stats>,
    /// The data channels.
    pub data: data::Stats,
    /// SCTP.
    pub sctp: sctp::Stats,
    /// Media packets outside of RTP.
    pub media: MediaStats,
    /// The SRTP profile of the keys, once there are keys and media.
    pub srtp_profile: Option<SrtpProfile>,
    /// SRTP, once there are keys and media.
    pub srtp: Option<srtp::Stats>,
    /// The RTP session, once media is negotiated.
    pub rtp: Option<rtp::SessionStats>,
    /// What is sent, encoding by encoding.
    pub outbound_rtp: Vec<OutboundRtp>,
    /// What is received, source by source.
    pub inbound_rtp: Vec<InboundRtp>,
}

/// Media packets that never came to RTP, and streams that did not fit.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MediaStats {
    /// Packets that arrived before there were keys.
    pub before_keys: u64,
    /// Packets that could not be protected: the keys are used up.
    pub unprotected: u64,
    /// Senders and receivers that the RTP session had no room for.
    pub refused_streams: u64,
}

/// One encoding that is sent.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OutboundRtp {
    /// The section it belongs to.
    pub mid: String,
    /// Sound or pictures.
    pub kind: MediaKind,
    /// Its name, where there are several.
    pub rid: Option<String>,
    /// Its counters, those the peer reports among them.
    pub stats: rtp::SenderStats,
}

/// One source that is received.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InboundRtp {
    /// The section it belongs to.
    pub mid: String,
    /// Sound or pictures.
    pub kind: MediaKind,
    /// Its counters, those the peer reports among them.
    pub stats: rtp::SourceStats,
}

impl Stats {
    /// When it was taken.
    pub const fn at(&self) -> Instant {
        Instant::from_nanos(self.at_nanos)
    }
}
