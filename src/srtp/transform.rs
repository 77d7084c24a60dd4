//! The transform of a profile under one session key: which cipher, and where its tag stands.

use super::cm::Cm;
use super::gcm::Gcm;
use super::keys::SessionKeys;
use super::layout::{Cut, RTCP_CLEAR, RTCP_INDEX};
use super::profile::{Kind, Usage, kind};
use crate::base::limits;
use crate::base::reader::Reader;
use crate::crypto::CryptoError;
use crate::crypto::aead::TAG_LEN;
use crate::crypto::srtp_keys::SrtpProfile;

/// The bit before the index of SRTCP that says that the packet is encrypted (RFC 3711 §3.4).
pub(super) const E_BIT: u32 = 1 << 31;

/// One protocol in one direction.
#[derive(Clone, Debug)]
pub(super) enum Transform {
    Cm(Box<Cm>),
    Gcm(Gcm),
}

/// What stands in the clear in an SRTCP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) ssrc: u32,
    /// The E bit and the index.
    pub(super) word: u32,
    /// Bytes of the packet without its protection.
    pub(super) len: usize,
}

impl Control {
    /// The index, without the E bit.
    pub(super) const fn index(&self) -> u64 {
        (self.word & !E_BIT) as u64
    }
}

impl Transform {
    pub(super) fn new(profile: SrtpProfile, usage: Usage, keys: &SessionKeys) -> Result<Self, CryptoError> {
        Ok(match kind(profile, usage) {
            Kind::Cm { tag_len } => Self::Cm(Box::new(Cm::new(keys, tag_len)?)),
            Kind::Gcm(algorithm) => Self::Gcm(Gcm::new(keys, algorithm)?),
        })
    }

    pub(super) const fn tag_len(&self) -> usize {
        match self {
            Self::Cm(cm) => cm.tag_len(),
            Self::Gcm(_) => TAG_LEN,
        }
    }

    /// Encrypts `packet`, which has room for its tag at the end.
    pub(super) fn seal_rtp(
        &mut self,
        packet: &mut [u8],
        cut: Cut,
        ssrc: u32,
        index: u64,
    ) -> Result<(), CryptoError> {
        match self {
            Self::Cm(cm) => cm.seal_rtp(packet, cut, ssrc, index),
            Self::Gcm(gcm) => gcm.seal_rtp(packet, cut, ssrc, index),
        }
    }

    /// Decrypts into `out`, which is as long as `packet` without its tag; returns which of the indices is the right one.
    pub(super) fn open_rtp(
        &mut self,
        packet: &[u8],
        out: &mut [u8],
        source: (Cut, u32),
        indices: [Option<u64>; 2],
    ) -> Option<u64> {
        match self {
            Self::Cm(cm) => cm.open_rtp(packet, out, source, indices),
            Self::Gcm(gcm) => gcm.open_rtp(packet, out, source, indices),
        }
    }

    /// Encrypts the RTCP packet, which has room for `RTCP_INDEX` bytes and its tag at the end.
    pub(super) fn seal_rtcp(&mut self, packet: &mut [u8], ssrc: u32, index: u32) -> Result<(), CryptoError> {
        match self {
            Self::Cm(cm) => cm.seal_rtcp(packet, ssrc, E_BIT | index),
            Self::Gcm(gcm) => gcm.seal_rtcp(packet, ssrc, E_BIT | index),
        }
    }

    /// Reads what stands in the clear; `None` if it is no SRTCP packet.
    pub(super) fn control(&self, packet: &[u8]) -> Option<Control> {
        let len = packet.len().checked_sub(self.tag_len() + RTCP_INDEX)?;
        if len < RTCP_CLEAR || packet.len() > limits::MAX_DATAGRAM {
            return None;
        }
        let ssrc = control_ssrc(packet)?;
        let mut reader = Reader::new(packet);
        match self {
            Self::Cm(_) => reader.skip(len)?,
            Self::Gcm(_) => reader.skip(len + TAG_LEN)?,
        }
        Some(Control { ssrc, word: reader.u32()?, len })
    }

    /// Decrypts into `out`, which is as long as the packet without its protection; false unless it is authentic.
    pub(super) fn open_rtcp(&mut self, packet: &[u8], out: &mut [u8], control: &Control) -> bool {
        match self {
            Self::Cm(cm) => cm.open_rtcp(packet, out, control.ssrc, control.word),
            Self::Gcm(gcm) => gcm.open_rtcp(packet, out, control.ssrc, control.word),
        }
    }
}

/// The sender of an RTCP packet; `None` if it is none of version 2.
pub(super) fn control_ssrc(packet: &[u8]) -> Option<u32> {
    let mut reader = Reader::new(packet);
    let first = reader.u8()?;
    reader.skip(3)?;
    let ssrc = reader.u32()?;
    (first >> 6 == 2).then_some(ssrc)
}
