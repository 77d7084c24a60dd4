//! Candidate lines: what is read can be written, and read again the same.
#![no_main]

use antiphon::sdp::Candidate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(candidate) = text.parse::<Candidate>() {
        let written = candidate.to_string();
        assert_eq!(written.parse::<Candidate>().as_ref(), Ok(&candidate), "{written}");
        let _ = candidate.address.ip();
    }
});
