//! What an association pins: little messages that stay unread among much that is read at once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod sctp_common;
mod steady_support;

use std::alloc::System;

use antiphon::base::arena::Arena;
use antiphon::base::limits;
use antiphon::sctp::{Config, State};
use antiphon::wire::sctp::PacketWriter;
use sctp_common::hand::{FIRST, Hand, UNORDERED, data};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn live() -> usize {
    let stats = GLOBAL.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// One packet as decryption leaves it: a slice of an arena whose blocks are used again once nobody holds a part of them.
fn arrive(hand: &mut Hand, arena: &mut Arena, write: impl FnOnce(&mut PacketWriter<'_>)) {
    let tag = hand.tag;
    let packet = arena.fill(1200, |buf| {
        let mut writer = PacketWriter::new(buf, 5000, 5000, tag);
        write(&mut writer);
        Some(writer.finish())
    });
    hand.sctp.handle_input(hand.now, packet.unwrap());
}

fn take(hand: &mut Hand) {
    hand.poll();
    hand.sent.clear();
    hand.events.clear();
}

// One test: another thread's allocations would be counted too.
#[test]
fn one_byte_held_of_every_64_kib_over_a_million_packets_pins_no_more_than_twice_the_window() {
    const PACKETS: u32 = 1_000_000;
    // 64 KiB of packets.
    const EVERY: u32 = 65_536 / 1200;
    steady_support::alone(GLOBAL);
    let window = 2 << 20;
    let config = Config { receive_window: window, ..Config::default() };
    let bulk = [7; 1150];
    for (name, begun) in [("whole messages", false), ("beginnings of messages", true)] {
        let mut arena = Arena::new(limits::ARENA_BLOCK, limits::ARENA_BLOCKS);
        let mut hand = Hand::established(&config);
        hand.checked = false;
        take(&mut hand);
        let before = live();
        let mut most = 0;
        let (mut n, mut held) = (0, 0);
        for packet in 0..PACKETS {
            let keeps = packet % EVERY == 0 && !(begun && held >= 4000);
            arrive(&mut hand, &mut arena, |writer| {
                if keeps {
                    let flags = if begun { FIRST } else { UNORDERED };
                    writer.data(&data(n, 1, 0, flags, b"x")).unwrap();
                    n += 1;
                }
                writer.data(&data(n, 2, 0, UNORDERED, bulk.get(..1100).unwrap())).unwrap();
                n += 1;
            });
            held += u32::from(keeps);
            while hand.sctp.recv_from(2).is_some() {}
            if packet % 16 == 0 {
                take(&mut hand);
            }
            most = most.max(live() - before);
        }
        take(&mut hand);
        let stats = hand.sctp.stats();
        assert_eq!(hand.sctp.state(), State::Established);
        assert_eq!(stats.drops.window + stats.drops.tsn_range, 0, "{name}: all of it was taken");
        assert!(stats.held_bytes <= window, "{name}: charged with {}", stats.held_bytes);
        assert!(most <= 2 * window, "{name}: {most} bytes pinned");
        if !begun {
            assert_eq!(core::iter::from_fn(|| hand.sctp.recv_from(1)).count(), held as usize);
            assert_eq!(hand.sctp.stats().held_bytes, 0);
        }
    }
}
