//! What can go wrong in the crypto floor.

use openssl::error::ErrorStack;

/// A cryptographic operation did not succeed.
///
/// ```
/// use antiphon::crypto::{CryptoError, aead};
///
/// let short = aead::AeadKey::new(aead::Algorithm::Aes128Gcm, &[0; 5]);
/// assert_eq!(short.unwrap_err(), CryptoError::Length { what: "key", wanted: 16, got: 5 });
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// An input has a length the algorithm does not take.
    #[error("{what} of {got} bytes where {wanted} are wanted")]
    Length {
        /// Which input.
        what: &'static str,
        /// The length the algorithm takes (the greatest one, where it takes several).
        wanted: usize,
        /// The length given.
        got: usize,
    },
    /// The authentication tag does not fit the message.
    #[error("authentication tag does not match")]
    BadTag,
    /// The signature does not fit the message, key and scheme.
    #[error("signature does not verify")]
    BadSignature,
    /// A public value is not one of its group: off the curve, the point at infinity, or of small order.
    #[error("public value is not of its group")]
    BadPublicKey,
    /// A certificate, key or signature is not well-formed.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// The key's algorithm or size is none of ours.
    #[error("key of an algorithm or size that is not supported")]
    UnsupportedKey,
    /// The key cannot be used with this signature scheme.
    #[error("signature scheme does not fit the key")]
    WrongScheme,
    /// The private key is not the one the certificate names.
    #[error("private key does not belong to the certificate")]
    KeyMismatch,
    /// OpenSSL refused for a reason of its own.
    #[error("the cryptographic library failed with code {code}")]
    Library {
        /// OpenSSL's code, 0 if it gave none.
        code: u64,
    },
}

impl From<ErrorStack> for CryptoError {
    fn from(stack: ErrorStack) -> Self {
        let code = stack.errors().first().map_or(0, openssl::error::Error::code);
        #[expect(clippy::useless_conversion, reason = "an unsigned long has 32 bits on some systems")]
        Self::Library { code: u64::from(code) }
    }
}
