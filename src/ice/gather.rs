//! Where candidates come from: host ones from the caller, the peer's from its descriptions. Server-reflexive and
//! relayed ones will be asked for here.

use std::net::SocketAddr;

use crate::base::limits;
use crate::base::slots::Key;
use crate::ice::agent::{Agent, Closing, Usage};
use crate::ice::candidate::{self, Local, Remote, canonical, is_mdns_name, pairable, scoped, screen};
use crate::ice::pair::{Pair, Tally, pair_priority};
use crate::ice::session::Phase;
use crate::ice::{CandidateError, CandidatePairState, Event, IceGatheringState, LocalCandidate};
use crate::net::{Path, Protocol};
use crate::sdp::candidate::{Candidate, CandidateAddress, CandidateKind, Transport};

/// How far gathering is in this generation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathering {
    /// A candidate was added.
    pub(crate) begun: bool,
    /// The caller has said that no socket follows.
    pub(crate) ended: bool,
    /// Questions to servers that are not answered yet.
    pub(crate) pending: u32,
}

impl Gathering {
    pub(crate) const fn state(&self) -> IceGatheringState {
        match (self.ended && self.pending == 0, self.begun) {
            (true, _) => IceGatheringState::Complete,
            (false, true) => IceGatheringState::Gathering,
            (false, false) => IceGatheringState::New,
        }
    }
}

impl Agent {
    /// Adds a socket's address, and returns the candidate to tell the peer.
    ///
    /// # Errors
    /// [`CandidateError`] where the address cannot be a candidate.
    pub fn add_local_candidate(&mut self, local: LocalCandidate) -> Result<Candidate, CandidateError> {
        if self.closing != Closing::Open {
            return Err(CandidateError::Closed);
        }
        let base = local.base;
        let address = local.advertised.unwrap_or(base);
        screen(base.ip(), base.port(), true)?;
        screen(address.ip(), address.port(), true)?;
        if address.is_ipv4() != base.is_ipv4() {
            return Err(CandidateError::Family { base: base.ip(), advertised: address.ip() });
        }
        if self.local_at(base).is_some() {
            return Err(CandidateError::Duplicate(base.ip(), base.port()));
        }
        let place = self.vacant(base);
        if place.is_none() && self.locals.len() >= limits::MAX_LOCAL_CANDIDATES {
            return Err(CandidateError::TooMany { limit: limits::MAX_LOCAL_CANDIDATES });
        }
        let entry = self.host(&local, address);
        let candidate = entry.candidate.clone();
        self.loopback |= base.ip().is_loopback();
        let at = place.unwrap_or(self.locals.len());
        match self.locals.get_mut(at) {
            Some(slot) => *slot = entry,
            None => self.locals.push(entry),
        }
        self.gathering.begun = true;
        self.events.push(Event::Candidate(candidate.clone()));
        if self.current.peer.is_some() {
            for remote in 0..self.current.remotes.len() {
                self.form_pair(at, remote);
            }
        }
        self.busy = true;
        Ok(candidate)
    }

    /// The slot of a socket that is gone: if there is one that of the same address, and only if there is no room for more slots that of one
    /// the peer may know.
    fn vacant(&self, base: SocketAddr) -> Option<usize> {
        let find = |wanted: &dyn Fn(&Local) -> bool| self.locals.iter().position(|l| !l.alive && wanted(l));
        let full = self.locals.len() >= limits::MAX_LOCAL_CANDIDATES;
        find(&|local| local.base == base).or_else(|| find(&|local| !local.told)).or_else(|| find(&|_| full))
    }

    /// A host candidate: its foundation by its address (RFC 8445 §5.1.1.3), its priority by its place in its family.
    fn host(&self, local: &LocalCandidate, address: SocketAddr) -> Local {
        let hosts = || self.locals.iter().filter(|other| other.alive);
        let like = hosts().find(|other| other.base.ip() == local.base.ip());
        let unused = || (1..=u16::MAX).find(|n| hosts().all(|other| other.foundation != *n)).unwrap_or(0);
        let foundation = like.map_or_else(unused, |other| other.foundation);
        let ipv6 = local.base.is_ipv6();
        // A socket that comes back is what the peer knows it as; another gets the best preference of its family that nobody has, or had in
        // this generation.
        let back = self.locals.iter().find(|other| other.told && other.base == local.base);
        let back = back.map(|other| other.preference);
        let taken = |p: u16| self.locals.iter().any(|it| (it.alive || it.told) && it.preference == p);
        let places = 0..=limits::MAX_LOCAL_CANDIDATES;
        let mut ranks = places.map(|nth| candidate::interleaved_preference(ipv6, nth));
        let preference = local.preference.or(back).or_else(|| ranks.find(|p| !taken(*p))).unwrap_or(0);
        Local {
            base: local.base,
            protocol: local.protocol,
            preference,
            foundation,
            alive: true,
            told: false,
            candidate: Candidate {
                foundation: foundation.to_string(),
                component: 1,
                transport: Transport::Udp,
                priority: candidate::priority(CandidateKind::Host, preference),
                address: CandidateAddress::Ip(address.ip()),
                port: address.port(),
                kind: CandidateKind::Host,
                related: None,
                username_fragment: Some(self.current.local.ufrag().into()),
                extensions: Vec::new(),
            },
        }
    }

    /// Forgets the candidate whose socket is bound to `base`, and every pair of it: the socket is gone.
    pub fn remove_local_candidate(&mut self, base: SocketAddr) {
        let Some(at) = self.local_at(base) else { return };
        if let Some(local) = self.locals.get_mut(usize::from(at)) {
            (local.alive, local.told) = (false, true);
        }
        self.current.early.retain(|early| early.local != at);
        self.current.drop_pairs(|local, _| local == at);
        if let Some(previous) = &mut self.previous {
            previous.drop_pairs(|local, _| local == at);
        }
        if let Phase::Nominating(key) = self.current.phase
            && self.current.list.get(key).is_none()
        {
            self.current.phase = Phase::Running;
        }
        let lost =
            |usage: &Usage| self.session(usage.previous).is_none_or(|s| s.list.get(usage.pair).is_none());
        if self.usage.as_ref().is_some_and(lost) {
            self.usage = None;
            self.consent.stop();
        }
        let alive = &self.locals;
        self.replies.retain(|reply| alive.iter().any(|l| l.alive && l.base == reply.path.local));
        self.paths_changed = true;
        self.choose_path(self.latest.now());
        self.busy = true;
    }

    /// Our candidates, as the peer should know them.
    pub fn local_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.locals.iter().filter(|local| local.alive).map(|local| &local.candidate)
    }

    /// Takes a candidate of the peer. One that cannot be paired (TCP, an unresolved name) is kept in silence, and so is
    /// one that comes before the peer's parameters. One that comes after the end of the candidates is taken all the same, where RFC 8838
    /// §14 would have it ignored: signalling may change the order, and an address may be found late.
    ///
    /// # Errors
    /// [`CandidateError`] where the address must not be sent to, or the candidate is not of this generation.
    pub fn add_remote_candidate(&mut self, candidate: &Candidate) -> Result<(), CandidateError> {
        if self.closing != Closing::Open {
            return Err(CandidateError::Closed);
        }
        if candidate.component != 1 {
            return Err(CandidateError::Component(candidate.component));
        }
        let named = candidate.username_fragment.as_deref();
        if let (Some(peer), Some(named)) = (&self.current.peer, named)
            && peer.parameters.credentials.ufrag() != named
        {
            return Err(CandidateError::Generation);
        }
        let (address, name) = match &candidate.address {
            CandidateAddress::Ip(ip) => {
                // The port of a TCP candidate that only opens says nothing (RFC 6544 §4.1).
                let port = if candidate.transport == Transport::Udp { candidate.port } else { 9 };
                screen(*ip, port, self.loopback)?;
                let pairable = candidate.transport == Transport::Udp;
                (pairable.then(|| SocketAddr::new(*ip, candidate.port)), None)
            }
            CandidateAddress::Name(name) if is_mdns_name(name) => (None, Some(name.as_str().into())),
            CandidateAddress::Name(_) => return Err(CandidateError::Name),
        };
        if let Some(known) = address.and_then(|address| self.current.find_remote(address)) {
            self.improve_remote(known, candidate);
            return Ok(());
        }
        let signalled = self.current.remotes.iter().filter(|remote| !remote.is_learned()).count();
        if signalled >= self.config.remote_candidate_limit {
            return Err(CandidateError::TooMany { limit: self.config.remote_candidate_limit });
        }
        self.counters.candidates_unpaired += u64::from(address.is_none());
        let group = self.current.group(&candidate.foundation);
        self.current.remotes.push(Remote {
            address,
            name,
            port: candidate.port,
            transport: candidate.transport,
            kind: candidate.kind,
            priority: candidate.priority,
            foundation: candidate.foundation.as_str().into(),
            group,
            ufrag: named.filter(|_| self.current.peer.is_none()).map(Into::into),
            hopeful: true,
        });
        if self.current.peer.is_some() {
            self.pair_with_remote(self.current.remotes.len() - 1);
        }
        self.busy = true;
        Ok(())
    }

    /// The signalled form of a candidate that a check had shown already (RFC 8445 §7.3.1.3), or a redundant one.
    fn improve_remote(&mut self, at: u16, candidate: &Candidate) {
        let group = self.current.group(&candidate.foundation);
        let Some(remote) = self.current.remotes.get_mut(usize::from(at)) else { return };
        if remote.kind != CandidateKind::PeerReflexive {
            return;
        }
        remote.kind = candidate.kind;
        remote.priority = remote.priority.max(candidate.priority);
        remote.foundation = candidate.foundation.as_str().into();
        remote.group = group;
        for (_, pair) in self.current.list.iter_mut().filter(|(_, pair)| pair.remote == at) {
            pair.foundation.1 = group;
        }
        self.recompute_priorities();
        self.pair_with_known_remote(usize::from(at));
        self.busy = true;
    }

    /// The position of the living candidate whose socket is bound to `base`.
    pub(crate) fn local_at(&self, base: SocketAddr) -> Option<u16> {
        let wanted = canonical(base);
        let at = self.locals.iter().position(|local| local.alive && canonical(local.base) == wanted)?;
        u16::try_from(at).ok()
    }

    /// Pairs a new candidate of the peer's with each of ours.
    pub(crate) fn pair_with_remote(&mut self, remote: usize) {
        for local in 0..self.locals.len() {
            self.form_pair(local, remote);
        }
    }

    /// Pairs a candidate of the peer's with each of ours that it has not met.
    pub(crate) fn pair_with_known_remote(&mut self, remote: usize) {
        for local in 0..self.locals.len() {
            let ids = u16::try_from(local).ok().zip(u16::try_from(remote).ok());
            let met = ids.is_some_and(|(local, remote)| self.current.list.find(local, remote).is_some());
            if !met {
                self.form_pair(local, remote);
            }
        }
    }

    /// Pairs two candidates that have not met, if that makes sense. A lite agent forms pairs as it is asked. A check that arrives needs
    /// no such sense: its path is there (RFC 8445 §7.3.1.4).
    fn form_pair(&mut self, local: usize, remote: usize) {
        let peer_is_lite = self.current.peer.as_ref().is_some_and(|peer| peer.parameters.lite);
        let idle = matches!(self.current.phase, Phase::Concluded | Phase::Failed);
        if idle || (self.config.lite && !peer_is_lite) {
            return;
        }
        let (Ok(local), Ok(remote)) = (u16::try_from(local), u16::try_from(remote)) else { return };
        let base = self.locals.get(usize::from(local)).map(|local| local.base.ip());
        let address = self.current.remotes.get(usize::from(remote)).and_then(|remote| remote.address);
        if base.zip(address).is_some_and(|(base, address)| pairable(base, address.ip())) {
            self.insert_pair(local, remote);
        }
    }

    /// Adds the pair, whatever the phase.
    pub(crate) fn insert_pair(&mut self, local: u16, remote: u16) -> Option<Key> {
        let ours = self.locals.get(usize::from(local)).filter(|l| l.alive && l.protocol == Protocol::Udp)?;
        let theirs = self.current.remotes.get(usize::from(remote))?;
        let address = theirs.address?;
        let pair = Pair {
            local,
            remote,
            foundation: (ours.foundation, theirs.group),
            local_priority: ours.candidate.priority,
            priority: pair_priority(self.role, ours.candidate.priority, theirs.priority),
            carried: None,
            state: CandidatePairState::Frozen,
            path: Path { protocol: ours.protocol, local: ours.base, remote: scoped(address, ours.base) },
            queued: false,
            nominating: false,
            nominated: false,
            stale: false,
            revoked: false,
            transaction: None,
            checked_at: None,
            confirmed_at: None,
            smoothed_rtt: None,
            guessed_rtt: None,
            tally: Tally::default(),
        };
        let (key, dropped) = self.current.list.insert(pair);
        self.counters.pairs_dropped += dropped;
        Some(key)
    }
}
