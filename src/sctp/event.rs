//! What an association reports.

/// Something that happened to an [`Association`](super::Association).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is done; data may have been on its way before.
    Connected,
    /// The peer started anew (RFC 9260 §5.2.4.1): what was queued or in flight is lost, sequence numbers begin again. What had arrived before
    /// can still be read, ahead of what comes after; of that nothing can be read before this event has been given out.
    Restarted,
    /// A stream has a message to read. Not repeated until the stream has been read empty.
    Readable(u16),
    /// A stream's unsent bytes fell to its threshold, or, after a refusal, to the greater of that and half the limit.
    BufferedAmountLow(u16),
    /// The unsent bytes of all streams together fell to the threshold set for them.
    TotalBufferedAmountLow,
    /// The peer performed our reset of this stream: its sequence numbers begin again at 0.
    OutgoingReset {
        /// The stream, in our sending direction.
        stream: u16,
    },
    /// The peer reset this stream, and all it sent before has arrived.
    IncomingReset {
        /// The stream, in the peer's sending direction.
        stream: u16,
    },
    /// The peer refused our reset of this stream; its sequence numbers go on.
    ResetFailed {
        /// The stream, in our sending direction.
        stream: u16,
        /// What the peer answered.
        reason: ResetFailure,
    },
    /// The peer sent an ERROR chunk with this cause code (RFC 9260 §3.3.10).
    PeerError {
        /// The cause code.
        cause: u16,
    },
    /// The association is over. Nothing follows.
    Closed(CloseReason),
}

/// Why the peer did not reset a stream (RFC 6525 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetFailure {
    /// The peer's policy, or it does not know RFC 6525.
    Denied,
    /// The peer does not have such a stream, or says the request is wrong.
    Wrong,
    /// The sequence number of the request was not what the peer expected.
    BadSequenceNumber,
    /// The peer is busy with another request of ours.
    Busy,
}

/// Why an association ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// Both sides shut down in order (RFC 9260 §9.2).
    Shutdown,
    /// We aborted.
    Aborted,
    /// The peer aborted.
    PeerAborted {
        /// The code of the first cause it gave, 0 if none.
        cause: u16,
    },
    /// INIT or COOKIE ECHO was repeated `Config::max_init_retransmits` times without an answer.
    SetupTimeout,
    /// `Config::max_retransmits` timeouts in a row, or the shutdown took too long.
    Unreachable,
    /// The peer broke the protocol in a way that leaves nothing to go on with.
    ProtocolViolation,
    /// The peer sent a message longer than `Config::max_receive_message_size`.
    MessageTooLong,
    /// What carried the packets was closed by the peer. Told by data channels alone, whose transport it is.
    TransportClosed,
    /// What carried the packets failed. Told by data channels alone.
    TransportFailed,
}
