//! Where the frames of a source are put together.

use bytes::{Bytes, BytesMut};

use crate::base::limits;
use crate::codec::MediaKind;

/// A block of memory.
#[derive(Clone, Debug, Default)]
struct Block {
    bytes: BytesMut,
    /// What it takes, with the frames that were cut from it.
    len: usize,
}

/// Blocks of which the frames are slices, used again once these have been dropped. Frames that waited for a packet come all at once, and are
/// read before the block they are of is free.
#[derive(Debug)]
pub(super) struct Shelf {
    /// The one that is written.
    block: Block,
    /// Others, of which frames may still be held.
    others: Vec<Block>,
    block_len: usize,
    /// The length of the frame before.
    last: usize,
}

impl Shelf {
    pub(super) fn new(kind: MediaKind) -> Self {
        let block_len = match kind {
            MediaKind::Audio => limits::RTP_AUDIO_BLOCK,
            MediaKind::Video => limits::RTP_VIDEO_BLOCK,
        };
        Self { block: Block::default(), others: Vec::new(), block_len, last: 0 }
    }

    /// A frame begins: sees to it that a little more than one like the last fits into a block that is free.
    pub(super) fn make_room(&mut self) {
        let wanted = (self.last + self.last / 2).max(self.block_len / 8);
        if self.block.bytes.try_reclaim(wanted) {
            return;
        }
        if let Some(free) =
            self.others.iter_mut().find_map(|other| other.bytes.try_reclaim(wanted).then_some(other))
        {
            core::mem::swap(&mut self.block, free);
        } else if self.others.len() < limits::RTP_FRAME_BLOCKS {
            let bytes = BytesMut::with_capacity(self.block_len.max(wanted));
            let fresh = Block { len: bytes.capacity(), bytes };
            let full = core::mem::replace(&mut self.block, fresh);
            self.others.extend(Some(full).filter(|block| block.len > 0));
        }
    }

    /// Lets `write` append to the frame that was begun.
    pub(super) fn write<T>(&mut self, write: impl FnOnce(&mut BytesMut) -> T) -> T {
        let written = write(&mut self.block.bytes);
        // A frame that does not fit makes its block grow.
        self.block.len = self.block.len.max(self.block.bytes.capacity());
        written
    }

    /// Keeps something that goes with the frame that is about to be written.
    pub(super) fn keep(&mut self, data: &[u8]) -> Bytes {
        self.write(|block| {
            block.extend_from_slice(data);
            block.split().freeze()
        })
    }

    /// The frame is whole.
    pub(super) fn take(&mut self) -> Bytes {
        self.last = self.block.bytes.len();
        self.block.bytes.split().freeze()
    }

    /// The frame that was begun is not wanted.
    pub(super) fn clear(&mut self) {
        self.block.bytes.clear();
    }

    /// Bytes of memory that are held.
    pub(super) fn pinned(&self) -> usize {
        self.block.len + self.others.iter().map(|block| block.len).sum::<usize>()
    }

    pub(super) fn trim(&mut self) {
        (self.block, self.others) = (Block::default(), Vec::new());
    }
}

/// A copy has no blocks but the one that is written: they are a cache.
impl Clone for Shelf {
    fn clone(&self) -> Self {
        Self { block: self.block.clone(), others: Vec::new(), ..*self }
    }
}
