//! A transceiver as offer and answer see it (W3C, `RTCRtpTransceiver`; RFC 9429 §3.4.1): what is wanted of it, and what is settled.

use thiserror::Error;

use crate::base::bitrate::Bitrate;
use crate::codec::MediaKind;
use crate::peer::jsep::codec::Codec;
use crate::sdp::{Direction, Token};
use crate::wire::rtp::ExtensionKind;

/// Names a transceiver of one connection; never used again there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransceiverId(pub(super) u32);

/// How a transceiver is to be: the W3C's `RTCRtpTransceiverInit`.
///
/// ```
/// use antiphon::peer::{Encoding, TransceiverInit};
/// use antiphon::sdp::Direction;
///
/// let camera = TransceiverInit {
///     direction: Direction::SendOnly,
///     streams: vec!["camera".try_into()?],
///     send_encodings: vec![Encoding::named("q")?, Encoding::named("h")?, Encoding::named("f")?],
///     ..TransceiverInit::default()
/// };
/// # let _ = camera;
/// # Ok::<(), antiphon::sdp::InvalidText>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TransceiverInit {
    /// Which way media shall go.
    pub direction: Direction,
    /// The streams that what is sent belongs to: their names, at most 64 characters each (RFC 8830 §2).
    pub streams: Vec<Token>,
    /// The layers to send, the least first; more than one is simulcast, and then each has a name. Empty: one.
    pub send_encodings: Vec<Encoding>,
    /// The names of simulcast layers to ask the peer for, when this side offers; empty: no simulcast. A server's wish: the
    /// W3C has no word for it.
    pub receive_layers: Vec<Token>,
    /// The most the peer shall send here, told with `b=TIAS` and `b=AS`.
    pub max_receive_bitrate: Option<Bitrate>,
}

impl Default for TransceiverInit {
    fn default() -> Self {
        Self {
            direction: Direction::SendRecv,
            streams: Vec::new(),
            send_encodings: Vec::new(),
            receive_layers: Vec::new(),
            max_receive_bitrate: None,
        }
    }
}

/// One layer of what is sent: the W3C's `RTCRtpEncodingParameters`.
///
/// ```
/// let low = antiphon::peer::Encoding { scale_resolution_down_by: Some(4.0), ..antiphon::peer::Encoding::named("q")? };
/// assert!(low.active);
/// # Ok::<(), antiphon::sdp::InvalidText>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Encoding {
    /// Its name (RFC 8851), letters and digits; `None` where it is the only one.
    pub rid: Option<Token>,
    /// Whether it is sent.
    pub active: bool,
    /// The most it may use.
    pub max_bitrate: Option<Bitrate>,
    /// The most frames a second.
    pub max_framerate: Option<f64>,
    /// How much smaller than the source, per side; at least 1. Video only.
    pub scale_resolution_down_by: Option<f64>,
    /// The codec to send it with, where it shall not be the one the peer prefers.
    pub codec: Option<Codec>,
}

impl Default for Encoding {
    fn default() -> Self {
        Self {
            rid: None,
            active: true,
            max_bitrate: None,
            max_framerate: None,
            scale_resolution_down_by: None,
            codec: None,
        }
    }
}

impl Encoding {
    /// An active layer of that name.
    ///
    /// # Errors
    /// [`InvalidText`](crate::sdp::InvalidText) if the name is no token; whether it is a rid is looked at where it is used.
    pub fn named(rid: &str) -> Result<Self, crate::sdp::InvalidText> {
        Ok(Self { rid: Some(Token::new(rid)?), ..Self::default() })
    }
}

/// Why a transceiver was not made or not changed. Nothing has changed then. Encodings and codecs count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransceiverError {
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// There is no such transceiver, or it has been stopped and is gone.
    #[error("no such transceiver")]
    Unknown,
    /// It has been stopped.
    #[error("the transceiver is stopped")]
    Stopped,
    /// As many as there may be.
    #[error("more than {limit} transceivers")]
    TooMany {
        /// How many.
        limit: usize,
    },
    /// The name of a stream is longer than 64 characters. An empty one is no token, and cannot come here.
    #[error("the name of stream {0} is too long")]
    StreamName(usize),
    /// More streams than there may be.
    #[error("more than {limit} streams")]
    TooManyStreams {
        /// How many.
        limit: usize,
    },
    /// A layer has no name and others are there, or a name that is no rid (RFC 8851 §10: letters and digits, here at most 16).
    #[error("encoding {0} has no name, or one that is no rid")]
    Rid(usize),
    /// Two layers have the same name.
    #[error("the name of encoding {0} is used before")]
    DuplicateRid(usize),
    /// More layers than there may be.
    #[error("more than {limit} encodings")]
    TooManyEncodings {
        /// How many.
        limit: usize,
    },
    /// A factor below 1, or none that is a number.
    #[error("encoding {0} cannot be scaled so")]
    Scale(usize),
    /// A negative frame rate, or none that is a number.
    #[error("encoding {0} cannot have such a frame rate")]
    Framerate(usize),
    /// A codec we do not have, or that is not negotiated.
    #[error("codec {0} is not one of ours")]
    UnknownCodec(usize),
    /// Preferences that leave nothing but `rtx`, `red` and the like.
    #[error("no codec that carries media")]
    NoMediaCodec,
    /// A header extension we do not have, or one twice.
    #[error("header extension {0} is not one of ours, or there twice")]
    UnknownExtension(usize),
    /// Without `mid` both ways, sections of one transport could not be told apart.
    #[error("the mid extension is needed in both directions")]
    MandatoryExtension,
    /// Layers were added, taken away or given other names: that takes a new transceiver.
    #[error("{got} encodings, or other names, where there are {expected}")]
    EncodingsChanged {
        /// How many there are.
        expected: usize,
        /// How many were given.
        got: usize,
    },
}

/// Who made a transceiver: that decides which an incoming offer may take (RFC 9429 §5.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// `add_transceiver`: an offer of the peer's never takes it.
    Transceiver,
    /// `add_track`: the first offer that wants one of its kind takes it.
    Track,
    /// An offer of the peer's. A rollback of that offer removes it.
    Remote,
}

/// What the life of a transceiver has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Running,
    /// `stop` was called: the next offer or answer says so.
    Stopping,
    /// Both sides know.
    Stopped,
}

/// One layer of what is sent, with its SSRCs, which stay.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SendLayer {
    pub(super) encoding: Encoding,
    pub(super) ssrc: u32,
    pub(super) rtx_ssrc: u32,
}

/// What a rollback restores (W3C, "set the `RTCSessionDescription`", rollback steps).
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub(super) mid: Option<Token>,
    pub(super) section: Option<usize>,
    pub(super) current: Option<Direction>,
    pub(super) fired: Direction,
    pub(super) remote_streams: Vec<Token>,
    /// The layers that an answer of ours last took: a section that is inactive for a time does not name them.
    pub(super) asked: Vec<Token>,
    pub(super) layers: Vec<SendLayer>,
    pub(super) stopped_by_peer: bool,
}

/// A transceiver.
#[derive(Clone, Debug)]
pub(crate) struct Transceiver {
    pub(super) id: TransceiverId,
    pub(super) kind: MediaKind,
    pub(super) origin: Origin,
    pub(super) life: Life,
    /// Which way media shall go.
    pub(super) direction: Direction,
    /// What is sent belongs to these.
    pub(super) streams: Vec<Token>,
    /// The second word of `a=msid`.
    pub(super) track: Token,
    /// Whether there is something to send, as far as `add_track` and `remove_track` say.
    pub(super) has_track: bool,
    /// Whether it has ever sent: then `add_track` makes another.
    pub(super) has_sent: bool,
    pub(super) preferences: Vec<Codec>,
    /// The header extensions that are wanted, where that has been said; else all of ours, both ways.
    pub(super) extensions: Option<Vec<(ExtensionKind, Direction)>>,
    pub(super) receive_layers: Vec<Token>,
    pub(super) max_receive_bitrate: Option<Bitrate>,
    pub(super) settled: Settled,
    /// What `settled` was before the offer that is under way.
    pub(super) before: Option<Box<Settled>>,
    /// The offer of the peer's that made it is still under way.
    pub(super) made_by_offer: bool,
}

impl Transceiver {
    /// Its name.
    pub(crate) const fn id(&self) -> TransceiverId {
        self.id
    }

    /// What it carries.
    pub(crate) const fn kind(&self) -> MediaKind {
        self.kind
    }

    /// The mid of its section, once a description that has it is set.
    pub(crate) const fn mid(&self) -> Option<&Token> {
        self.settled.mid.as_ref()
    }

    /// Which way media shall go; `Inactive` once it is stopped.
    pub(crate) const fn direction(&self) -> Direction {
        match self.life {
            Life::Running => self.direction,
            Life::Stopping | Life::Stopped => Direction::Inactive,
        }
    }

    /// Which way media may go, as offer and answer settled it; `None` before they did.
    pub(crate) const fn current_direction(&self) -> Option<Direction> {
        self.settled.current
    }

    /// Whether it is stopped, or about to be.
    pub(crate) const fn is_stopped(&self) -> bool {
        !matches!(self.life, Life::Running) || self.settled.stopped_by_peer
    }

    /// The streams that what it sends belongs to.
    pub(crate) fn streams(&self) -> &[Token] {
        &self.streams
    }

    /// The streams that what it receives belongs to.
    pub(crate) fn remote_streams(&self) -> &[Token] {
        &self.settled.remote_streams
    }

    /// The layers it sends.
    pub(crate) fn encodings(&self) -> impl Iterator<Item = &Encoding> {
        self.settled.layers.iter().map(|layer| &layer.encoding)
    }

    /// Which way a header extension of ours shall go; `None`: not at all.
    pub(super) fn extension(&self, kind: ExtensionKind) -> Option<Direction> {
        let Some(wanted) = &self.extensions else { return Some(Direction::SendRecv) };
        wanted.iter().find(|(its, _)| *its == kind).map(|(_, direction)| *direction)
    }

    /// The codecs that are wanted, in their order; empty: all of ours in our order.
    pub(crate) fn codec_preferences(&self) -> &[Codec] {
        &self.preferences
    }
}
