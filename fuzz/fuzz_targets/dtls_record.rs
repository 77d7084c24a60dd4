//! The records of one datagram: none reaches beyond it, and the header can be written again.
#![no_main]

use antiphon::base::writer::Writer;
use antiphon::wire::dtls::alert::Alert;
use antiphon::wire::dtls::record::{Records, write_header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut records = Records::new(data);
    let mut seen = 0;
    for record in records.by_ref() {
        assert_eq!(record.whole, &data[seen..seen + record.whole.len()]);
        assert!(record.whole.ends_with(record.fragment));
        seen += record.whole.len();
        let mut header = [0; 13];
        let mut writer = Writer::new(&mut header);
        let number = (record.epoch, record.sequence);
        write_header(&mut writer, record.content_type, record.version, number, record.fragment.len())
            .expect("it was read from such a header");
        assert!(record.whole.starts_with(&header));
        let _alert = Alert::parse(record.fragment);
    }
    assert_eq!(records.is_empty(), seen == data.len());
});
