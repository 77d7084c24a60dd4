//! `forward`: what a server spends on a packet that it forwards, from one publisher to twenty viewers.

use antiphon::Event;
use antiphon::base::serial::Seq16;
use antiphon::rtp::RtpPacket;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

use super::measure::{Line, cpu_of, interleaved, print};
use super::media::{Call, FRAME, INTERVAL};
use super::pair::BURST;

const VIEWERS: u64 = 20;
/// Frames of one round.
const FRAMES: usize = 60;
/// Frames whose allocations are counted, after as many that are not.
const COUNTED: usize = 300;

/// A publisher and its end at the server, and the server's ends of the viewers with the viewers.
struct Room {
    publisher: Call,
    viewers: Vec<Call>,
    packets: Vec<RtpPacket>,
}

impl Room {
    fn new() -> Self {
        let publisher = Call::new(1, true);
        let viewers = (0..VIEWERS).map(|n| Call::new(n + 2, true)).collect();
        Self { publisher, viewers, packets: Vec::with_capacity(FRAME) }
    }

    /// A frame goes from the publisher to all viewers. What the publisher and the server spent on it is returned, in nanoseconds; of the
    /// viewers nothing is counted, but that the server reads what they say.
    fn frame(&mut self) -> f64 {
        let Self { publisher, viewers, packets } = self;
        let mut spent = cpu_of(|| {
            publisher.write(FRAME);
            while publisher.pair.burst(0, BURST) + publisher.pair.burst(1, BURST) > 0 {}
            let mut receiver = publisher.pair.sides[1].pc.receiver(publisher.ids[1]).unwrap();
            packets.extend(core::iter::from_fn(|| receiver.recv_rtp()));
        });
        assert_eq!(packets.len(), FRAME);
        // All viewers at once: reading the clock costs as much as a packet.
        spent += cpu_of(|| {
            for viewer in viewers.iter_mut() {
                let now = viewer.pair.now;
                for packet in packets.iter() {
                    let server = &mut viewer.pair.sides[0].pc;
                    server.sender(viewer.ids[0]).unwrap().write_rtp(now, packet).unwrap();
                }
                viewer.pair.draw(0, BURST);
            }
        });
        loop {
            let mut told = 0;
            for viewer in viewers.iter_mut() {
                viewer.pair.deliver(0);
                viewer.pair.draw(1, BURST);
                told += viewer.pair.drawn().count();
            }
            // What viewers say, the feedback, and what is left of reports.
            spent += cpu_of(|| {
                for viewer in viewers.iter_mut() {
                    viewer.pair.deliver(1);
                    viewer.pair.draw(0, BURST);
                }
            });
            if told + viewers.iter().map(|viewer| viewer.pair.drawn().count()).sum::<usize>() == 0 {
                break;
            }
        }
        for viewer in viewers.iter_mut() {
            assert_eq!(viewer.read(), FRAME);
            viewer.pair.sides.iter_mut().for_each(|side| side.events.clear());
            viewer.pair.now += INTERVAL;
        }
        packets.clear();
        let events = &mut publisher.pair.sides[0].events;
        assert!(!events.iter().any(|event| matches!(event, Event::KeyframeRequested(..))));
        publisher.pair.sides.iter_mut().for_each(|side| side.events.clear());
        publisher.pair.now += INTERVAL;
        spent.as_nanos() as f64
    }
}

pub(crate) fn run() {
    let mut room = Room::new();
    // The publisher's packets go on from a number of their own.
    room.publisher.packet.sequence = Seq16(room.publisher.packet.sequence.0.wrapping_add(1));
    for _ in 0..COUNTED {
        room.frame();
    }
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    for _ in 0..COUNTED {
        room.frame();
    }
    let change = region.change();
    let allocations = (change.allocations + change.reallocations) as f64;
    let packets = (COUNTED * FRAME * room.viewers.len()) as f64;
    print("forward.allocations_per_packet", allocations / packets, "allocations");
    interleaved(vec![Line::new("forward.per_packet_ns", "ns", move || {
        let spent: f64 = (0..FRAMES).map(|_| room.frame()).sum();
        spent / (FRAMES * FRAME * room.viewers.len()) as f64
    })]);
}
