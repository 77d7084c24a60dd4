//! Counters and gauges of an association.

use core::time::Duration;

/// What an association has done and where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Stats {
    /// Packets drawn.
    pub packets_sent: u64,
    /// Packets taken, those dropped not counted.
    pub packets_received: u64,
    /// Bytes of the packets drawn.
    pub bytes_sent: u64,
    /// Bytes of the packets taken.
    pub bytes_received: u64,
    /// Whole messages handed to the network.
    pub messages_sent: u64,
    /// Whole messages that arrived.
    pub messages_received: u64,
    /// Messages given up before they arrived (RFC 3758).
    pub messages_abandoned: u64,
    /// DATA chunks sent, repeats included.
    pub data_chunks_sent: u64,
    /// DATA chunks taken.
    pub data_chunks_received: u64,
    /// SACK chunks sent.
    pub sacks_sent: u64,
    /// SACK chunks taken.
    pub sacks_received: u64,
    /// DATA chunks sent again because of reports about later ones.
    pub fast_retransmits: u64,
    /// DATA chunks sent again because a timer ran out.
    pub timeout_retransmits: u64,
    /// How often T3 ran out.
    pub t3_timeouts: u64,
    /// How often fast recovery was entered.
    pub recoveries: u64,
    /// DATA chunks that arrived twice.
    pub duplicates_received: u64,
    /// Congestion window, bytes.
    pub cwnd_bytes: usize,
    /// Slow start threshold, bytes.
    pub ssthresh_bytes: usize,
    /// Payload bytes in flight.
    pub in_flight_bytes: usize,
    /// The peer's receive window less what is in flight, bytes.
    pub peer_window_bytes: usize,
    /// Bytes queued and not yet sent, over all streams.
    pub queued_bytes: usize,
    /// Bytes arrived and not yet read, with what they pin.
    pub held_bytes: usize,
    /// Smoothed round trip; zero before the first measurement.
    pub smoothed_rtt: Duration,
    /// Present retransmission timeout, without back-off.
    pub rto: Duration,
    /// Whose SCTP the peer uses, as far as its cookie tells.
    pub peer_implementation: PeerImplementation,
    /// Why packets and chunks were dropped.
    pub drops: Drops,
}

/// Whose SCTP a peer uses. Told by the first bytes of the cookie in its INIT ACK, which some stacks sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum PeerImplementation {
    /// No INIT ACK has come, or its cookie says nothing.
    #[default]
    Unknown,
    /// This crate.
    Antiphon,
    /// That of libwebrtc, which Chromium and Firefox use.
    DcSctp,
    /// usrsctp, and the kernels it descends from.
    Usrsctp,
}

impl PeerImplementation {
    pub(super) fn of_cookie(cookie: &[u8]) -> Self {
        if cookie.starts_with(super::cookie::SIGNATURE) {
            Self::Antiphon
        } else if cookie.starts_with(b"dcSCTP00") {
            Self::DcSctp
        } else if cookie.starts_with(b"KAME-BSD") {
            Self::Usrsctp
        } else {
            Self::Unknown
        }
    }
}

/// One counter for each reason to drop what arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Drops {
    /// No SCTP packet at all, or a chunk length that cannot be.
    pub malformed: u64,
    /// `CRC32c` does not fit.
    pub checksum: u64,
    /// The wrong ports.
    pub port: u64,
    /// A verification tag that is not ours (RFC 9260 §8.5).
    pub verification_tag: u64,
    /// A chunk that has no place in the present state.
    pub unexpected_chunk: u64,
    /// A chunk type we do not know.
    pub unknown_chunk: u64,
    /// An INIT that was not alone, or had impossible values.
    pub bad_init: u64,
    /// A cookie that was not ours, was forged, or no longer fits.
    pub bad_cookie: u64,
    /// A cookie past its lifetime.
    pub stale_cookie: u64,
    /// A SACK that is old, or acknowledges what was never sent.
    pub bad_sack: u64,
    /// DATA beyond the receive window.
    pub window: u64,
    /// DATA whose TSN is too far ahead.
    pub tsn_range: u64,
    /// DATA on a stream that was not agreed, or empty.
    pub bad_data: u64,
    /// DATA for a stream whose reset waits for earlier data.
    pub resetting: u64,
    /// FORWARD TSN that was not agreed or is out of range.
    pub bad_forward_tsn: u64,
    /// RE-CONFIG that cannot be understood or fits no request.
    pub bad_reconfig: u64,
    /// HEARTBEAT ACK that answers nothing of ours, or a HEARTBEAT too long to answer.
    pub bad_heartbeat: u64,
    /// Answers not given because too many were waiting.
    pub answer_queue_full: u64,
}
