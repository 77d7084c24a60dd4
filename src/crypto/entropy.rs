//! The one call that asks the system for randomness.

use std::io;

use crate::rng::Seed;

impl Seed {
    /// A fresh seed from the system's generator.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    ///
    /// ```
    /// let seed = antiphon::Seed::from_os()?;
    /// # let _ = seed;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_os() -> io::Result<Self> {
        let mut bytes = [0; 32];
        openssl::rand::rand_priv_bytes(&mut bytes).map_err(io::Error::other)?;
        Ok(Self::from_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seeds_differ() {
        assert_ne!(Seed::from_os().unwrap().bytes(), Seed::from_os().unwrap().bytes());
    }
}
