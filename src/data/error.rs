//! What the calls of data channels may refuse.

use crate::sctp;

/// Why a channel was not created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataChannelError {
    /// Label longer than 65535 bytes.
    #[error("label of {len} bytes, at most 65535 are allowed")]
    LabelTooLong {
        /// Its length.
        len: usize,
    },
    /// Protocol longer than 65535 bytes.
    #[error("protocol of {len} bytes, at most 65535 are allowed")]
    ProtocolTooLong {
        /// Its length.
        len: usize,
    },
    /// Both `max_retransmits` and `max_packet_life_time`.
    #[error("both a number of retransmissions and a life time are given")]
    TwoReliabilities,
    /// The stream id 65535, or one beyond what was negotiated.
    #[error("stream id {id}, ids below {limit} are allowed")]
    InvalidId {
        /// The id asked for.
        id: u16,
        /// One more than the greatest allowed.
        limit: u16,
    },
    /// Another channel has this stream id, or has not finished closing.
    #[error("stream id {id} is in use")]
    IdInUse {
        /// The id asked for.
        id: u16,
    },
    /// Every stream id of our parity is in use.
    #[error("no free stream id below {limit}")]
    NoFreeId {
        /// One more than the greatest allowed.
        limit: u16,
    },
    /// [`Config::max_channels`](super::Config::max_channels).
    #[error("{limit} channels exist already")]
    TooMany {
        /// How many may exist.
        limit: usize,
    },
    /// The association is over.
    #[error("association is closed")]
    Closed,
}

/// Why a message was not taken. Nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No such channel (any more).
    #[error("no such channel")]
    NoSuchChannel,
    /// The channel is not open yet, or closing.
    #[error("channel is not open")]
    NotOpen,
    /// The channel's buffer is at its limit; `BufferedAmountLow` will come.
    #[error("buffered {buffered} of {limit} bytes")]
    BufferFull {
        /// Bytes not yet handed to the network.
        buffered: usize,
        /// How many may be.
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
    /// A text message whose bytes are not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// The association refuses.
    #[error("association does not take the message")]
    Association(#[source] sctp::SendError),
}
