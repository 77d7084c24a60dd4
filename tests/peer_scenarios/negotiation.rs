//! Offers and answers in every order: crossing, provisional, rolled back, repeated under data.

use antiphon::peer::NegotiationError;
use antiphon::{
    Config, ConnectionState, DataChannelInit, Event, Message, OfferOptions, SendError, SessionDescription,
    SignalingState,
};

use crate::pair::{Pair, ms, replaced, value};
use crate::talk::Talk;

/// The signalling states an end has told of, in order.
fn signaling_states(talk: &Talk, end: usize) -> Vec<SignalingState> {
    let states = talk.pair.ends[end].events.iter().filter_map(|(_, event)| match event {
        Event::SignalingStateChange(state) => Some(*state),
        _ => None,
    });
    states.collect()
}

#[test]
fn offers_that_cross_are_settled_and_both_channels_open() {
    use SignalingState::{HaveLocalOffer, HaveRemoteOffer, Stable};
    let mut talk = Talk::new();
    for end in 0..2 {
        let label = ["impolite", "polite"][end];
        talk.pair.ends[end].pc.create_data_channel(label, DataChannelInit::default()).unwrap();
    }
    talk.connect();
    talk.run_for(ms(500));
    assert!(talk.is_stable());
    // Both offered; the impolite side's offer was answered, and the other's was not made again: nothing is missing.
    assert_eq!([talk.apps[0].offers, talk.apps[1].offers], [1, 1]);
    assert_eq!(signaling_states(&talk, 0), [HaveLocalOffer, Stable]);
    assert_eq!(signaling_states(&talk, 1), [HaveLocalOffer, Stable, HaveRemoteOffer, Stable]);
    for end in 0..2 {
        let pc = &mut talk.pair.ends[end].pc;
        let mut labels: Vec<String> = Vec::new();
        for id in pc.data_channels() {
            let channel = pc.data_channel(id).unwrap();
            assert_eq!(channel.ready_state(), antiphon::DataChannelState::Open);
            labels.push(channel.label().into());
        }
        labels.sort();
        assert_eq!(labels, ["impolite", "polite"]);
    }
}

#[test]
fn offers_cross_again_and_again_and_data_flows_all_the_time() {
    for seed in 0..40 {
        let mut talk = Talk::with([&Config::new(), &Config::new()], seed);
        talk.latency = (ms(1), 150);
        talk.agree();
        talk.connect();
        for end in 0..2 {
            talk.talk(end, ms(20));
        }
        // Restarts from both sides, at once or nearly so.
        for round in 0..6_u64 {
            let order = usize::from(seed) + usize::try_from(round).unwrap();
            talk.pair.ends[order % 2].pc.restart_ice();
            talk.pair.wake();
            talk.run_for(ms(round * 17));
            talk.pair.ends[(order + 1) % 2].pc.restart_ice();
            talk.pair.wake();
            talk.run_for(ms(1500));
        }
        assert!(talk.is_stable(), "seed {seed}");
        assert!(talk.is_connected(), "seed {seed}: {:?}", talk.states());
        talk.assert_all_heard(ms(3000));
        for app in &talk.apps {
            assert!(app.gap < ms(120), "seed {seed}: silent for {:?}", app.gap);
        }
    }
}

#[test]
fn a_polite_side_whose_restart_was_rolled_back_asks_for_it_again() {
    let mut talk = Talk::talking(ms(50));
    let ufrag = |talk: &Talk, end: usize| {
        let sdp = talk.pair.local_sdp(end);
        sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:").map(str::to_owned)).unwrap()
    };
    let before = [ufrag(&talk, 0), ufrag(&talk, 1)];
    // The impolite side renegotiates without a restart just as the polite one restarts.
    talk.pair.ends[1].pc.restart_ice();
    talk.offer(0);
    talk.pair.wake();
    talk.run_for(ms(1000));
    assert!(talk.is_stable());
    // After the rollback the restart was offered once more, and took place.
    let after = [ufrag(&talk, 0), ufrag(&talk, 1)];
    assert!(before[0] != after[0] && before[1] != after[1]);
    talk.assert_all_heard(ms(1000));
    assert!(talk.apps.iter().all(|app| app.gap < ms(150)));
}

#[test]
fn an_offer_that_was_rolled_back_may_be_made_again_by_either_side() {
    for offerer in 0..2 {
        let mut pair = Pair::default_pair();
        let id = pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
        // Ours is withdrawn; the peer had taken it, and withdraws it as well.
        pair.ends[0].pc.set_local_description(None).unwrap();
        let offer = SessionDescription::offer(&pair.local_sdp(0)).unwrap();
        pair.ends[1].pc.set_remote_description(offer).unwrap();
        pair.wake();
        pair.ends[0].pc.set_local_description(Some(SessionDescription::rollback())).unwrap();
        pair.ends[1].pc.set_remote_description(SessionDescription::rollback()).unwrap();
        for end in &pair.ends {
            assert_eq!(end.pc.signaling_state(), SignalingState::Stable);
            assert!(end.pc.local_description().is_none() && end.pc.remote_description().is_none());
        }
        assert_eq!(
            pair.ends[1].pc.create_answer().unwrap_err(),
            NegotiationError::NoRemoteOffer(SignalingState::Stable)
        );
        if offerer == 1 {
            pair.ends[1].pc.create_data_channel("theirs", DataChannelInit::default()).unwrap();
        }
        let told = |pair: &Pair| pair.ends[offerer].count(|event| *event == Event::NegotiationNeeded);
        let before = told(&pair);
        pair.wake();
        assert_eq!(told(&pair), before + 1, "what was needed before is still needed");
        pair.negotiate_from(offerer);
        assert!(
            pair.run_until(ms(2000), |pair| pair.ends[0].saw(&Event::DataChannelOpen(id))),
            "offer by {offerer}"
        );
    }
}

#[test]
fn a_restart_that_is_rolled_back_leaves_the_path_in_use() {
    for (offerer, rolls_back) in [(0, 0), (1, 1), (0, 1)] {
        let mut talk = Talk::talking(ms(20));
        talk.signals = false;
        let path = talk.pair.ends[offerer].pc.active_path();
        talk.pair.ends[offerer].pc.restart_ice();
        talk.pair.ends[offerer].pc.set_local_description(None).unwrap();
        talk.pair.wake();
        let offer = SessionDescription::offer(&talk.pair.local_sdp(offerer)).unwrap();
        talk.run_for(ms(300));
        if rolls_back != offerer {
            talk.pair.ends[rolls_back].pc.set_remote_description(offer).unwrap();
            talk.run_for(ms(300));
            talk.pair.ends[rolls_back].pc.set_remote_description(SessionDescription::rollback()).unwrap();
        }
        talk.pair.ends[offerer].pc.set_local_description(Some(SessionDescription::rollback())).unwrap();
        talk.pair.wake();
        // Longer than any consent would last that nobody answers.
        talk.run_for(ms(60_000));
        assert!(talk.is_connected(), "{:?}", talk.states());
        assert_eq!(talk.pair.ends[offerer].pc.active_path(), path);
        let state = talk.pair.ends[offerer].pc.ice_connection_state();
        assert_eq!(state, antiphon::IceConnectionState::Completed);
        // And a restart that is meant works.
        talk.signals = true;
        talk.pair.ends[offerer].pc.restart_ice();
        talk.pair.wake();
        talk.run_for(ms(1000));
        assert!(talk.is_stable());
        talk.assert_all_heard(ms(1000));
        assert!(talk.apps.iter().all(|app| app.gap < ms(120)));
    }
}

#[test]
fn a_restart_rolled_back_before_anything_worked_lets_the_first_checks_go_on() {
    let mut talk = Talk::new();
    talk.agree();
    talk.pair.filter = Box::new(|_, _| false);
    talk.run_for(ms(2000));
    assert!(talk.is_stable());
    talk.signals = false;
    talk.pair.ends[0].pc.restart_ice();
    talk.pair.ends[0].pc.set_local_description(None).unwrap();
    talk.pair.wake();
    talk.run_for(ms(200));
    talk.pair.ends[0].pc.set_local_description(Some(SessionDescription::rollback())).unwrap();
    talk.pair.wake();
    talk.pair.filter = Box::new(|_, _| true);
    assert!(talk.run_until(ms(20_000), Talk::is_connected), "{:?}", talk.states());
}

#[test]
fn renegotiation_leaves_transport_and_data_alone() {
    let mut talk = Talk::talking(ms(10));
    let credentials = |talk: &Talk, end: usize| -> Vec<String> {
        let wanted = |line: &&str| line.starts_with("a=ice-") || line.starts_with("a=fingerprint");
        talk.pair.local_sdp(end).lines().filter(wanted).map(str::to_owned).collect()
    };
    let before = [credentials(&talk, 0), credentials(&talk, 1)];
    let events = [0, 1].map(|end| talk.pair.ends[end].events.len());
    let version = |talk: &Talk| talk.pair.local_sdp(0).split(' ').nth(2).map(|v| v.parse::<u64>().unwrap());
    let first = version(&talk);
    for round in 0..20 {
        talk.offer(round % 2);
        talk.run_for(ms(100));
    }
    assert!(talk.is_stable());
    assert_eq!([credentials(&talk, 0), credentials(&talk, 1)], before);
    assert!(version(&talk) > first);
    for (end, events) in events.into_iter().enumerate() {
        let later = &talk.pair.ends[end].events[events..];
        let wrong = later.iter().find(|(_, event)| {
            !matches!(
                event,
                Event::SignalingStateChange(_)
                    | Event::DataChannelReadable(_)
                    | Event::DataChannelBufferedAmountLow(_)
            )
        });
        assert_eq!(wrong, None);
    }
    talk.assert_all_heard(ms(1000));
    assert!(talk.apps.iter().all(|app| app.gap < ms(100)));
}

/// The text with another `a=setup`.
fn with_setup(sdp: &str, setup: &str) -> String {
    replaced(sdp, &format!("a=setup:{}", value(sdp, "a=setup:")), &format!("a=setup:{setup}"))
}

#[test]
fn every_legal_setup_connects_with_its_roles() {
    // The setup of the offer as the answerer sees it, the one it answers, and the parity of the offerer's streams.
    for (offered, answered, parity) in
        [("actpass", "active", 1), ("active", "passive", 0), ("passive", "active", 1)]
    {
        let mut pair = Pair::default_pair();
        let id = pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
        pair.negotiate_with(0, OfferOptions::default(), |offer| with_setup(&offer, offered), |answer| answer);
        assert!(pair.local_sdp(1).contains(&format!("a=setup:{answered}\r\n")), "{offered}");
        assert!(pair.run_until(ms(2000), |pair| pair.ends[0].saw(&Event::DataChannelOpen(id))), "{offered}");
        let stream = pair.ends[0].pc.data_channel(id).unwrap().stream_id().unwrap();
        assert_eq!(stream % 2, parity, "RFC 8832 §6: the DTLS client takes even streams");
        // A later offer leaves the roles as they are, whoever makes it.
        for offerer in [1, 0] {
            pair.negotiate_from(offerer);
            pair.run_for(ms(500));
            assert_eq!(pair.ends[0].pc.connection_state(), ConnectionState::Connected);
        }
    }
}

#[test]
fn n26_setups_that_fit_nothing_are_typed_errors() {
    for setup in ["actpass", "holdconn"] {
        let mut pair = Pair::default_pair();
        pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
        pair.ends[0].pc.set_local_description(None).unwrap();
        pair.ends[1]
            .pc
            .set_remote_description(SessionDescription::offer(&pair.local_sdp(0)).unwrap())
            .unwrap();
        pair.ends[1].pc.set_local_description(None).unwrap();
        let answer = with_setup(&pair.local_sdp(1), setup);
        let refused = pair.ends[0].pc.set_remote_description(SessionDescription::answer(&answer).unwrap());
        assert!(matches!(refused, Err(NegotiationError::BadSetup { section: 0, .. })), "{refused:?}");
        assert_eq!(pair.ends[0].pc.signaling_state(), SignalingState::HaveLocalOffer);
    }
}

#[test]
fn n26_a_setup_that_would_change_the_roles_in_use_is_a_typed_error() {
    let mut pair = Pair::default_pair();
    pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    pair.negotiate();
    pair.run_for(ms(2000));
    // The answerer is the client: both active, then both passive.
    for (offerer, setup) in [(0, "active"), (1, "passive")] {
        pair.ends[offerer].pc.set_local_description(None).unwrap();
        let offer = with_setup(&pair.local_sdp(offerer), setup);
        let refused =
            pair.ends[1 - offerer].pc.set_remote_description(SessionDescription::offer(&offer).unwrap());
        assert!(matches!(refused, Err(NegotiationError::RoleConflict { section: 0, .. })), "{refused:?}");
        pair.ends[offerer].pc.set_local_description(Some(SessionDescription::rollback())).unwrap();
        pair.wake();
    }
    // The answer that would change them is refused as well.
    pair.ends[0].pc.set_local_description(None).unwrap();
    pair.ends[1].pc.set_remote_description(SessionDescription::offer(&pair.local_sdp(0)).unwrap()).unwrap();
    pair.ends[1].pc.set_local_description(None).unwrap();
    let answer = with_setup(&pair.local_sdp(1), "passive");
    let refused = pair.ends[0].pc.set_remote_description(SessionDescription::answer(&answer).unwrap());
    assert!(matches!(refused, Err(NegotiationError::RoleConflict { section: 0, .. })), "{refused:?}");
    pair.run_for(ms(60_000));
    assert_eq!(pair.ends[0].pc.connection_state(), ConnectionState::Connected);
}

#[test]
fn the_peers_greatest_message_is_honoured() {
    // What the description says, and the longest message that may be sent.
    for (said, greatest) in
        [("a=max-message-size:1000\r\n", 1000), ("", 65_536), ("a=max-message-size:0\r\n", 700_000)]
    {
        let mut pair = Pair::default_pair();
        let id = pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
        let change = |answer: String| answer.replace("a=max-message-size:262144\r\n", said);
        pair.negotiate_with(0, OfferOptions::default(), |offer| offer, change);
        assert!(pair.run_until(ms(2000), |pair| pair.ends[0].saw(&Event::DataChannelOpen(id))));
        let now = pair.now;
        let mut channel = pair.ends[0].pc.data_channel(id).unwrap();
        if said != "a=max-message-size:0\r\n" {
            let refused = channel.send(now, &Message::binary(vec![1; greatest + 1]));
            assert_eq!(refused, Err(SendError::TooLong { len: greatest + 1, max: greatest }));
            assert_eq!(channel.buffered_amount(), 0);
        }
        channel.send(now, &Message::binary(vec![1; greatest])).unwrap();
        pair.wake();
        pair.run_for(ms(10_000));
        let theirs = pair.ends[1].channel().unwrap();
        let got = pair.ends[1].pc.data_channel(theirs).and_then(|mut channel| channel.recv());
        if greatest <= 262_144 {
            assert_eq!(got.map(|message| message.data.len()), Some(greatest));
        } else {
            // The peer had not said what it takes, and takes what it is configured for.
            assert_eq!(got, None);
        }
    }
}

#[test]
fn our_own_greatest_message_is_told_and_kept() {
    let small = Config::new().max_message_size(5000);
    let mut pair = Pair::new([&small, &Config::new()]);
    let id = pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    pair.negotiate();
    assert!(pair.local_sdp(0).contains("a=max-message-size:5000\r\n"));
    assert!(pair.run_until(ms(2000), |pair| pair.ends[1].channel().is_some()));
    let (now, theirs) = (pair.now, pair.ends[1].channel().unwrap());
    let mut channel = pair.ends[1].pc.data_channel(theirs).unwrap();
    assert_eq!(
        channel.send(now, &Message::binary(vec![1; 5001])),
        Err(SendError::TooLong { len: 5001, max: 5000 })
    );
    channel.send(now, &Message::binary(vec![1; 5000])).unwrap();
    pair.wake();
    pair.run_for(ms(1000));
    let got = pair.ends[0].pc.data_channel(id).unwrap().recv();
    assert_eq!(got.map(|message| message.data.len()), Some(5000));
}

#[test]
fn two_hundred_channels_carry_messages_both_ways() {
    let mut pair = Pair::default_pair();
    let ours: Vec<_> = (0..200)
        .map(|n| pair.ends[n % 2].pc.create_data_channel(&n.to_string(), DataChannelInit::default()).unwrap())
        .collect();
    pair.negotiate();
    let open = |pair: &mut Pair| {
        (0..2).all(|end| {
            let pc = &mut pair.ends[end].pc;
            let ids = pc.data_channels();
            let is_open = |id| pc.data_channel(id).is_some_and(|channel| channel.can_send());
            ids.len() == 200 && ids.into_iter().all(is_open)
        })
    };
    assert!(pair.run_until(ms(5000), open));
    for (n, id) in ours.iter().enumerate() {
        let now = pair.now;
        pair.ends[n % 2].pc.data_channel(*id).unwrap().send(now, &Message::text(format!("to {n}"))).unwrap();
    }
    pair.wake();
    pair.run_for(ms(2000));
    let mut heard = 0;
    let mut streams = std::collections::BTreeSet::new();
    for end in 0..2 {
        for id in pair.ends[end].pc.data_channels() {
            let now = pair.now;
            let mut channel = pair.ends[end].pc.data_channel(id).unwrap();
            streams.insert(channel.stream_id());
            if let Some(message) = channel.recv() {
                assert_eq!(message.as_text(), Some(format!("to {}", channel.label()).as_str()));
                heard += 1;
                channel.send(now, &Message::text("back")).unwrap();
            }
        }
    }
    assert_eq!((heard, streams.len()), (200, 200));
    pair.wake();
    pair.run_for(ms(2000));
    for (n, id) in ours.iter().enumerate() {
        let got = pair.ends[n % 2].pc.data_channel(*id).unwrap().recv();
        assert_eq!(got, Some(Message::text("back")), "{n}");
    }
}

#[test]
fn negotiated_channels_open_without_a_word_and_clash_with_a_typed_error() {
    let mut pair = Pair::default_pair();
    let init = |id| DataChannelInit { negotiated: Some(id), ordered: false, ..DataChannelInit::default() };
    let ids = [0, 1].map(|end| [7, 500].map(|n| pair.ends[end].pc.create_data_channel("", init(n)).unwrap()));
    assert_eq!(
        pair.ends[0].pc.create_data_channel("", init(7)),
        Err(antiphon::DataChannelError::IdInUse { id: 7 })
    );
    pair.negotiate();
    let open = |pair: &mut Pair| {
        (0..2).all(|end| ids[end].iter().all(|id| pair.ends[end].saw(&Event::DataChannelOpen(*id))))
    };
    assert!(pair.run_until(ms(2000), open));
    let now = pair.now;
    for (end, ids) in ids.iter().enumerate() {
        for id in *ids {
            pair.ends[end].pc.data_channel(id).unwrap().send(now, &Message::text("hello")).unwrap();
        }
    }
    pair.wake();
    pair.run_for(ms(500));
    for (end, ids) in ids.iter().enumerate() {
        assert_eq!(pair.ends[end].count(|event| matches!(event, Event::DataChannel(_))), 0);
        for id in *ids {
            assert_eq!(pair.ends[end].pc.data_channel(id).unwrap().recv(), Some(Message::text("hello")));
        }
    }
}

#[test]
fn an_offer_made_twice_is_the_same_and_the_older_one_is_refused() {
    let mut pair = Pair::default_pair();
    pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    let pc = &mut pair.ends[0].pc;
    let older = pc.create_offer(&OfferOptions::default()).unwrap();
    let newer = pc.create_offer(&OfferOptions::default()).unwrap();
    if older != newer {
        assert_eq!(pc.set_local_description(Some(older)), Err(NegotiationError::Modified));
    }
    assert_eq!(pc.set_local_description(Some(newer)), Ok(()));
}
