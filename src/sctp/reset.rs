//! Stream reset, both directions (RFC 6525).

use std::collections::VecDeque;

use super::association::Association;
use super::event::{Event, ResetFailure};
use crate::base::limits;
use crate::base::serial::Tsn;
use crate::time::{Instant, Timer};
use crate::wire::sctp::{PacketWriter, ReConfig, ReConfigParameter, ReConfigResult, U16List};

/// Our request that the peer has not answered.
#[derive(Clone, Debug)]
struct Request {
    number: u32,
    last: Tsn,
    streams: Vec<u16>,
    due: bool,
    timer: Timer,
    /// The peer has said "in progress": it is there, and asking again is no error (§5.2.7 H2).
    in_progress: bool,
}

/// The peer's request that waits for data sent before it.
#[derive(Clone, Debug)]
struct Deferred {
    number: u32,
    /// Unwrapped.
    last: u64,
}

/// A reset that waited and was performed. A peer that was told "in progress" may ask again under the next number and take no notice of
/// what is said of the one before (dcSCTP does so): with the same streams and last TSN that is the same reset once more. Any other new
/// number asks for another (RFC 6525 §5.2.1).
#[derive(Clone, Debug)]
struct Completed {
    number: u32,
    /// Unwrapped.
    last: u64,
    streams: Vec<u16>,
}

/// Requests and responses.
#[derive(Clone, Debug, Default)]
pub(super) struct Resets {
    next_number: u32,
    request: Option<Request>,
    /// The number of the peer's next request.
    expected: u32,
    /// What we answered last, latest first, for requests that come again: one chunk may bring two.
    answered: [Option<(u32, ReConfigResult)>; limits::SCTP_RECONFIG_PARAMETERS],
    /// The reset that was performed after the peer had been told "in progress".
    completed: Option<Completed>,
    deferred: Option<Deferred>,
    responses: VecDeque<(u32, ReConfigResult)>,
}

impl Resets {
    /// Both sides number their requests from their first TSN (§4.1).
    pub(super) fn begin(&mut self, ours: Tsn, theirs: Tsn) {
        *self = Self { next_number: ours.0, expected: theirs.0, ..Self::default() };
    }

    pub(super) fn at(&self) -> Option<Instant> {
        self.request.as_ref()?.timer.at()
    }

    pub(super) const fn is_waiting(&self) -> bool {
        self.deferred.is_some()
    }
}

impl Association {
    /// Takes a RE-CONFIG.
    pub(super) fn on_reconfig(&mut self, chunk: &ReConfig<'_>) {
        for parameter in chunk.parameters().take(limits::SCTP_RECONFIG_PARAMETERS) {
            match parameter {
                Err(_) | Ok(ReConfigParameter::Unknown { .. }) => self.stats.drops.bad_reconfig += 1,
                Ok(ReConfigParameter::OutgoingReset { request, last_tsn, streams, .. }) => {
                    let known = self.is_old_request(request);
                    if !known {
                        let result = self.on_outgoing_reset(request, last_tsn, &streams);
                        self.respond(request, result);
                    }
                }
                Ok(ReConfigParameter::IncomingReset { request, .. }) => {
                    self.refuse(request, ReConfigResult::NothingToDo);
                }
                Ok(
                    ReConfigParameter::SsnTsnReset { request }
                    | ReConfigParameter::AddOutgoing { request, .. }
                    | ReConfigParameter::AddIncoming { request, .. },
                ) => self.refuse(request, ReConfigResult::Denied),
                Ok(ReConfigParameter::Response { request, result, .. }) => self.on_response(request, result),
            }
        }
    }

    /// Answers a request that came before, or has a number that none can have; false for the one that is expected.
    fn is_old_request(&mut self, number: u32) -> bool {
        if number == self.resets.expected {
            return false;
        }
        let known = self.resets.answered.iter().flatten().find(|(answered, _)| *answered == number);
        let result = known.map_or(ReConfigResult::BadSequenceNumber, |(_, result)| *result);
        self.queue_response(number, result);
        true
    }

    fn refuse(&mut self, number: u32, result: ReConfigResult) {
        if !self.is_old_request(number) {
            self.respond(number, result);
        }
    }

    /// Answers the request that was expected.
    fn respond(&mut self, number: u32, result: ReConfigResult) {
        self.resets.expected = number.wrapping_add(1);
        self.resets.answered.rotate_right(1);
        if let Some(latest) = self.resets.answered.first_mut() {
            *latest = Some((number, result));
        }
        self.queue_response(number, result);
    }

    /// A SACK goes with it, so that what the peer has to send again for the reset's sake it sends soon (§5.2.1).
    fn queue_response(&mut self, number: u32, result: ReConfigResult) {
        self.rx.acks.hurry();
        if self.resets.responses.len() < limits::SCTP_RECONFIG_PARAMETERS {
            self.resets.responses.push_back((number, result));
        } else {
            self.stats.drops.answer_queue_full += 1;
        }
    }

    /// The peer resets streams that it sends on (§5.2.2).
    fn on_outgoing_reset(&mut self, number: u32, last: Tsn, streams: &U16List<'_>) -> ReConfigResult {
        let inbound = self.rx.inbound();
        if streams.iter().any(|stream| stream >= inbound) {
            self.stats.drops.bad_reconfig += 1;
            return ReConfigResult::WrongSsn;
        }
        let last = self.rx.tracker.unwrap(last);
        let cumulative = self.rx.tracker.cumulative();
        if last > cumulative + limits::SCTP_MAX_TSN_DISTANCE {
            self.stats.drops.bad_reconfig += 1;
            return ReConfigResult::Denied;
        }
        let mut named: Vec<u16> = streams.iter().collect();
        named.sort_unstable();
        named.dedup();
        let completed = self.resets.completed.take();
        if completed.is_some_and(|reset| {
            reset.number.wrapping_add(1) == number && reset.last == last && reset.streams == named
        }) {
            return ReConfigResult::Performed;
        }
        // A peer that was told "in progress" may ask again under a new number: that replaces what waits.
        self.resets.deferred = None;
        self.rx.release();
        if last <= cumulative {
            self.perform(&named);
            return ReConfigResult::Performed;
        }
        self.rx.hold(named, last);
        self.resets.deferred = Some(Deferred { number, last });
        ReConfigResult::InProgress
    }

    /// Performs the reset that waited, once all that was sent before it has arrived.
    pub(super) fn perform_deferred(&mut self) {
        let cumulative = self.rx.tracker.cumulative();
        if let Some(deferred) = self.resets.deferred.take_if(|deferred| deferred.last <= cumulative) {
            let streams = self.rx.release();
            self.perform(&streams);
            self.resets.completed = Some(Completed { number: deferred.number, last: deferred.last, streams });
            for (number, result) in self.resets.answered.iter_mut().flatten() {
                if *number == deferred.number {
                    *result = ReConfigResult::Performed;
                }
            }
            self.queue_response(deferred.number, ReConfigResult::Performed);
        }
    }

    /// No stream named is every stream: what has not been used since its last reset needs none.
    fn perform(&mut self, streams: &[u16]) {
        let all = if streams.is_empty() { self.rx.take_used() } else { Vec::new() };
        for stream in streams.iter().chain(&all) {
            self.rx.reset(*stream, &mut self.events);
        }
    }

    /// The peer has answered our request (§5.2.7).
    fn on_response(&mut self, number: u32, result: ReConfigResult) {
        let Some(request) = self.resets.request.as_mut().filter(|request| request.number == number) else {
            self.stats.drops.bad_reconfig += 1;
            return;
        };
        self.errors = 0;
        let reason = match result {
            ReConfigResult::NothingToDo | ReConfigResult::Performed => None,
            ReConfigResult::InProgress | ReConfigResult::RequestInProgress => {
                request.in_progress = true;
                request.due = false;
                request.timer.set(self.latest.now() + self.tx.rto.base());
                return;
            }
            ReConfigResult::BadSequenceNumber => Some(ResetFailure::BadSequenceNumber),
            ReConfigResult::WrongSsn => Some(ResetFailure::Wrong),
            ReConfigResult::Denied | ReConfigResult::Other(_) => Some(ResetFailure::Denied),
        };
        let streams = self.resets.request.take().map(|request| request.streams).unwrap_or_default();
        for stream in streams {
            self.tx.queue.end_reset(stream, reason.is_none());
            self.events.push(match reason {
                None => Event::OutgoingReset { stream },
                Some(reason) => Event::ResetFailed { stream, reason },
            });
        }
    }

    pub(super) fn on_reset_timer(&mut self, now: Instant) {
        let Some(request) = &mut self.resets.request else { return };
        if request.timer.take_due(now) {
            request.due = true;
            if !request.in_progress {
                self.tx.rto.expired();
                self.count_error();
            }
        }
    }

    /// Whether a RE-CONFIG waits to be drawn.
    pub(super) fn has_reconfig(&self) -> bool {
        !self.resets.responses.is_empty()
            || self.resets.request.as_ref().is_some_and(|request| request.due)
            || (self.resets.request.is_none() && !self.tx.queue.ready_to_reset.is_empty())
    }

    /// Writes responses, then our request.
    pub(super) fn write_reconfig(&mut self, now: Instant, packet: &mut PacketWriter<'_>) {
        if !self.resets.responses.is_empty() {
            // §5.2.1: several go into one chunk.
            let responses = self
                .resets
                .responses
                .iter()
                .map(|&(request, result)| ReConfigParameter::Response { request, result, tsns: None });
            if packet.re_config(responses).is_err() {
                return;
            }
            self.resets.responses.clear();
        }
        if self.resets.request.is_none() && !self.tx.queue.ready_to_reset.is_empty() {
            self.make_request();
        }
        let expected = self.resets.expected;
        let Some(request) = self.resets.request.as_mut().filter(|request| request.due) else { return };
        let parameter = ReConfigParameter::OutgoingReset {
            request: request.number,
            response: expected.wrapping_sub(1),
            last_tsn: request.last,
            streams: U16List::new(&request.streams),
        };
        if packet.re_config([parameter]).is_ok() {
            request.due = false;
            request.timer.set(now + self.tx.rto.current());
        }
    }

    /// One request at a time (§5.1.1), for as many of the streams that are ready as fit a packet.
    fn make_request(&mut self) {
        let most = (self.config.mtu.saturating_sub(limits::SCTP_RECONFIG_HEAD) / 2).max(1);
        let ready = &mut self.tx.queue.ready_to_reset;
        let streams: Vec<u16> = ready.drain(..ready.len().min(most)).collect();
        for stream in &streams {
            self.tx.queue.requested(*stream);
        }
        self.resets.request = Some(Request {
            number: self.resets.next_number,
            last: self.tx.last_tsn(),
            streams,
            due: true,
            timer: Timer::stopped(),
            in_progress: false,
        });
        self.resets.next_number = self.resets.next_number.wrapping_add(1);
    }
}
