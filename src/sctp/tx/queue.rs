//! Messages waiting to be cut into fragments, by stream.

use std::collections::VecDeque;

use bytes::Bytes;

use super::schedule::Ring;
use crate::base::outbox::Outbox;
use crate::sctp::event::Event;
use crate::sctp::message::{Message, Reliability, SendOptions};
use crate::sctp::streams::StreamMap;
use crate::time::Instant;

/// A message as it was sent, less what has left.
#[derive(Clone, Debug)]
struct Queued {
    data: Bytes,
    ppid: u32,
    ordered: bool,
    /// Its bytes are none of the application's.
    quiet: bool,
    /// `u16::MAX`: any number.
    max_retransmits: u16,
    /// `Instant::MAX`: never.
    expires_at: Instant,
}

impl Queued {
    const fn quiet_len(&self) -> usize {
        if self.quiet { self.data.len() } else { 0 }
    }
}

/// Where our reset of a stream stands (RFC 6525 §5.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OutReset {
    /// None is wanted.
    #[default]
    None,
    /// The first `left` messages of the queue go out first.
    Draining {
        /// How many of them are left.
        left: usize,
    },
    /// Everything has left and been acknowledged: the request can be made.
    Ready,
    /// The request has been made.
    Requested,
}

/// One outgoing stream.
#[derive(Clone, Debug)]
pub(crate) struct OutStream {
    pub(crate) id: u16,
    queue: VecDeque<Queued>,
    /// Payload bytes in the queue, and how many of them are none of the application's.
    pub(crate) buffered: usize,
    pub(crate) quiet: usize,
    threshold: usize,
    /// `send` refused since the last `BufferedAmountLow`.
    refused: bool,
    /// A `BufferedAmountLow` waits to be read.
    pub(crate) low_reported: bool,
    next_ssn: u16,
    pub(crate) priority: u16,
    pub(crate) deficit: i64,
    /// In the ring.
    pub(crate) active: bool,
    /// Chunks sent and neither acknowledged nor abandoned.
    pub(crate) in_flight: u32,
    pub(crate) reset: OutReset,
}

impl OutStream {
    const fn new(id: u16) -> Self {
        Self {
            id,
            queue: VecDeque::new(),
            buffered: 0,
            quiet: 0,
            threshold: 0,
            refused: false,
            low_reported: false,
            next_ssn: 0,
            priority: 256,
            deficit: 0,
            active: false,
            in_flight: 0,
            reset: OutReset::None,
        }
    }

    /// Whether the first message of the queue may be sent.
    fn may_send(&self) -> bool {
        let held = match self.reset {
            OutReset::None => false,
            OutReset::Draining { left } => left == 0,
            OutReset::Ready | OutReset::Requested => true,
        };
        !held && !self.queue.is_empty()
    }
}

/// A piece of a message that leaves now.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    pub(crate) slot: u32,
    pub(crate) stream: u16,
    pub(crate) ssn: u16,
    pub(crate) ppid: u32,
    pub(crate) data: Bytes,
    pub(crate) ordered: bool,
    pub(crate) beginning: bool,
    pub(crate) ending: bool,
    pub(crate) max_retransmits: u16,
    pub(crate) expires_at: Instant,
}

/// The message that is being sent: one that has begun is finished before any other, since its TSNs must be consecutive.
#[derive(Clone, Copy, Debug)]
struct Current {
    slot: u32,
    begun: bool,
}

/// The threshold of all streams together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Total {
    threshold: Option<usize>,
    /// A `TotalBufferedAmountLow` waits to be read.
    pub(crate) reported: bool,
}

impl Total {
    fn fell(&mut self, before: usize, after: usize, events: &mut Outbox<Event>) {
        let crossed = self.threshold.is_some_and(|threshold| before > threshold && after <= threshold);
        if crossed && !self.reported {
            self.reported = events.push(Event::TotalBufferedAmountLow);
        }
    }
}

/// How long a fragment may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes that the packet has room for, and that an empty one would have: what fits that is not cut, for the loss of one of two
    /// packets would be the loss of both.
    pub(crate) packet: usize,
    pub(crate) whole_packet: usize,
    /// A message that does not fit the packet begins only where so much of it does.
    pub(crate) least: usize,
    /// Bytes that the peer has room for. Nothing is cut to fit: small fragments would only beget more of them.
    pub(crate) peer: usize,
}

/// Everything that waits.
#[derive(Clone, Debug)]
pub(crate) struct SendQueue {
    streams: StreamMap<OutStream>,
    ring: Ring,
    current: Option<Current>,
    limit: usize,
    mtu: usize,
    /// Bytes over all streams.
    buffered: usize,
    pub(crate) total: Total,
    /// Streams whose reset can be requested.
    pub(crate) ready_to_reset: VecDeque<u16>,
    /// Messages that expired before they were sent.
    pub(crate) expired: u64,
}

impl SendQueue {
    pub(crate) fn new(limit: usize, mtu: usize) -> Self {
        Self {
            streams: StreamMap::default(),
            ring: Ring::default(),
            current: None,
            limit,
            mtu,
            buffered: 0,
            total: Total::default(),
            ready_to_reset: VecDeque::new(),
            expired: 0,
        }
    }

    pub(crate) const fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu;
    }

    fn open(&mut self, stream: u16) -> u32 {
        self.streams.slot_or_insert(stream, || OutStream::new(stream))
    }

    /// Takes a message; its stream's buffered amount if that is at the limit. `quiet`: its bytes are none of the application's.
    pub(crate) fn push(
        &mut self,
        now: Instant,
        message: &Message,
        options: SendOptions,
        quiet: bool,
    ) -> Result<(), usize> {
        let slot = self.open(message.stream);
        let Some(stream) = self.streams.at_mut(slot) else { return Err(0) };
        if stream.buffered >= self.limit {
            stream.refused = true;
            return Err(stream.buffered);
        }
        let (max_retransmits, expires_at) = match options.reliability {
            Reliability::Reliable => (u16::MAX, Instant::MAX),
            Reliability::MaxRetransmits(count) => (count.min(u16::MAX - 1), Instant::MAX),
            Reliability::MaxLifetime(lifetime) => (u16::MAX, now + lifetime),
        };
        let (data, ppid, ordered) = (message.data.clone(), message.ppid, options.ordered);
        stream.buffered += data.len();
        stream.quiet += if quiet { data.len() } else { 0 };
        self.buffered += data.len();
        stream.queue.push_back(Queued { data, ppid, ordered, quiet, max_retransmits, expires_at });
        if stream.may_send() {
            self.ring.activate(slot, stream, self.mtu);
        }
        Ok(())
    }

    /// The next fragment, if there is room for it.
    pub(crate) fn next(&mut self, now: Instant, room: Room, events: &mut Outbox<Event>) -> Option<Fragment> {
        let current = self.select(now, events)?;
        let stream = self.streams.at_mut(current.slot)?;
        let message = stream.queue.front_mut()?;
        let whole = message.data.len();
        let ending = whole <= room.packet;
        let len = whole.min(room.packet);
        let waits = !ending && !current.begun && (len < room.least || whole <= room.whole_packet);
        if len == 0 || len > room.peer || waits {
            return None;
        }
        let ssn = stream.next_ssn;
        let (ppid, ordered) = (message.ppid, message.ordered);
        let (max_retransmits, expires_at) = (message.max_retransmits, message.expires_at);
        stream.quiet -= if message.quiet { len } else { 0 };
        let data = if ending {
            if ordered {
                stream.next_ssn = ssn.wrapping_add(1);
            }
            stream.queue.pop_front()?.data
        } else {
            message.data.split_to(len)
        };
        Ring::charge(stream, data.len(), self.mtu);
        stream.in_flight += 1;
        self.current = (!ending).then_some(Current { slot: current.slot, begun: true });
        let fragment = Fragment {
            slot: current.slot,
            stream: stream.id,
            ssn: if ordered { ssn } else { 0 },
            ppid,
            ordered,
            beginning: !current.begun,
            ending,
            max_retransmits,
            expires_at,
            data,
        };
        self.lower(current.slot, fragment.data.len(), ending, events);
        if ending {
            self.ring.retire(&mut self.streams, OutStream::may_send);
        }
        Some(fragment)
    }

    /// The message whose turn it is; those that expired before they began are dropped.
    fn select(&mut self, now: Instant, events: &mut Outbox<Event>) -> Option<Current> {
        if let Some(current) = self.current {
            return Some(current);
        }
        loop {
            let slot = self.ring.turn(&mut self.streams, self.mtu, OutStream::may_send)?;
            let stream = self.streams.at_mut(slot)?;
            if stream.queue.front()?.expires_at > now {
                return Some(Current { slot, begun: false });
            }
            let dropped = stream.queue.pop_front()?;
            stream.quiet -= dropped.quiet_len();
            self.expired += 1;
            self.lower(slot, dropped.data.len(), true, events);
        }
    }

    /// `bytes` have left the queue of a stream, and with them the end of a message if `message` says so.
    fn lower(&mut self, slot: u32, bytes: usize, message: bool, events: &mut Outbox<Event>) {
        let Some(stream) = self.streams.at_mut(slot) else { return };
        let before = stream.buffered;
        stream.buffered -= bytes;
        self.total.fell(self.buffered, self.buffered - bytes, events);
        self.buffered -= bytes;
        if let OutReset::Draining { left } = &mut stream.reset
            && message
        {
            *left = left.saturating_sub(1);
        }
        let after = stream.buffered;
        let resume = stream.threshold.max(self.limit / 2);
        let crossed = before > stream.threshold && after <= stream.threshold;
        let resumed = stream.refused && after <= resume;
        if crossed || resumed {
            stream.refused = false;
            report_low(stream, events);
        }
        self.check_drained(slot);
    }

    /// Streams that wait for their last chunk to be acknowledged before they are reset.
    fn check_drained(&mut self, slot: u32) {
        if let Some(stream) = self.streams.at_mut(slot)
            && stream.reset == (OutReset::Draining { left: 0 })
            && stream.in_flight == 0
        {
            stream.reset = OutReset::Ready;
            self.ready_to_reset.push_back(stream.id);
        }
    }

    /// A chunk of a stream is no longer in flight.
    pub(crate) fn settled(&mut self, slot: u32) {
        if let Some(stream) = self.streams.at_mut(slot) {
            stream.in_flight = stream.in_flight.saturating_sub(1);
            if stream.reset != OutReset::None {
                self.check_drained(slot);
            }
        }
    }

    /// A chunk that was settled is in flight again.
    pub(crate) fn unsettled(&mut self, slot: u32) {
        if let Some(stream) = self.streams.at_mut(slot) {
            stream.in_flight += 1;
        }
    }

    /// When the message that has begun expires.
    pub(crate) fn current_expires_at(&self) -> Option<Instant> {
        let current = self.current.filter(|current| current.begun)?;
        Some(self.streams.at(current.slot)?.queue.front()?.expires_at)
    }

    /// Drops what is left of the message that has begun, and says what its missing end would be.
    pub(crate) fn discard_current(&mut self, events: &mut Outbox<Event>) -> Option<Fragment> {
        let current = self.current.take_if(|current| current.begun)?;
        let stream = self.streams.at_mut(current.slot)?;
        let dropped = stream.queue.pop_front()?;
        stream.quiet -= dropped.quiet_len();
        let ssn = stream.next_ssn;
        if dropped.ordered {
            stream.next_ssn = ssn.wrapping_add(1);
        }
        let fragment = Fragment {
            slot: current.slot,
            stream: stream.id,
            ssn: if dropped.ordered { ssn } else { 0 },
            ppid: dropped.ppid,
            data: Bytes::new(),
            ordered: dropped.ordered,
            beginning: false,
            ending: true,
            max_retransmits: dropped.max_retransmits,
            expires_at: dropped.expires_at,
        };
        self.lower(current.slot, dropped.data.len(), true, events);
        Some(fragment)
    }

    /// Whether a call of [`SendQueue::next`] may find something.
    pub(crate) fn has_more(&self) -> bool {
        self.current.is_some() || !self.ring.is_empty()
    }

    pub(crate) const fn buffered(&self) -> usize {
        self.buffered
    }

    pub(crate) fn stream(&self, stream: u16) -> Option<&OutStream> {
        self.streams.get(stream)
    }

    pub(crate) fn set_priority(&mut self, stream: u16, priority: u16) {
        let slot = self.open(stream);
        if let Some(stream) = self.streams.at_mut(slot) {
            stream.priority = priority;
        }
    }

    pub(crate) fn set_threshold(&mut self, stream: u16, bytes: usize, events: &mut Outbox<Event>) {
        let slot = self.open(stream);
        if let Some(stream) = self.streams.at_mut(slot) {
            let crossed = stream.buffered > stream.threshold && stream.buffered <= bytes;
            stream.threshold = bytes;
            if crossed {
                report_low(stream, events);
            }
        }
    }

    pub(crate) fn set_total_threshold(&mut self, bytes: usize, events: &mut Outbox<Event>) {
        let was_above = self.total.threshold.is_some_and(|threshold| self.buffered > threshold);
        self.total.threshold = Some(bytes);
        if was_above {
            self.total.fell(usize::MAX, self.buffered, events);
        }
    }

    /// Marks a `BufferedAmountLow` as read.
    pub(crate) fn low_taken(&mut self, stream: u16) {
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.low_reported = false;
        }
    }

    /// Resets a stream once what is queued now has left.
    pub(crate) fn begin_reset(&mut self, stream: u16) {
        let slot = self.open(stream);
        if let Some(stream) = self.streams.at_mut(slot)
            && stream.reset == OutReset::None
        {
            stream.reset = OutReset::Draining { left: stream.queue.len() };
            self.check_drained(slot);
        }
    }

    pub(crate) fn requested(&mut self, stream: u16) {
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.reset = OutReset::Requested;
        }
    }

    /// The peer has answered a request: the stream sends again, from 0 if it was performed.
    pub(crate) fn end_reset(&mut self, stream: u16, performed: bool) {
        let Some(slot) = self.streams.slot(stream) else { return };
        let Some(stream) = self.streams.at_mut(slot) else { return };
        stream.reset = OutReset::None;
        if performed {
            stream.next_ssn = 0;
        }
        if stream.may_send() {
            self.ring.activate(slot, stream, self.mtu);
        }
    }

    /// The handshake has told how many streams there are: what waits on others can never be sent (RFC 9260 §5.1.1).
    pub(crate) fn drop_beyond(&mut self, streams: u16, events: &mut Outbox<Event>) {
        for stream in self.streams.iter_mut().filter(|stream| stream.id >= streams) {
            let dropped = core::mem::take(&mut stream.buffered);
            stream.quiet = 0;
            self.expired += stream.queue.len() as u64;
            stream.queue.clear();
            let refused = core::mem::take(&mut stream.refused);
            if dropped > stream.threshold || refused {
                report_low(stream, events);
            }
            self.total.fell(self.buffered, self.buffered - dropped, events);
            self.buffered -= dropped;
        }
    }

    /// How many streams have been sent on or set up: what [`clear`](Self::clear) walks over.
    pub(crate) fn stream_count(&self) -> usize {
        self.streams.iter().len()
    }

    /// Drops everything that waits, and begins all sequence numbers again.
    pub(crate) fn clear(&mut self, events: &mut Outbox<Event>) {
        for stream in self.streams.iter_mut() {
            let refused = core::mem::take(&mut stream.refused);
            if stream.buffered > stream.threshold || refused {
                report_low(stream, events);
            }
            stream.queue.clear();
            (stream.buffered, stream.quiet) = (0, 0);
            stream.next_ssn = 0;
            stream.active = false;
            stream.in_flight = 0;
            stream.reset = OutReset::None;
        }
        self.ring.clear();
        self.current = None;
        self.total.fell(self.buffered, 0, events);
        self.buffered = 0;
        self.ready_to_reset.clear();
    }

    pub(crate) fn trim(&mut self) {
        self.streams.trim();
        for stream in self.streams.iter_mut() {
            stream.queue.shrink_to_fit();
        }
        self.ring.trim();
        self.ready_to_reset.shrink_to_fit();
    }

    /// What must hold between calls.
    pub(crate) fn check(&self) {
        let sum: usize = self.streams.iter().map(|stream| stream.buffered).sum();
        assert_eq!(sum, self.buffered, "bytes of all streams");
        for stream in self.streams.iter() {
            let sum: usize = stream.queue.iter().map(|message| message.data.len()).sum();
            assert_eq!(sum, stream.buffered, "bytes of stream {}", stream.id);
            let quiet: usize = stream.queue.iter().map(Queued::quiet_len).sum();
            assert_eq!(quiet, stream.quiet, "quiet bytes of stream {}", stream.id);
            let begun = self.current.is_some_and(|current| {
                self.streams.at(current.slot).is_some_and(|each| each.id == stream.id)
            });
            assert!(stream.active || begun || !stream.may_send(), "stream {} is forgotten", stream.id);
        }
    }
}

fn report_low(stream: &mut OutStream, events: &mut Outbox<Event>) {
    if !stream.low_reported {
        stream.low_reported = events.push(Event::BufferedAmountLow(stream.id));
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
