//! Fragments to messages: runs of consecutive TSNs that belong to one message.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::base::limits;
use crate::base::ops::Ops;

/// A fragment of a message of several.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// Unwrapped.
    pub(crate) tsn: u64,
    pub(crate) stream: u16,
    pub(crate) ssn: u16,
    pub(crate) ppid: u32,
    pub(crate) unordered: bool,
    pub(crate) beginning: bool,
    pub(crate) ending: bool,
    pub(crate) data: Bytes,
}

/// A message put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) stream: u16,
    pub(crate) ssn: u16,
    pub(crate) ppid: u32,
    pub(crate) unordered: bool,
    pub(crate) data: Bytes,
    /// What its fragments were charged with.
    pub(crate) charged: usize,
}

/// Consecutive fragments of one message.
#[derive(Clone, Debug)]
struct Run {
    first: u64,
    stream: u16,
    ssn: u16,
    ppid: u32,
    unordered: bool,
    beginning: bool,
    ending: bool,
    bytes: usize,
    pieces: VecDeque<Bytes>,
}

impl Run {
    fn next(&self) -> u64 {
        self.first + self.pieces.len() as u64
    }

    fn charge(&self) -> usize {
        self.bytes + self.pieces.len() * limits::SCTP_FRAGMENT_OVERHEAD + limits::SCTP_RUN_OVERHEAD
    }

    fn is_same_message(&self, piece: &Piece) -> bool {
        self.stream == piece.stream
            && self.unordered == piece.unordered
            && (self.unordered || self.ssn == piece.ssn)
    }

    /// Whether `piece` goes on where this run ends.
    fn takes_behind(&self, piece: &Piece) -> bool {
        self.next() == piece.tsn && !self.ending && !piece.beginning && self.is_same_message(piece)
    }

    /// Whether `piece` ends where this run begins.
    fn takes_before(&self, piece: &Piece) -> bool {
        self.first == piece.tsn + 1 && !self.beginning && !piece.ending && self.is_same_message(piece)
    }
}

/// Fragments waiting for others. Costs O(log n) a fragment in the number of runs; messages that arrive in order touch no tree
/// and, once warm, no allocator but for the joined message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reassembler {
    /// The run that grew last.
    current: Option<Run>,
    /// The others by their first TSN.
    runs: BTreeMap<u64, Run>,
    /// Memory of a finished run.
    spare: VecDeque<Bytes>,
    charged: usize,
    pub(crate) ops: Ops,
}

/// A message grew beyond what we put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Reassembler {
    /// Bytes that waiting fragments are charged with.
    pub(crate) const fn charged(&self) -> usize {
        self.charged
    }

    /// Takes a fragment whose TSN is new, and returns the message it completes.
    pub(crate) fn insert(&mut self, piece: Piece, max: usize) -> Result<Option<Whole>, TooLong> {
        self.charged += piece.data.len() + limits::SCTP_FRAGMENT_OVERHEAD;
        self.ops.add(1);
        let mut run = self.attach(piece);
        self.join_next(&mut run);
        if run.bytes > max {
            self.keep(run);
            return Err(TooLong);
        }
        if run.beginning && run.ending {
            return Ok(Some(self.finish(run)));
        }
        self.keep(run);
        Ok(None)
    }

    /// The run that `piece` ends, begins or is.
    fn attach(&mut self, piece: Piece) -> Run {
        if let Some(run) = self.current.take() {
            if run.takes_behind(&piece) {
                return grown_behind(run, piece);
            }
            self.runs.insert(run.first, run);
        }
        if !self.runs.is_empty() {
            let before = self.runs.range(..piece.tsn).next_back();
            let before = before.filter(|(_, run)| run.takes_behind(&piece)).map(|(first, _)| *first);
            if let Some(run) = before.and_then(|first| self.runs.remove(&first)) {
                return grown_behind(run, piece);
            }
            let after = piece.tsn + 1;
            if self.runs.get(&after).is_some_and(|run| run.takes_before(&piece))
                && let Some(run) = self.runs.remove(&after)
            {
                return grown_before(run, piece);
            }
        }
        self.charged += limits::SCTP_RUN_OVERHEAD;
        let mut pieces = core::mem::take(&mut self.spare);
        pieces.push_back(piece.data);
        Run {
            first: piece.tsn,
            stream: piece.stream,
            ssn: piece.ssn,
            ppid: piece.ppid,
            unordered: piece.unordered,
            beginning: piece.beginning,
            ending: piece.ending,
            bytes: pieces.iter().map(Bytes::len).sum(),
            pieces,
        }
    }

    /// Appends the run that follows `run`, if it is of the same message: the shorter list is moved.
    fn join_next(&mut self, run: &mut Run) {
        if run.ending || self.runs.is_empty() {
            return;
        }
        let after = run.next();
        let same = self.runs.get(&after).is_some_and(|next| {
            !next.beginning
                && next.stream == run.stream
                && next.unordered == run.unordered
                && (run.unordered || next.ssn == run.ssn)
        });
        if !same {
            return;
        }
        let Some(mut next) = self.runs.remove(&after) else { return };
        self.charged -= limits::SCTP_RUN_OVERHEAD;
        self.ops.add(run.pieces.len().min(next.pieces.len()));
        run.ending = next.ending;
        run.bytes += next.bytes;
        if run.pieces.len() >= next.pieces.len() {
            run.pieces.append(&mut next.pieces);
        } else {
            while let Some(piece) = run.pieces.pop_back() {
                next.pieces.push_front(piece);
            }
            run.pieces = next.pieces;
        }
    }

    fn keep(&mut self, run: Run) {
        self.current = Some(run);
    }

    fn finish(&mut self, mut run: Run) -> Whole {
        let charged = run.charge();
        self.charged -= charged;
        let mut joined = Vec::with_capacity(run.bytes);
        self.ops.add(run.pieces.len());
        for piece in run.pieces.drain(..) {
            joined.extend_from_slice(&piece);
        }
        self.spare = run.pieces;
        Whole {
            stream: run.stream,
            ssn: run.ssn,
            ppid: run.ppid,
            unordered: run.unordered,
            data: Bytes::from(joined),
            charged,
        }
    }

    /// Forgets the fragments of messages that the peer skips up to `tsn` (RFC 3758 §3.6).
    pub(crate) fn forward(&mut self, tsn: u64) {
        if let Some(run) = self.current.take() {
            self.runs.insert(run.first, run);
        }
        while let Some(entry) = self.runs.first_entry()
            && *entry.key() <= tsn
        {
            self.ops.add(entry.get().pieces.len());
            self.charged -= entry.remove().charge();
        }
    }

    pub(crate) fn trim(&mut self) {
        self.spare = VecDeque::new();
    }

    /// What must hold between calls.
    pub(crate) fn check(&self) {
        let sum: usize = self.runs.values().chain(&self.current).map(Run::charge).sum();
        assert_eq!(sum, self.charged, "charge of the fragments");
    }
}

fn grown_behind(mut run: Run, piece: Piece) -> Run {
    run.bytes += piece.data.len();
    run.ending = piece.ending;
    run.pieces.push_back(piece.data);
    run
}

fn grown_before(mut run: Run, piece: Piece) -> Run {
    run.first = piece.tsn;
    run.bytes += piece.data.len();
    run.beginning = piece.beginning;
    run.ppid = piece.ppid;
    run.pieces.push_front(piece.data);
    run
}

#[cfg(test)]
#[path = "reassemble_tests.rs"]
mod tests;
