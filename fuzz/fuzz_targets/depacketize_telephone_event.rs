//! Reports of telephone events: whatever they hold, nothing panics, and what is put together can be sent.
#![no_main]

use antiphon::codec::CodecKind;
use antiphon::codec::telephone_event::{Tracker, reports};
use libfuzzer_sys::fuzz_target;

mod codec;

fuzz_target!(|data: &[u8]| {
    codec::fuzz(CodecKind::TelephoneEvent, data);
    let mut tracker = Tracker::new();
    for packet in data.chunks(8) {
        let Some((timestamp, payload)) = packet.split_first_chunk() else { return };
        for report in reports(payload).into_iter().flatten() {
            let progress = tracker.report(u32::from_be_bytes(*timestamp), report);
            assert!(progress.is_none() || tracker.report(u32::from_be_bytes(*timestamp), report).is_none());
        }
    }
});
