//! Secret bytes that are overwritten when they are no longer wanted.

use core::fmt;
use core::ops::{Deref, DerefMut};

/// As many bytes of a key. What is moved leaves its old place as it was; what is dropped does not.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    pub(crate) const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The first of them are those of `bytes`, the others zeros.
    pub(crate) fn padded(bytes: &[u8]) -> Self {
        let mut own = [0; N];
        for (to, from) in own.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self(own)
    }

    pub(crate) const fn array(&self) -> &[u8; N] {
        &self.0
    }
}

/// Overwrites a secret. The hint keeps the compiler from dropping a write that nobody reads.
pub(crate) fn wipe(secret: &mut [u8]) {
    secret.fill(0);
    core::hint::black_box(secret);
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl<const N: usize> Deref for Secret<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> DerefMut for Secret<N> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use core::mem::needs_drop;

    use super::*;
    use crate::rng::{Rng, Seed};

    #[test]
    fn n63_what_is_wiped_is_zeros() {
        let mut secret = Secret::<5>::padded(&[1, 2, 3]);
        assert_eq!(secret.array(), &[1, 2, 3, 0, 0]);
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        wipe(&mut secret[..2]);
        assert_eq!(secret.array(), &[0, 0, 3, 0, 0]);
    }

    // Without unsafe code nobody can look at memory that was given back; that there is something to do then can be asked.
    #[test]
    fn n63_keys_do_something_when_they_are_dropped() {
        assert!(needs_drop::<Secret<1>>());
        assert!(needs_drop::<Seed>() && needs_drop::<Rng>());
    }
}
