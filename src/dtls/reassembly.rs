//! Handshake fragments in any order become messages in order.

use std::collections::VecDeque;

use crate::base::limits;
use crate::base::ranges::RangeSet;
use crate::wire::dtls::handshake::{Fragment, HandshakeType};

/// A whole handshake message of the peer.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) kind: HandshakeType,
    /// Its number.
    pub(super) sequence: u16,
    /// The epoch of the records that carried it.
    pub(super) epoch: u16,
    pub(super) body: Vec<u8>,
}

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Insert {
    /// It was new, or known already; its message is still wanted.
    Taken,
    /// Its message was taken before.
    Duplicate,
    /// It contradicts others, is too far ahead or too long.
    Refused,
}

/// A message of which some has arrived.
#[derive(Clone, Debug)]
struct Partial {
    kind: HandshakeType,
    total: usize,
    epoch: u16,
    /// As long as what has arrived reaches, not as the message claims to be.
    data: Vec<u8>,
    have: RangeSet,
    /// Fragments that said something else.
    contradictions: u32,
}

impl Partial {
    fn new(epoch: u16, fragment: &Fragment<'_>) -> Self {
        Self {
            kind: fragment.kind,
            total: fragment.total,
            epoch,
            data: Vec::new(),
            have: RangeSet::new(),
            contradictions: 0,
        }
    }

    fn is_complete(&self) -> bool {
        self.total == 0 || self.have.first().is_some_and(|range| range == (0..=last(self.total)))
    }

    /// Whether the fragment touches what is there, and so makes no piece more.
    fn adjoins(&self, fragment: &Fragment<'_>) -> bool {
        let (first, end) = (number(fragment.offset), number(fragment.end()));
        self.have.iter().any(|known| *known.start() <= end && first <= known.end().saturating_add(1))
    }

    /// Takes the bytes that are new; those that are known already stay as they were, so that overlapping fragments
    /// with different bytes cannot change what was read.
    fn take(&mut self, fragment: &Fragment<'_>) {
        if fragment.data.is_empty() {
            return;
        }
        if self.data.len() < fragment.end() {
            self.data.resize(fragment.end(), 0);
        }
        let (first, end) = (number(fragment.offset), last(fragment.end()));
        let mut at = first;
        for known in self.have.iter().chain(core::iter::once(end + 1..=end + 1)) {
            if at < *known.start() && at <= end {
                let until = (*known.start() - 1).min(end);
                copy(&mut self.data, fragment, at, until);
            }
            at = at.max(known.end().saturating_add(1));
        }
        self.have.insert(first..=end);
    }
}

/// Lengths are below 2^24.
fn number(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn last(len: usize) -> u64 {
    number(len).saturating_sub(1)
}

/// Copies the bytes `from..=until` of the message out of the fragment.
fn copy(data: &mut [u8], fragment: &Fragment<'_>, from: u64, until: u64) {
    let (Ok(from), Ok(until)) = (usize::try_from(from), usize::try_from(until)) else { return };
    let source = fragment.data.get(from - fragment.offset..=until - fragment.offset);
    if let (Some(to), Some(source)) = (data.get_mut(from..=until), source) {
        to.copy_from_slice(source);
    }
}

/// The messages of the peer that are on their way.
#[derive(Clone, Debug, Default)]
pub(super) struct Reassembly {
    /// The message wanted next.
    next: u16,
    /// Messages from `next` on.
    ahead: VecDeque<Option<Partial>>,
    /// Bytes held.
    held: usize,
}

impl Reassembly {
    /// Takes one fragment that came in a record of `epoch`.
    pub(super) fn insert(&mut self, epoch: u16, fragment: &Fragment<'_>) -> Insert {
        if fragment.message_seq < self.next {
            return Insert::Duplicate;
        }
        let index = usize::from(fragment.message_seq - self.next);
        if index >= limits::DTLS_MESSAGES_AHEAD || fragment.total > limits::DTLS_MESSAGE {
            return Insert::Refused;
        }
        if self.ahead.len() <= index {
            self.ahead.resize(index + 1, None);
        }
        let Some(slot) = self.ahead.get_mut(index) else { return Insert::Refused };
        let before = slot.as_ref().map_or(0, |partial| partial.data.len());
        // What came under keys is worth more than what anybody could have sent.
        if slot.as_ref().is_none_or(|partial| partial.epoch < epoch) {
            self.held -= before;
            *slot = Some(Partial::new(epoch, fragment));
        }
        let Some(partial) = slot.as_mut() else { return Insert::Refused };
        if partial.epoch != epoch {
            return Insert::Refused;
        }
        if partial.kind != fragment.kind || partial.total != fragment.total {
            // One of the two was forged. If it was the first, the second will come again.
            partial.contradictions += 1;
            if partial.contradictions < limits::DTLS_CONTRADICTIONS {
                return Insert::Refused;
            }
            self.held -= partial.data.len();
            *partial = Partial::new(epoch, fragment);
        }
        let before = partial.data.len();
        let grown = fragment.end().saturating_sub(before);
        let scattered = partial.have.len() >= limits::DTLS_GAPS && !partial.adjoins(fragment);
        if scattered || self.held + grown > limits::DTLS_REASSEMBLY {
            return Insert::Refused;
        }
        partial.take(fragment);
        self.held += partial.data.len() - before;
        Insert::Taken
    }

    /// The next message, if it is complete.
    pub(super) fn next(&mut self) -> Option<Message> {
        let complete = self.ahead.front()?.as_ref().is_some_and(Partial::is_complete);
        if !complete {
            return None;
        }
        let partial = self.ahead.pop_front()??;
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        self.held -= partial.data.len();
        Some(Message { kind: partial.kind, sequence, epoch: partial.epoch, body: partial.data })
    }

    /// The message returned last was not the peer's: its number is still wanted.
    pub(super) fn put_back(&mut self) {
        self.next = self.next.wrapping_sub(1);
        self.ahead.push_front(None);
    }
}

#[cfg(test)]
#[path = "reassembly_tests.rs"]
mod tests;
