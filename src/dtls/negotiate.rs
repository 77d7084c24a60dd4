//! Which version, suite, group, scheme and profile two sides have in common.

use super::config::Config;
use super::event::HandshakeError;
use crate::crypto::aead::Algorithm;
use crate::crypto::ecdh::Group;
use crate::crypto::sign::{KeyAlgorithm, PublicKey, SignatureScheme};
use crate::crypto::srtp_keys::SrtpProfile;
use crate::crypto::{CryptoError, Hash};
use crate::wire::dtls::extension::{ExtensionType, Extensions, UseSrtp, number_list, numbers, version_list};
use crate::wire::dtls::handshake::HandshakeType;
use crate::wire::dtls::record::Version;

/// A cipher suite of DTLS 1.2: ephemeral key exchange and authenticated encryption, nothing else.
///
/// ```
/// use antiphon::dtls::CipherSuite;
/// assert_eq!(CipherSuite::from_code(0xc02b), Some(CipherSuite::EcdheEcdsaAes128GcmSha256));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u16)]
pub enum CipherSuite {
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`: what WebRTC wants everybody to have (RFC 8827 §6.5).
    EcdheEcdsaAes128GcmSha256 = 0xc02b,
    /// `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
    EcdheRsaAes128GcmSha256 = 0xc02f,
    /// `TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256`.
    EcdheEcdsaChaCha20Poly1305Sha256 = 0xcca9,
    /// `TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256`.
    EcdheRsaChaCha20Poly1305Sha256 = 0xcca8,
    /// `TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384`.
    EcdheEcdsaAes256GcmSha384 = 0xc02c,
    /// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`.
    EcdheRsaAes256GcmSha384 = 0xc030,
}

impl CipherSuite {
    /// Every suite, best first.
    pub const ALL: [Self; 6] = [
        Self::EcdheEcdsaAes128GcmSha256,
        Self::EcdheRsaAes128GcmSha256,
        Self::EcdheEcdsaChaCha20Poly1305Sha256,
        Self::EcdheRsaChaCha20Poly1305Sha256,
        Self::EcdheEcdsaAes256GcmSha384,
        Self::EcdheRsaAes256GcmSha384,
    ];

    /// The suite of this number, if it is one of ours.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.code() == code)
    }

    /// Its number (IANA "TLS Cipher Suites").
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Its cipher.
    pub const fn aead(self) -> Algorithm {
        match self {
            Self::EcdheEcdsaAes128GcmSha256 | Self::EcdheRsaAes128GcmSha256 => Algorithm::Aes128Gcm,
            Self::EcdheEcdsaChaCha20Poly1305Sha256 | Self::EcdheRsaChaCha20Poly1305Sha256 => {
                Algorithm::ChaCha20Poly1305
            }
            Self::EcdheEcdsaAes256GcmSha384 | Self::EcdheRsaAes256GcmSha384 => Algorithm::Aes256Gcm,
        }
    }

    /// The hash of its key derivation.
    pub const fn hash(self) -> Hash {
        match self {
            Self::EcdheEcdsaAes256GcmSha384 | Self::EcdheRsaAes256GcmSha384 => Hash::Sha384,
            Self::EcdheEcdsaAes128GcmSha256
            | Self::EcdheRsaAes128GcmSha256
            | Self::EcdheEcdsaChaCha20Poly1305Sha256
            | Self::EcdheRsaChaCha20Poly1305Sha256 => Hash::Sha256,
        }
    }

    /// Whether the server of this suite signs with such a key. Ed25519 goes with the ECDSA suites (RFC 8422 §5.10).
    pub const fn fits(self, key: KeyAlgorithm) -> bool {
        let rsa = matches!(
            self,
            Self::EcdheRsaAes128GcmSha256
                | Self::EcdheRsaChaCha20Poly1305Sha256
                | Self::EcdheRsaAes256GcmSha384
        );
        rsa == matches!(key, KeyAlgorithm::Rsa)
    }
}

/// Whether a client that says `version` and these extensions speaks DTLS 1.2. With `supported_versions` there that
/// list alone counts (RFC 8446 §4.2.1).
///
/// We do not speak 1.3 yet, so a hello that offers both gets 1.2 without the downgrade sentinel: the sentinel says
/// that the server could have done better (RFC 8446 §4.1.3).
pub(super) fn client_speaks_1_2(version: Version, extensions: &Extensions<'_>) -> Result<(), HandshakeError> {
    let spoken = match extensions.get(ExtensionType::SUPPORTED_VERSIONS) {
        Some(content) => {
            let list = version_list(content).ok_or(HandshakeError::Malformed(1))?;
            numbers(list).any(|number| Version(number) == Version::DTLS_1_2)
        }
        None => version.at_least(Version::DTLS_1_2),
    };
    if spoken { Ok(()) } else { Err(HandshakeError::Version(version.0)) }
}

/// Our best suite among those offered that our certificate fits.
pub(super) fn suite(config: &Config, offered: &[u8]) -> Result<CipherSuite, HandshakeError> {
    let key = config.certificate.algorithm();
    let mut fitting = config.suites.iter().filter(|suite| suite.fits(key));
    let chosen = fitting.find(|suite| numbers(offered).any(|code| code == suite.code()));
    chosen.copied().ok_or(HandshakeError::CipherSuite)
}

/// Our best group among those the client supports; the first of ours if it does not say (RFC 8422 §4).
pub(super) fn group(config: &Config, extensions: &Extensions<'_>) -> Result<Group, HandshakeError> {
    let Some(content) = extensions.get(ExtensionType::SUPPORTED_GROUPS) else {
        return config.groups.first().copied().ok_or(HandshakeError::Group);
    };
    let offered = number_list(content).ok_or(HandshakeError::Malformed(1))?;
    let chosen = config.groups.iter().find(|group| numbers(offered).any(|code| code == group.code()));
    chosen.copied().ok_or(HandshakeError::Group)
}

/// The scheme we sign by, among those the peer takes. RSA signs by PKCS#1 if the peer takes that: PSS draws a salt that
/// is not ours to choose.
pub(super) fn signing_scheme(config: &Config, offered: &[u8]) -> Result<SignatureScheme, HandshakeError> {
    let draws_salt = |scheme: &&SignatureScheme| {
        matches!(
            **scheme,
            SignatureScheme::RsaPssSha256 | SignatureScheme::RsaPssSha384 | SignatureScheme::RsaPssSha512
        )
    };
    let ours = config.certificate.schemes();
    let in_order = ours.iter().filter(|scheme| !draws_salt(scheme)).chain(ours.iter().filter(draws_salt));
    let mut in_order = in_order.filter(|scheme| numbers(offered).any(|code| code == scheme.code()));
    in_order.next().copied().ok_or(HandshakeError::SignatureScheme)
}

/// The scheme of a signature of the peer, if we said that we take it.
pub(super) fn peer_scheme(config: &Config, code: u16) -> Result<SignatureScheme, HandshakeError> {
    let known = config.signature_schemes.iter().find(|scheme| scheme.code() == code);
    known.copied().ok_or(HandshakeError::SignatureScheme)
}

/// Checks a signature of the peer in its message of type `kind`. A scheme that does not go with the key is the message's fault
/// (RFC 5246 §7.4.3), not the signature's.
pub(super) fn check_signature(
    key: &PublicKey,
    scheme: SignatureScheme,
    signed: &[u8],
    signature: &[u8],
    kind: HandshakeType,
) -> Result<(), HandshakeError> {
    key.verify(scheme, signed, signature).map_err(|error| {
        let misfit = error == CryptoError::WrongScheme;
        if misfit { HandshakeError::IllegalParameter(kind.0) } else { HandshakeError::BadSignature }
    })
}

/// The server's choice of an SRTP profile: our best among those offered; none if we have none in common or the
/// client did not ask (RFC 5764 §4.1.1). A client's key identifier is not taken up, which the answer's says.
pub(super) fn srtp_choice(
    config: &Config,
    extensions: &Extensions<'_>,
) -> Result<Option<SrtpProfile>, HandshakeError> {
    let Some(content) = extensions.get(ExtensionType::USE_SRTP) else { return Ok(None) };
    let offer = UseSrtp::parse(content).ok_or(HandshakeError::Malformed(1))?;
    let chosen = config
        .srtp_profiles
        .iter()
        .find(|profile| numbers(offer.profiles).any(|code| code == profile.code()));
    Ok(chosen.copied())
}

/// The client's look at the server's choice: exactly one profile, one that was offered, and no key identifier, since
/// none was offered (RFC 5764 §4.1.1, §4.1.3).
pub(super) fn srtp_answer(
    config: &Config,
    extensions: &Extensions<'_>,
) -> Result<Option<SrtpProfile>, HandshakeError> {
    let Some(content) = extensions.get(ExtensionType::USE_SRTP) else { return Ok(None) };
    let answer = UseSrtp::parse(content).ok_or(HandshakeError::Malformed(2))?;
    let mut codes = numbers(answer.profiles);
    let (Some(code), None, true) = (codes.next(), codes.next(), answer.mki.is_empty()) else {
        return Err(HandshakeError::SrtpProfile);
    };
    let chosen = config.srtp_profiles.iter().find(|profile| profile.code() == code);
    chosen.copied().map(Some).ok_or(HandshakeError::SrtpProfile)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::crypto::Certificate;
    use crate::rng::Seed;

    fn config() -> Config {
        let certificate =
            Certificate::generate(&Seed::from_bytes([1; 32]), Duration::from_secs(1_700_000_000));
        Config::new(certificate.unwrap())
    }

    fn extensions(bytes: &[u8]) -> Extensions<'_> {
        Extensions::parse(bytes).unwrap()
    }

    #[test]
    fn our_preference_decides_and_grease_is_passed_over() {
        let offered = [0x0a, 0x0a, 0xc0, 0x2c, 0xc0, 0x2f, 0xcc, 0xa9];
        assert_eq!(suite(&config(), &offered), Ok(CipherSuite::EcdheEcdsaChaCha20Poly1305Sha256));
        assert_eq!(suite(&config(), &[0, 0, 0xc0, 0x2f]), Err(HandshakeError::CipherSuite));
        let groups = [0, 10, 0, 8, 0, 6, 0x3a, 0x3a, 0x11, 0xec, 0, 29];
        assert_eq!(group(&config(), &extensions(&groups)), Ok(Group::X25519));
    }

    #[test]
    fn the_list_of_versions_counts_where_there_is_one() {
        let both = [0, 43, 0, 5, 4, 0xfe, 0xfc, 0xfe, 0xfd];
        assert_eq!(client_speaks_1_2(Version::DTLS_1_2, &extensions(&both)), Ok(()));
        let only_1_3 = [0, 43, 0, 3, 2, 0xfe, 0xfc];
        assert!(client_speaks_1_2(Version::DTLS_1_2, &extensions(&only_1_3)).is_err());
        assert!(client_speaks_1_2(Version::DTLS_1_0, &extensions(&[])).is_err());
    }

    #[test]
    fn n28_what_was_not_offered_is_not_taken() {
        let mut config = config();
        config.srtp_profiles = vec![SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80];
        let answer = |content: &[u8]| {
            let mut list = vec![0, 14, 0, u8::try_from(content.len()).unwrap()];
            list.extend_from_slice(content);
            srtp_answer(&config, &extensions(&list))
        };
        assert_eq!(answer(&[0, 2, 0, 1, 0]), Ok(Some(SrtpProfile::Aes128CmSha1_80)));
        assert_eq!(answer(&[0, 2, 0, 8, 0]), Err(HandshakeError::SrtpProfile));
        assert_eq!(answer(&[0, 4, 0, 1, 0, 7, 0]), Err(HandshakeError::SrtpProfile));
        assert_eq!(answer(&[0, 2, 0, 1, 1, 9]), Err(HandshakeError::SrtpProfile));
        assert_eq!(srtp_answer(&config, &extensions(&[])), Ok(None));
        let offer = [0, 14, 0, 7, 0, 4, 0, 1, 0, 8, 0];
        assert_eq!(srtp_choice(&config, &extensions(&offer)), Ok(Some(SrtpProfile::Aes128CmSha1_80)));
    }
}
