//! What anybody could have said, and what would end the handshake if the peer had said it.

use super::event::CloseReason;
use super::retransmit::Expiry;
use crate::base::limits;

/// A fatal alert in the clear, or a first hello that does not suit. Datagrams are easily forged, so it is not acted upon (RFC 6347
/// §4.1.2.7), until the peer has had the time to say something else and has not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rumour {
    reason: CloseReason,
    /// Expiries of the timer since then, while nothing else was heard.
    silent: u32,
}

impl Rumour {
    /// The latest of several is what counts; that there are several makes none of them truer.
    pub(super) fn say(rumour: &mut Option<Self>, reason: CloseReason) {
        let silent = rumour.map_or(0, |before| before.silent);
        *rumour = Some(Self { reason, silent });
    }

    /// The peer was heard, or somebody who repeats it.
    pub(super) const fn doubt(&mut self) {
        self.silent = 0;
    }

    /// The timer has expired: why the handshake ends, if this is believed by now.
    pub(super) fn on_expiry(&mut self, expiry: Expiry) -> Option<CloseReason> {
        self.silent += 1;
        let believed = expiry == Expiry::GiveUp || self.silent >= limits::DTLS_RUMOUR_EXPIRIES;
        believed.then_some(self.reason)
    }
}
