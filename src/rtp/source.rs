//! One incoming stream: what is known of a synchronization source.

use core::time::Duration;

use super::assembler::Assembler;
use super::clock::{ClockPair, NtpTime, from_short, to_short};
use super::config::Payload;
use super::event::KeyframeRequest;
use super::nack::NackList;
use super::reception::Reception;
use super::stats::{RemoteOutboundStats, SourceStats};
use super::throttle::Throttle;
use crate::base::slots::Key;
use crate::time::{Instant, earliest};
use crate::wire::rtcp::{ReportBlock, SenderInfo};

/// What a source carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Media.
    Media,
    /// Repetitions of the media of that source, once it is known which.
    Repair(Option<Key>),
}

/// The last sender report of a source.
#[derive(Clone, Copy, Debug)]
struct LastReport {
    clock: ClockPair,
    arrived_at: Instant,
}

/// A source.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own use")]
pub(super) struct Source {
    pub(super) ssrc: u32,
    /// The receiver it belongs to.
    pub(super) receiver: Key,
    pub(super) rid: Option<String>,
    pub(super) role: Role,
    /// The source of its repetitions.
    pub(super) repair: Option<Key>,
    pub(super) reception: Reception,
    /// What the last packet was; it rarely changes.
    pub(super) payload: Option<Payload>,
    pub(super) nack: NackList,
    pub(super) assembler: Option<Box<Assembler>>,
    /// Our requests for key frames.
    pub(super) requests: Throttle,
    /// The request that goes out with the next feedback.
    pub(super) asks: Option<KeyframeRequest>,
    /// Counts our FIRs (RFC 5104 §4.3.1.2).
    pub(super) fir_sequence: u8,
    /// Whether it waits among those that have feedback to send.
    pub(super) has_feedback: bool,
    last_report: Option<LastReport>,
    pub(super) last_at: Instant,
    /// Whether anything has been heard since the report before last (RFC 3550 §6.4: only then it is reported on).
    pub(super) heard_since_report: bool,
    /// Whether the report that is due is still to speak of it.
    pub(super) owes_block: bool,
    /// Whether its receiver has been told of it.
    pub(super) is_announced: bool,
    /// What the session counts for it.
    pub(super) charged: usize,
    pub(super) stats: SourceStats,
}

impl Source {
    pub(super) fn new(now: Instant, ssrc: u32, receiver: Key, role: Role) -> Self {
        Self {
            ssrc,
            receiver,
            rid: None,
            role,
            repair: None,
            reception: Reception::default(),
            payload: None,
            nack: NackList::default(),
            assembler: None,
            requests: Throttle::default(),
            asks: None,
            fir_sequence: 0,
            has_feedback: false,
            last_report: None,
            last_at: now,
            heard_since_report: false,
            owes_block: false,
            is_announced: false,
            charged: 0,
            stats: SourceStats { ssrc, ..SourceStats::default() },
        }
    }

    /// Takes a sender report.
    pub(super) fn on_sender_report(&mut self, now: Instant, info: &SenderInfo) {
        let clock = ClockPair { ntp: NtpTime(info.ntp), timestamp: info.rtp_timestamp };
        self.last_report = Some(LastReport { clock, arrived_at: now });
        let remote = self.stats.remote.get_or_insert_with(RemoteOutboundStats::default);
        remote.packets_sent = info.packet_count;
        remote.bytes_sent = info.octet_count;
        remote.reported_at(clock.ntp);
    }

    /// The sender's wall clock at a timestamp, once a report has told it.
    pub(super) fn ntp_at(&self, timestamp: u32) -> Option<NtpTime> {
        let report = self.last_report?;
        Some(report.clock.ntp_at(timestamp, self.payload?.clock_rate))
    }

    /// What a report says of this source; the share lost counts from the call before.
    pub(super) fn report_block(&mut self, now: Instant) -> ReportBlock {
        let lost = self.reception.lost().clamp(-0x0080_0000, 0x007f_ffff);
        let (last_sr, delay_since_last_sr) = self.last_report.map_or((0, 0), |report| {
            let delay = now.saturating_duration_since(report.arrived_at);
            (report.clock.ntp.middle(), to_short(delay))
        });
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: self.reception.take_fraction_lost(),
            cumulative_lost: i32::try_from(lost).unwrap_or(0),
            highest_sequence: self.reception.extended_highest(),
            jitter: self.reception.jitter(),
            last_sr,
            delay_since_last_sr,
        }
    }

    /// Whether media arrives here that a report should speak of.
    pub(super) const fn is_reported(&self) -> bool {
        self.reception.is_begun() && self.heard_since_report
    }

    /// How long a missing packet is waited for.
    pub(super) fn wait(&self, reorder: Duration, repair: Duration) -> Duration {
        if self.payload.is_some_and(|payload| payload.feedback.nack) { repair } else { reorder }
    }

    /// When something of this source is due next.
    pub(super) fn due_at(&self, reorder: Duration, repair: Duration) -> Option<Instant> {
        let gives_up = self.assembler.as_ref();
        let gives_up = gives_up.and_then(|assembler| assembler.gives_up_at(self.wait(reorder, repair)));
        // What waits to be drawn is no timer.
        let asks = if self.has_feedback { None } else { self.nack.next_at() };
        earliest(earliest(asks, gives_up), self.requests.due_at())
    }

    /// Which kind of request for a key frame was agreed, the one asked for first.
    pub(super) fn request_kind(&self, wanted: KeyframeRequest) -> Option<KeyframeRequest> {
        let feedback = self.payload?.feedback;
        match wanted {
            KeyframeRequest::Pli if feedback.pli => Some(KeyframeRequest::Pli),
            KeyframeRequest::Fir if feedback.fir => Some(KeyframeRequest::Fir),
            KeyframeRequest::Pli | KeyframeRequest::Fir => None,
        }
    }

    /// Bytes of memory that are held, for packets and frames.
    pub(super) fn pinned(&self) -> usize {
        self.nack.pinned() + self.assembler.as_ref().map_or(0, |assembler| assembler.pinned())
    }

    /// Counts what it holds now in the sum of its session.
    pub(super) fn charge(&mut self, sum: &mut usize) {
        let pinned = self.pinned();
        *sum = *sum - core::mem::replace(&mut self.charged, pinned) + pinned;
    }

    /// Gives up all that is held.
    pub(super) fn let_go(&mut self) {
        self.nack.clear();
        if let Some(assembler) = &mut self.assembler {
            assembler.let_go();
        }
        self.trim();
    }

    /// Gives memory back that has not been needed since the last call, or is not needed by a source that is silent.
    pub(super) fn rest(&mut self, is_silent: bool) {
        if is_silent {
            self.trim();
        } else if let Some(assembler) = &mut self.assembler {
            assembler.rest();
        }
    }

    /// Gives memory back that an idle source does not need.
    pub(super) fn trim(&mut self) {
        self.nack.trim();
        if let Some(assembler) = &mut self.assembler {
            assembler.trim();
        }
    }

    /// The counters as they stand.
    pub(super) fn snapshot(&self) -> SourceStats {
        let mut stats = self.stats.clone();
        stats.rid.clone_from(&self.rid);
        stats.payload_type = self.payload.map(|payload| payload.payload_type);
        stats.packets_lost = self.reception.lost();
        let clock_rate = self.payload.map_or(1, |payload| payload.clock_rate);
        stats.jitter = self.reception.jitter_duration(clock_rate);
        stats.last_packet_received = self.reception.is_begun().then_some(self.last_at);
        if let Some(assembler) = &self.assembler {
            let counts = assembler.counts;
            stats.packets_discarded += counts.late;
            stats.packets_malformed += counts.malformed;
            stats.frames_received = counts.frames;
            stats.key_frames_received = counts.key_frames;
            stats.frames_assembled_from_multiple_packets = counts.multiple;
            stats.frames_dropped += counts.dropped;
            stats.gaps_given_up = counts.given_up;
        }
        stats
    }
}

/// The round trip that an answer tells: now, less when the question left, less how long it lay there, in units of 2^-16 seconds.
pub(super) fn round_trip(now: NtpTime, left: u32, lay: u32) -> Option<Duration> {
    if left == 0 {
        return None;
    }
    let units = now.middle().wrapping_sub(left).wrapping_sub(lay);
    // A clock that was set meanwhile, or an answer that is made up.
    (units.cast_signed() >= 0 && units < 60 << 16).then(|| from_short(units))
}
