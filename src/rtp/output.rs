//! What leaves next: timers, events, RTCP, sound, repetitions, pictures.

use super::encode::Departing;
use super::event::{Event, SenderId};
use super::session::{Closing, Queued, Session};
use crate::base::limits;
use crate::base::slots::Key;
use crate::machine::Output;
use crate::net::Transmit;
use crate::time::Instant;
use crate::wire::rtp::ExtensionKind;

/// Which of the queues of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    Audio,
    Repeats,
    Video,
}

impl Session {
    /// Lets time reach `now` and returns the next thing to do. The first `len` bytes of `buf` are then one RTP packet or one RTCP
    /// datagram, in the clear; [`is_rtcp`](crate::wire::rtp::is_rtcp) tells which.
    ///
    /// # Panics
    /// If `buf` is neither empty nor as long as the MTU.
    pub fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), Event> {
        let mtu = self.config.mtu;
        assert!(buf.is_empty() || buf.len() >= mtu, "a buffer of {} bytes for an MTU of {mtu}", buf.len());
        let now = self.latest.advance(now);
        if self.closing == Closing::Closed {
            // Whatever was asked for since set a timer in vain (law 10).
            return Output::Wait(None);
        }
        let is_due = self.due_at.is_some_and(|at| at <= now);
        if self.is_drained && !is_due {
            return Output::Wait(self.due_at);
        }
        if self.closing != Closing::Open {
            return self.poll_closing(buf);
        }
        if is_due {
            self.is_drained = false;
            self.run_timers(now);
        }
        if let Some(event) = self.events.pop() {
            return Output::Event(event);
        }
        if let Some(buf) = buf.get_mut(..mtu) {
            if let Some(len) = self.draw(now, buf) {
                return Output::Transmit(Transmit::new((), len));
            }
            // Drawing may have set a timer, never to an instant that has passed.
            self.is_drained = true;
        }
        let soonest = now + core::time::Duration::from_nanos(1);
        self.due_at = self.due_at.map(|at| at.max(soonest));
        Output::Wait(self.due_at)
    }

    /// The goodbyes, then the closing event, then nothing.
    fn poll_closing(&mut self, buf: &mut [u8]) -> Output<(), Event> {
        self.due_at = None;
        if self.closing == Closing::Closed {
            self.is_drained = true;
            return Output::Wait(None);
        }
        if !self.goodbyes.is_empty() {
            let Some(buf) = buf.get_mut(..self.config.mtu) else { return Output::Wait(None) };
            if let Some(len) = self.draw_goodbye(buf) {
                return Output::Transmit(Transmit::new((), len));
            }
        }
        self.closing = Closing::Closed;
        Output::Event(Event::Closed)
    }

    /// Does what is due.
    fn run_timers(&mut self, now: Instant) {
        self.due_at = None;
        let mut index = 0;
        while let Some(key) = self.sources.key_at(index) {
            index += 1;
            if let Some(key) = key {
                self.run_source(now, key);
            }
        }
        let mut index = 0;
        while let Some(key) = self.senders.key_at(index) {
            index += 1;
            if let Some(key) = key {
                self.run_sender(now, key);
            }
        }
        self.run_schedule(now);
        if let Some(at) = self.arrivals.due_at().filter(|at| *at > now) {
            self.arm(Some(at));
        }
        self.run_rest(now);
        self.run_trim(now);
    }

    /// Gives memory back that streams have not needed for a while, as others go on. That needs no timer of its own.
    fn run_rest(&mut self, now: Instant) {
        if now.saturating_duration_since(self.rested_at) < limits::TRIM_AFTER {
            return;
        }
        self.rested_at = now;
        for (_, source) in self.sources.iter_mut() {
            let is_silent = now.saturating_duration_since(source.last_at) >= limits::TRIM_AFTER;
            source.rest(is_silent);
        }
        self.charge_all();
    }

    fn run_source(&mut self, now: Instant, key: Key) {
        let (reorder, repair) = (self.config.reorder_wait, self.config.repair_wait);
        let Some(source) = self.sources.get_mut(key) else { return };
        let forgotten_at = source.last_at + limits::RTP_SOURCE_FORGOTTEN;
        if source.reception.is_begun() && forgotten_at <= now {
            self.end_source(key);
            return;
        }
        if let Some(request) = source.requests.take_due(now) {
            source.asks = Some(request);
            self.mark(key);
        }
        let Some(source) = self.sources.get_mut(key) else { return };
        if source.nack.is_due(now) {
            self.mark(key);
        }
        let Some(source) = self.sources.get_mut(key) else { return };
        let wait = source.wait(reorder, repair);
        if let Some(assembler) = &mut source.assembler
            && assembler.give_up(now, wait, &mut self.frames)
        {
            if let Some(next) = assembler.next() {
                source.nack.forget_below(next);
            }
            self.after_assembly(now, key);
        }
        let Some(source) = self.sources.get(key) else { return };
        let at = source.due_at(reorder, repair);
        let begun = source.reception.is_begun();
        self.arm(at);
        if begun {
            self.arm(Some(forgotten_at));
        }
    }

    fn run_sender(&mut self, now: Instant, key: Key) {
        let Some(sender) = self.senders.get_mut(key) else { return };
        let request = sender.requests.take_due(now);
        let at = sender.requests.due_at();
        self.arm(at);
        if let Some(request) = request {
            self.events.push(Event::KeyframeRequested(SenderId(key), request));
        }
    }

    /// Gives memory back some time after the last packet.
    fn run_trim(&mut self, now: Instant) {
        let quiet_at = self.last_traffic_at + limits::TRIM_AFTER.max(self.config.history);
        if quiet_at > now {
            if self.stats.rtp_received > 0 || self.keeps_history() {
                self.arm(Some(quiet_at));
            }
            return;
        }
        for (_, sender) in self.senders.iter_mut() {
            sender.history.expire(now, self.config.history, limits::RTP_QUEUE_AGE);
            sender.history.trim();
        }
        for (_, source) in self.sources.iter_mut() {
            source.trim();
        }
        self.receivers.iter_mut().for_each(|(_, receiver)| receiver.trim());
        self.charge_all();
        self.senders.trim();
        self.receivers.trim();
        self.sources.trim();
        self.table.trim();
        self.events.trim();
        self.frames.shrink_to_fit();
        self.pending.shrink_to_fit();
        self.arrivals.trim();
        self.departures.trim(now);
        self.feedback.trim();
        self.queues.trim();
    }

    fn keeps_history(&self) -> bool {
        self.senders.iter().any(|(_, sender)| !sender.history.is_empty())
    }

    /// Draws one packet or datagram.
    fn draw(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        self.departed = None;
        if self.has_rtcp(now)
            && let Some(len) = self.draw_rtcp(now, buf)
        {
            return Some(len);
        }
        while let Some((queue, queued)) = self.next_queued() {
            if let Some(len) = self.draw_queued(now, queue, queued, buf) {
                return Some(len);
            }
        }
        None
    }

    fn next_queued(&mut self) -> Option<(Queue, Queued)> {
        if let Some(queued) = self.queues.audio.pop_front() {
            return Some((Queue::Audio, queued));
        }
        if self.is_held {
            return None;
        }
        if let Some(queued) = self.queues.repeats.pop_front() {
            return Some((Queue::Repeats, queued));
        }
        self.queues.video.pop_front().map(|queued| (Queue::Video, queued))
    }

    fn draw_queued(&mut self, now: Instant, queue: Queue, queued: Queued, buf: &mut [u8]) -> Option<usize> {
        let sender = self.senders.get_mut(queued.sender)?;
        let departing = Departing {
            now,
            transport_sequence: self.departures.next_sequence(),
            mixed_forms: self.config.extmap_allow_mixed,
        };
        let drawn = match queue {
            Queue::Audio | Queue::Video => sender.draw(queued.number, &departing, buf),
            Queue::Repeats => sender.draw_repeat(queued.number, &departing, buf),
        };
        let Some(len) = drawn else {
            sender.stats.packets_dropped += u64::from(queue != Queue::Repeats);
            return None;
        };
        if sender.config.extensions.id(ExtensionKind::TransportSequence).is_some() {
            self.departed = Some(self.departures.on_sent(now, len).in_flight);
        }
        if let Some(at) = self.schedule.on_sent(now) {
            self.arm(Some(at));
        }
        Some(len)
    }
}
