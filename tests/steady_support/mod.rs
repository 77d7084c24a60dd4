//! The test harness has a thread of its own: what that allocates is not to be counted to a test.

use core::time::Duration;
use std::alloc::System;

use stats_alloc::StatsAlloc;

/// Waits until nobody else allocates: the harness sleeps once its only test has begun.
#[expect(clippy::disallowed_methods, reason = "another thread is waited for")]
pub(crate) fn alone(allocator: &StatsAlloc<System>) {
    let mut quiet = 0;
    while quiet < 10 {
        let before = allocator.stats();
        std::thread::sleep(Duration::from_millis(20));
        quiet = if allocator.stats() == before { quiet + 1 } else { 0 };
    }
}
