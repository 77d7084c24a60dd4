//! The header's values (RFC 8489 §5), and what a router needs to know without parsing a message.

use crate::base::reader::Reader;
use crate::crypto::digest::sha256;
use crate::rng::Rng;

use super::kind::AttributeType;

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 20;
/// What bytes 4 to 7 of every message hold.
pub const MAGIC_COOKIE: u32 = 0x2112_a442;

/// Class of a message.
///
/// ```
/// use antiphon::stun::Class;
/// assert_eq!(Class::of(0x0101), Class::Success);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Wants an answer.
    Request,
    /// Wants none.
    Indication,
    /// The request succeeded.
    Success,
    /// The request failed.
    Error,
}

impl Class {
    pub(super) const fn bits(self) -> u16 {
        match self {
            Self::Request => 0x0000,
            Self::Indication => 0x0010,
            Self::Success => 0x0100,
            Self::Error => 0x0110,
        }
    }

    /// The class that a message's first two bytes tell.
    pub const fn of(message_type: u16) -> Self {
        match message_type & 0x0110 {
            0x0000 => Self::Request,
            0x0010 => Self::Indication,
            0x0100 => Self::Success,
            _ => Self::Error,
        }
    }
}

/// Method of a message: twelve bits.
///
/// ```
/// assert_eq!(antiphon::stun::Method::ALLOCATE.0, 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(pub u16);

impl Method {
    /// Binding (RFC 8489).
    pub const BINDING: Self = Self(0x001);
    /// Allocate (RFC 8656).
    pub const ALLOCATE: Self = Self(0x003);
    /// Refresh (RFC 8656).
    pub const REFRESH: Self = Self(0x004);
    /// Send (RFC 8656), an indication.
    pub const SEND: Self = Self(0x006);
    /// Data (RFC 8656), an indication.
    pub const DATA: Self = Self(0x007);
    /// `CreatePermission` (RFC 8656).
    pub const CREATE_PERMISSION: Self = Self(0x008);
    /// `ChannelBind` (RFC 8656).
    pub const CHANNEL_BIND: Self = Self(0x009);
    /// Connect (RFC 6062).
    pub const CONNECT: Self = Self(0x00a);
    /// `ConnectionBind` (RFC 6062).
    pub const CONNECTION_BIND: Self = Self(0x00b);
    /// `ConnectionAttempt` (RFC 6062), an indication.
    pub const CONNECTION_ATTEMPT: Self = Self(0x00c);

    /// The bits of the class lie between those of the method (RFC 8489 §5, figure 3).
    pub(super) const fn bits(self) -> u16 {
        (self.0 & 0x0f80) << 2 | (self.0 & 0x0070) << 1 | self.0 & 0x000f
    }

    /// The class that a message's first two bytes tell.
    pub const fn of(message_type: u16) -> Self {
        Self((message_type & 0x3e00) >> 2 | (message_type & 0x00e0) >> 1 | message_type & 0x000f)
    }
}

/// Ties a response to its request: 96 random bits.
///
/// ```
/// use antiphon::{Rng, Seed, stun::TransactionId};
///
/// let mut rng = Rng::new(&Seed::from_bytes([1; 32]));
/// assert_ne!(TransactionId::random(&mut rng), TransactionId::random(&mut rng));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub [u8; 12]);

impl TransactionId {
    /// A fresh one.
    pub fn random(rng: &mut Rng) -> Self {
        Self(rng.array())
    }
}

/// Whether a datagram is STUN by its first byte (RFC 7983), its length and the magic cookie.
///
/// ```
/// assert!(!antiphon::stun::is_stun(&[22, 254, 253]));
/// ```
pub fn is_stun(datagram: &[u8]) -> bool {
    let Some(header) = datagram.first_chunk::<HEADER_LEN>() else { return false };
    let [first, _, _, _, cookie @ ..] = header;
    *first < 4 && cookie.starts_with(&MAGIC_COOKIE.to_be_bytes())
}

/// USERNAME of a Binding request, looked up without a check of the rest; `None` for anything else.
///
/// A router finds the connection of an unknown address by it. Whoever acts on it must verify the integrity first.
pub fn binding_username(datagram: &[u8]) -> Option<&[u8]> {
    if !is_stun(datagram) {
        return None;
    }
    let mut reader = Reader::new(datagram);
    if reader.u16()? != Method::BINDING.bits() | Class::Request.bits() {
        return None;
    }
    reader.skip(HEADER_LEN - 2)?;
    loop {
        let (kind, len) = (AttributeType(reader.u16()?), usize::from(reader.u16()?));
        match kind {
            AttributeType::USERNAME => return reader.bytes(len),
            // What follows these does not count.
            AttributeType::MESSAGE_INTEGRITY
            | AttributeType::MESSAGE_INTEGRITY_SHA256
            | AttributeType::FINGERPRINT => return None,
            _ => reader.skip(len.next_multiple_of(4))?,
        }
    }
}

/// Value of USERHASH (RFC 8489 §14.4).
pub fn user_hash(username: &str, realm: &str) -> [u8; 32] {
    sha256(&[username.as_bytes(), b":", realm.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_type_survives_a_round_trip() {
        for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
            for method in 0..0x1000 {
                let bits = Method(method).bits() | class.bits();
                assert_eq!((Class::of(bits), Method::of(bits)), (class, Method(method)));
                assert_eq!(bits & 0xc000, 0);
            }
        }
        assert_eq!(Method::BINDING.bits() | Class::Success.bits(), 0x0101);
        assert_eq!(Method::ALLOCATE.bits() | Class::Error.bits(), 0x0113);
    }

    #[test]
    fn nineteen_bytes_are_no_stun() {
        let mut header = [0; 20];
        header[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        assert!(is_stun(&header));
        assert!(!is_stun(&header[..19]));
        header[0] = 4;
        assert!(!is_stun(&header));
    }
}
