//! Entries of a report about the connection, its transport and its channels.

#[cfg(feature = "serde")]
use super::stats_written as written;
use crate::data::ChannelState;
use crate::dtls;
use crate::ice::{CandidatePairState, IceConnectionState, Role};

/// `RTCPeerConnectionStats`.
///
/// ```
/// fn id(entry: &antiphon::peer::PeerConnectionEntry) -> &str {
///     &entry.id
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct PeerConnectionEntry {
    /// Its name in this report.
    pub id: String,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp: f64,
    /// Channels that became open.
    pub data_channels_opened: u64,
    /// Channels that were open and are closed.
    pub data_channels_closed: u64,
}

/// `RTCTransportStats`.
///
/// ```
/// fn id(entry: &antiphon::peer::TransportEntry) -> &str {
///     &entry.id
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct TransportEntry {
    /// Its name in this report.
    pub id: String,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp: f64,
    /// Datagrams sent.
    pub packets_sent: u64,
    /// Datagrams received.
    pub packets_received: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Who nominates.
    #[cfg_attr(feature = "serde", serde(serialize_with = "written::role"))]
    pub ice_role: Role,
    /// Of the present generation.
    pub ice_local_username_fragment: String,
    /// The state of ICE.
    #[cfg_attr(feature = "serde", serde(serialize_with = "written::ice"))]
    pub ice_state: IceConnectionState,
    /// The state of DTLS.
    pub dtls_state: DtlsTransportState,
    /// Who speaks first, once that is agreed.
    #[cfg_attr(
        feature = "serde",
        serde(skip_serializing_if = "Option::is_none", serialize_with = "written::dtls_role")
    )]
    pub dtls_role: Option<dtls::Role>,
    /// The `candidate-pair` that is in use.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub selected_candidate_pair_id: Option<String>,
    /// How often that changed.
    pub selected_candidate_pair_changes: u64,
    /// Our `certificate`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub local_certificate_id: Option<String>,
    /// The peer's, once it has shown it.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub remote_certificate_id: Option<String>,
    /// The profile of the media keys, as RFC 5764 and RFC 7714 name it.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub srtp_cipher: Option<String>,
}

/// `RTCCertificateStats`.
///
/// ```
/// fn id(entry: &antiphon::peer::CertificateEntry) -> &str {
///     &entry.id
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct CertificateEntry {
    /// Its name in this report.
    pub id: String,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp: f64,
    /// Digits of the digest, as in `a=fingerprint`.
    pub fingerprint: String,
    /// The hash of it.
    pub fingerprint_algorithm: String,
    /// The certificate itself (DER).
    pub base64_certificate: String,
}

/// `RTCIceCandidateStats`.
///
/// ```
/// fn id(entry: &antiphon::peer::CandidateEntry) -> &str {
///     &entry.id
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct CandidateEntry {
    /// Its name in this report.
    pub id: String,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp: f64,
    /// The `transport`.
    pub transport_id: String,
    /// An IP address or a name.
    pub address: String,
    /// The port.
    pub port: u16,
    /// `udp` or `tcp`.
    pub protocol: &'static str,
    /// `host`, `srflx`, `prflx` or `relay`.
    pub candidate_type: &'static str,
    /// RFC 8445 §5.1.2.
    pub priority: u32,
    /// RFC 8445 §5.1.1.3.
    pub foundation: String,
    /// The address it is derived from.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub related_address: Option<String>,
    /// The port of that.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub related_port: Option<u16>,
    /// Where the candidate says it.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub username_fragment: Option<String>,
    /// `active`, `passive` or `so`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub tcp_type: Option<&'static str>,
}

/// `RTCIceCandidatePairStats`.
///
/// ```
/// fn id(entry: &antiphon::peer::CandidatePairEntry) -> &str {
///     &entry.id
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct CandidatePairEntry {
    /// Its name in this report.
    pub id: String,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp: f64,
    /// The `transport`.
    pub transport_id: String,
    /// The `local-candidate`.
    pub local_candidate_id: String,
    /// The `remote-candidate`.
    pub remote_candidate_id: String,
    /// How far its checks are.
    #[cfg_attr(feature = "serde", serde(serialize_with = "written::pair"))]
    pub state: CandidatePairState,
    /// Whether it has been nominated.
    pub nominated: bool,
    /// The sum of all round trips, in seconds.
    pub total_round_trip_time: f64,
    /// The latest, in seconds.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub current_round_trip_time: Option<f64>,
    /// Checks that came.
    pub requests_received: u64,
    /// Checks sent, consent left out.
    pub requests_sent: u64,
    /// Answers that came.
    pub responses_received: u64,
    /// Answers sent.
    pub responses_sent: u64,
    /// Consent checks sent.
    pub consent_requests_sent: u64,
}

/// `RTCDataChannelStats`.
///
/// ```
/// fn id(entry: &antiphon::peer::DataChannelEntry) -> &str {
///     &entry.id
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct DataChannelEntry {
    /// Its name in this report.
    pub id: String,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp: f64,
    /// Its label.
    pub label: String,
    /// Its subprotocol.
    pub protocol: String,
    /// The id of its stream.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub data_channel_identifier: Option<u16>,
    /// Its state.
    #[cfg_attr(feature = "serde", serde(serialize_with = "written::channel"))]
    pub state: ChannelState,
    /// Messages taken by `send`.
    pub messages_sent: u32,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Messages given out by `recv`.
    pub messages_received: u32,
    /// Their bytes.
    pub bytes_received: u64,
}

/// `RTCCodecStats`.
///
/// ```
/// fn id(entry: &antiphon::peer::CodecEntry) -> &str {
///     &entry.id
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct CodecEntry {
    /// Its name in this report.
    pub id: String,
    /// When it was taken, in milliseconds since 1970.
    pub timestamp: f64,
    /// In packets.
    pub payload_type: u8,
    /// The `transport`.
    pub transport_id: String,
    /// Such as `video/VP8`.
    pub mime_type: String,
    /// In hertz.
    pub clock_rate: u32,
    /// Audio channels.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub channels: Option<u16>,
    /// The parameters, where there are some.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub sdp_fmtp_line: Option<String>,
}

/// `RTCDtlsTransportState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
pub enum DtlsTransportState {
    /// The handshake has not begun.
    New,
    /// It goes on.
    Connecting,
    /// There are keys.
    Connected,
    /// The connection was closed.
    Closed,
    /// The handshake failed.
    Failed,
}
