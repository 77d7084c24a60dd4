//! What a session reports, and the ids it speaks of.

use crate::base::slots::Key;

/// Defines an id that wraps a key.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(super) Key);
    };
}

id!(
    /// One outgoing encoding.
    SenderId
);
id!(
    /// What arrives in one media section.
    ReceiverId
);
id!(
    /// One incoming stream: a synchronization source, repetitions included.
    SourceId
);

/// How a key frame is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyframeRequest {
    /// A picture was lost (RFC 4585 §6.3.1).
    Pli,
    /// A new receiver joined (RFC 5104 §4.3.1).
    Fir,
}

/// Something that happened to a [`Session`](super::Session).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A source was heard of for the first time, or its first packet told its section.
    Source(ReceiverId, SourceId),
    /// The peer said that the source has ended, or it fell silent for long and was forgotten.
    SourceEnded(ReceiverId, SourceId),
    /// A receiver has something to read. Not repeated until it has been read empty.
    Readable(ReceiverId),
    /// The peer wants a key frame of this encoding. Not more often than one can be made.
    KeyframeRequested(SenderId, KeyframeRequest),
    /// There is feedback to take with [`Session::take_feedback`](super::Session::take_feedback). Not repeated until all is taken.
    Feedback,
    /// Another participant uses the source of this encoding, which took another (RFC 3550 §8.2).
    SsrcChanged(SenderId),
    /// The session is over. Nothing follows.
    Closed,
}
