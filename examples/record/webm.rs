//! Writes WebM: sound and pictures in clusters, each whole in the file before the next begins.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use antiphon::codec::CodecKind;
use ebml_iterable::specs::Master;
use ebml_iterable::{TagWriter, WriteOptions};

use crate::endpoint::Fallible;
use tag::Tag;

/// The elements that are written (RFC 9559), with their places.
#[allow(
    clippy::pedantic,
    clippy::enum_variant_names,
    clippy::wildcard_enum_match_arm,
    clippy::allow_attributes,
    unused_qualifications,
    reason = "what the macro makes of it"
)]
mod tag {
    use ebml_iterable::specs::{TagDataType, easy_ebml};

    easy_ebml! {
        #[derive(Clone, Debug)]
        pub enum Tag {
            Ebml : Master = 0x1a45_dfa3,
            Ebml/DocType : Utf8 = 0x4282,
            Ebml/DocTypeVersion : UnsignedInt = 0x4287,
            Ebml/DocTypeReadVersion : UnsignedInt = 0x4285,
            Segment : Master = 0x1853_8067,
            Segment/Info : Master = 0x1549_a966,
            Segment/Info/TimestampScale : UnsignedInt = 0x2a_d7b1,
            Segment/Info/MuxingApp : Utf8 = 0x4d80,
            Segment/Info/WritingApp : Utf8 = 0x5741,
            Segment/Info/Duration : Float = 0x4489,
            Segment/Tracks : Master = 0x1654_ae6b,
            Segment/Tracks/TrackEntry : Master = 0xae,
            Segment/Tracks/TrackEntry/TrackNumber : UnsignedInt = 0xd7,
            Segment/Tracks/TrackEntry/TrackUID : UnsignedInt = 0x73c5,
            Segment/Tracks/TrackEntry/TrackType : UnsignedInt = 0x83,
            Segment/Tracks/TrackEntry/FlagLacing : UnsignedInt = 0x9c,
            Segment/Tracks/TrackEntry/CodecID : Utf8 = 0x86,
            Segment/Tracks/TrackEntry/CodecPrivate : Binary = 0x63a2,
            Segment/Tracks/TrackEntry/SeekPreRoll : UnsignedInt = 0x56bb,
            Segment/Tracks/TrackEntry/Video : Master = 0xe0,
            Segment/Tracks/TrackEntry/Video/PixelWidth : UnsignedInt = 0xb0,
            Segment/Tracks/TrackEntry/Video/PixelHeight : UnsignedInt = 0xba,
            Segment/Tracks/TrackEntry/Audio : Master = 0xe1,
            Segment/Tracks/TrackEntry/Audio/SamplingFrequency : Float = 0xb5,
            Segment/Tracks/TrackEntry/Audio/Channels : UnsignedInt = 0x9f,
            Segment/Cluster : Master = 0x1f43_b675,
            Segment/Cluster/Timestamp : UnsignedInt = 0xe7,
            Segment/Cluster/SimpleBlock : Binary = 0xa3,
        }
    }
}

/// Clusters get no longer than this, in milliseconds: so much is lost if the program is killed.
const CLUSTER: i64 = 1000;

/// What a track holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Opus.
    Sound,
    /// VP8 or VP9, with width and height.
    Pictures(CodecKind, (u32, u32)),
}

/// A frame with its place in the file.
pub(crate) struct Block {
    /// Of the tracks, counted from 0.
    pub(crate) track: usize,
    /// In milliseconds from the start.
    pub(crate) at: i64,
    pub(crate) key: bool,
    pub(crate) data: bytes::Bytes,
}

/// A file that grows by clusters.
pub(crate) struct Webm {
    tags: TagWriter<File>,
    tracks: Vec<Content>,
    /// Where the duration stands, to be written last.
    duration_at: u64,
    /// The end of the last frame, in milliseconds.
    end: i64,
    cluster: Vec<Block>,
}

impl Webm {
    /// Begins a file of these tracks.
    pub(crate) fn create(path: &Path, tracks: Vec<Content>) -> Fallible<Self> {
        let mut tags = TagWriter::new(File::create(path)?);
        tags.write(&Tag::Ebml(Master::Full(vec![
            Tag::DocType("webm".into()),
            Tag::DocTypeVersion(4),
            Tag::DocTypeReadVersion(2),
        ])))?;
        // Of unknown size, as of a live stream: a file that is cut off is one all the same.
        tags.write_advanced(&Tag::Segment(Master::Start), WriteOptions::is_unknown_sized_element())?;
        let name = || concat!("antiphon ", env!("CARGO_PKG_VERSION")).to_owned();
        tags.write(&Tag::Info(Master::Full(vec![
            Tag::TimestampScale(1_000_000),
            Tag::MuxingApp(name()),
            Tag::WritingApp(name()),
            Tag::Duration(0.0),
        ])))?;
        let duration_at = tags.get_mut().stream_position()? - 8;
        let entries = (1..).zip(&tracks).map(|(number, content)| content.entry(number)).collect();
        tags.write(&Tag::Tracks(Master::Full(entries)))?;
        Ok(Self { tags, tracks, duration_at, end: 0, cluster: Vec::new() })
    }

    /// Adds a frame. Frames of one track come in order, those of different tracks nearly so.
    pub(crate) fn write(&mut self, block: Block) -> Fallible<()> {
        let first = self.cluster.first().map_or(block.at, |first| first.at);
        let pictures = matches!(self.tracks.get(block.track), Some(Content::Pictures(..)));
        // A cluster that begins with a key frame is where a player can jump to.
        if block.at - first >= CLUSTER || (pictures && block.key) {
            self.flush()?;
        }
        self.end = self.end.max(block.at + if pictures { 33 } else { 20 });
        self.cluster.push(block);
        Ok(())
    }

    /// Writes the last cluster and the duration.
    pub(crate) fn finish(mut self) -> Fallible<()> {
        self.flush()?;
        let end = i32::try_from(self.end)?;
        let mut file = self.tags.into_inner()?;
        file.seek(SeekFrom::Start(self.duration_at))?;
        file.write_all(&f64::from(end).to_be_bytes())?;
        Ok(file.sync_all()?)
    }

    fn flush(&mut self) -> Fallible<()> {
        let mut blocks = std::mem::take(&mut self.cluster);
        blocks.sort_by_key(|block| block.at);
        let Some(start) = blocks.first().map(|block| block.at) else { return Ok(()) };
        let mut tags = vec![Tag::Timestamp(u64::try_from(start)?)];
        for block in blocks {
            // Track, time after the cluster's, flags: a block without lacing (RFC 9559 §10.2).
            let mut data = vec![0x80 | u8::try_from(block.track + 1)?];
            data.extend(i16::try_from(block.at - start)?.to_be_bytes());
            data.push(if block.key { 0x80 } else { 0 });
            data.extend(&block.data);
            tags.push(Tag::SimpleBlock(data));
        }
        Ok(self.tags.write(&Tag::Cluster(Master::Full(tags)))?)
    }
}

impl Content {
    fn entry(self, number: u64) -> Tag {
        let mut tags = vec![Tag::TrackNumber(number), Tag::TrackUID(number), Tag::FlagLacing(0)];
        match self {
            Self::Sound => tags.extend([
                Tag::TrackType(2),
                Tag::CodecID("A_OPUS".into()),
                // Version, two channels, nothing to skip, 48 000 Hz, no gain, one stream (RFC 7845 §5.1).
                Tag::CodecPrivate(b"OpusHead\x01\x02\x00\x00\x80\xbb\x00\x00\x00\x00\x00".to_vec()),
                Tag::SeekPreRoll(80_000_000),
                Tag::Audio(Master::Full(vec![Tag::SamplingFrequency(48_000.0), Tag::Channels(2)])),
            ]),
            Self::Pictures(codec, (width, height)) => tags.extend([
                Tag::TrackType(1),
                Tag::CodecID(if codec == CodecKind::Vp9 { "V_VP9" } else { "V_VP8" }.into()),
                Tag::Video(Master::Full(vec![
                    Tag::PixelWidth(width.into()),
                    Tag::PixelHeight(height.into()),
                ])),
            ]),
        }
        Tag::TrackEntry(Master::Full(tags))
    }
}
