//! Consent to send (RFC 7675): asked for every five seconds or so, gone thirty after the last answer.

use core::time::Duration;
use std::collections::VecDeque;

use crate::base::limits;
use crate::base::slots::Key;
use crate::ice::CandidatePairState as State;
use crate::ice::agent::{Agent, Usage};
use crate::ice::check::{MIN_RTO, Tid};
use crate::ice::input::{is_authentic, same, tid};
use crate::ice::role::Role;
use crate::ice::session::Phase;
use crate::net::Path;
use crate::rng::Rng;
use crate::stun::{Class, ErrorCode, Message};
use crate::time::{Instant, Timer, earliest};

/// RFC 7675 §5.1: "Consent expires after 30 seconds."
pub(crate) const EXPIRY: Duration = Duration::from_secs(30);
/// Checks that may stay unanswered before the path counts as disconnected: about fifteen seconds.
const MISSED: u8 = 3;
/// A check as late as that was not late but slept through: it may be the last before the expiry, and leaves only once.
const OVERSLEPT: Duration = Duration::from_secs(4);

/// The consent checks of the path in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Consent {
    next: Timer,
    /// A check is due and not drawn yet.
    pub(crate) due: bool,
    unanswered: u8,
    /// Until when the path in use has to answer, the peer having been met on another.
    doubt: Timer,
    /// Ids, when each left, and the role it claimed.
    outstanding: VecDeque<(Tid, Instant, Role)>,
}

impl Consent {
    /// Begins anew for a path that was confirmed at `confirmed_at`.
    pub(crate) fn begin(&mut self, now: Instant, confirmed_at: Instant, rng: &mut Rng) {
        *self = Self::default();
        self.next.set((confirmed_at + interval(rng)).max(now));
    }

    pub(crate) fn stop(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        earliest(self.next.at(), self.doubt.at())
    }

    /// Asks at once, and lets the path count as silent if nothing has come by then.
    fn ask_by(&mut self, now: Instant, by: Instant) {
        if !self.doubt.is_running() {
            if !self.due {
                self.next.set(now);
            }
            self.doubt.set(by);
        }
    }

    fn doubt_ends(&mut self, now: Instant) -> bool {
        let ends = self.doubt.take_due(now);
        if ends {
            self.unanswered = MISSED + 1;
        }
        ends
    }

    /// Too many checks have had no answer.
    pub(crate) const fn is_stale(&self) -> bool {
        self.unanswered > MISSED
    }

    /// A check leaves: sent once, under an id of its own.
    pub(crate) fn leaves(&mut self, now: Instant, id: Tid, role: Role, rng: &mut Rng) {
        self.due = false;
        if self.outstanding.len() >= limits::MAX_CONSENT_CHECKS {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back((id, now, role));
        self.next.set(now + interval(rng));
    }

    /// Whether this id is awaited.
    pub(crate) fn awaits(&self, id: Tid) -> bool {
        self.sent(id).is_some()
    }

    /// When the check of this id left and in which role, if its answer is awaited.
    pub(crate) fn sent(&self, id: Tid) -> Option<(Instant, Role)> {
        self.outstanding.iter().find(|(other, _, _)| *other == id).map(|(_, at, role)| (*at, *role))
    }

    /// An authenticated answer came from the right place: it counts once.
    pub(crate) fn answered(&mut self, id: Tid) {
        self.discard(id);
        self.unanswered = 0;
        self.doubt.stop();
    }

    /// An answer came that does not count.
    pub(crate) fn discard(&mut self, id: Tid) {
        self.outstanding.retain(|(other, _, _)| *other != id);
    }

    /// Lets a check fall due, which counts as unanswered from then on; whether its time has long been over.
    fn fall_due(&mut self, now: Instant) -> bool {
        let at = self.next.at();
        let falls = self.next.take_due(now);
        if falls {
            self.due = true;
            self.unanswered = self.unanswered.saturating_add(1);
        }
        falls && at.is_some_and(|at| at + OVERSLEPT <= now)
    }
}

/// Five seconds times 0.8 to 1.2, new for each check.
fn interval(rng: &mut Rng) -> Duration {
    Duration::from_nanos(4_000_000_000 + rng.below(2_000_000_001))
}

impl Agent {
    /// When consent for the path in use ends; `None` where there is none to end (two lite agents).
    pub(crate) fn consent_ends_at(&self) -> Option<Instant> {
        let usage = self.usage?;
        let session = self.session(usage.previous)?;
        let peer_is_lite = session.peer.as_ref().is_some_and(|peer| peer.parameters.lite);
        if self.config.lite && peer_is_lite {
            return None;
        }
        session.list.get(usage.pair)?.confirmed_at.map(|at| at + EXPIRY)
    }

    /// RFC 7675 §5.1: an answer counts if it is authentic, from the right place, and says success.
    pub(crate) fn on_consent_response(
        &mut self,
        now: Instant,
        usage: Usage,
        path: Path,
        message: &Message<'_>,
    ) {
        let id = tid(message.transaction_id());
        let session = if usage.previous { self.previous.as_deref_mut() } else { Some(&mut self.current) };
        let Some((session, true)) = session.map(|session| {
            let authentic = session.peer.as_ref().is_some_and(|peer| is_authentic(message, &peer.key));
            (session, authentic)
        }) else {
            self.counters.response_bad_integrity += 1;
            return;
        };
        let Some(pair) = session.list.get_mut(usage.pair) else { return };
        if !same(&pair.path, &path) {
            self.counters.response_asymmetric += 1;
            self.consent.discard(id);
            return;
        }
        pair.tally.responses_received = pair.tally.responses_received.saturating_add(1);
        self.busy = true;
        let Some((sent_at, role)) = self.consent.sent(id) else { return };
        if message.unknown_required().next().is_some() {
            self.counters.response_unknown_attributes += 1;
            self.consent.discard(id);
            return;
        }
        if message.class() == Class::Success {
            pair.measure(now.saturating_duration_since(sent_at));
            pair.confirmed_at = Some(now);
            pair.stale = false;
            self.counters.consent_received += 1;
            self.paths_changed |= self.consent.is_stale();
            self.consent.answered(id);
            self.take_attributes(message);
            self.choose_path(now);
            return;
        }
        self.consent.discard(id);
        match message.error_code().map(|error| error.code) {
            // RFC 7675 §5.2: authentic, and revokes at once.
            Some(ErrorCode::FORBIDDEN) => {
                self.revoke(usage);
                self.choose_path(now);
            }
            Some(ErrorCode::ROLE_CONFLICT) if !usage.previous => self.give_way(role),
            _ => {}
        }
    }

    /// Lets consent checks fall due and consent expire.
    pub(crate) fn tend_consent(&mut self, now: Instant) {
        let Some(usage) = self.usage else { return };
        if self.consent_ends_at().is_some_and(|at| at <= now) {
            self.revoke(usage);
            return;
        }
        let was_stale = self.consent.is_stale();
        let overslept = self.consent.fall_due(now);
        if self.consent.is_stale() && !was_stale {
            self.look_elsewhere();
            self.count_as_silent(usage);
        }
        if overslept && !usage.previous && !self.config.lite {
            // What is sent once every four seconds may be lost, with no time for the next. A connectivity check is repeated.
            self.current.list.trigger(usage.pair, false);
        }
        if self.consent.doubt_ends(now) {
            self.count_as_silent(usage);
        }
    }

    /// The path in use gives way to one that answers.
    fn count_as_silent(&mut self, usage: Usage) {
        if let Some(pair) = self.session_mut(usage.previous).and_then(|s| s.list.get_mut(usage.pair)) {
            pair.stale = true;
            self.paths_changed = true;
        }
    }

    /// A pair has become valid after the end of the checks, from the socket in use: the peer's NAT may have given it another address, and
    /// what goes to the old one is lost. It need not wait for four silences to show.
    pub(crate) fn doubt_path(&mut self, now: Instant, newcomer: Key) {
        let Some(usage) = self.usage.filter(|usage| !usage.previous && usage.pair != newcomer) else {
            return;
        };
        let local = |key: Key| self.current.list.get(key).map(|pair| pair.local);
        if self.current.phase != Phase::Concluded || self.config.lite || local(usage.pair) != local(newcomer)
        {
            return;
        }
        let rtt = self.current.list.get(usage.pair).and_then(|pair| pair.smoothed_rtt).unwrap_or_default();
        self.consent.ask_by(now, now + MIN_RTO.max(rtt * 3));
        self.busy = true;
    }

    /// Starts a search for another path when the one in use has become stale.
    pub(crate) fn look_elsewhere(&mut self) {
        let in_use = self.usage.filter(|usage| !usage.previous).map(|usage| usage.pair);
        let others = self.current.list.iter().filter(|(key, pair)| Some(*key) != in_use && pair.is_valid());
        let others: Vec<Key> = others.map(|(key, _)| key).collect();
        for key in others {
            self.current.list.trigger(key, false);
        }
    }

    /// Ends the use of a path for good: these credentials never serve on it again (RFC 7675 §5.1).
    pub(crate) fn revoke(&mut self, usage: Usage) {
        let Some(session) = self.session_mut(usage.previous) else { return };
        let path = session.list.get(usage.pair).map(|pair| pair.path);
        if let Some(pair) = session.list.get_mut(usage.pair) {
            pair.revoked = true;
            pair.nominated = false;
            pair.nominating = false;
            pair.transaction = None;
        }
        // Not even a repetition of a check may leave, a nomination's least of all.
        session.transactions.retain(|key| (key != usage.pair).then_some(key));
        if session.phase == Phase::Nominating(usage.pair) {
            session.phase = Phase::Running;
        }
        session.list.calm(usage.pair);
        session.list.set_state(usage.pair, State::Failed);
        // Nor may an answer that waits for a buffer.
        self.replies.retain(|reply| {
            reply.previous != usage.previous || !path.is_some_and(|path| same(&path, &reply.path))
        });
        if usage.previous {
            self.previous = None;
        }
        self.usage = None;
        self.consent.stop();
        self.paths_changed = true;
        self.consent_lost = !usage.previous;
    }
}
