//! One incoming stream: the order of its messages and the queue to the application.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::base::limits;

/// A message in the queue.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) ppid: u32,
    pub(crate) data: Bytes,
}

impl Arrived {
    pub(crate) fn charge(&self) -> usize {
        self.data.len() + limits::SCTP_MESSAGE_OVERHEAD
    }
}

/// Half of all stream sequence numbers: what is so far ahead or farther lies behind.
const HALF: u16 = 1 << 15;

/// An incoming stream. A peer may name every stream there is, and each is remembered for as long as the association lives: so what a
/// stream on which nothing waits costs is little.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that holds for now")]
#[derive(Clone, Debug)]
pub(crate) struct InStream {
    pub(crate) id: u16,
    /// The next message in order.
    next: u16,
    /// `Readable` has been reported and the queue not been empty since.
    pub(crate) reported: bool,
    /// A `Readable` waits among the events.
    pub(crate) told: bool,
    /// In the ring of readable streams.
    pub(crate) listed: bool,
    /// Something came on it since it was reset.
    pub(crate) used: bool,
    /// Its messages, while there are any.
    held: Option<Box<Held>>,
}

/// The messages of a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// Whole ones whose turn has not come, all of them less than [`HALF`] ahead of the next.
    waiting: BTreeMap<u16, Arrived>,
    /// Those the application can read.
    queue: VecDeque<Arrived>,
}

impl Held {
    /// The first of those that wait, counted from `next`.
    fn first_from(&self, next: u16) -> Option<u16> {
        let first = self.waiting.range(next..).next().or_else(|| self.waiting.first_key_value());
        first.map(|(ssn, _)| *ssn)
    }

    /// Moves messages whose turn has come to the queue; the next turn.
    fn release(&mut self, mut next: u16) -> u16 {
        while !self.waiting.is_empty()
            && let Some(message) = self.waiting.remove(&next)
        {
            self.queue.push_back(message);
            next = next.wrapping_add(1);
        }
        next
    }

    fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.waiting.is_empty()
    }
}

/// Empty books of streams that had messages, for the next streams that have: messages that come and go cost no allocator.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spares {
    #[expect(clippy::vec_box, reason = "it is the boxes that are spared")]
    books: Vec<Box<Held>>,
}

impl Spares {
    #[expect(clippy::unnecessary_box_returns, reason = "it is the boxes that are spared")]
    fn take(&mut self) -> Box<Held> {
        self.books.pop().unwrap_or_default()
    }

    fn give(&mut self, held: Box<Held>) {
        if self.books.len() < limits::SCTP_SPARE_BOOKS && held.queue.capacity() <= limits::SCTP_SPARE_MESSAGES
        {
            self.books.push(held);
        }
    }

    pub(crate) fn trim(&mut self) {
        self.books = Vec::new();
    }
}

impl InStream {
    pub(crate) const fn new(id: u16) -> Self {
        Self { id, next: 0, reported: false, told: false, listed: false, used: false, held: None }
    }

    /// Takes a message without regard to order.
    pub(crate) fn push_unordered(&mut self, message: Arrived, spares: &mut Spares) {
        self.held.get_or_insert_with(|| spares.take()).queue.push_back(message);
    }

    /// Takes a message in order. What it or another replaces, or what comes too late for its turn, is given back.
    pub(crate) fn push_ordered(
        &mut self,
        ssn: u16,
        message: Arrived,
        spares: &mut Spares,
    ) -> Option<Arrived> {
        let ahead = ssn.wrapping_sub(self.next);
        if ahead >= HALF {
            return Some(message);
        }
        let held = self.held.get_or_insert_with(|| spares.take());
        if ahead > 0 {
            return held.waiting.insert(ssn, message);
        }
        held.queue.push_back(message);
        self.next = held.release(ssn.wrapping_add(1));
        None
    }

    /// The peer skips ordered messages up to `ssn` (RFC 3758 §3.6): those of them that are whole are delivered.
    pub(crate) fn skip_to(&mut self, ssn: u16) {
        let ahead = ssn.wrapping_sub(self.next);
        if ahead >= HALF {
            return;
        }
        let next = ssn.wrapping_add(1);
        let Some(held) = &mut self.held else {
            self.next = next;
            return;
        };
        while let Some(first) = held.first_from(self.next)
            && first.wrapping_sub(self.next) <= ahead
        {
            held.queue.extend(held.waiting.remove(&first));
        }
        self.next = held.release(next);
    }

    /// Whether [`skip_to`](Self::skip_to) would change a stream that is as new.
    pub(crate) const fn is_news(ssn: u16) -> bool {
        ssn < HALF
    }

    /// Sequence numbers begin again (RFC 6525 §5.2.2 E3). What still waits for its turn will never have it, and is delivered.
    pub(crate) fn reset(&mut self) {
        if let Some(held) = &mut self.held {
            while let Some(first) = held.first_from(self.next) {
                held.queue.extend(held.waiting.remove(&first));
            }
        }
        self.next = 0;
    }

    /// Drops what waits for its turn and returns its charge: the peer has started anew.
    pub(crate) fn restart(&mut self) -> usize {
        let before = self.charge();
        if let Some(held) = &mut self.held {
            held.waiting.clear();
        }
        self.held.take_if(|held| held.is_empty());
        self.next = 0;
        before - self.charge()
    }

    /// Gives up the queue: what it holds is of an association that is no more. `first`: an event of before is no longer told of what comes
    /// after.
    pub(crate) fn forget_queue(&mut self, first: bool) -> VecDeque<Arrived> {
        (self.reported, self.listed, self.used) = (false, false, false);
        self.told &= !first;
        let Some(held) = &mut self.held else { return VecDeque::new() };
        let queue = core::mem::take(&mut held.queue);
        self.held.take_if(|held| held.is_empty());
        queue
    }

    pub(crate) fn pop(&mut self, spares: &mut Spares) -> Option<Arrived> {
        let held = self.held.as_mut()?;
        let message = held.queue.pop_front();
        if held.queue.is_empty() {
            self.reported = false;
        }
        let room = held.queue.capacity();
        if room > limits::SCTP_SPARE_MESSAGES && held.queue.len() < room / 8 {
            held.queue.shrink_to(room / 4);
        }
        if let Some(empty) = self.held.take_if(|held| held.is_empty()) {
            spares.give(empty);
        }
        message
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.queue.is_empty())
    }

    /// Whether it has to be remembered even if its numbers begin again.
    pub(crate) const fn is_in_use(&self) -> bool {
        self.held.is_some() || self.listed || self.told
    }

    /// What it is charged with beside its messages.
    pub(crate) fn overhead(&self) -> usize {
        let waits = |held: &Held| if held.waiting.is_empty() { 0 } else { limits::SCTP_ORDER_OVERHEAD };
        self.held.as_ref().map_or(0, |held| limits::SCTP_STREAM_OVERHEAD + waits(held))
    }

    /// What it is charged with.
    pub(crate) fn charge(&self) -> usize {
        let messages =
            |held: &Held| held.queue.iter().chain(held.waiting.values()).map(Arrived::charge).sum();
        self.overhead() + self.held.as_deref().map_or(0, messages)
    }

    pub(crate) fn trim(&mut self) {
        if let Some(held) = &mut self.held {
            held.queue.shrink_to_fit();
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
