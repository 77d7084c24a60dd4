//! A message of a data channel.

use bytes::Bytes;

/// A text or binary message.
///
/// ```
/// use antiphon::data::Message;
///
/// let text = Message::text("hello");
/// assert_eq!(text.as_text(), Some("hello"));
/// assert_eq!(Message::binary(vec![1, 2]).as_text(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whether it is binary; else it is text in UTF-8.
    pub binary: bool,
    /// Its bytes; may be empty.
    pub data: Bytes,
}

impl Message {
    /// A text message.
    pub fn text(text: impl Into<String>) -> Self {
        Self { binary: false, data: Bytes::from(text.into()) }
    }

    /// A binary message.
    pub fn binary(data: impl Into<Bytes>) -> Self {
        Self { binary: true, data: data.into() }
    }

    /// The text, unless it is binary.
    pub fn as_text(&self) -> Option<&str> {
        if self.binary { None } else { core::str::from_utf8(&self.data).ok() }
    }
}
