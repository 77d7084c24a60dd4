//! Which pair carries data, and when the controlling side settles on one (RFC 8445 §8, §12).

use core::time::Duration;

use crate::base::slots::Key;
use crate::ice::CandidatePairState as State;
use crate::ice::agent::{Agent, Closing, Usage};
use crate::ice::event::{Event, IceConnectionState};
use crate::ice::pair::Pair;
use crate::ice::role::Role;
use crate::ice::session::{Phase, Session};
use crate::time::Instant;

/// How long packets under way on the old path are believed after a restart has concluded.
const PREVIOUS_LINGERS: Duration = Duration::from_secs(1);

impl Agent {
    /// Nominates when no better pair is undecided, at the latest two round trips after the first success.
    pub(crate) fn consider_nomination(&mut self, now: Instant) {
        let due = self.current.nominate.take_due(now) | core::mem::take(&mut self.nomination_due);
        let idle = self.current.phase != Phase::Running || self.role != Role::Controlling || self.config.lite;
        let (Some(first_valid_at), false) = (self.current.first_valid_at, idle) else { return };
        if !due {
            return;
        }
        let best = self.current.list.by_priority().find(|(_, pair)| pair.is_usable(now));
        let Some((key, rtt)) = best.map(|(key, pair)| (key, pair.smoothed_rtt)) else { return };
        // Without a measured round trip (the check was repeated) a tenth of a second stands in.
        let patience = rtt.unwrap_or(Duration::from_millis(50)) * 2;
        let latest_at = first_valid_at + patience;
        let better = self.current.list.by_priority().map_while(|(k, pair)| (k != key).then_some(pair));
        // A better pair whose check has been away for twice this one's round trip is no better.
        let decided_at = better
            .filter_map(|pair| match pair.state {
                State::Frozen | State::Waiting => Some(latest_at),
                State::InProgress => Some(pair.checked_at.map_or(latest_at, |at| at + patience)),
                State::Succeeded | State::Failed => None,
            })
            .max();
        match decided_at.map(|at| at.min(latest_at)) {
            Some(at) if at > now => self.current.nominate.set(at),
            _ => {
                self.current.phase = Phase::Nominating(key);
                if let Some(pair) = self.current.list.get_mut(key) {
                    pair.nominating = true;
                }
                self.current.list.trigger(key, true);
            }
        }
    }

    /// A pair of this generation is nominated: the others are dropped, as RFC 8445 §8.1.2 has it.
    pub(crate) fn conclude(&mut self, now: Instant) {
        self.current.phase = Phase::Concluded;
        self.current.keep_valid();
        let moved = self.current.list.compact();
        let new_key = |key: Key| moved.iter().find(|(old, _)| *old == key).map(|(_, new)| *new);
        if !moved.is_empty() {
            self.current.list.looked_at += (self.current.transactions.len() * moved.len()) as u64;
            self.current.transactions.retain(new_key);
            if let Some(usage) = self.usage.as_mut().filter(|usage| !usage.previous)
                && let Some(pair) = new_key(usage.pair)
            {
                usage.pair = pair;
            }
        }
        if self.previous.is_some() {
            self.previous_ends.set(now + PREVIOUS_LINGERS);
        }
        self.paths_changed = true;
    }

    /// Two lite agents check nothing: the best pair is simply used (RFC 8445 §8.2).
    pub(crate) fn settle_lite(&mut self, now: Instant) {
        let peer_is_lite = self.current.peer.as_ref().is_some_and(|peer| peer.parameters.lite);
        if !self.config.lite || !peer_is_lite || self.current.phase != Phase::Running {
            return;
        }
        let Some(key) = self.current.list.by_priority().map(|(key, _)| key).next() else { return };
        if let Some(pair) = self.current.list.get_mut(key) {
            pair.confirmed_at = Some(now);
        }
        self.current.list.set_state(key, State::Succeeded);
        self.current.first_valid_at = Some(now);
        self.nominated(now, key);
    }

    /// Chooses the path for data: of the pairs with consent a nominated one, or else the one of highest priority; one
    /// that no longer answers only where there is no other; one from before the restart while there is none since.
    pub(crate) fn choose_path(&mut self, now: Instant) {
        if !core::mem::take(&mut self.paths_changed) || self.closing != Closing::Open {
            return;
        }
        // Nomination looks at the same changes.
        self.nomination_due = true;
        self.current.list.count_pass(4);
        let best = self
            .best_of(now, Some(&self.current), false)
            .or_else(|| self.best_of(now, self.previous.as_deref(), true));
        let priorities = self.current.list.iter().filter(|(_, pair)| pair.is_usable(now));
        self.current.floor = priorities.map(|(_, pair)| pair.priority).max().unwrap_or(0);
        self.list_valid();
        self.use_path(now, best);
        let lost = core::mem::take(&mut self.consent_lost) && best.is_none() && !self.current.list.is_live();
        if lost && !self.is_patient(now) {
            self.fail();
        }
    }

    /// RFC 8863 §4: a checklist that runs does not fail before the patience has ended. One that has concluded runs no more.
    fn is_patient(&self, now: Instant) -> bool {
        self.current.phase != Phase::Concluded && self.current.patience.at().is_some_and(|at| at > now)
    }

    /// The best path of a generation. One that no longer answers gives way only to one that has answered since. Of a lite agent, which is told
    /// where to send by checks alone, the one in use gives way to none that a copy of its checks could have made.
    fn best_of(&self, now: Instant, session: Option<&Session>, previous: bool) -> Option<Usage> {
        let session = session?;
        let lite = self.config.lite;
        // A lite agent asks for no consent, and sends where it is told to (RFC 8445 §8.2).
        let allowed = |pair: &Pair| {
            if lite { pair.is_valid() && pair.nominated } else { pair.is_usable(now) }
        };
        let in_use = self.usage.filter(|usage| usage.previous == previous).map(|usage| usage.pair);
        let used = in_use.and_then(|key| session.list.get(key)).filter(|pair| allowed(pair));
        let silent_since = used.filter(|pair| pair.stale).and_then(|pair| pair.confirmed_at);
        let rank = |(key, pair): &(Key, &Pair)| {
            let answers = !pair.stale && pair.confirmed_at > silent_since;
            let stays = !answers && in_use == Some(*key);
            let twin = used.filter(|used| lite && session.is_like(pair, used));
            let priority = twin.map_or(pair.priority, |used| pair.priority.min(used.priority));
            (answers, stays, pair.nominated, priority, lite && in_use == Some(*key))
        };
        let candidates = session.list.iter().filter(|(_, pair)| allowed(pair));
        candidates.max_by_key(rank).map(|(pair, _)| Usage { previous, pair })
    }

    fn list_valid(&mut self) {
        self.valid.clear();
        let previous = self.previous.iter().flat_map(|previous| previous.list.iter());
        let pairs = self.current.list.iter().chain(previous).filter(|(_, pair)| pair.is_valid());
        self.valid.extend(pairs.map(|(_, pair)| pair.path));
    }

    fn use_path(&mut self, now: Instant, usage: Option<Usage>) {
        let find = |usage: Usage| self.session(usage.previous)?.list.get(usage.pair);
        let pair = usage.and_then(find);
        let path = pair.map(|pair| pair.path);
        let selected = pair.filter(|pair| pair.nominated).map(|pair| pair.path);
        let confirmed_at = pair.and_then(|pair| pair.confirmed_at).unwrap_or(now);
        let concluded = usage.is_some_and(|usage| !usage.previous);
        if usage != self.usage {
            self.usage = usage;
            if usage.is_none() || self.config.lite {
                self.consent.stop();
            } else {
                self.consent.begin(now, confirmed_at, &mut self.rng);
            }
        }
        if path != self.active {
            self.active = path;
            self.tell(Event::ActivePath(path));
        }
        if let Some(path) = selected.filter(|path| concluded && self.selected != Some(*path)) {
            self.selected = Some(path);
            self.selected_changes += 1;
            self.tell(Event::Selected(path));
        }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push(event);
        self.busy = true;
    }

    /// Nothing works, or consent is gone: this generation is over, and nothing leaves any more.
    pub(crate) fn fail(&mut self) {
        let limit = self.config.pair_limit;
        self.current.phase = Phase::Failed;
        self.current.list = crate::ice::checklist::Checklist::new(limit);
        self.current.transactions = crate::ice::check::Transactions::default();
        self.current.early = Vec::new();
        self.current.heard = Vec::new();
        self.current.patience.stop();
        self.current.nominate.stop();
        self.previous = None;
        self.previous_ends.stop();
        self.replies.clear();
        self.paths_changed = true;
        self.choose_path(self.latest.now());
    }

    /// The W3C's state from ours, and an event where it changed.
    pub(crate) fn update_state(&mut self) {
        let state = self.derive_state();
        if state != self.state {
            self.state = state;
            self.tell(Event::StateChange(state));
        }
        let gathering = self.gathering.state();
        if gathering != self.gathering_told {
            self.gathering_told = gathering;
            self.tell(Event::GatheringStateChange(gathering));
        }
    }

    fn derive_state(&self) -> IceConnectionState {
        if self.closing != Closing::Open {
            return IceConnectionState::Closed;
        }
        if self.current.is_failed() {
            return IceConnectionState::Failed;
        }
        let begun = self.current.peer.is_some() && !self.current.remotes.is_empty();
        if let Some(usage) = self.usage {
            let concluded = !usage.previous && self.current.phase == Phase::Concluded;
            let ended = self.gathering.ended && self.current.remote_ended;
            return match (self.consent.is_stale(), concluded && ended) {
                // W3C WebRTC §5.6.4: what worked does no more, and a restart looks for another path.
                (true, _) if usage.previous && begun => IceConnectionState::Checking,
                (true, _) => IceConnectionState::Disconnected,
                (false, true) => IceConnectionState::Completed,
                (false, false) => IceConnectionState::Connected,
            };
        }
        // A restart after a path was there goes on where that was.
        if begun || self.state != IceConnectionState::New {
            IceConnectionState::Checking
        } else {
            IceConnectionState::New
        }
    }
}
