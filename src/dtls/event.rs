//! What a connection reports, and why it ends.

use crate::wire::dtls::alert::AlertDescription;

/// What a connection reports.
///
/// ```
/// use antiphon::crypto::Certificate;
/// use antiphon::dtls::{Config, Connection, Event, Role};
/// use antiphon::{Instant, Output, Rng, Seed};
///
/// let unix_time = core::time::Duration::from_secs(1_700_000_000);
/// let config = Config::new(Certificate::generate(&Seed::from_bytes([1; 32]), unix_time)?);
/// let rng = Rng::new(&Seed::from_bytes([2; 32]));
/// let mut client = Connection::new(Instant::ZERO, rng, &config, Role::Client)?;
/// client.close();
/// assert!(matches!(client.poll_output(Instant::ZERO, &mut []), Output::Event(Event::Closed)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is over and the peer's certificate has one of the fingerprints.
    Connected,
    /// The peer said that it will send no more (`close_notify`).
    PeerClosed,
    /// The connection is over, by an error. The last event.
    Failed(CloseReason),
    /// The connection is over, as the caller asked. The last event.
    Closed,
}

/// Why a connection failed.
///
/// ```
/// use antiphon::dtls::CloseReason;
/// assert_eq!(CloseReason::Timeout.to_string(), "no answer to the handshake");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer's certificate has none of the fingerprints.
    #[error("certificate does not match the fingerprint")]
    FingerprintMismatch,
    /// The peer did not answer.
    #[error("no answer to the handshake")]
    Timeout,
    /// The peer sent a fatal alert.
    #[error("peer sent alert {0}")]
    PeerAlert(AlertDescription),
    /// The handshake went wrong, and the peer was told so.
    #[error("handshake failed")]
    Handshake(#[source] HandshakeError),
    /// The epoch's sequence numbers are used up.
    #[error("sequence numbers are used up")]
    SequenceExhausted,
}

impl CloseReason {
    /// What the peer is told.
    pub(super) const fn alert(self) -> Option<AlertDescription> {
        match self {
            Self::FingerprintMismatch => Some(AlertDescription::BAD_CERTIFICATE),
            Self::Handshake(error) => Some(error.alert()),
            Self::Timeout | Self::PeerAlert(_) | Self::SequenceExhausted => None,
        }
    }
}

/// What was wrong with the peer's handshake.
///
/// ```
/// use antiphon::dtls::HandshakeError;
/// use antiphon::wire::dtls::alert::AlertDescription;
/// assert_eq!(HandshakeError::BadFinished.alert(), AlertDescription::DECRYPT_ERROR);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum HandshakeError {
    /// A message's bytes do not add up.
    #[error("malformed message of type {0}")]
    Malformed(u8),
    /// A message came where it has no place.
    #[error("unexpected message of type {0}")]
    Unexpected(u8),
    /// An extension stands twice.
    #[error("extension {0} stands twice")]
    DuplicateExtension(u16),
    /// The server answered an extension that was not offered.
    #[error("extension {0} was not offered")]
    UnsolicitedExtension(u16),
    /// No version in common.
    #[error("no common version: peer's is {0:#06x}")]
    Version(u16),
    /// No suite in common that our certificate fits, or the server chose one that was not offered.
    #[error("no common cipher suite")]
    CipherSuite,
    /// No group in common, or one that was not offered.
    #[error("no common group")]
    Group,
    /// No signature scheme in common, or one that was not offered or does not fit the certificate or suite.
    #[error("no common signature scheme")]
    SignatureScheme,
    /// A value that the RFC forbids in its place: compression, point formats, renegotiation data.
    #[error("illegal parameter in message of type {0}")]
    IllegalParameter(u8),
    /// No extended master secret.
    #[error("no extended master secret")]
    NoExtendedMasterSecret,
    /// An SRTP profile that was not offered, several of them, or a key identifier.
    #[error("srtp profile or key identifier that was not offered")]
    SrtpProfile,
    /// The peer has no certificate.
    #[error("no certificate")]
    NoCertificate,
    /// The certificate's key cannot be used.
    #[error("certificate with a key that cannot be used")]
    BadCertificate,
    /// A public value that is not one of its group.
    #[error("bad public value")]
    BadPublicKey,
    /// A signature that does not verify.
    #[error("bad signature")]
    BadSignature,
    /// A `Finished` that does not verify: someone changed the handshake.
    #[error("bad finished message")]
    BadFinished,
    /// Our own cryptography failed.
    #[error("cryptographic library failed")]
    Internal,
}

impl HandshakeError {
    /// What the peer is told (RFC 5246 §7.2.2, RFC 8422 §5, RFC 5764 §4.1.3).
    pub const fn alert(self) -> AlertDescription {
        match self {
            Self::Malformed(_) => AlertDescription::DECODE_ERROR,
            Self::Unexpected(_) => AlertDescription::UNEXPECTED_MESSAGE,
            Self::UnsolicitedExtension(_) => AlertDescription::UNSUPPORTED_EXTENSION,
            Self::Version(_) => AlertDescription::PROTOCOL_VERSION,
            Self::CipherSuite
            | Self::Group
            | Self::SignatureScheme
            | Self::NoExtendedMasterSecret
            | Self::NoCertificate => AlertDescription::HANDSHAKE_FAILURE,
            Self::DuplicateExtension(_)
            | Self::IllegalParameter(_)
            | Self::SrtpProfile
            | Self::BadPublicKey => AlertDescription::ILLEGAL_PARAMETER,
            Self::BadCertificate => AlertDescription::UNSUPPORTED_CERTIFICATE,
            Self::BadSignature | Self::BadFinished => AlertDescription::DECRYPT_ERROR,
            Self::Internal => AlertDescription::INTERNAL_ERROR,
        }
    }
}
