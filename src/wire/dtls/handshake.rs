//! Handshake headers and fragments (RFC 6347 §4.2.2).

use crate::base::reader::Reader;
use crate::base::writer::{Full, Writer};

/// Bytes of a handshake header.
pub const HEADER_LEN: usize = 12;

/// Which handshake message it is (RFC 5246 §7.4); other numbers are kept as they came.
///
/// ```
/// use antiphon::wire::dtls::handshake::HandshakeType;
/// assert_eq!(HandshakeType::FINISHED.0, 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeType(pub u8);

#[expect(missing_docs, reason = "the names are those of RFC 5246 §7.4 and RFC 6347 §4.3.2")]
impl HandshakeType {
    pub const HELLO_REQUEST: Self = Self(0);
    pub const CLIENT_HELLO: Self = Self(1);
    pub const SERVER_HELLO: Self = Self(2);
    pub const HELLO_VERIFY_REQUEST: Self = Self(3);
    pub const CERTIFICATE: Self = Self(11);
    pub const SERVER_KEY_EXCHANGE: Self = Self(12);
    pub const CERTIFICATE_REQUEST: Self = Self(13);
    pub const SERVER_HELLO_DONE: Self = Self(14);
    pub const CERTIFICATE_VERIFY: Self = Self(15);
    pub const CLIENT_KEY_EXCHANGE: Self = Self(16);
    pub const FINISHED: Self = Self(20);
}

/// One fragment of a handshake message; a short message is one fragment.
///
/// ```
/// use antiphon::wire::dtls::handshake::{Fragments, HandshakeType};
/// let content = [11, 0, 0, 9, 0, 1, 0, 0, 4, 0, 0, 2, 0xaa, 0xbb];
/// let fragment = Fragments::new(&content).next().expect("bytes 4 and 5 of 9");
/// assert_eq!((fragment.kind, fragment.offset, fragment.end()), (HandshakeType::CERTIFICATE, 4, 6));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Which message it is.
    pub kind: HandshakeType,
    /// Bytes of the whole message.
    pub total: usize,
    /// Which message of its sender it is, from 0.
    pub message_seq: u16,
    /// Where in the message this part starts.
    pub offset: usize,
    /// The part.
    pub data: &'a [u8],
}

impl Fragment<'_> {
    /// Where in the message this part ends.
    pub const fn end(&self) -> usize {
        self.offset + self.data.len()
    }
}

/// The fragments in one record's content, in order; iteration ends at the first that is malformed.
///
/// ```
/// use antiphon::wire::dtls::handshake::{Fragments, HandshakeType, whole_header};
/// let content = whole_header(HandshakeType::SERVER_HELLO_DONE, 4, 0);
/// let mut fragments = Fragments::new(&content);
/// assert_eq!(fragments.next().map(|fragment| fragment.message_seq), Some(4));
/// assert!(fragments.next().is_none() && fragments.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Fragments<'a> {
    reader: Reader<'a>,
}

impl<'a> Fragments<'a> {
    /// The fragments in `content`.
    pub const fn new(content: &'a [u8]) -> Self {
        Self { reader: Reader::new(content) }
    }

    /// Whether all was read; false after the iteration ended means that the rest is no fragment.
    pub const fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }
}

impl<'a> Iterator for Fragments<'a> {
    type Item = Fragment<'a>;

    fn next(&mut self) -> Option<Fragment<'a>> {
        let mut reader = self.reader;
        let kind = HandshakeType(reader.u8()?);
        let total = usize::try_from(reader.u24()?).ok()?;
        let message_seq = reader.u16()?;
        let offset = usize::try_from(reader.u24()?).ok()?;
        let data = reader.vec24()?;
        if offset + data.len() > total {
            return None;
        }
        self.reader = reader;
        Some(Fragment { kind, total, message_seq, offset, data })
    }
}

/// Writes the header of the fragment that holds `part` of a message of `total` bytes.
///
/// # Errors
/// [`Full`] if it does not fit, or if a length does not fit its 24 bits.
pub fn write_header(
    writer: &mut Writer<'_>,
    (kind, message_seq): (HandshakeType, u16),
    total: usize,
    part: core::ops::Range<usize>,
) -> Result<(), Full> {
    let u24 = |len: usize| {
        let value = u32::try_from(len).ok().filter(|value| *value < 1 << 24);
        value.ok_or(Full { wanted: len, left: 1 << 24 })
    };
    writer.u8(kind.0)?;
    writer.u24(u24(total)?)?;
    writer.u16(message_seq)?;
    writer.u24(u24(part.start)?)?;
    writer.u24(u24(part.len())?)
}

/// The header of a message in one piece, as the transcript has it (RFC 6347 §4.2.6).
pub fn whole_header(kind: HandshakeType, message_seq: u16, total: usize) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    // Messages are bounded far below 2^24 by whoever builds them; a longer one would have zeros for its length.
    let _written = write_header(&mut Writer::new(&mut header), (kind, message_seq), total, 0..total);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_messages_share_a_record() {
        let mut content = whole_header(HandshakeType::SERVER_HELLO_DONE, 5, 0).to_vec();
        content.extend_from_slice(&whole_header(HandshakeType::FINISHED, 6, 2));
        content.extend_from_slice(&[7, 8]);
        let mut fragments = Fragments::new(&content);
        assert_eq!(fragments.next().map(|f| (f.kind, f.total)), Some((HandshakeType::SERVER_HELLO_DONE, 0)));
        assert_eq!(fragments.next().map(|f| (f.message_seq, f.data)), Some((6, &[7, 8][..])));
        assert!(fragments.next().is_none() && fragments.is_empty());
    }

    #[test]
    fn a_fragment_beyond_its_message_is_refused() {
        let mut content = whole_header(HandshakeType::FINISHED, 0, 4);
        content[8] = 1; // offset 1, and 4 bytes of 4
        let mut content = content.to_vec();
        content.extend_from_slice(&[0; 4]);
        let mut fragments = Fragments::new(&content);
        assert!(fragments.next().is_none());
        assert!(!fragments.is_empty());
    }
}
