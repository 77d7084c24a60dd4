//! Handshake fragments in any order become messages in order.

use std::collections::{BTreeMap, VecDeque};

use crate::base::limits;
use crate::base::ops::Ops;
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

/// Bytes of one block: as many as the bits that say which of them are there.
const BLOCK: usize = 128;

/// A part of a message. What has arrived of it is known byte by byte, so pieces may come in any order, number and length, and each costs
/// what it is long.
#[derive(Clone, Debug)]
struct Block {
    bytes: [u8; BLOCK],
    have: u128,
}

impl Default for Block {
    fn default() -> Self {
        Self { bytes: [0; BLOCK], have: 0 }
    }
}

impl Block {
    /// Takes the bytes that are new and says how many; those that are known already stay as they were, so that overlapping fragments
    /// with different bytes cannot change what was read.
    fn take(&mut self, from: usize, part: &[u8]) -> usize {
        let mut new = 0;
        for (at, byte) in (from..).zip(part) {
            let bit = 1 << (at % BLOCK);
            if self.have & bit == 0
                && let Some(place) = self.bytes.get_mut(at)
            {
                *place = *byte;
                self.have |= bit;
                new += 1;
            }
        }
        new
    }
}

/// A message of which some has arrived.
#[derive(Clone, Debug)]
struct Partial {
    kind: HandshakeType,
    total: usize,
    epoch: u16,
    /// Where something has arrived, by number: a message costs what is there of it, not what it claims to be.
    blocks: BTreeMap<usize, Box<Block>>,
    /// Bytes that are there.
    have: usize,
    /// Fragments that said something else.
    contradictions: u32,
}

impl Partial {
    const fn new(epoch: u16, fragment: &Fragment<'_>) -> Self {
        Self {
            kind: fragment.kind,
            total: fragment.total,
            epoch,
            blocks: BTreeMap::new(),
            have: 0,
            contradictions: 0,
        }
    }

    const fn is_complete(&self) -> bool {
        self.have == self.total
    }

    /// Bytes of memory it holds.
    fn held(&self) -> usize {
        self.blocks.len() * size_of::<Block>()
    }

    /// Bytes of memory it would hold more.
    fn grown(&self, fragment: &Fragment<'_>) -> usize {
        if fragment.data.is_empty() {
            return 0;
        }
        let (first, last) = (fragment.offset / BLOCK, (fragment.end() - 1) / BLOCK);
        (last + 1 - first - self.blocks.range(first..=last).count()) * size_of::<Block>()
    }

    fn take(&mut self, fragment: &Fragment<'_>) {
        let (mut at, mut rest) = (fragment.offset, fragment.data);
        while !rest.is_empty() {
            let (part, after) = rest.split_at(rest.len().min(BLOCK - at % BLOCK));
            self.have += self.blocks.entry(at / BLOCK).or_default().take(at % BLOCK, part);
            (at, rest) = (at + part.len(), after);
        }
    }

    /// The whole of it, once it is complete.
    fn into_body(self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.total);
        for block in self.blocks.values() {
            let part = (self.total - body.len()).min(BLOCK);
            body.extend_from_slice(block.bytes.get(..part).unwrap_or_default());
        }
        body
    }
}

/// The messages of the peer that are on their way.
#[derive(Clone, Debug, Default)]
pub(super) struct Reassembly {
    /// The message wanted next.
    next: u16,
    /// Messages from `next` on.
    ahead: VecDeque<Option<Partial>>,
    /// Work done so far: fragments, bytes cleared and bytes written.
    pub(super) ops: Ops,
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
        let held = if index == 0 { 0 } else { self.held_ahead() };
        let Some(slot) = self.ahead.get_mut(index) else { return Insert::Refused };
        self.ops.add(1 + index.min(1) * limits::DTLS_MESSAGES_AHEAD + fragment.data.len());
        // What came under keys is worth more than what anybody could have sent.
        if slot.as_ref().is_some_and(|partial| partial.epoch < epoch) {
            *slot = None;
        }
        let partial = slot.get_or_insert_with(|| Partial::new(epoch, fragment));
        if partial.epoch != epoch {
            return Insert::Refused;
        }
        if partial.kind != fragment.kind || partial.total != fragment.total {
            // One of the two was forged. If it was the first, the second will come again.
            partial.contradictions += 1;
            if partial.contradictions < limits::DTLS_CONTRADICTIONS {
                return Insert::Refused;
            }
            *partial = Partial::new(epoch, fragment);
        }
        let grown = partial.grown(fragment);
        if index > 0 && grown > 0 && held + grown > limits::DTLS_AHEAD {
            return Insert::Refused;
        }
        partial.take(fragment);
        self.ops.add(grown);
        Insert::Taken
    }

    /// Bytes held of messages that follow the next one.
    fn held_ahead(&self) -> usize {
        self.ahead.iter().skip(1).flatten().map(Partial::held).sum()
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
        self.ops.add(partial.total);
        let (kind, epoch) = (partial.kind, partial.epoch);
        Some(Message { kind, sequence, epoch, body: partial.into_body() })
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
