//! A bounds-checked big-endian cursor over `&[u8]`. Every read of network input goes through it.

/// Reads big-endian integers and slices; `None` when the input is too short, and nothing is then consumed.
///
/// ```
/// use antiphon::base::reader::Reader;
///
/// let mut reader = Reader::new(&[0x00, 0x01, 0xff]);
/// assert_eq!(reader.u16(), Some(1));
/// assert_eq!(reader.u16(), None);
/// assert_eq!(reader.rest(), &[0xff]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `data`.
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    /// The bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.data.get(self.position..).unwrap_or_default()
    }

    /// How many bytes have been read.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// How many bytes are left.
    pub const fn remaining(&self) -> usize {
        self.data.len() - self.position
    }

    /// Whether all has been read.
    pub const fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// The next `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.position.checked_add(len)?;
        let taken = self.data.get(self.position..end)?;
        self.position = end;
        Some(taken)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = *self.rest().first_chunk::<N>()?;
        self.position += N;
        Some(taken)
    }

    /// The next `len` bytes as a cursor of their own.
    pub fn sub(&mut self, len: usize) -> Option<Reader<'a>> {
        self.bytes(len).map(Reader::new)
    }

    /// Skips `len` bytes.
    pub fn skip(&mut self, len: usize) -> Option<()> {
        self.bytes(len).map(|_| ())
    }

    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// The next two bytes.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next three bytes.
    pub fn u24(&mut self) -> Option<u32> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// The next four bytes.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next six bytes.
    pub fn u48(&mut self) -> Option<u64> {
        self.array().map(|[a, b, c, d, e, f]| u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// The next eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A slice preceded by its length in one byte.
    pub fn vec8(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let len = usize::from(ahead.u8()?);
        let taken = ahead.bytes(len)?;
        *self = ahead;
        Some(taken)
    }

    /// A slice preceded by its length in two bytes.
    pub fn vec16(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let len = usize::from(ahead.u16()?);
        let taken = ahead.bytes(len)?;
        *self = ahead;
        Some(taken)
    }

    /// A slice preceded by its length in three bytes.
    pub fn vec24(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let len = usize::try_from(ahead.u24()?).ok()?;
        let taken = ahead.bytes(len)?;
        *self = ahead;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_big_endian_and_in_order() {
        let mut reader = Reader::new(&[1, 0, 2, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 5]);
        assert_eq!((reader.u8(), reader.u16(), reader.u24()), (Some(1), Some(2), Some(3)));
        assert_eq!((reader.u32(), reader.u48(), reader.is_empty()), (Some(4), Some(5), true));
    }

    #[test]
    fn a_short_read_consumes_nothing() {
        let mut reader = Reader::new(&[0, 9, 1]);
        assert_eq!(reader.vec16(), None);
        assert_eq!(reader.u64(), None);
        assert_eq!(reader.bytes(usize::MAX), None);
        assert_eq!(reader.rest(), &[0, 9, 1]);
    }
}
