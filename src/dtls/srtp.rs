//! The exporter and the keys of SRTP (RFC 5705, RFC 5764 §4.2).

use super::error::ExportError;
use super::v12;
use crate::base::secret::Secret;
use crate::crypto::srtp_keys::{KeyingMaterial, SrtpProfile};

/// What stays secret after the handshake, for the exporter.
#[derive(Clone, Debug)]
pub(super) enum Secrets {
    /// Of DTLS 1.2.
    V12(v12::Secrets),
}

impl Secrets {
    /// Fills `out` with the exporter's bytes for `label` and `context`.
    pub(super) fn export(
        &self,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), ExportError> {
        match self {
            Self::V12(secrets) => secrets.export(label, context, out),
        }
    }

    /// The master keys and salts of `profile`: client key, server key, client salt, server salt.
    pub(super) fn srtp(&self, profile: SrtpProfile) -> Option<KeyingMaterial> {
        let mut exported = Secret::new([0; 128]);
        let exported = exported.get_mut(..profile.keying_material_len())?;
        self.export(b"EXTRACTOR-dtls_srtp", None, exported).ok()?;
        KeyingMaterial::split(profile, exported)
    }
}
