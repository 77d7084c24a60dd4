//! Named telephone events, DTMF among them (RFC 4733): reports, how they are repeated, how they are put together.

use super::error::PayloadError;
use crate::base::reader::Reader;

/// Longest duration a report can say; a longer event goes on in another segment (RFC 4733 §2.5.1.3).
const SEGMENT: u32 = 0xffff;
/// How often the last report of an event or segment is sent (RFC 4733 §2.5.1.4).
const FINAL_REPORTS: u8 = 3;

/// One report of an event: how long it has lasted so far.
///
/// ```
/// use antiphon::codec::telephone_event::{Report, event_of};
///
/// let report = Report { event: event_of('#').unwrap(), end: true, volume: 10, duration: 800 };
/// assert_eq!(report.to_bytes(), [11, 0x8a, 0x03, 0x20]);
/// assert_eq!(Report::parse(&report.to_bytes()), Ok(report));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Report {
    /// What happened: 0 to 15 are the keys of a telephone, see [`event_of`].
    pub event: u8,
    /// It is over.
    pub end: bool,
    /// Power, 0 to 63 dB below 1 mW: greater is softer.
    pub volume: u8,
    /// Ticks of the RTP clock since the packet's timestamp.
    pub duration: u16,
}

impl Report {
    /// Bytes of a report.
    pub const LEN: usize = 4;

    /// Reads a payload's first report: events that follow one another closely may share a packet (RFC 4733 §2.5.1.5),
    /// see [`reports`].
    ///
    /// # Errors
    /// [`PayloadError`] if the payload is no whole number of reports.
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        reports(payload)?.next().ok_or(PayloadError::Empty)
    }

    /// The report as a payload.
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, (self.end as u8) << 7 | self.volume & 0x3f, high, low]
    }

    const fn from_bytes([event, flags, high, low]: [u8; Self::LEN]) -> Self {
        let duration = u16::from_be_bytes([high, low]);
        Self { event, end: flags & 0x80 != 0, volume: flags & 0x3f, duration }
    }
}

/// The reports of a payload, in order: each event begins where the one before it ends.
///
/// # Errors
/// [`PayloadError`] if the payload is empty or no whole number of reports.
///
/// ```
/// use antiphon::codec::telephone_event::reports;
///
/// let two: Vec<_> = reports(&[1, 0x8a, 0, 160, 2, 0x0a, 0, 80])?.map(|report| report.event).collect();
/// assert_eq!(two, [1, 2]);
/// # Ok::<(), antiphon::codec::PayloadError>(())
/// ```
pub fn reports(payload: &[u8]) -> Result<impl Iterator<Item = Report>, PayloadError> {
    if payload.is_empty() {
        return Err(PayloadError::Empty);
    }
    if !payload.len().is_multiple_of(Report::LEN) {
        return Err(PayloadError::Truncated { len: payload.len() });
    }
    let mut reader = Reader::new(payload);
    Ok(core::iter::from_fn(move || reader.array().map(Report::from_bytes)))
}

/// The event of a key of a telephone: digits, `*`, `#`, `A` to `D` (RFC 4733 §3.2).
pub const fn event_of(key: char) -> Option<u8> {
    match key {
        '0'..='9' => Some(key as u8 - b'0'),
        '*' => Some(10),
        '#' => Some(11),
        'A'..='D' => Some(key as u8 - b'A' + 12),
        'a'..='d' => Some(key as u8 - b'a' + 12),
        _ => None,
    }
}

/// The key of an event.
///
/// ```
/// use antiphon::codec::telephone_event::{event_of, key_of};
///
/// assert!("0123456789*#ABCD".chars().all(|key| event_of(key).and_then(key_of) == Some(key)));
/// ```
pub const fn key_of(event: u8) -> Option<char> {
    match event {
        0..=9 => Some((b'0' + event) as char),
        10 => Some('*'),
        11 => Some('#'),
        12..=15 => Some((b'A' + event - 12) as char),
        _ => None,
    }
}

/// One packet of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Ticks after the event began when the packet is due.
    pub due: u32,
    /// What to add to the timestamp at which the event began: frozen through the event, and moved on only where a long
    /// event goes on in another segment.
    pub offset: u32,
    /// The marker bit: set on the first packet of the event only.
    pub marker: bool,
    /// The payload.
    pub report: Report,
}

/// The packets of one event of known length: updates at a constant interval, and the last three times.
///
/// ```
/// use antiphon::codec::telephone_event::Packets;
///
/// // Key 5 for 100 ms at 8 kHz, reported every 50 ms.
/// let packets: Vec<_> = Packets::new(5, 10, 800, 400).collect();
/// let durations: Vec<_> = packets.iter().map(|packet| packet.report.duration).collect();
/// assert_eq!(durations, [400, 800, 800, 800]);
/// assert!(packets.iter().all(|packet| packet.offset == 0));
/// ```
#[derive(Clone, Debug)]
pub struct Packets {
    event: u8,
    volume: u8,
    duration: u32,
    interval: u32,
    /// When the next update is due.
    next: u32,
    /// Where the current segment began.
    segment: u32,
    marker: bool,
    /// The packet that is being repeated, and how many times are left.
    repeat: Option<(Packet, u8)>,
    ended: bool,
}

impl Packets {
    /// An event of `duration` ticks, reported every `interval` ticks (RFC 4733 §2.5.1.2 recommends 50 ms). Neither is less
    /// than one tick.
    pub const fn new(event: u8, volume: u8, duration: u32, interval: u32) -> Self {
        let duration = if duration == 0 { 1 } else { duration };
        let interval = if interval == 0 { 1 } else { interval };
        let (next, segment, marker, repeat, ended) = (interval, 0, true, None, false);
        Self { event, volume, duration, interval, next, segment, marker, repeat, ended }
    }

    /// When there is something new to say.
    fn due(&self) -> u32 {
        self.next.min(self.segment.saturating_add(SEGMENT)).min(self.duration)
    }

    fn update(&mut self) -> Option<Packet> {
        if self.ended {
            return None;
        }
        let due = self.due();
        let end = due == self.duration;
        let duration = u16::try_from(due - self.segment).unwrap_or(u16::MAX);
        let report = Report { event: self.event, end, volume: self.volume, duration };
        let packet = Packet { due, offset: self.segment, marker: self.marker, report };
        (self.marker, self.ended) = (false, end);
        if due == self.next {
            self.next = self.next.saturating_add(self.interval);
        }
        if end || due - self.segment == SEGMENT {
            self.segment = due;
            self.repeat = Some((Packet { marker: false, ..packet }, FINAL_REPORTS - 1));
        }
        Some(packet)
    }
}

impl Iterator for Packets {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        let Some((packet, left)) = self.repeat.take() else { return self.update() };
        let due = packet.due.saturating_add(self.interval);
        // The end of a segment is repeated while the next one is already being reported.
        if !self.ended && self.due() < due {
            let update = self.update();
            // A segment shorter than the repetition of the one before it takes its place.
            self.repeat = self.repeat.take().or(Some((packet, left)));
            return update;
        }
        let packet = Packet { due, ..packet };
        self.repeat = (left > 1).then_some((packet, left - 1));
        Some(packet)
    }
}

/// What a report adds to what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The event began; it has lasted so long.
    Began {
        /// The event.
        event: u8,
        /// Ticks so far.
        duration: u32,
    },
    /// It goes on.
    Lasts {
        /// The event.
        event: u8,
        /// Ticks so far.
        duration: u32,
    },
    /// It is over. Nothing else is said of an event whose earlier reports were lost.
    Ended {
        /// The event.
        event: u8,
        /// Ticks in all.
        duration: u32,
    },
}

/// Puts reports together: repetitions are passed over, segments of a long event are joined.
///
/// ```
/// use antiphon::codec::telephone_event::{Packets, Progress, Tracker};
///
/// let mut tracker = Tracker::new();
/// let seen: Vec<_> = Packets::new(5, 10, 800, 400).filter_map(|p| tracker.report(9000 + p.offset, p.report)).collect();
/// assert_eq!(seen, [Progress::Began { event: 5, duration: 400 }, Progress::Ended { event: 5, duration: 800 }]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    current: Option<Current>,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    event: u8,
    /// Timestamp of the segment that is being reported.
    segment: u32,
    /// Ticks of the segments before it.
    before: u32,
    duration: u16,
    ended: bool,
}

impl Tracker {
    /// Nothing heard yet.
    pub const fn new() -> Self {
        Self { current: None }
    }

    /// Takes the report of a packet with this RTP timestamp. `None`: it says nothing new.
    pub fn report(&mut self, timestamp: u32, report: Report) -> Option<Progress> {
        let event = report.event;
        let began = match &mut self.current {
            // Half of the space back: a repetition of what is long over.
            Some(current) if timestamp.wrapping_sub(current.segment) > u32::MAX / 2 => return None,
            Some(current) if current.event == event && current.segment == timestamp => {
                if current.ended || (report.duration <= current.duration && !report.end) {
                    return None;
                }
                current.duration = current.duration.max(report.duration);
                false
            }
            Some(current) if current.goes_on_at(timestamp, event) => {
                current.before = current.before.saturating_add(SEGMENT);
                (current.segment, current.duration) = (timestamp, report.duration);
                false
            }
            current => {
                let (segment, duration) = (timestamp, report.duration);
                *current = Some(Current { event, segment, before: 0, duration, ended: false });
                true
            }
        };
        let current = self.current.as_mut()?;
        current.ended = report.end;
        let duration = current.before.saturating_add(u32::from(current.duration));
        Some(match (report.end, began) {
            (true, _) => Progress::Ended { event, duration },
            (false, true) => Progress::Began { event, duration },
            (false, false) => Progress::Lasts { event, duration },
        })
    }
}

impl Current {
    /// Whether a segment with this timestamp is the next one of this event (RFC 4733 §2.5.2.3).
    const fn goes_on_at(&self, timestamp: u32, event: u8) -> bool {
        let gap = timestamp.wrapping_sub(self.segment);
        !self.ended && self.event == event && gap == SEGMENT
    }
}

#[cfg(test)]
#[path = "telephone_event_tests.rs"]
mod tests;
