//! Transport-wide feedback: which packets of a transport arrived, and when (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use core::time::Duration;

use crate::base::reader::Reader;
use crate::base::serial::Seq16;
use crate::base::writer::{Full, Writer};

/// Statuses that one run-length chunk covers at most: 13 bits.
const MAX_RUN: u16 = 0x1fff;
/// Statuses of one bit in one chunk.
const ONE_BIT: u16 = 14;
/// Statuses of two bits in one chunk.
const TWO_BIT: u16 = 7;
/// Top bit of a chunk that lists its statuses.
const VECTOR: u16 = 0x8000;
/// Its next bit: two bits for each.
const WIDE: u16 = 0x4000;

/// How a packet's arrival is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Symbol {
    Missing,
    Small,
    Large,
}

impl Symbol {
    const fn from_bits(bits: u16) -> Option<Self> {
        match bits & 3 {
            0 => Some(Self::Missing),
            1 => Some(Self::Small),
            2 => Some(Self::Large),
            _ => None,
        }
    }

    const fn bits(self) -> u16 {
        match self {
            Self::Missing => 0,
            Self::Small => 1,
            Self::Large => 2,
        }
    }

    const fn delta_len(self) -> usize {
        self.bits() as usize
    }

    fn of(status: PacketStatus) -> Self {
        match status {
            PacketStatus::Missing => Self::Missing,
            PacketStatus::Received { delta } if u8::try_from(delta).is_ok() => Self::Small,
            PacketStatus::Received { .. } => Self::Large,
        }
    }
}

/// What became of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketStatus {
    /// It has not arrived yet.
    Missing,
    /// It has.
    Received {
        /// Time since the arrival before it in the list (since the reference time for the first), in units of 250 µs.
        delta: i16,
    },
}

/// The fixed fields of a feedback packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedbackHeader {
    /// Who received.
    pub sender_ssrc: u32,
    /// One of the streams that were received.
    pub media_ssrc: u32,
    /// The transport-wide number of the first packet in the list.
    pub base: Seq16,
    /// When counting began, in units of 64 ms and 24 bits with a sign, on the receiver's clock.
    pub reference_time: i32,
    /// Counts feedback packets.
    pub feedback_count: u8,
}

impl FeedbackHeader {
    /// Microseconds from one reference time to a later one, wraps of 24 bits considered (every 12 days).
    pub fn reference_micros_since(&self, earlier: i32) -> i64 {
        let steps = (self.reference_time.wrapping_sub(earlier) << 8) >> 8;
        i64::from(steps) * 64_000
    }
}

/// A transport-wide feedback packet.
///
/// ```
/// use antiphon::wire::rtcp::{Compound, Packet, PacketStatus};
///
/// // Two packets from number 5 on: the first lost, the second 1 ms after the reference time.
/// let bytes = [0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 2, 0, 0, 1, 0, 0x90, 0, 4, 0];
/// let Some(Ok(Packet::TransportFeedback(feedback))) = Compound::new(&bytes).next() else { panic!("no feedback") };
/// let received: Vec<_> = feedback.received().map(|(sequence, delta)| (sequence.0, delta)).collect();
/// assert_eq!((feedback.header.base.0, received), (5, vec![(6, 4)]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    /// The fixed fields.
    pub header: FeedbackHeader,
    /// How many packets it is about, missing ones included.
    pub status_count: u16,
    chunks: &'a [[u8; 2]],
    deltas: &'a [u8],
}

impl<'a> TransportFeedback<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let (sender_ssrc, media_ssrc) = (reader.u32()?, reader.u32()?);
        let (base, status_count) = (Seq16(reader.u16()?), reader.u16()?);
        let reference_time = (reader.u24()? << 8).cast_signed() >> 8;
        let header =
            FeedbackHeader { sender_ssrc, media_ssrc, base, reference_time, feedback_count: reader.u8()? };
        let list = reader.rest();
        let (mut left, mut chunk_count, mut delta_len) = (status_count, 0, 0);
        if left == 0 {
            return None;
        }
        while left > 0 {
            let chunk = Chunk(reader.u16()?);
            chunk_count += 1;
            delta_len += chunk.delta_len(left)?;
            left -= chunk.len().min(left);
        }
        let deltas = reader.bytes(delta_len)?;
        // What follows are zeros up to 32 bits.
        let chunks = list.get(..chunk_count * 2)?.as_chunks().0;
        Some(Self { header, status_count, chunks, deltas })
    }

    /// The packets that arrived, with their deltas in units of 250 µs, in order of their numbers. Those between that are not among them
    /// are missing. A run of missing packets costs nothing, however long it is.
    pub fn received(&self) -> Received<'a> {
        Received {
            next: self.header.base,
            left: self.status_count,
            chunk: Chunk(0),
            chunk_at: 0,
            chunk_len: 0,
            chunks: self.chunks.iter(),
            deltas: Reader::new(self.deltas),
        }
    }

    /// The packets that arrived, with the time since `reference_time`, which may be negative, in units of 250 µs.
    pub fn arrivals(&self) -> impl Iterator<Item = (Seq16, i64)> + use<'a> {
        self.received().scan(0_i64, |at, (sequence, delta)| {
            *at += i64::from(delta);
            Some((sequence, *at))
        })
    }
}

/// The packets of a feedback that arrived.
#[derive(Clone, Debug)]
pub struct Received<'a> {
    next: Seq16,
    left: u16,
    chunk: Chunk,
    chunk_at: u16,
    chunk_len: u16,
    chunks: core::slice::Iter<'a, [u8; 2]>,
    deltas: Reader<'a>,
}

impl Iterator for Received<'_> {
    type Item = (Seq16, i16);

    fn next(&mut self) -> Option<(Seq16, i16)> {
        loop {
            if self.chunk_at >= self.chunk_len {
                self.chunk = Chunk(u16::from_be_bytes(*self.chunks.next()?));
                self.chunk_len = self.chunk.len().min(self.left);
                self.chunk_at = 0;
                self.left -= self.chunk_len;
                if self.chunk.is_missing_run() {
                    self.next = self.next.plus(self.chunk_len);
                    self.chunk_at = self.chunk_len;
                    continue;
                }
            }
            let symbol = self.chunk.symbol(self.chunk_at)?;
            let sequence = self.next;
            self.chunk_at += 1;
            self.next = self.next.next();
            match symbol {
                Symbol::Missing => {}
                Symbol::Small => return Some((sequence, i16::from(self.deltas.u8()?))),
                Symbol::Large => return Some((sequence, self.deltas.u16()?.cast_signed())),
            }
        }
    }
}

/// A status chunk.
#[derive(Clone, Copy, Debug)]
struct Chunk(u16);

impl Chunk {
    /// How many statuses it covers.
    const fn len(self) -> u16 {
        if self.0 & VECTOR == 0 {
            self.0 & MAX_RUN
        } else if self.0 & WIDE == 0 {
            ONE_BIT
        } else {
            TWO_BIT
        }
    }

    const fn is_missing_run(self) -> bool {
        self.0 & !MAX_RUN == 0
    }

    const fn symbol(self, at: u16) -> Option<Symbol> {
        if self.0 & VECTOR == 0 {
            Symbol::from_bits(self.0 >> 13)
        } else if self.0 & WIDE == 0 {
            Symbol::from_bits(self.0 >> (ONE_BIT - 1 - at) & 1)
        } else {
            Symbol::from_bits(self.0 >> (2 * (TWO_BIT - 1 - at)))
        }
    }

    /// Bytes of deltas for its statuses, at most `left` of them; `None` for a reserved symbol or a run of none.
    fn delta_len(self, left: u16) -> Option<usize> {
        let covered = self.len().min(left);
        if self.0 & VECTOR == 0 {
            return (covered > 0)
                .then(|| self.symbol(0))
                .flatten()
                .map(|s| s.delta_len() * usize::from(covered));
        }
        (0..covered).try_fold(0, |sum, at| Some(sum + self.symbol(at)?.delta_len()))
    }
}

/// Writes the statuses of a feedback packet.
#[derive(Debug)]
pub struct TransportFeedbackWriter;

impl TransportFeedbackWriter {
    /// Ticks of 250 µs in a duration, rounded down.
    pub fn ticks(duration: Duration) -> u64 {
        u64::try_from(duration.as_micros() / 250).unwrap_or(u64::MAX)
    }

    /// Writes the packet after its header, without padding.
    pub(super) fn write(
        out: &mut Writer<'_>,
        header: &FeedbackHeader,
        statuses: &[PacketStatus],
    ) -> Result<(), Full> {
        let count = u16::try_from(statuses.len());
        let count = count.map_err(|_| Full { wanted: statuses.len(), left: usize::from(u16::MAX) })?;
        out.u32(header.sender_ssrc)?;
        out.u32(header.media_ssrc)?;
        out.u16(header.base.0)?;
        out.u16(count)?;
        out.u24(header.reference_time.cast_unsigned() & 0x00ff_ffff)?;
        out.u8(header.feedback_count)?;
        let mut rest = statuses;
        while let Some((chunk, covered)) = next_chunk(rest) {
            out.u16(chunk)?;
            rest = rest.get(covered..).unwrap_or_default();
        }
        for status in statuses {
            let PacketStatus::Received { delta } = *status else { continue };
            match u8::try_from(delta) {
                Ok(small) => out.u8(small)?,
                Err(_) => out.u16(delta.cast_unsigned())?,
            }
        }
        Ok(())
    }
}

/// The chunk that covers the most of what is left, and how much that is.
fn next_chunk(rest: &[PacketStatus]) -> Option<(u16, usize)> {
    let first = Symbol::of(*rest.first()?);
    let run =
        rest.iter().take(usize::from(MAX_RUN)).take_while(|status| Symbol::of(**status) == first).count();
    let narrow =
        rest.iter().take(usize::from(ONE_BIT)).take_while(|s| Symbol::of(**s) != Symbol::Large).count();
    let narrow_covers = if narrow == rest.len().min(usize::from(ONE_BIT)) { narrow } else { 0 };
    let wide_covers = rest.len().min(usize::from(TWO_BIT));
    if run >= narrow_covers.max(wide_covers) {
        let run = u16::try_from(run).unwrap_or(MAX_RUN);
        return Some((first.bits() << 13 | run, usize::from(run)));
    }
    let (tag, width, covered) = if narrow_covers >= wide_covers {
        (VECTOR, 1, narrow_covers)
    } else {
        (VECTOR | WIDE, 2, wide_covers)
    };
    let chunk = rest.iter().take(covered).fold((tag, 14), |(chunk, shift), status| {
        (chunk | Symbol::of(*status).bits() << (shift - width), shift - width)
    });
    Some((chunk.0, covered))
}

#[cfg(test)]
mod tests {
    use super::super::{Compound, CompoundWriter, Packet};
    use super::*;
    use proptest::prelude::*;

    fn missing() -> PacketStatus {
        PacketStatus::Missing
    }

    fn received(delta: i16) -> PacketStatus {
        PacketStatus::Received { delta }
    }

    #[test]
    fn chunks_are_chosen_by_what_they_cover() {
        assert_eq!(next_chunk(&[received(1); 20]), Some((0x2014, 20)));
        assert_eq!(next_chunk(&[received(-1); 8]), Some((0x4008, 8)));
        let mixed = [missing(), received(1), missing(), received(2)];
        assert_eq!(next_chunk(&mixed), Some((0b1001_0100_0000_0000, 4)));
        let wide = [missing(), received(1), received(-1), received(300)];
        assert_eq!(next_chunk(&wide), Some((0b1100_0110_1000_0000, 4)));
        assert_eq!(next_chunk(&[]), None);
    }

    #[test]
    fn a_reserved_symbol_and_a_run_of_none_are_refused() {
        let mut body = vec![0; 16];
        body[11] = 7;
        body.extend([0x60, 7, 0, 0]);
        assert_eq!(TransportFeedback::parse(&body), None);
        body[16] = 0;
        body[17] = 0;
        assert_eq!(TransportFeedback::parse(&body), None);
    }

    #[test]
    fn reference_times_wrap() {
        let header = FeedbackHeader { reference_time: -0x80_0000, ..FeedbackHeader::default() };
        assert_eq!(header.reference_micros_since(0x7f_ffff), 64_000);
    }

    fn status() -> impl Strategy<Value = PacketStatus> {
        prop_oneof![
            3 => Just(missing()),
            4 => (0_i16..256).prop_map(received),
            1 => any::<i16>().prop_map(received),
        ]
    }

    /// Runs of the same status, as loss makes them.
    fn statuses() -> impl Strategy<Value = Vec<PacketStatus>> {
        prop::collection::vec((status(), 1_usize..40), 1..20)
            .prop_map(|runs| runs.into_iter().flat_map(|(status, len)| vec![status; len]).collect())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            statuses in statuses(), base: u16, reference_time in -0x80_0000..0x80_0000, feedback_count: u8,
        ) {
            let header = FeedbackHeader { sender_ssrc: 1, media_ssrc: 2, base: Seq16(base), reference_time, feedback_count };
            let mut buf = [0; 4000];
            let mut writer = CompoundWriter::new(&mut buf);
            writer.transport_feedback(&header, &statuses).unwrap();
            let len = writer.finish();
            prop_assert_eq!(len % 4, 0);
            let Some(Ok(Packet::TransportFeedback(read))) = Compound::new(&buf[..len]).next() else {
                return Err(TestCaseError::fail("not read"));
            };
            prop_assert_eq!(read.header, header);
            prop_assert_eq!(usize::from(read.status_count), statuses.len());
            let expected: Vec<_> = statuses.iter().zip(0..).filter_map(|(status, at)| match status {
                PacketStatus::Missing => None,
                PacketStatus::Received { delta } => Some((Seq16(base).plus(at), *delta)),
            }).collect();
            prop_assert_eq!(read.received().collect::<Vec<_>>(), expected);
        }

        #[test]
        fn arbitrary_bytes_cost_no_more_than_they_are(body in prop::collection::vec(any::<u8>(), 16..60)) {
            if let Some(feedback) = TransportFeedback::parse(&body) {
                prop_assert!(feedback.received().count() <= body.len() * 14);
            }
        }
    }
}
