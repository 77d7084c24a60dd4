//! The records of one datagram: they stand in order, none reaches beyond it, and each header can be written again.
#![no_main]

use antiphon::base::writer::Writer;
use antiphon::wire::dtls::alert::Alert;
use antiphon::wire::dtls::record::{Records, write_header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut records = Records::new(data);
    let mut seen = 0;
    while let Some(record) = records.next() {
        let start = record.whole.as_ptr().addr() - data.as_ptr().addr();
        // Only records of an unknown type are passed over.
        assert!(start == seen || (start > seen && records.unknown() > 0));
        assert_eq!(record.whole, &data[start..start + record.whole.len()]);
        assert!(record.whole.ends_with(record.fragment));
        seen = start + record.whole.len();
        let mut header = [0; 13];
        let mut writer = Writer::new(&mut header);
        let number = (record.epoch, record.sequence);
        write_header(&mut writer, record.content_type, record.version, number, record.fragment.len())
            .expect("it was read from such a header");
        assert!(record.whole.starts_with(&header));
        let _alert = Alert::parse(record.fragment);
    }
    assert!(records.unknown() > 0 || records.is_empty() == (seen == data.len()));
});
