//! Looking at every content of a tree: in the work tree, the index and the history.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Looked, MOST_COMMITS, Sighting, Where, Wish};
use crate::commands::progress::Progress;
use crate::commands::site::Site;
use crate::commands::survey::{Survey, current, git_failure, named, named_config, read};
use crate::files::FileErrorKind;
use crate::git::objects::{Oid, Origin, contents, history, is_shallow, staged};
use crate::git::program::Git;
use crate::parallel;
use crate::report::Failure;
use crate::scan::placeholder::is_example;
use crate::scan::{Hit, Kind, line_of, manifest, text};
use crate::sops::config::absolute;
use crate::worktree::creation::Configs;
use crate::worktree::detect::{Looks, look};
use crate::worktree::judge::clear_leaves;
use crate::worktree::leak::leak;
use crate::worktree::place::Tree;

/// What lies in the work tree.
pub(super) fn worktree(wish: &Wish, tree: &Tree, site: &Site<'_>, looked: &mut Looked) -> Result<(), Failure> {
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

/// What lies in the index and the history.
pub(super) fn repository(
    wish: &Wish,
    tree: &Tree,
    git: &Git,
    site: &Site<'_>,
    looked: &mut Looked,
) -> Result<(), Failure> {
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
        looked.history_is_cut = is_cut || is_shallow(git).map_err(failed)?;
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
    looked.passed_over += passed_over.large;
    looked.missing = passed_over.missing;
    Ok(())
}

/// Every secret of a content, as it lies in one place.
fn sightings(place: &Where, path: &Path, bytes: &[u8], configs: &Configs, tree: &Tree) -> Vec<Sighting> {
    let text = text::utf8(bytes);
    let bytes = text.as_ref();
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
