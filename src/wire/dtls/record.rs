//! DTLS 1.2 record headers (RFC 6347 §4.1) and the records of a datagram.

use crate::base::reader::Reader;
use crate::base::writer::{Full, Writer};

/// Bytes of a record header.
pub const HEADER_LEN: usize = 13;
/// Largest sequence number of an epoch: they have 48 bits.
pub const MAX_SEQUENCE: u64 = (1 << 48) - 1;
/// Longest content of one record (RFC 5246 §6.2.1).
pub const MAX_PLAINTEXT: usize = 1 << 14;

/// What a record carries (RFC 5246 §6.2.1).
///
/// ```
/// use antiphon::wire::dtls::record::ContentType;
/// assert_eq!(ContentType::from_u8(22), Some(ContentType::Handshake));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// Keys change with the next record.
    ChangeCipherSpec,
    /// Alerts.
    Alert,
    /// Fragments of handshake messages.
    Handshake,
    /// The application's bytes.
    ApplicationData,
}

impl ContentType {
    /// The type with this number.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            20 => Some(Self::ChangeCipherSpec),
            21 => Some(Self::Alert),
            22 => Some(Self::Handshake),
            23 => Some(Self::ApplicationData),
            _ => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::ChangeCipherSpec => 20,
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::ApplicationData => 23,
        }
    }
}

/// A protocol version as it stands in records and hellos: the ones' complement of what it is called.
///
/// ```
/// use antiphon::wire::dtls::record::Version;
/// assert!(Version::DTLS_1_2.at_least(Version::DTLS_1_0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u16);

impl Version {
    /// DTLS 1.0: in the records before a version is known, and in `HelloVerifyRequest` (RFC 6347 §4.2.1).
    pub const DTLS_1_0: Self = Self(0xfeff);
    /// DTLS 1.2.
    pub const DTLS_1_2: Self = Self(0xfefd);

    /// Whether it is some DTLS.
    pub const fn is_dtls(self) -> bool {
        self.0 >> 8 == 0xfe
    }

    /// Whether it is `other` or newer. Newer versions have smaller numbers, of which the lower half is left to TLS: a client may
    /// say any that is yet to come (RFC 5246 appendix E.1).
    pub const fn at_least(self, other: Self) -> bool {
        self.0 >= 0x8000 && self.0 <= other.0
    }
}

/// One record as it stands in a datagram.
///
/// ```
/// use antiphon::wire::dtls::record::Records;
/// let datagram = [21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 7, 0, 2, 1, 0];
/// let record = Records::new(&datagram).next().expect("a record");
/// assert_eq!((record.epoch, record.sequence, record.whole.len()), (1, 7, 15));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What it carries.
    pub content_type: ContentType,
    /// The version it claims.
    pub version: Version,
    /// Which keys protect it; 0 is none.
    pub epoch: u16,
    /// Its number within the epoch, 48 bits.
    pub sequence: u64,
    /// The content, encrypted unless the epoch is 0.
    pub fragment: &'a [u8],
    /// Header and content.
    pub whole: &'a [u8],
}

/// The records of one datagram, in order; those of an unknown type are passed over, and iteration ends at the first that
/// is malformed.
///
/// ```
/// use antiphon::wire::dtls::record::{ContentType, Records};
///
/// let datagram = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1, 0xaa];
/// let mut records = Records::new(&datagram);
/// let record = records.next().ok_or("a record")?;
/// assert_eq!((record.content_type, record.sequence, record.fragment), (ContentType::Handshake, 7, &[0xaa][..]));
/// assert!(records.next().is_none() && records.is_empty());
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct Records<'a> {
    reader: Reader<'a>,
    unknown: u64,
}

impl<'a> Records<'a> {
    /// The records of `datagram`.
    pub const fn new(datagram: &'a [u8]) -> Self {
        Self { reader: Reader::new(datagram), unknown: 0 }
    }

    /// Whether all was read; false after the iteration ended means that the rest is no record.
    pub const fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }

    /// How many records of an unknown type were passed over.
    pub const fn unknown(&self) -> u64 {
        self.unknown
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        loop {
            let start = self.reader.rest();
            let mut reader = self.reader;
            let content_type = ContentType::from_u8(reader.u8()?);
            let version = Version(reader.u16()?);
            if !version.is_dtls() {
                return None;
            }
            let epoch = reader.u16()?;
            let sequence = reader.u48()?;
            let fragment = reader.vec16()?;
            let whole = start.get(..HEADER_LEN + fragment.len())?;
            self.reader = reader;
            if let Some(content_type) = content_type {
                return Some(Record { content_type, version, epoch, sequence, fragment, whole });
            }
            self.unknown += 1;
        }
    }
}

/// Writes the header of a record whose content has `len` bytes.
///
/// # Errors
/// [`Full`] if it does not fit, or if `len` does not fit its 16 bits.
pub fn write_header(
    writer: &mut Writer<'_>,
    content_type: ContentType,
    version: Version,
    (epoch, sequence): (u16, u64),
    len: usize,
) -> Result<(), Full> {
    let len = u16::try_from(len).map_err(|_| Full { wanted: len, left: usize::from(u16::MAX) })?;
    writer.u8(content_type.number())?;
    writer.u16(version.0)?;
    writer.u16(epoch)?;
    writer.u48(sequence)?;
    writer.u16(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_a_round_trip() {
        let mut buf = [0; 20];
        let mut writer = Writer::new(&mut buf);
        write_header(&mut writer, ContentType::Alert, Version::DTLS_1_2, (3, MAX_SEQUENCE), 2).unwrap();
        writer.bytes(&[2, 40]).unwrap();
        let written = writer.written().to_vec();
        let record = Records::new(&written).next().unwrap();
        assert_eq!((record.epoch, record.sequence, record.fragment), (3, MAX_SEQUENCE, &[2, 40][..]));
        assert_eq!(record.whole, &written[..]);
    }

    #[test]
    fn a_record_longer_than_its_datagram_ends_the_datagram() {
        let datagram = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 7, 0, 2, 0xaa];
        let mut records = Records::new(&datagram);
        assert!(records.next().is_none());
        assert!(!records.is_empty());
    }

    #[test]
    fn a_record_of_an_unknown_type_is_passed_over() {
        let mut datagram = vec![26, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1, 0xaa];
        datagram.extend_from_slice(&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0]);
        let mut records = Records::new(&datagram);
        assert_eq!(records.next().map(|record| record.sequence), Some(8));
        assert!(records.next().is_none() && records.is_empty());
        assert_eq!(records.unknown(), 1);
    }

    #[test]
    fn versions_count_downwards() {
        assert!(Version::DTLS_1_2.at_least(Version::DTLS_1_0));
        assert!(!Version::DTLS_1_0.at_least(Version::DTLS_1_2));
        assert!(!Version(0xffff).at_least(Version::DTLS_1_2));
        for newer in [0xfefc, 0xfe00, 0xfcff] {
            assert!(Version(newer).at_least(Version::DTLS_1_2));
        }
        assert!(!Version(0x0303).at_least(Version::DTLS_1_2));
    }
}
