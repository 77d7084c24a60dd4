//! A run in one number: everything that was delivered, hashed in order.

use std::net::SocketAddr;

use crate::net::Path;
use crate::time::Instant;

/// A hash that any change of an instant, an address or a byte changes. Not a cryptographic one.
#[derive(Clone, Debug)]
pub(super) struct Trace(u64);

impl Trace {
    pub(super) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(super) const fn hash(&self) -> u64 {
        self.0
    }

    const fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 29);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.word(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.word(u64::from_le_bytes(word));
        }
    }

    fn address(&mut self, address: SocketAddr) {
        match address {
            SocketAddr::V4(v4) => self.bytes(&v4.ip().octets()),
            SocketAddr::V6(v6) => self.bytes(&v6.ip().octets()),
        }
        self.word(u64::from(address.port()));
    }

    /// A datagram arrives.
    pub(super) fn arrival(&mut self, at: Instant, path: Path, data: &[u8]) {
        self.word(at.as_nanos());
        self.address(path.local);
        self.address(path.remote);
        self.bytes(data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_changes_the_hash() {
        let a: SocketAddr = "10.0.0.1:1".parse().unwrap();
        let b: SocketAddr = "10.0.0.2:2".parse().unwrap();
        let hash = |at: u64, path: Path, data: &[u8]| {
            let mut trace = Trace::new();
            trace.arrival(Instant::from_nanos(at), path, data);
            trace.hash()
        };
        let base = hash(1, Path::udp(a, b), b"123456789");
        assert_eq!(base, hash(1, Path::udp(a, b), b"123456789"));
        assert_ne!(base, hash(2, Path::udp(a, b), b"123456789"));
        assert_ne!(base, hash(1, Path::udp(b, a), b"123456789"));
        assert_ne!(base, hash(1, Path::udp(a, b), b"123456788"));
        assert_ne!(base, hash(1, Path::udp(a, b), b"12345678\0"));
    }
}
