//! RED (RFC 2198): a packet's payload beside those of earlier packets, which chance may have lost.

use super::error::PayloadError;
use crate::base::limits;
use crate::base::reader::Reader;
use crate::base::writer::{Full, Writer};

/// One payload within a RED payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Its payload type.
    pub payload_type: u8,
    /// How many ticks its timestamp lies before the packet's, less than 16384; 0 for the primary one.
    pub timestamp_offset: u16,
    /// Its bytes; a redundant one has less than 1024.
    pub data: &'a [u8],
}

/// The blocks of a RED payload: redundant ones in the order they stand, the primary one last.
///
/// ```
/// use antiphon::codec::red::Blocks;
///
/// // One redundant block of two bytes, 960 ticks older, and the primary one of one byte.
/// let blocks = Blocks::parse(&[0xef, 0x0f, 0x00, 0x02, 0x6f, 1, 2, 3])?;
/// let seen: Vec<_> = blocks.map(|block| (block.payload_type, block.timestamp_offset, block.data)).collect();
/// assert_eq!(seen, [(111, 960, &[1, 2][..]), (111, 0, &[3])]);
/// # Ok::<(), antiphon::codec::PayloadError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Blocks<'a> {
    headers: Reader<'a>,
    data: Reader<'a>,
    ended: bool,
}

const FOLLOWED: u8 = 0x80;

impl<'a> Blocks<'a> {
    /// Finds the blocks of a payload.
    ///
    /// # Errors
    /// [`PayloadError`] if a block reaches beyond it or there are more than [`limits::CODEC_RED_BLOCKS`].
    pub fn parse(payload: &'a [u8]) -> Result<Self, PayloadError> {
        if payload.is_empty() {
            return Err(PayloadError::Empty);
        }
        let truncated = PayloadError::Truncated { len: payload.len() };
        let mut reader = Reader::new(payload);
        let (mut total, mut blocks) = (0, 1);
        while reader.u8().ok_or(truncated)? & FOLLOWED != 0 {
            total += usize::try_from(reader.u24().ok_or(truncated)? & 0x3ff).map_err(|_| truncated)?;
            blocks += 1;
            if blocks > limits::CODEC_RED_BLOCKS {
                return Err(PayloadError::TooLong { len: blocks, limit: limits::CODEC_RED_BLOCKS });
            }
        }
        if total > reader.remaining() {
            return Err(truncated);
        }
        Ok(Self { headers: Reader::new(payload), data: reader, ended: false })
    }

    /// The block of this packet; `None` once it has been drawn.
    pub fn primary(self) -> Option<Block<'a>> {
        self.last()
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        if self.ended {
            return None;
        }
        let head = self.headers.u8()?;
        let payload_type = head & 0x7f;
        if head & FOLLOWED == 0 {
            self.ended = true;
            return Some(Block { payload_type, timestamp_offset: 0, data: self.data.rest() });
        }
        let fields = self.headers.u24()?;
        let data = self.data.bytes(usize::try_from(fields & 0x3ff).ok()?)?;
        Some(Block { payload_type, timestamp_offset: u16::try_from(fields >> 10).ok()?, data })
    }
}

/// Writes a RED payload: `redundant` blocks, oldest first, then the primary one, whose offset is not written.
/// A block whose offset or length cannot be said is left out.
///
/// # Errors
/// [`Full`] if there is no room.
///
/// ```
/// use antiphon::base::writer::Writer;
/// use antiphon::codec::red::{Block, write};
///
/// let mut buf = [0; 16];
/// let mut writer = Writer::new(&mut buf);
/// let old = Block { payload_type: 111, timestamp_offset: 960, data: &[1, 2] };
/// write(&mut writer, &[old], Block { payload_type: 111, timestamp_offset: 0, data: &[3] })?;
/// assert_eq!(writer.written(), [0xef, 0x0f, 0x00, 0x02, 0x6f, 1, 2, 3]);
/// # Ok::<(), antiphon::base::writer::Full>(())
/// ```
pub fn write(writer: &mut Writer<'_>, redundant: &[Block<'_>], primary: Block<'_>) -> Result<(), Full> {
    let said =
        || redundant.iter().filter(|block| block.timestamp_offset < 1 << 14 && block.data.len() < 1 << 10);
    for block in said() {
        let len = u32::try_from(block.data.len()).unwrap_or_default();
        writer.u8(FOLLOWED | block.payload_type & 0x7f)?;
        writer.u24(u32::from(block.timestamp_offset) << 10 | len)?;
    }
    writer.u8(primary.payload_type & 0x7f)?;
    for block in said() {
        writer.bytes(block.data)?;
    }
    writer.bytes(primary.data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_primary_block_alone() {
        let blocks: Vec<_> = Blocks::parse(&[0x6f, 9, 8]).unwrap().collect();
        assert_eq!(blocks, [Block { payload_type: 111, timestamp_offset: 0, data: &[9, 8] }]);
        assert_eq!(Blocks::parse(&[0x6f]).unwrap().primary().map(|block| block.data.len()), Some(0));
    }

    #[test]
    fn the_example_of_rfc_2198_section_6() {
        // Primary DVI4 (5), redundant LPC (7): offset 160, 14 bytes.
        let mut payload = vec![0x87, 0x02, 0x80, 0x0e, 0x05];
        payload.extend([0x77; 14]);
        payload.extend([0x55; 84]);
        let blocks: Vec<_> = Blocks::parse(&payload).unwrap().collect();
        assert_eq!(blocks[0], Block { payload_type: 7, timestamp_offset: 160, data: &[0x77; 14] });
        assert_eq!((blocks[1].payload_type, blocks[1].data), (5, &[0x55; 84][..]));
    }

    #[test]
    fn blocks_beyond_the_payload_are_refused() {
        let whole = [0xef, 0x0f, 0x00, 0x02, 0x6f, 1, 2];
        assert!(Blocks::parse(&whole).is_ok());
        for len in 1..whole.len() {
            assert_eq!(Blocks::parse(&whole[..len]).err(), Some(PayloadError::Truncated { len }));
        }
        assert_eq!(Blocks::parse(&[]).err(), Some(PayloadError::Empty));
        assert!(matches!(Blocks::parse(&[0x80; 4000]).err(), Some(PayloadError::TooLong { .. })));
    }
}
