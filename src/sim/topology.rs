//! Who is where: addresses, the NATs between them, and the wires a datagram takes from one to another.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::link::Link;
use super::nat::Nat;
use super::seed::{Dice, label};
use super::translate::Translator;
use super::wire::{DropReason, Wire};
use crate::time::Instant;

/// The network that everybody reaches. Behind the nth NAT is realm n + 1.
pub(super) const PUBLIC: usize = 0;

/// Where a datagram comes from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Host(usize),
    Server(usize),
    /// A NAT's address that stands for nobody yet.
    Nobody,
}

/// A datagram's addresses in the realm it is in, where it goes as far as is known, and by which route.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    pub(super) realm: usize,
    pub(super) src: SocketAddr,
    pub(super) dst: SocketAddr,
    pub(super) to: Place,
    pub(super) route: usize,
}

/// A NAT: behind it is the realm of its index plus one.
#[derive(Clone, Debug)]
struct Gate {
    outer: usize,
    translator: Translator,
}

/// What an address in a realm is.
#[derive(Clone, Copy, Debug)]
enum Found {
    Owner(Place),
    Gate(usize),
}

#[derive(Clone, Debug)]
pub(super) struct Topology {
    seed: u64,
    standard: Link,
    owners: BTreeMap<(usize, SocketAddr), Place>,
    gates: Vec<Gate>,
    pub(super) wires: Vec<Wire>,
    routes: Vec<Vec<usize>>,
    by_places: BTreeMap<(Place, Place), usize>,
    by_addresses: BTreeMap<(SocketAddr, SocketAddr), usize>,
    /// What a place's choices are drawn from, so that they do not depend on who else there is.
    labels: BTreeMap<Place, u64>,
    /// Legs that no NAT is on.
    known: BTreeMap<(Place, SocketAddr, SocketAddr), Leg>,
    last: Option<((Place, SocketAddr, SocketAddr), Leg)>,
    /// Hosts that do not reach one another, the lower first.
    parted: BTreeSet<(usize, usize)>,
}

impl Topology {
    pub(super) const fn new(seed: u64, standard: Link) -> Self {
        Self {
            seed,
            standard,
            owners: BTreeMap::new(),
            gates: Vec::new(),
            wires: Vec::new(),
            routes: Vec::new(),
            by_places: BTreeMap::new(),
            by_addresses: BTreeMap::new(),
            labels: BTreeMap::new(),
            known: BTreeMap::new(),
            last: None,
            parted: BTreeSet::new(),
        }
    }

    /// Gives an address of a realm to somebody.
    pub(super) fn settle(&mut self, place: Place, realm: usize, address: SocketAddr) {
        let door = self.gates.get(realm.wrapping_sub(1)).map_or(0, |gate| gate.translator.label());
        self.labels.entry(place).or_insert_with(|| label(address) ^ door);
        self.owners.insert((realm, address), place);
        self.forget_known();
    }

    /// Takes an address away.
    pub(super) fn unsettle(&mut self, realm: usize, address: SocketAddr) {
        self.owners.remove(&(realm, address));
        self.forget_known();
    }

    /// Adds a NAT with its outside in `outer`; its inside is the realm returned.
    pub(super) fn add_gate(&mut self, outer: usize, nat: Nat, addresses: &[IpAddr]) -> usize {
        let own = addresses.first().map_or(0, |ip| label(SocketAddr::new(*ip, 0)));
        let translator = Translator::new(nat, addresses, Dice::new(self.seed ^ own));
        self.gates.push(Gate { outer, translator });
        self.gates.len()
    }

    /// What tells a NAT from others.
    pub(super) fn gate_label(&self, gate: usize) -> u64 {
        self.gates.get(gate).map_or(0, |gate| gate.translator.label())
    }

    pub(super) fn translator(&mut self, gate: usize) -> &mut Translator {
        &mut self.gates[gate].translator
    }

    /// What a place's choices are drawn from.
    pub(super) fn label_of(&self, place: Place) -> u64 {
        self.labels.get(&place).copied().unwrap_or(0)
    }

    pub(super) fn part(&mut self, a: usize, b: usize, parted: bool) {
        let pair = (a.min(b), a.max(b));
        if parted {
            self.parted.insert(pair);
        } else {
            self.parted.remove(&pair);
        }
    }

    pub(super) fn are_parted(&self, a: Place, b: Place) -> bool {
        let (Place::Host(a), Place::Host(b)) = (a, b) else { return false };
        !self.parted.is_empty() && self.parted.contains(&(a.min(b), a.max(b)))
    }

    // -- links

    /// A new wire with choices of its own.
    pub(super) fn add_wire(&mut self, link: Link, label: u64) -> usize {
        self.wires.push(Wire::new(link, Dice::new(self.seed ^ label)));
        self.wires.len() - 1
    }

    /// Makes the wires the way from one place to another.
    pub(super) fn set_route(&mut self, from: Place, to: Place, wires: Vec<usize>) {
        self.routes.push(wires);
        self.by_places.insert((from, to), self.routes.len() - 1);
        self.forget_known();
    }

    /// The route from one place to another, made of the standard link if there is none.
    pub(super) fn route(&mut self, from: Place, to: Place) -> usize {
        if let Some(route) = self.by_places.get(&(from, to)) {
            return *route;
        }
        let label = self.label_of(from).rotate_left(32) ^ self.label_of(to);
        let wire = self.add_wire(self.standard.clone(), label);
        self.set_route(from, to, vec![wire]);
        self.routes.len() - 1
    }

    /// Changes the link at the end of a route.
    pub(super) fn set_link(&mut self, from: Place, to: Place, link: Link) -> Link {
        let route = self.route(from, to);
        let wire = self.routes[route].last().copied().unwrap_or(0);
        self.wires[wire].set(link)
    }

    /// Changes what connects two addresses, one way.
    pub(super) fn set_link_between(&mut self, from: SocketAddr, to: SocketAddr, link: Link) {
        if let Some(route) = self.by_addresses.get(&(from, to)) {
            let wire = self.routes[*route].last().copied().unwrap_or(0);
            self.wires[wire].set(link);
            return;
        }
        let wire = self.add_wire(link, label(from).rotate_left(32) ^ label(to));
        self.routes.push(vec![wire]);
        self.by_addresses.insert((from, to), self.routes.len() - 1);
        self.forget_known();
    }

    /// The wire of a stage of a route.
    pub(super) fn wire_of(&self, route: usize, stage: usize) -> Option<usize> {
        self.routes.get(route)?.get(stage).copied()
    }

    // -- ways

    fn forget_known(&mut self) {
        self.known.clear();
        self.last = None;
    }

    fn find(&self, realm: usize, address: SocketAddr) -> Option<Found> {
        if let Some(place) = self.owners.get(&(realm, address)) {
            return Some(Found::Owner(*place));
        }
        let has = |(index, gate): &(usize, &Gate)| {
            let translates = gate.translator.nat().translates;
            gate.outer == realm
                && if translates {
                    gate.translator.owns(address.ip())
                } else {
                    self.find(index + 1, address).is_some()
                }
        };
        self.gates.iter().enumerate().find(has).map(|(index, _)| Found::Gate(index))
    }

    /// Whom an address of a realm leads to, whether or not anything would be let in there.
    fn whose(&self, realm: usize, address: SocketAddr) -> Place {
        match self.find(realm, address) {
            Some(Found::Owner(place)) => place,
            Some(Found::Gate(gate)) => self
                .gates
                .get(gate)
                .and_then(|inside| inside.translator.peek(address))
                .map_or(Place::Nobody, |inner| self.whose(gate + 1, inner)),
            None => Place::Nobody,
        }
    }

    /// A datagram leaves `src` for `dst`: what becomes of its addresses until it is where `dst` has a meaning.
    pub(super) fn depart(
        &mut self,
        now: Instant,
        from: Place,
        realm: usize,
        src: SocketAddr,
        dst: SocketAddr,
    ) -> Result<Leg, DropReason> {
        let key = (from, src, dst);
        if let Some((last, leg)) = self.last
            && last == key
        {
            return Ok(leg);
        }
        if let Some(leg) = self.known.get(&key) {
            self.last = Some((key, *leg));
            return Ok(*leg);
        }
        let leg = self.go_out(now, from, realm, (src, dst))?;
        if leg.realm == realm && matches!(self.find(realm, dst), Some(Found::Owner(_))) {
            self.known.insert(key, leg);
            self.last = Some((key, leg));
        }
        Ok(leg)
    }

    fn go_out(
        &mut self,
        now: Instant,
        from: Place,
        realm: usize,
        (src, dst): (SocketAddr, SocketAddr),
    ) -> Result<Leg, DropReason> {
        let (sent_from, mut realm, mut source, mut came_through) = (src, realm, src, None);
        let found = loop {
            if let Some(found) = self.find(realm, dst) {
                break found;
            }
            let gate = realm.checked_sub(1).and_then(|gate| self.gates.get_mut(gate));
            let Some(gate) = gate else { return Err(DropReason::Unroutable) };
            let outside = gate.translator.outbound(now, source, dst).ok_or(DropReason::Nat)?;
            came_through = Some((realm - 1, source));
            source = outside;
            realm = gate.outer;
        };
        if let (Found::Gate(gate), Some((through, internal))) = (found, came_through)
            && gate == through
        {
            source = self.gates[gate].translator.hairpin(internal, source).ok_or(DropReason::Nat)?;
        }
        let to = self.whose(realm, dst);
        let route = match self.by_addresses.get(&(sent_from, dst)) {
            Some(route) => *route,
            None => self.route(from, to),
        };
        Ok(Leg { realm, src: source, dst, to, route })
    }

    /// A datagram arrives in a realm: through which NATs it gets, and whose address it is for in the end.
    pub(super) fn arrive(
        &mut self,
        now: Instant,
        realm: usize,
        src: SocketAddr,
        dst: SocketAddr,
    ) -> Result<(Place, SocketAddr), DropReason> {
        let (mut realm, mut dst) = (realm, dst);
        loop {
            match self.find(realm, dst) {
                Some(Found::Owner(place)) => return Ok((place, dst)),
                Some(Found::Gate(gate)) => {
                    let translator = &mut self.gates[gate].translator;
                    dst = translator.inbound(now, src, dst).ok_or(DropReason::Nat)?;
                    realm = gate + 1;
                }
                None => return Err(DropReason::Unroutable),
            }
        }
    }
}
