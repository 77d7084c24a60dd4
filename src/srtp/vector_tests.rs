//! Published packets whose keys are given after derivation (RFC 7714 §16 and §17).

use super::context::Sources;
use super::keys::SessionKeys;
use super::profile::Usage;
use super::session::Keys;
use super::transform::Transform;
use super::*;
use serde_json::Value;

fn unhex(value: &Value) -> Vec<u8> {
    let pairs = value.as_str().unwrap().as_bytes().chunks(2).map(|pair| core::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// The cases with a session key; none, and a word about it, where the vectors are not to be had.
fn cases() -> Vec<Value> {
    #[expect(clippy::disallowed_methods, reason = "a test may ask where its vectors are")]
    let root = std::env::var("ANTIPHON_SHARED");
    let Ok(root) = root else {
        #[expect(clippy::print_stderr, reason = "what is skipped is said")]
        {
            eprintln!("skipped: ANTIPHON_SHARED is not set");
        }
        return Vec::new();
    };
    let file = std::path::Path::new(&root).join("vectors/srtp/srtp_cases.json");
    let whole: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let cases = whole["cases"].as_array().unwrap().iter();
    let cases: Vec<_> = cases.filter(|case| case["session_key"].is_string()).cloned().collect();
    assert_eq!(cases.len(), 8);
    cases
}

fn session(case: &Value) -> Session {
    let profile = match case["profile"].as_str().unwrap() {
        "AEAD_AES_128_GCM" => SrtpProfile::AeadAes128Gcm,
        "AEAD_AES_256_GCM" => SrtpProfile::AeadAes256Gcm,
        other => panic!("{other}"),
    };
    let keys = SessionKeys::given(&unhex(&case["session_key"]), &unhex(&case["session_salt"]));
    let transform = |usage| Transform::new(profile, usage, &keys).unwrap();
    let keys = Keys { rtp: transform(Usage::Rtp), rtcp: transform(Usage::Rtcp) };
    Session::with_keys(profile, keys.clone(), keys)
}

#[test]
fn packets_of_rfc_7714_byte_for_byte() {
    let cases = cases();
    let (mut sealed, mut opened) = (0, 0);
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let (plain, protected) = (unhex(&case["plain"]), unhex(&case["protected"]));
        let mut session = session(case);
        let mut out = vec![0; protected.len()];
        let mut buf = plain.clone();
        buf.resize(protected.len(), 0);
        match (case["kind"].as_str().unwrap(), name.ends_with("auth-only")) {
            ("rtp", false) => {
                assert_eq!(session.protect_rtp(&mut buf, plain.len()), Ok(buf.len()), "{name}");
                let len = session.unprotect_rtp_into(&protected, &mut out).unwrap();
                assert_eq!(out[..len], plain, "{name}");
            }
            // A packet that is not encrypted is none of SRTP's: RFC 7714 §8.2 says that all are.
            ("rtp", true) => continue,
            (_, clear) => {
                let ssrc = u32::from_be_bytes(plain[4..8].try_into().unwrap());
                let index = case["srtcp_index"].as_u64().unwrap();
                session.control_senders = Sources::new(1);
                session.control_senders.get_or_insert_with(ssrc, || index).unwrap();
                let len = session.unprotect_rtcp_into(&protected, &mut out).unwrap();
                assert_eq!(out[..len], plain, "{name}");
                opened += usize::from(clear);
                if clear {
                    continue;
                }
                assert_eq!(session.protect_rtcp(&mut buf, plain.len()), Ok(buf.len()), "{name}");
            }
        }
        assert_eq!(buf, protected, "{name}");
        sealed += 1;
    }
    assert!(cases.is_empty() || (sealed, opened) == (4, 2), "{sealed} {opened}");
}
