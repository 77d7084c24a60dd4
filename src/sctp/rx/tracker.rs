//! Which TSNs have arrived (RFC 9260 §6.2, RFC 3758 §3.6).

use crate::base::limits;
use crate::base::ranges::RangeSet;
use crate::base::serial::Tsn;
use crate::wire::sctp::GapBlock;

/// What a TSN is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Not seen before.
    New,
    /// Seen before.
    Duplicate,
    /// Too far ahead to be reported in a gap block.
    TooFar,
}

/// The cumulative TSN and what has arrived beyond it, unwrapped.
#[derive(Clone, Debug)]
pub(crate) struct Tracker {
    /// The first TSN.
    initial: u64,
    cumulative: u64,
    beyond: RangeSet,
    duplicates: Vec<Tsn>,
}

impl Tracker {
    /// Nothing has arrived; the first TSN will be `initial`, unwrapped.
    pub(crate) const fn new(initial: u64) -> Self {
        Self { initial, cumulative: initial - 1, beyond: RangeSet::new(), duplicates: Vec::new() }
    }

    /// Whether nothing has arrived.
    pub(crate) fn is_fresh(&self) -> bool {
        self.cumulative + 1 == self.initial && self.beyond.is_empty()
    }

    pub(crate) const fn unwrap(&self, tsn: Tsn) -> u64 {
        tsn.unwrap_near(self.cumulative)
    }

    pub(crate) const fn cumulative(&self) -> u64 {
        self.cumulative
    }

    /// The highest TSN that has arrived.
    pub(crate) fn highest(&self) -> u64 {
        self.beyond.last().map_or(self.cumulative, |range| *range.end())
    }

    /// What `tsn` would be; nothing is noted but duplicates.
    pub(crate) fn classify(&mut self, tsn: u64) -> Arrival {
        if tsn <= self.cumulative || (!self.beyond.is_empty() && self.beyond.contains(tsn)) {
            if self.duplicates.len() < limits::SCTP_MAX_DUPLICATES {
                self.duplicates.push(Tsn::wrap(tsn));
            }
            return Arrival::Duplicate;
        }
        if tsn - self.cumulative > limits::SCTP_MAX_TSN_DISTANCE {
            return Arrival::TooFar;
        }
        Arrival::New
    }

    /// Notes a TSN that is new.
    pub(crate) fn insert(&mut self, tsn: u64) {
        if tsn == self.cumulative + 1 {
            self.cumulative = tsn;
            self.close_up();
        } else {
            self.beyond.insert(tsn..=tsn);
        }
    }

    /// The peer skips everything up to `tsn`; false if that is old or out of range.
    pub(crate) fn forward(&mut self, tsn: u64) -> bool {
        if tsn <= self.cumulative || tsn - self.cumulative > limits::SCTP_MAX_TSN_DISTANCE {
            return false;
        }
        self.cumulative = tsn;
        self.beyond.remove_to(tsn);
        self.close_up();
        true
    }

    fn close_up(&mut self) {
        if self.beyond.is_empty() {
            return;
        }
        if let Some(first) = self.beyond.first()
            && *first.start() == self.cumulative + 1
        {
            self.cumulative = *first.end();
            self.beyond.remove_to(self.cumulative);
        }
    }

    pub(crate) fn has_gaps(&self) -> bool {
        !self.beyond.is_empty()
    }

    /// The gap blocks of a SACK, in order.
    pub(crate) fn gap_blocks(&self) -> impl Iterator<Item = GapBlock> {
        let offset = |tsn: u64| u16::try_from(tsn - self.cumulative).unwrap_or(u16::MAX);
        self.beyond
            .iter()
            .map(move |range| GapBlock { start: offset(*range.start()), end: offset(*range.end()) })
    }

    /// TSNs that came again since the last SACK.
    pub(crate) fn duplicates(&self) -> impl Iterator<Item = Tsn> {
        self.duplicates.iter().copied()
    }

    /// A SACK has reported the duplicates.
    pub(crate) fn reported(&mut self) {
        self.duplicates.clear();
    }

    pub(crate) fn trim(&mut self) {
        self.duplicates.shrink_to_fit();
    }
}

#[cfg(test)]
#[path = "tracker_tests.rs"]
mod tests;
