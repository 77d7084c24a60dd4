//! How channels open: the exchange of RFC 8832 §6.

use core::time::Duration;

use bytes::Bytes;

use super::channel::{Channel, ChannelId, ChannelState};
use super::channels::Channels;
use super::event::{DataChannelFailure, Event};
use super::streams::Entry;
use crate::base::limits;
use crate::sctp::{self, Reliability, SendOptions};
use crate::wire::dcep::{DcepMessage, Open, OpenReliability, ppid};

impl Channels {
    /// Gives a channel its stream, and with it what came too early.
    pub(super) fn attach(&mut self, id: ChannelId, stream: u16) {
        let early = self.streams.claim(stream, id);
        let Some(channel) = self.channels.get_mut(id.0) else { return };
        channel.stream = Some(stream);
        channel.early.extend(early);
    }

    /// Opens a channel of ours, now that the association can send. A negotiated one needs no words.
    pub(super) fn open(&mut self, id: ChannelId) {
        let limit = self.streams.limit();
        let Some(channel) = self.channels.get(id.0) else { return };
        if channel.state != ChannelState::Connecting {
            return;
        }
        let Some(stream) = channel.stream.filter(|stream| *stream < limit) else {
            self.fail(id, DataChannelFailure::NoStream);
            return;
        };
        if !channel.negotiated {
            let open = open_message(channel);
            if self.send_dcep(stream, open).is_err() {
                self.fail(id, DataChannelFailure::NotSent);
                return;
            }
        }
        self.announce_open(id, stream);
    }

    /// Everything of a channel that the association must know, and the event.
    fn announce_open(&mut self, id: ChannelId, stream: u16) {
        let Some(channel) = self.channels.get_mut(id.0) else { return };
        channel.state = ChannelState::Open;
        let (priority, threshold) = (channel.priority, channel.low_threshold);
        let has_early = !channel.early.is_empty();
        self.association.set_stream_priority(stream, priority);
        self.association.set_buffered_amount_low_threshold(stream, threshold);
        self.stats.opened += 1;
        self.push(Event::Open(id));
        if has_early {
            self.push(Event::Readable(id));
        }
    }

    /// RFC 8832 §6: "All DCEP messages MUST be sent using ordered delivery and reliable transmission."
    fn send_dcep(&mut self, stream: u16, data: Bytes) -> Result<(), sctp::SendError> {
        let message = sctp::Message { stream, ppid: ppid::DCEP, data };
        self.association.send_quiet(self.latest.now(), &message, SendOptions::default())
    }

    /// A message of the channel protocol arrived.
    pub(super) fn on_dcep(&mut self, stream: u16, data: &[u8]) {
        let parsed = DcepMessage::parse(data);
        if parsed.is_err() {
            self.stats.drops.malformed_dcep += 1;
        }
        let channel = match self.streams.get(stream) {
            Some(Entry::Channel(id)) => Some(*id),
            Some(Entry::Refused { .. } | Entry::Dead) => {
                self.stats.drops.late += 1;
                return;
            }
            Some(Entry::Unclaimed(_)) | None => None,
        };
        match (parsed, channel) {
            (Ok(DcepMessage::Ack), _) => self.on_ack(channel),
            (Ok(DcepMessage::Open(open)), None) => self.on_open(stream, &open),
            (Ok(DcepMessage::Open(_)), Some(id)) => {
                self.stats.drops.opened_twice += 1;
                self.break_off(id, DataChannelFailure::OpenedTwice);
            }
            (Err(_), None) => self.refuse(stream),
            (Err(_), Some(id)) => self.break_off(id, DataChannelFailure::Malformed),
        }
    }

    fn on_ack(&mut self, channel: Option<ChannelId>) {
        let channel = channel.and_then(|id| self.channels.get_mut(id.0));
        match channel {
            // It may also have been overtaken by a message.
            Some(channel) if !channel.negotiated => channel.acked = true,
            Some(_) | None => self.stats.drops.unexpected_ack += 1,
        }
    }

    fn on_open(&mut self, stream: u16, open: &Open<'_>) {
        let is_full = self.is_full();
        let labels = self.labels + open.label.len() + open.protocol.len();
        let drops = &mut self.stats.drops;
        let refusal = if stream >= self.streams.limit() {
            Some(&mut drops.invalid_id)
        } else if self.streams.is_ours(stream) {
            Some(&mut drops.wrong_parity)
        } else if is_full {
            Some(&mut drops.too_many_channels)
        } else if labels > limits::DATA_LABELS {
            Some(&mut drops.labels_too_long)
        } else {
            None
        };
        if let Some(counter) = refusal {
            *counter += 1;
            self.refuse(stream);
            return;
        }
        let mut channel = Channel::new(
            open.label.into(),
            open.protocol.into(),
            open.ordered,
            reliability(open.reliability),
        );
        (channel.acked, channel.is_peers) = (true, true);
        channel.priority = open.priority;
        self.labels = labels;
        let id = ChannelId(self.channels.insert(channel));
        self.attach(id, stream);
        self.push(Event::Channel(id));
        if self.send_dcep(stream, Bytes::from_static(&DcepMessage::ACK)).is_err() {
            self.fail(id, DataChannelFailure::NotSent);
            return;
        }
        self.announce_open(id, stream);
    }

    /// An OPEN where there is a channel already, or one that is not well formed: RFC 8832 §6 closes the channel. So for what else is wrong with
    /// a message, one of a type that nobody has agreed upon included (RFC 8831 §6.6).
    fn break_off(&mut self, id: ChannelId, failure: DataChannelFailure) {
        if self.state(id) == Some(ChannelState::Open) {
            self.push(Event::Error(id, failure));
        }
        self.close_channel(id);
    }
}

/// The OPEN of a channel of ours.
fn open_message(channel: &Channel) -> Bytes {
    let reliability = match channel.reliability {
        Reliability::Reliable => OpenReliability::Reliable,
        Reliability::MaxRetransmits(count) => OpenReliability::MaxRetransmits(u32::from(count)),
        Reliability::MaxLifetime(time) => {
            OpenReliability::MaxLifetimeMillis(u32::try_from(time.as_millis()).unwrap_or(u32::MAX))
        }
    };
    let (label, protocol) = (&*channel.label, &*channel.protocol);
    let open = Open { ordered: channel.ordered, reliability, priority: channel.priority, label, protocol };
    Bytes::from(open.to_vec())
}

/// What the peer's OPEN says of its channel.
fn reliability(open: OpenReliability) -> Reliability {
    match open {
        OpenReliability::Reliable => Reliability::Reliable,
        OpenReliability::MaxRetransmits(count) => {
            Reliability::MaxRetransmits(u16::try_from(count).unwrap_or(u16::MAX))
        }
        OpenReliability::MaxLifetimeMillis(millis) => {
            Reliability::MaxLifetime(Duration::from_millis(u64::from(millis)))
        }
    }
}
