//! Feedback on single streams: NACK, PLI, FIR and REMB (RFC 4585 §6, RFC 5104 §4.3.1).

use crate::base::reader::Reader;
use crate::base::serial::Seq16;

/// Sixteen packets after the first can be named by one pair.
const PAIR_SPAN: u16 = 16;
/// What tells REMB from other application feedback.
const REMB: [u8; 4] = *b"REMB";

/// One entry of a NACK: a packet and, bit by bit, sixteen after it.
///
/// ```
/// use antiphon::base::serial::Seq16;
/// use antiphon::wire::rtcp::NackPair;
///
/// let pair = NackPair { first: Seq16(65_535), following: 0b101 };
/// assert_eq!(pair.sequences().map(|s| s.0).collect::<Vec<_>>(), [65_535, 0, 2]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NackPair {
    /// The first packet.
    pub first: Seq16,
    /// Bit n: the packet n + 1 after it is missing too.
    pub following: u16,
}

impl NackPair {
    /// The packets that are missing.
    pub fn sequences(self) -> impl Iterator<Item = Seq16> {
        let following = (0..PAIR_SPAN).filter(move |bit| self.following >> bit & 1 == 1);
        core::iter::once(self.first).chain(following.map(move |bit| self.first.plus(bit + 1)))
    }
}

/// Packs ascending sequence numbers into as few pairs as they need.
pub fn nack_pairs(sequences: impl IntoIterator<Item = Seq16>) -> impl Iterator<Item = NackPair> {
    let mut rest = sequences.into_iter().peekable();
    core::iter::from_fn(move || {
        let mut pair = NackPair { first: rest.next()?, following: 0 };
        loop {
            let distance = |next: &Seq16| next.0.wrapping_sub(pair.first.0).wrapping_sub(1);
            let Some(next) = rest.next_if(|next| distance(next) < PAIR_SPAN) else { return Some(pair) };
            pair.following |= 1 << distance(&next);
        }
    })
}

/// A generic NACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nack<'a> {
    /// Who misses them.
    pub sender_ssrc: u32,
    /// The stream they are of.
    pub media_ssrc: u32,
    pairs: &'a [[u8; 4]],
}

impl<'a> Nack<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let (sender_ssrc, media_ssrc) = (reader.u32()?, reader.u32()?);
        let (pairs, odd) = reader.rest().as_chunks();
        (!pairs.is_empty() && odd.is_empty()).then_some(Self { sender_ssrc, media_ssrc, pairs })
    }

    /// The entries.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = NackPair> + use<'a> {
        self.pairs.iter().map(|[a, b, c, d]| NackPair {
            first: Seq16(u16::from_be_bytes([*a, *b])),
            following: u16::from_be_bytes([*c, *d]),
        })
    }
}

/// A picture loss indication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pli {
    /// Who lost it.
    pub sender_ssrc: u32,
    /// The stream it was of.
    pub media_ssrc: u32,
}

impl Pli {
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        Some(Self { sender_ssrc: reader.u32()?, media_ssrc: reader.u32()? })
    }
}

/// One request of a FIR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirEntry {
    /// The stream a key frame is wanted of.
    pub ssrc: u32,
    /// Goes up with each request of one requester for one stream; a repetition keeps it (RFC 5104 §4.3.1.2).
    pub sequence: u8,
}

/// A full intra request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fir<'a> {
    /// Who wants it.
    pub sender_ssrc: u32,
    entries: &'a [[u8; 8]],
}

impl<'a> Fir<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let (sender_ssrc, _unused) = (reader.u32()?, reader.u32()?);
        let (entries, odd) = reader.rest().as_chunks();
        (!entries.is_empty() && odd.is_empty()).then_some(Self { sender_ssrc, entries })
    }

    /// The requests.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = FirEntry> + use<'a> {
        self.entries.iter().map(|[a, b, c, d, sequence, ..]| FirEntry {
            ssrc: u32::from_be_bytes([*a, *b, *c, *d]),
            sequence: *sequence,
        })
    }
}

/// A receiver's estimate of the bit rate it can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remb<'a> {
    /// Whose estimate it is.
    pub sender_ssrc: u32,
    /// Bits per second, all streams together.
    pub bitrate_bps: u64,
    ssrcs: &'a [[u8; 4]],
}

impl<'a> Remb<'a> {
    /// Whether application feedback is REMB.
    pub(super) fn is_remb(body: &[u8]) -> bool {
        body.get(8..12).is_some_and(|name| name == REMB)
    }

    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let (sender_ssrc, _unused, _name) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let (count, rate) = (reader.u8()?, reader.u24()?);
        let ssrcs = reader.bytes(usize::from(count) * 4)?.as_chunks().0;
        let (exponent, mantissa) = (rate >> 18, rate & 0x3_ffff);
        Some(Self { sender_ssrc, bitrate_bps: remb_bitrate(mantissa, exponent), ssrcs })
    }

    /// The streams it is about.
    pub fn ssrcs(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.ssrcs.iter().map(|bytes| u32::from_be_bytes(*bytes))
    }
}

/// The bit rate that a REMB says; what 64 bits do not hold is cut to the largest they do.
pub fn remb_bitrate(mantissa: u32, exponent: u32) -> u64 {
    let rate = u128::from(mantissa) << exponent.min(63);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// 18 bits of mantissa and 6 of exponent for a bit rate, rounded down.
pub fn remb_mantissa_exponent(bitrate_bps: u64) -> (u32, u32) {
    let width = bitrate_bps.checked_ilog2().map_or(0, |log| log + 1);
    let exponent = width.saturating_sub(18);
    (u32::try_from(bitrate_bps >> exponent).unwrap_or(0x3_ffff), exponent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn bit_rates_beyond_64_bits_are_cut() {
        assert_eq!(remb_bitrate(0x3_ffff, 63), u64::MAX);
        assert_eq!(remb_bitrate(1, 10), 1024);
    }

    proptest! {
        #[test]
        fn a_bit_rate_survives_but_for_rounding(rate: u64) {
            let (mantissa, exponent) = remb_mantissa_exponent(rate);
            prop_assert!(mantissa < 1 << 18 && exponent < 64);
            let back = remb_bitrate(mantissa, exponent);
            prop_assert!(back <= rate && rate - back <= rate >> 17);
        }

        #[test]
        fn pairs_name_exactly_what_was_missing(start: u16, offsets in prop::collection::btree_set(0_u16..3000, 0..60)) {
            let missing: Vec<_> = offsets.iter().map(|offset| Seq16(start).plus(*offset)).collect();
            let pairs: Vec<_> = nack_pairs(missing.iter().copied()).collect();
            let named: Vec<_> = pairs.iter().flat_map(|pair| pair.sequences()).collect();
            prop_assert_eq!(&named, &missing);
            let spans: BTreeSet<_> = offsets.iter().map(|offset| offset / 17).collect();
            prop_assert!(pairs.len() <= spans.len());
        }
    }
}
