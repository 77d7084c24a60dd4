//! Codecs as descriptions name them: encoding, clock, channels, parameters and feedback.

use core::fmt;

use crate::codec::CodecKind;
use crate::sdp::{Text, Token};

/// Parameters of a format: what `a=fmtp` says after the payload type.
///
/// ```
/// use antiphon::peer::CodecParameters;
///
/// let parameters = CodecParameters::new("packetization-mode=1; profile-level-id=42e01f")?;
/// assert_eq!(parameters.get("Packetization-Mode"), Some("1"));
/// assert_eq!(parameters.get("level-asymmetry-allowed"), None);
/// # Ok::<(), antiphon::sdp::InvalidText>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodecParameters(Option<Text>);

impl CodecParameters {
    /// No parameters.
    pub const NONE: Self = Self(None);

    /// These parameters, as they stand in the line.
    ///
    /// # Errors
    /// [`InvalidText`](crate::sdp::InvalidText) if they would end the line.
    pub fn new(text: &str) -> Result<Self, crate::sdp::InvalidText> {
        Ok(if text.is_empty() { Self::NONE } else { Self(Some(Text::new(text)?)) })
    }

    pub(super) const fn from_text(text: Text) -> Self {
        Self(Some(text))
    }

    /// As they stand in the line; empty where there are none.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    pub(super) const fn text(&self) -> Option<&Text> {
        self.0.as_ref()
    }

    /// The pairs, in their order; what has no `=` has an empty value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.as_str().split(';').map(str::trim).filter(|part| !part.is_empty()).map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.trim(), value.trim())
        })
    }

    /// The value of a parameter; case does not matter in its name (RFC 4855 §3).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The same with one parameter set to `value`, which is a word of ours.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut found = false;
        let mut parts: Vec<String> = Vec::new();
        for (its, old) in self.iter() {
            let hit = its.eq_ignore_ascii_case(name);
            found |= hit;
            let value = if hit { value } else { old };
            parts.push(if value.is_empty() { its.into() } else { format!("{its}={value}") });
        }
        if !found {
            parts.push(format!("{name}={value}"));
        }
        Self::new(&parts.join(";")).unwrap_or_else(|_| self.clone())
    }

    /// A parameter that is a number.
    pub(super) fn number<T: core::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// Whether the pairs are the same, whatever their order and spacing.
    pub(super) fn same(&self, other: &Self) -> bool {
        let holds = |all: &Self, some: &Self| {
            some.iter().all(|(name, value)| all.get(name).is_some_and(|its| its.eq_ignore_ascii_case(value)))
        };
        holds(self, other) && holds(other, self)
    }
}

impl fmt::Display for CodecParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A codec as one side is able to use it: the W3C's `RTCRtpCodec`, with feedback.
///
/// `rtx` (RFC 4588) stands once among the codecs of a kind and means: each of them may be repaired.
///
/// ```
/// use antiphon::peer::Codec;
///
/// let opus = Codec::new("opus", 48_000, 2, "minptime=10;useinbandfec=1")?;
/// assert!(opus.is("OPUS"));
/// assert!(!opus.is_repair());
/// # Ok::<(), antiphon::sdp::InvalidText>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// The encoding's name, as in `a=rtpmap`; case does not matter.
    pub name: Token,
    /// In hertz.
    pub clock_rate: u32,
    /// Audio channels; 1 where the line does not say, and for video.
    pub channels: u16,
    /// What this side says of how it takes the format.
    pub parameters: CodecParameters,
}

impl Codec {
    /// A codec of that name.
    ///
    /// # Errors
    /// [`InvalidText`](crate::sdp::InvalidText) if the name is no token, or the parameters would end the line.
    pub fn new(
        name: &str,
        clock_rate: u32,
        channels: u16,
        parameters: &str,
    ) -> Result<Self, crate::sdp::InvalidText> {
        let parameters = CodecParameters::new(parameters)?;
        Ok(Self { name: Token::new(name)?, clock_rate, channels, parameters })
    }

    /// Whether it has that name.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The payload format by which frames are cut and put together, if it is one of ours.
    pub fn kind(&self) -> Option<CodecKind> {
        CodecKind::from_name(&self.name)
    }

    /// Whether it repairs others and carries no media of its own: `rtx`, `red`, `ulpfec`, `flexfec`.
    pub fn is_repair(&self) -> bool {
        ["rtx", "red", "ulpfec", "flexfec", "flexfec-03"].iter().any(|name| self.is(name))
    }

    /// Whether it carries sound or pictures, rather than repairing, comfort noise or events.
    pub fn is_primary(&self) -> bool {
        !self.is_repair() && !self.is("telephone-event") && !self.is("CN")
    }

    /// Whether both name the same format of the same shape, parameters aside.
    pub(super) fn same_encoding(&self, other: &Self) -> bool {
        self.is(&other.name) && self.clock_rate == other.clock_rate && self.channels == other.channels
    }
}

/// A kind of RTCP feedback (RFC 4585 §4.2, RFC 5104 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Feedback {
    /// `nack`: packets that are missed.
    Nack,
    /// `nack pli`: a picture is missed.
    Pli,
    /// `ccm fir`: a key frame is wanted.
    Fir,
    /// `goog-remb`: an estimate of the bandwidth by the receiver.
    Remb,
    /// `transport-cc`: arrival times by transport-wide number. Only together with the extension that carries the number.
    TransportCc,
}

impl Feedback {
    /// All kinds, in the order they are written.
    pub(super) const ALL: [Self; 5] = [Self::Remb, Self::TransportCc, Self::Fir, Self::Nack, Self::Pli];

    /// As `a=rtcp-fb` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nack => "nack",
            Self::Pli => "nack pli",
            Self::Fir => "ccm fir",
            Self::Remb => "goog-remb",
            Self::TransportCc => "transport-cc",
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let pair = (words.next()?, words.next());
        Some(match pair {
            ("nack", None) => Self::Nack,
            ("nack", Some("pli")) => Self::Pli,
            ("ccm", Some("fir")) => Self::Fir,
            ("goog-remb", None) => Self::Remb,
            ("transport-cc", None) => Self::TransportCc,
            _ => return None,
        })
    }
}
