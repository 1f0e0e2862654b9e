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
use crate::session::stores::{Stores, store_faults};
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

/// What was copied of one Vault, or would be.
struct Done {
    plan: CopyPlan,
    /// Paths that turned out to be taken.
    taken: Vec<String>,
    /// Records that one store of the settings lacked and another had; none where TO is one store.
    levelled: Option<usize>,
}

pub(super) async fn run(setup: &Setup, order: &CopyOrder) -> Result<ExitStatus, Failure> {
    let (from, to) = ends(order)?;
    let loaded = setup.load()?;
    let mut lines = String::new();
    let mut values = Vec::new();
    let mut conflicts = Vec::new();
    for vault in chosen_vaults(&loaded, order.vault.as_deref())? {
        let session = Session::open(loaded.settings.clone(), Some(vault.name.as_str()))?;
        let done = one(&session, &from, &to, order.dry_run).await?;
        lines.push_str(&text(session.name.as_str(), &done, order.dry_run));
        values.push(value(session.name.as_str(), &done));
        conflicts.extend(done.plan.conflicts.into_iter().chain(done.taken));
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

async fn one(session: &Session, from: &End, to: &End, dry_run: bool) -> Result<Done, Failure> {
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
    // Read as one, a store that was lost looks complete: what another of them has is there already.
    let stores = if *to == End::Settings { Stores::of(&session.settings).joined_writer()? } else { None };
    let levelled = match &stores {
        Some(stores) => Some(stores.count_lacks(&session.name, &session.keys).await?),
        None => None,
    };
    if dry_run || (plan.steps.is_empty() && levelled.unwrap_or_default() == 0) {
        return Ok(Done { plan, taken: Vec::new(), levelled });
    }
    if target.probe().await? == ProbeVerdict::ConditionsIgnored {
        return Err(refused(session.name.as_str(), Refusal::ConditionsIgnored));
    }
    let taken = apply(&plan, &*target).await?;
    let levelled = match &stores {
        Some(stores) => Some(stores.level(&session.name, &session.keys).await?),
        None => None,
    };
    Ok(Done { plan, taken, levelled })
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

fn text(name: &str, done: &Done, dry_run: bool) -> String {
    let plan = &done.plan;
    let verb = if dry_run { "would copy" } else { "copied" };
    let steps: Vec<String> =
        plan.steps.iter().map(|step| format!("  {}  {} bytes\n", step.path, step.size())).collect();
    let levelled = match done.levelled {
        Some(count) if count > 0 => format!("{name}: {verb} {count} records between the stores of the settings\n"),
        _ => String::new(),
    };
    format!(
        "{name}: {verb} {}, there already {}, not authentic or not readable {}\n{}{levelled}",
        plan.steps.len(),
        plan.present,
        plan.left_out.len(),
        steps.concat()
    )
}

fn value(name: &str, Done { plan, levelled, .. }: &Done) -> Value {
    let steps: Vec<Value> = plan.steps.iter().map(|step| json!({"path": step.path, "bytes": step.size()})).collect();
    json!({"name": name, "copied": steps, "present": plan.present, "leftOut": plan.left_out, "levelled": levelled})
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
