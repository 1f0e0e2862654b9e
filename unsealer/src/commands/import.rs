//! `import`: what may be asked of it.

use std::path::{Path, PathBuf};

use sops_tools::clock::System;
use sops_tools::files;
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::secret::Share;
use zeroize::Zeroizing;

use super::Setup;
use crate::import::{Options, Report, import};
use crate::session::Session;
use crate::share_text;

/// An import that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOrder {
    /// The Vault; none = the only one of the settings.
    pub vault: Option<String>,
    /// File with the shares; none = asked for on the terminal.
    pub shares_file: Option<PathBuf>,
    /// Shares needed to open; none = what the server says.
    pub threshold: Option<u8>,
    /// File with a token for the drill; none = the Vault's own setting.
    pub token_file: Option<PathBuf>,
    /// A bundle that one key alone opens is wanted.
    pub single_recipient: bool,
    /// Check the shares against each other, and change nothing.
    pub dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// Shares that cannot be read, and what [`import`] says.
pub async fn run(setup: &Setup, order: &ImportOrder) -> Result<(), Failure> {
    let session = Session::open(setup.load()?.settings, order.vault.as_deref())?;
    session.refuse_store_inside_cluster()?;
    let shares = match &order.shares_file {
        Some(path) => from_file(path)?,
        None => from_terminal()?,
    };
    let options = Options {
        shares,
        threshold: order.threshold,
        token: session.token(order.token_file.as_deref())?,
        single_recipient: order.single_recipient,
        dry_run: order.dry_run,
    };
    let store = session.store()?;
    let report = import(&session, store.as_ref(), &System, &System, &options).await?;
    if !order.dry_run {
        session.level().await?;
    }
    setup.print(&text(&report), &serde_json::json!(report))
}

fn from_file(path: &Path) -> Result<Vec<Share>, Failure> {
    let fault = |cause: String| {
        Failure::new(ExitStatus::Usage, "shares-file", format!("{}: no shares can be read", path.display()))
            .cause(cause)
            .hint("one share a line, hex or base64, or the JSON that `operator init -format=json` printed")
    };
    let text = files::read_secret(path, share_text::INPUT_LIMIT_BYTES).map_err(|error| fault(error.to_string()))?;
    share_text::parse(&text).map_err(|error| fault(error.to_string()))
}

/// Asks for one share after another until an empty line.
fn from_terminal() -> Result<Vec<Share>, Failure> {
    let mut shares = Vec::new();
    loop {
        let prompt = format!("Share {} (empty line when all are given): ", shares.len() + 1);
        let line = Zeroizing::new(rpassword::prompt_password(prompt).map_err(|error| {
            Failure::new(ExitStatus::Usage, "no-terminal", "shares cannot be asked for: there is no terminal")
                .cause(error)
                .hint("give them with --shares-file FILE")
        })?);
        if line.trim().is_empty() {
            return if shares.is_empty() { Err(none_given()) } else { Ok(shares) };
        }
        if let Some(share) = share_text::parse_one(line.trim().as_bytes()) {
            shares.push(share);
        } else {
            tracing::warn!("that is not a share (66 hex digits or 44 base64 characters); type it again");
        }
    }
}

fn none_given() -> Failure {
    Failure::new(ExitStatus::Usage, "no-shares", "no share was given")
        .hint("type at least the threshold of shares, or use --shares-file FILE")
}

fn text(report: &Report) -> String {
    let Report { vault, generation, taken, shares, threshold, .. } = report;
    match report.proof {
        None => format!(
            "{vault}: {taken} of {shares} shares (threshold {threshold}) fit each other; import would prove them on the server, store them as generation {generation}, read them back and mark them proven"
        ),
        Some(proof) => format!(
            "{vault}: {taken} of {shares} shares (threshold {threshold}) are proven ({proof}) and stored as generation {generation}\nnext: `unsealer run` keeps it open; destroy other copies of the shares that you no longer want"
        ),
    }
}
