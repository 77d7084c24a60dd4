//! `docs/sctp-behaviours.md` names a test for each behaviour: the named tests exist.

use std::fs;
use std::path::Path;

const TABLE: &str = include_str!("../../docs/sctp-behaviours.md");

/// The tests of a row's last cell: file and function.
fn named(row: &str) -> Vec<(&str, &str)> {
    let cell = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
    cell.split('`').skip(1).step_by(2).map(|name| name.split_once("::").unwrap_or((name, ""))).collect()
}

#[test]
fn every_behaviour_has_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = TABLE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Behaviour"));
    let (mut behaviours, mut wrong) = (0, Vec::new());
    for row in rows {
        behaviours += 1;
        let tests = named(row);
        if tests.is_empty() {
            wrong.push(format!("no test: {row}"));
        }
        for (file, function) in tests {
            let text = fs::read_to_string(root.join(file)).unwrap_or_default();
            if function.is_empty() || !text.contains(&format!("fn {function}(")) {
                wrong.push(format!("{file} has no {function}"));
            }
        }
    }
    assert!(behaviours >= 100, "{behaviours} rows");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
