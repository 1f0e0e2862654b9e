//! What a person and a program read of a plan and of what became of it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::worktree::apply::Settled;
use crate::worktree::journal::Direction;
use crate::worktree::plan::{Action, Planned};

pub(super) fn settled_text(settled: &Settled) -> String {
    let Settled { direction, replaced, kept, command, started } = settled;
    // Outside of Git the journal lies where anybody can have put it.
    let (command, started) = (command.escape_debug(), started.escape_debug());
    let mut text = match direction {
        None => "an earlier run was cut off, before it changed anything or after all was done; what it left lying around is removed".to_owned(),
        Some(Direction::Forward) => {
            format!("the run of {started} ({command}) was cut off; it is finished now: {} files were left", replaced.len())
        }
        Some(Direction::Back) => {
            format!("the run of {started} ({command}) is taken back: {} files have their old content again", replaced.len())
        }
    };
    for path in kept {
        let _ = write!(text, "\n  {} stays as somebody else made it", path.display());
    }
    text
}

pub(super) fn settled_json(settled: &Settled) -> Value {
    let direction = match settled.direction {
        None => "removed",
        Some(Direction::Forward) => "finished",
        Some(Direction::Back) => "undone",
    };
    json!({"result": direction, "command": settled.command, "started": settled.started, "replaced": settled.replaced, "kept": settled.kept})
}

pub(super) fn plan_text(planned: &[Planned], verb: &str, with_keys: bool) -> String {
    let mut text = String::new();
    for one in planned.iter().filter(|one| one.action != Action::Unchanged) {
        let what = match one.action {
            Action::Added => "more recipients",
            _ => "a new data key",
        };
        let mac = if one.mac_accepted { ", in spite of its MAC" } else { "" };
        let _ = writeln!(text, "{}: {verb} {what}{mac}", one.at.shown);
        if with_keys || one.mac_accepted || !one.added.is_empty() || !one.removed.is_empty() {
            text.extend(one.added.iter().map(|key| format!("  +++ {key}\n")));
            text.extend(one.removed.iter().map(|key| format!("  --- {key}\n")));
        }
    }
    let unchanged = planned.iter().filter(|one| one.action == Action::Unchanged).count();
    if unchanged > 0 {
        let _ = writeln!(text, "already right: {unchanged} of {} files", planned.len());
    }
    text
}

/// What a person has to do once the files are written.
pub(super) fn after(planned: &[Planned]) -> String {
    let lines: Vec<String> = planned
        .iter()
        .filter(|one| !one.to_change.is_empty())
        .flat_map(|one| one.to_change.iter().map(|path| format!("  {}: {path}\n", one.at.shown)))
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let head = "\nwho was removed knows these values as they were, and every old version in Git; change them where they are used, then here:\n";
    [head.to_owned()].into_iter().chain(lines).collect()
}

pub(super) fn planned_json(one: &Planned) -> Value {
    let names = |keys: &[crate::sops::metadata::KeyId]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    let action = match one.action {
        Action::Unchanged => "unchanged",
        Action::Added => "added",
        Action::NewDataKey => "new-data-key",
    };
    json!({
        "file": one.at.shown,
        "result": action,
        "added": names(&one.added),
        "removed": names(&one.removed),
        "macAccepted": one.mac_accepted,
        "valuesToChange": one.to_change,
    })
}
