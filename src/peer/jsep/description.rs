//! A session description with its part in the exchange.

use core::fmt;
use core::str::FromStr;
use std::sync::OnceLock;

use crate::peer::jsep::pack::{pack, unpack};
use crate::sdp::{ParseError, Session};

/// What a description is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum SdpType {
    /// A proposal.
    Offer,
    /// Its acceptance.
    Answer,
    /// An acceptance that another may follow.
    Pranswer,
    /// The end of a proposal; it has no content.
    Rollback,
}

impl fmt::Display for SdpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Offer => "offer",
            Self::Answer => "answer",
            Self::Pranswer => "pranswer",
            Self::Rollback => "rollback",
        })
    }
}

/// A session description: parsed once, printed on demand. With feature `serde` it is `{"type": .., "sdp": ..}`.
///
/// ```
/// use antiphon::peer::{SdpType, SessionDescription};
///
/// let description = SessionDescription::offer("v=0\r\no=- 7 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")?;
/// assert_eq!(description.kind(), SdpType::Offer);
/// assert!(description.to_sdp().starts_with("v=0\r\n"));
/// # Ok::<(), antiphon::sdp::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Dictionary", into = "Dictionary"))]
pub struct SessionDescription {
    kind: SdpType,
    session: Kept,
}

impl SessionDescription {
    /// A description of a session that is there already.
    pub fn new(kind: SdpType, session: Session) -> Self {
        Self { kind, session: Kept { packed: None, value: OnceLock::from(Box::new(session)) } }
    }

    /// Reads a description. The text of a rollback is not looked at.
    ///
    /// # Errors
    /// [`ParseError`], with line and column.
    pub fn parse(kind: SdpType, sdp: &str) -> Result<Self, ParseError> {
        match kind {
            SdpType::Rollback => Ok(Self::rollback()),
            SdpType::Offer | SdpType::Answer | SdpType::Pranswer => {
                Ok(Self::new(kind, Session::from_str(sdp)?))
            }
        }
    }

    /// Reads an offer.
    ///
    /// # Errors
    /// [`ParseError`], with line and column.
    pub fn offer(sdp: &str) -> Result<Self, ParseError> {
        Self::parse(SdpType::Offer, sdp)
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// [`ParseError`], with line and column.
    pub fn answer(sdp: &str) -> Result<Self, ParseError> {
        Self::parse(SdpType::Answer, sdp)
    }

    /// The description that ends a proposal.
    pub fn rollback() -> Self {
        Self::new(SdpType::Rollback, Session::new(0, 0))
    }

    /// What it is for.
    pub const fn kind(&self) -> SdpType {
        self.kind
    }

    /// What it says; nothing where it is a rollback.
    pub fn session(&self) -> &Session {
        self.session.get()
    }

    /// Its text, with CRLF line ends; empty where it is a rollback.
    pub fn to_sdp(&self) -> String {
        match self.kind {
            SdpType::Rollback => String::new(),
            SdpType::Offer | SdpType::Answer | SdpType::Pranswer => self.session().to_string(),
        }
    }

    pub(super) fn session_mut(&mut self) -> &mut Session {
        self.session.get_mut()
    }

    /// Keeps it in less room until somebody looks at it.
    pub(super) fn pack(&mut self) {
        self.session.pack();
    }
}

impl fmt::Debug for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionDescription")
            .field("kind", &self.kind)
            .field("session", self.session())
            .finish()
    }
}

/// A session that stands packed while nobody looks at it: as values, the codecs of a call take ten kilobytes.
#[derive(Clone)]
struct Kept {
    /// What the value is read from; there is one or the other.
    packed: Option<Box<[u8]>>,
    value: OnceLock<Box<Session>>,
}

impl Kept {
    fn get(&self) -> &Session {
        self.value.get_or_init(|| Box::new(self.read().unwrap_or_else(|| Session::new(0, 0))))
    }

    /// Reads what is packed, which [`pack`](Self::pack) has seen to be possible.
    fn read(&self) -> Option<Session> {
        unpack(self.packed.as_deref()?)?.parse().ok()
    }

    fn get_mut(&mut self) -> &mut Session {
        self.get();
        self.packed = None;
        self.value.get_mut().expect("it was read just now")
    }

    fn pack(&mut self) {
        if self.value.get().is_none() {
            return;
        }
        if self.packed.is_none() {
            self.packed = Some(pack(&self.get().to_string()));
            // What would be read otherwise than it is stays as it is.
            if self.read().as_ref() != self.value.get().map(|session| &**session) {
                self.packed = None;
                return;
            }
        }
        self.value = OnceLock::new();
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Kept {}

/// The W3C's `RTCSessionDescriptionInit`.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Dictionary {
    #[serde(rename = "type")]
    kind: SdpType,
    #[serde(default)]
    sdp: String,
}

#[cfg(feature = "serde")]
impl TryFrom<Dictionary> for SessionDescription {
    type Error = ParseError;

    fn try_from(dictionary: Dictionary) -> Result<Self, ParseError> {
        Self::parse(dictionary.kind, &dictionary.sdp)
    }
}

#[cfg(feature = "serde")]
impl From<SessionDescription> for Dictionary {
    fn from(description: SessionDescription) -> Self {
        Self { kind: description.kind, sdp: description.to_sdp() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = concat!(
        "v=0\r\no=- 7 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n",
        "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n",
        "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=what-is-not-known:7\r\nx=a line\r\n",
    );

    #[test]
    fn a_packed_description_is_what_it_was() {
        let offer = SessionDescription::offer(OFFER).unwrap();
        let mut packed = offer.clone();
        packed.pack();
        assert!(packed.session.value.get().is_none());
        let again = packed.clone();
        assert_eq!((packed.to_sdp(), &packed), (offer.to_sdp(), &offer));
        assert_eq!(again, offer);
        packed.pack();
        assert!(packed.session.value.get().is_none());
    }

    #[test]
    fn what_is_changed_is_packed_anew() {
        let mut offer = SessionDescription::offer(OFFER).unwrap();
        offer.pack();
        offer.session_mut().media.clear();
        assert!(offer.session().media.is_empty());
        offer.pack();
        assert!(offer.session().media.is_empty());
    }
}
