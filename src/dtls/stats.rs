//! Counters of a connection: records, repeats, and every reason to drop something.

/// Counters since the connection was made.
///
/// ```
/// let stats = antiphon::dtls::Stats::default();
/// assert_eq!(stats.replayed, 0);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stats {
    /// Datagrams taken.
    pub datagrams_received: u64,
    /// Application records delivered or waiting.
    pub records_received: u64,
    /// Application records sealed.
    pub records_sealed: u64,
    /// Handshake datagrams and alerts drawn.
    pub datagrams_sent: u64,
    /// Flights repeated because their timer expired.
    pub timeouts: u64,
    /// Flights repeated because the peer repeated its own.
    pub repeats: u64,
    /// Dropped: bytes that are no record, or none of a known type.
    pub malformed: u64,
    /// Dropped: bytes that are no handshake fragment or alert.
    pub malformed_content: u64,
    /// Dropped: records of an epoch without keys.
    pub unknown_epoch: u64,
    /// Dropped: records seen before, or too old to know.
    pub replayed: u64,
    /// Dropped: records whose authentication failed.
    pub unauthenticated: u64,
    /// Dropped: unprotected records that the state has no use for: after the handshake any, before it application data.
    pub plaintext: u64,
    /// Not believed: alerts without protection.
    pub plaintext_alerts: u64,
    /// Dropped: fragments of messages that were complete already.
    pub duplicate_fragments: u64,
    /// Dropped: fragments that contradict others, are too far ahead or exceed a limit.
    pub refused_fragments: u64,
    /// Not believed: first messages to a server that begin no handshake it could lead, which anybody could have sent.
    pub refused_hellos: u64,
    /// Dropped: handshake messages without effect (a second hello, a request to renegotiate).
    pub ignored_messages: u64,
    /// Dropped: early records, or application records nobody has read, beyond the limit.
    pub overflow: u64,
}
