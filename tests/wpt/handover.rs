//! Another peer takes over: a second DTLS association in the place of the first (RFC 8842 §5.5), begun by either side.

use antiphon::codec::MediaKind;
use antiphon::peer::{DtlsTransportState, SdpType, TransceiverId};
use antiphon::rtp::Frame;
use antiphon::{
    Config, DataChannelId, DataChannelInit, DataChannelState, Event, LocalCandidate, OfferOptions,
    PeerConnection, Seed,
};

use crate::pair::{Pair, UNIX, address, ms, secs};

/// End 0 talks to end 1 over a channel and hears it over a track; then end 1 is somebody else, at the same address.
struct Handover {
    pair: Pair,
    old: [DataChannelId; 2],
    first_offer: String,
    track: TransceiverId,
}

fn handover() -> Handover {
    let mut pair = Pair::default_pair();
    let old = pair.create_channels();
    let track = pair.ends[0].pc.add_track(MediaKind::Audio, Vec::new()).unwrap();
    let first_offer = pair.ends[0].offer();
    let answer = pair.ends[1].answer(&first_offer).unwrap();
    pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    pair.wake();
    pair.connect();
    pair.assert_talks(old, ms(500));
    say(&mut pair, track, 1);
    let mut other = PeerConnection::new(pair.now, UNIX, Seed::from_bytes([77; 32]), &Config::new()).unwrap();
    other.add_local_candidate(LocalCandidate::udp(address(1))).unwrap();
    *pair.ends[1].pc = other;
    pair.ends[1].events.clear();
    pair.ends[0].events.clear();
    Handover { pair, old, first_offer, track }
}

fn say(pair: &mut Pair, track: TransceiverId, salt: u8) {
    let now = pair.now;
    let frame = Frame::new(vec![0xfc, salt], u32::from(salt) * 960);
    pair.ends[0].pc.sender(track).unwrap().write(now, &frame).unwrap();
    pair.drain(0);
    pair.run_for(ms(200));
}

/// What end 1 has heard.
fn heard(pair: &mut Pair) -> Vec<Vec<u8>> {
    let id = pair.ends[1].pc.transceivers()[0];
    let mut receiver = pair.ends[1].pc.receiver(id).unwrap();
    core::iter::from_fn(|| receiver.recv()).map(|frame| frame.data.to_vec()).collect()
}

/// What must be true once both have agreed: the new peer is verified, the old channel is gone, new ones and media work.
fn check(mut all: Handover) {
    let pair = &mut all.pair;
    assert!(pair.run_until(secs(10), Pair::is_connected), "{:?}", pair.states());
    for (end, other) in [(0, 1), (1, 0)] {
        let dtls = pair.ends[end].pc.dtls_transport().unwrap();
        assert_eq!(dtls.state, DtlsTransportState::Connected);
        assert_eq!(dtls.remote_certificates, [pair.ends[other].pc.certificate().der().clone()]);
        assert!(pair.ends[end].pc.failure().is_none());
    }
    assert!(pair.ends[0].saw(&Event::DataChannelClose(all.old[0])));
    let gone = pair.ends[0].pc.data_channel(all.old[0]).map(|channel| channel.ready_state());
    assert!(gone.is_none_or(|state| state == DataChannelState::Closed));
    let ours = pair.ends[0].pc.create_data_channel("anew", DataChannelInit::default()).unwrap();
    pair.wake();
    let opened =
        |pair: &mut Pair| pair.ends[1].channel().is_some() && pair.ends[0].saw(&Event::DataChannelOpen(ours));
    assert!(pair.run_until(secs(5), opened));
    let theirs = pair.ends[1].channel().unwrap();
    pair.assert_talks([ours, theirs], ms(500));
    say(pair, all.track, 2);
    assert_eq!(heard(pair), [[0xfc, 2]]);
}

#[test]
fn another_peer_that_answers_takes_over() {
    let mut all = handover();
    let offer = all.pair.ends[0].offer_with(OfferOptions { ice_restart: true });
    let answer = all.pair.ends[1].answer(&offer).unwrap();
    all.pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    all.pair.wake();
    check(all);
}

#[test]
fn another_peer_that_offers_takes_over() {
    let mut all = handover();
    // It learns of sections and numbers from the first offer, and begins anew with its own.
    all.pair.ends[1].answer(&all.first_offer.clone()).unwrap();
    let offer = all.pair.ends[1].offer_with(OfferOptions { ice_restart: true });
    let answer = all.pair.ends[0].answer(&offer).unwrap();
    all.pair.ends[1].take(SdpType::Answer, &answer).unwrap();
    all.pair.wake();
    check(all);
}

#[test]
fn a_channel_that_waits_at_the_handover_opens_with_the_new_peer() {
    let mut all = handover();
    let offer = all.pair.ends[0].offer_with(OfferOptions { ice_restart: true });
    let answer = all.pair.ends[1].answer(&offer).unwrap();
    all.pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    // Made while there is no association: it gets its stream when there is one again.
    let early = all.pair.ends[0].pc.create_data_channel("early", DataChannelInit::default()).unwrap();
    assert_eq!(all.pair.ends[0].pc.data_channel(early).unwrap().stream_id(), None);
    all.pair.wake();
    let opened = |pair: &mut Pair| {
        pair.ends[1].channel().is_some() && pair.ends[0].saw(&Event::DataChannelOpen(early))
    };
    assert!(all.pair.run_until(secs(10), opened));
    let theirs = all.pair.ends[1].channel().unwrap();
    assert_eq!(all.pair.ends[1].pc.data_channel(theirs).unwrap().label(), "early");
    all.pair.assert_talks([early, theirs], ms(500));
}
