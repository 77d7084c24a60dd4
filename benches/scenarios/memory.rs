//! `memory`: what an idle connected pair keeps, on the Rust heap and of the process's resident memory.

use core::time::Duration;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

use super::measure::print;
use super::pair::{Pair, configs};

const PAIRS: u64 = 2000;
/// Bytes of a page of the process's resident set.
const PAGE: usize = 4096;

/// Resident memory in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).map_or(0, |pages: usize| pages * PAGE)
}

/// A pair that has been idle for a while.
fn idle(run: u64, configs: &[antiphon::Config; 2]) -> [antiphon::PeerConnection; 2] {
    let mut pair = Pair::connected(run, configs, 1);
    pair.settle(Duration::from_secs(15));
    pair.sides.map(|side| side.pc)
}

pub(crate) fn run() {
    let configs = configs();
    // What OpenSSL and the allocator set up once is not a pair's.
    drop((0..20).map(|run| idle(run, &configs)).collect::<Vec<_>>());
    let mut pairs = Vec::with_capacity(usize::try_from(PAIRS).unwrap());
    let before = resident();
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    pairs.extend((0..PAIRS).map(|run| idle(run, &configs)));
    let change = region.change();
    let heap = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    // The values themselves stand in the vector, which was there before.
    let values = (pairs.len() * size_of::<[antiphon::PeerConnection; 2]>()) as f64;
    print("memory.idle_pair_kib", (heap + values) / PAIRS as f64 / 1024.0, "KiB");
    let resident = resident().saturating_sub(before) as f64;
    print("memory.idle_pair_rss_kib", resident / PAIRS as f64 / 1024.0, "KiB");
    drop(pairs);
}
