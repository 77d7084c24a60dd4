//! What the `record` example makes of a real Chromium's camera and microphone, read by ffmpeg; and its clock, by hand.
//!
//! Without Chromium or ffmpeg the tests say so and pass, unless `ANTIPHON_REQUIRE_BROWSER` is set.
#![expect(clippy::unwrap_in_result, reason = "a test that cannot go on has failed")]

mod browser_support;
#[path = "../examples/common/endpoint.rs"]
mod endpoint;
#[expect(dead_code, reason = "nothing is played here")]
#[path = "../examples/play/film.rs"]
mod film;
#[path = "../examples/record/server.rs"]
mod server;
#[path = "../examples/record/session.rs"]
mod session;
#[path = "../examples/record/take.rs"]
mod take;
#[path = "../examples/common/web.rs"]
mod web;
#[path = "../examples/record/webm.rs"]
mod webm;

use core::time::Duration;
use std::path::Path;
use std::sync::mpsc;

use antiphon::Instant;
use antiphon::codec::CodecKind;
use antiphon::rtp::{Frame, NtpTime};
use serde_json::Value;

use browser_support::{Browser, LOOPBACK, MEDIA, PATIENCE, PLAIN, Scratch, installed, probe, times};
use film::Film;
use server::Notice;
use session::Summary;
use take::{Count, Take};

/// How many pictures the page sends at least.
const PICTURES: u64 = 60;

/// The stream of that kind.
fn stream<'a>(probed: &'a Value, kind: &str) -> &'a Value {
    let streams = probed["streams"].as_array().expect("streams");
    streams.iter().find(|stream| stream["codec_type"] == kind).expect("a stream of that kind")
}

/// How many frames ffmpeg decoded.
fn decoded(probed: &Value, kind: &str) -> u64 {
    stream(probed, kind)["nb_read_frames"].as_str().and_then(|count| count.parse().ok()).expect("a count")
}

fn count(summary: &Summary, codec: CodecKind) -> Count {
    summary.iter().find(|(its, _)| *its == codec).expect("a track of that codec").1
}

/// A page calls, sends so many pictures and leaves: its report, and what the example says it wrote to the file.
fn record(file: &Path) -> Option<(Value, Summary)> {
    let (sender, notices) = mpsc::channel();
    let web = server::start("127.0.0.1:0", LOOPBACK, file.to_owned(), None, sender)
        .expect("a free port on loopback");
    let url = format!("{}?selftest&pictures={PICTURES}", server::url(web.address));
    let _browser = Browser::open(&url, "record", &[PLAIN, MEDIA].concat())?;
    let (mut report, mut summary, mut begun) = (None, None, None);
    while report.is_none() || summary.is_none() {
        match notices.recv_timeout(PATIENCE).expect("the page reports and its recording ends") {
            Notice::Begun { path, recording } => {
                assert_eq!(path, file);
                begun = Some(recording);
            }
            Notice::Ended { path, summary: ended } => {
                assert_eq!(path, file);
                summary = Some(ended.expect("a file that is closed"));
            }
            Notice::Report(its) => report = Some(its),
        }
    }
    begun.expect("it has begun").stop().expect("its thread has come to its end");
    report.zip(summary)
}

#[test]
fn a_call_of_chromium_becomes_a_file_of_which_every_frame_decodes() {
    if !installed("ffmpeg") {
        return;
    }
    let folder = Scratch::new("recording");
    let file = folder.0.join("call.webm");
    let Some((report, summary)) = record(&file) else { return };
    assert_eq!(report["error"], Value::Null, "{report:#}");
    let probed = probe(&file);
    let said = format!("{report:#}\n{}\n{probed:#}", session::describe(&Ok(summary.clone())));

    let (pictures, sound) = (count(&summary, CodecKind::Vp8), count(&summary, CodecKind::Opus));
    assert_eq!(stream(&probed, "video")["codec_name"], "vp8", "{said}");
    assert_eq!(stream(&probed, "audio")["codec_name"], "opus", "{said}");
    assert_eq!(stream(&probed, "video")["width"], 320, "{said}");
    // Frame by frame what the example says it wrote.
    assert_eq!(decoded(&probed, "video"), pictures.written, "{said}");
    assert_eq!(decoded(&probed, "audio"), sound.written, "{said}");

    // And what the page says it encoded, but for pictures from before the transport was up, and the last, which may be on its way
    // when the page leaves.
    let encoded = report["video"]["framesEncoded"].as_u64().expect("a count");
    assert!(encoded >= PICTURES && pictures.written + pictures.dropped <= encoded, "{said}");
    assert!(pictures.written + 10 >= encoded, "{said}");
    // The same of sound, of which that from before the first picture is left out.
    let packets = report["audio"]["packetsSent"].as_u64().expect("a count");
    let arrived = sound.written + sound.dropped;
    assert!(sound.written > 0 && arrived <= packets && arrived + 20 >= packets, "{said}");
    assert_times(&file, &said);

    // The `play` example finds all of it there.
    let read = Film::open(&file).expect("a WebM file");
    assert_eq!(u64::try_from(read.samples.len()).ok(), Some(pictures.written + sound.written));
}

/// The file begins with a picture, goes on as long as it says, and its times rise by what lies between frames.
fn assert_times(file: &Path, said: &str) {
    let (pictures, sound) = (times(file, "v:0"), times(file, "a:0"));
    assert!(pictures[0].abs() < 0.001, "{said}");
    for times in [&pictures, &sound] {
        assert!(times.windows(2).all(|two| two[1] > two[0]), "{times:?}");
    }
    // Sound and pictures were captured together to the end: in step, whatever each was delayed by.
    let ends = (pictures[pictures.len() - 1], sound[sound.len() - 1]);
    assert!((ends.0 - ends.1).abs() < 1.5, "{ends:?} {said}");
    let duration: f64 =
        probe(file)["format"]["duration"].as_str().and_then(|its| its.parse().ok()).expect("a time");
    assert!((0.0..0.5).contains(&(duration - ends.0.max(ends.1))), "{duration} {ends:?}");
}

/// What a sender's clock showed when it began.
const BEGAN: Duration = Duration::from_secs(1_790_000_000);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A frame captured `at` after the sender began, of a track whose timestamps begin at `base`, that arrives `delay` later.
fn frame(codec: CodecKind, at: Duration, base: u32, delay: Duration) -> (Duration, Frame) {
    let ticks = at.as_millis() * u128::from(codec.clock_rate()) / 1000;
    let timestamp = base.wrapping_add(u32::try_from(ticks).expect("a short film"));
    let arrival = at + delay;
    let received_at = Some(Instant::from_nanos(1) + arrival);
    (arrival, Frame { received_at, ..Frame::new(&b"\x11\x00\x00 a frame"[..], timestamp) })
}

/// Makes a key frame of it: VP8, 320 by 240.
fn key(frame: Frame) -> Frame {
    Frame { data: b"\x10\x00\x00\x9d\x01\x2a\x40\x01\xf0\x00 a frame"[..].into(), keyframe: true, ..frame }
}

/// Two seconds of pictures and sound, 25 and 50 a second. Pictures arrive 400 ms after the sound that was captured with them; the first
/// five refer to what was before, and after the 30th some are lost. Reports come after `reported` of sound and of pictures.
fn recorded(file: &Path, reported: [Duration; 2], delays: [Duration; 2]) -> Vec<Count> {
    let sound = (0..100).map(|n| (0, frame(CodecKind::Opus, ms(20 * n), 7, delays[0])));
    let pictures = (0..50).filter(|n| !(30..33).contains(n)).map(|n| {
        let (arrival, frame) = frame(CodecKind::Vp8, ms(40 * n), u32::MAX - 9000, delays[1]);
        let frame = if n == 5 || n == 40 { key(frame) } else { frame };
        (1, (arrival, Frame { contiguous: n != 33, ..frame }))
    });
    let mut all: Vec<_> = sound.chain(pictures).collect();
    all.sort_by_key(|(_, (arrival, _))| *arrival);
    let mut take = Take::new(file.to_owned(), &[CodecKind::Opus, CodecKind::Vp8]);
    for (track, (arrival, mut frame)) in all {
        if arrival >= reported[track] {
            frame.capture_time = Some(NtpTime::from_unix(BEGAN + arrival.saturating_sub(delays[track])));
        }
        take.push(track, Instant::from_nanos(1) + arrival, &frame).expect("a file");
    }
    take.finish().expect("a file")
}

/// When each frame of a track was captured, and when the file shows it, both from the first picture on.
fn assert_in_step(file: &Path, within: Duration) {
    let read = Film::open(file).expect("a WebM file");
    let times = |codec| {
        let track = read.tracks.iter().position(|its| *its == codec).expect("a track of that codec");
        read.samples.iter().filter(move |sample| sample.track == track).map(|sample| sample.at)
    };
    let first = &read.samples[0];
    assert!(first.key && first.at == Duration::ZERO && first.data.ends_with(b"a frame"));
    let pictures = (5..30).chain(40..50).map(|n| ms(40 * (n - 5)));
    let sound = (10..100).map(|n| ms(20 * (n - 10)));
    let near = |(is, was): (Duration, Duration)| is.abs_diff(was) <= within;
    assert_eq!(times(CodecKind::Vp8).count(), 35);
    assert!(times(CodecKind::Vp8).zip(pictures).all(near), "{:?}", times(CodecKind::Vp8).collect::<Vec<_>>());
    assert_eq!(times(CodecKind::Opus).count(), 90);
    assert!(times(CodecKind::Opus).zip(sound).all(near), "{:?}", times(CodecKind::Opus).collect::<Vec<_>>());
}

#[test]
fn sound_and_pictures_are_in_step_by_the_senders_clock() {
    let folder = Scratch::new("in-step");
    let file = folder.0.join("a.webm");
    let counts = recorded(&file, [ms(1500), ms(700)], [ms(10), ms(410)]);
    // Left out: sound from before the first key frame; pictures from before it, and between the loss and the next one.
    assert_eq!(counts, [Count { written: 90, dropped: 10 }, Count { written: 35, dropped: 12 }]);
    assert_in_step(&file, ms(1));
}

#[test]
fn without_reports_sound_and_pictures_are_put_together_as_they_arrive() {
    let folder = Scratch::new("no-reports");
    let file = folder.0.join("a.webm");
    recorded(&file, [Duration::MAX; 2], [ms(30), ms(30)]);
    assert_in_step(&file, ms(1));
}

#[test]
fn a_recording_that_is_not_closed_is_a_file_all_the_same() {
    let folder = Scratch::new("cut-off");
    let file = folder.0.join("a.webm");
    recorded(&file, [ms(0); 2], [ms(10), ms(10)]);
    let whole = std::fs::read(&file).expect("a file");
    std::fs::write(&file, &whole[..whole.len() * 9 / 10]).expect("a file");
    let read = Film::open(&file).expect("a WebM file");
    assert!(read.samples.len() >= 60, "{}", read.samples.len());
}
