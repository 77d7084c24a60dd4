//! Whole connections over a bad virtual network, seed by seed.
//!
//! Each seed chooses the faults, the settings and the work. While the faults last nothing wrong may happen; once the network heals, all
//! that was promised must follow within a bound. `ANTIPHON_SEEDS` says how many seeds are run, `ANTIPHON_SEED` names one. A failure
//! prints the line that replays it, and a smaller case that fails alike.
//!
//! The checkers are named after the invariants in `docs/simulation.md`; a test of their own breaks something on purpose for each.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "seeds come from outside, failures name theirs, and a test may panic, its helpers too"
)]
#![expect(clippy::wildcard_enum_match_arm, reason = "most events are of no matter to a checker")]

#[path = "swarm/checkers.rs"]
mod checkers;
#[path = "swarm/coverage.rs"]
mod coverage;
#[path = "swarm/crowd.rs"]
mod crowd;
#[path = "swarm/end.rs"]
mod end;
#[path = "swarm/losses.rs"]
mod losses;
#[path = "swarm/model.rs"]
mod model;
#[path = "swarm/plan.rs"]
mod plan;
#[path = "swarm/run.rs"]
mod run;
#[path = "swarm/shrink.rs"]
mod shrink;
#[path = "swarm/timing.rs"]
mod timing;
#[path = "swarm/watch.rs"]
mod watch;

use antiphon::sim::{Dice, replay_seed};
use core::time::Duration;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use coverage::Coverage;
use plan::Plan;
use run::{Defects, Outcome, play};

/// The seeds to run: one that is named, or so many.
fn seeds() -> Vec<u64> {
    if let Some(one) = std::env::var("ANTIPHON_SEED").ok().and_then(|text| replay_seed(&text)) {
        return vec![one];
    }
    let count = std::env::var("ANTIPHON_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    let mut dice = Dice::new(0xa27_1f0);
    (0..count).map(|_| dice.draw()).collect()
}

/// What all runs came to.
#[derive(Default)]
struct Sum {
    runs: u64,
    faults: u64,
    acts: u64,
    messages: u64,
    virtual_time: Duration,
    slowest: Duration,
    wakes: u64,
    datagrams: u64,
    ends: BTreeMap<&'static str, u64>,
    coverage: Coverage,
}

impl Sum {
    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.faults += outcome.faults;
        self.acts += outcome.acts;
        self.messages += outcome.crowd.messages;
        self.virtual_time += outcome.virtual_time;
        self.slowest = self.slowest.max(outcome.progress);
        self.wakes = self.wakes.max(outcome.wakes);
        self.datagrams = self.datagrams.max(outcome.datagrams);
        *self.ends.entry(outcome.ended).or_default() += 1;
        self.coverage.add(&outcome.crowd.coverage);
    }

    fn print(&self) {
        println!(
            "{} runs, {} faults, {} calls, {} messages, {} virtual seconds; ends {:?}; progress after {:?} at most; \
             at rest {} wakes and {} datagrams in 120 s at most; {} pairs of state and event",
            self.runs,
            self.faults,
            self.acts,
            self.messages,
            self.virtual_time.as_secs(),
            self.ends,
            self.slowest,
            self.wakes,
            self.datagrams,
            self.coverage.len()
        );
        if std::env::var("ANTIPHON_COVERAGE").is_ok() {
            println!("{}", self.coverage.table());
        }
    }
}

/// Plays the plan of a seed; a failure says how to play it again, and what of it is needed.
fn play_seed(seed: u64) -> Outcome {
    let plan = Plan::draw(seed);
    let defects = Defects { loud: std::env::var("ANTIPHON_LOUD").is_ok(), ..Defects::default() };
    match catch_unwind(AssertUnwindSafe(|| play(&plan, defects))) {
        Ok(outcome) => outcome,
        Err(panic) => {
            eprintln!("replay: ANTIPHON_SEED={seed:#x} cargo test --test swarm -- --exact {TEST}");
            let smaller = shrink::shrink(&plan, Defects::default(), &shrink::words(panic.as_ref()));
            eprintln!("smaller, of {} faults and {} calls: {smaller:#?}", plan.wrongs.len(), plan.acts.len());
            resume_unwind(panic);
        }
    }
}

const TEST: &str = "every_seed_keeps_every_invariant";

#[test]
fn every_seed_keeps_every_invariant() {
    let mut sum = Sum::default();
    for seed in seeds() {
        sum.add(&play_seed(seed));
    }
    sum.print();
}

#[test]
fn a_seed_is_one_run() {
    for seed in seeds().into_iter().take(5) {
        let hash = || play(&Plan::draw(seed), Defects::default()).hash;
        assert_eq!(hash(), hash(), "D1: seed {seed:#x}");
    }
}
