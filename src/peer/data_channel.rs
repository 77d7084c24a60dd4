//! A borrowed handle to one data channel: the W3C's `RTCDataChannel`.

use core::time::Duration;

use super::connection::{Life, PeerConnection};
use crate::data::{ChannelId, ChannelState, Message, SendError};
use crate::sctp::Reliability;
use crate::time::Instant;

/// One data channel of a connection, borrowed for as long as the expression needs it.
#[derive(Debug)]
pub struct DataChannel<'a> {
    pub(crate) pc: &'a mut PeerConnection,
    pub(crate) id: ChannelId,
}

impl DataChannel<'_> {
    /// The id events name it by.
    pub const fn id(&self) -> ChannelId {
        self.id
    }

    /// The SCTP stream, once known: the W3C's `id`.
    pub fn stream_id(&self) -> Option<u16> {
        self.pc.channels().stream_id(self.id)
    }

    /// What the opener called it.
    pub fn label(&self) -> &str {
        self.pc.channels().label(self.id).unwrap_or_default()
    }

    /// The subprotocol the opener named.
    pub fn protocol(&self) -> &str {
        self.pc.channels().protocol(self.id).unwrap_or_default()
    }

    /// Whether messages arrive in order.
    pub fn ordered(&self) -> bool {
        self.pc.channels().ordered(self.id).unwrap_or(true)
    }

    /// How long a message is sent again, where that is limited.
    pub fn max_packet_life_time(&self) -> Option<Duration> {
        match self.pc.channels().reliability(self.id)? {
            Reliability::MaxLifetime(time) => Some(time),
            Reliability::Reliable | Reliability::MaxRetransmits(_) => None,
        }
    }

    /// How often a message is sent again, where that is limited.
    pub fn max_retransmits(&self) -> Option<u16> {
        match self.pc.channels().reliability(self.id)? {
            Reliability::MaxRetransmits(times) => Some(times),
            Reliability::Reliable | Reliability::MaxLifetime(_) => None,
        }
    }

    /// Whether both sides created it by agreement of their own.
    pub fn negotiated(&self) -> bool {
        self.pc.channels().negotiated(self.id).unwrap_or(false)
    }

    /// Its share beside others (RFC 8831 §6.4).
    pub fn priority(&self) -> u16 {
        self.pc.channels().priority(self.id).unwrap_or_default()
    }

    /// Its state. Closed with its connection, at once.
    pub fn ready_state(&self) -> ChannelState {
        if self.pc.life != Life::Open {
            return ChannelState::Closed;
        }
        self.pc.channels().state(self.id).unwrap_or(ChannelState::Closed)
    }

    /// Whether `send` would accept a message now.
    pub fn can_send(&self) -> bool {
        self.pc.channels().can_send(self.id)
    }

    /// Queues a message. It is kept as a handle to the same bytes, not copied.
    ///
    /// # Errors
    /// See [`SendError`]; nothing is kept then. After [`SendError::BufferFull`] the event `DataChannelBufferedAmountLow` is certain to come.
    pub fn send(&mut self, now: Instant, message: &Message) -> Result<(), SendError> {
        let now = self.pc.touch(now);
        self.pc.channels_mut().send(now, self.id, message)
    }

    /// The next message, if one has arrived whole.
    pub fn recv(&mut self) -> Option<Message> {
        self.pc.channels_mut().recv(self.id)
    }

    /// Payload bytes queued and not yet handed to the network.
    pub fn buffered_amount(&self) -> usize {
        self.pc.channels().buffered_amount(self.id)
    }

    /// The amount at or below which `DataChannelBufferedAmountLow` is reported.
    pub fn buffered_amount_low_threshold(&self) -> usize {
        self.pc.channels().buffered_amount_low_threshold(self.id)
    }

    /// Sets the amount at or below which `DataChannelBufferedAmountLow` is reported. 0 by default.
    pub fn set_buffered_amount_low_threshold(&mut self, bytes: usize) {
        self.pc.channels_mut().set_buffered_amount_low_threshold(self.id, bytes);
    }

    /// Closes the channel once what is queued has been sent.
    pub fn close(&mut self) {
        self.pc.channels_mut().close_channel(self.id);
    }
}
