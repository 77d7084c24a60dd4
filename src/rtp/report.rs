//! When reports are due, and what a datagram of RTCP is made of (RFC 3550 §6, RFC 4585 §3, RFC 5506, RFC 8108).

use core::time::Duration;

use super::clock::to_short;
use super::event::KeyframeRequest;
use super::session::Session;
use crate::base::bitrate::Bitrate;
use crate::base::limits;
use crate::base::slots::Key;
use crate::base::writer::Full;
use crate::rng::Rng;
use crate::time::{Instant, Timer};
use crate::wire::rtcp::{CompoundWriter, Dlrr, FirEntry, ReportBlock, SenderInfo, nack_pairs, sdes};

/// Bytes of a sender report without blocks, and of a block.
const SENDER_REPORT_LEN: usize = 28;
const BLOCK_LEN: usize = 24;
/// Most blocks, or chunks of a description, in one packet.
const MAX_COUNT: usize = 31;

/// A peer asked when we heard from it (RFC 3611 §4.4).
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) ssrc: u32,
    pub(super) middle: u32,
    pub(super) at: Instant,
}

/// When regular reports are due (RFC 3550 §6.3).
#[derive(Debug)]
pub(super) struct Schedule {
    rng: Rng,
    bandwidth: Bitrate,
    timer: Timer,
    last_at: Option<Instant>,
    /// Mean length of RTCP datagrams with what carries them, in sixteenths of a byte.
    mean_len: u64,
    /// A report is to be drawn.
    pub(super) is_pending: bool,
}

impl Schedule {
    pub(super) const fn new(rng: Rng, bandwidth: Bitrate) -> Self {
        Self { rng, bandwidth, timer: Timer::stopped(), last_at: None, mean_len: 100 * 16, is_pending: false }
    }

    /// A packet arrived: reports begin half an interval later.
    pub(super) fn on_heard(&mut self, now: Instant) -> Option<Instant> {
        if self.timer.is_running() || self.is_pending {
            return None;
        }
        let half = self.interval(false, true) / 2;
        // After a silence the interval counts from the last report.
        self.timer.set(self.last_at.map_or(now + half, |last| (last + half * 2).max(now)));
        self.timer.at()
    }

    /// A packet was sent. On a unicast session the first report need not wait (RFC 3550 §6.2), and the peer learns early how the
    /// clocks of the streams relate (RFC 6051 §2).
    pub(super) fn on_sent(&mut self, now: Instant) -> Option<Instant> {
        if self.timer.is_running() || self.is_pending {
            return None;
        }
        let interval = self.interval(true, false);
        self.timer.set(self.last_at.map_or(now, |last| (last + interval).max(now)));
        self.timer.at()
    }

    /// The time between two reports: one endpoint on each side, which reports on all its sources at once (RFC 8108 §5).
    fn interval(&mut self, we_send: bool, peer_sends: bool) -> Duration {
        let bps = self.bandwidth.as_bps().max(1);
        let least = Duration::from_nanos(360_000 * 1_000_000_000 / bps).min(limits::RTCP_MAX_INTERVAL);
        // Five per cent, of which a sender alone takes a quarter and a receiver alone three quarters.
        let share_bps = match (we_send, peer_sends) {
            (true, false) => bps / 80,
            (false, true) => bps.saturating_mul(3) / 80,
            (true, true) | (false, false) => bps / 40,
        };
        let wanted = Bitrate::from_bps(share_bps.max(1)).time_for(self.mean_len / 16);
        let interval = wanted.max(least);
        // Spread over half to one and a half of it, and made up for what reconsideration adds (RFC 3550 §6.3.1).
        let spread = u32::try_from(500 + self.rng.below(1001)).unwrap_or(1000);
        interval * spread / 1218
    }

    /// Whether a report is to be drawn now; otherwise the timer has been set anew (RFC 3550 §6.3.6).
    fn take_due(&mut self, now: Instant, we_send: bool, peer_sends: bool) -> bool {
        if !self.timer.take_due(now) {
            return false;
        }
        let interval = self.interval(we_send, peer_sends);
        if let Some(last) = self.last_at
            && last + interval > now
        {
            self.timer.set(last + interval);
            return false;
        }
        self.is_pending = true;
        true
    }

    /// A report has been drawn; the next is due an interval later.
    fn on_reported(&mut self, now: Instant, we_send: bool) {
        self.is_pending = false;
        self.last_at = Some(now);
        let interval = self.interval(we_send, true);
        self.timer.set(now + interval);
    }

    fn on_datagram(&mut self, len: usize) {
        let len = (len + limits::RTCP_OVERHEAD) as u64;
        self.mean_len = (self.mean_len * 15 + len * 16) / 16;
    }

    pub(super) const fn at(&self) -> Option<Instant> {
        self.timer.at()
    }

    #[cfg(feature = "sim")]
    pub(super) fn duplicate(&self) -> Self {
        Self {
            rng: self.rng.duplicate(),
            bandwidth: self.bandwidth,
            timer: self.timer.clone(),
            last_at: self.last_at,
            mean_len: self.mean_len,
            is_pending: self.is_pending,
        }
    }
}

impl Session {
    /// Lets the schedule reach `now`.
    pub(super) fn run_schedule(&mut self, now: Instant) {
        let we_send = self.senders.iter().any(|(_, sender)| sender.packets_since_report > 0);
        let peer_sends = self.sources.iter().any(|(_, source)| source.is_reported());
        if self.schedule.take_due(now, we_send, peer_sends) {
            for (_, sender) in self.senders.iter_mut() {
                let has_sent = sender.stats.packets_sent > 0;
                // A sender counts as one until two intervals without a packet have passed (RFC 3550 §6.4).
                sender.reports_without_packets = if sender.packets_since_report > 0 {
                    0
                } else {
                    sender.reports_without_packets.saturating_add(1)
                };
                sender.packets_since_report = 0;
                sender.owes_report = has_sent && sender.reports_without_packets < 2;
            }
            for (_, source) in self.sources.iter_mut() {
                source.owes_block = source.is_reported();
                source.heard_since_report = false;
            }
            // Where nobody sends, reports end; the next packet begins them again.
            self.schedule.is_pending = self.owes_reports();
        }
        let at = self.schedule.at();
        self.arm(at);
    }

    /// Whether there is RTCP to draw.
    pub(super) fn has_rtcp(&self, now: Instant) -> bool {
        self.schedule.is_pending
            || !self.pending.is_empty()
            || self.is_estimate_due
            || !self.goodbyes.is_empty()
            || self.arrivals.is_due(now)
    }

    /// Draws one datagram of RTCP.
    pub(super) fn draw_rtcp(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        let regular = self.schedule.is_pending;
        let mut out = CompoundWriter::new(buf);
        let head = self.write_head(now, &mut out, regular).map(|()| out.len());
        let written = head.and_then(|head| self.write_rest(now, &mut out, regular).map(|()| head));
        let len = out.finish();
        if regular && !self.owes_reports() {
            let we_send = self.senders.iter().any(|(_, sender)| sender.packets_since_report > 0);
            self.schedule.on_reported(now, we_send);
            let at = self.schedule.at();
            self.arm(at);
        }
        // A report of nothing is sent for what comes after it only.
        if len == 0 || (!regular && written == Ok(len)) {
            return None;
        }
        self.schedule.on_datagram(len);
        self.stats.rtcp_sent += 1;
        self.stats.rtcp_bytes_sent += len as u64;
        Some(len)
    }

    fn owes_reports(&self) -> bool {
        self.senders.iter().any(|(_, sender)| sender.owes_report)
            || self.sources.iter().any(|(_, source)| source.owes_block)
    }

    /// What stands first: the reports that are due, or an empty one unless it may be left out (RFC 5506).
    fn write_head(&mut self, now: Instant, out: &mut CompoundWriter<'_>, regular: bool) -> Result<(), Full> {
        if regular {
            return self.write_reports(now, out);
        }
        if !self.config.reduced_size || !self.goodbyes.is_empty() {
            let ssrc = self.feedback_ssrc();
            out.receiver_report(ssrc, [])?;
            out.cname(ssrc, &self.config.cname)?;
        }
        Ok(())
    }

    /// Feedback and goodbyes.
    fn write_rest(&mut self, now: Instant, out: &mut CompoundWriter<'_>, regular: bool) -> Result<(), Full> {
        let ssrc = self.feedback_ssrc();
        self.write_feedback(now, out, ssrc)?;
        if self.arrivals.is_due(now) {
            self.arrivals.write(out, ssrc)?;
            let at = self.arrivals.due_at();
            self.arm(at);
        }
        if self.is_estimate_due || regular {
            self.write_estimate(out, ssrc)?;
        }
        self.write_goodbyes(out)
    }

    /// SRs and an RR with as many blocks as fit; a description of all who report.
    fn write_reports(&mut self, now: Instant, out: &mut CompoundWriter<'_>) -> Result<(), Full> {
        let ntp = self.wall.ntp(now);
        let chunk = 4 + (3 + self.config.cname.len()).next_multiple_of(4);
        let room = out.remaining().saturating_sub(4);
        let owing = self.senders.iter().filter(|(_, sender)| sender.owes_report).count();
        // One fits always; the others, and blocks, as far as there is room. What is left is told with the next datagram.
        let reports = owing.min(MAX_COUNT).min((room / (SENDER_REPORT_LEN + chunk)).max(1));
        let heads = if reports == 0 { 8 + chunk } else { reports * (SENDER_REPORT_LEN + chunk) };
        let mut blocks = room.saturating_sub(heads) / BLOCK_LEN;
        let mut reporters = [0; MAX_COUNT];
        let mut count = 0;
        for (_, sender) in self.senders.iter_mut().filter(|(_, sender)| sender.owes_report).take(reports) {
            let (packets, bytes) = sender.media_sent();
            #[expect(clippy::cast_possible_truncation, reason = "the counters of a report wrap")]
            let info = SenderInfo {
                ssrc: sender.ssrc,
                ntp: ntp.0,
                rtp_timestamp: sender.timestamp_at(ntp).unwrap_or_default(),
                packet_count: packets as u32,
                octet_count: bytes as u32,
            };
            sender.owes_report = false;
            let take = if count == 0 { blocks.min(MAX_COUNT) } else { 0 };
            blocks -= out.sender_report(&info, owed_blocks(&mut self.sources, now, take))?;
            if let Some(place) = reporters.get_mut(count) {
                *place = sender.ssrc;
            }
            count += 1;
        }
        if count == 0 {
            let take = blocks.min(MAX_COUNT);
            out.receiver_report(self.own_ssrc, owed_blocks(&mut self.sources, now, take))?;
            reporters[0] = self.own_ssrc;
            count = 1;
        }
        let cname = self.config.cname.as_str();
        let described = reporters.iter().take(count).map(|ssrc| (*ssrc, [(sdes::CNAME, cname)]));
        out.source_description(described)?;
        self.write_round_trips(now, out)
    }

    /// Questions for round trips, and answers.
    fn write_round_trips(&mut self, now: Instant, out: &mut CompoundWriter<'_>) -> Result<(), Full> {
        let sends = self.senders.iter().any(|(_, sender)| sender.stats.packets_sent > 0);
        if self.config.receiver_round_trips && !sends {
            out.receiver_reference_time(self.own_ssrc, self.wall.ntp(now).0)?;
        }
        if !self.asked.is_empty() {
            let mut entries = [Dlrr::default(); limits::RTP_DLRR];
            let count = self.asked.len().min(entries.len());
            for (entry, asked) in entries.iter_mut().zip(&self.asked) {
                let delay_since_last_rr = to_short(now.saturating_duration_since(asked.at));
                *entry = Dlrr { ssrc: asked.ssrc, last_rr: asked.middle, delay_since_last_rr };
            }
            let ssrc = self.feedback_ssrc();
            out.dlrr(ssrc, entries.get(..count).unwrap_or_default())?;
            self.asked.clear();
        }
        Ok(())
    }

    /// NACKs and requests for key frames.
    fn write_feedback(&mut self, now: Instant, out: &mut CompoundWriter<'_>, ssrc: u32) -> Result<(), Full> {
        let round_trip = self.assumed_round_trip();
        while let Some(key) = self.pending.front().copied() {
            if let Some(source) = self.sources.get_mut(key) {
                match source.asks {
                    Some(KeyframeRequest::Pli) => {
                        out.pli(ssrc, source.ssrc)?;
                        source.stats.pli_count += 1;
                    }
                    Some(KeyframeRequest::Fir) => {
                        let sequence = source.fir_sequence;
                        out.fir(ssrc, [FirEntry { ssrc: source.ssrc, sequence }])?;
                        source.fir_sequence = sequence.wrapping_add(1);
                        source.stats.fir_count += 1;
                    }
                    None => {}
                }
                source.asks = None;
                if source.nack.is_due(now) {
                    if out.remaining() < 16 {
                        return Err(Full { wanted: 16, left: out.remaining() });
                    }
                    let due = source.nack.take_due(now, round_trip);
                    // What does not fit is asked for with the next attempt; that nothing was due is no fault.
                    if out.nack(ssrc, source.ssrc, nack_pairs(due)).is_ok() {
                        source.stats.nack_count += 1;
                    }
                    source.nack.settle();
                }
                source.has_feedback = false;
                let at = source.due_at(self.config.reorder_wait, self.config.repair_wait);
                self.arm(at);
            }
            self.pending.pop_front();
        }
        Ok(())
    }

    fn write_estimate(&mut self, out: &mut CompoundWriter<'_>, ssrc: u32) -> Result<(), Full> {
        self.is_estimate_due = false;
        let Some(estimate) = self.estimate else { return Ok(()) };
        let mut ssrcs = [0; MAX_COUNT];
        let remb =
            |source: &super::source::Source| source.payload.is_some_and(|payload| payload.feedback.remb);
        let streams = self.sources.iter().filter(|(_, source)| remb(source));
        let count = ssrcs.iter_mut().zip(streams).map(|(place, (_, source))| *place = source.ssrc).count();
        if count == 0 {
            return Ok(());
        }
        out.remb(ssrc, estimate.as_bps(), ssrcs.get(..count).unwrap_or_default())
    }

    /// The sources that leave, as many as fit; the others leave with the next datagram.
    fn write_goodbyes(&mut self, out: &mut CompoundWriter<'_>) -> Result<(), Full> {
        while !self.goodbyes.is_empty() {
            let fit = (out.remaining().saturating_sub(4) / 4).min(self.goodbyes.len()).min(MAX_COUNT);
            if fit == 0 {
                break;
            }
            out.goodbye(self.goodbyes.get(..fit).unwrap_or_default(), None)?;
            self.goodbyes.drain(..fit);
        }
        Ok(())
    }

    /// The source that feedback comes from: one that the peer knows, if there is one.
    fn feedback_ssrc(&self) -> u32 {
        let mut senders = self.senders.iter();
        senders
            .find(|(_, sender)| sender.stats.packets_sent > 0)
            .map_or(self.own_ssrc, |(_, sender)| sender.ssrc)
    }

    /// All sources that something was sent from leave.
    pub(super) fn leave(&mut self) {
        for (_, sender) in self.senders.iter().filter(|(_, sender)| sender.stats.packets_sent > 0) {
            self.goodbyes.push(sender.ssrc);
            self.goodbyes.extend(sender.rtx_ssrc);
        }
    }

    /// Draws a datagram of goodbyes, if any is left to say.
    pub(super) fn draw_goodbye(&mut self, buf: &mut [u8]) -> Option<usize> {
        let left = self.goodbyes.len();
        let mut out = CompoundWriter::new(buf);
        let written = out
            .receiver_report(self.own_ssrc, [])
            .and_then(|_| out.cname(self.own_ssrc, &self.config.cname))
            .and_then(|()| self.write_goodbyes(&mut out));
        if written.is_err() || self.goodbyes.len() == left {
            // Without room for one there is nothing to be said.
            self.goodbyes.clear();
            return None;
        }
        let len = out.finish();
        self.stats.rtcp_sent += 1;
        self.stats.rtcp_bytes_sent += len as u64;
        Some(len)
    }
}

/// The blocks that are owed, `most` at the most; each counts as told when it is taken.
fn owed_blocks(
    sources: &mut crate::base::slots::Slots<super::source::Source>,
    now: Instant,
    most: usize,
) -> impl Iterator<Item = ReportBlock> + '_ {
    let owed = sources.iter_mut().filter(|(_, source): &(Key, _)| source.owes_block).take(most);
    owed.map(move |(_, source)| {
        source.owes_block = false;
        source.report_block(now)
    })
}
