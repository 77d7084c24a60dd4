//! Who uses which stream: channels, streams we refuse, messages that came before their channel; and which ids are free.

use std::collections::{BTreeMap, BTreeSet};

use super::channel::ChannelId;
use super::config::Role;
use crate::base::limits;
use crate::sctp;

/// What is known of a stream that is not simply free.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// A channel has it.
    Channel(ChannelId),
    /// The peer used it as it may not: it is being reset.
    Refused {
        /// The peer's direction is reset.
        incoming: bool,
        /// Our direction is reset.
        outgoing: bool,
    },
    /// Messages that overtook their OPEN, or came before the application created the channel agreed upon.
    Unclaimed(Vec<sctp::Message>),
    /// It could not be reset and is not used again.
    Dead,
}

/// The table of streams.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    entries: BTreeMap<u16, Entry>,
    role: Option<Role>,
    /// Ids of our parity that were used and are free again.
    free: BTreeSet<u16>,
    /// The least id of our parity that was never used.
    fresh: u16,
    /// One more than the greatest id allowed.
    limit: u16,
    /// Entries that are `Refused`.
    refused: usize,
    /// Streams of nobody's whose reset by the peer was answered with ours, and that nobody has used since: an answer to that answer has none.
    answered: BTreeSet<u16>,
    /// Bytes of messages kept outside the association, with overhead.
    held: usize,
    /// Outgoing resets of former channels whose confirmation is still to come.
    stale_resets: BTreeMap<u16, u8>,
}

/// What keeping a message costs.
fn cost(message: &sctp::Message) -> usize {
    message.data.len() + limits::DATA_HELD_OVERHEAD
}

impl Streams {
    pub(super) const fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            role: None,
            free: BTreeSet::new(),
            fresh: 0,
            // 65535 is no valid id (RFC 8832 §6 with RFC 8831 §6.2).
            limit: u16::MAX,
            refused: 0,
            answered: BTreeSet::new(),
            held: 0,
            stale_resets: BTreeMap::new(),
        }
    }

    pub(super) const fn set_role(&mut self, role: Role) {
        self.role = Some(role);
        self.fresh = match role {
            Role::Client => 0,
            Role::Server => 1,
        };
    }

    /// The association is another: whose ids are even is to be settled anew.
    pub(super) fn forget_role(&mut self) {
        self.role = None;
        self.limit = u16::MAX;
        self.answered.clear();
    }

    pub(super) const fn role(&self) -> Option<Role> {
        self.role
    }

    pub(super) const fn limit(&self) -> u16 {
        self.limit
    }

    pub(super) fn set_limit(&mut self, limit: u16) {
        self.limit = limit;
    }

    /// Whether ids of this parity are ours to choose.
    pub(super) const fn is_ours(&self, stream: u16) -> bool {
        match self.role {
            Some(Role::Client) => stream.is_multiple_of(2),
            Some(Role::Server) => !stream.is_multiple_of(2),
            None => false,
        }
    }

    pub(super) fn get(&self, stream: u16) -> Option<&Entry> {
        self.entries.get(&stream)
    }

    /// The least free id of our parity.
    pub(super) fn allocate(&mut self) -> Option<u16> {
        loop {
            let stream = match self.free.pop_first() {
                Some(stream) => stream,
                None if self.fresh < self.limit => {
                    let stream = self.fresh;
                    self.fresh = stream.saturating_add(2);
                    stream
                }
                None => return None,
            };
            // An agreed-upon channel may have taken it; it comes back when that is closed.
            if stream < self.limit && !self.is_taken(stream) {
                return Some(stream);
            }
        }
    }

    /// Whether a channel cannot be put there.
    pub(super) fn is_taken(&self, stream: u16) -> bool {
        !matches!(self.entries.get(&stream), None | Some(Entry::Unclaimed(_)))
    }

    /// Gives the stream to a channel, and to the channel what had come for it; that stays charged.
    pub(super) fn claim(&mut self, stream: u16, id: ChannelId) -> Vec<sctp::Message> {
        self.answered.remove(&stream);
        match self.entries.insert(stream, Entry::Channel(id)) {
            Some(Entry::Unclaimed(messages)) => messages,
            Some(Entry::Channel(_) | Entry::Refused { .. } | Entry::Dead) | None => Vec::new(),
        }
    }

    /// The stream can be used by another channel.
    pub(super) fn release(&mut self, stream: u16) {
        match self.entries.remove(&stream) {
            Some(Entry::Refused { .. }) => self.refused -= 1,
            Some(Entry::Unclaimed(messages)) => self.uncharge(&messages),
            Some(Entry::Channel(_) | Entry::Dead) | None => {}
        }
        if self.is_ours(stream) && stream < self.fresh {
            self.free.insert(stream);
        }
    }

    /// The stream is not to be used again.
    pub(super) fn bury(&mut self, stream: u16) {
        self.release(stream);
        self.free.remove(&stream);
        self.entries.insert(stream, Entry::Dead);
    }

    /// Whether a reset of a stream of nobody's is to be answered: once, until somebody uses the stream. Two sides that answered each other's
    /// answers would never end.
    pub(super) fn may_answer(&mut self, stream: u16) -> bool {
        self.answered.len() < limits::DATA_REFUSED_STREAMS && self.answered.insert(stream)
    }

    /// Begins to refuse a stream; false if too many are being refused.
    pub(super) fn refuse(&mut self, stream: u16, incoming: bool) -> bool {
        if self.refused >= limits::DATA_REFUSED_STREAMS {
            return false;
        }
        if !incoming {
            // It was used.
            self.answered.remove(&stream);
        }
        let before = self.entries.insert(stream, Entry::Refused { incoming, outgoing: false });
        self.refused += 1;
        match before {
            Some(Entry::Unclaimed(messages)) => self.uncharge(&messages),
            Some(Entry::Refused { .. }) => self.refused -= 1,
            Some(Entry::Channel(_) | Entry::Dead) | None => {}
        }
        true
    }

    /// One direction of a refused stream is reset; it is free after both.
    pub(super) fn refused_reset(&mut self, stream: u16, is_incoming: bool) {
        if let Some(Entry::Refused { incoming, outgoing }) = self.entries.get_mut(&stream) {
            *(if is_incoming { &mut *incoming } else { &mut *outgoing }) = true;
            if *incoming && *outgoing {
                self.release(stream);
            }
        }
    }

    /// Keeps a message for a channel that does not exist yet; false if there is no room.
    pub(super) fn hold(&mut self, message: sctp::Message) -> bool {
        if !self.charge(&message) {
            return false;
        }
        self.answered.remove(&message.stream);
        match self.entries.get_mut(&message.stream) {
            Some(Entry::Unclaimed(messages)) => messages.push(message),
            Some(Entry::Channel(_) | Entry::Refused { .. } | Entry::Dead) => {}
            None => {
                self.entries.insert(message.stream, Entry::Unclaimed(vec![message]));
            }
        }
        true
    }

    /// Charges a message that is kept outside the association; false, and not charged, if there is no room.
    pub(super) fn charge(&mut self, message: &sctp::Message) -> bool {
        self.charge_bytes(cost(message))
    }

    /// Charges so many bytes.
    pub(super) fn charge_bytes(&mut self, bytes: usize) -> bool {
        let fits = self.held.saturating_add(bytes) <= limits::DATA_HELD;
        if fits {
            self.held += bytes;
        }
        fits
    }

    /// Whether a message of the greatest length could still be kept.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.held.saturating_add(bytes).saturating_add(limits::DATA_HELD_OVERHEAD) <= limits::DATA_HELD
    }

    pub(super) fn uncharge<'m>(&mut self, messages: impl IntoIterator<Item = &'m sctp::Message>) {
        for message in messages {
            self.uncharge_bytes(cost(message));
        }
    }

    pub(super) fn uncharge_bytes(&mut self, bytes: usize) {
        debug_assert!(self.held >= bytes, "what is given back was charged");
        self.held = self.held.saturating_sub(bytes);
    }

    /// A reset of ours that the peer has performed, though its answer is not here yet.
    pub(super) fn expect_stale_reset(&mut self, stream: u16) {
        let count = self.stale_resets.entry(stream).or_default();
        *count = count.saturating_add(1);
    }

    /// Whether a confirmed reset is one of those; it is then forgotten.
    pub(super) fn take_stale_reset(&mut self, stream: u16) -> bool {
        let Some(count) = self.stale_resets.get_mut(&stream) else { return false };
        *count -= 1;
        if *count == 0 {
            self.stale_resets.remove(&stream);
        }
        true
    }

    /// Forgets every stream; what channels keep stays charged.
    pub(super) fn clear(&mut self) {
        let streams: Vec<_> = self.entries.keys().copied().collect();
        for stream in streams {
            self.release(stream);
        }
        self.stale_resets.clear();
    }
}
