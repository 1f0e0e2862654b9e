//! What a person and a program read of findings. Never a secret or a part of one.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Finding, Looked, MOST_COMMITS, Where};
use crate::report::{ExitStatus, Failure};

/// Most places that are named of one finding.
const MOST_PLACES: usize = 8;

fn place_text((place, path, line): &(Where, String, Option<usize>)) -> String {
    let path = path.escape_debug();
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    match place {
        Where::Worktree => format!("{path}{line}"),
        Where::Index => format!("{path}{line} (staged)"),
        Where::Commit(commit) => format!("{path}{line} (commit {commit})"),
    }
}

pub(super) fn to_text(findings: &[Finding], looked: &Looked) -> String {
    let mut text = String::new();
    for finding in findings {
        let mut places = finding.places.iter().map(place_text);
        let doubt = if finding.sure { "" } else { " (not sure)" };
        let first = places.next().unwrap_or_default();
        let _ = writeln!(text, "{first}: {}: {}{doubt}", finding.kind, finding.kind.what());
        text.extend(places.by_ref().take(MOST_PLACES).map(|place| format!("  also {place}\n")));
        let more = places.count();
        if more > 0 {
            let _ = writeln!(text, "  and in {more} more places");
        }
        let _ = writeln!(text, "  {}", finding.kind.remedy());
    }
    for place in &looked.unreadable {
        let _ = writeln!(text, "not looked at: {place}");
    }
    if looked.passed_over > 0 {
        let _ = writeln!(text, "not looked at: {} contents, larger than is read", looked.passed_over);
    }
    if looked.missing > 0 {
        let _ = writeln!(text, "not looked at: {} contents that this clone does not have", looked.missing);
    }
    if looked.history_is_cut {
        let _ =
            writeln!(text, "not looked at: commits that this clone does not have, or beyond the newest {MOST_COMMITS}");
    }
    text
}

pub(super) fn finding_json(finding: &Finding) -> Value {
    let place = |(place, path, line): &(Where, String, Option<usize>)| {
        let (place, commit) = match place {
            Where::Worktree => ("worktree", None),
            Where::Index => ("index", None),
            Where::Commit(commit) => ("commit", Some(commit)),
        };
        json!({"where": place, "commit": commit, "file": path, "line": line})
    };
    json!({
        "kind": finding.kind.name(),
        "what": finding.kind.what(),
        "sure": finding.sure,
        "places": finding.places.iter().map(place).collect::<Vec<_>>(),
        "next": finding.kind.remedy(),
    })
}

pub(super) fn judgement(findings: &[Finding], looked: &Looked) -> Option<Failure> {
    let problem = match findings.len() {
        1 => "1 secret lies in clear".to_owned(),
        more => format!("{more} secrets lie in clear"),
    };
    let is_committed =
        findings.iter().any(|finding| finding.places.iter().any(|(place, ..)| matches!(place, Where::Commit(_))));
    let hint = if is_committed {
        "what was ever pushed is known: first make it worthless, each as its line says; then, if it shall not be read by chance, rewrite the history (git filter-repo --replace-text) and have every clone made anew"
    } else {
        "make each worthless as its line says if anybody else may have seen it, and seal it before it is committed"
    };
    let accept = "\nwhat is no secret is accepted with a line in .sops-tools-allow: scan --allow-lines prints them";
    if findings.iter().any(|finding| finding.sure) {
        return Some(Failure::new(ExitStatus::Integrity, "scan-findings", problem).hint(format!("{hint}{accept}")));
    }
    if !findings.is_empty() {
        let problem = match findings.len() {
            1 => "1 place may hold a secret in clear".to_owned(),
            more => format!("{more} places may hold secrets in clear"),
        };
        return Some(
            Failure::new(ExitStatus::Refused, "scan-unsure", problem).hint(format!("look at each; {hint}{accept}")),
        );
    }
    if !looked.unreadable.is_empty() || looked.missing > 0 || looked.history_is_cut {
        return Some(
            Failure::new(ExitStatus::Unavailable, "scan-incomplete", "nothing was found, but not all could be looked at")
                .hint("fetch the whole history (git fetch --unshallow), or leave it out with --no-history; give yourself the right to read the files that are named"),
        );
    }
    None
}
