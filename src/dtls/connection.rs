//! `dtls::Connection`: one end of a DTLS connection, whatever its version.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;

use bytes::Bytes;

use super::config::{Config, Role};
use super::epoch::Epochs;
use super::error::{ConfigError, ExportError, SealError};
use super::event::{CloseReason, Event};
use super::flight::{Expect, Flight};
use super::handshake::Handshake;
use super::refusals::Refusals;
use super::retransmit::{Expiry, Retransmit};
use super::rumour::Rumour;
use super::srtp::Secrets;
use super::stats::Stats;
use crate::base::arena::Arena;
use crate::base::limits;
use crate::base::outbox::Outbox;
use crate::crypto::Fingerprint;
use crate::crypto::srtp_keys::{KeyingMaterial, SrtpProfile};
use crate::machine::{Machine, Output};
use crate::net::Transmit;
use crate::rng::Rng;
use crate::time::{Instant, Latest};
use crate::wire::dtls::alert::Alert;
use crate::wire::dtls::record::ContentType;

/// ```text
/// Handshaking ──▶ Established ──▶ Closing ──▶ Over
///      └────────────────────────────▲
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The client may not have begun yet.
    Handshaking,
    /// The handshake is over. Connected once the peer is verified too.
    Established,
    /// The alert, if there is one, is to be drawn; then the event is the last output.
    Closing(Option<Alert>, Event),
    /// Nothing goes in or out.
    Over,
}

/// One end of a DTLS connection.
///
/// Datagrams go in by [`handle_input`](Self::handle_input) and come out of [`poll_output`](Self::poll_output);
/// application data is sealed by the caller with [`seal_in_place`](Self::seal_in_place) and read with
/// [`recv`](Self::recv). None is delivered before the peer's certificate was found to have one of the fingerprints.
///
/// ```
/// use antiphon::crypto::{Certificate, FingerprintHash};
/// use antiphon::dtls::{Config, Connection, Event, Role};
/// use antiphon::{Instant, Output, Rng, Seed};
///
/// let (now, unix_time) = (Instant::ZERO, core::time::Duration::from_secs(1_700_000_000));
/// let mut buf = [0; 1500];
/// let ours = Certificate::generate(&Seed::from_bytes([1; 32]), unix_time)?;
/// let theirs = Certificate::generate(&Seed::from_bytes([2; 32]), unix_time)?;
/// let (a, b) = (Seed::from_bytes([3; 32]), Seed::from_bytes([4; 32]));
/// let mut client = Connection::new(now, Rng::new(&a), &Config::new(ours.clone()), Role::Client)?;
/// let mut server = Connection::new(now, Rng::new(&b), &Config::new(theirs.clone()), Role::Server)?;
/// client.set_remote_fingerprints(vec![theirs.fingerprint(FingerprintHash::Sha256)]);
/// server.set_remote_fingerprints(vec![ours.fingerprint(FingerprintHash::Sha256)]);
/// client.start();
/// while !(client.is_connected() && server.is_connected()) {
///     while let Output::Transmit(t) = client.poll_output(now, &mut buf) {
///         server.handle_input(now, &buf[..t.len]);
///     }
///     while let Output::Transmit(t) = server.poll_output(now, &mut buf) {
///         client.handle_input(now, &buf[..t.len]);
///     }
/// }
/// let len = client.seal(b"hello", &mut buf)?;
/// server.handle_input(now, &buf[..len]);
/// # while let Output::Event(event) = server.poll_output(now, &mut []) { assert_eq!(event, Event::Connected); }
/// assert_eq!(server.recv().as_deref(), Some(&b"hello"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Connection {
    pub(super) latest: Latest,
    pub(super) role: Role,
    pub(super) phase: Phase,
    pub(super) epochs: Epochs,
    /// Present until the handshake is over.
    pub(super) handshake: Option<Box<Handshake>>,
    /// What was sent last, while it may have to be repeated.
    pub(super) flight: Option<Box<Flight>>,
    pub(super) retransmit: Retransmit,
    mtu: usize,
    start_pending: bool,
    pub(super) fingerprints: Option<Vec<Fingerprint>>,
    pub(super) peer_certificate: Option<Bytes>,
    pub(super) verified: bool,
    pub(super) secrets: Option<Secrets>,
    pub(super) srtp_profile: Option<SrtpProfile>,
    pub(super) arena: Arena,
    /// Application records nobody has read yet.
    pub(super) inbox: VecDeque<Bytes>,
    pub(super) inbox_bytes: usize,
    pub(super) events: Outbox<Event>,
    /// What anybody could have said, since the last sign of progress.
    pub(super) rumour: Option<Rumour>,
    pub(super) peer_closed: bool,
    pub(super) refusals: Refusals,
    pub(super) stats: Stats,
}

impl Connection {
    /// Bytes that every version and cipher is content with before the plaintext: see [`Self::seal_head`].
    pub const SEAL_HEAD: usize = 21;
    /// Bytes that every version and cipher is content with after it: see [`Self::seal_tail`].
    pub const SEAL_TAIL: usize = 16;

    /// One end. A client does nothing before [`start`](Self::start).
    ///
    /// # Errors
    /// [`ConfigError`] if the configuration cannot work.
    pub fn new(now: Instant, rng: Rng, config: &Config, role: Role) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            latest: Latest::new(now),
            role,
            phase: Phase::Handshaking,
            epochs: Epochs::new(),
            retransmit: Retransmit::new(config.initial_timeout, config.max_timeout, config.max_expiries),
            mtu: config.mtu,
            handshake: Some(Box::new(Handshake::new(role, rng, config.clone()))),
            flight: None,
            start_pending: false,
            fingerprints: None,
            peer_certificate: None,
            verified: false,
            secrets: None,
            srtp_profile: None,
            arena: Arena::new(limits::ARENA_BLOCK, limits::ARENA_BLOCKS),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            events: Outbox::new(limits::MAX_EVENTS),
            rumour: None,
            peer_closed: false,
            refusals: Refusals::new(),
            stats: Stats::default(),
        })
    }

    /// The client's first hello leaves at the next poll. A server waits from then on as long as a client would whose hellos have no answer,
    /// and fails with [`CloseReason::Timeout`] then; one that is not started waits without end.
    pub fn start(&mut self) {
        self.start_pending = self.handshake.is_some();
    }

    /// Which side this is.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Sets the first retransmission timeout by a measured round trip, which holds it for a while before it doubles. A running timer counts from
    /// where it began; it may then be due.
    pub fn set_initial_timeout(&mut self, timeout: Duration) {
        self.retransmit.set_initial(timeout);
    }

    /// Sets the longest datagram to draw, in bytes, at least 256. Holds for what is not drawn yet and for repeats. A flight that stays
    /// without an answer is repeated in shorter ones all the same (RFC 6347 §4.1.1.1).
    pub fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu.clamp(limits::MIN_MTU, limits::MAX_DATAGRAM);
    }

    /// The longest datagram that is drawn, in bytes.
    pub const fn mtu(&self) -> usize {
        self.mtu
    }

    /// What the peer's certificate is checked against: it must have one of the fingerprints of the strongest hash
    /// among them (RFC 8122 §5). May come after the handshake; until then nothing is delivered.
    pub fn set_remote_fingerprints(&mut self, fingerprints: Vec<Fingerprint>) {
        if !self.verified {
            self.fingerprints = Some(fingerprints);
            self.verify();
        }
    }

    /// While suspended, the timer of the present flight neither fires nor is waited for: the parent carries the
    /// flight by other means, see [`Self::flight_record`].
    pub fn suspend_retransmission(&mut self, suspended: bool) {
        self.retransmit.suspend(suspended);
    }

    /// How many records of at most one MTU the present flight makes; 0 if there is none.
    pub fn flight_len(&self) -> usize {
        self.flight.as_ref().map_or(0, |flight| flight.record_count(&self.epochs, self.mtu))
    }

    /// Writes record `index` of the present flight into `buf`, beside what [`poll_output`](Self::poll_output) draws;
    /// its length. Each reading has a sequence number of its own. `None` beyond [`Self::flight_len`], or if `buf` is
    /// too short: one MTU is enough.
    pub fn flight_record(&mut self, index: usize, buf: &mut [u8]) -> Option<usize> {
        let flight = self.flight.as_ref()?;
        flight.record(index, &mut self.epochs, buf, self.mtu).ok().flatten()
    }

    /// Whether the handshake is over and the peer verified, and neither side has failed or closed.
    pub fn is_connected(&self) -> bool {
        self.verified && self.phase == Phase::Established
    }

    /// Whether the peer has said goodbye.
    pub const fn is_closed_by_peer(&self) -> bool {
        self.peer_closed
    }

    /// The peer's certificate in DER. Not verified unless connected.
    pub const fn peer_certificate(&self) -> Option<&Bytes> {
        self.peer_certificate.as_ref()
    }

    /// Counters.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// When [`poll_output`](Self::poll_output) has work to do without any other call before it.
    pub fn deadline(&self) -> Option<Instant> {
        self.retransmit.deadline()
    }

    /// Bytes that stand before the plaintext in a sealed record: at most [`Self::SEAL_HEAD`].
    pub fn seal_head(&self) -> usize {
        self.epochs.current_overhead().0
    }

    /// Bytes that stand after it: at most [`Self::SEAL_TAIL`].
    pub fn seal_tail(&self) -> usize {
        self.epochs.current_overhead().1
    }

    /// Seals the `len` bytes of application data at `buf[seal_head()..][..len]`; the record is then `buf[..returned]`.
    ///
    /// # Errors
    /// [`SealError`]; nothing was used up then, and `buf` is to be thrown away.
    pub fn seal_in_place(&mut self, buf: &mut [u8], len: usize) -> Result<usize, SealError> {
        if !self.is_connected() {
            return Err(SealError::NotConnected);
        }
        let epoch = self.epochs.current().ok_or(SealError::NotConnected)?;
        let sealed = epoch.seal(ContentType::ApplicationData, buf, len)?;
        self.stats.records_sealed += 1;
        Ok(sealed)
    }

    /// Seals `plaintext` into `buf`; the record is `buf[..returned]`.
    ///
    /// # Errors
    /// As [`Self::seal_in_place`].
    pub fn seal(&mut self, plaintext: &[u8], buf: &mut [u8]) -> Result<usize, SealError> {
        let (head, tail) = self.epochs.current_overhead();
        let short = SealError::BufferTooShort { len: buf.len(), wanted: head + plaintext.len() + tail };
        buf.get_mut(head..head + plaintext.len()).ok_or(short)?.copy_from_slice(plaintext);
        self.seal_in_place(buf, plaintext.len())
    }

    /// The next record of application data, in order of arrival. `None`: nothing more, or not connected yet.
    pub fn recv(&mut self) -> Option<Bytes> {
        if !self.is_connected() {
            return None;
        }
        let record = self.inbox.pop_front()?;
        self.inbox_bytes -= record.len();
        Some(record)
    }

    /// Fills `out` with keying material for `label` and `context` (RFC 5705).
    ///
    /// # Errors
    /// [`ExportError`] unless connected, or if the context is too long.
    pub fn export_keying_material(
        &self,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), ExportError> {
        let secrets = self.secrets.as_ref().filter(|_| self.is_connected());
        secrets.ok_or(ExportError::NotConnected)?.export(label, context, out)
    }

    /// The SRTP profile that was negotiated (RFC 5764), once connected.
    pub fn srtp_profile(&self) -> Option<SrtpProfile> {
        self.srtp_profile.filter(|_| self.is_connected())
    }

    /// The master keys and salts for SRTP, once connected.
    pub fn srtp_keying_material(&self) -> Option<KeyingMaterial> {
        self.secrets.as_ref()?.srtp(self.srtp_profile()?)
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn trim(&mut self) {
        self.arena.trim();
        self.inbox.shrink_to_fit();
        self.events.trim();
    }

    /// See [`Machine::poll_output`].
    ///
    /// # Panics
    /// If `buf` is neither empty nor as long as the MTU.
    pub fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), Event> {
        assert!(buf.is_empty() || buf.len() >= self.mtu, "buffer of {} bytes, mtu {}", buf.len(), self.mtu);
        let now = self.latest.advance(now);
        self.on_timers(now);
        if let Some(event) = self.events.pop() {
            return Output::Event(event);
        }
        if let Some(len) = self.draw(buf) {
            self.stats.datagrams_sent += 1;
            return Output::Transmit(Transmit::new((), len));
        }
        match self.phase {
            Phase::Closing(None, event) => {
                self.phase = Phase::Over;
                Output::Event(event)
            }
            Phase::Handshaking | Phase::Established | Phase::Closing(Some(_), _) | Phase::Over => {
                Output::Wait(self.deadline())
            }
        }
    }

    fn on_timers(&mut self, now: Instant) {
        if self.start_pending {
            self.start_pending = false;
            if let Some(handshake) = &mut self.handshake {
                handshake.start();
                self.collect(now, None);
                if !self.retransmit.is_running() {
                    self.retransmit.begin(now);
                }
            }
        }
        let Some(expiry) = self.retransmit.take_due(now) else { return };
        if let Some(reason) = self.rumour.as_mut().and_then(|rumour| rumour.on_expiry(expiry)) {
            self.fail(reason);
        } else if expiry == Expiry::GiveUp {
            self.fail(CloseReason::Timeout);
        } else if let Some(flight) = self.flight.as_mut().filter(|flight| flight.expect() == Expect::Answer) {
            self.stats.timeouts += 1;
            flight.restart_by_timer();
        }
    }

    /// The longest datagram of a flight: shorter where repetitions have had no answer.
    fn flight_mtu(&self) -> usize {
        let silent = self.handshake.is_some() && self.retransmit.expiries() >= limits::DTLS_LONG_EXPIRIES;
        if silent { self.mtu.min(limits::DTLS_SAFE_MTU) } else { self.mtu }
    }

    /// Writes the next datagram, if there is one.
    fn draw(&mut self, buf: &mut [u8]) -> Option<usize> {
        let limit = self.flight_mtu().min(buf.len());
        let buf = buf.get_mut(..limit).filter(|buf| !buf.is_empty())?;
        if let Phase::Closing(alert, event) = self.phase {
            self.phase = Phase::Closing(None, event);
            return self.draw_alert(alert?, buf);
        }
        let Some(flight) = self.flight.as_mut().filter(|flight| flight.has_output()) else {
            let refusal = self.refusals.take().filter(|_| self.phase == Phase::Established);
            return self.draw_alert(refusal?, buf);
        };
        let Ok(len) = flight.draw(&mut self.epochs, buf) else {
            self.fail(CloseReason::SequenceExhausted);
            return None;
        };
        (len > 0).then_some(len)
    }

    fn draw_alert(&mut self, alert: Alert, buf: &mut [u8]) -> Option<usize> {
        let epoch = self.epochs.current()?;
        let content = alert.bytes();
        buf.get_mut(epoch.head_len()..)?.first_chunk_mut().map(|place| *place = content)?;
        epoch.seal(ContentType::Alert, buf, content.len()).ok()
    }

    /// Seals any content under the keys of the present epoch into `buf`, whatever the state: a peer that has the keys and breaks the
    /// rules. For tests of the other end only.
    #[cfg(feature = "sim")]
    pub fn forge(&mut self, content_type: ContentType, content: &[u8], buf: &mut [u8]) -> Option<usize> {
        let epoch = self.epochs.current()?;
        let head = epoch.head_len();
        buf.get_mut(head..head + content.len())?.copy_from_slice(content);
        epoch.seal(content_type, buf, content.len()).ok()
    }

    /// Steps of work that fragments of the handshake have cost so far, each of about constant time: fragments, bytes written. What a bound
    /// of work per input byte is measured with; 0 once the handshake is over.
    #[cfg(feature = "sim")]
    pub fn ops(&self) -> u64 {
        self.handshake.as_ref().map_or(0, |handshake| handshake.reassembly.ops.count())
    }

    /// The same connection again: given the same calls, both do the same. Two that both send under one key repeat its
    /// nonces: for simulations only.
    #[cfg(feature = "sim")]
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            latest: self.latest.clone(),
            role: self.role,
            phase: self.phase,
            epochs: self.epochs.clone(),
            handshake: self.handshake.as_ref().map(|handshake| Box::new(handshake.fork())),
            flight: self.flight.clone(),
            retransmit: self.retransmit.clone(),
            mtu: self.mtu,
            start_pending: self.start_pending,
            fingerprints: self.fingerprints.clone(),
            peer_certificate: self.peer_certificate.clone(),
            verified: self.verified,
            secrets: self.secrets.clone(),
            srtp_profile: self.srtp_profile,
            arena: self.arena.clone(),
            inbox: self.inbox.clone(),
            inbox_bytes: self.inbox_bytes,
            events: self.events.clone(),
            rumour: self.rumour,
            peer_closed: self.peer_closed,
            refusals: self.refusals.clone(),
            stats: self.stats,
        }
    }
}

impl Machine for Connection {
    type Input<'i> = &'i [u8];
    type Path = ();
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: &[u8]) {
        Self::handle_input(self, now, input);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), Event> {
        Self::poll_output(self, now, buf)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role)
            .field("phase", &self.phase)
            .field("verified", &self.verified)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
