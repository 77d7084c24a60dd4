//! SRTP protection profiles and keying material, shared by DTLS and SRTP.

use core::fmt;

use crate::base::secret::Secret;

/// An SRTP protection profile (RFC 5764 §4.1.2, RFC 7714 §14.2). The discriminant is its code on the wire.
///
/// ```
/// use antiphon::crypto::srtp_keys::SrtpProfile;
///
/// assert_eq!(SrtpProfile::from_code(7), Some(SrtpProfile::AeadAes128Gcm));
/// assert_eq!(SrtpProfile::AeadAes128Gcm.salt_len(), 12);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u16)]
pub enum SrtpProfile {
    /// `SRTP_AES128_CM_HMAC_SHA1_80`: mandatory in WebRTC.
    Aes128CmSha1_80 = 0x0001,
    /// `SRTP_AES128_CM_HMAC_SHA1_32`: a four-byte tag on RTP, ten on RTCP.
    Aes128CmSha1_32 = 0x0002,
    /// `SRTP_AEAD_AES_128_GCM`.
    AeadAes128Gcm = 0x0007,
    /// `SRTP_AEAD_AES_256_GCM`.
    AeadAes256Gcm = 0x0008,
}

impl SrtpProfile {
    /// The profile of a code, if it is one of ours.
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            0x0001 => Some(Self::Aes128CmSha1_80),
            0x0002 => Some(Self::Aes128CmSha1_32),
            0x0007 => Some(Self::AeadAes128Gcm),
            0x0008 => Some(Self::AeadAes256Gcm),
            _ => None,
        }
    }

    /// The code on the wire.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Length of a master key in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Length of a master salt in bytes.
    pub const fn salt_len(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// How many bytes the DTLS exporter has to give: two keys and two salts.
    pub const fn keying_material_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }
}

/// The master keys and salts both sides derive from the DTLS exporter (RFC 5764 §4.2).
///
/// ```
/// use antiphon::crypto::srtp_keys::{KeyingMaterial, SrtpProfile};
///
/// let exported: Vec<u8> = (0..60).collect();
/// let material = KeyingMaterial::split(SrtpProfile::Aes128CmSha1_80, &exported).expect("60 bytes");
/// assert_eq!(material.server_key()[0], 16);
/// assert_eq!(material.client_salt()[0], 32);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct KeyingMaterial {
    profile: SrtpProfile,
    /// Client key, server key, client salt, server salt.
    bytes: Secret<88>,
}

impl KeyingMaterial {
    /// Splits what the exporter gave; `None` unless it is exactly [`SrtpProfile::keying_material_len`] bytes.
    pub fn split(profile: SrtpProfile, exported: &[u8]) -> Option<Self> {
        if exported.len() != profile.keying_material_len() {
            return None;
        }
        Some(Self { profile, bytes: Secret::padded(exported) })
    }

    /// The profile these keys are for.
    pub const fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// Master key of what the DTLS client sends.
    pub fn client_key(&self) -> &[u8] {
        self.part(0, self.profile.key_len())
    }

    /// Master key of what the DTLS server sends.
    pub fn server_key(&self) -> &[u8] {
        self.part(self.profile.key_len(), self.profile.key_len())
    }

    /// Master salt of what the DTLS client sends.
    pub fn client_salt(&self) -> &[u8] {
        self.part(2 * self.profile.key_len(), self.profile.salt_len())
    }

    /// Master salt of what the DTLS server sends.
    pub fn server_salt(&self) -> &[u8] {
        self.part(2 * self.profile.key_len() + self.profile.salt_len(), self.profile.salt_len())
    }

    fn part(&self, at: usize, len: usize) -> &[u8] {
        self.bytes.get(at..at + len).unwrap_or_default()
    }
}

impl fmt::Debug for KeyingMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyingMaterial").field("profile", &self.profile).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_before_salts_and_client_before_server() {
        let exported: Vec<u8> = (0..88).collect();
        let keys = KeyingMaterial::split(SrtpProfile::AeadAes256Gcm, &exported).unwrap();
        assert_eq!((keys.client_key(), keys.server_key()), (&exported[..32], &exported[32..64]));
        assert_eq!((keys.client_salt(), keys.server_salt()), (&exported[64..76], &exported[76..]));
    }

    #[test]
    fn n63_keys_do_something_when_they_are_dropped() {
        use core::mem::needs_drop;

        use crate::crypto::ecdh::{KeyPair, SharedSecret};
        assert!(needs_drop::<KeyingMaterial>() && needs_drop::<KeyPair>() && needs_drop::<SharedSecret>());
    }

    #[test]
    fn material_of_another_length_is_refused() {
        assert_eq!(KeyingMaterial::split(SrtpProfile::AeadAes128Gcm, &[0; 60]), None);
    }
}
