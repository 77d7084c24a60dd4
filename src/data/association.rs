//! What the association reports, turned into what its channels see.

use super::channel::{Channel, ChannelId, ChannelState};
use super::channels::{Channels, Phase};
use super::event::{DataChannelFailure, Event};
use super::streams::Entry;
use crate::sctp::{self, CloseReason, State};
use crate::wire::dcep::ppid;
use crate::wire::sctp::cause;

impl Channels {
    /// Opens the channels as soon as the association can send: the first messages then travel with COOKIE ECHO, a round trip before
    /// the association is established.
    pub(super) fn check_up(&mut self) {
        if self.phase != Phase::Connecting {
            return;
        }
        let (outbound, inbound) = self.association.streams();
        let limit = outbound.min(inbound);
        let established = match self.association.state() {
            State::Closed | State::CookieWait => return,
            State::CookieEchoed => false,
            State::Established
            | State::ShutdownPending
            | State::ShutdownSent
            | State::ShutdownReceived
            | State::ShutdownAckSent => true,
        };
        if limit == 0 && !established {
            return;
        }
        self.phase = Phase::Up;
        self.streams.set_limit(limit);
        let ids: Vec<_> = self.ids().collect();
        for id in ids {
            self.open(id);
        }
    }

    pub(super) fn on_association(&mut self, event: &sctp::Event) {
        match *event {
            sctp::Event::Connected => {
                self.check_up();
                self.push(Event::Connected);
                self.ask_due_resets();
            }
            sctp::Event::Restarted => self.on_restart(),
            sctp::Event::Readable(stream) => self.on_readable(stream),
            sctp::Event::BufferedAmountLow(stream) => self.on_low(stream),
            sctp::Event::OutgoingReset { stream } => self.on_outgoing_reset(stream),
            sctp::Event::IncomingReset { stream } => self.on_incoming_reset(stream),
            sctp::Event::ResetFailed { stream, .. } => {
                if self.streams.take_stale_reset(stream) {
                    self.ask_again(stream);
                } else {
                    self.on_reset_failed(stream);
                }
            }
            sctp::Event::TotalBufferedAmountLow | sctp::Event::PeerError { .. } => {}
            sctp::Event::Closed(reason) => self.on_closed(reason),
        }
    }

    /// Something can be read on a stream: the association says so once until the stream has been read empty.
    pub(super) fn on_readable(&mut self, stream: u16) {
        let mut is_first = true;
        loop {
            if is_first && let Some(id) = self.takes_itself(stream) {
                self.push(Event::Readable(id));
                return;
            }
            is_first = false;
            let Some(message) = self.association.recv_from(stream) else { return };
            self.end_superseded(stream);
            if message.ppid == ppid::DCEP {
                self.on_dcep(stream, &message.data);
            } else if let Some(id) = self.take_early(message) {
                self.push(Event::Readable(id));
                return;
            }
        }
    }

    /// The channel whose application reads the stream by itself. One not acknowledged yet is read for it, since the acknowledgement is
    /// no message; without room for that, whatever arrived counts as acknowledgement.
    fn takes_itself(&mut self, stream: u16) -> Option<ChannelId> {
        let Some(Entry::Channel(id)) = self.streams.get(stream) else { return None };
        let id = *id;
        let has_room = self.streams.has_room(self.local_max);
        let channel = self.channels.get_mut(id.0)?;
        if channel.discards || channel.is_superseded() || (!channel.acked && has_room) {
            return None;
        }
        channel.acked = true;
        Some(id)
    }

    /// Something new on a stream that the peer had reset: it uses the stream again, so it has performed our reset too, and only its
    /// answer is late or lost.
    pub(super) fn end_superseded(&mut self, stream: u16) {
        match self.streams.get(stream) {
            Some(Entry::Channel(id)) => {
                let id = *id;
                if self.channels.get(id.0).is_some_and(Channel::is_superseded) {
                    self.streams.expect_stale_reset(stream);
                    self.end(id);
                }
            }
            Some(Entry::Refused { incoming: true, .. }) => {
                self.streams.expect_stale_reset(stream);
                self.streams.release(stream);
            }
            Some(Entry::Refused { .. } | Entry::Unclaimed(_) | Entry::Dead) | None => {}
        }
    }

    /// Keeps a user message read ahead of the application; says for which channel.
    fn take_early(&mut self, message: sctp::Message) -> Option<ChannelId> {
        match self.streams.get(message.stream) {
            Some(Entry::Channel(id)) => {
                let id = *id;
                let channel = self.channels.get_mut(id.0)?;
                channel.acked = true;
                if channel.discards || !self.streams.charge(&message) {
                    self.stats.drops.late += 1;
                    return None;
                }
                channel.early.push_back(message);
                Some(id)
            }
            Some(Entry::Refused { .. } | Entry::Dead) => {
                self.stats.drops.late += 1;
                None
            }
            // RFC 8832 §6 would close the channel here; but a stack that sends unordered from the start, or an application that has
            // not created its negotiated channel yet, is only early.
            Some(Entry::Unclaimed(_)) | None => {
                if !self.streams.hold(message) {
                    self.stats.drops.unclaimed += 1;
                }
                None
            }
        }
    }

    fn on_low(&mut self, stream: u16) {
        let Some(Entry::Channel(id)) = self.streams.get(stream) else { return };
        let id = *id;
        let (buffered, can_send) =
            (self.association.buffered_amount(stream), self.association.can_send(stream));
        let Some(channel) = self.channels.get_mut(id.0) else { return };
        let above = buffered > channel.low_threshold;
        if above && !can_send {
            return; // More was sent since this was true: it comes again when it is.
        }
        // The opening message and the acknowledgement are no business of the application, and a closing channel takes no more.
        if channel.low_wanted && channel.state == ChannelState::Open {
            channel.low_wanted = above;
            self.push(Event::BufferedAmountLow(id));
        }
    }

    /// The peer has forgotten every channel. What had arrived before is still theirs, as far as it is kept.
    fn on_restart(&mut self) {
        while let Some(message) = self.association.take_former() {
            if message.ppid != ppid::DCEP {
                self.take_former(message);
            }
        }
        let ids: Vec<_> = self.ids().collect();
        for id in ids {
            self.fail(id, DataChannelFailure::Restarted);
        }
        self.streams.clear();
    }

    /// Keeps a message of before the peer's restart for its channel, whose application knows that there is something to read.
    fn take_former(&mut self, message: sctp::Message) {
        if let Some(Entry::Channel(id)) = self.streams.get(message.stream)
            && let Some(channel) = self.channels.get_mut(id.0)
            && !channel.discards
            && self.streams.charge(&message)
        {
            channel.early.push_back(message);
        } else {
            self.stats.drops.late += 1;
        }
    }

    fn on_closed(&mut self, reason: CloseReason) {
        if self.phase == Phase::Over {
            return;
        }
        self.phase = Phase::Over;
        let is_clean = match reason {
            CloseReason::Shutdown | CloseReason::Aborted | CloseReason::TransportClosed => true,
            CloseReason::PeerAborted { cause } => cause == 0 || cause == cause::USER_INITIATED_ABORT,
            CloseReason::SetupTimeout
            | CloseReason::Unreachable
            | CloseReason::ProtocolViolation
            | CloseReason::MessageTooLong
            | CloseReason::TransportFailed => false,
        };
        let ids: Vec<_> = self.ids().collect();
        for id in ids {
            if self.state(id).is_none_or(|state| state == ChannelState::Closed) {
                continue;
            }
            if !is_clean {
                self.push(Event::Error(id, DataChannelFailure::Association(reason)));
            }
            self.end(id);
        }
        self.push(Event::Closed(reason));
    }
}
