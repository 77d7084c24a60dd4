//! The flight that is being sent: kept as messages, cut into records and datagrams when it is drawn.

use super::epoch::Epochs;
use super::error::SealError;
use crate::base::limits;
use crate::base::writer::Writer;
use crate::wire::dtls::handshake::{HEADER_LEN, HandshakeType, write_header};
use crate::wire::dtls::record::ContentType;

/// One thing that a flight carries.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The epoch its records belong to.
    pub(super) epoch: u16,
    pub(super) content: Content,
}

/// What it is.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// A handshake message, cut into fragments as the MTU demands.
    Handshake { kind: HandshakeType, sequence: u16, body: Vec<u8> },
    /// The whole content of a record of its own.
    Record(ContentType, &'static [u8]),
}

/// Whether an answer is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// The flight is repeated by the timer until the next one of the peer begins.
    Answer,
    /// The flight is repeated only if the peer repeats its own.
    Nothing,
}

/// Where in the flight the next record starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cursor {
    item: usize,
    /// Bytes of the message at `item` already in records before.
    offset: usize,
}

/// What goes into the next record.
#[derive(Clone, Copy, Debug)]
struct Plan {
    epoch: u16,
    content_type: ContentType,
    /// Bytes of content.
    len: usize,
    /// Where the record after it starts.
    next: Cursor,
}

/// A flight (RFC 6347 §4.2.4): sent, and kept to be sent again as a whole.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    items: Vec<Item>,
    expect: Expect,
    /// The number of the peer's message that this flight answers: when it comes again, the peer is missing us.
    answers: Option<u16>,
    cursor: Cursor,
    /// How often the peer may still make us repeat it before a timer of ours expires.
    repeats_left: u32,
}

/// Least bytes of a message worth a fragment of their own at the end of a datagram.
const MIN_FRAGMENT: usize = 32;

impl Flight {
    pub(super) fn new(items: Vec<Item>, expect: Expect, answers: Option<u16>) -> Self {
        Self { items, expect, answers, cursor: Cursor::default(), repeats_left: limits::DTLS_REPEATS }
    }

    pub(super) const fn expect(&self) -> Expect {
        self.expect
    }

    /// Whether the peer's message of this number is the last of what this flight answers.
    pub(super) fn answers(&self, sequence: u16) -> bool {
        self.answers == Some(sequence)
    }

    /// Whether something is to be drawn.
    pub(super) const fn has_output(&self) -> bool {
        self.cursor.item < self.items.len()
    }

    /// Sends everything again.
    pub(super) const fn restart(&mut self) {
        self.cursor = Cursor { item: 0, offset: 0 };
    }

    /// The timer expired: everything again, and the peer may ask again.
    pub(super) const fn restart_by_timer(&mut self) {
        self.restart();
        self.repeats_left = limits::DTLS_REPEATS;
    }

    /// The peer repeated what this flight answers: everything again, unless it is on its way or was asked for too often.
    pub(super) const fn restart_by_peer(&mut self) -> bool {
        if self.has_output() {
            return false;
        }
        // What awaits no answer has no timer that would let it be asked for again, and needs no bound: a HelloVerifyRequest is shorter
        // than a hello, and the last flight is asked for by a Finished, which nobody else can send.
        if matches!(self.expect, Expect::Answer) {
            if self.repeats_left == 0 {
                return false;
            }
            self.repeats_left -= 1;
        }
        self.restart();
        true
    }

    /// Writes the next datagram of at most `buf.len()` bytes; its length. 0: there is nothing more.
    pub(super) fn draw(&mut self, epochs: &mut Epochs, buf: &mut [u8]) -> Result<usize, SealError> {
        let mut used = 0;
        while let Some(rest) = buf.get_mut(used..) {
            let Some(plan) = self.plan(self.cursor, epochs, rest.len()) else { break };
            used += self.write(self.cursor, plan, epochs, rest)?;
            self.cursor = plan.next;
        }
        Ok(used)
    }

    /// How many records of at most `limit` bytes the flight makes.
    pub(super) fn record_count(&self, epochs: &Epochs, limit: usize) -> usize {
        core::iter::successors(Some(Cursor::default()), |cursor| {
            Some(self.plan(*cursor, epochs, limit)?.next)
        })
        .count()
            - 1
    }

    /// Writes record `index` of those that [`Self::record_count`] counts, with a sequence number of its own.
    pub(super) fn record(
        &self,
        index: usize,
        epochs: &mut Epochs,
        buf: &mut [u8],
        limit: usize,
    ) -> Result<Option<usize>, SealError> {
        let mut cursor = Cursor::default();
        for _ in 0..index {
            let Some(plan) = self.plan(cursor, epochs, limit) else { return Ok(None) };
            cursor = plan.next;
        }
        let Some(plan) = self.plan(cursor, epochs, limit) else { return Ok(None) };
        self.write(cursor, plan, epochs, buf).map(Some)
    }

    /// What a record of at most `limit` bytes that starts at `cursor` holds; `None` if nothing is left, or too little
    /// room. Several messages share a record, and a message is cut where the room ends.
    fn plan(&self, mut cursor: Cursor, epochs: &Epochs, limit: usize) -> Option<Plan> {
        let epoch = self.items.get(cursor.item)?.epoch;
        let (head, tail) = epochs.overhead(epoch);
        let room = limit.checked_sub(head + tail)?;
        let mut len = 0;
        let mut content_type = ContentType::Handshake;
        while let Some(item) = self.items.get(cursor.item).filter(|item| item.epoch == epoch) {
            match &item.content {
                Content::Record(_, _) if len > 0 => break,
                Content::Record(own, bytes) => {
                    cursor = Cursor { item: cursor.item + 1, offset: 0 };
                    (content_type, len) = (*own, bytes.len());
                    break;
                }
                Content::Handshake { body, .. } => {
                    let Some(part) = part_len(body.len() - cursor.offset, room - len) else { break };
                    len += HEADER_LEN + part;
                    cursor = after(cursor, part, body.len());
                    if cursor.offset > 0 {
                        break;
                    }
                }
            }
        }
        (len > 0 && len <= room).then_some(Plan { epoch, content_type, len, next: cursor })
    }

    /// Writes the record that was planned.
    fn write(
        &self,
        mut cursor: Cursor,
        plan: Plan,
        epochs: &mut Epochs,
        buf: &mut [u8],
    ) -> Result<usize, SealError> {
        let (head, tail) = epochs.overhead(plan.epoch);
        let wanted = head + plan.len + tail;
        let short = SealError::BufferTooShort { len: buf.len(), wanted };
        let content = buf.get_mut(head..head + plan.len).ok_or(short)?;
        let mut writer = Writer::new(content);
        while writer.remaining() > 0
            && let Some(item) = self.items.get(cursor.item)
        {
            match &item.content {
                Content::Record(_, bytes) => writer.bytes(bytes).map_err(|_| short)?,
                Content::Handshake { kind, sequence, body } => {
                    let part =
                        (writer.remaining().saturating_sub(HEADER_LEN)).min(body.len() - cursor.offset);
                    let range = cursor.offset..cursor.offset + part;
                    write_header(&mut writer, (*kind, *sequence), body.len(), range.clone())
                        .map_err(|_| short)?;
                    writer.bytes(body.get(range).unwrap_or_default()).map_err(|_| short)?;
                    cursor = after(cursor, part, body.len());
                }
            }
        }
        let epoch = epochs.write(plan.epoch).ok_or(SealError::NotConnected)?;
        epoch.seal(plan.content_type, buf, plan.len)
    }
}

/// How many of a message's `left` bytes go into `room` bytes, header included; `None` if it is not worth it.
fn part_len(left: usize, room: usize) -> Option<usize> {
    let room = room.checked_sub(HEADER_LEN)?;
    let part = left.min(room);
    (part == left || part >= MIN_FRAGMENT).then_some(part)
}

/// The cursor after `part` more bytes of a message of `total`.
const fn after(cursor: Cursor, part: usize, total: usize) -> Cursor {
    if cursor.offset + part == total {
        Cursor { item: cursor.item + 1, offset: 0 }
    } else {
        Cursor { item: cursor.item, offset: cursor.offset + part }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dtls::handshake::Fragments;
    use crate::wire::dtls::record::Records;

    fn message(sequence: u16, len: usize) -> Item {
        let content = Content::Handshake { kind: HandshakeType::CERTIFICATE, sequence, body: vec![7; len] };
        Item { epoch: 0, content }
    }

    fn flight() -> Flight {
        let change = Item { epoch: 0, content: Content::Record(ContentType::ChangeCipherSpec, &[1]) };
        let items = vec![message(0, 90), message(1, 700), message(2, 0), change, message(3, 12)];
        Flight::new(items, Expect::Answer, None)
    }

    fn drawn(flight: &mut Flight, epochs: &mut Epochs, mtu: usize) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        let mut buf = vec![0; mtu];
        while flight.has_output() {
            let len = flight.draw(epochs, &mut buf).unwrap();
            assert!(len > 0);
            datagrams.push(buf[..len].to_vec());
        }
        datagrams
    }

    fn bytes_by_message(datagrams: &[Vec<u8>]) -> [usize; 4] {
        let mut bytes = [0; 4];
        for record in datagrams.iter().flat_map(|datagram| Records::new(datagram)) {
            if record.content_type == ContentType::Handshake {
                for fragment in Fragments::new(record.fragment) {
                    bytes[usize::from(fragment.message_seq)] += fragment.data.len();
                }
            }
        }
        bytes
    }

    #[test]
    fn a_flight_that_fits_is_one_datagram_and_three_records() {
        let (mut flight, mut epochs) = (flight(), Epochs::new());
        let datagrams = drawn(&mut flight, &mut epochs, 1200);
        assert_eq!(datagrams.len(), 1);
        assert_eq!(Records::new(&datagrams[0]).count(), 3);
        assert_eq!(bytes_by_message(&datagrams), [90, 700, 0, 12]);
    }

    #[test]
    fn a_small_mtu_cuts_messages_and_loses_nothing() {
        for mtu in 256..600 {
            let (mut flight, mut epochs) = (flight(), Epochs::new());
            let datagrams = drawn(&mut flight, &mut epochs, mtu);
            assert_eq!(bytes_by_message(&datagrams), [90, 700, 0, 12], "{mtu}");
        }
    }

    #[test]
    fn records_can_be_read_by_index() {
        let (flight, mut epochs) = (flight(), Epochs::new());
        let count = flight.record_count(&epochs, 256);
        let mut buf = [0; 256];
        let records: Vec<_> = (0..count)
            .map(|index| {
                let len = flight.record(index, &mut epochs, &mut buf, 256).unwrap().unwrap();
                buf[..len].to_vec()
            })
            .collect();
        assert_eq!(bytes_by_message(&records), [90, 700, 0, 12]);
        assert_eq!(flight.record(count, &mut epochs, &mut buf, 256), Ok(None));
    }

    #[test]
    fn the_peer_can_ask_for_a_flight_only_so_often() {
        let (mut flight, mut epochs) = (flight(), Epochs::new());
        assert!(!flight.restart_by_peer(), "it is on its way");
        let mut repeats = 0;
        for _ in 0..100 {
            drawn(&mut flight, &mut epochs, 1200);
            repeats += u32::from(flight.restart_by_peer());
        }
        assert_eq!(repeats, limits::DTLS_REPEATS);
    }
}
