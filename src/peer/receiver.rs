//! A borrowed handle to what a transceiver receives: the W3C's `RTCRtpReceiver`.

use super::connection::PeerConnection;
use super::jsep::{NegotiatedCodec, TransceiverId};
use super::transports::DtlsTransport;
use crate::rtp::{Delivery, Frame, KeyframeError, KeyframeRequest, ReceiverId, RtpPacket, SourceId};
use crate::time::Instant;

/// What one transceiver receives, borrowed for as long as the expression needs it.
///
/// ```
/// use antiphon::codec::MediaKind;
/// use antiphon::peer::TransceiverInit;
/// use antiphon::{Config, Instant, PeerConnection, Seed};
/// use core::time::Duration;
///
/// let (now, seed) = (Instant::from_nanos(1), Seed::from_bytes([7; 32]));
/// let mut pc = PeerConnection::new(now, Duration::from_secs(1_790_000_000), seed, &Config::new())?;
/// let screen = pc.add_transceiver(MediaKind::Video, TransceiverInit::default())?;
/// let mut receiver = pc.receiver(screen).ok_or("it was made just now")?;
/// assert!(receiver.recv().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Receiver<'a> {
    pub(super) pc: &'a mut PeerConnection,
    pub(super) id: TransceiverId,
}

impl Receiver<'_> {
    /// The transceiver it belongs to.
    pub const fn transceiver(&self) -> TransceiverId {
        self.id
    }

    /// The transport it receives over; `None` before a description of ours has its section.
    pub fn transport(&self) -> Option<DtlsTransport> {
        self.pc.transport_of(self.id)
    }

    /// The formats that may arrive.
    pub fn codecs(&self) -> &[NegotiatedCodec] {
        self.pc.transport.link(self.id).map_or(&[], |link| &link.negotiated.receive_codecs)
    }

    /// Chooses how what arrives is handed over: whole frames, or packets for servers that forward. What waits in the other form is dropped.
    /// Before anything is negotiated the choice is kept.
    pub fn set_delivery(&mut self, delivery: Delivery) {
        let PeerConnection { negotiator, transport, .. } = &mut *self.pc;
        transport.deliveries.retain(|(id, _)| negotiator.transceiver(*id).is_some());
        transport.set_delivery(self.id, delivery);
    }

    /// The next frame. Read until `None`: only then `MediaReadable` is reported again.
    pub fn recv(&mut self) -> Option<Frame> {
        let receiver = self.receiver()?;
        self.pc.transport.media.as_mut()?.rtp.recv(receiver)
    }

    /// The next packet, where packets were asked for.
    pub fn recv_rtp(&mut self) -> Option<RtpPacket> {
        let receiver = self.receiver()?;
        self.pc.transport.media.as_mut()?.rtp.recv_rtp(receiver)
    }

    /// The sources that have been heard: simulcast layers are several.
    pub fn sources(&self) -> Vec<SourceId> {
        let media = self.pc.transport.media.as_ref();
        let sources =
            media.zip(self.receiver()).map(|(media, receiver)| media.rtp.sources(receiver).collect());
        sources.unwrap_or_default()
    }

    /// The rid of a source, if it says one.
    pub fn rid(&self, source: SourceId) -> Option<&str> {
        self.pc.transport.media.as_ref()?.rtp.source_rid(source)
    }

    /// Asks for a key frame of the layer of that rid; `None`: of every source. Requests that follow soon become one.
    ///
    /// # Errors
    /// [`KeyframeError`] if nothing of it has arrived, or that kind of request was not agreed.
    pub fn request_keyframe(
        &mut self,
        now: Instant,
        rid: Option<&str>,
        request: KeyframeRequest,
    ) -> Result<(), KeyframeError> {
        let now = self.pc.touch(now);
        let sources = self.sources();
        let media = self.pc.transport.media.as_mut().ok_or(KeyframeError::UnknownSource)?;
        let mut result = Err(KeyframeError::UnknownSource);
        for source in sources {
            if rid.is_none() || media.rtp.source_rid(source) == rid {
                let asked = media.rtp.request_keyframe(now, source, request);
                if result.is_err() {
                    result = asked;
                }
            }
        }
        result
    }

    fn receiver(&self) -> Option<ReceiverId> {
        self.pc.transport.link(self.id)?.receiver
    }
}
