//! `docs/wpt.md` against the list of the web platform's tests, against our tests, and against its own reasons.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed, and says what it skips"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Why a title has no test of ours.
const REASONS: [&str; 4] = ["browser", "codec", "not yet", "by choice"];

/// One row of a table.
struct Row {
    file: String,
    title: String,
    shown_by: String,
    note: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A cell without the quotes of code, and with the bars it may hold.
fn cell(text: &str) -> String {
    text.trim().trim_matches('`').replace("\\|", "|")
}

/// The rows of the page: those of each file stand under its name.
fn rows() -> Vec<Row> {
    let page = read("docs/wpt.md");
    let (mut rows, mut file) = (Vec::new(), None);
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            file = Some(name.to_owned());
        }
        let Some(file) = &file else { continue };
        if !line.starts_with('|') || line.starts_with("|---") || line.starts_with("| title |") {
            continue;
        }
        // A bar within a cell is escaped; no other character is of meaning here.
        let marked = line.replace("\\|", "\u{1}");
        let cells: Vec<String> = marked.split('|').map(|text| text.replace('\u{1}', "\\|")).collect();
        assert_eq!(cells.len(), 5, "three cells: {line}");
        let note = cells[3].trim().to_owned();
        rows.push(Row { file: file.clone(), title: cell(&cells[1]), shown_by: cell(&cells[2]), note });
    }
    rows
}

/// Whether `name` is a test in the text of a file.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let declared = format!("fn {name}()");
    let found = lines.iter().position(|line| line.starts_with(&declared));
    found.is_some_and(|at| {
        lines[..at]
            .iter()
            .rev()
            .take_while(|line| !line.is_empty() && **line != "}")
            .any(|line| *line == "#[test]")
    })
}

#[test]
fn every_row_names_a_test_that_there_is_or_one_of_four_reasons() {
    let rows = rows();
    assert!(!rows.is_empty());
    let missing = read("docs/not-supported.md");
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in &rows {
        let at = format!("{}: {}", row.file, row.title);
        if let Some((file, name)) = row.shown_by.split_once("::") {
            let text = texts.entry(file.to_owned()).or_insert_with(|| read(file));
            if !is_test(text, name) {
                wrong.push(format!("{at}: no test {name} in {file}"));
            }
            continue;
        }
        if !REASONS.contains(&row.shown_by.as_str()) {
            wrong.push(format!("{at}: {} is no reason", row.shown_by));
        }
        let told = match row.shown_by.as_str() {
            "not yet" => !row.note.is_empty() && missing.contains(&row.note),
            "by choice" => !row.note.is_empty(),
            _ => true,
        };
        if !told {
            wrong.push(format!("{at}: why?"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_says_how_many_rows_each_reason_has() {
    let rows = rows();
    let page = read("docs/wpt.md");
    for reason in REASONS {
        let count = rows.iter().filter(|row| row.shown_by == reason).count();
        let line = page.lines().find(|line| line.starts_with(&format!("| `{reason}` |"))).unwrap();
        assert!(line.ends_with(&format!("| {count} |")), "{count} rows: {line}");
    }
    let tests = rows.iter().filter(|row| row.shown_by.contains("::")).count();
    assert!(page.contains(&format!("{tests} rows name a test.")), "{tests} do");
    assert!(page.contains(&format!("{} titles", rows.len())), "there are {}", rows.len());
}

/// Where the list stands; `None`, and a word about it, where it is not to be had.
#[expect(clippy::disallowed_methods, reason = "a test may ask where its vectors are")]
fn list() -> Option<PathBuf> {
    let found = std::env::var("ANTIPHON_SHARED").ok().map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: ANTIPHON_SHARED is not set, so there is no list to hold the table to");
    }
    found.map(|root| root.join("vectors/wpt/wpt_webrtc_index.json"))
}

#[test]
fn every_title_of_the_list_has_one_row() {
    let Some(path) = list() else { return };
    let list: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    // How often a title is listed, less how often it has a row: some are listed more than once, shortened to the same text.
    let mut open: BTreeMap<(String, String), i32> = BTreeMap::new();
    let mut listed = 0;
    for test in list["tests"].as_array().unwrap() {
        for title in test["titles"].as_array().unwrap() {
            let key = (test["file"].as_str().unwrap().to_owned(), title.as_str().unwrap().trim().to_owned());
            *open.entry(key).or_default() += 1;
            listed += 1;
        }
    }
    assert!(listed > 600, "{listed} titles");
    for row in rows() {
        *open.entry((row.file, row.title)).or_default() -= 1;
    }
    let wrong: Vec<_> = open.iter().filter(|(_, count)| **count != 0).collect();
    assert!(wrong.is_empty(), "rows missing (above 0) or without a title (below): {wrong:#?}");
}

/// All Rust text under a folder.
fn source(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

/// Whether a name of ours is there: a type, a method of one, a variant or a field.
fn is_ours(text: &str, name: &str) -> bool {
    let word = |name: &str| {
        let boundary = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        text.match_indices(name).any(|(at, _)| {
            let (before, after) = text.split_at(at);
            boundary(before.chars().next_back()) && boundary(after.chars().nth(name.chars().count()))
        })
    };
    match name.rsplit_once("::") {
        Some((of, item)) => {
            let item_is_there = if item.starts_with(char::is_lowercase) {
                word(&format!("fn {item}")) || word(&format!("pub {item}")) || word(&format!("mod {item}"))
            } else {
                word(item)
            };
            word(of.rsplit("::").next().unwrap()) && item_is_there
        }
        None => {
            ["struct ", "enum ", "mod ", "pub "].iter().any(|kind| word(&format!("{kind}{name}")))
                || text.contains(&format!(" as {name}"))
        }
    }
}

#[test]
fn every_name_of_ours_on_the_page_of_the_api_is_in_the_source() {
    let mut text = String::new();
    source(&root().join("src"), &mut text);
    let page = read("docs/webrtc-api.md");
    let mut wrong = Vec::new();
    let mut looked_up = 0;
    for line in page.lines().filter(|line| line.starts_with('|')) {
        let Some(ours) = line.split('|').nth(2) else { continue };
        for name in ours.split('`').skip(1).step_by(2) {
            looked_up += 1;
            if !is_ours(&text, name) {
                wrong.push(name.to_owned());
            }
        }
    }
    assert!(looked_up > 120, "{looked_up} names");
    assert!(wrong.is_empty(), "{wrong:?}");
    // What the W3C offers is not made up either: its own names are never ours.
    assert!(!is_ours(&text, "PeerConnection::no_such_method") && !is_ours(&text, "NoSuchType"));
}
