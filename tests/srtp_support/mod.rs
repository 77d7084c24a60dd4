//! Sessions and packets for the tests of SRTP.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use antiphon::base::arena::Arena;
use antiphon::srtp::{KeyingMaterial, ProtectError, Session, Side, SrtpProfile, UnprotectError};

pub(crate) const PROFILES: [SrtpProfile; 4] = [
    SrtpProfile::Aes128CmSha1_80,
    SrtpProfile::Aes128CmSha1_32,
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::AeadAes256Gcm,
];

/// One SSRC of many.
pub(crate) const SSRC: u32 = 0xcafe_babe;

pub(crate) fn keys(profile: SrtpProfile, seed: u8) -> KeyingMaterial {
    let exported: Vec<u8> = (0..88).map(|at: u8| at.wrapping_mul(7) ^ seed).collect();
    KeyingMaterial::split(profile, &exported[..profile.keying_material_len()]).unwrap()
}

/// What sends and what receives.
pub(crate) fn pair(profile: SrtpProfile) -> [Session; 2] {
    let keys = keys(profile, 1);
    [Session::new(&keys, Side::Client).unwrap(), Session::new(&keys, Side::Server).unwrap()]
}

/// A packet whose payload says which it is.
pub(crate) fn rtp(ssrc: u32, index: u64) -> Vec<u8> {
    let [.., high, low] = index.to_be_bytes();
    let head = [0x80, 96, high, low, 0, 0, 0, 7];
    [&head[..], &ssrc.to_be_bytes(), &index.to_be_bytes(), &[0x5a; 20]].concat()
}

/// A receiver report with a block.
pub(crate) fn rtcp(ssrc: u32, mark: u8) -> Vec<u8> {
    [&[0x81, 201, 0, 7][..], &ssrc.to_be_bytes(), &[mark; 24]].concat()
}

pub(crate) fn protect(session: &mut Session, packet: &[u8]) -> Result<Vec<u8>, ProtectError> {
    let mut buf = packet.to_vec();
    buf.resize(packet.len() + session.rtp_overhead(), 0xee);
    let len = session.protect_rtp(&mut buf, packet.len())?;
    buf.truncate(len);
    Ok(buf)
}

pub(crate) fn protect_rtcp(session: &mut Session, packet: &[u8]) -> Result<Vec<u8>, ProtectError> {
    let mut buf = packet.to_vec();
    buf.resize(packet.len() + session.rtcp_overhead(), 0xee);
    assert_eq!(session.protect_rtcp(&mut buf, packet.len())?, buf.len());
    Ok(buf)
}

pub(crate) fn unprotect(session: &mut Session, packet: &[u8]) -> Result<Vec<u8>, UnprotectError> {
    session.unprotect_rtp(packet, &mut Arena::new(2048, 1)).map(Vec::from)
}

pub(crate) fn unprotect_rtcp(session: &mut Session, packet: &[u8]) -> Result<Vec<u8>, UnprotectError> {
    session.unprotect_rtcp(packet, &mut Arena::new(2048, 1)).map(Vec::from)
}
