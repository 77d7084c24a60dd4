//! Probabilities, and the draws that follow from them.

use core::time::Duration;

use super::seed::Dice;

/// A probability in parts of a million.
///
/// ```
/// use antiphon::sim::Chance;
/// assert_eq!(Chance::percent(1), Chance::ppm(10_000));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u32);

impl Chance {
    /// It does not happen.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(1_000_000);

    /// So many times of a hundred.
    pub const fn percent(percent: u32) -> Self {
        Self(percent.saturating_mul(10_000))
    }

    /// So many times of a million.
    pub const fn ppm(ppm: u32) -> Self {
        Self(ppm)
    }

    /// Throws the dice; nothing is drawn for what never happens.
    pub fn happens(self, dice: &mut Dice) -> bool {
        self.0 > 0 && dice.below(1_000_000) < u64::from(self.0)
    }
}

/// A part of `most`, drawn; nothing is drawn where there is nothing to choose.
pub(super) fn draw(most: Duration, dice: &mut Dice) -> Duration {
    if most.is_zero() {
        return Duration::ZERO;
    }
    Duration::from_nanos(dice.below(u64::try_from(most.as_nanos()).unwrap_or(u64::MAX)))
}
