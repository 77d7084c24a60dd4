//! Payloads of Vp9: whatever they hold, nothing panics, and what is put together can be sent.
#![no_main]

use antiphon::codec::CodecKind;
use antiphon::codec::vp9::{Descriptor, Rewrite, rewrite};
use libfuzzer_sys::fuzz_target;

mod codec;

fuzz_target!(|data: &[u8]| {
    codec::fuzz(CodecKind::Vp9, data);
    let mut payload = data.to_vec();
    match (
        Descriptor::parse(data),
        rewrite(&mut payload, Rewrite { picture_id: Some(0x1234), tl0_pic_idx: Some(5) }),
    ) {
        (Ok((_, body)), Ok(())) => assert!(payload.ends_with(body)),
        (Err(_), Err(_)) => assert_eq!(payload, data),
        (read, written) => panic!("{read:?}, {written:?}"),
    }
});
