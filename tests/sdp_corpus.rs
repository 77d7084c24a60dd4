//! Descriptions that deployed endpoints, browsers' test suites and RFC 9429 hold: read, written, and read again.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails where it stands, and says what it skips"
)]

use std::fs;
use std::path::{Path, PathBuf};

use antiphon::sdp::{MediaKind, ParseErrorKind, Session};

/// Where the published vectors stand; `None`, and a word about it, where they are not to be had.
fn shared() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test may ask where its vectors are")]
    let found = std::env::var("ANTIPHON_SHARED").ok().map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: ANTIPHON_SHARED is not set");
    }
    found
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "sdp") {
            found.push(path);
        }
    }
    found
}

/// Reads, writes and reads again; returns the value.
fn stable(name: &str, text: &str) -> Session {
    let first: Session = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
    let written = first.to_string();
    let second: Session =
        written.parse().unwrap_or_else(|error| panic!("{name}, written: {error}\n{written}"));
    assert_eq!(first, second, "{name}");
    assert_eq!(written, second.to_string(), "{name}");
    first
}

/// Whether the file is known to be broken, and then where.
fn verdict(path: &Path) -> Option<(usize, ParseErrorKind)> {
    let text = path.to_string_lossy();
    let broken: &[(&str, usize, ParseErrorKind)] = &[
        ("sdp-transform/invalid.sdp", 7, ParseErrorKind::MalformedAttribute("rtcp")),
        // No clock rate (RFC 8866 §6.6), and a mid that is no token (RFC 5888 §4).
        ("sdp-transform/alac.sdp", 7, ParseErrorKind::MalformedAttribute("rtpmap")),
        ("sdp-transform/st2110-20.sdp", 23, ParseErrorKind::MalformedAttribute("mid")),
        // Passwords of nine characters (RFC 8839 §5.4).
        ("sdp-corpus/unittest-1.sdp", 16, ParseErrorKind::MalformedAttribute("ice-pwd")),
        ("sdp-corpus/unittest-2.sdp", 10, ParseErrorKind::MalformedAttribute("ice-pwd")),
        // Sections without a session.
        ("sdp-corpus/unittest-3.sdp", 1, ParseErrorKind::MissingLine('v')),
        ("sdp-corpus/unittest-6.sdp", 1, ParseErrorKind::MissingLine('v')),
    ];
    broken.iter().find(|(end, ..)| text.ends_with(end)).map(|(_, line, kind)| (*line, *kind))
}

fn check(directory: &str, at_least: usize) {
    let Some(shared) = shared() else { return };
    let files = files_below(&shared.join(directory));
    assert!(files.len() >= at_least, "{} files", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let bytes = fs::read(&path).unwrap();
        // One collection has comments before the description, which its own reader takes away.
        let text = String::from_utf8_lossy(&bytes);
        let text: String = text.split_inclusive('\n').filter(|line| !line.starts_with(';')).collect();
        let name = path.display().to_string();
        match (verdict(&path), text.parse::<Session>()) {
            (None, Ok(_)) => drop(stable(&name, &text)),
            (Some((line, kind)), Err(error)) => assert_eq!((error.line, error.kind), (line, kind), "{name}"),
            (Some(_), Ok(_)) => wrong.push(format!("{name}: read, though it is broken")),
            (None, Err(error)) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn published_vectors_are_read_and_written() {
    check("vectors/sdp", 60);
}

#[test]
fn deployed_endpoints_are_read_and_written() {
    check("interop/sdp-corpus", 60);
}

/// The examples of RFC 9429 §7 as the draft's source has them: folded, and with blank lines for the reader.
fn unfold(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut() {
            Some(last) if line.starts_with(' ') => {
                if !last.ends_with([':', '/', '-']) {
                    last.push(' ');
                }
                last.push_str(line.trim());
            }
            _ => lines.push(line.into()),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\r\n") + "\r\n"
}

#[test]
fn jsep_examples_are_read_and_written() {
    let Some(shared) = shared() else { return };
    let json = fs::read(shared.join("vectors/sdp/jsep_examples.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let mut read = 0;
    for example in json["examples"].as_array().unwrap() {
        let text = unfold(example["text"].as_str().unwrap());
        if !text.starts_with("v=0") {
            continue;
        }
        let session = stable(&format!("line {}", example["line"]), &text);
        for media in &session.media {
            assert!(media.kind != MediaKind::Application || media.is_data());
        }
        read += 1;
    }
    assert!(read >= 8, "{read}");
}

/// Every complete description in the two collections of other projects' tests.
#[test]
fn collected_descriptions_are_stable_where_they_parse() {
    let Some(shared) = shared() else { return };
    for (file, at_least) in [("pion_webrtc_sdp.json", 5), ("firefox_mochitest_sdp.json", 3)] {
        let json = fs::read(shared.join("vectors/sdp").join(file)).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let (mut read, mut refused) = (0, Vec::new());
        for (name, entries) in json["files"].as_object().unwrap() {
            for entry in entries.as_array().unwrap().iter().filter(|entry| entry["complete"] == true) {
                let text = entry["sdp"].as_str().unwrap();
                let name = format!("{name}:{}", entry["line"]);
                match text.parse::<Session>() {
                    Ok(_) => {
                        stable(&name, text);
                        read += 1;
                    }
                    Err(error) => refused.push(format!("{name}: {error}")),
                }
            }
        }
        assert!(read >= at_least, "{file}: {read} read; {}", refused.join("; "));
        eprintln!("{file}: {read} read, {} refused: {refused:#?}", refused.len());
    }
}

/// Descriptions with bytes changed, lines doubled, lost and swapped: refused with a place, or read and then stable.
#[test]
fn mangled_descriptions_are_refused_or_stable() {
    let Some(shared) = shared() else { return };
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(bound.max(1)).unwrap()).unwrap()
    };
    let alphabet: Vec<char> = "\0\r\n :=/;,*~-0a{\u{fc}\u{2028}\t".chars().collect();
    let (mut read, mut refused) = (0, 0);
    for path in files_below(&shared.join("interop/sdp-corpus")) {
        let text = fs::read_to_string(&path).unwrap();
        for _ in 0..60 {
            let mut lines: Vec<String> = text.lines().map(Into::into).collect();
            for _ in 0..=next(3) {
                let (from, to) = (next(lines.len()), next(lines.len()));
                match next(4) {
                    0 => lines.swap(from, to),
                    1 => lines.insert(to, lines[from].clone()),
                    2 => drop(lines.remove(from)),
                    _ => {
                        let mut characters: Vec<char> = lines[from].chars().collect();
                        let at = next(characters.len());
                        let new = alphabet[next(alphabet.len())];
                        match characters.get_mut(at) {
                            Some(old) => *old = new,
                            None => characters.push(new),
                        }
                        lines[from] = characters.into_iter().collect();
                    }
                }
            }
            let mangled = lines.join("\n");
            match mangled.parse::<Session>() {
                Ok(_) => {
                    stable(&path.display().to_string(), &mangled);
                    read += 1;
                }
                Err(error) => {
                    let lines = mangled.split('\n').count();
                    assert!((1..=lines).contains(&error.line), "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(read > 500 && refused > 500, "{read} read, {refused} refused");
}
