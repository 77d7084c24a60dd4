//! Whole connections under attack from the network: the list of negative tests by number.

mod pair;

use std::net::SocketAddr;
use std::sync::mpsc;

use antiphon::peer::SdpType;
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
    // What was in it has been repeated over the new path.
    assert_eq!(pair.received(0, channels[0]), ["late"]);
    pair.assert_talks(channels, secs(3));
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
