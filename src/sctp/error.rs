//! What the calls of an association may refuse.

/// Why a message was not taken. Nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The stream's buffer is at its limit; `BufferedAmountLow` will come.
    #[error("buffered {buffered} of {limit} bytes")]
    BufferFull {
        /// Bytes of the stream not yet handed to the network.
        buffered: usize,
        /// `Config::send_limit`.
        limit: usize,
    },
    /// The peer does not take messages of this length.
    #[error("message of {len} bytes, at most {max} are allowed")]
    TooLong {
        /// The message's length.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
    /// RFC 9260 §3.3.1: a DATA chunk carries at least one byte.
    #[error("message is empty")]
    Empty,
    /// The peer accepts fewer streams.
    #[error("stream {stream} of {streams}")]
    NoSuchStream {
        /// The stream asked for.
        stream: u16,
        /// How many there are.
        streams: u16,
    },
    /// `shutdown` was called, or the peer began to shut down.
    #[error("association is shutting down")]
    ShuttingDown,
    /// The association is over.
    #[error("association is closed")]
    Closed,
}

/// Why streams were not reset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResetError {
    /// The peer does not know RFC 6525.
    #[error("peer does not support stream reset")]
    NotSupported,
    /// The peer accepts fewer streams.
    #[error("stream {stream} of {streams}")]
    NoSuchStream {
        /// The stream asked for.
        stream: u16,
        /// How many there are.
        streams: u16,
    },
    /// There is no established association.
    #[error("association is not established")]
    NotConnected,
}
