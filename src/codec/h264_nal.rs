//! What H.264 units say: their types, sequence and picture parameter sets (ITU-T H.264 §7.3).

use super::bits::Bits;
use super::h264_profile::ProfileLevelId;
use super::nal::{NalFraming, NalUnits};
use crate::base::reader::Reader;

/// Unit types (ITU-T H.264 table 7-1).
pub mod kind {
    /// A slice of a picture that is no IDR picture.
    pub const SLICE: u8 = 1;
    /// Slice data partition A.
    pub const PARTITION_A: u8 = 2;
    /// Slice data partition B.
    pub const PARTITION_B: u8 = 3;
    /// Slice data partition C.
    pub const PARTITION_C: u8 = 4;
    /// A slice of an IDR picture, from which on everything can be decoded.
    pub const IDR: u8 = 5;
    /// Supplemental enhancement information.
    pub const SEI: u8 = 6;
    /// Sequence parameter set.
    pub const SPS: u8 = 7;
    /// Picture parameter set.
    pub const PPS: u8 = 8;
    /// Access unit delimiter.
    pub const DELIMITER: u8 = 9;
    /// End of sequence.
    pub const END_OF_SEQUENCE: u8 = 10;
    /// End of stream.
    pub const END_OF_STREAM: u8 = 11;
    /// Filler data.
    pub const FILLER: u8 = 12;
}

pub(super) const fn kind_of([header]: [u8; 1]) -> u8 {
    header & 0x1f
}

/// Whether an access unit holds a slice of an IDR picture.
pub(super) fn is_keyframe(frame: &[u8], framing: NalFraming) -> bool {
    let mut headers = NalUnits::new(frame, framing).flatten().filter_map(<[u8]>::first);
    headers.any(|header| header & 0x1f == kind::IDR)
}

/// Most scaling lists of a set: six of 4x4, six of 8x8.
const SCALING_LISTS: u32 = 12;
/// Longest cycle of the picture order count of type 1 (ITU-T H.264 §7.4.2.1.1).
const ORDER_COUNT_CYCLE: u32 = 255;

/// What is read of a sequence parameter set.
///
/// ```
/// use antiphon::codec::h264_nal::Sps;
///
/// let sps = Sps::parse(&[0x67, 0x42, 0x80, 0x20, 0xda, 0x01, 0x40, 0x16, 0xe8, 0x06, 0xd0, 0xa1, 0x35]).unwrap();
/// assert_eq!((sps.id, sps.profile_level_id.to_string().as_str(), sps.resolution), (0, "428020", (1280, 720)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sps {
    /// `seq_parameter_set_id`, 0 to 31.
    pub id: u8,
    /// Profile, constraints and level.
    pub profile_level_id: ProfileLevelId,
    /// Width and height in luma samples, cropping taken off.
    pub resolution: (u32, u32),
    /// Most reference frames.
    pub max_ref_frames: u32,
}

impl Sps {
    /// Reads a unit, header included; `None` if it is no sequence parameter set that can be read.
    pub fn parse(unit: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(unit);
        if reader.u8()? & 0x1f != kind::SPS {
            return None;
        }
        Self::parse_body(reader.rest())
    }

    /// Reads what follows the unit's header.
    pub(super) fn parse_body(body: &[u8]) -> Option<Self> {
        let mut bits = Bits::escaped(body);
        let profile_level_id = ProfileLevelId::from_bytes([bits.small(8)?, bits.small(8)?, bits.small(8)?]);
        let id = bits.ue().filter(|id| *id < 32).and_then(|id| u8::try_from(id).ok())?;
        let chroma = Chroma::read(&mut bits, profile_level_id.profile_idc())?;
        bits.ue()?; // log2_max_frame_num_minus4
        skip_order_count(&mut bits)?;
        let max_ref_frames = bits.ue()?;
        bits.skip(1)?; // gaps_in_frame_num_value_allowed_flag
        let resolution = resolution(&mut bits, chroma)?;
        Some(Self { id, profile_level_id, resolution, max_ref_frames })
    }
}

/// Chroma format, which says in what units cropping is counted.
#[derive(Clone, Copy)]
struct Chroma {
    horizontal: u32,
    vertical: u32,
}

impl Chroma {
    fn read(bits: &mut Bits<'_>, profile_idc: u8) -> Option<Self> {
        const HIGH: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
        if !HIGH.contains(&profile_idc) {
            return Some(Self { horizontal: 2, vertical: 2 });
        }
        let format = bits.ue().filter(|format| *format <= 3)?;
        if format == 3 {
            bits.skip(1)?; // separate_colour_plane_flag
        }
        bits.ue()?; // bit_depth_luma_minus8
        bits.ue()?; // bit_depth_chroma_minus8
        bits.skip(1)?; // qpprime_y_zero_transform_bypass_flag
        if bits.bit()? {
            let lists = if format == 3 { SCALING_LISTS } else { 8 };
            for list in 0..lists {
                if bits.bit()? {
                    skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
        Some(match format {
            1 => Self { horizontal: 2, vertical: 2 },
            2 => Self { horizontal: 2, vertical: 1 },
            // Monochrome, 4:4:4 and separate planes count in luma samples.
            _ => Self { horizontal: 1, vertical: 1 },
        })
    }
}

/// ITU-T H.264 §7.3.2.1.1.1.
fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8_i32, 8_i32);
    for _ in 0..size {
        if next != 0 {
            next = last.checked_add(bits.se()?)?.rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

fn skip_order_count(bits: &mut Bits<'_>) -> Option<()> {
    match bits.ue()? {
        0 => bits.ue().map(|_| ()),
        1 => {
            bits.skip(1)?;
            bits.se()?;
            bits.se()?;
            let cycle = bits.ue().filter(|cycle| *cycle <= ORDER_COUNT_CYCLE)?;
            for _ in 0..cycle {
                bits.se()?;
            }
            Some(())
        }
        2 => Some(()),
        _ => None,
    }
}

fn resolution(bits: &mut Bits<'_>, chroma: Chroma) -> Option<(u32, u32)> {
    let width = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let units = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let frames_only = bits.bit()?;
    if !frames_only {
        bits.skip(1)?; // mb_adaptive_frame_field_flag
    }
    // Of fields, a frame has two.
    let fields = if frames_only { 1 } else { 2 };
    let height = units.checked_mul(fields)?;
    bits.skip(1)?; // direct_8x8_inference_flag
    if !bits.bit()? {
        return Some((width, height));
    }
    let mut crop = || bits.ue();
    let (left, right, top, bottom) = (crop()?, crop()?, crop()?, crop()?);
    let across = left.checked_add(right)?.checked_mul(chroma.horizontal)?;
    let down = top.checked_add(bottom)?.checked_mul(chroma.vertical * fields)?;
    Some((width.checked_sub(across)?, height.checked_sub(down)?))
}

/// What is read of a picture parameter set.
///
/// ```
/// use antiphon::codec::h264_nal::Pps;
///
/// assert_eq!(Pps::parse(&[0x68, 0xce, 0x06, 0xe2]), Some(Pps { id: 0, sps_id: 0, cabac: false }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pps {
    /// `pic_parameter_set_id`, 0 to 255.
    pub id: u8,
    /// The sequence parameter set it belongs to.
    pub sps_id: u8,
    /// Whether slices are coded arithmetically.
    pub cabac: bool,
}

impl Pps {
    /// Reads a unit, header included; `None` if it is no picture parameter set that can be read.
    pub fn parse(unit: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(unit);
        if reader.u8()? & 0x1f != kind::PPS {
            return None;
        }
        let mut bits = Bits::escaped(reader.rest());
        let id = u8::try_from(bits.ue()?).ok()?;
        let sps_id = bits.ue().filter(|id| *id < 32).and_then(|id| u8::try_from(id).ok())?;
        Some(Self { id, sps_id, cabac: bits.bit()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolution_of(body: &[u8]) -> Option<(u32, u32)> {
        Sps::parse_body(body).map(|sps| sps.resolution)
    }

    #[test]
    fn sizes_of_published_sets() {
        let landscape = [
            0x7a, 0x00, 0x1f, 0xbc, 0xd9, 0x40, 0x50, 0x05, 0xba, 0x10, 0x00, 0x00, 0x03, 0x00, 0xc0, 0x00,
            0x00, 0x2a, 0xe0, 0xf1, 0x83, 0x19, 0x60,
        ];
        assert_eq!(resolution_of(&landscape), Some((1280, 720)));
        let odd = [
            0x7a, 0x00, 0x0d, 0xbc, 0xd9, 0x43, 0x43, 0x3e, 0x5e, 0x10, 0x00, 0x00, 0x03, 0x00, 0x60, 0x00,
            0x00, 0x15, 0xa0, 0xf1, 0x42, 0x99, 0x60,
        ];
        assert_eq!(resolution_of(&odd), Some((200, 400)));
        let lists = [
            0x64, 0x00, 0x2a, 0xad, 0x84, 0x01, 0x0c, 0x20, 0x08, 0x61, 0x00, 0x43, 0x08, 0x02, 0x18, 0x40,
            0x10, 0xc2, 0x00, 0x84, 0x3b, 0x50, 0x3c, 0x01, 0x13, 0xf2, 0xcd, 0xc0, 0x40, 0x40, 0x50, 0x00,
            0x00, 0x00, 0x10, 0x00, 0x00, 0x01, 0xe8, 0x40,
        ];
        assert_eq!(resolution_of(&lists), Some((1920, 1080)));
    }

    #[test]
    fn a_set_that_is_cut_short_is_none() {
        let whole = [0x67, 0x42, 0x80, 0x20, 0xda, 0x01, 0x40, 0x16, 0xe8, 0x06, 0xd0, 0xa1, 0x35];
        assert!(Sps::parse(&whole).is_some());
        for len in 0..9 {
            assert_eq!(Sps::parse(&whole[..len]), None, "{len}");
        }
        assert_eq!(Sps::parse(&[0x68, 0xce, 0x06, 0xe2]), None);
        assert_eq!(Pps::parse(&whole), None);
    }
}
