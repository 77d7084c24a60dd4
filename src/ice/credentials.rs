//! User fragment and password of one generation (RFC 8445 §5.3).

use core::fmt;

use crate::ice::CredentialsError;
use crate::rng::Rng;

/// A user fragment and its password.
///
/// ```
/// use antiphon::ice::Credentials;
/// let credentials = Credentials::new("8hhY", "asd88fgpdd777uzjYhagZg")?;
/// assert_eq!(credentials.ufrag(), "8hhY");
/// assert!(Credentials::new("8:hY", "asd88fgpdd777uzjYhagZg").is_err());
/// # Ok::<(), antiphon::ice::CredentialsError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    ufrag: Box<str>,
    pwd: Box<str>,
}

impl Credentials {
    /// Credentials a description told.
    ///
    /// # Errors
    /// [`CredentialsError`] where they are not 4 to 256 and 22 to 256 ice-chars (RFC 8839 §5.4).
    pub fn new(ufrag: &str, pwd: &str) -> Result<Self, CredentialsError> {
        if !(4..=256).contains(&ufrag.len()) {
            return Err(CredentialsError::UfragLength { len: ufrag.len() });
        }
        if !(22..=256).contains(&pwd.len()) {
            return Err(CredentialsError::PasswordLength { len: pwd.len() });
        }
        // Besides ice-chars, `-` and `_` and `=` are seen from peers that write base64; none of them can be
        // mistaken for the colon of a USERNAME.
        let alien = |c: &char| !(c.is_ascii_alphanumeric() || "+/-_=".contains(*c));
        if let Some(character) = ufrag.chars().chain(pwd.chars()).find(alien) {
            return Err(CredentialsError::Character { character });
        }
        Ok(Self { ufrag: ufrag.into(), pwd: pwd.into() })
    }

    /// Fresh ones: 48 bits of user fragment, 144 of password (RFC 8445 §5.3 asks for 24 and 128).
    pub(crate) fn generate(rng: &mut Rng) -> Self {
        Self { ufrag: ice_chars(&rng.array::<8>()), pwd: ice_chars(&rng.array::<24>()) }
    }

    /// The user fragment.
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// The password.
    pub fn pwd(&self) -> &str {
        &self.pwd
    }
}

/// The password stays out of logs.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// Six bits of each byte as an ice-char.
fn ice_chars(bytes: &[u8]) -> Box<str> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let char_of = |byte: &u8| char::from(*alphabet.get(usize::from(byte & 63)).unwrap_or(&b'A'));
    bytes.iter().map(char_of).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn generated_credentials_are_valid_and_differ() {
        let mut rng = Rng::new(&Seed::from_bytes([1; 32]));
        let (a, b) = (Credentials::generate(&mut rng), Credentials::generate(&mut rng));
        assert_ne!(a, b);
        assert_eq!(Credentials::new(a.ufrag(), a.pwd()), Ok(a.clone()));
        assert_eq!((a.ufrag().len(), a.pwd().len()), (8, 24));
    }

    #[test]
    fn lengths_and_characters_are_checked() {
        let pwd = "0123456789012345678901";
        assert_eq!(Credentials::new("abc", pwd), Err(CredentialsError::UfragLength { len: 3 }));
        assert_eq!(Credentials::new("abcd", "short"), Err(CredentialsError::PasswordLength { len: 5 }));
        assert_eq!(Credentials::new("ab d", pwd), Err(CredentialsError::Character { character: ' ' }));
        assert!(Credentials::new(&"a".repeat(256), &"b".repeat(256)).is_ok());
        assert!(!format!("{:?}", Credentials::new("abcd", pwd)).contains(pwd));
    }
}
