//! Payloads of Vp8: whatever they hold, nothing panics, and what is put together can be sent.
#![no_main]

use antiphon::codec::CodecKind;
use antiphon::codec::vp8::{Descriptor, Rewrite, rewrite};
use libfuzzer_sys::fuzz_target;

mod codec;

fuzz_target!(|data: &[u8]| {
    codec::fuzz(CodecKind::Vp8, data);
    let mut payload = data.to_vec();
    let new = Rewrite { picture_id: Some(0x1234), tl0_pic_idx: Some(5), key_idx: Some(6) };
    match (Descriptor::parse(data), rewrite(&mut payload, new)) {
        (Ok((_, body)), Ok(())) => assert!(payload.ends_with(body)),
        (Err(_), Err(_)) => assert_eq!(payload, data),
        (read, written) => panic!("{read:?}, {written:?}"),
    }
});
