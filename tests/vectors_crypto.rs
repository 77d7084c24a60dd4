//! The crypto floor against Wycheproof, OpenSSL's answers for key derivation, and the secrets of RFC 8448.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails where it stands, and says what it skips"
)]

use std::fs;
use std::path::{Path, PathBuf};

use antiphon::crypto::aead::{AeadKey, Algorithm};
use antiphon::crypto::digest::{HmacSha1, HmacSha256, HmacSha384, constant_time_eq};
use antiphon::crypto::ecdh::{Group, KeyPair};
use antiphon::crypto::sign::{PublicKey, SignatureScheme};
use antiphon::crypto::{Hash, kdf};
use serde_json::Value;

/// Where the published vectors stand; `None`, and a word about it, where they are not to be had.
fn shared() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test may ask where its vectors are")]
    let found = std::env::var("ANTIPHON_SHARED").ok().map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: ANTIPHON_SHARED is not set");
    }
    found.map(|root| root.join("vectors/crypto"))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2).unwrap(), 16).unwrap())
        .collect()
}

fn hex(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap())
}

/// What Wycheproof says of a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Valid,
    Invalid,
    Acceptable,
}

/// Runs every case of a file; returns how many were run.
fn wycheproof(root: &Path, file: &str, mut case: impl FnMut(&Value, &Value, Verdict, &str)) -> usize {
    let whole: Value =
        serde_json::from_slice(&fs::read(root.join("wycheproof").join(file)).unwrap()).unwrap();
    let mut run = 0;
    for group in whole["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            let verdict = match test["result"].as_str().unwrap() {
                "valid" => Verdict::Valid,
                "invalid" => Verdict::Invalid,
                _ => Verdict::Acceptable,
            };
            case(group, test, verdict, &format!("{file} {} {}", test["tcId"], test["comment"]));
            run += 1;
        }
    }
    assert!(run > 0, "{file}");
    run
}

#[test]
fn aeads_agree_and_refuse_forgeries() {
    let Some(root) = shared() else { return };
    let mut opened = 0;
    for file in ["aes_gcm_test.json", "chacha20_poly1305_test.json"] {
        wycheproof(&root, file, |group, test, verdict, name| {
            let algorithm = match (file, group["keySize"].as_u64().unwrap()) {
                ("chacha20_poly1305_test.json", _) => Algorithm::ChaCha20Poly1305,
                (_, 128) => Algorithm::Aes128Gcm,
                (_, 256) => Algorithm::Aes256Gcm,
                _ => return,
            };
            let (key, nonce, aad) = (hex(&test["key"]), hex(&test["iv"]), hex(&test["aad"]));
            let (message, ciphertext, tag) = (hex(&test["msg"]), hex(&test["ct"]), hex(&test["tag"]));
            // Nonces of other lengths cannot even be written down.
            let Ok(nonce) = <[u8; 12]>::try_from(&nonce[..]) else { return };
            let mut key = AeadKey::new(algorithm, &key).unwrap();
            let mut buf = ciphertext.clone();
            let result = key.open(&nonce, &aad, &mut buf, &tag);
            if verdict == Verdict::Valid {
                result.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(buf, message, "{name}");
                let sealed = key.seal(&nonce, &aad, &mut buf).unwrap();
                assert_eq!((&buf, &sealed[..]), (&ciphertext, &tag[..]), "{name}");
                opened += 1;
            } else {
                assert!(result.is_err(), "{name}");
                assert!(buf.iter().all(|byte| *byte == 0), "{name}: plaintext is left behind");
            }
        });
    }
    assert!(opened > 200, "{opened}");
}

/// A private number as so many bytes.
fn fixed(mut number: Vec<u8>, len: usize) -> Vec<u8> {
    while number.len() > len && number[0] == 0 {
        number.remove(0);
    }
    while number.len() < len {
        number.insert(0, 0);
    }
    number
}

#[test]
fn key_agreement_agrees_and_refuses_bad_points() {
    let Some(root) = shared() else { return };
    let files = [
        ("ecdh_secp256r1_ecpoint_test.json", Group::P256),
        ("ecdh_secp384r1_ecpoint_test.json", Group::P384),
        ("x25519_test.json", Group::X25519),
    ];
    for (file, group) in files {
        wycheproof(&root, file, |_, test, verdict, name| {
            let private = fixed(hex(&test["private"]), group.secret_len());
            let pair = KeyPair::from_private(group, &private).unwrap();
            let agreed = pair.agree(&hex(&test["public"]));
            let zero = test["flags"].as_array().unwrap().iter().any(|flag| flag == "ZeroSharedSecret");
            match (verdict, agreed) {
                (Verdict::Valid | Verdict::Acceptable, Ok(secret)) => {
                    assert!(!zero, "{name}: an all-zero secret");
                    assert_eq!(secret.as_ref(), hex(&test["shared"]), "{name}");
                }
                (Verdict::Invalid, Ok(_)) => panic!("{name}: accepted"),
                (Verdict::Valid, Err(error)) => panic!("{name}: {error}"),
                (Verdict::Acceptable, Err(_)) if group == Group::X25519 => assert!(zero, "{name}: refused"),
                (Verdict::Invalid | Verdict::Acceptable, Err(_)) => {}
            }
        });
    }
}

#[test]
fn signatures_agree_and_forgeries_are_refused() {
    let Some(root) = shared() else { return };
    let files = [
        ("ecdsa_secp256r1_sha256_test.json", SignatureScheme::EcdsaP256Sha256),
        ("ecdsa_secp384r1_sha384_test.json", SignatureScheme::EcdsaP384Sha384),
        ("ed25519_test.json", SignatureScheme::Ed25519),
        ("rsa_signature_2048_sha256_test.json", SignatureScheme::RsaPkcs1Sha256),
        ("rsa_pss_2048_sha256_mgf1_32_test.json", SignatureScheme::RsaPssSha256),
    ];
    for (file, scheme) in files {
        wycheproof(&root, file, |group, test, verdict, name| {
            let key = PublicKey::from_spki_der(&hex(&group["publicKeyDer"])).unwrap();
            let verified = key.verify(scheme, &hex(&test["msg"]), &hex(&test["sig"]));
            match verdict {
                Verdict::Valid => verified.unwrap_or_else(|error| panic!("{name}: {error}")),
                Verdict::Invalid => assert!(verified.is_err(), "{name}: accepted"),
                Verdict::Acceptable => {}
            }
        });
    }
}

#[test]
fn message_codes_agree() {
    type Mac = fn(&[u8], &[u8]) -> Vec<u8>;
    let Some(root) = shared() else { return };
    let files: [(&str, Mac); 3] = [
        ("hmac_sha1_test.json", |key, message| HmacSha1::new(key).sign(&[message]).to_vec()),
        ("hmac_sha256_test.json", |key, message| HmacSha256::new(key).sign(&[message]).to_vec()),
        ("hmac_sha384_test.json", |key, message| HmacSha384::new(key).sign(&[message]).to_vec()),
    ];
    for (file, mac) in files {
        wycheproof(&root, file, |group, test, verdict, name| {
            let len = usize::try_from(group["tagSize"].as_u64().unwrap()).unwrap() / 8;
            let code = mac(&hex(&test["key"]), &hex(&test["msg"]));
            let equal = constant_time_eq(&code[..len], &hex(&test["tag"]));
            assert_eq!(equal, verdict == Verdict::Valid, "{name}");
        });
    }
}

#[test]
fn hkdf_agrees_and_refuses_too_much_output() {
    let Some(root) = shared() else { return };
    for (file, hash) in [("hkdf_sha256_test.json", Hash::Sha256), ("hkdf_sha384_test.json", Hash::Sha384)] {
        wycheproof(&root, file, |_, test, verdict, name| {
            let secret = kdf::hkdf_extract(hash, &hex(&test["salt"]), &hex(&test["ikm"]));
            let mut out = vec![0; usize::try_from(test["size"].as_u64().unwrap()).unwrap()];
            let expanded = kdf::hkdf_expand(hash, &secret, &[&hex(&test["info"])], &mut out);
            if verdict == Verdict::Valid {
                expanded.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(out, hex(&test["okm"]), "{name}");
            } else {
                assert!(expanded.is_err(), "{name}");
            }
        });
    }
}

/// The blocks of one of OpenSSL's test files as lists of names and values.
fn openssl(path: &Path) -> Vec<Vec<(String, String)>> {
    let text = fs::read_to_string(path).unwrap();
    let mut blocks = vec![Vec::new()];
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some((name, value)) = line.split_once('=') {
            let name = name.trim().to_ascii_lowercase();
            if name == "kdf" {
                blocks.push(Vec::new());
            }
            blocks.last_mut().unwrap().push((name, value.trim().to_owned()));
        }
    }
    blocks.retain(|block| block.iter().any(|(name, _)| name == "kdf"));
    blocks
}

/// A value after its `hexkey:` or `seed:`; in order where a name is there twice.
fn control(block: &[(String, String)], name: &str) -> Option<Vec<u8>> {
    let (_, value) = block.iter().find(|(found, _)| found == name)?;
    Some(control_value(value))
}

fn control_value(value: &str) -> Vec<u8> {
    match value.split_once(':') {
        Some((kind, value)) if kind.starts_with("hex") => unhex(value),
        Some((_, value)) => value.as_bytes().to_vec(),
        None => unhex(value),
    }
}

fn hash_of(block: &[(String, String)]) -> Option<Hash> {
    let (_, digest) = block.iter().find(|(name, _)| name == "ctrl.digest")?;
    match digest.rsplit(['A', '-']).next()? {
        "256" => Some(Hash::Sha256),
        "384" => Some(Hash::Sha384),
        _ => None,
    }
}

fn is_failure(block: &[(String, String)]) -> bool {
    block.iter().any(|(name, _)| name == "result")
}

#[test]
fn the_prf_of_tls_12_agrees_with_openssl() {
    let Some(root) = shared() else { return };
    let mut run = 0;
    for block in openssl(&root.join("openssl_kdf/evpkdf_tls12_prf.txt")) {
        let (Some(hash), false) = (hash_of(&block), is_failure(&block)) else { continue };
        let secret = control(&block, "ctrl.secret").unwrap();
        let label = control(&block, "ctrl.label").unwrap();
        let seeds: Vec<Vec<u8>> = block
            .iter()
            .filter(|(name, _)| name.ends_with("_random"))
            .map(|(_, value)| control_value(value))
            .collect();
        let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
        let wanted = control(&block, "output").unwrap();
        let mut out = vec![0; wanted.len()];
        kdf::prf12(hash, &secret, &label, &seeds, &mut out);
        assert_eq!(out, wanted);
        run += 1;
    }
    assert!(run >= 3, "{run}");
}

#[test]
fn hkdf_agrees_with_openssl() {
    let Some(root) = shared() else { return };
    let mut run = 0;
    for block in openssl(&root.join("openssl_kdf/evpkdf_hkdf.txt")) {
        let (Some(hash), false) = (hash_of(&block), is_failure(&block)) else { continue };
        let key = control(&block, "ctrl.ikm").unwrap();
        let salt = control(&block, "ctrl.salt").unwrap_or_default();
        let info = control(&block, "ctrl.info").unwrap_or_default();
        let wanted = control(&block, "output").unwrap();
        let mode = control(&block, "ctrl.mode").unwrap_or_default();
        let mut out = vec![0; wanted.len()];
        match &mode[..] {
            b"EXTRACT_ONLY" => out.copy_from_slice(&kdf::hkdf_extract(hash, &salt, &key)),
            b"EXPAND_ONLY" => kdf::hkdf_expand(hash, &key, &[&info], &mut out).unwrap(),
            _ => kdf::hkdf_expand(hash, &kdf::hkdf_extract(hash, &salt, &key), &[&info], &mut out).unwrap(),
        }
        assert_eq!(out, wanted);
        run += 1;
    }
    assert!(run >= 6, "{run}");
}

#[test]
fn the_key_schedule_of_tls_13_agrees_with_openssl() {
    let Some(root) = shared() else { return };
    let mut run = 0;
    for block in openssl(&root.join("openssl_kdf/evpkdf_tls13_kdf.txt")) {
        let (Some(hash), false) = (hash_of(&block), is_failure(&block)) else { continue };
        let zeros = vec![0; hash.len()];
        let key = control(&block, "ctrl.key").unwrap_or_else(|| zeros.clone());
        let prefix = control(&block, "ctrl.prefix").unwrap_or_default();
        let label = control(&block, "ctrl.label").unwrap_or_default();
        let wanted = control(&block, "output").unwrap();
        let mut out = vec![0; wanted.len()];
        if control(&block, "ctrl.mode").unwrap() == b"EXTRACT_ONLY" {
            // With a salt this is a step of the schedule: `Derive-Secret(salt, "derived", "")` comes first.
            let mut derived = vec![0; hash.len()];
            if let Some(salt) = control(&block, "ctrl.salt") {
                let empty = hash.digest(&[]);
                kdf::hkdf_expand_label(hash, &salt, &prefix, &label, &empty, &mut derived).unwrap();
            }
            out.copy_from_slice(&kdf::hkdf_extract(hash, &derived, &key));
        } else {
            let context = control(&block, "ctrl.data").unwrap_or_default();
            kdf::hkdf_expand_label(hash, &key, &prefix, &label, &context, &mut out).unwrap();
        }
        assert_eq!(out, wanted, "{block:?}");
        run += 1;
    }
    assert!(run > 100, "{run}");
}

#[test]
fn the_secrets_of_rfc_8448_come_out() {
    let Some(root) = shared() else { return };
    let whole: Value =
        serde_json::from_slice(&fs::read(root.join("openssl_tls13_secrets.json")).unwrap()).unwrap();
    let list = whole["files"]["test/tls13secretstest.c"].as_array().unwrap();
    let get = |name: &str| hex(&list.iter().find(|entry| entry["name"] == name).unwrap()["hex"]);
    let hash = Hash::Sha256;
    let expand = |secret: &[u8], label: &str, context: &[u8], len: usize| {
        let mut out = vec![0; len];
        kdf::hkdf_expand_label(hash, secret, b"tls13 ", label.as_bytes(), context, &mut out).unwrap();
        out
    };
    let empty = hash.digest(&[]);
    let early = kdf::hkdf_extract(hash, &[], &[0; 32]);
    assert_eq!(early.as_ref(), get("early_secret"));
    let handshake = kdf::hkdf_extract(hash, &expand(&early, "derived", &empty, 32), &get("ecdhe_secret"));
    assert_eq!(handshake.as_ref(), get("handshake_secret"));
    for (name, label) in [("client_hts", "c hs traffic"), ("server_hts", "s hs traffic")] {
        let secret = expand(&handshake, label, &get("hs_start_hash"), 32);
        assert_eq!(secret, get(name));
        assert_eq!(expand(&secret, "key", &[], 16), get(&format!("{name}_key")));
        assert_eq!(expand(&secret, "iv", &[], 12), get(&format!("{name}_iv")));
    }
    let master = kdf::hkdf_extract(hash, &expand(&handshake, "derived", &empty, 32), &[0; 32]);
    assert_eq!(master.as_ref(), get("master_secret"));
}
