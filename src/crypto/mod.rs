//! Cryptographic primitives over OpenSSL: the one floor that names it.
//!
//! Keys are values; OpenSSL contexts beside them are caches. No public signature here carries an OpenSSL type.

pub mod aead;
pub mod certificate;
pub mod ctr;
mod der;
#[cfg(feature = "sim")]
mod deterministic;
pub mod digest;
pub mod ecdh;
mod entropy;
pub mod error;
pub mod fingerprint;
pub mod kdf;
pub mod sign;
pub mod srtp_keys;

pub use certificate::Certificate;
pub(crate) use certificate::base64;
pub use digest::Hash;
pub use error::CryptoError;
pub use fingerprint::{Fingerprint, FingerprintHash};
