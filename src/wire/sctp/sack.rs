//! SACK (RFC 9260 §3.3.4).

use crate::base::reader::Reader;
use crate::base::serial::Tsn;

/// TSNs received beyond the cumulative one, as offsets from it; both ends belong to the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GapBlock {
    /// Offset of the first.
    pub start: u16,
    /// Offset of the last.
    pub end: u16,
}

/// A SACK, borrowed from its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sack<'a> {
    /// The last TSN received in sequence.
    pub cumulative_tsn: Tsn,
    /// The receiver's window in bytes.
    pub a_rwnd: u32,
    gaps: &'a [[u8; 4]],
    duplicates: &'a [[u8; 4]],
}

impl<'a> Sack<'a> {
    /// Bytes of a SACK without blocks and duplicates, its header included.
    pub const HEADER_LEN: usize = 16;

    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let (cumulative_tsn, a_rwnd) = (Tsn(reader.u32()?), reader.u32()?);
        let (gaps, duplicates) = (usize::from(reader.u16()?), usize::from(reader.u16()?));
        let gaps = reader.bytes(gaps * 4)?.as_chunks().0;
        let duplicates = reader.bytes(duplicates * 4)?.as_chunks().0;
        reader.is_empty().then_some(Self { cumulative_tsn, a_rwnd, gaps, duplicates })
    }

    /// The gap blocks as they came: neither sorted nor checked against each other, and `end` may lie before `start`.
    pub fn gap_blocks(&self) -> impl ExactSizeIterator<Item = GapBlock> + DoubleEndedIterator + use<'a> {
        self.gaps.iter().map(|[a, b, c, d]| GapBlock {
            start: u16::from_be_bytes([*a, *b]),
            end: u16::from_be_bytes([*c, *d]),
        })
    }

    /// TSNs that came more than once.
    pub fn duplicates(&self) -> impl ExactSizeIterator<Item = Tsn> + use<'a> {
        self.duplicates.iter().map(|tsn| Tsn(u32::from_be_bytes(*tsn)))
    }
}
