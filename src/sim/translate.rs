//! A [`Nat`] at work: its mappings, whom each has sent to, and what it forgets.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::nat::{Filtering, Hairpin, Mapping, Nat, Ports};
use super::seed::{Dice, label};
use crate::base::limits;
use crate::time::Instant;

/// What a mapping is for: the internal address and as much of the destination as the NAT looks at.
type Key = (SocketAddr, Option<IpAddr>, Option<u16>);

#[derive(Clone, Debug)]
struct Entry {
    external: SocketAddr,
    /// Whom it was used to send to, and when last.
    sent_to: BTreeMap<SocketAddr, Instant>,
    used_at: Instant,
}

/// A NAT's table.
#[derive(Clone, Debug)]
pub(super) struct Translator {
    nat: Nat,
    addresses: Vec<IpAddr>,
    entries: BTreeMap<Key, Entry>,
    /// Which entries have an external address; more than one where ports are overloaded.
    by_external: BTreeMap<SocketAddr, Vec<Key>>,
    dice: Dice,
    next_port: u16,
    /// It has forgotten everything once: ports are not preserved any more, as those of a NAT that was restarted under load.
    shuffled: bool,
}

/// Ports a NAT gives away.
const FIRST_PORT: u16 = 1024;

impl Translator {
    pub(super) fn new(nat: Nat, addresses: &[IpAddr], dice: Dice) -> Self {
        Self {
            nat,
            addresses: addresses.to_vec(),
            entries: BTreeMap::new(),
            by_external: BTreeMap::new(),
            dice,
            next_port: 49_152,
            shuffled: false,
        }
    }

    pub(super) const fn nat(&self) -> &Nat {
        &self.nat
    }

    /// What tells it from other NATs.
    pub(super) fn label(&self) -> u64 {
        self.addresses.first().map_or(0, |ip| label(SocketAddr::new(*ip, 0)))
    }

    pub(super) fn owns(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// Changes its manners; what is mapped stays.
    pub(super) fn set(&mut self, nat: Nat) {
        self.nat = nat;
    }

    /// Forgets every mapping; new ones get other ports.
    pub(super) fn forget(&mut self) {
        self.entries.clear();
        self.by_external.clear();
        self.shuffled = true;
    }

    fn key(&self, from: SocketAddr, to: SocketAddr) -> Key {
        match self.nat.mapping {
            Mapping::EndpointIndependent => (from, None, None),
            Mapping::AddressDependent => (from, Some(to.ip()), None),
            Mapping::AddressAndPortDependent => (from, Some(to.ip()), Some(to.port())),
        }
    }

    fn is_dead(&self, entry: &Entry, now: Instant) -> bool {
        now.saturating_duration_since(entry.used_at) > self.nat.lifetime
    }

    fn remove(&mut self, key: &Key) {
        let Some(entry) = self.entries.remove(key) else { return };
        if let Some(keys) = self.by_external.get_mut(&entry.external) {
            keys.retain(|other| other != key);
            if keys.is_empty() {
                self.by_external.remove(&entry.external);
            }
        }
    }

    /// A datagram goes out: the address it has outside.
    pub(super) fn outbound(&mut self, now: Instant, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        if self.nat.blocks_udp {
            return None;
        }
        let key = self.key(from, to);
        if self.entries.get(&key).is_some_and(|entry| self.is_dead(entry, now)) {
            self.remove(&key);
        }
        if !self.entries.contains_key(&key) {
            let external = self.allocate(now, from)?;
            self.by_external.entry(external).or_default().push(key);
            self.entries.insert(key, Entry { external, sent_to: BTreeMap::new(), used_at: now });
        }
        let entry = self.entries.get_mut(&key)?;
        entry.used_at = now;
        entry.sent_to.insert(to, now);
        if entry.sent_to.len() > limits::SIM_NAT_PEERS {
            let oldest = entry.sent_to.iter().min_by_key(|(_, at)| **at).map(|(peer, _)| *peer);
            oldest.map(|peer| entry.sent_to.remove(&peer));
        }
        Some(entry.external)
    }

    /// A datagram comes to an external address: whose it is inside, if it is let in.
    pub(super) fn inbound(&mut self, now: Instant, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        if self.nat.blocks_udp {
            return None;
        }
        if !self.nat.translates && self.nat.filtering == Filtering::EndpointIndependent {
            return Some(to);
        }
        let keys = self.by_external.get(&to)?;
        let admits = |key: &&Key| {
            self.entries.get(*key).is_some_and(|entry| {
                !self.is_dead(entry, now) && admits(self.nat.filtering, entry, from, now, &self.nat)
            })
        };
        // Of two hosts with one external port the one that has sent to where this comes from.
        let sent_there =
            |key: &&Key| self.entries.get(*key).is_some_and(|entry| entry.sent_to.contains_key(&from));
        let key = *keys.iter().filter(admits).find(sent_there).or_else(|| keys.iter().find(admits))?;
        if self.nat.refreshed_by_inbound
            && let Some(entry) = self.entries.get_mut(&key)
        {
            entry.used_at = now;
            entry.sent_to.entry(from).and_modify(|at| *at = now);
        }
        Some(key.0)
    }

    /// Whose an external address is, whether or not it would let anything in.
    pub(super) fn peek(&self, to: SocketAddr) -> Option<SocketAddr> {
        if !self.nat.translates {
            return Some(to);
        }
        self.by_external.get(&to).and_then(|keys| keys.first()).map(|key| key.0)
    }

    /// What the source of a hairpinned datagram looks like; `None`: it is dropped.
    pub(super) const fn hairpin(&self, internal: SocketAddr, external: SocketAddr) -> Option<SocketAddr> {
        match self.nat.hairpin {
            Hairpin::No => None,
            Hairpin::Yes => Some(external),
            Hairpin::InternalSource => Some(internal),
        }
    }

    /// An external address for a new mapping.
    fn allocate(&mut self, now: Instant, from: SocketAddr) -> Option<SocketAddr> {
        if !self.nat.translates {
            return Some(from);
        }
        if self.entries.len() >= limits::SIM_NAT_MAPPINGS {
            self.purge(now);
        }
        let ip = self.external_ip(from)?;
        let free = |this: &Self, port: u16| !this.by_external.contains_key(&SocketAddr::new(ip, port));
        let preserves = matches!(self.nat.ports, Ports::Preserve | Ports::Overload) && !self.shuffled;
        if preserves && (self.nat.ports == Ports::Overload || free(self, from.port())) {
            return Some(SocketAddr::new(ip, from.port()));
        }
        let odd = self.nat.keep_parity.then_some(from.port() % 2);
        for _ in 0..limits::SIM_NAT_MAPPINGS {
            let port = self.next_port();
            if odd.is_none_or(|odd| port % 2 == odd) && free(self, port) {
                return Some(SocketAddr::new(ip, port));
            }
        }
        None
    }

    fn next_port(&mut self) -> u16 {
        if self.nat.ports == Ports::Contiguous {
            self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT);
            return self.next_port;
        }
        let ports = u64::from(u16::MAX - FIRST_PORT) + 1;
        FIRST_PORT + u16::try_from(self.dice.below(ports)).unwrap_or(0)
    }

    fn external_ip(&mut self, from: SocketAddr) -> Option<IpAddr> {
        let family: Vec<IpAddr> =
            self.addresses.iter().copied().filter(|ip| ip.is_ipv4() == from.is_ipv4()).collect();
        if !self.nat.arbitrary_pooling
            && let Some((_, entry)) = self.entries.iter().find(|(key, _)| key.0.ip() == from.ip())
        {
            return Some(entry.external.ip());
        }
        if family.len() < 2 {
            return family.first().copied();
        }
        let index = usize::try_from(self.dice.below(family.len() as u64)).unwrap_or(0);
        family.get(index).copied()
    }

    /// Removes what is dead.
    fn purge(&mut self, now: Instant) {
        let dead: Vec<Key> =
            self.entries.iter().filter(|(_, entry)| self.is_dead(entry, now)).map(|(key, _)| *key).collect();
        for key in &dead {
            self.remove(key);
        }
    }
}

fn admits(filtering: Filtering, entry: &Entry, from: SocketAddr, now: Instant, nat: &Nat) -> bool {
    let fresh = |at: Instant| now.saturating_duration_since(at) <= nat.lifetime;
    match filtering {
        Filtering::EndpointIndependent => true,
        Filtering::AddressDependent => {
            entry.sent_to.iter().any(|(peer, at)| peer.ip() == from.ip() && fresh(*at))
        }
        Filtering::AddressAndPortDependent => entry.sent_to.get(&from).is_some_and(|at| fresh(*at)),
    }
}

#[cfg(test)]
#[path = "translate_tests.rs"]
mod tests;
