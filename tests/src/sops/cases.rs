//! Many cases in one test: in parallel, and every difference in the report.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// At most so many differences are shown whole; all are counted.
const SHOWN: usize = 150;

/// Runs `check` for every case on all cores.
///
/// # Panics
/// At the end, with every difference found, where there was one; and where there are no cases.
pub fn each<T: Sync>(
    what: &str,
    cases: &[T],
    name: impl Fn(&T) -> String + Sync,
    check: impl Fn(&T) -> Verdict + Sync,
) {
    let found = differences(cases, name, check);
    report(what, cases.len(), &found);
}

/// What a case came to: nothing, or how it differs.
pub type Verdict = Result<(), String>;

/// As [`each`], but returns the differences, in the order of the cases.
pub fn differences<T: Sync>(
    cases: &[T],
    name: impl Fn(&T) -> String + Sync,
    check: impl Fn(&T) -> Verdict + Sync,
) -> Vec<String> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((place, case)) = take(&next, cases) {
            if let Err(difference) = check(case) {
                let text = format!("{}: {difference}", name(case));
                found.lock().expect("no holder panics").push((place, text));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, std::num::NonZero::get) {
            scope.spawn(work);
        }
    });
    let mut found = found.into_inner().expect("no holder panics");
    found.sort();
    found.into_iter().map(|(_, text)| text).collect()
}

fn take<'a, T>(next: &AtomicUsize, cases: &'a [T]) -> Option<(usize, &'a T)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    cases.get(place).map(|case| (place, case))
}

/// Fails where something was found.
///
/// # Panics
/// With all of it; and where there were no cases.
pub fn report(what: &str, cases: usize, found: &[String]) {
    assert!(cases > 0, "{what}: no cases");
    if found.is_empty() {
        return;
    }
    let mut text = format!("{what}: {} differences in {cases} cases\n", found.len());
    for difference in found.iter().take(SHOWN) {
        writeln!(text, "- {}", difference.trim_end().replace('\n', "\n    ")).expect("text grows");
    }
    if found.len() > SHOWN {
        writeln!(text, "… and {} more", found.len() - SHOWN).expect("text grows");
    }
    panic!("{text}");
}

/// Where two lists of lines first part, or `Ok`.
///
/// # Errors
/// The lines that one has and the other has not, at most six.
pub fn same_lines(what: &str, expected: &[String], found: &[String]) -> Verdict {
    if expected == found {
        return Ok(());
    }
    let mut text = format!("{what}: {} lines expected, {} found", expected.len(), found.len());
    let longest = expected.len().max(found.len());
    let pairs = (0..longest).map(|place| (expected.get(place), found.get(place)));
    for (expected, found) in pairs.filter(|(expected, found)| expected != found).take(6) {
        let show = |line: Option<&String>| line.map_or("nothing".to_owned(), |line| line.replace('\t', " "));
        write!(text, "\nexpected {}\n   found {}", show(expected), show(found)).expect("text grows");
    }
    Err(text)
}
