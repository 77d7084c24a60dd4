//! The reference model: what each kind of channel may deliver, and what it must.

use antiphon::Message;
use antiphon::sim::Dice;
use bytes::{BufMut, BytesMut};
use core::time::Duration;
use std::collections::BTreeSet;

use super::plan::Promise;

/// How much later than its life time a message may come over a healthy path: one that was sent in time is not called back, and an ordered one
/// waits for those before it.
pub(crate) const LATENESS: Duration = Duration::from_secs(2);

/// Message `number` of a lane: its length and content follow from the number. One in eight of an ordered, reliable lane is
/// empty or a byte long; the others begin with their number.
pub(crate) fn message(lane: u64, number: u64, largest: u64, promise: Promise) -> Message {
    let mut dice = Dice::new(lane.rotate_left(32) ^ number);
    let binary = dice.below(2) == 0;
    if promise.ordered && promise.reliable() && dice.below(8) == 0 {
        let data = if dice.below(2) == 0 { vec![] } else { vec![b'a' + u8::try_from(number % 26).unwrap()] };
        return Message { binary, data: data.into() };
    }
    let len = usize::try_from(dice.below(largest.max(1))).unwrap();
    let mut data = BytesMut::with_capacity(len + 16);
    // Sixteen digits, so that it is text too.
    data.put_slice(format!("{number:08x}{largest:08x}").as_bytes());
    data.extend((0..len).map(|index| b' ' + u8::try_from((number + index as u64) % 90).unwrap()));
    Message { binary, data: data.freeze() }
}

/// The number and size a message says it has.
fn said(message: &Message) -> Option<(u64, u64)> {
    let digits = |range| {
        let text = core::str::from_utf8(message.data.get(range)?).ok()?;
        u64::from_str_radix(text, 16).ok()
    };
    Some((digits(0..8)?, digits(8..16)?))
}

/// One direction of a channel: what was given to it and what came out.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    id: u64,
    promise: Promise,
    /// When each message was sent, on the network's clock, and how large it could be.
    sent: Vec<(Duration, u64)>,
    next: u64,
    received: BTreeSet<u64>,
    last: Option<u64>,
    /// The first message that was sent on a healthy network.
    healthy_from: Option<u64>,
    /// The receiver closed the channel: the rest may be discarded.
    pub(crate) forsaken: bool,
}

impl Lane {
    pub(crate) const fn new(id: u64, promise: Promise) -> Self {
        Self {
            id,
            promise,
            sent: Vec::new(),
            next: 0,
            received: BTreeSet::new(),
            last: None,
            healthy_from: None,
            forsaken: false,
        }
    }

    /// The next message to send.
    pub(crate) fn compose(&self, largest: u64) -> Message {
        message(self.id, self.sent.len() as u64, largest, self.promise)
    }

    /// The message was taken at this instant of the network's clock.
    pub(crate) fn sent(&mut self, at: Duration, largest: u64) {
        self.sent.push((at, largest));
    }

    pub(crate) const fn sent_count(&self) -> usize {
        self.sent.len()
    }

    pub(crate) fn received_count(&self) -> usize {
        if self.promise.ordered && self.promise.reliable() {
            usize::try_from(self.next).unwrap()
        } else {
            self.received.len()
        }
    }

    /// A message came out. S1, S2, S3.
    pub(crate) fn receive(&mut self, now: Duration, got: &Message, healthy: Option<(Duration, Duration)>) {
        let id = match (self.promise.ordered, self.promise.reliable()) {
            (true, true) => "S1",
            (false, true) => "S2",
            _ => "S3",
        };
        if id == "S1" {
            let largest = self.sent.get(usize::try_from(self.next).unwrap()).map(|(_, largest)| *largest);
            let Some(largest) = largest else { panic!("S1: a message that was never sent: {got:?}") };
            let expected = message(self.id, self.next, largest, self.promise);
            assert!(*got == expected, "S1: message {} is not what was sent", self.next);
            self.next += 1;
            return;
        }
        let Some((number, _)) = said(got) else { panic!("{id}: a message without a number: {got:?}") };
        let Some(&(sent_at, largest)) = self.sent.get(usize::try_from(number).unwrap()) else {
            panic!("{id}: message {number} was never sent");
        };
        assert!(
            *got == message(self.id, number, largest, self.promise),
            "{id}: message {number} has changed"
        );
        assert!(self.received.insert(number), "{id}: message {number} came twice");
        if self.promise.ordered {
            assert!(self.last.is_none_or(|last| number > last), "{id}: message {number} came late");
        }
        self.last = Some(number);
        let timely = healthy.filter(|(since, _)| sent_at >= *since);
        if let (Some(life), Some((_, lateness))) = (self.promise.life_time, timely) {
            let age = now.saturating_sub(sent_at);
            assert!(age <= life + lateness, "{id}: message {number} is {age:?} old, {life:?} allowed");
        }
    }

    /// From here on what no loss may take must arrive, whatever the promise.
    pub(crate) fn begin_healthy(&mut self) {
        self.healthy_from = Some(self.sent.len() as u64);
    }

    /// Of a channel that gives up by count, what was sent where nothing is lost. One that gives up by time may still do so.
    fn has_healthy(&self) -> bool {
        let by_count = self.promise.retransmits.is_some();
        let Some(from) = self.healthy_from.filter(|_| by_count && !self.forsaken) else { return true };
        (from..self.sent.len() as u64).all(|number| self.received.contains(&number))
    }

    /// Everything that was promised is there.
    pub(crate) fn is_complete(&self) -> bool {
        let whole = !self.promise.reliable() || self.forsaken || self.received_count() == self.sent.len();
        whole && self.has_healthy()
    }
}
