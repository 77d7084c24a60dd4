//! What arrives: verification tags, then chunk by chunk.

use bytes::Bytes;

use super::association::Association;
use super::event::{CloseReason, Event};
use super::rx::receiver::Verdict;
use super::state::{AbortCause, Answer, Phase};
use crate::base::limits;
use crate::time::Instant;
use crate::wire::sctp::{Cause, Causes, Chunk, Chunks, Data, Packet, ParseError, Sack, UnknownChunk, cause};

/// Whether a list of causes cannot be walked any further. A known cause whose contents are odd is no such thing.
const fn is_cut(cause: &Result<Cause<'_>, ParseError>) -> bool {
    matches!(cause, Err(ParseError::ParameterLength { .. }))
}

/// Whether the chunks that follow are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Read,
    Drop,
}

impl Association {
    pub(super) fn read(&mut self, now: Instant, bytes: &Bytes) {
        let packet = match Packet::parse(bytes) {
            Ok(packet) => packet,
            Err(ParseError::Checksum { .. }) => return self.stats.drops.checksum += 1,
            Err(_) => return self.stats.drops.malformed += 1,
        };
        let ports = (packet.source_port, packet.destination_port);
        if ports != (self.config.remote_port, self.config.local_port) {
            self.stats.drops.port += 1;
            return;
        }
        if !self.admit(now, &packet) {
            return;
        }
        self.stats.packets_received += 1;
        self.stats.bytes_received += bytes.len() as u64;
        let mut chunks = packet.chunks();
        while let Some(chunk) = chunks.next() {
            let Ok(chunk) = chunk else {
                // A length that cannot be leaves no way to find the next chunk.
                self.stats.drops.malformed += 1;
                break;
            };
            if self.on_chunk(now, bytes, &chunk, chunks.raw()) == Rest::Drop || self.phase.is_over() {
                break;
            }
        }
        self.end_of_packet(now);
    }

    /// RFC 9260 §8.5: whose packet it is. Chunks that decide that themselves are dealt with here; whether the packet's chunks
    /// are to be read.
    fn admit(&mut self, now: Instant, packet: &Packet<'_>) -> bool {
        let tag = packet.verification_tag;
        let mut chunks = packet.chunks();
        let Some(Ok(first)) = chunks.next() else {
            self.stats.drops.malformed += 1;
            return false;
        };
        if let Chunk::Init(init) = first {
            // §8.5.1 A, and §6.10: INIT is alone.
            if tag != 0 || chunks.next().is_some() {
                self.stats.drops.bad_init += 1;
            } else {
                self.on_init(now, &init);
            }
            return false;
        }
        if tag == 0 && !matches!(first, Chunk::ShutdownAck) {
            // §8.5.1 A: nothing but INIT goes under no tag, and nobody is told; but that SHUTDOWN ACK is answered under whatever tag it
            // has (§8.4 rule 5), as ETSI's tests have it.
            self.stats.drops.verification_tag += 1;
            return false;
        }
        if let Chunk::CookieEcho(cookie) = first {
            return self.on_cookie_echo(now, tag, cookie);
        }
        if matches!(first, Chunk::InitAck(_) | Chunk::ShutdownComplete { .. }) && chunks.next().is_some() {
            // §6.10: alone, like INIT.
            self.stats.drops.unexpected_chunk += 1;
            return false;
        }
        // §8.5.1 B, C
        if matches!(first, Chunk::Abort { reflected: true, .. } | Chunk::ShutdownComplete { reflected: true })
        {
            let theirs = self.peer.is_some_and(|peer| peer.tag == tag);
            self.stats.drops.verification_tag += u64::from(!theirs);
            return theirs;
        }
        // §8.5.1 E: the peer has an association that we do not have any more.
        if matches!(first, Chunk::ShutdownAck) && !self.phase.is_up() {
            self.stats.drops.verification_tag += 1;
            self.answer(Answer::ShutdownComplete { to: tag });
            return false;
        }
        if matches!(self.phase, Phase::Idle) {
            self.out_of_the_blue(tag, &packet.chunks());
            return false;
        }
        let ours = tag == self.local.tag;
        self.stats.drops.verification_tag += u64::from(!ours);
        ours
    }

    /// A packet of an association that we do not have, yet or any more (§8.4): in the order of its rules.
    pub(super) fn out_of_the_blue(&mut self, tag: u32, chunks: &Chunks<'_>) {
        self.stats.drops.verification_tag += 1;
        let holds = |wanted: fn(&Chunk<'_>) -> bool| chunks.clone().flatten().any(|chunk| wanted(&chunk));
        if !holds(|chunk| matches!(chunk, Chunk::Abort { .. })) && holds(|chunk| *chunk == Chunk::ShutdownAck)
        {
            self.answer(Answer::ShutdownComplete { to: tag });
            return;
        }
        let silent = chunks.clone().any(|chunk| match chunk {
            Ok(Chunk::Error(causes)) => {
                causes.iter().flatten().any(|each| each.code() == cause::STALE_COOKIE)
            }
            Ok(chunk) => {
                matches!(chunk, Chunk::Abort { .. } | Chunk::ShutdownComplete { .. } | Chunk::CookieAck)
            }
            Err(_) => true,
        });
        if !silent {
            self.answer(Answer::Refuse { to: tag, reflected: true, cause: None });
        }
    }

    fn on_chunk(&mut self, now: Instant, packet: &Bytes, chunk: &Chunk<'_>, raw: &[u8]) -> Rest {
        match chunk {
            Chunk::Data(data) => return self.on_data(packet, data),
            Chunk::Sack(sack) => {
                if self.phase.has_data_out() || matches!(self.phase, Phase::CookieEchoed { .. }) {
                    self.on_sack(now, sack);
                } else {
                    self.stats.drops.unexpected_chunk += 1;
                }
            }
            Chunk::Init(_) => {
                self.stats.drops.bad_init += 1;
                return Rest::Drop;
            }
            Chunk::InitAck(ack) => {
                self.on_init_ack(now, ack);
                return Rest::Drop;
            }
            Chunk::CookieAck => self.on_cookie_ack(now),
            // Dealt with where the packet was admitted; anywhere but first it has no place (§5.1 C).
            Chunk::CookieEcho(_) | Chunk::Pad => {}
            // §8.3: from COOKIE-ECHOED on, where the answer waits for COOKIE ACK.
            Chunk::Heartbeat(_) if self.phase.is_up() || matches!(self.phase, Phase::CookieEchoed { .. }) => {
                self.on_heartbeat(raw);
            }
            Chunk::HeartbeatAck(info) if self.phase.is_up() => self.on_heartbeat_ack(now, info),
            Chunk::Abort { causes, .. } if causes.iter().any(|cause| is_cut(&cause)) => {
                // §3.3.7: "If an endpoint receives an ABORT chunk with a format error [...], it MUST silently discard it".
                self.stats.drops.malformed += 1;
                return Rest::Drop;
            }
            Chunk::Abort { causes, .. } => {
                let cause = causes.iter().next().and_then(Result::ok).map_or(0, |cause| cause.code());
                self.finish(CloseReason::PeerAborted { cause });
                return Rest::Drop;
            }
            Chunk::Error(causes) => self.on_error(causes),
            Chunk::Shutdown { cumulative_tsn } => self.on_shutdown(*cumulative_tsn),
            Chunk::ShutdownAck => self.on_shutdown_ack(),
            Chunk::ShutdownComplete { .. } => self.on_shutdown_complete(),
            Chunk::ForwardTsn(forward) => {
                if !self.peer.is_some_and(|peer| peer.partial) {
                    self.stats.drops.bad_forward_tsn += 1;
                    self.report_chunk(raw);
                } else if !self.phase.takes_data() {
                    self.stats.drops.unexpected_chunk += 1;
                } else if !self.rx.on_forward(forward, &mut self.events) {
                    self.stats.drops.bad_forward_tsn += 1;
                } else if self.resets.is_waiting() {
                    self.perform_deferred();
                }
            }
            Chunk::ReConfig(_) if !self.config.stream_reset => self.stats.drops.unknown_chunk += 1,
            Chunk::ReConfig(reconfig) if self.phase.is_up() => self.on_reconfig(reconfig),
            // Not offered by us: unknown chunks, as far as the peer is concerned.
            Chunk::IData(_) => {
                self.stats.drops.unknown_chunk += 1;
                self.report_chunk(raw);
                return Rest::Drop;
            }
            Chunk::IForwardTsn(_) => {
                self.stats.drops.unknown_chunk += 1;
                self.report_chunk(raw);
            }
            Chunk::Heartbeat(_) | Chunk::HeartbeatAck(_) | Chunk::ReConfig(_) => {
                self.stats.drops.unexpected_chunk += 1;
            }
            Chunk::Unknown(unknown) => return self.on_unknown(unknown),
        }
        Rest::Read
    }

    fn on_data(&mut self, packet: &Bytes, data: &Data<'_>) -> Rest {
        if !self.phase.takes_data() {
            self.stats.drops.unexpected_chunk += 1;
            return Rest::Read;
        }
        if data.payload.is_empty() {
            // RFC 9260 §6.2: "MUST send an ABORT".
            self.stats.drops.bad_data += 1;
            self.close_with(CloseReason::ProtocolViolation, AbortCause::NoUserData(data.tsn));
            return Rest::Drop;
        }
        match self.rx.on_data(packet, data, &mut self.stats, &mut self.events) {
            Verdict::Fine => {}
            Verdict::NoSuchStream => self.answer(Answer::InvalidStream(data.stream)),
            Verdict::TooLong => {
                self.close_with(CloseReason::MessageTooLong, AbortCause::ProtocolViolation);
                return Rest::Drop;
            }
        }
        if self.resets.is_waiting() {
            self.perform_deferred();
        }
        Rest::Read
    }

    fn on_sack(&mut self, now: Instant, sack: &Sack<'_>) {
        if self.tx.on_sack(now, sack, &mut self.stats, &mut self.events) {
            self.stats.sacks_received += 1;
            self.errors = 0;
            self.heartbeat.alive(now);
        } else {
            self.stats.drops.bad_sack += 1;
        }
    }

    fn on_error(&mut self, causes: &Causes<'_>) {
        for each in causes.iter() {
            let Ok(each) = each else {
                self.stats.drops.malformed += 1;
                break;
            };
            if each.code() == cause::STALE_COOKIE {
                self.on_stale_report();
            } else if self.events.len() < limits::SCTP_MAX_PEER_ERRORS {
                self.events.push(Event::PeerError { cause: each.code() });
            }
        }
    }

    /// RFC 9260 §3.2: what the two highest bits of the type say.
    fn on_unknown(&mut self, unknown: &UnknownChunk<'_>) -> Rest {
        self.stats.drops.unknown_chunk += 1;
        let action = unknown.action();
        if action.reports() {
            self.report_chunk(unknown.raw);
        }
        if action.goes_on() { Rest::Read } else { Rest::Drop }
    }

    /// Reports a chunk with what of it fits a packet.
    fn report_chunk(&mut self, raw: &[u8]) {
        if self.phase.is_up() {
            let most = self.config.mtu.saturating_sub(limits::SCTP_REPORT_HEAD);
            let shown = raw.get(..most).unwrap_or(raw);
            self.answer(Answer::UnrecognizedChunk(Bytes::copy_from_slice(shown)));
        }
    }

    fn end_of_packet(&mut self, now: Instant) {
        let with_data = self.rx.end_of_packet(now);
        self.tx.end_of_packet(with_data);
        if with_data && let Phase::ShutdownSent { shutdown } = &mut self.phase {
            // §9.2: "MUST immediately respond to each received packet containing one or more DATA chunks with a SHUTDOWN chunk"; the
            // peer is there and sends what it still has.
            shutdown.due = true;
            self.errors = 0;
            self.rx.acks.hurry();
        }
        self.advance_shutdown();
    }
}
