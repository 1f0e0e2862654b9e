//! `unseal`: what may be asked of it.

use sops_tools::report::{ExitStatus, Failure};

use super::Setup;
use crate::session::Session;
use crate::unseal::{Report, unseal};

/// One attempt that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsealOrder {
    /// The Vault; none = all of the settings.
    pub vault: Option<String>,
    /// Send shares although a hold is in force.
    pub despite_hold: bool,
    /// Say what would be sent where, and send nothing.
    pub dry_run: bool,
}

/// Runs it on one Vault, or on all of the settings.
///
/// # Errors
/// When a node is not open afterwards; the report is printed first.
pub async fn run(setup: &Setup, order: &UnsealOrder) -> Result<(), Failure> {
    let settings = setup.load()?.settings;
    let names: Vec<String> = match &order.vault {
        Some(name) => vec![name.clone()],
        None => settings.vaults.iter().map(|vault| vault.name.as_str().to_owned()).collect(),
    };
    let mut reports = Vec::new();
    for name in names {
        let session = Session::open(settings.clone(), Some(&name))?;
        reports.push(unseal(&session, order.despite_hold, order.dry_run).await?);
    }
    let text: Vec<String> = reports.iter().flat_map(lines).collect();
    setup.print(&text.join("\n"), &serde_json::json!(reports))?;
    match reports.iter().find(|report| report.status() != ExitStatus::Done) {
        _ if order.dry_run => Ok(()),
        None => Ok(()),
        Some(report) => {
            Err(Failure::new(report.status(), "not-open", format!("{}: not every node is open", report.vault))
                .hint("each node's line above says what to do next"))
        }
    }
}

fn lines(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(why) = &report.from_cache {
        lines.push(format!("{}: from this host's cache, the store is away: {why}", report.vault));
    }
    lines.extend(report.silent.iter().map(|why| format!("{}: {why}", report.vault)));
    for node in &report.nodes {
        lines.push(format!("{} {}: {} — {}", report.vault, node.address, node.state, node.message));
        lines.extend(node.next.iter().map(|next| format!("  next: {next}")));
    }
    lines
}
