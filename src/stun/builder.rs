//! Writes a message into a caller's buffer, attribute by attribute, without allocation.

use crate::base::writer::{Full, Writer};

use super::attribute::Attribute;
use super::encode::too_long;
use super::header::{Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId};
use super::integrity::{IntegrityKey, fingerprint};
use super::kind::AttributeType;

/// A message under construction. An attribute that does not fit leaves what was written before it.
///
/// ```
/// use antiphon::stun::{Attribute, Builder, Class, Method, TransactionId};
///
/// let mut buf = [0; 64];
/// let mut builder = Builder::new(&mut buf, Class::Indication, Method::BINDING, TransactionId([1; 12]))?;
/// builder.add(&Attribute::Software("x"))?.fingerprint()?;
/// assert_eq!(builder.finish(), 20 + 8 + 8);
/// # Ok::<(), antiphon::base::writer::Full>(())
/// ```
#[derive(Debug)]
pub struct Builder<'a> {
    writer: Writer<'a>,
    id: TransactionId,
}

impl<'a> Builder<'a> {
    /// A message without attributes at the start of `buf`.
    ///
    /// # Errors
    /// [`Full`] if the buffer is shorter than a header.
    pub fn new(buf: &'a mut [u8], class: Class, method: Method, id: TransactionId) -> Result<Self, Full> {
        let mut writer = Writer::new(buf);
        writer.u16(method.bits() | class.bits())?;
        writer.u16(0)?;
        writer.u32(MAGIC_COOKIE)?;
        writer.bytes(&id.0)?;
        Ok(Self { writer, id })
    }

    /// Appends an attribute.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn add(&mut self, attribute: &Attribute<'_>) -> Result<&mut Self, Full> {
        let id = self.id;
        self.attribute(attribute.kind(), |writer| attribute.write_value(writer, id))
    }

    /// Appends an attribute whose value is the concatenated parts.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn raw(&mut self, kind: AttributeType, parts: &[&[u8]]) -> Result<&mut Self, Full> {
        self.attribute(kind, |writer| parts.iter().try_for_each(|part| writer.bytes(part)))
    }

    /// Appends UNKNOWN-ATTRIBUTES.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn unknown_attributes(
        &mut self,
        kinds: impl Iterator<Item = AttributeType>,
    ) -> Result<&mut Self, Full> {
        self.attribute(AttributeType::UNKNOWN_ATTRIBUTES, |writer| {
            let mut kinds = kinds;
            kinds.try_for_each(|kind| writer.u16(kind.0))
        })
    }

    /// Appends MESSAGE-INTEGRITY over all that was written. Only MESSAGE-INTEGRITY-SHA256 and FINGERPRINT may follow.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn integrity(&mut self, key: &IntegrityKey) -> Result<&mut Self, Full> {
        let at = self.writer.position();
        self.fits(24)?;
        let value = key.sha1(self.writer.written(), at);
        self.raw(AttributeType::MESSAGE_INTEGRITY, &[&value])
    }

    /// Appends MESSAGE-INTEGRITY-SHA256 over all that was written. Only FINGERPRINT may follow.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn integrity_sha256(&mut self, key: &IntegrityKey) -> Result<&mut Self, Full> {
        let at = self.writer.position();
        self.fits(36)?;
        let value = key.sha256(self.writer.written(), at, 32);
        self.raw(AttributeType::MESSAGE_INTEGRITY_SHA256, &[&value])
    }

    /// Appends FINGERPRINT over all that was written, as the last attribute.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn fingerprint(&mut self) -> Result<&mut Self, Full> {
        let at = self.writer.position();
        self.fits(8)?;
        // The length as it will be with this attribute: then the checksum is taken in one go.
        self.set_length(at + 8);
        let value = fingerprint(self.writer.written(), at);
        self.raw(AttributeType::FINGERPRINT, &[&value.to_be_bytes()])
    }

    /// How many bytes have been written.
    pub const fn len(&self) -> usize {
        self.writer.position()
    }

    /// Never: a message has a header.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The message is `buf[..returned]`.
    pub const fn finish(self) -> usize {
        self.writer.position()
    }

    fn attribute(
        &mut self,
        kind: AttributeType,
        value: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>,
    ) -> Result<&mut Self, Full> {
        let at = self.writer.position();
        let written = self.try_attribute(at, kind, value);
        if written.is_err() {
            self.writer.truncate(at);
        }
        written.map(|()| self)
    }

    fn try_attribute(
        &mut self,
        at: usize,
        kind: AttributeType,
        value: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>,
    ) -> Result<(), Full> {
        self.writer.u16(kind.0)?;
        self.writer.u16(0)?;
        value(&mut self.writer)?;
        let len = self.writer.position() - at - 4;
        self.writer.zeros(len.next_multiple_of(4) - len)?;
        let end = self.writer.position();
        let (Ok(len), Ok(_)) = (u16::try_from(len), u16::try_from(end - HEADER_LEN)) else {
            return Err(too_long(self.writer.written()));
        };
        self.writer.patch_u16(at + 2, len);
        self.set_length(end);
        Ok(())
    }

    fn set_length(&mut self, end: usize) {
        self.writer.patch_u16(2, u16::try_from(end - HEADER_LEN).unwrap_or(u16::MAX));
    }

    const fn fits(&self, wanted: usize) -> Result<(), Full> {
        let left = self.writer.remaining();
        if left < wanted { Err(Full { wanted, left }) } else { Ok(()) }
    }
}
