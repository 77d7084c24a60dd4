//! Handshakes stopped where somebody interferes.

use antiphon::dtls::{CloseReason, Event};
use antiphon::wire::dtls::alert::Alert;
use antiphon::wire::dtls::handshake::HandshakeType;
use antiphon::wire::dtls::record::{ContentType, Records};

use crate::dtls_support::{CLIENT, Pair, SERVER, fingerprint, tamper};

pub(crate) fn drawn(pair: &mut Pair, end: usize) -> Vec<Vec<u8>> {
    pair.draw(end);
    core::mem::take(&mut pair.wire[1 - end]).into()
}

pub(crate) fn give(pair: &mut Pair, end: usize, datagrams: &[Vec<u8>]) {
    for datagram in datagrams {
        pair.ends[end].handle_input(pair.now, datagram);
    }
}

/// A pair whose client has sent its hello, and the server its flight, which is returned undelivered.
pub(crate) fn after_server_flight() -> (Pair, Vec<u8>) {
    let mut pair = Pair::new();
    pair.draw(CLIENT);
    pair.deliver(SERVER);
    let mut flight = drawn(&mut pair, SERVER);
    assert_eq!(flight.len(), 1);
    (pair, flight.remove(0))
}

/// A pair whose client has sent its last flight, which is returned undelivered.
pub(crate) fn after_client_flight() -> (Pair, Vec<u8>) {
    let (mut pair, flight) = after_server_flight();
    give(&mut pair, CLIENT, &[flight]);
    let mut flight = drawn(&mut pair, CLIENT);
    assert_eq!(flight.len(), 1);
    (pair, flight.remove(0))
}

/// Why the end failed, and the alert it sent.
pub(crate) fn failure(pair: &mut Pair, end: usize) -> (CloseReason, Option<u8>) {
    let datagrams = drawn(pair, end);
    let Some(Event::Failed(reason)) = pair.events[end].last() else { panic!("{:?}", pair.events[end]) };
    let alert = datagrams.last().and_then(|datagram| Records::new(datagram).last());
    let alert = alert.filter(|record| record.content_type == ContentType::Alert && record.epoch == 0);
    (*reason, alert.and_then(|record| Alert::parse(record.fragment)).map(|alert| alert.description.0))
}

/// As [`failure`], of an end that waits for somebody to say something else before it believes what anybody could have said.
pub(crate) fn failure_in_time(pair: &mut Pair, end: usize) -> (CloseReason, Option<u8>) {
    let before = pair.sent[end];
    pair.draw(end);
    assert_eq!((pair.sent[end] - before, pair.events[end].len()), (0, 0), "nothing is said at once");
    while pair.events[end].is_empty() {
        pair.now = pair.ends[end].deadline().expect("a time by which it is believed");
        pair.draw(end);
    }
    failure(pair, end)
}

/// What the server says to the client's hello as `change` leaves its body. Anybody could have sent it: in the end, not at once.
pub(crate) fn server_on_hello(change: impl Fn(&mut Vec<u8>)) -> (CloseReason, Option<u8>) {
    let mut pair = Pair::new();
    let hello = drawn(&mut pair, CLIENT).remove(0);
    let changed = tamper(&hello, |_, body| {
        change(body);
        true
    });
    give(&mut pair, SERVER, &[changed]);
    failure_in_time(&mut pair, SERVER)
}

/// What the client says to the server's flight as `change` leaves the message of that kind.
pub(crate) fn client_on(kind: HandshakeType, change: impl Fn(&mut Vec<u8>)) -> (CloseReason, Option<u8>) {
    let (mut pair, flight) = after_server_flight();
    let changed = tamper(&flight, |other, body| {
        if other == kind {
            change(body);
        }
        true
    });
    give(&mut pair, CLIENT, &[changed]);
    failure(&mut pair, CLIENT)
}

/// What the server says to the client's last flight as `change` leaves it.
pub(crate) fn server_on(
    change: impl FnMut(HandshakeType, &mut Vec<u8>) -> bool,
) -> (CloseReason, Option<u8>) {
    let (mut pair, flight) = after_client_flight();
    give(&mut pair, SERVER, &[tamper(&flight, change)]);
    failure(&mut pair, SERVER)
}

/// Appends an extension to a hello whose list of extensions ends it.
pub(crate) fn add_extension(body: &mut Vec<u8>, extension: &[u8]) {
    // Version, random, session id, cookie, suites, compression: the client's, whose ids are empty.
    let suites = usize::from(u16::from_be_bytes([body[36], body[37]]));
    add_extension_at(body, 38 + suites + 2, extension);
}

pub(crate) fn add_extension_at(body: &mut Vec<u8>, list: usize, extension: &[u8]) {
    let len = u16::try_from(body.len() - list - 2 + extension.len()).unwrap();
    body[list..list + 2].copy_from_slice(&len.to_be_bytes());
    body.extend_from_slice(extension);
}

pub(crate) const FATAL: [u8; 2] = [2, 40];

/// Puts `content` in the place of an extension's, in a hello whose list of extensions begins at `list`.
pub(crate) fn replace_extension(body: &mut Vec<u8>, list: usize, kind: u16, content: &[u8]) {
    let mut at = list + 2;
    while body[at..at + 2] != kind.to_be_bytes() {
        at += 4 + usize::from(u16::from_be_bytes([body[at + 2], body[at + 3]]));
    }
    let old = usize::from(u16::from_be_bytes([body[at + 2], body[at + 3]]));
    body[at + 2..at + 4].copy_from_slice(&u16::try_from(content.len()).unwrap().to_be_bytes());
    body.splice(at + 4..at + 4 + old, content.iter().copied());
    let len = u16::try_from(body.len() - list - 2).unwrap();
    body[list..list + 2].copy_from_slice(&len.to_be_bytes());
}

/// A pair where `end` expects another certificate than the peer has.
pub(crate) fn with_wrong_fingerprint(end: usize) -> Pair {
    let mut pair = Pair::new();
    pair.ends[end].set_remote_fingerprints(vec![fingerprint(2)]);
    pair
}
