//! `status`: would it open again tonight? One screen for each Vault.

mod facts;
mod verdict;

use std::fmt::Write as _;

use serde_json::{Value, json};
use sops_tools::report::{ExitStatus, Failure};

use super::{Setup, chosen_vaults};
use facts::{Facts, gather};
use verdict::{Answer, Verdict, judge};

/// A status that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusOrder {
    /// The Vault; none = all of the settings.
    pub vault: Option<String>,
}

/// Asks nodes, store and daemon, and says whether each Vault would open again.
///
/// Gives the worst answer: `Done`, `Unavailable`, `Refused` or `Integrity`.
///
/// # Errors
/// Settings and secret files that cannot be used.
pub async fn run(setup: &Setup, order: &StatusOrder) -> Result<ExitStatus, Failure> {
    let loaded = setup.load()?;
    let names: Vec<String> =
        chosen_vaults(&loaded, order.vault.as_deref())?.iter().map(|vault| vault.name.as_str().to_owned()).collect();
    let mut screens = Vec::new();
    for name in &names {
        let facts = gather(&loaded.settings, name).await?;
        let verdict = judge(&facts);
        screens.push((facts, verdict));
    }
    let text: String = screens.iter().map(|(facts, verdict)| screen(facts, verdict)).collect::<Vec<_>>().join("\n");
    let values: Vec<Value> = screens.iter().map(|(facts, verdict)| value(facts, verdict)).collect();
    let worst = screens.iter().map(|(_, verdict)| verdict.answer).max().filter(|worst| *worst != Answer::Yes);
    setup.conclude(&text, json!({"vaults": values}), worst.map(Answer::failure))
}

fn screen(facts: &Facts, verdict: &Verdict) -> String {
    let mut text = format!("{}: {}\n", facts.vault, verdict.answer.sentence());
    for reason in &verdict.reasons {
        let _ = writeln!(text, "  ! {reason}");
    }
    for node in &facts.nodes {
        let _ = writeln!(text, "  node    {}  {}", node.address, node.shown());
    }
    match &facts.store {
        Ok(store) => {
            let _ = writeln!(text, "  store   {}  {}", facts.location, store.shown());
            for hold in &store.holds {
                let _ = writeln!(text, "  hold    {}  {} ({}, {})", hold.id, hold.reason, hold.host, hold.at);
            }
            for finding in &store.findings {
                let _ = writeln!(text, "  alarm   {}  {}: {}", finding.path, finding.class, finding.detail);
            }
        }
        Err(why) => {
            let _ = writeln!(text, "  store   {}  {why}", facts.location);
        }
    }
    match &facts.daemon {
        Ok(daemon) => {
            let cache = daemon
                .read_at
                .map_or_else(|| "never read the store".to_owned(), |at| format!("read the store at {at}"));
            let _ = writeln!(
                text,
                "  daemon  {}  {}, {cache}",
                facts.daemon_address,
                if daemon.ready { "ready" } else { "not ready" }
            );
        }
        Err(why) => {
            let _ = writeln!(text, "  daemon  {why}");
        }
    }
    text
}

fn value(facts: &Facts, verdict: &Verdict) -> Value {
    let nodes: Vec<Value> =
        facts.nodes.iter().map(|node| json!({"address": node.address, "state": node.shown()})).collect();
    let store = match &facts.store {
        Ok(store) => json!({
            "location": facts.location,
            "current": store.current,
            "openable": store.openable,
            "threshold": store.threshold,
            "rolledBack": store.rolled_back,
            "holds": store.holds.iter().map(|hold| json!({"id": hold.id, "reason": hold.reason, "host": hold.host, "at": hold.at})).collect::<Vec<_>>(),
            "findings": store.findings,
            "foreign": store.foreign,
            "unread": store.unread,
            "lack": store.lack,
            "silent": store.silent,
        }),
        Err(why) => json!({"location": facts.location, "error": why}),
    };
    let daemon = match &facts.daemon {
        Ok(daemon) => {
            json!({"address": facts.daemon_address, "ready": daemon.ready, "notReady": daemon.not_ready, "readAt": daemon.read_at})
        }
        Err(why) => json!({"address": facts.daemon_address, "error": why}),
    };
    json!({
        "name": facts.vault,
        "answer": verdict.answer.word(),
        "reasons": verdict.reasons,
        "nodes": nodes,
        "store": store,
        "daemon": daemon,
    })
}
