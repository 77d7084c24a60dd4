//! Cutting a frame into pieces of nearly equal length.

use core::ops::Range;

/// One piece of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its bytes.
    pub(super) range: Range<usize>,
    /// Nothing before it.
    pub(super) first: bool,
    /// Nothing after it.
    pub(super) last: bool,
}

/// The pieces of a frame, as few as there can be and, what their headers take included, within a byte of each other:
/// a short last packet is no cheaper than a long one, and equal ones do not burst.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    position: usize,
    /// Bytes of the frame left, and of the first header beyond what the others have.
    left: usize,
    /// What the first header takes beyond the others; zero once it has been cut.
    reserve: usize,
    packets: usize,
    first: bool,
}

impl Pieces {
    /// Cuts `len` bytes where the first piece has room for `first` bytes and the others have room for `others`, which is
    /// at least as much and more than twice the difference.
    pub(super) const fn new(len: usize, first: usize, others: usize) -> Self {
        let reserve = others.saturating_sub(first);
        let left = len + reserve;
        let packets = if left == 0 { 1 } else { left.div_ceil(others) };
        Self { position: 0, left, reserve, packets, first: true }
    }
}

impl Iterator for Pieces {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.packets == 0 {
            return None;
        }
        let budget = self.left.div_ceil(self.packets);
        let len = budget.saturating_sub(self.reserve);
        let piece =
            Piece { range: self.position..self.position + len, first: self.first, last: self.packets == 1 };
        self.left -= budget;
        self.packets -= 1;
        self.position += len;
        (self.reserve, self.first) = (0, false);
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lengths(len: usize, first: usize, others: usize) -> Vec<usize> {
        Pieces::new(len, first, others).map(|piece| piece.range.len()).collect()
    }

    #[test]
    fn pieces_are_nearly_equal() {
        assert_eq!(lengths(10, 10, 10), [10]);
        assert_eq!(lengths(11, 10, 10), [6, 5]);
        assert_eq!(lengths(100, 30, 40), [27, 37, 36]);
        assert_eq!(lengths(0, 10, 10), [0]);
    }

    proptest! {
        #[test]
        fn pieces_cover_the_frame_within_their_room(
            len in 0_usize..5000, others in 20_usize..1500, less in 0_usize..10,
        ) {
            let pieces: Vec<_> = Pieces::new(len, others - less, others).collect();
            let mut at = 0;
            for piece in &pieces {
                prop_assert_eq!(piece.range.start, at);
                let room = if piece.first { others - less } else { others };
                prop_assert!(piece.range.len() <= room);
                prop_assert!(len == 0 || !piece.range.is_empty());
                at = piece.range.end;
            }
            prop_assert_eq!(at, len);
            prop_assert_eq!(pieces.iter().filter(|piece| piece.first).count(), 1);
            prop_assert!(pieces.last().is_some_and(|piece| piece.last));
            prop_assert_eq!(pieces.len(), (len + less).div_ceil(others).max(1));
        }
    }
}
