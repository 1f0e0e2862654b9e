//! Every class of a failure stands in docs/messages.md with its exit statuses, and nothing else does.
//!
//! A class is a literal where a [`Failure`](sops_tools::report::Failure) is made, with a status of ours or of sops, so the source is what knows them all. Where it
//! is not a literal, this scan knows the few forms that are used and fails on any other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use restore::objects::ErrorKind;
use sops_tools::report::{ExitStatus, SopsExit};

/// Exit statuses of a class. `open` = some place takes the status from a value that the source does not show.
#[derive(Debug, Default)]
struct Statuses {
    known: BTreeSet<u8>,
    open: bool,
}

type Classes = BTreeMap<String, Statuses>;

const STATUSES: [ExitStatus; 7] = [
    ExitStatus::Unexpected,
    ExitStatus::Usage,
    ExitStatus::Refused,
    ExitStatus::Absent,
    ExitStatus::Unavailable,
    ExitStatus::Integrity,
    ExitStatus::TimedOut,
];

/// The kinds of a store's error; one that is missing here is still found by name.
const KINDS: [ErrorKind; 8] = [
    ErrorKind::Absent,
    ErrorKind::Conflict,
    ErrorKind::Denied,
    ErrorKind::Unavailable,
    ErrorKind::Corrupt,
    ErrorKind::TooLarge,
    ErrorKind::Settings,
    ErrorKind::NotSupported,
];

/// Forms of a class that is no literal: bound by a tuple or a closure of the same file, or by the two functions named `class`.
const NO_LITERAL: [&str; 4] = ["class", "refusal.class()", "kind.class()", "error.kind.class()"];

#[test]
fn every_class_of_a_failure_is_documented_with_its_exit_statuses_and_nothing_else_is() {
    let found = in_the_source();
    assert!(found.len() > 60, "the scan has lost its way: {found:?}");
    let documented = in_the_page();
    let names = |classes: Vec<&String>| classes.into_iter().cloned().collect::<BTreeSet<_>>();
    let (code, page) = (names(found.keys().collect()), names(documented.keys().collect()));
    let missing: Vec<&String> = code.difference(&page).collect();
    let stale: Vec<&String> = page.difference(&code).collect();
    assert!(missing.is_empty() && stale.is_empty(), "not in docs/messages.md: {missing:?}; in no source: {stale:?}");
    for (class, statuses) in &found {
        let written = &documented[class];
        let fits = if statuses.open { written.is_superset(&statuses.known) } else { *written == statuses.known };
        assert!(fits, "{class}: docs/messages.md says {written:?}, the source {statuses:?}");
    }
}

#[test]
fn the_scan_sees_each_form_and_refuses_one_it_does_not_know() {
    let mut classes = Classes::new();
    scan(
        r#"
        Failure::new(ExitStatus::Refused, "plain", format!("{x}, {y}"));
        let (status, class) = match it { A => (ExitStatus::Absent, "tuple"), };
        (if late { ExitStatus::TimedOut } else { ExitStatus::Unavailable }, "either", "hint")
        let usage = |class, problem: &str| Failure::new(ExitStatus::Usage, class, problem);
        usage("by-closure", "x");
        Failure::new(report.status(), "unknown-status", "x");
        Failure::sops(SopsExit::MacMismatch, "of-sops", "x");
        Failure::sops(error.exit(), "open-of-sops", "x");
        "#,
        &mut classes,
    )
    .expect("forms that are known");
    let seen: Vec<String> =
        classes.iter().map(|(class, statuses)| format!("{class} {:?} {}", statuses.known, statuses.open)).collect();
    let wanted = [
        "by-closure {2} false",
        "either {5, 7} false",
        "of-sops {51} false",
        "open-of-sops {} true",
        "plain {3} false",
        "tuple {4} false",
        "unknown-status {} true",
    ];
    assert_eq!(seen, wanted);
    assert!(scan("Failure::new(status, words[0], \"x\")", &mut classes).is_err());
}

/// The table of the page.
fn in_the_page() -> BTreeMap<String, BTreeSet<u8>> {
    let page = super::page("messages.md");
    let (_, rest) = page.split_once("<!-- classes -->\n").expect("the table of classes");
    let table = rest.split_once("<!-- end -->").expect("the table's end").0;
    let rows: Vec<Vec<&str>> =
        table.lines().skip(2).map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect();
    let name = |row: &[&str]| row[0].trim_matches('`').to_owned();
    assert!(rows.is_sorted_by(|a, b| name(a) < name(b)), "in alphabetical order, each once");
    rows.iter()
        .map(|row| {
            let [class, statuses, meaning] = row[..] else { panic!("three columns: {row:?}") };
            assert!(!meaning.is_empty(), "{class}: one line");
            let statuses = statuses.split(", ").map(|one| one.parse().expect("a number")).collect();
            (class.trim_matches('`').to_owned(), statuses)
        })
        .collect()
}

fn in_the_source() -> Classes {
    let mut classes = Classes::new();
    for folder in ["unsealer/src", "restore/src", "sops-tools/src"] {
        visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder), &mut classes);
    }
    for kind in KINDS {
        note(&mut classes, kind.class(), Some(kind.exit_status().code()));
    }
    classes
}

fn visit(path: &Path, classes: &mut Classes) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if path.is_dir() {
        let entries = std::fs::read_dir(path).expect("a folder of the source");
        entries.filter(|_| name != "tests").for_each(|entry| visit(&entry.expect("an entry").path(), classes));
    } else if path.extension().is_some_and(|end| end == "rs") && !["tests.rs", "testing.rs"].contains(&name.as_str()) {
        let text = std::fs::read_to_string(path).expect("a source file");
        let code = text.rsplit_once("#[cfg(test)]\nmod tests").map_or(text.as_str(), |(code, _)| code);
        scan(code, classes).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    }
}

fn note(classes: &mut Classes, class: &str, status: Option<u8>) {
    let statuses = classes.entry(class.to_owned()).or_default();
    statuses.known.extend(status);
    statuses.open |= status.is_none();
}

fn scan(code: &str, classes: &mut Classes) -> Result<(), String> {
    // `ExitStatus::X, "class"`, in a call or in a tuple.
    for (at, class) in literals(code) {
        let before = code[..at].trim_end();
        let Some(before) = before.strip_suffix(',').map(str::trim_end) else { continue };
        for status in statuses_at_the_end(before) {
            note(classes, class, Some(status));
        }
    }
    for call in calls(code, "Failure::new(").chain(calls(code, "Failure::sops(")) {
        let (status, rest) = call.split_once(',').ok_or("a failure without a class")?;
        let class = rest.trim_start();
        match literals(class).next().filter(|(at, _)| *at == 0) {
            Some((_, class)) if !status.contains("ExitStatus::") && !status.contains("SopsExit::") => {
                note(classes, class, None);
            }
            Some(_) => {}
            None => {
                let form = class.split(',').next().unwrap_or_default().trim();
                if !NO_LITERAL.contains(&form) {
                    return Err(format!("a class in a form that this scan does not know: {form}"));
                }
            }
        }
    }
    for (name, status) in closures(code) {
        for call in calls(code, &format!("{name}(")) {
            if let Some((_, class)) = literals(call.trim_start()).next().filter(|(at, _)| *at == 0) {
                note(classes, class, Some(status));
            }
        }
    }
    // The reasons for which nothing is written are all refusals.
    for (of, status) in [("impl Refusal {", Some(ExitStatus::Refused.code())), ("impl ErrorKind {", None)] {
        if let Some((_, arms)) = code.split_once(of).and_then(|(_, code)| code.split_once("fn class(")) {
            let arms = arms.split_once("\n    }").map_or(arms, |(arms, _)| arms);
            literals(arms).for_each(|(_, class)| note(classes, class, status));
        }
    }
    Ok(())
}

/// What follows each `name` up to the end of the file.
fn calls<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(name).map(move |(at, _)| &code[at + name.len()..])
}

/// String literals that have the form of a class, and where each begins.
fn literals(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.match_indices('"').filter_map(|(at, _)| {
        let text = code[at + 1..].split('"').next()?;
        let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        (plain && !text.is_empty()).then_some((at, text))
    })
}

/// `let usage = |class, …| Failure::new(ExitStatus::Usage, class, …)`: its name and status.
fn closures(code: &str) -> Vec<(String, u8)> {
    let found = code.match_indices("|class").filter_map(|(at, _)| {
        let name = code[..at].rsplit_once("let ")?.1.split(' ').next()?;
        Some((name.to_owned(), first_status(&code[at..])?))
    });
    found.collect()
}

fn first_status(code: &str) -> Option<u8> {
    let word = code.split_once("ExitStatus::")?.1.split(|end: char| !end.is_alphanumeric()).next()?;
    STATUSES.into_iter().find(|status| format!("{status:?}") == word).map(ExitStatus::code)
}

/// The status, or both of an `if`, that `code` ends with.
fn statuses_at_the_end(code: &str) -> Vec<u8> {
    // Where it begins, and what it is.
    let one = |code: &str| {
        if let Some((before, word)) = code.rsplit_once("SopsExit::")
            && let Some((status, _)) = SopsExit::ALL.into_iter().find(|(status, _)| format!("{status:?}") == word)
        {
            return Some((before.len(), status.code()));
        }
        let (before, word) = code.rsplit_once("ExitStatus::")?;
        let status = STATUSES.into_iter().find(|status| format!("{status:?}") == word)?;
        Some((before.len(), status.code()))
    };
    let plain = code.trim_end_matches([' ', '}']);
    let Some((at, last)) = one(plain) else { return Vec::new() };
    if plain.len() == code.len() {
        return vec![last];
    }
    let first = code[..at].trim_end().strip_suffix('{').map(str::trim_end).and_then(|code| code.strip_suffix("else"));
    let first = first.map(|code| code.trim_end_matches([' ', '}'])).and_then(one);
    first.map(|(_, status)| status).into_iter().chain([last]).collect()
}
