//! What leaves: timers, events, answers, consent checks, repeated checks, new checks, and the deadline.

use core::time::Duration;

use crate::base::slots::Key;
use crate::base::writer::Full;
use crate::ice::CandidatePairState as State;
use crate::ice::agent::{Agent, Closing};
use crate::ice::candidate::{Local, Remote};
use crate::ice::check::{Expired, MIN_RTO, PATIENCE, Tid, Transaction};
use crate::ice::event::Event;
use crate::ice::input::{carried_priority, tid};
use crate::ice::reply::attach;
use crate::ice::role::Role;
use crate::ice::session::{Phase, Session};
use crate::ice::stats::{CandidatePairStats, Counters, Stats};
use crate::machine::Output;
use crate::net::{Path, Transmit};
use crate::stun::{Attribute, AttributeType, Builder, Class, Method, TransactionId};
use crate::time::{Instant, earliest};

impl Agent {
    /// Lets time reach `now` and returns the next thing to do.
    ///
    /// # Panics
    /// If `buf` is neither empty nor as long as the MTU.
    pub fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        assert!(
            buf.is_empty() || buf.len() >= self.config.mtu,
            "a buffer of {} bytes is too short",
            buf.len()
        );
        let now = self.latest.advance(now);
        if !self.busy && self.deadline.is_none_or(|at| now < at) {
            return Output::Wait(self.deadline);
        }
        match self.closing {
            Closing::Open => {}
            Closing::Asked => {
                self.closing = Closing::Closed;
                self.busy = false;
                return Output::Event(Event::Closed);
            }
            Closing::Closed => return Output::Wait(None),
        }
        self.advance(now);
        if let Some(event) = self.events.pop() {
            self.busy = true;
            return Output::Event(event);
        }
        if !buf.is_empty()
            && let Some(transmit) = self.draw(now, buf)
        {
            self.busy = true;
            return Output::Transmit(transmit);
        }
        // What a buffer would have been needed for keeps the agent busy; the deadline speaks of timers alone.
        self.busy = buf.is_empty() && self.has_datagram(now);
        self.deadline = self.next_deadline(now);
        Output::Wait(self.deadline)
    }

    /// Everything that time does.
    fn advance(&mut self, now: Instant) {
        self.counters.time_jumps = self.latest.jumps();
        self.counters.pairs_dropped += self.current.list.settle();
        if !self.current.started && self.current.peer.is_some() {
            self.current.started = true;
            self.current.patience.set(now + PATIENCE);
        }
        self.settle_lite(now);
        while let Some(expired) = self.expire_check(now) {
            if let Expired::Failed(key) = expired {
                self.on_check_timeout(key);
            }
        }
        if self.previous_ends.take_due(now) && self.usage.is_none_or(|usage| !usage.previous) {
            self.previous = None;
            self.paths_changed = true;
        }
        self.tend_consent(now);
        self.choose_path(now);
        self.counters.pairs_dropped += self.current.list.settle();
        self.consider_nomination(now);
        // RFC 8863 §4: not before the patience has ended; then as soon as no pair may still succeed.
        let patient = self.current.patience.at().is_some_and(|at| at > now);
        if self.current.started && !patient {
            self.current.patience.stop();
            let running =
                matches!(self.current.phase, Phase::Running | Phase::Nominating(_) | Phase::Concluded);
            if running && self.usage.is_none() && !self.current.list.is_live() {
                self.fail();
            }
        }
        self.update_state();
    }

    fn expire_check(&mut self, now: Instant) -> Option<Expired> {
        self.current.transactions.expire(now)
    }

    /// No answer came to a check, nor to its repetitions.
    fn on_check_timeout(&mut self, key: Key) {
        let Some(pair) = self.current.list.get_mut(key) else { return };
        pair.transaction = None;
        let nominating = core::mem::take(&mut pair.nominating);
        if self.current.phase == Phase::Nominating(key) {
            self.current.phase = Phase::Running;
        }
        self.lost(key, nominating);
    }

    /// Whether new checks may be started at all.
    fn may_check(&self) -> bool {
        !self.config.lite && self.current.peer.is_some() && !self.current.is_failed()
    }

    /// Whether a new check waits for its slot.
    fn has_check(&mut self) -> bool {
        if !self.may_check() {
            return false;
        }
        let running = self.current.phase == Phase::Running;
        let floor = self.current.floor;
        self.current.list.has_triggered() || (running && self.current.list.next_ordinary(floor).is_some())
    }

    fn has_datagram(&mut self, now: Instant) -> bool {
        !self.replies.is_empty()
            || (self.consent.due && self.usage.is_some())
            || self.current.transactions.has_resend()
            || (self.current.pace_at <= now && self.has_check())
    }

    fn next_deadline(&mut self, now: Instant) -> Option<Instant> {
        let paced = self.has_check().then_some(self.current.pace_at).filter(|at| *at > now);
        let timers = [
            paced,
            self.current.transactions.next_due(),
            self.current.nominate.at(),
            self.current.patience.at(),
            self.previous_ends.at(),
            self.consent.next_at(),
            self.consent_ends_at(),
        ];
        timers.into_iter().fold(None, earliest)
    }

    /// Answers first: the peer waits for them. Then consent, then what is repeated, then what is new.
    fn draw(&mut self, now: Instant, buf: &mut [u8]) -> Option<Transmit<Path>> {
        if let Some(reply) = self.draw_reply(buf) {
            return Some(reply);
        }
        if let Some(consent) = self.draw_consent(now, buf) {
            return Some(consent);
        }
        while let Some((id, transaction)) = self.current.transactions.pop_resend(now) {
            self.counters.checks_retransmitted += 1;
            if let Some(transmit) = self.draw_check(id, &transaction, buf) {
                return Some(transmit);
            }
        }
        while self.may_check() && self.current.pace_at <= now {
            let key = self.next_check()?;
            if let Some(transmit) = self.start_check(now, key, buf) {
                return Some(transmit);
            }
        }
        None
    }

    /// RFC 8445 §6.1.4.2: triggered checks go before ordinary ones, and those stop while a nomination is under way.
    fn next_check(&mut self) -> Option<Key> {
        if let Some(key) = self.current.list.pop_triggered() {
            return Some(key);
        }
        let floor = self.current.floor;
        if self.current.phase == Phase::Running { self.current.list.next_ordinary(floor) } else { None }
    }

    fn start_check(&mut self, now: Instant, key: Key, buf: &mut [u8]) -> Option<Transmit<Path>> {
        // RFC 8445 §14.3, with this check counted among those in progress.
        let pending = self.current.list.pending().max(1);
        let rto = (self.current.pacing * pending).max(MIN_RTO);
        let pair = self.current.list.get_mut(key)?;
        let superseded = pair.transaction.take();
        let id = TransactionId::random(&mut self.rng);
        let mut transaction = Transaction::new(key, now, rto, self.role);
        transaction.tie_breaker = self.tie_breaker;
        transaction.nominates = self.role == Role::Controlling && pair.nominating;
        pair.transaction = Some(tid(id));
        pair.checked_at = Some(now);
        let state = pair.state;
        if let Some(old) = superseded {
            self.current.transactions.cancel(old);
        }
        if state != State::Succeeded {
            self.current.list.set_state(key, State::InProgress);
        }
        self.current.transactions.insert(tid(id), transaction.clone(), now);
        self.current.pace_at = now + self.current.pacing;
        self.counters.checks_sent += 1;
        self.draw_check(tid(id), &transaction, buf)
    }

    /// Writes a check, for the first time or again.
    fn draw_check(&mut self, id: Tid, transaction: &Transaction, buf: &mut [u8]) -> Option<Transmit<Path>> {
        let pair = self.current.list.get_mut(transaction.pair)?;
        pair.tally.requests_sent = pair.tally.requests_sent.saturating_add(1);
        let (path, local) = (pair.path, usize::from(pair.local));
        let local = self.locals.get(local)?;
        let written = self.write_check(&self.current, local, id, transaction, buf);
        self.counters.too_long += u64::from(written.is_err());
        Some(Transmit::new(path, written.ok()?))
    }

    /// RFC 7675 §5.1: one request, sent once.
    fn draw_consent(&mut self, now: Instant, buf: &mut [u8]) -> Option<Transmit<Path>> {
        let usage = self.usage.filter(|_| self.consent.due)?;
        let id = tid(TransactionId::random(&mut self.rng));
        self.consent.leaves(now, id, self.role, &mut self.rng);
        self.counters.consent_sent += 1;
        let session = if usage.previous { self.previous.as_deref_mut()? } else { &mut self.current };
        let pair = session.list.get_mut(usage.pair)?;
        pair.tally.requests_sent = pair.tally.requests_sent.saturating_add(1);
        pair.tally.consent_sent = pair.tally.consent_sent.saturating_add(1);
        pair.stale = self.consent.is_stale();
        let (path, at) = (pair.path, usize::from(pair.local));
        let mut request = Transaction::new(usage.pair, now, MIN_RTO, self.role);
        request.tie_breaker = self.tie_breaker;
        let (session, local) = (self.session(usage.previous)?, self.locals.get(at)?);
        let len = self.write_check(session, local, id, &request, buf).ok()?;
        Some(Transmit::new(path, len))
    }

    /// RFC 8445 §7.2.2 to §7.2.4.
    fn write_check(
        &self,
        session: &Session,
        local: &Local,
        id: Tid,
        transaction: &Transaction,
        buf: &mut [u8],
    ) -> Result<usize, Full> {
        let Some(peer) = &session.peer else { return Err(Full { wanted: 0, left: 0 }) };
        let [_, _, _, _, id @ ..] = id.to_be_bytes();
        let mut message = Builder::new(buf, Class::Request, Method::BINDING, TransactionId(id))?;
        let (theirs, ours) = (peer.parameters.credentials.ufrag(), session.local.ufrag());
        message.raw(AttributeType::USERNAME, &[theirs.as_bytes(), b":", ours.as_bytes()])?;
        message.add(&Attribute::Priority(carried_priority(local)))?;
        message.add(&match transaction.role {
            Role::Controlling => Attribute::IceControlling(transaction.tie_breaker),
            Role::Controlled => Attribute::IceControlled(transaction.tie_breaker),
        })?;
        if transaction.nominates {
            message.add(&Attribute::UseCandidate)?;
        }
        attach(&mut message, &self.attached, self.config.mtu)?;
        message.integrity(&peer.key)?.fingerprint()?;
        Ok(message.finish())
    }

    /// What has been counted.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many candidates, pairs and checks were looked at in this generation: what the peer's input costs.
    #[cfg(feature = "sim")]
    pub const fn ops(&self) -> u64 {
        self.current.list.looked_at
    }

    /// How many checks of this generation await an answer, those included that another took the place of.
    #[cfg(feature = "sim")]
    pub fn checks_held(&self) -> usize {
        self.current.transactions.len()
    }

    /// Pairs, candidates and counters.
    pub fn stats(&self) -> Stats {
        let living = self.local_candidates().chain(self.reflexive.iter().map(|local| &local.candidate));
        let place = |local: u16| {
            let before = self.locals.iter().take(usize::from(local));
            before.filter(|local| local.alive).count()
        };
        let pairs = self.current.list.by_priority().map(|(_, pair)| CandidatePairStats {
            path: pair.path,
            local: place(pair.local),
            remote: usize::from(pair.remote),
            priority: pair.priority,
            state: pair.state,
            nominated: pair.nominated,
            requests_sent: u64::from(pair.tally.requests_sent),
            requests_received: u64::from(pair.tally.requests_received),
            responses_sent: u64::from(pair.tally.responses_sent),
            responses_received: u64::from(pair.tally.responses_received),
            consent_requests_sent: u64::from(pair.tally.consent_sent),
            current_round_trip: pair.tally.latest_rtt,
            total_round_trip: pair.tally.total_rtt,
        });
        let pairs: Vec<_> = pairs.collect();
        let selected = self.selected.and_then(|path| pairs.iter().position(|pair| pair.path == path));
        Stats {
            counters: self.counters,
            pairs,
            local_candidates: living.cloned().collect(),
            remote_candidates: self.current.remotes.iter().map(Remote::to_candidate).collect(),
            selected,
            selected_changes: self.selected_changes,
        }
    }

    /// The pacing of this generation: the slower of what both sides asked for.
    pub const fn pacing(&self) -> Duration {
        self.current.pacing
    }
}
