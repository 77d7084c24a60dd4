//! A bounds-checked big-endian cursor over `&mut [u8]`.

/// The buffer has no room for what was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for {wanted} bytes in {left}")]
pub struct Full {
    /// How many bytes were to be written.
    pub wanted: usize,
    /// How many were free.
    pub left: usize,
}

/// Writes big-endian integers and slices into a caller's buffer. A write that does not fit leaves it as it was.
///
/// ```
/// use antiphon::base::writer::Writer;
///
/// let mut buf = [0; 4];
/// let mut writer = Writer::new(&mut buf);
/// writer.u16(1)?;
/// assert!(writer.u32(2).is_err());
/// writer.patch_u16(0, 0xaabb);
/// assert_eq!(writer.written(), &[0xaa, 0xbb]);
/// # Ok::<(), antiphon::base::writer::Full>(())
/// ```
#[derive(Debug)]
pub struct Writer<'a> {
    buf: &'a mut [u8],
    position: usize,
}

impl<'a> Writer<'a> {
    /// A cursor at the start of `buf`.
    pub const fn new(buf: &'a mut [u8]) -> Self {
        Self { buf, position: 0 }
    }

    /// How many bytes have been written.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// How many bytes are free.
    pub const fn remaining(&self) -> usize {
        self.buf.len() - self.position
    }

    /// What has been written.
    pub fn written(&self) -> &[u8] {
        self.buf.get(..self.position).unwrap_or_default()
    }

    /// What has been written, to change.
    pub fn written_mut(&mut self) -> &mut [u8] {
        self.buf.get_mut(..self.position).unwrap_or_default()
    }

    /// Drops what was written after `position`.
    pub fn truncate(&mut self, position: usize) {
        self.position = self.position.min(position);
    }

    /// The next `len` bytes, to be filled by the caller.
    ///
    /// # Errors
    /// [`Full`] if they do not fit.
    pub fn reserve(&mut self, len: usize) -> Result<&mut [u8], Full> {
        let left = self.remaining();
        let end = self.position.checked_add(len).filter(|end| *end <= self.buf.len());
        let end = end.ok_or(Full { wanted: len, left })?;
        let taken = self.buf.get_mut(self.position..end).ok_or(Full { wanted: len, left })?;
        self.position = end;
        Ok(taken)
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Full`] if they do not fit.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.reserve(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// Appends `len` zero bytes.
    ///
    /// # Errors
    /// [`Full`] if they do not fit.
    pub fn zeros(&mut self, len: usize) -> Result<(), Full> {
        self.reserve(len)?.fill(0);
        Ok(())
    }

    /// Appends one byte.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn u8(&mut self, value: u8) -> Result<(), Full> {
        self.bytes(&[value])
    }

    /// Appends two bytes.
    ///
    /// # Errors
    /// [`Full`] if they do not fit.
    pub fn u16(&mut self, value: u16) -> Result<(), Full> {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends the low three bytes of `value`.
    ///
    /// # Errors
    /// [`Full`] if they do not fit.
    pub fn u24(&mut self, value: u32) -> Result<(), Full> {
        let [_, low @ ..] = value.to_be_bytes();
        self.bytes(&low)
    }

    /// Appends four bytes.
    ///
    /// # Errors
    /// [`Full`] if they do not fit.
    pub fn u32(&mut self, value: u32) -> Result<(), Full> {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends the low six bytes of `value`.
    ///
    /// # Errors
    /// [`Full`] if they do not fit.
    pub fn u48(&mut self, value: u64) -> Result<(), Full> {
        let [_, _, low @ ..] = value.to_be_bytes();
        self.bytes(&low)
    }

    /// Appends eight bytes.
    ///
    /// # Errors
    /// [`Full`] if they do not fit.
    pub fn u64(&mut self, value: u64) -> Result<(), Full> {
        self.bytes(&value.to_be_bytes())
    }

    /// Overwrites two bytes at `at`, which must have been written already; otherwise nothing happens.
    pub fn patch_u16(&mut self, at: usize, value: u16) {
        if let Some(place) = self.written_mut().get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = value.to_be_bytes();
        }
    }

    /// Overwrites four bytes at `at`, which must have been written already; otherwise nothing happens.
    pub fn patch_u32(&mut self, at: usize, value: u32) {
        if let Some(place) = self.written_mut().get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = value.to_be_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_does_not_fit_changes_nothing() {
        let mut buf = [7; 3];
        let mut writer = Writer::new(&mut buf);
        writer.u24(0x0001_0203).unwrap();
        assert_eq!(writer.u8(1), Err(Full { wanted: 1, left: 0 }));
        assert_eq!(writer.reserve(usize::MAX).unwrap_err().left, 0);
        assert_eq!(buf, [1, 2, 3]);
    }
}
