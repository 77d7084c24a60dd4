//! What offer and answer settled about media, section by section: all that RTP needs to know.

use core::time::Duration;
use std::sync::Arc;

use crate::base::bitrate::Bitrate;
use crate::codec::MediaKind;
use crate::peer::jsep::codec::{Codec, Feedback};
use crate::peer::jsep::matching;
use crate::peer::jsep::transceiver::{Encoding, TransceiverId};
use crate::sdp::{Direction, Text, Token};
use crate::wire::rtp::ExtensionKind;

/// A media section that both sides accepted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NegotiatedMedia {
    /// The transceiver it belongs to.
    pub transceiver: TransceiverId,
    /// Its place among the sections.
    pub section: usize,
    /// Its mid. In packets only where [`ExtensionKind::Mid`] is among the extensions.
    pub mid: Token,
    /// What it carries.
    pub kind: MediaKind,
    /// Which way media may go now, seen from here.
    pub direction: Direction,
    /// The formats we may send, by the payload types the peer gave them, in the peer's order: the first that
    /// [is primary](Codec::is_primary) is the one to send with.
    pub send_codecs: Arc<[NegotiatedCodec]>,
    /// The formats the peer may send, by the payload types we gave them. Mostly the same.
    pub receive_codecs: Arc<[NegotiatedCodec]>,
    /// The header extensions both sides know, with the directions they may be used in.
    pub extensions: Vec<NegotiatedExtension>,
    /// Whether one-byte and two-byte extension headers may stand in one stream (RFC 8285 §4.1.2).
    pub extensions_mixed: bool,
    /// Whether RTCP packets need not be compound (RFC 5506).
    pub reduced_size_rtcp: bool,
    /// The name of our sources (RFC 3550 §6.5.1), the same in every section.
    pub cname: Text,
    /// What we send: one source, or one for each simulcast layer, the first the least.
    pub local_sources: Vec<LocalSource>,
    /// The sources the peer has announced by `a=ssrc`; none where it leaves them to be found by mid and rid.
    pub remote_sources: Vec<RemoteSource>,
    /// The simulcast layers the peer sends, in the order of its list; empty without simulcast.
    pub remote_layers: Vec<RemoteLayer>,
    /// The streams that what we receive belongs to.
    pub remote_streams: Vec<Token>,
    /// The most we may send, by the peer's `b=TIAS` or `b=AS` (RFC 9429 §5.10).
    pub max_send_bitrate: Option<Bitrate>,
    /// The most we asked the peer to send.
    pub max_receive_bitrate: Option<Bitrate>,
    /// The length of packets the peer asks for (`a=ptime`), audio only.
    pub packet_time: Option<Duration>,
    /// The longest packets it takes (`a=maxptime`), audio only.
    pub max_packet_time: Option<Duration>,
}

impl NegotiatedMedia {
    /// The id of an extension that may be sent.
    pub fn send_extension(&self, kind: ExtensionKind) -> Option<u8> {
        self.extensions.iter().find(|its| its.kind == kind && its.send).map(|its| its.id)
    }

    /// The format to send with where `codec` is wanted.
    pub fn send_codec(&self, codec: &Codec) -> Option<&NegotiatedCodec> {
        self.send_codecs.iter().find(|its| matching::fits(&its.codec, codec))
    }

    /// Whether we may send.
    pub const fn sends(&self) -> bool {
        matches!(self.direction, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether the peer may.
    pub const fn receives(&self) -> bool {
        matches!(self.direction, Direction::SendRecv | Direction::RecvOnly)
    }
}

/// A format with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegotiatedCodec {
    /// 0 to 127.
    pub payload_type: u8,
    /// What it is, with the parameters of the side that receives it.
    pub codec: Codec,
    /// The payload type that repeats its packets (RFC 4588).
    pub rtx: Option<u8>,
    /// How long lost packets are kept to be repeated (`rtx-time`).
    pub rtx_time: Option<Duration>,
    /// The feedback both sides know.
    pub feedback: Vec<Feedback>,
}

impl NegotiatedCodec {
    /// Whether this kind of feedback may be used.
    pub fn has(&self, feedback: Feedback) -> bool {
        self.feedback.contains(&feedback)
    }
}

/// A header extension with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegotiatedExtension {
    /// 1 to 14; beyond that to 255 only where forms may be [mixed](NegotiatedMedia::extensions_mixed).
    pub id: u8,
    /// What it is.
    pub kind: ExtensionKind,
    /// Whether we may put it on packets.
    pub send: bool,
    /// Whether the peer may.
    pub receive: bool,
}

/// A source of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalSource {
    /// Of what is sent.
    pub ssrc: u32,
    /// Of its repetitions; `None` where the format to send with has no `rtx`.
    pub rtx_ssrc: Option<u32>,
    /// Whether the peer asked for it to be paused at first (RFC 8853 §5.1).
    pub paused: bool,
    /// How it is sent. Its rid is set if there are others; its codec is one of those to send with.
    pub encoding: Encoding,
}

/// A source of the peer's (RFC 5576).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteSource {
    /// Of what is sent.
    pub ssrc: u32,
    /// Of its repetitions (`ssrc-group:FID`).
    pub rtx_ssrc: Option<u32>,
    /// Of its forward error correction (`ssrc-group:FEC-FR`).
    pub fec_ssrc: Option<u32>,
    /// Its canonical name.
    pub cname: Option<Text>,
}

/// A simulcast layer of the peer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteLayer {
    /// Its name, and then those of its alternatives, of which the peer sends one at a time.
    pub rids: Vec<Token>,
    /// Whether the first of them starts paused.
    pub paused: bool,
    /// The payload types the first of them is limited to, as we gave them; empty: any.
    pub payload_types: Vec<u8>,
    /// The rid's other restrictions word for word (`max-width=1280;max-height=720`).
    pub restrictions: Option<Text>,
}

/// A change of what is received (W3C: `track`, `addtrack`, `removetrack`, `mute`), and of the set of transceivers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrackChange {
    /// The peer may send now what it did not before: a new track (W3C's `track` event).
    Added {
        /// The transceiver that receives it.
        transceiver: TransceiverId,
        /// The streams it belongs to.
        streams: Vec<Token>,
    },
    /// A track that is there already belongs to other streams now (W3C's `addtrack` and `removetrack` of streams).
    Streams {
        /// The transceiver that receives it.
        transceiver: TransceiverId,
        /// The streams it belongs to now.
        streams: Vec<Token>,
    },
    /// The peer will not send any more, or not for now: the track is muted and of no stream.
    Removed {
        /// The transceiver that received it.
        transceiver: TransceiverId,
    },
    /// The transceiver is gone: both sides know that it is stopped, or the offer that made it was rolled back.
    Gone {
        /// Which.
        transceiver: TransceiverId,
    },
}

/// Why a section of the peer's offer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Neither audio, nor video, nor data channels.
    #[error("a kind of media that is not known")]
    Kind,
    /// A profile other than the SAVPF family over DTLS: not encrypted, or without feedback.
    #[error("a profile other than SAVPF over DTLS")]
    Profile,
    /// No ICE credentials.
    #[error("no ICE credentials")]
    Credentials,
    /// No fingerprint of a known hash: not encrypted, or with keys in the description (`a=crypto`).
    #[error("no fingerprint")]
    Fingerprint,
    /// RTCP would need a port of its own.
    #[error("no rtcp-mux")]
    RtcpMux,
    /// It is not in the bundle of the section that is served: there is one transport.
    #[error("outside of the bundle")]
    Bundle,
    /// A second section of data channels: there is one association.
    #[error("a second data section")]
    SecondData,
    /// No format that both sides know, or that the preferences leave.
    #[error("no codec in common")]
    Codec,
    /// Its transceiver is stopped.
    #[error("the transceiver is stopped")]
    Stopped,
    /// There are as many transceivers as there may be.
    #[error("too many transceivers")]
    TooMany,
}
