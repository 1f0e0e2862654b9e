//! `git textconv` and `git install`.

use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use zeroize::Zeroizing;

use super::input::INPUT_LIMIT;
use super::site::Site;
use super::survey::{GIT_DEADLINE, Survey, current, git, git_failure, read, tree_of};
use crate::files::{FileErrorKind, OWNER_ONLY, create_directory, create_new, read_limited, read_secret, replace};
use crate::git::install::{attributes, patterns, set, setting, settings, shell_word};
use crate::git::textconv::{KEY_BYTES, Show, readable};
use crate::parallel;
use crate::report::{ExitStatus, Failure};
use crate::terminal::{self, Output};
use crate::worktree::detect::{Looks, look};
use crate::worktree::place::Tree;

/// The key of fingerprints, in the folder of Git.
const KEY_FILE: &str = "fingerprint.key";
const ATTRIBUTES: &str = ".gitattributes";
const ATTRIBUTES_LIMIT: usize = 4 << 20;
/// The mode of a new `.gitattributes`.
const ATTRIBUTES_MODE: u32 = 0o644;

/// Prints the readable form of a file.
///
/// # Errors
/// The file cannot be read, or values are asked for where they could be kept.
pub(crate) fn textconv(file: &Path, values: bool, identities: &[PathBuf], site: &Site<'_>) -> Result<(), Failure> {
    if values && !std::io::stdout().is_terminal() {
        return Err(Failure::new(
            ExitStatus::Refused,
            "values-not-shown",
            "--values shows secrets on a terminal alone, and standard output is none",
        )
        .hint("Git would keep what it reads here: leave --values out, or call the command by hand"));
    }
    let bytes = read_limited(file, INPUT_LIMIT)
        .map_err(|error| Failure::new(ExitStatus::Unavailable, "input-unreadable", error.to_string()))?;
    let text = match look(file, &bytes) {
        Looks::Sealed(sealed) => {
            let keyring = site.identities(identities)?;
            let show = if values { Show::Values } else { Show::Fingerprints };
            readable(*sealed, &keyring, &fingerprint_key(site), show)
        }
        // Whatever else it is, Git shows it as it stands there.
        Looks::Damaged(_) | Looks::Plain => Zeroizing::new(bytes),
    };
    let mut out = std::io::stdout().lock();
    match out.write_all(&text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(ExitStatus::Unavailable, "output-unusable", "cannot print the result").cause(error))
        }
        _ => Ok(()),
    }
}

/// The key of the repository around the current folder, made when it is first needed. Without a repository one for this call alone.
fn fingerprint_key(site: &Site<'_>) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let tree = Tree::of(&[current(site)]).ok().filter(|tree| tree.git.is_some());
    if let Some(tree) = tree {
        let path = tree.state().join(KEY_FILE);
        if let Some(known) = known_key(&path) {
            return known;
        }
        site.entropy.fill(key.as_mut_slice());
        let made = create_directory(&tree.state(), 0o700).and_then(|()| create_new(&path, key.as_slice(), OWNER_ONLY));
        match made {
            Ok(()) => return key,
            // Two sides of one diff may be converted at once.
            Err(error) if error.kind() == FileErrorKind::Exists => {
                if let Some(known) = known_key(&path) {
                    return known;
                }
            }
            Err(error) => tracing::warn!(%error, "fingerprints will differ between calls: their key cannot be kept"),
        }
        return key;
    }
    site.entropy.fill(key.as_mut_slice());
    key
}

fn known_key(path: &Path) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let bytes = read_secret(path, KEY_BYTES).ok()?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    (bytes.len() == KEY_BYTES).then(|| key.copy_from_slice(&bytes))?;
    Some(key)
}

/// Writes the attributes and settings that show SOPS files readably.
///
/// # Errors
/// There is no repository, or something cannot be written.
pub(crate) fn install(dry_run: bool, form: Output, site: &Site<'_>) -> Result<(), Failure> {
    let tree = tree_of(&[])?;
    if tree.git.is_none() {
        return Err(Failure::new(ExitStatus::Absent, "no-repository", "no Git repository is here")
            .hint("go into the repository whose diffs shall be readable"));
    }
    let git = git(&tree, site, None, GIT_DEADLINE);
    let survey = Survey::take(std::slice::from_ref(&tree.root), tree.clone(), site)?;
    let sealed = parallel::map(&survey.walked.files, |at| {
        let is_sealed = read(at).is_ok_and(|bytes| !matches!(look(&at.relative, &bytes), Looks::Plain));
        is_sealed.then(|| at.relative.to_str().map(str::to_owned)).flatten()
    });
    let sealed: Vec<String> = sealed.into_iter().flatten().collect();
    let path = tree.root.join(ATTRIBUTES);
    if path.is_symlink() {
        return Err(not_installed("it is a symbolic link, and Git does not follow it", &path));
    }
    let old = match read_limited(&path, ATTRIBUTES_LIMIT) {
        Ok(old) => Some(String::from_utf8(old).map_err(|_| not_installed("it is not UTF-8", &path))?),
        Err(error) if error.kind() == FileErrorKind::Absent => None,
        Err(error) => return Err(not_installed(&error.to_string(), &path)),
    };
    let patterns = patterns(sealed.iter().map(String::as_str));
    let new = attributes(old.as_deref().unwrap_or_default(), &patterns);
    let attributes_change = old.as_deref().unwrap_or_default() != new;
    let mut wanted = Vec::new();
    for (name, value) in settings(&program(site)) {
        if setting(&git, &name).map_err(|error| git_failure(&error))?.as_deref() != Some(&value) {
            wanted.push((name, value));
        }
    }
    if !dry_run {
        if attributes_change {
            let mode = path.symlink_metadata().map_or(ATTRIBUTES_MODE, |meta| meta.permissions().mode() & 0o7777);
            replace(&path, new.as_bytes(), mode).map_err(|error| not_installed(&error.to_string(), &path))?;
        }
        for (name, value) in &wanted {
            set(&git, name, value).map_err(|error| git_failure(&error))?;
        }
    }
    let would = if dry_run { "would be " } else { "" };
    let mut lines = Vec::new();
    if attributes_change {
        lines.push(format!(
            "{ATTRIBUTES}: {would}written, {} patterns for {} SOPS files",
            patterns.len(),
            sealed.len()
        ));
    }
    lines.extend(wanted.iter().map(|(name, value)| format!("{name}: {would}set to {value}")));
    if lines.is_empty() {
        lines.push("all of it is there already".to_owned());
    } else if attributes_change {
        lines.push(format!(
            "next: commit {ATTRIBUTES}; settings are of this clone alone, so everybody runs git install once"
        ));
    }
    let settings: Vec<_> = wanted.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let report = json!({"dryRun": dry_run, "attributes": attributes_change, "patterns": patterns, "settings": settings, "files": sealed.len()});
    terminal::conclude(form, &lines.join("\n"), report, None)
}

fn not_installed(problem: &str, path: &Path) -> Failure {
    Failure::new(ExitStatus::Unavailable, "not-installed", format!("{} was not written", path.display())).cause(problem)
}

/// How a shell calls this program: by its name where that is found, else by its place.
fn program(site: &Site<'_>) -> String {
    const NAME: &str = "sops-tools";
    let on_path = site.variable("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.is_absolute() && folder.join(NAME).is_file())
    });
    let here = std::env::current_exe().ok().filter(|_| !on_path);
    here.map_or_else(|| NAME.to_owned(), |path| shell_word(&path.display().to_string()))
}
