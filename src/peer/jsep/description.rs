//! A session description with its part in the exchange.

use core::fmt;
use core::str::FromStr;

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
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Dictionary", into = "Dictionary"))]
pub struct SessionDescription {
    kind: SdpType,
    session: Session,
}

impl SessionDescription {
    /// A description of a session that is there already.
    pub const fn new(kind: SdpType, session: Session) -> Self {
        Self { kind, session }
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
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Its text, with CRLF line ends; empty where it is a rollback.
    pub fn to_sdp(&self) -> String {
        match self.kind {
            SdpType::Rollback => String::new(),
            SdpType::Offer | SdpType::Answer | SdpType::Pranswer => self.session.to_string(),
        }
    }

    pub(super) const fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

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
