//! G.711: one byte a sample, any number of samples (RFC 3551 §4.5.14), and the sound of its bytes.

/// The byte of silence in µ-law.
pub const PCMU_SILENCE: u8 = 0xff;
/// The byte of silence in A-law.
pub const PCMA_SILENCE: u8 = 0xd5;

/// Samples of `milliseconds` at 8 kHz, which are as many bytes.
///
/// ```
/// assert_eq!(antiphon::codec::g711::samples(20), 160);
/// ```
pub const fn samples(milliseconds: u32) -> u32 {
    milliseconds * 8
}

/// A µ-law byte as a sample of 16 bits (ITU-T G.711 table 2).
///
/// ```
/// use antiphon::codec::g711::{PCMU_SILENCE, from_pcmu, to_pcmu};
///
/// assert_eq!(from_pcmu(PCMU_SILENCE), 0);
/// assert_eq!(to_pcmu(from_pcmu(0x80)), 0x80);
/// ```
pub const fn from_pcmu(byte: u8) -> i16 {
    let code = !byte;
    let magnitude = (((code & 15) as i16) << 3 | 0x84) << (code >> 4 & 7);
    let magnitude = magnitude - 0x84;
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

/// The µ-law byte nearest a sample of 16 bits.
pub fn to_pcmu(sample: i16) -> u8 {
    // The loudest sample would overflow its segment once the bias is added.
    let biased = sample.unsigned_abs().min(32_635) + 0x84;
    let segment = segment(biased >> 7);
    let [_, mantissa] = (biased >> (segment + 3) & 15).to_be_bytes();
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | segment << 4 | mantissa)
}

/// An A-law byte as a sample of 16 bits (ITU-T G.711 table 1).
///
/// ```
/// use antiphon::codec::g711::{PCMA_SILENCE, from_pcma, to_pcma};
///
/// assert_eq!(from_pcma(PCMA_SILENCE), 8);
/// assert_eq!(to_pcma(from_pcma(0x2a)), 0x2a);
/// ```
pub const fn from_pcma(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let mantissa = ((code & 15) as i16) << 4 | 8;
    let magnitude = match code >> 4 & 7 {
        0 => mantissa,
        segment => (mantissa | 0x100) << (segment - 1),
    };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

/// The A-law byte nearest a sample of 16 bits.
pub fn to_pcma(sample: i16) -> u8 {
    let (sign, magnitude) =
        if sample < 0 { (0, !sample.cast_unsigned()) } else { (0x80, sample.cast_unsigned()) };
    let segment = segment(magnitude >> 7);
    let shift = segment.max(1) + 3;
    let [_, mantissa] = (magnitude >> shift & 15).to_be_bytes();
    (sign | segment << 4 | mantissa) ^ 0x55
}

/// Index of the highest bit of eight, 0 if there is none but the lowest.
fn segment(bits: u16) -> u8 {
    let highest = (bits | 1).ilog2();
    u8::try_from(highest.min(7)).unwrap_or(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_way_there_and_back() {
        for byte in 0..=255 {
            // µ-law has two zeros.
            let expected = if byte == 0x7f { 0xff } else { byte };
            assert_eq!(to_pcmu(from_pcmu(byte)), expected);
            assert_eq!(to_pcma(from_pcma(byte)), byte);
        }
    }

    #[test]
    fn the_ends_and_middles_of_the_tables() {
        // G.711 gives 14 and 13 bits; here they stand at the top of 16.
        assert_eq!([0x00, 0x80, 0x8f, 0xfe].map(from_pcmu), [-32_124, 32_124, 16_764, 8]);
        assert_eq!([0x2a, 0xaa, 0xd5, 0x55].map(from_pcma), [-32_256, 32_256, 8, -8]);
        assert_eq!([i16::MIN, i16::MAX].map(to_pcmu), [0x00, 0x80]);
        assert_eq!([i16::MIN, i16::MAX].map(to_pcma), [0x2a, 0xaa]);
    }

    #[test]
    fn no_sample_is_far_from_its_byte() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            // Half of the widest step that its segment has.
            let step = (u32::from(sample.unsigned_abs()) / 16).max(16);
            let close = |back: i16| u32::from(back.abs_diff(sample)) <= step + 16;
            assert!(close(from_pcma(to_pcma(sample))), "{sample}");
            assert!(close(from_pcmu(to_pcmu(sample))) || sample.unsigned_abs() > 32_635, "{sample}");
        }
    }
}
