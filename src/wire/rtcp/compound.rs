//! Compound packets: the packets of one datagram, one after the other (RFC 3550 §6.1, RFC 5506).

use super::feedback::{Fir, Nack, Pli, Remb};
use super::report::{App, Goodbye, ReceiverReport, SenderReport, SourceDescription};
use super::twcc::TransportFeedback;
use super::xr::ExtendedReport;
use crate::base::reader::Reader;

const VERSION: u8 = 2;
const PADDING: u8 = 0x20;

/// Packet types.
pub(super) mod kind {
    pub(in super::super) const SENDER_REPORT: u8 = 200;
    pub(in super::super) const RECEIVER_REPORT: u8 = 201;
    pub(in super::super) const SOURCE_DESCRIPTION: u8 = 202;
    pub(in super::super) const GOODBYE: u8 = 203;
    pub(in super::super) const APP: u8 = 204;
    pub(in super::super) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(in super::super) const PAYLOAD_FEEDBACK: u8 = 206;
    pub(in super::super) const EXTENDED_REPORT: u8 = 207;
}

/// Formats of feedback packets (RFC 4585 §6.2, §6.3; RFC 5104 §4.3).
pub(super) mod format {
    pub(in super::super) const NACK: u8 = 1;
    pub(in super::super) const TRANSPORT_WIDE: u8 = 15;
    pub(in super::super) const PLI: u8 = 1;
    pub(in super::super) const FIR: u8 = 4;
    pub(in super::super) const APPLICATION: u8 = 15;
}

/// Why an RTCP packet cannot be read.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Fewer bytes than a header, or than the header tells. Nothing more of the datagram can be read.
    #[error("{len} bytes end within an RTCP packet")]
    Short {
        /// How many bytes are left.
        len: usize,
    },
    /// Not version 2. Nothing more of the datagram can be read.
    #[error("version {version}")]
    Version {
        /// The version.
        version: u8,
    },
    /// The padding count is zero or longer than the packet, or the packet is not the last.
    #[error("padding of {count} bytes in {left}")]
    Padding {
        /// The count.
        count: u8,
        /// The bytes it may be of.
        left: usize,
    },
    /// The fields of the packet do not fit its length.
    #[error("packet of type {packet_type} and count {count} does not fit {len} bytes")]
    Malformed {
        /// Its type.
        packet_type: u8,
        /// Its count or format.
        count: u8,
        /// Bytes after the four of its header.
        len: usize,
    },
}

/// One RTCP packet.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// SR.
    SenderReport(SenderReport<'a>),
    /// RR.
    ReceiverReport(ReceiverReport<'a>),
    /// SDES.
    SourceDescription(SourceDescription<'a>),
    /// BYE.
    Goodbye(Goodbye<'a>),
    /// APP, whose meaning is the application's.
    App(App<'a>),
    /// Packets that are missing (RFC 4585 §6.2.1).
    Nack(Nack<'a>),
    /// A picture was lost (RFC 4585 §6.3.1).
    Pli(Pli),
    /// A key frame is wanted (RFC 5104 §4.3.1).
    Fir(Fir<'a>),
    /// What a receiver thinks it can take.
    Remb(Remb<'a>),
    /// Which packets of the transport arrived when.
    TransportFeedback(TransportFeedback<'a>),
    /// XR (RFC 3611).
    ExtendedReport(ExtendedReport<'a>),
    /// A type or format we do not know, to be passed over.
    Unknown {
        /// The packet type.
        packet_type: u8,
        /// The count or format.
        count: u8,
    },
}

/// The packets of a datagram. Reduced size (RFC 5506) is accepted: any packet may come first.
///
/// ```
/// use antiphon::wire::rtcp::{Compound, Packet};
///
/// let bytes = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
/// let Some(Ok(Packet::Pli(pli))) = Compound::new(&bytes).next() else { panic!("not a PLI") };
/// assert_eq!((pli.sender_ssrc, pli.media_ssrc), (1, 2));
/// ```
#[derive(Clone, Debug)]
pub struct Compound<'a> {
    reader: Reader<'a>,
}

/// A packet cut out of its datagram.
#[derive(Clone, Copy, Debug)]
struct Framed<'a> {
    packet_type: u8,
    count: u8,
    body: &'a [u8],
}

impl<'a> Compound<'a> {
    /// The packets of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(bytes) }
    }

    /// Cuts the next packet out. After an error here nothing more can be found unless the length was sound.
    fn frame(&mut self) -> Result<Framed<'a>, PacketError> {
        let mut ahead = self.reader;
        let short = PacketError::Short { len: ahead.remaining() };
        self.reader = Reader::new(&[]);
        let [first, packet_type] = ahead.array().ok_or(short)?;
        let words = ahead.u16().ok_or(short)?;
        if first >> 6 != VERSION {
            return Err(PacketError::Version { version: first >> 6 });
        }
        let mut body = ahead.bytes(usize::from(words) * 4).ok_or(short)?;
        self.reader = ahead;
        if first & PADDING != 0 {
            let count = body.last().copied().unwrap_or(0);
            let wrong = PacketError::Padding { count, left: body.len() };
            let kept = body.len().checked_sub(usize::from(count)).and_then(|end| body.get(..end));
            // "Padding should be required on only one individual packet, the last" (RFC 3550 §6.4.1). Its count is to be a multiple of
            // four, but there are stacks that count so what fills the last word of transport-wide feedback.
            body = kept.filter(|_| count > 0 && ahead.is_empty()).ok_or(wrong)?;
        }
        Ok(Framed { packet_type, count: first & 0x1f, body })
    }
}

impl<'a> Framed<'a> {
    fn parse(self) -> Result<Packet<'a>, PacketError> {
        let Self { packet_type, count, body } = self;
        let packet = match packet_type {
            kind::SENDER_REPORT => SenderReport::parse(count, body).map(Packet::SenderReport),
            kind::RECEIVER_REPORT => ReceiverReport::parse(count, body).map(Packet::ReceiverReport),
            kind::SOURCE_DESCRIPTION => SourceDescription::parse(count, body).map(Packet::SourceDescription),
            kind::GOODBYE => Goodbye::parse(count, body).map(Packet::Goodbye),
            kind::APP => App::parse(count, body).map(Packet::App),
            kind::TRANSPORT_FEEDBACK => match count {
                format::NACK => Nack::parse(body).map(Packet::Nack),
                format::TRANSPORT_WIDE => TransportFeedback::parse(body).map(Packet::TransportFeedback),
                _ => Some(Packet::Unknown { packet_type, count }),
            },
            kind::PAYLOAD_FEEDBACK => match count {
                format::PLI => Pli::parse(body).map(Packet::Pli),
                format::FIR => Fir::parse(body).map(Packet::Fir),
                format::APPLICATION if Remb::is_remb(body) => Remb::parse(body).map(Packet::Remb),
                _ => Some(Packet::Unknown { packet_type, count }),
            },
            kind::EXTENDED_REPORT => ExtendedReport::parse(body).map(Packet::ExtendedReport),
            _ => Some(Packet::Unknown { packet_type, count }),
        };
        packet.ok_or(PacketError::Malformed { packet_type, count, len: body.len() })
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = Result<Packet<'a>, PacketError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.reader.is_empty()).then(|| self.frame().and_then(Framed::parse))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLI: [u8; 12] = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];

    #[test]
    fn a_malformed_packet_does_not_hide_the_next() {
        // A NACK without entries.
        let mut bytes = vec![0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        bytes.extend(PLI);
        let packets: Vec<_> = Compound::new(&bytes).collect();
        assert!(matches!(packets[..], [Err(PacketError::Malformed { .. }), Ok(Packet::Pli(_))]));
    }

    #[test]
    fn a_length_beyond_the_datagram_ends_it() {
        let mut bytes = PLI.to_vec();
        bytes.extend([0x80, 201, 0, 9, 0, 0, 0, 1]);
        let packets: Vec<_> = Compound::new(&bytes).collect();
        assert!(matches!(packets[..], [Ok(Packet::Pli(_)), Err(PacketError::Short { len: 8 })]));
    }

    #[test]
    fn only_the_last_packet_is_padded() {
        let padded = [0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4];
        assert!(matches!(Compound::new(&padded).next(), Some(Ok(Packet::Pli(_)))));
        let mut two = padded.to_vec();
        two.extend(PLI);
        assert!(matches!(
            Compound::new(&two).collect::<Vec<_>>()[..],
            [Err(PacketError::Padding { .. }), Ok(Packet::Pli(_))]
        ));
        let mut zero = padded;
        zero[15] = 0;
        assert!(matches!(Compound::new(&zero).next(), Some(Err(PacketError::Padding { count: 0, .. }))));
        zero[15] = 3;
        assert!(matches!(Compound::new(&zero).next(), Some(Ok(_))), "deployed stacks write this");
        zero[15] = 13;
        assert!(matches!(Compound::new(&zero).next(), Some(Err(PacketError::Padding { count: 13, .. }))));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_no_harm(kind in 198_u8..209, bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut packet = vec![0x80 | bytes.first().copied().unwrap_or(0) & 0x1f, kind, 0, u8::try_from(bytes.len() / 4).unwrap()];
            packet.extend(&bytes[..bytes.len() / 4 * 4]);
            prop_assert_eq!(Compound::new(&packet).count(), 1);
            prop_assert!(Compound::new(&bytes).count() <= bytes.len() / 4 + 1);
        }
    }
}
