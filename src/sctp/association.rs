//! The association: SCTP's machine.

use core::time::Duration;

use bytes::Bytes;

use super::config::{Config, ConfigError};
use super::error::{ResetError, SendError};
use super::event::Event;
use super::message::{Message, SendOptions};
use super::stats::Stats;
use crate::machine::{Machine, Output};
use crate::rng::Rng;
use crate::time::{Instant, Latest};

/// The state of an association (RFC 9260 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not begun, or over.
    Closed,
    /// INIT sent.
    CookieWait,
    /// COOKIE ECHO sent.
    CookieEchoed,
    /// Up.
    Established,
    /// We shut down and wait for what is in flight.
    ShutdownPending,
    /// SHUTDOWN sent.
    ShutdownSent,
    /// The peer shuts down; we wait for what is in flight.
    ShutdownReceived,
    /// SHUTDOWN ACK sent.
    ShutdownAckSent,
}

/// One SCTP association.
#[derive(Debug)]
pub struct Association {
    latest: Latest,
    config: Config,
    #[expect(dead_code, reason = "drawn from by the handshake")]
    rng: Rng,
}

impl Association {
    /// An association that waits for [`connect`](Self::connect) or the peer's INIT.
    ///
    /// # Errors
    /// [`ConfigError`] if `config` makes no sense.
    pub fn new(now: Instant, rng: Rng, config: &Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { latest: Latest::new(now), config: config.clone(), rng })
    }

    /// Starts the handshake: INIT leaves with the next poll.
    pub fn connect(&mut self) {}

    /// Takes one SCTP packet. What is kept of it is sliced from `packet` or copied.
    pub fn handle_input(&mut self, now: Instant, packet: Bytes) {
        self.latest.advance(now);
        drop(packet);
    }

    /// The next event, packet (`buf[..len]`) or deadline.
    ///
    /// # Panics
    /// If `buf` is neither empty nor as long as the MTU.
    pub fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), Event> {
        assert!(buf.is_empty() || buf.len() >= self.config.mtu, "buffer shorter than the MTU");
        self.latest.advance(now);
        Output::Wait(None)
    }

    /// Queues a message.
    ///
    /// # Errors
    /// [`SendError`]; nothing of the message is kept then.
    pub fn send(&mut self, now: Instant, message: &Message, options: SendOptions) -> Result<(), SendError> {
        let _ = (now, message, options);
        Err(SendError::Closed)
    }

    /// The next message of `stream`.
    pub fn recv_from(&mut self, stream: u16) -> Option<Message> {
        let _ = stream;
        None
    }

    /// The next message of any stream, streams in turn.
    pub fn recv(&mut self) -> Option<Message> {
        None
    }

    /// Payload bytes of `stream` not yet handed to the network.
    pub fn buffered_amount(&self, stream: u16) -> usize {
        let _ = stream;
        0
    }

    /// `BufferedAmountLow` is reported when the buffered amount falls to this from above. 0 at first.
    pub fn set_buffered_amount_low_threshold(&mut self, stream: u16, bytes: usize) {
        let _ = (stream, bytes);
    }

    /// Whether `send` would take a message of allowed length on `stream` now.
    pub fn can_send(&self, stream: u16) -> bool {
        let _ = stream;
        false
    }

    /// Resets our direction of these streams once what is queued on them has been sent and acknowledged (RFC 6525 §5.1.2).
    /// Each stream is answered by `OutgoingReset` or `ResetFailed`. What is sent after this call follows the reset.
    ///
    /// # Errors
    /// [`ResetError`]; nothing is reset then.
    pub fn reset_streams(&mut self, streams: &[u16]) -> Result<(), ResetError> {
        let _ = streams;
        Err(ResetError::NotConnected)
    }

    /// Ends the association once all that is queued has been sent and acknowledged.
    pub fn shutdown(&mut self) {}

    /// Ends the association with the next poll: one ABORT, then `Closed`.
    pub fn abort(&mut self) {}

    /// Tells a round trip measured elsewhere, before `connect`.
    pub fn set_initial_rtt(&mut self, rtt: Duration) {
        let _ = rtt;
    }

    /// Changes the length of the longest packet. Values that cannot be are cut to the nearest that can.
    pub fn set_mtu(&mut self, mtu: usize) {
        let _ = mtu;
    }

    /// Changes the longest message that `send` takes.
    pub fn set_max_send_message_size(&mut self, bytes: usize) {
        let _ = bytes;
    }

    /// A stream's share of the sending: 256 is usual, twice that is twice as much (RFC 8831 §6.4).
    pub fn set_stream_priority(&mut self, stream: u16, priority: u16) {
        let _ = (stream, priority);
    }

    /// The state.
    pub fn state(&self) -> State {
        State::Closed
    }

    /// How many streams there are outbound and inbound; zero before the handshake.
    pub fn streams(&self) -> (u16, u16) {
        (0, 0)
    }

    /// Whether the peer can reset streams.
    pub fn supports_reset(&self) -> bool {
        false
    }

    /// What has happened so far.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// The longest packet.
    pub fn mtu(&self) -> usize {
        self.config.mtu
    }

    /// Gives idle memory back.
    #[expect(dead_code, reason = "called by the parent")]
    pub(crate) fn trim(&mut self) {}

    /// The same association again, for simulations.
    #[cfg(feature = "sim")]
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { latest: self.latest.clone(), config: self.config.clone(), rng: self.rng.duplicate() }
    }
}

impl Machine for Association {
    type Input<'i> = Bytes;
    type Path = ();
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Bytes) {
        Self::handle_input(self, now, input);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), Event> {
        Self::poll_output(self, now, buf)
    }
}
