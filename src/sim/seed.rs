//! Seeds in, seeds out: how one number decides a run, and how a failure prints it.

use std::net::SocketAddr;

use crate::crypto::Certificate;
use crate::rng::Seed;

/// The same certificate, signing by RFC 6979: two runs of a seed then give the same signatures, byte for byte. For
/// tests alone; its arithmetic is not blinded.
///
/// ```
/// use core::time::Duration;
///
/// let certificate = antiphon::crypto::Certificate::generate(&antiphon::sim::seed(1, 0), Duration::ZERO)?;
/// let certificate = antiphon::sim::deterministic(certificate);
/// let scheme = certificate.schemes()[0];
/// assert_eq!(certificate.sign(scheme, b"hello")?, certificate.sign(scheme, b"hello")?);
/// # Ok::<(), antiphon::crypto::CryptoError>(())
/// ```
pub fn deterministic(certificate: Certificate) -> Certificate {
    certificate.into_deterministic()
}

/// The 32-byte seed of the `index`-th machine of a run.
///
/// ```
/// let (a, b) = (antiphon::sim::seed(7, 0), antiphon::sim::seed(7, 1));
/// # let _ = (a, b);
/// ```
pub fn seed(run: u64, index: u64) -> Seed {
    let mut dice = Dice::new(run ^ index.wrapping_mul(0xD6E8_FEB8_6659_FD93));
    let mut bytes = [0; 32];
    for word in bytes.chunks_exact_mut(8) {
        word.copy_from_slice(&dice.draw().to_be_bytes());
    }
    Seed::from_bytes(bytes)
}

/// Reads a seed as a failure prints it: `0x` and hexadecimal digits, or a decimal number.
///
/// ```
/// assert_eq!(antiphon::sim::replay_seed("0xff"), Some(255));
/// assert_eq!(antiphon::sim::replay_seed("12"), Some(12));
/// ```
pub fn replay_seed(text: &str) -> Option<u64> {
    match text.trim().strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.trim().parse().ok(),
    }
}

/// A number that follows from an address: choices drawn from it do not depend on who else is there.
pub(super) fn label(address: SocketAddr) -> u64 {
    let ip = match address {
        SocketAddr::V4(v4) => u128::from(v4.ip().to_bits()),
        SocketAddr::V6(v6) => v6.ip().to_bits(),
    };
    let (high, low) =
        (u64::try_from(ip >> 64).unwrap_or(0), u64::try_from(ip & u128::from(u64::MAX)).unwrap_or(0));
    let mut dice = Dice::new(high ^ u64::from(address.port()).rotate_left(48));
    Dice::new(dice.draw() ^ low).draw()
}

/// A fast generator for the network's own choices (`SplitMix64`). Machines draw from their [`Seed`] instead.
///
/// ```
/// let mut dice = antiphon::sim::Dice::new(1);
/// assert!(dice.below(6) < 6);
/// ```
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The generator this number determines.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound` (0 where `bound` is 0); the bias is below 2^-32 for the bounds a network has.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.draw()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }
}
