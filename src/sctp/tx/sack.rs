//! What an acknowledgement changes in the sending half (RFC 9260 §6.2.1, §6.3, §7.2).

use core::time::Duration;

use super::Sender;
use crate::base::limits;
use crate::base::outbox::Outbox;
use crate::base::serial::Tsn;
use crate::sctp::event::Event;
use crate::sctp::stats::Stats;
use crate::sctp::tx::congestion::{Ack, Loss};
use crate::sctp::tx::outstanding::Acked;
use crate::time::Instant;
use crate::wire::sctp::Sack;

impl Sender {
    /// Takes a SACK; false if it is old or impossible.
    pub(crate) fn on_sack(
        &mut self,
        now: Instant,
        sack: &Sack<'_>,
        stats: &mut Stats,
        events: &mut Outbox<Event>,
    ) -> bool {
        let cumulative = sack.cumulative_tsn.unwrap_near(self.out.cumulative());
        let in_flight = self.out.in_flight_bytes;
        let least = self.rto.least();
        let acked = self.out.on_sack(now, cumulative, sack.gap_blocks(), least, &mut self.queue);
        let Some(mut acked) = acked else { return false };
        // T3 would have expired before this came, had anybody looked at it: what was acknowledged may be what would have been sent again, and
        // the time is that of a sleep, not of the path (RFC 9260 §6.3.1 C5). Believed, it would pace what follows over minutes.
        if self.t3.at().is_some_and(|at| at <= now) {
            self.measured_from = now;
        }
        acked.rtt = acked.rtt.filter(|rtt| now - *rtt >= self.measured_from);
        let window_before = core::mem::replace(&mut self.peer_window, sack.a_rwnd as usize);
        let probed = self.probing;
        if acked.advanced || acked.bytes > 0 {
            self.rto.acknowledged();
            self.probing = false;
            self.alone = false;
        }
        if let Some(rtt) = acked.rtt {
            self.rto.measured(now, rtt);
        }
        self.answered = self.answer_time(&acked, sack);
        if let Some((newest, left)) = acked.newest {
            let highest_sent = self.out.next_tsn() - 1;
            self.congestion.on_ack(&Ack {
                now,
                bytes: acked.bytes,
                in_flight,
                cumulative,
                advanced: acked.advanced,
                newest: left,
                rtt: acked.rtt,
                delivered: self.out.progress.delivered,
                highest_sent,
            });
            let bytes = self.out.detect_losses(newest);
            if bytes > 0 {
                let recovering = self.congestion.is_recovering();
                let in_flight = self.out.in_flight_bytes;
                self.congestion.on_loss(&Loss { now, bytes, in_flight, highest_sent });
                if !recovering {
                    stats.recoveries += 1;
                    self.forced = true;
                }
            }
        }
        if self.peer_window >= limits::SCTP_LEAST_FRAGMENT && self.peer_window > window_before {
            self.probe.end();
        }
        if probed && self.peer_window >= limits::SCTP_LEAST_FRAGMENT {
            // The peer has room again: how often it was asked says nothing about the path.
            self.rto.collapse();
            if core::mem::take(&mut self.probing) {
                // What it did not take meanwhile need not wait for the doubled timer.
                self.out.lose_all(&mut self.queue);
                self.t3.stop();
            }
        }
        self.out.find_reneged(&mut self.queue);
        if self.partial && sack.gap_blocks().len() > 0 {
            self.give_up_overdue(now, events);
        }
        self.after_sack(now, acked.advanced);
        true
    }

    /// Gives up what keeps the peer from what it has already and would come too late anyway (RFC 3758 §4.1 TR4).
    fn give_up_overdue(&mut self, now: Instant, events: &mut Outbox<Event>) {
        while let Some(tsn) = self.out.first_passed_over()
            && self.out.is_overdue(now, tsn)
        {
            self.abandon(tsn, events);
        }
    }

    /// Takes the acknowledgement that SHUTDOWN carries.
    pub(crate) fn on_cumulative(&mut self, now: Instant, cumulative: Tsn) {
        let cumulative = cumulative.unwrap_near(self.out.cumulative());
        let least = self.rto.least();
        if let Some(acked) = self.out.on_sack(now, cumulative, core::iter::empty(), least, &mut self.queue) {
            self.after_sack(now, acked.advanced);
        }
    }

    fn after_sack(&mut self, now: Instant, advanced: bool) {
        if let Some(to) = self.out.forward_to() {
            let again = self.forward.sent_at + self.rto.smoothed().unwrap_or_default();
            self.forward.due |= to > self.forward.told || now >= again;
        }
        if self.out.is_empty() {
            self.t3.stop();
            self.quiet_since.get_or_insert(now);
        } else if advanced {
            self.t3.set(now + self.rto.current());
        }
    }

    /// How long the answer to an I bit took, if the acknowledgement tells: it covers one chunk, so that no second packet caused
    /// it, and neither a gap nor the beginning of the association did (RFC 9260 §5.1, §6.2).
    fn answer_time(&self, acked: &Acked, sack: &Sack<'_>) -> Option<Duration> {
        let first = self.out.progress.delivered == acked.bytes as u64;
        let telling = acked.asked && acked.advanced && acked.chunks == 1 && !first;
        acked.rtt.filter(|_| telling && sack.gap_blocks().len() == 0 && sack.duplicates().len() == 0)
    }

    /// The packet that brought the acknowledgement has been read: with data in it the acknowledgement says nothing about the
    /// peer's manners, for data takes it along.
    pub(crate) fn end_of_packet(&mut self, with_data: bool) {
        if let Some(rtt) = self.answered.take()
            && !with_data
        {
            self.rto.answered_immediate(rtt);
        }
    }
}
