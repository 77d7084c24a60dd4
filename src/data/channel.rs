//! One channel's state.

use std::collections::VecDeque;

use bytes::Bytes;

use super::message::Message;
use super::stats::ChannelStats;
use crate::base::slots::Key;
use crate::sctp::{self, Reliability};
use crate::wire::dcep::ppid;

/// Names a channel of one [`Channels`](super::Channels). That of a channel that is gone finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub(super) Key);

impl ChannelId {
    /// A name that no other channel of the same association has or had.
    pub(crate) fn name(self) -> String {
        format!("{}.{}", self.0.index(), self.0.generation())
    }
}

/// The state of a channel, as the W3C's `readyState`.
///
/// ```text
///            association can send            close_channel, or the peer's reset
/// Connecting ───────────────────▶ Open ──────────────────────────────────────▶ Closing
///     │                             │                                             │ both directions
///     ▼ close_channel, or failure   ▼ association over                            ▼ reset
///   Closed ◀───────────────────── Closed ◀──────────────────────────────────── Closed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelState {
    /// The association is not up yet.
    Connecting,
    /// Messages may be sent.
    Open,
    /// What was queued is sent, then the stream is reset.
    Closing,
    /// Over.
    Closed,
}

/// Our reset of a channel's outgoing stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    /// In use.
    Used,
    /// To be reset once the association is established.
    Due,
    /// The association has been asked.
    Asked,
    /// Done.
    Reset,
    /// The peer does not do it; the stream is never used again.
    Failed,
}

/// A channel.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each set at one place")]
pub(super) struct Channel {
    pub(super) label: Box<str>,
    pub(super) protocol: Box<str>,
    pub(super) ordered: bool,
    pub(super) reliability: Reliability,
    pub(super) negotiated: bool,
    /// The peer opened it.
    pub(super) is_peers: bool,
    pub(super) priority: u16,
    pub(super) stream: Option<u16>,
    pub(super) state: ChannelState,
    /// Whether the peer has the channel: it acknowledged it, opened it, agreed on it or sent something. Until then all is sent
    /// ordered (RFC 8832 §6).
    pub(super) acked: bool,
    /// Closed by our own side: what arrives is discarded.
    pub(super) discards: bool,
    /// The peer's direction is reset.
    pub(super) incoming_reset: bool,
    /// Our direction.
    pub(super) outgoing: Outgoing,
    /// Our direction is reset only once what the association holds has been read.
    pub(super) drain_first: bool,
    /// `Readable` waits in the outbox.
    pub(super) readable_queued: bool,
    /// `BufferedAmountLow` waits in the outbox.
    pub(super) low_queued: bool,
    /// Something was sent, or refused, since `BufferedAmountLow` was last reported.
    pub(super) low_wanted: bool,
    /// `Close` has been reported.
    pub(super) close_reported: bool,
    pub(super) low_threshold: usize,
    /// Messages taken from the association before the application asked for them.
    pub(super) early: VecDeque<sctp::Message>,
    /// The pieces so far of a message sent with the deprecated identifiers.
    pub(super) partial: Option<Vec<u8>>,
    pub(super) stats: ChannelStats,
}

/// What a message as SCTP carried it is to the application.
#[derive(Debug)]
pub(super) enum Decoded {
    Message(Message),
    /// A piece, not the last.
    Piece(Bytes),
    InvalidUtf8,
    UnknownPpid,
}

/// Reads a user message by its payload protocol identifier (RFC 8831 §6.6).
pub(super) fn decode(id: u32, data: Bytes) -> Decoded {
    match id {
        ppid::BINARY => Decoded::Message(Message { binary: true, data }),
        ppid::STRING if core::str::from_utf8(&data).is_err() => Decoded::InvalidUtf8,
        ppid::STRING => Decoded::Message(Message { binary: false, data }),
        // The one byte stands for nothing, whatever it is.
        ppid::STRING_EMPTY => Decoded::Message(Message { binary: false, data: Bytes::new() }),
        ppid::BINARY_EMPTY => Decoded::Message(Message { binary: true, data: Bytes::new() }),
        ppid::BINARY_PARTIAL | ppid::STRING_PARTIAL => Decoded::Piece(data),
        _ => Decoded::UnknownPpid,
    }
}

/// How SCTP carries a message: SCTP cannot send an empty one.
pub(super) fn encode(message: &Message) -> (u32, Bytes) {
    match (message.binary, message.data.is_empty()) {
        (false, false) => (ppid::STRING, message.data.clone()),
        (true, false) => (ppid::BINARY, message.data.clone()),
        (false, true) => (ppid::STRING_EMPTY, Bytes::from_static(&[0])),
        (true, true) => (ppid::BINARY_EMPTY, Bytes::from_static(&[0])),
    }
}

impl Channel {
    /// Whether what comes on its stream now is another channel's: the peer has reset its direction and was asked to see ours reset.
    pub(super) fn is_superseded(&self) -> bool {
        self.incoming_reset && self.outgoing == Outgoing::Asked
    }

    /// Bytes of label and protocol that are kept for the peer.
    pub(super) fn charged_labels(&self) -> usize {
        if self.is_peers { self.label.len() + self.protocol.len() } else { 0 }
    }

    /// A channel that nobody knows yet.
    pub(super) fn new(label: Box<str>, protocol: Box<str>, ordered: bool, reliability: Reliability) -> Self {
        Self {
            label,
            protocol,
            ordered,
            reliability,
            negotiated: false,
            is_peers: false,
            priority: 256,
            stream: None,
            state: ChannelState::Connecting,
            acked: false,
            discards: false,
            incoming_reset: false,
            outgoing: Outgoing::Used,
            drain_first: false,
            readable_queued: false,
            low_queued: false,
            low_wanted: false,
            close_reported: false,
            low_threshold: 0,
            early: VecDeque::new(),
            partial: None,
            stats: ChannelStats::default(),
        }
    }
}
