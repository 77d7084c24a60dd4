//! How channels close: what is queued is sent, then each side resets its direction of the stream (RFC 8831 §6.7).

use super::channel::{ChannelId, ChannelState, Outgoing};
use super::channels::{Channels, Phase};
use super::event::{DataChannelFailure, Event};
use super::streams::Entry;
use crate::sctp::ResetError;
use crate::wire::dcep::ppid;

impl Channels {
    /// Closes a channel: what is queued is sent first, what arrives from now on is discarded. `Close` follows when the peer has closed its
    /// direction too.
    pub fn close_channel(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(id.0) else { return };
        match channel.state {
            ChannelState::Closed => {}
            ChannelState::Connecting => self.end(id),
            ChannelState::Open | ChannelState::Closing => {
                channel.state = ChannelState::Closing;
                channel.discards = true;
                channel.drain_first = false;
                self.discard(id);
                self.reset_outgoing(id);
            }
        }
    }

    /// Drops what a channel has to read.
    fn discard(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(id.0) else { return };
        let early = core::mem::take(&mut channel.early);
        let partial = channel.partial.take().map_or(0, |partial| partial.len());
        let stream = channel.stream;
        self.streams.uncharge(&early);
        self.streams.uncharge_bytes(partial);
        if let Some(stream) = stream {
            while let Some(message) = self.association.recv_from(stream) {
                if message.ppid != ppid::DCEP {
                    self.stats.drops.late += 1;
                }
            }
        }
    }

    /// Asks the association to reset our direction, once.
    pub(super) fn reset_outgoing(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(id.0) else { return };
        let Some(stream) = channel.stream else { return };
        if !matches!(channel.outgoing, Outgoing::Used | Outgoing::Due) {
            return;
        }
        channel.outgoing = match self.association.reset_streams(&[stream]) {
            Ok(()) => Outgoing::Asked,
            Err(ResetError::NotConnected) => Outgoing::Due,
            Err(_) => Outgoing::Failed,
        };
        match channel.outgoing {
            Outgoing::Due => self.resets_due = true,
            Outgoing::Failed => self.on_reset_failed(stream),
            Outgoing::Used | Outgoing::Asked | Outgoing::Reset => {}
        }
    }

    /// The association is established: resets that waited for it.
    pub(super) fn ask_due_resets(&mut self) {
        if !core::mem::take(&mut self.resets_due) {
            return;
        }
        let due = self.channels.iter().filter(|(_, channel)| channel.outgoing == Outgoing::Due);
        let ids: Vec<_> = due.map(|(key, _)| ChannelId(key)).collect();
        for id in ids {
            self.reset_outgoing(id);
        }
    }

    /// The peer performed our reset.
    pub(super) fn on_outgoing_reset(&mut self, stream: u16) {
        if self.streams.take_stale_reset(stream) {
            self.ask_again(stream);
            return;
        }
        match self.streams.get(stream) {
            Some(Entry::Channel(id)) => {
                let id = *id;
                if let Some(channel) = self.channels.get_mut(id.0)
                    && channel.outgoing == Outgoing::Asked
                {
                    channel.outgoing = Outgoing::Reset;
                    self.settle(id);
                }
            }
            Some(Entry::Refused { .. }) => self.streams.refused_reset(stream, false),
            Some(Entry::Unclaimed(_) | Entry::Dead) | None => {}
        }
    }

    /// The reset of a former channel has been answered: only now can that of the present one be asked for.
    pub(super) fn ask_again(&mut self, stream: u16) {
        match self.streams.get(stream) {
            Some(Entry::Channel(id)) => {
                let id = *id;
                if let Some(channel) = self.channels.get_mut(id.0)
                    && channel.outgoing == Outgoing::Asked
                {
                    channel.outgoing = Outgoing::Used;
                    self.reset_outgoing(id);
                }
            }
            Some(Entry::Refused { outgoing: false, .. }) => self.reset_refused(stream),
            Some(Entry::Refused { .. } | Entry::Unclaimed(_) | Entry::Dead) | None => {}
        }
    }

    /// The peer reset its direction, and all it sent before is there to read.
    pub(super) fn on_incoming_reset(&mut self, stream: u16) {
        // Once more: the peer has used the stream in between, if only for a channel agreed upon on which it said nothing.
        self.end_superseded(stream);
        match self.streams.get(stream) {
            Some(Entry::Channel(id)) => {
                let id = *id;
                self.close_incoming(id, stream);
            }
            Some(Entry::Refused { .. }) => self.streams.refused_reset(stream, true),
            Some(Entry::Dead) => self.stats.drops.unexpected_reset += 1,
            // The peer may have agreed upon a channel that our application never created; it waits for our side.
            Some(Entry::Unclaimed(_)) | None => {
                self.stats.drops.unexpected_reset += 1;
                if self.streams.may_answer(stream) && self.streams.refuse(stream, true) {
                    self.reset_refused(stream);
                }
            }
        }
    }

    fn close_incoming(&mut self, id: ChannelId, stream: u16) {
        let Some(channel) = self.channels.get_mut(id.0) else { return };
        if channel.incoming_reset {
            self.stats.drops.unexpected_reset += 1;
            return;
        }
        channel.incoming_reset = true;
        if channel.discards {
            self.discard(id);
            self.settle(id);
            return;
        }
        self.take_rest(id, stream);
        let Some(channel) = self.channels.get_mut(id.0) else { return };
        // A reset before anything else says that the peer did not accept the channel (RFC 8832 §6).
        let refused = !channel.acked;
        if channel.state == ChannelState::Open {
            channel.state = ChannelState::Closing;
            if refused {
                self.push(Event::Error(id, DataChannelFailure::Refused));
            }
            self.push(Event::Closing(id));
        }
        if self.channels.get(id.0).is_some_and(|channel| !channel.drain_first) {
            self.reset_outgoing(id);
        }
        self.settle(id);
    }

    /// Takes what has arrived out of the association, so that the stream is free for its next user. What there is no room for stays
    /// there, and then our side of the reset waits until it has been read.
    fn take_rest(&mut self, id: ChannelId, stream: u16) {
        loop {
            let has_room = self.streams.has_room(self.local_max);
            let Some(channel) = self.channels.get_mut(id.0) else { return };
            if !has_room {
                channel.drain_first = true;
                channel.acked = true;
                return;
            }
            let Some(message) = self.association.recv_from(stream) else { return };
            if message.ppid == ppid::DCEP {
                // Of the channel protocol only an acknowledgement can be meant: the channel is closing.
                channel.acked = true;
            } else if self.streams.charge(&message) {
                channel.acked = true;
                channel.early.push_back(message);
            }
        }
    }

    /// The peer does not reset our direction: the channel is closed without, and its stream is not used again.
    pub(super) fn on_reset_failed(&mut self, stream: u16) {
        self.stats.drops.reset_failed += 1;
        match self.streams.get(stream) {
            Some(Entry::Channel(id)) => {
                let id = *id;
                if let Some(channel) = self.channels.get_mut(id.0) {
                    channel.outgoing = Outgoing::Failed;
                    self.end(id);
                }
            }
            Some(Entry::Refused { .. }) => self.streams.bury(stream),
            Some(Entry::Unclaimed(_) | Entry::Dead) | None => {}
        }
    }

    /// Closes a stream that the peer used as it may not.
    pub(super) fn refuse(&mut self, stream: u16) {
        if self.streams.refuse(stream, false) {
            self.reset_refused(stream);
        }
    }

    fn reset_refused(&mut self, stream: u16) {
        if self.association.reset_streams(&[stream]).is_err() {
            self.on_reset_failed(stream);
        }
    }

    /// Ends a channel both directions of which are reset.
    fn settle(&mut self, id: ChannelId) {
        let done = self
            .channels
            .get(id.0)
            .is_some_and(|channel| channel.incoming_reset && channel.outgoing == Outgoing::Reset);
        if done {
            self.end(id);
        }
    }

    /// A channel fails: `Error`, then `Close`.
    pub(super) fn fail(&mut self, id: ChannelId, failure: DataChannelFailure) {
        if self.state(id).is_some_and(|state| state != ChannelState::Closed) {
            self.push(Event::Error(id, failure));
            self.end(id);
        }
    }

    /// A channel is over: its stream goes back, `Close` is reported.
    pub(super) fn end(&mut self, id: ChannelId) {
        let is_over = self.phase == Phase::Over;
        let Some(channel) = self.channels.get_mut(id.0) else { return };
        if channel.state == ChannelState::Closed {
            return;
        }
        if channel.state != ChannelState::Connecting {
            self.stats.closed += 1;
        }
        channel.state = ChannelState::Closed;
        match channel.stream {
            Some(_) if is_over => {}
            Some(stream) if channel.outgoing == Outgoing::Failed => self.streams.bury(stream),
            Some(stream) => self.streams.release(stream),
            None => self.forget_waiting(id),
        }
        self.push(Event::Close(id));
    }
}
