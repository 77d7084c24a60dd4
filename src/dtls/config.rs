//! What a DTLS connection may negotiate, and its timers.

use core::time::Duration;

use super::error::ConfigError;
use super::negotiate::CipherSuite;
use crate::base::limits;
use crate::crypto::Certificate;
use crate::crypto::ecdh::Group;
use crate::crypto::sign::SignatureScheme;
use crate::crypto::srtp_keys::SrtpProfile;

/// Which side of the handshake.
///
/// ```
/// use antiphon::dtls::Role;
/// assert_eq!(Role::Client.peer(), Role::Server);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Role {
    /// Sends the first hello (`a=setup:active`).
    Client,
    /// Waits for it (`a=setup:passive`).
    Server,
}

impl Role {
    /// The other side.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What a connection is made with. Clone it for each: the certificate is shared, not copied.
///
/// ```
/// use antiphon::crypto::Certificate;
/// use antiphon::dtls::Config;
///
/// let unix_time = core::time::Duration::from_secs(1_700_000_000);
/// let certificate = Certificate::generate(&antiphon::Seed::from_bytes([1; 32]), unix_time)?;
/// let mut config = Config::new(certificate);
/// config.mtu = 1150;
/// # Ok::<(), antiphon::crypto::CryptoError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Config {
    /// Who we are.
    pub certificate: Certificate,
    /// Suites, best first.
    pub suites: Vec<CipherSuite>,
    /// Groups for the key exchange, best first.
    pub groups: Vec<Group>,
    /// Signatures taken from the peer, best first.
    pub signature_schemes: Vec<SignatureScheme>,
    /// SRTP profiles, best first; none: `use_srtp` is neither offered nor answered (RFC 5764).
    pub srtp_profiles: Vec<SrtpProfile>,
    /// Whether a peer without extended master secret is refused (RFC 7627).
    pub extended_master_secret_required: bool,
    /// Whether a client without a certificate is refused. WebRTC wants it; a peer without one cannot be verified, and
    /// the connection then connects to anybody.
    pub client_certificate_required: bool,
    /// Whether a client must first echo a cookie (`HelloVerifyRequest`, RFC 6347 §4.2.1). Needless where ICE has
    /// proved the path.
    pub cookie: bool,
    /// Longest datagram to send in bytes, from 256.
    pub mtu: usize,
    /// The first retransmission timeout; each expiry doubles it, up to `max_timeout` (RFC 6347 §4.2.4.1).
    pub initial_timeout: Duration,
    /// The longest retransmission timeout.
    pub max_timeout: Duration,
    /// The connection fails when one flight's timer expires this often.
    pub max_expiries: u32,
}

impl Config {
    /// Everything the crate can do, with a timeout of 1 s.
    pub fn new(certificate: Certificate) -> Self {
        Self {
            certificate,
            suites: CipherSuite::ALL.to_vec(),
            groups: vec![Group::P256, Group::X25519, Group::P384],
            signature_schemes: SignatureScheme::ALL.to_vec(),
            srtp_profiles: Vec::new(),
            extended_master_secret_required: true,
            client_certificate_required: true,
            cookie: false,
            mtu: limits::DEFAULT_MTU,
            initial_timeout: Duration::from_secs(1),
            max_timeout: Duration::from_secs(60),
            max_expiries: 13,
        }
    }

    /// Whether a connection can be made with it.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(limits::MIN_MTU..=limits::MAX_DATAGRAM).contains(&self.mtu) {
            return Err(ConfigError::Mtu { mtu: self.mtu, min: limits::MIN_MTU });
        }
        if self.suites.is_empty() || self.groups.is_empty() || self.signature_schemes.is_empty() {
            return Err(ConfigError::NothingToNegotiate);
        }
        if self.initial_timeout.is_zero() || self.max_timeout < self.initial_timeout || self.max_expiries == 0
        {
            return Err(ConfigError::Timeout { initial: self.initial_timeout, max: self.max_timeout });
        }
        Ok(())
    }
}
