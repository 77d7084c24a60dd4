//! Offers of deployed endpoints are answered, their answers taken; so are the examples of RFC 9429. With media and without.
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::print_stderr,
    reason = "a test fails where it stands, and says what it skips"
)]

use core::time::Duration;
use std::fs;
use std::path::PathBuf;

use antiphon::peer::{MediaCapabilities, SdpType, SignalingState};
use antiphon::sdp::{MediaKind, Session};
use antiphon::{
    Config, DataChannelInit, Instant, LocalCandidate, OfferOptions, PeerConnection, Seed, SessionDescription,
};

/// Where the published vectors stand; `None`, and a word about it, where they are not to be had.
fn shared() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test may ask where its vectors are")]
    let found = std::env::var("ANTIPHON_SHARED").ok().map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: ANTIPHON_SHARED is not set");
    }
    found
}

/// A connection of data channels only.
fn connection() -> PeerConnection {
    connection_with(MediaCapabilities::none())
}

fn connection_with(media: MediaCapabilities) -> PeerConnection {
    let seed = Seed::from_bytes([1; 32]);
    let unix_time = Duration::from_secs(1_790_000_000);
    let config = Config::new().media(media);
    let mut pc = PeerConnection::new(Instant::from_nanos(0), unix_time, seed, &config).unwrap();
    pc.add_local_candidate(LocalCandidate::udp("192.0.2.1:5000".parse().unwrap())).unwrap();
    pc
}

/// The descriptions of a directory: name and text.
fn texts(directory: &str) -> Vec<(String, String)> {
    let Some(shared) = shared() else { return Vec::new() };
    let mut found: Vec<_> = fs::read_dir(shared.join(directory))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sdp"))
        .map(|path| {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), text)
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{directory}");
    found
}

/// Checks an answer against its offer; returns whether data was accepted.
fn check_shape(name: &str, offer: &Session, answer: &SessionDescription) -> bool {
    assert_eq!(answer.kind(), SdpType::Answer, "{name}");
    let text = answer.to_sdp();
    let session: Session = text.parse().unwrap();
    assert_eq!(&session, answer.session(), "{name}");
    assert_eq!(session.media.len(), offer.media.len(), "{name}");
    let first_data = offer.media.iter().position(|media| media.is_data() && media.port != 0);
    for (index, (offered, answered)) in offer.media.iter().zip(&session.media).enumerate() {
        assert_eq!(answered.kind, offered.kind, "{name}");
        assert_eq!(answered.protocol, offered.protocol, "{name}");
        assert_eq!(answered.formats, offered.formats, "{name}");
        assert_eq!(answered.attributes.mid(), offered.attributes.mid(), "{name}");
        let bundle_only = offered.attributes.iter().any(|a| a.to_string() == "bundle-only");
        let accepted = Some(index) == first_data || offered.is_data() && bundle_only;
        assert_eq!(answered.port != 0, accepted, "{name}: section {index}\n{text}");
        if offered.kind != MediaKind::Application {
            assert_eq!(answered.port, 0, "{name}");
        }
    }
    let accepted: Vec<_> = session.media.iter().filter(|media| media.port != 0).collect();
    let bundled: Vec<_> = session.attributes.groups().flat_map(|group| &group.mids).collect();
    if !bundled.is_empty() {
        assert_eq!(bundled, accepted.iter().filter_map(|m| m.attributes.mid()).collect::<Vec<_>>(), "{name}");
    }
    for media in &accepted {
        let list = &media.attributes;
        assert!(list.ice_ufrag().is_some() && list.ice_pwd().is_some(), "{name}");
        assert!(list.fingerprints().count() == 1 && list.candidates().count() == 1, "{name}");
        assert!(list.setup().is_some_and(|setup| matches!(setup.to_string().as_str(), "active" | "passive")));
    }
    assert!(accepted.len() <= 1, "{name}");
    !accepted.is_empty()
}

fn answer_to(name: &str, text: &str) -> (SessionDescription, SessionDescription) {
    let offer = SessionDescription::offer(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut pc = connection();
    pc.set_remote_description(offer.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let answer = pc.create_answer().unwrap();
    pc.set_local_description(Some(answer.clone())).unwrap();
    assert_eq!(pc.signaling_state(), SignalingState::Stable, "{name}");
    (offer, answer)
}

#[test]
fn every_offer_is_answered() {
    let (mut with_data, mut without) = (0, 0);
    for (name, text) in texts("interop/sdp-corpus") {
        if name.contains("-answer-to-") {
            continue;
        }
        let (offer, answer) = answer_to(&name, &text);
        let data = check_shape(&name, offer.session(), &answer);
        assert_eq!(data, text.contains("m=application"), "{name}");
        *(if data { &mut with_data } else { &mut without }) += 1;
    }
    assert!(shared().is_none() || (with_data >= 15 && without >= 6), "{with_data}, {without}");
}

#[test]
fn every_answer_is_read_and_those_to_data_are_taken() {
    let mut taken = 0;
    for (name, text) in texts("interop/sdp-corpus") {
        if !name.contains("-answer-to-") {
            continue;
        }
        let answer = SessionDescription::answer(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let media = &answer.session().media;
        if media.len() != 1 || !media.iter().all(|media| media.is_data() && media.port != 0) {
            continue;
        }
        // Ours is an offer of one data section, too; its mid is ours to choose.
        let mid = media[0].attributes.mid().unwrap().to_string();
        let text = text.replace(&format!("BUNDLE {mid}"), "BUNDLE 0").replace(&format!("mid:{mid}"), "mid:0");
        let mut pc = connection();
        pc.create_data_channel("x", DataChannelInit::default()).unwrap();
        let offer = pc.create_offer(&OfferOptions::default()).unwrap();
        pc.set_local_description(Some(offer)).unwrap();
        pc.set_remote_description(SessionDescription::answer(&text).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(pc.signaling_state(), SignalingState::Stable, "{name}");
        taken += 1;
    }
    assert!(shared().is_none() || taken >= 8, "{taken}");
}

#[test]
fn recorded_exchanges_fit_their_offers() {
    let all = texts("interop/sdp-corpus");
    let find = |wanted: &str| all.iter().find(|(name, _)| name == wanted);
    for (name, text) in &all {
        let Some((_, offer)) = name.split_once("-answer-to-").and_then(|(_, offer)| find(offer)) else {
            continue;
        };
        let (offer, answer): (Session, Session) = (offer.parse().unwrap(), text.parse().unwrap());
        assert_eq!(offer.media.len(), answer.media.len(), "{name}");
        // Those answers and ours have the same sections, kinds and protocols.
        for (theirs, ours) in answer.media.iter().zip(&answer_to(name, &offer.to_string()).1.session().media)
        {
            assert_eq!((&theirs.kind, &theirs.protocol), (&ours.kind, &ours.protocol), "{name}");
            assert_eq!(theirs.attributes.mid(), ours.attributes.mid(), "{name}");
        }
    }
}

/// The examples of RFC 9429 §7 as the draft's source has them: folded, and with blank lines for the reader.
fn unfold(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match lines.last_mut() {
            Some(last) if line.starts_with(' ') => {
                if !last.ends_with(':') {
                    last.push(' ');
                }
                last.push_str(line.trim());
            }
            _ => lines.push(line.into()),
        }
    }
    lines.join("\r\n") + "\r\n"
}

#[test]
fn the_offers_of_rfc_9429_are_answered() {
    let Some(shared) = shared() else { return };
    let json = fs::read(shared.join("vectors/sdp/jsep_examples.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let mut data = 0;
    for example in json["examples"].as_array().unwrap() {
        let text = unfold(example["text"].as_str().unwrap());
        if !text.starts_with("v=0") || !text.contains("a=setup:actpass") {
            continue;
        }
        let name = format!("line {}", example["line"]);
        let (offer, answer) = answer_to(&name, &text);
        if check_shape(&name, offer.session(), &answer) {
            data += 1;
            // RFC 8842 §5.3, RFC 9429 §5.3.1: what was offered is answered.
            assert!(answer.to_sdp().contains("a=tls-id:"), "{name}");
            assert!(answer.to_sdp().contains("a=ice-options:trickle ice2"), "{name}");
        }
    }
    assert!(data >= 1, "{data}");
}

/// Whatever the other collections hold is answered in its shape, or refused with a reason, and changes nothing then.
#[test]
fn any_description_is_answered_or_refused() {
    let directories = ["sdp-transform", "mozilla-webrtc-sdp", "libwebrtc-corpus/sdp-corpus"];
    let (mut answered, mut refused) = (0, 0);
    for directory in directories {
        for (name, text) in texts(&format!("vectors/sdp/{directory}")) {
            let Ok(offer) = SessionDescription::offer(&text) else { continue };
            let mut pc = connection();
            if pc.set_remote_description(offer.clone()).is_err() {
                assert_eq!(pc.signaling_state(), SignalingState::Stable, "{name}");
                assert!(pc.remote_description().is_none(), "{name}");
                refused += 1;
                continue;
            }
            check_shape(&name, offer.session(), &pc.create_answer().unwrap());
            answered += 1;
        }
    }
    assert!(shared().is_none() || answered >= 60, "{answered} answered, {refused} refused");
}

#[test]
fn unencrypted_and_other_profiles_of_media_are_rejected() {
    for (protocol, extra) in [
        ("RTP/AVP", ""),
        (
            "RTP/SAVP",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:8QVQSHJ2AM8gIumHpYRRdWHyZ5NkLhaTD1AENOWx\r\n",
        ),
        ("RTP/SAVPF", ""),
        ("UDP/TLS/RTP/SAVPF", ""),
    ] {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 {protocol} 0\r\na=mid:0\r\n{extra}"
        );
        let (offer, answer) = answer_to(protocol, &text);
        assert!(!check_shape(protocol, offer.session(), &answer));
        assert!(!answer.to_sdp().contains("a=crypto"));
    }
}

#[test]
fn nothing_an_application_supplies_reaches_the_description() {
    let evil = "x\r\na=ice-lite\r\nm=audio 9 RTP/AVP 0";
    let mut pc = connection();
    let init = DataChannelInit { protocol: evil.into(), ..DataChannelInit::default() };
    pc.create_data_channel(evil, init).unwrap();
    let offer = pc.create_offer(&OfferOptions::default()).unwrap();
    let session: Session = offer.to_sdp().parse().unwrap();
    assert_eq!(&session, offer.session());
    assert_eq!(session.media.len(), 1);
    assert!(!offer.to_sdp().contains("ice-lite"));
}

#[test]
fn descriptions_are_the_w3c_dictionary_in_json() {
    let mut pc = connection();
    pc.create_data_channel("x", DataChannelInit::default()).unwrap();
    let offer = pc.create_offer(&OfferOptions::default()).unwrap();
    let json = serde_json::to_value(&offer).unwrap();
    assert_eq!(json["type"], "offer");
    assert_eq!(json["sdp"], offer.to_sdp());
    assert_eq!(serde_json::from_value::<SessionDescription>(json).unwrap(), offer);
    let rollback: SessionDescription = serde_json::from_str(r#"{"type":"rollback"}"#).unwrap();
    assert_eq!((rollback.kind(), rollback.to_sdp()), (SdpType::Rollback, String::new()));
    assert!(serde_json::from_str::<SessionDescription>(r#"{"type":"offer","sdp":"v=1"}"#).is_err());
}

/// Answers with media what is offered; the numbers of sections accepted and refused. `None`: the offer was not taken.
fn answer_with_media(name: &str, text: &str) -> Option<(usize, usize)> {
    let offer = SessionDescription::offer(text).ok()?;
    let mut pc = connection_with(MediaCapabilities::new());
    if pc.set_remote_description(offer.clone()).is_err() {
        assert!(pc.remote_description().is_none() && pc.transceivers().is_empty(), "{name}");
        return None;
    }
    pc.set_local_description(None).unwrap_or_else(|error| panic!("{name}: {error}"));
    let answer = pc.current_local_description().unwrap();
    let session: Session = answer.to_sdp().parse().unwrap();
    assert_eq!(&session, answer.session(), "{name}");
    assert_eq!(session.media.len(), offer.session().media.len(), "{name}");
    for (answered, offered) in session.media.iter().zip(&offer.session().media) {
        assert_eq!((&answered.kind, &answered.protocol), (&offered.kind, &offered.protocol), "{name}");
        assert_eq!(answered.attributes.mid(), offered.attributes.mid(), "{name}");
    }
    let accepted = session.media.iter().filter(|media| media.port != 0).count();
    let transceivers = pc.transceivers().len();
    assert_eq!(transceivers, session.media.iter().filter(|m| m.port != 0 && !m.is_data()).count(), "{name}");
    Some((accepted, session.media.len() - accepted))
}

#[test]
fn every_offer_is_answered_with_its_media() {
    let mut sections = 0;
    for (name, text) in texts("interop/sdp-corpus") {
        if !name.contains("-answer-to-") {
            let (accepted, refused) = answer_with_media(&name, &text).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(refused, 0, "{name}");
            sections += accepted;
        }
    }
    assert!(shared().is_none() || sections >= 40, "{sections}");
}

#[test]
fn descriptions_of_other_suites_are_answered_with_their_media_or_refused() {
    let Some(shared) = shared() else { return };
    for (file, at_least) in [("pion_webrtc_sdp.json", 1), ("firefox_mochitest_sdp.json", 1)] {
        let json = fs::read(shared.join("vectors/sdp").join(file)).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let (mut served, mut all) = (0, 0);
        for (name, entries) in json["files"].as_object().unwrap() {
            for entry in entries.as_array().unwrap().iter().filter(|entry| entry["complete"] == true) {
                let name = format!("{name}:{}", entry["line"]);
                let answered = answer_with_media(&name, entry["sdp"].as_str().unwrap());
                served += usize::from(answered.is_some_and(|(accepted, _)| accepted > 0));
                all += 1;
            }
        }
        assert!(served >= at_least, "{file}: {served} of {all}");
    }
}

#[test]
fn the_offers_of_rfc_9429_are_answered_with_their_media() {
    let Some(shared) = shared() else { return };
    let json = fs::read(shared.join("vectors/sdp/jsep_examples.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let mut offers = 0;
    for example in json["examples"].as_array().unwrap() {
        let text = unfold(example["text"].as_str().unwrap());
        if text.starts_with("v=0") && text.contains("a=setup:actpass") {
            let name = format!("line {}", example["line"]);
            let (accepted, refused) = answer_with_media(&name, &text).unwrap_or_else(|| panic!("{name}"));
            assert!(accepted > 0 && refused == 0, "{name}: {accepted} {refused}");
            offers += 1;
        }
    }
    assert!(offers >= 4, "{offers}");
}
