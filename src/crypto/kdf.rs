//! Key derivation: the TLS 1.2 PRF, HKDF and HKDF-Expand-Label.

use super::digest::{Digest, Hash, Hmac};
use super::error::CryptoError;

/// Fills `out` with the TLS 1.2 PRF of `secret`, `label` and the concatenated `seed` (RFC 5246 §5).
pub fn prf12(hash: Hash, secret: &[u8], label: &[u8], seed: &[&[u8]], out: &mut [u8]) {
    let mac = Hmac::new(hash, secret);
    // A(0) is label and seed together, which is at most four parts in TLS.
    let mut parts: Vec<&[u8]> = Vec::with_capacity(seed.len() + 2);
    parts.push(label);
    parts.extend_from_slice(seed);
    let mut a = mac.sign(&parts);
    for chunk in out.chunks_mut(hash.len()) {
        let mut with_a: Vec<&[u8]> = Vec::with_capacity(parts.len() + 1);
        with_a.push(&a);
        with_a.extend_from_slice(&parts);
        let mut block = mac.sign(&with_a);
        copy(chunk, &block);
        block.wipe();
        a = mac.sign(&[&a]);
    }
}

/// HKDF-Extract (RFC 5869 §2.2). An empty `salt` is as many zeros as the hash is long.
pub fn hkdf_extract(hash: Hash, salt: &[u8], secret: &[u8]) -> Digest {
    Hmac::new(hash, salt).sign(&[secret])
}

/// Fills `out` by HKDF-Expand (RFC 5869 §2.3) with the concatenated parts of `info`.
///
/// # Errors
/// [`CryptoError::Length`] for more than 255 digests of output.
pub fn hkdf_expand(hash: Hash, secret: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<(), CryptoError> {
    let most = 255 * hash.len();
    if out.len() > most {
        return Err(CryptoError::Length { what: "HKDF output", wanted: most, got: out.len() });
    }
    let mac = Hmac::new(hash, secret);
    let mut previous: Option<Digest> = None;
    for (counter, chunk) in (1..=255_u8).zip(out.chunks_mut(hash.len())) {
        let counter = [counter];
        let mut parts: Vec<&[u8]> = Vec::with_capacity(info.len() + 2);
        parts.extend(previous.as_ref().map(AsRef::<[u8]>::as_ref));
        parts.extend_from_slice(info);
        parts.push(&counter);
        let block = mac.sign(&parts);
        copy(chunk, &block);
        previous = Some(block);
    }
    Ok(())
}

/// Fills `out` by HKDF-Expand-Label (RFC 8446 §7.1). `prefix` is `b"dtls13"` in DTLS (RFC 9147 §5.9: no space after
/// it) and `b"tls13 "` in TLS.
///
/// # Errors
/// [`CryptoError::Length`] if prefix and label together or the context have more than 255 bytes, or `out` more than
/// 255 digests.
///
/// ```
/// use antiphon::crypto::{Hash, kdf};
///
/// let mut key = [0; 16];
/// kdf::hkdf_expand_label(Hash::Sha256, &[1; 32], b"dtls13", b"key", b"", &mut key)?;
/// # Ok::<(), antiphon::crypto::CryptoError>(())
/// ```
pub fn hkdf_expand_label(
    hash: Hash,
    secret: &[u8],
    prefix: &[u8],
    label: &[u8],
    context: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let too_long = |what, got| CryptoError::Length { what, wanted: 255, got };
    let label_len = prefix.len() + label.len();
    let [label_len] = u8::try_from(label_len).map_err(|_| too_long("label", label_len))?.to_be_bytes();
    let context_len = u8::try_from(context.len()).map_err(|_| too_long("context", context.len()))?;
    let [high, low] = u16::try_from(out.len()).map_err(|_| too_long("HKDF output", out.len()))?.to_be_bytes();
    hkdf_expand(hash, secret, &[&[high, low, label_len], prefix, label, &[context_len], context], out)
}

fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    #[test]
    fn hkdf_agrees_with_rfc_5869_a1() {
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let prk = hkdf_extract(Hash::Sha256, &salt, &[0x0b; 22]);
        assert_eq!(hex(&prk), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
        let mut okm = [0; 42];
        hkdf_expand(Hash::Sha256, &prk, &[&info[..3], &info[3..]], &mut okm).unwrap();
        let wanted = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(hex(&okm), wanted);
    }

    #[test]
    fn expand_label_agrees_with_rfc_8448() {
        // RFC 8448 §3: the server's handshake traffic secret gives its write key and iv.
        let secret = [
            0xb6, 0x7b, 0x7d, 0x69, 0x0c, 0xc1, 0x6c, 0x4e, 0x75, 0xe5, 0x42, 0x13, 0xcb, 0x2d, 0x37, 0xb4,
            0xe9, 0xc9, 0x12, 0xbc, 0xde, 0xd9, 0x10, 0x5d, 0x42, 0xbe, 0xfd, 0x59, 0xd3, 0x91, 0xad, 0x38,
        ];
        let (mut key, mut iv) = ([0; 16], [0; 12]);
        hkdf_expand_label(Hash::Sha256, &secret, b"tls13 ", b"key", b"", &mut key).unwrap();
        hkdf_expand_label(Hash::Sha256, &secret, b"tls13 ", b"iv", b"", &mut iv).unwrap();
        assert_eq!(hex(&key), "3fce516009c21727d0f2e4e86ee403bc");
        assert_eq!(hex(&iv), "5d313eb2671276ee13000b30");
    }

    #[test]
    fn output_beyond_255_digests_is_refused() {
        let mut out = vec![0; 255 * 32 + 1];
        assert!(hkdf_expand(Hash::Sha256, &[1; 32], &[], &mut out).is_err());
        assert!(hkdf_expand(Hash::Sha256, &[1; 32], &[], &mut out[..255 * 32]).is_ok());
        assert!(
            hkdf_expand_label(Hash::Sha256, &[1; 32], b"dtls13", &[b'x'; 250], b"", &mut [0; 4]).is_err()
        );
    }
}
