//! A received message: its header checked, its attributes walked once, nothing copied.

use core::fmt;
use core::time::Duration;
use std::net::SocketAddr;

use crate::base::reader::Reader;

use super::address;
use super::attribute::{Attribute, AttributeError, TypeList};
use super::error_code::ErrorCode;
use super::header::{Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId};
use super::integrity::{IntegrityError, IntegrityKey, IntegrityKind, fingerprint};
use super::kind::AttributeType;

/// Why bytes are no STUN message.
///
/// ```
/// use antiphon::stun::{Message, ParseError};
/// assert_eq!(Message::parse(&[0; 19]).expect_err("no header"), ParseError::TooShort(19));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Fewer bytes than a header has.
    #[error("{0} bytes where a header has 20")]
    TooShort(usize),
    /// The first two bits are not zero.
    #[error("first two bits are not zero")]
    NotStun,
    /// Not the magic cookie.
    #[error("cookie is {0:#010x}")]
    Cookie(u32),
    /// The length in the header is no multiple of 4, or not that of the bytes.
    #[error("length field says {header} of {bytes} bytes after the header")]
    Length {
        /// What the header says.
        header: usize,
        /// What there is.
        bytes: usize,
    },
    /// An attribute goes beyond the end.
    #[error("attribute at byte {at} goes beyond the end")]
    Attribute {
        /// Where it starts.
        at: usize,
    },
}

/// What can be said of a message's FINGERPRINT.
///
/// ```
/// use antiphon::stun::{Builder, Class, Fingerprint, Message, Method, TransactionId};
///
/// let mut buf = [0; 20];
/// Builder::new(&mut buf, Class::Indication, Method::BINDING, TransactionId([1; 12]))?;
/// assert_eq!(Message::parse(&buf)?.fingerprint(), Fingerprint::Absent);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fingerprint {
    /// There is none.
    Absent,
    /// It is the message's.
    Valid,
    /// It is not: the bytes are something else, or damaged.
    Invalid,
}

/// A message over the bytes it was read from.
///
/// Attributes after MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 are as if they were not there, except the latter and
/// FINGERPRINT; after FINGERPRINT there is nothing (RFC 8489 §14.5 to §14.7). Of attributes of one type the first
/// counts.
///
/// ```
/// use antiphon::stun::{Attribute, Builder, Class, Message, Method, TransactionId};
///
/// let mut buf = [0; 64];
/// let mut builder = Builder::new(&mut buf, Class::Success, Method::BINDING, TransactionId([1; 12]))?;
/// builder.add(&Attribute::XorMappedAddress("192.0.2.1:4000".parse()?))?;
/// let len = builder.finish();
/// let message = Message::parse(&buf[..len])?;
/// assert_eq!(message.xor_mapped_address(), Some("192.0.2.1:4000".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    /// Class and method, interleaved.
    kind: u16,
    id: TransactionId,
    /// Where the attributes that count end.
    end: usize,
    marks: Marks,
}

/// Where the attributes stand that protect the message; 0 for none.
#[derive(Clone, Copy, Default)]
struct Marks {
    integrity: usize,
    integrity_sha256: usize,
    fingerprint: usize,
}

impl Marks {
    const fn any(&self) -> bool {
        self.integrity | self.integrity_sha256 | self.fingerprint != 0
    }
}

impl<'a> Message<'a> {
    /// Reads one message that fills `bytes`.
    ///
    /// # Errors
    /// [`ParseError`] if these bytes are no message.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let short = ParseError::TooShort(bytes.len());
        let header = reader.array::<HEADER_LEN>().ok_or(short)?;
        let [t0, t1, l0, l1, c0, c1, c2, c3, id @ ..] = header;
        let message_type = u16::from_be_bytes([t0, t1]);
        if message_type & 0xc000 != 0 {
            return Err(ParseError::NotStun);
        }
        let cookie = u32::from_be_bytes([c0, c1, c2, c3]);
        if cookie != MAGIC_COOKIE {
            return Err(ParseError::Cookie(cookie));
        }
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if length != reader.remaining() || !length.is_multiple_of(4) {
            return Err(ParseError::Length { header: length, bytes: reader.remaining() });
        }
        let mut marks = Marks::default();
        let mut end = bytes.len();
        while !reader.is_empty() {
            let at = reader.position();
            let kind = next(&mut reader).ok_or(ParseError::Attribute { at })?.0;
            mark(&mut marks, kind, at);
            if marks.any() {
                end = end.min(at);
            }
        }
        Ok(Self { bytes, kind: message_type, id: TransactionId(id), end, marks })
    }

    /// Length of the message that starts with these bytes, on a stream; `None` if fewer than four.
    pub fn len_on_stream(bytes: &[u8]) -> Option<usize> {
        let mut reader = Reader::new(bytes);
        reader.skip(2)?;
        Some(HEADER_LEN + usize::from(reader.u16()?))
    }

    /// Its class.
    pub const fn class(&self) -> Class {
        Class::of(self.kind)
    }

    /// Its method.
    pub const fn method(&self) -> Method {
        Method::of(self.kind)
    }

    /// Its transaction id.
    pub const fn transaction_id(&self) -> TransactionId {
        self.id
    }

    /// All of its bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The attributes that count, as types and values, in order.
    pub fn raw_attributes(&self) -> impl Iterator<Item = (AttributeType, &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.bytes.get(HEADER_LEN..self.end).unwrap_or_default());
        core::iter::from_fn(move || next(&mut reader))
    }

    /// The attributes that count, read.
    pub fn attributes(&self) -> impl Iterator<Item = Result<Attribute<'a>, AttributeError>> + use<'a> {
        let id = self.id;
        self.raw_attributes().map(move |(kind, value)| Attribute::parse(kind, value, id))
    }

    /// Value of the first attribute of this type that counts.
    pub fn get(&self, kind: AttributeType) -> Option<&'a [u8]> {
        self.raw_attributes().find_map(|(found, value)| (found == kind).then_some(value))
    }

    fn find(&self, kind: AttributeType) -> Option<Attribute<'a>> {
        Attribute::parse(kind, self.get(kind)?, self.id).ok()
    }

    /// Types of attributes that must be understood and are not, for a 420 (RFC 8489 §6.3.1); each as often as it is
    /// there.
    pub fn unknown_required(&self) -> impl Iterator<Item = AttributeType> + use<'a> {
        self.raw_attributes()
            .map(|(kind, _)| kind)
            .filter(|kind| kind.is_comprehension_required() && kind.name().is_none())
    }

    /// USERNAME, if there is one in UTF-8.
    pub fn username(&self) -> Option<&'a str> {
        let Attribute::Username(text) = self.find(AttributeType::USERNAME)? else { return None };
        Some(text)
    }

    /// REALM.
    pub fn realm(&self) -> Option<&'a str> {
        let Attribute::Realm(text) = self.find(AttributeType::REALM)? else { return None };
        Some(text)
    }

    /// NONCE.
    pub fn nonce(&self) -> Option<&'a str> {
        let Attribute::Nonce(text) = self.find(AttributeType::NONCE)? else { return None };
        Some(text)
    }

    /// ERROR-CODE.
    pub fn error_code(&self) -> Option<ErrorCode<'a>> {
        let Attribute::ErrorCode(error) = self.find(AttributeType::ERROR_CODE)? else { return None };
        Some(error)
    }

    /// UNKNOWN-ATTRIBUTES.
    pub fn unknown_attributes(&self) -> Option<TypeList<'a>> {
        let Attribute::UnknownAttributes(list) = self.find(AttributeType::UNKNOWN_ATTRIBUTES)? else {
            return None;
        };
        Some(list)
    }

    /// XOR-MAPPED-ADDRESS.
    pub fn xor_mapped_address(&self) -> Option<SocketAddr> {
        address::read_xored(self.get(AttributeType::XOR_MAPPED_ADDRESS)?, self.id)
    }

    /// XOR-RELAYED-ADDRESS.
    pub fn xor_relayed_address(&self) -> Option<SocketAddr> {
        address::read_xored(self.get(AttributeType::XOR_RELAYED_ADDRESS)?, self.id)
    }

    /// XOR-PEER-ADDRESS.
    pub fn xor_peer_address(&self) -> Option<SocketAddr> {
        address::read_xored(self.get(AttributeType::XOR_PEER_ADDRESS)?, self.id)
    }

    /// PRIORITY.
    pub fn priority(&self) -> Option<u32> {
        let Attribute::Priority(priority) = self.find(AttributeType::PRIORITY)? else { return None };
        Some(priority)
    }

    /// Whether there is USE-CANDIDATE.
    pub fn use_candidate(&self) -> bool {
        self.get(AttributeType::USE_CANDIDATE).is_some()
    }

    /// Tie-breaker of ICE-CONTROLLING.
    pub fn ice_controlling(&self) -> Option<u64> {
        let Attribute::IceControlling(tie_breaker) = self.find(AttributeType::ICE_CONTROLLING)? else {
            return None;
        };
        Some(tie_breaker)
    }

    /// Tie-breaker of ICE-CONTROLLED.
    pub fn ice_controlled(&self) -> Option<u64> {
        let Attribute::IceControlled(tie_breaker) = self.find(AttributeType::ICE_CONTROLLED)? else {
            return None;
        };
        Some(tie_breaker)
    }

    /// NOMINATION.
    pub fn nomination(&self) -> Option<u32> {
        let Attribute::Nomination(value) = self.find(AttributeType::NOMINATION)? else { return None };
        Some(value)
    }

    /// LIFETIME.
    pub fn lifetime(&self) -> Option<Duration> {
        let Attribute::Lifetime(lifetime) = self.find(AttributeType::LIFETIME)? else { return None };
        Some(lifetime)
    }

    /// DATA.
    pub fn data(&self) -> Option<&'a [u8]> {
        self.get(AttributeType::DATA)
    }

    /// Which attribute protects the message: MESSAGE-INTEGRITY-SHA256 where both are there (RFC 8489 §9.1.3).
    pub const fn integrity(&self) -> Option<IntegrityKind> {
        if self.marks.integrity_sha256 != 0 {
            Some(IntegrityKind::Sha256)
        } else if self.marks.integrity != 0 {
            Some(IntegrityKind::Sha1)
        } else {
            None
        }
    }

    /// Checks MESSAGE-INTEGRITY-SHA256, or MESSAGE-INTEGRITY where that is missing, and says which it was: an answer is
    /// protected by the same. The former must not be truncated: neither ICE nor TURN permits it.
    ///
    /// # Errors
    /// [`IntegrityError`] if the message must not be believed.
    pub fn verify_integrity(&self, key: &IntegrityKey) -> Result<IntegrityKind, IntegrityError> {
        self.verify_integrity_of(key, 32)
    }

    /// The same, taking a MESSAGE-INTEGRITY-SHA256 of `least` bytes and more: 16 to 32, as the usage says.
    ///
    /// # Errors
    /// [`IntegrityError`] if the message must not be believed.
    pub fn verify_integrity_of(
        &self,
        key: &IntegrityKey,
        least: usize,
    ) -> Result<IntegrityKind, IntegrityError> {
        let kind = self.integrity().ok_or(IntegrityError::Missing)?;
        match kind {
            IntegrityKind::Sha256 => {
                let at = self.marks.integrity_sha256;
                key.verify_sha256(self.bytes, at, self.value_at(at), least)?;
            }
            IntegrityKind::Sha1 => {
                let at = self.marks.integrity;
                key.verify_sha1(self.bytes, at, self.value_at(at))?;
            }
        }
        Ok(kind)
    }

    /// Checks FINGERPRINT.
    pub fn fingerprint(&self) -> Fingerprint {
        let at = self.marks.fingerprint;
        if at == 0 {
            return Fingerprint::Absent;
        }
        if self.value_at(at) == fingerprint(self.bytes, at).to_be_bytes() {
            Fingerprint::Valid
        } else {
            Fingerprint::Invalid
        }
    }

    fn value_at(&self, at: usize) -> &'a [u8] {
        let mut reader = Reader::new(self.bytes.get(at..).unwrap_or_default());
        next(&mut reader).map(|(_, value)| value).unwrap_or_default()
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("class", &self.class())
            .field("method", &self.method())
            .field("id", &self.id)
            .field("attributes", &self.raw_attributes().map(|(kind, _)| kind).collect::<Vec<_>>())
            .field("integrity", &self.integrity())
            .finish_non_exhaustive()
    }
}

/// Type and value of the next attribute; its padding is skipped, whatever it holds.
fn next<'a>(reader: &mut Reader<'a>) -> Option<(AttributeType, &'a [u8])> {
    let mut ahead = *reader;
    let kind = AttributeType(ahead.u16()?);
    let len = usize::from(ahead.u16()?);
    let value = ahead.bytes(len.next_multiple_of(4))?.get(..len)?;
    *reader = ahead;
    Some((kind, value))
}

/// Notes where a protecting attribute stands, unless it comes after one that ends the message for it.
fn mark(marks: &mut Marks, kind: AttributeType, at: usize) {
    let Marks { integrity, integrity_sha256, fingerprint } = marks;
    match kind {
        _ if *fingerprint != 0 => {}
        AttributeType::FINGERPRINT => *fingerprint = at,
        _ if *integrity_sha256 != 0 => {}
        AttributeType::MESSAGE_INTEGRITY_SHA256 => *integrity_sha256 = at,
        AttributeType::MESSAGE_INTEGRITY if *integrity == 0 => *integrity = at,
        _ => {}
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
