//! Seeded randomness: everything a machine draws comes from the [`Seed`] its caller gave.

use core::fmt;

use rand::rngs::ChaCha20Rng;
use rand::{Rng as _, SeedableRng as _};

use crate::base::secret::Secret;

/// 32 bytes of entropy, the caller's to supply. Neither `Clone` nor `Copy`: two connections must not share one.
///
/// ```
/// let seed = antiphon::Seed::from_bytes([7; 32]); // a test's; a program asks `Seed::from_os`
/// # let _ = seed;
/// ```
pub struct Seed(Secret<32>);

impl Seed {
    /// A seed of these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        self.0.array()
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// `ChaCha20` keystream, re-keyed after every draw, so that earlier output cannot be recovered from memory.
///
/// ```
/// use antiphon::{Rng, Seed};
///
/// let mut a = Rng::new(&Seed::from_bytes([1; 32]));
/// let mut b = Rng::new(&Seed::from_bytes([1; 32]));
/// assert_eq!(a.u64(), b.u64());
/// assert_ne!(a.fork("ice").u64(), b.fork("dtls").u64());
/// ```
pub struct Rng {
    key: Secret<32>,
}

impl Rng {
    /// The generator a seed determines.
    pub const fn new(seed: &Seed) -> Self {
        Self { key: Secret::new(*seed.bytes()) }
    }

    /// An independent stream. One more draw in one layer never shifts another layer's values.
    #[must_use]
    pub fn fork(&mut self, label: &'static str) -> Self {
        let mut key = Secret::new(self.array::<32>());
        for (index, byte) in label.bytes().enumerate() {
            key[index % 32] ^= byte.rotate_left(u32::try_from(index / 32 % 8).unwrap_or(0));
        }
        let mut forked = Self { key };
        forked.array::<32>();
        forked
    }

    /// Fills `out` with random bytes.
    pub fn fill(&mut self, out: &mut [u8]) {
        let mut stream = ChaCha20Rng::from_seed(*self.key.array());
        stream.fill_bytes(&mut self.key);
        stream.fill_bytes(out);
    }

    /// An array of random bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// A number of 32 random bits.
    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    /// A number of 64 random bits.
    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// A number in `0..bound`, each as likely; 0 where `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound < 2 {
            return 0;
        }
        let zone = u64::MAX - u64::MAX % bound;
        loop {
            let draw = self.u64();
            if draw < zone {
                return draw % bound;
            }
        }
    }

    /// The same generator again: a fork of a machine draws what the original would.
    #[cfg(feature = "sim")]
    pub(crate) const fn duplicate(&self) -> Self {
        Self { key: Secret::new(*self.key.array()) }
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> Rng {
        Rng::new(&Seed::from_bytes([3; 32]))
    }

    #[test]
    fn draws_in_one_fork_do_not_shift_another() {
        let (mut a, mut b) = (rng(), rng());
        let (mut ice_a, mut ice_b) = (a.fork("ice"), b.fork("ice"));
        ice_a.u64();
        assert_eq!(a.fork("dtls").u64(), b.fork("dtls").u64());
        assert_ne!(ice_a.u64(), ice_b.u64());
    }

    #[test]
    fn below_stays_below_and_reaches_every_value() {
        let mut rng = rng();
        let mut seen = [false; 7];
        for _ in 0..500 {
            seen[usize::try_from(rng.below(7)).unwrap()] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
    }
}
