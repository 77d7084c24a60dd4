//! `memory`: what an idle connected pair keeps, on the Rust heap and of the process's resident memory.

use antiphon::codec::MediaKind;
use antiphon::rtp::Frame;
use core::time::Duration;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

use super::measure::print;
use super::pair::{Pair, configs};

const PAIRS: u64 = 2000;
/// Pairs with sound and pictures.
const VIDEO_PAIRS: u64 = 500;
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

/// A pair with one audio and one video section that sent a little of both, both ways, and has been idle for a while.
fn idle_video(run: u64, configs: &[antiphon::Config; 2]) -> [antiphon::PeerConnection; 2] {
    let (mut pair, ids) = Pair::calling(run, configs, &[MediaKind::Audio, MediaKind::Video]);
    for n in 0..10_u32 {
        for side in 0..2 {
            for id in &ids {
                let (now, pc) = (pair.now, &mut pair.sides[side].pc);
                let mut data = vec![0x10; 500];
                data[3..10].copy_from_slice(&[0x9d, 1, 0x2a, 0x40, 1, 0xf0, 0]);
                pc.sender(id[side]).unwrap().write(now, &Frame::new(data, n * 960)).unwrap();
            }
        }
        pair.settle(Duration::from_millis(20));
        for side in 0..2 {
            for id in &ids {
                let mut receiver = pair.sides[side].pc.receiver(id[side]).unwrap();
                assert!(receiver.recv().is_some());
            }
        }
    }
    pair.settle(Duration::from_secs(15));
    pair.sides.map(|side| side.pc)
}

/// Prints what one of `count` pairs that `make` makes costs.
fn measure(name: &str, count: u64, make: impl Fn(u64) -> [antiphon::PeerConnection; 2]) {
    // What OpenSSL and the allocator set up once is not a pair's.
    drop((0..20).map(&make).collect::<Vec<_>>());
    let mut pairs = Vec::with_capacity(usize::try_from(count).unwrap());
    let before = resident();
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    pairs.extend((0..count).map(make));
    let change = region.change();
    let heap = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    // The values themselves stand in the vector, which was there before.
    let values = (pairs.len() * size_of::<[antiphon::PeerConnection; 2]>()) as f64;
    print(&format!("{name}.idle_pair_kib"), (heap + values) / count as f64 / 1024.0, "KiB");
    let resident = resident().saturating_sub(before) as f64;
    print(&format!("{name}.idle_pair_rss_kib"), resident / count as f64 / 1024.0, "KiB");
    drop(pairs);
}

pub(crate) fn run() {
    let configs = configs();
    measure("memory", PAIRS, |run| idle(run, &configs));
}

pub(crate) fn run_video() {
    let configs = configs();
    measure("memory_video", VIDEO_PAIRS, |run| idle_video(run, &configs));
}
