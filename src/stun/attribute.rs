//! Typed attributes: those of RFC 8489, of ICE and of TURN.

use core::time::Duration;
use std::net::SocketAddr;

use crate::base::reader::Reader;

use super::address;
use super::error_code::ErrorCode;
use super::header::TransactionId;
use super::kind::AttributeType;

/// Longest USERNAME in bytes (RFC 8489 §14.3).
const MAX_USERNAME: usize = 513;
/// Longest REALM, NONCE or SOFTWARE in bytes: 127 characters, decoded generously (RFC 8489 §14.9).
const MAX_TEXT: usize = 763;

/// An attribute's value is not what its type says.
///
/// ```
/// use antiphon::stun::{Attribute, AttributeType, TransactionId};
/// let error = Attribute::parse(AttributeType::PRIORITY, &[1], TransactionId([0; 12])).expect_err("one byte");
/// assert_eq!(error.to_string(), "value of 1 bytes is none of PRIORITY");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("value of {len} bytes is none of {kind:?}")]
pub struct AttributeError {
    /// Its type.
    pub kind: AttributeType,
    /// Length of the value in bytes.
    pub len: usize,
}

/// An address family as TURN writes it (RFC 8656 §18.6).
///
/// ```
/// use antiphon::stun::{Attribute, AttributeType, Family, TransactionId};
/// let parsed = Attribute::parse(AttributeType::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0], TransactionId([0; 12]));
/// assert_eq!(parsed, Ok(Attribute::RequestedAddressFamily(Family::V6)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// 0x01.
    V4,
    /// 0x02.
    V6,
}

impl Family {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    const fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::V4),
            2 => Some(Self::V6),
            _ => None,
        }
    }
}

/// What an ICMP packet told the TURN server (RFC 8656 §18.13).
///
/// ```
/// use antiphon::stun::{Attribute, AttributeType, Icmp, TransactionId};
/// let parsed = Attribute::parse(AttributeType::ICMP, &[0, 0, 6, 4, 0, 0, 5, 0], TransactionId([0; 12]));
/// assert_eq!(parsed, Ok(Attribute::Icmp(Icmp { kind: 3, code: 4, data: 1280 })));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// ICMP type: seven bits.
    pub kind: u8,
    /// ICMP code: nine bits.
    pub code: u16,
    /// The next hop's MTU where there is one.
    pub data: u32,
}

/// How a long-term key is derived (RFC 8489 §18.5).
///
/// ```
/// use antiphon::stun::attribute::PasswordAlgorithm;
/// assert_eq!(PasswordAlgorithm::SHA256.0, 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PasswordAlgorithm(pub u16);

impl PasswordAlgorithm {
    /// MD5.
    pub const MD5: Self = Self(1);
    /// SHA-256.
    pub const SHA256: Self = Self(2);
}

/// The types that UNKNOWN-ATTRIBUTES lists.
///
/// ```
/// use antiphon::stun::AttributeType;
/// use antiphon::stun::attribute::TypeList;
/// let list = TypeList::new(&[0x7f, 0xff, 0, 6]).expect("an even length");
/// assert_eq!(list.iter().nth(1), Some(AttributeType::USERNAME));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeList<'a>(pub(super) &'a [u8]);

impl<'a> TypeList<'a> {
    /// A list of big-endian types, if the length is even.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        bytes.len().is_multiple_of(2).then_some(Self(bytes))
    }

    /// The types.
    pub fn iter(&self) -> impl Iterator<Item = AttributeType> + use<'a> {
        self.0.as_chunks::<2>().0.iter().map(|pair| AttributeType(u16::from_be_bytes(*pair)))
    }
}

/// The algorithms that PASSWORD-ALGORITHMS offers, with their parameters.
///
/// ```
/// use antiphon::stun::attribute::{AlgorithmList, PasswordAlgorithm};
/// let list = AlgorithmList::new(&[0, 2, 0, 0, 0, 1, 0, 0]).expect("whole parts");
/// assert_eq!(list.iter().next(), Some((PasswordAlgorithm::SHA256, &[][..])));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlgorithmList<'a>(pub(super) &'a [u8]);

impl<'a> AlgorithmList<'a> {
    /// A list as it stands on the wire, if its parts fit in it.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            next_algorithm(&mut reader)?;
        }
        Some(Self(bytes))
    }

    /// The algorithms and their parameters, best first.
    pub fn iter(&self) -> impl Iterator<Item = (PasswordAlgorithm, &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || next_algorithm(&mut reader))
    }
}

fn next_algorithm<'a>(reader: &mut Reader<'a>) -> Option<(PasswordAlgorithm, &'a [u8])> {
    let algorithm = PasswordAlgorithm(reader.u16()?);
    let parameters = reader.vec16()?;
    // The last one's padding is the attribute's own.
    reader.skip((parameters.len().next_multiple_of(4) - parameters.len()).min(reader.remaining()))?;
    Some((algorithm, parameters))
}

/// An attribute with its value.
///
/// ```
/// use antiphon::stun::{Attribute, AttributeType, TransactionId};
///
/// let id = TransactionId([0; 12]);
/// let priority = Attribute::parse(AttributeType::PRIORITY, &[0, 0, 1, 0], id);
/// assert_eq!(priority, Ok(Attribute::Priority(256)));
/// assert!(Attribute::parse(AttributeType::PRIORITY, &[1], id).is_err());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute<'a> {
    /// MAPPED-ADDRESS.
    MappedAddress(SocketAddr),
    /// XOR-MAPPED-ADDRESS.
    XorMappedAddress(SocketAddr),
    /// USERNAME.
    Username(&'a str),
    /// USERHASH: see [`user_hash`](super::user_hash).
    UserHash([u8; 32]),
    /// REALM.
    Realm(&'a str),
    /// NONCE.
    Nonce(&'a str),
    /// SOFTWARE.
    Software(&'a str),
    /// ERROR-CODE.
    ErrorCode(ErrorCode<'a>),
    /// UNKNOWN-ATTRIBUTES.
    UnknownAttributes(TypeList<'a>),
    /// PASSWORD-ALGORITHM with its parameters.
    PasswordAlgorithm(PasswordAlgorithm, &'a [u8]),
    /// PASSWORD-ALGORITHMS.
    PasswordAlgorithms(AlgorithmList<'a>),
    /// ALTERNATE-SERVER.
    AlternateServer(SocketAddr),
    /// ALTERNATE-DOMAIN.
    AlternateDomain(&'a str),
    /// PRIORITY of the candidate the check would make (RFC 8445 §7.1.1).
    Priority(u32),
    /// USE-CANDIDATE.
    UseCandidate,
    /// ICE-CONTROLLED with the tie-breaker.
    IceControlled(u64),
    /// ICE-CONTROLLING with the tie-breaker.
    IceControlling(u64),
    /// NOMINATION: 24 bits, of which the highest seen counts.
    Nomination(u32),
    /// META-DTLS-IN-STUN: a DTLS datagram.
    MetaDtls(&'a [u8]),
    /// META-DTLS-IN-STUN-ACKNOWLEDGEMENT.
    MetaDtlsAck(&'a [u8]),
    /// CHANNEL-NUMBER.
    ChannelNumber(u16),
    /// LIFETIME, in whole seconds.
    Lifetime(Duration),
    /// XOR-PEER-ADDRESS.
    XorPeerAddress(SocketAddr),
    /// DATA.
    Data(&'a [u8]),
    /// XOR-RELAYED-ADDRESS.
    XorRelayedAddress(SocketAddr),
    /// REQUESTED-ADDRESS-FAMILY.
    RequestedAddressFamily(Family),
    /// ADDITIONAL-ADDRESS-FAMILY.
    AdditionalAddressFamily(Family),
    /// EVEN-PORT; true if the next port is to be reserved too.
    EvenPort(bool),
    /// REQUESTED-TRANSPORT: an IP protocol number, 17 for UDP.
    RequestedTransport(u8),
    /// DONT-FRAGMENT.
    DontFragment,
    /// RESERVATION-TOKEN.
    ReservationToken([u8; 8]),
    /// ADDRESS-ERROR-CODE.
    AddressErrorCode(Family, ErrorCode<'a>),
    /// ICMP.
    Icmp(Icmp),
    /// CONNECTION-ID (RFC 6062).
    ConnectionId(u32),
    /// A type that is none of these.
    Unknown(AttributeType, &'a [u8]),
}

impl<'a> Attribute<'a> {
    /// Reads the value of an attribute. Integrity and fingerprint are the message's business and come out as
    /// [`Attribute::Unknown`].
    ///
    /// # Errors
    /// [`AttributeError`] if the value has a length or content its type does not permit.
    pub fn parse(kind: AttributeType, value: &'a [u8], id: TransactionId) -> Result<Self, AttributeError> {
        Self::read(kind, value, id).ok_or(AttributeError { kind, len: value.len() })
    }

    fn read(kind: AttributeType, value: &'a [u8], id: TransactionId) -> Option<Self> {
        Some(match kind {
            AttributeType::USERNAME => Self::Username(text(value, MAX_USERNAME)?),
            AttributeType::PRIORITY => Self::Priority(u32::from_be_bytes(exact(value)?)),
            AttributeType::USE_CANDIDATE => empty(value).map(|()| Self::UseCandidate)?,
            AttributeType::ICE_CONTROLLED => Self::IceControlled(u64::from_be_bytes(exact(value)?)),
            AttributeType::ICE_CONTROLLING => Self::IceControlling(u64::from_be_bytes(exact(value)?)),
            AttributeType::XOR_MAPPED_ADDRESS => Self::XorMappedAddress(address::read_xored(value, id)?),
            AttributeType::MAPPED_ADDRESS => Self::MappedAddress(address::read(value)?),
            AttributeType::NOMINATION => Self::Nomination(nomination(value)?),
            AttributeType::META_DTLS => Self::MetaDtls(value),
            AttributeType::META_DTLS_ACK => Self::MetaDtlsAck(value),
            AttributeType::ERROR_CODE => Self::ErrorCode(error_code(value)?.1),
            AttributeType::UNKNOWN_ATTRIBUTES => Self::UnknownAttributes(TypeList::new(value)?),
            AttributeType::SOFTWARE => Self::Software(text(value, MAX_TEXT)?),
            AttributeType::REALM => Self::Realm(text(value, MAX_TEXT)?),
            AttributeType::NONCE => Self::Nonce(text(value, MAX_TEXT)?),
            AttributeType::USERHASH => Self::UserHash(exact(value)?),
            AttributeType::PASSWORD_ALGORITHM => {
                let mut reader = Reader::new(value);
                let (algorithm, parameters) = next_algorithm(&mut reader)?;
                reader.is_empty().then_some(Self::PasswordAlgorithm(algorithm, parameters))?
            }
            AttributeType::PASSWORD_ALGORITHMS => Self::PasswordAlgorithms(AlgorithmList::new(value)?),
            AttributeType::ALTERNATE_SERVER => Self::AlternateServer(address::read(value)?),
            AttributeType::ALTERNATE_DOMAIN => Self::AlternateDomain(text(value, MAX_TEXT)?),
            _ => return Self::read_turn(kind, value, id),
        })
    }

    fn read_turn(kind: AttributeType, value: &'a [u8], id: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        Some(match kind {
            AttributeType::CHANNEL_NUMBER => {
                let [high, low, _, _] = exact(value)?;
                Self::ChannelNumber(u16::from_be_bytes([high, low]))
            }
            AttributeType::LIFETIME => {
                Self::Lifetime(Duration::from_secs(u64::from(u32::from_be_bytes(exact(value)?))))
            }
            AttributeType::XOR_PEER_ADDRESS => Self::XorPeerAddress(address::read_xored(value, id)?),
            AttributeType::DATA => Self::Data(value),
            AttributeType::XOR_RELAYED_ADDRESS => Self::XorRelayedAddress(address::read_xored(value, id)?),
            AttributeType::REQUESTED_ADDRESS_FAMILY => Self::RequestedAddressFamily(family(value)?),
            AttributeType::ADDITIONAL_ADDRESS_FAMILY => Self::AdditionalAddressFamily(family(value)?),
            AttributeType::EVEN_PORT => {
                let [flags] = exact(value)?;
                Self::EvenPort(flags & 0x80 != 0)
            }
            AttributeType::REQUESTED_TRANSPORT => {
                let [protocol, _, _, _] = exact(value)?;
                Self::RequestedTransport(protocol)
            }
            AttributeType::DONT_FRAGMENT => empty(value).map(|()| Self::DontFragment)?,
            AttributeType::RESERVATION_TOKEN => Self::ReservationToken(exact(value)?),
            AttributeType::ADDRESS_ERROR_CODE => {
                let (first, error) = error_code(value)?;
                Self::AddressErrorCode(Family::of(first)?, error)
            }
            AttributeType::ICMP => {
                reader.skip(2)?;
                let both = reader.u16()?;
                let [high, _] = both.to_be_bytes();
                let data = reader.u32()?;
                let icmp = Icmp { kind: high >> 1, code: both & 0x01ff, data };
                reader.is_empty().then_some(Self::Icmp(icmp))?
            }
            AttributeType::CONNECTION_ID => Self::ConnectionId(u32::from_be_bytes(exact(value)?)),
            _ => Self::Unknown(kind, value),
        })
    }

    /// Its type.
    pub const fn kind(&self) -> AttributeType {
        match self {
            Self::MappedAddress(_) => AttributeType::MAPPED_ADDRESS,
            Self::XorMappedAddress(_) => AttributeType::XOR_MAPPED_ADDRESS,
            Self::Username(_) => AttributeType::USERNAME,
            Self::UserHash(_) => AttributeType::USERHASH,
            Self::Realm(_) => AttributeType::REALM,
            Self::Nonce(_) => AttributeType::NONCE,
            Self::Software(_) => AttributeType::SOFTWARE,
            Self::ErrorCode(_) => AttributeType::ERROR_CODE,
            Self::UnknownAttributes(_) => AttributeType::UNKNOWN_ATTRIBUTES,
            Self::PasswordAlgorithm(..) => AttributeType::PASSWORD_ALGORITHM,
            Self::PasswordAlgorithms(_) => AttributeType::PASSWORD_ALGORITHMS,
            Self::AlternateServer(_) => AttributeType::ALTERNATE_SERVER,
            Self::AlternateDomain(_) => AttributeType::ALTERNATE_DOMAIN,
            Self::Priority(_) => AttributeType::PRIORITY,
            Self::UseCandidate => AttributeType::USE_CANDIDATE,
            Self::IceControlled(_) => AttributeType::ICE_CONTROLLED,
            Self::IceControlling(_) => AttributeType::ICE_CONTROLLING,
            Self::Nomination(_) => AttributeType::NOMINATION,
            Self::MetaDtls(_) => AttributeType::META_DTLS,
            Self::MetaDtlsAck(_) => AttributeType::META_DTLS_ACK,
            Self::ChannelNumber(_) => AttributeType::CHANNEL_NUMBER,
            Self::Lifetime(_) => AttributeType::LIFETIME,
            Self::XorPeerAddress(_) => AttributeType::XOR_PEER_ADDRESS,
            Self::Data(_) => AttributeType::DATA,
            Self::XorRelayedAddress(_) => AttributeType::XOR_RELAYED_ADDRESS,
            Self::RequestedAddressFamily(_) => AttributeType::REQUESTED_ADDRESS_FAMILY,
            Self::AdditionalAddressFamily(_) => AttributeType::ADDITIONAL_ADDRESS_FAMILY,
            Self::EvenPort(_) => AttributeType::EVEN_PORT,
            Self::RequestedTransport(_) => AttributeType::REQUESTED_TRANSPORT,
            Self::DontFragment => AttributeType::DONT_FRAGMENT,
            Self::ReservationToken(_) => AttributeType::RESERVATION_TOKEN,
            Self::AddressErrorCode(..) => AttributeType::ADDRESS_ERROR_CODE,
            Self::Icmp(_) => AttributeType::ICMP,
            Self::ConnectionId(_) => AttributeType::CONNECTION_ID,
            Self::Unknown(kind, _) => *kind,
        }
    }
}

fn exact<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    value.try_into().ok()
}

fn empty(value: &[u8]) -> Option<()> {
    value.is_empty().then_some(())
}

fn text(value: &[u8], most: usize) -> Option<&str> {
    if value.len() > most {
        return None;
    }
    core::str::from_utf8(value).ok()
}

/// The value is a number of 24 bits, on the wire in four bytes by libwebrtc and in three by the draft's letter.
fn nomination(value: &[u8]) -> Option<u32> {
    match *value {
        [_, a, b, c] | [a, b, c] => Some(u32::from_be_bytes([0, a, b, c])),
        _ => None,
    }
}

fn family(value: &[u8]) -> Option<Family> {
    let [family, _, _, _] = exact(value)?;
    Family::of(family)
}

/// The first byte, which is an address family in one of the two attributes, and the code.
fn error_code(value: &[u8]) -> Option<(u8, ErrorCode<'_>)> {
    if value.len() > 4 + MAX_TEXT {
        return None;
    }
    let mut reader = Reader::new(value);
    let first = reader.u8()?;
    reader.skip(1)?;
    Some((first, ErrorCode::read(&mut reader)?))
}
