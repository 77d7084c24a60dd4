//! Session descriptions: what is read can be written, read again the same, and written again the same.
#![no_main]

use antiphon::sdp::Session;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match text.parse::<Session>() {
        Ok(session) => {
            let written = session.to_string();
            let again: Session = written.parse().expect("what we write, we read");
            assert_eq!(again, session, "{written}");
            assert_eq!(again.to_string(), written);
        }
        Err(error) => drop(error.to_string()),
    }
});
