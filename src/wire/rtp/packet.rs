//! The RTP packet: fixed header, contributing sources, extension block, payload and padding (RFC 3550 §5.1).

use core::ops::Range;

use super::extension::{ExtensionBlock, ExtensionForm, element_len, write_element};
use crate::base::reader::Reader;
use crate::base::serial::Seq16;
use crate::base::writer::{Full, Writer};

/// Version 2 in the top two bits of the first byte.
const VERSION: u8 = 2;
const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;
const MARKER: u8 = 0x80;
/// Bytes of the fixed header.
const FIXED_LEN: usize = 12;
/// Most contributing sources: the count has four bits.
const MAX_CSRC: usize = 15;

/// Whether a packet that shares its port with RTP is RTCP: packet types 192 to 223 (RFC 5761 §4).
pub fn is_rtcp(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

/// Why bytes are not an RTP packet.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// The packet ends within its header.
    #[error("{len} bytes end within the header")]
    Short {
        /// Its length.
        len: usize,
    },
    /// Not version 2.
    #[error("version {version}")]
    Version {
        /// The version.
        version: u8,
    },
    /// A payload type that RTCP occupies (RFC 5761 §4).
    #[error("payload type {payload_type} is one of RTCP's")]
    PayloadType {
        /// The payload type.
        payload_type: u8,
    },
    /// The padding count is zero, or larger than what follows the header.
    #[error("padding of {count:?} bytes in {left}")]
    Padding {
        /// The count, the packet's last byte; `None` where there is none.
        count: Option<u8>,
        /// Bytes after the header.
        left: usize,
    },
}

/// An RTP packet, borrowed.
///
/// ```
/// use antiphon::wire::rtp::Packet;
///
/// let bytes = [0x80, 0xe0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 1, 0xaa, 0xbb];
/// let packet = Packet::parse(&bytes)?;
/// assert_eq!((packet.payload_type, packet.marker, packet.sequence.0), (96, true, 7));
/// assert_eq!(packet.payload(), [0xaa, 0xbb]);
/// # Ok::<(), antiphon::wire::rtp::PacketError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Set on the last packet of a video frame, or on the first after silence.
    pub marker: bool,
    /// The payload type, below 64 or above 95.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence: Seq16,
    /// The sampling instant, in units of the payload's clock.
    pub timestamp: u32,
    /// The synchronization source.
    pub ssrc: u32,
    csrcs: &'a [[u8; 4]],
    extension: Option<ExtensionBlock<'a>>,
    payload: &'a [u8],
    payload_start: usize,
    padding_len: u8,
}

impl<'a> Packet<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    /// [`PacketError`] says what is wrong with it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PacketError> {
        let short = PacketError::Short { len: bytes.len() };
        let mut reader = Reader::new(bytes);
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = reader.array().ok_or(short)?;
        if first >> 6 != VERSION {
            return Err(PacketError::Version { version: first >> 6 });
        }
        let payload_type = second & !MARKER;
        if (64..=95).contains(&payload_type) {
            return Err(PacketError::PayloadType { payload_type });
        }
        let csrcs = reader.bytes(usize::from(first & 0x0f) * 4).ok_or(short)?.as_chunks().0;
        let mut extension = None;
        if first & EXTENSION != 0 {
            let profile = reader.u16().ok_or(short)?;
            let words = reader.u16().ok_or(short)?;
            let data = reader.bytes(usize::from(words) * 4).ok_or(short)?;
            extension = Some(ExtensionBlock { profile, data });
        }
        let payload_start = reader.position();
        let mut payload = reader.rest();
        let mut padding_len = 0;
        if first & PADDING != 0 {
            let count = payload.last().copied();
            let left = payload.len();
            padding_len = count.filter(|n| *n > 0).ok_or(PacketError::Padding { count, left })?;
            let kept = left.checked_sub(usize::from(padding_len)).and_then(|end| payload.get(..end));
            payload = kept.ok_or(PacketError::Padding { count, left })?;
        }
        Ok(Self {
            marker: second & MARKER != 0,
            payload_type,
            sequence: Seq16(u16::from_be_bytes([s0, s1])),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            csrcs,
            extension,
            payload,
            payload_start,
            padding_len,
        })
    }

    /// The payload without its padding.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Where the payload lies in the packet, for who holds the packet as `Bytes` and would slice it.
    pub const fn payload_range(&self) -> Range<usize> {
        self.payload_start..self.payload_start + self.payload.len()
    }

    /// Bytes of padding after the payload, the count itself among them.
    pub const fn padding_len(&self) -> usize {
        self.padding_len as usize
    }

    /// Bytes before the payload.
    pub const fn header_len(&self) -> usize {
        self.payload_start
    }

    /// The contributing sources.
    pub fn csrcs(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.csrcs.iter().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// The extension block, if the packet has one.
    pub const fn extension(&self) -> Option<ExtensionBlock<'a>> {
        self.extension
    }

    /// The fixed header as a value.
    pub const fn header(&self) -> Header {
        Header {
            marker: self.marker,
            payload_type: self.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        }
    }
}

/// The fields of the fixed header that a sender chooses.
///
/// ```
/// use antiphon::base::serial::Seq16;
/// use antiphon::wire::rtp::Header;
///
/// let header = Header { payload_type: 111, sequence: Seq16(1), timestamp: 960, ssrc: 5, ..Header::default() };
/// assert!(!header.marker);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The marker bit.
    pub marker: bool,
    /// The payload type, below 128.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence: Seq16,
    /// The timestamp, in units of the payload's clock.
    pub timestamp: u32,
    /// The synchronization source.
    pub ssrc: u32,
}

/// Why a packet cannot be written.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// It does not fit the buffer.
    #[error(transparent)]
    Full(#[from] Full),
    /// A sixteenth contributing source.
    #[error("more than {MAX_CSRC} contributing sources")]
    Csrcs,
    /// The extension's id or length does not fit the form of the block.
    #[error("extension {id} of {len} bytes does not fit its form")]
    Extension {
        /// Its id.
        id: u8,
        /// Its length.
        len: usize,
    },
    /// A part of the header after a later part.
    #[error("header parts out of order")]
    Order,
}

/// What of a packet has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Sources,
    Extensions(usize),
    Payload,
    Padding,
}

/// Writes one packet into a caller's buffer: contributing sources first, then extensions, payload and padding.
///
/// ```
/// use antiphon::wire::rtp::{ExtensionForm, Header, Packet, PacketWriter};
///
/// let mut buf = [0; 64];
/// let mut writer = PacketWriter::new(&mut buf, &Header { payload_type: 96, ssrc: 7, ..Header::default() })?;
/// writer.extension(ExtensionForm::OneByte, 3, b"0")?;
/// writer.payload(b"payload")?;
/// let len = writer.finish()?;
/// let packet = Packet::parse(&buf[..len]).expect("just written");
/// assert_eq!(packet.payload(), b"payload");
/// assert_eq!(packet.extension().expect("one").elements().next().map(|e| e.data), Some(&b"0"[..]));
/// # Ok::<(), antiphon::wire::rtp::WriteError>(())
/// ```
#[derive(Debug)]
pub struct PacketWriter<'a> {
    out: Writer<'a>,
    stage: Stage,
}

impl<'a> PacketWriter<'a> {
    /// Begins a packet.
    ///
    /// # Errors
    /// [`Full`] if the fixed header does not fit.
    pub fn new(buf: &'a mut [u8], header: &Header) -> Result<Self, WriteError> {
        let mut out = Writer::new(buf);
        let marker = if header.marker { MARKER } else { 0 };
        let [s0, s1] = header.sequence.0.to_be_bytes();
        let [t0, t1, t2, t3] = header.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = header.ssrc.to_be_bytes();
        let second = header.payload_type & !MARKER | marker;
        out.bytes(&[VERSION << 6, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3])?;
        Ok(Self { out, stage: Stage::Sources })
    }

    /// Adds a contributing source.
    ///
    /// # Errors
    /// [`WriteError`] if there is no room for it, or an extension or payload has been written.
    pub fn csrc(&mut self, csrc: u32) -> Result<(), WriteError> {
        if self.stage != Stage::Sources {
            return Err(WriteError::Order);
        }
        if (self.out.position() - FIXED_LEN) / 4 >= MAX_CSRC {
            return Err(WriteError::Csrcs);
        }
        self.out.u32(csrc)?;
        self.first_byte(|first| first + 1);
        Ok(())
    }

    /// Adds a header extension element. The first one decides the form of the block; later ones give the same.
    ///
    /// # Errors
    /// [`WriteError`] if it does not fit the buffer or the form, or the payload has been written.
    pub fn extension(&mut self, form: ExtensionForm, id: u8, data: &[u8]) -> Result<(), WriteError> {
        let needed =
            element_len(form, id, data.len()).ok_or(WriteError::Extension { id, len: data.len() })?;
        match self.stage {
            Stage::Sources => {
                // The block is closed by padding of up to three bytes, which must fit too.
                let (wanted, left) = (4 + needed.next_multiple_of(4), self.out.remaining());
                if wanted > left {
                    return Err(Full { wanted, left }.into());
                }
                self.stage = Stage::Extensions(self.out.position());
                self.out.u16(form.profile())?;
                self.out.u16(0)?;
                self.first_byte(|first| first | EXTENSION);
            }
            Stage::Extensions(start) => {
                let now = self.out.position() - start;
                let (wanted, left) = ((now + needed).next_multiple_of(4) - now, self.out.remaining());
                if wanted > left {
                    return Err(Full { wanted, left }.into());
                }
            }
            Stage::Payload | Stage::Padding => return Err(WriteError::Order),
        }
        write_element(&mut self.out, form, id, data)?;
        Ok(())
    }

    /// Adds a whole extension block as it came in another packet.
    ///
    /// # Errors
    /// [`WriteError`] if it does not fit, or another block or the payload has been written.
    pub fn extension_block(&mut self, block: ExtensionBlock<'_>) -> Result<(), WriteError> {
        if self.stage != Stage::Sources {
            return Err(WriteError::Order);
        }
        let words = u16::try_from(block.data.len() / 4).ok().filter(|_| block.data.len().is_multiple_of(4));
        let words = words.ok_or(WriteError::Extension { id: 0, len: block.data.len() })?;
        let (wanted, left) = (4 + block.data.len(), self.out.remaining());
        if wanted > left {
            return Err(Full { wanted, left }.into());
        }
        self.out.u16(block.profile)?;
        self.out.u16(words)?;
        self.out.bytes(block.data)?;
        self.first_byte(|first| first | EXTENSION);
        self.stage = Stage::Payload;
        Ok(())
    }

    /// Appends to the payload.
    ///
    /// # Errors
    /// [`WriteError`] if it does not fit, or padding has been written.
    pub fn payload(&mut self, payload: &[u8]) -> Result<(), WriteError> {
        self.close_extensions()?;
        if self.stage == Stage::Padding {
            return Err(WriteError::Order);
        }
        self.stage = Stage::Payload;
        Ok(self.out.bytes(payload)?)
    }

    /// Ends the packet with `len` bytes of padding; none for zero.
    ///
    /// # Errors
    /// [`WriteError`] if it does not fit, or there is padding already.
    pub fn padding(&mut self, len: u8) -> Result<(), WriteError> {
        self.close_extensions()?;
        if self.stage == Stage::Padding {
            return Err(WriteError::Order);
        }
        let Some(zeros) = len.checked_sub(1) else { return Ok(()) };
        let place = self.out.reserve(usize::from(len))?;
        place.fill(0);
        if let Some(last) = place.get_mut(usize::from(zeros)) {
            *last = len;
        }
        self.stage = Stage::Padding;
        self.first_byte(|first| first | PADDING);
        Ok(())
    }

    /// How much payload still fits.
    pub const fn remaining(&self) -> usize {
        self.out.remaining()
    }

    /// Ends the packet and returns its length.
    ///
    /// # Errors
    /// None that the calls before have not reported.
    pub fn finish(mut self) -> Result<usize, WriteError> {
        self.close_extensions()?;
        Ok(self.out.position())
    }

    /// Pads the extension block to 32 bits and writes its length.
    fn close_extensions(&mut self) -> Result<(), WriteError> {
        let Stage::Extensions(start) = self.stage else { return Ok(()) };
        let len = self.out.position() - start - 4;
        self.out.zeros(len.next_multiple_of(4) - len)?;
        self.out.patch_u16(start + 2, u16::try_from(len.div_ceil(4)).unwrap_or(u16::MAX));
        self.stage = Stage::Payload;
        Ok(())
    }

    fn first_byte(&mut self, change: impl FnOnce(u8) -> u8) {
        if let Some(first) = self.out.written_mut().first_mut() {
            *first = change(*first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> Header {
        Header { marker: true, payload_type: 96, sequence: Seq16(9), timestamp: 90_000, ssrc: 0xdead_beef }
    }

    #[test]
    fn parts_are_written_in_their_order_only() {
        let mut buf = [0; 100];
        let mut writer = PacketWriter::new(&mut buf, &header()).unwrap();
        writer.extension(ExtensionForm::OneByte, 1, &[7]).unwrap();
        assert_eq!(writer.csrc(5), Err(WriteError::Order));
        writer.payload(b"a").unwrap();
        assert_eq!(writer.extension(ExtensionForm::OneByte, 1, &[7]), Err(WriteError::Order));
        writer.padding(2).unwrap();
        assert_eq!(writer.payload(b"b"), Err(WriteError::Order));
        let len = writer.finish().unwrap();
        assert_eq!(Packet::parse(&buf[..len]).unwrap().padding_len(), 2);
    }

    #[test]
    fn a_part_that_does_not_fit_leaves_the_packet_as_it_was() {
        let mut buf = [0; 20];
        let mut writer = PacketWriter::new(&mut buf, &header()).unwrap();
        assert!(matches!(writer.extension(ExtensionForm::OneByte, 1, &[0; 8]), Err(WriteError::Full(_))));
        writer.extension(ExtensionForm::OneByte, 1, &[3; 3]).unwrap();
        assert!(matches!(writer.extension(ExtensionForm::OneByte, 2, &[1]), Err(WriteError::Full(_))));
        let len = writer.finish().unwrap();
        assert_eq!(buf[..len][12..], [0xbe, 0xde, 0, 1, 0x12, 3, 3, 3]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            marker: bool, payload_type in prop_oneof![0_u8..64, 96_u8..128], sequence: u16, timestamp: u32, ssrc: u32,
            csrcs in prop::collection::vec(any::<u32>(), 0..=15),
            elements in prop::collection::vec((1_u8..=14, prop::collection::vec(any::<u8>(), 1..=16)), 0..4),
            payload in prop::collection::vec(any::<u8>(), 0..40),
            padding: u8,
        ) {
            let header = Header { marker, payload_type, sequence: Seq16(sequence), timestamp, ssrc };
            let mut buf = [0; 600];
            let mut writer = PacketWriter::new(&mut buf, &header).unwrap();
            for csrc in &csrcs {
                writer.csrc(*csrc).unwrap();
            }
            for (id, data) in &elements {
                writer.extension(ExtensionForm::OneByte, *id, data).unwrap();
            }
            writer.payload(&payload).unwrap();
            writer.padding(padding).unwrap();
            let len = writer.finish().unwrap();
            let packet = Packet::parse(&buf[..len]).unwrap();
            prop_assert_eq!(packet.header(), header);
            prop_assert_eq!(packet.csrcs().collect::<Vec<_>>(), csrcs);
            let read: Vec<_> = packet.extension().into_iter().flat_map(|block| block.elements())
                .map(|element| (element.id, element.data.to_vec())).collect();
            prop_assert_eq!(read, elements);
            prop_assert_eq!(packet.payload(), &payload[..]);
            prop_assert_eq!(&buf[packet.payload_range()], &payload[..]);
            prop_assert_eq!(packet.padding_len(), usize::from(padding));
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert!(packet.payload_range().end + packet.padding_len() == bytes.len());
                prop_assert!(packet.extension().into_iter().flat_map(|block| block.elements()).count() <= bytes.len());
            }
        }
    }
}
