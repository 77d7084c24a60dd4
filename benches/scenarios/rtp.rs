//! `rtp`: what a packet of 1200 bytes costs from `write_rtp` to `recv_rtp`, with and without its cipher; `rtp_alloc`: its allocations.

use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

use super::measure::{Line, cpu_of, interleaved, print};
use super::media::{Bare, Call, FRAME};

/// Frames between two looks at the clock.
const BATCH: usize = 10;
/// Batches of a round, alternately of ours and of the bare cipher.
const BATCHES: usize = 60;
/// Frames whose allocations are counted, after as many that are not.
const COUNTED: usize = 3000;

/// What a packet costs, in nanoseconds; less its cipher with `bare`.
fn measure(call: &mut Call, mut bare: Option<&mut Bare>) -> f64 {
    let mut nanos = 0.0;
    for _ in 0..BATCHES {
        nanos += cpu_of(|| (0..BATCH).for_each(|_| call.frame())).as_nanos() as f64;
        if let Some(bare) = &mut bare {
            nanos -= cpu_of(|| (0..BATCH).for_each(|_| bare.frame())).as_nanos() as f64;
        }
    }
    nanos / (BATCHES * BATCH * FRAME) as f64
}

pub(crate) fn run() {
    let mut lines = Vec::new();
    for (whole, overhead, feedback) in
        [("rtp.plain_ns", "rtp.overhead_ns", false), ("rtp.twcc_ns", "rtp.twcc_overhead_ns", true)]
    {
        let (mut call, mut beside, mut bare) = (Call::new(1, feedback), Call::new(2, feedback), Bare::new());
        lines.push(Line::new(whole, "ns", move || measure(&mut call, None)));
        lines.push(Line::new(overhead, "ns", move || measure(&mut beside, Some(&mut bare))));
    }
    let mut bare = Bare::new();
    let cipher = move || {
        let spent = cpu_of(|| (0..BATCHES * BATCH).for_each(|_| bare.frame()));
        spent.as_nanos() as f64 / (BATCHES * BATCH * FRAME) as f64
    };
    lines.push(Line::new("rtp.cipher_ns", "ns", cipher));
    interleaved(lines);
}

/// Sending and receiving, with feedback on.
pub(crate) fn run_alloc() {
    let mut call = Call::new(1, true);
    (0..COUNTED).for_each(|_| call.frame());
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    (0..COUNTED).for_each(|_| call.frame());
    let change = region.change();
    let allocations = (change.allocations + change.reallocations) as f64;
    print("rtp_alloc.per_packet", allocations / (COUNTED * FRAME) as f64, "allocations");
}
