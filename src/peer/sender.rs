//! A borrowed handle to what a transceiver sends: the W3C's `RTCRtpSender`.

use super::connection::PeerConnection;
use super::error::WriteError;
use super::jsep::{Encoding, NegotiatedCodec, TransceiverError, TransceiverId};
use super::transports::DtlsTransport;
use crate::base::bitrate::Bitrate;
use crate::rtp::{self, Frame, RtpPacket, SenderId};
use crate::time::Instant;

/// What one transceiver sends, borrowed for as long as the expression needs it.
///
/// ```
/// use antiphon::codec::MediaKind;
/// use antiphon::peer::TransceiverInit;
/// use antiphon::{Config, Instant, PeerConnection, Seed};
/// use core::time::Duration;
///
/// let (now, seed) = (Instant::from_nanos(1), Seed::from_bytes([7; 32]));
/// let mut pc = PeerConnection::new(now, Duration::from_secs(1_790_000_000), seed, &Config::new())?;
/// let microphone = pc.add_transceiver(MediaKind::Audio, TransceiverInit::default())?;
/// let sender = pc.sender(microphone).ok_or("it was made just now")?;
/// assert!(!sender.can_write(), "nothing is negotiated yet");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sender<'a> {
    pub(super) pc: &'a mut PeerConnection,
    pub(super) id: TransceiverId,
}

impl Sender<'_> {
    /// The transceiver it belongs to.
    pub const fn transceiver(&self) -> TransceiverId {
        self.id
    }

    /// The encodings, in the order of the application.
    pub fn encodings(&self) -> Vec<Encoding> {
        let its = self.pc.negotiator.transceiver(self.id);
        its.map(|its| its.encodings().cloned().collect()).unwrap_or_default()
    }

    /// Changes how the encodings are sent: the same ones in the same order (W3C, `setParameters`). In force at once.
    ///
    /// # Errors
    /// [`TransceiverError`] says which value cannot be.
    pub fn set_encodings(&mut self, encodings: &[Encoding]) -> Result<(), TransceiverError> {
        let id = self.id;
        self.pc.change(|negotiator| negotiator.set_encodings(id, encodings))?;
        self.pc.transport.set_encodings(id, encodings);
        Ok(())
    }

    /// The transport it sends over; `None` before a description of ours has its section.
    pub fn transport(&self) -> Option<DtlsTransport> {
        self.pc.transport_of(self.id)
    }

    /// The formats that were agreed, the one to send with first.
    pub fn codecs(&self) -> &[NegotiatedCodec] {
        self.pc.transport.link(self.id).map_or(&[], |link| &link.negotiated.send_codecs)
    }

    /// Whether a frame would be taken now: a section that sends is agreed and there are keys.
    pub fn can_write(&self) -> bool {
        let sends = self.pc.transport.link(self.id).is_some_and(|link| link.negotiated.sends());
        let media = self.pc.transport.media.as_ref();
        sends && media.is_some_and(|media| media.is_keyed() && !media.rtp.is_closed())
    }

    /// Sends one encoded frame in the first encoding, cut into packets for its codec.
    ///
    /// # Errors
    /// [`WriteError`]; nothing of it is sent then.
    pub fn write(&mut self, now: Instant, frame: &Frame) -> Result<(), WriteError> {
        self.write_layer(now, None, frame)
    }

    /// Sends one encoded frame in the encoding of that rid.
    ///
    /// # Errors
    /// [`WriteError`]; nothing of it is sent then.
    pub fn write_layer(&mut self, now: Instant, rid: Option<&str>, frame: &Frame) -> Result<(), WriteError> {
        let now = self.pc.touch(now);
        let id = self.find(rid)?;
        let media = self.pc.transport.media.as_mut().ok_or(WriteError::NotNegotiated)?;
        media.rtp.write(now, id, frame).map_err(WriteError::Refused)
    }

    /// Sends one RTP packet in the first encoding, for servers that forward. What the session owns is rewritten: source, numbers, times and
    /// picture ids go on where the packets before ended, whatever source they are of.
    ///
    /// # Errors
    /// [`WriteError`]; it is not sent then.
    pub fn write_rtp(&mut self, now: Instant, packet: &RtpPacket) -> Result<(), WriteError> {
        self.write_rtp_layer(now, None, packet)
    }

    /// Sends one RTP packet in the encoding of that rid.
    ///
    /// # Errors
    /// [`WriteError`]; it is not sent then.
    pub fn write_rtp_layer(
        &mut self,
        now: Instant,
        rid: Option<&str>,
        packet: &RtpPacket,
    ) -> Result<(), WriteError> {
        let now = self.pc.touch(now);
        let id = self.find(rid)?;
        let media = self.pc.transport.media.as_mut().ok_or(WriteError::NotNegotiated)?;
        media.rtp.write_rtp(now, id, packet).map_err(WriteError::Refused)
    }

    /// Leaves out a packet of the source that is forwarded in the first encoding, so that those behind it close up: of temporal layers
    /// that a viewer does not get, for example.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn skip_rtp(&mut self, now: Instant, packet: &RtpPacket) -> Result<(), WriteError> {
        let now = self.pc.touch(now);
        let id = self.find(None)?;
        let media = self.pc.transport.media.as_mut().ok_or(WriteError::NotNegotiated)?;
        media.rtp.skip_rtp(now, id, packet).map_err(WriteError::Refused)
    }

    /// The most an encoding may use: the least of what the encoding, the peer's description and the peer's estimate allow. `None`: no
    /// bound is known.
    pub fn target_bitrate(&self, rid: Option<&str>) -> Option<Bitrate> {
        let link = self.pc.transport.link(self.id)?;
        let encodings = link.negotiated.local_sources.iter().map(|source| &source.encoding);
        let encoding = encodings.into_iter().find(|its| rid.is_none() || its.rid.as_deref() == rid)?;
        let bounds =
            [encoding.max_bitrate, link.negotiated.max_send_bitrate, self.pc.transport.media_estimate()];
        bounds.into_iter().flatten().min()
    }

    fn find(&self, rid: Option<&str>) -> Result<SenderId, WriteError> {
        let link = self.pc.transport.link(self.id).ok_or(WriteError::NotNegotiated)?;
        if !link.negotiated.sends() {
            return Err(WriteError::NotNegotiated);
        }
        if self.pc.transport.media.as_ref().is_some_and(|media| media.rtp.is_closed()) {
            return Err(WriteError::Refused(rtp::WriteError::Closed));
        }
        if !self.pc.transport.media_is_keyed() {
            let is_up = self.pc.transport.dtls.as_ref().is_some_and(|dtls| dtls.is_connected());
            return Err(if is_up { WriteError::NoSrtp } else { WriteError::NotConnected });
        }
        link.sender(rid).ok_or(WriteError::UnknownRid)
    }
}
