//! (XOR-)MAPPED-ADDRESS and the attributes of the same form (RFC 8489 §14.1, §14.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::base::reader::Reader;
use crate::base::writer::{Full, Writer};

use super::header::{MAGIC_COOKIE, TransactionId};

/// Upper half of the magic cookie: what ports are combined with.
const PORT_MASK: u16 = 0x2112;

/// Reads an address as it is; `None` for an unknown family or another length.
pub fn read(value: &[u8]) -> Option<SocketAddr> {
    let mut reader = Reader::new(value);
    // "The first 8 bits MUST be set to 0 and MUST be ignored by receivers".
    reader.skip(1)?;
    let family = reader.u8()?;
    let port = reader.u16()?;
    let ip = match family {
        1 => IpAddr::V4(Ipv4Addr::from_bits(reader.u32()?)),
        2 => IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?)),
        _ => return None,
    };
    reader.is_empty().then_some(SocketAddr::new(ip, port))
}

/// Reads an address combined with the cookie and the transaction id.
pub fn read_xored(value: &[u8], transaction_id: TransactionId) -> Option<SocketAddr> {
    read(value).map(|address| xor(address, transaction_id))
}

/// Writes an address as it is.
///
/// # Errors
/// [`Full`] if it does not fit.
pub fn write(writer: &mut Writer<'_>, address: SocketAddr) -> Result<(), Full> {
    writer.u8(0)?;
    match address.ip() {
        IpAddr::V4(ip) => {
            writer.u8(1)?;
            writer.u16(address.port())?;
            writer.bytes(&ip.octets())
        }
        IpAddr::V6(ip) => {
            writer.u8(2)?;
            writer.u16(address.port())?;
            writer.bytes(&ip.octets())
        }
    }
}

/// Writes an address combined with the cookie and the transaction id.
///
/// # Errors
/// [`Full`] if it does not fit.
pub fn write_xored(
    writer: &mut Writer<'_>,
    address: SocketAddr,
    transaction_id: TransactionId,
) -> Result<(), Full> {
    write(writer, xor(address, transaction_id))
}

/// Its own inverse.
fn xor(address: SocketAddr, TransactionId(transaction_id): TransactionId) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() ^ MAGIC_COOKIE)),
        IpAddr::V6(ip) => {
            let mut octets = ip.octets();
            for (octet, mask) in
                octets.iter_mut().zip(MAGIC_COOKIE.to_be_bytes().into_iter().chain(transaction_id))
            {
                *octet ^= mask;
            }
            IpAddr::V6(Ipv6Addr::from(octets))
        }
    };
    SocketAddr::new(ip, address.port() ^ PORT_MASK)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: TransactionId =
        TransactionId([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);

    #[test]
    fn addresses_are_those_of_rfc_5769() {
        let v4 = [0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
        assert_eq!(read_xored(&v4, ID), Some("192.0.2.1:32853".parse().unwrap()));
        let v6 = [
            0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5,
            0xbe, 0xd2, 0xb9, 0xd9,
        ];
        let address = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap();
        assert_eq!(read_xored(&v6, ID), Some(address));
        let mut buf = [9; 20];
        write_xored(&mut Writer::new(&mut buf), address, ID).unwrap();
        assert_eq!(buf, v6);
    }

    #[test]
    fn unknown_families_and_other_lengths_are_refused() {
        for bad in [
            &[0, 3, 0, 1, 1, 2, 3, 4][..],
            &[0, 1, 0, 1, 1, 2, 3],
            &[0, 1, 0, 1, 1, 2, 3, 4, 5],
            &[0, 2],
            &[],
        ] {
            assert_eq!(read(bad), None);
        }
        assert!(read(&[0xff, 1, 0, 1, 1, 2, 3, 4]).is_some());
    }
}
