//! The checklist: pairs in order of priority, their states, and which is checked next (RFC 8445 §6.1.2, §6.1.4).

use std::collections::VecDeque;

use crate::base::slots::{Key, Slots};
use crate::ice::CandidatePairState as State;
use crate::ice::pair::Pair;

/// The pairs of one generation.
///
/// ```text
///  Frozen ──▶ Waiting ──▶ InProgress ──▶ Succeeded
///               ▲              │
///               └── trigger ───┴──▶ Failed
/// ```
#[derive(Clone, Debug)]
pub(crate) struct Checklist {
    pairs: Slots<Pair>,
    /// Highest priority first, once settled.
    order: Vec<(u64, Key)>,
    /// Pairs were added or their priorities changed since the order was made.
    unsettled: bool,
    /// No pair before this position of the order is waiting.
    cursor: usize,
    triggered: VecDeque<Key>,
    waiting: u32,
    in_progress: u32,
    frozen: u32,
    limit: usize,
    /// Pairs looked at so far, for those who ask what input costs.
    pub(crate) looked_at: u64,
}

impl Checklist {
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            pairs: Slots::new(),
            order: Vec::new(),
            unsettled: false,
            cursor: 0,
            triggered: VecDeque::new(),
            waiting: 0,
            in_progress: 0,
            frozen: 0,
            limit,
            looked_at: 0,
        }
    }

    /// Gives memory back.
    pub(crate) fn trim(&mut self) {
        self.pairs.trim();
        self.order.shrink_to_fit();
        self.triggered.shrink_to_fit();
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Pair> {
        self.pairs.get(key)
    }

    /// The pair, to change anything but its state and its priority.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Pair> {
        self.pairs.get_mut(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &Pair)> {
        self.pairs.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut Pair)> {
        self.pairs.iter_mut()
    }

    /// Pairs from the highest priority down.
    pub(crate) fn by_priority(&self) -> impl Iterator<Item = (Key, &Pair)> {
        self.order.iter().filter_map(|(_, key)| Some((*key, self.pairs.get(*key)?)))
    }

    pub(crate) fn find(&self, local: u16, remote: u16) -> Option<Key> {
        self.iter().find(|(_, pair)| (pair.local, pair.remote) == (local, remote)).map(|(key, _)| key)
    }

    /// Notes that every pair is looked at `times`.
    pub(crate) fn count_pass(&mut self, times: usize) {
        self.looked_at += (self.order.len() * times) as u64;
    }

    /// Checks that are under way or due: what the retransmission timeout grows with (RFC 8445 §14.3).
    pub(crate) const fn pending(&self) -> u32 {
        self.waiting + self.in_progress
    }

    /// Whether some pair may still succeed.
    pub(crate) const fn is_live(&self) -> bool {
        self.waiting + self.in_progress + self.frozen > 0 || self.unsettled
    }

    /// Adds a pair. It is frozen until the list is settled. Returns how many pairs the limit cost.
    pub(crate) fn insert(&mut self, mut pair: Pair) -> (Key, u64) {
        pair.state = State::Frozen;
        self.frozen += 1;
        self.unsettled = true;
        let priority = pair.priority;
        let key = self.pairs.insert(pair);
        self.order.push((priority, key));
        // A batch of candidates is sorted once, but a flood of them is cut on the way.
        let dropped = if self.order.len() >= self.limit * 2 + 64 { self.settle() } else { 0 };
        (key, dropped)
    }

    pub(crate) fn set_state(&mut self, key: Key, state: State) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        let before = core::mem::replace(&mut pair.state, state);
        self.count(before, false);
        self.count(state, true);
        if state == State::Waiting {
            self.cursor = 0;
        }
    }

    fn count(&mut self, state: State, up: bool) {
        let counter = match state {
            State::Frozen => &mut self.frozen,
            State::Waiting => &mut self.waiting,
            State::InProgress => &mut self.in_progress,
            State::Succeeded | State::Failed => return,
        };
        *counter = if up { *counter + 1 } else { counter.saturating_sub(1) };
    }

    /// Gives every pair the priority that `priority` computes for it.
    pub(crate) fn prioritize(&mut self, priority: impl Fn(&Pair) -> u64) {
        self.count_pass(2);
        for (_, pair) in self.pairs.iter_mut() {
            pair.priority = priority(pair);
        }
        for (order, key) in &mut self.order {
            *order = self.pairs.get(*key).map_or(0, |pair| pair.priority);
        }
        self.unsettled = true;
    }

    /// Sorts, cuts to the limit and thaws, if anything was added. Returns how many pairs the limit cost.
    pub(crate) fn settle(&mut self) -> u64 {
        if !core::mem::take(&mut self.unsettled) {
            return 0;
        }
        let levels = self.order.len().max(2).ilog2() as usize;
        self.count_pass(4 + levels);
        self.order.sort_unstable_by(|a, b| b.cmp(a));
        let dropped = self.cut();
        self.thaw_foundations();
        self.cursor = 0;
        dropped
    }

    /// RFC 8445 §6.1.2.5: the lowest priorities go; RFC 8838 §12: what failed goes first.
    fn cut(&mut self) -> u64 {
        let mut excess = self.order.len().saturating_sub(self.limit);
        let before = excess;
        for failed_only in [true, false] {
            let mut at = self.order.len();
            while excess > 0 && at > 0 {
                at -= 1;
                let Some((_, key)) = self.order.get(at).copied() else { break };
                let droppable = self.pairs.get(key).is_some_and(|pair| match pair.state {
                    // Where consent was lost is remembered: it must not be tried again.
                    State::Failed => !pair.revoked,
                    State::Frozen | State::Waiting => !failed_only && !pair.queued,
                    State::InProgress | State::Succeeded => false,
                });
                if droppable && let Some(pair) = self.pairs.remove(key) {
                    self.count(pair.state, false);
                    self.order.remove(at);
                    excess -= 1;
                }
            }
        }
        u64::try_from(before - excess).unwrap_or(0)
    }

    /// RFC 8445 §6.1.2.6 and RFC 8838 §12: of each foundation the best pair waits, unless one is being tried; all wait
    /// where one has succeeded.
    fn thaw_foundations(&mut self) {
        if self.frozen == 0 {
            return;
        }
        let grouped = |pairs: &Slots<Pair>, at: usize, key: Key| pairs.get(key).map(|p| (p.foundation, at));
        let positions = self.order.iter().enumerate();
        let mut groups: Vec<_> =
            positions.filter_map(|(at, (_, key))| grouped(&self.pairs, at, *key)).collect();
        groups.sort_unstable();
        for group in groups.chunk_by(|a, b| a.0 == b.0) {
            let keys = group.iter().filter_map(|(_, at)| self.order.get(*at)).map(|(_, key)| *key);
            let mut first_frozen = None;
            let (mut tried, mut succeeded) = (false, false);
            for key in keys.clone() {
                match self.pairs.get(key).map(|pair| pair.state) {
                    Some(State::Frozen) => first_frozen = first_frozen.or(Some(key)),
                    Some(State::Waiting | State::InProgress) => tried = true,
                    Some(State::Succeeded) => succeeded = true,
                    Some(State::Failed) | None => {}
                }
            }
            let frozen = |pairs: &Slots<Pair>, key| pairs.get(key).is_some_and(|p| p.state == State::Frozen);
            let thawed: Vec<Key> = match (succeeded, tried) {
                (true, _) => keys.filter(|key| frozen(&self.pairs, *key)).collect(),
                (false, true) => Vec::new(),
                (false, false) => first_frozen.into_iter().collect(),
            };
            for key in thawed {
                self.set_state(key, State::Waiting);
            }
        }
    }

    /// A pair of this foundation has succeeded: its like need not wait for it (RFC 8445 §7.2.5.3.3).
    pub(crate) fn thaw(&mut self, foundation: (u16, u16)) {
        if self.frozen == 0 {
            return;
        }
        let alike = |pair: &Pair| pair.foundation == foundation && pair.state == State::Frozen;
        let keys: Vec<Key> = self.iter().filter(|(_, pair)| alike(pair)).map(|(key, _)| key).collect();
        for key in keys {
            self.set_state(key, State::Waiting);
        }
    }

    /// Puts a pair at the end of the triggered-check queue, or at its head.
    pub(crate) fn trigger(&mut self, key: Key, first: bool) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        if !core::mem::replace(&mut pair.queued, true) {
            self.triggered.push_back(key);
        }
        if first {
            self.triggered.retain(|other| *other != key);
            self.triggered.push_front(key);
        }
    }

    /// Takes a pair out of the triggered-check queue.
    pub(crate) fn calm(&mut self, key: Key) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        if core::mem::replace(&mut pair.queued, false) {
            self.triggered.retain(|other| *other != key);
        }
    }

    /// Whether a triggered check waits.
    pub(crate) fn has_triggered(&self) -> bool {
        !self.triggered.is_empty()
    }

    pub(crate) fn pop_triggered(&mut self) -> Option<Key> {
        let key = self.triggered.pop_front()?;
        if let Some(pair) = self.pairs.get_mut(key) {
            pair.queued = false;
        }
        Some(key)
    }

    /// The best pair that waits for its ordinary check and has a priority above `floor`. Where none waits, the best
    /// frozen one: §6.1.4.2 would leave the slot unused while another pair of its foundation is tried, which helps
    /// nobody where there is one stream of one component.
    pub(crate) fn next_ordinary(&mut self, floor: u64) -> Option<Key> {
        if self.waiting == 0 && self.frozen == 0 {
            return None;
        }
        let wanted = if self.waiting > 0 { State::Waiting } else { State::Frozen };
        if wanted == State::Frozen {
            self.cursor = 0;
        }
        while let Some((priority, key)) = self.order.get(self.cursor).copied() {
            if priority <= floor {
                return None;
            }
            if self.pairs.get(key).is_some_and(|pair| pair.state == wanted && !pair.queued) {
                return Some(key);
            }
            self.cursor += 1;
        }
        None
    }

    /// Drops every pair that `keep` does not want, and the memory of a list that was longer.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Pair) -> bool) {
        self.count_pass(2);
        let doomed: Vec<Key> = self.iter().filter(|(_, pair)| !keep(pair)).map(|(key, _)| key).collect();
        for key in &doomed {
            if let Some(pair) = self.pairs.remove(*key) {
                self.count(pair.state, false);
            }
        }
        let pairs = &self.pairs;
        self.order.retain(|(_, key)| pairs.get(*key).is_some());
        self.triggered.retain(|key| pairs.get(*key).is_some());
        self.cursor = 0;
    }

    /// Moves what is left of a longer list into as little memory as it needs, unless checks wait. Keys change: the old
    /// and the new ones are returned.
    pub(crate) fn compact(&mut self) -> Vec<(Key, Key)> {
        self.settle();
        if self.has_triggered() {
            return Vec::new();
        }
        let old = core::mem::take(&mut self.pairs);
        let mut moved = Vec::with_capacity(self.order.len());
        for (_, key) in &mut self.order {
            let Some(pair) = old.get(*key) else { continue };
            let new = self.pairs.insert(pair.clone());
            moved.push((*key, new));
            *key = new;
        }
        self.order.shrink_to_fit();
        self.triggered.shrink_to_fit();
        moved
    }
}

#[cfg(test)]
#[path = "checklist_tests.rs"]
mod tests;
