//! The end of an association, in order or at once (RFC 9260 §9).

use super::association::Association;
use super::event::CloseReason;
use super::state::{AbortCause, Farewell, Goodbye, Phase, Repeat};
use crate::base::outbox::Outbox;
use crate::base::serial::Tsn;

impl Association {
    /// Ends the association once all that is queued has been sent and acknowledged. Asked before the association is up, it ends
    /// once it has been.
    pub fn shutdown(&mut self) {
        self.touch();
        match self.phase {
            Phase::Idle => self.finish(CloseReason::Shutdown),
            Phase::CookieWait { .. } | Phase::CookieEchoed { .. } => self.shutdown_wanted = true,
            Phase::Established => {
                self.phase = Phase::ShutdownPending;
                self.advance_shutdown();
            }
            Phase::ShutdownPending
            | Phase::ShutdownSent { .. }
            | Phase::ShutdownReceived
            | Phase::ShutdownAckSent { .. }
            | Phase::Closing(_)
            | Phase::Over => {}
        }
    }

    /// Goes on when everything sent has been acknowledged.
    pub(super) fn advance_shutdown(&mut self) {
        if !self.tx.is_done() {
            return;
        }
        if matches!(self.phase, Phase::ShutdownPending | Phase::ShutdownReceived) {
            self.tx.stop();
        }
        if matches!(self.phase, Phase::ShutdownPending) {
            self.phase = Phase::ShutdownSent { shutdown: Repeat::new() };
            self.guard_shutdown();
        } else if matches!(self.phase, Phase::ShutdownReceived) {
            self.phase = Phase::ShutdownAckSent { ack: Repeat::new() };
            // T5 is who began's (§9.2); here it stands in where nothing else bounds the repetitions.
            if self.config.max_retransmits.is_none() {
                self.guard_shutdown();
            }
        }
    }

    /// §9.2: T5 of five times the greatest timeout.
    fn guard_shutdown(&mut self) {
        if !self.shutdown_guard.is_running() {
            self.shutdown_guard.set(self.latest.now() + self.config.rto_max * 5);
        }
    }

    pub(super) fn on_shutdown_guard(&mut self) {
        if self.phase.is_up() {
            self.close_unreachable();
        }
    }

    /// SHUTDOWN has come.
    pub(super) fn on_shutdown(&mut self, cumulative: Tsn) {
        match self.phase {
            Phase::Established | Phase::ShutdownPending => {
                self.tx.on_cumulative(self.latest.now(), cumulative);
                self.phase = Phase::ShutdownReceived;
                self.advance_shutdown();
            }
            Phase::ShutdownReceived => {
                self.tx.on_cumulative(self.latest.now(), cumulative);
                self.advance_shutdown();
            }
            // Both at once: each answers the other's (§9.2).
            Phase::ShutdownSent { .. } => self.phase = Phase::ShutdownAckSent { ack: Repeat::new() },
            Phase::ShutdownAckSent { ref mut ack } => ack.due = true,
            Phase::Idle
            | Phase::CookieWait { .. }
            | Phase::CookieEchoed { .. }
            | Phase::Closing(_)
            | Phase::Over => self.stats.drops.unexpected_chunk += 1,
        }
    }

    pub(super) fn on_shutdown_ack(&mut self) {
        if matches!(self.phase, Phase::ShutdownSent { .. } | Phase::ShutdownAckSent { .. }) {
            let farewell = Some(Farewell::ShutdownComplete);
            self.phase = Phase::Closing(Goodbye { reason: CloseReason::Shutdown, farewell });
        } else {
            self.stats.drops.unexpected_chunk += 1;
        }
    }

    pub(super) fn on_shutdown_complete(&mut self) {
        if matches!(self.phase, Phase::ShutdownAckSent { .. }) {
            self.finish(CloseReason::Shutdown);
        } else {
            self.stats.drops.unexpected_chunk += 1;
        }
    }

    /// Ends without another datagram.
    pub(super) fn finish(&mut self, reason: CloseReason) {
        if !self.phase.is_over() {
            self.phase = Phase::Closing(Goodbye { reason, farewell: None });
            self.forget();
        }
    }

    /// Ends with an ABORT, if there is anybody to send it to.
    pub(super) fn close_with(&mut self, reason: CloseReason, cause: AbortCause) {
        if self.phase.is_over() {
            return;
        }
        let known = self.peer.is_some() || cause == AbortCause::NoTag;
        let farewell = known.then_some(Farewell::Abort(cause));
        self.phase = Phase::Closing(Goodbye { reason, farewell });
        self.forget();
    }

    pub(super) fn close_unreachable(&mut self) {
        self.close_with(CloseReason::Unreachable, AbortCause::User);
    }

    /// What waits to be sent never will be. What has arrived can still be read.
    fn forget(&mut self) {
        let mut unheard = Outbox::new(0);
        self.tx.queue.clear(&mut unheard);
        self.answers.clear();
    }
}
