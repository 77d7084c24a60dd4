//! The ICE agent: what a caller asks of it, and the state it keeps.

use core::time::Duration;
use std::collections::VecDeque;

use crate::base::limits;
use crate::base::outbox::Outbox;
use crate::base::slots::Key;
use crate::ice::candidate::{Local, canonical};
use crate::ice::consent::Consent;
use crate::ice::event::Attached;
use crate::ice::gather::Gathering;
use crate::ice::input::same;
use crate::ice::pair::{Pair, pair_priority};
use crate::ice::reply::Reply;
use crate::ice::session::{Peer, Phase, Session};
use crate::ice::stats::Counters;
use crate::ice::{
    CandidatePairState, Config, ConfigError, Credentials, Event, IceConnectionState, IceGatheringState,
    RemoteParameters, Role,
};
use crate::machine::{Machine, Output};
use crate::net::{Datagram, Path};
use crate::rng::Rng;
use crate::stun::IntegrityKey;
use crate::time::{Instant, Latest, Timer};

/// The pair that data goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    /// It belongs to the generation before the restart.
    pub(crate) previous: bool,
    pub(crate) pair: Key,
}

/// How far `close` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    Open,
    /// The closing event is to be told.
    Asked,
    Closed,
}

/// An ICE agent. Give it the datagrams that are STUN, send what it draws, and let data go on [`Agent::active_path`].
///
/// ```
/// use antiphon::ice::{Agent, Config, LocalCandidate, RemoteParameters};
/// use antiphon::{Instant, Output, Rng, Seed};
///
/// let agent = |seed| Agent::new(Instant::ZERO, Rng::new(&Seed::from_bytes([seed; 32])), &Config::new());
/// let (mut a, mut b) = (agent(1)?, agent(2)?);
/// a.add_local_candidate(LocalCandidate::udp("192.0.2.1:5000".parse()?))?;
/// let candidate = b.add_local_candidate(LocalCandidate::udp("192.0.2.2:5000".parse()?))?;
/// a.set_remote(RemoteParameters::new(b.local_credentials().clone()));
/// a.add_remote_candidate(&candidate)?;
/// let mut buf = [0; 1200];
/// let sent = loop {
///     match a.poll_output(Instant::ZERO, &mut buf) {
///         Output::Transmit(transmit) => break transmit,
///         Output::Event(_) => {}
///         Output::Wait(_) => panic!("the first check leaves at once"),
///     }
/// };
/// assert_eq!(sent.path.remote, "192.0.2.2:5000".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one note from a call to the next poll")]
pub struct Agent {
    pub(crate) config: Config,
    pub(crate) rng: Rng,
    pub(crate) latest: Latest,
    pub(crate) role: Role,
    pub(crate) tie_breaker: u64,
    pub(crate) locals: Vec<Local>,
    /// Local candidates that only the peer could know of, for statistics.
    pub(crate) reflexive: Vec<Local>,
    /// The caller has added a loopback host, and so allows loopback.
    pub(crate) loopback: bool,
    pub(crate) gathering: Gathering,
    pub(crate) current: Session,
    /// The generation before a restart, while its path is in use or may still bring data.
    pub(crate) previous: Option<Box<Session>>,
    pub(crate) previous_ends: Timer,
    /// The generation before a restart where it had no path yet: a restart that is taken back leads to it again.
    pub(crate) aside: Option<Box<Session>>,
    pub(crate) usage: Option<Usage>,
    pub(crate) consent: Consent,
    pub(crate) active: Option<Path>,
    pub(crate) selected: Option<Path>,
    pub(crate) selected_changes: u64,
    /// Paths of all valid pairs, of both generations.
    pub(crate) valid: Vec<Path>,
    /// Some pair's validity or nomination changed since the path in use was chosen.
    pub(crate) paths_changed: bool,
    /// Something changed that bears on nomination.
    pub(crate) nomination_due: bool,
    /// Consent for the path in use of the current generation has ended.
    pub(crate) consent_lost: bool,
    pub(crate) state: IceConnectionState,
    pub(crate) gathering_told: IceGatheringState,
    pub(crate) events: Outbox<Event>,
    pub(crate) replies: VecDeque<Reply>,
    pub(crate) counters: Counters,
    pub(crate) attached: Attached,
    pub(crate) attached_received: Option<Attached>,
    pub(crate) closing: Closing,
    /// Something was called since the last `Wait`, or something waits for a buffer.
    pub(crate) busy: bool,
    /// Since when, and how many addresses that the peer was new at after the end of the checks have been checked at once.
    pub(crate) followed: (Instant, u8),
    pub(crate) deadline: Option<Instant>,
}

impl Agent {
    /// An agent with fresh credentials.
    ///
    /// # Errors
    /// [`ConfigError`] names the first setting that cannot be.
    pub fn new(now: Instant, mut rng: Rng, config: &Config) -> Result<Self, ConfigError> {
        config.check()?;
        let credentials = Credentials::generate(&mut rng);
        Ok(Self {
            role: if config.lite { Role::Controlled } else { config.role },
            tie_breaker: rng.u64(),
            rng,
            latest: Latest::new(now),
            locals: Vec::new(),
            reflexive: Vec::new(),
            loopback: false,
            gathering: Gathering::default(),
            current: Session::new(credentials, config),
            previous: None,
            previous_ends: Timer::stopped(),
            aside: None,
            usage: None,
            consent: Consent::default(),
            active: None,
            selected: None,
            selected_changes: 0,
            valid: Vec::new(),
            paths_changed: false,
            nomination_due: false,
            consent_lost: false,
            state: IceConnectionState::New,
            gathering_told: IceGatheringState::New,
            events: Outbox::new(limits::MAX_EVENTS),
            replies: VecDeque::new(),
            counters: Counters::default(),
            attached: Attached::default(),
            attached_received: None,
            closing: Closing::Open,
            busy: false,
            followed: (Instant::ZERO, 0),
            deadline: None,
            config: config.clone(),
        })
    }

    /// User fragment and password of the current generation.
    pub const fn local_credentials(&self) -> &Credentials {
        &self.current.local
    }

    /// What the peer's description said, in the current generation.
    pub fn remote_parameters(&self) -> Option<&RemoteParameters> {
        self.current.peer.as_ref().map(|peer| &peer.parameters)
    }

    /// The pacing to ask for with `a=ice-pacing`, if one was configured.
    pub const fn local_pacing(&self) -> Option<Duration> {
        self.config.pacing
    }

    /// Whether this is a lite agent.
    pub const fn is_lite(&self) -> bool {
        self.config.lite
    }

    /// Sets the role, as offer and answer determine it. A lite side facing a full one is always controlled.
    pub fn set_role(&mut self, role: Role) {
        let peer_is_lite = self.current.peer.as_ref().is_some_and(|peer| peer.parameters.lite);
        let role = match (self.config.lite, self.current.peer.is_some(), peer_is_lite) {
            (false, true, true) => Role::Controlling,
            (true, true, false) => Role::Controlled,
            _ => role,
        };
        if role != self.role {
            self.role = role;
            self.recompute_priorities();
            self.busy = true;
        }
    }

    /// The present role; a conflict with the peer may have changed it.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Takes what the peer's description says. Credentials that differ from those before are a restart by the peer, and
    /// make new ones of ours, unless [`Agent::restart`] was called since. The same ones again change nothing.
    pub fn set_remote(&mut self, remote: RemoteParameters) {
        if self.closing != Closing::Open {
            return;
        }
        if let Some(peer) = &self.current.peer {
            if peer.parameters.credentials == remote.credentials {
                return;
            }
            self.restart();
        }
        let pacing = |asked: Option<Duration>| asked.unwrap_or(Config::DEFAULT_PACING);
        let slower = pacing(self.config.pacing).max(pacing(remote.pacing)).max(Config::MIN_PACING);
        self.current.pacing = slower.min(Config::MAX_PACING);
        // Candidates may have come before the description: those of another generation go now.
        let ufrag = remote.credentials.ufrag();
        self.current.remotes.retain_mut(|r| r.ufrag.take().is_none_or(|named| *named == *ufrag));
        let key = IntegrityKey::short_term(remote.credentials.pwd());
        self.aside = None;
        self.current.peer = Some(Peer { parameters: remote, key });
        self.set_role(self.role);
        for at in 0..self.current.remotes.len() {
            self.pair_with_remote(at);
        }
        self.take_early_checks();
        self.busy = true;
    }

    /// Says that no local candidate follows in this generation.
    pub fn end_of_local_candidates(&mut self) {
        if self.closing == Closing::Open && !core::mem::replace(&mut self.gathering.ended, true) {
            self.events.push(Event::EndOfCandidates);
            self.busy = true;
        }
    }

    /// Says that the peer has no more candidates in this generation.
    pub const fn end_of_remote_candidates(&mut self) {
        self.current.remote_ended = true;
        self.busy = true;
    }

    /// Restarts: new credentials, checks anew; the path in use carries on until a new one is valid (RFC 8445 §9). The
    /// local candidates stay, and whether they are ended.
    pub fn restart(&mut self) {
        let credentials = Credentials::generate(&mut self.rng);
        self.restart_with(credentials);
    }

    /// Restarts with credentials that a description has told already. With those from before a restart the peer has not answered,
    /// it takes that restart back (RFC 9429 §5.7): everything is as it was. Returns whether it did that.
    pub fn restart_with(&mut self, credentials: Credentials) -> bool {
        if self.closing != Closing::Open {
            return false;
        }
        for local in &mut self.locals {
            local.candidate.username_fragment = Some(credentials.ufrag().into());
            local.told = false;
        }
        if self.take_back_restart(&credentials) {
            return true;
        }
        let old = core::mem::replace(&mut self.current, Session::new(credentials, &self.config));
        self.replies.retain(|reply| !reply.previous);
        self.replies.iter_mut().for_each(|reply| reply.previous = true);
        match &mut self.usage {
            Some(usage) if !usage.previous => {
                usage.previous = true;
                let mut old = Box::new(old);
                old.keep_valid();
                old.transactions = crate::ice::check::Transactions::default();
                self.previous = Some(old);
            }
            // A second restart before the first has found a path: the one in use stays.
            Some(_) => self.replies.clear(),
            None => {
                self.previous = None;
                self.aside = old.peer.is_some().then(|| Box::new(old));
            }
        }
        self.previous_ends.stop();
        self.selected = None;
        self.consent_lost = false;
        self.paths_changed = true;
        self.busy = true;
        false
    }

    /// Goes back to the generation of these credentials, if the one after it has no peer yet. Says whether it did.
    fn take_back_restart(&mut self, credentials: &Credentials) -> bool {
        let is_its =
            |session: &Option<Box<Session>>| session.as_ref().is_some_and(|s| s.local == *credentials);
        let (in_use, waiting) = (is_its(&self.previous), is_its(&self.aside));
        if self.current.peer.is_some() || !(in_use || waiting) {
            return false;
        }
        let back = if in_use { self.previous.take() } else { self.aside.take() };
        let Some(back) = back else { return false };
        self.current = *back;
        self.aside = None;
        // Answers to what asked for the generation that is given up are owed to nobody.
        self.replies.retain(|reply| reply.previous);
        self.replies.iter_mut().for_each(|reply| reply.previous = false);
        if let Some(usage) = &mut self.usage {
            usage.previous = false;
        }
        // What was under way then is forgotten: it is begun again.
        self.current.resume();
        for remote in 0..self.current.remotes.len() {
            self.pair_with_known_remote(remote);
        }
        self.recompute_priorities();
        self.busy = true;
        true
    }

    /// Leaves the path of the generation before at once: who is there is not who the new generation is with.
    pub(crate) fn leave_previous(&mut self) {
        self.previous = None;
        self.previous_ends.stop();
        if self.usage.is_some_and(|usage| usage.previous) {
            self.usage = None;
            self.consent.stop();
        }
        self.replies.retain(|reply| !reply.previous);
        self.paths_changed = true;
        self.choose_path(self.latest.now());
        self.busy = true;
    }

    /// Where data goes now: the selected pair, before that the best valid one; `None` without consent.
    pub const fn active_path(&self) -> Option<Path> {
        self.active
    }

    /// Whether data from this path may be believed: the pair has been validated, or the peer still checks it after its end
    /// here, having chosen it for itself (RFC 8445 §12.2).
    pub fn accepts(&self, path: &Path) -> bool {
        let heard = |session: &Session| session.heard.iter().any(|heard| same(heard, path));
        self.active.as_ref() == Some(path)
            || self.valid.iter().any(|valid| same(valid, path))
            || heard(&self.current)
            || self.previous.as_deref().is_some_and(heard)
    }

    /// Whether a check of the peer's has come over this path with the right password, be the path validated or not.
    pub fn is_authenticated(&self, path: &Path) -> bool {
        let heard = |session: &Session| {
            session.list.iter().any(|(_, pair)| same(&pair.path, path) && pair.tally.requests_received > 0)
        };
        let early = |session: &Session| session.early.iter().any(|e| e.remote == canonical(path.remote));
        self.accepts(path)
            || heard(&self.current)
            || early(&self.current)
            || self.previous.as_deref().is_some_and(heard)
    }

    /// Data came over a pair that the peer has validated and we have not: the way works, so it is our check or its answer that was lost.
    /// It is asked again at the next slot, rather than after its timeout; not within the pacing interval of the last time.
    pub fn recheck(&mut self, now: Instant, path: &Path) {
        let unsure = |pair: &Pair| {
            same(&pair.path, path)
                && pair.state == CandidatePairState::InProgress
                && pair.checked_at.is_some_and(|at| at + self.current.pacing <= now)
        };
        let found = self.current.list.iter().find(|(_, pair)| unsure(pair)).map(|(key, _)| key);
        if let Some(key) = found {
            self.trigger(key, false);
            self.busy = true;
        }
    }

    /// The smoothed round trip of the path in use, by its checks.
    pub fn round_trip(&self) -> Option<Duration> {
        let usage = self.usage?;
        self.session(usage.previous)?.list.get(usage.pair)?.smoothed_rtt
    }

    /// What the round trip of the path in use is taken for where it is not measured: the answer to a check that was sent more than once may be
    /// one to an earlier sending, so this is the least it can be.
    pub(crate) fn guessed_round_trip(&self) -> Option<Duration> {
        let usage = self.usage?;
        self.session(usage.previous)?.list.get(usage.pair)?.guessed_rtt
    }

    /// The connection state.
    pub const fn state(&self) -> IceConnectionState {
        self.state
    }

    /// The gathering state.
    pub const fn gathering_state(&self) -> IceGatheringState {
        self.gathering.state()
    }

    /// Sets the opaque attributes that ride in checks and their answers; the parent knows what they mean.
    pub fn set_attached(&mut self, attached: Attached) {
        self.attached = attached;
    }

    /// The opaque attributes of the latest authenticated message that had any, once.
    pub const fn take_attached(&mut self) -> Option<Attached> {
        self.attached_received.take()
    }

    /// Ends the agent: nothing is sent any more, and [`Event::Closed`] is the last output.
    pub fn close(&mut self) {
        if self.closing != Closing::Open {
            return;
        }
        self.closing = Closing::Asked;
        self.state = IceConnectionState::Closed;
        self.current.phase = Phase::Failed;
        self.current.list = crate::ice::checklist::Checklist::new(0);
        self.current.transactions = crate::ice::check::Transactions::default();
        self.previous = None;
        self.aside = None;
        self.usage = None;
        self.active = None;
        self.selected = None;
        self.valid = Vec::new();
        self.current.heard = Vec::new();
        self.consent.stop();
        self.replies.clear();
        self.events.clear();
        self.deadline = None;
        self.busy = true;
    }

    /// Gives back memory that an idle agent does not need.
    pub(crate) fn trim(&mut self) {
        self.events.trim();
        self.replies.shrink_to_fit();
        self.valid.shrink_to_fit();
        self.current.remotes.shrink_to_fit();
        self.current.heard.shrink_to_fit();
        self.current.list.trim();
        self.current.transactions.trim();
        self.locals.shrink_to_fit();
    }

    pub(crate) fn session(&self, previous: bool) -> Option<&Session> {
        if previous { self.previous.as_deref() } else { Some(&self.current) }
    }

    pub(crate) fn session_mut(&mut self, previous: bool) -> Option<&mut Session> {
        if previous { self.previous.as_deref_mut() } else { Some(&mut self.current) }
    }

    /// The priorities of pairs depend on the role (RFC 8445 §6.1.2.3).
    pub(crate) fn recompute_priorities(&mut self) {
        let (role, remotes) = (self.role, &self.current.remotes);
        self.current.list.prioritize(|pair| {
            let theirs = remotes.get(usize::from(pair.remote)).map_or(0, |remote| remote.priority);
            pair_priority(role, pair.local_priority, theirs)
        });
        self.paths_changed = true;
    }

    /// The same agent again: given the same calls it does the same.
    #[cfg(feature = "sim")]
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            config: self.config.clone(),
            rng: self.rng.duplicate(),
            latest: self.latest.clone(),
            role: self.role,
            tie_breaker: self.tie_breaker,
            locals: self.locals.clone(),
            reflexive: self.reflexive.clone(),
            loopback: self.loopback,
            gathering: self.gathering.clone(),
            current: self.current.clone(),
            previous: self.previous.clone(),
            previous_ends: self.previous_ends.clone(),
            aside: self.aside.clone(),
            usage: self.usage,
            consent: self.consent.clone(),
            active: self.active,
            selected: self.selected,
            selected_changes: self.selected_changes,
            valid: self.valid.clone(),
            paths_changed: self.paths_changed,
            nomination_due: self.nomination_due,
            consent_lost: self.consent_lost,
            state: self.state,
            gathering_told: self.gathering_told,
            events: self.events.clone(),
            replies: self.replies.clone(),
            counters: self.counters,
            attached: self.attached.clone(),
            attached_received: self.attached_received.clone(),
            closing: self.closing,
            busy: self.busy,
            followed: self.followed,
            deadline: self.deadline,
        }
    }
}

impl Machine for Agent {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Datagram<'_>) {
        self.handle_input(now, input);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        self.poll_output(now, buf)
    }
}
