//! A real Chromium watches a film that ffmpeg made, by the `play` example: pictures and sound arrive, change, and are in step.
//!
//! Without Chromium or ffmpeg the tests say so and pass, unless `ANTIPHON_REQUIRE_BROWSER` is set.
#![expect(clippy::print_stdout, reason = "what the page reports")]

mod browser_support;
#[path = "../examples/common/endpoint.rs"]
mod endpoint;
#[path = "../examples/play/film.rs"]
mod film;
#[path = "../examples/play/server.rs"]
mod server;
#[path = "../examples/play/session.rs"]
mod session;
#[path = "../examples/common/web.rs"]
mod web;

use core::time::Duration;
use std::path::Path;
use std::sync::mpsc;

use antiphon::codec::CodecKind;
use serde_json::{Value, json};

use browser_support::{Browser, LOOPBACK, MEDIA, PATIENCE, PLAIN, Scratch, ffmpeg, installed};
use film::Film;
use server::Notice;

/// Three seconds of a test picture and a tone, a key frame every second.
const SCENE: [&str; 12] = [
    "-f",
    "lavfi",
    "-i",
    "testsrc=size=320x240:rate=15:duration=3",
    "-f",
    "lavfi",
    "-i",
    "sine=frequency=440:duration=3",
    "-g",
    "15",
    "-c:a",
    "libopus",
];

/// What the page must decode: more than the film has, so that it has begun again.
const PICTURES: u64 = 75;

/// The page's report, and how many frames the example says it sent.
fn watch(name: &str, path: &Path) -> Option<(Value, u64)> {
    let film = Film::open(path).expect("a film");
    let (sender, notices) = mpsc::channel();
    let web = server::start("127.0.0.1:0", LOOPBACK, film, sender).expect("a free port on loopback");
    let url = format!("http://{}/?selftest&pictures={PICTURES}", web.address);
    let _browser = Browser::open(&url, name, &[PLAIN, MEDIA].concat())?;
    let (mut report, mut sent) = (None, None);
    while report.is_none() || sent.is_none() {
        match notices.recv_timeout(PATIENCE).expect("the page reports and leaves") {
            Notice::Begun { page } => assert_eq!(page, 1),
            Notice::Ended { page, sent: its } => {
                assert_eq!(page, 1);
                sent = Some(its.expect("a page that leaves by itself"));
            }
            Notice::Report(its) => report = Some(its),
        }
    }
    println!("{report:#?}");
    report.zip(sent)
}

fn assert_watched(report: &Value, sent: u64) {
    assert_eq!(report["error"], Value::Null, "{report:#}");
    let pictures = report["pictures"].as_u64().expect("a count");
    assert!(
        pictures >= PICTURES && sent >= pictures + report["packets"].as_u64().expect("a count"),
        "{report:#}"
    );
    assert_eq!(report["size"], json!([320, 240]), "{report:#}");
    assert!(report["sound"].as_f64() > Some(0.0), "a tone is not silence: {report:#}");
    assert!(
        report["shades"].as_array().is_some_and(|shades| shades.len() >= 8),
        "the picture moves: {report:#}"
    );
    let middle = report["middle"].as_f64().expect("both playing times are known");
    assert!(middle.abs() <= 100.0, "in step: {report:#}");
}

/// Makes a film with those pictures, and lets `look` see it; not where there is no ffmpeg.
fn with_film(name: &str, pictures: &[&str], look: impl FnOnce(&Path)) {
    if installed("ffmpeg") {
        let folder = Scratch::new(name);
        let path = folder.0.join(name);
        ffmpeg(&[&SCENE[..], pictures].concat(), &path);
        look(&path);
    }
}

fn assert_is_watched(name: &str, pictures: &[&str]) {
    with_film(name, pictures, |path| {
        if let Some((report, sent)) = watch(name, path) {
            assert_watched(&report, sent);
        }
    });
}

const H264: [&str; 8] =
    ["-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-pix_fmt", "yuv420p"];

#[test]
fn chromium_watches_a_film_of_vp8_and_opus_again_and_again() {
    assert_is_watched("vp8.webm", &["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"]);
}

#[test]
fn chromium_watches_vp9_with_pictures_that_are_never_shown() {
    // Not in real time: then the encoder looks ahead and puts hidden pictures beside those that are shown.
    assert_is_watched("vp9.webm", &["-c:v", "libvpx-vp9", "-cpu-used", "5", "-b:v", "200k"]);
}

#[test]
fn chromium_watches_h264_of_a_matroska_file() {
    assert_is_watched("h264.mkv", &H264);
}

#[test]
fn h264_of_a_matroska_file_is_read_as_it_is_sent() {
    with_film("read.mkv", &H264, |path| {
        let film = Film::open(path).expect("a film");
        assert_eq!(film.tracks, [CodecKind::H264, CodecKind::Opus]);
        let pictures: Vec<_> = film.samples.iter().filter(|sample| sample.track == 0).collect();
        assert_eq!(pictures.len(), 45);
        for picture in &pictures {
            // Annex B, and before each key frame its parameter sets.
            let (start, unit) = picture.data.split_at(4);
            assert_eq!(start, [0, 0, 0, 1]);
            assert_eq!(picture.key, unit[0] & 0x1f == 7, "{:?}", picture.at);
        }
        assert_eq!(pictures.iter().filter(|picture| picture.key).count(), 3);
        assert!(
            film.duration.abs_diff(Duration::from_secs(3)) < Duration::from_millis(100),
            "{:?}",
            film.duration
        );
    });
}
