//! What leaves: one packet at a time, written when it is asked for.

use super::association::Association;
use super::config::Config;
use super::connect::cookie_echo_len;
use super::state::{AbortCause, Answer, Farewell, Phase};
use crate::base::reader::Reader;
use crate::base::serial::Tsn;
use crate::time::Instant;
use crate::wire::sctp::{Cause, PacketWriter, Parameter, U16List, UnknownChunk, kind, parameter};

/// What our INIT and INIT ACK say that we can do: the chunk types beyond RFC 9260 (RFC 5061 §4.2.7), and FORWARD TSN once more
/// as RFC 3758 has it.
fn capabilities(config: &Config) -> [Option<Parameter<'static>>; 2] {
    const EXTENSIONS: [u8; 2] = [kind::RE_CONFIG, kind::FORWARD_TSN];
    let types: &[u8] = match (config.stream_reset, config.partial_reliability) {
        (true, true) => &EXTENSIONS,
        (true, false) => &[kind::RE_CONFIG],
        (false, true) => &[kind::FORWARD_TSN],
        (false, false) => &[],
    };
    let forward = config.partial_reliability.then_some(Parameter::ForwardTsn);
    let types = (!types.is_empty()).then_some(Parameter::SupportedExtensions(types));
    [forward, types]
}

impl Association {
    /// Writes the next packet into `buf` and returns its length.
    pub(super) fn draw(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        if !self.answers.is_empty()
            && let Some(len) = self.draw_answer(buf)
        {
            return Some(len);
        }
        match &mut self.phase {
            Phase::Idle | Phase::Over => None,
            Phase::Closing(_) => self.draw_farewell(buf),
            Phase::CookieWait { .. } => self.draw_init(now, buf),
            Phase::CookieEchoed { .. }
            | Phase::Established
            | Phase::ShutdownPending
            | Phase::ShutdownSent { .. }
            | Phase::ShutdownReceived
            | Phase::ShutdownAckSent { .. } => self.draw_packet(now, buf),
        }
    }

    fn packet<'b>(&self, buf: &'b mut [u8], len: usize, tag: u32) -> PacketWriter<'b> {
        let len = len.min(buf.len());
        let buf = buf.get_mut(..len).unwrap_or_default();
        PacketWriter::new(buf, self.config.local_port, self.config.remote_port, tag)
    }

    fn draw_init(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        let init = self.own_init(self.local);
        let timeout = self.tx.rto.current();
        let own = capabilities(&self.config);
        let mut packet = self.packet(buf, self.config.mtu, 0);
        let repeat = self.phase.repeat_mut().filter(|repeat| repeat.due)?;
        packet.init(&init, own.into_iter().flatten()).ok()?;
        repeat.left(now, timeout);
        Some(packet.finish())
    }

    /// The first answer that has a packet of its own.
    pub(super) fn draw_answer(&mut self, buf: &mut [u8]) -> Option<usize> {
        let index = self.answers.iter().position(Answer::stands_alone)?;
        let answer = self.answers.remove(index)?;
        let len = self.config.mtu;
        match answer {
            Answer::InitAck { to, local, cookie, unrecognized } => {
                let init = self.own_init(local);
                let mut packet = self.packet(buf, len, to);
                let reports = Reports { reader: Reader::new(&unrecognized) };
                let [forward, types] = capabilities(&self.config);
                let own = [Some(Parameter::StateCookie(&cookie)), forward, types].into_iter().flatten();
                packet.init_ack(&init, own.chain(reports.map(Parameter::Unrecognized))).ok()?;
                Some(packet.finish())
            }
            Answer::Refuse { to, reflected, cause } => {
                let mut packet = self.packet(buf, len, to);
                let missing = [parameter::STATE_COOKIE];
                packet.abort(reflected, cause.as_ref().and_then(|cause| cause.on_wire(&missing))).ok()?;
                Some(packet.finish())
            }
            Answer::ShutdownComplete { to } => {
                let mut packet = self.packet(buf, len, to);
                packet.shutdown_complete(true).ok()?;
                Some(packet.finish())
            }
            Answer::StaleCookie { to, micros } => {
                let mut packet = self.packet(buf, len, to);
                packet.error([Cause::StaleCookie(micros)]).ok()?;
                Some(packet.finish())
            }
            Answer::HeartbeatAck(_)
            | Answer::UnrecognizedParameters(_)
            | Answer::UnrecognizedChunk(_)
            | Answer::InvalidStream(_)
            | Answer::ShuttingDown => None,
        }
    }

    /// The last datagram, if the goodbye has one.
    fn draw_farewell(&mut self, buf: &mut [u8]) -> Option<usize> {
        let Phase::Closing(goodbye) = &mut self.phase else { return None };
        let farewell = goodbye.farewell.take()?;
        let reflected = farewell == Farewell::Abort(AbortCause::NoTag);
        let tag = if reflected { self.local.tag } else { self.peer?.tag };
        let mut packet = self.packet(buf, self.config.mtu, tag);
        let missing = [parameter::STATE_COOKIE];
        let written = match &farewell {
            Farewell::ShutdownComplete => packet.shutdown_complete(false),
            Farewell::Abort(cause) => packet.abort(reflected, cause.on_wire(&missing)),
        };
        written.ok()?;
        Some(packet.finish())
    }

    /// A packet of an association that both sides know.
    fn draw_packet(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        let tag = self.peer?.tag;
        if let Phase::CookieEchoed { cookie, .. } = &self.phase {
            // More than the MTU if that has shrunk since the cookie came.
            let len = self.config.mtu.max(cookie_echo_len(cookie));
            return self.draw_cookie_echo(now, self.packet(buf, len, tag));
        }
        let len = self.tx.packet_len();
        let mut packet = self.packet(buf, len, tag);
        if self.cookie_ack_due && packet.cookie_ack().is_ok() {
            self.cookie_ack_due = false;
        }
        if self.phase.has_data_out() {
            self.tx.give_up(now, &mut self.events);
        }
        let wants_to_send = self.phase.has_data_out() && self.tx.wants_to_send();
        let pending = self.rx.acks.is_pending() && wants_to_send;
        if (self.rx.acks.is_due() || pending) && self.rx.write_sack(&mut packet) {
            self.stats.sacks_sent += 1;
        }
        self.write_control(now, &mut packet);
        if wants_to_send {
            self.tx.write_forward(now, &mut packet);
            if self.tx.fill(now, &mut packet, &mut self.stats, &mut self.events) {
                self.heartbeat.active(now);
            }
            self.tx.guard_forward(now);
        } else {
            self.tx.release_pacing();
        }
        self.write_shutdown(now, &mut packet);
        (!packet.is_empty()).then(|| packet.finish())
    }

    /// COOKIE ECHO first, then what else there is, data too, in one packet; no other until it is answered (RFC 9260 §5.1 C).
    fn draw_cookie_echo(&mut self, now: Instant, mut packet: PacketWriter<'_>) -> Option<usize> {
        let timeout = self.tx.rto.current();
        let Phase::CookieEchoed { echo, cookie } = &mut self.phase else { return None };
        if !echo.due {
            return None;
        }
        let written = packet.cookie_echo(cookie);
        echo.left(now, timeout);
        // In a buffer too short for a cookie longer than the MTU has become, it counts as lost.
        written.ok()?;
        self.write_control(now, &mut packet);
        self.tx.fill(now, &mut packet, &mut self.stats, &mut self.events);
        self.tx.suspend();
        Some(packet.finish())
    }

    /// Answers, RE-CONFIG and HEARTBEAT, as many as there is room for.
    fn write_control(&mut self, now: Instant, packet: &mut PacketWriter<'_>) {
        while let Some(answer) = self.answers.front() {
            let written = match answer {
                Answer::HeartbeatAck(raw) => {
                    packet.unknown(&UnknownChunk { kind: kind::HEARTBEAT_ACK, flags: 0, raw })
                }
                Answer::UnrecognizedParameters(raw) => packet.error([Cause::UnrecognizedParameters(raw)]),
                Answer::UnrecognizedChunk(raw) => packet.error([Cause::UnrecognizedChunk(raw)]),
                Answer::InvalidStream(stream) => packet.error([Cause::InvalidStream(*stream)]),
                Answer::ShuttingDown => packet.error([Cause::CookieWhileShuttingDown]),
                Answer::InitAck { .. }
                | Answer::Refuse { .. }
                | Answer::ShutdownComplete { .. }
                | Answer::StaleCookie { .. } => Ok(()),
            };
            if written.is_err() {
                return;
            }
            self.answers.pop_front();
        }
        if !self.phase.is_up() {
            return;
        }
        if self.has_reconfig() {
            self.write_reconfig(now, packet);
        }
        if self.heartbeat.is_due() {
            let info = self.beat(now);
            // There is room: HEARTBEAT is due on an idle path only. Should there be none, it counts as lost.
            let written = packet.heartbeat(&info);
            self.stats.drops.answer_queue_full += u64::from(written.is_err());
        }
    }

    fn write_shutdown(&mut self, now: Instant, packet: &mut PacketWriter<'_>) {
        let timeout = self.tx.rto.current();
        let cumulative = Tsn::wrap(self.rx.tracker.cumulative());
        if let Phase::ShutdownSent { shutdown } = &mut self.phase {
            if shutdown.due && packet.shutdown(cumulative).is_ok() {
                shutdown.left(now, timeout);
            }
        } else if let Phase::ShutdownAckSent { ack } = &mut self.phase
            && ack.due
            && packet.shutdown_ack().is_ok()
        {
            ack.left(now, timeout);
        }
    }
}

impl AbortCause {
    /// The cause as ABORT carries it; `missing` are the parameters that were.
    fn on_wire<'a>(&'a self, missing: &'a [u16]) -> Option<Cause<'a>> {
        match self {
            Self::User => Some(Cause::UserInitiatedAbort(&[])),
            Self::ProtocolViolation => Some(Cause::ProtocolViolation(&[])),
            Self::MissingCookie => Some(Cause::MissingParameters(U16List::new(missing))),
            Self::NoUserData(tsn) => Some(Cause::NoUserData(*tsn)),
            Self::InvalidMandatoryParameter => Some(Cause::InvalidMandatoryParameter),
            Self::UnresolvableAddress(parameter) => Some(Cause::UnresolvableAddress(parameter)),
            Self::NoTag => None,
        }
    }
}

/// Walks through parameters that are reported as they came, each padded.
struct Reports<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for Reports<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut ahead = self.reader;
        ahead.skip(2)?;
        let len = usize::from(ahead.u16()?);
        let raw = self.reader.bytes(len)?;
        self.reader.skip(len.next_multiple_of(4) - len);
        Some(raw)
    }
}
