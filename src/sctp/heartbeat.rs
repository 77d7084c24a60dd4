//! HEARTBEAT on an idle path (RFC 9260 §8.3). Liveness is ICE's consent's business; this keeps the round trip known.

use super::association::Association;
use super::state::Answer;
use crate::base::reader::Reader;
use crate::time::{Instant, Timer};
use crate::wire::sctp::COMMON_HEADER_LEN;

/// When the next HEARTBEAT leaves and what is outstanding.
#[derive(Clone, Debug, Default)]
pub(super) struct Heartbeat {
    timer: Timer,
    /// It leaves with the next packet.
    due: bool,
    /// Its nonce and when it was sent, until it is answered.
    unanswered: Option<(u64, Instant)>,
    /// How many in a row have not been answered: so often is the timeout doubled, for them alone.
    missed: u32,
    /// When data was last sent or acknowledged.
    active_at: Instant,
}

impl Heartbeat {
    pub(super) const fn at(&self) -> Option<Instant> {
        self.timer.at()
    }

    pub(super) const fn is_due(&self) -> bool {
        self.due
    }

    /// Data moves: the path is not idle.
    pub(super) const fn active(&mut self, now: Instant) {
        self.active_at = now;
    }

    /// The peer has acknowledged data: it is there.
    pub(super) const fn alive(&mut self, now: Instant) {
        self.active(now);
        self.missed = 0;
    }
}

impl Association {
    /// Waits for the path to be idle: the interval, one timeout, and half of that either way so that many associations do not
    /// beat together. The timeout is doubled for each in a row that was not answered.
    pub(super) fn rest_heartbeat(&mut self, from: Instant) {
        let Some(interval) = self.config.heartbeat_interval else { return };
        let rto = self.tx.rto.doubled(self.heartbeat.missed);
        let spread = self.rng.below(u64::try_from(rto.as_nanos()).unwrap_or(0));
        let jitter = core::time::Duration::from_nanos(spread) + rto / 2;
        self.heartbeat.timer.set(from + interval + jitter);
    }

    pub(super) fn on_heartbeat_timer(&mut self, now: Instant) {
        // §8.3: none after SHUTDOWN or SHUTDOWN ACK, which are repeated anyway.
        if !self.heartbeat.timer.take_due(now) || !self.phase.has_data_out() {
            return;
        }
        if self.heartbeat.unanswered.take().is_some() {
            self.heartbeat.missed = self.heartbeat.missed.saturating_add(1);
            self.rest_heartbeat(now);
            self.count_error();
            return;
        }
        let interval = self.config.heartbeat_interval.unwrap_or_default();
        let idle_at = self.heartbeat.active_at + interval;
        if self.tx.is_idle() && idle_at <= now {
            self.heartbeat.due = true;
        } else {
            self.rest_heartbeat(now.max(self.heartbeat.active_at));
        }
    }

    /// The information of the HEARTBEAT that leaves now.
    pub(super) fn beat(&mut self, now: Instant) -> [u8; 8] {
        let nonce = self.rng.u64();
        self.heartbeat.due = false;
        self.heartbeat.unanswered = Some((nonce, now));
        self.heartbeat.timer.set(now + self.tx.rto.doubled(self.heartbeat.missed));
        nonce.to_be_bytes()
    }

    /// The whole chunk is kept: all its parameters come back unchanged (§8.3).
    pub(super) fn on_heartbeat(&mut self, chunk: &[u8]) {
        // A longer one could not be answered in one packet.
        if chunk.len() + COMMON_HEADER_LEN + 3 > self.config.mtu {
            self.stats.drops.bad_heartbeat += 1;
            return;
        }
        self.answer(Answer::HeartbeatAck(bytes::Bytes::copy_from_slice(chunk)));
    }

    pub(super) fn on_heartbeat_ack(&mut self, now: Instant, info: &[u8]) {
        let nonce = Reader::new(info).u64().filter(|_| info.len() == 8);
        match self.heartbeat.unanswered {
            Some((expected, sent_at)) if nonce == Some(expected) => {
                self.heartbeat.unanswered = None;
                self.heartbeat.missed = 0;
                self.errors = 0;
                self.tx.rto.measured(now, now.saturating_duration_since(sent_at));
                self.rest_heartbeat(now);
            }
            _ => self.stats.drops.bad_heartbeat += 1,
        }
    }
}
