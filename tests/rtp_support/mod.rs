//! Two sessions and what lies between them, in virtual time.
#![expect(dead_code, reason = "each test file uses its part")]

use antiphon::codec::{CodecKind, MediaKind};
use antiphon::rtp::{
    Config, Event, FeedbackKinds, Frame, Input, Payload, ReceiverConfig, ReceiverId, SenderConfig, SenderId,
    Session,
};
use antiphon::wire::rtp::{ExtensionKind, ExtensionMap, is_rtcp};
use antiphon::{Instant, Output, Rng, Seed};
use bytes::Bytes;
use core::time::Duration;

pub(crate) const MTU: usize = 1200;
pub(crate) const START: Instant = Instant::from_nanos(1_000_000_000_000);
pub(crate) const UNIX: Duration = Duration::from_secs(1_790_000_000);

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn at(millis: u64) -> Instant {
    START + ms(millis)
}

pub(crate) fn rng(seed: u64) -> Rng {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    Rng::new(&Seed::from_bytes(bytes))
}

pub(crate) fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::new();
    for (id, kind) in [
        (1, ExtensionKind::Mid),
        (2, ExtensionKind::Rid),
        (3, ExtensionKind::RepairedRid),
        (4, ExtensionKind::AbsSendTime),
        (5, ExtensionKind::TransportSequence),
        (6, ExtensionKind::AudioLevel),
        (7, ExtensionKind::VideoOrientation),
        (8, ExtensionKind::DependencyDescriptor),
        (9, ExtensionKind::PlayoutDelay),
        (10, ExtensionKind::AbsCaptureTime),
    ] {
        map.insert(id, kind).unwrap();
    }
    map
}

pub(crate) fn config() -> Config {
    Config {
        extensions: extensions(),
        transport_feedback: true,
        reduced_size: true,
        extmap_allow_mixed: true,
        ..Config::new("someone")
    }
}

pub(crate) fn session(seed: u64, config: Config) -> Session {
    Session::new(START, UNIX, rng(seed), config).unwrap()
}

pub(crate) fn vp8() -> Vec<Payload> {
    vec![Payload::codec(96, CodecKind::Vp8), Payload::rtx(97, 96, 90_000)]
}

pub(crate) fn opus() -> Vec<Payload> {
    vec![Payload::codec(111, CodecKind::Opus)]
}

pub(crate) fn video_sender() -> SenderConfig {
    SenderConfig {
        mid: Some("v".into()),
        payloads: vp8(),
        extensions: extensions(),
        ..SenderConfig::new(MediaKind::Video)
    }
}

pub(crate) fn video_receiver() -> ReceiverConfig {
    ReceiverConfig { mid: Some("v".into()), payloads: vp8(), ..ReceiverConfig::new(MediaKind::Video) }
}

pub(crate) fn audio_sender() -> SenderConfig {
    SenderConfig {
        mid: Some("a".into()),
        payloads: opus(),
        extensions: extensions(),
        ..SenderConfig::new(MediaKind::Audio)
    }
}

pub(crate) fn audio_receiver() -> ReceiverConfig {
    ReceiverConfig { mid: Some("a".into()), payloads: opus(), ..ReceiverConfig::new(MediaKind::Audio) }
}

/// A VP8 frame of `len` bytes that says its number.
pub(crate) fn vp8_frame(number: u32, key: bool, len: usize) -> Frame {
    let mut data = vec![u8::from(!key), 0, 0];
    data.extend(number.to_be_bytes());
    data.resize(len.max(7), u8::try_from(number % 251).unwrap());
    Frame::new(data, number.wrapping_mul(3000))
}

/// What [`vp8_frame`] has put into a frame.
pub(crate) fn frame_number(frame: &Frame) -> u32 {
    u32::from_be_bytes(frame.data[3..7].try_into().unwrap())
}

pub(crate) fn opus_frame(number: u32) -> Frame {
    let mut data = vec![0xfc];
    data.extend(number.to_be_bytes());
    Frame::new(data, number.wrapping_mul(960))
}

/// A payload type without any feedback.
pub(crate) fn silent(payload: Payload) -> Payload {
    Payload { feedback: FeedbackKinds::default(), ..payload }
}

/// What is on its way in one direction.
pub(crate) struct InFlight {
    pub(crate) arrives_at: Instant,
    pub(crate) bytes: Bytes,
}

/// Decides what becomes of a packet: when it arrives, or never.
pub(crate) type Fate = Box<dyn FnMut(Instant, &[u8]) -> Option<Instant>>;

pub(crate) struct Pair {
    pub(crate) ends: [Session; 2],
    pub(crate) now: Instant,
    pub(crate) wire: [Vec<InFlight>; 2],
    pub(crate) fate: [Fate; 2],
    pub(crate) events: [Vec<Event>; 2],
    pub(crate) deadline: [Option<Instant>; 2],
    /// Everything that left either side.
    pub(crate) sent: [Vec<Bytes>; 2],
}

impl Pair {
    /// Two sessions with a network of that delay between them.
    pub(crate) fn new(ends: [Session; 2], delay: Duration) -> Self {
        let straight = || -> Fate { Box::new(move |now, _| Some(now + delay)) };
        Self {
            ends,
            now: START,
            wire: [Vec::new(), Vec::new()],
            fate: [straight(), straight()],
            events: [Vec::new(), Vec::new()],
            deadline: [None; 2],
            sent: [Vec::new(), Vec::new()],
        }
    }

    /// Draws all that both have.
    pub(crate) fn drain(&mut self) {
        let mut buf = [0; MTU];
        for side in 0..2 {
            for round in 0.. {
                assert!(round < 100_000, "draining does not end");
                match self.ends[side].poll_output(self.now, &mut buf) {
                    Output::Event(event) => self.events[side].push(event),
                    Output::Transmit(transmit) => {
                        let bytes = Bytes::copy_from_slice(&buf[..transmit.len]);
                        self.sent[side].push(bytes.clone());
                        if let Some(arrives_at) = (self.fate[side])(self.now, &bytes) {
                            self.wire[1 - side].push(InFlight { arrives_at, bytes });
                        }
                    }
                    Output::Wait(deadline) => {
                        assert!(deadline.is_none_or(|at| at > self.now));
                        self.deadline[side] = deadline;
                        break;
                    }
                }
            }
        }
    }

    /// Lets time pass until then, delivering what arrives and polling when a deadline comes.
    pub(crate) fn run_until(&mut self, end: Instant) {
        for round in 0.. {
            assert!(round < 1_000_000, "time does not pass");
            self.drain();
            let arrivals = self.wire.iter().flatten().map(|packet| packet.arrives_at);
            let next = arrivals.chain(self.deadline.into_iter().flatten()).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for side in 0..2 {
                while let Some(index) = self.wire[side]
                    .iter()
                    .enumerate()
                    .filter(|(_, p)| p.arrives_at <= self.now)
                    .min_by_key(|(index, p)| (p.arrives_at, *index))
                    .map(|(index, _)| index)
                {
                    let packet = self.wire[side].remove(index);
                    self.ends[side].handle_input(self.now, input(packet.bytes));
                }
            }
        }
        self.now = end;
        self.drain();
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    pub(crate) fn write(&mut self, side: usize, id: SenderId, frame: &Frame) {
        self.ends[side].write(self.now, id, frame).unwrap();
    }

    pub(crate) fn read(&mut self, side: usize, id: ReceiverId) -> Vec<Frame> {
        core::iter::from_fn(|| self.ends[side].recv(id)).collect()
    }

    /// The RTP packets that a side has sent.
    pub(crate) fn rtp_sent(&self, side: usize) -> Vec<Bytes> {
        self.sent[side].iter().filter(|bytes| !is_rtcp(bytes)).cloned().collect()
    }

    /// The RTCP datagrams that a side has sent.
    pub(crate) fn rtcp_sent(&self, side: usize) -> Vec<Bytes> {
        self.sent[side].iter().filter(|bytes| is_rtcp(bytes)).cloned().collect()
    }
}

pub(crate) fn input(bytes: Bytes) -> Input {
    if is_rtcp(&bytes) { Input::Rtcp(bytes) } else { Input::Rtp(bytes) }
}

/// A video sender and its receiver.
pub(crate) fn video_pair(delay: Duration) -> (Pair, SenderId, ReceiverId) {
    let mut pair = Pair::new([session(1, config()), session(2, config())], delay);
    let sender = pair.ends[0].add_sender(video_sender()).unwrap();
    let receiver = pair.ends[1].add_receiver(video_receiver()).unwrap();
    (pair, sender, receiver)
}

/// A coin with that many sides of a hundred lost, the same for each run.
pub(crate) fn lossy(seed: u64, percent: u64, delay: Duration, jitter_ms: u64) -> Fate {
    let mut rng = rng(seed);
    Box::new(move |now, _| {
        let lost = rng.below(100) < percent;
        let late = ms(rng.below(jitter_ms + 1));
        (!lost).then_some(now + delay + late)
    })
}
