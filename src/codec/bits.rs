//! A cursor over single bits and Exp-Golomb codes, which steps over H.264's emulation prevention if told to.

use crate::base::reader::Reader;

/// Reads bits, most significant first; `None` at the end.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    bytes: Reader<'a>,
    /// Whether a 3 behind two zeros is left out (ISO/IEC 14496-10 §7.4.1.1).
    escaped: bool,
    zeros: u8,
    current: u8,
    left: u8,
}

impl<'a> Bits<'a> {
    /// Over plain bytes.
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self { bytes: Reader::new(data), escaped: false, zeros: 0, current: 0, left: 0 }
    }

    /// Over the bytes of a NAL unit.
    pub(super) const fn escaped(data: &'a [u8]) -> Self {
        Self { bytes: Reader::new(data), escaped: true, zeros: 0, current: 0, left: 0 }
    }

    fn byte(&mut self) -> Option<u8> {
        let mut byte = self.bytes.u8()?;
        if self.escaped && self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = self.bytes.u8()?;
        }
        self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        Some(byte)
    }

    /// The next bit.
    pub(super) fn bit(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.current = self.byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(self.current >> self.left & 1 == 1)
    }

    /// The next `count` bits, at most 32, as a number.
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    /// The next eight bits or fewer.
    pub(super) fn small(&mut self, count: u32) -> Option<u8> {
        self.bits(count).and_then(|value| u8::try_from(value).ok())
    }

    /// Skips `count` bits.
    pub(super) fn skip(&mut self, count: u32) -> Option<()> {
        for _ in 0..count {
            self.bit()?;
        }
        Some(())
    }

    /// An unsigned Exp-Golomb code.
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        self.bits(zeros).map(|rest| (1_u32 << zeros) - 1 + rest)
    }

    /// A signed Exp-Golomb code.
    pub(super) fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        let value = if code & 1 == 1 { (code + 1) / 2 } else { -(code / 2) };
        i32::try_from(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_count_up() {
        // 1 010 011 00100 00101, then padding.
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!([(); 5].map(|()| bits.ue()), [0, 1, 2, 3, 4].map(Some));
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!([(); 5].map(|()| bits.se()), [0, 1, -1, 2, -2].map(Some));
    }

    #[test]
    fn emulation_prevention_is_stepped_over() {
        let mut bits = Bits::escaped(&[0, 0, 3, 1, 0, 0, 3]);
        assert_eq!([(); 5].map(|()| bits.bits(8)), [Some(0), Some(0), Some(1), Some(0), Some(0)]);
        assert_eq!(bits.bits(8), None);
    }

    #[test]
    fn a_code_without_end_is_none() {
        assert_eq!(Bits::new(&[0; 64]).ue(), None);
        assert_eq!(Bits::new(&[0]).ue(), None);
    }
}
