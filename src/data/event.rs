//! What data channels report.

use super::channel::ChannelId;
use crate::sctp;

/// Something that happened to the channels.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The association stands.
    Connected,
    /// The peer opened a channel.
    Channel(ChannelId),
    /// Messages may be sent on it.
    Open(ChannelId),
    /// It has a message to read. Not repeated until it has been read empty.
    Readable(ChannelId),
    /// Its unsent bytes fell to the threshold, or there is room again after a refusal.
    BufferedAmountLow(ChannelId),
    /// The peer closes it; what had arrived can still be read.
    Closing(ChannelId),
    /// It is closed. Its id is good until the next poll, or until it has been read empty.
    Close(ChannelId),
    /// It failed; `Close` follows.
    Error(ChannelId, DataChannelFailure),
    /// The association is over. Nothing follows.
    Closed(sctp::CloseReason),
}

/// Why a channel failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataChannelFailure {
    /// The peer closed it instead of accepting it (RFC 8832 §6).
    Refused,
    /// The peer opened a channel on a stream that this one uses.
    OpenedTwice,
    /// The peer sent a message of the channel protocol that cannot be read (RFC 8832 §7).
    Malformed,
    /// The peer has fewer streams than its id needs, or no id was free.
    NoStream,
    /// The peer began a new association (RFC 9260 §5.2): what was queued or in flight is lost.
    Restarted,
    /// The association did not take its opening message, or that is longer than what the peer receives.
    NotSent,
    /// The peer sent a message whose payload protocol identifier is none of data channels' (RFC 8831 §6.6): the channel is closed.
    UnknownPayload,
    /// The association ended.
    Association(sctp::CloseReason),
}
