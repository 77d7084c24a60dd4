//! A smaller case that fails alike, found by taking away faults, calls and peculiarities.

use antiphon::sim::Link;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use super::plan::{Knobs, Plan};
use super::run::{Defects, Outcome, play};
use super::site::Site;

/// Runs that shrinking may take.
const RUNS: usize = 250;

/// What a panic says.
pub(crate) fn words(panic: &(dyn core::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}

/// The name of the invariant in front of it; or all of it, where there is none.
pub(crate) fn invariant(words: &str) -> &str {
    match words.split_once(": ") {
        // Law 4 is asserted by the network itself.
        Some(("law 4", rest)) => rest.split(':').next().unwrap_or(rest),
        Some((id, _)) if id.len() <= 3 => id,
        _ => words,
    }
}

/// One hook for all threads, since a test beside this one may panic too.
static HOOK: Once = Once::new();

thread_local! {
    /// What panics here says nothing.
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Does something that may panic without a word; what it panicked with, if it did.
pub(crate) fn silently<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let hook = take_hook();
        set_hook(Box::new(move |info| {
            if !SILENT.get() {
                hook(info);
            }
        }));
    });
    SILENT.set(true);
    let result = catch_unwind(AssertUnwindSafe(what));
    SILENT.set(false);
    result.map_err(|panic| words(panic.as_ref()))
}

/// Plays a plan without a word.
pub(crate) fn quietly(plan: &Plan, defects: Defects) -> Result<Outcome, String> {
    silently(|| play(plan, defects))
}

struct Shrinker {
    best: Plan,
    defects: Defects,
    wanted: String,
    runs: usize,
}

impl Shrinker {
    /// Takes the candidate if it fails alike.
    fn offer(&mut self, candidate: Plan) -> bool {
        if self.runs >= RUNS {
            return false;
        }
        self.runs += 1;
        let fails = quietly(&candidate, self.defects).err();
        let alike = fails.is_some_and(|words| invariant(&words) == self.wanted);
        if alike {
            self.best = candidate;
        }
        alike
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Plan)) -> bool {
        let mut candidate = self.best.clone();
        edit(&mut candidate);
        self.offer(candidate)
    }

    /// Removes as long runs of a list as can be, shorter and shorter ones.
    fn thin(&mut self, len: impl Fn(&Plan) -> usize, remove: impl Fn(&mut Plan, core::ops::Range<usize>)) {
        let mut chunk = len(&self.best);
        while chunk > 0 {
            let mut from = 0;
            while from < len(&self.best) {
                let range = from..(from + chunk).min(len(&self.best));
                if !self.edit(|plan| remove(plan, range)) {
                    from += chunk;
                }
            }
            chunk /= 2;
        }
    }

    fn shrink(&mut self) {
        self.thin(|plan| plan.wrongs.len(), |plan, range| drop(plan.wrongs.drain(range)));
        self.thin(|plan| plan.acts.len(), |plan, range| drop(plan.acts.drain(range)));
        for side in 0..2 {
            self.edit(|plan| plan.knobs[side] = Knobs::plain());
            self.edit(|plan| plan.links[side] = Link::new());
            self.edit(|plan| plan.site.outer[side] = None);
            self.edit(|plan| plan.site.doors[side] = None);
            self.edit(|plan| plan.site.wide[side] = false);
        }
        self.edit(|plan| plan.site = Site { v6: false, one_roof: false, ..plan.site.clone() });
        self.edit(|plan| plan.signalling = Link::new());
        self.edit(|plan| plan.burst = 1);
        // With less around it more can go.
        self.thin(|plan| plan.wrongs.len(), |plan, range| drop(plan.wrongs.drain(range)));
        self.thin(|plan| plan.acts.len(), |plan, range| drop(plan.acts.drain(range)));
    }
}

/// The smallest plan found that fails with the same invariant.
pub(crate) fn shrink(plan: &Plan, defects: Defects, failure: &str) -> Plan {
    let wanted = invariant(failure).to_owned();
    let mut shrinker = Shrinker { best: plan.clone(), defects, wanted, runs: 0 };
    shrinker.shrink();
    shrinker.best
}
