//! A datagram's way in: records, then what they carry.

use bytes::Bytes;

use super::config::Role;
use super::connection::{Connection, Phase};
use super::event::{CloseReason, Event, HandshakeError};
use super::flight::{Expect, Flight};
use super::handshake::Verdict;
use super::reassembly::Insert;
use super::rumour::Rumour;
use crate::base::limits;
use crate::crypto::Fingerprint;
use crate::log::debug;
use crate::time::Instant;
use crate::wire::dtls::alert::{Alert, AlertDescription, AlertLevel};
use crate::wire::dtls::handshake::{Fragment, Fragments, HandshakeType};
use crate::wire::dtls::record::{ContentType, MAX_PLAINTEXT, Record, Records};

impl Connection {
    /// Takes a datagram of the peer. Whatever is wrong with it is counted in [`Self::stats`].
    pub fn handle_input(&mut self, now: Instant, datagram: &[u8]) {
        let now = self.latest.advance(now);
        self.stats.datagrams_received += 1;
        let mut records = Records::new(datagram);
        for record in records.by_ref() {
            if matches!(self.phase, Phase::Closing(..) | Phase::Over) {
                return;
            }
            self.on_record(now, &record);
        }
        self.stats.malformed += records.unknown() + u64::from(!records.is_empty());
    }

    fn on_record(&mut self, now: Instant, record: &Record<'_>) {
        if record.epoch == 0 {
            self.on_plaintext(now, record);
        } else if record.epoch <= self.epochs.last_read() {
            self.on_protected(now, record);
        } else {
            self.on_early(record);
        }
    }

    /// Keys may follow in a datagram that took another way.
    fn on_early(&mut self, record: &Record<'_>) {
        let next = self.epochs.last_read() + 1;
        let Some(handshake) = self.handshake.as_mut().filter(|_| record.epoch == next) else {
            self.stats.unknown_epoch += 1;
            return;
        };
        if !handshake.early.push(record.whole) {
            self.stats.overflow += 1;
        }
    }

    fn on_plaintext(&mut self, now: Instant, record: &Record<'_>) {
        if self.handshake.is_none() {
            self.stats.plaintext += 1;
            self.stats.plaintext_alerts += u64::from(record.content_type == ContentType::Alert);
            return;
        }
        match record.content_type {
            ContentType::Handshake => {
                if let Some(handshake) = &mut self.handshake {
                    handshake.latest_record = record.sequence;
                }
                self.on_handshake(now, 0, record.fragment);
            }
            // The epoch in each record says the same, and survives reordering.
            ContentType::ChangeCipherSpec => {}
            ContentType::ApplicationData => self.stats.plaintext += 1,
            ContentType::Alert => self.on_rumour(record.fragment),
        }
    }

    /// An alert that anybody could have sent. It can answer a flight of ours only, and is believed if nothing else does.
    fn on_rumour(&mut self, content: &[u8]) {
        self.stats.plaintext_alerts += 1;
        let Some(alert) = Alert::parse(content) else {
            self.stats.malformed_content += 1;
            return;
        };
        // A peer that gives up while the handshake runs says so in the clear, as a warning (RFC 5246 §7.2.1).
        let ends = match alert.level {
            AlertLevel::Fatal => true,
            AlertLevel::Warning => {
                alert.description == AlertDescription::CLOSE_NOTIFY && self.rumour.is_none()
            }
        };
        if ends && self.awaits_answer() {
            Rumour::say(&mut self.rumour, CloseReason::PeerAlert(alert.description));
        }
    }

    /// Whether a flight of ours is to be answered.
    pub(super) fn awaits_answer(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.expect() == Expect::Answer)
    }

    fn on_protected(&mut self, now: Instant, record: &Record<'_>) {
        let Some(read) = self.epochs.read(record.epoch) else {
            self.stats.unknown_epoch += 1;
            return;
        };
        if !read.window.check(record.sequence) {
            self.stats.replayed += 1;
            return;
        }
        let Some(len) = read.protection.content_len(record.fragment.len()) else {
            self.stats.unauthenticated += 1;
            return;
        };
        // RFC 5246 §6.2.1: no content is longer. RFC 6347 §4.1.2.7: invalid records are discarded in silence.
        if len > MAX_PLAINTEXT {
            self.stats.malformed += 1;
            return;
        }
        let protection = &mut read.protection;
        let opened = self.arena.fill(len, |out| protection.open(record, out).then_some(len));
        let Some(content) = opened else {
            self.stats.unauthenticated += 1;
            return;
        };
        read.window.commit(record.sequence);
        match record.content_type {
            ContentType::ApplicationData => self.on_application_data(content),
            ContentType::Handshake => self.on_handshake(now, record.epoch, &content),
            ContentType::Alert => self.on_alert(&content),
            ContentType::ChangeCipherSpec => self.stats.ignored_messages += 1,
        }
    }

    fn on_application_data(&mut self, content: Bytes) {
        if self.peer_closed || content.is_empty() {
            self.stats.ignored_messages += 1;
            return;
        }
        let connected = self.is_connected();
        let limit = if connected { limits::DTLS_RECORDS } else { limits::DTLS_GATED_RECORDS };
        if self.inbox.len() >= limit || self.inbox_bytes + content.len() > limits::DTLS_RECORD_BYTES {
            self.stats.overflow += 1;
            return;
        }
        if self.flight.is_some() && self.phase == Phase::Established {
            // The peer sends under the new keys: it has our last flight.
            self.forget_flight();
        }
        self.stats.records_received += 1;
        self.inbox_bytes += content.len();
        self.inbox.push_back(content);
    }

    fn on_alert(&mut self, content: &[u8]) {
        match Alert::parse(content) {
            None => self.stats.malformed_content += 1,
            Some(Alert { description: AlertDescription::CLOSE_NOTIFY, .. }) => {
                if !core::mem::replace(&mut self.peer_closed, true) && self.is_connected() {
                    self.events.push(Event::PeerClosed);
                }
            }
            Some(Alert { level: AlertLevel::Fatal, description }) => {
                self.fail(CloseReason::PeerAlert(description));
            }
            Some(_) => self.stats.ignored_messages += 1,
        }
    }

    fn on_handshake(&mut self, now: Instant, epoch: u16, content: &[u8]) {
        let mut fragments = Fragments::new(content);
        for fragment in fragments.by_ref() {
            let Some(handshake) = &mut self.handshake else {
                self.on_late(&fragment);
                continue;
            };
            match handshake.reassembly.insert(epoch, &fragment) {
                Insert::Taken => {}
                Insert::Refused => self.stats.refused_fragments += 1,
                Insert::Duplicate => {
                    self.stats.duplicate_fragments += 1;
                    if let Some(rumour) = &mut self.rumour {
                        rumour.doubt();
                    }
                    let last = fragment.end() == fragment.total;
                    self.repeat_if_asked(now, last.then_some(fragment.message_seq));
                }
            }
        }
        self.stats.malformed_content += u64::from(!fragments.is_empty());
        self.advance(now);
    }

    /// Of the finished handshake only its last message again says something: the peer lacks our answer. Another one is not begun.
    fn on_late(&mut self, fragment: &Fragment<'_>) {
        let ends = fragment.end() == fragment.total;
        let last = fragment.kind == HandshakeType::FINISHED && ends;
        self.repeat(last.then_some(fragment.message_seq));
        let request = match self.role {
            Role::Client => HandshakeType::HELLO_REQUEST,
            Role::Server => HandshakeType::CLIENT_HELLO,
        };
        if fragment.kind == request && ends {
            self.refusals.ask();
        }
    }

    /// The peer sent message `sequence` again, to its end: the whole flight once more if that is what we answered,
    /// which is so once in each of its flights (RFC 6347 §4.2.4).
    fn repeat_if_asked(&mut self, now: Instant, sequence: Option<u16>) {
        let before = self.stats.repeats;
        self.repeat(sequence);
        let repeated = self.flight.as_ref().filter(|_| self.stats.repeats > before);
        match (repeated.map(|flight| flight.expect()), &self.handshake) {
            (Some(Expect::Answer), _) => self.retransmit.rearm(now),
            // A HelloVerifyRequest: nothing else is sent without awaiting an answer while the handshake runs.
            (Some(Expect::Nothing), Some(handshake)) => self.epochs.follow(handshake.latest_record),
            (Some(Expect::Nothing) | None, _) => {}
        }
    }

    fn repeat(&mut self, sequence: Option<u16>) {
        let flight =
            self.flight.as_mut().zip(sequence).filter(|(flight, sequence)| flight.answers(*sequence));
        match flight {
            Some((flight, _)) => self.stats.repeats += u64::from(flight.restart_by_peer()),
            None => self.stats.ignored_messages += u64::from(self.handshake.is_none()),
        }
    }

    /// Takes the peer's messages that are complete and next in order.
    fn advance(&mut self, now: Instant) {
        while let Some((sequence, verdict)) = self.handshake.as_mut().and_then(|handshake| handshake.step()) {
            match verdict {
                Ok(Verdict::Taken) => {
                    self.rumour = None;
                    self.collect(now, Some(sequence));
                }
                Ok(Verdict::Ignored) => self.stats.ignored_messages += 1,
                Ok(Verdict::Refused(error)) => self.on_refused(now, error),
                Err(error) => self.fail(CloseReason::Handshake(error)),
            }
        }
    }

    /// A first hello that does not suit: it is the reason for which the connection fails if none that does follows in time.
    fn on_refused(&mut self, now: Instant, error: HandshakeError) {
        debug!(role = ?self.role, ?error, "dtls hello refused");
        self.stats.refused_hellos += 1;
        if self.rumour.is_none() {
            self.retransmit.begin(now);
        }
        Rumour::say(&mut self.rumour, CloseReason::Handshake(error));
    }

    /// Does what the engine left to be done, after the peer's message `answers`.
    pub(super) fn collect(&mut self, now: Instant, answers: Option<u16>) {
        let Some(handshake) = &mut self.handshake else { return };
        let tools = &mut handshake.tools;
        if let Some(version) = tools.version.take() {
            self.epochs.settle_version(version);
        }
        if let Some((epoch, protection)) = tools.write.take() {
            self.epochs.start_write(epoch, protection);
        }
        if core::mem::take(&mut tools.follows) {
            self.epochs.follow(handshake.latest_record);
        }
        if let Some((items, expect)) = tools.flight.take() {
            self.flight = Some(Box::new(Flight::new(items, expect, answers)));
            // A HelloVerifyRequest has no timer of its own, and the last flight none at all, which `establish` sees to.
            if expect == Expect::Answer {
                self.retransmit.begin(now);
            }
        }
        self.peer_certificate = tools.peer_certificate.take().or(self.peer_certificate.take());
        let early = match tools.read.take() {
            Some((epoch, protection)) => {
                self.epochs.start_read(epoch, protection);
                handshake.early.take()
            }
            None => Vec::new(),
        };
        if let Some(secrets) = tools.complete.take() {
            self.secrets = Some(secrets);
            self.srtp_profile = tools.srtp_profile;
            // Only where the caller allows peers that show no certificate.
            self.verified |= self.peer_certificate.is_none() && !tools.config.client_certificate_required;
            self.establish();
        }
        self.verify();
        for record in early {
            for record in Records::new(&record) {
                if !matches!(self.phase, Phase::Closing(..) | Phase::Over) {
                    self.on_record(now, &record);
                }
            }
        }
    }

    /// The handshake is over. Its state goes, except the last flight of the side that sent it.
    fn establish(&mut self) {
        self.phase = Phase::Established;
        self.handshake = None;
        self.retransmit.stop();
        // RFC 6347 §4.2.4 has the side that speaks last repeat it for at least twice the longest life of a segment. It is kept until
        // the peer sends under the new keys: a host may sleep for longer than that.
        if self.flight.as_ref().is_none_or(|flight| flight.expect() != Expect::Nothing) {
            self.forget_flight();
        }
        self.report_connected();
    }

    /// Says so once both halves are there: the handshake and the verified certificate.
    fn report_connected(&mut self) {
        if self.is_connected() {
            debug!(role = ?self.role, "dtls connected");
            self.events.push(Event::Connected);
            if self.peer_closed {
                self.events.push(Event::PeerClosed);
            }
        }
    }

    pub(super) fn forget_flight(&mut self) {
        self.flight = None;
        self.epochs.forget_old_writes();
    }

    /// Compares certificate and fingerprints as soon as both are there; connects if the handshake waited for that.
    pub(super) fn verify(&mut self) {
        if self.verified || matches!(self.phase, Phase::Closing(..) | Phase::Over) {
            return;
        }
        let (Some(der), Some(fingerprints)) = (&self.peer_certificate, &self.fingerprints) else { return };
        // RFC 8122 §5: the strongest hash counts, or an attacker would only have to find a collision of the weakest.
        let strongest = fingerprints.iter().map(Fingerprint::hash).max();
        // Computed once, however many the description lists.
        let own = strongest.map(|hash| Fingerprint::of(hash, der));
        if own.is_some_and(|own| fingerprints.contains(&own)) {
            self.verified = true;
            self.fingerprints = None;
            self.report_connected();
        } else {
            self.fail(CloseReason::FingerprintMismatch);
        }
    }
}
