//! Payloads of H264: whatever they hold, nothing panics, and what is put together can be sent.
#![no_main]

use antiphon::codec::CodecKind;
use antiphon::codec::h264_nal::{Pps, Sps};
use libfuzzer_sys::fuzz_target;

mod codec;

fuzz_target!(|data: &[u8]| {
    codec::fuzz(CodecKind::H264, data);
    let _sets = (Sps::parse(data), Pps::parse(data));
});
