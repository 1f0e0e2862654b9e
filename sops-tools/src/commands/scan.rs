//! `scan`: secrets in clear in the work tree, the index and the history.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::site::Site;
use super::survey::{current, git, tree_of};
use crate::files::{FileErrorKind, read_limited};
use crate::report::{ExitStatus, Failure};
use crate::scan::Kind;
use crate::scan::allow::{self, AllowList, Line};
use crate::sops::config::absolute;
use crate::terminal::{self, Output};
use crate::worktree::place::Tree;

mod search;
mod told;

use search::{repository, worktree};
use told::{finding_json, judgement, to_text};

/// Most commits that are looked at.
const MOST_COMMITS: usize = 200_000;

/// What `scan` is told.
pub(crate) struct Wish {
    pub(crate) paths: Vec<PathBuf>,
    /// Only what the next commit would bring.
    pub(crate) staged: bool,
    pub(crate) no_history: bool,
    /// Print a line for the allow list for each finding.
    pub(crate) allow_lines: bool,
    pub(crate) deadline: Duration,
}

/// Where a secret lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
    Worktree,
    Index,
    Commit(String),
}

/// A secret in one place.
struct Sighting {
    kind: Kind,
    sure: bool,
    place: Where,
    /// From the root of the tree.
    path: String,
    line: Option<usize>,
    secret: Zeroizing<Vec<u8>>,
}

/// One secret, wherever it lies.
struct Finding {
    kind: Kind,
    sure: bool,
    /// Work tree first, then the index, then commits from the oldest on.
    places: Vec<(Where, String, Option<usize>)>,
    secret: Zeroizing<Vec<u8>>,
}

#[derive(Default)]
struct Looked {
    sightings: Vec<Sighting>,
    files: usize,
    blobs: usize,
    /// Larger than is read.
    passed_over: usize,
    /// Not in this clone.
    missing: usize,
    unreadable: Vec<String>,
    history_is_cut: bool,
}

/// Looks for secrets and tells where they lie, never what they are.
///
/// # Errors
/// The judgement, class `scan-findings` or `scan-unsure`; or not all could be looked at.
pub(crate) fn run(wish: &Wish, form: Output, site: &Site<'_>) -> Result<(), Failure> {
    let tree = tree_of(&wish.paths)?;
    let allowed = allow_list(&tree)?;
    let mut looked = Looked::default();
    if wish.staged && tree.git.is_none() {
        return Err(Failure::new(
            ExitStatus::Usage,
            "no-repository",
            "--staged needs a Git repository, and none is here",
        ));
    }
    if tree.git.is_none() && is_repository(&tree.root) {
        let problem =
            format!("{} is a repository without a work tree: its history is not looked at here", tree.root.display());
        return Err(Failure::new(ExitStatus::Unavailable, "scan-bare", problem).hint("clone it, and scan the clone"));
    }
    if !wish.staged {
        worktree(wish, &tree, site, &mut looked)?;
    }
    if tree.git.is_some() {
        let index = if wish.staged { site.variable("GIT_INDEX_FILE") } else { None };
        let index = index.map(|index| absolute(Path::new(&index), &current(site)).into_os_string());
        let git = git(&tree, site, index, wish.deadline);
        repository(wish, &tree, &git, site, &mut looked)?;
    }
    let key = fresh_key(site);
    let mut findings = grouped(looked.sightings, &key, &allowed);
    findings.sort_by(|one, other| (!one.sure, &one.places).cmp(&(!other.sure, &other.places)));
    looked.sightings = Vec::new();
    let lines: Vec<String> = if wish.allow_lines { allow_lines(&findings, site) } else { Vec::new() };
    let text = if wish.allow_lines { lines.join("\n") } else { to_text(&findings, &looked) };
    let report = json!({
        "files": looked.files,
        "contents": looked.blobs,
        "notLookedAt": looked.passed_over,
        "missing": looked.missing,
        "unreadable": looked.unreadable,
        "historyIsCut": looked.history_is_cut,
        "findings": findings.iter().map(finding_json).collect::<Vec<_>>(),
        "allowLines": lines,
    });
    terminal::conclude(form, &text, report, judgement(&findings, &looked))
}

/// Whether the folder, or one above it, is the inside of a repository.
fn is_repository(root: &Path) -> bool {
    let has_all = |folder: &Path| ["HEAD", "objects", "refs"].iter().all(|name| folder.join(name).exists());
    root.ancestors().any(has_all)
}

fn allow_list(tree: &Tree) -> Result<AllowList, Failure> {
    let path = tree.root.join(allow::FILE);
    let text = match read_limited(&path, allow::LIMIT) {
        Ok(text) => text,
        Err(error) if error.kind() == FileErrorKind::Absent => return Ok(AllowList::default()),
        Err(error) => return Err(Failure::new(ExitStatus::Unavailable, "allow-list", error.to_string())),
    };
    AllowList::parse(&String::from_utf8_lossy(&text)).map_err(|error| {
        Failure::new(ExitStatus::Usage, "allow-list", format!("{}: {error}", path.display()))
            .hint("remove the line, or make it anew with scan --allow-lines")
    })
}

fn fresh_key(site: &Site<'_>) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    site.entropy.fill(key.as_mut_slice());
    key
}

/// Sightings of one secret together, without those that were accepted. Whole files are one by their path, whatever their versions.
fn grouped(sightings: Vec<Sighting>, key: &[u8; 32], allowed: &AllowList) -> Vec<Finding> {
    let mut verdicts: BTreeMap<(Kind, String, Vec<u8>), bool> = BTreeMap::new();
    let mut groups: BTreeMap<(Kind, Vec<u8>), Finding> = BTreeMap::new();
    for sighting in sightings {
        let Sighting { kind, sure, place, path, line, secret } = sighting;
        let digest = digest(key, &secret);
        let is_allowed = *verdicts
            .entry((kind, path.clone(), digest.clone()))
            .or_insert_with(|| allowed.allows(kind, &path, &secret));
        if is_allowed {
            continue;
        }
        let same = match kind {
            Kind::Unsealed | Kind::ClearValue => path.clone().into_bytes(),
            _ => digest,
        };
        let finding = groups.entry((kind, same)).or_insert_with(|| Finding { kind, sure, places: Vec::new(), secret });
        finding.sure |= sure;
        finding.places.push((place, path, line));
    }
    let mut findings: Vec<Finding> = groups.into_values().collect();
    for finding in &mut findings {
        // Commits stay in their order, oldest first.
        finding.places.sort_by_key(|(place, ..)| match place {
            Where::Worktree => 0,
            Where::Index => 1,
            Where::Commit(_) => 2,
        });
    }
    findings
}

fn digest(key: &[u8; 32], secret: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(secret);
    mac.finalize().into_bytes().to_vec()
}

fn allow_lines(findings: &[Finding], site: &Site<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for finding in findings {
        let mut paths: Vec<&String> = finding.places.iter().map(|(_, path, _)| path).collect();
        paths.sort();
        paths.dedup();
        for path in paths {
            let line = Line::accepting(finding.kind, path, &finding.secret, site.entropy);
            lines.extend(line.map(|line| line.to_string()));
        }
    }
    lines
}
