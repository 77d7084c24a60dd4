//! Chunks and parameters that we do not know (RFC 9260 §3.2): what the two highest bits of their types ask for.

use antiphon::sctp::{Config, Event, State};
use antiphon::wire::sctp::{Cause, Chunk, Packet};

use crate::sctp_common::hand::{HAND_TAG, HAND_TSN, Hand, WHOLE, data, raw, written};

/// An unknown chunk of six bytes, padded.
fn unknown(kind: u8) -> Vec<u8> {
    vec![kind, 0, 0, 6, 0xab, 0xcd, 0, 0]
}

/// What an ERROR reports.
fn reported(packet: &[u8]) -> Option<Vec<u8>> {
    Packet::parse(packet).unwrap().chunks().find_map(|chunk| {
        let Chunk::Error(causes) = chunk.unwrap() else { return None };
        let Some(Ok(Cause::UnrecognizedChunk(chunk))) = causes.iter().next() else { return None };
        Some(chunk.to_vec())
    })
}

#[test]
fn an_unknown_chunk_is_passed_over_or_ends_the_packet_reported_or_in_silence() {
    // 00: stop; 01: stop and report; 10: go on; 11: go on and report.
    for (kind, reads_on, reports) in
        [(0x3f, false, false), (0x7f, false, true), (0xbf, true, false), (0xff, true, true)]
    {
        let mut hand = Hand::established(&Config::default());
        let behind = written(0, |packet| packet.data(&data(0, 1, 0, WHOLE, b"behind")).unwrap());
        let chunks = [unknown(kind), behind[12..].to_vec()].concat();
        hand.give_bytes(&raw(hand.tag, &chunks));
        assert_eq!(hand.read().len(), usize::from(reads_on), "{kind:#x}");
        let packets = hand.took();
        let report = packets.iter().find_map(|packet| reported(packet));
        assert_eq!(report, reports.then(|| unknown(kind)[..6].to_vec()), "{kind:#x}");
        assert_eq!(hand.sctp.stats().drops.unknown_chunk, 1);
        assert_eq!(hand.sctp.state(), State::Established);
    }
}

#[test]
fn the_report_of_a_long_chunk_is_cut_to_a_packet() {
    let mut hand = Hand::established(&Config::default());
    let mut chunk = vec![0xff, 0, 0xf0, 0];
    chunk.resize(0xf000, 5);
    hand.give_bytes(&raw(hand.tag, &chunk));
    let packets = hand.took();
    assert!(packets.iter().all(|packet| packet.len() <= 1200));
    assert!(packets.iter().find_map(|packet| reported(packet)).unwrap().len() > 1000);
}

#[test]
fn what_is_reported_to_us_is_an_event() {
    let mut hand = Hand::established(&Config::default());
    hand.give(|packet| {
        packet.error([Cause::UnrecognizedChunk(&unknown(0xff)[..6]), Cause::OutOfResource]).unwrap();
    });
    assert_eq!(hand.events, [Event::PeerError { cause: 6 }, Event::PeerError { cause: 4 }]);
    // Nobody fills our memory with reports.
    for _ in 0..1000 {
        hand.sctp.handle_input(
            hand.now,
            written(hand.tag, |packet| packet.error([Cause::OutOfResource]).unwrap()).into(),
        );
    }
    hand.poll();
    assert_eq!(hand.events.len(), 2 + antiphon::base::limits::SCTP_MAX_PEER_ERRORS);
}

#[test]
fn chunks_of_extensions_we_do_not_offer_are_unknown() {
    // I-DATA is 01, I-FORWARD-TSN 11.
    let mut hand = Hand::established(&Config::default());
    let mut i_data = vec![0x40, 3, 0, 21];
    i_data.extend(HAND_TSN.to_be_bytes());
    i_data.extend([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 53, b'x', 0, 0, 0]);
    hand.give_bytes(&raw(hand.tag, &i_data));
    assert_eq!(reported(&hand.took()[0]), Some(i_data[..21].to_vec()));
    assert_eq!((hand.read().len(), hand.sctp.stats().drops.unknown_chunk), (0, 1));
    // RE-CONFIG, 10, where it is switched off.
    let mut hand = Hand::established(&Config { stream_reset: false, ..Config::default() });
    hand.give(|packet| {
        let request = antiphon::wire::sctp::ReConfigParameter::SsnTsnReset { request: HAND_TSN };
        packet.re_config([request]).unwrap();
    });
    assert_eq!((hand.took().len(), hand.sctp.stats().drops.unknown_chunk), (0, 1));
}

/// An INIT with these parameters as they stand.
fn init_with(parameters: &[u8]) -> Vec<u8> {
    let mut chunk = vec![1, 0];
    chunk.extend(u16::try_from(20 + parameters.len()).unwrap().to_be_bytes());
    chunk.extend(HAND_TAG.to_be_bytes());
    chunk.extend([0, 1, 0, 0, 0, 10, 0, 10]);
    chunk.extend(HAND_TSN.to_be_bytes());
    chunk.extend(parameters);
    raw(0, &chunk)
}

/// The parameters that an INIT ACK reports.
fn reported_parameters(packet: &[u8]) -> Vec<Vec<u8>> {
    let Some(Ok(Chunk::InitAck(ack))) = Packet::parse(packet).unwrap().chunks().next() else {
        panic!("{packet:?}")
    };
    let reports = ack.parameters.iter().filter_map(|parameter| {
        if let Ok(antiphon::wire::sctp::Parameter::Unrecognized(raw)) = parameter {
            Some(raw.to_vec())
        } else {
            None
        }
    });
    reports.collect()
}

#[test]
fn unknown_parameters_are_passed_over_or_end_the_list_reported_or_in_silence() {
    let parameter = |kind: u16| [&kind.to_be_bytes()[..], &[0, 6, 1, 2, 0, 0]].concat();
    let forward = [0xc0, 0, 0, 4];
    for (kind, reads_on, reports) in
        [(0x3fff, false, false), (0x7fff, false, true), (0xbfff, true, false), (0xffff, true, true)]
    {
        let mut hand = Hand::new(&Config::default());
        hand.give_bytes(&init_with(&[parameter(kind), forward.to_vec()].concat()));
        let ack = hand.took().remove(0);
        let expected = if reports { vec![parameter(kind)[..6].to_vec()] } else { vec![] };
        assert_eq!(reported_parameters(&ack), expected, "{kind:#x}");
        let cookie = hand.learn(&ack).unwrap();
        hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
        assert_eq!(hand.sctp.supports_partial_reliability(), reads_on, "{kind:#x}");
    }
}

#[test]
fn unknown_parameters_of_an_init_ack_are_reported_behind_the_cookie() {
    let mut hand = Hand::new(&Config::default());
    hand.sctp.connect();
    let init = hand.took().remove(0);
    hand.learn(&init);
    let mut chunk =
        init_with(&[&[0, 7, 0, 8, 1, 2, 3, 4, 0xff, 0xff, 0, 5, 9, 0, 0, 0][..]].concat())[12..].to_vec();
    chunk[0] = 2;
    hand.give_bytes(&raw(hand.tag, &chunk));
    let echo = hand.took().remove(0);
    let packet = Packet::parse(&echo).unwrap();
    let mut chunks = packet.chunks().map(Result::unwrap);
    assert_eq!(chunks.next(), Some(Chunk::CookieEcho(&[1, 2, 3, 4])));
    let Some(Chunk::Error(causes)) = chunks.next() else { panic!("{packet:?}") };
    let Some(Ok(Cause::UnrecognizedParameters(raw))) = causes.iter().next() else { panic!("{causes:?}") };
    assert_eq!(raw[..5], [0xff, 0xff, 0, 5, 9]);
}

#[test]
fn the_reports_of_an_init_full_of_unknown_parameters_are_bounded() {
    let parameter = [0xff, 0xff, 0, 8, 1, 2, 3, 4];
    let mut hand = Hand::new(&Config::default());
    hand.give_bytes(&init_with(&parameter.repeat(8000)));
    let ack = hand.took().remove(0);
    assert!(ack.len() <= 1200);
    assert_eq!(reported_parameters(&ack).len(), antiphon::base::limits::SCTP_MAX_REPORT / 8);
}

#[test]
fn forward_tsn_is_reported_as_unknown_where_it_is_switched_off() {
    let mut hand = Hand::new(&Config { partial_reliability: false, ..Config::default() });
    hand.give_bytes(&init_with(&[0xc0, 0, 0, 4]));
    let ack = hand.took().remove(0);
    assert_eq!(reported_parameters(&ack), [[0xc0, 0, 0, 4]]);
    let cookie = hand.learn(&ack).unwrap();
    hand.give(|packet| packet.cookie_echo(&cookie).unwrap());
    hand.took();
    hand.give(|packet| packet.forward_tsn(antiphon::base::serial::Tsn(HAND_TSN), []).unwrap());
    assert!(reported(&hand.took()[0]).is_some());
    assert_eq!(hand.sctp.stats().drops.bad_forward_tsn, 1);
}
