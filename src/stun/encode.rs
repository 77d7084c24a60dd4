//! Values of attributes to bytes.

use crate::base::writer::{Full, Writer};

use super::address;
use super::attribute::Attribute;
use super::header::TransactionId;

impl Attribute<'_> {
    /// Writes the value, without header and padding.
    pub(super) fn write_value(&self, writer: &mut Writer<'_>, id: TransactionId) -> Result<(), Full> {
        match *self {
            Self::MappedAddress(at) | Self::AlternateServer(at) => address::write(writer, at),
            Self::XorMappedAddress(at) | Self::XorPeerAddress(at) | Self::XorRelayedAddress(at) => {
                address::write_xored(writer, at, id)
            }
            Self::Username(text)
            | Self::Realm(text)
            | Self::Nonce(text)
            | Self::Software(text)
            | Self::AlternateDomain(text) => writer.bytes(text.as_bytes()),
            Self::UserHash(hash) => writer.bytes(&hash),
            Self::ErrorCode(error) => {
                writer.u16(0)?;
                error.write(writer)
            }
            Self::AddressErrorCode(family, error) => {
                writer.bytes(&[family.code(), 0])?;
                error.write(writer)
            }
            Self::UnknownAttributes(list) => writer.bytes(list.0),
            Self::PasswordAlgorithm(algorithm, parameters) => {
                writer.u16(algorithm.0)?;
                writer.u16(u16::try_from(parameters.len()).map_err(|_| too_long(parameters))?)?;
                writer.bytes(parameters)
            }
            Self::PasswordAlgorithms(list) => writer.bytes(list.0),
            Self::Priority(number) | Self::ConnectionId(number) => writer.u32(number),
            Self::Nomination(number) => writer.u32(number & 0x00ff_ffff),
            Self::IceControlled(number) | Self::IceControlling(number) => writer.u64(number),
            Self::UseCandidate | Self::DontFragment => Ok(()),
            Self::MetaDtls(bytes)
            | Self::MetaDtlsAck(bytes)
            | Self::Data(bytes)
            | Self::Unknown(_, bytes) => writer.bytes(bytes),
            Self::ChannelNumber(number) => {
                writer.u16(number)?;
                writer.u16(0)
            }
            Self::Lifetime(lifetime) => writer.u32(u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX)),
            Self::RequestedAddressFamily(family) | Self::AdditionalAddressFamily(family) => {
                writer.bytes(&[family.code(), 0, 0, 0])
            }
            Self::EvenPort(reserve) => writer.u8(if reserve { 0x80 } else { 0 }),
            Self::RequestedTransport(protocol) => writer.bytes(&[protocol, 0, 0, 0]),
            Self::ReservationToken(token) => writer.bytes(&token),
            Self::Icmp(icmp) => {
                writer.u16(0)?;
                writer.u16(u16::from(icmp.kind) << 9 | icmp.code & 0x01ff)?;
                writer.u32(icmp.data)
            }
        }
    }
}

/// A value whose length has no room in its field.
pub(super) fn too_long(value: &[u8]) -> Full {
    Full { wanted: value.len(), left: usize::from(u16::MAX) }
}
