//! The checkers that look at datagrams and states: consent, nonces, roles, descriptions, counters.

use antiphon::peer::DtlsTransportState;
use antiphon::sdp::CandidateKind;
use antiphon::stun::{Class, Message};
use antiphon::wire::dtls::handshake::{Fragments, HandshakeType};
use antiphon::wire::dtls::record::{ContentType, Records};
use antiphon::wire::rtp::is_rtcp;
use antiphon::{ConnectionState, Instant, Path, PeerConnection, SessionDescription, Stats};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::tape::Tape;

/// Consent lasts so long after an answer (RFC 7675 §5.1).
const CONSENT: Duration = Duration::from_secs(30);

/// What may be in flight beyond the window: the packet that fills it and those that an empty one lets go at once (RFC 9260 §6.1 B).
const BURST: usize = 8 * PACKET;

/// The longest packet.
const PACKET: usize = 1500;

/// What a datagram is, as far as it can be seen from outside.
pub(crate) fn class_of(data: &[u8]) -> &'static str {
    match data.first() {
        Some(0..=3) => match Message::parse(data).map(|message| (message.class(), message.use_candidate())) {
            Ok((Class::Request, true)) => "check, nominating",
            Ok((Class::Request, false)) => "check",
            Ok((Class::Success, _)) => "check answered",
            Ok((Class::Error, _)) => "check refused",
            Ok((Class::Indication, _)) => "indication",
            Err(_) => "broken STUN",
        },
        Some(20) => "ChangeCipherSpec",
        Some(21) => "alert",
        Some(22) => handshake_of(data),
        Some(23) => "application data",
        Some(24..=63) => "other DTLS",
        Some(128..=191) if is_rtcp(data) => "RTCP",
        Some(128..=191) => "RTP",
        _ => "junk",
    }
}

/// The first message of a handshake record, as long as it is in the clear.
fn handshake_of(data: &[u8]) -> &'static str {
    let Some(record) = Records::new(data).next().filter(|record| record.epoch == 0) else {
        return "Finished";
    };
    let Some(first) = Fragments::new(record.fragment).next() else { return "broken handshake" };
    match first.kind {
        HandshakeType::CLIENT_HELLO => "ClientHello",
        HandshakeType::SERVER_HELLO => "ServerHello",
        HandshakeType::HELLO_VERIFY_REQUEST => "HelloVerifyRequest",
        HandshakeType::CERTIFICATE => "Certificate",
        HandshakeType::SERVER_KEY_EXCHANGE => "ServerKeyExchange",
        HandshakeType::CERTIFICATE_REQUEST => "CertificateRequest",
        HandshakeType::SERVER_HELLO_DONE => "ServerHelloDone",
        HandshakeType::CLIENT_KEY_EXCHANGE => "ClientKeyExchange",
        HandshakeType::CERTIFICATE_VERIFY => "CertificateVerify",
        _ => "other handshake",
    }
}

/// What one end has been seen to do.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Checks that are not answered yet, by transaction id.
    asked: BTreeSet<[u8; 12]>,
    /// When an answer last came from where.
    consent: BTreeMap<SocketAddr, Instant>,
    /// Epochs and sequence numbers of sealed records.
    sealed: BTreeSet<(u16, u64)>,
    /// Those of the records of data that have reached it: as many as come again are one.
    heard: BTreeSet<(u16, u64)>,
    greeted: bool,
    connected: bool,
    closed: bool,
    /// The role its latest check claimed.
    controlling: Option<bool>,
    counters: Option<Stats>,
    /// The peer's user fragment for each of its own, by its checks.
    generations: BTreeMap<String, String>,
    /// The widest congestion window.
    widest: usize,
    /// What was in flight when it was last looked at.
    flight: usize,
    /// What was added to it when it was beyond the window.
    beyond: usize,
}

/// What the two ends can know of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// The same two addresses, and one of them chooses.
    Same,
    /// The same two addresses; each nomination of many by a peer of RFC 5245 is one that counts.
    Contested,
    /// A NAT between them may give each addresses of its own.
    Translated,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    seen: [Seen; 2],
    /// A lite end asks for no consent (RFC 7675 binds full ones).
    pub(crate) lite: [bool; 2],
    pub(crate) tape: Tape,
}

impl Watch {
    /// A datagram reaches an end, at `now` as the end takes it.
    pub(crate) fn arrives(&mut self, side: usize, now: Instant, from: SocketAddr, data: &[u8]) {
        if is_media(data) {
            self.tape.arrives(1 - side, data);
        }
        if data.first() == Some(&23) {
            let sealed = Records::new(data).filter(|record| record.epoch > 0);
            self.seen[side].heard.extend(sealed.map(|record| (record.epoch, record.sequence)));
        }
        if let Ok(message) = Message::parse(data)
            && message.class() == Class::Success
            && self.seen[side].asked.remove(&message.transaction_id().0)
        {
            let at = self.seen[side].consent.entry(from).or_insert(now);
            *at = (*at).max(now);
        }
    }

    /// An end sends a datagram. S5, S6, S7, S12, S14, S16, A4.
    pub(crate) fn sends(
        &mut self,
        side: usize,
        now: Instant,
        pc: &PeerConnection,
        to: SocketAddr,
        data: &[u8],
    ) {
        let seen = &mut self.seen[side];
        assert!(!seen.closed, "S6: end {side} sends {} after its end", class_of(data));
        if let Ok(message) = Message::parse(data) {
            if message.class() == Class::Request {
                seen.asked.insert(message.transaction_id().0);
                let claims = (message.ice_controlling(), message.ice_controlled());
                seen.controlling = claims.0.map(|_| true).or(claims.1.map(|_| false)).or(seen.controlling);
                if let Some((theirs, ours)) = message.username().and_then(|name| name.split_once(':')) {
                    one_generation(&mut seen.generations, ours, theirs);
                }
            }
            return;
        }
        if !self.lite[side] {
            let consent = seen.consent.get(&to).copied();
            let fresh = consent.is_some_and(|at| now.saturating_duration_since(at) <= CONSENT);
            assert!(
                fresh,
                "S5: end {side} sends {} to {to} at {now:?}, consent of {consent:?}",
                class_of(data)
            );
        }
        if is_media(data) {
            return self.tape.sends(side, pc, data);
        }
        for record in Records::new(data) {
            if record.epoch > 0 {
                let fresh = seen.sealed.insert((record.epoch, record.sequence));
                assert!(fresh, "S7: end {side} uses {} of epoch {} again", record.sequence, record.epoch);
            } else if record.content_type == ContentType::Handshake {
                let hello = |fragment: &_| is_hello(fragment);
                seen.greeted |= Fragments::new(record.fragment).next().as_ref().is_some_and(hello);
            }
        }
        let [a, b] = &self.seen;
        assert!(!(a.greeted && b.greeted), "S12: both ends are DTLS clients");
    }

    /// Application data came out of an end. S4: it knows by then who its peer is, even where ICE has begun anew and the connection as a
    /// whole is not up.
    pub(crate) fn delivers(&mut self, side: usize, pc: &PeerConnection) {
        let seen = &mut self.seen[side];
        let proven = || pc.dtls_transport().is_some_and(|dtls| dtls.state == DtlsTransportState::Connected);
        seen.connected = seen.connected || proven();
        assert!(seen.connected, "S4: end {side} delivers while {:?}", pc.connection_state());
    }

    pub(crate) fn state(&mut self, side: usize, state: ConnectionState) {
        self.seen[side].connected |= state == ConnectionState::Connected;
        self.seen[side].closed |= state == ConnectionState::Closed;
    }

    /// An end was connected at some time.
    pub(crate) fn was_connected(&self) -> bool {
        self.seen.iter().any(|seen| seen.connected)
    }

    /// Distinct records of data that have reached an end.
    pub(crate) fn heard(&self, side: usize) -> u64 {
        self.seen[side].heard.len() as u64
    }

    /// S15: a description is read as it was written.
    pub(crate) fn description(description: &SessionDescription) {
        means_the_same(description, &description.to_sdp());
        same_when_read(&description.to_sdp(), |text| {
            let read = SessionDescription::parse(description.kind(), text);
            read.ok().map(|read| read.to_sdp())
        });
    }

    /// A3: counters only grow.
    pub(crate) fn stats(&mut self, side: usize, stats: Stats) {
        let seen = &mut self.seen[side];
        if let Some(before) = &seen.counters {
            for ((name, was), (_, is)) in counters(before).into_iter().zip(counters(&stats)) {
                assert!(was <= is, "A3: {name} of end {side} fell from {was} to {is}");
            }
        }
        seen.counters = Some(stats);
    }

    /// A5: what is in flight fits the widest window there was, which shrinks at a loss as what is in flight does not; and it grows only
    /// within the window there is, but for the one packet that a loss is answered with (RFC 9260 §7.2.4).
    pub(crate) fn window(&mut self, side: usize, sctp: &antiphon::sctp::Stats) {
        let seen = &mut self.seen[side];
        seen.widest = seen.widest.max(sctp.cwnd_bytes);
        let (flight, before) = (sctp.in_flight_bytes, seen.flight);
        seen.flight = flight;
        let (window, widest) = (sctp.cwnd_bytes, seen.widest);
        assert!(
            flight <= widest + BURST,
            "A5: {flight} bytes in flight of end {side}, window {widest} at the most"
        );
        seen.beyond = if flight <= window + BURST { 0 } else { seen.beyond + flight.saturating_sub(before) };
        let beyond = seen.beyond;
        assert!(
            beyond <= PACKET,
            "A5: {flight} bytes in flight of end {side}, window {window}, {beyond} since it was full"
        );
    }

    /// S10, S11: both agree on one pair, as far as they can know of one, and on who controls.
    pub(crate) fn agreement(ends: [&PeerConnection; 2], view: View) {
        let paths = ends.map(PeerConnection::active_path);
        let [Some(a), Some(b)] = paths else { panic!("S10: {paths:?} in use") };
        let mirrors = (a.local, a.remote) == (b.remote, b.local);
        // A candidate that came before its description, and was lost with an offer that was taken back, has one priority at each end.
        let told = |end: &PeerConnection| {
            end.ice_transport().remote_candidates.iter().all(|known| known.kind == CandidateKind::Host)
        };
        let same = mirrors || !ends.into_iter().all(told);
        assert!(view != View::Same || same, "S10: {a:?} and {b:?} in use");
        // Whatever each prefers, it believes what comes by the way of the other.
        let believes = |end: usize, theirs: &Path| {
            ends[end].inside().ice.accepts(&Path { local: theirs.remote, remote: theirs.local, ..*theirs })
        };
        let both = believes(0, &b) && believes(1, &a);
        assert!(view == View::Translated || both, "S10: {a:?} and {b:?} in use, not believed");
        let roles = ends.map(|end| end.inside().ice.role());
        assert!(roles[0] != roles[1], "S11: both ends are {:?}", roles[0]);
        let dtls = ends.map(|end| end.inside().dtls.map(antiphon::dtls::Connection::role));
        assert!(dtls[0] != dtls[1], "S12: both ends are {:?}", dtls[0]);
    }
}

fn is_hello(fragment: &antiphon::wire::dtls::handshake::Fragment<'_>) -> bool {
    fragment.kind == HandshakeType::CLIENT_HELLO
}

/// What only ever grows.
fn counters(stats: &Stats) -> [(&'static str, u64); 25] {
    let dtls = stats.dtls.unwrap_or_default();
    let srtp = stats.srtp.unwrap_or_default();
    let rtp = stats.rtp.clone().unwrap_or_default();
    [
        ("datagrams.received", stats.datagrams.received),
        ("datagrams.received_bytes", stats.datagrams.received_bytes),
        ("datagrams.sent", stats.datagrams.sent),
        ("datagrams.sent_bytes", stats.datagrams.sent_bytes),
        ("clock_jumps", stats.clock_jumps),
        ("ice.checks_sent", stats.ice.counters.checks_sent),
        ("ice.replies_sent", stats.ice.counters.replies_sent),
        ("ice.consent_sent", stats.ice.counters.consent_sent),
        ("dtls.records_received", dtls.records_received),
        ("dtls.records_sealed", dtls.records_sealed),
        ("dtls.replayed", dtls.replayed),
        ("dtls.unauthenticated", dtls.unauthenticated),
        ("sctp.packets_sent", stats.sctp.packets_sent),
        ("sctp.packets_received", stats.sctp.packets_received),
        ("sctp.messages_sent", stats.sctp.messages_sent),
        ("sctp.messages_received", stats.sctp.messages_received),
        ("data.opened", stats.data.opened),
        ("srtp.rtp_protected", srtp.rtp_protected),
        ("srtp.rtp_unprotected", srtp.rtp_unprotected),
        ("srtp.rtcp_protected", srtp.rtcp_protected),
        ("srtp.rtcp_unprotected", srtp.rtcp_unprotected),
        ("srtp.unauthenticated", srtp.unauthenticated),
        ("srtp.replayed", srtp.replayed),
        ("rtp.rtp_received", rtp.rtp_received),
        ("rtp.rtcp_sent", rtp.rtcp_sent),
    ]
}

fn is_media(data: &[u8]) -> bool {
    matches!(data.first(), Some(128..=191))
}

/// S16: a user fragment of ours goes with one of the peer's, that of the same offer and answer, and the other way round.
fn one_generation(generations: &mut BTreeMap<String, String>, ours: &str, theirs: &str) {
    let known = generations.entry(ours.to_owned()).or_insert_with(|| theirs.to_owned());
    assert!(known == theirs, "S16: {ours} checks {theirs}, and {known} before");
    let others = generations.iter().find(|(key, value)| *key != ours && *value == theirs);
    assert!(others.is_none(), "S16: {ours} checks {theirs}, as did {others:?}");
}

/// S13: both ends have the same keys for media, of the same profile.
pub(crate) fn same_keys(ends: [&PeerConnection; 2]) {
    let keys = ends.map(|end| end.inside().dtls.and_then(antiphon::dtls::Connection::srtp_keying_material));
    if let [Some(a), Some(b)] = &keys {
        assert!(a.profile() == b.profile(), "S13: {:?} and {:?}", a.profile(), b.profile());
        assert!(a == b, "S13: the two ends have other keys");
    }
}

/// S15: what a description is read as is what it was.
pub(crate) fn means_the_same(description: &SessionDescription, text: &str) {
    let read = SessionDescription::parse(description.kind(), text);
    assert!(read.as_ref() == Ok(description), "S15: {description:?} is read as {read:?}");
}

/// S15: both ends see one session: as many sections, by the same names, in the same order.
pub(crate) fn one_session(ends: [&PeerConnection; 2]) {
    let names = |description: Option<&SessionDescription>| {
        let lines = description.map(SessionDescription::to_sdp).unwrap_or_default();
        let names = lines.lines().filter(|line| line.starts_with("m=") || line.starts_with("a=mid:"));
        names.map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    for side in 0..2 {
        let own = names(ends[side].current_local_description());
        let theirs = names(ends[1 - side].current_remote_description());
        assert!(own == theirs, "S15: {own:?} of end {side} is {theirs:?} to the other");
    }
}

/// S15.
pub(crate) fn same_when_read(text: &str, read: impl Fn(&str) -> Option<String>) {
    let again = read(text).unwrap_or_default();
    assert!(again == text, "S15: {text:?} is read as {again:?}");
}

/// S8: no more records were accepted than the other end sealed, nor than reached this one; those that come twice are one.
pub(crate) fn accepted_once(at: &Stats, from: &Stats, heard: u64) {
    let (received, sealed) = (at.sctp.packets_received, from.sctp.packets_sent);
    assert!(received <= sealed, "S8: {received} packets accepted of {sealed} sent");
    assert!(received <= heard, "S8: {received} packets accepted of {heard} that came");
    let (Some(at), Some(from)) = (at.srtp, from.srtp) else { return };
    for (what, opened, sealed) in
        [("RTP", at.rtp_unprotected, from.rtp_protected), ("RTCP", at.rtcp_unprotected, from.rtcp_protected)]
    {
        assert!(opened <= sealed, "S8: {opened} {what} packets accepted of {sealed} sent");
    }
}

/// A1: what was sent has arrived, was lost, or is on its way.
pub(crate) fn accounts(sent: u64, doubled: u64, arrived: u64, lost: u64, in_flight: u64) {
    assert!(
        sent + doubled == arrived + lost + in_flight,
        "A1: {sent} sent and {doubled} doubled; {arrived} arrived, {lost} lost, {in_flight} in flight"
    );
}
