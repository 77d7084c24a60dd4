//! A media section (RFC 8866 §5.14).

use core::fmt;

use crate::sdp::attribute::Attributes;
use crate::sdp::session::{Bandwidth, Connection};
use crate::sdp::text::{Text, Token, Word};

/// One `m=` line and what follows it.
///
/// ```
/// use antiphon::sdp::{MediaKind, Session};
///
/// let text = "v=0\no=- 7 1 IN IP4 0.0.0.0\ns=-\nt=0 0\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\n";
/// let session: Session = text.parse()?;
/// assert_eq!(session.media[0].kind, MediaKind::Application);
/// assert!(session.media[0].is_data());
/// # Ok::<(), antiphon::sdp::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// What it carries.
    pub kind: MediaKind,
    /// The port; 0 rejects the section, or bundles it (`a=bundle-only`).
    pub port: u16,
    /// How many ports, where the line says so.
    pub port_count: Option<u16>,
    /// The transport, such as `UDP/TLS/RTP/SAVPF`.
    pub protocol: Word,
    /// Payload types, or what stands for them.
    pub formats: Vec<Word>,
    /// `i=`.
    pub information: Option<Text>,
    /// `c=`, in their order; at most one matters.
    pub connections: Vec<Connection>,
    /// `b=`, in their order.
    pub bandwidths: Vec<Bandwidth>,
    /// `k=`, which nothing uses any more.
    pub key: Option<Text>,
    /// `a=`, and lines whose letter is not known.
    pub attributes: Attributes,
}

/// The first word of an `m=` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// `audio`.
    Audio,
    /// `video`.
    Video,
    /// `application`: data channels.
    Application,
    /// Another one, in its own words.
    Other(OtherKind),
}

/// A kind of media we have no name for. Made by parsing only, so that it is none of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherKind(Token);

impl From<Token> for MediaKind {
    fn from(token: Token) -> Self {
        match token.as_str() {
            "audio" => Self::Audio,
            "video" => Self::Video,
            "application" => Self::Application,
            _ => Self::Other(OtherKind(token)),
        }
    }
}

impl MediaKind {
    /// The word as it stands in the line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Application => "application",
            Self::Other(OtherKind(token)) => token,
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Media {
    /// A section with nothing in it.
    pub fn new(kind: MediaKind, port: u16, protocol: Word, formats: Vec<Word>) -> Self {
        Self {
            kind,
            port,
            port_count: None,
            protocol,
            formats,
            information: None,
            connections: Vec::new(),
            bandwidths: Vec::new(),
            key: None,
            attributes: Attributes::default(),
        }
    }

    /// Whether it describes data channels: SCTP over DTLS (RFC 8841 §4), or one of its forms before that.
    pub fn is_data(&self) -> bool {
        let known = ["UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP"]
            .iter()
            .any(|p| self.protocol.eq_ignore_ascii_case(p));
        let channels = self.formats.iter().any(|format| format.eq_ignore_ascii_case("webrtc-datachannel"));
        self.kind == MediaKind::Application && known && (channels || self.legacy_sctp_port().is_some())
    }

    /// The port of `m=application 9 DTLS/SCTP 5000`, as drafts before RFC 8841 had it.
    pub fn legacy_sctp_port(&self) -> Option<u16> {
        if !self.protocol.eq_ignore_ascii_case("DTLS/SCTP") {
            return None;
        }
        self.formats.first().and_then(|format| format.parse().ok())
    }

    pub(crate) fn shrink(&mut self) {
        self.formats.shrink_to_fit();
        self.connections.shrink_to_fit();
        self.bandwidths.shrink_to_fit();
        self.attributes.shrink_to_fit();
    }
}
