//! Whole connections in virtual time: connecting, sending, closing.

#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a test that cannot go on has failed")]

mod pair;

use antiphon::data::DataChannelFailure;
use antiphon::peer::SctpTransportState;
use antiphon::sctp::CloseReason;
use antiphon::{Config, ConnectionState, DataChannelInit, DataChannelState, Event, Message, OfferOptions};
use pair::{Pair, ms, replaced};

fn connected() -> (Pair, antiphon::DataChannelId, antiphon::DataChannelId) {
    let mut pair = Pair::default_pair();
    let channel = pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    pair.negotiate();
    assert!(
        pair.run_until(ms(2000), |pair| pair.ends[1].channel().is_some() && pair.ends[0].channel().is_some())
    );
    let theirs = pair.ends[1].channel().unwrap();
    (pair, channel, theirs)
}

fn text(text: &str) -> Message {
    Message::text(text)
}

#[test]
fn a_message_arrives_in_each_direction_after_the_least_round_trips() {
    let mut pair = Pair::default_pair();
    let start = pair.now;
    // Negotiated, so that either side may send first.
    let init = DataChannelInit { negotiated: Some(0), ..DataChannelInit::default() };
    let a = pair.ends[0].pc.create_data_channel("chat", init.clone()).unwrap();
    let b = pair.ends[1].pc.create_data_channel("chat", init).unwrap();
    pair.negotiate();
    pair.react = Box::new(|_, now, pc, event| {
        if let Event::DataChannelOpen(id) = event {
            pc.data_channel(*id).unwrap().send(now, &text("first")).unwrap();
        }
    });
    pair.wake();
    let mut arrivals = [None; 2];
    pair.run_until(ms(3000), |pair| {
        for (index, id) in [(0, a), (1, b)] {
            if pair.ends[index].pc.data_channel(id).unwrap().recv().is_some() {
                arrivals[1 - index].get_or_insert(pair.now.saturating_duration_since(start));
            }
        }
        arrivals.iter().all(Option::is_some)
    });
    // One for the checks, two for DTLS 1.2, one for INIT and COOKIE-ECHO with data inside: RFC 8445, 6347, 9260.
    assert_eq!(arrivals[0], Some(ms(400)), "the offerer's first message");
    assert_eq!(arrivals[1], Some(ms(450)), "the answerer's first message");
}

#[test]
fn text_and_binary_and_empty_messages_arrive_as_they_were_sent() {
    let (mut pair, a, b) = connected();
    let messages = [
        text("hello, wörld"),
        Message::binary(vec![0, 1, 255]),
        text(""),
        Message::binary(Vec::new()),
        Message::binary(vec![7; 200_000]),
    ];
    let now = pair.now;
    for message in &messages {
        pair.ends[0].pc.data_channel(a).unwrap().send(now, message).unwrap();
    }
    pair.wake();
    pair.run_for(ms(2000));
    let mut channel = pair.ends[1].pc.data_channel(b).unwrap();
    assert_eq!((channel.label(), channel.ordered()), ("chat", true));
    for message in messages {
        assert_eq!(channel.recv(), Some(message));
    }
    assert_eq!(channel.recv(), None);
}

#[test]
fn closing_a_channel_sends_what_was_queued_first() {
    let (mut pair, a, b) = connected();
    let now = pair.now;
    let mut channel = pair.ends[0].pc.data_channel(a).unwrap();
    channel.send(now, &Message::binary(vec![1; 100_000])).unwrap();
    channel.close();
    assert_eq!(channel.ready_state(), DataChannelState::Closing);
    pair.wake();
    assert!(pair.run_until(ms(3000), |pair| pair.ends[0].saw(&Event::DataChannelClose(a))));
    assert!(pair.run_until(ms(3000), |pair| pair.ends[1].saw(&Event::DataChannelClose(b))));
    assert_eq!(
        pair.ends[1].pc.data_channel(b).and_then(|mut channel| channel.recv()).map(|m| m.data.len()),
        Some(100_000)
    );
}

#[test]
fn close_says_goodbye_once_and_is_final() {
    let (mut pair, _, _) = connected();
    let before = pair.ends[0].sent;
    pair.ends[0].pc.close();
    pair.wake();
    assert!((1..=2).contains(&(pair.ends[0].sent - before)), "an ABORT and a close_notify at most");
    assert_eq!(
        pair.ends[0].events.last().map(|(_, event)| event.clone()),
        Some(Event::ConnectionStateChange(ConnectionState::Closed))
    );
    assert_eq!(pair.ends[0].wait, None);
    pair.run_for(ms(60_000));
    assert!(pair.ends[1].saw(&Event::PeerClosed));
    assert_eq!(pair.ends[1].count(|event| *event == Event::PeerClosed), 1);
    assert_eq!(pair.ends[0].sent - before, 2);
}

#[test]
fn an_association_that_the_peer_did_not_end_is_no_goodbye_of_the_peers() {
    // The second end takes shorter messages than it says, and breaks off where one is longer.
    let mut pair = Pair::new([&Config::new(), &Config::new().max_message_size(10_000)]);
    let [a, b] = pair.create_channels();
    let (said, meant) = ("a=max-message-size:100000\r\n", "a=max-message-size:10000\r\n");
    pair.negotiate_with(0, OfferOptions::default(), |offer| offer, |answer| replaced(&answer, meant, said));
    pair.connect();
    pair.send(0, a, &Message::binary(vec![7; 20_000]));
    pair.run_for(ms(2000));
    let ends = &pair.ends;
    let reason = CloseReason::MessageTooLong;
    assert!(ends[1].saw(&Event::DataChannelError(b, DataChannelFailure::Association(reason))));
    assert!(ends[1].saw(&Event::DataChannelClose(b)));
    assert_eq!(ends[1].count(|event| *event == Event::SctpFailed(reason)), 1);
    assert_eq!(ends[1].count(|event| *event == Event::PeerClosed), 0);
    let theirs = CloseReason::PeerAborted { cause: 13 };
    assert!(ends[0].saw(&Event::DataChannelError(a, DataChannelFailure::Association(theirs))));
    assert!(ends[0].saw(&Event::DataChannelClose(a)));
    assert_eq!(ends[0].count(|event| *event == Event::PeerClosed), 1);
    assert_eq!(ends[0].count(|event| matches!(event, Event::SctpFailed(_))), 0);
    for end in ends {
        assert_eq!(end.pc.sctp_transport().unwrap().state, SctpTransportState::Closed);
        assert_eq!(end.pc.connection_state(), ConnectionState::Connected);
    }
}

#[test]
fn a_peer_that_falls_silent_is_disconnected_and_then_failed_within_consent() {
    let (mut pair, _, _) = connected();
    pair.run_for(ms(1000));
    pair.filter = Box::new(|from, _| from != 1);
    let silent_at = pair.now;
    assert!(pair.run_until(ms(60_000), |pair| pair.ends[0].pc.connection_state() == ConnectionState::Failed));
    let took = pair.now.saturating_duration_since(silent_at);
    assert!(took <= ms(36_000), "RFC 7675 §5.1: 30 s after the last response, took {took:?}");
    assert!(pair.ends[0].saw(&Event::ConnectionStateChange(ConnectionState::Disconnected)));
    let sent = pair.ends[0].sent;
    pair.run_for(ms(30_000));
    assert_eq!(pair.ends[0].sent, sent, "nothing leaves without consent");
}

// negative-tests 23: the right handshake with the wrong key.
#[test]
fn n23_a_wrong_fingerprint_fails_and_delivers_nothing() {
    use antiphon::SessionDescription;
    let mut pair = Pair::default_pair();
    pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    let offer = pair.ends[0].pc.create_offer(&OfferOptions::default()).unwrap();
    pair.ends[0].pc.set_local_description(Some(offer)).unwrap();
    let offer = pair.ends[0].pc.local_description().unwrap().to_sdp();
    let (before, after) = offer.split_once("a=fingerprint:sha-256 ").unwrap();
    let forged = format!(
        "{before}a=fingerprint:sha-256 {}{}",
        if after.starts_with("00") { "01" } else { "00" },
        &after[2..]
    );
    pair.ends[1].pc.set_remote_description(SessionDescription::offer(&forged).unwrap()).unwrap();
    pair.ends[1].pc.set_local_description(None).unwrap();
    let answer = pair.ends[1].pc.local_description().unwrap().to_sdp();
    pair.ends[0].pc.set_remote_description(SessionDescription::answer(&answer).unwrap()).unwrap();
    pair.wake();
    pair.run_for(ms(10_000));
    assert_eq!(pair.ends[1].pc.connection_state(), ConnectionState::Failed);
    assert!(matches!(pair.ends[1].pc.failure(), Some(antiphon::Failure::Dtls(_))));
    assert_eq!(
        pair.ends[1].count(|event| matches!(event, Event::DataChannel(_) | Event::DataChannelReadable(_))),
        0
    );
}

#[test]
fn junk_on_any_path_is_counted_and_changes_nothing_else() {
    let (mut pair, a, b) = connected();
    let stranger = "198.51.100.9:9".parse().unwrap();
    let peer = pair.ends[1].addr;
    let now = pair.now;
    let before = pair.ends[0].pc.stats(now);
    for first in 0..=255_u8 {
        for len in [1, 12, 13, 20, 60, 1200] {
            let mut junk = vec![first; len];
            junk[len - 1] = 0x55;
            pair.inject(0, stranger, &junk);
            pair.inject(0, peer, &junk);
        }
    }
    let after = pair.ends[0].pc.stats(now);
    assert_eq!(after.datagrams.received - before.datagrams.received, 256 * 6 * 2);
    assert!(after.datagrams.unvalidated_path > before.datagrams.unvalidated_path);
    assert!(after.datagrams.unknown_protocol > before.datagrams.unknown_protocol);
    assert_eq!(after.connection_state, ConnectionState::Connected);
    pair.ends[0].pc.data_channel(a).unwrap().send(now, &text("still here")).unwrap();
    pair.wake();
    pair.run_for(ms(500));
    assert_eq!(pair.ends[1].pc.data_channel(b).unwrap().recv(), Some(text("still here")));
}
