//! What can be wrong with the caller's own calls.

use core::time::Duration;

/// Why no connection was made.
///
/// ```
/// use antiphon::crypto::Certificate;
/// use antiphon::dtls::{Config, ConfigError, Connection, Role};
/// use antiphon::{Instant, Rng, Seed};
///
/// let unix_time = core::time::Duration::from_secs(1_700_000_000);
/// let mut config = Config::new(Certificate::generate(&Seed::from_bytes([1; 32]), unix_time)?);
/// config.mtu = 100;
/// let refused = Connection::new(Instant::ZERO, Rng::new(&Seed::from_bytes([2; 32])), &config, Role::Client);
/// assert_eq!(refused.err(), Some(ConfigError::Mtu { mtu: 100, min: 256 }));
/// # Ok::<(), antiphon::crypto::CryptoError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Datagrams this short hold no handshake, or this long do not exist.
    #[error("mtu of {mtu} bytes where at least {min} and at most 65535 are wanted")]
    Mtu {
        /// The MTU asked for.
        mtu: usize,
        /// The least one.
        min: usize,
    },
    /// A list of suites, groups or signature schemes is empty.
    #[error("no suite, group or signature scheme to negotiate")]
    NothingToNegotiate,
    /// A timeout is zero, the longest is shorter than the first, or no expiry is allowed.
    #[error("timeouts from {initial:?} to {max:?}, or no expiry allowed")]
    Timeout {
        /// The first timeout.
        initial: Duration,
        /// The longest one.
        max: Duration,
    },
}

/// Why a record was not sealed.
///
/// ```
/// use antiphon::crypto::Certificate;
/// use antiphon::dtls::{Config, Connection, Role, SealError};
/// use antiphon::{Instant, Rng, Seed};
///
/// let unix_time = core::time::Duration::from_secs(1_700_000_000);
/// let config = Config::new(Certificate::generate(&Seed::from_bytes([1; 32]), unix_time)?);
/// let rng = Rng::new(&Seed::from_bytes([2; 32]));
/// let mut client = Connection::new(Instant::ZERO, rng, &config, Role::Client)?;
/// assert_eq!(client.seal(b"too early", &mut [0; 100]), Err(SealError::NotConnected));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The handshake is not over, the peer is not verified, or the connection is closed.
    #[error("not connected")]
    NotConnected,
    /// The content is longer than a record can be.
    #[error("content of {len} bytes of {max}")]
    TooLong {
        /// Its length.
        len: usize,
        /// The longest content.
        max: usize,
    },
    /// The buffer has no room for the record.
    #[error("buffer of {len} bytes where the record needs {wanted}")]
    BufferTooShort {
        /// The buffer's length.
        len: usize,
        /// The record's length.
        wanted: usize,
    },
    /// The epoch's sequence numbers are used up: one more would repeat a nonce (RFC 6347 §4.1).
    #[error("sequence numbers of epoch {epoch} are used up")]
    SequenceExhausted {
        /// The epoch.
        epoch: u16,
    },
    /// The cipher refused.
    #[error("cipher failed")]
    Cipher(#[source] crate::crypto::CryptoError),
}

/// Why nothing was exported.
///
/// ```
/// use antiphon::dtls::ExportError;
/// let error = ExportError::ContextTooLong { len: 70_000 };
/// assert_eq!(error.to_string(), "context of 70000 bytes of 65535");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The handshake is not over, or the peer is not verified.
    #[error("not connected")]
    NotConnected,
    /// The context is longer than its 16-bit length can say (RFC 5705 §4).
    #[error("context of {len} bytes of 65535")]
    ContextTooLong {
        /// Its length.
        len: usize,
    },
}
