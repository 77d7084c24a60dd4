//! No timeout runs out before an answer that is on its way (RFC 9260 §6.3.1, RFC 7053).

use antiphon::sctp::Config;
use antiphon::wire::sctp::Packet;
use bytes::Bytes;

use crate::sctp_common::*;

/// The packet with the I bits of its DATA chunks cleared: what a peer sees that does not know them.
fn without_i_bits(packet: &[u8]) -> Bytes {
    let mut packet = packet.to_vec();
    let mut at = 12;
    while at + 4 <= packet.len() {
        if packet[at] == 0 {
            packet[at + 1] &= !8;
        }
        let len = usize::from(u16::from_be_bytes([packet[at + 2], packet[at + 3]]));
        at += len.next_multiple_of(4);
    }
    packet[8..12].fill(0);
    let sum = crc32c::crc32c(&packet);
    packet[8..12].copy_from_slice(&sum.to_le_bytes());
    assert!(Packet::parse(&packet).is_ok());
    packet.into()
}

/// A thousand exchanges of one packet, at irregular intervals; how often T3 ran out.
fn exchanges(round_trip: u64, honours: bool, sack_delay: u64) -> u64 {
    let peer = Config { sack_delay: ms(sack_delay), ..Config::default() };
    let mut world = World::with(ms(round_trip) / 2, &Config::default(), &peer);
    if !honours {
        world.to_z.rewrite = Some(without_i_bits);
    }
    world.a.sctp.connect();
    world.z.sctp.connect();
    world.run(ms(2000));
    for n in 0..1000_u64 {
        world.send(1, vec![1; 1 + (n as usize * 37) % 1000]);
        let pause = round_trip + 210 + (world.draw() % 300);
        world.run(ms(pause));
        assert_eq!(world.received(1).len(), 1);
    }
    assert_eq!(world.a.sctp.stats().timeout_retransmits, world.a.sctp.stats().t3_timeouts);
    world.a.sctp.stats().t3_timeouts
}

#[test]
fn no_timeout_in_a_thousand_exchanges_with_a_peer_that_answers_the_i_bit() {
    for round_trip in [1, 50, 200] {
        assert_eq!(exchanges(round_trip, true, 200), 0, "RTT {round_trip} ms");
    }
}

#[test]
fn no_timeout_in_a_thousand_exchanges_with_a_peer_that_ignores_the_i_bit() {
    for round_trip in [1, 50, 200] {
        assert_eq!(exchanges(round_trip, false, 200), 0, "RTT {round_trip} ms");
    }
}

#[test]
fn a_peer_that_keeps_answers_back_for_long_is_learnt_from() {
    // 500 ms is the most that RFC 9260 §6.2 allows; what is known before is 200.
    let timeouts = exchanges(50, false, 450);
    assert!(timeouts <= 3, "{timeouts}");
}

#[test]
fn the_timeout_comes_down_to_its_least_where_the_i_bit_is_answered() {
    let mut world = World::connected(ms(5));
    for _ in 0..30 {
        world.send(1, "x");
        world.run(ms(500));
    }
    assert_eq!(world.a.sctp.stats().rto, ms(200));
    let mut world = World::with(ms(5), &Config::default(), &Config::default());
    world.to_z.rewrite = Some(without_i_bits);
    world.a.sctp.connect();
    world.run(ms(100));
    for _ in 0..30 {
        world.send(1, "x");
        world.run(ms(500));
    }
    assert!(world.a.sctp.stats().rto >= ms(10 + 200), "above the delayed acknowledgement");
}

#[test]
fn the_i_bit_is_on_the_last_chunk_of_a_burst_and_on_no_other() {
    let mut hand = hand::Hand::established(&Config::default());
    hand.send(1, 3000);
    let packets = hand.took();
    let bits: Vec<bool> = packets
        .iter()
        .flat_map(|packet| {
            let packet = Packet::parse(packet).unwrap();
            packet.chunks().map(|chunk| matches!(chunk.unwrap(), antiphon::wire::sctp::Chunk::Data(data) if data.flags.immediate)).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(bits, [false, false, true]);
    // A window that is full is a pause too.
    let mut hand = hand::Hand::established(&Config::default());
    hand.send(1, 100_000);
    let packets = hand.took();
    let last = Packet::parse(packets.last().unwrap()).unwrap();
    assert!(
        matches!(last.chunks().last(), Some(Ok(antiphon::wire::sctp::Chunk::Data(data))) if data.flags.immediate)
    );
}

#[test]
fn the_first_timeout_comes_from_the_round_trip_that_ice_measured() {
    let mut hand = hand::Hand::new(&Config::default());
    hand.sctp.set_initial_rtt(ms(100));
    hand.sctp.connect();
    hand.took();
    hand.wait(ms(299));
    assert_eq!(hand.took().len(), 0);
    hand.wait(ms(1));
    assert_eq!(hand.names(), [["INIT"]]);
}
