//! What chunks, parameters and error causes share: type, length, value, padding; and what to do with an unknown type.

use super::packet::ParseError;
use crate::base::reader::Reader;
use crate::base::writer::{Full, Writer};

/// What the two highest bits of an unrecognised type ask for (RFC 9260 §3.2, §3.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// 00: look no further into this packet (or list of parameters).
    Stop,
    /// 01: look no further, and report it.
    StopAndReport,
    /// 10: go on behind it.
    Skip,
    /// 11: go on behind it, and report it.
    SkipAndReport,
}

impl Action {
    /// The action for a chunk type.
    ///
    /// ```
    /// use antiphon::wire::sctp::Action;
    /// assert_eq!(Action::of_chunk(0x40), Action::StopAndReport);
    /// ```
    pub const fn of_chunk(kind: u8) -> Self {
        match kind >> 6 {
            0 => Self::Stop,
            1 => Self::StopAndReport,
            2 => Self::Skip,
            _ => Self::SkipAndReport,
        }
    }

    /// The action for a parameter type.
    pub const fn of_parameter(kind: u16) -> Self {
        let [high, _] = kind.to_be_bytes();
        Self::of_chunk(high)
    }

    /// Whether what follows is still looked at.
    pub const fn goes_on(self) -> bool {
        matches!(self, Self::Skip | Self::SkipAndReport)
    }

    /// Whether the peer is told.
    pub const fn reports(self) -> bool {
        matches!(self, Self::StopAndReport | Self::SkipAndReport)
    }
}

/// A list of 16-bit numbers, borrowed from a packet or from a slice of integers; both are the same list.
#[derive(Clone, Copy, Debug)]
pub struct U16List<'a>(List<'a>);

#[derive(Clone, Copy, Debug)]
enum List<'a> {
    Wire(&'a [u8]),
    Host(&'a [u16]),
}

impl<'a> U16List<'a> {
    /// A list of the given numbers.
    pub const fn new(numbers: &'a [u16]) -> Self {
        Self(List::Host(numbers))
    }

    /// A list in network byte order; an odd last byte is not part of it.
    pub(super) const fn from_wire(bytes: &'a [u8]) -> Self {
        Self(List::Wire(bytes))
    }

    /// How many numbers there are.
    pub const fn len(&self) -> usize {
        match self.0 {
            List::Wire(bytes) => bytes.len() / 2,
            List::Host(numbers) => numbers.len(),
        }
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers.
    pub fn iter(&self) -> impl Iterator<Item = u16> + use<'a> {
        let (wire, host) = match self.0 {
            List::Wire(bytes) => (bytes, [].as_slice()),
            List::Host(numbers) => ([].as_slice(), numbers),
        };
        let (pairs, _) = wire.as_chunks::<2>();
        pairs.iter().map(|pair| u16::from_be_bytes(*pair)).chain(host.iter().copied())
    }

    /// Whether `number` is in the list.
    pub fn contains(&self, number: u16) -> bool {
        self.iter().any(|each| each == number)
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match self.0 {
            List::Wire(bytes) => out.bytes(bytes),
            List::Host(numbers) => numbers.iter().try_for_each(|number| out.u16(*number)),
        }
    }
}

impl PartialEq for U16List<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
impl Eq for U16List<'_> {}

/// Bytes of padding behind `len` bytes.
pub(super) const fn padding(len: usize) -> usize {
    len.wrapping_neg() % 4
}

/// One parameter or error cause, not yet looked into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tlv<'a> {
    pub(super) kind: u16,
    pub(super) value: &'a [u8],
    /// Header and value without padding.
    pub(super) raw: &'a [u8],
}

/// Walks through parameters or causes. Ends at the first whose length is wrong, with an error.
#[derive(Clone, Debug)]
pub(super) struct Tlvs<'a> {
    reader: Reader<'a>,
}

impl<'a> Tlvs<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(bytes) }
    }

    fn take(&mut self) -> Option<Tlv<'a>> {
        let mut ahead = self.reader;
        let kind = ahead.u16()?;
        let len = usize::from(ahead.u16()?);
        let value = ahead.bytes(len.checked_sub(4)?)?;
        let raw = self.reader.bytes(len)?;
        // The last one may come without its padding.
        let padding = padding(len).min(self.reader.remaining());
        self.reader.skip(padding)?;
        Some(Tlv { kind, value, raw })
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        if let Some(tlv) = self.take() {
            return Some(Ok(tlv));
        }
        let mut ahead = self.reader;
        let kind = ahead.u16().unwrap_or_default();
        let length = ahead.u16().unwrap_or_default();
        let left = self.reader.remaining();
        self.reader = Reader::new(&[]);
        Some(Err(ParseError::ParameterLength { kind, length, left }))
    }
}

/// Writes one parameter or cause; a following one must be preceded by [`pad`].
pub(super) fn write_tlv(
    out: &mut Writer<'_>,
    kind: u16,
    value: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>,
) -> Result<(), Full> {
    let start = out.position();
    out.u16(kind)?;
    out.u16(0)?;
    value(out)?;
    let len = out.position() - start;
    let length = u16::try_from(len).map_err(|_| Full { wanted: len, left: usize::from(u16::MAX) })?;
    out.patch_u16(start + 2, length);
    Ok(())
}

/// Writes a list of parameters or causes: each but the last is padded, as the chunk's length counts it (RFC 9260 §3.2).
pub(super) fn write_list<T>(
    out: &mut Writer<'_>,
    list: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&T, &mut Writer<'_>) -> Result<(), Full>,
) -> Result<(), Full> {
    let start = out.position();
    for each in list {
        out.zeros(padding(out.position() - start))?;
        write(&each, out)?;
    }
    Ok(())
}
