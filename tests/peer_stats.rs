//! The report under the names of the W3C: what two ends that have talked say of themselves, and that it holds together.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod pair;

use std::collections::BTreeSet;

use antiphon::codec::MediaKind;
use antiphon::peer::{TransceiverInit, WriteError};
use antiphon::rtp::Frame;
use antiphon::{ConnectionState, DataChannelInit, Event};
use pair::{Pair, ms, text};
use serde_json::Value;

const FRAMES: u32 = 300;

/// Two ends after six seconds of pictures and one message, and the tasks of the peer's report done.
fn talked() -> Pair {
    let mut pair = Pair::default_pair();
    let chat = pair.ends[0].pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    let video = pair.ends[0].pc.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    pair.negotiate();
    let done = |pair: &mut Pair| pair.ends[0].saw(&Event::DataChannelOpen(chat));
    assert!(pair.run_until(ms(3000), done));
    pair.send(0, chat, &text("hello"));
    for n in 0..FRAMES {
        let now = pair.now;
        let mut data = vec![0x11; 2500];
        if n == 0 {
            data[..10].copy_from_slice(&[0x10, 0, 0, 0x9d, 1, 0x2a, 0x40, 1, 0xf0, 0]);
        }
        let written = pair.ends[0].pc.sender(video).unwrap().write(now, &Frame::new(data, n * 1800));
        assert_eq!(written, Ok::<(), WriteError>(()));
        pair.drain(0);
        pair.run_for(ms(20));
    }
    let theirs = pair.ends[1].channel().unwrap();
    assert_eq!(pair.received(1, theirs), ["hello"]);
    pair.run_for(ms(500));
    assert!(pair.ends.iter().all(|end| end.pc.connection_state() == ConnectionState::Connected));
    pair
}

/// The report of an end, as a page would read it.
fn report(pair: &Pair, end: usize) -> Vec<Value> {
    let report = serde_json::to_value(pair.ends[end].pc.stats_report(pair.now)).unwrap();
    report.as_array().unwrap().clone()
}

/// The one entry of that type.
fn only<'a>(report: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<_> = report.iter().filter(|entry| entry["type"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}: {found:?}");
    found[0]
}

fn names(entry: &Value) -> BTreeSet<&str> {
    entry.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_id_is_unique_and_every_reference_finds_the_type_it_names() {
    let pair = talked();
    for end in 0..2 {
        let report = report(&pair, end);
        let ids: BTreeSet<_> = report.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), report.len());
        let mut followed = 0;
        for entry in &report {
            for (name, value) in entry.as_object().unwrap() {
                let wanted = match (name.as_str(), entry["type"].as_str().unwrap()) {
                    ("transportId", _) => "transport",
                    ("codecId", _) => "codec",
                    ("localCandidateId", _) => "local-candidate",
                    ("remoteCandidateId", _) => "remote-candidate",
                    ("selectedCandidatePairId", _) => "candidate-pair",
                    ("localCertificateId" | "remoteCertificateId", _) => "certificate",
                    ("remoteId", "outbound-rtp") => "remote-inbound-rtp",
                    ("remoteId", "inbound-rtp") => "remote-outbound-rtp",
                    ("localId", "remote-inbound-rtp") => "outbound-rtp",
                    ("localId", "remote-outbound-rtp") => "inbound-rtp",
                    _ => continue,
                };
                let found = report.iter().find(|entry| entry["id"] == *value);
                assert_eq!(
                    found.map(|entry| &entry["type"]),
                    Some(&Value::from(wanted)),
                    "{name} of {entry}"
                );
                followed += 1;
            }
        }
        assert!(followed > 10, "{report:?}");
    }
}

#[test]
fn the_counters_of_the_two_ends_tell_of_the_same_packets() {
    let pair = talked();
    let (ours, theirs) = (report(&pair, 0), report(&pair, 1));
    let (sent, got) = (only(&ours, "outbound-rtp"), only(&theirs, "inbound-rtp"));
    assert_eq!(sent["framesSent"], FRAMES);
    assert_eq!(got["framesReceived"], FRAMES);
    assert_eq!(got["framesAssembledFromMultiplePackets"], FRAMES);
    for (there, here) in [
        ("packetsSent", "packetsReceived"),
        ("bytesSent", "bytesReceived"),
        ("headerBytesSent", "headerBytesReceived"),
        ("ssrc", "ssrc"),
        ("kind", "kind"),
        ("mid", "mid"),
    ] {
        assert_eq!(sent[there], got[here], "{there}");
    }
    assert!(sent["bytesSent"].as_u64().unwrap() > u64::from(FRAMES) * 2500);
    assert_eq!((&got["packetsLost"], &got["nackCount"]), (&Value::from(0), &Value::from(0)));

    let reported = only(&ours, "remote-inbound-rtp");
    assert_eq!((&reported["packetsLost"], &reported["fractionLost"]), (&Value::from(0), &Value::from(0.0)));
    let round_trip = reported["roundTripTime"].as_f64().unwrap();
    assert!((0.09..0.11).contains(&round_trip), "{round_trip}");
    let told = only(&theirs, "remote-outbound-rtp");
    let packets = told["packetsSent"].as_u64().unwrap();
    assert!(packets > 0 && packets <= sent["packetsSent"].as_u64().unwrap());
    let behind = told["timestamp"].as_f64().unwrap() - told["remoteTimestamp"].as_f64().unwrap();
    assert!((0.0..6000.0).contains(&behind), "{behind}");

    for (report, sent, received) in [(&ours, 1, 0), (&theirs, 0, 1)] {
        let channel = only(report, "data-channel");
        assert_eq!((&channel["label"], &channel["state"]), (&Value::from("chat"), &Value::from("open")));
        assert_eq!(
            (&channel["messagesSent"], &channel["bytesSent"]),
            (&Value::from(sent), &Value::from(sent * 5))
        );
        assert_eq!(channel["messagesReceived"], received);
        assert_eq!(channel["bytesReceived"], received * 5);
        assert_eq!(only(report, "peer-connection")["dataChannelsOpened"], 1);
    }
    let [a, b] = [only(&ours, "transport"), only(&theirs, "transport")];
    assert_eq!((&a["packetsSent"], &a["bytesSent"]), (&b["packetsReceived"], &b["bytesReceived"]));
    assert_eq!([&a["iceRole"], &b["iceRole"]], ["controlling", "controlled"]);
    assert_eq!([&a["dtlsRole"], &b["dtlsRole"]], ["server", "client"]);
    assert_eq!([&a["dtlsState"], &a["srtpCipher"]], ["connected", "SRTP_AEAD_AES_128_GCM"]);
    let certificate = |report: &[Value], name: &str| {
        let id = &only(report, "transport")[name];
        report.iter().find(|entry| entry["id"] == *id).unwrap()["fingerprint"].clone()
    };
    assert_eq!(certificate(&ours, "localCertificateId"), certificate(&theirs, "remoteCertificateId"));
    assert!(pair.local_sdp(0).contains(certificate(&ours, "localCertificateId").as_str().unwrap()));
    let codec = only(&ours, "codec");
    assert_eq!((&codec["mimeType"], &codec["clockRate"]), (&Value::from("video/VP8"), &Value::from(90_000)));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one list of names")]
fn names_are_those_of_the_w3c() {
    let pair = talked();
    let (ours, theirs) = (report(&pair, 0), report(&pair, 1));
    let wanted: [(&Value, &[&str]); 6] = [
        (
            only(&ours, "codec"),
            &["id", "type", "timestamp", "payloadType", "transportId", "mimeType", "clockRate"],
        ),
        (
            only(&ours, "remote-inbound-rtp"),
            &[
                "id",
                "type",
                "timestamp",
                "ssrc",
                "kind",
                "transportId",
                "codecId",
                "localId",
                "packetsLost",
                "jitter",
                "fractionLost",
                "roundTripTime",
                "totalRoundTripTime",
                "roundTripTimeMeasurements",
            ],
        ),
        (
            only(&theirs, "remote-outbound-rtp"),
            &[
                "id",
                "type",
                "timestamp",
                "ssrc",
                "kind",
                "transportId",
                "codecId",
                "localId",
                "packetsSent",
                "bytesSent",
                "remoteTimestamp",
                "reportsSent",
            ],
        ),
        (
            only(&ours, "data-channel"),
            &[
                "id",
                "type",
                "timestamp",
                "label",
                "protocol",
                "dataChannelIdentifier",
                "state",
                "messagesSent",
                "bytesSent",
                "messagesReceived",
                "bytesReceived",
            ],
        ),
        (
            only(&ours, "peer-connection"),
            &["id", "type", "timestamp", "dataChannelsOpened", "dataChannelsClosed"],
        ),
        (
            ours.iter().find(|entry| entry["type"] == "certificate").unwrap(),
            &["id", "type", "timestamp", "fingerprint", "fingerprintAlgorithm", "base64Certificate"],
        ),
    ];
    for (entry, wanted) in wanted {
        assert_eq!(names(entry), wanted.iter().copied().collect(), "{entry}");
    }
    let candidate = only(&ours, "local-candidate");
    assert_eq!([&candidate["candidateType"], &candidate["protocol"]], ["host", "udp"]);
    assert_eq!((&candidate["address"], &candidate["port"]), (&Value::from("192.0.2.1"), &Value::from(5000)));
    let chosen = only(&ours, "candidate-pair");
    assert_eq!(
        [&chosen["state"], &chosen["id"]],
        [&Value::from("succeeded"), &only(&ours, "transport")["selectedCandidatePairId"]]
    );
    assert_eq!(chosen["nominated"], true);
    let now = only(&ours, "transport")["timestamp"].as_f64().unwrap();
    let clock = pair.ends[0].pc.unix_time(pair.now).as_secs_f64() * 1000.0;
    assert!((now - clock).abs() < 1.0, "{now} {clock}");
}
