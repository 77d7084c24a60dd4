//! The house rules that a compiler does not know: floors, banned names, reasons beside notes, no machine's paths.
//!
//! It reads the source as text. Comments and strings are blanked first, so that prose may name what code may not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors of `docs/architecture.md`, lowest first. A module imports from lower floors and from itself.
const FLOORS: &[(u8, &[&str])] = &[
    (0, &["base", "machine", "time", "rng", "net", "log"]),
    (1, &["crypto"]),
    (2, &["stun", "wire", "codec", "sdp"]),
    (3, &["turn", "dtls", "sctp", "srtp", "cc"]),
    (4, &["ice", "data", "rtp"]),
    (5, &["peer"]),
    (6, &["sim"]),
];

/// What no file of `src` says, with the one place that may. A name matches whole path segments only.
const BANNED: &[(&str, &str, &str)] = &[
    ("std::time", "src/time.rs", "time enters through `now`; durations are `core::time::Duration`"),
    ("UdpSocket", "", "the caller owns the sockets"),
    ("TcpStream", "", "the caller owns the sockets"),
    ("TcpListener", "", "the caller owns the sockets"),
    ("std::thread", "", "the crate starts no thread"),
    ("HashMap", "", "its order differs from run to run"),
    ("HashSet", "", "its order differs from run to run"),
    ("RefCell", "", "machines own their state"),
    ("Rc", "", "every type is `Send`"),
    ("Mutex", "", "the crate takes no lock"),
    ("RwLock", "", "the crate takes no lock"),
    ("env::var", "", "configuration is a value"),
    ("powf", "", "the mathematics library differs by platform"),
    ("exp", "", "the mathematics library differs by platform"),
    ("ln", "", "the mathematics library differs by platform"),
    ("cbrt", "", "the mathematics library differs by platform"),
    ("openssl", "src/crypto/", "floor 1 is the only one that names OpenSSL"),
];

/// Names that are banned as calls of a method only: as words of their own they are harmless.
const METHODS: &[&str] = &["powf", "exp", "ln", "cbrt"];

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(_, modules)| modules.contains(&module)).map(|(floor, _)| *floor)
}

/// `src/dtls/v12/client.rs` is of `dtls`, `src/time.rs` of `time`.
fn module_of(file: &str) -> &str {
    let inner = file.strip_prefix("src/").unwrap_or(file);
    inner.split('/').next().map_or(inner, |first| first.strip_suffix(".rs").unwrap_or(first))
}

/// The source with comments, strings and character literals blanked; line numbers stay.
fn code_of(text: &str) -> String {
    let bytes = text.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    let mut out = String::with_capacity(text.len());
    let mut index = 0;
    while index < bytes.len() {
        let end = match (at(index), at(index + 1)) {
            (b'/', b'/') => find(bytes, index, b"\n"),
            (b'/', b'*') => end_of_block_comment(bytes, index),
            (b'"', _) => end_of_string(bytes, index + 1),
            (b'r', b'"' | b'#') if !is_word(at(index.wrapping_sub(1))) => end_of_raw_string(bytes, index),
            (b'\'', b'\\') => find(bytes, index + 3, b"'") + 1,
            (b'\'', _) => end_of_char(text, index),
            _ => index,
        };
        if end == index {
            out.push(char::from(at(index)));
            index += 1;
            continue;
        }
        let end = end.min(bytes.len());
        out.extend(bytes.iter().take(end).skip(index).map(|byte| if *byte == b'\n' { '\n' } else { ' ' }));
        index = end;
    }
    out
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.windows(what.len()).position(|window| window == what).map_or(bytes.len(), |offset| from + offset)
}

fn end_of_block_comment(bytes: &[u8], from: usize) -> usize {
    let (mut depth, mut index) = (1, from + 2);
    while depth > 0 && index < bytes.len() {
        let rest = bytes.get(index..).unwrap_or_default();
        let step = if rest.starts_with(b"/*") {
            depth += 1;
            2
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            2
        } else {
            1
        };
        index += step;
    }
    index
}

fn end_of_string(bytes: &[u8], mut index: usize) -> usize {
    while let Some(byte) = bytes.get(index) {
        match byte {
            b'\\' => index += 2,
            b'"' => return index + 1,
            _ => index += 1,
        }
    }
    bytes.len()
}

/// `r#"..."#` with any number of hashes; `r#type` is a name and no string.
fn end_of_raw_string(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from + 1..).unwrap_or_default();
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    if rest.get(hashes) != Some(&b'"') {
        return from;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    find(bytes, from + hashes + 2, &close) + close.len()
}

/// `'x'` is a literal, `'a` a lifetime.
fn end_of_char(text: &str, from: usize) -> usize {
    let mut rest = text.get(from + 1..).unwrap_or_default().char_indices();
    match (rest.next(), rest.next()) {
        (Some(_), Some((offset, '\''))) => from + 1 + offset + 1,
        _ => from,
    }
}

/// Every path the code names with `::`, use trees flattened: `(line, path)`.
fn paths_of(code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    let mut prefixes: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut line = 1;
    let mut in_use = false;
    for token in tokens(code) {
        match token {
            "\n" => line += 1,
            "use" => in_use = true,
            "::" => word.push_str("::"),
            "{" if in_use => prefixes.push(core::mem::take(&mut word)),
            _ if token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => {
                if !word.ends_with("::") && !word.is_empty() && word != "." {
                    paths.push((line, format!("{}{word}", prefixes.concat())));
                    word.clear();
                }
                word.push_str(token);
            }
            _ => {
                if !word.is_empty() {
                    paths.push((line, format!("{}{word}", prefixes.concat())));
                    word.clear();
                }
                match token {
                    "}" if in_use => drop(prefixes.pop()),
                    ";" => (in_use, prefixes) = (false, Vec::new()),
                    "." => word.push('.'),
                    _ => {}
                }
            }
        }
    }
    if !word.is_empty() {
        paths.push((line, word));
    }
    paths
}

/// Words, `::`, and single characters; blanks other than line ends are skipped.
fn tokens(code: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let len = if is_word(u8::try_from(first).unwrap_or(0)) {
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(len);
        if token == "\n" || !token.trim().is_empty() {
            out.push(token);
        }
        rest = after;
    }
    out
}

/// What `lib.rs` lifts to the root: name to module, so that `crate::Instant` counts as `crate::time`.
fn lifted(lib: &str) -> BTreeMap<String, String> {
    let code = code_of(lib);
    let paths = paths_of(&code);
    let pairs = paths.iter().filter_map(|(_, path)| {
        let (module, _) = path.split_once("::")?;
        let name = path.rsplit("::").next()?;
        floor(module).map(|_| (name.to_owned(), module.to_owned()))
    });
    pairs.collect()
}

/// What breaks a rule in one source file.
fn check_source(file: &str, text: &str, roots: &BTreeMap<String, String>) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//!") && !file.ends_with("_tests.rs") {
        faults.push(format!("{file}:1: the first line does not say the file's job (`//!`)"));
    }
    let code = code_of(text);
    let paths = paths_of(&code);
    for (line, path) in &paths {
        if let Some(fault) = check_floor(file, path, roots) {
            faults.push(format!("{file}:{line}: {fault}"));
        }
        for (name, place, reason) in BANNED {
            let spared = !place.is_empty() && file.starts_with(place);
            if !spared && names(path, name) {
                faults.push(format!("{file}:{line}: `{name}` is banned: {reason}"));
            }
        }
    }
    faults
}

fn check_floor(file: &str, path: &str, roots: &BTreeMap<String, String>) -> Option<String> {
    let first = path.strip_prefix("crate::")?.split("::").next()?;
    let module = module_of(file);
    if file == "src/lib.rs" {
        return None;
    }
    let Some(here) = floor(module) else { return Some(format!("`{module}` stands on no floor")) };
    let target = roots.get(first).map_or(first, String::as_str);
    match floor(target) {
        _ if target == module => None,
        Some(there) if there < here || there == 0 => None,
        Some(there) => Some(format!("`{module}` (floor {here}) imports `{target}` (floor {there})")),
        None => Some(format!("`crate::{first}` stands on no floor")),
    }
}

/// Whether `path` names `name` as whole segments; the arithmetic only as a method or a path's last part.
fn names(path: &str, name: &str) -> bool {
    let called = path.starts_with('.') || path.contains("::");
    if METHODS.contains(&name) && !called {
        return false;
    }
    let path = format!("::{}::", path.trim_start_matches('.'));
    path.contains(&format!("::{name}::"))
}

/// A note of things to do gives its reason in brackets, and its cousins are not used.
fn check_notes(file: &str, text: &str) -> Vec<String> {
    let todo = ["TO", "DO"].concat();
    let others = [["FIX", "ME"].concat(), ["XX", "X:"].concat()];
    let mut faults = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let reasoned = line.split_once(&todo).is_none_or(|(_, rest)| {
            rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).is_some_and(|(why, _)| why.len() > 3)
        });
        if !reasoned || others.iter().any(|other| line.contains(other)) {
            faults.push(format!("{file}:{}: a note without its reason in brackets", index + 1));
        }
    }
    faults
}

/// Directories of somebody's machine.
fn check_machine_paths(file: &str, bytes: &[u8]) -> Vec<String> {
    let places = ["work", "root", "home"].map(|name| format!("/{name}/"));
    let found = places.iter().filter(|place| find(bytes, 0, place.as_bytes()) < bytes.len());
    found.map(|place| format!("{file}: names the machine's directory {place}")).collect()
}

/// Every file below `dir` that belongs to the project, by its path from the top, in order.
fn tree(top: &Path, dir: &Path, out: &mut Vec<(String, PathBuf)>) {
    let entries = fs::read_dir(dir).expect("the project's directories are readable");
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    entries.sort();
    for path in entries {
        let name = path.strip_prefix(top).expect("below the top").to_string_lossy().into_owned();
        let last = name.rsplit('/').next().unwrap_or_default();
        if [".git", "target", "artifacts", "Cargo.lock"].contains(&last) {
            continue;
        }
        if path.is_dir() {
            tree(top, &path, out);
        } else {
            out.push((name, path));
        }
    }
}

fn project() -> Vec<(String, PathBuf)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    tree(top, top, &mut files);
    files
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn source_keeps_to_its_floors_and_names_nothing_banned() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let roots = lifted(&fs::read_to_string(top.join("src/lib.rs")).unwrap());
    let mut faults = Vec::new();
    let mut count = 0;
    for (name, path) in project() {
        if name.starts_with("src/") && path.extension().is_some_and(|extension| extension == "rs") {
            faults.extend(check_source(&name, &fs::read_to_string(&path).unwrap(), &roots));
            count += 1;
        }
    }
    assert!(count > 10, "only {count} source files were found");
    report(&faults);
}

#[test]
fn every_note_gives_its_reason() {
    let mut faults = Vec::new();
    for (name, path) in project() {
        if path.extension().is_some_and(|extension| extension == "rs") {
            faults.extend(check_notes(&name, &fs::read_to_string(&path).unwrap()));
        }
    }
    report(&faults);
}

#[test]
fn the_tree_names_no_directory_of_a_machine() {
    let mut faults = Vec::new();
    for (name, path) in project() {
        faults.extend(check_machine_paths(&name, &fs::read(&path).unwrap()));
    }
    report(&faults);
}

mod checker {
    use super::*;

    fn faults(file: &str, code: &str) -> Vec<String> {
        let roots = lifted("pub use time::{Instant, StdClock};\npub use peer::connection::PeerConnection;");
        check_source(file, &format!("//! Does one thing.\n{code}"), &roots)
    }

    #[test]
    fn importing_upwards_or_sideways_is_found() {
        assert_eq!(faults("src/dtls/connection.rs", "use crate::crypto::aead::AeadKey;").len(), 0);
        assert_eq!(faults("src/dtls/connection.rs", "use crate::dtls::epoch::Epoch;").len(), 0);
        assert_eq!(faults("src/dtls/connection.rs", "use crate::Instant;").len(), 0);
        let sideways = faults("src/dtls/connection.rs", "use crate::sctp::Association;");
        assert_eq!(sideways, ["src/dtls/connection.rs:2: `dtls` (floor 3) imports `sctp` (floor 3)"]);
        assert_eq!(faults("src/wire/dcep.rs", "\nuse crate::{base::reader::Reader, ice::Agent};").len(), 1);
        assert_eq!(
            faults("src/ice/agent.rs", "fn f() { crate::peer::connection::PeerConnection::new() }").len(),
            1
        );
        assert_eq!(faults("src/ice/agent.rs", "use crate::PeerConnection;").len(), 1);
        assert_eq!(faults("src/elsewhere/agent.rs", "use crate::time::Instant;").len(), 1);
        assert_eq!(faults("src/base/arena.rs", "use crate::time::Instant;").len(), 0);
    }

    #[test]
    fn banned_names_are_found_however_they_are_written() {
        let bad = [
            "use std::time::Duration;",
            "use std::{net::IpAddr, time::Duration};",
            "fn f() -> std::time::Instant { g() }",
            "use std::collections::{BTreeMap, HashMap};",
            "use std::net::UdpSocket as Socket;",
            "struct A { a: Rc<u8> }",
            "fn f(a: f64) -> f64 { a.powf(2.0) }",
            "fn f(a: f64) -> f64 { f64::ln(a) }",
            "use openssl::symm::Cipher;",
            "fn f() { std::thread::yield_now() }",
        ];
        for code in bad {
            assert_eq!(faults("src/ice/agent.rs", code).len(), 1, "{code}");
        }
        let good = [
            "use core::time::Duration;",
            "// HashMap would iterate in no order",
            "const A: &str = \"a HashMap, \\\" a RefCell\"; const B: &str = r#\"Mutex \" Rc\"#;",
            "fn f(exp: u32) -> u32 { exp + 1 }",
            "fn f<'a>(a: &'a str) -> char { 'M' }",
            "struct Src; struct Mutexes;",
        ];
        for code in good {
            assert_eq!(faults("src/ice/agent.rs", code), [""; 0], "{code}");
        }
        assert_eq!(faults("src/time.rs", "use std::time::Instant;").len(), 0);
        assert_eq!(faults("src/crypto/aead.rs", "use openssl::symm::Cipher;").len(), 0);
    }

    #[test]
    fn a_file_without_its_job_is_found() {
        assert_eq!(check_source("src/net.rs", "use core::fmt;\n", &BTreeMap::new()).len(), 1);
    }

    #[test]
    fn notes_without_a_reason_and_machine_paths_are_found() {
        let todo = ["TO", "DO"].concat();
        assert_eq!(check_notes("a.rs", &format!("// {todo}: later")).len(), 1);
        assert_eq!(check_notes("a.rs", &format!("// {todo}() later")).len(), 1);
        assert_eq!(check_notes("a.rs", &format!("// {todo}(RFC 9443 is a draft) later")).len(), 0);
        let place = ["", "home", "someone"].join("/");
        assert_eq!(check_machine_paths("a.md", format!("see {place}").as_bytes()).len(), 1);
        assert_eq!(check_machine_paths("a.md", b"see ./someone").len(), 0);
    }
}
