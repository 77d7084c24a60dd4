//! The sending half of an association: what leaves in the next packet, and what acknowledgements and timers change.

use core::time::Duration;

use super::congestion::{CongestionControl, Departure, Start};
use super::outstanding::Outstanding;
use super::pacer::Pacer;
use super::probe::WindowProbe;
use super::queue::{Room, SendQueue};
use super::rto::Rto;
use crate::base::limits;
use crate::base::outbox::Outbox;
use crate::base::serial::{Ssn, Tsn, UNWRAPPED_BASE};
use crate::sctp::config::Config;
use crate::sctp::event::Event;
use crate::sctp::stats::Stats;
use crate::time::{Instant, Timer, earliest};
use crate::wire::sctp::{COMMON_HEADER_LEN, Data, ForwardTsn, PacketWriter, Skipped};

#[path = "sack.rs"]
mod sack;

/// FORWARD TSN (RFC 3758 §3.5).
#[derive(Clone, Debug, Default)]
struct Forward {
    /// One leaves with the next packet.
    due: bool,
    /// When one last left.
    sent_at: Instant,
    /// What it told.
    told: u64,
    /// Room for the list it carries.
    skipped: Vec<(u16, u16)>,
}

/// The sending half.
#[expect(clippy::struct_excessive_bools, reason = "each is one rule of its own that holds for now")]
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) queue: SendQueue,
    out: Outstanding,
    pub(crate) rto: Rto,
    congestion: Box<dyn CongestionControl>,
    pacer: Pacer,
    t3: Timer,
    /// The peer's window as it last said, and as it said first.
    peer_window: usize,
    first_window: usize,
    mtu: usize,
    burst: usize,
    /// RFC 3758 was agreed.
    pub(crate) partial: bool,
    forward: Forward,
    /// One packet leaves whatever the window says (RFC 9260 §7.2.4 step 3).
    forced: bool,
    /// Since when nothing has been in flight.
    quiet_since: Option<Instant>,
    /// How long the answer to an I bit took, until the rest of the packet shows whether data brought the acknowledgement along.
    answered: Option<Duration>,
    /// One packet is in flight though the peer has no room.
    probing: bool,
    /// When one may be.
    probe: WindowProbe,
    /// T3 has run out and nothing been acknowledged since: "only one packet is allowed to be in flight" (RFC 9260 §7.2.1).
    alone: bool,
    /// TSNs below this that are lost are so because T3 ran out.
    timed_out_below: u64,
    /// What was sent before this tells nothing about the round trip.
    measured_from: Instant,
}

impl Sender {
    pub(crate) fn new(config: &Config, initial: Tsn) -> Self {
        let (mtu, initial_packets, burst_packets) =
            (config.mtu, config.initial_window_packets, config.burst_packets);
        let start = Start { mtu, initial_packets, burst_packets };
        Self {
            queue: SendQueue::new(config.send_limit, config.mtu),
            out: Outstanding::new(unwrapped(initial)),
            rto: Rto::new(config),
            congestion: config.congestion.start(&start),
            pacer: Pacer::default(),
            t3: Timer::stopped(),
            peer_window: 0,
            first_window: 0,
            mtu,
            burst: burst_packets * mtu,
            partial: false,
            forward: Forward::default(),
            forced: false,
            quiet_since: None,
            answered: None,
            probing: false,
            probe: WindowProbe::default(),
            alone: false,
            timed_out_below: 0,
            measured_from: Instant::ZERO,
        }
    }

    /// The handshake has told the peer's window.
    pub(crate) fn begin(&mut self, peer_window: u32, partial: bool) {
        self.peer_window = peer_window as usize;
        self.first_window = self.peer_window;
        self.partial = partial;
        self.congestion.begin(self.peer_window);
    }

    /// Another path: what was learned of the one before counts no more (RFC 9260 §7.2.5.2).
    pub(crate) fn path_changed(&mut self, now: Instant, rtt: Option<Duration>) {
        self.congestion.begin(self.first_window);
        self.rto.forget(rtt);
        self.measured_from = now;
    }

    /// Starts again from `initial` with nothing in flight (RFC 9260 §5.2.4.1).
    pub(crate) fn restart(&mut self, initial: Tsn, events: &mut Outbox<Event>) {
        self.out.ops.add(self.queue.stream_count());
        self.queue.clear(events);
        self.rebase(initial);
        self.t3.stop();
        self.forced = false;
        self.probing = false;
        self.probe.end();
        self.alone = false;
        self.timed_out_below = 0;
    }

    /// The first TSN, while nothing has been sent.
    pub(crate) fn rebase(&mut self, initial: Tsn) {
        let mut before = core::mem::replace(&mut self.out, Outstanding::new(unwrapped(initial)));
        self.forward = Forward::default();
        self.out.abandoned = before.abandoned;
        self.out.ops.absorb(&mut before.ops);
    }

    pub(crate) fn set_mtu(&mut self, mtu: usize) {
        self.burst = self.burst / self.mtu.max(1) * mtu;
        self.mtu = mtu;
        self.queue.set_mtu(mtu);
        self.congestion.set_mtu(mtu);
    }

    /// The last TSN assigned.
    pub(crate) fn last_tsn(&self) -> Tsn {
        Tsn::wrap(self.out.next_tsn() - 1)
    }

    /// Whether everything sent has been acknowledged or given up, with nothing behind it that the peer could not deliver, and
    /// nothing waits.
    pub(crate) fn is_done(&self) -> bool {
        self.out.is_settled() && self.queue.buffered() == 0
    }

    /// Nothing more will be sent.
    pub(crate) fn stop(&mut self) {
        self.t3.stop();
        self.probe.end();
        self.pacer.release();
    }

    /// Whether nothing has been sent since the beginning.
    pub(crate) fn is_fresh(&self) -> bool {
        self.out.is_fresh()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.out.is_empty()
    }

    /// When the next timer is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        earliest(self.t3.at(), self.probe.deadline())
    }

    /// When a packet held back by pacing may leave.
    pub(crate) const fn pacing_at(&self) -> Option<Instant> {
        self.pacer.deadline()
    }

    /// Length of the packet that the next chunk to be repeated needs: more than the MTU if that has shrunk since.
    pub(crate) fn packet_len(&mut self) -> usize {
        let lost = self.out.loss.has_lost().then(|| self.out.next_lost()).flatten();
        let chunk = lost.and_then(|tsn| self.out.encode(tsn)).map_or(0, |data| data.payload.len());
        self.mtu.max(chunk + Data::HEADER_LEN + COMMON_HEADER_LEN + 3)
    }

    /// Runs T3 if it is due; whether it was.
    pub(crate) fn on_timer(&mut self, now: Instant, stats: &mut Stats) -> bool {
        self.probe.on_timer(now);
        if !self.t3.take_due(now) {
            return false;
        }
        stats.t3_timeouts += 1;
        self.time_out(now);
        true
    }

    /// All that is in flight is lost (RFC 9260 §6.3.3).
    pub(crate) fn time_out(&mut self, now: Instant) {
        self.rto.expired();
        if self.out.in_flight_chunks == 1 {
            // Perhaps the peer has kept its answer back.
            self.rto.distrust();
        }
        let expiries = self.rto.expiries();
        // A probe that finds no room says nothing about the path.
        if !self.probing {
            self.congestion.on_timeout(now, expiries);
            self.alone = true;
        }
        // What the peer had no room for it has thrown away: sent again, it probes the window as new data would.
        self.probing |= self.peer_window < limits::SCTP_LEAST_FRAGMENT;
        self.out.lose_all(&mut self.queue);
        self.timed_out_below = self.out.next_tsn();
        self.forward.due = self.out.forward_to().is_some();
        if !self.out.is_empty() {
            self.t3.set(now + self.rto.current());
        }
        self.pacer.release();
    }

    /// COOKIE ECHO is unanswered, and the data that rode with it rides with the next one. T1 is the timer of both.
    pub(crate) fn ride_again(&mut self) {
        self.out.lose_all(&mut self.queue);
        self.timed_out_below = self.out.next_tsn();
        self.t3.stop();
    }

    /// Data rides with COOKIE ECHO.
    pub(crate) fn suspend(&mut self) {
        self.t3.stop();
    }

    /// COOKIE ACK has come.
    pub(crate) fn resume(&mut self, now: Instant) {
        if !self.out.is_empty() && !self.t3.is_running() {
            self.t3.set(now + self.rto.current());
        }
    }

    /// Whether a call of [`Sender::fill`] could write something, pacing apart.
    pub(crate) fn wants_to_send(&self) -> bool {
        self.forward.due || self.data_may_leave()
    }

    fn data_may_leave(&self) -> bool {
        if self.alone && self.out.in_flight_chunks > 0 {
            return false;
        }
        if self.out.loss.has_lost() {
            return self.forced || self.window_open();
        }
        let room =
            if self.out.in_flight_chunks == 0 { !self.probe.is_waiting() } else { self.peer_room() > 0 };
        self.queue.has_more() && self.window_open() && room
    }

    fn window_open(&self) -> bool {
        self.out.in_flight_bytes < self.congestion.window()
    }

    /// Bytes of new data that the peer has room for; a chunk of any length if nothing is in flight and the peer is to be asked, or has
    /// never had more (RFC 9260 §6.1 A).
    fn peer_room(&self) -> usize {
        if self.out.in_flight_chunks == 0 && (self.probe.is_due() || self.peer_window >= self.first_window) {
            return usize::MAX;
        }
        if self.out.next_tsn() - self.out.cumulative() > limits::SCTP_MAX_TSN_DISTANCE {
            return 0;
        }
        self.peer_window.saturating_sub(self.out.in_flight_bytes)
    }

    /// Writes FORWARD TSN if one is due.
    pub(crate) fn write_forward(&mut self, now: Instant, packet: &mut PacketWriter<'_>) {
        if !self.forward.due {
            return;
        }
        let room = packet.remaining().saturating_sub(ForwardTsn::HEADER_LEN) / 4;
        let reached = self.out.skipped(room, &mut self.forward.skipped);
        if reached <= self.out.cumulative() {
            self.forward.due = false;
            return;
        }
        let streams =
            self.forward.skipped.iter().map(|(stream, ssn)| Skipped { stream: *stream, ssn: Ssn(*ssn) });
        if packet.forward_tsn(Tsn::wrap(reached), streams).is_ok() {
            self.forward.due = false;
            self.forward.sent_at = now;
            self.forward.told = reached;
        }
    }

    /// RFC 3758 §3.5 C5: a FORWARD TSN has a timer too. Where no data went with it, the peer may keep its answer back.
    pub(crate) fn guard_forward(&mut self, now: Instant) {
        if !self.forward.due && !self.t3.is_running() && self.out.forward_to().is_some() {
            self.t3.set(now + self.rto.patient());
        }
    }

    /// Writes DATA into a packet: first what is to be repeated, then new data. False if there was none to write.
    pub(crate) fn fill(
        &mut self,
        now: Instant,
        packet: &mut PacketWriter<'_>,
        stats: &mut Stats,
        events: &mut Outbox<Event>,
    ) -> bool {
        if !self.data_may_leave() {
            self.pacer.release();
            return false;
        }
        if let Some(at) = self.congestion.send_at().filter(|at| *at > now && !self.forced) {
            self.pacer.hold(at);
            return false;
        }
        if self.out.is_empty() {
            self.pacer.rest(now);
        }
        let rate = self.rto.pace().and_then(|rtt| self.congestion.pacing_rate(rtt));
        if !self.forced && !self.pacer.may_send(now, rate, self.burst) {
            return false;
        }
        let (was_idle, before) = (self.out.is_empty(), self.out.in_flight_bytes);
        let all = before + self.queue.buffered();
        let app_limited = !self.out.loss.has_lost() && all < self.congestion.window();
        if app_limited {
            self.out.progress.app_limited(all);
        }
        if was_idle && let Some(since) = self.quiet_since.take() {
            self.congestion.on_idle(now.saturating_duration_since(since), self.rto.base());
        }
        let first = self.write_lost(now, packet, stats);
        if !self.out.loss.has_lost() {
            self.write_new(now, packet, stats, events);
        }
        let bytes = self.out.in_flight_bytes - before.min(self.out.in_flight_bytes);
        if bytes == 0 {
            self.pacer.release();
            let nothing_out = self.out.in_flight_chunks == 0 && !self.out.loss.has_lost();
            if nothing_out && self.queue.has_more() && self.window_open() {
                self.probe.wait(now, self.rto.doubled(self.probe.asked()));
            }
            return false;
        }
        if self.probe.left() {
            // Unanswered, it is repeated after twice the time.
            self.rto.expired();
        }
        self.forced = false;
        self.pacer.sent(bytes + limits::SCTP_PACKET_OVERHEAD, rate);
        let in_flight = self.out.in_flight_bytes;
        self.congestion.on_sent(&Departure { now, bytes, in_flight, app_limited });
        if first || !self.t3.is_running() {
            self.t3.set(now + self.rto.current());
        }
        self.ask_for_answer(packet);
        true
    }

    /// Gives up what is lost and not worth another attempt, so that FORWARD TSN leaves in place of it.
    pub(crate) fn give_up(&mut self, now: Instant, events: &mut Outbox<Event>) {
        if !self.partial || !self.out.loss.has_lost() {
            return;
        }
        while let Some(tsn) = self.out.next_lost()
            && self.out.is_given_up(now, tsn)
        {
            self.abandon(tsn, events);
        }
    }

    fn abandon(&mut self, tsn: u64, events: &mut Outbox<Event>) {
        if self.out.abandon(tsn, &mut self.queue)
            && let Some(end) = self.queue.discard_current(events)
        {
            self.out.insert_placeholder(end, &mut self.queue);
        }
        self.tell();
    }

    /// There may be more to skip than the peer has been told.
    fn tell(&mut self) {
        self.forward.due |= self.out.forward_to().is_some_and(|to| to > self.forward.told);
    }

    /// Repeats lost chunks, the lowest TSN first; whether the first chunk outstanding was one of them.
    fn write_lost(&mut self, now: Instant, packet: &mut PacketWriter<'_>, stats: &mut Stats) -> bool {
        let mut first = false;
        while let Some(tsn) = self.out.next_lost() {
            let given_up = self.partial && self.out.is_given_up(now, tsn);
            if given_up || !(self.forced || self.window_open()) {
                break;
            }
            let Some(data) = self.out.encode(tsn) else { break };
            if packet.data(&data).is_err() {
                break;
            }
            self.out.resent(now, tsn);
            first |= tsn == self.out.cumulative() + 1;
            stats.data_chunks_sent += 1;
            if tsn < self.timed_out_below {
                stats.timeout_retransmits += 1;
            } else {
                stats.fast_retransmits += 1;
            }
        }
        first
    }

    fn write_new(
        &mut self,
        now: Instant,
        packet: &mut PacketWriter<'_>,
        stats: &mut Stats,
        events: &mut Outbox<Event>,
    ) {
        while self.window_open() {
            if self.partial && self.queue.current_expires_at().is_some_and(|at| at <= now) {
                self.abandon_current(events);
                continue;
            }
            let least = limits::SCTP_LEAST_FRAGMENT.min(self.mtu / 4);
            let room = Room {
                packet: packet.data_room(),
                whole_packet: (self.mtu & !3).saturating_sub(COMMON_HEADER_LEN + Data::HEADER_LEN),
                least,
                peer: self.peer_room(),
            };
            let Some(fragment) = self.queue.next(now, room, events) else { break };
            self.probing |= fragment.data.len() > self.peer_window.saturating_sub(self.out.in_flight_bytes);
            stats.messages_sent += u64::from(fragment.ending);
            stats.data_chunks_sent += 1;
            let tsn = self.out.insert(now, fragment);
            let written = self.out.encode(tsn).is_some_and(|data| packet.data(&data).is_ok());
            debug_assert!(written, "the fragment was cut to fit");
        }
    }

    /// The message that is being sent has expired: what has left of it is skipped, the rest does not leave.
    fn abandon_current(&mut self, events: &mut Outbox<Event>) {
        let last = self.out.next_tsn() - 1;
        let begun = self.out.get(last).is_some();
        if begun {
            self.abandon(last, events);
        } else if let Some(end) = self.queue.discard_current(events) {
            // All that left has been acknowledged already.
            self.out.abandoned += 1;
            self.out.insert_placeholder(end, &mut self.queue);
            self.tell();
        }
    }

    /// Sets the I bit (RFC 7053) on the last chunk before a pause: nothing more to send, or no room to.
    fn ask_for_answer(&mut self, packet: &mut PacketWriter<'_>) {
        let more = self.queue.has_more() || self.out.loss.has_lost();
        let pause = !more || !self.window_open() || self.peer_room() < limits::SCTP_LEAST_FRAGMENT;
        if pause && packet.set_immediate() {
            self.out.asked();
        }
    }

    /// There is nothing to hold back.
    pub(crate) const fn release_pacing(&mut self) {
        self.pacer.release();
    }

    pub(crate) fn read_stats(&self, stats: &mut Stats) {
        stats.cwnd_bytes = self.congestion.window();
        stats.ssthresh_bytes = self.congestion.threshold();
        stats.in_flight_bytes = self.out.in_flight_bytes;
        stats.peer_window_bytes = self.peer_window.saturating_sub(self.out.in_flight_bytes);
        stats.queued_bytes = self.queue.buffered();
        stats.smoothed_rtt = self.rto.smoothed().unwrap_or_default();
        stats.rto = self.rto.base();
        stats.messages_abandoned = self.out.abandoned + self.queue.expired;
    }

    /// Steps so far.
    #[cfg(feature = "sim")]
    pub(crate) const fn ops(&self) -> u64 {
        self.out.ops.count()
    }

    pub(crate) fn trim(&mut self) {
        self.queue.trim();
        self.out.trim();
        self.forward.skipped = Vec::new();
    }

    pub(crate) fn check(&self) {
        self.queue.check();
        self.out.check();
        // What is lost and waits for the pacer has that for its timer.
        assert!(self.out.in_flight_chunks == 0 || self.t3.is_running(), "data in flight and no timer");
    }
}

/// A first TSN, far enough from zero for its neighbours.
pub(crate) const fn unwrapped(tsn: Tsn) -> u64 {
    UNWRAPPED_BASE + tsn.0 as u64
}
