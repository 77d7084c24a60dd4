//! ECDSA on P-256 with the nonce of RFC 6979: the same key and message give the same signature.
//!
//! The arithmetic is not blinded, so it exists under the feature `sim` alone.

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::EcPoint;
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;

use super::digest::{HmacSha256, sha256};
use super::ecdh;
use super::error::CryptoError;

/// The DER signature of `message` hashed by SHA-256.
pub(super) fn sign_p256(private: &[u8; 32], message: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let (r, s) = signature(private, message)?;
    Ok(EcdsaSig::from_private_components(r, s)?.to_der()?)
}

fn signature(private: &[u8; 32], message: &[u8]) -> Result<(BigNum, BigNum), CryptoError> {
    let curve = ecdh::curve(Nid::X9_62_PRIME256V1)?;
    let mut ctx = BigNumContext::new()?;
    let mut order = BigNum::new()?;
    curve.order(&mut order, &mut ctx)?;
    let secret = BigNum::from_slice(private)?;
    let digest = BigNum::from_slice(&sha256(&[message]))?;
    let mut hash = BigNum::new()?;
    hash.nnmod(&digest, &order, &mut ctx)?;
    let hash_octets = hash.to_vec_padded(32)?;

    // RFC 6979 §3.2, steps b to g.
    let mut state = [1; 32];
    let mut mac = HmacSha256::new(&[0; 32]);
    for separator in [0, 1] {
        mac = HmacSha256::new(&mac.sign(&[&state, &[separator], private, &hash_octets]));
        state = mac.sign(&[&state]);
    }
    // Step h: qlen is hlen, so that one block of output is one candidate.
    loop {
        state = mac.sign(&[&state]);
        if let Some(nonce) = ecdh::scalar(curve, &state, &mut ctx)? {
            let mut point = EcPoint::new(curve)?;
            point.mul_generator2(curve, &nonce, &mut ctx)?;
            let (mut px, mut py) = (BigNum::new()?, BigNum::new()?);
            point.affine_coordinates(curve, &mut px, &mut py, &mut ctx)?;
            let mut r = BigNum::new()?;
            r.nnmod(&px, &order, &mut ctx)?;
            let (mut product, mut sum, mut inverse, mut s) =
                (BigNum::new()?, BigNum::new()?, BigNum::new()?, BigNum::new()?);
            product.mod_mul(&r, &secret, &order, &mut ctx)?;
            sum.mod_add(&hash, &product, &order, &mut ctx)?;
            inverse.mod_inverse(&nonce, &order, &mut ctx)?;
            s.mod_mul(&inverse, &sum, &order, &mut ctx)?;
            if r.num_bits() > 0 && s.num_bits() > 0 {
                return Ok((r, s));
            }
        }
        mac = HmacSha256::new(&mac.sign(&[&state, &[0]]));
        state = mac.sign(&[&state]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(text.get(at..at + 2).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn signatures_are_those_of_rfc_6979_a_2_5() {
        let private = hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
        let private: [u8; 32] = private.try_into().unwrap();
        for (message, r, s) in [
            (
                "sample",
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            ),
            (
                "test",
                "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
                "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
            ),
        ] {
            let (got_r, got_s) = signature(&private, message.as_bytes()).unwrap();
            assert_eq!(got_r.to_vec_padded(32).unwrap(), hex(r));
            assert_eq!(got_s.to_vec_padded(32).unwrap(), hex(s));
        }
    }
}
