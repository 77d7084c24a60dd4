//! How time moves: the heap's next entry, the machine it concerns, and what that says.

use core::cmp::Reverse;
use core::time::Duration;

use super::host::{App, FromDatagram, Notice, Route, Sent, Signal};
use super::log::What;
use super::network::{HostId, Network};
use super::topology::Place;
use super::world::Due;
use crate::base::limits;
use crate::machine::{Machine, Output};
use crate::net::{Datagram, Ecn, Path};
use crate::time::Instant;

impl<M> Network<M>
where
    M: Machine,
    M::Path: Route,
    for<'i> M::Input<'i>: FromDatagram<'i>,
{
    /// Lets everything happen that is due until `limit`, and moves the clock there.
    ///
    /// # Panics
    /// If a machine breaks law 4 (a `Wait` that is not later than now) or never stops talking.
    pub fn run_until(&mut self, limit: Instant, app: &mut impl App<M>) {
        while self.step(limit, app) {}
        self.world.now = self.world.now.max(limit);
    }

    /// [`Network::run_until`] so much later than now.
    pub fn run_for(&mut self, time: Duration, app: &mut impl App<M>) {
        self.run_until(self.world.now + time, app);
    }

    /// Runs while `more` says so (then `true`) and `limit` is not reached (then `false`). It is asked after each event
    /// of the network.
    pub fn run_while(
        &mut self,
        limit: Instant,
        app: &mut impl App<M>,
        mut more: impl FnMut(&mut Self) -> bool,
    ) -> bool {
        self.poll_touched(app);
        while more(self) {
            if !self.step(limit, app) {
                self.world.now = self.world.now.max(limit);
                return false;
            }
        }
        true
    }

    /// Lets the next thing happen that is due until `limit`; `false` if there is none. Machines that were called from
    /// outside are polled first.
    pub fn step(&mut self, limit: Instant, app: &mut impl App<M>) -> bool {
        self.poll_touched(app);
        let Some(&Reverse((at, number, due))) = self.world.heap.peek() else { return false };
        if at > limit {
            return false;
        }
        self.world.heap.pop();
        self.world.now = self.world.now.max(at);
        match due {
            Due::Arrival(slot) => self.on_arrival(slot, number, app),
            Due::Alarm(host) => self.on_alarm(host, at, app),
            Due::Early(host) => self.on_early(host),
            Due::Wake(host) => self.on_wake(host, at, app),
            Due::Answer(slot, server) => {
                if self.world.packets[slot].number == number {
                    self.world.answer(slot, server);
                }
            }
            Due::Signal => self.on_letter(number, app),
            Due::Notice => self.on_notice(number, app),
            Due::Fault => {
                if let Some(fault) = self.world.faults.remove(&number) {
                    self.world.apply(fault);
                }
            }
        }
        true
    }

    /// When the next thing is due, if there is one.
    pub fn next_due(&self) -> Option<Instant> {
        self.world.heap.peek().map(|&Reverse((at, _, _))| at)
    }

    fn poll_touched(&mut self, app: &mut impl App<M>) {
        for host in 0..self.machines.len() {
            if self.world.hosts[host].touched && self.world.hosts[host].sleep.is_none() {
                self.drain(host, app);
            }
        }
    }

    fn on_arrival(&mut self, slot: usize, number: u64, app: &mut impl App<M>) {
        if self.world.packets[slot].number != number {
            return;
        }
        // It has come: no datagram that overtakes it may bring it a second time.
        self.world.packets[slot].number = 0;
        let Some(host) = self.world.arrive(slot) else { return };
        self.deliver(host, slot, app);
        for _ in 1..self.world.burst {
            let Some(&Reverse((next, number, Due::Arrival(slot)))) = self.world.heap.peek() else { break };
            let packet = &self.world.packets[slot];
            if next > self.world.now || packet.number != number || packet.leg.to != Place::Host(host) {
                break;
            }
            self.world.heap.pop();
            self.world.packets[slot].number = 0;
            if self.world.arrive(slot) == Some(host) {
                self.deliver(host, slot, app);
            }
        }
        self.drain(host, app);
    }

    fn on_alarm(&mut self, host: usize, at: Instant, app: &mut impl App<M>) {
        if self.world.hosts[host].alarm != Some(at) {
            return;
        }
        self.world.hosts[host].alarm = None;
        if self.world.hosts[host].sleep.is_some() {
            return;
        }
        if self.world.is_due(host) {
            self.world.counters[host].alarms += 1;
            self.drain(host, app);
        } else {
            self.world.set_alarm(host);
        }
    }

    /// A poll before the deadline changes nothing.
    ///
    /// # Panics
    /// If it does.
    fn on_early(&mut self, host: usize) {
        if self.world.hosts[host].sleep.is_some() || self.world.is_due(host) {
            return;
        }
        let (now, deadline) = (self.world.host_now(host), self.world.hosts[host].deadline);
        match self.machines[host].poll_output(now, &mut self.world.scratch) {
            Output::Wait(wait) => {
                assert!(
                    wait == deadline,
                    "T5: host {host} waits for {wait:?} and not {deadline:?} at {now:?}"
                );
            }
            Output::Event(_) => panic!("T5: host {host} polled before its deadline has an event at {now:?}"),
            Output::Transmit(_) => panic!("T5: host {host} polled before its deadline sends at {now:?}"),
        }
    }

    fn on_wake(&mut self, host: usize, at: Instant, app: &mut impl App<M>) {
        if self.world.hosts[host].wake != Some(at) {
            return;
        }
        self.world.hosts[host].wake = None;
        let slept = self.world.hosts[host].sleep.take();
        if let Some(sleep) = slept {
            let time = self.world.now.saturating_duration_since(sleep.since);
            let now = self.world.host_now(host);
            app.on_notice(now, HostId(host), &mut self.machines[host], Notice::Resumed(time));
        }
        while let Some(slot) = self.world.hosts[host].inbox.pop_front() {
            self.deliver(host, slot, app);
        }
        self.world.hosts[host].inbox_bytes = 0;
        self.drain(host, app);
        for notice in core::mem::take(&mut self.world.hosts[host].untold) {
            self.tell(host, notice, app);
        }
    }

    fn on_letter(&mut self, number: u64, app: &mut impl App<M>) {
        let Some(letter) = self.world.letters.remove(&number) else { return };
        let host = letter.to.index();
        // A process that does not run reads its letters later.
        if let Some(sleep) = self.world.hosts[host].sleep {
            let number = self.world.schedule(sleep.until, Due::Signal);
            self.world.letters.insert(number, letter);
            return;
        }
        let signal = Signal { from: letter.from, body: &letter.body };
        app.on_signal(self.world.host_now(host), letter.to, &mut self.machines[host], signal);
        self.drain(host, app);
    }

    fn on_notice(&mut self, number: u64, app: &mut impl App<M>) {
        let Some((host, notice)) = self.world.notices.remove(&number) else { return };
        if self.world.hosts[host].sleep.is_some() {
            self.world.hosts[host].untold.push_back(notice);
            return;
        }
        self.tell(host, notice, app);
    }

    fn tell(&mut self, host: usize, notice: Notice, app: &mut impl App<M>) {
        app.on_notice(self.world.host_now(host), HostId(host), &mut self.machines[host], notice);
        self.drain(host, app);
    }

    /// Gives a datagram to its host's application, or else its machine.
    fn deliver(&mut self, host: usize, slot: usize, app: &mut impl App<M>) {
        let world = &mut self.world;
        let now = world.hosts[host].clock.at(world.now);
        let packet = &world.packets[slot];
        let data = packet.buffer.get(..packet.len).unwrap_or_default();
        if let Some(trace) = &mut world.trace {
            trace.arrival(world.now, packet.path, data);
            world.hosts[host].trace.arrival(world.now, packet.path, data);
        }
        if let Some(log) = &mut world.log {
            log.push(world.now, What::Arrived { path: packet.path, data: data.to_vec() });
        }
        let counters = &mut world.counters[host];
        counters.delivered += 1;
        counters.delivered_bytes += data.len() as u64;
        let datagram = Datagram { path: packet.path, ecn: packet.ecn, data };
        let machine = &mut self.machines[host];
        if !app.on_datagram(now, HostId(host), machine, &datagram) {
            machine.handle_input(now, M::Input::from_datagram(datagram));
        }
        world.release(slot);
    }

    /// Polls a machine until it waits, then lets its application speak.
    fn drain(&mut self, host: usize, app: &mut impl App<M>) {
        if self.world.hosts[host].sleep.is_some() {
            self.world.hosts[host].touched = true;
            return;
        }
        self.world.hosts[host].touched = false;
        let now = self.world.host_now(host);
        for _ in 0..limits::SIM_OUTPUTS {
            match self.machines[host].poll_output(now, &mut self.world.scratch) {
                Output::Event(event) => app.on_event(now, HostId(host), &mut self.machines[host], event),
                Output::Transmit(transmit) => {
                    let path = transmit.path.path(self.world.hosts[host].path);
                    if let Some(path) = path {
                        let data = self.world.scratch.get(..transmit.len).unwrap_or_default();
                        app.on_sent(now, HostId(host), &self.machines[host], &Sent { path, data });
                    }
                    self.send_segments(host, path, transmit.ecn, (transmit.len, transmit.segment_len));
                }
                Output::Wait(deadline) => {
                    self.on_wait(host, now, deadline);
                    self.speak(host, app);
                    return;
                }
            }
        }
        panic!("T2: host {host} gave {} outputs at {now:?} and no Wait", limits::SIM_OUTPUTS);
    }

    fn on_wait(&mut self, host: usize, now: Instant, deadline: Option<Instant>) {
        if let Some(at) = deadline {
            assert!(at > now, "law 4: T1: host {host} waits for {at:?} at {now:?}");
        }
        if self.world.checks {
            let again = self.machines[host].poll_output(now, &mut self.world.scratch);
            assert!(
                matches!(again, Output::Wait(again) if again == deadline),
                "T3: host {host} polled again at {now:?} has more to say"
            );
        }
        self.world.hosts[host].deadline = deadline;
        self.world.set_alarm(host);
    }

    /// Takes what the application itself sends.
    fn speak(&mut self, host: usize, app: &mut impl App<M>) {
        while let Some((to, body)) = app.poll_signal(HostId(host)) {
            self.world.signal(HostId(host), to, body);
        }
        while let Some((path, data)) = app.poll_datagram(HostId(host)) {
            self.send(HostId(host), path, &data);
        }
    }

    /// Sends what stands in the scratch buffer, cut into its segments.
    fn send_segments(&mut self, host: usize, path: Option<Path>, ecn: Ecn, (len, segment): (usize, usize)) {
        if segment >= len || segment == 0 {
            return self.world.carry(Place::Host(host), path, ecn, len);
        }
        let whole = core::mem::take(&mut self.world.scratch);
        for part in whole.get(..len).unwrap_or_default().chunks(segment) {
            self.world.write(part);
            self.world.carry(Place::Host(host), path, ecn, part.len());
        }
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
