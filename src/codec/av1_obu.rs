//! OBUs of AV1: headers, LEB128, and what the first of them say about a temporal unit (AV1 bitstream specification §5).

use super::bits::Bits;
use super::error::PacketizeError;
use crate::base::reader::Reader;

/// OBU types (§6.2.2).
pub mod kind {
    /// Sequence header.
    pub const SEQUENCE_HEADER: u8 = 1;
    /// Temporal delimiter: not sent.
    pub const TEMPORAL_DELIMITER: u8 = 2;
    /// Frame header.
    pub const FRAME_HEADER: u8 = 3;
    /// Frame header and tiles.
    pub const FRAME: u8 = 6;
    /// Tile list: not sent.
    pub const TILE_LIST: u8 = 8;
}

/// Whether OBUs of this type are left out of packets, and passed over in those of others.
pub(super) const fn is_dropped(kind: u8) -> bool {
    matches!(kind, kind::TEMPORAL_DELIMITER | kind::TILE_LIST)
}

/// The one or two bytes before every OBU (§5.3.2).
///
/// ```
/// use antiphon::codec::av1_obu::Header;
///
/// let header = Header::read(&mut antiphon::base::reader::Reader::new(&[0x36, 0x28])).unwrap();
/// assert_eq!((header.kind, header.has_size, header.layer()), (6, true, Some((1, 1))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The forbidden bit: the OBU is damaged.
    pub forbidden: bool,
    /// Type.
    pub kind: u8,
    /// Whether its size follows.
    pub has_size: bool,
    /// Temporal id, spatial id and reserved bits, as they are.
    pub extension: Option<u8>,
    /// The reserved bit of the first byte.
    pub reserved: bool,
}

impl Header {
    /// Reads a header; `None` at the end.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut ahead = *reader;
        let first = ahead.u8()?;
        let extension = if first & 4 == 0 { None } else { Some(ahead.u8()?) };
        *reader = ahead;
        Some(Self {
            forbidden: first & 0x80 != 0,
            kind: first >> 3 & 15,
            has_size: first & 2 != 0,
            extension,
            reserved: first & 1 != 0,
        })
    }

    /// Temporal and spatial layer, if they are said.
    pub fn layer(&self) -> Option<(u8, u8)> {
        self.extension.map(|byte| (byte >> 5, byte >> 3 & 3))
    }

    /// Its length in bytes.
    pub(super) const fn len(self) -> usize {
        if self.extension.is_some() { 2 } else { 1 }
    }

    /// The bytes; [`len`](Self::len) of them count.
    pub(super) const fn to_bytes(self) -> [u8; 2] {
        let has_extension = self.extension.is_some();
        let first = (self.forbidden as u8) << 7
            | (self.kind & 15) << 3
            | (has_extension as u8) << 2
            | (self.has_size as u8) << 1
            | self.reserved as u8;
        match self.extension {
            Some(extension) => [first, extension],
            None => [first, 0],
        }
    }
}

/// Reads a number in LEB128 (§4.10.5): at most eight bytes, at most 32 bits.
///
/// ```
/// use antiphon::base::reader::Reader;
/// use antiphon::codec::av1_obu::read_leb128;
///
/// assert_eq!(read_leb128(&mut Reader::new(&[0xe5, 0x8e, 0x26])), Some(624_485));
/// assert_eq!(read_leb128(&mut Reader::new(&[0x80])), None);
/// ```
pub fn read_leb128(reader: &mut Reader<'_>) -> Option<u32> {
    let mut ahead = *reader;
    let mut value = 0_u64;
    for group in 0..8 {
        let byte = ahead.u8()?;
        value |= u64::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            *reader = ahead;
            return u32::try_from(value).ok();
        }
    }
    None
}

/// Longest LEB128 that is written: of 32 bits.
pub(super) const LEB128_MAX: usize = 5;

/// How many bytes a number takes in LEB128.
pub(super) const fn leb128_len(value: usize) -> usize {
    let bits = usize::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// A number of at most 35 bits in LEB128, and how many bytes of it count.
pub(super) fn leb128(value: usize) -> ([u8; LEB128_MAX], usize) {
    let len = leb128_len(value).min(LEB128_MAX);
    let mut bytes = [0; LEB128_MAX];
    for (group, byte) in bytes.iter_mut().take(len).enumerate() {
        let [low, ..] = (value >> (7 * group)).to_le_bytes();
        let more = if group + 1 < len { 0x80 } else { 0 };
        *byte = low & 0x7f | more;
    }
    (bytes, len)
}

/// One OBU of a temporal unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obu<'a> {
    /// Its header.
    pub header: Header,
    /// Where in the unit its payload begins.
    pub at: usize,
    /// What follows header and size.
    pub payload: &'a [u8],
}

/// The OBUs of a temporal unit in the low-overhead format (§5.2). The last may lack its size.
///
/// ```
/// use antiphon::codec::av1_obu::Obus;
///
/// let unit = [0x12, 0x00, 0x32, 0x02, 0xaa, 0xbb]; // temporal delimiter, frame of two bytes
/// let kinds: Vec<u8> = Obus::new(&unit).flatten().map(|obu| obu.header.kind).collect();
/// assert_eq!(kinds, [2, 6]);
/// ```
#[derive(Clone, Debug)]
pub struct Obus<'a> {
    reader: Reader<'a>,
    failed: bool,
}

impl<'a> Obus<'a> {
    /// The OBUs of `unit`.
    pub const fn new(unit: &'a [u8]) -> Self {
        Self { reader: Reader::new(unit), failed: false }
    }

    fn read(&mut self) -> Option<Obu<'a>> {
        let header = Header::read(&mut self.reader).filter(|header| !header.forbidden)?;
        let size = if header.has_size {
            usize::try_from(read_leb128(&mut self.reader)?).ok()?
        } else {
            self.reader.remaining()
        };
        let at = self.reader.position();
        Some(Obu { header, at, payload: self.reader.bytes(size)? })
    }
}

impl<'a> Iterator for Obus<'a> {
    type Item = Result<Obu<'a>, PacketizeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.reader.is_empty() {
            return None;
        }
        let at = self.reader.position();
        let obu = self.read();
        self.failed = obu.is_none();
        Some(obu.ok_or(PacketizeError::Obu { at }))
    }
}

/// Whether a temporal unit begins a coded video sequence: a sequence header, and a key frame as its first frame.
pub(super) fn is_keyframe(unit: &[u8]) -> bool {
    let mut sequence = None;
    for obu in Obus::new(unit).flatten() {
        match obu.header.kind {
            kind::SEQUENCE_HEADER => sequence = SequenceHeader::parse(obu.payload),
            kind::FRAME_HEADER | kind::FRAME => {
                return sequence.is_some_and(|sequence| is_key_frame_header(obu.payload, sequence));
            }
            _ => {}
        }
    }
    false
}

/// The first bits of an uncompressed header (§5.9.2).
fn is_key_frame_header(payload: &[u8], sequence: SequenceHeader) -> bool {
    let mut bits = Bits::new(payload);
    sequence.reduced_still_picture
        || bits.bit() == Some(false) // show_existing_frame
            && bits.bits(2) == Some(0) // frame_type
}

/// What is read of a sequence header.
///
/// ```
/// use antiphon::codec::av1_obu::SequenceHeader;
///
/// let header = SequenceHeader::parse(&[0x18, 0x15, 0x23, 0x9f, 0x60, 0x10]).unwrap();
/// assert_eq!((header.profile, header.resolution), (0, (36, 20)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceHeader {
    /// `seq_profile`.
    pub profile: u8,
    /// `reduced_still_picture_header`: every frame is a key frame.
    pub reduced_still_picture: bool,
    /// `seq_level_idx` of the first operating point.
    pub level_idx: u8,
    /// Whether its tier is High.
    pub high_tier: bool,
    /// Greatest width and height.
    pub resolution: (u32, u32),
}

impl SequenceHeader {
    /// Reads the payload of a sequence header; `None` if it is cut short (§5.5).
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(payload);
        let profile = bits.small(3)?;
        bits.skip(1)?; // still_picture
        let reduced_still_picture = bits.bit()?;
        let (level_idx, high_tier) =
            if reduced_still_picture { (bits.small(5)?, false) } else { operating_points(&mut bits)? };
        let (width_bits, height_bits) = (bits.bits(4)? + 1, bits.bits(4)? + 1);
        let resolution = (bits.bits(width_bits)? + 1, bits.bits(height_bits)? + 1);
        Some(Self { profile, reduced_still_picture, level_idx, high_tier, resolution })
    }
}

/// Timing, then the operating points, of which the first one's level and tier are returned.
fn operating_points(bits: &mut Bits<'_>) -> Option<(u8, bool)> {
    let mut decoder_model = None;
    if bits.bit()? {
        bits.skip(32 + 32)?; // num_units_in_display_tick, time_scale
        if bits.bit()? {
            bits.ue()?; // num_ticks_per_picture_minus_1
        }
        if bits.bit()? {
            decoder_model = Some(bits.bits(5)? + 1);
            bits.skip(32 + 5 + 5)?;
        }
    }
    let display_delay = bits.bit()?;
    let count = bits.bits(5)? + 1;
    let mut first = None;
    for _ in 0..count {
        bits.skip(12)?; // operating_point_idc
        let level = bits.small(5)?;
        let high_tier = level > 7 && bits.bit()?;
        if let Some(delay) = decoder_model
            && bits.bit()?
        {
            bits.skip(2 * delay + 1)?;
        }
        if display_delay && bits.bit()? {
            bits.skip(4)?;
        }
        first = first.or(Some((level, high_tier)));
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_longer_than_its_value_is_read() {
        let mut reader = Reader::new(&[0x81, 0x80, 0x00, 0xff]);
        assert_eq!(read_leb128(&mut reader), Some(1));
        assert_eq!(reader.rest(), [0xff]);
        assert_eq!(read_leb128(&mut Reader::new(&[0xff; 8])), None);
        assert_eq!(read_leb128(&mut Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x1f])), None, "33 bits");
        assert_eq!(read_leb128(&mut Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f])), Some(u32::MAX));
    }

    #[test]
    fn key_frames_of_published_units() {
        let mut key = [
            0x12, 0x00, 0x0a, 0x0d, 0x00, 0x00, 0x00, 0x02, 0xaf, 0xff, 0x89, 0x5f, 0x22, 0x02, 0x02, 0x03,
            0x08, 0x32, 0x0e, 0x10, 0x00, 0xac, 0x02, 0x05, 0x14, 0x20, 0x81, 0x00, 0x02, 0x00, 0x95, 0xe1,
            0xe0,
        ];
        assert!(is_keyframe(&key));
        assert!(!is_keyframe(&key[17..]), "no sequence header");
        assert_eq!(SequenceHeader::parse(&key[4..17]).map(|header| header.resolution), Some((64, 64)));
        key[19] = 0x30; // show_existing_frame = 0, frame_type = inter
        assert!(!is_keyframe(&key));
        // A still picture: every frame is a key frame.
        let still = [0x0a, 0x06, 0x18, 0x15, 0x23, 0x9f, 0x60, 0x10, 0x32, 0x02, 0x20, 0x03];
        assert!(is_keyframe(&still));
    }

    #[test]
    fn a_unit_that_is_cut_short_is_refused() {
        assert_eq!(Obus::new(&[0x32, 0x02, 0xaa]).last(), Some(Err(PacketizeError::Obu { at: 0 })));
        assert_eq!(Obus::new(&[0x12, 0x00, 0x36]).last(), Some(Err(PacketizeError::Obu { at: 2 })));
        assert_eq!(Obus::new(&[0xb2, 0x00]).last(), Some(Err(PacketizeError::Obu { at: 0 })), "forbidden");
        assert_eq!(
            Obus::new(&[0x30, 1, 2]).flatten().last().map(|obu| obu.payload.len()),
            Some(2),
            "no size"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in any::<u32>()) {
            let (bytes, len) = leb128(usize::try_from(value).unwrap());
            let mut reader = Reader::new(&bytes[..len]);
            prop_assert_eq!(read_leb128(&mut reader), Some(value));
            prop_assert!(reader.is_empty());
            prop_assert_eq!(len, leb128_len(usize::try_from(value).unwrap()));
        }
    }
}
