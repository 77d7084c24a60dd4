//! `rtp_forged`: what packets under no key of ours cost a connection, in time and in memory.

use antiphon::Datagram;
use antiphon::crypto::aead::TAG_LEN;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

use super::measure::{Line, interleaved, ns_each, print};
use super::media::{Call, PACKET};
use super::pair::{BURST, addresses};

/// Forged packets whose memory is counted, each of another source.
const FORGED: u32 = 1_000_000;
/// Bytes of each of them.
const SHORT: usize = 200;
/// Forged packets of one round whose time is measured.
const TIMED: u32 = 4000;

/// From the highest number of the source to those of the forged packets: outside of the window in which another roll-over count is
/// likely, so that only each eighth packet is tried under two.
const FAR: u16 = 20_000;

/// Puts a packet before the receiver, and lets it say what it has to.
fn refuse(call: &mut Call, packet: &[u8]) {
    let [from, to] = addresses();
    let now = call.pair.now;
    call.pair.sides[1].pc.handle_input(now, Datagram::udp(to, from, packet));
    call.pair.draw(1, BURST);
}

/// A packet of the source that sends, with a body that is not its own and a number far ahead.
fn of_known_source(call: &mut Call) -> Vec<u8> {
    call.write(1);
    call.pair.draw(0, BURST);
    let genuine = call.pair.drawn().find(|its| its.len() == PACKET + TAG_LEN).unwrap().to_vec();
    call.pair.deliver(0);
    assert_eq!(call.read(), 1);
    let sequence = u16::from_be_bytes([genuine[2], genuine[3]]);
    let mut packet = genuine;
    packet[2..4].copy_from_slice(&sequence.wrapping_add(FAR).to_be_bytes());
    packet
}

pub(crate) fn run() {
    let mut call = Call::new(1, true);
    let packet = of_known_source(&mut call);
    let number = u16::from_be_bytes([packet[2], packet[3]]);
    let mut forged = packet.clone();
    let mut count = 0_u16;
    interleaved(vec![Line::new("rtp_forged.refuse_ns", "ns", || {
        ns_each(TIMED, || {
            count = (count + 1) % 64;
            forged[2..4].copy_from_slice(&number.wrapping_add(count).to_be_bytes());
            refuse(&mut call, &forged);
        })
    })]);

    let mut short = packet[..SHORT].to_vec();
    let now = call.pair.now;
    let before = call.pair.sides[1].pc.stats(now);
    refuse(&mut call, &short);
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    for ssrc in 0..FORGED {
        short[8..12].copy_from_slice(&ssrc.to_be_bytes());
        refuse(&mut call, &short);
    }
    let change = region.change();
    let left = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    let after = call.pair.sides[1].pc.stats(now);
    let refused = after.srtp.unwrap().unauthenticated - before.srtp.unwrap().unauthenticated;
    assert_eq!((refused, after.rtp), (u64::from(FORGED) + 1, before.rtp));
    print("rtp_forged.heap_per_packet_bytes", left / f64::from(FORGED), "bytes");
    let allocated = (change.allocations + change.reallocations) as f64;
    print("rtp_forged.allocations_per_packet", allocated / f64::from(FORGED), "allocations");
}
