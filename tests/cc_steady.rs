//! What a history of departures costs at a steady rate: no allocation, for packets or for feedback.

mod steady_support;

use std::alloc::System;

use antiphon::Instant;
use antiphon::cc::History;
use antiphon::wire::rtcp::{Compound, CompoundWriter, FeedbackHeader, Packet, PacketStatus};
use core::time::Duration;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const BATCH: usize = 50;

// One test: another thread's allocations would be counted too.
#[test]
fn packets_and_feedback_allocate_nothing() {
    steady_support::alone(GLOBAL);
    let mut history = History::new();
    let mut now = Instant::ZERO;
    let (mut buf, mut told) = ([0; 300], 0);
    let mut statuses = [PacketStatus::Received { delta: 4 }; BATCH];
    statuses[7] = PacketStatus::Missing;
    let mut batch = |history: &mut History, count: i32| {
        let base = history.next_sequence();
        for _ in 0..BATCH {
            now += Duration::from_millis(1);
            history.on_sent(now, 1200);
        }
        let reference_time = count * 50 / 64;
        let header = FeedbackHeader { base, reference_time, ..FeedbackHeader::default() };
        let mut writer = CompoundWriter::new(&mut buf);
        writer.transport_feedback(&header, &statuses).unwrap();
        let len = writer.finish();
        let Some(Ok(Packet::TransportFeedback(feedback))) = Compound::new(&buf[..len]).next() else {
            panic!()
        };
        told += history.on_feedback(now, &feedback).unwrap().results.len();
    };
    (0..100).for_each(|count| batch(&mut history, count));
    let region = Region::new(GLOBAL);
    (100..3000).for_each(|count| batch(&mut history, count));
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0));
    assert_eq!((told, history.in_flight()), (3000 * BATCH, 0));
}
