//! Entries of a report about streams of RTP, each of two ends: ours, and what the peer tells of its own.

#[cfg(feature = "serde")]
use super::stats_written as written;
use crate::codec::MediaKind;

/// `RTCOutboundRtpStreamStats`.
///
/// ```
/// fn id(entry: &antiphon::peer::OutboundRtpEntry) -> &str {
///     &entry.id
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct OutboundRtpEntry {
    /// Its name in this report.
    pub id: String,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp: f64,
    /// Its source.
    pub ssrc: u32,
    /// Sound or pictures.
    #[cfg_attr(feature = "serde", serde(serialize_with = "written::media"))]
    pub kind: MediaKind,
    /// The `transport`.
    pub transport_id: String,
    /// Its `codec`, once packets have gone.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub codec_id: Option<String>,
    /// The section.
    pub mid: String,
    /// The encoding, where there are several.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub rid: Option<String>,
    /// The `remote-inbound-rtp`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub remote_id: Option<String>,
    /// Packets, repetitions included.
    pub packets_sent: u64,
    /// Bytes of payload, repetitions included.
    pub bytes_sent: u64,
    /// Bytes of headers and padding.
    pub header_bytes_sent: u64,
    /// Repetitions.
    pub retransmitted_packets_sent: u64,
    /// Bytes of payload in them.
    pub retransmitted_bytes_sent: u64,
    /// The source of repetitions.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub rtx_ssrc: Option<u32>,
    /// Time that packets waited, in seconds, all together.
    pub total_packet_send_delay: f64,
    /// NACK packets received.
    pub nack_count: u32,
    /// Whether it may send.
    pub active: bool,
    /// Frames; video only.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub frames_sent: Option<u64>,
    /// FIRs received; video only.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub fir_count: Option<u32>,
    /// PLIs received; video only.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub pli_count: Option<u32>,
}

/// `RTCRemoteInboundRtpStreamStats`.
///
/// ```
/// fn id(entry: &antiphon::peer::RemoteInboundRtpEntry) -> &str {
///     &entry.id
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct RemoteInboundRtpEntry {
    /// Its name in this report.
    pub id: String,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp: f64,
    /// Its source.
    pub ssrc: u32,
    /// Sound or pictures.
    #[cfg_attr(feature = "serde", serde(serialize_with = "written::media"))]
    pub kind: MediaKind,
    /// The `transport`.
    pub transport_id: String,
    /// Its `codec`, once packets have gone.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub codec_id: Option<String>,
    /// The `outbound-rtp`.
    pub local_id: String,
    /// Packets lost since the beginning.
    pub packets_lost: i64,
    /// Interarrival jitter, in seconds.
    pub jitter: f64,
    /// The part lost of those expected since the report before.
    pub fraction_lost: f64,
    /// The last round trip, in seconds.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub round_trip_time: Option<f64>,
    /// All of them together.
    pub total_round_trip_time: f64,
    /// How many.
    pub round_trip_time_measurements: u64,
}

/// `RTCInboundRtpStreamStats`.
///
/// ```
/// fn id(entry: &antiphon::peer::InboundRtpEntry) -> &str {
///     &entry.id
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct InboundRtpEntry {
    /// Its name in this report.
    pub id: String,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp: f64,
    /// Its source.
    pub ssrc: u32,
    /// Sound or pictures.
    #[cfg_attr(feature = "serde", serde(serialize_with = "written::media"))]
    pub kind: MediaKind,
    /// The `transport`.
    pub transport_id: String,
    /// Its `codec`, once packets have gone.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub codec_id: Option<String>,
    /// The section.
    pub mid: String,
    /// The `remote-outbound-rtp`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub remote_id: Option<String>,
    /// Packets, repetitions included.
    pub packets_received: u64,
    /// Packets lost since the beginning.
    pub packets_lost: i64,
    /// Interarrival jitter, in seconds.
    pub jitter: f64,
    /// Bytes of payload, repetitions included.
    pub bytes_received: u64,
    /// Bytes of headers and padding.
    pub header_bytes_received: u64,
    /// Packets that came too late or twice.
    pub packets_discarded: u64,
    /// Repetitions.
    pub retransmitted_packets_received: u64,
    /// Bytes of payload in them.
    pub retransmitted_bytes_received: u64,
    /// The source of repetitions, once one has been heard.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub rtx_ssrc: Option<u32>,
    /// When the last packet came, in milliseconds since 1970.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub last_packet_received_timestamp: Option<f64>,
    /// NACK packets sent.
    pub nack_count: u32,
    /// FIRs sent; video only.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub fir_count: Option<u32>,
    /// PLIs sent; video only.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub pli_count: Option<u32>,
    /// Frames put together; video only.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub frames_received: Option<u64>,
    /// Frames that were not handed over; video only.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub frames_dropped: Option<u64>,
    /// Frames of more than one packet; video only.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub frames_assembled_from_multiple_packets: Option<u64>,
}

/// `RTCRemoteOutboundRtpStreamStats`.
///
/// ```
/// fn id(entry: &antiphon::peer::RemoteOutboundRtpEntry) -> &str {
///     &entry.id
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct RemoteOutboundRtpEntry {
    /// Its name in this report.
    pub id: String,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp: f64,
    /// Its source.
    pub ssrc: u32,
    /// Sound or pictures.
    #[cfg_attr(feature = "serde", serde(serialize_with = "written::media"))]
    pub kind: MediaKind,
    /// The `transport`.
    pub transport_id: String,
    /// Its `codec`, once packets have gone.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub codec_id: Option<String>,
    /// The `inbound-rtp`.
    pub local_id: String,
    /// Packets sent.
    pub packets_sent: u64,
    /// Bytes of payload sent.
    pub bytes_sent: u64,
    /// The sender's clock at its last report, in milliseconds since 1970.
    pub remote_timestamp: f64,
    /// Reports received.
    pub reports_sent: u64,
    /// The last round trip, in seconds, where the peer answers questions for it.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub round_trip_time: Option<f64>,
}
