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
#[path = "swarm/film.rs"]
mod film;
#[path = "swarm/losses.rs"]
mod losses;
#[path = "swarm/model.rs"]
mod model;
#[path = "swarm/plan.rs"]
mod plan;
#[path = "swarm/run.rs"]
mod run;
#[path = "swarm/screening.rs"]
mod screening;
#[path = "swarm/shrink.rs"]
mod shrink;
#[path = "swarm/site.rs"]
mod site;
#[path = "swarm/studio.rs"]
mod studio;
#[path = "swarm/tape.rs"]
mod tape;
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
    if let Ok(text) = std::env::var("ANTIPHON_SEED") {
        let one = replay_seed(&text);
        return vec![one.unwrap_or_else(|| panic!("ANTIPHON_SEED is no number: {text:?}"))];
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
    films: u64,
    frames: u64,
    keys: u64,
    rolls: u64,
    feedback: u64,
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
        let studio = &outcome.crowd.studio;
        self.films += u64::from(studio.is_on());
        self.frames += studio.screens.values().map(|screen| screen.frames).sum::<u64>();
        self.keys += studio.key_requests;
        self.rolls += outcome.crowd.watch.tape.rolls();
        self.feedback += outcome.crowd.watch.tape.feedback;
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
        println!(
            "media in {} of them: {} frames shown, {} key frames asked for, {} roll-overs, {} feedback packets read",
            self.films, self.frames, self.keys, self.rolls, self.feedback
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
            eprintln!("{}", told(seed, &plan, Defects::default(), &shrink::words(panic.as_ref())));
            resume_unwind(panic);
        }
    }
}

/// What a failure prints: the line that replays it, and a smaller case.
fn told(seed: u64, plan: &Plan, defects: Defects, words: &str) -> String {
    let smaller = shrink::shrink(plan, defects, words);
    let fails = shrink::quietly(&smaller, defects).err().unwrap_or_default();
    let (faults, calls) = (plan.wrongs.len(), plan.acts.len());
    format!(
        "replay: ANTIPHON_SEED={seed:#x} cargo test --test swarm -- --exact {TEST}\n\
         smaller, of {faults} faults and {calls} calls: {smaller:#?}\nwhich fails with {fails}"
    )
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

#[test]
fn a_failure_says_how_to_play_it_again() {
    let defects = Defects { sabotage: [Some(end::Sabotage::ReusesNonce), None], ..Defects::default() };
    let fails = |seed: u64| shrink::quietly(&Plan::draw(seed), defects).err();
    let (seed, words) = (1..100).find_map(|seed| Some((seed, fails(seed)?))).unwrap();
    let text = told(seed, &Plan::draw(seed), defects, &words);
    let line = text.lines().next().unwrap();
    let again = line.split_once("ANTIPHON_SEED=").and_then(|(_, rest)| replay_seed(rest.split(' ').next()?));
    assert_eq!(again, Some(seed), "{line}");
    assert_eq!(fails(again.unwrap()), Some(words.clone()), "the line replays the failure");
    let (_, smaller) = text.rsplit_once("which fails with ").unwrap();
    assert_eq!(shrink::invariant(smaller), shrink::invariant(&words));
}
