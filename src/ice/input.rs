//! What arrives: requests of the peer and answers to ours (RFC 8445 §7.2.5, §7.3).

use core::time::Duration;
use std::net::SocketAddr;

use bytes::Bytes;

use crate::base::limits;
use crate::base::slots::Key;
use crate::ice::CandidatePairState as State;
use crate::ice::agent::{Agent, Closing, Usage};
use crate::ice::candidate::{self, Local, canonical, screen};
use crate::ice::check::{Tid, Transaction};
use crate::ice::event::Attached;
use crate::ice::reply::{Answer, Reply};
use crate::ice::role::Role;
use crate::ice::session::{Early, Phase};
use crate::net::{Datagram, Path};
use crate::sdp::candidate::{CandidateAddress, CandidateKind};
use crate::stun::message::Fingerprint;
use crate::stun::{
    AttributeType, Class, ErrorCode, IntegrityKey, IntegrityKind, Message, Method, TransactionId,
};
use crate::time::Instant;

/// A request's answer is owed, and this is what the request asks besides.
#[derive(Clone, Copy)]
struct Asked {
    local: u16,
    remote: SocketAddr,
    priority: Option<u32>,
    nominates: bool,
}

/// The number of a transaction id.
pub(crate) fn tid(id: TransactionId) -> Tid {
    id.0.iter().fold(0, |number, byte| (number << 8) | Tid::from(*byte))
}

impl Agent {
    /// Takes a datagram that is STUN. What is not, or is not authentic, is counted and dropped.
    pub fn handle_input(&mut self, now: Instant, datagram: Datagram<'_>) {
        if self.closing != Closing::Open {
            return;
        }
        let now = self.latest.advance(now);
        let Ok(message) = Message::parse(datagram.data) else {
            self.counters.malformed += 1;
            return;
        };
        if message.method() != Method::BINDING {
            self.counters.unexpected_method += 1;
            return;
        }
        // RFC 8445 §7.2.4, §7.3 and RFC 8489 §6.3: checks and their answers carry one; an indication may go without (§11).
        let fingerprint = message.fingerprint();
        let may_lack = message.class() == Class::Indication && fingerprint == Fingerprint::Absent;
        if fingerprint != Fingerprint::Valid && !may_lack {
            self.counters.bad_fingerprint += 1;
            return;
        }
        if self.current.is_failed() {
            self.counters.late += 1;
            return;
        }
        let Some(local) = self.local_at(datagram.path.local) else {
            self.counters.unknown_local += 1;
            return;
        };
        match message.class() {
            Class::Request => self.on_request(now, local, datagram.path.remote, &message),
            Class::Success | Class::Error => self.on_response(now, datagram.path, &message),
            Class::Indication => self.counters.indications += 1,
        }
    }

    /// RFC 8445 §7.3: everything about a request is checked before anything is done.
    fn on_request(&mut self, now: Instant, local: u16, source: SocketAddr, message: &Message<'_>) {
        let Some(base) = self.locals.get(usize::from(local)).map(|local| local.base) else { return };
        let remote = canonical(source);
        if screen(remote.ip(), remote.port(), self.loopback).is_err() {
            self.counters.refused_remote += 1;
            return;
        }
        let Some((previous, theirs)) = self.generation_of(message.username()) else {
            self.counters.request_bad_username += 1;
            return;
        };
        let Some(session) = self.session(previous) else { return };
        let Ok(integrity) = message.verify_integrity(&session.local_key) else {
            self.counters.request_bad_integrity += 1;
            return;
        };
        // From here on the sender is the peer, or somebody the peer gave its credentials to.
        let path = Path { protocol: crate::net::Protocol::Udp, local: base, remote: source };
        let reply = |answer| Reply { path, id: message.transaction_id(), answer, previous, integrity };
        if message.unknown_required().next().is_some() {
            self.counters.unknown_attributes += 1;
            let mut kinds = [0; limits::MAX_UNKNOWN_ATTRIBUTES];
            kinds.iter_mut().zip(message.unknown_required()).for_each(|(kind, unknown)| *kind = unknown.0);
            self.reply(reply(Answer::Unknown(kinds)));
            return;
        }
        if self.is_revoked(previous, local, remote) {
            self.counters.late += 1;
            return;
        }
        if !previous && !self.settle_roles(message) {
            self.reply(reply(Answer::RoleConflict));
            return;
        }
        self.reply(reply(Answer::Success));
        self.take_attributes(message);
        let asked = Asked { local, remote, priority: message.priority(), nominates: message.use_candidate() };
        if previous {
            self.count_request(now, true, &asked);
        } else if self.current.peer.is_none() {
            self.remember(asked, theirs.as_bytes());
        } else if self.config.lite && !self.current.is_news(message.transaction_id()) {
            // What it asked for was done when it came first; a copy says nothing of where the peer is, and a lite agent does not ask.
            self.counters.request_repeated += 1;
        } else {
            self.on_check(now, &asked);
        }
    }

    /// Which generation a USERNAME speaks of: its first part is our user fragment there, its second the peer's.
    fn generation_of<'m>(&self, username: Option<&'m str>) -> Option<(bool, &'m str)> {
        let (ours, theirs) = username?.split_once(':')?;
        let previous = match self.previous.as_deref() {
            _ if ours == self.current.local.ufrag() => false,
            Some(previous) if ours == previous.local.ufrag() => true,
            _ => return None,
        };
        let matches = match self.session(previous)?.peer.as_ref() {
            Some(peer) => theirs == peer.parameters.credentials.ufrag(),
            None => !theirs.is_empty() && !theirs.contains(':') && theirs.len() <= 256,
        };
        matches.then_some((previous, theirs))
    }

    /// Whether a message is the peer's by both user fragments and the password of a living generation, or answers with the peer's password:
    /// what tells agents apart that drew the same fragment or the same transaction.
    pub(crate) fn is_from_peer(&self, message: &Message<'_>) -> bool {
        if message.class() == Class::Request {
            let found = self.generation_of(message.username());
            let session = found.and_then(|(previous, _)| self.session(previous));
            return session.is_some_and(|session| message.verify_integrity(&session.local_key).is_ok());
        }
        let peers = [Some(&self.current), self.previous.as_deref()].into_iter().flatten();
        peers.filter_map(|session| session.peer.as_ref()).any(|peer| is_authentic(message, &peer.key))
    }

    /// Consent for this pair has ended: nothing goes there any more.
    fn is_revoked(&self, previous: bool, local: u16, remote: SocketAddr) -> bool {
        let Some(session) = self.session(previous) else { return true };
        let found = session.find_remote(remote).and_then(|at| session.list.find(local, at));
        found.and_then(|key| session.list.get(key)).is_some_and(|pair| pair.revoked)
    }

    /// Opaque attributes of an authentic message go to the parent.
    pub(crate) fn take_attributes(&mut self, message: &Message<'_>) {
        let value = |kind| message.get(kind).map(Bytes::copy_from_slice);
        let attached = Attached {
            data: value(AttributeType::META_DTLS),
            acknowledgement: value(AttributeType::META_DTLS_ACK),
        };
        if !attached.is_empty() {
            self.attached_received = Some(attached);
        }
    }

    /// A request before the peer's description: answered, and acted on when its password is known (RFC 8445 §7.3).
    fn remember(&mut self, asked: Asked, ufrag: &[u8]) {
        let known = |early: &&mut Early| early.local == asked.local && early.remote == asked.remote;
        if let Some(early) = self.current.early.iter_mut().find(known) {
            early.nominates |= asked.nominates;
            return;
        }
        if self.current.early.len() >= limits::MAX_EARLY_CHECKS {
            self.counters.early_checks_refused += 1;
            return;
        }
        let Asked { local, remote, priority, nominates } = asked;
        self.current.early.push(Early { local, remote, ufrag: ufrag.into(), priority, nominates });
    }

    /// The peer's description is here: its early checks count now.
    pub(crate) fn take_early_checks(&mut self) {
        let now = self.latest.now();
        for early in core::mem::take(&mut self.current.early) {
            let peer = self.current.peer.as_ref();
            if peer.is_some_and(|peer| *early.ufrag == *peer.parameters.credentials.ufrag().as_bytes()) {
                let Early { local, remote, priority, nominates, .. } = early;
                self.on_check(now, &Asked { local, remote, priority, nominates });
            }
        }
    }

    fn count_request(&mut self, now: Instant, previous: bool, asked: &Asked) -> Option<Key> {
        let lite = self.config.lite;
        let session = self.session_mut(previous)?;
        let at = session.find_remote(asked.remote)?;
        let key = session.list.find(asked.local, at)?;
        let pair = session.list.get_mut(key)?;
        pair.carried = asked.priority;
        pair.tally.requests_received = pair.tally.requests_received.saturating_add(1);
        pair.tally.responses_sent = pair.tally.responses_sent.saturating_add(1);
        if lite {
            // A lite agent asks for no consent (RFC 7675 §5.1 binds full ones); it follows the peer's own checks.
            (pair.confirmed_at, pair.stale) = (Some(now), false);
        }
        Some(key)
    }

    /// An authentic check of this generation: learn the candidate, check the pair in turn, note a nomination
    /// (RFC 8445 §7.3.1.3 to §7.3.1.5).
    fn on_check(&mut self, now: Instant, asked: &Asked) {
        let limit = self.config.peer_reflexive_limit;
        // To find the candidate, its pair, and perhaps a place for a new one.
        self.current.list.count_pass(2);
        self.current.list.looked_at += 3 * self.current.remotes.len() as u64;
        let (mut at, mut moved) = (self.current.find_remote(asked.remote), false);
        let nominates = asked.nominates && self.role == Role::Controlled;
        let asking = nominates || self.current.phase != Phase::Concluded || self.consent.is_stale();
        if at.is_none() {
            // A check without PRIORITY is answered, but makes no candidate.
            let Some(priority) = asked.priority else {
                self.counters.request_incomplete += 1;
                return;
            };
            if !asking && !self.may_follow(now) {
                self.counters.peer_reflexive_refused += 1;
                return self.hear_late(asked);
            }
            at = self.current.learn(asked.remote, priority, limit, self.config.lite.then_some(now));
            moved = true;
        }
        let Some(at) = at else {
            self.counters.peer_reflexive_refused += 1;
            return;
        };
        let wanted = asking || moved;
        let Some(key) = self.current.list.find(asked.local, at).or_else(|| {
            // After the end of the checks the peer's late ones are answered and make no new pairs.
            wanted.then(|| self.insert_pair(asked.local, at)).flatten()
        }) else {
            return self.hear_late(asked);
        };
        self.count_request(now, false, asked);
        if self.config.lite {
            self.accept_lite(now, key, nominates);
        } else {
            self.trigger(key, nominates);
        }
        self.busy = true;
    }

    /// The peer checks a way that we have no pair for: what it sends there is its own.
    fn hear_late(&mut self, asked: &Asked) {
        if let Some(local) = self.locals.get(usize::from(asked.local)).filter(|local| local.alive) {
            self.current.hear(Path { protocol: local.protocol, local: local.base, remote: asked.remote });
        }
    }

    /// Whether one more new address of the peer's is checked at once, although the checks have ended.
    fn may_follow(&mut self, now: Instant) -> bool {
        let (since, count) = &mut self.followed;
        if now.saturating_duration_since(*since) >= limits::ICE_FOLLOW_TIME {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= limits::MAX_ICE_FOLLOWS
    }

    /// RFC 8445 §7.3.2: a lite agent believes the check and follows the nomination.
    fn accept_lite(&mut self, now: Instant, key: Key, nominates: bool) {
        self.current.list.set_state(key, State::Succeeded);
        self.current.first_valid_at.get_or_insert(now);
        self.paths_changed = true;
        // Of several that are nominated the peer asks for consent on the one it uses (RFC 7675 §5.1): one that it has left is not heard of.
        let used = self.usage.filter(|usage| !usage.previous && usage.pair != key).map(|usage| usage.pair);
        if let Some(used) = used.and_then(|used| self.current.list.get_mut(used)) {
            used.stale |=
                used.confirmed_at.is_some_and(|at| now.saturating_duration_since(at) > LITE_SILENCE);
        }
        if nominates {
            self.nominated(now, key);
        }
        self.choose_path(now);
    }

    /// RFC 8445 §7.3.1.4 and §7.3.1.5.
    pub(crate) fn trigger(&mut self, key: Key, nominates: bool) {
        let Some(pair) = self.current.list.get_mut(key) else { return };
        let (state, transaction) = (pair.state, pair.transaction);
        match state {
            // It had fallen silent, and here the peer is again.
            State::Succeeded if pair.stale => self.current.list.trigger(key, false),
            State::Succeeded if nominates => self.nominated(self.latest.now(), key),
            State::Succeeded => {}
            State::InProgress | State::Frozen | State::Waiting | State::Failed => {
                if nominates {
                    pair.nominating = true;
                }
                if let Some(id) = transaction {
                    pair.transaction = None;
                    self.current.transactions.cancel(id);
                }
                self.current.list.set_state(key, State::Waiting);
                self.current.list.trigger(key, false);
            }
        }
    }

    /// RFC 8445 §7.2.5.
    fn on_response(&mut self, now: Instant, path: Path, message: &Message<'_>) {
        let id = tid(message.transaction_id());
        if let Some(usage) = self.usage.filter(|_| self.consent.awaits(id)) {
            self.on_consent_response(now, usage, path, message);
            return;
        }
        let (Some(transaction), Some(peer)) = (self.current.transactions.get(id), &self.current.peer) else {
            self.counters.response_unknown += 1;
            return;
        };
        if !is_authentic(message, &peer.key) {
            self.counters.response_bad_integrity += 1;
            return;
        }
        let key = transaction.pair;
        let mapped = message.xor_mapped_address();
        let understood = message.unknown_required().next().is_none();
        if understood && message.class() == Class::Success && mapped.is_none() {
            self.counters.response_incomplete += 1;
            return;
        }
        let Some(transaction) = self.current.transactions.remove(id) else { return };
        let Some(pair) = self.current.list.get_mut(key) else { return };
        if pair.transaction == Some(id) {
            pair.transaction = None;
        }
        pair.tally.responses_received = pair.tally.responses_received.saturating_add(1);
        let symmetric = same(&pair.path, &path);
        self.busy = true;
        self.paths_changed = true;
        if !symmetric {
            // RFC 8445 §7.2.5.2.1.
            self.counters.response_asymmetric += 1;
            self.check_failed(key, &transaction);
        } else if !understood {
            // RFC 8489 §6.3.3 and §6.3.4: the transaction has failed, whatever else the answer says.
            self.counters.response_unknown_attributes += 1;
            self.check_failed(key, &transaction);
        } else if let Some(mapped) = mapped.filter(|_| message.class() == Class::Success) {
            self.take_attributes(message);
            self.check_succeeded(now, key, &transaction, mapped);
        } else if message.error_code().is_some_and(|error| error.code == ErrorCode::ROLE_CONFLICT) {
            self.on_role_conflict(key, &transaction);
        } else {
            self.check_failed(key, &transaction);
        }
        self.choose_path(now);
    }

    /// RFC 8445 §7.2.5.3.
    fn check_succeeded(&mut self, now: Instant, key: Key, transaction: &Transaction, mapped: SocketAddr) {
        self.note_mapping(key, canonical(mapped));
        let Some(pair) = self.current.list.get_mut(key).filter(|pair| !pair.revoked) else { return };
        if transaction.sends == 1 {
            pair.measure(now.saturating_duration_since(transaction.sent_at));
        } else {
            pair.guessed_rtt = Some(now.saturating_duration_since(transaction.repeated_at));
        }
        pair.confirmed_at = Some(now);
        pair.stale = false;
        let (foundation, superseded) = (pair.foundation, pair.transaction.take());
        let by_peer = self.role == Role::Controlled && pair.nominating;
        let by_us = self.role == Role::Controlling && transaction.nominates;
        // A triggered check is not needed any more, except one that is to nominate.
        if self.current.phase != Phase::Nominating(key) {
            self.current.list.calm(key);
        }
        if let Some(id) = superseded {
            if self.current.transactions.get(id).is_some_and(|other| other.nominates) {
                self.restore(key, id);
            } else {
                self.current.transactions.cancel(id);
            }
        }
        self.current.list.set_state(key, State::Succeeded);
        self.current.list.thaw(foundation);
        self.current.first_valid_at.get_or_insert(now);
        if by_peer || by_us {
            self.nominated(now, key);
        } else {
            self.doubt_path(now, key);
        }
    }

    fn restore(&mut self, key: Key, id: Tid) {
        if let Some(pair) = self.current.list.get_mut(key) {
            pair.transaction = Some(id);
        }
    }

    /// A check has come to its end without success.
    pub(crate) fn check_failed(&mut self, key: Key, transaction: &Transaction) {
        let Some(pair) = self.current.list.get_mut(key) else { return };
        if transaction.nominates {
            pair.nominating = false;
            if self.current.phase == Phase::Nominating(key) {
                self.current.phase = Phase::Running;
            }
        }
        if !transaction.cancelled && !pair.queued {
            self.lost(key, transaction.nominates);
        }
    }

    /// A pair's check failed. The path in use is consent's to judge, unless the peer refused to have it nominated
    /// (RFC 8445 §7.3.1.5); any other has failed.
    pub(crate) fn lost(&mut self, key: Key, nominating: bool) {
        if nominating || self.usage != Some(Usage { previous: false, pair: key }) {
            if let Some(pair) = self.current.list.get_mut(key) {
                pair.nominated = false;
            }
            self.current.list.set_state(key, State::Failed);
        }
        self.paths_changed = true;
    }

    /// RFC 8445 §7.2.5.3.1: an address of ours that only the peer knew is a peer-reflexive candidate.
    fn note_mapping(&mut self, key: Key, mapped: SocketAddr) {
        let Some(pair) = self.current.list.get_mut(key) else { return };
        let Some(local) = self.locals.get(usize::from(pair.local)) else { return };
        let told = local.address().map(canonical);
        if told == Some(mapped) || canonical(local.base) == mapped {
            return;
        }
        let reflexive = local.reflexive_priority();
        let mut learned = Local { alive: false, ..local.clone() };
        learned.candidate.kind = CandidateKind::PeerReflexive;
        learned.candidate.priority = reflexive;
        learned.candidate.address = CandidateAddress::Ip(mapped.ip());
        learned.candidate.port = mapped.port();
        learned.candidate.related = Some((local.base.ip(), local.base.port()));
        learned.candidate.foundation = format!("prflx{}", local.foundation);
        if pair.local_priority != reflexive {
            pair.local_priority = reflexive;
            self.recompute_priorities();
        }
        let known = self.reflexive.iter().any(|other| other.address() == Some(mapped));
        if !known && self.reflexive.len() < limits::MAX_LOCAL_REFLEXIVE {
            self.reflexive.push(learned);
        }
    }

    /// A pair has been nominated by one side and is valid: it is selected if none better is.
    pub(crate) fn nominated(&mut self, now: Instant, key: Key) {
        let Some(pair) = self.current.list.get_mut(key) else { return };
        pair.nominating = false;
        // Some peers nominate with every check.
        if core::mem::replace(&mut pair.nominated, true) {
            return;
        }
        self.paths_changed = true;
        self.conclude(now);
    }
}

/// A full peer asks for consent on its path every 4 to 6 seconds.
const LITE_SILENCE: Duration = Duration::from_secs(8);

/// Whether an answer is the peer's. Our requests carry MESSAGE-INTEGRITY alone, and the answer's must be of the same kind
/// (RFC 8489 §9.1.4).
pub(crate) fn is_authentic(message: &Message<'_>, key: &IntegrityKey) -> bool {
    message.verify_integrity(key) == Ok(IntegrityKind::Sha1)
}

/// Whether the two are one five-tuple.
pub(crate) fn same(a: &Path, b: &Path) -> bool {
    a.protocol == b.protocol
        && canonical(a.local) == canonical(b.local)
        && canonical(a.remote) == canonical(b.remote)
}

/// The priority a check of this candidate carries.
pub(crate) fn carried_priority(local: &Local) -> u32 {
    candidate::priority(CandidateKind::PeerReflexive, local.preference)
}
