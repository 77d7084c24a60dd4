//! What a connected end costs: allocations and bytes held. The figures are the library's own.

#[expect(dead_code, reason = "each test uses a part of it")]
mod dtls_support;
mod steady_support;

use std::alloc::System;

use dtls_support::{CLIENT, Pair, SERVER};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

// One test: another thread's allocations would be counted too.
#[test]
fn steady_records_allocate_nothing_and_an_idle_pair_is_small() {
    steady_support::alone(GLOBAL);
    drop(Pair::connected());
    let before = Region::new(GLOBAL);
    let mut pair = Pair::connected();
    let mut buf = [0; 1300];
    let mut held = None;
    for round in 0..1020 {
        if round == 20 {
            let region = Region::new(GLOBAL);
            for _ in 0..1000 {
                let len = pair.ends[CLIENT].seal(&[7; 1200], &mut buf).unwrap();
                pair.ends[SERVER].handle_input(pair.now, &buf[..len]);
                // The reader is one message behind.
                held = pair.ends[SERVER].recv().or(held);
                assert!(matches!(
                    pair.ends[SERVER].poll_output(pair.now, &mut buf),
                    antiphon::Output::Wait(None)
                ));
            }
            let change = region.change();
            assert_eq!((change.allocations, change.reallocations), (0, 0));
            break;
        }
        let len = pair.ends[CLIENT].seal(&[7; 1200], &mut buf).unwrap();
        pair.ends[SERVER].handle_input(pair.now, &buf[..len]);
        held = pair.ends[SERVER].recv().or(held);
    }
    drop(held);
    drop(pair);
    let idle = Region::new(GLOBAL);
    let pair = Pair::connected();
    let change = idle.change();
    let held = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    // The harness's own and the server's last flight are part of it, and the arenas are: nobody trimmed them.
    assert!(held < 24 * 1024, "{held} bytes");

    drop(pair);
    let _leftover = before.change();
}
