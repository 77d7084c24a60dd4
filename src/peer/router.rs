//! Many connections behind one socket: who a datagram is for, and whose deadline is next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::connection::PeerConnection;
use super::demux::{self, Protocol};
use super::event::Event;
use crate::base::limits;
use crate::base::reader::Reader;
use crate::base::slots::{Key, Slots};
use crate::machine::Output;
use crate::net::{Datagram, Path};
use crate::stun;
use crate::time::Instant;

/// Names one connection of a [`Router`]; stale once that is removed.
///
/// ```
/// use antiphon::peer::Router;
/// use antiphon::{Config, Instant, PeerConnection, Seed};
/// use core::time::Duration;
///
/// let (now, seed) = (Instant::from_nanos(1), Seed::from_bytes([1; 32]));
/// let mut router = Router::new();
/// let id = router.insert(PeerConnection::new(now, Duration::from_secs(1_790_000_000), seed, &Config::new())?);
/// assert_eq!(id.index(), 0);
/// assert!(router.remove(id).is_some() && router.remove(id).is_none());
/// # Ok::<(), antiphon::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(Key);

impl ConnectionId {
    /// The connection's slot: small, and unique among the connections that live at one time.
    pub const fn index(self) -> u32 {
        self.0.index()
    }
}

type TransactionId = [u8; 12];

#[derive(Debug)]
struct Entry {
    pc: PeerConnection,
    /// When it is to be polled: now (`ZERO`) after any call, else what it waits for.
    due: Option<Instant>,
    /// The user fragments it is found by: this generation's and the one before.
    ufrags: VecDeque<String>,
    paths: BTreeSet<Path>,
    transactions: VecDeque<TransactionId>,
}

/// Connections by names that are meant to be one connection's own. Two that were made of one seed, or drew the same, have the same; both stay
/// to be found.
#[derive(Debug)]
struct Names<K> {
    first: BTreeMap<K, ConnectionId>,
    /// Who else has the name, nearly always nobody: as many entries as there are connections at the most.
    others: BTreeMap<K, BTreeSet<ConnectionId>>,
}

impl<K> Default for Names<K> {
    fn default() -> Self {
        Self { first: BTreeMap::new(), others: BTreeMap::new() }
    }
}

impl<K: Ord> Names<K> {
    /// Gives a connection a name; false if it has it.
    fn insert(&mut self, name: K, id: ConnectionId) -> bool {
        match self.first.get(&name) {
            None => {
                self.first.insert(name, id);
                true
            }
            Some(first) => *first != id && self.others.entry(name).or_default().insert(id),
        }
    }

    /// Takes a connection's name away.
    fn remove<Q>(&mut self, name: &Q, id: ConnectionId)
    where
        K: core::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut others = self.others.get_mut(name);
        let Some(first) = self.first.get_mut(name) else { return };
        if *first != id {
            others.as_mut().map(|others| others.remove(&id));
        } else if let Some(next) = others.as_mut().and_then(|others| others.pop_first()) {
            *first = next;
        } else {
            self.first.remove(name);
        }
        if others.is_some_and(|others| others.is_empty()) {
            self.others.remove(name);
        }
    }

    /// Who has the name: who had it first, and who else has.
    fn find<Q>(&self, name: &Q) -> Option<(ConnectionId, Option<&BTreeSet<ConnectionId>>)>
    where
        K: core::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let others = if self.others.is_empty() { None } else { self.others.get(name) };
        Some((*self.first.get(name)?, others))
    }
}

/// What happened to datagrams that no connection was given.
///
/// ```
/// use antiphon::peer::Router;
/// assert_eq!(Router::new().stats().routed, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RouterStats {
    /// Datagrams handed to a connection.
    pub routed: u64,
    /// Dropped: STUN whose user fragment or transaction no connection has.
    pub unknown_stun: u64,
    /// Dropped: other datagrams from an address that no connection has authenticated.
    pub unknown_path: u64,
}

/// Connections that share sockets. A datagram finds its connection in O(log n): a STUN request by the user fragment in its USERNAME,
/// a STUN response by its transaction, all else by its addresses, which are entered only after authenticated STUN, and taken from another
/// connection only by an answered check (so that a forged or reused address captures nobody's traffic). Where two connections have the same
/// fragment, the peer's fragment and the password tell them apart. The router also keeps everybody's deadline.
///
/// ```
/// use antiphon::peer::Router;
/// use antiphon::{Config, Instant, Output, PeerConnection, Seed};
/// use core::time::Duration;
///
/// let now = Instant::from_nanos(1_000_000_000);
/// let mut router = Router::new();
/// let pc = PeerConnection::new(now, Duration::from_secs(1_790_000_000), Seed::from_bytes([1; 32]), &Config::new())?;
/// let id = router.insert(pc);
/// let mut buf = [0; 1200];
/// while let Some(id) = router.next_due(now) {
///     while !matches!(router.poll_output(id, now, &mut buf), Some(Output::Wait(_)) | None) {}
/// }
/// // Sleep until `router.deadline()` or a datagram, whichever comes first.
/// assert!(router.get(id).is_some());
/// # Ok::<(), antiphon::ConfigError>(())
/// ```
#[derive(Debug, Default)]
pub struct Router {
    connections: Slots<Entry>,
    by_ufrag: Names<String>,
    by_path: BTreeMap<Path, ConnectionId>,
    by_transaction: Names<TransactionId>,
    deadlines: BTreeSet<(Instant, ConnectionId)>,
    stats: RouterStats,
}

impl Router {
    /// A router of no connections.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a connection; it is due at once.
    pub fn insert(&mut self, pc: PeerConnection) -> ConnectionId {
        let entry = Entry {
            pc,
            due: None,
            ufrags: VecDeque::new(),
            paths: BTreeSet::new(),
            transactions: VecDeque::new(),
        };
        let id = ConnectionId(self.connections.insert(entry));
        self.mark_due(id, Some(Instant::ZERO));
        self.enter_ufrag(id);
        id
    }

    /// Takes a connection out, whatever its state.
    pub fn remove(&mut self, id: ConnectionId) -> Option<PeerConnection> {
        self.mark_due(id, None);
        let entry = self.connections.remove(id.0)?;
        for ufrag in entry.ufrags {
            self.by_ufrag.remove(&ufrag, id);
        }
        for path in entry.paths {
            remove_if(&mut self.by_path, &path, id);
        }
        for transaction in entry.transactions {
            self.by_transaction.remove(&transaction, id);
        }
        Some(entry.pc)
    }

    /// A connection to look at.
    pub fn get(&self, id: ConnectionId) -> Option<&PeerConnection> {
        self.connections.get(id.0).map(|entry| &entry.pc)
    }

    /// A connection to call; it is due at once, since the call may have given it something to say.
    pub fn get_mut(&mut self, id: ConnectionId) -> Option<&mut PeerConnection> {
        self.mark_due(id, Some(Instant::ZERO));
        self.connections.get_mut(id.0).map(|entry| &mut entry.pc)
    }

    /// The ids of all connections, in the order of their slots.
    pub fn ids(&self) -> Vec<ConnectionId> {
        self.connections.iter().map(|(key, _)| ConnectionId(key)).collect()
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// What became of datagrams.
    pub const fn stats(&self) -> &RouterStats {
        &self.stats
    }

    /// Gives a datagram to the connection it is for, which is then due, and says which; `None`: to nobody, and counted.
    pub fn handle_input(&mut self, now: Instant, datagram: Datagram<'_>) -> Option<ConnectionId> {
        let Some(id) = self.route(&datagram) else {
            match demux::classify(datagram.data) {
                Protocol::Stun => self.stats.unknown_stun += 1,
                Protocol::Dtls | Protocol::Rtp | Protocol::Rtcp | Protocol::Other => {
                    self.stats.unknown_path += 1;
                }
            }
            return None;
        };
        let entry = self.connections.get_mut(id.0)?;
        self.stats.routed += 1;
        entry.pc.handle_input(now, datagram);
        self.mark_due(id, Some(Instant::ZERO));
        self.enter_path(id, datagram.path);
        Some(id)
    }

    /// A connection whose deadline has come, or that has been called since it last waited. Poll it until it waits.
    pub fn next_due(&self, now: Instant) -> Option<ConnectionId> {
        self.deadlines.first().filter(|(due, _)| *due <= now).map(|(_, id)| *id)
    }

    /// When the next connection is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// Polls one connection; `None` if the id is stale.
    ///
    /// # Panics
    /// As [`PeerConnection::poll_output`] does.
    pub fn poll_output(
        &mut self,
        id: ConnectionId,
        now: Instant,
        buf: &mut [u8],
    ) -> Option<Output<Path, Event>> {
        let entry = self.connections.get_mut(id.0)?;
        let output = entry.pc.poll_output(now, buf);
        match &output {
            Output::Transmit(transmit) => {
                let sent = buf.get(..transmit.len).unwrap_or_default();
                if let Some((stun::Class::Request, transaction)) = transaction(sent) {
                    self.enter_transaction(id, transaction);
                }
            }
            // With an empty buffer datagrams may still be waiting: it stays due.
            Output::Wait(_) if buf.is_empty() => {}
            Output::Wait(wait) => {
                let wait = *wait;
                self.mark_due(id, wait);
                self.enter_ufrag(id);
            }
            Output::Event(_) => {}
        }
        Some(output)
    }

    fn route(&self, datagram: &Datagram<'_>) -> Option<ConnectionId> {
        if demux::classify(datagram.data) != Protocol::Stun {
            return self.by_path.get(&datagram.path).copied();
        }
        if let Some(username) = stun::binding_username(datagram.data) {
            // RFC 8445 §7.2.2: the receiver's fragment comes first.
            let ufrag = username.split(|byte| *byte == b':').next()?;
            let named = self.by_ufrag.find(core::str::from_utf8(ufrag).ok()?)?;
            return Some(self.meant(named, datagram));
        }
        let (_, transaction) = transaction(datagram.data)?;
        let asked = self.by_transaction.find(&transaction).map(|asked| self.meant(asked, datagram));
        asked.or_else(|| self.by_path.get(&datagram.path).copied())
    }

    /// Of those that share a name the one whose peer's message this is, by the other half of the name and by the password; what is
    /// nobody's goes to the first, who counts it.
    fn meant(
        &self,
        (first, others): (ConnectionId, Option<&BTreeSet<ConnectionId>>),
        datagram: &Datagram<'_>,
    ) -> ConnectionId {
        let Some(others) = others else { return first };
        let Ok(message) = stun::Message::parse(datagram.data) else { return first };
        let is_its = |id: &&ConnectionId| {
            self.connections.get(id.0).is_some_and(|entry| entry.pc.transport.ice.is_from_peer(&message))
        };
        core::iter::once(&first).chain(others).find(is_its).copied().unwrap_or(first)
    }

    fn mark_due(&mut self, id: ConnectionId, due: Option<Instant>) {
        let Some(entry) = self.connections.get_mut(id.0) else { return };
        if entry.due == due {
            return;
        }
        if let Some(before) = entry.due {
            self.deadlines.remove(&(before, id));
        }
        entry.due = due;
        if let Some(due) = due {
            self.deadlines.insert((due, id));
        }
    }

    fn enter_ufrag(&mut self, id: ConnectionId) {
        let Some(entry) = self.connections.get_mut(id.0) else { return };
        let ufrag = entry.pc.local_username_fragment();
        if entry.ufrags.back().is_some_and(|known| known == ufrag) {
            return;
        }
        let ufrag = ufrag.to_owned();
        entry.ufrags.push_back(ufrag.clone());
        if entry.ufrags.len() > 2
            && let Some(old) = entry.ufrags.pop_front()
        {
            self.by_ufrag.remove(&old, id);
        }
        self.by_ufrag.insert(ufrag, id);
    }

    /// Binds a path to a connection once that has authenticated STUN from it. A path another connection holds goes over to the new one
    /// where its peer has answered a check of ours there: it reuses its port. An authentic request alone proves no address, since its
    /// source may be forged by a peer that has the password of its own connection.
    fn enter_path(&mut self, id: ConnectionId, path: Path) {
        let holder = self.by_path.get(&path);
        // What nearly every datagram comes by: one look, where the proof may take one at every pair.
        if holder == Some(&id) {
            return;
        }
        let held = holder.is_some();
        let Some(entry) = self.connections.get_mut(id.0) else { return };
        let proved = if held { entry.pc.has_validated(&path) } else { entry.pc.has_authenticated(&path) };
        if !proved {
            return;
        }
        if entry.paths.len() >= limits::MAX_ROUTED_PATHS {
            // One that never answered a check of ours goes first: a peer's checks from ever new addresses must not cost it the path in use.
            let unproved = entry.paths.iter().find(|known| !entry.pc.has_validated(known));
            if let Some(old) = unproved.or(entry.paths.first()).copied() {
                entry.paths.remove(&old);
                remove_if(&mut self.by_path, &old, id);
            }
        }
        entry.paths.insert(path);
        if let Some(before) = self.by_path.insert(path, id)
            && let Some(loser) = self.connections.get_mut(before.0)
        {
            loser.paths.remove(&path);
        }
    }

    fn enter_transaction(&mut self, id: ConnectionId, transaction: TransactionId) {
        let Some(entry) = self.connections.get_mut(id.0) else { return };
        if !self.by_transaction.insert(transaction, id) {
            return; // A retransmission.
        }
        entry.transactions.push_back(transaction);
        if entry.transactions.len() > limits::MAX_ROUTED_TRANSACTIONS
            && let Some(old) = entry.transactions.pop_front()
        {
            self.by_transaction.remove(&old, id);
        }
    }
}

/// Class and transaction of a STUN message, without a look at the rest.
fn transaction(datagram: &[u8]) -> Option<(stun::Class, TransactionId)> {
    if !stun::is_stun(datagram) {
        return None;
    }
    let mut reader = Reader::new(datagram);
    let class = stun::Class::of(reader.u16()?);
    reader.skip(6)?;
    Some((class, reader.array()?))
}

/// Removes `key` if it still belongs to `id`.
fn remove_if<K, Q>(map: &mut BTreeMap<K, ConnectionId>, key: &Q, id: ConnectionId)
where
    K: Ord + core::borrow::Borrow<Q>,
    Q: Ord + ?Sized,
{
    if map.get(key) == Some(&id) {
        map.remove(key);
    }
}
