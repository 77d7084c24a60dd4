//! What is in flight: a ring of chunks by TSN.

use std::collections::VecDeque;

use bytes::Bytes;
use core::time::Duration;

use super::congestion::Delivery;
use super::delivery::Progress;
use super::queue::{Fragment, SendQueue};
use super::retransmit::LossDetector;
use crate::base::ops::Ops;
use crate::base::serial::{Ssn, Tsn};
use crate::time::Instant;
use crate::wire::sctp::{Data, DataFlags, GapBlock};

/// ```text
///           sent                reports, T3             sent again
///  (queue) ------> InFlight ------------------> Lost ---------------> InFlight
///                     |  \______________________/  \
///                SACK |        SACK                 \ limit or lifetime
///                     v                              v
///                   Acked (RFC 9260)             Abandoned (RFC 3758)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    InFlight,
    Lost,
    Acked,
    Abandoned,
}

/// A chunk that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    data: Bytes,
    expires_at: Instant,
    left: Delivery,
    /// Position in the order of sending; a chunk sent again gets a new one.
    pub(crate) sequence: u64,
    ppid: u32,
    slot: u32,
    /// How many chunks from this on are known to be acknowledged, so that a long gap block is walked once.
    skip: u32,
    stream: u16,
    ssn: u16,
    max_retransmits: u16,
    pub(crate) transmissions: u16,
    flags: DataFlags,
    /// The I bit was set when it left.
    asked: bool,
    pub(crate) state: State,
}

/// What a SACK told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Acked {
    pub(crate) bytes: usize,
    pub(crate) chunks: usize,
    /// One of them asked to be acknowledged at once.
    pub(crate) asked: bool,
    pub(crate) advanced: bool,
    /// The latest sent of the chunks newly acknowledged.
    pub(crate) newest: Option<(u64, Delivery)>,
    /// Round trip of a chunk sent once and acknowledged cumulatively.
    pub(crate) rtt: Option<Duration>,
    /// What was sent after this cannot have been acknowledged yet.
    plausible_before: Instant,
}

/// One sending of a chunk.
#[derive(Clone, Copy, Debug)]
struct Sending {
    sequence: u64,
    left: Delivery,
    asked: bool,
}

/// Chunks by TSN. Unwrapped TSNs throughout.
#[derive(Clone, Debug)]
pub(crate) struct Outstanding {
    ring: VecDeque<Chunk>,
    /// TSN of the first of the ring.
    base: u64,
    pub(crate) in_flight_bytes: usize,
    pub(crate) in_flight_chunks: usize,
    sequence: u64,
    pub(crate) loss: LossDetector,
    /// The peer has thrown away what it had reported.
    reneges: bool,
    pub(crate) progress: Progress,
    /// The highest TSN acknowledged in any way.
    highest_acked: u64,
    /// Everything up to this may be skipped (RFC 3758 §3.5 C1: Advanced.Peer.Ack.Point).
    advanced_to: u64,
    /// Messages given up.
    pub(crate) abandoned: u64,
    pub(crate) ops: Ops,
}

impl Outstanding {
    /// Nothing in flight; the first TSN will be `initial`.
    pub(crate) fn new(initial: u64) -> Self {
        Self {
            ring: VecDeque::new(),
            base: initial,
            in_flight_bytes: 0,
            in_flight_chunks: 0,
            sequence: 1,
            loss: LossDetector::new(initial),
            reneges: false,
            progress: Progress::default(),
            highest_acked: initial - 1,
            advanced_to: initial - 1,
            abandoned: 0,
            ops: Ops::default(),
        }
    }

    pub(crate) fn next_tsn(&self) -> u64 {
        self.base + self.ring.len() as u64
    }

    /// The last TSN acknowledged cumulatively.
    pub(crate) const fn cumulative(&self) -> u64 {
        self.base - 1
    }

    /// Whether nothing has ever been in it.
    pub(crate) fn is_fresh(&self) -> bool {
        self.ring.is_empty() && self.sequence == 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Whether all there is has been given up.
    pub(crate) fn is_settled(&self) -> bool {
        self.advanced_to + 1 >= self.next_tsn()
    }

    /// The first chunk that is neither acknowledged nor given up, if one behind it has been acknowledged.
    pub(crate) fn first_passed_over(&self) -> Option<u64> {
        let first = (self.advanced_to + 1).max(self.base);
        (first < self.highest_acked && self.get(first).is_some_and(Chunk::is_open)).then_some(first)
    }

    /// Whether the lifetime of a chunk's message has passed.
    pub(crate) fn is_overdue(&self, now: Instant, tsn: u64) -> bool {
        self.get(tsn).is_some_and(|sent| sent.expires_at <= now)
    }

    pub(crate) fn index(&self, tsn: u64) -> Option<usize> {
        usize::try_from(tsn.checked_sub(self.base)?).ok()
    }

    pub(crate) fn get(&self, tsn: u64) -> Option<&Chunk> {
        self.ring.get(self.index(tsn)?)
    }

    /// Takes a fragment that leaves now and returns its TSN.
    pub(crate) fn insert(&mut self, now: Instant, fragment: Fragment) -> u64 {
        let tsn = self.next_tsn();
        let left = self.progress.departure(now, self.in_flight_chunks == 0, false);
        self.in_flight_bytes += fragment.data.len();
        self.in_flight_chunks += 1;
        let sequence = self.next_sequence();
        self.ring.push_back(Chunk::new(left, sequence, fragment, State::InFlight));
        tsn
    }

    /// Reserves a TSN for the end of an abandoned message that was not sent, so that FORWARD TSN can name it.
    pub(crate) fn insert_placeholder(&mut self, fragment: Fragment, queue: &mut SendQueue) {
        queue.unsettled(fragment.slot);
        self.ring.push_back(Chunk::new(Delivery::default(), 0, fragment, State::Abandoned));
        self.advance();
    }

    const fn next_sequence(&mut self) -> u64 {
        let sequence = self.sequence;
        self.sequence += 1;
        sequence
    }

    /// The chunk of a TSN as it goes on the wire.
    pub(crate) fn encode(&self, tsn: u64) -> Option<Data<'_>> {
        let sent = self.get(tsn)?;
        Some(Data {
            flags: sent.flags,
            tsn: Tsn::wrap(tsn),
            stream: sent.stream,
            ssn: Ssn(sent.ssn),
            ppid: sent.ppid,
            payload: &sent.data,
            offset: 0,
        })
    }

    /// Marks a lost chunk as sent again.
    pub(crate) fn resent(&mut self, now: Instant, tsn: u64) {
        let sequence = self.next_sequence();
        let left = self.progress.departure(now, self.in_flight_chunks == 0, true);
        let Some(index) = self.index(tsn) else { return };
        let Some(sent) = self.ring.get_mut(index) else { return };
        sent.sequence = sequence;
        sent.left = left;
        sent.transmissions = sent.transmissions.saturating_add(1);
        sent.state = State::InFlight;
        self.in_flight_bytes += sent.data.len();
        self.in_flight_chunks += 1;
        self.loss.resent(sequence, tsn);
    }

    /// The chunk sent last has the I bit.
    pub(crate) fn asked(&mut self) {
        if let Some(sent) = self.ring.back_mut() {
            sent.asked = true;
        }
    }

    /// Whether a chunk that is lost is not worth another attempt (RFC 3758 §3.1).
    pub(crate) fn is_given_up(&self, now: Instant, tsn: u64) -> bool {
        self.get(tsn).is_some_and(|sent| {
            sent.expires_at <= now
                || (sent.max_retransmits != u16::MAX && sent.transmissions > sent.max_retransmits)
        })
    }

    /// Takes an acknowledgement of everything up to `cumulative` and of `blocks` relative to it; `least_rtt` is the least round
    /// trip known. `None` if it is older than what is known, or acknowledges what was never sent.
    pub(crate) fn on_sack(
        &mut self,
        now: Instant,
        cumulative: u64,
        blocks: impl Iterator<Item = GapBlock>,
        least_rtt: Duration,
        queue: &mut SendQueue,
    ) -> Option<Acked> {
        if cumulative < self.cumulative() || cumulative >= self.next_tsn() {
            return None;
        }
        let advanced = cumulative > self.cumulative();
        let mut acked = Acked { advanced, plausible_before: now - least_rtt, ..Acked::default() };
        while self.base <= cumulative {
            let Some(mut sent) = self.ring.pop_front() else { break };
            self.base += 1;
            self.ops.add(1);
            if self.settle(&mut sent, &mut acked, queue) && sent.transmissions == 1 {
                acked.rtt = Some(now.saturating_duration_since(sent.left.sent_at));
            }
        }
        for block in blocks {
            self.ops.add(1);
            // The chunk behind the cumulative TSN is missing: else that would cover it.
            if block.start < 2 || block.end < block.start {
                continue;
            }
            let first = usize::from(block.start) - 1;
            let end = usize::from(block.end).min(self.ring.len());
            self.highest_acked = self.highest_acked.max(self.base + end as u64 - 1);
            self.ack_range(first, end, &mut acked, queue);
        }
        if self.advanced_to < cumulative {
            self.advanced_to = cumulative;
        }
        self.advance();
        self.progress.acknowledged(now, acked.bytes, acked.newest.map(|(_, left)| left.sent_at));
        Some(acked)
    }

    /// Acknowledges the chunks `first..end` of the ring; what is known to be acknowledged is leapt over.
    fn ack_range(&mut self, first: usize, end: usize, acked: &mut Acked, queue: &mut SendQueue) {
        let mut index = first;
        while index < end {
            self.ops.add(1);
            let Some(slot) = self.ring.get_mut(index) else { return };
            let run = u32::try_from(end - index).unwrap_or(1);
            let step = if slot.state == State::Acked { slot.skip.max(1) } else { 1 };
            slot.skip = slot.skip.max(run);
            let before = slot.state;
            if matches!(before, State::InFlight | State::Lost) {
                slot.state = State::Acked;
                let (bytes, stream, sending) = (slot.data.len(), slot.slot, slot.sending());
                self.account(before, bytes, sending, acked);
                queue.settled(stream);
            }
            index += step as usize;
        }
    }

    /// Books a chunk that the cumulative TSN covers; whether it was in flight until now.
    fn settle(&mut self, sent: &mut Chunk, acked: &mut Acked, queue: &mut SendQueue) -> bool {
        let before = sent.state;
        sent.state = State::Acked;
        self.account(before, sent.data.len(), sent.sending(), acked);
        if before != State::Acked {
            queue.settled(sent.slot);
        }
        before == State::InFlight
    }

    fn account(&mut self, before: State, bytes: usize, sending: Sending, acked: &mut Acked) {
        if before == State::InFlight {
            self.in_flight_bytes -= bytes;
            self.in_flight_chunks -= 1;
        }
        if matches!(before, State::InFlight | State::Lost) {
            acked.bytes += bytes;
            acked.chunks += 1;
            acked.asked |= sending.asked;
            // A chunk sent again and acknowledged sooner than any round trip was acknowledged for an earlier sending.
            let plausible = !sending.left.repeated || sending.left.sent_at <= acked.plausible_before;
            if plausible && acked.newest.is_none_or(|(newest, _)| newest < sending.sequence) {
                acked.newest = Some((sending.sequence, sending.left));
            }
        }
    }

    /// Marks chunks lost that three SACKs have passed over, in the order of sending. Returns their bytes.
    pub(crate) fn detect_losses(&mut self, newest: u64) -> usize {
        let Some(passed) = self.loss.reported(newest) else { return 0 };
        let mut bytes = 0;
        let end = self.next_tsn();
        let mut tsn = self.loss.unjudged().max(self.base);
        while tsn < end {
            self.ops.add(1);
            let Some(sent) = self.get(tsn) else { break };
            let step = match sent.state {
                State::InFlight if sent.transmissions == 1 => {
                    if sent.sequence >= passed {
                        break;
                    }
                    bytes += self.lose(tsn);
                    1
                }
                State::Acked => u64::from(sent.skip.max(1)),
                State::InFlight | State::Lost | State::Abandoned => 1,
            };
            tsn += step;
        }
        self.loss.judged_to(tsn.min(end));
        while let Some((sequence, tsn)) = self.loss.next_resent(passed) {
            self.ops.add(1);
            if self.get(tsn).is_some_and(|sent| sent.sequence == sequence && sent.state == State::InFlight) {
                bytes += self.lose(tsn);
            }
        }
        bytes
    }

    /// Takes a chunk out of flight; it will be sent again.
    fn lose(&mut self, tsn: u64) -> usize {
        let Some(sent) = self.index(tsn).and_then(|index| self.ring.get_mut(index)) else { return 0 };
        sent.state = State::Lost;
        self.in_flight_bytes -= sent.data.len();
        self.in_flight_chunks -= 1;
        let moved = self.loss.lost(tsn);
        self.ops.add(moved);
        sent.data.len()
    }

    /// T3 ran out: all that is in flight is to be sent again (RFC 9260 §6.3.3 E3), and what a peer that reneges has reported.
    pub(crate) fn lose_all(&mut self, queue: &mut SendQueue) {
        let (base, reneges) = (self.base, core::mem::take(&mut self.reneges));
        self.loss.clear(self.next_tsn());
        for (sent, tsn) in self.ring.iter_mut().zip(base..) {
            if sent.state == State::Acked && reneges {
                queue.unsettled(sent.slot);
            } else if !sent.is_open() {
                continue;
            }
            sent.state = State::Lost;
            sent.skip = 0;
            self.loss.lost(tsn);
        }
        self.in_flight_bytes = 0;
        self.in_flight_chunks = 0;
    }

    /// A peer whose cumulative TSN stands right before what it once reported has thrown that away (§6.2.1 D iii): the first such
    /// chunk is sent again at once, others when T3 runs out.
    pub(crate) fn find_reneged(&mut self, queue: &mut SendQueue) {
        let Some(first) = self.ring.front_mut().filter(|first| first.state == State::Acked) else { return };
        first.state = State::Lost;
        first.skip = 0;
        queue.unsettled(first.slot);
        self.loss.lost(self.base);
        self.reneges = true;
    }

    /// The lowest TSN waiting to be sent again.
    pub(crate) fn next_lost(&mut self) -> Option<u64> {
        while let Some(tsn) = self.loss.first_lost() {
            if self.get(tsn).is_some_and(|sent| sent.state == State::Lost) {
                return Some(tsn);
            }
            self.loss.take_lost();
        }
        None
    }

    /// Gives up the message that `tsn` is part of. Returns true if its end has not been sent yet.
    pub(crate) fn abandon(&mut self, tsn: u64, queue: &mut SendQueue) -> bool {
        let Some(index) = self.index(tsn).filter(|index| *index < self.ring.len()) else { return false };
        let mut first = index;
        while first > 0 && self.ring.get(first).is_some_and(|sent| !sent.flags.beginning) {
            first -= 1;
        }
        self.abandoned += 1;
        for at in first..self.ring.len() {
            self.ops.add(1);
            let Some(sent) = self.ring.get_mut(at) else { break };
            if sent.state == State::InFlight {
                self.in_flight_bytes -= sent.data.len();
                self.in_flight_chunks -= 1;
            }
            // What the peer has of the message is skipped with the rest: the message will never be whole. It is of its stream until the peer
            // has skipped it: a FORWARD TSN that named the stream after its reset would skip what has the same number since.
            if sent.state == State::Acked {
                queue.unsettled(sent.slot);
            }
            sent.state = State::Abandoned;
            sent.skip = 0;
            sent.data = Bytes::new();
            if sent.flags.ending {
                self.advance();
                return false;
            }
        }
        self.advance();
        true
    }

    /// RFC 3758 §3.5 C2.
    fn advance(&mut self) {
        while self.get(self.advanced_to + 1).is_some_and(|sent| sent.state == State::Abandoned) {
            self.advanced_to += 1;
        }
    }

    /// The TSN that FORWARD TSN would tell, if there is something to skip.
    pub(crate) fn forward_to(&self) -> Option<u64> {
        (self.advanced_to >= self.base).then_some(self.advanced_to)
    }

    /// The ordered messages that a FORWARD TSN skips: the last of each stream, at most `limit` streams, and the TSN reached.
    pub(crate) fn skipped(&self, limit: usize, out: &mut Vec<(u16, u16)>) -> u64 {
        out.clear();
        let mut reached = self.base - 1;
        for tsn in self.base..=self.advanced_to {
            let Some(sent) = self.get(tsn) else { break };
            if !sent.flags.unordered {
                match out.binary_search_by_key(&sent.stream, |entry| entry.0) {
                    Ok(at) => {
                        if let Some(entry) = out.get_mut(at) {
                            entry.1 = sent.ssn;
                        }
                    }
                    Err(_) if out.len() >= limit => break,
                    Err(at) => out.insert(at, (sent.stream, sent.ssn)),
                }
            }
            reached = tsn;
        }
        reached
    }

    pub(crate) fn trim(&mut self) {
        self.ring.shrink_to_fit();
        self.loss.trim();
    }

    /// What must hold between calls.
    pub(crate) fn check(&self) {
        let flying = || self.ring.iter().filter(|sent| sent.state == State::InFlight);
        assert_eq!(flying().count(), self.in_flight_chunks, "chunks in flight");
        assert_eq!(
            flying().map(|sent| sent.data.len()).sum::<usize>(),
            self.in_flight_bytes,
            "bytes in flight"
        );
        assert!(
            self.advanced_to + 1 >= self.base && self.advanced_to < self.next_tsn().max(self.base),
            "advanced"
        );
        for (sent, tsn) in self.ring.iter().zip(self.base..) {
            assert!(
                sent.state != State::Lost || self.loss.is_waiting(tsn),
                "{tsn} would never be sent again"
            );
        }
    }
}

impl Chunk {
    /// Whether it is neither acknowledged nor given up.
    const fn is_open(&self) -> bool {
        matches!(self.state, State::InFlight | State::Lost)
    }

    const fn sending(&self) -> Sending {
        Sending { sequence: self.sequence, left: self.left, asked: self.asked }
    }

    fn new(left: Delivery, sequence: u64, fragment: Fragment, state: State) -> Self {
        Self {
            expires_at: fragment.expires_at,
            left,
            sequence,
            ppid: fragment.ppid,
            slot: fragment.slot,
            skip: 0,
            stream: fragment.stream,
            ssn: fragment.ssn,
            max_retransmits: fragment.max_retransmits,
            transmissions: 1,
            flags: DataFlags {
                immediate: false,
                unordered: !fragment.ordered,
                beginning: fragment.beginning,
                ending: fragment.ending,
            },
            asked: false,
            state,
            data: fragment.data,
        }
    }
}

#[cfg(test)]
#[path = "outstanding_tests.rs"]
mod tests;
