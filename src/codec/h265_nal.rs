//! What H.265 units say: their header, and the size in a sequence parameter set (ITU-T H.265 §7.3).

use super::bits::Bits;
use super::error::PayloadError;
use super::nal::{NalFraming, NalUnits};
use crate::base::reader::Reader;

/// Unit types (ITU-T H.265 table 7-1). 0 to 31 are slices, 16 to 23 those of pictures that decoding can start at.
pub mod kind {
    /// Video parameter set.
    pub const VPS: u8 = 32;
    /// Sequence parameter set.
    pub const SPS: u8 = 33;
    /// Picture parameter set.
    pub const PPS: u8 = 34;
    /// Access unit delimiter.
    pub const DELIMITER: u8 = 35;
    /// Supplemental enhancement information that stands before the slices.
    pub const PREFIX_SEI: u8 = 39;
}

/// The two bytes before every unit (RFC 7798 §1.1.4).
///
/// ```
/// use antiphon::codec::h265_nal::Header;
///
/// let header = Header::of(&[0x42, 0x01]).unwrap();
/// assert_eq!((header.kind, header.layer, header.temporal_plus_1), (33, 0, 1));
/// assert_eq!(header.to_bytes(), [0x42, 0x01]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// F: the unit is damaged.
    pub forbidden: bool,
    /// Type.
    pub kind: u8,
    /// `nuh_layer_id`.
    pub layer: u8,
    /// `nuh_temporal_id_plus1`, never 0 in a unit that keeps the rules.
    pub temporal_plus_1: u8,
}

impl Header {
    /// The header of a unit; `None` if the unit is shorter.
    pub fn of(unit: &[u8]) -> Option<Self> {
        Reader::new(unit).array().map(Self::from_bytes)
    }

    pub(super) const fn from_bytes([high, low]: [u8; 2]) -> Self {
        Self {
            forbidden: high & 0x80 != 0,
            kind: high >> 1 & 0x3f,
            layer: (high & 1) << 5 | low >> 3,
            temporal_plus_1: low & 7,
        }
    }

    /// The bytes.
    pub const fn to_bytes(self) -> [u8; 2] {
        let high = (self.forbidden as u8) << 7 | (self.kind & 0x3f) << 1 | self.layer >> 5 & 1;
        [high, self.layer << 3 | self.temporal_plus_1 & 7]
    }

    pub(super) const fn check(self) -> Result<(), PayloadError> {
        match self {
            Self { forbidden: true, .. } => Err(PayloadError::Forbidden),
            Self { temporal_plus_1: 0, .. } => Err(PayloadError::Contradiction),
            Self { .. } => Ok(()),
        }
    }
}

/// Whether an access unit holds a slice of a picture that decoding can start at.
pub(super) fn is_keyframe(frame: &[u8], framing: NalFraming) -> bool {
    let mut headers = NalUnits::new(frame, framing).flatten().filter_map(Header::of);
    headers.any(|header| (16..=23).contains(&header.kind))
}

/// What is read of a sequence parameter set.
///
/// ```
/// use antiphon::codec::h265_nal::Sps;
///
/// let sps = Sps::parse(&[
///     0x42, 0x02, 0x01, 0x04, 0x08, 0x00, 0x00, 0x03, 0x00, 0x9d, 0x08, 0x00, 0x00, 0x03, 0x00, 0x00, 0x5d, 0xb0, 0x02, 0x80, 0x80,
///     0x2d, 0x16, 0x59, 0x59, 0xa4, 0x93, 0x2b, 0x80, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x07, 0x82,
/// ])
/// .unwrap();
/// assert_eq!((sps.resolution, sps.level_idc), ((1280, 720), 93));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sps {
    /// `general_profile_idc`.
    pub profile_idc: u8,
    /// Whether the tier is High.
    pub high_tier: bool,
    /// `general_level_idc`: thirty times the level's number.
    pub level_idc: u8,
    /// Width and height in luma samples, cropping taken off.
    pub resolution: (u32, u32),
}

impl Sps {
    /// Reads a unit, header included; `None` if it is no sequence parameter set that can be read.
    pub fn parse(unit: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(unit);
        let header = Header::from_bytes(reader.array()?);
        if header.kind != kind::SPS {
            return None;
        }
        Self::parse_body(reader.rest())
    }

    /// Reads what follows the unit's header.
    pub(super) fn parse_body(body: &[u8]) -> Option<Self> {
        let mut bits = Bits::escaped(body);
        bits.skip(4)?; // sps_video_parameter_set_id
        let sub_layers = bits.bits(3).filter(|layers| *layers <= 6)?;
        bits.skip(1)?; // sps_temporal_id_nesting_flag
        bits.skip(2)?; // general_profile_space
        let high_tier = bits.bit()?;
        let profile_idc = bits.small(5)?;
        bits.skip(32 + 4 + 43 + 1)?; // compatibility and constraint flags
        let level_idc = bits.small(8)?;
        skip_sub_layers(&mut bits, sub_layers)?;
        bits.ue()?; // sps_seq_parameter_set_id
        let resolution = resolution(&mut bits)?;
        Some(Self { profile_idc, high_tier, level_idc, resolution })
    }
}

/// What the profile and level of each sub-layer take (ITU-T H.265 §7.3.3).
fn skip_sub_layers(bits: &mut Bits<'_>, count: u32) -> Option<()> {
    let mut len = 0;
    for _ in 0..count {
        let (profile, level) = (bits.bit()?, bits.bit()?);
        len += if profile { 88 } else { 0 } + if level { 8 } else { 0 };
    }
    if count > 0 {
        bits.skip(2 * (8 - count))?;
    }
    bits.skip(len)
}

fn resolution(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    let chroma = bits.ue()?;
    if chroma == 3 {
        bits.skip(1)?; // separate_colour_plane_flag
    }
    let (width, height) = (bits.ue()?, bits.ue()?);
    if !bits.bit()? {
        return Some((width, height));
    }
    let (horizontal, vertical) = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let mut crop = || bits.ue();
    let (left, right, top, bottom) = (crop()?, crop()?, crop()?, crop()?);
    let across = left.checked_add(right)?.checked_mul(horizontal)?;
    let down = top.checked_add(bottom)?.checked_mul(vertical)?;
    Some((width.checked_sub(across)?, height.checked_sub(down)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cropped_picture() {
        let body = [
            0x01, 0x04, 0x08, 0x00, 0x00, 0x03, 0x00, 0x9d, 0x08, 0x00, 0x00, 0x03, 0x00, 0x00, 0x3f, 0xb0,
            0x05, 0x02, 0x01, 0x09, 0xf2, 0xe5, 0x95, 0x9a, 0x49, 0x32, 0xb8, 0x04, 0x00, 0x00, 0x03, 0x00,
            0x04, 0x00, 0x00, 0x03, 0x00, 0x78, 0x20,
        ];
        assert_eq!(Sps::parse_body(&body).map(|sps| sps.resolution), Some((640, 260)));
        for len in 0..20 {
            assert_eq!(Sps::parse_body(&body[..len]), None, "{len}");
        }
    }

    #[test]
    fn every_header_survives_the_way_there_and_back() {
        for value in 0..=u16::MAX {
            let bytes = value.to_be_bytes();
            assert_eq!(Header::from_bytes(bytes).to_bytes(), bytes);
        }
    }
}
