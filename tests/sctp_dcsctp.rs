//! `dcSCTP`, which Chromium uses, as the peer, in virtual time: set-up, transfer under loss, partial reliability, resets, the end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use core::time::Duration;
use std::collections::VecDeque;

use antiphon::sctp::{
    Association, CloseReason, Config, Event, Message, PeerImplementation, Reliability, SendOptions,
};
use antiphon::time::earliest;
use antiphon::{Instant, Output, Rng, Seed};
use dcsctp::api::{self, DcSctpSocket, SocketEvent, SocketTime, StreamId};

const DELAY: Duration = Duration::from_millis(25);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Packets one way.
#[derive(Default)]
struct Way {
    flying: VecDeque<(Instant, Vec<u8>)>,
    carried: usize,
    /// One packet of so many is lost; none for 0.
    lose_every: usize,
}

impl Way {
    fn offer(&mut self, now: Instant, packet: Vec<u8>) {
        self.carried += 1;
        if self.lose_every == 0 || !self.carried.is_multiple_of(self.lose_every) {
            self.flying.push_back((now + DELAY, packet));
        }
    }

    fn arrived(&mut self, now: Instant) -> Option<Vec<u8>> {
        let _due = self.flying.front().filter(|(at, _)| *at <= now)?;
        self.flying.pop_front().map(|(_, packet)| packet)
    }

    fn next(&self) -> Option<Instant> {
        self.flying.front().map(|(at, _)| *at)
    }
}

/// One of ours, one of theirs.
struct Pair {
    now: Instant,
    ours: Association,
    theirs: Box<dyn DcSctpSocket>,
    /// When their time began.
    born: Instant,
    to_us: Way,
    to_them: Way,
    our_events: Vec<Event>,
    their_events: Vec<SocketEvent>,
    /// Stream and payload.
    we_got: Vec<(u16, Vec<u8>)>,
    they_got: Vec<(u16, Vec<u8>)>,
    we_read: bool,
    wait: Option<Instant>,
}

fn their_options() -> api::Options {
    // As libwebrtc sets it: the transport below decides when a peer is gone.
    api::Options { max_retransmissions: None, max_init_retransmits: None, ..api::Options::default() }
}

impl Pair {
    fn new(config: &Config) -> Self {
        let now = Instant::from_nanos(1);
        Self {
            now,
            ours: Association::new(now, Rng::new(&Seed::from_bytes([5; 32])), config).unwrap(),
            theirs: dcsctp::new_socket("peer", &their_options()),
            born: now,
            to_us: Way::default(),
            to_them: Way::default(),
            our_events: Vec::new(),
            their_events: Vec::new(),
            we_got: Vec::new(),
            they_got: Vec::new(),
            we_read: true,
            wait: None,
        }
    }

    fn connected() -> Self {
        Self::connected_with(&Config::default())
    }

    /// Both call at once, as both sides of a data channel do.
    fn connected_with(config: &Config) -> Self {
        let mut pair = Self::new(config);
        pair.ours.connect();
        pair.theirs.connect();
        pair.run(ms(500));
        assert!(pair.is_up());
        pair
    }

    fn is_up(&self) -> bool {
        self.our_events.contains(&Event::Connected) && self.theirs.state() == api::SocketState::Connected
    }

    fn their_time(&self) -> SocketTime {
        SocketTime::zero() + self.now.saturating_duration_since(self.born)
    }

    fn drain(&mut self) {
        let mut buf = [0; 1200];
        loop {
            match self.ours.poll_output(self.now, &mut buf) {
                Output::Event(event) => self.our_events.push(event),
                Output::Transmit(transmit) => self.to_them.offer(self.now, buf[..transmit.len].to_vec()),
                Output::Wait(wait) => {
                    self.wait = wait;
                    break;
                }
            }
            while self.we_read
                && let Some(message) = self.ours.recv()
            {
                self.we_got.push((message.stream, message.data.to_vec()));
            }
        }
        let time = self.their_time();
        self.theirs.advance_time(time);
        while let Some(event) = self.theirs.poll_event() {
            if let SocketEvent::SendPacket(packet) = event {
                self.to_us.offer(self.now, packet);
            } else {
                self.their_events.push(event);
            }
        }
        while let Some(message) = self.theirs.get_next_message() {
            self.they_got.push((message.stream_id.0, message.payload));
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.drain();
            let their_wait = self.theirs.poll_timeout() - SocketTime::zero();
            let their_wait = (their_wait < Duration::MAX).then(|| self.born + their_wait);
            let packets = earliest(self.to_us.next(), self.to_them.next());
            let next = earliest(packets, earliest(self.wait, their_wait)).filter(|next| *next <= end);
            let Some(next) = next else { break };
            self.now = next.max(self.now);
            let time = self.their_time();
            self.theirs.advance_time(time);
            while let Some(packet) = self.to_us.arrived(self.now) {
                self.ours.handle_input(self.now, packet.into());
            }
            while let Some(packet) = self.to_them.arrived(self.now) {
                self.theirs.handle_input(&packet);
            }
        }
        self.now = end;
        self.drain();
        self.ours.check();
    }

    /// Runs until it is so; whether it became so.
    fn until(&mut self, patience: Duration, mut so: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + patience;
        while self.now < end && !so(self) {
            self.run(ms(50));
        }
        so(self)
    }

    /// Where both stand, for who wonders.
    fn report(&self) -> String {
        let (we, they) = (self.we_got.len(), self.they_got.len());
        let theirs =
            self.theirs.get_metrics().map(|metrics| (metrics.unack_data_count, metrics.rtx_packets_count));
        format!(
            "we got {we}, they {they}; ours: {:?}; theirs: {theirs:?}, {:?}",
            self.ours.stats(),
            self.their_events
        )
    }

    fn we_send(&mut self, stream: u16, data: Vec<u8>, options: SendOptions) -> bool {
        let message = Message { stream, ppid: 53, data: data.into() };
        self.ours.send(self.now, &message, options).is_ok()
    }

    fn they_send(&mut self, stream: u16, data: Vec<u8>, options: &api::SendOptions) -> bool {
        let time = self.their_time();
        self.theirs.advance_time(time);
        self.theirs.send(api::Message::new(StreamId(stream), api::PpId(53), data), options).is_ok()
    }

    fn lose_every(&mut self, n: usize) {
        (self.to_us.lose_every, self.to_them.lose_every) = (n, n);
    }
}

/// The `n`th message: its number, then as many bytes more as make it interesting.
fn numbered(n: u32) -> Vec<u8> {
    const SIZES: [usize; 9] = [0, 1, 100, 1140, 1155, 1156, 1160, 3000, 20_000];
    let mut data = n.to_be_bytes().to_vec();
    data.resize(4 + SIZES[n as usize % SIZES.len()], u8::try_from(n % 251).unwrap());
    data
}

fn numbers(got: &[(u16, Vec<u8>)]) -> Vec<u32> {
    got.iter()
        .map(|(_, data)| {
            let n = u32::from_be_bytes(data[..4].try_into().unwrap());
            assert_eq!(*data, numbered(n), "message {n}");
            n
        })
        .collect()
}

#[test]
fn either_side_or_both_may_call() {
    for (we, they) in [(true, true), (true, false), (false, true)] {
        for lose_every in [0, 2, 3] {
            let mut pair = Pair::new(&Config::default());
            pair.lose_every(lose_every);
            if we {
                pair.ours.connect();
            }
            if they {
                pair.theirs.connect();
            }
            assert!(pair.until(Duration::from_secs(60), Pair::is_up), "{we} {they} {lose_every}");
            pair.lose_every(0);
            pair.we_send(1, numbered(1), SendOptions::default());
            pair.they_send(1, numbered(2), &api::SendOptions::default());
            pair.run(Duration::from_secs(30));
            assert_eq!((numbers(&pair.we_got), numbers(&pair.they_got)), (vec![2], vec![1]));
            if we && pair.ours.stats().peer_implementation != PeerImplementation::Unknown {
                assert_eq!(pair.ours.stats().peer_implementation, PeerImplementation::DcSctp);
            }
        }
    }
}

#[test]
fn messages_of_every_size_arrive_once_and_in_order_whatever_is_lost() {
    for lose_every in [0, 50, 13, 5] {
        let mut pair = Pair::connected();
        pair.lose_every(lose_every);
        for n in 0..200 {
            assert!(pair.we_send(1, numbered(n), SendOptions::default()));
            assert!(pair.they_send(2, numbered(n), &api::SendOptions::default()));
        }
        let all = pair.until(Duration::from_secs(300), |pair| pair.we_got.len() + pair.they_got.len() == 400);
        assert!(all, "{lose_every}: {} and {}", pair.we_got.len(), pair.they_got.len());
        let expected: Vec<u32> = (0..200).collect();
        assert_eq!((numbers(&pair.we_got), numbers(&pair.they_got)), (expected.clone(), expected));
        assert!(pair.their_events.iter().all(|event| !matches!(event, SocketEvent::OnError(..))));
        assert_eq!(pair.ours.stats().held_bytes, 0);
    }
}

#[test]
fn many_streams_do_not_wait_for_each_other() {
    let mut pair = Pair::connected();
    pair.lose_every(29);
    for n in 0..300 {
        let stream = u16::try_from(n % 30).unwrap();
        let unordered = n % 2 == 0;
        pair.we_send(stream, numbered(n), SendOptions { ordered: !unordered, ..SendOptions::default() });
        pair.they_send(stream, numbered(n), &api::SendOptions { unordered, ..api::SendOptions::default() });
    }
    let all = pair.until(Duration::from_secs(300), |pair| pair.we_got.len() + pair.they_got.len() == 600);
    assert!(all, "{}", pair.report());
    for got in [&pair.we_got, &pair.they_got] {
        let mut all = numbers(got);
        for stream in 0..30 {
            let of: Vec<_> = got.iter().filter(|(of, _)| *of == stream).cloned().collect();
            let ordered: Vec<_> = numbers(&of).into_iter().filter(|n| n % 2 == 1).collect();
            assert!(ordered.is_sorted(), "{stream}: {ordered:?}");
        }
        all.sort_unstable();
        assert_eq!(all, (0..300).collect::<Vec<_>>());
    }
}

/// A message that is nothing else's number, and short.
const LAST: u32 = 90_000;

#[test]
fn what_either_gives_up_does_not_hold_up_the_rest() {
    for ordered in [true, false] {
        for by_time in [true, false] {
            let mut pair = Pair::connected();
            pair.lose_every(7);
            let reliability =
                if by_time { Reliability::MaxLifetime(ms(60)) } else { Reliability::MaxRetransmits(0) };
            let theirs = api::SendOptions {
                unordered: !ordered,
                lifetime: by_time.then_some(ms(60)),
                max_retransmissions: (!by_time).then_some(0),
                lifecycle_id: None,
            };
            for n in 0..300 {
                pair.we_send(1, numbered(n), SendOptions { ordered, reliability });
                // A message of theirs whose time is over when half of it has left is never skipped: these are too short for that.
                pair.they_send(1, numbered(9 * n + n % 3), &theirs);
                pair.run(ms(10));
            }
            // What is reliable arrives behind it, on the same stream.
            pair.we_send(1, numbered(LAST), SendOptions::default());
            pair.they_send(1, numbered(LAST), &api::SendOptions::default());
            let last =
                |got: &[(u16, Vec<u8>)]| got.iter().any(|(_, data)| data.starts_with(&LAST.to_be_bytes()));
            let both = |pair: &Pair| last(&pair.we_got) && last(&pair.they_got);
            let arrived = pair.until(Duration::from_secs(120), both);
            assert!(arrived, "ordered {ordered}, by time {by_time}: {}", pair.report());
            for got in [&pair.we_got, &pair.they_got] {
                let mut all = numbers(got);
                assert!(!ordered || all.is_sorted());
                all.sort_unstable();
                all.dedup();
                assert_eq!(all.len(), got.len(), "no message twice");
                assert!((150..301).contains(&all.len()), "{} of 301", all.len());
            }
            assert!(pair.ours.stats().messages_abandoned > 0);
            assert!(pair.their_events.iter().all(|event| !matches!(event, SocketEvent::OnError(..))));
        }
    }
}

#[test]
fn streams_are_reset_both_ways_and_used_again() {
    let mut pair = Pair::connected();
    pair.lose_every(9);
    for round in 0..5 {
        for stream in 0..40 {
            pair.we_send(stream, numbered(round), SendOptions::default());
            pair.they_send(stream, numbered(round), &api::SendOptions::default());
        }
        // What their queue holds when it is asked for a reset, it throws away.
        let all = |pair: &Pair| (pair.we_got.len(), pair.they_got.len()) == (40, 40);
        assert!(pair.until(Duration::from_secs(60), all), "round {round}: {}", pair.report());
        let streams: Vec<u16> = (0..40).collect();
        let theirs: Vec<_> = streams.iter().copied().map(StreamId).collect();
        pair.ours.reset_streams(&streams).unwrap();
        pair.theirs.reset_streams(&theirs).unwrap();
        let reset = |pair: &Pair| {
            let ours = pair.our_events.iter().filter(|event| matches!(event, Event::OutgoingReset { .. }));
            let incoming =
                pair.our_events.iter().filter(|event| matches!(event, Event::IncomingReset { .. }));
            let performed = pair.their_events.iter().filter_map(|event| {
                if let SocketEvent::OnStreamsResetPerformed(streams) = event {
                    Some(streams.len())
                } else {
                    None
                }
            });
            ours.count() == 40 && incoming.count() == 40 && performed.sum::<usize>() == 40
        };
        assert!(pair.until(Duration::from_secs(120), reset), "round {round}: {:?}", pair.our_events);
        pair.our_events.clear();
        pair.their_events.clear();
        assert_eq!((pair.we_got.len(), pair.they_got.len()), (40, 40), "round {round}");
        pair.we_got.clear();
        pair.they_got.clear();
    }
}

#[test]
fn a_reader_that_stops_stops_the_sender_and_gets_everything_later() {
    let config = Config { receive_window: 100_000, max_receive_message_size: 50_000, ..Config::default() };
    let mut pair = Pair::connected_with(&config);
    pair.we_read = false;
    for n in 0..200 {
        pair.they_send(1, numbered(n), &api::SendOptions::default());
    }
    pair.run(Duration::from_secs(300));
    assert!(pair.ours.stats().held_bytes <= 150_000);
    pair.we_read = true;
    // The first of it is read by hand: nothing arrives that would wake the reader.
    while let Some(message) = pair.ours.recv() {
        pair.we_got.push((message.stream, message.data.to_vec()));
    }
    assert!(pair.until(Duration::from_secs(130), |pair| pair.we_got.len() == 200), "{}", pair.we_got.len());
    assert!(numbers(&pair.we_got).is_sorted());
}

#[test]
fn either_side_may_end_it() {
    for we in [true, false] {
        let mut pair = Pair::connected();
        pair.lose_every(6);
        for n in 0..50 {
            pair.we_send(1, numbered(n), SendOptions::default());
            pair.they_send(1, numbered(n), &api::SendOptions::default());
        }
        if we {
            pair.ours.shutdown();
        } else {
            pair.theirs.shutdown();
        }
        let over = |pair: &Pair| pair.our_events.last() == Some(&Event::Closed(CloseReason::Shutdown));
        assert!(pair.until(Duration::from_secs(120), over), "{we}: {:?}", pair.our_events);
        // Theirs ends without what still waits in its queue; what waits in ours arrives, whoever ends it.
        assert!(pair.they_got.len() == 50, "{we}: {}", pair.report());
        let got = numbers(&pair.we_got);
        assert!(got.iter().copied().eq(0..u32::try_from(got.len()).unwrap()), "{got:?}");
    }
    let mut pair = Pair::connected();
    pair.ours.abort();
    pair.run(ms(100));
    assert!(matches!(pair.their_events.last(), Some(SocketEvent::OnAborted(..))), "{:?}", pair.their_events);
    let mut pair = Pair::connected();
    pair.theirs.close();
    pair.run(ms(100));
    let end = pair.our_events.last();
    assert!(matches!(end, Some(Event::Closed(CloseReason::PeerAborted { .. }))), "{end:?}");
}

#[test]
fn a_peer_that_begins_anew_is_taken() {
    let mut pair = Pair::connected();
    pair.they_send(1, numbered(1), &api::SendOptions::default());
    pair.we_send(1, numbered(1), SendOptions::default());
    pair.run(ms(500));
    pair.theirs = dcsctp::new_socket("peer again", &their_options());
    (pair.born, pair.to_us, pair.to_them) = (pair.now, Way::default(), Way::default());
    pair.theirs.connect();
    pair.they_send(1, numbered(2), &api::SendOptions::default());
    pair.run(ms(2000));
    assert!(pair.our_events.contains(&Event::Restarted), "{:?}", pair.our_events);
    pair.we_send(1, numbered(2), SendOptions::default());
    pair.run(ms(500));
    assert_eq!((numbers(&pair.we_got), numbers(&pair.they_got)), (vec![1, 2], vec![1, 2]));
}

#[test]
fn bulk_flows_both_ways_under_a_loss_of_one_percent() {
    let mut pair = Pair::connected();
    pair.lose_every(100);
    let (mut sent, mut given) = (0, 0);
    for _ in 0..2400 {
        while sent < 500 && pair.we_send(1, numbered(8 + 9 * sent), SendOptions::default()) {
            sent += 1;
        }
        while given < 500 && pair.they_send(1, numbered(8 + 9 * given), &api::SendOptions::default()) {
            given += 1;
        }
        pair.run(ms(50));
        if pair.we_got.len() + pair.they_got.len() == 1000 {
            break;
        }
    }
    // 10 MB each way in two minutes at the most.
    assert_eq!((pair.we_got.len(), pair.they_got.len()), (500, 500));
    assert!(numbers(&pair.we_got).is_sorted() && numbers(&pair.they_got).is_sorted());
    assert_eq!(pair.ours.stats().t3_timeouts, 0, "losses are found by reports");
}
