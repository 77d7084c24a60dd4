//! Faults as they take effect.

use super::fault::{Fault, FaultKind};
use super::host::Notice;
use super::log::What;
use super::network::HostId;
use super::topology::Place;
use super::world::{Due, World};
use crate::time::Instant;

impl World {
    /// Plans a fault.
    pub(super) fn plan(&mut self, at: Instant, fault: Fault) {
        let number = self.schedule(at.max(self.now), Due::Fault);
        self.faults.insert(number, fault);
    }

    /// Lets a fault happen now.
    pub(super) fn apply(&mut self, fault: Fault) {
        if self.log.is_some() {
            let text = fault.to_string();
            self.record(|| What::Fault(text));
        }
        let Fault { kind, lasting } = fault;
        let undo = self.change(kind);
        if let (Some(time), Some(undo)) = (lasting, undo) {
            self.plan(self.now + time, Fault { kind: undo, lasting: None });
        }
    }

    /// Changes what the fault says, and returns what would undo it.
    fn change(&mut self, kind: FaultKind) -> Option<FaultKind> {
        match kind {
            FaultKind::Part(a, b) => {
                self.topology.part(a.index(), b.index(), true);
                Some(FaultKind::Join(a, b))
            }
            FaultKind::Join(a, b) => {
                self.topology.part(a.index(), b.index(), false);
                None
            }
            FaultKind::Clog(from, to) => {
                self.clog(from, to);
                Some(FaultKind::Unclog(from, to))
            }
            FaultKind::Unclog(from, to) => {
                self.unclog(from, to);
                None
            }
            FaultKind::Link(from, to, link) => {
                let (from_place, to_place) = (Place::Host(from.index()), Place::Host(to.index()));
                let before = self.topology.set_link(from_place, to_place, *link);
                Some(FaultKind::Link(from, to, Box::new(before)))
            }
            FaultKind::Rebind(nat) => {
                self.topology.translator(nat.index()).forget();
                None
            }
            FaultKind::Nat(nat, manners) => {
                self.topology.translator(nat.index()).set(manners);
                None
            }
            FaultKind::Server(server, manners) => {
                self.servers[server.index()].manners = manners;
                None
            }
            FaultKind::InterfaceDown(..)
            | FaultKind::InterfaceUp(..)
            | FaultKind::AddressChange(..)
            | FaultKind::Suspend { .. }
            | FaultKind::Freeze { .. }
            | FaultKind::Clock { .. } => self.change_host(&kind),
        }
    }

    fn change_host(&mut self, kind: &FaultKind) -> Option<FaultKind> {
        match *kind {
            FaultKind::InterfaceDown(host, address) => {
                self.set_interface(host, address, false);
                Some(FaultKind::InterfaceUp(host, address))
            }
            FaultKind::InterfaceUp(host, address) => {
                self.set_interface(host, address, true);
                None
            }
            FaultKind::AddressChange(host, old, new) => {
                let interfaces = &mut self.hosts[host.index()].interfaces;
                let interface = interfaces.iter().find(|interface| interface.address == old)?;
                let fresh = super::host::Interface { address: new, realm: interface.realm, up: false };
                interfaces.push(fresh);
                self.set_interface(host, old, false);
                self.set_interface(host, new, true);
                None
            }
            FaultKind::Suspend { host, time, clock_stops } => {
                self.put_to_sleep(host.index(), time, true);
                if clock_stops {
                    self.hosts[host.index()].clock.stop(self.now, time);
                }
                None
            }
            FaultKind::Freeze { host, time } => {
                self.put_to_sleep(host.index(), time, false);
                None
            }
            FaultKind::Clock { host, forward, by } => {
                let seat = &mut self.hosts[host.index()];
                seat.clock.jump(self.now, forward, by);
                seat.alarm = None;
                self.set_alarm(host.index());
                None
            }
            FaultKind::Part(..)
            | FaultKind::Join(..)
            | FaultKind::Clog(..)
            | FaultKind::Unclog(..)
            | FaultKind::Link(..)
            | FaultKind::Rebind(_)
            | FaultKind::Nat(..)
            | FaultKind::Server(..) => None,
        }
    }

    fn set_interface(&mut self, host: HostId, address: std::net::SocketAddr, up: bool) {
        let seat = &mut self.hosts[host.index()];
        let Some(interface) = seat.interfaces.iter_mut().find(|interface| interface.address == address)
        else {
            return;
        };
        if interface.up == up {
            return;
        }
        interface.up = up;
        let realm = interface.realm;
        let notice = if up {
            self.topology.settle(Place::Host(host.index()), realm, address);
            Notice::InterfaceUp(address)
        } else {
            self.topology.unsettle(realm, address);
            Notice::InterfaceDown(address)
        };
        self.notify_at(self.now, host.index(), notice);
    }
}
