//! Counters of a session.

/// Packets since the session was made.
///
/// ```
/// assert_eq!(antiphon::srtp::Stats::default().unauthenticated, 0);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stats {
    /// RTP packets protected.
    pub rtp_protected: u64,
    /// RTCP packets protected.
    pub rtcp_protected: u64,
    /// RTP packets authenticated and decrypted.
    pub rtp_unprotected: u64,
    /// RTCP packets authenticated and, unless their sender left them in the clear, decrypted.
    pub rtcp_unprotected: u64,
    /// Dropped: bytes that are no protected packet.
    pub malformed: u64,
    /// Dropped: packets whose authentication failed.
    pub unauthenticated: u64,
    /// Dropped: packets seen before, or too old to know.
    pub replayed: u64,
    /// Dropped: authentic packets of a source beyond the limit.
    pub overflow: u64,
}
