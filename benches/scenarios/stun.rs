//! `stun`: an ICE request of 100 bytes, read and verified, and built, beside the bare HMAC of its bytes.

use antiphon::crypto::digest::HmacSha1;
use antiphon::stun::message::Fingerprint;
use antiphon::stun::{Attribute, Builder, Class, IntegrityKey, Message, Method, TransactionId};
use std::hint::black_box;

use super::measure::{Line, interleaved, ns_each};

const REPEATS: u32 = 20_000;
const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBtAb";

/// A request as ICE sends it.
fn build(buf: &mut [u8], key: &IntegrityKey) -> usize {
    let mut builder = Builder::new(buf, Class::Request, Method::BINDING, TransactionId([7; 12])).unwrap();
    builder.add(&Attribute::Username("evtj12345:h6vY9876")).unwrap();
    builder.add(&Attribute::Priority(0x6e7f_1eff)).unwrap();
    builder.add(&Attribute::IceControlling(0x1122_3344_5566_7788)).unwrap();
    builder.add(&Attribute::UseCandidate).unwrap();
    builder.integrity(key).unwrap().fingerprint().unwrap();
    builder.finish()
}

/// What an agent asks of a request.
fn parse_verify(bytes: &[u8], key: &IntegrityKey) -> (Option<u32>, Option<u64>, bool) {
    let message = Message::parse(bytes).unwrap();
    assert_eq!(message.fingerprint(), Fingerprint::Valid);
    assert!(message.username().is_some() && message.verify_integrity(key).is_ok());
    (message.priority(), message.ice_controlling(), message.use_candidate())
}

pub(crate) fn run() {
    let key = IntegrityKey::short_term(PASSWORD);
    let bare = HmacSha1::new(PASSWORD.as_bytes());
    let mut buf = [0; 128];
    let len = build(&mut buf, &key);
    let request = buf[..len].to_vec();
    assert_eq!(request.len(), 100);
    // The bytes the integrity covers: all before the last two attributes.
    let covered = &request[..100 - 24 - 8];
    let mut out = [0; 128];
    interleaved(vec![
        Line::new("stun.parse_verify_ns", "ns", || {
            ns_each(REPEATS, || {
                black_box(parse_verify(black_box(&request), &key));
            })
        }),
        Line::new("stun.build_ns", "ns", || {
            ns_each(REPEATS, || {
                black_box(build(black_box(&mut out), &key));
            })
        }),
        Line::new("stun.hmac_ns", "ns", || {
            ns_each(REPEATS, || {
                black_box(bare.sign(&[black_box(covered)]));
            })
        }),
    ]);
}
