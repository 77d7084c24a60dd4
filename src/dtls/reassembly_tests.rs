//! Tests of the reassembly of handshake messages.

use proptest::prelude::*;

use super::*;

fn fragment(message_seq: u16, total: usize, offset: usize, data: &[u8]) -> Fragment<'_> {
    Fragment { kind: HandshakeType::CERTIFICATE, total, message_seq, offset, data }
}

/// Bytes of memory that are held.
fn held(reassembly: &Reassembly) -> usize {
    reassembly.ahead.iter().flatten().map(Partial::held).sum()
}

#[test]
fn messages_come_out_in_order() {
    let mut reassembly = Reassembly::default();
    assert_eq!(reassembly.insert(0, &fragment(1, 2, 0, b"cd")), Insert::Taken);
    assert!(reassembly.next().is_none());
    assert_eq!(reassembly.insert(0, &fragment(0, 2, 1, b"b")), Insert::Taken);
    assert_eq!(reassembly.insert(0, &fragment(0, 2, 0, b"a")), Insert::Taken);
    assert_eq!(reassembly.next().map(|message| message.body), Some(b"ab".to_vec()));
    assert_eq!(reassembly.next().map(|message| message.body), Some(b"cd".to_vec()));
    assert_eq!(reassembly.insert(0, &fragment(1, 2, 0, b"cd")), Insert::Duplicate);
    assert_eq!(held(&reassembly), 0);
}

#[test]
fn n21_overlapping_fragments_with_other_bytes_change_nothing() {
    let mut reassembly = Reassembly::default();
    reassembly.insert(0, &fragment(0, 6, 2, b"cd"));
    reassembly.insert(0, &fragment(0, 6, 0, b"XXXX"));
    reassembly.insert(0, &fragment(0, 6, 1, b"YYYYY"));
    assert_eq!(reassembly.next().map(|message| message.body), Some(b"XXcdYY".to_vec()));
}

#[test]
fn n21_fragments_that_contradict_are_refused() {
    let mut reassembly = Reassembly::default();
    assert_eq!(reassembly.insert(0, &fragment(0, 6, 0, b"a")), Insert::Taken);
    assert_eq!(reassembly.insert(0, &fragment(0, 7, 1, b"b")), Insert::Refused);
    let other = Fragment { kind: HandshakeType::FINISHED, ..fragment(0, 6, 1, b"b") };
    assert_eq!(reassembly.insert(0, &other), Insert::Refused);
    assert_eq!(reassembly.insert(0, &fragment(0, limits::DTLS_MESSAGE + 1, 0, b"")), Insert::Refused);
}

#[test]
fn a_forged_fragment_that_came_first_is_given_up_in_the_end() {
    let mut reassembly = Reassembly::default();
    reassembly.insert(0, &fragment(0, 6, 0, b"f"));
    assert_eq!(reassembly.insert(0, &fragment(0, 4, 0, b"true")), Insert::Refused);
    assert_eq!(reassembly.insert(0, &fragment(0, 4, 0, b"true")), Insert::Refused);
    assert_eq!(reassembly.insert(0, &fragment(0, 4, 0, b"true")), Insert::Taken);
    assert_eq!(reassembly.next().map(|message| message.body), Some(b"true".to_vec()));
    assert_eq!(held(&reassembly), 0);
}

#[test]
fn a_message_in_any_number_of_pieces_is_complete_when_each_has_come_once() {
    let whole: Vec<u8> = (0..1500).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let mut reassembly = Reassembly::default();
    for at in (0..1500).step_by(2).chain((1..1500).rev().step_by(2)) {
        assert!(reassembly.next().is_none());
        assert_eq!(reassembly.insert(0, &fragment(0, 1500, at, &whole[at..=at])), Insert::Taken);
    }
    assert_eq!(reassembly.next().map(|message| message.body), Some(whole));
}

#[test]
fn n21_messages_far_ahead_hold_no_memory() {
    let mut reassembly = Reassembly::default();
    for sequence in 100..10_100 {
        assert_eq!(reassembly.insert(0, &fragment(sequence, 9, 0, b"far away")), Insert::Refused);
    }
    assert_eq!((held(&reassembly), reassembly.ahead.len()), (0, 0));
}

#[test]
fn n21_what_is_held_is_bounded() {
    let mut reassembly = Reassembly::default();
    let byte = [7];
    for sequence in 0..20 {
        for offset in (0..limits::DTLS_MESSAGE).rev().step_by(2) {
            reassembly.insert(0, &fragment(sequence, limits::DTLS_MESSAGE, offset, &byte));
        }
    }
    assert!(reassembly.held_ahead() <= limits::DTLS_AHEAD);
    // The bits that say what is there are an eighth.
    assert!(held(&reassembly) <= limits::DTLS_AHEAD + limits::DTLS_MESSAGE * 9 / 8);
}

#[test]
fn n21_a_far_piece_holds_a_block_and_the_message_is_whole_with_the_rest() {
    let mut reassembly = Reassembly::default();
    reassembly.insert(0, &fragment(0, limits::DTLS_MESSAGE, limits::DTLS_MESSAGE - 1, &[7]));
    assert_eq!(held(&reassembly), size_of::<Block>());
    reassembly.insert(0, &fragment(0, limits::DTLS_MESSAGE, 0, &vec![9; limits::DTLS_MESSAGE]));
    let body = reassembly.next().unwrap().body;
    assert_eq!(
        (body.len(), body[limits::DTLS_MESSAGE - 2], body.last()),
        (limits::DTLS_MESSAGE, 9, Some(&7))
    );
}

#[test]
fn n21_empty_fragments_complete_only_empty_messages() {
    let mut reassembly = Reassembly::default();
    assert_eq!(reassembly.insert(0, &fragment(0, 5, 0, b"")), Insert::Taken);
    assert!(reassembly.next().is_none());
    reassembly.insert(0, &fragment(0, 5, 0, b"whole"));
    assert!(reassembly.next().is_some());
    reassembly.insert(0, &fragment(1, 0, 0, b""));
    assert_eq!(reassembly.next().map(|message| message.body.len()), Some(0));
}

#[test]
fn protected_fragments_replace_what_anybody_could_have_sent() {
    let mut reassembly = Reassembly::default();
    reassembly.insert(0, &fragment(0, 4, 0, b"fake"));
    reassembly.insert(1, &fragment(0, 4, 0, b"true"));
    assert_eq!(reassembly.insert(0, &fragment(0, 4, 0, b"fake")), Insert::Refused);
    assert_eq!(reassembly.next().map(|message| message.body), Some(b"true".to_vec()));
}

proptest! {
    #[test]
    fn any_order_of_any_cut_gives_the_message(
        body in proptest::collection::vec(any::<u8>(), 1..300),
        cuts in proptest::collection::vec((0..300_usize, 1..40_usize), 0..40),
    ) {
        let mut reassembly = Reassembly::default();
        for (offset, len) in cuts {
            let offset = offset.min(body.len() - 1);
            let end = (offset + len).min(body.len());
            reassembly.insert(0, &fragment(0, body.len(), offset, &body[offset..end]));
        }
        reassembly.insert(0, &fragment(0, body.len(), 0, &body));
        prop_assert_eq!(reassembly.next().map(|message| message.body), Some(body));
    }
}
