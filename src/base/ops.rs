//! A count of steps, where a peer decides how many there are: what the bound on work per input byte is measured with.

/// Steps done so far. Without feature `sim` nothing is counted and nothing is stored.
///
/// ```
/// use antiphon::base::ops::Ops;
///
/// let mut ops = Ops::default();
/// ops.add(3);
/// # #[cfg(feature = "sim")]
/// assert_eq!(ops.count(), 3);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Ops {
    #[cfg(feature = "sim")]
    count: u64,
}

impl Ops {
    /// So many steps more.
    #[cfg(feature = "sim")]
    pub const fn add(&mut self, steps: usize) {
        self.count = self.count.wrapping_add(steps as u64);
    }

    /// So many steps more.
    #[cfg(not(feature = "sim"))]
    #[inline]
    pub const fn add(&mut self, _steps: usize) {}

    /// Takes the steps of another count, which begins again.
    #[cfg(feature = "sim")]
    pub const fn absorb(&mut self, other: &mut Self) {
        self.count = self.count.wrapping_add(other.count);
        other.count = 0;
    }

    /// Takes the steps of another count, which begins again.
    #[cfg(not(feature = "sim"))]
    #[inline]
    pub const fn absorb(&mut self, _other: &mut Self) {}

    /// The steps so far.
    #[cfg(feature = "sim")]
    pub const fn count(&self) -> u64 {
        self.count
    }
}
