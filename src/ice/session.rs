//! One generation of an agent: both sides' credentials, the peer's candidates and the checks between.

use core::time::Duration;
use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::base::limits;
use crate::base::slots::Key;
use crate::ice::candidate::Remote;
use crate::ice::check::Transactions;
use crate::ice::checklist::Checklist;
use crate::ice::pair::Pair;
use crate::ice::{Config, Credentials, RemoteParameters};
use crate::net::Path;
use crate::sdp::candidate::{CandidateKind, Transport};
use crate::stun::{IntegrityKey, TransactionId};
use crate::time::{Instant, Timer};

/// The peer's side of a generation.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) parameters: RemoteParameters,
    pub(crate) key: IntegrityKey,
}

/// How far a generation is.
///
/// ```text
///  Running ──▶ Nominating ──▶ Concluded      any ──▶ Failed
///     └──────── (controlled) ─────▲
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Checks go on.
    Running,
    /// Controlling: this pair's nomination is under way.
    Nominating(Key),
    /// A pair has been nominated.
    Concluded,
    /// Nothing worked, or consent is gone.
    Failed,
}

/// A check that came before the peer's description (RFC 8445 §7.3).
#[derive(Clone, Debug)]
pub(crate) struct Early {
    pub(crate) local: u16,
    pub(crate) remote: SocketAddr,
    pub(crate) ufrag: Box<[u8]>,
    pub(crate) priority: Option<u32>,
    pub(crate) nominates: bool,
}

/// One generation, from a restart to the next.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) local: Credentials,
    pub(crate) local_key: IntegrityKey,
    pub(crate) peer: Option<Peer>,
    pub(crate) remotes: Vec<Remote>,
    pub(crate) remote_ended: bool,
    pub(crate) list: Checklist,
    pub(crate) transactions: Transactions,
    pub(crate) early: Vec<Early>,
    /// The latest checks that a lite agent has acted on.
    known: VecDeque<TransactionId>,
    /// Where the peer has checked since the pair was dropped with the end of our checks: it may send there (RFC 8445 §12.2).
    pub(crate) heard: Vec<Path>,
    pub(crate) phase: Phase,
    /// The interval between new checks.
    pub(crate) pacing: Duration,
    /// No new check before this instant.
    pub(crate) pace_at: Instant,
    /// When the first pair became valid.
    pub(crate) first_valid_at: Option<Instant>,
    /// When to look again whether to nominate.
    pub(crate) nominate: Timer,
    /// RFC 8863.
    pub(crate) patience: Timer,
    pub(crate) started: bool,
    /// The priority of the best valid pair: lower ones are not tried any more.
    pub(crate) floor: u64,
    /// How often the peer has disputed our role.
    pub(crate) conflicts: u8,
    next_group: u16,
}

impl Session {
    pub(crate) fn new(local: Credentials, config: &Config) -> Self {
        Self {
            local_key: IntegrityKey::short_term(local.pwd()),
            local,
            peer: None,
            remotes: Vec::new(),
            remote_ended: false,
            list: Checklist::new(config.pair_limit),
            transactions: Transactions::default(),
            early: Vec::new(),
            known: VecDeque::new(),
            heard: Vec::new(),
            phase: Phase::Running,
            pacing: Config::DEFAULT_PACING,
            pace_at: Instant::ZERO,
            first_valid_at: None,
            nominate: Timer::stopped(),
            patience: Timer::stopped(),
            started: false,
            floor: 0,
            conflicts: 0,
            next_group: 0,
        }
    }

    /// The position of the candidate at this address.
    pub(crate) fn find_remote(&self, address: SocketAddr) -> Option<u16> {
        let at = self.remotes.iter().position(|remote| remote.address == Some(address))?;
        u16::try_from(at).ok()
    }

    /// The group of a foundation: that of another candidate with the same one, or a new one.
    pub(crate) fn group(&mut self, foundation: &str) -> u16 {
        if let Some(like) = self.remotes.iter().find(|remote| *remote.foundation == *foundation) {
            return like.group;
        }
        self.fresh_group()
    }

    fn fresh_group(&mut self) -> u16 {
        self.next_group = self.next_group.wrapping_add(1);
        self.next_group
    }

    /// The candidate that a check from an unknown address makes (RFC 8445 §7.3.1.3). At the limit the place of one
    /// whose pairs all failed is taken; `None` if there is none such. A lite agent's pairs do not fail: it says the time, and those on which the
    /// peer has long been silent count as failed.
    pub(crate) fn learn(
        &mut self,
        address: SocketAddr,
        priority: u32,
        limit: usize,
        lite: Option<Instant>,
    ) -> Option<u16> {
        let full = self.remotes.iter().filter(|remote| remote.is_learned()).count() >= limit;
        let place = if full { Some(self.hopeless(lite)?) } else { None };
        let group = self.fresh_group();
        let remote = Remote {
            address: Some(address),
            name: None,
            port: address.port(),
            transport: Transport::Udp,
            kind: CandidateKind::PeerReflexive,
            priority,
            foundation: format!("prflx{group}").into(),
            group,
            ufrag: None,
            hopeful: true,
        };
        if let Some(at) = place {
            self.drop_pairs(|_, remote| remote == at);
            *self.remotes.get_mut(usize::from(at))? = remote;
            return Some(at);
        }
        self.remotes.push(remote);
        u16::try_from(self.remotes.len() - 1).ok()
    }

    /// A learned candidate whose pairs have all failed. One pass over the pairs, however many candidates there are: checks from
    /// ever new addresses are cheap to send.
    fn hopeless(&mut self, lite: Option<Instant>) -> Option<u16> {
        for remote in &mut self.remotes {
            remote.hopeful = remote.kind != CandidateKind::PeerReflexive;
        }
        let failed = crate::ice::CandidatePairState::Failed;
        let works = |pair: &Pair| lite.map_or(pair.state != failed, |now| pair.is_usable(now));
        for (_, pair) in self.list.iter().filter(|(_, pair)| works(pair) || pair.revoked) {
            if let Some(remote) = self.remotes.get_mut(usize::from(pair.remote)) {
                remote.hopeful = true;
            }
        }
        let at = self.remotes.iter().position(|remote| !remote.hopeful)?;
        u16::try_from(at).ok()
    }

    /// Removes the pairs of which `doomed` is true by their local and remote positions.
    pub(crate) fn drop_pairs(&mut self, doomed: impl Fn(u16, u16) -> bool) {
        self.list.retain(|pair| !doomed(pair.local, pair.remote));
        self.forget_orphans();
    }

    /// Forgets the checks of pairs that are gone.
    fn forget_orphans(&mut self) {
        self.list.looked_at += self.transactions.len() as u64;
        let list = &self.list;
        self.transactions.retain(|key| list.get(key).map(|_| key));
    }

    /// Goes on after a pause in which checks were not tended: each that was under way is due again, a nomination is thought over.
    pub(crate) fn resume(&mut self) {
        self.transactions = Transactions::default();
        let under_way: Vec<Key> = self
            .list
            .iter()
            .filter(|(_, pair)| pair.state == crate::ice::CandidatePairState::InProgress)
            .map(|(key, _)| key)
            .collect();
        for key in under_way {
            self.list.set_state(key, crate::ice::CandidatePairState::Waiting);
        }
        for (_, pair) in self.list.iter_mut() {
            pair.transaction = None;
            pair.nominating = false;
        }
        if let Phase::Nominating(_) = self.phase {
            self.phase = Phase::Running;
        }
    }

    /// Drops every pair that does not work and is not being nominated.
    pub(crate) fn keep_valid(&mut self) {
        self.list.retain(|pair| pair.is_valid() || pair.nominating || pair.revoked);
        self.forget_orphans();
        self.early = Vec::new();
        self.nominate.stop();
    }

    /// Notes a check of the peer's; false if it has come before.
    pub(crate) fn is_news(&mut self, id: TransactionId) -> bool {
        self.list.looked_at += self.known.len() as u64;
        if self.known.contains(&id) {
            return false;
        }
        if self.known.len() >= limits::MAX_KNOWN_CHECKS {
            self.known.pop_front();
        }
        self.known.push_back(id);
        true
    }

    /// Whether the peer's end of one pair is the other's by all that its checks say, and nothing but a check has told of it: what a copy
    /// of a check from another address makes.
    pub(crate) fn is_like(&self, pair: &Pair, other: &Pair) -> bool {
        let learned = self.remotes.get(usize::from(pair.remote)).is_some_and(Remote::is_learned);
        learned && pair.carried == other.carried
    }

    /// Notes a path without a pair on which the peer is heard; the latest are kept.
    pub(crate) fn hear(&mut self, path: Path) {
        if self.heard.contains(&path) {
            return;
        }
        if self.heard.len() >= limits::MAX_HEARD_PATHS {
            self.heard.remove(0);
        }
        self.heard.push(path);
    }

    pub(crate) const fn is_failed(&self) -> bool {
        matches!(self.phase, Phase::Failed)
    }
}
