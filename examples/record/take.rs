//! What arrives of one page becomes a file: begun at a key frame, sound and pictures in step, nothing in it that cannot be decoded.

use core::time::Duration;
use std::path::PathBuf;

use antiphon::Instant;
use antiphon::codec::{CodecKind, MediaKind, vp8, vp9_header};
use antiphon::rtp::Frame;

use crate::endpoint::Fallible;
use crate::webm::{Block, Content, Webm};

/// How long the sender's reports are waited for, which say how its sound and its pictures belong together. Browsers send
/// the first of a track within three seconds.
const PATIENCE: Duration = Duration::from_secs(6);

/// What is recorded of one page.
pub(crate) struct Take {
    path: PathBuf,
    tracks: Vec<Track>,
    state: State,
}

enum State {
    /// Frames wait until it is known when they were captured.
    Waiting { since: Option<Instant>, frames: Vec<Held> },
    /// The file is written; times count from `origin`.
    Writing { webm: Webm, clock: Clock, origin: i64 },
}

/// Which clock the times in the file are of. All of a file's are of the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// The sender's: its reports have told it of every track.
    Sender,
    /// Ours, as frames arrived.
    Arrival,
}

struct Held {
    track: usize,
    /// On the track's own clock, in nanoseconds.
    media: i64,
    key: bool,
    data: bytes::Bytes,
    size: Option<(u32, u32)>,
}

/// One track on its way into the file.
struct Track {
    codec: CodecKind,
    /// The last timestamp, as it came and counted on beyond 32 bits.
    timestamp: Option<(u32, i64)>,
    /// What the sender's wall clock showed when the track's clock was at zero, in nanoseconds, by its latest report.
    sender: Option<i64>,
    /// When on our clock the track's zero would have arrived, by the frame that came quickest.
    arrival: i64,
    /// The number of the track in the file.
    number: Option<usize>,
    /// Whether everything since the last key frame is there.
    whole: bool,
    /// The time of the last frame in the file, in milliseconds.
    last: i64,
    count: Count,
}

/// What became of a track's frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// In the file.
    pub(crate) written: u64,
    /// Not in the file: they refer to frames that were lost, or were captured before the first key frame.
    pub(crate) dropped: u64,
}

impl Take {
    /// Records tracks of these codecs, which must be Opus, VP8 or VP9; the file is made when the first frames are in.
    pub(crate) fn new(path: PathBuf, codecs: &[CodecKind]) -> Self {
        let track = |codec: &CodecKind| Track {
            codec: *codec,
            timestamp: None,
            sender: None,
            arrival: i64::MAX,
            number: None,
            whole: codec.media() == MediaKind::Audio,
            last: -1,
            count: Count::default(),
        };
        let state = State::Waiting { since: None, frames: Vec::new() };
        Self { path, tracks: codecs.iter().map(track).collect(), state }
    }

    /// Takes a frame of the track of that index.
    pub(crate) fn push(&mut self, index: usize, now: Instant, frame: &Frame) -> Fallible<()> {
        let track = self.tracks.get_mut(index).ok_or("no such track")?;
        let media = track.time(frame, now);
        let key = frame.keyframe || track.is_sound();
        // What follows a loss cannot be decoded until the next key frame; the connection has asked for one.
        track.whole = key || (track.whole && frame.contiguous);
        if !track.whole {
            track.count.dropped += 1;
            return Ok(());
        }
        let size = if key && !track.is_sound() { size(track.codec, &frame.data) } else { None };
        let held = Held { track: index, media, key, data: frame.data.clone(), size };
        match &mut self.state {
            State::Writing { .. } => self.write(&held),
            State::Waiting { since, frames } => {
                frames.push(held);
                let waited = now.saturating_duration_since(*since.get_or_insert(now));
                let ready = |(index, track): (usize, &Track)| {
                    let begun = frames.iter().any(|held| held.track == index);
                    begun && track.sender.is_some()
                };
                let ready = self.tracks.iter().enumerate().all(ready);
                if ready || waited >= PATIENCE { self.begin() } else { Ok(()) }
            }
        }
    }

    /// Closes the file. What became of each track's frames.
    pub(crate) fn finish(mut self) -> Fallible<Vec<Count>> {
        self.begin()?;
        if let State::Writing { webm, .. } = self.state {
            webm.finish()?;
        }
        Ok(self.tracks.iter().map(|track| track.count).collect())
    }

    /// Makes the file of what has waited, if there is anything to begin with.
    fn begin(&mut self) -> Fallible<()> {
        let State::Waiting { frames, .. } = &mut self.state else { return Ok(()) };
        let frames = std::mem::take(frames);
        let clock = if self.tracks.iter().all(|track| track.sender.is_some()) {
            Clock::Sender
        } else {
            Clock::Arrival
        };
        let mut contents = Vec::new();
        let mut origin = None;
        for (index, track) in self.tracks.iter_mut().enumerate() {
            let Some(first) = frames.iter().find(|held| held.track == index) else { continue };
            let content = match first.size {
                Some(size) => Content::Pictures(track.codec, size),
                None if track.is_sound() => Content::Sound,
                None => continue,
            };
            track.number = Some(contents.len());
            contents.push(content);
            // Pictures begin the file; where there are none sound does.
            let begins = (track.is_sound(), track.wall(clock, first.media));
            origin = Some(origin.map_or(begins, |other| begins.min(other)));
        }
        let Some((_, origin)) = origin else { return Ok(()) };
        let webm = Webm::create(&self.path, contents)?;
        self.state = State::Writing { webm, clock, origin };
        frames.iter().try_for_each(|held| self.write(held))
    }

    fn write(&mut self, held: &Held) -> Fallible<()> {
        let State::Writing { webm, clock, origin } = &mut self.state else { return Ok(()) };
        let Some(track) = self.tracks.get_mut(held.track) else { return Ok(()) };
        let at = (track.wall(*clock, held.media) - *origin) / 1_000_000;
        let Some(number) = track.number.filter(|_| at >= 0) else {
            track.count.dropped += 1;
            return Ok(());
        };
        // Reports correct the clock by little; a player wants times to rise.
        let at = at.max(track.last + 1);
        track.last = at;
        track.count.written += 1;
        webm.write(Block { track: number, at, key: held.key, data: held.data.clone() })
    }
}

impl Track {
    fn is_sound(&self) -> bool {
        self.codec.media() == MediaKind::Audio
    }

    /// The frame's time on the track's own clock; learns from the frame how that clock stands to others.
    fn time(&mut self, frame: &Frame, now: Instant) -> i64 {
        let ticks = self
            .timestamp
            .map_or(0, |(last, ticks)| ticks + i64::from(frame.timestamp.wrapping_sub(last).cast_signed()));
        self.timestamp = Some((frame.timestamp, ticks));
        let media = ticks * 1_000_000_000 / i64::from(self.codec.clock_rate());
        if let Some(captured) = frame.capture_time {
            self.sender = Some(nanos(captured.to_unix()) - media);
        }
        let arrived = frame.received_at.unwrap_or(now).saturating_duration_since(Instant::ZERO);
        // Once the file is begun its clock stays.
        if self.number.is_none() {
            self.arrival = self.arrival.min(nanos(arrived) - media);
        }
        media
    }

    fn wall(&self, clock: Clock, media: i64) -> i64 {
        media
            + match clock {
                Clock::Sender => self.sender.unwrap_or_default(),
                Clock::Arrival => self.arrival,
            }
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Width and height, as a key frame says them.
fn size(codec: CodecKind, data: &[u8]) -> Option<(u32, u32)> {
    if codec == CodecKind::Vp9 {
        vp9_header::FrameHeader::parse(data)?.resolution
    } else {
        vp8::FrameHeader::parse(data)?.resolution
    }
}
