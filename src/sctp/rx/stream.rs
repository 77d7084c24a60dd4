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

/// Where stream sequence numbers are counted from, so that late ones lie below.
const SSN_BASE: u64 = 1 << 32;

/// An incoming stream.
#[derive(Clone, Debug)]
pub(crate) struct InStream {
    pub(crate) id: u16,
    /// The next message in order, unwrapped.
    next: u64,
    /// Whole messages whose turn has not come.
    waiting: BTreeMap<u64, Arrived>,
    /// Messages the application can read.
    queue: VecDeque<Arrived>,
    /// `Readable` has been reported and the queue not been empty since.
    pub(crate) reported: bool,
    /// In the ring of readable streams.
    pub(crate) listed: bool,
    /// Something came on it since it was reset.
    pub(crate) used: bool,
}

impl InStream {
    pub(crate) const fn new(id: u16) -> Self {
        Self {
            id,
            next: SSN_BASE,
            waiting: BTreeMap::new(),
            queue: VecDeque::new(),
            reported: false,
            listed: false,
            used: false,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low quarter is the SSN")]
    const fn unwrap(&self, ssn: u16) -> u64 {
        self.next.wrapping_add_signed(ssn.wrapping_sub(self.next as u16).cast_signed() as i64)
    }

    /// Takes a message without regard to order.
    pub(crate) fn push_unordered(&mut self, message: Arrived) {
        self.queue.push_back(message);
    }

    /// Takes a message in order. What it or another replaces, or what comes too late for its turn, is given back.
    pub(crate) fn push_ordered(&mut self, ssn: u16, message: Arrived) -> Option<Arrived> {
        let number = self.unwrap(ssn);
        if number < self.next {
            return Some(message);
        }
        if number > self.next {
            return self.waiting.insert(number, message);
        }
        self.queue.push_back(message);
        self.next += 1;
        self.release();
        None
    }

    /// Moves messages whose turn has come to the queue.
    fn release(&mut self) {
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() == self.next
        {
            self.queue.push_back(entry.remove());
            self.next += 1;
        }
    }

    /// The peer skips ordered messages up to `ssn` (RFC 3758 §3.6): those of them that are whole are delivered.
    pub(crate) fn skip_to(&mut self, ssn: u16) {
        let number = self.unwrap(ssn);
        if number < self.next {
            return;
        }
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() <= number
        {
            self.queue.push_back(entry.remove());
        }
        self.next = number + 1;
        self.release();
    }

    /// Sequence numbers begin again (RFC 6525 §5.2.2 E3). What still waits for its turn will never have it, and is delivered.
    pub(crate) fn reset(&mut self) {
        while let Some((_, message)) = self.waiting.pop_first() {
            self.queue.push_back(message);
        }
        self.next = SSN_BASE;
    }

    /// Drops what waits for its turn and returns its charge: the peer has started anew.
    pub(crate) fn restart(&mut self) -> usize {
        let charge = self.waiting.values().map(Arrived::charge).sum();
        self.waiting.clear();
        self.next = SSN_BASE;
        charge
    }

    /// Gives up the queue: what it holds is of an association that is no more.
    pub(crate) fn forget_queue(&mut self) -> VecDeque<Arrived> {
        (self.reported, self.listed, self.used) = (false, false, false);
        core::mem::take(&mut self.queue)
    }

    pub(crate) fn pop(&mut self) -> Option<Arrived> {
        let message = self.queue.pop_front();
        if self.queue.is_empty() {
            self.reported = false;
        }
        message
    }

    pub(crate) fn is_readable(&self) -> bool {
        !self.queue.is_empty()
    }

    /// What its messages are charged with.
    pub(crate) fn charge(&self) -> usize {
        self.queue.iter().chain(self.waiting.values()).map(Arrived::charge).sum()
    }

    pub(crate) fn trim(&mut self) {
        self.queue.shrink_to_fit();
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
