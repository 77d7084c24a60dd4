//! The end of connections: at every step of their life, by either side, and by consent that runs out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod pair;

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

use antiphon::peer::SctpTransportState;
use antiphon::wire::dtls::record::ContentType;
use antiphon::{
    Config, ConnectionState, DataChannelId, DataChannelState, Event, Failure, OfferOptions, SignalingState,
};
use pair::{Pair, ms, negotiated, replaced, secs, text};

/// A life from before the first description to data both ways, `steps` steps long; false if it was over before.
fn life(steps: usize) -> (Pair, bool) {
    let mut pair = Pair::default_pair();
    let mut left = steps;
    let mut go_on = move || {
        left = left.saturating_sub(1);
        left > 0
    };
    pair.react = Box::new(|_, now, pc, event| {
        if let Event::DataChannelOpen(id) = event {
            pc.data_channel(*id).unwrap().send(now, &text(&"x".repeat(3000))).unwrap();
        }
    });
    if !go_on() {
        return (pair, true);
    }
    pair.create_channels();
    if !go_on() {
        return (pair, true);
    }
    let offer = pair.ends[0].offer();
    if !go_on() {
        return (pair, true);
    }
    pair.wake();
    let answer = pair.ends[1].answer(&offer).unwrap();
    if !go_on() {
        return (pair, true);
    }
    pair.wake();
    pair.ends[0].take(antiphon::peer::SdpType::Answer, &answer).unwrap();
    let start = pair.now;
    while pair.now < start + secs(2) {
        if !go_on() {
            return (pair, true);
        }
        pair.step();
    }
    (pair, false)
}

#[test]
fn close_is_final_at_every_step_of_a_life() {
    let mut steps = 1;
    let mut connected = 0;
    loop {
        for closer in 0..2 {
            let (mut pair, cut) = life(steps);
            if !cut {
                assert!(steps > 25, "a life has more steps than {steps}");
                assert!(connected > 10, "{connected}");
                return;
            }
            let before = pair.ends[closer].sent;
            connected += usize::from(pair.is_connected());
            let was_connected = pair.ends[closer].pc.connection_state() == ConnectionState::Connected;
            pair.ends[closer].pc.close();
            assert_eq!(pair.ends[closer].pc.signaling_state(), SignalingState::Closed);
            pair.wake();
            // The harness asserts that nothing follows the closing event; that it comes, and last, is asserted here.
            let end = &pair.ends[closer];
            assert!(end.closed, "step {steps}");
            assert_eq!(end.wait, None);
            assert!(end.sent - before <= 2, "a goodbye of {} datagrams at step {steps}", end.sent - before);
            assert!(end.sent > before || !was_connected, "no goodbye at step {steps}");
            let events = end.events.len();
            pair.run_for(secs(100));
            assert_eq!(pair.ends[closer].events.len(), events);
            let other = &pair.ends[1 - closer];
            // The other side hears of it, or finds out: it is never left connected.
            assert_ne!(
                other.pc.connection_state(),
                ConnectionState::Connected,
                "step {steps}, {closer} closed"
            );
            if was_connected {
                assert_eq!(
                    other.count(|event| *event == Event::PeerClosed),
                    1,
                    "step {steps}, {closer} closed"
                );
            }
            pair.ends[1 - closer].pc.close();
            pair.wake();
            assert!(pair.ends[1 - closer].closed);
            assert!(!pair.step(), "both are closed: nothing ever happens again");
        }
        steps += 1;
    }
}

#[test]
fn a_closed_connection_refuses_every_call_by_type_or_ignores_it() {
    let (mut pair, channels) = Pair::connected();
    let offer = pair.ends[1].offer();
    pair.ends[0].pc.close();
    // Before the goodbye is drawn as well as after it.
    for _ in 0..2 {
        let now = pair.now;
        let pc = &mut pair.ends[0].pc;
        assert!(pc.create_offer(&OfferOptions::default()).is_err());
        assert!(pc.create_answer().is_err());
        assert!(pc.set_local_description(None).is_err());
        assert!(pc.set_remote_description(antiphon::SessionDescription::offer(&offer).unwrap()).is_err());
        assert!(pc.create_data_channel("late", negotiated(9)).is_err());
        assert!(pc.add_ice_candidate(None).is_err());
        pc.restart_ice();
        if let Some(mut channel) = pc.data_channel(channels[0]) {
            assert!(channel.send(now, &text("late")).is_err());
            assert!(!channel.can_send());
            assert_eq!(channel.ready_state(), DataChannelState::Closed);
            channel.close();
        }
        pc.close();
        assert_eq!(pc.signaling_state(), SignalingState::Closed);
        pair.wake();
        assert!(pair.ends[0].closed);
        let last = &pair.ends[0].events.last().unwrap().1;
        assert_eq!(*last, Event::ConnectionStateChange(ConnectionState::Closed));
    }
    assert_eq!(
        pair.ends[0].count(|event| *event == Event::ConnectionStateChange(ConnectionState::Closed)),
        1
    );
}

#[test]
fn both_may_close_at_once() {
    let (mut pair, _) = Pair::connected();
    pair.ends[0].pc.close();
    pair.ends[1].pc.close();
    pair.wake();
    pair.run_for(secs(60));
    assert!(pair.ends.iter().all(|end| end.closed));
    assert!(!pair.step());
}

#[test]
fn a_goodbye_without_a_buffer_waits_for_one() {
    let (mut pair, _) = Pair::connected();
    pair.ends[0].pc.close();
    let now = pair.now;
    let output = pair.ends[0].pc.poll_output(now, &mut []);
    assert!(
        matches!(output, antiphon::Output::Wait(_)),
        "{output:?}: the closing event comes after the goodbye"
    );
    let before = pair.ends[0].sent;
    pair.wake();
    assert!(pair.ends[0].closed && pair.ends[0].sent > before);
}

#[test]
fn nothing_leaves_when_consent_has_ended() {
    for silent in 0..2 {
        let (mut pair, channels) = Pair::connected();
        let other = 1 - silent;
        pair.run_for(secs(7));
        pair.filter = Box::new(move |from, _| from != silent);
        let cut_at = pair.now;
        // Data in plenty does not keep it alive, nor does what still arrives at the silent side.
        pair.send(other, channels[other], &text(&"x".repeat(200_000)));
        assert!(
            pair.run_until(secs(40), |pair| pair.ends[other].pc.connection_state()
                == ConnectionState::Failed)
        );
        let failed_at = pair.now;
        assert!(failed_at.saturating_duration_since(cut_at) <= secs(30), "RFC 7675 §5.1");
        assert!(pair.ends[other].sent_at.unwrap() <= failed_at);
        let sent = pair.ends[other].sent;
        pair.run_for(secs(300));
        assert_eq!(pair.ends[other].sent, sent, "nothing leaves, not even answers");
        // And no goodbye either: law 10.
        pair.ends[other].pc.close();
        pair.wake();
        assert!(pair.ends[other].closed);
        assert_eq!(pair.ends[other].sent, sent);
    }
}

#[test]
fn consent_ends_though_nobody_polled_in_between() {
    let (mut pair, channels) = Pair::connected();
    pair.run_for(secs(1));
    let before = [pair.ends[0].sent, pair.ends[1].sent];
    // A laptop's lid was closed for five minutes; both wake at once.
    pair.suspend(secs(300));
    for (end, channel) in pair.ends.iter_mut().zip(channels) {
        let now = pair.now;
        end.pc.data_channel(channel).unwrap().send(now, &text("too late")).unwrap();
    }
    pair.wake();
    pair.run_for(secs(60));
    assert_eq!(pair.states(), [ConnectionState::Failed; 2]);
    assert_eq!(
        [pair.ends[0].sent, pair.ends[1].sent],
        before,
        "consent was gone before anything could leave"
    );
}

#[test]
fn a_short_suspend_is_survived() {
    let (mut pair, channels) = Pair::connected();
    pair.run_for(secs(1));
    pair.send(0, channels[0], &text("before"));
    pair.suspend(secs(20));
    pair.wake();
    pair.run_for(secs(20));
    assert_eq!(pair.received(1, channels[1]), ["before"], "lost on its way, and sent again");
    pair.assert_talks(channels, secs(5));
    assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
}

#[test]
fn a_side_that_alone_slept_finds_its_peer_gone() {
    let (mut pair, _) = Pair::connected();
    pair.run_for(secs(1));
    let sleeper = 0;
    pair.ends[sleeper].addrs.clear();
    pair.ends[sleeper].wait = None;
    pair.run_for(secs(300));
    assert_eq!(pair.ends[1].pc.connection_state(), ConnectionState::Failed);
    pair.ends[sleeper].addrs = vec![pair.ends[sleeper].addr];
    let sent = pair.ends[sleeper].sent;
    pair.wake();
    pair.run_for(secs(60));
    assert_eq!(pair.states(), [ConnectionState::Failed; 2]);
    assert_eq!(pair.ends[sleeper].sent, sent);
}

#[test]
fn a_clock_that_goes_back_counts_as_standing_still() {
    let (mut pair, channels) = Pair::connected();
    pair.run_for(secs(2));
    let now = pair.now;
    let mut buf = [0; 1200];
    let early = antiphon::Instant::from_nanos(0);
    let output = pair.ends[0].pc.poll_output(early, &mut buf);
    assert!(matches!(output, antiphon::Output::Wait(Some(at)) if at > now), "{output:?}");
    pair.ends[0].pc.data_channel(channels[0]).unwrap().send(early, &text("still")).unwrap();
    pair.wake();
    pair.run_for(ms(200));
    assert_eq!(pair.received(1, channels[1]), ["still"]);
}

#[test]
fn a_leap_of_years_is_cut_and_counted() {
    let (mut pair, _) = Pair::connected();
    pair.run_for(secs(1));
    let before = pair.ends[0].pc.stats(pair.now).clock_jumps;
    pair.suspend(secs(10 * 365 * 86_400));
    pair.wake();
    pair.run_for(secs(60));
    assert_eq!(pair.states(), [ConnectionState::Failed; 2]);
    // At most thirty days a call.
    let jumps = pair.ends[0].pc.stats(pair.now).clock_jumps - before;
    assert!((1..=122).contains(&jumps), "{jumps}");
    pair.ends[0].pc.close();
    pair.wake();
    assert!(pair.ends[0].closed);
}

#[test]
fn a_connection_nobody_answers_closes_in_silence() {
    let mut pair = Pair::new([&Config::new(), &Config::new()]);
    pair.create_channels();
    pair.ends[0].offer();
    pair.run_for(secs(5));
    assert_eq!(pair.ends[0].sent, 0, "no answer, nobody to check");
    pair.ends[0].pc.close();
    pair.wake();
    assert!(pair.ends[0].closed);
    assert_eq!(pair.ends[0].sent, 0);
}

/// Whether a datagram is a record of this type.
fn is_record(bytes: &[u8], kind: u8) -> bool {
    bytes.first() == Some(&kind)
}

/// What is left of the channel of an end whose transport is over.
fn assert_over(pair: &mut Pair, index: usize, channel: DataChannelId) {
    let now = pair.now;
    let pc = &mut pair.ends[index].pc;
    assert_eq!(pc.sctp_transport().unwrap().state, SctpTransportState::Closed);
    assert!(pc.create_data_channel("late", negotiated(9)).is_err());
    if let Some(mut channel) = pc.data_channel(channel) {
        assert_eq!(channel.ready_state(), DataChannelState::Closed);
        assert!(channel.send(now, &text("late")).is_err());
    }
    assert_eq!(pair.ends[index].count(|event| *event == Event::DataChannelClose(channel)), 1);
}

#[test]
fn close_notify_closes_the_channels_though_the_abort_was_lost_and_is_answered() {
    let (mut pair, channels) = Pair::connected();
    pair.run_for(secs(1));
    let mut records = 0;
    let answers = Arc::new(AtomicUsize::new(0));
    let seen = answers.clone();
    pair.filter = Box::new(move |from, bytes| {
        records += usize::from(from == 0 && bytes[0] >= 20);
        seen.fetch_add(usize::from(from == 1 && is_record(bytes, 21)), Relaxed);
        from != 0 || records != 1
    });
    pair.send(1, channels[1], &text("unread"));
    pair.ends[0].pc.close();
    pair.wake();
    pair.run_for(secs(5));
    assert_eq!(pair.ends[1].count(|event| *event == Event::PeerClosed), 1);
    assert_eq!(
        pair.ends[1].count(|event| matches!(event, Event::DataChannelError(..))),
        0,
        "no error: it is clean"
    );
    assert_over(&mut pair, 1, channels[1]);
    assert_eq!(answers.load(Relaxed), 1, "RFC 5246 §7.2.1");
    pair.ends[1].pc.close();
    pair.wake();
    assert!(pair.ends[1].closed);
    assert!(!pair.step());
}

#[test]
fn a_fatal_alert_under_the_keys_fails_the_channels() {
    let (mut pair, channels) = Pair::connected();
    pair.run_for(secs(1));
    pair.send(0, channels[0], &text("last words"));
    pair.run_for(secs(1));
    let (mut buf, from) = ([0; 200], pair.ends[0].addr);
    let mut keys = pair.ends[0].pc.inside().dtls.unwrap().fork();
    let len = keys.forge(ContentType::Alert, &[2, 80], &mut buf).unwrap();
    pair.inject(1, from, &buf[..len]);
    pair.run_for(secs(1));
    assert_eq!(pair.ends[1].pc.connection_state(), ConnectionState::Failed);
    assert!(matches!(pair.ends[1].pc.failure(), Some(Failure::Dtls(_))));
    assert_eq!(pair.ends[1].count(|event| matches!(event, Event::DataChannelError(..))), 1);
    assert_eq!(pair.ends[1].count(|event| *event == Event::PeerClosed), 0);
    assert_eq!(pair.received(1, channels[1]), ["last words"], "what had arrived can still be read");
    assert_over(&mut pair, 1, channels[1]);
}

/// RFC 9260 §8.4: who has no association any more says so to whoever still sends in it.
#[test]
fn an_abort_that_was_lost_is_said_again_to_a_peer_that_goes_on() {
    // The second end takes shorter messages than it says, and breaks off where one is longer.
    let mut pair = Pair::new([&Config::new(), &Config::new().max_message_size(10_000)]);
    let channels = pair.create_channels();
    let (said, meant) = ("a=max-message-size:100000\r\n", "a=max-message-size:10000\r\n");
    pair.negotiate_with(0, OfferOptions::default(), |offer| offer, |answer| replaced(&answer, meant, said));
    pair.connect();
    pair.filter = Box::new(|from, bytes| from != 1 || !is_record(bytes, 23));
    pair.send(0, channels[0], &text(&"x".repeat(20_000)));
    let done = |pair: &mut Pair| pair.ends[1].saw(&Event::DataChannelClose(channels[1]));
    assert!(pair.run_until(secs(5), done));
    pair.filter = Box::new(|_, _| true);
    assert!(!pair.ends[0].saw(&Event::DataChannelClose(channels[0])));
    let done = |pair: &mut Pair| pair.ends[0].saw(&Event::PeerClosed);
    assert!(pair.run_until(secs(20), done), "the first retransmission is answered");
    assert_over(&mut pair, 0, channels[0]);
    assert_over(&mut pair, 1, channels[1]);
    assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
}
