//! Counters, under the names of the W3C's statistics in snake case.

use core::time::Duration;

use super::clock::NtpTime;
use crate::cc::HistoryStats;
use crate::time::Instant;

/// One outgoing encoding: `outbound-rtp`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SenderStats {
    /// Its synchronization source.
    pub ssrc: u32,
    /// That of its repetitions.
    pub rtx_ssrc: Option<u32>,
    /// The payload type sent last.
    pub payload_type: Option<u8>,
    /// Packets sent, repetitions included.
    pub packets_sent: u64,
    /// Bytes of payload sent, repetitions included.
    pub bytes_sent: u64,
    /// Bytes of headers and padding sent.
    pub header_bytes_sent: u64,
    /// Repetitions sent.
    pub retransmitted_packets_sent: u64,
    /// Bytes of payload in them.
    pub retransmitted_bytes_sent: u64,
    /// Frames written.
    pub frames_sent: u64,
    /// Packets that the peer said it misses.
    pub nack_packets: u64,
    /// NACK packets received.
    pub nack_count: u64,
    /// PLIs received.
    pub pli_count: u64,
    /// FIRs received, repetitions left out.
    pub fir_count: u64,
    /// Time that packets waited to be drawn, all together.
    pub total_packet_send_delay: Duration,
    /// Packets given up because they waited too long to be drawn.
    pub packets_dropped: u64,
    /// Whether it may send.
    pub active: bool,
    /// What the peer reports of it.
    pub remote: Option<RemoteInboundStats>,
}

/// What the peer reports of one of our encodings: `remote-inbound-rtp`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RemoteInboundStats {
    /// Packets lost since the beginning; repetitions make it fall.
    pub packets_lost: i32,
    /// Packets lost since the report before, in 256ths of those expected.
    pub fraction_lost: u8,
    /// The highest sequence number received, with its wraps.
    pub highest_sequence: u32,
    /// Interarrival jitter.
    pub jitter: Duration,
    /// The last round trip.
    pub round_trip_time: Option<Duration>,
    /// All of them together.
    pub total_round_trip_time: Duration,
    /// How many.
    pub round_trip_time_measurements: u64,
    /// Reports received.
    pub reports_received: u64,
}

/// One incoming stream: `inbound-rtp`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SourceStats {
    /// Its synchronization source.
    pub ssrc: u32,
    /// That of its repetitions, once one has been heard.
    pub rtx_ssrc: Option<u32>,
    /// The encoding, if it says which.
    pub rid: Option<String>,
    /// The payload type received last.
    pub payload_type: Option<u8>,
    /// Packets received, repetitions included.
    pub packets_received: u64,
    /// Packets lost since the beginning, as reports tell them.
    pub packets_lost: i64,
    /// Interarrival jitter.
    pub jitter: Duration,
    /// Bytes of payload received, repetitions included.
    pub bytes_received: u64,
    /// Bytes of headers and padding received.
    pub header_bytes_received: u64,
    /// Repetitions received.
    pub retransmitted_packets_received: u64,
    /// Bytes of payload in them.
    pub retransmitted_bytes_received: u64,
    /// Packets that came too late or twice, or could not be used.
    pub packets_discarded: u64,
    /// Packets whose payload is not of its format.
    pub packets_malformed: u64,
    /// Frames put together.
    pub frames_received: u64,
    /// Key frames among them.
    pub key_frames_received: u64,
    /// Frames that were not handed over: incomplete, waiting for a key frame, or not read in time.
    pub frames_dropped: u64,
    /// Frames of more than one packet.
    pub frames_assembled_from_multiple_packets: u64,
    /// Times that a missing packet was given up.
    pub gaps_given_up: u64,
    /// NACK packets sent.
    pub nack_count: u64,
    /// PLIs sent.
    pub pli_count: u64,
    /// FIRs sent.
    pub fir_count: u64,
    /// When the last packet arrived.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub last_packet_received: Option<Instant>,
    /// What the sender reports.
    pub remote: Option<RemoteOutboundStats>,
}

/// What the sender of an incoming stream reports: `remote-outbound-rtp`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RemoteOutboundStats {
    /// Packets sent.
    pub packets_sent: u32,
    /// Bytes of payload sent.
    pub bytes_sent: u32,
    /// The sender's wall clock at its last report, since 1970.
    pub remote_timestamp: Duration,
    /// Reports received.
    pub reports_sent: u64,
    /// The last round trip, where the peer answers questions for it.
    pub round_trip_time: Option<Duration>,
}

impl RemoteOutboundStats {
    pub(super) fn reported_at(&mut self, ntp: NtpTime) {
        self.remote_timestamp = ntp.to_unix();
        self.reports_sent += 1;
    }
}

/// What is counted for the whole session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SessionStats {
    /// RTP packets received.
    pub rtp_received: u64,
    /// RTP packets that cannot be read.
    pub rtp_malformed: u64,
    /// RTP packets of no section that is known.
    pub rtp_unroutable: u64,
    /// RTP packets for which there was no room among the sources.
    pub rtp_no_room: u64,
    /// Times that something which waited was given up because all media together held
    /// [`limits::RTP_SESSION_BYTES`](crate::base::limits::RTP_SESSION_BYTES).
    pub memory_exceeded: u64,
    /// RTP packets that came from ourselves.
    pub rtp_looped: u64,
    /// Repetitions of packets that were never missing, or of no stream that is known.
    pub rtx_unmatched: u64,
    /// RTCP datagrams received.
    pub rtcp_received: u64,
    /// RTCP packets that cannot be read.
    pub rtcp_malformed: u64,
    /// RTCP packets of a type we do not know.
    pub rtcp_unknown: u64,
    /// RTCP datagrams sent.
    pub rtcp_sent: u64,
    /// Bytes of them.
    pub rtcp_bytes_sent: u64,
    /// Transport-wide feedback that nothing came of.
    pub transport_feedback: HistoryStats,
    /// Events that found no room.
    pub events_refused: u64,
    /// Key frame requests that came too soon after another.
    pub keyframe_requests_held: u64,
    /// Packets for which no repetition was sent: not kept any more, or repeated a moment ago.
    pub retransmissions_refused: u64,
    /// The last round trip.
    pub round_trip_time: Option<Duration>,
}
