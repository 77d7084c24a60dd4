//! A borrowed handle to one transceiver: the W3C's `RTCRtpTransceiver`.

use super::connection::PeerConnection;
use super::jsep::{Codec, Encoding, NegotiatedMedia, TransceiverError, TransceiverId};
use crate::codec::MediaKind;
use crate::sdp::{Direction, Token};
use crate::wire::rtp::ExtensionKind;

/// One transceiver of a connection, borrowed for as long as the expression needs it.
///
/// ```
/// use antiphon::peer::TransceiverInit;
/// use antiphon::codec::MediaKind;
/// use antiphon::sdp::Direction;
/// use antiphon::{Config, Instant, PeerConnection, Seed};
/// use core::time::Duration;
///
/// let (now, seed) = (Instant::from_nanos(1), Seed::from_bytes([7; 32]));
/// let mut pc = PeerConnection::new(now, Duration::from_secs(1_790_000_000), seed, &Config::new())?;
/// let camera = pc.add_transceiver(MediaKind::Video, TransceiverInit::default())?;
/// let mut transceiver = pc.transceiver(camera).ok_or("it was made just now")?;
/// transceiver.set_direction(Direction::SendOnly)?;
/// assert_eq!((transceiver.direction(), transceiver.current_direction()), (Direction::SendOnly, None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Transceiver<'a> {
    pub(super) pc: &'a mut PeerConnection,
    pub(super) id: TransceiverId,
}

impl Transceiver<'_> {
    /// The id events name it by.
    pub const fn id(&self) -> TransceiverId {
        self.id
    }

    /// The mid of its section, once a description that has it is set.
    pub fn mid(&self) -> Option<&str> {
        self.inner().and_then(super::jsep::Transceiver::mid).map(|mid| &**mid)
    }

    /// What it carries.
    pub fn kind(&self) -> Option<MediaKind> {
        self.inner().map(super::jsep::Transceiver::kind)
    }

    /// Which way media shall go.
    pub fn direction(&self) -> Direction {
        self.inner().map_or(Direction::Inactive, super::jsep::Transceiver::direction)
    }

    /// Which way media may go, as offer and answer settled it; `None` before they did.
    pub fn current_direction(&self) -> Option<Direction> {
        self.inner().and_then(super::jsep::Transceiver::current_direction)
    }

    /// Whether it is stopped, or about to be.
    pub fn is_stopped(&self) -> bool {
        self.inner().is_none_or(super::jsep::Transceiver::is_stopped)
    }

    /// The streams that what it receives belongs to.
    pub fn remote_streams(&self) -> &[Token] {
        self.inner().map_or(&[], super::jsep::Transceiver::remote_streams)
    }

    /// The streams that what it sends belongs to.
    pub fn streams(&self) -> &[Token] {
        self.inner().map_or(&[], super::jsep::Transceiver::streams)
    }

    /// The codecs that are wanted, in their order; empty: all of ours in our order.
    pub fn codec_preferences(&self) -> &[Codec] {
        self.inner().map_or(&[], super::jsep::Transceiver::codec_preferences)
    }

    /// The encodings it sends.
    pub fn encodings(&self) -> Vec<Encoding> {
        self.inner().map(|its| its.encodings().cloned().collect()).unwrap_or_default()
    }

    /// What offer and answer settled for it: formats, header extensions, sources, bounds; `None` before they did, or while its section is
    /// refused.
    pub fn negotiated(&self) -> Option<&NegotiatedMedia> {
        self.pc.transport.link(self.id).map(|link| &link.negotiated)
    }

    /// The header extensions that the next offer or answer has for it, and which way each.
    pub fn header_extensions(&self) -> Vec<(ExtensionKind, Direction)> {
        self.pc.negotiator.header_extensions(self.id)
    }

    /// Points it another way; an offer becomes due.
    ///
    /// # Errors
    /// [`TransceiverError`] if it is stopped or the connection closed.
    pub fn set_direction(&mut self, direction: Direction) -> Result<(), TransceiverError> {
        self.pc.change(|negotiator| negotiator.set_direction(self.id, direction))
    }

    /// Puts what it sends into other streams (W3C, `setStreams`).
    ///
    /// # Errors
    /// [`TransceiverError`] if a name cannot be.
    pub fn set_streams(&mut self, streams: Vec<Token>) -> Result<(), TransceiverError> {
        self.pc.change(|negotiator| negotiator.set_streams(self.id, streams))
    }

    /// Chooses codecs of ours and their order; none: all, in our order. The next offer or answer follows it.
    ///
    /// # Errors
    /// [`TransceiverError`] says which codec is not one of ours.
    pub fn set_codec_preferences(&mut self, codecs: &[Codec]) -> Result<(), TransceiverError> {
        self.pc.change(|negotiator| negotiator.set_codec_preferences(self.id, codecs))
    }

    /// Chooses header extensions of ours and which way each shall go; one that is not named is not negotiated (W3C,
    /// `setHeaderExtensionsToNegotiate`). The next offer or answer follows it.
    ///
    /// # Errors
    /// [`TransceiverError`] says which is not one of ours, or must be there: sections of one transport are told apart by `mid`.
    pub fn set_header_extensions(
        &mut self,
        extensions: &[(ExtensionKind, Direction)],
    ) -> Result<(), TransceiverError> {
        self.pc.change(|negotiator| negotiator.set_header_extensions(self.id, extensions))
    }

    /// Ends it for good: the next offer says so, and then it is gone.
    ///
    /// # Errors
    /// [`TransceiverError`] if the connection is closed.
    pub fn stop(&mut self) -> Result<(), TransceiverError> {
        let id = self.id;
        self.pc.change(|negotiator| negotiator.stop(id))?;
        self.pc.transport.stop_media(id);
        Ok(())
    }

    fn inner(&self) -> Option<&super::jsep::Transceiver> {
        self.pc.negotiator.transceiver(self.id)
    }
}
