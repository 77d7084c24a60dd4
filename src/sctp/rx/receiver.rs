//! The receiving half of an association: what DATA becomes, and what the peer is told of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::reassemble::{Piece, Reassembler};
use super::sack::AckPolicy;
use super::stream::{Arrived, InStream, Spares};
use super::tracker::{Arrival, Tracker};
use crate::base::arena::Arena;
use crate::base::limits;
use crate::base::ops::Ops;
use crate::base::outbox::Outbox;
use crate::base::serial::{Tsn, UNWRAPPED_BASE};
use crate::sctp::config::Config;
use crate::sctp::event::Event;
use crate::sctp::message::Message;
use crate::sctp::stats::Stats;
use crate::sctp::streams::StreamMap;
use crate::time::Instant;
use crate::wire::sctp::{Data, ForwardTsn, PacketWriter};

/// What has to be answered to DATA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing but a SACK in its time.
    Fine,
    /// The stream does not exist (RFC 9260 §6.5).
    NoSuchStream,
    /// The message grew too long.
    TooLong,
}

/// Streams whose reset waits for data sent before it.
#[derive(Clone, Debug)]
struct HeldBack {
    /// Sorted; none is all.
    streams: Vec<u16>,
    /// The last TSN before the reset.
    last: u64,
}

impl HeldBack {
    fn holds(&self, stream: u16, tsn: u64) -> bool {
        tsn > self.last && (self.streams.is_empty() || self.streams.binary_search(&stream).is_ok())
    }
}

/// The receiving half.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) tracker: Tracker,
    pub(crate) acks: AckPolicy,
    fragments: Reassembler,
    streams: StreamMap<InStream>,
    spares: Spares,
    /// Unread messages of before the peer's restart, by stream.
    former: BTreeMap<u16, VecDeque<Arrived>>,
    /// That restart has not been told yet: until it is, nothing that came after it can be read.
    restart_untold: bool,
    inbound: u16,
    window: usize,
    max_message: usize,
    /// What whole messages and the streams that have them are charged with.
    messages: usize,
    /// The window as last told.
    advertised: usize,
    /// Streams to read, in turn.
    readable: VecDeque<u16>,
    held_back: Option<HeldBack>,
    /// Streams that something came on since they were reset.
    used: BTreeSet<u16>,
    /// Streams whose `IncomingReset` waits to be read.
    resets_unread: BTreeSet<u16>,
    /// For messages much shorter than their packet.
    small: Arena,
    /// The packet being read had DATA; it is to be acknowledged at once.
    saw_data: bool,
    at_once: bool,
    ops: Ops,
}

impl Receiver {
    pub(crate) fn new(config: &Config) -> Self {
        let (block, blocks) = limits::SCTP_ARENA;
        Self {
            tracker: Tracker::new(UNWRAPPED_BASE),
            acks: AckPolicy::new(config.sack_delay),
            fragments: Reassembler::default(),
            streams: StreamMap::default(),
            spares: Spares::default(),
            former: BTreeMap::new(),
            restart_untold: false,
            inbound: 0,
            window: config.receive_window,
            max_message: config.max_receive_message_size,
            messages: 0,
            advertised: config.receive_window,
            readable: VecDeque::new(),
            held_back: None,
            used: BTreeSet::new(),
            resets_unread: BTreeSet::new(),
            small: Arena::new(block, blocks),
            saw_data: false,
            at_once: false,
            ops: Ops::default(),
        }
    }

    /// The peer will begin with the TSN `initial` and use `inbound` streams. What had arrived in part is forgotten.
    pub(crate) fn begin(&mut self, initial: Tsn, inbound: u16) {
        self.tracker = Tracker::new(UNWRAPPED_BASE + u64::from(initial.0));
        self.fragments = Reassembler::default();
        self.held_back = None;
        self.inbound = inbound;
        for stream in self.streams.iter_mut() {
            self.messages -= stream.restart();
        }
        self.acks.restart();
    }

    /// The peer has started anew: what is unread of before is kept apart from what comes now. False if another restart has not been told
    /// yet; what came between the two is nobody's.
    pub(crate) fn restart(&mut self) -> bool {
        let first = !core::mem::replace(&mut self.restart_untold, true);
        for stream in self.streams.iter_mut() {
            self.ops.add(1);
            let before = stream.charge();
            let queue = stream.forget_queue(first);
            self.messages = self.messages + stream.charge() - before;
            if first && !queue.is_empty() {
                self.messages += queue.iter().map(Arrived::charge).sum::<usize>();
                self.former.entry(stream.id).or_default().extend(queue);
            }
        }
        self.readable.clear();
        self.used.clear();
        if first {
            self.resets_unread.clear();
        }
        first
    }

    /// The restart has been told.
    pub(crate) const fn restart_told(&mut self) {
        self.restart_untold = false;
    }

    /// The next message that is unread of before the peer's restart, stream by stream.
    pub(crate) fn take_former(&mut self) -> Option<Message> {
        let stream = *self.former.first_key_value()?.0;
        self.former_of(stream)
    }

    fn former_of(&mut self, stream: u16) -> Option<Message> {
        let queue = self.former.get_mut(&stream)?;
        let next = queue.pop_front();
        if queue.is_empty() {
            self.former.remove(&stream);
        }
        next.map(|arrived| self.given(stream, arrived))
    }

    /// Bytes held, with what they pin.
    pub(crate) const fn held(&self) -> usize {
        self.messages + self.fragments.charged()
    }

    /// The window to tell.
    pub(crate) const fn free(&self) -> usize {
        self.window.saturating_sub(self.held())
    }

    pub(crate) const fn inbound(&self) -> u16 {
        self.inbound
    }

    /// Takes a DATA chunk of `packet`.
    pub(crate) fn on_data(
        &mut self,
        packet: &Bytes,
        data: &Data<'_>,
        stats: &mut Stats,
        events: &mut Outbox<Event>,
    ) -> Verdict {
        self.ops.add(1);
        self.saw_data = true;
        self.at_once |= data.flags.immediate;
        let tsn = self.tracker.unwrap(data.tsn);
        match self.tracker.classify(tsn) {
            Arrival::New => {}
            Arrival::Duplicate => {
                stats.duplicates_received += 1;
                self.at_once = true;
                return Verdict::Fine;
            }
            Arrival::TooFar => {
                stats.drops.tsn_range += 1;
                self.at_once = true;
                return Verdict::Fine;
            }
        }
        if !self.has_room(tsn, data.payload.len()) {
            stats.drops.window += 1;
            self.at_once = true;
            return Verdict::Fine;
        }
        if data.stream >= self.inbound {
            stats.drops.bad_data += 1;
            self.note(tsn);
            return Verdict::NoSuchStream;
        }
        if self.held_back.as_ref().is_some_and(|held| held.holds(data.stream, tsn)) {
            // The peer must not send on the stream until we have answered (RFC 6525 §5.1.2 A1). From one that does, §5.2.2 E2 would have
            // us keep it; not acknowledged, it comes again after the reset, and nothing piles up for a reset that never happens.
            stats.drops.resetting += 1;
            return Verdict::Fine;
        }
        let slot = self.open(data.stream);
        stats.data_chunks_received += 1;
        self.note(tsn);
        let (ssn, ppid, unordered) = (data.ssn.0, data.ppid, data.flags.unordered);
        let payload = self.keep(packet, data);
        if data.flags.beginning && data.flags.ending {
            self.deliver(slot, (!unordered).then_some(ssn), Arrived { ppid, data: payload }, stats, events);
            return Verdict::Fine;
        }
        let piece = Piece {
            tsn,
            stream: data.stream,
            ssn,
            ppid,
            unordered,
            beginning: data.flags.beginning,
            ending: data.flags.ending,
            data: payload,
        };
        self.place(slot, piece, stats, events)
    }

    /// The peer counts payload, we what it pins: what it sends within the window it was told is taken, up to half the window
    /// more. Holes are filled beyond that, and where nothing but pieces is held it goes on: else what waits could never be read.
    /// Twice the window is the end.
    fn has_room(&self, tsn: u64, len: usize) -> bool {
        let held = self.held();
        let after = held + len + limits::SCTP_FRAGMENT_OVERHEAD + limits::SCTP_RUN_OVERHEAD;
        let fills = self.messages == 0 || (self.tracker.has_gaps() && tsn < self.tracker.highest());
        let most = if fills { self.window * 2 } else { self.window + self.window / 2 };
        held == 0 || (after <= most && (held < self.window || fills))
    }

    fn note(&mut self, tsn: u64) {
        self.at_once |= self.tracker.has_gaps();
        self.tracker.insert(tsn);
        self.at_once |= self.tracker.has_gaps();
    }

    /// The payload as it is kept: a slice of the packet if that is most of it, else a copy, so that a byte pins no packet.
    fn keep(&mut self, packet: &Bytes, data: &Data<'_>) -> Bytes {
        let range = data.range();
        if data.payload.len() * 2 >= packet.len() && range.end <= packet.len() {
            packet.slice(range)
        } else {
            self.small.copy(data.payload)
        }
    }

    /// Puts a fragment to those that wait.
    fn place(&mut self, slot: u32, piece: Piece, stats: &mut Stats, events: &mut Outbox<Event>) -> Verdict {
        match self.fragments.insert(piece, self.max_message) {
            Err(_) => return Verdict::TooLong,
            Ok(None) => {}
            Ok(Some(whole)) => {
                let order = (!whole.unordered).then_some(whole.ssn);
                let message = Arrived { ppid: whole.ppid, data: whole.data };
                self.deliver(slot, order, message, stats, events);
            }
        }
        Verdict::Fine
    }

    /// Hands a whole message to its stream, in order if it has a place in it.
    fn deliver(
        &mut self,
        slot: u32,
        ssn: Option<u16>,
        message: Arrived,
        stats: &mut Stats,
        events: &mut Outbox<Event>,
    ) {
        let Some(stream) = self.streams.at_mut(slot) else { return };
        stats.messages_received += 1;
        let before = stream.overhead();
        self.messages += message.charge();
        if let Some(ssn) = ssn {
            if let Some(refused) = stream.push_ordered(ssn, message, &mut self.spares) {
                self.messages -= refused.charge();
                stats.drops.bad_data += 1;
            }
        } else {
            stream.push_unordered(message, &mut self.spares);
        }
        self.messages = self.messages + stream.overhead() - before;
        announce(stream, &mut self.readable, events);
    }

    /// Takes a FORWARD TSN; false if it is out of range.
    pub(crate) fn on_forward(&mut self, forward: &ForwardTsn<'_>, events: &mut Outbox<Event>) -> bool {
        let tsn = self.tracker.unwrap(forward.new_cumulative_tsn);
        // "MUST follow the same rules as if a DATA chunk had been received" (RFC 3758 §3.6). An old one is answered at once, like a
        // repeated chunk: our SACK was lost.
        self.saw_data = true;
        if tsn <= self.tracker.cumulative() {
            self.at_once = true;
            return true;
        }
        self.at_once |= self.tracker.has_gaps();
        if !self.tracker.forward(tsn) {
            self.at_once = true;
            return false;
        }
        self.at_once |= self.tracker.has_gaps();
        self.fragments.forward(tsn);
        for skipped in forward.streams() {
            self.ops.add(1);
            let unknown = self.streams.slot(skipped.stream).is_none();
            if skipped.stream >= self.inbound || (unknown && !InStream::is_news(skipped.ssn.0)) {
                continue;
            }
            let slot = self.open(skipped.stream);
            if let Some(stream) = self.streams.at_mut(slot) {
                let before = stream.overhead();
                stream.skip_to(skipped.ssn.0);
                self.messages = self.messages + stream.overhead() - before;
                announce(stream, &mut self.readable, events);
            }
        }
        true
    }

    /// All chunks of a packet have been read.
    pub(crate) fn end_of_packet(&mut self, now: Instant) -> bool {
        let (saw_data, at_once) = (core::mem::take(&mut self.saw_data), core::mem::take(&mut self.at_once));
        if saw_data {
            self.acks.on_packet(now, at_once);
        }
        saw_data
    }

    /// Writes a SACK.
    pub(crate) fn write_sack(&mut self, packet: &mut PacketWriter<'_>) -> bool {
        let free = self.free();
        self.ops.add(packet.remaining() / 4);
        let (cumulative, window) =
            (Tsn::wrap(self.tracker.cumulative()), u32::try_from(free).unwrap_or(u32::MAX));
        let written = packet.sack(cumulative, window, self.tracker.gap_blocks(), self.tracker.duplicates());
        if written.is_ok() {
            self.advertised = free;
            self.tracker.reported();
            self.acks.sent();
        }
        written.is_ok()
    }

    /// Holds back `streams`, sorted, until everything up to `last` has arrived: they will be reset.
    pub(crate) fn hold(&mut self, streams: Vec<u16>, last: u64) {
        self.held_back = Some(HeldBack { streams, last });
    }

    /// Ends the holding back and says which streams it was about.
    pub(crate) fn release(&mut self) -> Vec<u16> {
        self.held_back.take().map(|held| held.streams).unwrap_or_default()
    }

    /// The sequence numbers of a stream begin again, which is reported once until it has been read. A stream that nothing came
    /// on costs no more than the report.
    pub(crate) fn reset(&mut self, stream: u16, events: &mut Outbox<Event>) {
        self.ops.add(1);
        self.used.remove(&stream);
        if let Some(stream) = self.streams.get_mut(stream) {
            let before = stream.overhead();
            stream.reset();
            self.messages = self.messages + stream.overhead() - before;
            stream.used = false;
            announce(stream, &mut self.readable, events);
        }
        if self.resets_unread.insert(stream) {
            events.push(Event::IncomingReset { stream });
        }
    }

    /// An `IncomingReset` has been read.
    pub(crate) fn reset_taken(&mut self, stream: u16) {
        self.resets_unread.remove(&stream);
    }

    /// A `Readable` has been read.
    pub(crate) fn readable_taken(&mut self, stream: u16) {
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.told = false;
        }
    }

    /// The peer is about to begin anew, and all streams with it: those that nothing is held of need not be remembered. So what the walk
    /// over them costs has been paid for by whoever named them since the last.
    pub(crate) fn forget_idle(&mut self) {
        self.ops.absorb(&mut self.fragments.ops);
        for mut stream in core::mem::take(&mut self.streams).into_values() {
            self.ops.add(1);
            if stream.is_in_use() {
                stream.used = false;
                self.streams.slot_or_insert(stream.id, || stream);
            }
        }
        self.used.clear();
    }

    /// The streams that something came on since they were reset.
    pub(crate) fn take_used(&mut self) -> Vec<u16> {
        core::mem::take(&mut self.used).into_iter().collect()
    }

    /// The slot of a stream that something comes on.
    fn open(&mut self, stream: u16) -> u32 {
        let slot = self.streams.slot_or_insert(stream, || InStream::new(stream));
        if let Some(fresh) = self.streams.at_mut(slot).filter(|stream| !stream.used) {
            fresh.used = true;
            self.used.insert(stream);
        }
        slot
    }

    pub(crate) fn recv_from(&mut self, id: u16) -> Option<Message> {
        let former = self.former_of(id);
        if former.is_some() || self.restart_untold {
            return former;
        }
        let stream = self.streams.get_mut(id)?;
        let before = stream.overhead();
        let arrived = stream.pop(&mut self.spares)?;
        self.messages = self.messages + stream.overhead() - before;
        Some(self.given(id, arrived))
    }

    /// A message leaves.
    fn given(&mut self, stream: u16, arrived: Arrived) -> Message {
        self.messages -= arrived.charge();
        self.reopen();
        let Arrived { ppid, data } = arrived;
        Message { stream, ppid, data }
    }

    pub(crate) fn recv(&mut self) -> Option<Message> {
        let former = self.take_former();
        if former.is_some() || self.restart_untold {
            return former;
        }
        loop {
            let id = self.readable.pop_front()?;
            let message = self.recv_from(id);
            let stream = self.streams.get_mut(id)?;
            stream.listed = stream.is_readable();
            if stream.listed {
                self.readable.push_back(id);
            }
            if message.is_some() {
                return message;
            }
        }
    }

    /// Tells the peer when a window that was as good as closed has opened (RFC 9260 §6.2): it may be waiting for that alone.
    fn reopen(&mut self) {
        let step = (self.window / 4).min(limits::SCTP_WINDOW_STEP);
        if self.advertised < step && self.free() >= self.advertised + step {
            self.acks.hurry();
        }
    }

    /// Steps so far.
    #[cfg(feature = "sim")]
    pub(crate) const fn ops(&self) -> u64 {
        self.ops.count() + self.fragments.ops.count()
    }

    pub(crate) fn trim(&mut self) {
        self.tracker.trim();
        self.fragments.trim();
        self.small.trim();
        self.spares.trim();
        self.streams.trim();
        for stream in self.streams.iter_mut() {
            stream.trim();
        }
        self.readable.shrink_to_fit();
    }

    /// What must hold between calls.
    pub(crate) fn check(&self) {
        self.fragments.check();
        let sum: usize = self.streams.iter().map(InStream::charge).sum();
        let former: usize = self.former.values().flatten().map(Arrived::charge).sum();
        assert_eq!(sum + former, self.messages, "charge of the messages");
        for stream in self.streams.iter() {
            assert!(stream.listed || !stream.is_readable(), "stream {} is forgotten", stream.id);
        }
    }
}

/// Reports a stream that has become readable.
fn announce(stream: &mut InStream, readable: &mut VecDeque<u16>, events: &mut Outbox<Event>) {
    if !stream.is_readable() {
        return;
    }
    if !stream.listed {
        stream.listed = true;
        readable.push_back(stream.id);
    }
    if !stream.reported {
        // One that still waits to be read says this too.
        stream.told = stream.told || events.push(Event::Readable(stream.id));
        stream.reported = stream.told;
    }
}
