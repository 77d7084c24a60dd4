//! A sliding window that recognises repeated sequence numbers.

/// Remembers the last [`ReplayWindow::WIDTH`] sequence numbers. Ask with [`check`](Self::check), and
/// [`commit`](Self::commit) only after the packet's authentication succeeded (RFC 6347 §4.1.2.6, RFC 3711 §3.3.2).
///
/// ```
/// use antiphon::base::window::ReplayWindow;
///
/// let mut window = ReplayWindow::default();
/// assert!(window.check(5));
/// window.commit(5);
/// assert!(!window.check(5));
/// assert!(window.check(4));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    /// One more than the highest number committed; 0 while there is none.
    next: u64,
    /// Bit i: number `next - 1 - i` has been seen.
    seen: u128,
}

impl ReplayWindow {
    /// How many numbers back are remembered.
    pub const WIDTH: u64 = 128;

    /// Whether `number` is new: neither seen nor too old to know.
    pub const fn check(&self, number: u64) -> bool {
        if number >= self.next {
            return number != u64::MAX;
        }
        let age = self.next - 1 - number;
        age < Self::WIDTH && self.seen & (1 << age) == 0
    }

    /// Marks `number` as seen.
    pub const fn commit(&mut self, number: u64) {
        if number == u64::MAX {
            return;
        }
        if number >= self.next {
            let ahead = number + 1 - self.next;
            self.seen = if ahead >= Self::WIDTH { 0 } else { self.seen << ahead };
            self.seen |= 1;
            self.next = number + 1;
        } else if self.next - 1 - number < Self::WIDTH {
            self.seen |= 1 << (self.next - 1 - number);
        }
    }

    /// The highest number seen.
    pub const fn highest(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_window_edge_is_exact() {
        let mut window = ReplayWindow::default();
        window.commit(200);
        assert!(window.check(200 - ReplayWindow::WIDTH + 1));
        assert!(!window.check(200 - ReplayWindow::WIDTH));
        assert!(window.check(u64::MAX - 1));
        assert!(!window.check(u64::MAX));
    }

    proptest! {
        #[test]
        fn nothing_is_accepted_twice(numbers in proptest::collection::vec(0_u64..400, 0..300)) {
            let mut window = ReplayWindow::default();
            let mut accepted = std::collections::BTreeSet::new();
            for number in numbers {
                if window.check(number) {
                    prop_assert!(accepted.insert(number));
                    window.commit(number);
                }
            }
        }
    }
}
