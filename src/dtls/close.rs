//! How a connection ends.

use super::connection::{Connection, Phase};
use super::event::{CloseReason, Event};
use crate::log::debug;
use crate::wire::dtls::alert::Alert;

impl Connection {
    /// Ends the connection: `close_notify`, then [`Event::Closed`] as the last output. What was not read is gone.
    pub fn close(&mut self) {
        // Nobody is told of a connection nobody has heard of.
        let alert = self.epochs.is_used().then(Alert::close_notify);
        self.finish(alert, Event::Closed);
    }

    /// Ends the connection because of an error.
    pub(super) fn fail(&mut self, reason: CloseReason) {
        self.finish(reason.alert().map(Alert::fatal), Event::Failed(reason));
    }

    fn finish(&mut self, alert: Option<Alert>, event: Event) {
        if matches!(self.phase, Phase::Closing(..) | Phase::Over) {
            return;
        }
        debug!(role = ?self.role, ?event, "dtls closing");
        self.phase = Phase::Closing(alert, event);
        self.handshake = None;
        self.flight = None;
        self.secrets = None;
        self.retransmit.stop();
        self.inbox.clear();
        self.inbox_bytes = 0;
        self.trim();
    }
}
