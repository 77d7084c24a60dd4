//! The state cookie: everything an association needs, sealed, so that an INIT costs us no memory (RFC 9260 §5.1.3).

use core::time::Duration;

use super::state::{Local, Peer};
use crate::base::reader::Reader;
use crate::base::serial::Tsn;
use crate::crypto::digest::{HmacSha256, constant_time_eq};
use crate::time::Instant;

/// What a cookie says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cookie {
    pub(super) made_at: Instant,
    /// What we offered in INIT ACK.
    pub(super) local: Local,
    /// What the peer offered in INIT.
    pub(super) peer: Peer,
    /// The tags of the association there was at the time, ours and the peer's; zero if there was none (§5.2.2).
    pub(super) tie: (u32, u32),
}

/// Seals and opens cookies under a key of this association.
#[derive(Clone, Debug)]
pub(super) struct CookieJar {
    key: [u8; 32],
    lifetime: Duration,
}

/// What our cookies begin with.
pub(super) const SIGNATURE: &[u8] = b"ANTI";
const BODY: usize = 46;
const SEAL: usize = 32;
/// Bytes of a sealed cookie.
pub(super) const COOKIE_LEN: usize = BODY + SEAL;

impl CookieJar {
    pub(super) const fn new(key: [u8; 32], lifetime: Duration) -> Self {
        Self { key, lifetime }
    }

    fn sign(&self, body: &[u8]) -> [u8; SEAL] {
        HmacSha256::new(&self.key).sign(&[body])
    }

    pub(super) fn seal(&self, cookie: &Cookie) -> [u8; COOKIE_LEN] {
        let mut sealed = [0; COOKIE_LEN];
        let Cookie { made_at, local, peer, tie } = cookie;
        let flags = u16::from(peer.partial) | u16::from(peer.reconfig) << 1;
        let fields: [&[u8]; 12] = [
            SIGNATURE,
            &made_at.as_nanos().to_be_bytes(),
            &local.tag.to_be_bytes(),
            &local.initial_tsn.0.to_be_bytes(),
            &peer.tag.to_be_bytes(),
            &peer.initial_tsn.0.to_be_bytes(),
            &peer.window.to_be_bytes(),
            &peer.outbound.to_be_bytes(),
            &peer.inbound.to_be_bytes(),
            &flags.to_be_bytes(),
            &tie.0.to_be_bytes(),
            &tie.1.to_be_bytes(),
        ];
        let mut at = 0;
        for field in fields {
            if let Some(place) = sealed.get_mut(at..at + field.len()) {
                place.copy_from_slice(field);
            }
            at += field.len();
        }
        debug_assert_eq!(at, BODY, "the fields fill the body");
        let (body, seal) = sealed.split_at_mut(BODY);
        seal.copy_from_slice(&self.sign(body));
        sealed
    }

    /// What a cookie says and how long it has been past its life, which is zero as long as it lives. Nothing if it is not one of ours.
    pub(super) fn open(&self, now: Instant, sealed: &[u8]) -> Option<(Cookie, Duration)> {
        let (body, seal) = sealed.split_at_checked(BODY)?;
        if !constant_time_eq(&self.sign(body), seal) {
            return None;
        }
        let cookie = read(body)?;
        let age = now.saturating_duration_since(cookie.made_at);
        Some((cookie, age.saturating_sub(self.lifetime)))
    }
}

fn read(body: &[u8]) -> Option<Cookie> {
    let mut reader = Reader::new(body);
    reader.skip(SIGNATURE.len())?;
    let made_at = Instant::from_nanos(reader.u64()?);
    let local = Local { tag: reader.u32()?, initial_tsn: Tsn(reader.u32()?) };
    let (tag, initial_tsn, window) = (reader.u32()?, Tsn(reader.u32()?), reader.u32()?);
    let (outbound, inbound, flags) = (reader.u16()?, reader.u16()?, reader.u16()?);
    let (partial, reconfig) = (flags & 1 != 0, flags & 2 != 0);
    let peer = Peer { tag, initial_tsn, window, outbound, inbound, partial, reconfig };
    Some(Cookie { made_at, local, peer, tie: (reader.u32()?, reader.u32()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie() -> Cookie {
        Cookie {
            made_at: Instant::from_nanos(1_000),
            local: Local { tag: 1, initial_tsn: Tsn(2) },
            peer: Peer {
                tag: 3,
                initial_tsn: Tsn(4),
                window: 5,
                outbound: 6,
                inbound: 7,
                partial: true,
                reconfig: false,
            },
            tie: (8, 9),
        }
    }

    #[test]
    fn a_cookie_opens_as_it_was_sealed() {
        let jar = CookieJar::new([1; 32], Duration::from_secs(60));
        let sealed = jar.seal(&cookie());
        let opened = jar.open(Instant::from_nanos(2_000), &sealed).unwrap();
        assert_eq!(format!("{opened:?}"), format!("{:?}", (cookie(), Duration::ZERO)));
    }

    #[test]
    fn any_flipped_bit_and_any_other_key_is_a_forgery() {
        let jar = CookieJar::new([1; 32], Duration::from_secs(60));
        let sealed = jar.seal(&cookie());
        for bit in 0..COOKIE_LEN * 8 {
            let mut forged = sealed;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(jar.open(Instant::from_nanos(2_000), &forged).is_none());
        }
        let other = CookieJar::new([2; 32], Duration::from_secs(60));
        assert!(other.open(Instant::from_nanos(2_000), &sealed).is_none());
        assert!(jar.open(Instant::from_nanos(2_000), &sealed[..50]).is_none());
        assert!(jar.open(Instant::from_nanos(2_000), &[]).is_none());
    }

    #[test]
    fn a_cookie_lives_as_long_as_configured() {
        let jar = CookieJar::new([1; 32], Duration::from_secs(60));
        let sealed = jar.seal(&cookie());
        let end = Instant::from_nanos(1_000) + Duration::from_secs(60);
        let late_at = |now| jar.open(now, &sealed).map(|(_, late)| late);
        assert_eq!(late_at(end), Some(Duration::ZERO));
        assert_eq!(late_at(end + Duration::from_millis(1)), Some(Duration::from_millis(1)));
    }
}
