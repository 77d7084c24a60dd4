//! Reads a Matroska or WebM file: one track of pictures and one of sound.

use core::time::Duration;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use antiphon::codec::{CodecKind, is_keyframe};
use bytes::Bytes;
use matroska_demuxer::{Frame, MatroskaFile, TrackEntry};

use crate::endpoint::Fallible;

/// An encoded frame and its place in the film.
pub(crate) struct Sample {
    /// Of the film's tracks.
    pub(crate) track: usize,
    pub(crate) at: Duration,
    pub(crate) key: bool,
    pub(crate) data: Bytes,
}

/// A film, all in memory: pages that watch it share it.
pub(crate) struct Film {
    /// What each track is encoded as.
    pub(crate) tracks: Vec<CodecKind>,
    pub(crate) samples: Vec<Sample>,
    /// From its beginning to the end of its last frame.
    pub(crate) duration: Duration,
}

/// A track of the file that is played.
struct Source {
    number: u64,
    codec: CodecKind,
    /// What goes before each key frame: of H.264, its parameter sets.
    head: Vec<u8>,
}

impl Film {
    pub(crate) fn open(path: &Path) -> Fallible<Self> {
        let mut file = MatroskaFile::open(BufReader::new(File::open(path)?))?;
        let mut sources: Vec<Source> = Vec::new();
        for source in file.tracks().iter().filter_map(Source::of) {
            // The first of each kind.
            if sources.iter().all(|other| other.codec.media() != source.codec.media()) {
                sources.push(source);
            }
        }
        if sources.is_empty() {
            return Err("no VP8, VP9, H.264 or Opus in this file".into());
        }
        let scale = file.info().timestamp_scale().get();
        let (mut samples, mut frame) = (Vec::new(), Frame::default());
        // A file that was cut off is played as far as it goes.
        let cut = |error, begun| if begun { Ok(false) } else { Err(error) };
        while file.next_frame(&mut frame).or_else(|error| cut(error, !samples.is_empty()))? {
            let Some(track) = sources.iter().position(|source| source.number == frame.track) else {
                continue;
            };
            let at = Duration::from_nanos(frame.timestamp.saturating_mul(scale));
            samples.extend(sources.get(track).and_then(|source| source.sample(track, at, &frame.data)));
        }
        samples.sort_by_key(|sample| sample.at);
        let last = samples.last().ok_or("a file without frames")?.at;
        // The last frame lasts as long as the one before it.
        let before = samples.iter().rev().nth(1).map_or(last, |sample| sample.at);
        let duration = last + last.saturating_sub(before).max(Duration::from_millis(20));
        Ok(Self { tracks: sources.iter().map(|source| source.codec).collect(), samples, duration })
    }

    /// The last key frame of a track before the sample of that index: where a viewer can begin again.
    pub(crate) fn key_before(&self, track: usize, index: usize) -> Option<usize> {
        self.samples.iter().take(index).rposition(|sample| sample.track == track && sample.key)
    }
}

impl Source {
    fn of(entry: &TrackEntry) -> Option<Self> {
        let (codec, head) = match entry.codec_id() {
            "A_OPUS" => (CodecKind::Opus, Vec::new()),
            "V_VP8" => (CodecKind::Vp8, Vec::new()),
            "V_VP9" => (CodecKind::Vp9, Vec::new()),
            "V_MPEG4/ISO/AVC" => (CodecKind::H264, parameter_sets(entry.codec_private()?)?),
            _ => return None,
        };
        Some(Self { number: entry.track_number().get(), codec, head })
    }

    /// A frame as it is sent.
    fn sample(&self, track: usize, at: Duration, data: &[u8]) -> Option<Sample> {
        if self.codec != CodecKind::H264 {
            return Some(Sample {
                track,
                at,
                key: is_keyframe(self.codec, data),
                data: Bytes::copy_from_slice(data),
            });
        }
        let frame = annex_b(data)?;
        let key = is_keyframe(self.codec, &frame);
        let head = if key { self.head.as_slice() } else { &[] };
        Some(Sample { track, at, key, data: [head, &frame].concat().into() })
    }
}

const START_CODE: &[u8] = &[0, 0, 0, 1];

/// The parameter sets of an `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15 §5.3.3.1), with start codes.
fn parameter_sets(record: &[u8]) -> Option<Vec<u8>> {
    let (head, mut rest) = record.split_at_checked(5)?;
    // Units begin with lengths of four bytes; others are not read here.
    if head.last()? & 3 != 3 {
        return None;
    }
    let mut sets = Vec::new();
    for mask in [0x1f, 0xff] {
        let (count, mut units) = rest.split_first()?;
        for _ in 0..count & mask {
            let (len, unit) = units.split_first_chunk()?;
            let (unit, after) = unit.split_at_checked(u16::from_be_bytes(*len).into())?;
            sets.extend([START_CODE, unit].concat());
            units = after;
        }
        rest = units;
    }
    Some(sets)
}

/// Start codes in the place of lengths.
fn annex_b(frame: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut rest) = (Vec::with_capacity(frame.len()), frame);
    while let Some((len, unit)) = rest.split_first_chunk() {
        let (unit, after) = unit.split_at_checked(u32::from_be_bytes(*len).try_into().ok()?)?;
        out.extend([START_CODE, unit].concat());
        rest = after;
    }
    Some(out)
}
