//! What arrives on a channel, as its application reads it.

use bytes::Bytes;

use super::channel::{ChannelId, ChannelState, Decoded, decode};
use super::channels::{Channels, Phase};
use super::event::{DataChannelFailure, Event};
use super::message::Message;
use crate::sctp;
use crate::wire::dcep::ppid;

impl Channels {
    /// The next message that arrived on the channel. `None` ends what one `Readable` announced.
    pub fn recv(&mut self, id: ChannelId) -> Option<Message> {
        loop {
            let raw = self.next_raw(id)?;
            if raw.ppid == ppid::DCEP {
                self.on_dcep(raw.stream, &raw.data);
                continue;
            }
            let last_piece = decode(raw.ppid, raw.data);
            if matches!(last_piece, Decoded::UnknownPpid) {
                self.on_unknown_ppid(id);
                continue;
            }
            let Some(message) = self.assemble(id, last_piece) else { continue };
            if let Some(channel) = self.channels.get_mut(id.0) {
                channel.stats.messages_received += 1;
                channel.stats.bytes_received += message.data.len() as u64;
            }
            return Some(message);
        }
    }

    /// The next message as SCTP carried it.
    fn next_raw(&mut self, id: ChannelId) -> Option<sctp::Message> {
        let over = self.phase == Phase::Over;
        let channel = self.channels.get_mut(id.0)?;
        if let Some(early) = channel.early.pop_front() {
            self.streams.uncharge([&early]);
            return Some(early);
        }
        if channel.state == ChannelState::Closed && !over {
            if channel.close_reported {
                self.forget(id);
            }
            return None;
        }
        let stream = channel.stream.filter(|_| !channel.discards)?;
        let raw = self.association.recv_from(stream);
        if raw.is_none() && core::mem::take(&mut channel.drain_first) {
            self.reset_outgoing(id);
        }
        raw
    }

    /// "If a message with an unsupported PPID is received [...] the receiver SHOULD close the corresponding data channel" (RFC 8831 §6.6).
    fn on_unknown_ppid(&mut self, id: ChannelId) {
        self.stats.drops.unknown_ppid += 1;
        if self.state(id) == Some(ChannelState::Open) {
            self.push(Event::Error(id, DataChannelFailure::UnknownPayload));
            self.close_channel(id);
        }
    }

    /// Puts a message together from the pieces of the deprecated identifiers; nearly always there is only one.
    fn assemble(&mut self, id: ChannelId, decoded: Decoded) -> Option<Message> {
        let channel = self.channels.get_mut(id.0)?;
        let drops = &mut self.stats.drops;
        match decoded {
            Decoded::Message(message) => {
                let Some(mut whole) = channel.partial.take() else { return Some(message) };
                self.streams.uncharge_bytes(whole.len());
                whole.extend_from_slice(&message.data);
                if !message.binary && core::str::from_utf8(&whole).is_err() {
                    drops.invalid_utf8 += 1;
                    return None;
                }
                return Some(Message { binary: message.binary, data: Bytes::from(whole) });
            }
            Decoded::Piece(piece) => {
                let so_far = channel.partial.as_ref().map_or(0, Vec::len);
                let fits = so_far + piece.len() <= self.local_max;
                if fits && self.streams.charge_bytes(piece.len()) {
                    channel.partial.get_or_insert_default().extend_from_slice(&piece);
                } else {
                    drops.partial_too_long += 1;
                    self.streams.uncharge_bytes(so_far);
                    channel.partial = None;
                }
            }
            Decoded::InvalidUtf8 => drops.invalid_utf8 += 1,
            // Ended the channel.
            Decoded::UnknownPpid => {}
        }
        None
    }
}
