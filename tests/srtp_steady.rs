//! What a running session costs: no allocation for packets of sources that are known, and nothing left of forged ones.

#[expect(dead_code, reason = "each test uses a part of it")]
mod srtp_support;
mod steady_support;

use std::alloc::System;

use antiphon::base::arena::Arena;
use antiphon::base::limits;
use srtp_support::{PROFILES, SSRC, pair, rtcp, rtp};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

// One test: another thread's allocations would be counted too.
#[test]
fn known_sources_allocate_nothing_and_forged_ones_leave_nothing() {
    steady_support::alone(GLOBAL);
    for profile in PROFILES {
        let [mut ours, mut theirs] = pair(profile);
        let mut arena = Arena::new(limits::ARENA_BLOCK, limits::ARENA_BLOCKS);
        let (packet, report) = (rtp(SSRC, 65_000), rtcp(SSRC, 1));
        let mut buf = [0; 1300];
        let mut held = None;
        let mut exchange = |arena: &mut Arena, index: u64| {
            buf[..packet.len()].copy_from_slice(&packet);
            let [.., high, low] = index.to_be_bytes();
            buf[2..4].copy_from_slice(&[high, low]);
            let len = ours.protect_rtp(&mut buf, 1200).unwrap();
            // The reader is one packet behind.
            let media = theirs.unprotect_rtp(&buf[..len], arena).unwrap();
            // A repetition and a forgery cost nothing either.
            assert!(theirs.unprotect_rtp(&buf[..len], arena).is_err());
            buf[11] ^= 1;
            assert!(theirs.unprotect_rtp(&buf[..len], arena).is_err());
            buf[..report.len()].copy_from_slice(&report);
            let len = ours.protect_rtcp(&mut buf, report.len()).unwrap();
            held = Some((media, theirs.unprotect_rtcp(&buf[..len], arena).unwrap()));
        };
        (65_000..65_100).for_each(|index| exchange(&mut arena, index));
        let region = Region::new(GLOBAL);
        (65_100..67_000).for_each(|index| exchange(&mut arena, index));
        let change = region.change();
        assert_eq!((change.allocations, change.reallocations), (0, 0), "{profile:?}");
        assert_eq!(theirs.receiving_sources(), (1, 1));
        assert!(held.is_some());
    }
}
