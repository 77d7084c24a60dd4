//! The machines of the crate, each with how it is made, called and read.

use antiphon::codec::{CodecKind, MediaKind};
use antiphon::crypto::{Certificate, FingerprintHash};
use antiphon::data::{self, ChannelId, Channels, DataChannelInit, Message};
use antiphon::ice::{self, Agent, IceConnectionState, LocalCandidate, RemoteParameters, Role};
use antiphon::wire::rtp::{ExtensionKind, ExtensionMap, is_rtcp};
use antiphon::{Config, ConnectionState, Datagram, Event, OfferOptions, Path, PeerConnection};
use antiphon::{Instant, Machine, Output, Rng};
use antiphon::{dtls, rtp, sctp};
use bytes::Bytes;
use core::time::Duration;
use std::sync::OnceLock;

use crate::world::{Subject, addresses};

/// The wall clock when the certificates were made.
const UNIX_TIME: Duration = Duration::from_secs(1_790_000_000);

/// The generator of one side.
fn rng(seed: u8, side: usize) -> Rng {
    Rng::new(&antiphon::sim::seed(u64::from(seed), side as u64))
}

/// [`Agent`].
pub(crate) struct Ice;

impl Subject for Ice {
    type M = Agent;

    fn pair(seed: u8, now: Instant) -> [Agent; 2] {
        let mut agents = [(0, Role::Controlling), (1, Role::Controlled)].map(|(side, role)| {
            let mut agent = Agent::new(now, rng(seed, side), &ice::Config::new().role(role)).unwrap();
            agent.add_local_candidate(LocalCandidate::udp(addresses()[side])).unwrap();
            agent.end_of_local_candidates();
            agent
        });
        for (from, to) in [(0, 1), (1, 0)] {
            let credentials = agents[from].local_credentials().clone();
            let candidates: Vec<_> = agents[from].local_candidates().cloned().collect();
            agents[to].set_remote(RemoteParameters::new(credentials));
            for candidate in &candidates {
                agents[to].add_remote_candidate(candidate).unwrap();
            }
            agents[to].end_of_remote_candidates();
        }
        agents
    }

    fn fork(machine: &Agent) -> Agent {
        machine.fork()
    }

    fn act(_machine: &mut Agent, _now: Instant, _what: u8) -> Option<Vec<u8>> {
        None
    }

    fn take(_machine: &mut Agent) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn close(machine: &mut Agent) {
        machine.close();
    }

    fn is_connected(machine: &Agent) -> bool {
        matches!(machine.state(), IceConnectionState::Connected | IceConnectionState::Completed)
    }

    fn is_closing_event(event: &ice::Event) -> bool {
        matches!(event, ice::Event::Closed)
    }
}

/// The certificates of the two sides.
fn certificates() -> &'static [Certificate; 2] {
    static CERTIFICATES: OnceLock<[Certificate; 2]> = OnceLock::new();
    CERTIFICATES.get_or_init(|| {
        [0, 1].map(|side| {
            let certificate = Certificate::generate(&antiphon::sim::seed(77, side), UNIX_TIME).unwrap();
            antiphon::sim::deterministic(certificate)
        })
    })
}

/// A payload that `what` decides, from empty to several packets.
fn payload(what: u8) -> Bytes {
    Bytes::from(vec![what; usize::from(what) * 450])
}

/// [`dtls::Connection`].
pub(crate) struct Dtls;

impl Subject for Dtls {
    type M = dtls::Connection;

    fn pair(seed: u8, now: Instant) -> [dtls::Connection; 2] {
        let mut ends = [(0, dtls::Role::Client), (1, dtls::Role::Server)].map(|(side, role)| {
            let config = dtls::Config::new(certificates()[side].clone());
            dtls::Connection::new(now, rng(seed, side), &config, role).unwrap()
        });
        for (side, end) in ends.iter_mut().enumerate() {
            end.set_remote_fingerprints(vec![certificates()[1 - side].fingerprint(FingerprintHash::Sha256)]);
        }
        ends[0].start();
        ends
    }

    fn fork(machine: &dtls::Connection) -> dtls::Connection {
        machine.fork()
    }

    fn act(machine: &mut dtls::Connection, _now: Instant, what: u8) -> Option<Vec<u8>> {
        let mut buf = vec![0; 1400];
        let plaintext = vec![what; 1 + usize::from(what) * 100];
        let len = machine.seal(&plaintext, &mut buf).ok()?;
        buf.truncate(len);
        Some(buf)
    }

    fn take(machine: &mut dtls::Connection) -> Vec<Vec<u8>> {
        core::iter::from_fn(|| machine.recv()).map(|bytes| bytes.to_vec()).collect()
    }

    fn close(machine: &mut dtls::Connection) {
        machine.close();
    }

    fn is_connected(machine: &dtls::Connection) -> bool {
        machine.is_connected()
    }

    fn is_closing_event(event: &dtls::Event) -> bool {
        matches!(event, dtls::Event::Closed | dtls::Event::Failed(_))
    }
}

/// [`sctp::Association`].
pub(crate) struct Sctp;

impl Subject for Sctp {
    type M = sctp::Association;

    fn pair(seed: u8, now: Instant) -> [sctp::Association; 2] {
        [0, 1].map(|side| {
            let mut end = sctp::Association::new(now, rng(seed, side), &sctp::Config::default()).unwrap();
            end.connect();
            end
        })
    }

    fn fork(machine: &sctp::Association) -> sctp::Association {
        machine.fork()
    }

    fn act(machine: &mut sctp::Association, now: Instant, what: u8) -> Option<Vec<u8>> {
        let message = sctp::Message { stream: u16::from(what / 2), ppid: 53, data: payload(what.max(1)) };
        let reliability =
            if what == 7 { sctp::Reliability::MaxRetransmits(0) } else { sctp::Reliability::Reliable };
        // A refusal (not connected, buffer full) is one of the answers.
        machine
            .send(now, &message, sctp::SendOptions { ordered: what != 5, reliability })
            .unwrap_or_default();
        if what == 3 {
            machine.reset_streams(&[1]).unwrap_or_default();
        }
        None
    }

    fn take(machine: &mut sctp::Association) -> Vec<Vec<u8>> {
        core::iter::from_fn(|| machine.recv()).map(|message| message.data.to_vec()).collect()
    }

    fn close(machine: &mut sctp::Association) {
        machine.abort();
    }

    fn is_connected(machine: &sctp::Association) -> bool {
        machine.state() == sctp::State::Established
    }

    fn is_closing_event(event: &sctp::Event) -> bool {
        matches!(event, sctp::Event::Closed(_))
    }
}

/// [`Channels`] and the ids it has told.
#[derive(Debug)]
pub(crate) struct DataEnd {
    channels: Channels,
    ids: Vec<ChannelId>,
    connected: bool,
}

impl Machine for DataEnd {
    type Input<'i> = Bytes;
    type Path = ();
    type Event = data::Event;

    fn handle_input(&mut self, now: Instant, input: Bytes) {
        self.channels.handle_input(now, input);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), data::Event> {
        let output = self.channels.poll_output(now, buf);
        match &output {
            Output::Event(data::Event::Channel(id)) => self.ids.push(*id),
            Output::Event(data::Event::Connected) => self.connected = true,
            _ => {}
        }
        output
    }
}

/// [`Channels`].
pub(crate) struct Data;

impl Subject for Data {
    type M = DataEnd;

    fn pair(seed: u8, now: Instant) -> [DataEnd; 2] {
        [(0, data::Role::Client), (1, data::Role::Server)].map(|(side, role)| {
            let mut channels = Channels::new(now, rng(seed, side), &data::Config::default()).unwrap();
            let ids = (0..2).map(|_| channels.create("first", DataChannelInit::default()).unwrap()).collect();
            channels.connect(role, Some(256 * 1024), None);
            DataEnd { channels, ids, connected: false }
        })
    }

    fn fork(machine: &DataEnd) -> DataEnd {
        DataEnd { channels: machine.channels.fork(), ids: machine.ids.clone(), connected: machine.connected }
    }

    fn act(machine: &mut DataEnd, now: Instant, what: u8) -> Option<Vec<u8>> {
        let &id = machine.ids.get(usize::from(what / 2) % machine.ids.len().max(1))?;
        match what {
            7 => machine.channels.close_channel(id),
            5 => {
                let init = DataChannelInit {
                    ordered: false,
                    max_retransmits: Some(0),
                    ..DataChannelInit::default()
                };
                machine.ids.extend(machine.channels.create("later", init));
            }
            _ => {
                machine
                    .channels
                    .send(now, id, &Message { binary: true, data: payload(what) })
                    .unwrap_or_default();
            }
        }
        None
    }

    fn take(machine: &mut DataEnd) -> Vec<Vec<u8>> {
        let DataEnd { channels, ids, .. } = machine;
        let messages =
            ids.iter().flat_map(|id| core::iter::from_fn(|| channels.recv(*id)).collect::<Vec<_>>());
        messages.map(|message| message.data.to_vec()).collect()
    }

    fn close(machine: &mut DataEnd) {
        machine.channels.close();
    }

    fn is_connected(machine: &DataEnd) -> bool {
        machine.connected
    }

    fn is_closing_event(event: &data::Event) -> bool {
        matches!(event, data::Event::Closed(_))
    }
}

/// [`PeerConnection`] and the channels it has told.
#[derive(Debug)]
pub(crate) struct PeerEnd {
    pc: PeerConnection,
    ids: Vec<ChannelId>,
    open: bool,
}

impl Machine for PeerEnd {
    type Input<'i> = Datagram<'i>;
    type Path = Path;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Datagram<'_>) {
        self.pc.handle_input(now, input);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<Path, Event> {
        let output = self.pc.poll_output(now, buf);
        match &output {
            Output::Event(Event::DataChannel(id)) => {
                self.ids.push(*id);
                self.open = true;
            }
            Output::Event(Event::DataChannelOpen(_)) => self.open = true,
            _ => {}
        }
        output
    }
}

/// [`PeerConnection`].
pub(crate) struct Peer;

impl Subject for Peer {
    type M = PeerEnd;

    fn pair(seed: u8, now: Instant) -> [PeerEnd; 2] {
        let mut ends = [0, 1].map(|side| {
            let config = Config::new().certificate(certificates()[side].clone());
            let seed = antiphon::sim::seed(u64::from(seed), side as u64);
            let mut pc = PeerConnection::new(now, UNIX_TIME, seed, &config).unwrap();
            pc.add_local_candidate(LocalCandidate::udp(addresses()[side])).unwrap();
            PeerEnd { pc, ids: Vec::new(), open: false }
        });
        let [a, b] = &mut ends;
        for _ in 0..2 {
            a.ids.push(a.pc.create_data_channel("first", DataChannelInit::default()).unwrap());
        }
        let offer = a.pc.create_offer(&OfferOptions::default()).unwrap();
        a.pc.set_local_description(Some(offer)).unwrap();
        b.pc.set_remote_description(a.pc.local_description().unwrap().clone()).unwrap();
        let answer = b.pc.create_answer().unwrap();
        b.pc.set_local_description(Some(answer)).unwrap();
        a.pc.set_remote_description(b.pc.local_description().unwrap().clone()).unwrap();
        ends
    }

    fn fork(machine: &PeerEnd) -> PeerEnd {
        PeerEnd { pc: machine.pc.fork(), ids: machine.ids.clone(), open: machine.open }
    }

    fn act(machine: &mut PeerEnd, now: Instant, what: u8) -> Option<Vec<u8>> {
        let id = *machine.ids.get(usize::from(what / 2) % machine.ids.len().max(1))?;
        match what {
            7 => machine.pc.data_channel(id)?.close(),
            5 => {
                let init = DataChannelInit {
                    ordered: false,
                    max_retransmits: Some(0),
                    ..DataChannelInit::default()
                };
                machine.ids.extend(machine.pc.create_data_channel("later", init));
            }
            3 => machine.pc.restart_ice(),
            _ => {
                let message = Message { binary: true, data: payload(what) };
                machine.pc.data_channel(id)?.send(now, &message).unwrap_or_default();
            }
        }
        None
    }

    fn take(machine: &mut PeerEnd) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        for id in &machine.ids {
            let Some(mut channel) = machine.pc.data_channel(*id) else { continue };
            messages.extend(core::iter::from_fn(|| channel.recv()).map(|message| message.data.to_vec()));
        }
        messages
    }

    fn close(machine: &mut PeerEnd) {
        machine.pc.close();
    }

    fn is_connected(machine: &PeerEnd) -> bool {
        machine.open
    }

    fn is_closing_event(event: &Event) -> bool {
        matches!(event, Event::ConnectionStateChange(ConnectionState::Closed))
    }
}

/// A tag that stands for the authentication of a parent: what does not end with it is not taken.
const TAG: [u8; 4] = *b"auth";

/// [`rtp::Session`] and an application that makes itself heard until the other has said so.
#[derive(Debug)]
pub(crate) struct RtpEnd {
    session: rtp::Session,
    senders: [rtp::SenderId; 2],
    receivers: [rtp::ReceiverId; 2],
    source: Option<rtp::SourceId>,
    number: u32,
    calls_at: Option<Instant>,
    has_heard: bool,
}

impl RtpEnd {
    /// Sends sound, or a picture.
    fn write(&mut self, now: Instant, which: usize, len: usize) {
        self.number += 1;
        let mut data = vec![0xfc; 1];
        if which == 1 {
            // Every frame is a key frame, so that each can be read whatever was lost before.
            data = vec![0x00, 0, 0];
        }
        data.extend(self.number.to_be_bytes());
        data.resize(data.len() + len, 7);
        // A refusal (closed, queue full) is one of the answers.
        let frame = rtp::Frame::new(data, self.number * 3000);
        self.session.write(now, self.senders[which], &frame).unwrap_or_default();
    }
}

impl Machine for RtpEnd {
    type Input<'i> = Bytes;
    type Path = ();
    type Event = rtp::Event;

    fn handle_input(&mut self, now: Instant, input: Bytes) {
        let Some(bytes) = input.strip_suffix(&TAG).map(|bytes| input.slice_ref(bytes)) else { return };
        let input = if is_rtcp(&bytes) { rtp::Input::Rtcp(bytes) } else { rtp::Input::Rtp(bytes) };
        self.session.handle_input(now, input);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Output<(), rtp::Event> {
        if self.calls_at.is_some_and(|at| at <= now) {
            self.calls_at = Some(now + Duration::from_millis(100));
            self.write(now, 0, 20);
        }
        let is_heard = self.session.sender_stats(self.senders[0]).is_some_and(|stats| stats.remote.is_some());
        if is_heard || self.session.is_closed() {
            self.calls_at = None;
        }
        match self.session.poll_output(now, buf) {
            Output::Transmit(mut transmit) => {
                buf[transmit.len..][..TAG.len()].copy_from_slice(&TAG);
                transmit.len += TAG.len();
                Output::Transmit(transmit)
            }
            Output::Wait(deadline) => Output::Wait(antiphon::time::earliest(deadline, self.calls_at)),
            Output::Event(event) => {
                match event {
                    rtp::Event::Source(_, source) => self.source = Some(source),
                    rtp::Event::Readable(_) => self.has_heard = true,
                    _ => {}
                }
                Output::Event(event)
            }
        }
    }
}

/// [`rtp::Session`].
pub(crate) struct Rtp;

impl Rtp {
    fn extensions() -> ExtensionMap {
        let mut map = ExtensionMap::new();
        map.insert(1, ExtensionKind::Mid).unwrap();
        map.insert(2, ExtensionKind::TransportSequence).unwrap();
        map
    }
}

impl Subject for Rtp {
    type M = RtpEnd;

    fn pair(seed: u8, now: Instant) -> [RtpEnd; 2] {
        [0, 1].map(|side| {
            let config = rtp::Config {
                extensions: Self::extensions(),
                transport_feedback: true,
                reduced_size: seed.is_multiple_of(3),
                receiver_round_trips: true,
                ..rtp::Config::new("someone")
            };
            let mut session = rtp::Session::new(now, UNIX_TIME, rng(seed, side), config).unwrap();
            let audio = vec![rtp::Payload::codec(111, CodecKind::Opus)];
            let video = vec![rtp::Payload::codec(96, CodecKind::Vp8), rtp::Payload::rtx(97, 96, 90_000)];
            let streams = [(MediaKind::Audio, "a", audio), (MediaKind::Video, "v", video)];
            let senders = streams.clone().map(|(kind, mid, payloads)| {
                let config = rtp::SenderConfig {
                    mid: Some(mid.into()),
                    payloads,
                    extensions: Self::extensions(),
                    ..rtp::SenderConfig::new(kind)
                };
                session.add_sender(config).unwrap()
            });
            let receivers = streams.map(|(kind, mid, payloads)| {
                let config =
                    rtp::ReceiverConfig { mid: Some(mid.into()), payloads, ..rtp::ReceiverConfig::new(kind) };
                session.add_receiver(config).unwrap()
            });
            RtpEnd {
                session,
                senders,
                receivers,
                source: None,
                number: 0,
                calls_at: Some(now),
                has_heard: false,
            }
        })
    }

    fn fork(machine: &RtpEnd) -> RtpEnd {
        RtpEnd { session: machine.session.fork(), ..*machine }
    }

    fn act(machine: &mut RtpEnd, now: Instant, what: u8) -> Option<Vec<u8>> {
        match what {
            7 => {
                machine.session.set_round_trip(Duration::from_millis(30));
            }
            5 => {
                let kind = rtp::KeyframeRequest::Pli;
                let _ = machine.source.map(|source| machine.session.request_keyframe(now, source, kind));
            }
            3 => machine.session.hold_media(machine.number.is_multiple_of(2)),
            1 => {
                let estimate = antiphon::base::bitrate::Bitrate::from_bps(u64::from(machine.number) * 1000);
                machine.session.set_estimate(Some(estimate));
            }
            _ => machine.write(now, usize::from(what / 4), usize::from(what) * 450),
        }
        None
    }

    fn take(machine: &mut RtpEnd) -> Vec<Vec<u8>> {
        let RtpEnd { session, receivers, .. } = machine;
        while session.take_feedback().is_some() {}
        let frames =
            receivers.iter().flat_map(|id| core::iter::from_fn(|| session.recv(*id)).collect::<Vec<_>>());
        frames.map(|frame| frame.data.to_vec()).collect()
    }

    fn close(machine: &mut RtpEnd) {
        machine.session.close();
    }

    fn is_connected(machine: &RtpEnd) -> bool {
        machine.calls_at.is_none() && machine.has_heard
    }

    fn is_closing_event(event: &rtp::Event) -> bool {
        matches!(event, rtp::Event::Closed)
    }
}
