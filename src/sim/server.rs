//! STUN servers that answer, slowly, falsely or not at all.

use core::time::Duration;
use std::net::SocketAddr;

use crate::stun::{Attribute, Builder, Class, Message, Method};

/// How a STUN server answers Binding requests, as a value. See [`Network::add_stun_server`](super::Network::add_stun_server).
///
/// ```
/// use antiphon::sim::StunServer;
/// let far = StunServer::new().slow(core::time::Duration::from_secs(2));
/// assert_ne!(far, StunServer::dead());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StunServer {
    pub(super) delay: Duration,
    answers: bool,
    lie: Option<SocketAddr>,
}

impl Default for StunServer {
    fn default() -> Self {
        Self::new()
    }
}

impl StunServer {
    /// One that answers at once and says what it sees.
    pub const fn new() -> Self {
        Self { delay: Duration::ZERO, answers: true, lie: None }
    }

    /// One that never answers.
    pub const fn dead() -> Self {
        Self { delay: Duration::ZERO, answers: false, lie: None }
    }

    /// Takes so long to answer.
    #[must_use]
    pub const fn slow(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Says that everybody has this address.
    #[must_use]
    pub const fn lie(mut self, address: SocketAddr) -> Self {
        self.lie = Some(address);
        self
    }

    /// The answer to a datagram from `from`, if it is a request and there is one.
    pub(super) fn answer(&self, from: SocketAddr, data: &[u8]) -> Option<Vec<u8>> {
        let request = Message::parse(data).ok()?;
        if !self.answers || request.class() != Class::Request || request.method() != Method::BINDING {
            return None;
        }
        let mut buf = [0; 128];
        let mut answer =
            Builder::new(&mut buf, Class::Success, Method::BINDING, request.transaction_id()).ok()?;
        answer.add(&Attribute::XorMappedAddress(self.lie.unwrap_or(from))).ok()?;
        answer.fingerprint().ok()?;
        let len = answer.finish();
        buf.get(..len).map(<[u8]>::to_vec)
    }
}
