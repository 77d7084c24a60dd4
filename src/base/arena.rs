//! A ring of reusable blocks that hands out [`Bytes`], so that a steady stream of datagrams allocates nothing.

use core::fmt;

use bytes::{Bytes, BytesMut};

/// Blocks that are looked at for one that is free.
const TRIED: usize = 8;

/// A bounded ring of blocks. A block whose slices have all been dropped is used again; when every block is still held by
/// somebody, a datagram gets an allocation of its own size, so what is pinned never exceeds the ring plus what is held.
///
/// ```
/// use antiphon::base::arena::Arena;
///
/// let mut arena = Arena::new(4096, 4);
/// let bytes = arena.copy(b"payload");
/// assert_eq!(&bytes[..], b"payload");
/// ```
pub struct Arena {
    blocks: Vec<BytesMut>,
    current: usize,
    block_len: usize,
    max_blocks: usize,
}

impl Arena {
    /// An arena of at most `max_blocks` blocks of `block_len` bytes, none of them allocated yet.
    pub const fn new(block_len: usize, max_blocks: usize) -> Self {
        Self { blocks: Vec::new(), current: 0, block_len, max_blocks }
    }

    /// Lets `fill` write into `len` zeroed bytes and hands out the first `n` of them, where `n` is what it returned;
    /// nothing is handed out if it returned `None`.
    pub fn fill(&mut self, len: usize, fill: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<Bytes> {
        if let Some(block) = self.block(len) {
            block.resize(len, 0);
            let filled = fill(block);
            block.truncate(filled.unwrap_or(0));
            return filled.map(|_| block.split().freeze());
        }
        let mut own = vec![0; len];
        let filled = fill(&mut own)?;
        own.truncate(filled);
        Some(Bytes::from(own))
    }

    /// A copy of `data`.
    pub fn copy(&mut self, data: &[u8]) -> Bytes {
        let copied = self.fill(data.len(), |out| {
            out.copy_from_slice(data);
            Some(data.len())
        });
        copied.unwrap_or_default()
    }

    /// Gives back the blocks that nobody holds a slice of.
    pub fn trim(&mut self) {
        let whole = self.block_len;
        self.blocks.retain_mut(|block| !block.try_reclaim(whole));
        self.blocks.shrink_to_fit();
        self.current = 0;
    }

    /// Bytes of memory the ring holds.
    pub fn pinned(&self) -> usize {
        self.blocks.len() * self.block_len
    }

    /// A block with room for `len` bytes: the current one, the next that can be reclaimed, or a new one.
    fn block(&mut self, len: usize) -> Option<&mut BytesMut> {
        if len > self.block_len {
            return None;
        }
        let count = self.blocks.len();
        // The block after the current one has been held for longest: if it and some behind it are not free, hardly any is.
        let free = (0..count.min(TRIED))
            .map(|step| (self.current + step) % count)
            .find(|index| self.blocks.get_mut(*index).is_some_and(|block| block.try_reclaim(len)));
        self.current = match free {
            Some(index) => index,
            None if count < self.max_blocks => {
                let next = if count == 0 { 0 } else { self.current + 1 };
                self.blocks.insert(next, BytesMut::with_capacity(self.block_len));
                next
            }
            None => return None,
        };
        self.blocks.get_mut(self.current)
    }
}

/// A copy of an arena starts with no blocks: they are a cache.
impl Clone for Arena {
    fn clone(&self) -> Self {
        Self::new(self.block_len, self.max_blocks)
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").field("pinned", &self.pinned()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_used_again_once_released() {
        let mut arena = Arena::new(4096, 2);
        for round in 0..1000_u32 {
            let first = arena.copy(&[1; 1200]);
            let second = arena.copy(&round.to_be_bytes());
            assert_eq!((first.len(), &second[..]), (1200, &round.to_be_bytes()[..]));
        }
        assert!(arena.pinned() <= 2 * 4096);
    }

    #[test]
    fn a_full_ring_hands_out_allocations_of_their_own() {
        let mut arena = Arena::new(1024, 2);
        let held: Vec<_> = (0..8).map(|_| arena.copy(&[9; 1000])).collect();
        assert_eq!(arena.pinned(), 2048);
        assert!(held.iter().all(|bytes| bytes.len() == 1000));
    }

    // What is kept for a while and then let go, the oldest first: a history of packets.
    #[test]
    fn a_long_ring_grows_to_what_is_held_and_goes_round() {
        let mut arena = Arena::new(4096, 512);
        let mut held = std::collections::VecDeque::new();
        for packet in 0..5000_u32 {
            held.push_back(arena.copy(&[7; 1200]));
            if packet >= 300 {
                held.pop_front();
            }
        }
        assert!((100..=102).contains(&arena.blocks.len()), "{} blocks", arena.blocks.len());
    }

    #[test]
    fn what_is_refused_is_not_handed_out() {
        let mut arena = Arena::new(1024, 1);
        assert!(arena.fill(100, |_| None).is_none());
        assert_eq!(arena.fill(100, |_| Some(3)).map(|bytes| bytes.len()), Some(3));
    }

    #[test]
    fn trim_keeps_only_blocks_that_are_held() {
        let mut arena = Arena::new(1024, 4);
        let held = arena.copy(&[1; 1000]);
        drop(arena.copy(&[2; 1000]));
        arena.trim();
        assert_eq!(arena.pinned(), 1024);
        drop(held);
        arena.trim();
        assert_eq!(arena.pinned(), 0);
    }

    // Design B.5: one byte kept out of every 64 KiB of traffic must not pin the traffic.
    #[test]
    fn small_slices_that_live_long_pin_no_blocks_when_copied() {
        let (mut traffic, mut kept_small) = (Arena::new(8192, 8), Arena::new(1024, 4));
        let mut kept = Vec::new();
        for packet in 0..100_000_usize {
            let datagram = traffic.copy(&[5; 1200]);
            if packet % 55 == 0 {
                kept.push(kept_small.copy(&datagram[..1]));
            }
        }
        assert!(traffic.pinned() + kept_small.pinned() <= 9 * 8192);
    }
}
