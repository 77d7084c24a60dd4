//! Two connections and the link between them, in virtual time.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part")]
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails where it stands, and picks the events it wants"
)]

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use antiphon::peer::{NegotiationError, SdpType};
use antiphon::{
    Config, ConnectionState, DataChannelId, DataChannelInit, DataChannelState, Datagram, Event, IceCandidate,
    Instant, LocalCandidate, Message, OfferOptions, Output, Path, PeerConnection, Seed, SessionDescription,
};

/// The wall clock at the start of every test.
pub(crate) const UNIX: Duration = Duration::from_secs(1_790_000_000);

/// A duration of milliseconds.
pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A duration of seconds.
pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn text(text: &str) -> Message {
    Message::text(text)
}

/// A channel that both sides know beforehand.
pub(crate) fn negotiated(id: u16) -> DataChannelInit {
    DataChannelInit { negotiated: Some(id), ..DataChannelInit::default() }
}

/// The address of an end's only interface, unless a test gives it others.
pub(crate) fn address(index: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1 + index], 5000))
}

pub(crate) struct End {
    pub(crate) pc: Box<PeerConnection>,
    /// The first of its addresses.
    pub(crate) addr: SocketAddr,
    /// Where datagrams reach it.
    pub(crate) addrs: Vec<SocketAddr>,
    /// What a NAT makes of its address: the only way in then.
    pub(crate) outside: Option<SocketAddr>,
    pub(crate) events: Vec<(Instant, Event)>,
    pub(crate) wait: Option<Instant>,
    pub(crate) sent: u64,
    /// When it last sent.
    pub(crate) sent_at: Option<Instant>,
    /// The closing event has come.
    pub(crate) closed: bool,
}

impl End {
    pub(crate) fn saw(&self, wanted: &Event) -> bool {
        self.events.iter().any(|(_, event)| event == wanted)
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| wanted(event)).count()
    }

    /// The channel the peer opened, or the first that opened.
    pub(crate) fn channel(&self) -> Option<DataChannelId> {
        self.events.iter().find_map(|(_, event)| match event {
            Event::DataChannel(id) | Event::DataChannelOpen(id) => Some(*id),
            _ => None,
        })
    }

    /// The candidates it told, in order; `None` is the end of them.
    pub(crate) fn candidates(&self) -> Vec<Option<IceCandidate>> {
        let candidates = self.events.iter().filter_map(|(_, event)| match event {
            Event::IceCandidate(candidate) => Some(candidate.clone()),
            _ => None,
        });
        candidates.collect()
    }

    /// Creates the offer that is due and sets it; its text.
    pub(crate) fn offer(&mut self) -> String {
        self.offer_with(OfferOptions::default())
    }

    pub(crate) fn offer_with(&mut self, options: OfferOptions) -> String {
        let offer = self.pc.create_offer(&options).unwrap();
        self.pc.set_local_description(Some(offer)).unwrap();
        self.pc.local_description().unwrap().to_sdp()
    }

    /// Takes an offer and answers it; the text of the answer.
    pub(crate) fn answer(&mut self, offer: &str) -> Result<String, NegotiationError> {
        self.take(SdpType::Offer, offer)?;
        let answer = self.pc.create_answer()?;
        self.pc.set_local_description(Some(answer))?;
        Ok(self.pc.local_description().unwrap().to_sdp())
    }

    /// Takes a description of the peer's.
    pub(crate) fn take(&mut self, kind: SdpType, sdp: &str) -> Result<(), NegotiationError> {
        self.pc.set_remote_description(SessionDescription::parse(kind, sdp).unwrap())
    }
}

/// What the application does about an event, before the next datagram is drawn.
pub(crate) type React = Box<dyn FnMut(usize, Instant, &mut PeerConnection, &Event)>;

/// What the link does with a datagram of an end: its bytes may be changed; `false` drops it.
pub(crate) type Filter = Box<dyn FnMut(usize, &mut Vec<u8>) -> bool>;

/// How much longer than the others a datagram is on its way.
pub(crate) type Detour = Box<dyn FnMut(usize, &[u8]) -> Duration>;

pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) ends: [End; 2],
    pub(crate) delay: Duration,
    wire: BTreeMap<(Instant, u64), (Path, Vec<u8>)>,
    serial: u64,
    /// The longest buffer polled with.
    pub(crate) room: usize,
    /// The transmissions of each end that held several datagrams.
    pub(crate) runs: [Vec<(usize, usize)>; 2],
    pub(crate) filter: Filter,
    pub(crate) detour: Detour,
    pub(crate) react: React,
}

impl Pair {
    pub(crate) fn new(configs: [&Config; 2]) -> Self {
        Self::with_addresses(configs, [&[address(0)], &[address(1)]])
    }

    /// Two ends with the interfaces named; an end of none has candidates only when the test adds them.
    pub(crate) fn with_addresses(configs: [&Config; 2], addrs: [&[SocketAddr]; 2]) -> Self {
        Self::seeded(configs, addrs, 1)
    }

    /// Two ends whose random values follow from `seed`.
    pub(crate) fn seeded(configs: [&Config; 2], addrs: [&[SocketAddr]; 2], seed: u8) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let end = |index: u8, config: &Config, addrs: &[SocketAddr]| {
            let seed = Seed::from_bytes([seed.wrapping_add(index); 32]);
            let mut pc = PeerConnection::new(now, UNIX, seed, config).unwrap();
            for addr in addrs {
                pc.add_local_candidate(LocalCandidate::udp(*addr)).unwrap();
            }
            let addr = addrs.first().copied().unwrap_or(address(index));
            End {
                pc: Box::new(pc),
                addr,
                addrs: addrs.to_vec(),
                outside: None,
                events: Vec::new(),
                wait: Some(now),
                sent: 0,
                sent_at: None,
                closed: false,
            }
        };
        Self {
            now,
            ends: [end(0, configs[0], addrs[0]), end(1, configs[1], addrs[1])],
            delay: ms(50),
            wire: BTreeMap::new(),
            serial: 0,
            room: 1500,
            runs: [Vec::new(), Vec::new()],
            filter: Box::new(|_, _| true),
            detour: Box::new(|_, _| Duration::ZERO),
            react: Box::new(|_, _, _, _| {}),
        }
    }

    pub(crate) fn default_pair() -> Self {
        Self::new([&Config::new(), &Config::new()])
    }

    /// Two ends that are connected, with channel 0 open at both.
    pub(crate) fn connected() -> (Self, [DataChannelId; 2]) {
        Self::connected_with([&Config::new(), &Config::new()])
    }

    pub(crate) fn connected_with(configs: [&Config; 2]) -> (Self, [DataChannelId; 2]) {
        let mut pair = Self::new(configs);
        let channels = pair.create_channels();
        pair.negotiate();
        pair.connect();
        (pair, channels)
    }

    /// A negotiated channel 0 at each end.
    pub(crate) fn create_channels(&mut self) -> [DataChannelId; 2] {
        [0, 1].map(|index: usize| self.ends[index].pc.create_data_channel("chat", negotiated(0)).unwrap())
    }

    /// Runs until both ends are connected and every channel is open.
    pub(crate) fn connect(&mut self) {
        let done = self.run_until(secs(5), |pair| pair.is_connected() && pair.channels_are_open());
        assert!(done, "not connected: {:?}", self.states());
    }

    fn channels_are_open(&mut self) -> bool {
        self.ends.iter_mut().all(|end| {
            let ids = end.pc.data_channels();
            ids.iter().all(|id| {
                end.pc.data_channel(*id).is_none_or(|channel| channel.ready_state() == DataChannelState::Open)
            })
        })
    }

    pub(crate) fn is_connected(&mut self) -> bool {
        self.states() == [ConnectionState::Connected; 2]
    }

    pub(crate) fn states(&self) -> [ConnectionState; 2] {
        [self.ends[0].pc.connection_state(), self.ends[1].pc.connection_state()]
    }

    /// A full exchange of descriptions as text, candidates inside; end 0 offers.
    pub(crate) fn negotiate(&mut self) {
        self.negotiate_from(0);
    }

    pub(crate) fn negotiate_from(&mut self, offerer: usize) {
        self.negotiate_with(offerer, OfferOptions::default(), |offer| offer, |answer| answer);
    }

    /// An exchange in which both descriptions are changed on their way.
    pub(crate) fn negotiate_with(
        &mut self,
        offerer: usize,
        options: OfferOptions,
        change_offer: impl FnOnce(String) -> String,
        change_answer: impl FnOnce(String) -> String,
    ) {
        let offer = change_offer(self.ends[offerer].offer_with(options));
        let answer = change_answer(self.ends[1 - offerer].answer(&offer).unwrap());
        self.ends[offerer].take(SdpType::Answer, &answer).unwrap();
        self.wake();
    }

    /// Polls both ends at the present instant, as a caller does after any call.
    pub(crate) fn wake(&mut self) {
        for index in 0..2 {
            self.drain(index);
        }
    }

    pub(crate) fn drain(&mut self, index: usize) {
        let mut buf = vec![0; self.room];
        loop {
            let output = self.ends[index].pc.poll_output(self.now, &mut buf);
            assert!(
                !self.ends[index].closed || matches!(output, Output::Wait(None)),
                "law 10: {output:?} after the closing event"
            );
            match output {
                Output::Event(event) => {
                    (self.react)(index, self.now, &mut self.ends[index].pc, &event);
                    self.ends[index].closed |= event == Event::ConnectionStateChange(ConnectionState::Closed);
                    self.ends[index].events.push((self.now, event));
                }
                Output::Transmit(transmit) => {
                    assert!(self.ends[index].pc.connection_state() != ConnectionState::Closed, "law 10");
                    if transmit.len > transmit.segment_len {
                        self.runs[index].push((transmit.len, transmit.segment_len));
                    }
                    for datagram in buf[..transmit.len].chunks(transmit.segment_len) {
                        self.carry(index, transmit.path, datagram.to_vec());
                    }
                }
                Output::Wait(wait) => {
                    assert!(
                        wait.is_none_or(|at| at > self.now),
                        "law 4: {wait:?} is not after {:?}",
                        self.now
                    );
                    self.ends[index].wait = wait;
                    return;
                }
            }
        }
    }

    /// Takes one datagram of an end's onto the link.
    fn carry(&mut self, index: usize, path: Path, mut bytes: Vec<u8>) {
        let end = &mut self.ends[index];
        (end.sent, end.sent_at) = (end.sent + 1, Some(self.now));
        // From an address that is gone, nothing leaves.
        let gone = !end.addrs.contains(&path.local);
        if (self.filter)(index, &mut bytes) && !gone {
            self.serial += 1;
            let arrival = self.now + self.delay + (self.detour)(index, &bytes);
            let source = self.ends[index].outside.unwrap_or(path.local);
            self.wire.insert((arrival, self.serial), (Path::udp(source, path.remote), bytes));
        }
    }

    /// When something happens next.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        let arrival = self.wire.first_key_value().map(|((at, _), _)| *at);
        let waits = self.ends.iter().filter_map(|end| end.wait).min();
        arrival.into_iter().chain(waits).min()
    }

    /// The next thing that happens; false when nothing ever will.
    pub(crate) fn step(&mut self) -> bool {
        let Some(next) = self.next_at() else { return false };
        self.now = self.now.max(next);
        if self.wire.first_key_value().is_some_and(|((at, _), _)| *at == next) {
            let (_, (path, bytes)) = self.wire.pop_first().unwrap();
            if let Some((to, socket)) = self.destination(path.remote) {
                self.ends[to].pc.handle_input(self.now, Datagram::udp(socket, path.local, &bytes));
                self.drain(to);
            }
        } else {
            for index in 0..2 {
                if self.ends[index].wait.is_some_and(|at| at <= self.now) {
                    self.drain(index);
                }
            }
        }
        true
    }

    /// Who is reached at an address, and on which socket.
    fn destination(&self, address: SocketAddr) -> Option<(usize, SocketAddr)> {
        (0..2).find_map(|index| {
            let end = &self.ends[index];
            let socket = match end.outside {
                Some(outside) => end.addrs.first().filter(|_| outside == address),
                None => end.addrs.iter().find(|addr| **addr == address),
            };
            Some((index, *socket?))
        })
    }

    /// An end's interface changes: its sockets are gone, and there is another.
    pub(crate) fn roam(&mut self, index: usize, to: SocketAddr) {
        for addr in core::mem::replace(&mut self.ends[index].addrs, vec![to]) {
            self.ends[index].pc.remove_local_candidate(addr);
        }
        self.ends[index].pc.add_local_candidate(LocalCandidate::udp(to)).unwrap();
    }

    /// The text of an end's local description.
    pub(crate) fn local_sdp(&self, index: usize) -> String {
        self.ends[index].pc.local_description().unwrap().to_sdp()
    }

    /// Runs until `done` or for `limit`; says whether `done`.
    pub(crate) fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if self.next_at().is_none_or(|at| at > end) {
                self.now = end;
                return done(self);
            }
            self.step();
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// Lets time pass in which neither end is polled and everything on its way is lost.
    pub(crate) fn suspend(&mut self, time: Duration) {
        self.wire.clear();
        self.now += time;
    }

    /// Puts a datagram before one end, as from `from`.
    pub(crate) fn inject(&mut self, to: usize, from: SocketAddr, bytes: &[u8]) {
        let local = self.ends[to].addr;
        self.ends[to].pc.handle_input(self.now, Datagram::udp(local, from, bytes));
        self.drain(to);
    }

    /// Sends on a channel.
    pub(crate) fn send(&mut self, from: usize, channel: DataChannelId, message: &Message) {
        let now = self.now;
        self.ends[from].pc.data_channel(channel).unwrap().send(now, message).unwrap();
        self.drain(from);
    }

    /// Everything that has arrived on a channel, as text.
    pub(crate) fn received(&mut self, at: usize, channel: DataChannelId) -> Vec<String> {
        let Some(mut channel) = self.ends[at].pc.data_channel(channel) else { return Vec::new() };
        let messages = core::iter::from_fn(|| channel.recv());
        let all = messages.map(|message| String::from_utf8(message.data.to_vec()).unwrap()).collect();
        self.drain(at);
        all
    }

    /// Both ends say something to each other and hear it, within `limit`.
    pub(crate) fn assert_talks(&mut self, channels: [DataChannelId; 2], limit: Duration) {
        let words = format!("at {:?}", self.now);
        for (index, channel) in channels.into_iter().enumerate() {
            self.send(index, channel, &text(&words));
        }
        for (index, channel) in channels.into_iter().enumerate() {
            let mut heard = Vec::new();
            self.run_until(limit, |pair| {
                heard.extend(pair.received(index, channel));
                !heard.is_empty()
            });
            assert_eq!(heard, [words.as_str()], "what end {index} heard, {:?}", self.states());
        }
    }
}

/// Puts `to` in the place of the first `from`, which must be there.
pub(crate) fn replaced(sdp: &str, from: &str, to: &str) -> String {
    assert!(sdp.contains(from), "{from} in {sdp}");
    sdp.replacen(from, to, 1)
}

/// A description without the lines that begin so.
pub(crate) fn without(sdp: &str, prefixes: &[&str]) -> String {
    let lines = sdp.split_inclusive("\r\n");
    lines.filter(|line| !prefixes.iter().any(|prefix| line.starts_with(prefix))).collect()
}

/// The value of the first line that begins so.
pub(crate) fn value<'a>(sdp: &'a str, prefix: &str) -> &'a str {
    sdp.lines().find_map(|line| line.strip_prefix(prefix)).unwrap()
}
