//! The running hash over the handshake's messages.

use crate::crypto::Hash;
use crate::crypto::digest::{Digest, Hasher};

/// All messages so far: hashed once the function is known, and kept as bytes until no signature over them can come.
#[derive(Clone, Debug, Default)]
pub(super) struct Transcript {
    raw: Vec<u8>,
    hasher: Option<Hasher>,
    raw_forgotten: bool,
}

impl Transcript {
    /// Appends a message: its header in the form that this version hashes, and its body.
    pub(super) fn add(&mut self, header: &[u8], body: &[u8]) {
        if !self.raw_forgotten {
            self.raw.extend_from_slice(header);
            self.raw.extend_from_slice(body);
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(header);
            hasher.update(body);
        }
    }

    /// Forgets every message.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// The hash function is known.
    pub(super) fn choose(&mut self, hash: Hash) {
        let mut hasher = Hasher::new(hash);
        hasher.update(&self.raw);
        self.hasher = Some(hasher);
    }

    /// The hash of all messages so far. The function must have been chosen; the hash of nothing otherwise.
    pub(super) fn digest(&self) -> Digest {
        let hasher = self.hasher.clone();
        hasher.unwrap_or_else(|| Hasher::new(Hash::Sha256)).finish()
    }

    /// All messages so far, as bytes.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// No signature over the bytes will come any more.
    pub(super) fn forget_raw(&mut self) {
        self.raw = Vec::new();
        self.raw_forgotten = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_same_whenever_it_is_chosen() {
        let (mut early, mut late) = (Transcript::default(), Transcript::default());
        early.choose(Hash::Sha384);
        for transcript in [&mut early, &mut late] {
            transcript.add(b"a", b"bc");
            transcript.add(b"d", b"");
        }
        late.choose(Hash::Sha384);
        late.forget_raw();
        late.add(b"e", b"f");
        early.add(b"e", b"f");
        assert_eq!(early.digest().as_ref(), late.digest().as_ref());
        assert_eq!((early.raw(), late.raw()), (&b"abcdef"[..], &b""[..]));
    }
}
