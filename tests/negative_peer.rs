//! Whole connections under attack from the network: the list of negative tests by number.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod pair;

use std::net::SocketAddr;
use std::sync::mpsc;

use antiphon::codec::MediaKind;
use antiphon::peer::{SdpType, Stats, TransceiverId, TransceiverInit, WriteError};
use antiphon::rtp::Frame;
use antiphon::{Config, ConnectionState, Event, Failure, IceConnectionState, OfferOptions};
use pair::{Pair, ms, replaced, secs, text, value};

fn stranger(port: u16) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 7], port))
}

/// Lets the datagrams of `from` whose first byte is one of `kinds` be seen.
fn overhear(pair: &mut Pair, from: usize, kinds: &'static [u8]) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    pair.filter = Box::new(move |end, bytes| {
        if end == from && bytes.first().is_some_and(|first| kinds.contains(first)) {
            // Nobody may listen any more.
            sender.send(bytes.clone()).unwrap_or_default();
        }
        true
    });
    receiver
}

/// What there is to grow: candidates of the peer, pairs, and sources of media.
fn tables(stats: &Stats) -> (usize, usize, usize) {
    (stats.ice.remote_candidates.len(), stats.ice.pairs.len(), stats.inbound_rtp.len())
}

fn is_media(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| (128..=191).contains(first))
}

/// RTCP, where it is media (RFC 5761 §4).
fn is_control(bytes: &[u8]) -> bool {
    bytes.get(1).is_some_and(|second| (192..=223).contains(second))
}

/// Lets the media that leaves `end` be seen, and lets pass what `passes` says.
fn overhear_media(
    pair: &mut Pair,
    end: usize,
    passes: impl Fn(usize, &[u8]) -> bool + 'static,
) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    pair.filter = Box::new(move |from, bytes| {
        if from == end && is_media(bytes) {
            // Nobody may listen any more.
            sender.send(bytes.clone()).unwrap_or_default();
        }
        passes(from, bytes)
    });
    receiver
}

/// End 0 offers sound, and end 1 has some too: both transceivers, and the answer that end 0 does not know yet.
fn half_a_call(pair: &mut Pair, change_offer: impl FnOnce(String) -> String) -> ([TransceiverId; 2], String) {
    let ours = pair.ends[0].pc.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let offer = change_offer(pair.ends[0].offer());
    pair.ends[1].take(SdpType::Offer, &offer).unwrap();
    let theirs = pair.ends[1].pc.add_track(MediaKind::Audio, Vec::new()).unwrap();
    pair.ends[1].pc.set_local_description(None).unwrap();
    ([ours, theirs], pair.local_sdp(1))
}

/// A connection of sound, both ways.
fn call() -> (Pair, [TransceiverId; 2]) {
    let mut pair = Pair::default_pair();
    let (ids, answer) = half_a_call(&mut pair, |offer| offer);
    pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    pair.wake();
    assert!(pair.run_until(secs(5), Pair::is_connected));
    (pair, ids)
}

/// Writes twenty milliseconds of sound.
fn say(pair: &mut Pair, end: usize, id: TransceiverId, at: u32) -> Result<(), WriteError> {
    let now = pair.now;
    let written = pair.ends[end].pc.sender(id).unwrap().write(now, &Frame::new(&[0xfc, 1, 2][..], at * 960));
    pair.drain(end);
    written
}

/// How many frames have come.
fn heard(pair: &mut Pair, end: usize, id: TransceiverId) -> usize {
    let mut receiver = pair.ends[end].pc.receiver(id).unwrap();
    core::iter::from_fn(|| receiver.recv()).count()
}

/// Packets of media that passed for authentic.
fn believed(pair: &Pair, end: usize) -> u64 {
    pair.ends[end].pc.stats(pair.now).srtp.map_or(0, |srtp| srtp.rtp_unprotected + srtp.rtcp_unprotected)
}

#[test]
fn n09_no_media_leaves_without_consent_though_media_keeps_coming() {
    let (mut pair, [ours, theirs]) = call();
    pair.run_for(secs(6));
    // Of STUN only the answers of end 1 are lost; its sound arrives.
    let tap = overhear_media(&mut pair, 0, |from, bytes| from == 0 || !bytes.starts_with(&[1, 1]));
    let cut_at = pair.now;
    let (mut before, mut after, mut reports, mut heard_before) = (0, 0, 0, 0);
    let mut ignored = None;
    for n in 0..1000 {
        // Nothing tells a program not to write on.
        say(&mut pair, 0, ours, n).unwrap_or_default();
        say(&mut pair, 1, theirs, n).unwrap_or_default();
        pair.run_for(ms(50));
        let over = pair.now.saturating_duration_since(cut_at) > secs(30) + ms(50);
        for packet in tap.try_iter() {
            *(if over { &mut after } else { &mut before }) += 1;
            reports += usize::from(is_control(&packet));
        }
        let frames = heard(&mut pair, 0, ours);
        if over {
            assert_eq!(frames, 0, "RFC 7675 §5.1: nothing is believed from there either");
            ignored.get_or_insert((believed(&pair, 0), pair.ends[0].pc.stats(pair.now).datagrams));
        } else {
            heard_before += frames;
        }
    }
    assert!(before > 400 && reports > 2 && heard_before > 400, "{before}, {reports}, {heard_before}");
    assert_eq!(after, 0, "packets of media after thirty seconds");
    let last = pair.ends[0].sent_at.unwrap();
    assert!(last.saturating_duration_since(cut_at) <= secs(30), "RFC 7675 §5.1: {last:?}");
    assert_eq!(pair.ends[0].pc.failure(), Some(&Failure::Ice));
    let (count, datagrams) = ignored.unwrap();
    assert_eq!(believed(&pair, 0), count);
    let unvalidated = pair.ends[0].pc.stats(pair.now).datagrams.unvalidated_path;
    assert!(unvalidated > datagrams.unvalidated_path + 100, "what still came is counted: {unvalidated}");
}

#[test]
fn n09_consent_ends_though_data_keeps_coming() {
    let (mut pair, channels) = Pair::connected();
    pair.run_for(secs(6));
    // End 1 talks on and answers no check: of STUN only its answers are lost.
    pair.filter = Box::new(|from, bytes| from == 0 || !bytes.starts_with(&[1, 1]));
    let cut_at = pair.now;
    let mut heard_after = 0;
    for _ in 0..80 {
        if pair.ends[1].pc.connection_state() == ConnectionState::Connected {
            pair.send(1, channels[1], &text("still here"));
        }
        pair.run_for(ms(500));
        heard_after += pair.received(0, channels[0]).len();
    }
    assert!(heard_after > 40, "{heard_after}");
    let last = pair.ends[0].sent_at.unwrap();
    assert!(last.saturating_duration_since(cut_at) <= secs(30), "RFC 7675 §5.1: {last:?}");
    assert_eq!(pair.ends[0].pc.connection_state(), ConnectionState::Failed);
    assert_eq!(pair.ends[0].pc.failure(), Some(&Failure::Ice));
    // Not even in answer to what still comes, nor to a goodbye.
    let sent = pair.ends[0].sent;
    let peer = pair.ends[1].addr;
    pair.inject(0, peer, &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    pair.ends[0].pc.close();
    pair.wake();
    assert_eq!(pair.ends[0].sent, sent);
}

#[test]
fn n11_the_path_of_before_a_migration_is_not_believed() {
    let (mut pair, channels) = Pair::connected();
    pair.run_for(secs(1));
    let old = pair.ends[1].addr;
    let tap = overhear(&mut pair, 1, &[23]);
    // Sealed by the peer, and lost on the old path.
    pair.filter = Box::new({
        let mut pass = std::mem::replace(&mut pair.filter, Box::new(|_, _| true));
        move |from, bytes| pass(from, bytes) && !(from == 1 && bytes[0] == 23)
    });
    pair.send(1, channels[1], &text("late"));
    let late: Vec<_> = tap.try_iter().collect();
    assert!(!late.is_empty());
    pair.filter = Box::new(|_, _| true);
    let fresh = SocketAddr::from(([203, 0, 113, 5], 7000));
    pair.roam(1, fresh);
    pair.negotiate_with(1, OfferOptions { ice_restart: true }, |offer| offer, |answer| answer);
    pair.run_for(secs(3));
    assert_eq!(pair.ends[0].pc.active_path().map(|path| path.remote), Some(fresh));
    let before = pair.ends[0].pc.stats(pair.now);
    for datagram in &late {
        pair.inject(0, old, datagram);
    }
    let after = pair.ends[0].pc.stats(pair.now);
    assert_eq!(
        after.datagrams.unvalidated_path - before.datagrams.unvalidated_path,
        late.len() as u64,
        "DTLS from the address that is not validated any more"
    );
    assert_eq!(after.dtls.unwrap().records_received, before.dtls.unwrap().records_received);
    assert_eq!(tables(&after), tables(&before));
    // What was in it has been repeated over the new path.
    assert_eq!(pair.received(0, channels[0]), ["late"]);
    pair.assert_talks(channels, secs(3));
}

#[test]
fn n11_media_from_the_path_of_before_a_migration_is_not_believed() {
    let (mut pair, [ours, theirs]) = call();
    say(&mut pair, 1, theirs, 0).unwrap();
    pair.run_for(secs(1));
    assert_eq!(heard(&mut pair, 0, ours), 1);
    let old = pair.ends[1].addr;
    // Protected by the peer, and lost on the old path.
    let tap = overhear_media(&mut pair, 1, |from, bytes| from == 0 || !is_media(bytes));
    for n in 1..4 {
        say(&mut pair, 1, theirs, n).unwrap();
    }
    let late: Vec<_> = tap.try_iter().filter(|packet| !is_control(packet)).collect();
    assert_eq!(late.len(), 3);
    let fresh = SocketAddr::from(([203, 0, 113, 5], 7000));
    pair.roam(1, fresh);
    pair.negotiate_with(1, OfferOptions { ice_restart: true }, |offer| offer, |answer| answer);
    pair.run_for(secs(3));
    assert_eq!(pair.ends[0].pc.active_path().map(|path| path.remote), Some(fresh));
    let (before, count) = (pair.ends[0].pc.stats(pair.now), believed(&pair, 0));
    for (port, packet) in (1..).zip(&late) {
        pair.inject(0, old, packet);
        pair.inject(0, stranger(port), packet);
    }
    let after = pair.ends[0].pc.stats(pair.now);
    assert_eq!(after.datagrams.unvalidated_path - before.datagrams.unvalidated_path, 2 * 3);
    assert_eq!((believed(&pair, 0), heard(&mut pair, 0, ours)), (count, 0));
    let srtp = |stats: &Stats| {
        let srtp = stats.srtp.unwrap();
        (srtp.unauthenticated, srtp.replayed, srtp.malformed)
    };
    assert_eq!(srtp(&after), srtp(&before), "it was not even looked at");
    assert_eq!(tables(&after), tables(&before));
    // It was the way that was wrong: the packets are the peer's.
    for packet in &late {
        pair.inject(0, fresh, packet);
    }
    assert_eq!(believed(&pair, 0), count + 3);
    pair.run_for(secs(1));
    assert!(heard(&mut pair, 0, ours) > 0);
}

#[test]
fn n12_strangers_get_nothing_back_whatever_they_send() {
    let (mut pair, channels) = Pair::connected();
    let tap = overhear(&mut pair, 1, &[0, 1, 22, 23]);
    pair.run_for(secs(20));
    pair.send(1, channels[1], &text("hello"));
    pair.run_for(secs(1));
    assert_eq!(pair.received(0, channels[0]), ["hello"]);
    let mut real: Vec<_> = tap.try_iter().collect();
    // Binding requests are authentic wherever they come from; all else is not.
    real.retain(|bytes| !bytes.starts_with(&[0, 1]));
    assert!(real.len() > 2);
    let before = (pair.ends[0].sent, pair.ends[0].pc.stats(pair.now));
    for port in 1..200 {
        for bytes in &real {
            pair.inject(0, stranger(port), bytes);
        }
        for len in [1, 20, 200, 1200] {
            pair.inject(0, stranger(port), &vec![u8::try_from(port).unwrap(); len]);
        }
    }
    assert_eq!(pair.ends[0].sent, before.0, "no byte leaves for a stranger");
    let after = pair.ends[0].pc.stats(pair.now);
    assert_eq!(after.ice.pairs.len(), before.1.ice.pairs.len());
    assert_eq!(after.ice.remote_candidates.len(), before.1.ice.remote_candidates.len());
    pair.assert_talks(channels, secs(1));
}

#[test]
fn n18_a_hello_from_a_path_that_is_not_validated_costs_nothing() {
    // A real hello of the right client, from elsewhere; before the server's own check, and after.
    let mut pair = Pair::default_pair();
    let channels = pair.create_channels();
    let tap = overhear(&mut pair, 1, &[22]);
    pair.negotiate();
    let mut hello = None;
    pair.run_until(secs(2), |_| {
        hello = hello.take().or_else(|| tap.try_recv().ok());
        hello.is_some()
    });
    let hello = hello.unwrap();
    let before = pair.ends[0].pc.stats(pair.now);
    let sent = pair.ends[0].sent;
    for port in 1..1000 {
        pair.inject(0, stranger(port), &hello);
    }
    let after = pair.ends[0].pc.stats(pair.now);
    assert_eq!(after.datagrams.unvalidated_path - before.datagrams.unvalidated_path, 999);
    // DTLS was not even asked: no key was drawn, nothing signed, no flight begun.
    let dtls = after.dtls.unwrap();
    assert_eq!((dtls.datagrams_received, dtls.datagrams_sent), (0, 0));
    assert_eq!(pair.ends[0].sent, sent);
    pair.connect();
    pair.assert_talks(channels, secs(1));
}

#[test]
fn n18_what_waits_for_a_check_is_bounded() {
    let mut pair = Pair::default_pair();
    pair.create_channels();
    // The answerer's checks reach the offerer, whose own are lost: authenticated, and not validated.
    pair.filter = Box::new(|from, _| from == 1);
    pair.negotiate();
    pair.run_for(ms(300));
    let peer = pair.ends[1].addr;
    for n in 0..1000_u16 {
        let mut hello = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
        hello.extend_from_slice(&n.to_be_bytes());
        hello.resize(1037, 0);
        pair.inject(0, peer, &hello);
    }
    let stats = pair.ends[0].pc.stats(pair.now);
    assert_eq!(stats.datagrams.unvalidated_path, 996, "four wait");
    assert_eq!(stats.dtls.map(|dtls| dtls.datagrams_received), Some(0));
}

#[test]
fn n23_a_wrong_fingerprint_fails_with_its_reason_and_delivers_not_one_byte() {
    // The offerer's, then the answerer's.
    for liar in 0..2 {
        let mut pair = Pair::default_pair();
        let channels = pair.create_channels();
        let wrong = |sdp: String| {
            let right = value(&sdp, "a=fingerprint:sha-256 ").to_owned();
            let first = if right.starts_with("00") { "01" } else { "00" };
            let rest = right.split_once(':').unwrap().1;
            replaced(&sdp, &right, &format!("{first}:{rest}"))
        };
        let keep = |sdp: String| sdp;
        pair.react = Box::new(|_, now, pc, event| {
            if let Event::DataChannelOpen(id) = event {
                pc.data_channel(*id).unwrap().send(now, &text("to whom?")).unwrap();
            }
        });
        if liar == 0 {
            pair.negotiate_with(0, OfferOptions::default(), wrong, keep);
        } else {
            pair.negotiate_with(0, OfferOptions::default(), keep, wrong);
        }
        pair.run_for(secs(20));
        let deceived = &pair.ends[1 - liar].pc;
        assert_eq!(deceived.connection_state(), ConnectionState::Failed);
        assert_eq!(
            deceived.failure(),
            Some(&Failure::Dtls(antiphon::dtls::CloseReason::FingerprintMismatch))
        );
        // SCTP was never begun, on either side; no channel opened, nothing was read.
        for (end, channel) in channels.into_iter().enumerate() {
            let stats = pair.ends[end].pc.stats(pair.now);
            assert_eq!(stats.data.opened, 0);
            assert_eq!(stats.sctp.packets_received, 0);
            assert_eq!(pair.received(end, channel), Vec::<String>::new());
            let data = |event: &Event| {
                matches!(
                    event,
                    Event::DataChannelOpen(_) | Event::DataChannel(_) | Event::DataChannelReadable(_)
                )
            };
            assert_eq!(pair.ends[end].count(data), 0);
        }
        assert_eq!(pair.ends[liar].pc.connection_state(), ConnectionState::Failed);
        // ICE has nothing to do with it, and keeps its path until somebody closes.
        assert_ne!(pair.ends[1 - liar].pc.ice_connection_state(), IceConnectionState::Failed);
    }
}

#[test]
fn n23_no_media_passes_where_the_fingerprint_is_wrong() {
    for liar in 0..2 {
        let mut pair = Pair::default_pair();
        let wrong = |sdp: String| {
            let right = value(&sdp, "a=fingerprint:sha-256 ").to_owned();
            let first = if right.starts_with("00") { "01" } else { "00" };
            let rest = right.split_once(':').unwrap().1;
            replaced(&sdp, &right, &format!("{first}:{rest}"))
        };
        let change = |sdp: String, who: usize| if who == liar { wrong(sdp) } else { sdp };
        let (ids, answer) = half_a_call(&mut pair, |offer| change(offer, 0));
        pair.ends[0].take(SdpType::Answer, &change(answer, 1)).unwrap();
        let deceived = 1 - liar;
        let tap = overhear_media(&mut pair, deceived, |_, _| true);
        pair.wake();
        let mut refused = 0;
        for n in 0..200 {
            for (end, id) in ids.into_iter().enumerate() {
                let written = say(&mut pair, end, id, n);
                refused += usize::from(end == deceived && written == Err(WriteError::NotConnected));
            }
            pair.run_for(ms(20));
        }
        assert_eq!(pair.ends[deceived].pc.connection_state(), ConnectionState::Failed);
        assert_eq!(refused, 200, "it never has keys");
        assert_eq!(tap.try_iter().count(), 0, "nor sends a packet");
        // What comes is not looked at, be it what the liar sent or what anybody says.
        let (before, liars) = (pair.ends[deceived].pc.stats(pair.now), pair.ends[liar].addr);
        pair.inject(deceived, liars, &[0x80; 80]);
        let after = pair.ends[deceived].pc.stats(pair.now);
        let dropped = |stats: &Stats| stats.media.before_keys + stats.datagrams.unvalidated_path;
        assert_eq!(dropped(&after), dropped(&before) + 1);
        for (end, id) in ids.into_iter().enumerate() {
            assert_eq!((believed(&pair, end), heard(&mut pair, end, id)), (0, 0));
            let rtp = pair.ends[end].pc.stats(pair.now).rtp.map_or(0, |rtp| rtp.rtp_received);
            assert_eq!(rtp, 0);
        }
    }
}

#[test]
fn n24_media_before_its_keys_is_counted_and_not_believed() {
    let mut pair = Pair::default_pair();
    let ([ours, theirs], answer) = half_a_call(&mut pair, |offer| offer);
    let packet = [&[0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9][..], &[7; 60]].concat();
    let report = [&[0x80, 200, 0, 6][..], &[7; 60]].concat();
    let peer = pair.ends[1].addr;
    // The answer is late: the answerer checks already, and nothing says yet what media there is.
    pair.wake();
    pair.run_for(secs(1));
    for bytes in [&packet, &report] {
        pair.inject(0, peer, bytes);
    }
    assert_eq!(pair.ends[0].pc.stats(pair.now).datagrams.unexpected_media, 2);
    // The answer is there, and DTLS is not: the path is valid, and there are no keys.
    let tap = overhear_media(&mut pair, 0, |_, bytes| {
        !bytes.first().is_some_and(|first| (20..=63).contains(first))
    });
    pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    pair.wake();
    pair.run_for(ms(500));
    assert!(pair.ends[0].pc.active_path().is_some());
    for bytes in [&packet, &report] {
        pair.inject(0, peer, bytes);
        pair.inject(0, stranger(1), bytes);
    }
    assert_eq!(say(&mut pair, 0, ours, 0), Err(WriteError::NotConnected));
    let stats = pair.ends[0].pc.stats(pair.now);
    assert_eq!((stats.media.before_keys, stats.datagrams.unvalidated_path), (2, 2));
    assert_eq!((stats.srtp, tap.try_iter().count()), (None, 0));
    assert!(stats.inbound_rtp.is_empty());
    // With the keys it is counted otherwise, and the peer's own sound is heard.
    pair.filter = Box::new(|_, _| true);
    assert!(pair.run_until(secs(10), Pair::is_connected));
    pair.inject(0, peer, &packet);
    say(&mut pair, 1, theirs, 1).unwrap();
    pair.run_for(secs(1));
    let stats = pair.ends[0].pc.stats(pair.now);
    assert_eq!((stats.media.before_keys, stats.srtp.unwrap().unauthenticated), (2, 1));
    assert_eq!((stats.inbound_rtp.len(), heard(&mut pair, 0, ours)), (1, 1));
}

#[test]
fn n24_data_waits_for_the_description_that_says_whose_it_is() {
    let mut pair = Pair::new([&Config::new(), &Config::new()]);
    let channels = pair.create_channels();
    // The answer is late: the answerer checks, shakes hands as far as it can, and sends.
    let offer = pair.ends[0].offer();
    let answer = pair.ends[1].answer(&offer).unwrap();
    pair.wake();
    pair.run_for(secs(3));
    assert_eq!(pair.ends[0].pc.connection_state(), ConnectionState::New);
    assert_eq!(pair.received(0, channels[0]), Vec::<String>::new());
    assert!(pair.ends[0].pc.stats(pair.now).dtls.is_none(), "no handshake with nobody");
    pair.ends[0].take(SdpType::Answer, &answer).unwrap();
    pair.wake();
    pair.connect();
    pair.assert_talks(channels, secs(1));
}
