//! One snapshot of every layer.

use super::state::{ConnectionState, IceGatheringState};
use crate::time::Instant;
use crate::{data, dtls, ice, sctp};

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
}

impl Stats {
    /// When it was taken.
    pub const fn at(&self) -> Instant {
        Instant::from_nanos(self.at_nanos)
    }
}
