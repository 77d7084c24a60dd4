//! Messages and how they are to be sent.

use bytes::Bytes;
use core::time::Duration;

/// A user message on a stream.
///
/// ```
/// let message = antiphon::sctp::Message { stream: 1, ppid: 51, data: "hello".into() };
/// assert_eq!(message.data.len(), 5);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The stream it travels on.
    pub stream: u16,
    /// The payload protocol identifier (RFC 8831 §8), opaque here.
    pub ppid: u32,
    /// At least one byte.
    pub data: Bytes,
}

/// How hard to try (RFC 3758, RFC 7496).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reliability {
    /// Until it arrives.
    #[default]
    Reliable,
    /// Send again at most this often. What a peer without RFC 3758 is sent is sent until it arrives.
    MaxRetransmits(u16),
    /// Neither send nor send again when this much time has passed since `send`.
    MaxLifetime(Duration),
}

/// Options of one message.
///
/// ```
/// use antiphon::sctp::{Reliability, SendOptions};
///
/// assert!(SendOptions::default().ordered);
/// let position = SendOptions { ordered: false, reliability: Reliability::MaxRetransmits(0) };
/// assert_ne!(position, SendOptions::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendOptions {
    /// Whether the message waits for those sent before it on its stream.
    pub ordered: bool,
    /// How hard to try.
    pub reliability: Reliability,
}

impl Default for SendOptions {
    fn default() -> Self {
        Self { ordered: true, reliability: Reliability::Reliable }
    }
}
