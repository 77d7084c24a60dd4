//! Payloads of G.711: whatever they hold, nothing panics, and what is put together can be sent.
#![no_main]

use antiphon::codec::CodecKind;
use libfuzzer_sys::fuzz_target;

mod codec;

fuzz_target!(|data: &[u8]| codec::fuzz(CodecKind::Pcmu, data));
