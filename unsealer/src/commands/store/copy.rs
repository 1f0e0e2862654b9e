//! `store copy`: from a store or this host's cache to another store, create-only.

use std::path::PathBuf;
use std::sync::Arc;

use restore::objects::location::StoreLocation;
use restore::objects::{ProbeVerdict, ReadObjects, WriteObjects};
use serde_json::{Value, json};
use sops_tools::report::{ExitStatus, Failure};

use super::CopyOrder;
use crate::commands::{Setup, chosen_vaults, refused};
use crate::error;
use crate::session::stores::store_faults;
use crate::session::{Session, partly_unread};
use crate::store::contents::Contents;
use crate::store::copy::{CopyPlan, apply, plan};
use crate::store::load::load;
use crate::store::publish::Refusal;

/// One end of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Settings,
    Cache,
    Folder(PathBuf),
}

pub(super) async fn run(setup: &Setup, order: &CopyOrder) -> Result<ExitStatus, Failure> {
    let (from, to) = ends(order)?;
    let loaded = setup.load()?;
    let mut lines = String::new();
    let mut values = Vec::new();
    let mut conflicts = Vec::new();
    for vault in chosen_vaults(&loaded, order.vault.as_deref())? {
        let session = Session::open(loaded.settings.clone(), Some(vault.name.as_str()))?;
        let (plan, taken) = one(&session, &from, &to, order.dry_run).await?;
        conflicts.extend(plan.conflicts.iter().cloned().chain(taken));
        lines.push_str(&text(session.name.as_str(), &plan, order.dry_run));
        values.push(value(session.name.as_str(), &plan));
    }
    let judgement = (!conflicts.is_empty()).then(|| {
        let problem = "some names are taken in TO by other content; nothing was overwritten";
        let failure = Failure::new(ExitStatus::Refused, "copy-conflicts", problem);
        conflicts
            .iter()
            .fold(failure, Failure::cause)
            .hint("compare both with `unsealer store verify`, and move the wrong ones away by hand")
    });
    setup.conclude(&lines, json!({"dryRun": order.dry_run, "vaults": values, "conflicts": conflicts}), judgement)
}

fn ends(order: &CopyOrder) -> Result<(End, End), Failure> {
    let from = end(&order.from)?;
    let to = end(&order.to)?;
    if to == End::Cache || from == to {
        return Err(Failure::new(
            ExitStatus::Usage,
            "copy-ends",
            "FROM and TO must differ, and TO cannot be the cache",
        )
        .hint("name a folder with --from or --to, or the cache with --from cache"));
    }
    Ok((from, to))
}

fn end(text: &str) -> Result<End, Failure> {
    match text {
        "settings" => Ok(End::Settings),
        "cache" => Ok(End::Cache),
        other => url::Url::parse(other)
            .ok()
            .filter(|url| url.scheme() == "file")
            .and_then(|url| url.to_file_path().ok())
            .map(End::Folder)
            .ok_or_else(|| {
                Failure::new(
                    ExitStatus::Usage,
                    "copy-ends",
                    "FROM or TO is neither `settings`, `cache` nor file:///FOLDER",
                )
            }),
    }
}

async fn one(session: &Session, from: &End, to: &End, dry_run: bool) -> Result<(CopyPlan, Vec<String>), Failure> {
    let source = match from {
        End::Cache if session.settings.cache_dir.is_none() => {
            return Err(error::setting_needed("cacheDir", "there is no cache to copy from"));
        }
        End::Cache => session.cached()?,
        End::Settings => read(session, &*session.reader()?).await?,
        End::Folder(folder) => {
            let store = StoreLocation::Directory(folder.clone())
                .open_read_only()
                .map_err(|faults| store_faults("--from", &faults))?;
            read(session, &*store).await?
        }
    };
    let target: Arc<dyn WriteObjects> = match to {
        End::Folder(folder) => {
            StoreLocation::Directory(folder.clone()).open().map_err(|faults| store_faults("--to", &faults))?
        }
        End::Settings | End::Cache => session.store()?,
    };
    let there = read(session, &*target).await?;
    let plan = plan(&session.name, &source, &there, &session.keys);
    if dry_run || plan.steps.is_empty() {
        return Ok((plan, Vec::new()));
    }
    if target.probe().await? == ProbeVerdict::ConditionsIgnored {
        return Err(refused(session.name.as_str(), Refusal::ConditionsIgnored));
    }
    let taken = apply(&plan, &*target).await?;
    Ok((plan, taken))
}

async fn read(session: &Session, store: &dyn ReadObjects) -> Result<Contents, Failure> {
    let contents = load(store, &session.name, &session.keys, &Contents::default(), None).await?;
    if let Some((path, _)) = contents.unread().next() {
        return Err(partly_unread(session.name.as_str(), path, contents.unread().count()));
    }
    if let Some(fault) = contents.parts.iter().find_map(|part| part.fault.as_ref()) {
        let problem = format!("{}: not every store of the settings answered", session.name);
        return Err(Failure::new(ExitStatus::Unavailable, "store-unavailable", problem)
            .cause(fault)
            .hint("make it answer, then run the command again; nothing was changed"));
    }
    Ok(contents)
}

fn text(name: &str, plan: &CopyPlan, dry_run: bool) -> String {
    let verb = if dry_run { "would copy" } else { "copied" };
    let steps: Vec<String> =
        plan.steps.iter().map(|step| format!("  {}  {} bytes\n", step.path, step.size())).collect();
    format!(
        "{name}: {verb} {}, there already {}, not authentic or not readable {}\n{}",
        plan.steps.len(),
        plan.present,
        plan.left_out.len(),
        steps.concat()
    )
}

fn value(name: &str, plan: &CopyPlan) -> Value {
    let steps: Vec<Value> = plan.steps.iter().map(|step| json!({"path": step.path, "bytes": step.size()})).collect();
    json!({"name": name, "copied": steps, "present": plan.present, "leftOut": plan.left_out})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(from: &str, to: &str) -> Result<(End, End), &'static str> {
        let order = CopyOrder { from: from.to_owned(), to: to.to_owned(), vault: None, dry_run: false };
        ends(&order).map_err(|failure| failure.class)
    }

    #[test]
    fn a_copy_has_two_different_ends_and_never_writes_into_the_cache() {
        assert_eq!(order("cache", "settings"), Ok((End::Cache, End::Settings)));
        assert_eq!(order("settings", "file:///b"), Ok((End::Settings, End::Folder("/b".into()))));
        for (from, to) in
            [("settings", "settings"), ("settings", "cache"), ("file:///a", "file:///a"), ("s3://a", "settings")]
        {
            assert_eq!(order(from, to), Err("copy-ends"), "{from} {to}");
        }
    }
}
