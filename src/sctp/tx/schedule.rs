//! Which stream sends next: deficit round robin by bytes, weighted by priority (RFC 8260 §3.6 for whole messages).

use std::collections::VecDeque;

use super::queue::OutStream;
use crate::base::limits;
use crate::sctp::streams::StreamMap;

/// The streams that have something to send, in turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    slots: VecDeque<u32>,
}

impl Ring {
    /// Adds a stream that has become able to send.
    pub(crate) fn activate(&mut self, slot: u32, stream: &mut OutStream, mtu: usize) {
        if stream.active {
            return;
        }
        stream.active = true;
        // What a stream owes for its last turn it owes still, while there are others to be owed to.
        let debt = if self.slots.is_empty() { 0 } else { stream.deficit.min(0) };
        stream.deficit = debt + quantum(stream.priority, mtu);
        self.slots.push_back(slot);
    }

    /// The stream whose turn it is, if `ready` says that it has something; streams that have not leave the ring.
    pub(crate) fn turn(
        &mut self,
        streams: &mut StreamMap<OutStream>,
        mtu: usize,
        ready: impl Fn(&OutStream) -> bool,
    ) -> Option<u32> {
        loop {
            self.retire(streams, &ready);
            let slot = *self.slots.front()?;
            let stream = streams.at_mut(slot)?;
            if stream.deficit > 0 || self.slots.len() == 1 {
                return Some(slot);
            }
            stream.deficit += quantum(stream.priority, mtu);
            self.slots.rotate_left(1);
        }
    }

    /// Takes streams that have nothing more off the head of the ring.
    pub(crate) fn retire(&mut self, streams: &mut StreamMap<OutStream>, ready: impl Fn(&OutStream) -> bool) {
        while let Some(stream) = self.slots.front().and_then(|slot| streams.at_mut(*slot))
            && !ready(stream)
        {
            stream.active = false;
            self.slots.pop_front();
        }
    }

    /// Charges a stream for a message it sent.
    pub(crate) fn charge(stream: &mut OutStream, bytes: usize, mtu: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX / 2);
        // The debt of one message is bounded, so that a turn is found in a bounded number of steps.
        let floor = -limits::SCTP_MAX_TURNS * quantum(stream.priority, mtu);
        stream.deficit = (stream.deficit - bytes).max(floor);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.slots.clear();
    }

    pub(crate) fn trim(&mut self) {
        self.slots.shrink_to_fit();
    }
}

/// Bytes a stream may send in one turn. A priority of 256 is worth one packet; none is worth less than a sixteenth.
fn quantum(priority: u16, mtu: usize) -> i64 {
    let mtu = i64::try_from(mtu).unwrap_or(1200);
    (mtu * i64::from(priority) / 256).max(mtu / 16).max(1)
}
