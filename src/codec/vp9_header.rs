//! The uncompressed header of a VP9 frame: key frame or not, and its size.

use super::bits::Bits;

/// The beginning of a frame (VP9 bitstream specification §6.2).
///
/// ```
/// use antiphon::codec::vp9_header::FrameHeader;
///
/// let header = FrameHeader::parse(&[0x82, 0x49, 0x83, 0x42, 0x00, 0x77, 0xf0, 0x32, 0x34]).unwrap();
/// assert_eq!((header.key, header.resolution), (true, Some((1920, 804))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Profile, 0 to 3.
    pub profile: u8,
    /// A key frame.
    pub key: bool,
    /// Width and height of a key frame.
    pub resolution: Option<(u32, u32)>,
}

impl FrameHeader {
    /// Reads the beginning of a frame; `None` if it is none of VP9.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(frame);
        if bits.bits(2)? != 2 {
            return None;
        }
        let profile = u8::from(bits.bit()?) | u8::from(bits.bit()?) << 1;
        if profile == 3 {
            bits.skip(1)?;
        }
        let shows_existing = bits.bit()?;
        let inter = shows_existing || bits.bit()?;
        if inter {
            return Some(Self { profile, key: false, resolution: None });
        }
        bits.skip(2)?;
        if bits.bits(24)? != 0x49_8342 {
            return None;
        }
        let resolution = size(&mut bits, profile);
        Some(Self { profile, key: true, resolution })
    }
}

/// Colour configuration, then the size (§6.2.2, §6.2.3).
fn size(bits: &mut Bits<'_>, profile: u8) -> Option<(u32, u32)> {
    if profile >= 2 {
        bits.skip(1)?; // 10 or 12 bits
    }
    let rgb = bits.bits(3)? == 7;
    let subsampled = profile & 1 == 1;
    bits.skip(match (rgb, subsampled) {
        // Range; or a reserved bit.
        (false, false) | (true, true) => 1,
        // Range, subsampling, and a reserved bit.
        (false, true) => 4,
        (true, false) => return None,
    })?;
    Some((bits.bits(16)? + 1, bits.bits(16)? + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_profile() {
        // Profile 0 with 4:2:0, as libvpx writes it.
        let key = FrameHeader::parse(&[0x82, 0x49, 0x83, 0x42, 0x40, 0xef, 0xf0, 0x86, 0xf4]).unwrap();
        assert_eq!((key.profile, key.resolution), (0, Some((3840, 2160))));
        // Profile 1: subsampling is said.
        let key = FrameHeader::parse(&[0xa2, 0x49, 0x83, 0x42, 0x40, 0x77, 0xf8, 0x43, 0x78]).unwrap();
        assert_eq!(key.profile, 1);
        assert!(key.key);
        // Profile 0 cannot be RGB.
        let odd = FrameHeader::parse(&[0x82, 0x49, 0x83, 0x42, 0xe0, 0x77, 0xf0, 0x32, 0x34]).unwrap();
        assert_eq!((odd.key, odd.resolution), (true, None));
    }

    #[test]
    fn what_is_no_key_frame() {
        assert_eq!(FrameHeader::parse(&[0x86]).map(|header| header.key), Some(false), "inter frame");
        assert_eq!(
            FrameHeader::parse(&[0x8a]).map(|header| header.key),
            Some(false),
            "shows an existing one"
        );
        assert_eq!(FrameHeader::parse(&[0x82, 1, 2, 3]), None, "no sync code");
        assert_eq!(FrameHeader::parse(&[0x42]), None, "no frame marker");
        assert_eq!(FrameHeader::parse(&[]), None);
    }
}
