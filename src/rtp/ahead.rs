//! Packets that came before others they follow on: kept in the order of their numbers, in room for as many as there are.

use core::mem::size_of;
use std::collections::VecDeque;

use super::assembler::Incoming;
use crate::base::slots::{Key, Slots};

/// What the place of a packet takes: its entry in the order, the packet, and what the table of packets adds to it.
const PLACE: usize = size_of::<(u64, Key)>() + size_of::<Incoming>() + 2 * size_of::<u64>();

/// Packets by number. Only their places move when one comes in between, and nothing is allocated where as many were held before.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead {
    /// Sorted.
    order: VecDeque<(u64, Key)>,
    packets: Slots<Incoming>,
    /// What the packets' datagrams pin.
    bytes: usize,
    /// Whether any was held since [`rest`](Self::rest) was last called.
    was_used: bool,
}

impl Ahead {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The packet of the lowest number.
    pub(super) fn first(&self) -> Option<&Incoming> {
        self.order.front().and_then(|(_, key)| self.packets.get(*key))
    }

    /// The highest number.
    pub(super) fn last_number(&self) -> Option<u64> {
        self.order.back().map(|(number, _)| *number)
    }

    /// Takes a packet in; false if one of its number is there.
    pub(super) fn insert(&mut self, packet: Incoming) -> bool {
        // Most come in order.
        let at = if self.last_number().is_none_or(|last| last < packet.number) {
            self.order.len()
        } else {
            let Err(at) = self.order.binary_search_by_key(&packet.number, |(number, _)| *number) else {
                return false;
            };
            at
        };
        self.bytes += packet.pinned;
        self.was_used = true;
        let number = packet.number;
        let key = self.packets.insert(packet);
        self.order.insert(at, (number, key));
        true
    }

    /// Takes the packet of the lowest number out, if it is that one.
    pub(super) fn take(&mut self, number: u64) -> Option<Incoming> {
        let (_, key) = *self.order.front().filter(|(first, _)| *first == number)?;
        self.order.pop_front();
        let packet = self.packets.remove(key)?;
        self.bytes -= packet.pinned;
        Some(packet)
    }

    /// Drops all packets.
    pub(super) fn clear(&mut self) {
        while let Some((_, key)) = self.order.pop_front() {
            self.packets.remove(key);
        }
        self.bytes = 0;
    }

    /// Bytes of memory that are held, with the packets' datagrams.
    pub(super) fn pinned(&self) -> usize {
        self.order.capacity() * PLACE + self.bytes
    }

    /// Gives memory back if none is held.
    pub(super) fn trim(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// The same if none was held since the last call either.
    pub(super) fn rest(&mut self) {
        if !core::mem::take(&mut self.was_used) {
            self.trim();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}
