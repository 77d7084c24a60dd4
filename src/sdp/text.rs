//! Strings that are known to fit their field, so that writing them cannot inject anything.

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use crate::sdp::error::InvalidText;

macro_rules! checked {
    ($(#[$doc:meta])* $name:ident, $field:literal, $length:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the string if it fits.
            ///
            /// # Errors
            /// Where a character, or the length, cannot stand in such a field.
            pub fn new(text: impl Into<Arc<str>>) -> Result<Self, InvalidText> {
                let text = text.into();
                let allowed: fn(char) -> bool = $allowed;
                let wrong = text.char_indices().find(|(_, c)| !allowed(*c)).map(|(at, _)| at);
                let position = match wrong {
                    Some(at) => at,
                    None if ($length).contains(&text.len()) => return Ok(Self(text)),
                    None => text.len(),
                };
                Err(InvalidText { field: $field, bytes: text.len(), position })
            }

            /// The string.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                *self.0 == **other
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidText;

            fn try_from(text: &str) -> Result<Self, InvalidText> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidText;

            fn try_from(text: String) -> Result<Self, InvalidText> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                (*value.0).into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

checked!(
    /// A token (RFC 8866 §9): visible ASCII without separators.
    ///
    /// ```
    /// use antiphon::sdp::Token;
    ///
    /// assert!(Token::new("audio-0").is_ok());
    /// assert!(Token::new("0\r\na=ice-lite").is_err());
    /// ```
    Token, "token", 1..=usize::MAX, is_token_char
);
checked!(
    /// One word: at least one character, none of them a space or a control character.
    ///
    /// ```
    /// assert!(antiphon::sdp::Word::new("UDP/DTLS/SCTP").is_ok());
    /// ```
    Word, "word", 1..=usize::MAX, is_word_char
);
checked!(
    /// The rest of a line: anything but NUL, carriage return and line feed; may be empty.
    ///
    /// ```
    /// use antiphon::sdp::Text;
    ///
    /// assert!(Text::new("minptime=10; useinbandfec=1").is_ok());
    /// assert!(Text::new("x\nm=audio").is_err());
    /// ```
    Text, "text", 0..=usize::MAX, is_text_char
);
checked!(
    /// An ICE user fragment: 4 to 256 characters (RFC 8839 §5.4).
    ///
    /// ```
    /// assert!(antiphon::sdp::Ufrag::new("8hhY").is_ok());
    /// assert!(antiphon::sdp::Ufrag::new("8hh").is_err());
    /// ```
    Ufrag, "ice-ufrag", 4..=256, is_ice_char
);
checked!(
    /// An ICE password: 22 to 256 characters (RFC 8839 §5.4).
    ///
    /// ```
    /// assert!(antiphon::sdp::Password::new("asd88fgpdd777uzjYhagZg").is_ok());
    /// ```
    Password, "ice-pwd", 22..=256, is_ice_char
);
checked!(
    /// The name of a DTLS association: 20 to 255 characters (RFC 8842 §5.3).
    ///
    /// ```
    /// assert!(antiphon::sdp::TlsId::new("91bbf309c0990a6bec11e38ba2933cee").is_ok());
    /// ```
    TlsId, "tls-id", 20..=255, is_ice_char
);

pub(crate) const fn is_token_char(c: char) -> bool {
    matches!(c, '!' | '#'..='\'' | '*' | '+' | '-' | '.' | '0'..='9' | 'A'..='Z' | '^'..='~')
}

pub(crate) fn is_word_char(c: char) -> bool {
    c > ' ' && c != '\u{7f}' && !c.is_control() && !c.is_whitespace()
}

const fn is_text_char(c: char) -> bool {
    !matches!(c, '\0' | '\r' | '\n')
}

/// RFC 8839 §5.4 knows letters, digits, `+` and `/`; the rest is what deployed endpoints use besides.
const fn is_ice_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '=' | '_')
}
