//! RED payloads: what is read can be written, and is read again the same; blocks are no longer than what carries them.
#![no_main]

use antiphon::base::limits;
use antiphon::base::writer::Writer;
use antiphon::codec::red::{Block, Blocks, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let blocks: Vec<Block<'_>> = match Blocks::parse(data) {
        Ok(blocks) => blocks.collect(),
        Err(error) => return drop(error.to_string()),
    };
    assert!(blocks.len() <= limits::CODEC_RED_BLOCKS);
    assert!(blocks.iter().map(|block| block.data.len()).sum::<usize>() < data.len());
    let (primary, redundant) = blocks.split_last().expect("there is a primary block");
    let mut buf = vec![0; data.len()];
    let mut writer = Writer::new(&mut buf);
    write(&mut writer, redundant, *primary).expect("it is as long as it was");
    assert_eq!(writer.written(), data);
});
