//! `updatekeys` and `rotate` over folders and several files: all of it or nothing.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::progress::Progress;
use super::site::Site;
use super::survey::{Survey, current, read, tree_of};
use crate::clock::Timestamp;
use crate::files::{FileError, FileErrorKind};
use crate::parallel;
use crate::report::{ExitStatus, Failure};
use crate::sops::config::absolute;
use crate::terminal::{self, Output};
use crate::worktree::apply::{ApplyError, CONTENTS_LIMIT, Ground, Settled, Unfinished, apply, settle, unfinished};
use crate::worktree::detect::{Looks, look};
use crate::worktree::disk::Real;
use crate::worktree::inventory::{FileAt, Skipped};
use crate::worktree::journal::{Direction, Journal};
use crate::worktree::nested::{Nested, nested};
use crate::worktree::place::Tree;
use crate::worktree::plan::{self, Action, Change, Means, Obstacle, Planned, Sealed, Verb, Wishes, Within, plan};

mod failures;
mod told;

use failures::{apply_failure, lock_failure, obstacle_failure};
use told::{after, plan_text, planned_json, settled_json, settled_text};

/// What the command is told.
pub(crate) struct Wish {
    pub(crate) verb: Verb,
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) wishes: Wishes,
    pub(crate) identities: Vec<PathBuf>,
    /// The plan is shown, and nothing is written.
    pub(crate) dry_run: bool,
    /// Nobody is asked.
    pub(crate) yes: bool,
    /// An unfinished run is taken back.
    pub(crate) undo: bool,
    /// Files of an unfinished run that stay as somebody else made them.
    pub(crate) keep: Vec<PathBuf>,
}

/// Plans the change of every SOPS file under the paths and makes it.
///
/// # Errors
/// Whatever stands in the way; then nothing was changed, or the failure says what is.
pub(crate) fn run(wish: &Wish, form: Output, site: &Site<'_>) -> Result<(), Failure> {
    if wish.verb == Verb::UpdateKeys && form == Output::Json && !wish.yes && !wish.dry_run && !wish.undo {
        return Err(Failure::new(ExitStatus::Usage, "flags", "nobody can be asked with --output json")
            .hint("agree beforehand: --yes"));
    }
    let tree = tree_of(&wish.paths)?;
    let state = tree.state();
    let ground = Ground { disk: &Real, root: &tree.root, state: &state };
    let _lock = if wish.dry_run { None } else { Some(tree.lock().map_err(|error| lock_failure(&error))?) };
    let command = command_of(wish, &tree, site);
    let earlier = match unfinished(ground).map_err(|error| apply_failure(error, &tree))? {
        Some(left) => Some(lead_to_its_end(left, ground, &tree, wish, site)?),
        None => None,
    };
    if wish.undo {
        let Some(earlier) = &earlier else {
            return Err(Failure::new(
                ExitStatus::Absent,
                "nothing-unfinished",
                "no unfinished run is there to be taken back",
            )
            .hint("a finished run is taken back with git: git checkout -- PATH"));
        };
        return terminal::conclude(form, "", json!({"earlier": settled_json(earlier)}), None);
    }
    if let Some(earlier) = earlier.as_ref().filter(|earlier| earlier.direction == Some(Direction::Forward))
        && earlier.command == command
    {
        terminal::say("it was the same command, so all of it is done");
        return terminal::conclude(
            form,
            "",
            json!({"dryRun": false, "files": [], "earlier": settled_json(earlier)}),
            None,
        );
    }
    let planned = make_plan(wish, &tree, site)?;
    let whole = plan::changes(&planned).map_err(|obstacle| obstacle_failure(&[obstacle]))?;
    let changes = planned.iter().filter(|one| one.action != Action::Unchanged).count();
    let report = |dry_run: bool| {
        json!({
            "dryRun": dry_run,
            "files": planned.iter().map(planned_json).collect::<Vec<_>>(),
            "earlier": earlier.as_ref().map(settled_json),
        })
    };
    if wish.dry_run || changes == 0 {
        let end = if changes == 0 { "nothing to change\n" } else { "nothing was changed\n" };
        return terminal::conclude(form, &(plan_text(&planned, "would get", true) + end), report(wish.dry_run), None);
    }
    if wish.verb == Verb::UpdateKeys && !wish.yes && !agreed(&planned)? {
        return terminal::conclude(form, "nothing was changed", report(true), None);
    }
    write(&whole, ground, command, site).map_err(|error| apply_failure(error, &tree))?;
    terminal::conclude(form, &(plan_text(&planned, "has", false) + &after(&planned)), report(false), None)
}

/// Brings what an earlier run left to its end.
fn lead_to_its_end(
    left: Unfinished,
    ground: Ground<'_>,
    tree: &Tree,
    wish: &Wish,
    site: &Site<'_>,
) -> Result<Settled, Failure> {
    if wish.dry_run {
        return Err(Failure::new(
            ExitStatus::Refused,
            "unfinished-run",
            "an earlier run was cut off, and a rehearsal changes nothing",
        )
        .hint("finish it first: give the command without --dry-run; with --undo it is taken back"));
    }
    if let Unfinished::Begun(_, journal) | Unfinished::Prepared(Some(journal)) = &left
        && !tree.holds(journal)
    {
        return Err(Failure::new(
            ExitStatus::Integrity,
            "journal-damaged",
            "the journal of an earlier run names files that are not in the tree",
        )
        .cause(ground.state.display())
        .hint("look at the files with git status; when all is as it should be remove that folder"));
    }
    let (root, current) = (&tree.root, current(site));
    let keep: Vec<PathBuf> = wish
        .keep
        .iter()
        .map(|path| absolute(path, &current))
        .map(|path| path.strip_prefix(root).map(Path::to_owned).unwrap_or(path))
        .collect();
    let settled = settle(ground, left, wish.undo, &keep).map_err(|error| apply_failure(error, tree))?;
    terminal::say(&settled_text(&settled));
    Ok(settled)
}

/// The words by which the same command is known again.
fn command_of(wish: &Wish, tree: &Tree, site: &Site<'_>) -> String {
    let current = current(site);
    let verb = match wish.verb {
        Verb::UpdateKeys => "updatekeys",
        Verb::Rotate => "rotate",
    };
    let mut words = vec![verb.to_owned()];
    let Wishes { instead, add, remove, .. } = &wish.wishes;
    for (flag, keys) in [("--age", instead), ("--add-age", add), ("--rm-age", remove)] {
        words.extend(keys.iter().map(|key| format!("{flag} {key}")));
    }
    let mut paths: Vec<String> = super::survey::named(&wish.paths)
        .iter()
        .map(|path| absolute(path, &current))
        .map(|path| match path.strip_prefix(&tree.root) {
            Ok(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
            Ok(inside) => inside.display().to_string(),
            Err(_) => path.display().to_string(),
        })
        .collect();
    paths.sort();
    words.extend(paths);
    words.join(" ")
}

/// What one file is to a plan.
enum Looked {
    Sealed(Box<Sealed>),
    Obstacle(Obstacle),
}

fn make_plan(wish: &Wish, tree: &Tree, site: &Site<'_>) -> Result<Vec<Planned>, Failure> {
    let survey = Survey::take(&wish.paths, tree.clone(), site)?;
    let progress = Progress::of(survey.walked.files.len(), "looking at files");
    let looked = parallel::map(&survey.walked.files, |at| {
        let looked = look_at(at);
        progress.step();
        looked
    });
    drop(progress);
    let (mut sealed, mut obstacles) = (Vec::new(), Vec::new());
    for (place, why) in &survey.walked.unreadable {
        obstacles.push(unreadable(place, why.clone()));
    }
    for (place, why) in survey.walked.skipped.iter().filter(|(_, why)| *why == Skipped::OtherRun) {
        let hint = "updatekeys or rotate there finishes it; with --undo it is taken back";
        obstacles.push(Obstacle::new(ExitStatus::Refused, "unfinished-run", place, why.to_string(), hint));
    }
    // Who names a file means that it is sealed.
    let current = current(site);
    let named: Vec<PathBuf> = wish.paths.iter().map(|path| absolute(path, &current)).collect();
    let nothing =
        survey.walked.files.iter().zip(&looked).filter(|(at, looked)| looked.is_empty() && named.contains(&at.path));
    for (at, _) in nothing {
        tracing::warn!(file = %at.shown, "this is no SOPS file, so it stays as it is");
    }
    for looked in looked.into_iter().flatten() {
        match looked {
            Looked::Sealed(one) => sealed.push(*one),
            Looked::Obstacle(obstacle) => obstacles.push(obstacle),
        }
    }
    if !obstacles.is_empty() {
        return Err(obstacle_failure(&obstacles));
    }
    if sealed.is_empty() {
        return Err(Failure::new(ExitStatus::Absent, "no-sops-files", "no SOPS file is there")
            .hint("name the folder or the files"));
    }
    let mut wishes = wish.wishes.clone();
    for path in &mut wishes.accept_mac_mismatch {
        *path = absolute(path, &current);
        if !sealed.iter().any(|sealed| sealed.at.path == *path) {
            let problem = format!("--accept-mac-mismatch names {}, which is none of the SOPS files", path.display());
            return Err(Failure::new(ExitStatus::Usage, "flags", problem));
        }
    }
    let keyring = site.identities(&wish.identities)?;
    let means = Means { keyring: &keyring, now: site.clock.now(), entropy: site.entropy };
    let progress = Progress::of(sealed.len(), "sealing files");
    plan(wish.verb, &sealed, &survey.configs, &wishes, &means, &|| progress.step())
        .map_err(|obstacles| obstacle_failure(&obstacles))
}

fn look_at(at: &FileAt) -> Vec<Looked> {
    let source = match read(at) {
        Ok(source) => source,
        // What is that large is no SOPS file that anything else reads.
        Err(error) if error.kind() == FileErrorKind::TooLarge => {
            tracing::warn!(file = %at.shown, "not looked at: larger than is read");
            return Vec::new();
        }
        Err(error) => return vec![Looked::Obstacle(unreadable(&at.shown, error.to_string()))],
    };
    let of = |looks: Looks, at: FileAt, source: Vec<u8>, within: Option<Within>| match looks {
        Looks::Sealed(file) => Some(Looked::Sealed(Box::new(Sealed { at, source, file: *file, within }))),
        Looks::Damaged(error) => Some(Looked::Obstacle(plan::damaged(&at, &error))),
        Looks::Plain => None,
    };
    match look(&at.relative, &source) {
        Looks::Plain => {
            let fields = nested(&at.relative, &source);
            let manifest = Arc::new(source);
            let within = |span| Some(Within { manifest: Arc::clone(&manifest), at: span });
            let fields = fields.into_iter().filter_map(|Nested { field, at: span, bytes, looks }| {
                let at = FileAt { shown: format!("{} ({field})", at.shown), ..at.clone() };
                of(looks, at, bytes, within(span))
            });
            fields.collect()
        }
        looks => of(looks, at.clone(), source, None).into_iter().collect(),
    }
}

fn unreadable(place: &str, text: String) -> Obstacle {
    let hint =
        "a file that is missed stays on the old key: give yourself the right to read it, or leave its folder out";
    Obstacle::new(ExitStatus::Unavailable, "unreadable", place, text, hint)
}

fn agreed(planned: &[Planned]) -> Result<bool, Failure> {
    let text = plan_text(planned, "would get", true) + "Is this okay? (y/n):";
    terminal::print(&text).map_err(|error| {
        Failure::new(ExitStatus::Unavailable, "output-unusable", "the question cannot be printed").cause(error)
    })?;
    let mut answer = String::new();
    if !std::io::stdin().lock().read_line(&mut answer).is_ok_and(|count| count > 0) {
        return Err(Failure::new(
            ExitStatus::Refused,
            "no-answer",
            "nobody answered the question; nothing was changed",
        )
        .hint("agree beforehand: --yes"));
    }
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn write(changes: &[Change], ground: Ground<'_>, command: String, site: &Site<'_>) -> Result<(), ApplyError> {
    let bytes: usize = changes.iter().map(|one| one.old.len() + one.new.len()).sum();
    if bytes > CONTENTS_LIMIT {
        let error = std::io::Error::other(format!("more than {CONTENTS_LIMIT} bytes would change at once"));
        return Err(ApplyError::Nothing(FileError::of("change", ground.root, &error)));
    }
    let started = seconds(site.clock.now()).to_string();
    let changes = changes.iter().map(|one| (one.at.relative.as_path(), one.old.as_slice(), one.new.as_slice()));
    let (journal, contents) = Journal::new(site.entropy.id(), command, started, changes);
    apply(ground, &journal, &contents)
}

fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
