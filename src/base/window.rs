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

/// Like [`ReplayWindow`], over the last [`WideReplayWindow::WIDTH`] numbers: for streams whose lost packets are sent again as
/// they were, a round trip late.
///
/// ```
/// use antiphon::base::window::WideReplayWindow;
///
/// let mut window = WideReplayWindow::default();
/// window.commit(1000);
/// assert!(window.check(1) && !window.check(1000));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WideReplayWindow {
    /// One more than the highest number committed; 0 while there is none.
    next: u64,
    /// Bit `number % WIDTH`: `number`, which is less than `WIDTH` behind, has been seen.
    seen: [u64; 16],
}

impl WideReplayWindow {
    /// How many numbers back are remembered.
    pub const WIDTH: u64 = 1024;

    /// Whether `number` is new: neither seen nor too old to know.
    pub fn check(&self, number: u64) -> bool {
        if number >= self.next {
            return number != u64::MAX;
        }
        let (word, bit) = Self::place(number);
        self.next - 1 - number < Self::WIDTH && self.seen.get(word).is_some_and(|seen| seen & bit == 0)
    }

    /// Marks `number` as seen.
    pub fn commit(&mut self, number: u64) {
        if number == u64::MAX || number.saturating_add(Self::WIDTH) < self.next {
            return;
        }
        if number >= self.next {
            if number - self.next >= Self::WIDTH {
                self.seen = [0; 16];
            } else {
                (self.next..number).for_each(|skipped| self.put(skipped, false));
            }
            self.next = number + 1;
        }
        self.put(number, true);
    }

    /// The highest number seen.
    pub const fn highest(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    const fn place(number: u64) -> (usize, u64) {
        let place = number % Self::WIDTH;
        ((place / 64) as usize, 1 << (place % 64))
    }

    fn put(&mut self, number: u64, seen: bool) {
        let (word, bit) = Self::place(number);
        if let Some(word) = self.seen.get_mut(word) {
            *word = if seen { *word | bit } else { *word & !bit };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_wide_windows_edge_is_exact() {
        const WIDTH: u64 = WideReplayWindow::WIDTH;
        let mut window = WideReplayWindow::default();
        (0..=5000).filter(|number| number % 3 == 0).for_each(|number| window.commit(number));
        assert_eq!(window.highest(), Some(4998));
        for number in 0..=6000 {
            let known = number % 3 == 0 && number <= 4998;
            assert_eq!(window.check(number), number > 4998 - WIDTH && !known, "{number}");
        }
        window.commit(4999 + WIDTH);
        assert!(window.check(5000) && !window.check(4999));
        assert!(window.check(u64::MAX - 1) && !window.check(u64::MAX));
        window.commit(u64::MAX - 1);
        assert!(window.check(u64::MAX - 2) && !window.check(u64::MAX - 1 - WIDTH));
    }

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

        #[test]
        fn the_wide_window_agrees_with_a_set(numbers in proptest::collection::vec(0_u64..4000, 0..300)) {
            let mut window = WideReplayWindow::default();
            let mut seen = std::collections::BTreeSet::new();
            for number in numbers {
                let old = seen.last().is_some_and(|last| number + WideReplayWindow::WIDTH <= *last);
                prop_assert_eq!(window.check(number), !old && !seen.contains(&number));
                if window.check(number) {
                    seen.insert(number);
                }
                window.commit(number);
            }
        }
    }
}
