//! The sizes of the protection profiles (RFC 5764 §4.1.2, RFC 7714 §12).

use crate::crypto::aead::Algorithm;
use crate::crypto::srtp_keys::SrtpProfile;

/// Bytes of the key of HMAC-SHA-1 (RFC 3711 §5.2).
pub(super) const AUTH_KEY_LEN: usize = 20;

/// Which of the two protocols a key serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// SRTP.
    Rtp,
    /// SRTCP.
    Rtcp,
}

/// The transform of a profile, with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// AES in counter mode, and HMAC-SHA-1 cut to this many bytes.
    Cm { tag_len: usize },
    /// AES in Galois/counter mode.
    Gcm(Algorithm),
}

/// The transform that `profile` uses for `usage`.
pub(super) const fn kind(profile: SrtpProfile, usage: Usage) -> Kind {
    match (profile, usage) {
        (SrtpProfile::Aes128CmSha1_32, Usage::Rtp) => Kind::Cm { tag_len: 4 },
        // RTCP has the long tag in either profile (RFC 5764 §4.1.2).
        (SrtpProfile::Aes128CmSha1_80, _) | (SrtpProfile::Aes128CmSha1_32, Usage::Rtcp) => {
            Kind::Cm { tag_len: 10 }
        }
        (SrtpProfile::AeadAes128Gcm, _) => Kind::Gcm(Algorithm::Aes128Gcm),
        (SrtpProfile::AeadAes256Gcm, _) => Kind::Gcm(Algorithm::Aes256Gcm),
    }
}
