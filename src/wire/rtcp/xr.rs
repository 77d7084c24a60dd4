//! Extended reports: round trips of those who only receive (RFC 3611 §4.4, §4.5).

use crate::base::reader::Reader;

/// Block types.
pub(super) const RRTR: u8 = 4;
pub(super) const DLRR: u8 = 5;

/// What a DLRR block tells one receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dlrr {
    /// The receiver.
    pub ssrc: u32,
    /// The middle 32 bits of the NTP time of its last RRTR; 0 for none.
    pub last_rr: u32,
    /// Time since that, in units of 2^-16 seconds.
    pub delay_since_last_rr: u32,
}

/// One block of an extended report.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XrBlock<'a> {
    /// The receiver's wall clock, 32.32 fixed point seconds since 1900.
    ReceiverReferenceTime {
        /// The time.
        ntp: u64,
    },
    /// Answers to such.
    Dlrr(DlrrBlock<'a>),
    /// A block we do not know, to be passed over.
    Unknown {
        /// Its type.
        kind: u8,
    },
}

/// The entries of a DLRR block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DlrrBlock<'a>(&'a [[u8; 12]]);

impl<'a> DlrrBlock<'a> {
    /// The entries.
    pub fn entries(&self) -> impl Iterator<Item = Dlrr> + use<'a> {
        self.0.iter().filter_map(|bytes| {
            let mut reader = Reader::new(bytes);
            Some(Dlrr { ssrc: reader.u32()?, last_rr: reader.u32()?, delay_since_last_rr: reader.u32()? })
        })
    }
}

/// An extended report.
///
/// ```
/// use antiphon::wire::rtcp::{Compound, Packet, XrBlock};
///
/// let bytes = [0x80, 207, 0, 4, 0, 0, 0, 1, 4, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3];
/// let Some(Ok(Packet::ExtendedReport(report))) = Compound::new(&bytes).next() else { panic!("not an XR") };
/// assert_eq!(report.blocks().next(), Some(XrBlock::ReceiverReferenceTime { ntp: 2 << 32 | 3 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedReport<'a> {
    /// Its sender.
    pub ssrc: u32,
    blocks: &'a [u8],
}

impl<'a> ExtendedReport<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let report = Self { ssrc: reader.u32()?, blocks: reader.rest() };
        // A block that runs over the end makes the whole packet unsound.
        while !reader.is_empty() {
            read_block(&mut reader)?;
        }
        Some(report)
    }

    /// The blocks. One of a known type whose length is not of that type counts as unknown.
    pub fn blocks(&self) -> impl Iterator<Item = XrBlock<'a>> + use<'a> {
        let mut reader = Reader::new(self.blocks);
        core::iter::from_fn(move || read_block(&mut reader))
    }
}

fn read_block<'a>(reader: &mut Reader<'a>) -> Option<XrBlock<'a>> {
    let [kind, _specific] = reader.array()?;
    let words = reader.u16()?;
    let data = reader.bytes(usize::from(words) * 4)?;
    Some(match kind {
        RRTR if data.len() == 8 => {
            let ntp = Reader::new(data).u64()?;
            XrBlock::ReceiverReferenceTime { ntp }
        }
        DLRR if data.len().is_multiple_of(12) => XrBlock::Dlrr(DlrrBlock(data.as_chunks().0)),
        _ => XrBlock::Unknown { kind },
    })
}
