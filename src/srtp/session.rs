//! The session: the keys of both directions, and every source's place in them.

use core::fmt;

use bytes::Bytes;

use super::context::{
    Candidates, Inbound, InboundControl, Outbound, RTCP_LIFETIME, RTP_LIFETIME, Refusal, Sources,
};
use super::error::{ProtectError, UnprotectError};
use super::keys::SessionKeys;
use super::layout::{Header, Marking, RTCP_INDEX};
use super::profile::Usage;
use super::stats::Stats;
use super::transform::{Control, Transform, control_ssrc};
use crate::base::arena::Arena;
use crate::base::limits;
use crate::crypto::CryptoError;
use crate::crypto::srtp_keys::{KeyingMaterial, SrtpProfile};

/// Which side of the DTLS handshake this end was: it says which keys are whose (RFC 5764 §4.2).
///
/// ```
/// use antiphon::srtp::Side;
///
/// assert_ne!(Side::Client, Side::Server);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This end was the DTLS client: it sends with the client's keys.
    Client,
    /// This end was the DTLS server.
    Server,
}

/// SRTP and SRTCP between two ends, under keys of one DTLS handshake.
///
/// Packets of ours are protected in place. What arrives is decrypted into an arena, or into a buffer of the caller's; once the
/// sources are known neither allocates. One session serves every source of a transport, and each source has its roll-over counter and
/// its replay windows to itself.
///
/// ```
/// use antiphon::base::arena::Arena;
/// use antiphon::crypto::srtp_keys::{KeyingMaterial, SrtpProfile};
/// use antiphon::srtp::{Session, Side, UnprotectError};
///
/// let profile = SrtpProfile::AeadAes128Gcm;
/// let keys = KeyingMaterial::split(profile, &[7; 56]).expect("two keys and two salts");
/// let (mut ours, mut theirs) = (Session::new(&keys, Side::Client)?, Session::new(&keys, Side::Server)?);
///
/// let mut buf = [0; 1200];
/// let packet = [0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, b'h', b'i'];
/// buf[..packet.len()].copy_from_slice(&packet);
/// let len = ours.protect_rtp(&mut buf, packet.len())?;
///
/// let mut arena = Arena::new(8192, 8);
/// assert_eq!(theirs.unprotect_rtp(&buf[..len], &mut arena)?, packet[..]);
/// assert_eq!(theirs.unprotect_rtp(&buf[..len], &mut arena), Err(UnprotectError::Replayed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session {
    profile: SrtpProfile,
    cryptex: bool,
    local: Keys,
    remote: Keys,
    senders: Sources<Outbound>,
    /// The index that the next packet of RTCP has, by its sender.
    pub(super) control_senders: Sources<u64>,
    receivers: Sources<Inbound>,
    control_receivers: Sources<InboundControl>,
    stats: Stats,
}

/// The keys of one direction.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) rtp: Transform,
    pub(super) rtcp: Transform,
}

impl Keys {
    fn derive(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Result<Self, CryptoError> {
        let transform = |usage| Transform::new(profile, usage, &SessionKeys::derive(key, salt, usage)?);
        Ok(Self { rtp: transform(Usage::Rtp)?, rtcp: transform(Usage::Rtcp)? })
    }
}

impl Session {
    /// A session with the keys that the DTLS handshake gave.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if OpenSSL fails, which its contract does not foresee.
    pub fn new(keys: &KeyingMaterial, side: Side) -> Result<Self, CryptoError> {
        let profile = keys.profile();
        let client = Keys::derive(profile, keys.client_key(), keys.client_salt())?;
        let server = Keys::derive(profile, keys.server_key(), keys.server_salt())?;
        Ok(match side {
            Side::Client => Self::with_keys(profile, client, server),
            Side::Server => Self::with_keys(profile, server, client),
        })
    }

    pub(super) const fn with_keys(profile: SrtpProfile, local: Keys, remote: Keys) -> Self {
        Self {
            profile,
            cryptex: false,
            local,
            remote,
            senders: Sources::new(limits::SRTP_SENDING_SOURCES),
            control_senders: Sources::new(limits::SRTP_SENDING_SOURCES),
            receivers: Sources::new(limits::SRTP_RECEIVING_SOURCES),
            control_receivers: Sources::new(limits::SRTP_RECEIVING_SOURCES),
            stats: Stats {
                rtp_protected: 0,
                rtcp_protected: 0,
                rtp_unprotected: 0,
                rtcp_unprotected: 0,
                malformed: 0,
                unauthenticated: 0,
                replayed: 0,
                overflow: 0,
            },
        }
    }

    /// The profile of the keys.
    pub const fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// Whether packets of ours hide their contributing sources and header extensions (Cryptex, RFC 9335): only where the peer has
    /// said `a=cryptex`. What arrives says itself whether it does, and is taken either way.
    pub const fn set_cryptex(&mut self, cryptex: bool) {
        self.cryptex = cryptex;
    }

    /// By how many bytes an RTP packet grows at most.
    pub const fn rtp_overhead(&self) -> usize {
        self.local.rtp.tag_len() + if self.cryptex { Marking::Insert.grows() } else { 0 }
    }

    /// By how many bytes an RTCP packet grows.
    pub const fn rtcp_overhead(&self) -> usize {
        self.local.rtcp.tag_len() + RTCP_INDEX
    }

    /// Sources of the peer that are remembered: those of which an authentic RTP packet, or RTCP packet, has come.
    pub const fn receiving_sources(&self) -> (usize, usize) {
        (self.receivers.len(), self.control_receivers.len())
    }

    /// Gives memory back that is kept for sources to come.
    pub fn trim(&mut self) {
        self.senders.trim();
        self.control_senders.trim();
        self.receivers.trim();
        self.control_receivers.trim();
    }

    /// Counters since the session was made.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Protects the RTP packet in `buf[..len]` in place and returns its new length, at most [`rtp_overhead`](Self::rtp_overhead)
    /// more.
    ///
    /// Sequence numbers may come out of order, up to 1024 back. None is taken twice: a packet that is sent again must be the bytes
    /// that were protected the first time, or be a packet of its own (RFC 4588).
    ///
    /// # Errors
    /// [`ProtectError`]; the packet must not be sent then.
    pub fn protect_rtp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let header = buf.get(..len).and_then(Header::parse).ok_or(ProtectError::Malformed { len })?;
        if let Some(profile) = header.encrypted_extension() {
            return Err(ProtectError::ReservedExtension { profile });
        }
        let marking = if self.cryptex { header.marking() } else { Marking::Plain };
        let plain = len + marking.grows();
        let wanted = plain + self.local.rtp.tag_len();
        let have = buf.len();
        let too_short = ProtectError::BufferTooShort { len: have, wanted };
        let packet = buf.get_mut(..wanted).ok_or(too_short)?;
        let index = self.take_index(&header)?;
        let cut = match marking {
            Marking::Plain => header.plain_cut(),
            Marking::Extension(profile) => {
                header.set_extension(packet, profile);
                header.cryptex_cut()
            }
            Marking::Insert => {
                header.insert_extension(packet, len);
                header.cryptex_cut()
            }
        };
        self.local.rtp.seal_rtp(packet, cut, header.ssrc, index).map_err(ProtectError::Cipher)?;
        self.stats.rtp_protected += 1;
        Ok(wanted)
    }

    fn take_index(&mut self, header: &Header) -> Result<u64, ProtectError> {
        let (ssrc, sequence) = (header.ssrc, header.sequence);
        if self.stats.rtp_protected >= RTP_LIFETIME {
            return Err(ProtectError::KeysExhausted { ssrc, index: RTP_LIFETIME });
        }
        let limit = self.senders.limit();
        let sender = self.senders.get_or_insert_with(ssrc, Outbound::default);
        let index = sender.ok_or(ProtectError::TooManySources { limit })?.take(sequence);
        index.map_err(|refusal| match refusal {
            Refusal::Used => ProtectError::SequenceUsed { ssrc, sequence },
            Refusal::Exhausted(index) => ProtectError::KeysExhausted { ssrc, index },
        })
    }

    /// Protects the RTCP packet in `buf[..len]`, compound or reduced, in place and returns its new length:
    /// [`rtcp_overhead`](Self::rtcp_overhead) more.
    ///
    /// # Errors
    /// [`ProtectError`]; the packet must not be sent then.
    pub fn protect_rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let whole = buf.get(..len).filter(|packet| packet.len() <= limits::MAX_DATAGRAM);
        let ssrc = whole.and_then(control_ssrc).ok_or(ProtectError::Malformed { len })?;
        let wanted = len + self.rtcp_overhead();
        let too_short = ProtectError::BufferTooShort { len: buf.len(), wanted };
        let packet = buf.get_mut(..wanted).ok_or(too_short)?;
        if self.stats.rtcp_protected >= RTCP_LIFETIME {
            return Err(ProtectError::KeysExhausted { ssrc, index: RTCP_LIFETIME });
        }
        let limit = self.control_senders.limit();
        let next = self.control_senders.get_or_insert_with(ssrc, || 0);
        let next = next.ok_or(ProtectError::TooManySources { limit })?;
        let index = *next;
        let short = u32::try_from(index).ok().filter(|_| index < RTCP_LIFETIME);
        let short = short.ok_or(ProtectError::KeysExhausted { ssrc, index })?;
        *next += 1;
        self.local.rtcp.seal_rtcp(packet, ssrc, short).map_err(ProtectError::Cipher)?;
        self.stats.rtcp_protected += 1;
        Ok(wanted)
    }

    /// Verifies and decrypts an SRTP packet, and hands out the RTP packet.
    ///
    /// # Errors
    /// [`UnprotectError`]: the packet is dropped, and nothing has changed but a counter.
    pub fn unprotect_rtp(&mut self, packet: &[u8], arena: &mut Arena) -> Result<Bytes, UnprotectError> {
        let Some(header) = self.rtp_header(packet) else { return Err(self.malformed(packet)) };
        let mut refused = UnprotectError::Unauthenticated;
        let opened = arena.fill(packet.len() - self.remote.rtp.tag_len(), |out| {
            self.open_rtp(&header, packet, out).map_err(|error| refused = error).ok()
        });
        opened.ok_or(refused)
    }

    /// As [`unprotect_rtp`](Self::unprotect_rtp), into a buffer of the caller's, which then begins with the RTP packet. Returns its
    /// length. After a refusal what stands in the buffer is of no use.
    ///
    /// # Errors
    /// [`UnprotectError`].
    pub fn unprotect_rtp_into(&mut self, packet: &[u8], out: &mut [u8]) -> Result<usize, UnprotectError> {
        let Some(header) = self.rtp_header(packet) else { return Err(self.malformed(packet)) };
        let wanted = packet.len() - self.remote.rtp.tag_len();
        let len = out.len();
        let out = out.get_mut(..wanted).ok_or(UnprotectError::BufferTooShort { len, wanted })?;
        self.open_rtp(&header, packet, out)
    }

    /// Verifies and decrypts an SRTCP packet, and hands out the RTCP packet. One that its sender left in the clear is taken if it
    /// is authentic (RFC 3711 §3.4).
    ///
    /// # Errors
    /// [`UnprotectError`]: the packet is dropped, and nothing has changed but a counter.
    pub fn unprotect_rtcp(&mut self, packet: &[u8], arena: &mut Arena) -> Result<Bytes, UnprotectError> {
        let control = self.fresh_control(packet)?;
        let mut refused = UnprotectError::Unauthenticated;
        let opened = arena.fill(control.len, |out| {
            self.open_rtcp(&control, packet, out).map_err(|error| refused = error).ok()
        });
        opened.ok_or(refused)
    }

    /// As [`unprotect_rtcp`](Self::unprotect_rtcp), into a buffer of the caller's, which then begins with the RTCP packet. Returns
    /// its length. After a refusal what stands in the buffer is of no use.
    ///
    /// # Errors
    /// [`UnprotectError`].
    pub fn unprotect_rtcp_into(&mut self, packet: &[u8], out: &mut [u8]) -> Result<usize, UnprotectError> {
        let control = self.fresh_control(packet)?;
        let (len, wanted) = (out.len(), control.len);
        let out = out.get_mut(..wanted).ok_or(UnprotectError::BufferTooShort { len, wanted })?;
        self.open_rtcp(&control, packet, out)
    }

    /// The header of an SRTP packet, which ends before the tag.
    fn rtp_header(&self, packet: &[u8]) -> Option<Header> {
        let len = packet.len().checked_sub(self.remote.rtp.tag_len())?;
        packet.get(..len).and_then(Header::parse)
    }

    fn open_rtp(&mut self, header: &Header, packet: &[u8], out: &mut [u8]) -> Result<usize, UnprotectError> {
        let ssrc = header.ssrc;
        let candidates = match self.receivers.get(ssrc) {
            Some(receiver) => receiver.candidates(header.sequence),
            None => Candidates::of_unknown(header.sequence),
        };
        let source = (header.received_cut(), ssrc);
        let Some(index) = self.remote.rtp.open_rtp(packet, out, source, candidates.indices) else {
            return Err(if candidates.stale { self.replayed() } else { self.unauthenticated() });
        };
        // Authentic: from here on the source is remembered.
        match self.receivers.get_or_insert_with(ssrc, Inbound::default) {
            Some(receiver) => receiver.commit(index),
            None => return Err(self.overflow(self.receivers.limit())),
        }
        header.restore_extension(out);
        self.stats.rtp_unprotected += 1;
        Ok(out.len())
    }

    /// What stands in the clear in an SRTCP packet whose index is new.
    fn fresh_control(&mut self, packet: &[u8]) -> Result<Control, UnprotectError> {
        let Some(control) = self.remote.rtcp.control(packet) else { return Err(self.malformed(packet)) };
        let seen = self.control_receivers.get(control.ssrc);
        if seen.is_some_and(|window| !window.check(control.index())) {
            return Err(self.replayed());
        }
        Ok(control)
    }

    fn open_rtcp(
        &mut self,
        control: &Control,
        packet: &[u8],
        out: &mut [u8],
    ) -> Result<usize, UnprotectError> {
        if !self.remote.rtcp.open_rtcp(packet, out, control) {
            return Err(self.unauthenticated());
        }
        match self.control_receivers.get_or_insert_with(control.ssrc, InboundControl::default) {
            Some(window) => window.commit(control.index()),
            None => return Err(self.overflow(self.control_receivers.limit())),
        }
        self.stats.rtcp_unprotected += 1;
        Ok(out.len())
    }

    const fn malformed(&mut self, packet: &[u8]) -> UnprotectError {
        self.stats.malformed += 1;
        UnprotectError::Malformed { len: packet.len() }
    }

    const fn unauthenticated(&mut self) -> UnprotectError {
        self.stats.unauthenticated += 1;
        UnprotectError::Unauthenticated
    }

    const fn replayed(&mut self) -> UnprotectError {
        self.stats.replayed += 1;
        UnprotectError::Replayed
    }

    /// A source is refused rather than another forgotten: its packets could be played again, and its roll-over counter would be
    /// lost, so that it could not go on.
    const fn overflow(&mut self, limit: usize) -> UnprotectError {
        self.stats.overflow += 1;
        UnprotectError::TooManySources { limit }
    }

    /// The same session again. Two that both send under one key repeat its keystream: for simulations only.
    #[cfg(feature = "sim")]
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            profile: self.profile,
            cryptex: self.cryptex,
            local: self.local.clone(),
            remote: self.remote.clone(),
            senders: self.senders.clone(),
            control_senders: self.control_senders.clone(),
            receivers: self.receivers.clone(),
            control_receivers: self.control_receivers.clone(),
            stats: self.stats,
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("profile", &self.profile)
            .field("cryptex", &self.cryptex)
            .field("sources", &self.receiving_sources())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
