//! Arbitrary bytes, and damaged copies of real ones, for a connected peer: nothing panics, loops or grows, nothing unauthenticated
//! is delivered, and the connection still works afterwards.
//!
//! The input is a list of steps: `kind length bytes`. A pair connects once; every input runs on a fork of it.
#![no_main]

use core::time::Duration;
use std::cell::RefCell;
use std::net::SocketAddr;

use antiphon::{
    Config, ConnectionState, DataChannelInit, Datagram, Event, Instant, LocalCandidate, Message, Output,
    PeerConnection, Seed,
};
use libfuzzer_sys::fuzz_target;

const MTU: usize = 1200;

struct World {
    ends: [PeerConnection; 2],
    now: Instant,
    /// Datagrams under way: to whom, and what.
    wire: Vec<(usize, Vec<u8>)>,
    delivered: [usize; 2],
}

fn address(end: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, if end == 0 { 1 } else { 2 }], 5000))
}

impl World {
    fn connected() -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let new = |end: u8| {
            let seed = Seed::from_bytes([end; 32]);
            let mut pc = PeerConnection::new(now, Duration::from_secs(1_790_000_000), seed, &Config::new())
                .expect("the default");
            pc.add_local_candidate(LocalCandidate::udp(address(usize::from(end)))).expect("an address");
            pc
        };
        let mut world = Self { ends: [new(0), new(1)], now, wire: Vec::new(), delivered: [0; 2] };
        let [a, b] = &mut world.ends;
        a.create_data_channel("fuzz", DataChannelInit::default()).expect("the first channel");
        a.set_local_description(None).expect("an offer");
        b.set_remote_description(a.local_description().expect("an offer").clone()).expect("our own offer");
        b.set_local_description(None).expect("an answer");
        a.set_remote_description(b.local_description().expect("an answer").clone()).expect("our own answer");
        world.settle(Duration::from_secs(2), true);
        assert!(world.ends.iter().all(|pc| pc.connection_state() == ConnectionState::Connected));
        world
    }

    fn fork(&self) -> Self {
        let ends = [self.ends[0].fork(), self.ends[1].fork()];
        Self { ends, now: self.now, wire: self.wire.clone(), delivered: self.delivered }
    }

    /// Draws everything an end has to say; what it reads is counted.
    fn drain(&mut self, end: usize) -> Option<Instant> {
        let mut buf = [0; MTU];
        for _ in 0..100_000 {
            match self.ends[end].poll_output(self.now, &mut buf) {
                Output::Event(Event::DataChannelReadable(id)) => {
                    while let Some(message) =
                        self.ends[end].data_channel(id).and_then(|mut channel| channel.recv())
                    {
                        assert!(
                            message.data.iter().all(|byte| *byte == b'!'),
                            "something else was delivered"
                        );
                        self.delivered[end] += 1;
                    }
                }
                Output::Event(_) => {}
                Output::Transmit(t) => self.wire.push((1 - end, buf[..t.len].to_vec())),
                Output::Wait(wait) => {
                    assert!(wait.is_none_or(|at| at > self.now), "law 4");
                    return wait;
                }
            }
        }
        panic!("it never waits");
    }

    fn give(&mut self, end: usize, from: SocketAddr, data: &[u8]) {
        self.ends[end].handle_input(self.now, Datagram::udp(address(end), from, data));
    }

    /// Lets `time` pass, with every datagram delivered at once (or none).
    fn settle(&mut self, time: Duration, deliver: bool) {
        let until = self.now + time;
        for _ in 0..20_000 {
            let waits = [self.drain(0), self.drain(1)];
            if !self.wire.is_empty() {
                for (end, data) in core::mem::take(&mut self.wire) {
                    if deliver {
                        self.give(end, address(1 - end), &data);
                    }
                }
                continue;
            }
            let next = waits.into_iter().flatten().min().unwrap_or(until);
            if next >= until {
                break;
            }
            self.now = next;
        }
        self.now = until;
    }

    fn say(&mut self, end: usize, len: usize) {
        let Some(id) = self.ends[end].data_channels().first().copied() else { return };
        let now = self.now;
        if let Some(mut channel) = self.ends[end].data_channel(id) {
            drop(channel.send(now, &Message::binary(vec![b'!'; len])));
        }
    }
}

thread_local! {
    static CONNECTED: RefCell<Option<World>> = const { RefCell::new(None) };
}

fuzz_target!(|input: &[u8]| {
    let mut world =
        CONNECTED.with_borrow_mut(|connected| connected.get_or_insert_with(World::connected).fork());
    let mut rest = input;
    for _ in 0..64 {
        let [kind, len, tail @ ..] = rest else { break };
        let (bytes, tail) = tail.split_at(tail.len().min(usize::from(*len)));
        rest = tail;
        let end = usize::from(kind >> 7);
        match kind & 7 {
            0 | 1 => world.give(end, address(1 - end), bytes),
            2 => world.give(end, SocketAddr::from(([192, 0, 2, 1], 9)), bytes),
            // A real datagram, damaged: from one position on, some bytes are replaced.
            3 | 4 => {
                world.say(1 - end, 20);
                world.drain(1 - end);
                let taken =
                    world.wire.iter().position(|(to, _)| *to == end).map(|index| world.wire.remove(index).1);
                if let (Some(mut data), [at, patch @ ..]) = (taken, bytes) {
                    let place = data.iter_mut().skip(usize::from(*at));
                    place.zip(patch).for_each(|(byte, patch)| *byte ^= patch);
                    world.give(end, address(1 - end), &data);
                    world.give(end, address(1 - end), &data);
                }
            }
            5 => world.settle(Duration::from_millis(u64::from(*len)), true),
            6 => world.settle(Duration::from_millis(u64::from(*len)), false),
            _ => world.say(end, usize::from(*len) * 16),
        }
        world.drain(0);
        world.drain(1);
    }
    // The dust settles, and a message still gets through both ways.
    world.settle(Duration::from_secs(60), true);
    let before = world.delivered;
    world.say(0, 3);
    world.say(1, 3);
    world.settle(Duration::from_secs(8), true);
    assert_eq!(world.delivered, [before[0] + 1, before[1] + 1], "the connection does not work any more");
});
