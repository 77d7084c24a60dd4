//! Builds a packet chunk by chunk in a caller's buffer.

use super::control::Cause;
use super::data::{Data, DataFlags, IData};
use super::forward::Skipped;
use super::init::{Init, Parameter, parameter};
use super::packet::{COMMON_HEADER_LEN, UnknownChunk, kind};
use super::reconfig::ReConfigParameter;
use super::sack::{GapBlock, Sack};
use super::tlv::{padding, write_list, write_tlv};
use crate::base::serial::Tsn;
use crate::base::writer::{Full, Writer};

/// Builds a packet. A chunk that does not fit is refused with [`Full`] and leaves the packet as it was.
///
/// ```
/// use antiphon::wire::sctp::PacketWriter;
///
/// let mut buf = [0; 18];
/// let mut writer = PacketWriter::new(&mut buf, 5000, 5000, 7);
/// assert!(writer.is_empty());
/// writer.shutdown_ack()?;
/// assert!(writer.cookie_ack().is_err());
/// assert_eq!(writer.finish(), 16);
/// # Ok::<(), antiphon::base::writer::Full>(())
/// ```
#[derive(Debug)]
pub struct PacketWriter<'a> {
    out: Writer<'a>,
    /// Where the last DATA or I-DATA chunk starts.
    last_data: Option<usize>,
}

impl<'a> PacketWriter<'a> {
    /// Starts a packet. A buffer shorter than the common header takes no chunk, and [`PacketWriter::finish`] returns 0.
    pub fn new(buf: &'a mut [u8], source_port: u16, destination_port: u16, verification_tag: u32) -> Self {
        let mut out = Writer::new(buf);
        let head = Self::head(&mut out, source_port, destination_port, verification_tag);
        if head.is_err() {
            out = Writer::new(&mut []);
        }
        Self { out, last_data: None }
    }

    fn head(out: &mut Writer<'_>, source_port: u16, destination_port: u16, tag: u32) -> Result<(), Full> {
        out.u16(source_port)?;
        out.u16(destination_port)?;
        out.u32(tag)?;
        out.u32(0)
    }

    /// Whether no chunk has been written.
    pub const fn is_empty(&self) -> bool {
        self.out.position() <= COMMON_HEADER_LEN
    }

    /// Bytes written, the common header included.
    pub const fn len(&self) -> usize {
        self.out.position()
    }

    /// Bytes left for chunks, their headers and padding included: a multiple of four.
    pub const fn remaining(&self) -> usize {
        self.out.remaining() & !3
    }

    /// Bytes of payload that a DATA chunk can still carry.
    pub const fn data_room(&self) -> usize {
        self.remaining().saturating_sub(Data::HEADER_LEN)
    }

    /// Writes the checksum and returns the packet's length.
    pub fn finish(mut self) -> usize {
        let checksum = crc32c::crc32c(self.out.written());
        self.out.patch_u32(8, checksum.swap_bytes());
        self.out.position()
    }

    /// DATA.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    #[inline]
    pub fn data(&mut self, data: &Data<'_>) -> Result<(), Full> {
        let start = self.out.position();
        let len = Data::HEADER_LEN + data.payload.len();
        let length = u16::try_from(len).map_err(|_| Full { wanted: len, left: usize::from(u16::MAX) })?;
        // The one chunk that is written a million times a second: its room is checked once.
        let room = self.out.reserve(len + padding(len))?;
        if let Some((header, room)) = room.split_first_chunk_mut() {
            *header = data.header(length);
            let (payload, zeros) = room.split_at_mut(data.payload.len());
            payload.copy_from_slice(data.payload);
            zeros.fill(0);
        }
        self.last_data = Some(start);
        Ok(())
    }

    /// I-DATA.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn i_data(&mut self, data: &IData<'_>) -> Result<(), Full> {
        let start = self.out.position();
        self.chunk(kind::I_DATA, data.flags.to_wire(), |out| data.write(out))?;
        self.last_data = Some(start);
        Ok(())
    }

    /// Sets the I bit of the last DATA chunk, once it is known to be the last of a burst; false if there is none.
    pub fn set_immediate(&mut self) -> bool {
        let flags = self.last_data.and_then(|start| self.out.written_mut().get_mut(start + 1));
        flags.is_some_and(|flags| {
            *flags |= DataFlags::IMMEDIATE;
            true
        })
    }

    /// INIT, which must be alone in its packet. The parameters of `init` itself are not written.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn init<'p>(
        &mut self,
        init: &Init<'_>,
        parameters: impl IntoIterator<Item = Parameter<'p>>,
    ) -> Result<(), Full> {
        self.init_of(kind::INIT, init, parameters)
    }

    /// INIT ACK, which must be alone in its packet. The parameters of `init` itself are not written.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn init_ack<'p>(
        &mut self,
        init: &Init<'_>,
        parameters: impl IntoIterator<Item = Parameter<'p>>,
    ) -> Result<(), Full> {
        self.init_of(kind::INIT_ACK, init, parameters)
    }

    fn init_of<'p>(
        &mut self,
        kind: u8,
        init: &Init<'_>,
        parameters: impl IntoIterator<Item = Parameter<'p>>,
    ) -> Result<(), Full> {
        self.chunk(kind, 0, |out| {
            init.write(out)?;
            write_list(out, parameters, Parameter::write)
        })
    }

    /// SACK with as many gap blocks, and behind them as many duplicates, as there is room for (RFC 9260 §3.3.4).
    ///
    /// # Errors
    /// [`Full`] if not even a SACK without blocks fits.
    pub fn sack(
        &mut self,
        cumulative_tsn: Tsn,
        a_rwnd: u32,
        gap_blocks: impl IntoIterator<Item = GapBlock>,
        duplicates: impl IntoIterator<Item = Tsn>,
    ) -> Result<(), Full> {
        let room = self.remaining().saturating_sub(Sack::HEADER_LEN) / 4;
        let room = room.min(usize::from(u16::MAX - 16) / 4);
        self.chunk(kind::SACK, 0, |out| {
            out.u32(cumulative_tsn.0)?;
            out.u32(a_rwnd)?;
            let counts = out.position();
            out.u32(0)?;
            let (mut gaps, mut repeated) = (0_u16, 0_u16);
            for block in gap_blocks.into_iter().take(room) {
                out.u16(block.start)?;
                out.u16(block.end)?;
                gaps += 1;
            }
            for tsn in duplicates.into_iter().take(room - usize::from(gaps)) {
                out.u32(tsn.0)?;
                repeated += 1;
            }
            out.patch_u16(counts, gaps);
            out.patch_u16(counts + 2, repeated);
            Ok(())
        })
    }

    /// HEARTBEAT with the information the peer is to send back.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn heartbeat(&mut self, info: &[u8]) -> Result<(), Full> {
        self.chunk(kind::HEARTBEAT, 0, |out| write_tlv(out, parameter::HEARTBEAT_INFO, |out| out.bytes(info)))
    }

    /// HEARTBEAT ACK with the information of the HEARTBEAT.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn heartbeat_ack(&mut self, info: &[u8]) -> Result<(), Full> {
        self.chunk(kind::HEARTBEAT_ACK, 0, |out| {
            write_tlv(out, parameter::HEARTBEAT_INFO, |out| out.bytes(info))
        })
    }

    /// ABORT; `reflected` is the T bit.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn abort<'c>(
        &mut self,
        reflected: bool,
        causes: impl IntoIterator<Item = Cause<'c>>,
    ) -> Result<(), Full> {
        self.chunk(kind::ABORT, u8::from(reflected), |out| write_list(out, causes, Cause::write))
    }

    /// ERROR.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn error<'c>(&mut self, causes: impl IntoIterator<Item = Cause<'c>>) -> Result<(), Full> {
        self.chunk(kind::ERROR, 0, |out| write_list(out, causes, Cause::write))
    }

    /// SHUTDOWN.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn shutdown(&mut self, cumulative_tsn: Tsn) -> Result<(), Full> {
        self.chunk(kind::SHUTDOWN, 0, |out| out.u32(cumulative_tsn.0))
    }

    /// SHUTDOWN ACK.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn shutdown_ack(&mut self) -> Result<(), Full> {
        self.chunk(kind::SHUTDOWN_ACK, 0, |_| Ok(()))
    }

    /// SHUTDOWN COMPLETE; `reflected` is the T bit.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn shutdown_complete(&mut self, reflected: bool) -> Result<(), Full> {
        self.chunk(kind::SHUTDOWN_COMPLETE, u8::from(reflected), |_| Ok(()))
    }

    /// COOKIE ECHO.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn cookie_echo(&mut self, cookie: &[u8]) -> Result<(), Full> {
        self.chunk(kind::COOKIE_ECHO, 0, |out| out.bytes(cookie))
    }

    /// COOKIE ACK.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn cookie_ack(&mut self) -> Result<(), Full> {
        self.chunk(kind::COOKIE_ACK, 0, |_| Ok(()))
    }

    /// FORWARD TSN.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn forward_tsn(
        &mut self,
        new_cumulative_tsn: Tsn,
        streams: impl IntoIterator<Item = Skipped>,
    ) -> Result<(), Full> {
        self.chunk(kind::FORWARD_TSN, 0, |out| {
            out.u32(new_cumulative_tsn.0)?;
            streams.into_iter().try_for_each(|skipped| {
                out.u16(skipped.stream)?;
                out.u16(skipped.ssn.0)
            })
        })
    }

    /// RE-CONFIG.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn re_config<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = ReConfigParameter<'p>>,
    ) -> Result<(), Full> {
        self.chunk(kind::RE_CONFIG, 0, |out| write_list(out, parameters, ReConfigParameter::write))
    }

    /// PAD of `len` bytes, its header included; less than four counts as four (RFC 4820).
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn pad(&mut self, len: usize) -> Result<(), Full> {
        self.chunk(kind::PAD, 0, |out| out.zeros(len.saturating_sub(4)))
    }

    /// A chunk as it came, padding added.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn unknown(&mut self, chunk: &UnknownChunk<'_>) -> Result<(), Full> {
        let value = chunk.raw.get(4..).unwrap_or_default();
        self.chunk(chunk.kind, chunk.flags, |out| out.bytes(value))
    }

    /// Header, value, length and padding; all of it or nothing.
    #[inline]
    fn chunk(
        &mut self,
        kind: u8,
        flags: u8,
        value: impl FnOnce(&mut Writer<'a>) -> Result<(), Full>,
    ) -> Result<(), Full> {
        let start = self.out.position();
        let written = self.write_chunk(start, kind, flags, value);
        if written.is_err() {
            self.out.truncate(start);
        }
        written
    }

    #[inline]
    fn write_chunk(
        &mut self,
        start: usize,
        kind: u8,
        flags: u8,
        value: impl FnOnce(&mut Writer<'a>) -> Result<(), Full>,
    ) -> Result<(), Full> {
        self.out.bytes(&[kind, flags, 0, 0])?;
        value(&mut self.out)?;
        let len = self.out.position() - start;
        let length = u16::try_from(len).map_err(|_| Full { wanted: len, left: usize::from(u16::MAX) })?;
        self.out.patch_u16(start + 2, length);
        self.out.zeros(padding(len))
    }
}
