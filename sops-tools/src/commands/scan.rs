//! `scan`: secrets in clear in the work tree, the index and the history.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::progress::Progress;
use super::site::Site;
use super::survey::{Survey, current, git, git_failure, named, named_config, read, tree_of};
use crate::files::{FileErrorKind, read_limited};
use crate::git::objects::{Oid, Origin, contents, history, staged};
use crate::git::program::Git;
use crate::parallel;
use crate::report::{ExitStatus, Failure};
use crate::scan::allow::{self, AllowList, Line};
use crate::scan::placeholder::is_example;
use crate::scan::{Hit, Kind, line_of, manifest, text};
use crate::sops::config::absolute;
use crate::terminal::{self, Output};
use crate::worktree::creation::Configs;
use crate::worktree::detect::{Looks, look};
use crate::worktree::judge::clear_leaves;
use crate::worktree::leak::leak;
use crate::worktree::place::Tree;

/// Most commits that are looked at.
const MOST_COMMITS: usize = 200_000;
/// Most places that are named of one finding.
const MOST_PLACES: usize = 8;

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
    passed_over: usize,
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
        "unreadable": looked.unreadable,
        "historyIsCut": looked.history_is_cut,
        "findings": findings.iter().map(finding_json).collect::<Vec<_>>(),
        "allowLines": lines,
    });
    terminal::conclude(form, &text, report, judgement(&findings, &looked))
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

fn worktree(wish: &Wish, tree: &Tree, site: &Site<'_>, looked: &mut Looked) -> Result<(), Failure> {
    let survey = Survey::take(&wish.paths, tree.clone(), site)?;
    let progress = Progress::of(survey.walked.files.len(), "looking at files");
    let seen = parallel::map(&survey.walked.files, |at| {
        let seen = read(at).map(|bytes| sightings(&Where::Worktree, &at.relative, &bytes, &survey.configs, tree));
        progress.step();
        seen
    });
    drop(progress);
    looked.files = seen.len();
    looked.unreadable = survey.walked.unreadable.iter().map(|(place, why)| format!("{place}: {why}")).collect();
    for seen in seen {
        match seen {
            Ok(some) => looked.sightings.extend(some),
            Err(error) if error.kind() == FileErrorKind::TooLarge => looked.passed_over += 1,
            Err(error) => looked.unreadable.push(error.to_string()),
        }
    }
    Ok(())
}

fn repository(wish: &Wish, tree: &Tree, git: &Git, site: &Site<'_>, looked: &mut Looked) -> Result<(), Failure> {
    let failed = |error| git_failure(&error);
    let current = current(site);
    let wanted: Vec<PathBuf> = named(&wish.paths)
        .iter()
        .filter_map(|path| absolute(path, &current).strip_prefix(&tree.root).map(Path::to_owned).ok())
        .collect();
    let is_wanted = |path: &Path| wanted.iter().any(|wanted| path.starts_with(wanted));
    let mut places: Vec<(Oid, Where, PathBuf)> = staged(git, wish.staged)
        .map_err(failed)?
        .into_iter()
        .map(|staged| (staged.oid, Where::Index, staged.path))
        .collect();
    if !wish.staged && !wish.no_history {
        let (origins, is_cut) = history(git, MOST_COMMITS).map_err(failed)?;
        looked.history_is_cut = is_cut;
        places.extend(origins.into_iter().map(|(oid, Origin { commit, path })| (oid, Where::Commit(commit), path)));
    }
    places.retain(|(_, _, path)| is_wanted(path));
    // One content is read once, wherever it lies.
    let mut by_content: BTreeMap<&Oid, Vec<usize>> = BTreeMap::new();
    for (index, (oid, _, _)) in places.iter().enumerate() {
        by_content.entry(oid).or_default().push(index);
    }
    let oids: Vec<&Oid> = by_content.keys().copied().collect();
    let files = places.iter().map(|(_, _, path)| tree.root.join(path)).collect::<Vec<_>>();
    let configs = Configs::of(named_config(site).as_deref(), files.iter().map(PathBuf::as_path));
    let progress = Progress::of(oids.len(), "looking at contents");
    let mut found = Vec::new();
    let passed_over = contents(git, &oids, |index, bytes| {
        let indices = oids.get(index).and_then(|oid| by_content.get(oid));
        for (_, place, path) in indices.into_iter().flatten().filter_map(|index| places.get(*index)) {
            found.extend(sightings(place, path, bytes, &configs, tree));
        }
        progress.step();
    })
    .map_err(failed)?;
    looked.sightings.extend(found);
    looked.blobs = oids.len();
    looked.passed_over += passed_over;
    Ok(())
}

/// Every secret of a content, as it lies in one place.
fn sightings(place: &Where, path: &Path, bytes: &[u8], configs: &Configs, tree: &Tree) -> Vec<Sighting> {
    let shown = path.display().to_string();
    let sighting = |hit: &Hit| Sighting {
        kind: hit.kind,
        sure: hit.sure,
        place: place.clone(),
        path: shown.clone(),
        line: Some(hit.line),
        secret: Zeroizing::new(bytes.get(hit.secret.clone()).unwrap_or_default().to_vec()),
    };
    // In an example words stand where secrets would; a real key is known by its form all the same.
    let is_example = is_example(path);
    let mut by_form = text::hits(bytes);
    by_form.retain(|hit| !is_example || !matches!(hit.kind, Kind::ResticPassword | Kind::S3AccessKey));
    let mut all: Vec<Sighting> = by_form.iter().map(sighting).collect();
    let manifests = if is_example { Vec::new() } else { manifest::hits(path, bytes) };
    all.extend(manifests.iter().filter(|hit| !by_form.iter().any(|other| other.line == hit.line)).map(sighting));
    // A whole file is known by its digest.
    let of_file = |kind, line| Sighting {
        kind,
        sure: true,
        place: place.clone(),
        path: shown.clone(),
        line,
        secret: Zeroizing::new(Sha256::digest(bytes).to_vec()),
    };
    match look(path, bytes) {
        Looks::Sealed(file) => {
            all.extend(clear_leaves(&file).first().map(|(_, at)| of_file(Kind::ClearValue, Some(line_of(bytes, *at)))));
        }
        Looks::Plain if all.is_empty() => {
            if let Ok(Some((_, rule))) = configs.rule(&tree.root.join(path)) {
                all.extend(leak(path, bytes, rule).map(|line| of_file(Kind::Unsealed, line)));
            }
        }
        Looks::Plain | Looks::Damaged(_) => {}
    }
    all
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

fn place_text((place, path, line): &(Where, String, Option<usize>)) -> String {
    let path = path.escape_debug();
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    match place {
        Where::Worktree => format!("{path}{line}"),
        Where::Index => format!("{path}{line} (staged)"),
        Where::Commit(commit) => format!("{path}{line} (commit {commit})"),
    }
}

fn to_text(findings: &[Finding], looked: &Looked) -> String {
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
        let _ = writeln!(text, "not looked at: {} contents, larger than is read or not there", looked.passed_over);
    }
    if looked.history_is_cut {
        let _ = writeln!(text, "not looked at: commits beyond the newest {MOST_COMMITS}");
    }
    text
}

fn finding_json(finding: &Finding) -> Value {
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

fn judgement(findings: &[Finding], looked: &Looked) -> Option<Failure> {
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
    if !looked.unreadable.is_empty() || looked.history_is_cut {
        return Some(Failure::new(
            ExitStatus::Unavailable,
            "scan-incomplete",
            "nothing was found, but not all could be looked at",
        ));
    }
    None
}
