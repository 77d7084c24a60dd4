//! A whole description and its session-level fields (RFC 8866 §5).

use crate::sdp::attribute::Attributes;
use crate::sdp::error::ParseError;
use crate::sdp::media::Media;
use crate::sdp::text::{Text, Token, Word};

/// A session description. `str::parse` reads one, `Display` writes it with CRLF line ends.
///
/// Lines are accepted in any order and with bare line feeds, and written in the order of RFC 8866 §5.
///
/// ```
/// use antiphon::sdp::Session;
///
/// let session: Session = "v=0\no=- 7 1 IN IP4 0.0.0.0\ns=-\nt=0 0\nm=audio 9 UDP/TLS/RTP/SAVPF 0\n".parse()?;
/// assert_eq!(session.origin.session_id, 7);
/// assert_eq!(session.media.len(), 1);
/// # Ok::<(), antiphon::sdp::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub struct Session {
    /// `o=`: who made it, and which version of it this is.
    pub origin: Origin,
    /// `s=`.
    pub name: Text,
    /// `i=`.
    pub information: Option<Text>,
    /// `u=`.
    pub uri: Option<Text>,
    /// `e=`, in their order.
    pub emails: Vec<Text>,
    /// `p=`, in their order.
    pub phones: Vec<Text>,
    /// `c=`.
    pub connection: Option<Connection>,
    /// `b=`, in their order.
    pub bandwidths: Vec<Bandwidth>,
    /// `t=` with its `r=` lines. `t=0 0` alone, which says nothing, is empty.
    pub times: Vec<Timing>,
    /// `z=`.
    pub zones: Option<Text>,
    /// `k=`, which nothing uses any more.
    pub key: Option<Text>,
    /// `a=` before the first section, and lines whose letter is not known.
    pub attributes: Attributes,
    /// The media sections.
    pub media: Vec<Media>,
}

/// `o=` (RFC 8866 §5.2).
///
/// ```
/// let session: antiphon::sdp::Session = "v=0\no=- 7 1 IN IP4 0.0.0.0\ns=-\nt=0 0\n".parse()?;
/// assert_eq!(session.origin.version, 1);
/// # Ok::<(), antiphon::sdp::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// A login, or `-`.
    pub username: Word,
    /// Stays the same through a session.
    pub session_id: u64,
    /// Grows with each change.
    pub version: u64,
    /// Where the description was made; nothing is sent there.
    pub connection: Connection,
}

/// `c=` (RFC 8866 §5.7), and the end of `o=` and of `a=rtcp`.
///
/// ```
/// use antiphon::sdp::{AddressKind, Connection};
///
/// assert_eq!(Connection::unspecified().kind, AddressKind::Ip4);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// `IN`.
    pub network: Token,
    /// `IP4` or `IP6`.
    pub kind: AddressKind,
    /// An address or a name, with what may follow it (`/ttl/count`).
    pub address: Word,
}

impl Connection {
    /// `IN IP4 0.0.0.0`, which stands wherever ICE finds the address (RFC 8839 §5.1).
    ///
    /// # Panics
    /// Never: the two strings fit.
    pub fn unspecified() -> Self {
        Self {
            network: Token::new("IN").expect("a token"),
            kind: AddressKind::Ip4,
            address: Word::new("0.0.0.0").expect("a word"),
        }
    }
}

/// The family of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressKind {
    /// IPv4.
    Ip4,
    /// IPv6.
    Ip6,
}

/// `b=` (RFC 8866 §5.8).
///
/// ```
/// let bandwidth = antiphon::sdp::Bandwidth { kind: antiphon::sdp::Token::new("AS")?, value: 30 };
/// assert_eq!(bandwidth.to_string(), "AS:30");
/// # Ok::<(), antiphon::sdp::InvalidText>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// `AS` (kilobits per second), `TIAS` (bits per second), `CT`, `RS`, `RR`.
    pub kind: Token,
    /// In the unit of the kind.
    pub value: u64,
}

/// `t=` (RFC 8866 §5.9) and its `r=` lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Seconds since 1900; 0: always.
    pub start: u64,
    /// Seconds since 1900; 0: for ever.
    pub stop: u64,
    /// `r=`, in their order.
    pub repeats: Vec<Text>,
}

impl TryFrom<String> for Session {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Session> for String {
    fn from(session: Session) -> Self {
        session.to_string()
    }
}

impl Session {
    /// A description with nothing in it.
    ///
    /// # Panics
    /// Never: the strings fit.
    pub fn new(session_id: u64, version: u64) -> Self {
        let dash = Word::new("-").expect("a word");
        Self {
            origin: Origin { username: dash, session_id, version, connection: Connection::unspecified() },
            name: Text::new("-").expect("a text"),
            information: None,
            uri: None,
            emails: Vec::new(),
            phones: Vec::new(),
            connection: None,
            bandwidths: Vec::new(),
            times: Vec::new(),
            zones: None,
            key: None,
            attributes: Attributes::default(),
            media: Vec::new(),
        }
    }

    /// The section with this mid, and its index.
    pub fn media_by_mid(&self, mid: &str) -> Option<(usize, &Media)> {
        self.media.iter().enumerate().find(|(_, media)| media.attributes.mid().is_some_and(|m| *m == *mid))
    }

    /// Gives back what the vectors hold beyond their values.
    pub(crate) fn shrink(&mut self) {
        self.emails.shrink_to_fit();
        self.phones.shrink_to_fit();
        self.bandwidths.shrink_to_fit();
        self.times.shrink_to_fit();
        self.attributes.shrink_to_fit();
        self.media.shrink_to_fit();
        for media in &mut self.media {
            media.shrink();
        }
    }
}
