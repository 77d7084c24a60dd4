//! Published packets of SRTP and SRTCP: those of a session both ways, byte for byte, and those that fit its ciphers only.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use antiphon::base::arena::Arena;
use antiphon::crypto::aead::{AeadKey, Algorithm};
use antiphon::crypto::ctr::AesCtr;
use antiphon::crypto::digest::HmacSha1;
use antiphon::crypto::srtp_keys::{KeyingMaterial, SrtpProfile};
use antiphon::srtp::{Session, Side};
use serde_json::Value;

/// The published cases; `None`, and a word about it, where they are not to be had.
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
#[expect(clippy::disallowed_methods, reason = "a test may ask where its vectors are")]
fn vectors() -> Option<Value> {
    let Ok(root) = std::env::var("ANTIPHON_SHARED") else {
        eprintln!("skipped: ANTIPHON_SHARED is not set");
        return None;
    };
    let file = std::path::Path::new(&root).join("vectors/srtp/srtp_cases.json");
    Some(serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
}

fn unhex(value: &Value) -> Vec<u8> {
    let pairs = value.as_str().unwrap().as_bytes().chunks(2).map(|pair| core::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// The profile of a case, if it is one of ours.
fn profile(case: &Value) -> Option<SrtpProfile> {
    match case["profile"].as_str()? {
        "AES_CM_128_HMAC_SHA1_80" => Some(SrtpProfile::Aes128CmSha1_80),
        "AES_CM_128_HMAC_SHA1_32" => Some(SrtpProfile::Aes128CmSha1_32),
        "AEAD_AES_128_GCM" => Some(SrtpProfile::AeadAes128Gcm),
        "AEAD_AES_256_GCM" => Some(SrtpProfile::AeadAes256Gcm),
        _ => None,
    }
}

/// A session whose both directions have the case's master key.
fn session(case: &Value, profile: SrtpProfile) -> Session {
    let (key, salt) = (unhex(&case["master_key"]), unhex(&case["master_salt"]));
    let exported = [&key[..], &key, &salt, &salt].concat();
    let keys = KeyingMaterial::split(profile, &exported).unwrap();
    let mut session = Session::new(&keys, Side::Client).unwrap();
    session.set_cryptex(case["cryptex"].as_bool() == Some(true));
    session
}

/// Protects and unprotects the packet of a case that is a session.
fn check_session(case: &Value, profile: SrtpProfile) {
    let name = case["name"].as_str().unwrap();
    let (plain, protected) = (unhex(&case["plain"]), unhex(&case["protected"]));
    let mut session = session(case, profile);
    let mut arena = Arena::new(2048, 2);
    let mut buf = [0xee; 128];
    let len = match case["kind"].as_str().unwrap() {
        "rtp" => {
            assert_eq!(case["roc"], 0, "{name}");
            assert_eq!(session.unprotect_rtp(&protected, &mut arena).unwrap(), plain, "{name}");
            buf[..plain.len()].copy_from_slice(&plain);
            session.protect_rtp(&mut buf, plain.len()).unwrap()
        }
        "rtcp" => {
            assert_eq!(session.unprotect_rtcp(&protected, &mut arena).unwrap(), plain, "{name}");
            for _ in 0..case["srtcp_index"].as_u64().unwrap() {
                buf[..plain.len()].copy_from_slice(&plain);
                session.protect_rtcp(&mut buf, plain.len()).unwrap();
            }
            buf[..plain.len()].copy_from_slice(&plain);
            session.protect_rtcp(&mut buf, plain.len()).unwrap()
        }
        other => panic!("{name}: {other}"),
    };
    assert_eq!(buf[..len], protected, "{name}");
    assert_eq!(buf[len], 0xee, "{name}: written beyond the packet");
}

/// Of a case that only authenticates, the whole packet is additional data (RFC 7714 §16 and §17).
fn check_authentication(case: &Value) {
    let name = case["name"].as_str().unwrap();
    let (plain, protected) = (unhex(&case["plain"]), unhex(&case["protected"]));
    let algorithm = match case["profile"].as_str().unwrap() {
        "AEAD_AES_128_GCM" => Algorithm::Aes128Gcm,
        _ => Algorithm::Aes256Gcm,
    };
    let mut key = AeadKey::new(algorithm, &unhex(&case["session_key"])).unwrap();
    let rtcp = case["kind"] == "rtcp";
    let mut nonce: [u8; 12] = unhex(&case["session_salt"]).try_into().unwrap();
    let (ssrc, count) = if rtcp {
        let index = u32::try_from(case["srtcp_index"].as_u64().unwrap()).unwrap();
        (&plain[4..8], [&[0, 0], &index.to_be_bytes()[..]].concat())
    } else {
        (&plain[8..12], [&[0; 4], &plain[2..4]].concat())
    };
    let unsalted = [&[0, 0], ssrc, &count[..]].concat();
    nonce.iter_mut().zip(&unsalted).for_each(|(byte, other)| *byte ^= other);
    // RTCP's index stands at the end, after the tag, and is authenticated too.
    let index = if rtcp { &protected[protected.len() - 4..] } else { &[] };
    let tag = key.seal(&nonce, &[&plain[..], index].concat(), &mut []).unwrap();
    assert_eq!([&plain[..], &tag, index].concat(), protected, "{name}");
    key.open_parts(&nonce, &[&plain, index], &mut [], &tag).unwrap();
}

/// AES-256 in counter mode is no profile of WebRTC's; its cipher is one of ours.
fn check_aes_256(case: &Value) {
    let name = case["name"].as_str().unwrap();
    let (plain, protected) = (unhex(&case["plain"]), unhex(&case["protected"]));
    let salt = unhex(&case["master_salt"]);
    let mut master = AesCtr::new(&unhex(&case["master_key"])).unwrap();
    let mut derive = |label: u8, len: usize| {
        let mut iv = [&salt[..], &[0, 0]].concat();
        iv[7] ^= label;
        let mut key = vec![0; len];
        master.apply(&iv.try_into().unwrap(), &mut key).unwrap();
        key
    };
    let (key, auth, salt) = (derive(0, 32), derive(1, 20), derive(2, 14));
    let mut iv = [&salt[..], &[0, 0]].concat();
    let unsalted = [&[0; 4], &plain[8..12], &[0; 4], &plain[2..4], &[0, 0]].concat();
    iv.iter_mut().zip(&unsalted).for_each(|(byte, other)| *byte ^= other);
    let mut body = plain;
    AesCtr::new(&key).unwrap().apply(&iv.try_into().unwrap(), &mut body[12..]).unwrap();
    let code = HmacSha1::new(&auth).sign(&[&body, &[0; 4]]);
    assert_eq!([&body[..], &code[..10]].concat(), protected, "{name}");
}

#[test]
fn every_published_packet() {
    let Some(vectors) = vectors() else { return };
    let (mut sessions, mut ciphers, mut derived) = (0, 0, 0);
    for case in vectors["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        match profile(case) {
            None => {
                check_aes_256(case);
                ciphers += 1;
            }
            Some(_) if name.ends_with("auth-only") => {
                check_authentication(case);
                ciphers += 1;
            }
            Some(profile) if case["master_key"].is_string() => {
                check_session(case, profile);
                sessions += 1;
            }
            // Their keys are given after derivation: a unit test of the session has them.
            Some(_) => derived += 1,
        }
    }
    assert_eq!((sessions, derived, ciphers), (16, 4, 5));
}

#[test]
fn the_keystream_of_rfc_3711_b2() {
    let Some(vectors) = vectors() else { return };
    for case in vectors["keystream"].as_array().unwrap() {
        let mut cipher = AesCtr::new(&unhex(&case["session_key"])).unwrap();
        let iv: [u8; 16] = unhex(&case["iv"]).try_into().unwrap();
        let mut stream = [0; 48];
        cipher.apply(&iv, &mut stream).unwrap();
        assert_eq!(stream[..], unhex(&case["keystream_first_3_blocks"]));
        // The RFC's last three are those of the counters feff, ff00 and ff01.
        let mut long = vec![0; 16 * 0xff02];
        cipher.apply(&iv, &mut long).unwrap();
        assert_eq!(long[16 * 0xfeff..], unhex(&case["keystream_blocks_ff00_ff02"]));
    }
}
