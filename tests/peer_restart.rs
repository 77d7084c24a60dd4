//! ICE restarts and roaming: with data under way, by each side, in loss, and after everything was lost.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod pair;

use std::net::SocketAddr;

use antiphon::peer::{IceCandidateError, NegotiationError, RemoteCandidateError, SdpType};
use antiphon::{Config, ConnectionState, DataChannelId, Event, LocalCandidate, OfferOptions};
use pair::{Pair, ms, secs, text, value};

const RESTART: OfferOptions = OfferOptions { ice_restart: true };

/// Numbers in order, one each way each time it is called; and what has come of them.
struct Stream {
    channels: [DataChannelId; 2],
    sent: u32,
    heard: [u32; 2],
}

impl Stream {
    const fn new(channels: [DataChannelId; 2]) -> Self {
        Self { channels, sent: 0, heard: [0; 2] }
    }

    fn go_on(&mut self, pair: &mut Pair) {
        for index in 0..2 {
            pair.send(index, self.channels[index], &text(&self.sent.to_string()));
        }
        self.sent += 1;
        pair.run_for(ms(20));
        self.listen(pair);
    }

    fn listen(&mut self, pair: &mut Pair) {
        for (index, heard) in self.heard.iter_mut().enumerate() {
            for number in pair.received(index, self.channels[index]) {
                assert_eq!(number, heard.to_string(), "in order, none twice");
                *heard += 1;
            }
        }
    }

    /// Everything arrives.
    fn finish(&mut self, pair: &mut Pair) {
        for _ in 0..100 {
            pair.run_for(ms(100));
            self.listen(pair);
        }
        assert_eq!(self.heard, [self.sent; 2]);
    }
}

fn ufrag(pair: &Pair, end: usize) -> String {
    let sdp = pair.ends[end].pc.local_description().unwrap().to_sdp();
    value(&sdp, "a=ice-ufrag:").to_owned()
}

fn handshakes(pair: &Pair) -> [u64; 2] {
    [0, 1].map(|end: usize| pair.ends[end].pc.stats(pair.now).dtls.unwrap().datagrams_sent)
}

#[test]
fn a_restart_by_either_side_does_not_disturb_data() {
    for offerer in 0..2 {
        let (mut pair, channels) = Pair::connected();
        let before = [ufrag(&pair, 0), ufrag(&pair, 1)];
        let dtls = handshakes(&pair);
        let mut stream = Stream::new(channels);
        for round in 0..60 {
            if round == 20 {
                pair.ends[offerer].pc.restart_ice();
                pair.wake();
                assert!(pair.ends[offerer].saw(&Event::NegotiationNeeded));
                pair.negotiate_from(offerer);
            }
            stream.go_on(&mut pair);
        }
        stream.finish(&mut pair);
        let after = [ufrag(&pair, 0), ufrag(&pair, 1)];
        assert!(after[0] != before[0] && after[1] != before[1], "RFC 8445 §9: both change");
        assert_eq!(handshakes(&pair), dtls, "DTLS carries on: RFC 8842 §5.1");
        for end in &pair.ends {
            assert_eq!(
                end.count(|event| matches!(
                    event,
                    Event::ConnectionStateChange(ConnectionState::Disconnected)
                )),
                0
            );
        }
        pair.run_for(secs(100));
        assert_eq!(pair.states(), [ConnectionState::Connected; 2], "consent is for the new generation");
        pair.assert_talks(channels, ms(500));
    }
}

#[test]
fn a_restart_whose_answer_forgets_its_part_in_dtls_goes_on() {
    // The end that offered first is the server. Firefox says `active` there when it answers a restart, and in all answers from then
    // on, whoever offered in between, but sends no hello: RFC 9429 §5.3.2 has it say `passive`.
    let (mut pair, channels) = Pair::connected();
    let dtls = handshakes(&pair);
    let plain = OfferOptions::default();
    for (offerer, options) in
        [(1, RESTART), (1, plain), (0, plain), (1, plain), (0, RESTART), (1, plain), (1, RESTART)]
    {
        let forget = |answer: String| answer.replace("a=setup:passive", "a=setup:active");
        pair.negotiate_with(offerer, options, |offer| offer, forget);
        pair.assert_talks(channels, secs(2));
    }
    pair.run_for(secs(60));
    pair.assert_talks(channels, ms(500));
    assert_eq!(handshakes(&pair), dtls, "DTLS carries on");
    assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
}

#[test]
fn a_restart_in_loss_loses_nothing() {
    for offerer in 0..2 {
        let (mut pair, channels) = Pair::connected();
        let mut dice = 12345_u32;
        pair.filter = Box::new(move |_, _| {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            dice >> 24 >= 77 // three in ten are lost
        });
        let mut stream = Stream::new(channels);
        for round in 0..120 {
            if round == 30 || round == 70 {
                pair.negotiate_with(offerer, RESTART, |sdp| sdp, |sdp| sdp);
            }
            stream.go_on(&mut pair);
        }
        pair.filter = Box::new(|_, _| true);
        stream.finish(&mut pair);
        assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
    }
}

#[test]
fn many_restarts_in_a_row_end_in_the_last() {
    let (mut pair, channels) = Pair::connected();
    let mut stream = Stream::new(channels);
    for round in 0..20 {
        // Before the checks of the one before are done.
        pair.negotiate_with(round % 2, RESTART, |sdp| sdp, |sdp| sdp);
        stream.go_on(&mut pair);
    }
    stream.finish(&mut pair);
    pair.run_for(secs(60));
    assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
    pair.assert_talks(channels, ms(500));
}

#[test]
fn an_offer_of_a_restart_that_is_never_answered_costs_nothing() {
    for offerer in 0..2 {
        let (mut pair, channels) = Pair::connected();
        pair.ends[offerer].offer_with(RESTART);
        pair.wake();
        pair.run_for(secs(100));
        assert_eq!(pair.states(), [ConnectionState::Connected; 2], "the old generation keeps its consent");
        pair.assert_talks(channels, ms(500));
    }
}

#[test]
fn an_answer_that_takes_long_finds_data_flowing() {
    let (mut pair, channels) = Pair::connected();
    let mut stream = Stream::new(channels);
    let offer = pair.ends[0].offer_with(RESTART);
    pair.wake();
    let answer = pair.ends[1].answer(&offer).unwrap();
    pair.wake();
    // The answerer checks with the new credentials meanwhile, and the offerer has nobody's password.
    for _ in 0..150 {
        stream.go_on(&mut pair);
    }
    pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    pair.wake();
    for _ in 0..50 {
        stream.go_on(&mut pair);
    }
    stream.finish(&mut pair);
    pair.run_for(secs(60));
    assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
}

#[test]
fn restarts_that_cross_are_settled_as_any_offers() {
    let (mut pair, channels) = Pair::connected();
    let before = [ufrag(&pair, 0), ufrag(&pair, 1)];
    let offers = [pair.ends[0].offer_with(RESTART), pair.ends[1].offer_with(RESTART)];
    pair.wake();
    pair.run_for(ms(100));
    let answer = pair.ends[1].answer(&offers[0]).unwrap();
    pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    pair.wake();
    pair.assert_talks(channels, ms(500));
    pair.run_for(secs(60));
    assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
    assert!(ufrag(&pair, 0) != before[0] && ufrag(&pair, 1) != before[1]);
    pair.assert_talks(channels, ms(500));
}

#[test]
fn a_failed_connection_is_brought_back_with_all_that_was_queued() {
    for offerer in 0..2 {
        let (mut pair, channels) = Pair::connected();
        pair.run_for(secs(1));
        pair.filter = Box::new(|_, _| false);
        pair.send(0, channels[0], &text("into the void"));
        pair.run_for(secs(60));
        assert_eq!(pair.states(), [ConnectionState::Failed; 2]);
        pair.filter = Box::new(|_, _| true);
        pair.negotiate_with(offerer, RESTART, |sdp| sdp, |sdp| sdp);
        assert!(pair.run_until(secs(10), Pair::is_connected), "{:?}", pair.states());
        assert_eq!(pair.ends[0].pc.failure(), None);
        let mut heard = Vec::new();
        pair.run_until(secs(90), |pair| {
            heard.extend(pair.received(1, channels[1]));
            !heard.is_empty()
        });
        assert_eq!(heard, ["into the void"]);
        pair.assert_talks(channels, secs(2));
    }
}

#[test]
fn roaming_moves_the_connection() {
    for mover in 0..2 {
        let (mut pair, channels) = Pair::connected();
        let mut stream = Stream::new(channels);
        for _ in 0..20 {
            stream.go_on(&mut pair);
        }
        // From the wireless network to the telephone's.
        let new = SocketAddr::from(([198, 51, 100, 20], 7000));
        let old = pair.ends[mover].addr;
        pair.ends[mover].addrs = vec![new];
        pair.ends[mover].pc.remove_local_candidate(old);
        pair.ends[mover].pc.add_local_candidate(LocalCandidate::udp(new)).unwrap();
        pair.ends[mover].pc.restart_ice();
        pair.wake();
        // A second goes by until signalling has found its way.
        for _ in 0..50 {
            stream.go_on(&mut pair);
        }
        pair.negotiate_from(mover);
        let sdp = pair.ends[mover].pc.local_description().unwrap().to_sdp();
        assert!(sdp.contains("198.51.100.20 7000") && !sdp.contains(&format!("{} 5000", old.ip())), "{sdp}");
        for _ in 0..50 {
            stream.go_on(&mut pair);
        }
        stream.finish(&mut pair);
        assert_eq!(pair.ends[mover].pc.active_path().map(|path| path.local), Some(new));
        assert_eq!(pair.ends[1 - mover].pc.active_path().map(|path| path.remote), Some(new));
        pair.run_for(secs(60));
        assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
    }
}

#[test]
fn a_second_interface_takes_over_without_a_restart() {
    let addrs = [SocketAddr::from(([192, 0, 2, 1], 5000)), SocketAddr::from(([198, 51, 100, 1], 5000))];
    let mut pair = Pair::with_addresses([&Config::new(), &Config::new()], [&addrs, &[pair::address(1)]]);
    let channels = pair.create_channels();
    pair.negotiate();
    pair.connect();
    pair.run_for(secs(2));
    let first = pair.ends[0].pc.active_path().unwrap().local;
    let mut stream = Stream::new(channels);
    stream.go_on(&mut pair);
    pair.ends[0].addrs.retain(|addr| *addr != first);
    pair.ends[0].pc.remove_local_candidate(first);
    pair.wake();
    for _ in 0..100 {
        stream.go_on(&mut pair);
    }
    if pair.ends[0].pc.connection_state() != ConnectionState::Connected {
        // Where no other pair was kept after nomination, a restart is what helps.
        pair.negotiate_with(0, RESTART, |sdp| sdp, |sdp| sdp);
    }
    stream.finish(&mut pair);
    assert_ne!(pair.ends[0].pc.active_path().unwrap().local, first);
}

#[test]
fn candidates_of_an_old_generation_are_refused() {
    let (mut pair, channels) = Pair::connected();
    let old = pair.ends[0].candidates().into_iter().flatten().next().unwrap();
    pair.negotiate_with(0, RESTART, |sdp| sdp, |sdp| sdp);
    pair.run_for(secs(2));
    assert!(matches!(
        pair.ends[1].pc.add_ice_candidate(Some(&old)),
        Err(IceCandidateError::Place(RemoteCandidateError::UnknownUfrag))
    ));
    let told: Vec<_> = pair.ends[0].candidates();
    let new = told.iter().flatten().last().unwrap();
    assert_ne!(new.username_fragment, old.username_fragment);
    pair.ends[1].pc.add_ice_candidate(Some(new)).unwrap();
    pair.assert_talks(channels, ms(500));
}

#[test]
fn half_a_restart_is_a_typed_error_and_changes_nothing() {
    let (mut pair, channels) = Pair::connected();
    // An answer with the old credentials to an offer of new ones.
    let offer = pair.ends[0].offer_with(RESTART);
    let old = pair.ends[1].pc.local_description().unwrap().to_sdp();
    let answer = pair.ends[1].answer(&offer).unwrap();
    let mut half = pair::replaced(&answer, value(&answer, "a=ice-ufrag:"), value(&old, "a=ice-ufrag:"));
    half = pair::replaced(&half, value(&answer, "a=ice-pwd:"), value(&old, "a=ice-pwd:"));
    let refused = pair.ends[0].take(SdpType::Answer, &half);
    assert!(matches!(refused, Err(NegotiationError::RestartIgnored(0))), "{refused:?}");
    pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    pair.wake();
    pair.assert_talks(channels, ms(500));
    // And the other way about.
    let offer = pair.ends[0].offer();
    let answer = pair.ends[1].answer(&offer).unwrap();
    let unasked = pair::replaced(&answer, value(&answer, "a=ice-ufrag:"), "unasked");
    let refused = pair.ends[0].take(SdpType::Answer, &unasked);
    assert!(matches!(refused, Err(NegotiationError::UnaskedRestart(0))), "{refused:?}");
    pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    pair.wake();
    pair.run_for(secs(40));
    assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
}

#[test]
fn a_restart_of_a_lite_peer_works_from_both_sides() {
    let (lite, full) = (Config::new().ice_lite(true), Config::new());
    for offerer in 0..2 {
        let (mut pair, channels) = Pair::connected_with([&full, &lite]);
        let mut stream = Stream::new(channels);
        for round in 0..60 {
            if round == 20 {
                pair.negotiate_with(offerer, RESTART, |sdp| sdp, |sdp| sdp);
            }
            stream.go_on(&mut pair);
        }
        stream.finish(&mut pair);
        pair.run_for(secs(60));
        assert_eq!(pair.states(), [ConnectionState::Connected; 2]);
    }
}
