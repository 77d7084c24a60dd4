//! Data channels between two ends in virtual time: opening, messages, limits, closing.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod data_support;

use antiphon::Output;
use antiphon::data::{
    ChannelId, ChannelState, Channels, Config, DataChannelError, DataChannelFailure, DataChannelInit, Event,
    Message, Role, SendError,
};
use antiphon::sctp::CloseReason;
use antiphon::wire::dcep::ppid;
use antiphon::wire::sctp::{Chunk, Data, Packet};
use data_support::{START, To, Wire, channels, connect, connected, ms, opened, pair, read};

fn init() -> DataChannelInit {
    DataChannelInit::default()
}

fn unordered() -> DataChannelInit {
    DataChannelInit { ordered: false, ..init() }
}

fn negotiated(id: u16) -> DataChannelInit {
    DataChannelInit { negotiated: Some(id), ..init() }
}

/// A channel opened by A on a connected pair, and what B calls it.
fn open(wire: &mut Wire<Channels, Channels>, init: DataChannelInit) -> (ChannelId, ChannelId) {
    let here = wire.a.create("channel", init).unwrap();
    wire.run(ms(200));
    let there = opened(&wire.b_took());
    wire.a_took();
    (here, there)
}

/// The DATA chunks sent to one side.
fn data(wire: &Wire<Channels, Channels>, to: To) -> Vec<Data<'_>> {
    let packets = wire.sent.iter().filter(|(_, other, _)| *other == to);
    let chunks = packets.flat_map(|(_, _, packet)| Packet::parse(packet).unwrap().chunks());
    chunks.filter_map(|chunk| if let Ok(Chunk::Data(data)) = chunk { Some(data) } else { None }).collect()
}

#[test]
fn a_channel_opens_at_both_ends_with_its_properties() {
    let mut wire = connected();
    let init = DataChannelInit {
        ordered: false,
        max_retransmits: Some(3),
        protocol: "json".into(),
        priority: 512,
        ..init()
    };
    let here = wire.a.create("chât", init).unwrap();
    assert_eq!(wire.a.state(here), Some(ChannelState::Open));
    wire.run(ms(200));
    assert_eq!(wire.a_took(), [Event::Open(here)]);
    let events = wire.b_took();
    let there = opened(&events);
    assert_eq!(events, [Event::Channel(there), Event::Open(there)]);
    for (end, id) in [(&wire.a, here), (&wire.b, there)] {
        assert_eq!(end.label(id), Some("chât"));
        assert_eq!(end.protocol(id), Some("json"));
        assert_eq!(end.ordered(id), Some(false));
        assert_eq!(end.reliability(id), Some(antiphon::sctp::Reliability::MaxRetransmits(3)));
        assert_eq!(end.priority(id), Some(512));
        assert_eq!(end.stream_id(id), Some(0));
        assert_eq!(end.negotiated(id), Some(false));
    }
}

#[test]
fn the_client_takes_even_ids_and_the_server_odd_ones() {
    let mut wire = pair(&Config::default());
    let early: Vec<_> = (0..3).map(|_| wire.a.create("", init()).unwrap()).collect();
    let other = wire.b.create("", init()).unwrap();
    assert_eq!(wire.a.stream_id(early[0]), None);
    connect(&mut wire);
    let ids: Vec<_> = early.iter().map(|id| wire.a.stream_id(*id)).collect();
    assert_eq!(ids, [Some(0), Some(2), Some(4)]);
    assert_eq!(wire.b.stream_id(other), Some(1));
}

#[test]
fn the_first_message_travels_with_the_cookie() {
    let mut wire = pair(&Config::default());
    let here = wire.a.create("first", init()).unwrap();
    // Only A starts: INIT and INIT ACK take 50 ms, what follows them another 25.
    wire.a.connect(Role::Client, None, None);
    wire.b.connect(Role::Server, None, None);
    wire.a_reacts = Some(Box::new(move |a, now, event| {
        if *event == Event::Open(here) {
            assert_eq!(now, START + ms(50));
            assert_eq!(a.send(now, here, &Message::text("hello")), Ok(()));
        }
    }));
    wire.until(|wire| wire.b_events.iter().any(|(_, event)| matches!(event, Event::Readable(_))));
    assert_eq!(wire.now, START + ms(75));
    let there = opened(&wire.b_took());
    assert_eq!(read(&mut wire.b, there), [Message::text("hello")]);
}

#[test]
fn events_come_in_their_order() {
    let mut wire = pair(&Config::default());
    let here = wire.a.create("", init()).unwrap();
    connect(&mut wire);
    wire.run(ms(300));
    let events = wire.a_took();
    assert!(events.contains(&Event::Connected) && events.contains(&Event::Open(here)), "{events:?}");
    assert_eq!(events.len(), 2);
    let events = wire.b_took();
    let there = opened(&events);
    let at = |event| events.iter().position(|each| *each == event);
    assert!(at(Event::Channel(there)) < at(Event::Open(there)));
}

#[test]
fn an_unordered_channel_is_ordered_until_the_peer_has_spoken() {
    let mut wire = connected();
    wire.record = true;
    let here = wire.a.create("", unordered()).unwrap();
    wire.a.send(wire.now, here, &Message::text("early")).unwrap();
    wire.run(ms(200));
    wire.a.send(wire.now, here, &Message::text("late")).unwrap();
    wire.run(ms(200));
    let sent: Vec<_> = data(&wire, To::B)
        .iter()
        .map(|data| (data.ppid, data.flags.unordered, data.payload.to_vec()))
        .collect();
    assert_eq!(sent.len(), 3);
    assert_eq!((sent[0].0, sent[0].1), (ppid::DCEP, false));
    assert_eq!(sent[1..], [(ppid::STRING, false, b"early".to_vec()), (ppid::STRING, true, b"late".to_vec())]);
}

#[test]
fn a_message_counts_as_acknowledgement() {
    let mut wire = connected();
    wire.record = true;
    let (here, there) = open(&mut wire, unordered());
    wire.b.send(wire.now, there, &Message::text("one")).unwrap();
    wire.run(ms(100));
    wire.a.send(wire.now, here, &Message::text("two")).unwrap();
    wire.run(ms(100));
    assert!(data(&wire, To::A).last().unwrap().flags.unordered);
    assert!(data(&wire, To::B).last().unwrap().flags.unordered);
}

#[test]
fn negotiated_channels_need_no_words() {
    let mut wire = pair(&Config::default());
    wire.record = true;
    let here = wire.a.create("a", negotiated(100)).unwrap();
    let there = wire.b.create("b", negotiated(100)).unwrap();
    connect(&mut wire);
    wire.run(ms(200));
    assert!(wire.a_took().contains(&Event::Open(here)));
    assert!(wire.b_took().contains(&Event::Open(there)));
    assert!(data(&wire, To::A).is_empty() && data(&wire, To::B).is_empty());
    wire.a.send(wire.now, here, &Message::text("x")).unwrap();
    wire.run(ms(100));
    assert_eq!(wire.b_took(), [Event::Readable(there)]);
    assert_eq!(read(&mut wire.b, there), [Message::text("x")]);
}

#[test]
fn a_negotiated_channel_created_late_gets_what_came_before() {
    let mut wire = connected();
    let here = wire.a.create("", negotiated(7)).unwrap();
    wire.a.send(wire.now, here, &Message::text("1")).unwrap();
    wire.a.send(wire.now, here, &Message::text("2")).unwrap();
    wire.run(ms(100));
    assert_eq!(wire.b_took(), []);
    let there = wire.b.create("", negotiated(7)).unwrap();
    wire.run(ms(100));
    assert_eq!(wire.b_took(), [Event::Open(there), Event::Readable(there)]);
    assert_eq!(read(&mut wire.b, there), [Message::text("1"), Message::text("2")]);
}

#[test]
fn impossible_channels_are_refused() {
    let mut channels = channels(1, &Config { max_channels: 3, ..Config::default() });
    let long = "x".repeat(65_536);
    let both = DataChannelInit { max_retransmits: Some(1), max_packet_life_time: Some(ms(1)), ..init() };
    assert_eq!(channels.create(&long, init()), Err(DataChannelError::LabelTooLong { len: 65_536 }));
    let protocol = DataChannelInit { protocol: long.clone(), ..init() };
    assert_eq!(channels.create("", protocol), Err(DataChannelError::ProtocolTooLong { len: 65_536 }));
    assert_eq!(channels.create("", both), Err(DataChannelError::TwoReliabilities));
    let invalid = DataChannelError::InvalidId { id: 65_535, limit: 65_535 };
    assert_eq!(channels.create("", negotiated(65_535)), Err(invalid));
    channels.create("", negotiated(65_534)).unwrap();
    assert_eq!(channels.create("", negotiated(65_534)), Err(DataChannelError::IdInUse { id: 65_534 }));
    channels.create(long.get(1..).unwrap(), init()).unwrap();
    channels.create("", init()).unwrap();
    assert_eq!(channels.create("", init()), Err(DataChannelError::TooMany { limit: 3 }));
}

#[test]
fn the_longest_label_arrives() {
    let mut wire = connected();
    wire.a.set_remote_max_message_size(Some(12 + 2 * 65_535));
    let label = "x".repeat(65_535);
    let init = DataChannelInit { protocol: "y".repeat(65_535), ..init() };
    wire.a.create(&label, init).unwrap();
    wire.run(ms(2000));
    let there = opened(&wire.b_took());
    assert_eq!(wire.b.label(there).map(str::len), Some(65_535));
    assert_eq!(wire.b.protocol(there).map(str::len), Some(65_535));
}

// RFC 8841 §6.1 speaks of every SCTP user message.
#[test]
fn a_channel_whose_opening_the_peer_would_not_take_fails() {
    let mut wire = connected();
    wire.a.set_remote_max_message_size(Some(20));
    let fits = wire.a.create("12345678", init()).unwrap();
    let beyond = wire.a.create("123456789", init()).unwrap();
    wire.run(ms(100));
    let events = wire.a_took();
    assert!(events.contains(&Event::Open(fits)), "{events:?}");
    assert!(events.contains(&Event::Error(beyond, DataChannelFailure::NotSent)), "{events:?}");
    assert!(!events.contains(&Event::Open(beyond)), "{events:?}");
    assert_eq!(wire.b_took().iter().filter(|event| matches!(event, Event::Channel(_))).count(), 1);
}

#[test]
fn text_binary_and_empty_messages_are_told_apart() {
    let mut wire = connected();
    let (here, there) = open(&mut wire, init());
    wire.record = true;
    let all =
        [Message::text("täxt"), Message::binary(vec![0xff, 0]), Message::text(""), Message::binary(vec![])];
    for message in &all {
        wire.a.send(wire.now, here, message).unwrap();
    }
    wire.run(ms(100));
    assert_eq!(read(&mut wire.b, there), all);
    let sent: Vec<_> = data(&wire, To::B).iter().map(|data| (data.ppid, data.payload.len())).collect();
    let expected = [(ppid::STRING, 5), (ppid::BINARY, 2), (ppid::STRING_EMPTY, 1), (ppid::BINARY_EMPTY, 1)];
    assert_eq!(sent, expected);
    let stats = wire.b.channel_stats(there).unwrap();
    assert_eq!((stats.messages_received, stats.bytes_received), (4, 7));
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let mut wire = pair(&Config::default());
    let here = wire.a.create("", init()).unwrap();
    assert_eq!(wire.a.send(START, here, &Message::text("x")), Err(SendError::NotOpen));
    wire.a.connect(Role::Client, None, None);
    wire.b.connect(Role::Server, None, None);
    wire.run(ms(300));
    let send = |wire: &mut Wire<Channels, Channels>, len| {
        let now = wire.now;
        wire.a.send(now, here, &Message::binary(vec![0; len]))
    };
    assert_eq!(send(&mut wire, 65_537), Err(SendError::TooLong { len: 65_537, max: 65_536 }));
    assert_eq!(send(&mut wire, 65_536), Ok(()));
    wire.a.set_remote_max_message_size(Some(10));
    assert_eq!(send(&mut wire, 11), Err(SendError::TooLong { len: 11, max: 10 }));
    wire.a.set_remote_max_message_size(Some(0));
    assert_eq!(send(&mut wire, 250_000), Ok(()));
    let bad = Message { binary: false, data: vec![0xff].into() };
    let now = wire.now;
    assert_eq!(wire.a.send(now, here, &bad), Err(SendError::NotUtf8));
    wire.run(ms(3000));
    let there = opened(&wire.b_took());
    let lens: Vec<_> = read(&mut wire.b, there).iter().map(|message| message.data.len()).collect();
    assert_eq!(lens, [65_536, 250_000]);
}

#[test]
fn a_full_buffer_refuses_and_says_when_there_is_room() {
    let mut wire = connected();
    let (here, there) = open(&mut wire, init());
    let message = Message::binary(vec![7; 60_000]);
    let mut sent = 0;
    while wire.a.send(wire.now, here, &message).is_ok() {
        sent += 1;
        assert!(sent < 1000, "a limit there must be");
    }
    assert!(!wire.a.can_send(here));
    let now = wire.now;
    assert!(matches!(wire.a.send(now, here, &message), Err(SendError::BufferFull { .. })));
    let mut received = 0;
    wire.until(|wire| {
        received += read(&mut wire.b, there).len();
        wire.a_events.iter().any(|(_, event)| *event == Event::BufferedAmountLow(here))
    });
    assert!(wire.a.can_send(here));
    wire.until(|wire| {
        received += read(&mut wire.b, there).len();
        received == sent
    });
}

#[test]
fn the_threshold_decides_when_the_buffer_is_low() {
    let mut wire = connected();
    let (here, there) = open(&mut wire, init());
    wire.a.set_buffered_amount_low_threshold(here, 50_000);
    for _ in 0..10 {
        wire.a.send(wire.now, here, &Message::binary(vec![7; 30_000])).unwrap();
    }
    assert_eq!(wire.a.buffered_amount(here), 300_000);
    wire.until(|wire| {
        read(&mut wire.b, there);
        wire.a_events.iter().any(|(_, event)| *event == Event::BufferedAmountLow(here))
    });
    assert!(wire.a.buffered_amount(here) <= 50_000);
}

// W3C: the bytes "queued using send()", without what the protocol adds.
#[test]
fn the_buffered_amount_is_of_the_applications_bytes_alone() {
    let mut wire = connected();
    let id = wire.a.create("a label of some length", init()).unwrap();
    assert_eq!(wire.a.buffered_amount(id), 0);
    assert!(matches!(wire.a.poll_output(wire.now, &mut []), Output::Event(Event::Open(_))));
    assert_eq!(wire.a.buffered_amount(id), 0, "the opening message waits");
    wire.a.send(wire.now, id, &Message::text("")).unwrap();
    wire.a.send(wire.now, id, &Message::binary(Vec::new())).unwrap();
    assert_eq!(wire.a.buffered_amount(id), 0);
    wire.a.send(wire.now, id, &Message::text("hello")).unwrap();
    assert_eq!(wire.a.buffered_amount(id), 5);
    wire.run(ms(500));
    assert_eq!(wire.a.buffered_amount(id), 0);
    let there = opened(&wire.b_took());
    assert_eq!(read(&mut wire.b, there).len(), 3);
}

#[test]
fn opening_reports_no_low_buffer() {
    let mut wire = connected();
    wire.a.create("", init()).unwrap();
    wire.run(ms(500));
    let low = |events: Vec<Event>| events.iter().any(|event| matches!(event, Event::BufferedAmountLow(_)));
    assert!(!low(wire.a_took()) && !low(wire.b_took()));
}

#[test]
fn a_reader_that_stops_stops_the_sender_and_loses_nothing() {
    let mut wire = connected();
    let (here, there) = open(&mut wire, init());
    let message = Message::binary(vec![1; 100_000]);
    let mut sent = 0;
    for _ in 0..200 {
        while wire.a.send(wire.now, here, &message).is_ok() {
            sent += 1;
        }
        wire.run(ms(100));
    }
    assert!(sent > 40 && sent < 100, "{sent} messages against a window of 5 MiB");
    let readable = wire.b_took().iter().filter(|event| **event == Event::Readable(there)).count();
    assert_eq!(readable, 1, "an event is an edge");
    let mut received = 0;
    wire.until(|wire| {
        received += read(&mut wire.b, there).len();
        received == sent
    });
}

#[test]
fn readable_is_reported_once_until_read_empty() {
    let mut wire = connected();
    let (here, there) = open(&mut wire, init());
    for _ in 0..3 {
        wire.a.send(wire.now, here, &Message::text("x")).unwrap();
        wire.run(ms(100));
    }
    assert_eq!(wire.b_took(), [Event::Readable(there)]);
    assert_eq!(read(&mut wire.b, there).len(), 3);
    wire.a.send(wire.now, here, &Message::text("x")).unwrap();
    wire.run(ms(100));
    assert_eq!(wire.b_took(), [Event::Readable(there)]);
}

#[test]
fn closing_flushes_first_and_both_ends_hear_of_it() {
    let mut wire = connected();
    let (here, there) = open(&mut wire, init());
    for _ in 0..20 {
        wire.a.send(wire.now, here, &Message::binary(vec![1; 10_000])).unwrap();
    }
    wire.a.close_channel(here);
    assert_eq!(wire.a.state(here), Some(ChannelState::Closing));
    let now = wire.now;
    assert_eq!(wire.a.send(now, here, &Message::text("x")), Err(SendError::NotOpen));
    let mut received = 0;
    wire.until(|wire| {
        received += read(&mut wire.b, there).len();
        wire.a_events.iter().any(|(_, event)| *event == Event::Close(here))
            && wire.b_events.iter().any(|(_, event)| *event == Event::Close(there))
    });
    assert_eq!(received, 20);
    let events = wire.b_took();
    assert!(events.ends_with(&[Event::Closing(there), Event::Close(there)]), "{events:?}");
    assert_eq!(wire.a_took(), [Event::Close(here)]);
    wire.run(ms(1));
    assert_eq!((wire.a.state(here), wire.b.state(there)), (None, None));
    assert!(wire.a.is_empty() && wire.b.is_empty());
}

#[test]
fn what_arrived_before_the_peer_closed_can_be_read_afterwards() {
    let mut wire = connected();
    let (here, there) = open(&mut wire, init());
    for text in ["1", "2", "3"] {
        wire.a.send(wire.now, here, &Message::text(text)).unwrap();
    }
    wire.a.close_channel(here);
    wire.run(ms(1000));
    assert_eq!(wire.b_took(), [Event::Readable(there), Event::Closing(there), Event::Close(there)]);
    assert_eq!(read(&mut wire.b, there), ["1", "2", "3"].map(Message::text));
    assert_eq!(wire.b.state(there), None, "read empty, the channel is gone");
}

#[test]
fn a_reader_far_behind_keeps_the_stream_from_being_used_again() {
    let mut wire = connected();
    let (here, there) = open(&mut wire, init());
    for _ in 0..12 {
        wire.a.send(wire.now, here, &Message::binary(vec![1; 80_000])).unwrap();
    }
    wire.a.close_channel(here);
    wire.run(ms(5000));
    assert_eq!(wire.a_took(), [], "not closed: the peer has more to read than it keeps");
    assert_eq!(read(&mut wire.b, there).len(), 12);
    wire.run(ms(1000));
    assert_eq!(wire.a_took(), [Event::Close(here)]);
    assert!(wire.b_took().ends_with(&[Event::Close(there)]));
}

#[test]
fn both_ends_may_close_at_once() {
    let mut wire = connected();
    let (here, there) = open(&mut wire, init());
    wire.a.close_channel(here);
    wire.b.close_channel(there);
    wire.run(ms(1000));
    assert_eq!(wire.a_took(), [Event::Close(here)]);
    assert_eq!(wire.b_took(), [Event::Close(there)]);
}

#[test]
fn an_id_is_used_again_only_after_both_resets() {
    let mut wire = connected();
    let (first, there) = open(&mut wire, init());
    wire.a.close_channel(first);
    let second = wire.a.create("", init()).unwrap();
    assert_eq!(wire.a.stream_id(second), Some(2));
    assert_eq!(wire.a.create("", negotiated(0)), Err(DataChannelError::IdInUse { id: 0 }));
    wire.run(ms(1000));
    let third = wire.a.create("third", init()).unwrap();
    assert_eq!(wire.a.stream_id(third), Some(0));
    wire.run(ms(200));
    let events = wire.b_took();
    let again =
        events.iter().rev().find_map(|event| if let Event::Channel(id) = event { Some(*id) } else { None });
    let again = again.unwrap();
    assert_ne!(again, there);
    assert_eq!(wire.b.label(again), Some("third"));
    wire.a.send(wire.now, third, &Message::text("x")).unwrap();
    wire.run(ms(100));
    assert_eq!(read(&mut wire.b, again), [Message::text("x")]);
    assert_eq!(wire.b.recv(there), None);
}

#[test]
fn a_channel_closed_while_connecting_is_never_opened() {
    let mut wire = pair(&Config::default());
    let here = wire.a.create("", init()).unwrap();
    let other = wire.a.create("other", init()).unwrap();
    wire.a.close_channel(here);
    connect(&mut wire);
    wire.run(ms(300));
    let events = wire.a_took();
    assert_eq!(events[0], Event::Close(here));
    assert!(events.contains(&Event::Open(other)) && !events.contains(&Event::Open(here)));
    let there = opened(&wire.b_took());
    assert_eq!((wire.b.label(there), wire.b.stream_id(there)), (Some("other"), Some(0)));
}

#[test]
fn a_channel_opened_and_closed_in_one_breath_is_seen_by_the_peer() {
    let mut wire = connected();
    let here = wire.a.create("", init()).unwrap();
    wire.a.send(wire.now, here, &Message::text("last words")).unwrap();
    wire.a.close_channel(here);
    wire.run(ms(1000));
    let events = wire.b_took();
    let there = opened(&events);
    assert_eq!(read(&mut wire.b, there), [Message::text("last words")]);
    assert_eq!(events.last(), Some(&Event::Close(there)));
    assert_eq!(wire.a_took().last(), Some(&Event::Close(here)));
}

#[test]
fn the_end_of_the_association_closes_every_channel() {
    let mut wire = connected();
    let (here, there) = open(&mut wire, init());
    wire.a.close();
    wire.run(ms(200));
    assert_eq!(wire.a_took(), [Event::Close(here), Event::Closed(CloseReason::Aborted)]);
    let events = wire.b_took();
    assert_eq!(events[0], Event::Close(there), "the peer ended it as it may: no error");
    assert!(matches!(events[1..], [Event::Closed(CloseReason::PeerAborted { .. })]));
    for end in [&mut wire.a, &mut wire.b] {
        assert_eq!(end.poll_output(START + ms(100_000), &mut [0; 1500]), Output::Wait(None));
        assert_eq!(end.create("", init()), Err(DataChannelError::Closed));
    }
    assert_eq!(wire.a.send(wire.now, here, &Message::text("x")), Err(SendError::NotOpen));
}

#[test]
fn closing_before_connecting_is_quiet() {
    let mut channels = channels(1, &Config::default());
    let id = channels.create("", init()).unwrap();
    channels.close();
    let mut events = Vec::new();
    let mut buf = [0; 1500];
    while let Output::Event(event) = channels.poll_output(START, &mut buf) {
        events.push(event);
    }
    assert_eq!(events, [Event::Close(id), Event::Closed(CloseReason::Aborted)]);
    assert_eq!(channels.poll_output(START, &mut buf), Output::Wait(None));
}

#[test]
fn a_channel_beyond_the_peers_streams_fails() {
    let mut few = Config::default();
    few.sctp.streams = 4;
    let mut wire = Wire::new(channels(1, &Config::default()), channels(2, &few), 3);
    let fits = wire.a.create("", init()).unwrap();
    let beyond = wire.a.create("", negotiated(4)).unwrap();
    connect(&mut wire);
    wire.run(ms(300));
    let events = wire.a_took();
    assert!(events.contains(&Event::Open(fits)));
    assert!(events.contains(&Event::Error(beyond, DataChannelFailure::NoStream)));
    assert!(events.contains(&Event::Close(beyond)));
    wire.a.create("", init()).unwrap();
    assert_eq!(wire.a.create("", init()), Err(DataChannelError::NoFreeId { limit: 4 }));
}

#[test]
fn losses_delay_a_reliable_channel_and_thin_out_an_unreliable_one() {
    let mut wire = connected();
    let (here, there) = open(&mut wire, init());
    let poor = DataChannelInit { max_retransmits: Some(0), ..unordered() };
    let (poor, bare) = open(&mut wire, poor);
    wire.loss = 100;
    let (mut good, mut lossy) = (Vec::new(), Vec::new());
    for n in 0..400_u32 {
        let message = Message::binary(n.to_be_bytes().to_vec());
        wire.a.send(wire.now, here, &message).unwrap();
        wire.run(ms(5));
        wire.a.send(wire.now, poor, &message).unwrap();
        wire.run(ms(5));
        good.extend(read(&mut wire.b, there));
        lossy.extend(read(&mut wire.b, bare));
    }
    wire.loss = 0;
    wire.run(ms(10_000));
    good.extend(read(&mut wire.b, there));
    lossy.extend(read(&mut wire.b, bare));
    let numbers: Vec<_> =
        good.iter().map(|message| u32::from_be_bytes(message.data[..].try_into().unwrap())).collect();
    assert_eq!(numbers, (0..400).collect::<Vec<_>>());
    assert!(lossy.len() > 300 && lossy.len() < 400, "{} of 400 at a loss of 10 %", lossy.len());
}

#[test]
fn an_ordered_channel_with_a_life_time_goes_on_behind_what_it_gave_up() {
    let mut wire = connected();
    let init = DataChannelInit { max_packet_life_time: Some(ms(60)), ..init() };
    let (here, there) = open(&mut wire, init);
    wire.loss = 1000;
    for _ in 0..5 {
        wire.a.send(wire.now, here, &Message::text("lost")).unwrap();
        wire.run(ms(20));
    }
    wire.run(ms(300));
    wire.loss = 0;
    wire.a.send(wire.now, here, &Message::text("kept")).unwrap();
    wire.run(ms(5000));
    assert_eq!(read(&mut wire.b, there).last(), Some(&Message::text("kept")));
}

#[test]
fn two_hundred_channels_echo_over_a_poor_path() {
    let mut wire = pair(&Config::default());
    wire.loss = 50;
    let ids: Vec<_> = (0..200).map(|n| wire.a.create(&format!("{n}"), init()).unwrap()).collect();
    connect(&mut wire);
    wire.until(|wire| {
        let open = wire.a_events.iter().filter(|(_, event)| matches!(event, Event::Open(_)));
        open.count() == 200
    });
    for (n, id) in ids.iter().enumerate() {
        wire.a.send(wire.now, *id, &Message::text(format!("hello {n}"))).unwrap();
    }
    let mut echoed = 0;
    wire.until(|wire| {
        for (_, event) in wire.b_events.split_off(0) {
            if let Event::Readable(id) = event {
                while let Some(message) = wire.b.recv(id) {
                    wire.b.send(wire.now, id, &message).unwrap();
                }
            }
        }
        for (_, event) in wire.a_events.split_off(0) {
            if let Event::Readable(id) = event {
                for message in read(&mut wire.a, id) {
                    let n = ids.iter().position(|each| *each == id).unwrap();
                    assert_eq!(message, Message::text(format!("hello {n}")));
                    echoed += 1;
                }
            }
        }
        echoed == 200
    });
}

#[test]
fn a_fork_does_the_same() {
    let mut wire = connected();
    let (here, _) = open(&mut wire, init());
    wire.a.send(wire.now, here, &Message::binary(vec![3; 5000])).unwrap();
    let mut fork = wire.a.fork();
    let (mut one, mut two) = ([0; 1500], [0; 1500]);
    loop {
        let (first, second) = (wire.a.poll_output(wire.now, &mut one), fork.poll_output(wire.now, &mut two));
        assert_eq!((&first, one), (&second, two));
        if matches!(first, Output::Wait(_)) {
            break;
        }
    }
}

#[test]
fn an_empty_buffer_draws_nothing() {
    let mut wire = pair(&Config::default());
    connect(&mut wire);
    assert!(matches!(wire.a.poll_output(START, &mut []), Output::Wait(_)));
    assert!(matches!(wire.a.poll_output(START, &mut [0; 1500]), Output::Transmit(_)));
}

#[test]
fn packets_before_connect_are_dropped_and_counted() {
    let mut wire = pair(&Config::default());
    wire.a.connect(Role::Client, None, None);
    wire.run(ms(100));
    assert_eq!(wire.b.stats().drops.early_packets, 1);
    wire.b.connect(Role::Server, None, None);
    wire.run(ms(3000));
    assert_eq!(wire.b_took(), [Event::Connected]);
}

#[test]
fn a_peer_that_starts_anew_ends_every_channel_and_new_ones_open() {
    let mut wire = connected();
    let (here, _) = open(&mut wire, init());
    wire.b = channels(4, &Config::default());
    wire.b.connect(Role::Server, None, None);
    wire.run(ms(1000));
    let events = wire.a_took();
    let failed = [Event::Error(here, DataChannelFailure::Restarted), Event::Close(here)];
    assert!(events.windows(2).any(|pair| pair == failed), "{events:?}");
    wire.b_took();
    let (here, there) = open(&mut wire, init());
    assert_eq!(wire.a.stream_id(here), Some(0));
    wire.a.send(wire.now, here, &Message::text("again")).unwrap();
    wire.run(ms(100));
    assert_eq!(read(&mut wire.b, there), [Message::text("again")]);
}

#[test]
fn a_message_longer_than_announced_ends_the_association() {
    let mut small = Config::default();
    small.sctp.max_receive_message_size = 10_000;
    let mut wire = Wire::new(channels(1, &Config::default()), channels(2, &small), 3);
    connect(&mut wire);
    wire.run(ms(500));
    wire.b_took();
    let (here, there) = open(&mut wire, init());
    wire.a.send(wire.now, here, &Message::binary(vec![0; 10_001])).unwrap();
    wire.run(ms(1000));
    let reason = CloseReason::MessageTooLong;
    let failure = DataChannelFailure::Association(reason);
    let expected = [Event::Error(there, failure), Event::Close(there), Event::Closed(reason)];
    assert_eq!(wire.b_took(), expected);
}

#[test]
fn a_stream_used_again_before_the_answer_to_our_reset_is_a_new_channel() {
    let mut wire = connected();
    let (first, there) = open(&mut wire, init());
    wire.a.close_channel(first);
    // B is told that its own reset was performed only after A has opened the next channel on the stream.
    wire.until(|wire| wire.b_events.iter().any(|(_, event)| *event == Event::Closing(there)));
    wire.a_reacts = Some(Box::new(move |a, _, event| {
        if *event == Event::Close(first) {
            a.create("second", init()).unwrap();
        }
    }));
    wire.loss_to_b_of_responses = true;
    wire.run(ms(150));
    let closed = wire.b_events.iter().any(|(_, event)| *event == Event::Close(there));
    assert!(closed, "the new channel ends the old one, though its reset was not answered");
    wire.loss_to_b_of_responses = false;
    wire.run(ms(2000));
    let events = wire.b_took();
    let closed = events.iter().position(|event| *event == Event::Close(there)).unwrap();
    let second = opened(&events[closed..]);
    assert_eq!((wire.b.label(second), wire.b.stream_id(second)), (Some("second"), Some(0)));
    // Its own end is not confused by the late answer.
    assert_eq!(wire.b.state(second), Some(ChannelState::Open));
    wire.b.close_channel(second);
    wire.run(ms(2000));
    assert_eq!(wire.b_took(), [Event::Close(second)]);
}
