//! STUN messages: every attribute is read, and those with a meaning survive being written.
#![no_main]

use antiphon::stun::{self, Attribute, Builder, IntegrityKey, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = (stun::is_stun(data), stun::binding_username(data), Message::len_on_stream(data));
    let Ok(message) = Message::parse(data) else { return };
    assert!(message.raw_attributes().count() * 4 <= data.len());
    let _ = message.unknown_required().count();
    let _ = (message.error_code(), message.unknown_attributes().map(|list| list.iter().count()));
    let _ = (message.lifetime(), message.data(), message.nomination(), message.xor_mapped_address());
    let _ = (message.fingerprint(), message.integrity());
    assert!(message.verify_integrity(&IntegrityKey::short_term("nobody knows this")).is_err());

    let mut buf = vec![0; data.len() * 2 + 64];
    let id = message.transaction_id();
    for attribute in message.attributes().flatten() {
        // Written with its own bytes and its own rules: what comes back means the same.
        let mut builder =
            Builder::new(&mut buf, message.class(), message.method(), id).expect("a header fits");
        if builder.add(&attribute).is_err() {
            continue;
        }
        let len = builder.finish();
        let again = Message::parse(&buf[..len]).expect("what we write, we read");
        let back: Vec<Attribute<'_>> = again.attributes().flatten().collect();
        assert_eq!(back, [attribute]);
    }
});
