//! Counters of data channels.

/// What all channels together have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Stats {
    /// Channels that became open.
    pub opened: u64,
    /// Channels that were open and closed.
    pub closed: u64,
    /// Why something the peer sent was dropped.
    pub drops: Drops,
}

/// What one channel has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ChannelStats {
    /// Messages taken by `send`.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Messages given out by `recv`.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
}

/// One counter for each reason to drop or refuse what arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Drops {
    /// Packets before `connect`.
    pub early_packets: u64,
    /// Channel protocol messages that cannot be read.
    pub malformed_dcep: u64,
    /// ACKs that answer nothing.
    pub unexpected_ack: u64,
    /// OPENs on a stream in use.
    pub opened_twice: u64,
    /// OPENs on a stream of our parity.
    pub wrong_parity: u64,
    /// OPENs on a stream id of 65535 or beyond what was negotiated.
    pub invalid_id: u64,
    /// OPENs beyond `Config::max_channels`.
    pub too_many_channels: u64,
    /// OPENs whose label and protocol are beyond what is kept of all channels that the peer opened.
    pub labels_too_long: u64,
    /// Messages on a stream without a channel, beyond what is held.
    pub unclaimed: u64,
    /// Messages on a channel that was closed on our side or refused.
    pub late: u64,
    /// Texts that are not UTF-8.
    pub invalid_utf8: u64,
    /// Messages with a payload protocol identifier that is none of ours.
    pub unknown_ppid: u64,
    /// Messages in pieces (the deprecated identifiers 52 and 54) beyond what is held.
    pub partial_too_long: u64,
    /// Resets that fit no channel, or came twice.
    pub unexpected_reset: u64,
    /// Streams the peer would not let us reset; their ids are not used again.
    pub reset_failed: u64,
}
