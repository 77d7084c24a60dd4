//! What an RTCP datagram that arrived does.

use super::clock::NtpTime;
use super::event::{Event, KeyframeRequest, SenderId};
use super::feedback::Feedback;
use super::report::Asked;
use super::session::{Queued, Session};
use super::source::round_trip;
use super::stats::RemoteInboundStats;
use crate::base::bitrate::Bitrate;
use crate::base::limits;
use crate::base::slots::Key;
use crate::time::Instant;
use crate::wire::rtcp::{Compound, ExtendedReport, Nack, NackPair, Packet, ReportBlock, XrBlock};

/// What the blocks of one report say of all our streams.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    blocks: u32,
    fraction_lost: u8,
    round_trip: Option<core::time::Duration>,
}

impl Session {
    /// Takes an RTCP datagram.
    pub(super) fn on_rtcp(&mut self, now: Instant, bytes: &[u8]) {
        self.stats.rtcp_received += 1;
        let mut heard = Heard::default();
        for packet in Compound::new(bytes) {
            match packet {
                Ok(packet) => self.on_rtcp_packet(now, &packet, &mut heard),
                Err(_) => self.stats.rtcp_malformed += 1,
            }
        }
        if heard.blocks > 0 {
            let Heard { fraction_lost, round_trip, .. } = heard;
            self.feedback.push(Feedback::Report { at: now, fraction_lost, round_trip });
        }
        if self.feedback.tell() {
            self.events.push(Event::Feedback);
        }
    }

    fn on_rtcp_packet(&mut self, now: Instant, packet: &Packet<'_>, heard: &mut Heard) {
        match packet {
            Packet::SenderReport(report) => {
                if self.is_own(report.info.ssrc) {
                    self.on_collision(now, report.info.ssrc);
                    return;
                }
                let key = self.table.get(report.info.ssrc);
                if let Some(source) = key.and_then(|key| self.sources.get_mut(key)) {
                    source.on_sender_report(now, &report.info);
                }
                report.blocks().for_each(|block| self.on_block(now, &block, heard));
            }
            Packet::ReceiverReport(report) => {
                report.blocks().for_each(|block| self.on_block(now, &block, heard));
            }
            Packet::Goodbye(bye) => {
                for ssrc in bye.ssrcs() {
                    if let Some(key) = self.table.get(ssrc) {
                        self.end_source(key);
                    }
                }
            }
            Packet::Nack(nack) => self.on_nack(now, nack),
            Packet::Pli(pli) => {
                if let Some(key) = self.sender_of(pli.media_ssrc)
                    && let Some(sender) = self.senders.get_mut(key)
                {
                    sender.stats.pli_count += 1;
                    self.on_keyframe_request(now, key, KeyframeRequest::Pli);
                }
            }
            Packet::Fir(fir) => {
                for entry in fir.entries() {
                    let Some(key) = self.sender_of(entry.ssrc) else { continue };
                    let Some(sender) = self.senders.get_mut(key) else { continue };
                    if sender.on_fir(fir.sender_ssrc, entry.sequence) {
                        sender.stats.fir_count += 1;
                        self.on_keyframe_request(now, key, KeyframeRequest::Fir);
                    }
                }
            }
            Packet::Remb(remb) => {
                let bitrate = Bitrate::from_bps(remb.bitrate_bps.max(limits::RTP_MIN_BITRATE_BPS));
                self.feedback.push(Feedback::Estimate { at: now, bitrate });
            }
            Packet::TransportFeedback(feedback) => {
                if let Some(told) = self.departures.on_feedback(now, feedback) {
                    self.feedback.push_results(&told);
                }
            }
            Packet::ExtendedReport(report) => self.on_extended_report(now, report),
            Packet::SourceDescription(_) | Packet::App(_) => {}
            Packet::Unknown { .. } => self.stats.rtcp_unknown += 1,
        }
    }

    fn sender_of(&self, ssrc: u32) -> Option<Key> {
        self.senders.iter().find(|(_, sender)| sender.ssrc == ssrc).map(|(key, _)| key)
    }

    fn on_block(&mut self, now: Instant, block: &ReportBlock, heard: &mut Heard) {
        let of =
            |ssrc| move |sender: &super::sender::Sender| sender.ssrc == ssrc || sender.rtx_ssrc == Some(ssrc);
        let of = of(block.ssrc);
        let Some((_, sender)) = self.senders.iter_mut().find(|(_, sender)| of(sender)) else { return };
        let ntp = self.wall.ntp(now);
        let measured = round_trip(ntp, block.last_sr, block.delay_since_last_sr);
        let clock_rate = u64::from(sender.clock_rate().max(1));
        heard.blocks += 1;
        heard.fraction_lost = heard.fraction_lost.max(block.fraction_lost);
        heard.round_trip = measured.or(heard.round_trip);
        if let Some(remote) = sender.on_reported(block.ssrc) {
            let jitter = u64::from(block.jitter) * 1_000_000_000 / clock_rate;
            let RemoteInboundStats { total_round_trip_time, round_trip_time_measurements, .. } = *remote;
            *remote = RemoteInboundStats {
                packets_lost: block.cumulative_lost,
                fraction_lost: block.fraction_lost,
                highest_sequence: block.highest_sequence,
                jitter: core::time::Duration::from_nanos(jitter),
                round_trip_time: measured.or(remote.round_trip_time),
                total_round_trip_time: total_round_trip_time + measured.unwrap_or_default(),
                round_trip_time_measurements: round_trip_time_measurements + u64::from(measured.is_some()),
                reports_received: remote.reports_received + 1,
            };
        }
        if let Some(measured) = measured {
            self.on_round_trip(measured);
        }
    }

    fn on_round_trip(&mut self, measured: core::time::Duration) {
        let smooth =
            self.round_trip.map_or(measured, |before| before.saturating_mul(7).saturating_add(measured) / 8);
        self.round_trip = Some(smooth);
    }

    /// Queues repetitions of what is missing, each packet at most once a round trip.
    fn on_nack(&mut self, now: Instant, nack: &Nack<'_>) {
        let Some(key) = self.sender_of(nack.media_ssrc) else { return };
        let pause = self.assumed_round_trip().max(limits::RTP_RTX_MIN_INTERVAL);
        let Some(sender) = self.senders.get_mut(key) else { return };
        sender.stats.nack_count += 1;
        for sequence in nack.pairs().flat_map(NackPair::sequences) {
            sender.stats.nack_packets += 1;
            let room = self.queues.repeats.len() < limits::RTP_RTX_QUEUE;
            match sender.may_repeat(now, sequence, pause).filter(|_| room) {
                Some(number) => self.queues.repeats.push_back(Queued { sender: key, number }),
                None => self.stats.retransmissions_refused += 1,
            }
        }
    }

    /// Reports a request for a key frame, or holds it if one was reported a moment ago.
    fn on_keyframe_request(&mut self, now: Instant, key: Key, request: KeyframeRequest) {
        let Some(sender) = self.senders.get_mut(key) else { return };
        if sender.requests.request(now, request) {
            self.events.push(Event::KeyframeRequested(SenderId(key), request));
        } else {
            let at = sender.requests.due_at();
            self.stats.keyframe_requests_held += 1;
            self.arm(at);
        }
    }

    fn on_extended_report(&mut self, now: Instant, report: &ExtendedReport<'_>) {
        for block in report.blocks() {
            match block {
                XrBlock::ReceiverReferenceTime { ntp } => {
                    let asked = Asked { ssrc: report.ssrc, middle: NtpTime(ntp).middle(), at: now };
                    if let Some(other) = self.asked.iter_mut().find(|other| other.ssrc == report.ssrc) {
                        *other = asked;
                    } else if self.asked.len() < limits::RTP_DLRR {
                        self.asked.push(asked);
                    }
                }
                XrBlock::Dlrr(answers) => {
                    let ours = answers.entries().find(|entry| entry.ssrc == self.own_ssrc);
                    let ntp = self.wall.ntp(now);
                    let measured =
                        ours.and_then(|entry| round_trip(ntp, entry.last_rr, entry.delay_since_last_rr));
                    if let Some(measured) = measured {
                        self.on_round_trip(measured);
                        let key = self.table.get(report.ssrc);
                        let remote = key.and_then(|key| self.sources.get_mut(key)?.stats.remote.as_mut());
                        if let Some(remote) = remote {
                            remote.round_trip_time = Some(measured);
                        }
                    }
                }
                XrBlock::Unknown { .. } => {}
            }
        }
    }
}
