//! Master secret, key block, verify data and exporter of DTLS 1.2.

use core::fmt;

use crate::base::secret::Secret;
use crate::crypto::CryptoError;
use crate::crypto::ecdh::SharedSecret;
use crate::crypto::kdf::prf12;
use crate::dtls::config::Role;
use crate::dtls::error::ExportError;
use crate::dtls::negotiate::CipherSuite;
use crate::dtls::protect::Protection;
use crate::wire::dtls::hello::Random;

/// Bytes of a `Finished` message (RFC 5246 §7.4.9).
pub(super) const VERIFY_DATA_LEN: usize = 12;

/// Both hellos' random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Randoms {
    pub(super) client: Random,
    pub(super) server: Random,
}

/// The master secret and what is derived from it.
#[derive(Clone)]
pub(in crate::dtls) struct Secrets {
    suite: CipherSuite,
    master: Secret<48>,
    randoms: Randoms,
}

impl Secrets {
    /// From the shared secret: bound to `session_hash`, the hash of all messages up to `ClientKeyExchange` (RFC 7627
    /// §4), or to both randoms where the peer does not know how (RFC 5246 §8.1).
    pub(super) fn new(
        suite: CipherSuite,
        shared: &SharedSecret,
        randoms: Randoms,
        session_hash: Option<&[u8]>,
    ) -> Self {
        let mut master = Secret::new([0; 48]);
        let (hash, shared) = (suite.hash(), shared.as_ref());
        match session_hash {
            Some(session) => prf12(hash, shared, b"extended master secret", &[session], &mut master),
            None => prf12(hash, shared, b"master secret", &[&randoms.client, &randoms.server], &mut master),
        }
        Self { suite, master, randoms }
    }

    /// The keys that `sender` sends with (RFC 5246 §6.3).
    pub(super) fn protections(&self, own: Role) -> Result<Pair, CryptoError> {
        let algorithm = self.suite.aead();
        let (key_len, iv_len) = (algorithm.key_len(), Protection::iv_len(algorithm));
        let mut block = Secret::new([0; 2 * (32 + 12)]);
        let seed = [&self.randoms.server[..], &self.randoms.client[..]];
        let used = block.get_mut(..2 * (key_len + iv_len)).unwrap_or_default();
        prf12(self.suite.hash(), &self.master, b"key expansion", &seed, used);
        let (keys, ivs) = used.split_at(2 * key_len);
        let ((client_key, server_key), (client_iv, server_iv)) =
            (keys.split_at(key_len), ivs.split_at(iv_len));
        let client = Protection::v12(algorithm, client_key, client_iv)?;
        let server = Protection::v12(algorithm, server_key, server_iv)?;
        Ok(match own {
            Role::Client => Pair { write: client, read: server },
            Role::Server => Pair { write: server, read: client },
        })
    }

    /// What the `Finished` of `sender` holds, where `transcript` is the hash of all messages before it.
    pub(super) fn verify_data(&self, sender: Role, transcript: &[u8]) -> [u8; VERIFY_DATA_LEN] {
        let label: &[u8] = match sender {
            Role::Client => b"client finished",
            Role::Server => b"server finished",
        };
        let mut out = [0; VERIFY_DATA_LEN];
        prf12(self.suite.hash(), &self.master, label, &[transcript], &mut out);
        out
    }

    /// The exporter (RFC 5705 §4).
    pub(in crate::dtls) fn export(
        &self,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), ExportError> {
        let Randoms { client, server } = &self.randoms;
        let hash = self.suite.hash();
        let Some(context) = context else {
            prf12(hash, &self.master, label, &[client, server], out);
            return Ok(());
        };
        let too_long = ExportError::ContextTooLong { len: context.len() };
        let len = u16::try_from(context.len()).map_err(|_| too_long)?.to_be_bytes();
        prf12(hash, &self.master, label, &[client, server, &len, context], out);
        Ok(())
    }
}

/// The keys of both directions.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) write: Protection,
    pub(super) read: Protection,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("suite", &self.suite).finish_non_exhaustive()
    }
}
