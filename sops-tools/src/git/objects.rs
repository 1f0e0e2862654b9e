//! What a repository holds: the files it tracks, those in the index, and every file that any commit ever had.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use super::program::{Git, GitError};

/// Most bytes that a listing may have, 512 MiB.
const LISTING_LIMIT: usize = 512 << 20;
/// Largest content that is looked at, 8 MiB.
pub const BLOB_LIMIT: usize = 8 << 20;

/// A content by its name in Git.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Oid(String);

/// A file in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// Its content.
    pub oid: Oid,
    /// Where, from the root of the tree.
    pub path: PathBuf,
}

/// Where a content came into the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The commit, shortened to 12 digits.
    pub commit: String,
    /// Where, from the root of the tree.
    pub path: PathBuf,
}

/// The files that Git tracks, from the root of the tree.
///
/// # Errors
/// Git cannot be asked.
pub fn tracked(git: &Git) -> Result<Vec<PathBuf>, GitError> {
    let listing = git.words(&["ls-files", "-z", "--cached"], LISTING_LIMIT)?;
    Ok(parts(&listing).map(path).collect())
}

/// The contents of the index; with `changed_only` those that the next commit would change.
///
/// # Errors
/// Git cannot be asked.
pub fn staged(git: &Git, changed_only: bool) -> Result<Vec<Staged>, GitError> {
    if changed_only {
        let base = match git.words(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], 1000) {
            Ok(head) => String::from_utf8_lossy(&head).trim().to_owned(),
            // Before the first commit everything is new.
            Err(GitError::Failed { .. }) => {
                let empty = git.words(&["hash-object", "-t", "tree", "--stdin"], 1000)?;
                String::from_utf8_lossy(&empty).trim().to_owned()
            }
            Err(other) => return Err(other),
        };
        let listing = git.words(
            &["diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", "--diff-filter=AMT", &base, "--"],
            LISTING_LIMIT,
        )?;
        return Ok(raw_entries(&listing).into_iter().map(|(oid, path)| Staged { oid, path }).collect());
    }
    let listing = git.words(&["ls-files", "-z", "--stage"], LISTING_LIMIT)?;
    let entry = |part: &[u8]| {
        let tab = part.iter().position(|byte| *byte == b'\t')?;
        let (head, name) = (part.get(..tab)?, part.get(tab + 1..)?);
        let mut words = head.split(|byte| *byte == b' ');
        let (mode, oid) = (words.next()?, words.next()?);
        is_file(mode).then(|| Some(Staged { oid: oid_of(oid)?, path: path(name) }))?
    };
    Ok(parts(&listing).filter_map(entry).collect())
}

/// Every content that any reference leads to, with the commit that brought it first, oldest first. Only commits not older than
/// `most` are looked at; whether there are more is told.
///
/// # Errors
/// Git cannot be asked.
pub fn history(git: &Git, most: usize) -> Result<(Vec<(Oid, Origin)>, bool), GitError> {
    let count = format!("--max-count={}", most.saturating_add(1));
    let listing = git.words(&["rev-list", "--all", "--topo-order", &count], LISTING_LIMIT)?;
    let mut commits: Vec<&[u8]> = listing.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let is_cut = commits.len() > most;
    commits.truncate(most);
    commits.reverse();
    let mut input = commits.join(&b'\n');
    input.push(b'\n');
    if commits.is_empty() {
        return Ok((Vec::new(), false));
    }
    let arguments = [
        "diff-tree",
        "--stdin",
        "-r",
        "-m",
        "--root",
        "--raw",
        "-z",
        "--no-renames",
        "--no-abbrev",
        "--diff-filter=AMT",
    ];
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
    let found = git.converse(&arguments, &input, |out| origins(out))?;
    Ok((found, is_cut))
}

/// Reads the answer of `diff-tree --stdin -z`: the name of a commit, then its entries.
fn origins(out: &mut dyn Read) -> io::Result<Vec<(Oid, Origin)>> {
    let mut reader = BufReader::new(out);
    let mut seen: HashSet<Oid> = HashSet::new();
    let mut found = Vec::new();
    let mut commit = String::new();
    let mut pending: Option<Option<Oid>> = None;
    let mut part = Vec::new();
    let mut total = 0;
    loop {
        part.clear();
        if reader.read_until(0, &mut part)? == 0 {
            return Ok(found);
        }
        total += part.len();
        if total > LISTING_LIMIT {
            return Err(io::Error::other("the history is larger than is read"));
        }
        if part.last() == Some(&0) {
            part.pop();
        }
        match pending.take() {
            Some(oid) => {
                if let Some(oid) = oid
                    && seen.insert(oid.clone())
                {
                    found.push((oid, Origin { commit: commit.clone(), path: path(&part) }));
                }
            }
            None if part.starts_with(b":") => pending = Some(new_oid(&part)),
            None => {
                // With -m the name of a merge is followed by that of the parent.
                let name = String::from_utf8_lossy(&part);
                commit = name.trim().chars().take(12).collect();
            }
        }
    }
}

/// Contents that were not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PassedOver {
    /// Larger than [`BLOB_LIMIT`].
    pub large: usize,
    /// Not in this clone.
    pub missing: usize,
}

/// Whether the clone lacks older commits.
///
/// # Errors
/// Git cannot be asked.
pub fn is_shallow(git: &Git) -> Result<bool, GitError> {
    Ok(git.words(&["rev-parse", "--is-shallow-repository"], 1000)?.trim_ascii() == b"true")
}

/// Looks at contents, each once, in the order given: `look` is told the index of the content and its bytes.
///
/// # Errors
/// Git cannot be asked.
pub fn contents(git: &Git, oids: &[&Oid], mut look: impl FnMut(usize, &[u8])) -> Result<PassedOver, GitError> {
    if oids.is_empty() {
        return Ok(PassedOver::default());
    }
    let input: String = oids.iter().flat_map(|oid| [oid.0.as_str(), "\n"]).collect();
    let arguments: Vec<&OsStr> = ["cat-file", "--batch", "--buffer"].iter().map(OsStr::new).collect();
    git.converse(&arguments, input.as_bytes(), |out| {
        let mut reader = BufReader::with_capacity(1 << 16, out);
        let mut passed_over = PassedOver::default();
        let mut bytes = Vec::new();
        for index in 0..oids.len() {
            let mut head = String::new();
            if reader.by_ref().take(1000).read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut words = head.split_whitespace().skip(1);
            let (kind, size) = (words.next(), words.next().and_then(|size| size.parse::<u64>().ok()));
            let Some(size) = size else {
                passed_over.missing += 1;
                continue;
            };
            if kind != Some("blob") || size > BLOB_LIMIT as u64 {
                io::copy(&mut reader.by_ref().take(size + 1), &mut io::sink())?;
                passed_over.large += 1;
                continue;
            }
            bytes.clear();
            reader.by_ref().take(size).read_to_end(&mut bytes)?;
            reader.by_ref().take(1).read_exact(&mut [0])?;
            look(index, &bytes);
        }
        Ok(passed_over)
    })
}

/// The entries of a raw diff: the new content and its path.
fn raw_entries(listing: &[u8]) -> Vec<(Oid, PathBuf)> {
    let mut entries = Vec::new();
    let mut parts = parts(listing);
    while let (Some(head), Some(name)) = (parts.next(), parts.next()) {
        entries.extend(new_oid(head).map(|oid| (oid, path(name))));
    }
    entries
}

/// The new content of `:mode mode oid oid status`; `None` for what is no file.
fn new_oid(head: &[u8]) -> Option<Oid> {
    let words: Vec<&[u8]> = head.strip_prefix(b":")?.split(|byte| *byte == b' ').collect();
    let (mode, oid) = (words.get(1)?, words.get(3)?);
    if is_file(mode) { oid_of(oid) } else { None }
}

fn is_file(mode: &[u8]) -> bool {
    mode.starts_with(b"100")
}

fn oid_of(text: &[u8]) -> Option<Oid> {
    let text = std::str::from_utf8(text).ok()?;
    let is_oid =
        text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.bytes().any(|byte| byte != b'0');
    is_oid.then(|| Oid(text.to_owned()))
}

fn parts(listing: &[u8]) -> impl Iterator<Item = &[u8]> {
    listing.split(|byte| *byte == 0).filter(|part| !part.is_empty())
}

fn path(name: &[u8]) -> PathBuf {
    OsString::from_vec(name.to_vec()).into()
}
