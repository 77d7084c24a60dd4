//! What a peer may do wrong with data channels: each is counted, answered as the RFCs say, and bounded.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod data_support;

use antiphon::data::{Channels, Config, DataChannelFailure, DataChannelInit, Event, Message, Role};
use antiphon::sctp::{self, Association, SendOptions};
use antiphon::wire::dcep::{DcepMessage, Open, ppid};
use data_support::{START, Wire, against_association, channels, ms, opened, read, rng};

type Against = Wire<Channels, Association>;

/// The peer sends something.
fn send(wire: &mut Against, stream: u16, ppid: u32, data: &[u8]) {
    send_with(wire, stream, ppid, data, SendOptions::default());
}

fn send_with(wire: &mut Against, stream: u16, ppid: u32, data: &[u8], options: SendOptions) {
    let message = sctp::Message { stream, ppid, data: data.to_vec().into() };
    wire.b.send(wire.now, &message, options).unwrap();
}

fn open() -> Vec<u8> {
    Open { label: "peer", ..Open::default() }.to_vec()
}

/// The streams that we reset.
fn resets(wire: &mut Against) -> Vec<u16> {
    let events = wire.b_took();
    let resets = events.iter().filter_map(|event| {
        if let sctp::Event::IncomingReset { stream } = event { Some(*stream) } else { None }
    });
    resets.collect()
}

/// An OPEN that must not be accepted: its stream is reset, and no channel and no ACK is seen.
fn is_refused(stream: u16, message: &[u8]) -> Against {
    let mut wire = against_association();
    send(&mut wire, stream, ppid::DCEP, message);
    wire.run(ms(500));
    assert_eq!(wire.a_took(), []);
    assert!(wire.a.is_empty());
    assert_eq!(resets(&mut wire), [stream]);
    assert_eq!(wire.b.recv_from(stream), None);
    wire
}

#[test]
fn an_open_is_acknowledged() {
    let mut wire = against_association();
    send(&mut wire, 1, ppid::DCEP, &open());
    wire.run(ms(100));
    let there = opened(&wire.a_took());
    assert_eq!(wire.a.label(there), Some("peer"));
    let ack = wire.b.recv_from(1).unwrap();
    assert_eq!((ack.ppid, &ack.data[..]), (ppid::DCEP, &DcepMessage::ACK[..]));
}

#[test]
fn n54_an_open_of_the_wrong_parity_is_refused() {
    let wire = is_refused(2, &open());
    assert_eq!(wire.a.stats().drops.wrong_parity, 1);
}

#[test]
fn n54_malformed_opens_are_refused() {
    let mut overrun = open();
    overrun[9] = 200;
    let mut unknown_type = open();
    unknown_type[1] = 7;
    let mut not_utf8 = open();
    not_utf8[12] = 0xff;
    let mut longer = open();
    longer.push(0);
    for message in [overrun, unknown_type, not_utf8, longer, vec![3], vec![9], vec![2, 2]] {
        let wire = is_refused(1, &message);
        assert_eq!(wire.a.stats().drops.malformed_dcep, 1, "{message:?}");
    }
}

/// RFC 8832 §6 and §7 of an OPEN on a used stream or not well formed; RFC 8831 §6.6 of whatever else is wrong with a message.
#[test]
fn n54_a_malformed_message_of_the_protocol_closes_the_channel_of_its_stream() {
    let mut unknown_type = open();
    unknown_type[1] = 7;
    for message in [vec![3], vec![9], unknown_type, vec![2, 2]] {
        let mut wire = against_association();
        send(&mut wire, 1, ppid::DCEP, &open());
        wire.run(ms(100));
        let id = opened(&wire.a_took());
        send(&mut wire, 1, ppid::STRING, b"before");
        send(&mut wire, 1, ppid::DCEP, &message);
        send(&mut wire, 1, ppid::STRING, b"behind");
        wire.run(ms(100));
        assert_eq!(read(&mut wire.a, id), [Message::text("before")], "{message:?}");
        wire.run(ms(500));
        assert_eq!(resets(&mut wire), [1], "{message:?}");
        assert_eq!(wire.a.stats().drops.malformed_dcep, 1);
        let events = wire.a_took();
        assert_eq!(events, [Event::Readable(id), Event::Error(id, DataChannelFailure::Malformed)]);
        wire.b.reset_streams(&[1]).unwrap();
        wire.run(ms(500));
        assert_eq!(wire.a_took(), [Event::Close(id)]);
    }
}

#[test]
fn n54_a_malformed_answer_to_our_open_closes_that_channel() {
    let mut wire = against_association();
    let id = wire.a.create("", DataChannelInit::default()).unwrap();
    wire.run(ms(100));
    send(&mut wire, 0, ppid::DCEP, &[9]);
    wire.run(ms(500));
    assert_eq!(wire.a_took(), [Event::Open(id), Event::Error(id, DataChannelFailure::Malformed)]);
    assert_eq!(resets(&mut wire), [0]);
}

#[test]
fn n54_a_refused_stream_can_be_used_after_both_resets() {
    let mut wire = is_refused(1, &[3]);
    wire.b.reset_streams(&[1]).unwrap();
    wire.run(ms(500));
    send(&mut wire, 1, ppid::DCEP, &open());
    wire.run(ms(500));
    opened(&wire.a_took());
}

#[test]
fn n54_data_on_a_refused_stream_is_dropped() {
    let mut wire = is_refused(1, &[3]);
    send(&mut wire, 1, ppid::STRING, b"x");
    wire.run(ms(100));
    assert_eq!(wire.a.stats().drops.late, 1);
}

#[test]
fn n54_a_second_open_closes_the_channel() {
    let mut wire = against_association();
    send(&mut wire, 1, ppid::DCEP, &open());
    wire.run(ms(100));
    let id = opened(&wire.a_took());
    send(&mut wire, 1, ppid::DCEP, &open());
    wire.run(ms(500));
    // Messages of the channel protocol stand in line with the others.
    assert_eq!(wire.a.recv(id), None);
    wire.run(ms(500));
    assert_eq!(resets(&mut wire), [1]);
    assert_eq!(wire.a.stats().drops.opened_twice, 1);
    let events = wire.a_took();
    assert!(events.contains(&Event::Error(id, DataChannelFailure::OpenedTwice)), "{events:?}");
    wire.b.reset_streams(&[1]).unwrap();
    wire.run(ms(500));
    assert_eq!(wire.a_took(), [Event::Close(id)]);
}

#[test]
fn n54_an_open_on_a_stream_of_ours_closes_that_channel() {
    let mut wire = against_association();
    let id = wire.a.create("", DataChannelInit::default()).unwrap();
    wire.run(ms(100));
    send(&mut wire, 0, ppid::DCEP, &open());
    wire.run(ms(500));
    let events = wire.a_took();
    assert_eq!(events, [Event::Open(id), Event::Error(id, DataChannelFailure::OpenedTwice)]);
    assert_eq!(resets(&mut wire), [0]);
}

#[test]
fn n54_every_priority_is_taken() {
    for priority in [0, 1, 65_535] {
        let mut wire = against_association();
        send(&mut wire, 1, ppid::DCEP, &Open { priority, ..Open::default() }.to_vec());
        wire.run(ms(100));
        let id = opened(&wire.a_took());
        assert_eq!(wire.a.priority(id), Some(priority));
        wire.a.send(wire.now, id, &Message::text("x")).unwrap();
        wire.run(ms(100));
        assert!(wire.b.recv_from(1).is_some());
    }
}

#[test]
fn n54_an_ack_without_an_open_is_counted() {
    let mut wire = against_association();
    send(&mut wire, 1, ppid::DCEP, &DcepMessage::ACK);
    wire.run(ms(200));
    assert_eq!(wire.a.stats().drops.unexpected_ack, 1);
    assert_eq!(wire.a_took(), []);
}

#[test]
fn n54_opens_beyond_the_limit_are_refused() {
    let mut wire = against_association();
    for _ in 0..1024 {
        wire.a.create("", DataChannelInit::default()).unwrap();
    }
    wire.run(ms(3000));
    wire.a_took();
    send(&mut wire, 1, ppid::DCEP, &open());
    wire.run(ms(1000));
    assert_eq!(wire.a.stats().drops.too_many_channels, 1);
    assert_eq!(resets(&mut wire), [1]);
}

/// Labels and protocols of 65535 bytes are to be expected (RFC 8832 §7), a thousand of them are not.
#[test]
fn n54_labels_beyond_the_budget_are_refused_until_channels_are_gone() {
    let mut wire = against_association();
    let long = "x".repeat(65_535);
    let open = Open { label: &long, protocol: &long, ..Open::default() }.to_vec();
    for n in 0..10 {
        send(&mut wire, 2 * n + 1, ppid::DCEP, &open);
        wire.run(ms(500));
    }
    let events = wire.a_took();
    let ids: Vec<_> = wire.a.ids().collect();
    assert_eq!((ids.len(), events.len()), (8, 16), "1 MiB holds eight, each with `Channel` and `Open`");
    assert_eq!(wire.a.label(ids[7]), Some(&*long));
    assert_eq!(wire.a.stats().drops.labels_too_long, 2);
    assert_eq!(resets(&mut wire), [17, 19]);
    // Our own are the application's affair, and one that is gone makes room.
    wire.a.create(&long, DataChannelInit::default()).unwrap();
    wire.a.close_channel(ids[0]);
    wire.b.reset_streams(&[1]).unwrap();
    wire.run(ms(500));
    wire.a_took();
    for _ in 0..2 {
        send(&mut wire, 1, ppid::DCEP, &open);
        wire.run(ms(500));
        opened(&wire.a_took());
        wire.b.reset_streams(&[1]).unwrap();
        wire.run(ms(500));
        wire.a_took();
    }
    assert_eq!(wire.a.stats().drops.labels_too_long, 2);
}

#[test]
fn a_reset_instead_of_an_ack_is_a_refusal() {
    let mut wire = against_association();
    let id = wire.a.create("", DataChannelInit::default()).unwrap();
    wire.run(ms(100));
    wire.b.reset_streams(&[0]).unwrap();
    wire.run(ms(1000));
    let events = wire.a_took();
    assert_eq!(
        events,
        [
            Event::Open(id),
            Event::Error(id, DataChannelFailure::Refused),
            Event::Closing(id),
            Event::Close(id)
        ]
    );
    assert_eq!(resets(&mut wire), [0]);
}

#[test]
fn data_that_overtakes_its_open_is_delivered() {
    let mut wire = against_association();
    let unordered = SendOptions { ordered: false, ..SendOptions::default() };
    send_with(&mut wire, 1, ppid::STRING, b"early", unordered);
    wire.run(ms(100));
    assert_eq!(wire.a_took(), []);
    send(&mut wire, 1, ppid::DCEP, &open());
    send(&mut wire, 1, ppid::STRING, b"then");
    wire.run(ms(100));
    let events = wire.a_took();
    let id = opened(&events);
    assert_eq!(events.iter().filter(|event| **event == Event::Readable(id)).count(), 1);
    assert_eq!(read(&mut wire.a, id), [Message::text("early"), Message::text("then")]);
}

#[test]
fn data_without_any_open_is_held_within_bounds() {
    let mut wire = against_association();
    for stream in 0..200 {
        for _ in 0..4 {
            send(&mut wire, stream * 2 + 1, ppid::BINARY, &[0; 10_000]);
        }
        wire.run(ms(100));
    }
    let dropped = wire.a.stats().drops.unclaimed;
    assert!(dropped > 700, "800 messages of 10 kB, and only {dropped} were dropped");
    // The window is open as ever: a channel works.
    send(&mut wire, 1001, ppid::DCEP, &open());
    send(&mut wire, 1001, ppid::STRING, b"x");
    wire.run(ms(500));
    let id = opened(&wire.a_took());
    assert_eq!(read(&mut wire.a, id), [Message::text("x")]);
}

#[test]
fn a_reset_frees_what_was_held() {
    let mut wire = against_association();
    for _ in 0..30 {
        for _ in 0..10 {
            send(&mut wire, 9, ppid::BINARY, &[0; 10_000]);
        }
        wire.run(ms(500));
        wire.b.reset_streams(&[9]).unwrap();
        wire.run(ms(500));
    }
    assert_eq!(wire.a.stats().drops.unclaimed, 0);
}

#[test]
fn a_text_that_is_not_utf8_is_dropped_and_counted() {
    let mut wire = against_association();
    send(&mut wire, 1, ppid::DCEP, &open());
    send(&mut wire, 1, ppid::STRING, &[0xc3, 0x28]);
    send(&mut wire, 1, ppid::BINARY, &[0xc3, 0x28]);
    wire.run(ms(100));
    let id = opened(&wire.a_took());
    assert_eq!(read(&mut wire.a, id), [Message::binary(vec![0xc3, 0x28])]);
    assert_eq!(wire.a.stats().drops.invalid_utf8, 1);
}

// RFC 8831 §6.6
#[test]
fn a_message_of_an_unknown_kind_ends_the_channel() {
    let mut wire = against_association();
    send(&mut wire, 1, ppid::DCEP, &open());
    send(&mut wire, 1, ppid::STRING, b"before");
    send(&mut wire, 1, 4711, b"x");
    send(&mut wire, 1, ppid::STRING, b"behind");
    wire.run(ms(100));
    let id = opened(&wire.a_took());
    assert_eq!(read(&mut wire.a, id), [Message::text("before")]);
    wire.run(ms(500));
    assert_eq!(wire.a_took(), [Event::Error(id, DataChannelFailure::UnknownPayload)]);
    assert_eq!((resets(&mut wire), wire.a.stats().drops.unknown_ppid), (vec![1], 1));
    wire.b.reset_streams(&[1]).unwrap();
    wire.run(ms(500));
    assert_eq!(wire.a_took(), [Event::Close(id)]);
}

#[test]
fn pieces_of_the_deprecated_identifiers_are_joined() {
    let mut wire = against_association();
    send(&mut wire, 1, ppid::DCEP, &open());
    // A character may be cut in two.
    let (first, second) = "zwölf".as_bytes().split_at(3);
    send(&mut wire, 1, ppid::STRING_PARTIAL, first);
    send(&mut wire, 1, ppid::STRING_PARTIAL, &second[..2]);
    send(&mut wire, 1, ppid::STRING, &second[2..]);
    send(&mut wire, 1, ppid::BINARY_PARTIAL, &[1, 2]);
    send(&mut wire, 1, ppid::BINARY, &[3]);
    wire.run(ms(100));
    let id = opened(&wire.a_took());
    assert_eq!(read(&mut wire.a, id), [Message::text("zwölf"), Message::binary(vec![1, 2, 3])]);
}

#[test]
fn a_message_whose_last_piece_comes_with_the_end_of_its_channel_is_whole() {
    let mut wire = against_association();
    send(&mut wire, 1, ppid::DCEP, &open());
    send(&mut wire, 1, ppid::STRING_PARTIAL, b"ab");
    wire.run(ms(100));
    let id = opened(&wire.a_took());
    assert_eq!(read(&mut wire.a, id), []);
    send(&mut wire, 1, ppid::STRING, b"cd");
    wire.b.reset_streams(&[1]).unwrap();
    wire.run(ms(500));
    assert!(wire.a_took().ends_with(&[Event::Closing(id), Event::Close(id)]));
    assert_eq!(read(&mut wire.a, id), [Message::text("abcd")]);
    // So where the association ends.
    send(&mut wire, 3, ppid::DCEP, &open());
    send(&mut wire, 3, ppid::STRING_PARTIAL, b"ab");
    wire.run(ms(100));
    let id = opened(&wire.a_took());
    assert_eq!(read(&mut wire.a, id), []);
    send(&mut wire, 3, ppid::STRING, b"cd");
    wire.run(ms(100));
    wire.b.abort();
    wire.run(ms(100));
    assert_eq!(read(&mut wire.a, id), [Message::text("abcd")]);
}

#[test]
fn pieces_without_an_end_are_bounded() {
    let mut wire = against_association();
    send(&mut wire, 1, ppid::DCEP, &open());
    wire.run(ms(100));
    let id = opened(&wire.a_took());
    for _ in 0..40 {
        send(&mut wire, 1, ppid::BINARY_PARTIAL, &vec![0; 20_000]);
        wire.run(ms(200));
        assert_eq!(wire.a.recv(id), None);
    }
    assert!(wire.a.stats().drops.partial_too_long >= 2);
}

#[test]
fn a_peer_that_resets_strange_streams_gets_ours_reset() {
    let mut wire = against_association();
    wire.b.reset_streams(&[3, 4, 5]).unwrap();
    wire.run(ms(1000));
    let mut streams = resets(&mut wire);
    streams.sort_unstable();
    assert_eq!(streams, [3, 4, 5]);
    assert_eq!(wire.a.stats().drops.unexpected_reset, 3);
    assert_eq!(wire.a_took(), []);
}

/// Two sides that have nothing on a stream, one of which is made to believe that the other reset it, answered each other's answers without
/// end. One answer is due to each use of a stream.
#[test]
fn an_answer_to_a_reset_is_not_answered() {
    let mut wire = against_association();
    let reset = |wire: &mut Against, streams: &[u16]| {
        wire.b.reset_streams(streams).unwrap();
        wire.run(ms(500));
        resets(wire)
    };
    assert_eq!(reset(&mut wire, &[9]), [9]);
    assert_eq!(reset(&mut wire, &[9, 11]), [11]);
    assert_eq!(reset(&mut wire, &[9]), []);
    assert_eq!(wire.a.stats().drops.unexpected_reset, 4);
    send(&mut wire, 9, ppid::BINARY, b"used");
    wire.run(ms(500));
    assert_eq!(reset(&mut wire, &[9]), [9]);
}

/// A channel agreed upon needs no words: the peer may use the stream again, and close it, with nothing but another reset. Which it may as
/// soon as it has performed our reset of the first use, though its answer to that is lost.
#[test]
fn a_second_reset_of_a_stream_is_that_of_its_next_use() {
    let config = Config::default();
    let peer = Association::new(START, rng(2).fork("peer"), &config.sctp).unwrap();
    let mut wire = Wire::new(peer, channels(1, &config), 3);
    wire.a.connect();
    wire.b.connect(Role::Client, None, None);
    wire.run(ms(500));
    let agreed = DataChannelInit { negotiated: Some(1001), ..DataChannelInit::default() };
    let id = wire.b.create("", agreed).unwrap();
    wire.run(ms(100));
    wire.b_took();
    wire.a_took();
    let was_reset = sctp::Event::IncomingReset { stream: 1001 };
    wire.loss_to_b_of_responses = true;
    wire.a.reset_streams(&[1001]).unwrap();
    wire.run(ms(120));
    assert_eq!(wire.b_took(), [Event::Closing(id)]);
    assert!(wire.a_took().contains(&was_reset));
    let elsewhere = sctp::Message { stream: 7, ppid: ppid::BINARY, data: vec![1].into() };
    wire.a.send(wire.now, &elsewhere, SendOptions::default()).unwrap();
    wire.run(ms(60));
    wire.a.reset_streams(&[1001]).unwrap();
    wire.run(ms(60));
    assert_eq!(wire.b_took(), [Event::Close(id)]);
    // Our second reset is behind other data than the first, as the peer's was.
    wire.b.create("elsewhere", DataChannelInit::default()).unwrap();
    wire.loss_to_b_of_responses = false;
    wire.run(ms(3000));
    assert!(wire.a_took().contains(&was_reset), "the second use is answered as the first was");
}
