//! Where the header of an RTP packet ends, and which bytes are encrypted (RFC 3711 §3.1, RFC 9335 §5 and §6).

use crate::base::limits;
use crate::base::reader::Reader;

/// Bytes of a header without contributing sources and extension.
const FIXED_LEN: usize = 12;
/// Bytes that stand before the data of an extension: its profile and its length.
const EXTENSION_HEAD: usize = 4;
/// The bit of the first byte that says that there is an extension.
const EXTENSION_BIT: u8 = 0x10;

/// Extensions of RFC 8285 with one-byte and with two-byte elements, and the same where they are encrypted.
const ONE_BYTE: u16 = 0xbede;
const TWO_BYTE: u16 = 0x1000;
const ENCRYPTED_ONE_BYTE: u16 = 0xc0de;
const ENCRYPTED_TWO_BYTE: u16 = 0xc2de;

/// Bytes of RTCP that are never encrypted: the first header and the sender's SSRC (RFC 3711 §3.4).
pub(super) const RTCP_CLEAR: usize = 8;
/// Bytes of the E bit and the index of SRTCP.
pub(super) const RTCP_INDEX: usize = 4;

/// What is read of an RTP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    /// Bytes of contributing sources.
    csrc_len: usize,
    /// The extension's "defined by profile" field.
    extension: Option<u16>,
    /// Bytes before the payload.
    len: usize,
}

/// Which bytes are encrypted: all but `clear` at the start, once [`gather`](Self::gather) has brought them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) clear: usize,
    /// Bytes of encrypted contributing sources, before an extension's head that is not encrypted.
    csrc_len: usize,
}

/// What Cryptex does to a packet before it is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marking {
    /// Nothing: there is nothing to hide, or an extension that it does not know.
    Plain,
    /// The extension's profile becomes this.
    Extension(u16),
    /// An empty extension is put after the contributing sources, so that the receiver sees that they are encrypted.
    Insert,
}

impl Header {
    /// Reads the header of `packet`; `None` if it is none of version 2 or reaches beyond the packet.
    pub(super) fn parse(packet: &[u8]) -> Option<Self> {
        if packet.len() > limits::MAX_DATAGRAM {
            return None;
        }
        let mut reader = Reader::new(packet);
        let first = reader.u8()?;
        reader.skip(1)?;
        let sequence = reader.u16()?;
        reader.skip(4)?;
        let ssrc = reader.u32()?;
        let csrc_len = usize::from(first & 0x0f) * 4;
        reader.skip(csrc_len)?;
        let mut extension = None;
        if first & EXTENSION_BIT != 0 {
            extension = Some(reader.u16()?);
            let words = reader.u16()?;
            reader.skip(usize::from(words) * 4)?;
        }
        (first >> 6 == 2).then_some(Self { ssrc, sequence, csrc_len, extension, len: reader.position() })
    }

    /// What Cryptex makes of a packet to be sent. An extension that RFC 8285 does not define cannot be marked (RFC 9335 §5.1).
    pub(super) const fn marking(&self) -> Marking {
        match self.extension {
            Some(ONE_BYTE) => Marking::Extension(ENCRYPTED_ONE_BYTE),
            Some(TWO_BYTE) => Marking::Extension(ENCRYPTED_TWO_BYTE),
            None if self.csrc_len > 0 => Marking::Insert,
            Some(_) | None => Marking::Plain,
        }
    }

    /// The extension's profile, if it says that the extension is encrypted.
    pub(super) fn encrypted_extension(&self) -> Option<u16> {
        self.extension.filter(|profile| [ENCRYPTED_ONE_BYTE, ENCRYPTED_TWO_BYTE].contains(profile))
    }

    /// Only the payload is encrypted.
    pub(super) const fn plain_cut(&self) -> Cut {
        Cut { clear: self.len, csrc_len: 0 }
    }

    /// Contributing sources and the extension's data are encrypted too.
    pub(super) const fn cryptex_cut(&self) -> Cut {
        Cut { clear: FIXED_LEN + EXTENSION_HEAD, csrc_len: self.csrc_len }
    }

    /// How a received packet was encrypted, as it says itself.
    pub(super) fn received_cut(&self) -> Cut {
        if self.encrypted_extension().is_some() { self.cryptex_cut() } else { self.plain_cut() }
    }

    /// Writes the extension's profile into the packet.
    pub(super) fn set_extension(&self, packet: &mut [u8], profile: u16) {
        let at = FIXED_LEN + self.csrc_len;
        if let Some(place) = packet.get_mut(at..at + 2) {
            place.copy_from_slice(&profile.to_be_bytes());
        }
    }

    /// Makes room for an empty extension and writes it; the packet is `packet[..len]` before, and four bytes longer after.
    pub(super) fn insert_extension(&self, packet: &mut [u8], len: usize) {
        let at = FIXED_LEN + self.csrc_len;
        if at <= len && len + EXTENSION_HEAD <= packet.len() {
            packet.copy_within(at..len, at + EXTENSION_HEAD);
        }
        if let Some(place) = packet.get_mut(at..at + EXTENSION_HEAD) {
            place.fill(0);
        }
        self.set_extension(packet, ENCRYPTED_ONE_BYTE);
        if let Some(first) = packet.first_mut() {
            *first |= EXTENSION_BIT;
        }
    }

    /// Gives the extension of a decrypted packet the profile that it has in the clear.
    pub(super) fn restore_extension(&self, packet: &mut [u8]) {
        match self.extension {
            Some(ENCRYPTED_ONE_BYTE) => self.set_extension(packet, ONE_BYTE),
            Some(ENCRYPTED_TWO_BYTE) => self.set_extension(packet, TWO_BYTE),
            Some(_) | None => {}
        }
    }
}

impl Marking {
    /// By how many bytes the packet grows.
    pub(super) const fn grows(self) -> usize {
        match self {
            Self::Insert => EXTENSION_HEAD,
            Self::Plain | Self::Extension(_) => 0,
        }
    }
}

impl Cut {
    /// Whether what is encrypted stands together as it is.
    pub(super) const fn is_in_order(self) -> bool {
        self.csrc_len == 0
    }

    /// Puts the extension's head before the contributing sources, so that what is encrypted stands together.
    pub(super) fn gather(self, packet: &mut [u8]) {
        if let Some(place) = self.movable(packet) {
            place.rotate_right(EXTENSION_HEAD);
        }
    }

    /// Undoes [`gather`](Self::gather).
    pub(super) fn scatter(self, packet: &mut [u8]) {
        if let Some(place) = self.movable(packet) {
            place.rotate_left(EXTENSION_HEAD);
        }
    }

    fn movable(self, packet: &mut [u8]) -> Option<&mut [u8]> {
        if self.csrc_len == 0 {
            return None;
        }
        packet.get_mut(FIXED_LEN..FIXED_LEN + self.csrc_len + EXTENSION_HEAD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        [&[first, 0x60, 0x12, 0x34, 0, 0, 0, 1, 0xca, 0xfe, 0xba, 0xbe], rest].concat()
    }

    #[test]
    fn a_header_reaches_over_sources_and_extension() {
        let plain = Header::parse(&packet(0x80, b"payload")).unwrap();
        assert_eq!((plain.ssrc, plain.sequence, plain.len), (0xcafe_babe, 0x1234, 12));
        let rest = [0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0, 7];
        let long = Header::parse(&packet(0x92, &rest)).unwrap();
        assert_eq!((long.csrc_len, long.extension, long.len), (8, Some(ONE_BYTE), 28));
    }

    #[test]
    fn headers_that_reach_beyond_the_packet_are_none() {
        assert_eq!(Header::parse(&packet(0x80, b"")).map(|header| header.len), Some(12));
        for short in [
            &packet(0x80, b"")[..11],
            &packet(0x8f, &[0; 59]),
            &packet(0x90, &[0xbe, 0xde, 0]),
            &packet(0x90, &[0xbe, 0xde, 0, 1, 0, 0, 0]),
            &packet(0x90, &[0xbe, 0xde, 0xff, 0xff, 0, 0, 0]),
            &packet(0x00, b"payload"),
            &packet(0x40, b"payload"),
            &packet(0xc0, b"payload"),
            &[],
        ] {
            assert_eq!(Header::parse(short), None, "{short:x?}");
        }
        assert_eq!(Header::parse(&vec![0x80; limits::MAX_DATAGRAM + 1]), None);
    }

    #[test]
    fn gathering_brings_the_encrypted_parts_together_and_scattering_undoes_it() {
        let rest = [1, 1, 1, 1, 2, 2, 2, 2, 0xc0, 0xde, 0, 1, 3, 3, 3, 3, 4];
        let original = packet(0x92, &rest);
        let header = Header::parse(&original).unwrap();
        let mut moved = original.clone();
        header.received_cut().gather(&mut moved);
        assert_eq!(moved[12..16], [0xc0, 0xde, 0, 1]);
        assert_eq!(moved[16..], [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4]);
        header.received_cut().scatter(&mut moved);
        assert_eq!(moved, original);
    }

    #[test]
    fn only_extensions_of_rfc_8285_are_marked() {
        let marking = |first, rest: &[u8]| Header::parse(&packet(first, rest)).unwrap().marking();
        assert_eq!(marking(0x80, b""), Marking::Plain);
        assert_eq!(marking(0x81, &[0; 4]), Marking::Insert);
        assert_eq!(marking(0x90, &[0xbe, 0xde, 0, 0]), Marking::Extension(0xc0de));
        assert_eq!(marking(0x91, &[0, 0, 0, 0, 0x10, 0, 0, 0]), Marking::Extension(0xc2de));
        assert_eq!(marking(0x90, &[0x10, 1, 0, 0]), Marking::Plain);
        assert_eq!(marking(0x90, &[0xab, 0xac, 0, 0]), Marking::Plain);
    }

    #[test]
    fn an_empty_extension_stands_after_the_sources() {
        let mut buf = packet(0x81, &[9, 9, 9, 9, 5, 6, 7]);
        let len = buf.len();
        let header = Header::parse(&buf).unwrap();
        buf.resize(len + 4, 0xff);
        header.insert_extension(&mut buf, len);
        assert_eq!(buf, packet(0x91, &[9, 9, 9, 9, 0xc0, 0xde, 0, 0, 5, 6, 7]));
    }
}
