//! The handshake: INIT, cookies, collisions and restarts (RFC 9260 §5).

use bytes::{BufMut, Bytes, BytesMut};

use super::association::Association;
use super::config::Config;
use super::cookie::Cookie;
use super::event::{CloseReason, Event};
use super::heartbeat::Heartbeat;
use super::state::{AbortCause, Answer, Local, Peer, Phase, Repeat};
use super::stats::PeerImplementation;
use crate::base::limits;
use crate::base::serial::Tsn;
use crate::log;
use crate::time::Instant;
use crate::wire::sctp::{COMMON_HEADER_LEN, Init, Parameter, kind, parameter};

/// What the parameters of INIT or INIT ACK say.
#[derive(Default)]
struct Offer<'a> {
    cookie: Option<&'a [u8]>,
    partial: bool,
    reconfig: bool,
    /// A host name, which nobody resolves (RFC 9260 §3.3.2.1.4).
    host_name: Option<&'a [u8]>,
    /// A parameter is not what its type says.
    malformed: bool,
    /// Parameters to report, each padded.
    unrecognized: BytesMut,
}

impl<'a> Offer<'a> {
    /// Reads the parameters; unknown ones as the highest bits of their types say (§3.2.1).
    fn read(init: &Init<'a>, config: &Config) -> Self {
        let mut offer = Self::default();
        for parameter in init.parameters.iter() {
            let Ok(parameter) = parameter else {
                offer.malformed = true;
                break;
            };
            match parameter {
                Parameter::StateCookie(cookie) => offer.cookie = Some(cookie),
                Parameter::ForwardTsn if config.partial_reliability => offer.partial = true,
                // Not offered by us: unknown, as far as the peer is concerned.
                Parameter::ForwardTsn => offer.report(&FORWARD_TSN_SUPPORTED),
                Parameter::SupportedExtensions(kinds) => {
                    offer.partial |= config.partial_reliability && kinds.contains(&kind::FORWARD_TSN);
                    offer.reconfig |= config.stream_reset && kinds.contains(&kind::RE_CONFIG);
                }
                Parameter::HostName(name) => offer.host_name = Some(name),
                Parameter::Unknown { raw, .. } => {
                    let Some(action) = parameter.action() else { continue };
                    if action.reports() {
                        offer.report(raw);
                    }
                    if !action.goes_on() {
                        break;
                    }
                }
                Parameter::Unrecognized(_)
                | Parameter::CookiePreservative(_)
                | Parameter::Address(_)
                | Parameter::SupportedAddressTypes(_)
                | Parameter::EcnCapable
                | Parameter::ZeroChecksum(_)
                | Parameter::Padding(_) => {}
            }
        }
        offer
    }

    fn report(&mut self, raw: &[u8]) {
        let padded = raw.len().next_multiple_of(4);
        if self.unrecognized.len() + padded <= limits::SCTP_MAX_REPORT {
            self.unrecognized.put_slice(raw);
            self.unrecognized.put_bytes(0, padded - raw.len());
        }
    }
}

/// A FORWARD TSN parameter (RFC 3758 §3.1), as it is reported by who does not know it.
const FORWARD_TSN_SUPPORTED: [u8; 4] = [0xc0, 0, 0, 4];

/// The parameter with a host name again, for the report; nothing if it is too long for one.
fn host_name(name: &[u8]) -> Bytes {
    let len = name.len() + 4;
    let Some(length) = u16::try_from(len).ok().filter(|_| len <= limits::SCTP_MAX_REPORT) else {
        return Bytes::new();
    };
    let mut parameter = BytesMut::with_capacity(len);
    parameter.put_u16(parameter::HOST_NAME);
    parameter.put_u16(length);
    parameter.put_slice(name);
    parameter.freeze()
}

/// Length of a packet that does nothing but echo this cookie.
pub(super) const fn cookie_echo_len(cookie: &[u8]) -> usize {
    const CHUNK_HEADER_LEN: usize = 4;
    COMMON_HEADER_LEN + CHUNK_HEADER_LEN + cookie.len().next_multiple_of(4)
}

/// Why an INIT or INIT ACK is answered with an ABORT (§3.3.2, §3.3.3).
fn refusal_of(init: &Init<'_>, offer: &Offer<'_>) -> Option<AbortCause> {
    if let Some(name) = offer.host_name {
        return Some(AbortCause::UnresolvableAddress(host_name(name)));
    }
    if offer.malformed {
        return Some(AbortCause::ProtocolViolation);
    }
    let possible =
        init.outbound_streams != 0 && init.inbound_streams != 0 && init.a_rwnd >= limits::SCTP_MIN_WINDOW;
    (!possible).then_some(AbortCause::InvalidMandatoryParameter)
}

impl Association {
    /// Starts the handshake: INIT leaves with the next poll. Calling it again changes nothing.
    pub fn connect(&mut self) {
        if matches!(self.phase, Phase::Idle) {
            self.local = self.choose();
            self.tx.rebase(self.local.initial_tsn);
            self.phase = Phase::CookieWait { init: Repeat::new() };
            self.touch();
        }
    }

    /// A tag that is not zero, and a first TSN (§5.3.1).
    fn choose(&mut self) -> Local {
        let tag = self.rng.u32().max(1);
        Local { tag, initial_tsn: Tsn(self.rng.u32()) }
    }

    /// The fixed part of our INIT and INIT ACK. However little is free, less than the least window would be refused (§3.3.2, §3.3.3).
    pub(super) fn own_init(&self, local: Local) -> Init<'static> {
        let free = u32::try_from(self.rx.free()).unwrap_or(u32::MAX);
        Init {
            initiate_tag: local.tag,
            a_rwnd: free.max(limits::SCTP_MIN_WINDOW),
            outbound_streams: self.config.streams,
            inbound_streams: self.config.inbound_streams,
            initial_tsn: local.initial_tsn,
            ..Init::default()
        }
    }

    /// What INIT or INIT ACK tells about the peer.
    fn peer_of(&self, init: &Init<'_>, offer: &Offer<'_>) -> Peer {
        Peer {
            tag: init.initiate_tag,
            initial_tsn: init.initial_tsn,
            window: init.a_rwnd,
            outbound: init.inbound_streams.min(self.config.streams),
            inbound: init.outbound_streams.min(self.config.inbound_streams),
            partial: offer.partial,
            reconfig: offer.reconfig,
        }
    }

    /// INIT: answered with a cookie and not remembered (§5.1, §5.2.1, §5.2.2).
    pub(super) fn on_init(&mut self, now: Instant, init: &Init<'_>) {
        let offer = Offer::read(init, &self.config);
        if init.initiate_tag == 0 {
            self.stats.drops.bad_init += 1;
            return;
        }
        if let Some(cause) = refusal_of(init, &offer) {
            self.stats.drops.bad_init += 1;
            self.answer(Answer::Refuse { to: init.initiate_tag, reflected: false, cause: Some(cause) });
            return;
        }
        let peer = self.peer_of(init, &offer);
        let (local, tie) = match &mut self.phase {
            // Both sides called: the usual case. Our INIT ACK says what our INIT said.
            Phase::CookieWait { .. } => (self.local, (0, 0)),
            Phase::CookieEchoed { .. } => {
                (self.local, (self.local.tag, self.peer.map_or(0, |peer| peer.tag)))
            }
            Phase::ShutdownAckSent { ack } => {
                ack.due = true;
                return;
            }
            Phase::Idle => (self.choose(), (0, 0)),
            Phase::Established
            | Phase::ShutdownPending
            | Phase::ShutdownSent { .. }
            | Phase::ShutdownReceived => {
                let tie = (self.local.tag, self.peer.map_or(0, |peer| peer.tag));
                (self.choose(), tie)
            }
            Phase::Closing(_) | Phase::Over => return,
        };
        let cookie = self.jar.seal(&Cookie { made_at: now, local, peer, tie });
        self.answer(Answer::InitAck {
            to: peer.tag,
            local,
            cookie: Bytes::copy_from_slice(&cookie),
            unrecognized: offer.unrecognized.freeze(),
        });
    }

    /// INIT ACK: our INIT is answered (§5.1 C). A cookie that fits no packet could never be echoed: it is refused.
    pub(super) fn on_init_ack(&mut self, now: Instant, ack: &Init<'_>) {
        let Phase::CookieWait { init } = &self.phase else {
            self.stats.drops.unexpected_chunk += 1;
            return;
        };
        let rtt = (init.sent == 1).then(|| now.saturating_duration_since(init.first_at));
        let offer = Offer::read(ack, &self.config);
        let peer = self.peer_of(ack, &offer);
        let refusal = if ack.initiate_tag == 0 { Some(AbortCause::NoTag) } else { refusal_of(ack, &offer) };
        let cookie = match (refusal, offer.cookie) {
            (None, Some(cookie)) if cookie_echo_len(cookie) <= self.config.mtu => cookie,
            (refusal, cookie) => {
                let unfit = cookie.map_or(AbortCause::MissingCookie, |_| AbortCause::ProtocolViolation);
                self.stats.drops.bad_init += 1;
                self.refuse_init_ack(peer, refusal.unwrap_or(unfit));
                return;
            }
        };
        self.peer = Some(peer);
        self.stats.peer_implementation = PeerImplementation::of_cookie(cookie);
        if let Some(rtt) = rtt {
            self.tx.rto.measured(now, rtt);
        }
        self.tx.rto.collapse();
        self.errors = 0;
        self.begin(peer);
        self.phase = Phase::CookieEchoed { echo: Repeat::new(), cookie: Bytes::copy_from_slice(cookie) };
        if !offer.unrecognized.is_empty() {
            self.answer(Answer::UnrecognizedParameters(offer.unrecognized.freeze()));
        }
    }

    /// An INIT ACK that cannot be ends the association, unless the window alone is wrong (§3.3.3).
    fn refuse_init_ack(&mut self, peer: Peer, cause: AbortCause) {
        let window = cause == AbortCause::InvalidMandatoryParameter && peer.outbound > 0 && peer.inbound > 0;
        if window {
            self.answer(Answer::Refuse { to: peer.tag, reflected: false, cause: Some(cause) });
        } else {
            self.peer = Some(peer);
            self.close_with(CloseReason::ProtocolViolation, cause);
        }
    }

    /// Both halves learn what the peer said.
    fn begin(&mut self, peer: Peer) {
        self.peer = Some(peer);
        self.tx.begin(peer.window, peer.partial);
        if self.tx.is_fresh() {
            self.tx.queue.drop_beyond(peer.outbound, &mut self.events);
        }
        self.rx.forget_idle();
        self.rx.begin(peer.initial_tsn, peer.inbound);
        self.resets.begin(self.local.initial_tsn, peer.initial_tsn);
    }

    /// The cookie of a packet under `tag`, if it is one of ours and of that tag. Whoever comes too late with it is told, unless it is of the
    /// association there is: then its age is nothing (§5.2.4 step 3).
    fn unseal(&mut self, now: Instant, tag: u32, sealed: &[u8]) -> Option<Cookie> {
        let Some((cookie, late)) = self.jar.open(now, sealed) else {
            self.stats.drops.bad_cookie += 1;
            return None;
        };
        if tag != cookie.local.tag {
            self.stats.drops.verification_tag += 1;
            return None;
        }
        let both =
            cookie.local.tag == self.local.tag && self.peer.is_some_and(|peer| peer.tag == cookie.peer.tag);
        if !late.is_zero() && !both {
            self.stats.drops.stale_cookie += 1;
            let micros = u32::try_from(late.as_micros()).unwrap_or(u32::MAX);
            self.answer(Answer::StaleCookie { to: cookie.peer.tag, micros });
            return None;
        }
        Some(cookie)
    }

    /// COOKIE ECHO (§5.1 D, §5.2.4). Whether the rest of the packet belongs to an association of ours.
    pub(super) fn on_cookie_echo(&mut self, now: Instant, tag: u32, sealed: &[u8]) -> bool {
        let Some(cookie) = self.unseal(now, tag, sealed) else { return false };
        let ours = cookie.local.tag == self.local.tag;
        let theirs = self.peer.is_some_and(|peer| peer.tag == cookie.peer.tag);
        let tied = cookie.tie == (self.local.tag, self.peer.map_or(0, |peer| peer.tag));
        if self.phase.is_over() {
            return false;
        }
        let setting_up = matches!(self.phase, Phase::CookieWait { .. } | Phase::CookieEchoed { .. });
        if matches!(self.phase, Phase::Idle) {
            self.local = cookie.local;
            self.tx.rebase(self.local.initial_tsn);
            self.begin(cookie.peer);
            self.establish(now);
        } else if ours && theirs {
            // D: the peer answers what we both know already, perhaps again.
            if matches!(self.phase, Phase::CookieEchoed { .. }) {
                self.establish(now);
            }
        } else if ours && setting_up {
            // B, and the first of a collision: its INIT reached us, our INIT or its INIT ACK got lost.
            self.begin(cookie.peer);
            self.establish(now);
        } else if ours && self.tx.is_fresh() && self.rx.tracker.is_fresh() {
            // B: the peer has begun anew while we set up, and nothing has been exchanged with the one before.
            self.begin(cookie.peer);
        } else if ours || (!theirs && tied && cookie.tie.0 != 0) {
            // A: the peer has started anew.
            if let Phase::ShutdownAckSent { ack } = &mut self.phase {
                ack.due = true;
                self.answer(Answer::ShuttingDown);
                return false;
            }
            self.restart(now, &cookie);
        } else {
            // C, and whatever else fits nothing.
            self.stats.drops.bad_cookie += 1;
            return false;
        }
        self.cookie_ack_due = true;
        true
    }

    /// The peer says that our cookie came too late: once more from the start (§5.2.6).
    pub(super) fn on_stale_report(&mut self) {
        if matches!(self.phase, Phase::CookieEchoed { .. }) {
            self.tx.ride_again();
            self.peer = None;
            self.phase = Phase::CookieWait { init: Repeat::new() };
        }
    }

    /// COOKIE ACK (§5.1 E).
    pub(super) fn on_cookie_ack(&mut self, now: Instant) {
        // In a collision the peer's COOKIE ECHO was faster: the usual case.
        let Phase::CookieEchoed { echo, .. } = &self.phase else { return };
        if echo.sent == 1 {
            let rtt = now.saturating_duration_since(echo.first_at);
            self.tx.rto.measured(now, rtt);
        }
        self.establish(now);
    }

    /// The association is up.
    fn establish(&mut self, now: Instant) {
        log::debug!(from = ?self.phase.state(), "association established");
        self.phase = Phase::Established;
        self.errors = 0;
        self.tx.rto.collapse();
        self.tx.resume(now);
        self.heartbeat.active(now);
        self.rest_heartbeat(now);
        self.events.push(Event::Connected);
        if core::mem::take(&mut self.shutdown_wanted) {
            self.shutdown();
        }
    }

    /// §5.2.4.1: what was queued or in flight is lost with the peer that should have had it.
    fn restart(&mut self, now: Instant, cookie: &Cookie) {
        log::debug!("peer restarted the association");
        self.local = cookie.local;
        self.tx.restart(self.local.initial_tsn, &mut self.events);
        let is_told = self.rx.restart();
        self.begin(cookie.peer);
        self.phase = Phase::Established;
        self.errors = 0;
        self.tx.rto.collapse();
        // One that the peer before has not answered nobody owes an answer to.
        self.heartbeat = Heartbeat::default();
        self.heartbeat.active(now);
        self.rest_heartbeat(now);
        self.shutdown_guard.stop();
        if is_told {
            self.events.push(Event::Restarted);
        }
    }

    /// T1 or T2 ran out: the chunk leaves again.
    pub(super) fn on_repeat_timer(&mut self) {
        let setup = matches!(self.phase, Phase::CookieWait { .. } | Phase::CookieEchoed { .. });
        let riding = matches!(self.phase, Phase::CookieEchoed { .. });
        let Some(repeat) = self.phase.repeat_mut() else { return };
        repeat.due = true;
        let sent = repeat.sent;
        self.tx.rto.expired();
        if riding {
            self.tx.ride_again();
        }
        if !setup {
            self.count_error();
        } else if self.config.max_init_retransmits.is_some_and(|max| sent > max) {
            self.finish(CloseReason::SetupTimeout);
        }
    }

    /// Queues an answer, unless too many wait.
    pub(super) fn answer(&mut self, answer: Answer) {
        if self.answers.len() < limits::SCTP_MAX_ANSWERS {
            self.answers.push_back(answer);
        } else {
            self.stats.drops.answer_queue_full += 1;
        }
    }
}
