//! One error enum per fallible call.

use crate::codec::PacketizeError;

/// Why a session cannot be made.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An SDES item holds at most 255 bytes, and a name is needed (RFC 3550 §6.5.1).
    #[error("canonical name of {len} bytes")]
    Cname {
        /// Its length.
        len: usize,
    },
    /// Too short for reports and headers, or longer than a datagram.
    #[error("packets of at most {mtu} bytes")]
    Mtu {
        /// What was asked for.
        mtu: usize,
    },
}

/// Why a sender or receiver cannot be added or changed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// As many as there may be.
    #[error("{limit} of {limit} streams in use")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// RTCP packet types occupy payload types 64 to 95 (RFC 5761 §4), and there are none above 127.
    #[error("payload type {payload_type} cannot be used")]
    PayloadType {
        /// The payload type.
        payload_type: u8,
    },
    /// A payload type stands for two formats.
    #[error("payload type {payload_type} is given twice")]
    PayloadTypeTwice {
        /// The payload type.
        payload_type: u8,
    },
    /// A clock of no ticks.
    #[error("payload type {payload_type} has a clock rate of 0")]
    ClockRate {
        /// The payload type.
        payload_type: u8,
    },
    /// Another stream of the session has that source.
    #[error("source {ssrc:#010x} is in use")]
    Ssrc {
        /// The source.
        ssrc: u32,
    },
    /// An extension's text must have 1 to 255 bytes.
    #[error("section or encoding id of {len} bytes")]
    Id {
        /// Its length.
        len: usize,
    },
    /// There is no such sender or receiver.
    #[error("no such stream")]
    Unknown,
    /// The session is closed.
    #[error("session is closed")]
    Closed,
}

/// Why nothing was sent.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// There is no such sender.
    #[error("no such sender")]
    UnknownSender,
    /// The sender may not send now.
    #[error("sender is not active")]
    Inactive,
    /// The payload type is not one of the sender's, or not one of that call's.
    #[error("payload type {payload_type:?} cannot be sent")]
    PayloadType {
        /// The payload type; `None` where the sender has no codec at all.
        payload_type: Option<u8>,
    },
    /// So many packets wait to be drawn that no more are taken.
    #[error("{queued} packets of {limit} wait to be sent")]
    QueueFull {
        /// How many wait.
        queued: usize,
        /// How many may.
        limit: usize,
    },
    /// A packet with its header exceeds the longest that may be sent.
    #[error("packet of {len} bytes, at most {max} may be sent")]
    TooLong {
        /// Its length.
        len: usize,
        /// The longest.
        max: usize,
    },
    /// The packet is older than those that are kept, or one with its number has been sent.
    #[error("packet {sequence} is repeated or too old")]
    Stale {
        /// Its sequence number as it was given.
        sequence: u16,
    },
    /// The frame cannot be cut.
    #[error("frame cannot be packetized")]
    Packetize(#[source] PacketizeError),
    /// The session is closed.
    #[error("session is closed")]
    Closed,
}

/// Why no key frame is asked for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyframeError {
    /// There is no such source, or nothing of it has arrived.
    #[error("no such source")]
    UnknownSource,
    /// That kind of request was not agreed for what the source sends.
    #[error("request was not negotiated")]
    NotNegotiated,
}
