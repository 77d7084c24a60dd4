//! Statistics under the names of the W3C (webrtc-stats): entries that refer to each other by their ids.

use super::stats_entries::{
    CandidateEntry, CandidatePairEntry, CertificateEntry, CodecEntry, DataChannelEntry, PeerConnectionEntry,
    TransportEntry,
};
use super::stats_rtp::{InboundRtpEntry, OutboundRtpEntry, RemoteInboundRtpEntry, RemoteOutboundRtpEntry};

/// A snapshot of a connection as `RTCPeerConnection.getStats()` gives it. With feature `serde` it is written as the list of its entries.
///
/// A value that is not known is `None`, and left out of what is written. Times are in milliseconds since 1970, durations in seconds, as the
/// W3C has them.
///
/// ```
/// use antiphon::peer::StatsEntry;
/// use antiphon::{Config, Instant, PeerConnection, Seed};
/// use core::time::Duration;
///
/// let (now, seed) = (Instant::from_nanos(1), Seed::from_bytes([7; 32]));
/// let pc = PeerConnection::new(now, Duration::from_secs(1_790_000_000), seed, &Config::new())?;
/// let report = pc.stats_report(now);
/// let Some(StatsEntry::Transport(transport)) = report.get("T") else { panic!("there is always one") };
/// let certificate = transport.local_certificate_id.as_deref().and_then(|id| report.get(id));
/// assert!(matches!(certificate, Some(StatsEntry::Certificate(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct StatsReport {
    /// The entries, each under an id of its own.
    pub entries: Vec<StatsEntry>,
}

impl StatsReport {
    /// The entry of that id.
    pub fn get(&self, id: &str) -> Option<&StatsEntry> {
        self.entries.iter().find(|entry| entry.id() == id)
    }
}

macro_rules! entries {
    ($($(#[$doc:meta])* $variant:ident($entry:ident)),+ $(,)?) => {
        /// One entry: an `RTCStats`, and its `type` tells which.
        ///
        /// ```
        /// use antiphon::peer::{StatsEntry, StatsReport};
        ///
        /// fn lost(report: &StatsReport) -> i64 {
        ///     let lost = report.entries.iter().map(|entry| match entry {
        ///         StatsEntry::InboundRtp(its) => its.packets_lost,
        ///         _ => 0,
        ///     });
        ///     lost.sum()
        /// }
        /// assert_eq!(lost(&StatsReport::default()), 0);
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "type", rename_all = "kebab-case"))]
        #[non_exhaustive]
        pub enum StatsEntry {
            $($(#[$doc])* $variant($entry),)+
        }

        impl StatsEntry {
            /// The id by which others refer to it; it stays while what it tells of lives.
            pub fn id(&self) -> &str {
                match self {
                    $(Self::$variant(entry) => &entry.id,)+
                }
            }
        }
    };
}

entries! {
    /// `peer-connection`: the connection as a whole.
    PeerConnection(PeerConnectionEntry),
    /// `transport`: ICE and DTLS.
    Transport(TransportEntry),
    /// `certificate`: one of ours or the peer's.
    Certificate(CertificateEntry),
    /// `local-candidate`: an address of ours.
    LocalCandidate(CandidateEntry),
    /// `remote-candidate`: an address of the peer's.
    RemoteCandidate(CandidateEntry),
    /// `candidate-pair`: two of them.
    CandidatePair(CandidatePairEntry),
    /// `data-channel`: one channel.
    DataChannel(DataChannelEntry),
    /// `codec`: a format in use.
    Codec(CodecEntry),
    /// `outbound-rtp`: one encoding that is sent.
    OutboundRtp(OutboundRtpEntry),
    /// `remote-inbound-rtp`: what the peer reports of it.
    RemoteInboundRtp(RemoteInboundRtpEntry),
    /// `inbound-rtp`: one source that is received.
    InboundRtp(InboundRtpEntry),
    /// `remote-outbound-rtp`: what its sender reports.
    RemoteOutboundRtp(RemoteOutboundRtpEntry),
}
