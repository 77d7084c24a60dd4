//! Requests of the peer for another handshake: there is none (RFC 5246 §7.2.2).

use crate::base::limits;
use crate::wire::dtls::alert::{Alert, AlertDescription, AlertLevel};

/// Whether the peer is to be told, and how often that is still said.
#[derive(Clone, Debug)]
pub(super) struct Refusals {
    due: bool,
    left: u32,
}

impl Refusals {
    pub(super) const fn new() -> Self {
        Self { due: false, left: limits::DTLS_REFUSALS }
    }

    /// The peer has asked.
    pub(super) const fn ask(&mut self) {
        self.due = true;
    }

    /// What it is told: "when that is not appropriate, the recipient should respond with this alert", once for each time it is asked and
    /// not for ever.
    pub(super) fn take(&mut self) -> Option<Alert> {
        if !core::mem::take(&mut self.due) {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        Some(Alert { level: AlertLevel::Warning, description: AlertDescription::NO_RENEGOTIATION })
    }
}
