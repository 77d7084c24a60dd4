//! Loss detection: which chunks the peer's reports have passed over.
//!
//! RFC 9260 §7.2.4 counts miss indications by TSN, so that a chunk sent again gathers them from chunks sent before it; step 5
//! therefore leaves a retransmission that is itself lost to T3. Here reports count in the order of sending: a chunk is lost
//! when three SACKs have each newly acknowledged something sent after it. For chunks sent once that is the same rule (HTNA),
//! and a lost retransmission is seen after three reports as well, not after a timeout. This departs from step 5.

use std::collections::VecDeque;

/// Counts reports and keeps what they show to be lost.
#[derive(Clone, Debug)]
pub(crate) struct LossDetector {
    /// The latest sendings reported by single SACKs, the three latest of them, descending. A chunk sent before the third has been
    /// passed over by three SACKs.
    reports: [u64; 3],
    /// Chunks sent once are in order of sending by TSN: those below this have been judged.
    unjudged: u64,
    /// Chunks sent again, in order of sending.
    resent: VecDeque<(u64, u64)>,
    /// TSNs waiting to be sent again, ascending.
    lost: VecDeque<u64>,
}

impl LossDetector {
    pub(crate) const fn new(initial: u64) -> Self {
        Self { reports: [0; 3], unjudged: initial, resent: VecDeque::new(), lost: VecDeque::new() }
    }

    /// A SACK newly acknowledged the sending `newest` and none later. Returns the sending before which all are lost that have not
    /// been acknowledged.
    pub(crate) fn reported(&mut self, newest: u64) -> Option<u64> {
        let [first, second, third] = &mut self.reports;
        if newest > *first {
            (*third, *second, *first) = (*second, *first, newest);
        } else if newest > *second {
            (*third, *second) = (*second, newest);
        } else if newest > *third {
            *third = newest;
        }
        (*third > 0).then_some(*third)
    }

    pub(crate) const fn unjudged(&self) -> u64 {
        self.unjudged
    }

    pub(crate) const fn judged_to(&mut self, tsn: u64) {
        self.unjudged = tsn;
    }

    /// A chunk has been sent again.
    pub(crate) fn resent(&mut self, sequence: u64, tsn: u64) {
        self.resent.push_back((sequence, tsn));
        self.remove_lost(tsn);
    }

    /// The next sending before `passed` that was a repeat.
    pub(crate) fn next_resent(&mut self, passed: u64) -> Option<(u64, u64)> {
        let _ = self.resent.front().filter(|(sequence, _)| *sequence < passed)?;
        self.resent.pop_front()
    }

    /// A chunk is to be sent again. Returns how many others were moved to make room for it.
    pub(crate) fn lost(&mut self, tsn: u64) -> usize {
        if self.lost.back().is_none_or(|last| *last < tsn) {
            self.lost.push_back(tsn);
            return 1;
        }
        let Err(at) = self.lost.binary_search(&tsn) else { return 0 };
        self.lost.insert(at, tsn);
        at.min(self.lost.len() - at) + 1
    }

    pub(crate) fn first_lost(&self) -> Option<u64> {
        self.lost.front().copied()
    }

    pub(crate) fn take_lost(&mut self) {
        self.lost.pop_front();
    }

    fn remove_lost(&mut self, tsn: u64) {
        if self.lost.front() == Some(&tsn) {
            self.lost.pop_front();
        } else if let Ok(at) = self.lost.binary_search(&tsn) {
            self.lost.remove(at);
        }
    }

    /// Whether something may be waiting to be sent again.
    pub(crate) fn has_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    pub(crate) fn is_waiting(&self, tsn: u64) -> bool {
        self.lost.binary_search(&tsn).is_ok()
    }

    /// Everything before `next` is judged, for T3 has run out.
    pub(crate) fn clear(&mut self, next: u64) {
        self.resent.clear();
        self.lost.clear();
        self.unjudged = next;
    }

    pub(crate) fn trim(&mut self) {
        self.resent.shrink_to_fit();
        self.lost.shrink_to_fit();
    }
}
