//! `bootstrap rotate`.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Who, places};
use crate::bootstrap::catalogue::BootstrapSecret;
use crate::bootstrap::keygen::KeyRole;
use crate::bootstrap::look::Several;
use crate::bootstrap::rotate::phase::Phase;
use crate::bootstrap::rotate::{Action, Order, RotatePlan, Rotated, finish_earlier};
use crate::commands::site::Site;
use crate::commands::survey::{GIT_DEADLINE, Survey, current, git, named_config, tree_of};
use crate::report::{ExitStatus, Failure};
use crate::sops::data_key::Keyring;
use crate::terminal::{self, Output};
use crate::worktree::inventory::{Skipped, Walked};
use crate::worktree::place::Tree;

pub(super) const EXAMPLES: &str = "\
Examples:
  sops-tools bootstrap rotate clusters/prod --keys keys --dry-run
  sops-tools bootstrap rotate clusters/prod --keys keys                 1. a second identity, beside the old one
  git commit, git push, wait until Flux has applied it                  2. the cluster opens with either
  sops-tools bootstrap rotate clusters/prod --keys keys --remove-old    3. new data keys without the old one

How far a change came is told by the files, so each command can be given again. All files change or none does, also through a crash.
After 3 the old identity opens nothing new; what it has seen it has seen: the values that have to be changed now are listed.";

/// Longest listing of one file.
const LISTING: usize = 64 << 10;

/// What `bootstrap rotate` is told.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Where sops-age is; by default the current folder. The files sealed to it are looked for in the whole tree around
    #[arg(value_name = "DIR")]
    places: Vec<PathBuf>,
    /// The old identity goes: out of .sops.yaml, out of every file, out of sops-age
    #[arg(long)]
    remove_old: bool,
    /// The key in sops-age of the old identity, where the names do not tell which of two is older
    #[arg(long, value_name = "KEY")]
    old: Option<String>,
    /// Show what would be changed and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    who: Who,
}

impl Rotate {
    pub(super) fn run(self, form: Output, site: &Site<'_>) -> Result<(), Failure> {
        self.who.check()?;
        let gathered = self.who.at_hand(site)?;
        let (cluster, operator) = (self.who.of_role(KeyRole::Cluster)?, self.who.of_role(KeyRole::Operator)?);
        let own = cluster.iter().chain(&operator).map(|one| one as &dyn Keyring);
        let keyring = Several(own.chain([&gathered as &dyn Keyring]).collect());
        let places = places(self.places);
        let tree = tree_of(&places)?;
        let finished = finish_earlier(&tree, self.dry_run)?;
        let survey = Survey::take(std::slice::from_ref(&tree.root), tree.clone(), site)?;
        let Walked { files, skipped, unreadable } = survey.walked;
        let skipped = skipped.into_iter().filter(|(_, why)| *why == Skipped::OtherRun);
        let unread = unreadable.into_iter().chain(skipped.map(|(place, why)| (place, why.to_string())));
        let order = Order {
            places,
            tree,
            files,
            unread: unread.map(|(place, why)| format!("{place}: {why}")).collect(),
            remove_old: self.remove_old,
            old: self.old,
            config: named_config(site),
            current: current(site),
            keyring: &keyring,
        };
        let plan = RotatePlan::new(&order)?;
        if self.dry_run {
            return terminal::conclude(form, &planned_text(&plan), planned_json(&plan), None);
        }
        if plan.action == Action::Remove && matches!(plan.phase, Phase::Added { .. }) {
            committed(&plan, &order.tree, site)?;
        }
        let rotated = plan.apply(&order, site.clock, site.entropy)?;
        terminal::conclude(form, &done_text(&rotated, &finished), done_json(&rotated, &finished), None)
    }
}

/// Flux can have the new identity only from a commit: what is not in one yet it does not have.
fn committed(plan: &RotatePlan, tree: &Tree, site: &Site<'_>) -> Result<(), Failure> {
    if tree.git.is_none() {
        return Ok(());
    }
    let Some(name) =
        plan.home.canonicalize().ok().and_then(|path| Some(path.strip_prefix(&tree.root).ok()?.to_owned()))
    else {
        return Ok(());
    };
    let git = git(tree, site, None, GIT_DEADLINE);
    let listed = |words: &[&str]| {
        let words: Vec<&OsStr> = words.iter().map(OsStr::new).chain([OsStr::new("--"), name.as_os_str()]).collect();
        git.output(&words, LISTING)
    };
    let changed = listed(&["diff-index", "-z", "--name-only", "HEAD"]).and_then(|changed| {
        let untracked = listed(&["ls-files", "-z", "--others"])?;
        Ok(!changed.is_empty() || !untracked.is_empty())
    });
    match changed {
        Ok(false) => Ok(()),
        Ok(true) => Err(Failure::new(
            ExitStatus::Refused,
            "rotation-too-early",
            format!(
                "{} is not committed as it is: Flux cannot have the new identity yet; nothing was removed",
                name.display()
            ),
        )
        .hint("commit and push it, wait until Flux has applied it, then give this command again")),
        Err(error) => Err(Failure::new(
            ExitStatus::Unavailable,
            "rotation-not-made",
            "Git could not be asked whether the new identity is committed; nothing was removed",
        )
        .cause(error)
        .hint("make git work in this folder, then give this command again")),
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Add => "add",
        Action::GoOn => "go-on",
        Action::Wait => "wait",
        Action::Remove => "remove",
        Action::Nothing => "nothing",
    }
}

fn phase(phase: &Phase) -> &'static str {
    match phase {
        Phase::Single { .. } => "single",
        Phase::Adding { .. } => "adding",
        Phase::Added { .. } => "added",
        Phase::Removing { .. } => "removing",
    }
}

fn planned_text(plan: &RotatePlan) -> String {
    let what = match plan.action {
        Action::Add => format!("would make a new identity, {}, and add its recipient", plan.new_key),
        Action::GoOn => format!("would go on adding the recipient of {}", plan.new_key),
        Action::Wait => format!("would wait: everything opens with {}, and the cluster has to get it", plan.new_key),
        Action::Remove => format!("would remove the old identity; {} stays", plan.new_key),
        Action::Nothing => "would do nothing: sops-age holds one identity".to_owned(),
    };
    let mut text = format!("{what}\n");
    for path in &plan.files {
        let _ = writeln!(text, "  {}", path.display());
    }
    text + "nothing was written\n"
}

fn planned_json(plan: &RotatePlan) -> Value {
    json!({
        "dryRun": true,
        "phase": phase(&plan.phase),
        "action": action(plan.action),
        "key": plan.new_key,
        "files": plan.files,
    })
}

fn done_text(rotated: &Rotated, finished: &[PathBuf]) -> String {
    let mut text = String::new();
    for path in finished {
        let _ = writeln!(text, "finished from an earlier run: {}", path.display());
    }
    for path in &rotated.changed {
        let _ = writeln!(text, "changed {}", path.display());
    }
    for (path, values) in &rotated.values {
        let _ = writeln!(text, "the old identity could read {}{}", path.display(), listed(values, path));
    }
    text.push_str(&next(rotated));
    text
}

fn listed(values: &[String], path: &Path) -> String {
    let advice = match BootstrapSecret::of_file(path) {
        Some(BootstrapSecret::BackupRepo) => {
            "restic key add with a new password, put it here, then restic key remove the old one"
        }
        Some(BootstrapSecret::BackupS3 | BootstrapSecret::VaultUnsealS3 | BootstrapSecret::VaultUnsealS3Write) => {
            "make a new S3 key, put it here (bootstrap secrets --regenerate), then delete the old one at the store"
        }
        Some(BootstrapSecret::VaultUnsealAge) => {
            "a new identity and a new store key, then unsealer store re-sign; where the share store could be read too, rekey the Vault by hand and unsealer import"
        }
        Some(BootstrapSecret::SopsAge) => "done by this change",
        None => "change it where it is used, then here",
    };
    format!("\n  {}\n  do: {advice}", values.join("\n  "))
}

fn next(rotated: &Rotated) -> String {
    let key = &rotated.key;
    match rotated.action {
        Action::Add | Action::GoOn | Action::Wait => format!(
            "\nthe new identity is {key} in sops-age: {}\n\
             next: commit and push; where sops-age is applied by hand: sops-tools bootstrap show sops-age | kubectl apply --server-side -f -\n\
             look: kubectl -n flux-system get secret sops-age -o jsonpath='{{.data}}' | grep -c {key}    must say 1\n\
             look: flux get kustomizations    must all be Ready at that commit\n\
             then: the same command with --remove-old",
            rotated.recipient
        ),
        Action::Remove => format!(
            "\nthe old identity opens nothing that is written from now on; {key} stays: {}\n\
             next: commit and push; where sops-age is applied by hand: sops-tools bootstrap show sops-age | kubectl apply --server-side -f -\n\
             keep a copy of the new identity with the offline key, in the place of cluster.agekey: sops-tools get FILE '[\"stringData\"][\"{key}\"]'\n\
             then change the values above: whoever had the old identity has read them, and Git keeps the old files",
            rotated.recipient
        ),
        Action::Nothing => format!("sops-age holds one identity, {key}: nothing is to be removed"),
    }
}

fn done_json(rotated: &Rotated, finished: &[PathBuf]) -> Value {
    let values = rotated.values.iter().map(|(path, keys)| json!({"path": path, "keys": keys}));
    json!({
        "dryRun": false,
        "action": action(rotated.action),
        "key": rotated.key,
        "recipient": rotated.recipient,
        "changed": rotated.changed,
        "finished": finished,
        "valuesToChange": values.collect::<Vec<_>>(),
    })
}
