//! The sizes of things: datagrams, messages, channels, buffers, and settings out of their range.

mod pair;

use std::collections::BTreeMap;

use antiphon::{
    Config, ConfigError, ConnectionState, DataChannelError, DataChannelInit, Event, Message, OfferOptions,
    Path, PeerConnection, Seed, SendError,
};
use pair::{Pair, UNIX, ms, negotiated, replaced, secs, text, without};

/// Whether an error is the one that is due.
type Is = fn(&ConfigError) -> bool;

fn binary(len: usize) -> Message {
    Message::binary(vec![0x5a; len])
}

/// Counts datagrams longer than `limit` that either end sends.
fn watch_lengths(pair: &mut Pair, limits: [usize; 2]) {
    pair.filter = Box::new(move |from, bytes| {
        assert!(
            bytes.len() <= limits[from],
            "a datagram of {} bytes, at most {} are allowed",
            bytes.len(),
            limits[from]
        );
        true
    });
}

#[test]
fn an_mtu_of_256_is_kept_from_the_first_check_to_the_last_message() {
    let (small, usual) = (Config::new().mtu(256), Config::new());
    for configs in [[&small, &small], [&small, &usual], [&usual, &small]] {
        let mut pair = Pair::new(configs);
        let limits = configs.map(|config| if core::ptr::eq(config, &raw const small) { 256 } else { 1200 });
        watch_lengths(&mut pair, limits);
        let channels = pair.create_channels();
        pair.negotiate();
        pair.connect();
        for (index, channel) in channels.into_iter().enumerate() {
            pair.send(index, channel, &binary(20_000));
        }
        pair.run_for(secs(3));
        for (index, channel) in channels.into_iter().enumerate() {
            let message = pair.ends[index].pc.data_channel(channel).unwrap().recv();
            assert_eq!(message, Some(binary(20_000)));
        }
        pair.assert_talks(channels, ms(500));
        pair.negotiate_with(1, OfferOptions { ice_restart: true }, |sdp| sdp, |sdp| sdp);
        pair.run_for(secs(30));
        assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
    }
}

#[test]
fn a_path_that_carries_less_is_told_and_obeyed() {
    let (mut pair, channels) = Pair::connected();
    let path = pair.ends[0].pc.active_path().unwrap();
    // Of another path nothing is believed.
    pair.ends[0].pc.set_path_mtu(Path::udp(path.local, "192.0.2.99:1".parse().unwrap()), 300);
    pair.send(0, channels[0], &binary(5000));
    let (sender, receiver) = std::sync::mpsc::channel();
    pair.filter = Box::new(move |from, bytes| {
        if from == 0 {
            sender.send(bytes.len()).unwrap();
        }
        true
    });
    pair.run_for(ms(200));
    pair.send(0, channels[0], &binary(5000));
    pair.run_for(ms(200));
    assert!(receiver.try_iter().max().unwrap() > 1000);
    pair.ends[0].pc.set_path_mtu(path, 600);
    pair.send(0, channels[0], &binary(50_000));
    pair.run_for(secs(2));
    let longest = receiver.try_iter().max().unwrap();
    assert!((500..=600).contains(&longest), "{longest}");
    // Less than anything works with is taken as that, more than is configured as what is.
    pair.ends[0].pc.set_path_mtu(path, 1);
    pair.send(0, channels[0], &binary(5000));
    pair.run_for(secs(2));
    assert!(receiver.try_iter().max().unwrap() <= 256);
    pair.ends[0].pc.set_path_mtu(path, 65_000);
    pair.send(0, channels[0], &binary(50_000));
    pair.run_for(secs(2));
    let longest = receiver.try_iter().max().unwrap();
    assert!((1100..=1200).contains(&longest), "{longest}");
    let mut got = 0;
    while let Some(message) = pair.ends[1].pc.data_channel(channels[1]).unwrap().recv() {
        got += message.data.len();
    }
    assert_eq!(got, 5000 + 5000 + 50_000 + 5000 + 50_000);
}

/// A connected pair whose end 1 said `size` about the messages it takes.
fn announcing(size: Option<&str>) -> (Pair, [antiphon::DataChannelId; 2]) {
    let config = Config::new().max_message_size(1_000_000).max_buffered_amount(4 << 20);
    let mut pair = Pair::new([&config, &config]);
    let channels = pair.create_channels();
    let change = |answer: String| match size {
        Some(size) => replaced(&answer, "a=max-message-size:1000000", &format!("a=max-message-size:{size}")),
        None => without(&answer, &["a=max-message-size"]),
    };
    pair.negotiate_with(0, OfferOptions::default(), |offer| offer, change);
    pair.connect();
    (pair, channels)
}

#[test]
fn the_peers_longest_message_is_honoured() {
    // RFC 8841 §6: absent is 64 KiB, 0 is as long as you like. What is said is said of one direction.
    for (size, longest) in [(None, 65_536), (Some("1000"), 1000), (Some("70000"), 70_000), (Some("1"), 1)] {
        let (mut pair, channels) = announcing(size);
        let now = pair.now;
        let mut channel = pair.ends[0].pc.data_channel(channels[0]).unwrap();
        let refused = channel.send(now, &binary(longest + 1));
        assert_eq!(refused, Err(SendError::TooLong { len: longest + 1, max: longest }));
        assert_eq!(channel.buffered_amount(), 0, "nothing is kept of it");
        pair.send(0, channels[0], &binary(longest));
        pair.send(1, channels[1], &binary(1_000_000));
        pair.run_for(secs(3));
        assert_eq!(pair.ends[1].pc.data_channel(channels[1]).unwrap().recv(), Some(binary(longest)));
        assert_eq!(pair.ends[0].pc.data_channel(channels[0]).unwrap().recv(), Some(binary(1_000_000)));
    }
}

#[test]
fn a_peer_without_bound_gets_what_the_buffer_holds() {
    let (mut pair, channels) = announcing(Some("0"));
    pair.send(0, channels[0], &binary(999_999));
    pair.run_for(secs(3));
    assert_eq!(pair.ends[1].pc.data_channel(channels[1]).unwrap().recv(), Some(binary(999_999)));
}

#[test]
fn our_own_longest_message_is_told() {
    for size in [1, 65_536, 5 << 20] {
        let config = Config::new().max_message_size(size);
        let mut pair = Pair::new([&config, &Config::new()]);
        pair.create_channels();
        let offer = pair.ends[0].offer();
        assert!(offer.contains(&format!("a=max-message-size:{size}\r\n")), "{offer}");
    }
}

#[test]
fn a_full_buffer_refuses_and_says_when_it_has_room() {
    let config = Config::new().max_buffered_amount(100_000);
    let (mut pair, channels) = Pair::connected_with([&config, &config]);
    let now = pair.now;
    let mut channel = pair.ends[0].pc.data_channel(channels[0]).unwrap();
    channel.set_buffered_amount_low_threshold(20_000);
    let mut taken = 0;
    let refused = loop {
        match channel.send(now, &binary(10_000)) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 100);
    };
    assert!(matches!(refused, SendError::BufferFull { limit: 100_000, .. }), "{refused:?}");
    assert!(!channel.can_send() && (90_000..=100_000).contains(&channel.buffered_amount()));
    let low = Event::DataChannelBufferedAmountLow(channels[0]);
    pair.wake();
    // Once when it takes messages again, since it had refused one; once at the threshold.
    assert!(pair.run_until(secs(3), |pair| pair.ends[0].saw(&low)));
    assert!(pair.ends[0].pc.data_channel(channels[0]).unwrap().can_send());
    let count = |pair: &Pair| pair.ends[0].count(|event| *event == low);
    assert!(pair.run_until(secs(3), |pair| count(pair) == 2));
    assert!(pair.ends[0].pc.data_channel(channels[0]).unwrap().buffered_amount() <= 20_000);
    pair.run_for(secs(3));
    assert_eq!(count(&pair), 2, "edges");
}

#[test]
fn a_reader_that_stops_holds_the_sender_and_nobody_else() {
    let config =
        Config::new().receive_window(128 * 1024).max_message_size(64 * 1024).max_buffered_amount(2 << 20);
    let (mut pair, channels) = Pair::connected_with([&config, &config]);
    for _ in 0..30 {
        pair.send(0, channels[0], &binary(30_000));
    }
    pair.run_for(secs(20));
    let held = pair.ends[1].pc.stats(pair.now).sctp.held_bytes;
    assert!(held <= 128 * 1024 + 64 * 1024, "{held} bytes pinned by a reader who does not read");
    assert!(pair.ends[0].pc.data_channel(channels[0]).unwrap().buffered_amount() > 500_000);
    // The other way is open, and so is consent.
    pair.send(1, channels[1], &text("hello"));
    pair.run_for(ms(200));
    assert_eq!(pair.received(0, channels[0]), ["hello"]);
    let mut got = 0;
    pair.run_until(secs(60), |pair| {
        while pair.ends[1].pc.data_channel(channels[1]).unwrap().recv().is_some() {
            got += 1;
        }
        pair.drain(1);
        got == 30
    });
    assert_eq!(got, 30, "no deadlock of the closed window");
}

#[test]
fn two_hundred_channels_each_carry_their_own() {
    let mut pair = Pair::default_pair();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for n in 0..100 {
        ours.push(pair.ends[0].pc.create_data_channel(&format!("a{n}"), DataChannelInit::default()).unwrap());
        theirs
            .push(pair.ends[1].pc.create_data_channel(&format!("b{n}"), DataChannelInit::default()).unwrap());
    }
    pair.negotiate();
    pair.connect();
    assert!(pair.run_until(secs(5), |pair| pair.ends.iter().all(|end| end.pc.data_channels().len() == 200)));
    let names = |pair: &mut Pair, end: usize| -> BTreeMap<String, antiphon::DataChannelId> {
        let ids = pair.ends[end].pc.data_channels();
        ids.into_iter()
            .map(|id| (pair.ends[end].pc.data_channel(id).unwrap().label().to_owned(), id))
            .collect()
    };
    let by_name = [names(&mut pair, 0), names(&mut pair, 1)];
    assert!(by_name[0].keys().eq(by_name[1].keys()) && by_name[0].len() == 200);
    let streams: Vec<_> = pair.ends[0].pc.data_channels();
    let mut parity = [0; 2];
    for id in &streams {
        let stream = pair.ends[0].pc.data_channel(*id).unwrap().stream_id().unwrap();
        parity[usize::from(stream % 2)] += 1;
    }
    assert_eq!(parity, [100; 2], "RFC 8832 §6: even and odd by DTLS role");
    for (name, id) in &by_name[0] {
        pair.send(0, *id, &text(&format!("to {name}")));
    }
    for (name, id) in &by_name[1] {
        pair.send(1, *id, &text(&format!("back to {name}")));
    }
    pair.run_for(secs(2));
    for (name, id) in by_name[1].clone() {
        assert_eq!(pair.received(1, id), [format!("to {name}")]);
    }
    for (name, id) in by_name[0].clone() {
        assert_eq!(pair.received(0, id), [format!("back to {name}")]);
    }
    for id in ours {
        pair.ends[0].pc.data_channel(id).unwrap().close();
    }
    for id in theirs {
        pair.ends[1].pc.data_channel(id).unwrap().close();
    }
    pair.wake();
    assert!(pair.run_until(secs(5), |pair| pair.ends.iter().all(|end| end.pc.data_channels().is_empty())));
}

#[test]
fn channels_beyond_the_limit_are_typed_errors_and_those_of_the_peer_are_refused() {
    let few = Config::new().max_data_channels(3);
    let (mut pair, channels) = Pair::connected_with([&few, &Config::new()]);
    for n in 0..2 {
        pair.ends[0].pc.create_data_channel(&n.to_string(), DataChannelInit::default()).unwrap();
    }
    let refused = pair.ends[0].pc.create_data_channel("one too many", DataChannelInit::default());
    assert_eq!(refused, Err(DataChannelError::TooMany { limit: 3 }));
    pair.wake();
    pair.run_for(secs(1));
    let theirs = pair.ends[1].pc.create_data_channel("theirs", DataChannelInit::default()).unwrap();
    pair.wake();
    pair.run_for(secs(1));
    assert!(pair.ends[1].saw(&Event::DataChannelClose(theirs)), "{:?}", pair.ends[1].events);
    assert_eq!(pair.ends[0].pc.stats(pair.now).data.drops.too_many_channels, 1);
    pair.assert_talks(channels, ms(500));
}

#[test]
fn impossible_channels_are_typed_errors() {
    let mut pair = Pair::default_pair();
    pair.create_channels();
    let pc = &mut pair.ends[0].pc;
    assert_eq!(pc.create_data_channel("again", negotiated(0)), Err(DataChannelError::IdInUse { id: 0 }));
    assert!(matches!(
        pc.create_data_channel("last", negotiated(65_535)),
        Err(DataChannelError::InvalidId { id: 65_535, .. })
    ));
    assert_eq!(
        pc.create_data_channel(&"x".repeat(65_536), DataChannelInit::default()),
        Err(DataChannelError::LabelTooLong { len: 65_536 })
    );
    let protocol = DataChannelInit { protocol: "x".repeat(65_536), ..DataChannelInit::default() };
    assert_eq!(pc.create_data_channel("", protocol), Err(DataChannelError::ProtocolTooLong { len: 65_536 }));
    let two = DataChannelInit {
        max_retransmits: Some(1),
        max_packet_life_time: Some(ms(1)),
        ..DataChannelInit::default()
    };
    assert_eq!(pc.create_data_channel("", two), Err(DataChannelError::TwoReliabilities));
    assert_eq!(pc.data_channels().len(), 1, "nothing is left of them");
}

#[test]
fn settings_out_of_their_range_are_named() {
    let new = |config: &Config| {
        let now = antiphon::Instant::from_nanos(0);
        PeerConnection::new(now, UNIX, Seed::from_bytes([1; 32]), config).map(|_| ())
    };
    let base = Config::new;
    for good in [
        base().mtu(256),
        base().mtu(65_535),
        base().ice_pacing(ms(5)),
        base().ice_pacing(ms(1000)),
        base().max_candidate_pairs(1),
        base().max_candidate_pairs(1000),
        base().max_message_size(1),
        base().max_message_size(5 << 20),
        base().max_buffered_amount(1),
        base().receive_window(64 * 1024).max_message_size(64 * 1024),
        base().receive_window(1 << 31),
        base().max_data_channels(1),
        base().max_data_channels(65_535),
    ] {
        new(&good).unwrap_or_else(|error| panic!("{good:?}: {error}"));
    }
    let bad: [(Config, Is); 15] = [
        (base().mtu(255), |error| matches!(error, ConfigError::Mtu { bytes: 255 })),
        (base().mtu(65_536), |error| matches!(error, ConfigError::Mtu { bytes: 65_536 })),
        (base().max_segments(0), |error| matches!(error, ConfigError::MaxSegments { datagrams: 0 })),
        (base().max_segments(65), |error| matches!(error, ConfigError::MaxSegments { datagrams: 65 })),
        (base().ice_pacing(ms(4)), |error| matches!(error, ConfigError::IcePacing { .. })),
        (base().ice_pacing(ms(1001)), |error| matches!(error, ConfigError::IcePacing { .. })),
        (base().max_candidate_pairs(0), |error| matches!(error, ConfigError::MaxCandidatePairs { pairs: 0 })),
        (base().max_candidate_pairs(1001), |error| matches!(error, ConfigError::MaxCandidatePairs { .. })),
        (base().max_message_size(0), |error| matches!(error, ConfigError::MaxMessageSize)),
        (base().max_buffered_amount(0), |error| matches!(error, ConfigError::MaxBufferedAmount)),
        (base().receive_window(65_535), |error| {
            matches!(error, ConfigError::ReceiveWindow { bytes: 65_535 })
        }),
        (base().receive_window((1 << 31) + 1), |error| matches!(error, ConfigError::ReceiveWindow { .. })),
        // The window must hold a message whole.
        (base().max_message_size((5 << 20) + 1), |error| matches!(error, ConfigError::Data(_))),
        (base().max_data_channels(0), |error| matches!(error, ConfigError::MaxDataChannels { channels: 0 })),
        (base().max_data_channels(65_536), |error| matches!(error, ConfigError::MaxDataChannels { .. })),
    ];
    for (config, is) in bad {
        let error = new(&config).unwrap_err();
        assert!(is(&error), "{error}");
    }
    for (config, text) in [
        (base().mtu(1), "mtu 1 is not within 256 to 65535 bytes"),
        (base().max_segments(65), "max_segments 65 is not within 1 to 64 datagrams"),
        (base().ice_pacing(ms(4)), "ice_pacing 4ms is not within 5ms to 1s"),
        (base().max_candidate_pairs(0), "max_candidate_pairs 0 is not within 1 to 1000"),
        (base().receive_window(7), "receive_window 7 is not within 65536 to 2147483648 bytes"),
        (base().max_data_channels(0), "max_data_channels 0 is not within 1 to 65535"),
    ] {
        assert_eq!(new(&config).unwrap_err().to_string(), text);
    }
}
