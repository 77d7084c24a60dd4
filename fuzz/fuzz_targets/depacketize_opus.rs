//! Payloads of Opus, and RED around them: whatever they hold, nothing panics, and what is put together can be sent.
#![no_main]

use antiphon::codec::CodecKind;
use antiphon::codec::opus::Packet;
use antiphon::codec::red::Blocks;
use libfuzzer_sys::fuzz_target;

mod codec;

fuzz_target!(|data: &[u8]| {
    codec::fuzz(CodecKind::Opus, data);
    if let Some(packet) = Packet::parse(data) {
        assert!((120..=5760).contains(&packet.duration()));
    }
    if let Ok(blocks) = Blocks::parse(data) {
        let carried: usize = blocks.clone().map(|block| block.data.len()).sum();
        assert!(carried < data.len());
        assert!(blocks.last().is_some_and(|block| block.timestamp_offset == 0));
    }
});
