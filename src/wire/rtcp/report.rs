//! Sender and receiver reports, source descriptions, goodbyes, application packets (RFC 3550 §6.4 to §6.7).

use core::str::from_utf8;

use crate::base::reader::Reader;

/// Bytes of a report block.
const BLOCK_LEN: usize = 24;

/// Types of SDES items (RFC 3550 §6.5).
pub mod sdes {
    /// Ends a chunk.
    pub const END: u8 = 0;
    /// The canonical name.
    pub const CNAME: u8 = 1;
    /// The media section (RFC 9143 §15).
    pub const MID: u8 = 15;
    /// The encoding (RFC 8852 §3.1).
    pub const RID: u8 = 12;
    /// The encoding that is repaired (RFC 8852 §3.2).
    pub const REPAIRED_RID: u8 = 13;
}

/// What one receiver tells of one source.
///
/// ```
/// use antiphon::wire::rtcp::ReportBlock;
///
/// let block = ReportBlock { ssrc: 7, fraction_lost: 64, ..ReportBlock::default() };
/// assert_eq!(f64::from(block.fraction_lost) / 256.0, 0.25);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: u32,
    /// Packets lost since the last report, in 256ths of those expected.
    pub fraction_lost: u8,
    /// Packets lost since the beginning, in 24 bits with a sign: repetitions count as received.
    pub cumulative_lost: i32,
    /// The highest sequence number received, with the count of its wraps above it.
    pub highest_sequence: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report; 0 for none.
    pub last_sr: u32,
    /// Time since that report, in units of 2^-16 seconds.
    pub delay_since_last_sr: u32,
}

impl ReportBlock {
    fn read(bytes: [u8; BLOCK_LEN]) -> Option<Self> {
        let mut reader = Reader::new(&bytes);
        Some(Self {
            ssrc: reader.u32()?,
            fraction_lost: reader.u8()?,
            cumulative_lost: (reader.u24()? << 8).cast_signed() >> 8,
            highest_sequence: reader.u32()?,
            jitter: reader.u32()?,
            last_sr: reader.u32()?,
            delay_since_last_sr: reader.u32()?,
        })
    }

    /// The block as bytes; a loss beyond 24 bits is cut to what they hold.
    pub(super) fn to_bytes(self) -> [u8; BLOCK_LEN] {
        let mut bytes = [0; BLOCK_LEN];
        let lost = self.cumulative_lost.clamp(-0x0080_0000, 0x007f_ffff).cast_unsigned() & 0x00ff_ffff;
        let words = [
            self.ssrc,
            u32::from(self.fraction_lost) << 24 | lost,
            self.highest_sequence,
            self.jitter,
            self.last_sr,
            self.delay_since_last_sr,
        ];
        for (place, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *place = word.to_be_bytes();
        }
        bytes
    }
}

/// Report blocks as they stand in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Blocks<'a>(&'a [[u8; BLOCK_LEN]]);

impl<'a> Blocks<'a> {
    fn read(reader: &mut Reader<'a>, count: u8) -> Option<Self> {
        Some(Self(reader.bytes(usize::from(count) * BLOCK_LEN)?.as_chunks().0))
    }

    fn iter(self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.0.iter().filter_map(|bytes| ReportBlock::read(*bytes))
    }
}

/// What a sender tells of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// The sender.
    pub ssrc: u32,
    /// Wall clock, 32.32 fixed point seconds since 1900.
    pub ntp: u64,
    /// The same instant as a timestamp of the stream.
    pub rtp_timestamp: u32,
    /// Packets sent.
    pub packet_count: u32,
    /// Bytes of payload sent.
    pub octet_count: u32,
}

/// A sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// What it tells of its sender.
    pub info: SenderInfo,
    blocks: Blocks<'a>,
}

impl<'a> SenderReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let info = SenderInfo {
            ssrc: reader.u32()?,
            ntp: reader.u64()?,
            rtp_timestamp: reader.u32()?,
            packet_count: reader.u32()?,
            octet_count: reader.u32()?,
        };
        // What follows the blocks is an extension of the profile's.
        Some(Self { info, blocks: Blocks::read(&mut reader, count)? })
    }

    /// What it tells of the sources its sender receives.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.blocks.iter()
    }
}

/// A receiver report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    /// Who reports.
    pub ssrc: u32,
    blocks: Blocks<'a>,
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        Some(Self { ssrc: reader.u32()?, blocks: Blocks::read(&mut reader, count)? })
    }

    /// What it tells of the sources.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.blocks.iter()
    }
}

/// One item of a source description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdesItem<'a> {
    /// Its type; see [`sdes`].
    pub kind: u8,
    /// Its value, UTF-8 by rule.
    pub value: &'a [u8],
}

/// What is told of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdesChunk<'a> {
    /// The source.
    pub ssrc: u32,
    items: &'a [u8],
}

impl<'a> SdesChunk<'a> {
    /// The items.
    pub fn items(&self) -> impl Iterator<Item = SdesItem<'a>> + use<'a> {
        let mut reader = Reader::new(self.items);
        core::iter::from_fn(move || Some(SdesItem { kind: reader.u8()?, value: reader.vec8()? }))
    }

    /// The canonical name, if there is one that is text.
    pub fn cname(&self) -> Option<&'a str> {
        let item = self.items().find(|item| item.kind == sdes::CNAME)?;
        from_utf8(item.value).ok()
    }

    /// Reads a chunk up to and with the zeros that pad it to 32 bits.
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let ssrc = reader.u32()?;
        let (start, mut ahead) = (reader.rest(), *reader);
        let mut len = 0;
        loop {
            let kind = ahead.u8()?;
            if kind == sdes::END {
                break;
            }
            len += 2 + ahead.vec8()?.len();
        }
        // The end is at least one zero byte and reaches the next multiple of four.
        reader.skip(len + 4 - len % 4)?;
        Some(Self { ssrc, items: start.get(..len)? })
    }
}

/// A source description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceDescription<'a> {
    chunks: &'a [u8],
    count: u8,
}

impl<'a> SourceDescription<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        for _ in 0..count {
            SdesChunk::read(&mut reader)?;
        }
        Some(Self { chunks: body, count })
    }

    /// What it tells, source by source.
    pub fn chunks(&self) -> impl Iterator<Item = SdesChunk<'a>> + use<'a> {
        let mut reader = Reader::new(self.chunks);
        (0..self.count).map_while(move |_| SdesChunk::read(&mut reader))
    }
}

/// A goodbye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goodbye<'a> {
    ssrcs: &'a [[u8; 4]],
    /// Why, if it says so; UTF-8 by rule.
    pub reason: Option<&'a [u8]>,
}

impl<'a> Goodbye<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let ssrcs = reader.bytes(usize::from(count) * 4)?.as_chunks().0;
        let reason = if reader.is_empty() { None } else { Some(reader.vec8()?) };
        Some(Self { ssrcs, reason })
    }

    /// The sources that leave.
    pub fn ssrcs(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.ssrcs.iter().map(|bytes| u32::from_be_bytes(*bytes))
    }
}

/// An application-defined packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct App<'a> {
    /// Its sender.
    pub ssrc: u32,
    /// A number below 32 that the application chose.
    pub subtype: u8,
    /// Four characters that the application chose.
    pub name: [u8; 4],
    /// What it carries.
    pub data: &'a [u8],
}

impl<'a> App<'a> {
    pub(super) fn parse(subtype: u8, body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let (ssrc, name) = (reader.u32()?, reader.array()?);
        Some(Self { ssrc, subtype, name, data: reader.rest() })
    }
}
