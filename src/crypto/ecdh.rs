//! Elliptic-curve Diffie-Hellman from our own random bytes: X25519, P-256 and P-384.

use core::fmt;
use std::sync::OnceLock;

use openssl::bn::{BigNum, BigNumContext};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcGroupRef, EcPoint, PointConversionForm};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey};

use super::error::CryptoError;
use crate::base::secret::{Secret, wipe};
use crate::rng::Rng;

/// A named group.
///
/// ```
/// use antiphon::crypto::ecdh::Group;
/// assert_eq!((Group::from_code(29), Group::P256.public_len()), (Some(Group::X25519), 65));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Group {
    /// Curve25519 (RFC 7748).
    X25519,
    /// secp256r1.
    P256,
    /// secp384r1.
    P384,
}

impl Group {
    /// The code of the TLS registry.
    pub const fn code(self) -> u16 {
        match self {
            Self::P256 => 23,
            Self::P384 => 24,
            Self::X25519 => 29,
        }
    }

    /// The group of a code of the TLS registry, if it is one of ours.
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            23 => Some(Self::P256),
            24 => Some(Self::P384),
            29 => Some(Self::X25519),
            _ => None,
        }
    }

    /// Length of a public value in bytes: an uncompressed point, or 32.
    pub const fn public_len(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::P256 => 65,
            Self::P384 => 97,
        }
    }

    /// Length of a private or shared value in bytes.
    pub const fn secret_len(self) -> usize {
        match self {
            Self::X25519 | Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

/// Curve parameters, built once per process: they are constants that OpenSSL needs 20 µs and more to set up.
pub(super) fn curve(nid: Nid) -> Result<&'static EcGroupRef, CryptoError> {
    static P256: OnceLock<EcGroup> = OnceLock::new();
    static P384: OnceLock<EcGroup> = OnceLock::new();
    let cell = match nid {
        Nid::X9_62_PRIME256V1 => &P256,
        Nid::SECP384R1 => &P384,
        _ => return Err(CryptoError::UnsupportedKey),
    };
    if let Some(group) = cell.get() {
        return Ok(group);
    }
    let group = EcGroup::from_curve_name(nid)?;
    Ok(cell.get_or_init(|| group))
}

/// One side's key pair, drawn from its own generator.
///
/// ```
/// use antiphon::crypto::ecdh::{Group, KeyPair};
/// use antiphon::{Rng, Seed};
///
/// let mut rng = Rng::new(&Seed::from_bytes([1; 32]));
/// let a = KeyPair::generate(Group::X25519, &mut rng)?;
/// let b = KeyPair::generate(Group::X25519, &mut rng)?;
/// assert_eq!(a.agree(b.public_key())?.as_ref(), b.agree(a.public_key())?.as_ref());
/// # Ok::<(), antiphon::crypto::CryptoError>(())
/// ```
#[derive(Clone)]
pub struct KeyPair {
    group: Group,
    private: Secret<48>,
    public: [u8; 97],
}

impl KeyPair {
    /// A new pair from `rng`.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if OpenSSL fails.
    pub fn generate(group: Group, rng: &mut Rng) -> Result<Self, CryptoError> {
        loop {
            let mut private = Secret::new([0; 48]);
            rng.fill(private.get_mut(..group.secret_len()).unwrap_or_default());
            // A draw that is no scalar of the curve has a chance of 2^-32 at most.
            if let Some(pair) = Self::from_scalar(group, private)? {
                return Ok(pair);
            }
        }
    }

    /// The pair of a private value of [`Group::secret_len`] bytes, big-endian on the NIST curves.
    ///
    /// # Errors
    /// [`CryptoError::Length`] for another length, [`CryptoError::Malformed`] for a number that is no scalar.
    pub fn from_private(group: Group, private: &[u8]) -> Result<Self, CryptoError> {
        if private.len() != group.secret_len() {
            return Err(CryptoError::Length {
                what: "private key",
                wanted: group.secret_len(),
                got: private.len(),
            });
        }
        Self::from_scalar(group, Secret::padded(private))?.ok_or(CryptoError::Malformed("private key"))
    }

    /// The group both sides must use.
    pub const fn group(&self) -> Group {
        self.group
    }

    /// What the peer is told: an uncompressed point, or 32 bytes.
    pub fn public_key(&self) -> &[u8] {
        self.public.get(..self.group.public_len()).unwrap_or_default()
    }

    /// The secret shared with the owner of `peer`.
    ///
    /// # Errors
    /// [`CryptoError::BadPublicKey`] for a value of another length, a point off the curve or at infinity, one that is
    /// not uncompressed (RFC 8422 §5.1.2), or, on X25519, one that gives an all-zero secret (RFC 7748 §6.1).
    pub fn agree(&self, peer: &[u8]) -> Result<SharedSecret, CryptoError> {
        if peer.len() != self.group.public_len() {
            return Err(CryptoError::BadPublicKey);
        }
        let mut secret = SharedSecret { bytes: Secret::new([0; 48]), len: self.group.secret_len() };
        match self.group.nid() {
            None => self.agree_x25519(peer, &mut secret)?,
            Some(nid) => self.agree_curve(nid, peer, &mut secret)?,
        }
        Ok(secret)
    }

    pub(super) fn private(&self) -> &[u8] {
        self.private.get(..self.group.secret_len()).unwrap_or_default()
    }

    /// `None` if the bytes are no scalar of the curve.
    fn from_scalar(group: Group, private: Secret<48>) -> Result<Option<Self>, CryptoError> {
        let mut pair = Self { group, private, public: [0; 97] };
        let public = match group.nid() {
            None => PKey::private_key_from_raw_bytes(pair.private(), Id::X25519)?.raw_public_key()?,
            Some(nid) => {
                let curve = curve(nid)?;
                let mut ctx = BigNumContext::new()?;
                let Some(scalar) = scalar(curve, pair.private(), &mut ctx)? else { return Ok(None) };
                let mut point = EcPoint::new(curve)?;
                point.mul_generator2(curve, &scalar, &mut ctx)?;
                point.to_bytes(curve, PointConversionForm::UNCOMPRESSED, &mut ctx)?
            }
        };
        for (to, from) in pair.public.iter_mut().zip(&public) {
            *to = *from;
        }
        Ok(Some(pair))
    }

    fn agree_x25519(&self, peer: &[u8], secret: &mut SharedSecret) -> Result<(), CryptoError> {
        let private = PKey::private_key_from_raw_bytes(self.private(), Id::X25519)?;
        let peer = PKey::public_key_from_raw_bytes(peer, Id::X25519)?;
        let mut deriver = Deriver::new(&private)?;
        deriver.set_peer(&peer)?;
        // OpenSSL refuses points of small order itself.
        let len = deriver.derive(secret.as_mut()).map_err(|_| CryptoError::BadPublicKey)?;
        let zero = secret.as_ref().iter().fold(0, |all, byte| all | byte) == 0;
        if len == secret.len && !zero { Ok(()) } else { Err(CryptoError::BadPublicKey) }
    }

    fn agree_curve(&self, nid: Nid, peer: &[u8], secret: &mut SharedSecret) -> Result<(), CryptoError> {
        // The first byte says uncompressed; without this check hybrid points of the same length would pass.
        if peer.first() != Some(&4) {
            return Err(CryptoError::BadPublicKey);
        }
        let curve = curve(nid)?;
        let mut ctx = BigNumContext::new()?;
        let scalar = scalar(curve, self.private(), &mut ctx)?.ok_or(CryptoError::Malformed("private key"))?;
        // Refuses points off the curve; both curves have cofactor 1.
        let peer = EcPoint::from_bytes(curve, peer, &mut ctx).map_err(|_| CryptoError::BadPublicKey)?;
        if peer.is_infinity(curve) {
            return Err(CryptoError::BadPublicKey);
        }
        let mut shared = EcPoint::new(curve)?;
        shared.mul2(curve, &peer, &scalar, &mut ctx)?;
        let (mut x, mut y) = (BigNum::new_secure()?, BigNum::new_secure()?);
        shared.affine_coordinates(curve, &mut x, &mut y, &mut ctx).map_err(|_| CryptoError::BadPublicKey)?;
        let mut x = x.to_vec_padded(i32::try_from(secret.len).unwrap_or(0))?;
        for (to, from) in secret.bytes.iter_mut().zip(&x) {
            *to = *from;
        }
        wipe(&mut x);
        Ok(())
    }
}

impl Group {
    pub(super) const fn nid(self) -> Option<Nid> {
        match self {
            Self::X25519 => None,
            Self::P256 => Some(Nid::X9_62_PRIME256V1),
            Self::P384 => Some(Nid::SECP384R1),
        }
    }
}

/// The number these bytes are, if it is in `1..order`.
pub(super) fn scalar(
    curve: &EcGroupRef,
    bytes: &[u8],
    ctx: &mut BigNumContext,
) -> Result<Option<BigNum>, CryptoError> {
    let mut order = BigNum::new()?;
    curve.order(&mut order, ctx)?;
    let mut scalar = BigNum::new_secure()?;
    scalar.copy_from_slice(bytes)?;
    scalar.set_const_time();
    Ok((scalar.num_bits() > 0 && scalar.ucmp(&order).is_lt()).then_some(scalar))
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("group", &self.group).finish_non_exhaustive()
    }
}

/// What two sides agreed on: an x-coordinate, or the 32 bytes of X25519.
///
/// ```
/// use antiphon::crypto::ecdh::{Group, KeyPair};
/// use antiphon::{Rng, Seed};
///
/// let mut rng = Rng::new(&Seed::from_bytes([1; 32]));
/// let (a, b) = (KeyPair::generate(Group::P384, &mut rng)?, KeyPair::generate(Group::P384, &mut rng)?);
/// assert_eq!(a.agree(b.public_key())?.as_ref().len(), Group::P384.secret_len());
/// # Ok::<(), antiphon::crypto::CryptoError>(())
/// ```
#[derive(Clone)]
pub struct SharedSecret {
    bytes: Secret<48>,
    len: usize,
}

impl AsRef<[u8]> for SharedSecret {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl AsMut<[u8]> for SharedSecret {
    fn as_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn both_sides_agree_on_every_group() {
        let mut rng = Rng::new(&Seed::from_bytes([5; 32]));
        for group in [Group::X25519, Group::P256, Group::P384] {
            let a = KeyPair::generate(group, &mut rng).unwrap();
            let b = KeyPair::generate(group, &mut rng).unwrap();
            let secret = a.agree(b.public_key()).unwrap();
            assert_eq!(secret.as_ref(), b.agree(a.public_key()).unwrap().as_ref());
            assert_eq!(secret.as_ref().len(), group.secret_len());
            assert_eq!(Group::from_code(group.code()), Some(group));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_pair() {
        let pair = || KeyPair::generate(Group::P256, &mut Rng::new(&Seed::from_bytes([5; 32]))).unwrap();
        assert_eq!(pair().public_key(), pair().public_key());
    }

    #[test]
    fn bad_points_are_refused() {
        let mut rng = Rng::new(&Seed::from_bytes([5; 32]));
        let x25519 = KeyPair::generate(Group::X25519, &mut rng).unwrap();
        assert_eq!(x25519.agree(&[0; 32]).unwrap_err(), CryptoError::BadPublicKey);
        assert_eq!(x25519.agree(&[9; 31]).unwrap_err(), CryptoError::BadPublicKey);
        let p256 = KeyPair::generate(Group::P256, &mut rng).unwrap();
        let good = p256.public_key().to_vec();
        let mut off = good.clone();
        off[64] ^= 1;
        let mut hybrid = good.clone();
        hybrid[0] = 6 + (good[64] & 1);
        for bad in [&off[..], &hybrid, &[0], &[], &[0; 65], &good[..64]] {
            assert_eq!(p256.agree(bad).unwrap_err(), CryptoError::BadPublicKey);
        }
    }
}
