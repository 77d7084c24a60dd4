//! The figures of this crate: `cargo bench --bench scenarios -- NAME` prints lines `name value unit`; no NAME runs all.
//!
//! CPU figures are medians of at least nine rounds, each beside `calib.gcm1200_ns`, the time to seal and open 1200
//! bytes with AES-128-GCM on this machine at that moment. Network figures are of virtual time.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a program that prints"
)]
#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::wildcard_enum_match_arm,
    reason = "what fails here must be seen; means of counts; it picks the events it wants"
)]

mod alloc;
mod connect;
mod dc_bulk;
mod dc_latency;
mod dc_net;
mod forward;
mod ice;
mod idle_poll;
mod measure;
mod media;
mod memory;
mod pair;
mod rtp;
mod rtp_forged;
mod sim;
mod srtp;
mod stun;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A name and what prints its lines.
type Scenario = (&'static str, fn());

const SCENARIOS: [Scenario; 16] = [
    ("connect", connect::run),
    ("dc_bulk", dc_bulk::run),
    ("dc_net", dc_net::run),
    ("dc_latency", dc_latency::run),
    ("alloc", alloc::run),
    ("memory", memory::run),
    ("idle_poll", idle_poll::run),
    ("ice", ice::run),
    ("srtp", srtp::run),
    ("rtp", rtp::run),
    ("rtp_alloc", rtp::run_alloc),
    ("rtp_forged", rtp_forged::run),
    ("forward", forward::run),
    ("memory_video", memory::run_video),
    ("stun", stun::run),
    ("sim", sim::run),
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let known = |name: &str| SCENARIOS.iter().any(|(scenario, _)| *scenario == name) || name == "busy_poll";
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        println!("no scenario {unknown}; there are:");
        for (name, _) in SCENARIOS {
            println!("  {name}");
        }
        return;
    }
    for (name, run) in SCENARIOS {
        let asked = |word: &String| word == name || (word == "busy_poll" && name == "idle_poll");
        if wanted.is_empty() || wanted.iter().any(asked) {
            run();
        }
    }
}
