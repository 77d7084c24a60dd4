//! Numbers that are left out of a stream on purpose, so that those behind close up.

/// How far back numbers are told apart: late packets come within it.
const WINDOW: u64 = 1024;

/// Counts what has been left out before each number.
#[derive(Clone, Debug)]
pub(super) struct Gaps {
    /// One more than the highest number seen.
    next: u64,
    /// Bit by number modulo the window: left out. Few streams ever have some.
    left_out: Option<Box<[u64; (WINDOW / 64) as usize]>>,
    total: u64,
}

/// Numbers behind have been seen already: to leave this one out now would number them twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLate;

impl Gaps {
    /// Nothing is left out, and `first` comes first.
    pub(super) const fn new(first: u64) -> Self {
        Self { next: first, left_out: None, total: 0 }
    }

    /// A number is kept.
    pub(super) fn keep(&mut self, number: u64) {
        self.advance(number);
    }

    /// A number is left out, once however often it is said.
    pub(super) fn leave_out(&mut self, number: u64) -> Result<(), TooLate> {
        if number < self.next {
            return if self.is_left_out(number) { Ok(()) } else { Err(TooLate) };
        }
        self.advance(number);
        let left_out = self.left_out.get_or_insert_with(Box::default);
        if let Some(word) = left_out.get_mut(word(number)) {
            *word |= bit(number);
        }
        self.total += 1;
        Ok(())
    }

    /// How many numbers below this one were left out. What lies outside the window counts as if it were at its edge.
    pub(super) fn before(&self, number: u64) -> u64 {
        if self.total == 0 {
            return 0;
        }
        let from = number.max(self.next.saturating_sub(WINDOW));
        let later = (from..self.next).filter(|number| self.is_left_out(*number)).count();
        self.total - later as u64
    }

    /// One more than the highest number seen.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn is_left_out(&self, number: u64) -> bool {
        let Some(left_out) = &self.left_out else { return false };
        let known = number < self.next && self.next - number <= WINDOW;
        known && left_out.get(word(number)).is_some_and(|word| word & bit(number) != 0)
    }

    /// Lets the window reach `number`; what is new in it is kept.
    fn advance(&mut self, number: u64) {
        let Some(left_out) = &mut self.left_out else {
            self.next = self.next.max(number + 1);
            return;
        };
        if number >= self.next + WINDOW {
            left_out.fill(0);
            self.next = number;
        }
        while self.next <= number {
            if let Some(word) = left_out.get_mut(word(self.next)) {
                *word &= !bit(self.next);
            }
            self.next += 1;
        }
    }
}

const fn word(number: u64) -> usize {
    (number % WINDOW / 64) as usize
}

const fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_is_behind_cannot_be_left_out() {
        let mut gaps = Gaps::new(10);
        assert_eq!(gaps.leave_out(10), Ok(()));
        assert_eq!(gaps.leave_out(10), Ok(()));
        gaps.keep(13);
        assert_eq!(gaps.leave_out(12), Err(TooLate));
        assert_eq!((gaps.before(10), gaps.before(11), gaps.before(99)), (0, 1, 1));
    }

    proptest! {
        #[test]
        fn counts_as_a_set_does(steps in prop::collection::vec((any::<bool>(), 1_u64..400), 0..60)) {
            let (mut gaps, mut model, mut number) = (Gaps::new(5), BTreeSet::new(), 5);
            for (out, step) in steps {
                number += step;
                if out {
                    gaps.leave_out(number).unwrap();
                    model.insert(number);
                } else {
                    gaps.keep(number);
                }
                for back in (0..WINDOW.min(number)).step_by(37) {
                    let expected = model.range(..number - back).count() as u64;
                    prop_assert_eq!(gaps.before(number - back), expected);
                }
            }
        }
    }
}
