//! Payloads of Av1: whatever they hold, nothing panics, and what is put together can be sent.
#![no_main]

use antiphon::codec::CodecKind;
use antiphon::codec::av1_obu::SequenceHeader;
use libfuzzer_sys::fuzz_target;

mod codec;

fuzz_target!(|data: &[u8]| {
    codec::fuzz(CodecKind::Av1, data);
    let _header = SequenceHeader::parse(data);
});
