//! Published STUN messages: RFC 5769, RFC 8489 appendix B.1, and inputs other implementations are tested with.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails where it stands, and says what it skips"
)]

use std::fs;
use std::path::{Path, PathBuf};

use antiphon::stun::{
    Attribute, AttributeType, Builder, Fingerprint, IntegrityKey, IntegrityKind, Message, binding_username,
    is_stun, user_hash,
};
use serde_json::Value;

/// Where the published vectors stand; `None`, and a word about it, where they are not to be had.
fn shared() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test may ask where its vectors are")]
    let found = std::env::var("ANTIPHON_SHARED").ok().map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: ANTIPHON_SHARED is not set");
    }
    found.map(|root| root.join("vectors/stun"))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2).unwrap(), 16).unwrap())
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The message with its padding zeroed, up to the attribute that protects it first; `None` where something stands
/// after what counts that is no protection.
fn comparable(bytes: &[u8]) -> Vec<u8> {
    let message = Message::parse(bytes).unwrap();
    let mut zeroed = bytes.to_vec();
    let mut at = 20;
    for (_, value) in message.raw_attributes() {
        let end = at + 4 + value.len();
        let padded = end.next_multiple_of(4);
        zeroed[end..padded].fill(0);
        at = padded;
    }
    zeroed.truncate(at);
    zeroed[2..4].copy_from_slice(&u16::try_from(at - 20).unwrap().to_be_bytes());
    zeroed
}

/// Builds a message anew from its typed attributes, and protects it as asked.
fn rebuild(bytes: &[u8], protect: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
    let message = Message::parse(bytes).unwrap();
    let mut buf = vec![0; bytes.len() + 64];
    let mut builder =
        Builder::new(&mut buf, message.class(), message.method(), message.transaction_id()).unwrap();
    for ((kind, value), typed) in message.raw_attributes().zip(message.attributes()) {
        match typed {
            Ok(attribute) => builder.add(&attribute).unwrap(),
            Err(_) => builder.raw(kind, &[value]).unwrap(),
        };
    }
    protect(&mut builder);
    let len = builder.finish();
    buf.truncate(len);
    buf
}

#[test]
fn the_messages_of_rfc_5769_and_their_variants_are_judged_rightly() {
    let Some(root) = shared() else { return };
    let vectors = json(&root.join("rfc5769.json"));
    let short = IntegrityKey::short_term(text(&vectors["short_term_password"]));
    let long = &vectors["long_term"];
    let long =
        IntegrityKey::long_term(text(&long["username"]), text(&long["realm"]), text(&long["password"]))
            .unwrap();
    let mut seen = 0;
    for list in ["vectors", "variants"] {
        for vector in vectors[list].as_array().unwrap() {
            let bytes = hex(&vector["hex"]);
            let name = format!("{} {}", vector["name"], vector["hex"]);
            assert!(is_stun(&bytes), "{name}");
            let message = Message::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            for (key, which) in [(&short, "short"), (&long, "long")] {
                let believed = message.verify_integrity(key).is_ok();
                assert_eq!(Some(believed), vector["integrity_ok"][which].as_bool(), "{name} {which}");
            }
            let fingerprint = match message.fingerprint() {
                Fingerprint::Absent => None,
                Fingerprint::Valid => Some(true),
                Fingerprint::Invalid => Some(false),
            };
            assert_eq!(fingerprint, vector["fingerprint_ok"].as_bool(), "{name}");
            assert_eq!(rebuild(&bytes, |_| {}), comparable(&bytes), "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 4);
}

#[test]
fn the_long_term_request_of_rfc_5769_is_rebuilt_byte_for_byte() {
    let Some(root) = shared() else { return };
    let vectors = json(&root.join("rfc5769.json"));
    let long = &vectors["long_term"];
    let key = IntegrityKey::long_term(text(&long["username"]), text(&long["realm"]), text(&long["password"]))
        .unwrap();
    let bytes = hex(&vectors["vectors"][3]["hex"]);
    let rebuilt = rebuild(&bytes, |builder| {
        builder.integrity(&key).unwrap();
    });
    assert_eq!(rebuilt, bytes);
}

#[test]
fn the_request_of_rfc_8489_b1_is_verified_and_rebuilt_byte_for_byte() {
    let Some(root) = shared() else { return };
    let vector = json(&root.join("rfc8489_b1.json"));
    let (username, realm, password) =
        (text(&vector["username"]), text(&vector["realm"]), text(&vector["password"]));
    let key = IntegrityKey::long_term_sha256(username, realm, password);
    let bytes = hex(&vector["hex"]);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.verify_integrity(&key), Ok(IntegrityKind::Sha256));
    assert_eq!(message.nonce(), vector["nonce"].as_str());
    assert_eq!(message.get(AttributeType::USERHASH), Some(&user_hash(username, realm)[..]));
    assert!(message.attributes().all(|attribute| !matches!(attribute, Err(_) | Ok(Attribute::Unknown(..)))));
    let rebuilt = rebuild(&bytes, |builder| {
        builder.integrity_sha256(&key).unwrap();
    });
    assert_eq!(rebuilt, bytes);
}

/// Reads all there is to read; what parses must come out of a rebuild as it went in.
fn exercise(bytes: &[u8]) -> bool {
    let _routed = (is_stun(bytes), binding_username(bytes));
    let Ok(message) = Message::parse(bytes) else { return false };
    let key = IntegrityKey::short_term("password");
    let _judged = (message.verify_integrity(&key).is_ok(), message.fingerprint());
    let _read = (message.error_code(), message.username(), message.unknown_required().count());
    let read: Vec<_> = message.attributes().collect();
    let rebuilt = rebuild(bytes, |_| {});
    let again: Vec<_> = Message::parse(&rebuilt).unwrap().attributes().map(Result::ok).collect();
    assert_eq!(again, read.into_iter().map(Result::ok).collect::<Vec<_>>());
    true
}

#[test]
fn inputs_of_other_test_suites_do_not_panic() {
    let Some(root) = shared() else { return };
    let pion = json(&root.join("pion_stun_vectors.json"));
    let mut read = 0;
    for list in pion["files"].as_object().unwrap().values() {
        for vector in list.as_array().unwrap() {
            exercise(&hex(&vector["hex"]));
        }
    }
    for directory in ["stun-corpus", "mdns-corpus"] {
        for entry in fs::read_dir(root.join("libwebrtc-corpus").join(directory)).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            read += usize::from(exercise(&bytes));
            for len in 0..bytes.len() {
                exercise(&bytes[..len]);
            }
        }
    }
    assert!(read >= 5, "only {read} were messages");
}
