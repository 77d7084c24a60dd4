//! Descriptions in any order: our own, the peer's, changed ones and invented ones, offered, answered, rolled back, between calls that change
//! what is wanted. Nothing panics or loops, a call that fails changes nothing, an answer has the sections of its offer, what we write is
//! read as it was written, and two who speak only to each other always agree.
//!
//! The input is `knobs`, then a list of steps: `kind length length bytes`.
#![no_main]

use core::time::Duration;
use std::sync::LazyLock;

use antiphon::codec::MediaKind;
use antiphon::peer::{
    Codec, Encoding, MediaCapabilities, NegotiationError, SdpType, TransceiverId, TransceiverInit,
};
use antiphon::sdp::{Attribute, Direction, Token};
use antiphon::{
    Certificate, Config, ConnectionState, DataChannelInit, Event, IceCandidate, Instant, LocalCandidate,
    OfferOptions, Output, PeerConnection, Seed, SessionDescription, SignalingState,
};
use libfuzzer_sys::fuzz_target;

const UNIX: Duration = Duration::from_secs(1_790_000_000);

static CERTIFICATE: LazyLock<Certificate> =
    LazyLock::new(|| Certificate::generate(&Seed::from_bytes([9; 32]), UNIX).expect("a certificate"));

/// Takes bytes from the front.
struct Wishes<'a>(&'a [u8]);

impl<'a> Wishes<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

struct World {
    ends: [PeerConnection; 2],
    now: Instant,
    /// Somebody has described what neither end did, or a description of theirs has gone astray.
    astray: bool,
    closed: bool,
    /// Made and not set yet.
    made: [Option<SessionDescription>; 2],
}

/// Everything a failed call has to leave as it was.
#[derive(PartialEq, Debug)]
struct Shape(SignalingState, [Option<SessionDescription>; 4], Vec<TransceiverId>);

fn shape(pc: &PeerConnection) -> Shape {
    let descriptions = [
        pc.current_local_description(),
        pc.pending_local_description(),
        pc.current_remote_description(),
        pc.pending_remote_description(),
    ];
    Shape(pc.signaling_state(), descriptions.map(Option::<&_>::cloned), pc.transceivers())
}

/// The mids of a description, in order.
fn mids(description: &SessionDescription) -> Vec<Option<String>> {
    let mid = |attribute: &Attribute| match attribute {
        Attribute::Mid(mid) => Some(mid.to_string()),
        _ => None,
    };
    let media = &description.session().media;
    media.iter().map(|media| media.attributes.0.iter().find_map(mid)).collect()
}

impl World {
    fn new(knobs: u8) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let end = |index: u8| {
            let mut config = Config::new().certificate(CERTIFICATE.clone());
            if knobs & (1 << index) != 0 {
                config = config.media(MediaCapabilities::none());
            }
            if knobs & (4 << index) != 0 {
                config = config.ice_lite(index == 1);
            }
            let mut pc = PeerConnection::new(now, UNIX, Seed::from_bytes([index; 32]), &config)
                .expect("a configuration");
            let address = ([10, 0, 0, index + 1], 5000).into();
            pc.add_local_candidate(LocalCandidate::udp(address)).expect("an address");
            pc
        };
        Self { ends: [end(0), end(1)], now, astray: false, closed: false, made: [None, None] }
    }

    fn drain(&mut self, end: usize) {
        let mut buf = [0; 1200];
        for count in 0.. {
            assert!(count < 10_000, "it never waits");
            match self.ends[end].poll_output(self.now, &mut buf) {
                Output::Event(Event::ConnectionStateChange(ConnectionState::Closed)) => self.closed = true,
                Output::Event(_) | Output::Transmit(_) => {}
                Output::Wait(wait) => {
                    assert!(wait.is_none_or(|at| at > self.now), "law 4");
                    break;
                }
            }
        }
        self.check(end);
    }

    fn check(&self, end: usize) {
        let pc = &self.ends[end];
        let Shape(state, [current_local, pending_local, current_remote, pending_remote], _) = shape(pc);
        let pending = (pending_local.is_some(), pending_remote.is_some());
        let expected = match state {
            SignalingState::HaveLocalOffer => (true, false),
            SignalingState::HaveRemoteOffer => (false, true),
            SignalingState::HaveLocalPranswer | SignalingState::HaveRemotePranswer => (true, true),
            _ => (false, false),
        };
        assert!(state == SignalingState::Closed || pending == expected, "{state:?}: {pending:?}");
        assert_eq!(current_local.is_some(), current_remote.is_some());
        for description in current_local.iter().chain(&pending_local) {
            let text = description.to_sdp();
            let again = SessionDescription::parse(description.kind(), &text).expect("what we write, we read");
            assert_eq!(again.to_sdp(), text, "read as something else");
        }
        for (local, remote) in [(&current_local, &current_remote), (&pending_local, &pending_remote)] {
            if let (Some(local), Some(remote)) = (local, remote) {
                assert_eq!(local.session().media.len(), remote.session().media.len(), "sections are missing");
            }
        }
        let offered = pending_local.as_ref().or(current_local.as_ref());
        assert!(offered.is_none_or(|local| local.session().media.len() <= 1024));
    }

    /// A call that fails leaves everything as it was.
    fn call(
        &mut self,
        end: usize,
        call: impl FnOnce(&mut PeerConnection) -> Result<(), NegotiationError>,
    ) -> Result<(), NegotiationError> {
        let before = shape(&self.ends[end]);
        let done = call(&mut self.ends[end]);
        if let Err(error) = &done {
            drop(error.to_string());
            assert_eq!(shape(&self.ends[end]), before, "{error}");
        }
        self.drain(end);
        done
    }

    /// One offers, the other answers. Where nothing went astray both must take it.
    fn negotiate(&mut self, offerer: usize, options: OfferOptions) {
        let answerer = 1 - offerer;
        let done = self.try_negotiate(offerer, options);
        if let Err(error) = done {
            assert!(self.astray || self.closed, "two who speak only to each other do not agree: {error}");
            self.astray = true;
            return;
        }
        let [ours, theirs] = [offerer, answerer].map(|end| &self.ends[end]);
        assert_eq!([ours.signaling_state(), theirs.signaling_state()], [SignalingState::Stable; 2]);
        let local = [ours, theirs].map(|pc| pc.current_local_description().expect("it is stable").clone());
        let [offer, answer] = local.each_ref().map(mids);
        assert!(self.astray || offer == answer, "{offer:?} and {answer:?}");
    }

    fn try_negotiate(&mut self, offerer: usize, options: OfferOptions) -> Result<(), NegotiationError> {
        let answerer = 1 - offerer;
        let offer = self.ends[offerer].create_offer(&options)?;
        self.call(offerer, |pc| pc.set_local_description(Some(offer)))?;
        let offer = self.ends[offerer].local_description().expect("it was set").clone();
        self.call(answerer, |pc| pc.set_remote_description(offer))?;
        let answer = self.ends[answerer].create_answer()?;
        self.call(answerer, |pc| pc.set_local_description(Some(answer)))?;
        let answer = self.ends[answerer].local_description().expect("it was set").clone();
        self.call(offerer, |pc| pc.set_remote_description(answer))
    }

    /// Anything that stands between an offer and its answer.
    fn describe(&mut self, end: usize, kind: u8, bytes: &[u8]) {
        let mut wishes = Wishes(bytes);
        let kinds = [SdpType::Offer, SdpType::Answer, SdpType::Pranswer, SdpType::Rollback];
        let done = match kind {
            // The one that is due.
            0 => self.call(end, |pc| pc.set_local_description(None)),
            1 => {
                let options = OfferOptions { ice_restart: wishes.byte() & 1 == 1 };
                self.made[end] = self.ends[end].create_offer(&options).ok();
                return;
            }
            2 => {
                self.made[end] = self.ends[end].create_answer().ok();
                return;
            }
            3 => {
                let Some(made) = self.made[end].clone() else { return };
                let kind = if wishes.byte() & 3 == 1 { SdpType::Pranswer } else { made.kind() };
                let made = SessionDescription::new(kind, made.session().clone());
                self.call(end, |pc| pc.set_local_description(Some(made)))
            }
            // What the peer has set, as it is or with lines changed; or what we have set ourselves.
            4..=7 => {
                let shape = wishes.byte();
                let of = if shape & 0x80 == 0 { 1 - end } else { end };
                let Some(theirs) = self.ends[of].local_description() else { return };
                let kind = if shape & 4 == 0 { theirs.kind() } else { kinds[usize::from(shape & 3)] };
                let text = changed(&theirs.to_sdp(), if kind_is_plain(shape) { &[] } else { wishes.0 });
                let Ok(description) = SessionDescription::parse(kind, &text) else { return };
                if shape & 8 == 0 {
                    self.call(end, |pc| pc.set_remote_description(description))
                } else {
                    self.call(end, |pc| pc.set_local_description(Some(description)))
                }
            }
            8 => {
                let rollback = SessionDescription::rollback();
                if wishes.byte() & 1 == 0 {
                    self.call(end, |pc| pc.set_local_description(Some(rollback)))
                } else {
                    self.call(end, |pc| pc.set_remote_description(rollback))
                }
            }
            _ => {
                let kind = kinds[usize::from(kind & 3)];
                let Ok(text) = core::str::from_utf8(bytes) else { return };
                match SessionDescription::parse(kind, text) {
                    Ok(description) => self.call(end, |pc| pc.set_remote_description(description)),
                    Err(error) => return drop(error.to_string()),
                }
            }
        };
        self.astray |= done.is_ok();
    }

    fn transceivers(&mut self, end: usize, wishes: &mut Wishes<'_>) {
        let pc = &mut self.ends[end];
        let shape = wishes.byte();
        let directions = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
        let direction = directions[usize::from(shape & 3)];
        let kind = if shape & 4 == 0 { MediaKind::Audio } else { MediaKind::Video };
        let token = |text: String| Token::new(text).ok();
        let streams: Vec<Token> =
            (0..wishes.byte() & 3).filter_map(|n| token(format!("stream{n}"))).collect();
        let which = usize::from(wishes.byte());
        let chosen = which.checked_rem(pc.transceivers().len()).map(|at| pc.transceivers()[at]);
        // Errors are the caller's: what matters is what becomes of the next offer.
        let error = match shape >> 3 & 7 {
            0 | 1 => {
                let rids = ["q", "h", "f"].iter().take(usize::from(wishes.byte() & 3));
                let send_encodings = rids.filter_map(|rid| Encoding::named(rid).ok()).collect();
                let receive_layers = (0..wishes.byte() & 3).filter_map(|n| token(format!("r{n}"))).collect();
                let init = TransceiverInit {
                    direction,
                    streams,
                    send_encodings,
                    receive_layers,
                    ..TransceiverInit::default()
                };
                pc.add_transceiver(kind, init).err()
            }
            2 => pc.add_track(kind, streams).err(),
            3 => chosen.and_then(|id| pc.remove_track(id).err()),
            4 => chosen.and_then(|id| pc.transceiver(id)?.stop().err()),
            5 => chosen.and_then(|id| pc.transceiver(id)?.set_streams(streams).err()),
            6 => chosen.and_then(|id| {
                let ours = MediaCapabilities::new();
                let codecs: &[Codec] = &ours.of(kind).codecs;
                let from = usize::from(wishes.byte()) % (codecs.len() + 1);
                pc.transceiver(id)?.set_codec_preferences(&codecs[from..]).err()
            }),
            _ => chosen.and_then(|id| pc.transceiver(id)?.set_direction(direction).err()),
        };
        drop(error.map(|error| error.to_string()));
    }

    fn candidate(&mut self, end: usize, wishes: &mut Wishes<'_>) {
        let shape = wishes.byte();
        let candidate = IceCandidate {
            candidate: String::from_utf8_lossy(wishes.0).into_owned(),
            sdp_mid: (shape & 1 != 0).then(|| (shape >> 4 & 3).to_string()),
            sdp_m_line_index: (shape & 2 != 0).then_some(u16::from(shape >> 4 & 3)),
            username_fragment: None,
        };
        let pc = &mut self.ends[end];
        if let Err(error) = pc.add_ice_candidate((shape & 12 != 12).then_some(&candidate)) {
            drop(error.to_string());
        }
    }

    fn step(&mut self, end: usize, kind: u8, bytes: &[u8]) {
        let mut wishes = Wishes(bytes);
        match kind {
            0..=11 => self.describe(end, kind, bytes),
            12 => self.negotiate(end, OfferOptions { ice_restart: wishes.byte() & 7 == 1 }),
            13 | 14 => self.transceivers(end, &mut wishes),
            _ => match wishes.byte() & 7 {
                0 => {
                    let label = String::from_utf8_lossy(wishes.bytes(8));
                    drop(self.ends[end].create_data_channel(&label, DataChannelInit::default()));
                }
                1 => self.ends[end].restart_ice(),
                2 | 3 => self.candidate(end, &mut wishes),
                4 => self.ends[end] = self.ends[end].fork(),
                5 => self.now = self.now + Duration::from_millis(u64::from(wishes.byte()) * 100),
                6 if wishes.byte() == 7 => {
                    self.ends[end].close();
                    self.closed = true;
                }
                _ => {
                    let address = ([10, 0, end as u8, wishes.byte()], 5000).into();
                    drop(self.ends[end].add_local_candidate(LocalCandidate::udp(address)));
                }
            },
        }
    }
}

fn kind_is_plain(shape: u8) -> bool {
    shape & 0x30 == 0
}

/// The text with some of its lines gone, doubled, moved or others: `line what length bytes`, again and again.
fn changed(text: &str, edits: &[u8]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut wishes = Wishes(edits);
    while !wishes.0.is_empty() && !lines.is_empty() {
        let (at, what) = (usize::from(wishes.byte()) % lines.len(), wishes.byte());
        let len = usize::from(what >> 3);
        match what & 7 {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => {
                let to = usize::from(wishes.byte()) % lines.len();
                lines.swap(at, to);
            }
            3 => {
                let new = String::from_utf8_lossy(wishes.bytes(len * 4)).into_owned();
                lines.insert(at, new);
            }
            // A port of 0, another direction, another number in it.
            4 => lines[at] = lines[at].replacen(" 9 ", " 0 ", 1),
            5 => {
                let values = [
                    "sendrecv",
                    "sendonly",
                    "recvonly",
                    "inactive",
                    "bundle-only",
                    "rtcp-mux",
                    "ice-lite",
                    "setup:active",
                ];
                lines[at] = format!("a={}", values[len & 7]);
            }
            6 => {
                let mut bytes = core::mem::take(&mut lines[at]).into_bytes();
                let from = usize::from(wishes.byte()) % (bytes.len() + 1);
                let new = wishes.bytes(len & 7);
                let to = (from + new.len()).min(bytes.len());
                drop(bytes.splice(from..to, new.iter().copied()));
                lines[at] = String::from_utf8_lossy(&bytes).into_owned();
            }
            _ => {
                let to = (at + 1 + len).min(lines.len());
                let section: Vec<String> = lines[at..to].to_vec();
                lines.extend(section);
            }
        }
    }
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

fuzz_target!(|input: &[u8]| {
    let [knobs, rest @ ..] = input else { return };
    let mut world = World::new(*knobs);
    let mut rest = rest;
    for _ in 0..40 {
        let [kind, high, low, tail @ ..] = rest else { break };
        let len = usize::from(*high) << 8 | usize::from(*low);
        let (bytes, tail) = tail.split_at(tail.len().min(len));
        rest = tail;
        world.step(usize::from(kind >> 7), kind & 15, bytes);
        (0..2).for_each(|end| world.drain(end));
    }
    if !world.astray && !world.closed {
        (0..2).for_each(|end| world.negotiate(end, OfferOptions::default()));
    }
});
