//! Pieces of handshake messages: what they cost, and that they keep nobody out.

use antiphon::dtls::Role;
use antiphon::wire::dtls::record::ContentType;

use crate::attack::{drawn, give};
use crate::dtls_support::{CLIENT, Pair, SERVER, at, connection, record};

/// A piece of a handshake message in the clear: type, total, number, and where its bytes stand.
fn piece(kind: u8, total: u32, sequence: u16, offset: u32, data: &[u8]) -> Vec<u8> {
    let mut content = vec![kind];
    content.extend_from_slice(&total.to_be_bytes()[1..]);
    content.extend_from_slice(&sequence.to_be_bytes());
    content.extend_from_slice(&offset.to_be_bytes()[1..]);
    content.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes()[1..]);
    content.extend_from_slice(data);
    content
}

/// Steps for each byte of these pieces, a hundred in each record.
fn steps_per_byte(pieces: &[Vec<u8>]) -> u64 {
    let mut server = connection(1, Role::Server, |_| {});
    let mut bytes = 0;
    for pieces in pieces.chunks(100) {
        let datagram = record(ContentType::Handshake, (0, 0), &pieces.concat());
        bytes += datagram.len() as u64;
        server.handle_input(at(0), &datagram);
    }
    server.ops() / bytes
}

#[test]
fn n21_pieces_of_one_byte_cost_no_more_than_they_are_long() {
    let far = 32_767;
    // Pieces that contradict each other, each as far from the beginning as there is.
    let contradicting: Vec<_> =
        (0..20_000).map(|n| piece(1, far + 1 - n / 3 % 2, 0, far - n / 3 % 2 - 1, &[7])).collect();
    // With gaps between all of them.
    let scattered: Vec<_> = (0..20_000).map(|n| piece(1, far + 1, 0, n * 2 % far, &[7])).collect();
    // From the end to the beginning, and the same again.
    let backwards: Vec<_> = (0..40_000).map(|n| piece(1, far + 1, 0, far - n % 30_000, &[7])).collect();
    // Of every message that is looked at.
    let ahead: Vec<_> = (0..20_000_u32)
        .map(|n| piece(1, far + 1, u16::try_from(n % 10).unwrap(), n * 811 % far, &[7]))
        .collect();
    let empty: Vec<_> = (0..20_000).map(|n| piece(1, far + 1, 0, n % far, &[])).collect();
    for (what, pieces) in [
        ("contradicting", contradicting),
        ("scattered", scattered),
        ("backwards", backwards),
        ("ahead", ahead),
        ("empty", empty),
    ] {
        let steps = steps_per_byte(&pieces);
        assert!(steps < 16, "{what}: {steps} steps for each byte");
    }
}

#[test]
fn n21_pieces_of_messages_to_come_do_not_keep_the_next_one_out() {
    let mut pair = Pair::new();
    let hello = drawn(&mut pair, CLIENT);
    // All the room there is, taken by pieces of messages that nobody will ever complete.
    for sequence in 1..10 {
        for offset in (0..32_767).rev().step_by(97) {
            let forged = piece(11, 32_768, sequence, offset, &[7]);
            give(&mut pair, SERVER, &[record(ContentType::Handshake, (0, 0), &forged)]);
        }
    }
    assert!(pair.ends[SERVER].stats().refused_fragments > 0);
    give(&mut pair, SERVER, &hello);
    assert_eq!(drawn(&mut pair, SERVER).len(), 1, "the hello is answered");
}
