//! `verify`: what is wrong with the SOPS files of a tree. Shows no value and changes nothing.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::progress::Progress;
use super::site::Site;
use super::survey::{Survey, read, tree_of};
use crate::files::FileErrorKind;
use crate::parallel;
use crate::report::{ExitStatus, Failure};
use crate::sops::sources::Gathered;
use crate::terminal::{self, Output};
use crate::worktree::apply::{Ground, Unfinished, unfinished};
use crate::worktree::detect::{Looks, look};
use crate::worktree::disk::Real;
use crate::worktree::inventory::{FileAt, Skipped};
use crate::worktree::judge::{Class, Finding, damaged, with_key, without_key};
use crate::worktree::leak::leak;
use crate::worktree::nested::{Nested, nested};

/// What `verify` is told.
pub(crate) struct Wish {
    pub(crate) paths: Vec<PathBuf>,
    /// Whether any finding ends it with an error.
    pub(crate) check: bool,
    /// Whether nothing is opened.
    pub(crate) without_keys: bool,
    pub(crate) identities: Vec<PathBuf>,
}

/// What was seen of one file.
#[derive(Default)]
struct Seen {
    /// SOPS files: itself, or fields of a Secret.
    sealed: usize,
    is_too_large: bool,
    findings: Vec<Finding>,
}

/// Looks at every file and tells what is wrong.
///
/// # Errors
/// The judgement, class `verify-findings`; or the tree cannot be looked at.
pub(crate) fn run(wish: &Wish, form: Output, site: &Site<'_>) -> Result<(), Failure> {
    let survey = Survey::take(&wish.paths, tree_of(&wish.paths)?, site)?;
    let keyring = if wish.without_keys { None } else { Some(site.identities(&wish.identities)?) };
    // Without any identity nothing is a finding that only a key shows: that is said once.
    let keyring = keyring.filter(|keyring| keyring.identities.is_some());
    let progress = Progress::of(survey.walked.files.len(), "looking at files");
    let seen = parallel::map(&survey.walked.files, |at| {
        let seen = examine(at, &survey, keyring.as_ref());
        progress.step();
        seen
    });
    drop(progress);
    let mac_checked = keyring.is_some();
    // Nothing is opened any more, and a slow reader of the report may hold the program for long.
    drop(keyring);
    let mut findings = left_over(&survey);
    findings.extend(
        survey.walked.unreadable.iter().map(|(place, why)| Finding::new(Class::Unreadable, place, why.clone())),
    );
    let sealed = seen.iter().map(|seen| seen.sealed).sum();
    let too_large: Vec<&str> = seen
        .iter()
        .zip(&survey.walked.files)
        .filter(|(seen, _)| seen.is_too_large)
        .map(|(_, at)| at.shown.as_str())
        .collect();
    findings.extend(seen.iter().flat_map(|seen| seen.findings.iter().cloned()));
    let text = text(&findings, sealed, mac_checked, &too_large);
    let report = json!({
        "files": survey.walked.files.len(),
        "sealed": sealed,
        "macChecked": mac_checked,
        "findings": findings.iter().map(finding_json).collect::<Vec<_>>(),
        "notLookedAt": not_looked_at(&survey, &too_large),
    });
    terminal::conclude(form, &text, report, judgement(&findings, wish.check))
}

fn examine(at: &FileAt, survey: &Survey, keyring: Option<&Gathered>) -> Seen {
    let bytes = match read(at) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == FileErrorKind::TooLarge => return Seen { is_too_large: true, ..Seen::default() },
        Err(error) => {
            return Seen {
                findings: vec![Finding::new(Class::Unreadable, &at.shown, error.to_string())],
                ..Seen::default()
            };
        }
    };
    match look(&at.relative, &bytes) {
        Looks::Plain => {
            let mut seen = Seen::default();
            for Nested { field, bytes, looks, .. } in nested(&at.relative, &bytes) {
                let shown = format!("{} ({field})", at.shown);
                seen.sealed += 1;
                seen.findings.extend(judge(at, &shown, &bytes, looks, survey, keyring));
            }
            if let Ok(Some((_, rule))) = survey.configs.rule(&at.path) {
                let found = leak(&at.relative, &bytes, rule).map(|line| Finding {
                    line,
                    ..Finding::new(Class::Leak, &at.shown, format!("rule {}", rule.number))
                });
                seen.findings.extend(found);
            }
            seen
        }
        looks => Seen { sealed: 1, findings: judge(at, &at.shown, &bytes, looks, survey, keyring), ..Seen::default() },
    }
}

/// What is wrong with a sealed file, shown as `shown`, that lies at `at`.
fn judge(
    at: &FileAt,
    shown: &str,
    bytes: &[u8],
    looks: Looks,
    survey: &Survey,
    keyring: Option<&Gathered>,
) -> Vec<Finding> {
    match looks {
        Looks::Sealed(file) => {
            let mut findings = without_key(shown, bytes, &file, survey.configs.rule(&at.path));
            // A value in clear is told already, in better words.
            let has_clear = findings.iter().any(|finding| finding.class == Class::ClearValue);
            findings.extend(keyring.and_then(|keyring| with_key(shown, *file, keyring)).filter(|_| !has_clear));
            findings
        }
        Looks::Damaged(error) => vec![damaged(shown, &error)],
        Looks::Plain => Vec::new(),
    }
}

/// What an earlier run left.
fn left_over(survey: &Survey) -> Vec<Finding> {
    let ground = Ground { disk: &Real, root: &survey.tree.root, state: &survey.tree.state() };
    let mut findings: Vec<Finding> = survey
        .walked
        .skipped
        .iter()
        .filter(|(_, why)| *why == Skipped::OtherRun)
        .map(|(place, _)| Finding::new(Class::Unfinished, place, ""))
        .collect();
    findings.extend(match unfinished(ground) {
        Ok(None | Some(Unfinished::Prepared(None))) => Vec::new(),
        Ok(Some(_)) => vec![Finding::new(Class::Unfinished, &survey.tree.root.display().to_string(), "")],
        Err(error) => vec![Finding::new(Class::Unfinished, &survey.tree.root.display().to_string(), error.to_string())],
    });
    findings
}

fn not_looked_at(survey: &Survey, too_large: &[&str]) -> Vec<Value> {
    let skipped = survey.walked.skipped.iter().map(|(place, why)| json!({"place": place, "why": why.to_string()}));
    skipped.chain(too_large.iter().map(|place| json!({"place": place, "why": "larger than is read"}))).collect()
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "class": finding.class.name(),
        "file": finding.file,
        "line": finding.line,
        "meaning": finding.class.meaning(),
        "detail": finding.detail,
        "next": finding.next(),
        "status": finding.class.status().code(),
    })
}

fn text(findings: &[Finding], sealed: usize, mac_checked: bool, too_large: &[&str]) -> String {
    let mut lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    lines.extend(too_large.iter().map(|place| format!("{place}: not looked at: larger than is read")));
    let files = match sealed {
        0 => "no SOPS file".to_owned(),
        1 => "1 SOPS file".to_owned(),
        more => format!("{more} SOPS files"),
    };
    let found = match findings.len() {
        0 => "nothing wrong",
        1 => "1 finding",
        _ => "",
    };
    let found = if found.is_empty() { format!("{} findings", findings.len()) } else { found.to_owned() };
    let mac = if mac_checked || sealed == 0 { "" } else { "; MACs were not checked, for there is no identity" };
    lines.push(format!("{files}: {found}{mac}"));
    lines.join("\n")
}

/// What ends the command: with `check` any finding, else only what shows damage or a secret in clear.
fn judgement(findings: &[Finding], check: bool) -> Option<Failure> {
    let grave =
        |finding: &&Finding| check || matches!(finding.class.status(), ExitStatus::Integrity | ExitStatus::Unavailable);
    let statuses: Vec<ExitStatus> = findings.iter().filter(grave).map(|finding| finding.class.status()).collect();
    let status = [ExitStatus::Integrity, ExitStatus::Unavailable, ExitStatus::Refused]
        .into_iter()
        .find(|status| statuses.contains(status))?;
    let problem = match statuses.len() {
        1 => "1 finding".to_owned(),
        more => format!("{more} findings"),
    };
    Some(Failure::new(status, "verify-findings", problem).hint("each line above ends with what to do"))
}
