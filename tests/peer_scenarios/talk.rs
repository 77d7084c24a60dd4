//! Two applications: signalling between them as the W3C's perfect negotiation has it, and numbered messages both ways.

use core::time::Duration;
use std::collections::BTreeMap;

use antiphon::{
    Config, ConnectionState, DataChannelId, DataChannelInit, Event, IceCandidate, Instant, Message, Rng,
    SdpType, Seed, SessionDescription, SignalingState,
};

use crate::pair::{Pair, address, ms};

/// What signalling carries.
#[derive(Clone, Debug)]
pub(crate) enum Signal {
    Description(SdpType, String),
    Candidate(Option<IceCandidate>),
}

/// One side's application.
#[derive(Debug, Default)]
pub(crate) struct App {
    /// Events looked at.
    seen: usize,
    /// An offer of the peer's was ignored: so are its candidates.
    ignored: bool,
    pub(crate) channel: Option<DataChannelId>,
    /// Sends a message this often.
    every: Option<Duration>,
    next_at: Option<Instant>,
    pub(crate) told: u64,
    pub(crate) heard: u64,
    heard_at: Option<Instant>,
    /// The longest time between two messages that arrived.
    pub(crate) gap: Duration,
    /// Offers made.
    pub(crate) offers: u32,
}

/// Both sides, the link and the signalling. End 1 is the polite one.
pub(crate) struct Talk {
    pub(crate) pair: Pair,
    pub(crate) apps: [App; 2],
    /// How long signalling takes, at least; and how much longer it may.
    pub(crate) latency: (Duration, u64),
    /// What is done to descriptions and candidates on their way; `false` loses them.
    pub(crate) tamper: fn(usize, &mut Signal) -> bool,
    post: BTreeMap<(Instant, u64), (usize, Signal)>,
    /// Nothing overtakes what was sent before it in its direction.
    last_at: [Instant; 2],
    serial: u64,
    dice: Rng,
    /// Whether events lead to signalling at all.
    pub(crate) signals: bool,
}

impl Talk {
    pub(crate) fn new() -> Self {
        Self::with([&Config::new(), &Config::new()], 1)
    }

    pub(crate) fn with(configs: [&Config; 2], seed: u8) -> Self {
        let pair = Pair::seeded(configs, [&[address(0)], &[address(1)]], seed);
        Self {
            last_at: [pair.now; 2],
            pair,
            apps: [App::default(), App::default()],
            latency: (ms(20), 0),
            tamper: |_, _| true,
            post: BTreeMap::new(),
            serial: 0,
            dice: Rng::new(&Seed::from_bytes([seed; 32])),
            signals: true,
        }
    }

    /// A pair connected over one channel that both sides made by agreement, each talking every `every`.
    pub(crate) fn talking(every: Duration) -> Self {
        let mut talk = Self::new();
        talk.agree();
        talk.connect();
        for end in 0..2 {
            talk.talk(end, every);
        }
        talk.run_for(ms(500));
        talk
    }

    /// Makes the same channel on both sides.
    pub(crate) fn agree(&mut self) {
        let init = DataChannelInit { negotiated: Some(0), ..DataChannelInit::default() };
        for end in 0..2 {
            let id = self.pair.ends[end].pc.create_data_channel("talk", init.clone()).unwrap();
            self.apps[end].channel = Some(id);
        }
    }

    /// Runs until both ends are connected.
    pub(crate) fn connect(&mut self) {
        let up = self.run_until(ms(20_000), Self::is_connected);
        assert!(up, "not connected: {:?}", self.states());
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.states() == [ConnectionState::Connected; 2]
    }

    pub(crate) fn states(&self) -> [ConnectionState; 2] {
        [0, 1].map(|end| self.pair.ends[end].pc.connection_state())
    }

    pub(crate) fn is_stable(&self) -> bool {
        self.post.is_empty()
            && self.pair.ends.iter().all(|end| end.pc.signaling_state() == SignalingState::Stable)
    }

    /// Sends a numbered message now and then.
    pub(crate) fn talk(&mut self, end: usize, every: Duration) {
        self.apps[end].every = Some(every);
        self.apps[end].next_at = Some(self.pair.now);
    }

    pub(crate) fn hush(&mut self) {
        for app in &mut self.apps {
            app.every = None;
            app.next_at = None;
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    pub(crate) fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.pair.now + limit;
        loop {
            self.attend();
            if done(self) {
                return true;
            }
            let signal = self.post.first_key_value().map(|((at, _), _)| *at);
            let speech = self.apps.iter().filter_map(|app| app.next_at).min();
            let ours = signal.into_iter().chain(speech).min();
            let next = self.pair.next_at().into_iter().chain(ours).min();
            let Some(next) = next.filter(|at| *at <= end) else {
                self.pair.now = end;
                return done(self);
            };
            if ours.is_some_and(|at| at <= next) {
                self.pair.now = self.pair.now.max(next);
                self.take_signals();
                self.speak();
                self.pair.wake();
            } else {
                self.pair.step();
            }
        }
    }

    /// Stops talking and waits until everything said has been heard.
    pub(crate) fn assert_all_heard(&mut self, within: Duration) {
        self.hush();
        let all = |talk: &Self| (0..2).all(|end| talk.apps[1 - end].heard == talk.apps[end].told);
        let heard = self.run_until(within, all);
        let figures = [0, 1].map(|end| (self.apps[end].told, self.apps[1 - end].heard));
        assert!(heard, "told and heard: {figures:?}, {:?}", self.states());
    }

    pub(crate) fn send(&mut self, from: usize, signal: Signal) {
        let mut signal = signal;
        if !(self.tamper)(from, &mut signal) {
            return;
        }
        let (least, more) = self.latency;
        let at = self.pair.now + least + ms(self.dice.below(more + 1));
        self.last_at[from] = self.last_at[from].max(at);
        self.serial += 1;
        self.post.insert((self.last_at[from], self.serial), (1 - from, signal));
    }

    fn speak(&mut self) {
        let now = self.pair.now;
        for (end, app) in self.apps.iter_mut().enumerate() {
            let (Some(every), Some(id)) = (app.every, app.channel) else { continue };
            if app.next_at.is_some_and(|at| at <= now) {
                app.next_at = Some(now + every);
                let Some(mut channel) = self.pair.ends[end].pc.data_channel(id) else { continue };
                let mut bytes = vec![0x2e; 200];
                bytes[..8].copy_from_slice(&app.told.to_be_bytes());
                if channel.send(now, &Message::binary(bytes)).is_ok() {
                    app.told += 1;
                }
            }
        }
    }

    /// What the applications do about events.
    fn attend(&mut self) {
        loop {
            let mut idle = true;
            for end in 0..2 {
                while let Some((_, event)) = self.pair.ends[end].events.get(self.apps[end].seen) {
                    let event = event.clone();
                    self.apps[end].seen += 1;
                    self.on_event(end, event);
                    idle = false;
                }
            }
            if idle {
                return;
            }
            self.pair.wake();
        }
    }

    fn on_event(&mut self, end: usize, event: Event) {
        match event {
            Event::NegotiationNeeded if self.signals => self.offer(end),
            Event::IceCandidate(candidate) if self.signals => self.send(end, Signal::Candidate(candidate)),
            Event::DataChannelReadable(id) if self.apps[end].channel == Some(id) => self.listen(end, id),
            _ => {}
        }
    }

    fn listen(&mut self, end: usize, id: DataChannelId) {
        let (app, now) = (&mut self.apps[end], self.pair.now);
        while let Some(message) = self.pair.ends[end].pc.data_channel(id).and_then(|mut c| c.recv()) {
            let number = u64::from_be_bytes(*message.data.first_chunk().unwrap());
            assert_eq!(number, app.heard, "each message once and in order");
            assert_eq!(message.data.len(), 200);
            app.heard += 1;
            if let Some(before) = app.heard_at.replace(now) {
                app.gap = app.gap.max(now.saturating_duration_since(before));
            }
        }
    }

    /// Makes an offer and sends it.
    pub(crate) fn offer(&mut self, end: usize) {
        if self.pair.ends[end].pc.signaling_state() != SignalingState::Stable {
            return;
        }
        self.pair.ends[end].pc.set_local_description(None).unwrap();
        self.apps[end].offers += 1;
        self.send_local(end);
    }

    pub(crate) fn send_local(&mut self, end: usize) {
        let description = self.pair.ends[end].pc.local_description().unwrap();
        let signal = Signal::Description(description.kind(), description.to_sdp());
        self.send(end, signal);
    }

    fn take_signals(&mut self) {
        while let Some(entry) = self.post.first_entry().filter(|entry| entry.key().0 <= self.pair.now) {
            let (to, signal) = entry.remove();
            self.take(to, signal);
        }
    }

    /// W3C WebRTC §10.7: the impolite side ignores an offer that crosses its own, the polite one gives way.
    fn take(&mut self, to: usize, signal: Signal) {
        let polite = to == 1;
        let pc = &mut self.pair.ends[to].pc;
        match signal {
            Signal::Description(kind, sdp) => {
                let crosses = kind == SdpType::Offer && pc.signaling_state() != SignalingState::Stable;
                self.apps[to].ignored = crosses && !polite;
                if self.apps[to].ignored {
                    return;
                }
                pc.set_remote_description(SessionDescription::parse(kind, &sdp).unwrap()).unwrap();
                if kind == SdpType::Offer {
                    pc.set_local_description(None).unwrap();
                    self.send_local(to);
                }
            }
            Signal::Candidate(candidate) => {
                let taken = pc.add_ice_candidate(candidate.as_ref());
                assert!(taken.is_ok() || self.apps[to].ignored, "{candidate:?}: {taken:?}");
            }
        }
    }
}
