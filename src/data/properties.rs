//! What can be asked about channels.

use super::channel::{ChannelId, ChannelState};
use super::channels::{Channels, Phase};
use super::stats::{ChannelStats, Stats};
use crate::sctp::{Association, Reliability};

impl Channels {
    /// The channel's state; `None` if there is no such channel (any more). So for the other properties.
    pub fn state(&self, id: ChannelId) -> Option<ChannelState> {
        self.channels.get(id.0).map(|channel| channel.state)
    }

    /// Its label.
    pub fn label(&self, id: ChannelId) -> Option<&str> {
        self.channels.get(id.0).map(|channel| &*channel.label)
    }

    /// Its subprotocol; empty if none was named.
    pub fn protocol(&self, id: ChannelId) -> Option<&str> {
        self.channels.get(id.0).map(|channel| &*channel.protocol)
    }

    /// Its stream id, once it has one.
    pub fn stream_id(&self, id: ChannelId) -> Option<u16> {
        self.channels.get(id.0).and_then(|channel| channel.stream)
    }

    /// Whether messages stay in order.
    pub fn ordered(&self, id: ChannelId) -> Option<bool> {
        self.channels.get(id.0).map(|channel| channel.ordered)
    }

    /// How hard it tries.
    pub fn reliability(&self, id: ChannelId) -> Option<Reliability> {
        self.channels.get(id.0).map(|channel| channel.reliability)
    }

    /// Whether both sides created it by agreement.
    pub fn negotiated(&self, id: ChannelId) -> Option<bool> {
        self.channels.get(id.0).map(|channel| channel.negotiated)
    }

    /// Its priority.
    pub fn priority(&self, id: ChannelId) -> Option<u16> {
        self.channels.get(id.0).map(|channel| channel.priority)
    }

    /// What it has done.
    pub fn channel_stats(&self, id: ChannelId) -> Option<ChannelStats> {
        self.channels.get(id.0).map(|channel| channel.stats)
    }

    /// The channels there are, closed ones that have unread messages included.
    pub fn ids(&self) -> impl Iterator<Item = ChannelId> {
        self.channels.iter().map(|(key, _)| ChannelId(key))
    }

    /// Whether the association is over: nothing is sent any more, and no channel can be made.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Whether there is no channel.
    pub const fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// Longest message that `send` takes.
    pub const fn max_message_size(&self) -> usize {
        self.remote_max
    }

    /// One more than the greatest stream id; 65535 until the association is up.
    pub const fn stream_limit(&self) -> u16 {
        self.streams.limit()
    }

    /// What all channels together have done.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The association below.
    pub const fn association(&self) -> &Association {
        &self.association
    }
}
