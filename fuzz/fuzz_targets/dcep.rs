//! The data channels' own protocol: what is read means the same when it is written.
#![no_main]

use antiphon::wire::dcep::DcepMessage;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match DcepMessage::parse(data) {
        Ok(DcepMessage::Open(open)) => {
            assert!(open.len() <= data.len());
            assert_eq!(DcepMessage::parse(&open.to_vec()), Ok(DcepMessage::Open(open)));
        }
        Ok(DcepMessage::Ack) => {}
        Err(error) => drop(error.to_string()),
    }
});
