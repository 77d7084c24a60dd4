//! One page's connection, and the file that its camera and microphone go to.
#![expect(clippy::wildcard_enum_match_arm, reason = "it picks the events it wants")]

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use antiphon::codec::{CodecKind, MediaKind};
use antiphon::peer::{MediaCapabilities, TransceiverId};
use antiphon::{Config, ConnectionState, Event, Instant, SessionDescription};
use mio::{Token, Waker};

use crate::endpoint::{Endpoint, Fallible};
use crate::take::{Count, Take};

/// What a WebM file holds, and no other codec.
pub(crate) fn config() -> Config {
    let mut media = MediaCapabilities::new();
    media.audio.codecs.retain(|codec| codec.is("opus"));
    media.video.codecs.retain(|codec| codec.is("VP8") || codec.is("VP9") || codec.is("rtx"));
    Config::new().media(media)
}

/// What became of each track.
pub(crate) type Summary = Vec<(CodecKind, Count)>;

/// A page that is recorded.
pub(crate) struct Session {
    end: Endpoint,
    take: Take,
    /// The tracks by their transceivers.
    tracks: BTreeMap<TransceiverId, usize>,
    codecs: Vec<CodecKind>,
    /// When the recording ends by itself.
    until: Option<Instant>,
}

impl Session {
    /// Answers a page's offer: what it sends goes to a file at `path`, for at most `limit` from now.
    pub(crate) fn answer(
        mut end: Endpoint,
        offer: &str,
        path: PathBuf,
        limit: Option<Duration>,
    ) -> Fallible<(Self, String)> {
        let answer = end.answer(SessionDescription::offer(offer)?, |_| Ok(()))?;
        let (mut tracks, mut codecs) = (BTreeMap::new(), Vec::new());
        for id in end.pc.transceivers() {
            // One track of each kind: the first.
            if let Some(codec) = end.pc.receiver(id).and_then(|its| its.codecs().first()?.codec.kind())
                && codecs.iter().all(|other: &CodecKind| other.media() != codec.media())
            {
                tracks.insert(id, codecs.len());
                codecs.push(codec);
            }
        }
        if codecs.is_empty() {
            return Err("the page offers nothing that can be recorded".into());
        }
        let until = limit.map(|limit| end.clock.now() + limit);
        let take = Take::new(path, &codecs);
        Ok((Self { end, take, tracks, codecs, until }, answer.to_sdp()))
    }

    /// Ends the recording from another thread.
    pub(crate) fn waker(&self) -> Fallible<Arc<Waker>> {
        Ok(Arc::new(Waker::new(self.end.poll.registry(), Token(1))?))
    }

    /// Records until the page leaves, the time is up or the waker wakes; then the file is closed, whatever happened.
    pub(crate) fn run(mut self) -> Fallible<Summary> {
        let recorded = self.record();
        let counts = self.take.finish()?;
        recorded.map(|()| self.codecs.into_iter().zip(counts).collect())
    }

    fn record(&mut self) -> Fallible<()> {
        loop {
            let Some(event) = self.end.next_event(self.until)? else {
                // Woken, or the time is up: say goodbye and leave.
                self.end.pc.close();
                self.until = None;
                continue;
            };
            match event {
                Event::MediaReadable(id) => self.read(id)?,
                Event::PeerClosed | Event::ConnectionStateChange(ConnectionState::Failed) => {
                    self.end.pc.close();
                }
                Event::ConnectionStateChange(ConnectionState::Closed) => return Ok(()),
                _ => {}
            }
        }
    }

    fn read(&mut self, id: TransceiverId) -> Fallible<()> {
        while let Some(frame) = self.end.pc.receiver(id).and_then(|mut its| its.recv()) {
            if let Some(track) = self.tracks.get(&id) {
                self.take.push(*track, self.end.clock.now(), &frame)?;
            }
        }
        Ok(())
    }
}

/// A line about a recording that has ended.
pub(crate) fn describe(summary: &Fallible<Summary>) -> String {
    let tracks = match summary {
        Ok(tracks) => tracks,
        Err(error) => return error.to_string(),
    };
    let line = |(codec, count): &(CodecKind, Count)| {
        let what = if codec.media() == MediaKind::Audio { "packets of sound" } else { "pictures" };
        format!("{} {what} ({}), {} left out", count.written, codec.name(), count.dropped)
    };
    tracks.iter().map(line).collect::<Vec<_>>().join("; ")
}
