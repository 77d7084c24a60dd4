//! One page's connection, and where in the film it is.

use core::time::Duration;
use std::sync::Arc;

use antiphon::codec::CodecKind;
use antiphon::peer::{MediaCapabilities, Sender, TransceiverId};
use antiphon::rtp::{Frame, NtpTime};
use antiphon::sdp::{Direction, Token};
use antiphon::{Config, ConnectionState, Event, Instant, SessionDescription};

use crate::endpoint::{Endpoint, Fallible};
use crate::film::{Film, Sample};

/// What the film is encoded as, and nothing else.
pub(crate) fn config(film: &Film) -> Config {
    let mut media = MediaCapabilities::new();
    for kind in [&mut media.audio, &mut media.video] {
        kind.codecs.retain(|codec| codec.is("rtx") || film.tracks.iter().any(|its| codec.is(its.name())));
    }
    Config::new().media(media)
}

/// A page that watches.
pub(crate) struct Session {
    end: Endpoint,
    film: Arc<Film>,
    /// The transceiver of each of the film's tracks that the page wants.
    tracks: Vec<Option<TransceiverId>>,
    /// When playing began, and what the wall clock showed then.
    began: Option<(Instant, Duration)>,
    /// The sample to be sent next.
    next: usize,
    /// From the beginning of playing to that of the film as it is played now: after each round one film more.
    shift: Duration,
}

impl Session {
    /// Answers a page's offer to receive.
    pub(crate) fn answer(mut end: Endpoint, offer: &str, film: Arc<Film>) -> Fallible<(Self, String)> {
        let mut tracks = Vec::new();
        let answer = end.answer(SessionDescription::offer(offer)?, |pc| {
            // One stream: what is of one stream the browser plays in step.
            let stream = Token::new("film")?;
            for codec in &film.tracks {
                let offered = pc
                    .transceivers()
                    .into_iter()
                    .find(|id| pc.transceiver(*id).is_some_and(|its| its.kind() == Some(codec.media())));
                if let Some(mut its) = offered.and_then(|id| pc.transceiver(id)) {
                    its.set_direction(Direction::SendOnly)?;
                    its.set_streams(vec![stream.clone()])?;
                }
                tracks.push(offered);
            }
            Ok(())
        })?;
        if tracks.iter().all(Option::is_none) {
            return Err("the page wants neither sound nor pictures".into());
        }
        let session = Self { end, film, tracks, began: None, next: 0, shift: Duration::ZERO };
        Ok((session, answer.to_sdp()))
    }

    /// Plays until the page leaves. How many frames it got.
    pub(crate) fn run(mut self) -> Fallible<u64> {
        let mut sent = 0;
        loop {
            match self.end.next_event(self.due())? {
                None => sent += self.play()?,
                Some(Event::ConnectionStateChange(ConnectionState::Connected)) if self.began.is_none() => {
                    let now = self.end.clock.now();
                    self.began = Some((now, self.end.pc.unix_time(now)));
                }
                Some(Event::KeyframeRequested(id, ..)) => self.rewind(id),
                Some(Event::PeerClosed | Event::ConnectionStateChange(ConnectionState::Failed)) => {
                    self.end.pc.close();
                }
                Some(Event::ConnectionStateChange(ConnectionState::Closed)) => return Ok(sent),
                Some(_) => {}
            }
        }
    }

    /// When the next sample is due.
    fn due(&self) -> Option<Instant> {
        let (start, _) = self.began?;
        let sample = self.film.samples.get(self.next)?;
        Some(start + self.shift + sample.at)
    }

    /// Sends what is due; the film begins again after its end.
    fn play(&mut self) -> Fallible<u64> {
        let (film, now) = (Arc::clone(&self.film), self.end.clock.now());
        let mut sent = 0;
        while let (Some(due), Some((start, unix_time))) = (self.due(), self.began)
            && due <= now
        {
            if let Some(sample) = film.samples.get(self.next) {
                let played = due.saturating_duration_since(start);
                sent += u64::from(self.send(now, sample, played, unix_time)?);
            }
            self.next += 1;
            if self.next == film.samples.len() {
                self.next = 0;
                self.shift += film.duration;
            }
        }
        Ok(sent)
    }

    /// Sends a sample. Sound and pictures carry the time at which they were due, by the same clock: that keeps them in step,
    /// however late this thread wakes.
    fn send(
        &mut self,
        now: Instant,
        sample: &Sample,
        played: Duration,
        unix_time: Duration,
    ) -> Fallible<bool> {
        let codec = self.film.tracks.get(sample.track).copied().unwrap_or(CodecKind::Opus);
        let id = self.tracks.get(sample.track).copied().flatten();
        let Some(mut sender) = id.and_then(|id| self.end.pc.sender(id)).filter(Sender::can_write) else {
            return Ok(false);
        };
        let capture_time = Some(NtpTime::from_unix(unix_time + played));
        let frame =
            Frame { capture_time, ..Frame::new(sample.data.clone(), ticks(played, codec.clock_rate())) };
        match sender.write(now, &frame) {
            Ok(()) => Ok(true),
            // The path takes no more: a lost frame, as any other.
            Err(antiphon::peer::WriteError::Refused(antiphon::rtp::WriteError::QueueFull { .. })) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The page cannot go on without a key frame, and nobody can make one: go back to the last, with the sound.
    fn rewind(&mut self, id: TransceiverId) {
        let track = self.tracks.iter().position(|its| *its == Some(id));
        let key = track.and_then(|track| self.film.key_before(track, self.next));
        let at = |index: usize| self.film.samples.get(index).map_or(Duration::ZERO, |sample| sample.at);
        if let Some(key) = key {
            self.shift += at(self.next).saturating_sub(at(key));
            self.next = key;
        }
    }
}

/// A media clock's reading after so long, modulo 2^32.
fn ticks(played: Duration, clock_rate: u32) -> u32 {
    let ticks = played.as_nanos() * u128::from(clock_rate) / 1_000_000_000;
    u32::try_from(ticks & u128::from(u32::MAX)).unwrap_or_default()
}
