//! What descriptions of media may not say: refused by line, by section or as a whole, and nothing has changed then. By the numbers of
//! the list of negative tests.
#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::format_collect,
    clippy::semicolon_if_nothing_returned,
    reason = "a test that cannot go on has failed"
)]

use core::time::Duration;

use antiphon::codec::MediaKind;
use antiphon::peer::{
    CodecParameters, Encoding, MediaCapabilities, NegotiationError, TransceiverError, TransceiverInit,
};
use antiphon::sdp::{Session, Text, Token};
use antiphon::{Config, Instant, PeerConnection, Seed, SessionDescription, SignalingState};

fn connection(seed: u8) -> PeerConnection {
    let now = Instant::from_nanos(1_000_000_000);
    let unix_time = Duration::from_secs(1_790_000_000);
    PeerConnection::new(now, unix_time, Seed::from_bytes([seed; 32]), &Config::new()).unwrap()
}

/// An offer of sound and pictures, as text.
fn offer() -> String {
    let mut pc = connection(1);
    pc.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let layers = ["q", "h"].map(|name| Encoding::named(name).unwrap()).to_vec();
    pc.add_transceiver(
        MediaKind::Video,
        TransceiverInit { send_encodings: layers, ..TransceiverInit::default() },
    )
    .unwrap();
    pc.set_local_description(None).unwrap();
    pc.local_description().unwrap().to_sdp()
}

/// The offer with another line behind the one that begins with `after`; that one must be there.
fn with(after: &str, line: &str) -> String {
    let offer = offer();
    let at = offer.find(&format!("\r\n{after}")).unwrap() + 2;
    let end = at + offer[at..].find("\r\n").unwrap() + 2;
    format!("{}{line}\r\n{}", &offer[..end], &offer[end..])
}

/// The bad offer is refused, and the connection works as if it had never come.
fn is_refused(what: &str, bad: &str) -> Option<NegotiationError> {
    let mut pc = connection(2);
    let parsed = SessionDescription::offer(bad).ok();
    let error = parsed.map(|description| pc.set_remote_description(description).expect_err(what));
    assert_eq!(pc.signaling_state(), SignalingState::Stable, "{what}");
    assert!(pc.remote_description().is_none() && pc.transceivers().is_empty(), "{what}");
    pc.set_remote_description(SessionDescription::offer(&offer()).unwrap()).unwrap();
    pc.set_local_description(None).unwrap();
    assert_eq!(pc.transceivers().len(), 2, "{what}");
    error
}

/// The answer to an offer that is taken.
fn answer(text: &str) -> SessionDescription {
    let mut pc = connection(2);
    pc.set_remote_description(SessionDescription::offer(text).unwrap()).unwrap();
    pc.set_local_description(None).unwrap();
    let answer = pc.local_description().unwrap().clone();
    assert_eq!(&answer.to_sdp().parse::<Session>().unwrap(), answer.session());
    answer
}

#[test]
fn n57_numbers_that_mean_two_things_are_refused() {
    use NegotiationError as E;
    let number = |text: &str| {
        text.lines().find_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' ')?.0.parse().ok()).unwrap()
    };
    let opus: u8 = number(&offer());
    let twice = with("a=rtpmap:", &format!("a=rtpmap:{opus} VP8/90000"));
    assert_eq!(
        is_refused("a payload type twice", &twice),
        Some(E::DuplicatePayloadType { section: 0, payload_type: opus })
    );
    let listed = offer().replacen(&format!("SAVPF {opus} "), &format!("SAVPF {opus} {opus} "), 1);
    assert_eq!(
        is_refused("a format twice", &listed),
        Some(E::DuplicatePayloadType { section: 0, payload_type: opus })
    );
    let extension = with("a=extmap:1 ", "a=extmap:1 urn:something-else");
    assert_eq!(
        is_refused("an extension twice", &extension),
        Some(E::DuplicateExtension { section: 0, id: 1 })
    );
    let bundled = offer().replace(
        "a=extmap:4 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=extmap:5 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    );
    assert_ne!(bundled, offer());
    assert!(matches!(
        is_refused("an extension twice in the bundle", &bundled),
        Some(E::DuplicateExtension { section: 1, id: 5 })
    ));
    let range = offer().replacen(&format!("SAVPF {opus} "), &format!("SAVPF {opus} 72 "), 1);
    assert_eq!(
        is_refused("a number of RTCP", &range),
        Some(E::PayloadTypeRange { section: 0, payload_type: 72 })
    );
    assert_eq!(is_refused("a rid twice", &with("a=rid:q ", "a=rid:q send")), Some(E::BadRid(1)));
    let undefined = offer().replace("a=simulcast:send q;h", "a=simulcast:send q;x");
    assert_eq!(is_refused("an undefined rid", &undefined), Some(E::BadRid(1)));
    let mid = offer().replace("a=mid:1", "a=mid:0");
    assert_eq!(is_refused("a mid twice", &mid), Some(E::DuplicateMid(1)));
    assert_eq!(
        is_refused("a bundle of nobody", &offer().replace("BUNDLE 0 1", "BUNDLE 0 7")),
        Some(E::BadBundle)
    );
    assert_eq!(
        is_refused("a bundle of one twice", &offer().replace("BUNDLE 0 1", "BUNDLE 0 1 1")),
        Some(E::BadBundle)
    );
    let stream = offer().lines().find(|line| line.starts_with("a=msid:")).unwrap().to_owned();
    assert_eq!(is_refused("a stream twice", &with("a=msid:", &stream)), Some(E::DuplicateMsid(0)));
}

#[test]
fn n57_values_outside_of_their_grammar_are_refused() {
    for line in [
        "a=extmap:0 urn:x",
        "a=extmap:256 urn:x",
        "a=extmap:5000 urn:x",
        "a=extmap:x urn:x",
        "a=ssrc:-1 cname:x",
        "a=ssrc:4294967296 cname:x",
        "a=rtpmap:128 x/8000",
        "a=rtpmap:96 x/99999999999",
        "a=rtpmap:96 x",
        "a=rtcp-fb:200 nack",
        "a=rid:q both",
        "a=rid:q* send",
        "b=AS:x",
        "b=TIAS:99999999999999999999999",
    ] {
        // Some of them are bad wherever they stand.
        assert_eq!(is_refused(line, &with("a=mid:0", line)), None, "{line}");
    }
}

#[test]
fn n57_an_extension_that_cannot_be_written_is_left_out() {
    // 15 ends a block of one-byte headers; 4096 and above have no number yet (RFC 8285 §5).
    let uri = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";
    let offer =
        with("a=mid:0", &format!("a=extmap:15 {uri}\r\na=extmap:4096 {uri}\r\na=extmap:13 urn:unknown"));
    let text = answer(&offer).to_sdp();
    assert!(
        !text.contains("extmap:15") && !text.contains("extmap:4096") && !text.contains("urn:unknown"),
        "{text}"
    );
}

#[test]
fn n57_the_largest_descriptions_are_answered_within_bounds() {
    // As many sections as are read, each with codecs: every one gets its transceiver, and a second offer adds none.
    let offer = offer();
    let (head, sections) = offer.split_at(offer.find("m=audio").unwrap());
    let lines =
        sections[..sections.find("m=video").unwrap()].lines().filter(|line| !line.starts_with("a=extmap:"));
    let section: String = lines.map(|line| format!("{line}\r\n")).collect();
    let count = 1024;
    let mids: Vec<String> = (0..count).map(|index| format!("s{index}")).collect();
    let body: String = mids.iter().map(|mid| section.replace("a=mid:0", &format!("a=mid:{mid}"))).collect();
    let text = format!("{}{body}", head.replace("BUNDLE 0 1", &format!("BUNDLE {}", mids.join(" "))));
    let mut pc = connection(2);
    for _ in 0..2 {
        pc.set_remote_description(SessionDescription::offer(&text).unwrap()).unwrap();
        assert_eq!(pc.transceivers().len(), count);
    }
    pc.set_local_description(None).unwrap();
    assert_eq!(
        pc.local_description().unwrap().session().media.iter().filter(|media| media.port != 0).count(),
        count
    );
    // No room for one of ours.
    let made = pc.add_transceiver(MediaKind::Audio, TransceiverInit::default());
    assert_eq!(made, Err(TransceiverError::TooMany { limit: count }));
    // One more section is not read.
    assert!(SessionDescription::offer(&format!("{text}{section}")).is_err());
}

#[test]
fn n57_lists_without_end_are_cut() {
    let many = |line: fn(usize) -> String| (0..5000).map(line).collect::<Vec<_>>().join("\r\n");
    for lines in [
        many(|index| format!("a=ssrc:{index} cname:x")),
        many(|index| format!("a=ssrc-group:FID {index} {}", index + 9000)),
        many(|index| format!("a=msid:s{index} t")),
        many(|index| format!("a=rtcp-fb:96 x-{index}")),
        many(|index| format!("a=fmtp:96 x={index}")),
        many(|index| format!("a=rid:r{index} send")),
    ] {
        let mut pc = connection(2);
        pc.set_remote_description(SessionDescription::offer(&with("a=mid:0", &lines)).unwrap()).unwrap();
        pc.set_local_description(None).unwrap();
        let id = pc.transceivers()[0];
        assert!(pc.transceiver(id).unwrap().remote_streams().len() <= 16);
        assert!(pc.local_description().unwrap().to_sdp().len() < 20_000);
    }
    let layers: Vec<String> = (0..5000).map(|index| format!("r{index}")).collect();
    let declared: String = layers.iter().map(|name| format!("a=rid:{name} send\r\n")).collect();
    let text = offer().replace(
        "a=simulcast:send q;h\r\n",
        &format!("{declared}a=simulcast:send {}\r\n", layers[..2000].join(";")),
    );
    assert!(answer(&text).to_sdp().matches("a=rid:").count() <= 16);
}

#[test]
fn n57_mangled_offers_are_answered_or_refused_and_never_half_taken() {
    let offer = offer();
    let lines: Vec<&str> = offer.lines().collect();
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(bound).unwrap()).unwrap()
    };
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..800 {
        let mut mangled: Vec<String> = lines.iter().map(ToString::to_string).collect();
        for _ in 0..=next(4) {
            let (from, to) = (next(mangled.len()), next(mangled.len()));
            match next(5) {
                0 => mangled.swap(from, to),
                1 => mangled.insert(to, lines[next(lines.len())].to_owned()),
                2 => drop(mangled.remove(from)),
                3 => {
                    mangled[from] =
                        mangled[from].replace(char::from(b'0' + u8::try_from(next(10)).unwrap()), "1")
                }
                _ => {
                    let mut bytes = mangled[from].clone().into_bytes();
                    let at = next(bytes.len());
                    bytes[at] = b' ' + u8::try_from(next(94)).unwrap();
                    mangled[from] = String::from_utf8(bytes).unwrap();
                }
            }
        }
        let Ok(description) = SessionDescription::offer(&mangled.join("\r\n")) else { continue };
        let mut pc = connection(2);
        if pc.set_remote_description(description.clone()).is_err() {
            assert!(pc.transceivers().is_empty() && pc.remote_description().is_none());
            refused += 1;
            continue;
        }
        pc.set_local_description(None).unwrap();
        let answer = pc.local_description().unwrap();
        assert_eq!(&answer.to_sdp().parse::<Session>().unwrap(), answer.session());
        assert_eq!(answer.session().media.len(), description.session().media.len());
        // And the next offer of ours is one that others can take.
        let offer = pc.create_offer(&antiphon::OfferOptions::default()).unwrap();
        connection(3).set_remote_description(SessionDescription::offer(&offer.to_sdp()).unwrap()).unwrap();
        taken += 1;
    }
    assert!(taken > 100 && refused > 25, "{taken} {refused}");
}

#[test]
fn n58_media_that_is_not_encrypted_by_dtls_is_refused_with_all_codecs_at_hand() {
    let sdes = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    let ports =
        |text: &str| answer(text).session().media.iter().map(|media| media.port != 0).collect::<Vec<_>>();
    assert_eq!(ports(&offer()), [true, true]);
    // Keys in the description, beside a fingerprint or not, are never used.
    assert!(!answer(&with("a=mid:0", sdes)).to_sdp().contains("a=crypto"));
    let without: String = offer()
        .lines()
        .filter(|line| !line.starts_with("a=fingerprint"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    assert_eq!(ports(&without), [false, false]);
    for profile in ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "UDP/TLS/RTP/SAVP", "TCP/RTP/AVP"] {
        let text = offer().replacen("UDP/TLS/RTP/SAVPF", profile, 1);
        assert_eq!(ports(&text), [false, true], "{profile}");
        let all = offer().replace("UDP/TLS/RTP/SAVPF", profile);
        assert_eq!(ports(&all), [false, false], "{profile}");
    }
    // The form without a transport, with a fingerprint, is DTLS all the same (RFC 9429 §5.1.2).
    assert_eq!(ports(&offer().replace("UDP/TLS/RTP/SAVPF", "RTP/SAVPF")), [true, true]);
}

#[test]
fn n59_no_name_of_a_stream_a_layer_or_a_codec_can_be_a_line() {
    for evil in ["x\r\na=evil:1", "x\na=evil:1", "x\ra=evil", "x\0", "x y"] {
        assert!(Token::new(evil).is_err(), "{evil:?}");
        assert!(Encoding::named(evil).is_err(), "{evil:?}");
        assert!(evil == "x y" || CodecParameters::new(evil).is_err() && Text::new(evil).is_err(), "{evil:?}");
        assert!(antiphon::peer::Codec::new(evil, 90_000, 1, "").is_err(), "{evil:?}");
    }
    // What the peer's description says is repeated only as far as it was read into such values.
    let text = with("a=rtpmap:", "a=x-evil:evil\r\na=sprop:evil");
    assert!(!answer(&text).to_sdp().contains("evil"));
    // And a name that is too long is not cut but refused.
    let mut pc = connection(1);
    let streams = vec![Token::new("s".repeat(65)).unwrap()];
    let made =
        pc.add_transceiver(MediaKind::Audio, TransceiverInit { streams, ..TransceiverInit::default() });
    assert_eq!(made, Err(TransceiverError::StreamName(0)));
}

#[test]
fn a_connection_without_capabilities_refuses_all_media_and_makes_none() {
    let config = Config::new().media(MediaCapabilities::none());
    let seed = Seed::from_bytes([2; 32]);
    let mut pc =
        PeerConnection::new(Instant::from_nanos(0), Duration::from_secs(1_790_000_000), seed, &config)
            .unwrap();
    pc.set_remote_description(SessionDescription::offer(&offer()).unwrap()).unwrap();
    pc.set_local_description(None).unwrap();
    assert!(pc.local_description().unwrap().session().media.iter().all(|media| media.port == 0));
    assert!(pc.transceivers().is_empty());
    let made = pc.add_transceiver(MediaKind::Video, TransceiverInit::default());
    assert_eq!(made, Err(TransceiverError::NoMediaCodec));
}
