//! `init`: what may be asked of it.

use std::path::{Path, PathBuf};

use sops_tools::clock::System;
use sops_tools::files;
use sops_tools::report::{ExitStatus, Failure};

use super::Setup;
use crate::init::decision::Wish;
use crate::init::{self as flow, Fate, Init, Options, Report, after};
use crate::session::Session;

/// An init that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitOrder {
    /// The Vault; none = the only one of the settings.
    pub vault: Option<String>,
    /// Shares to make. Default 5.
    pub shares: u8,
    /// Shares needed to open. Default 3.
    pub threshold: u8,
    /// What becomes of the root token; none where nothing was said.
    pub root_token: Option<RootTokenWish>,
    /// A new init, or a way out of one that was cut off.
    pub way: Way,
    /// A bundle that one key alone opens is wanted.
    pub single_recipient: bool,
    /// Identity of an offline recipient, to go on with the requests after a crash.
    pub identity: Option<PathBuf>,
    /// Say what would be done, and change nothing.
    pub dry_run: bool,
}

/// What becomes of the root token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootTokenWish {
    /// Sealed to the offline recipients, into the store.
    Store,
    /// Sealed to the offline recipients, into this file.
    File(PathBuf),
    /// Used once for the requests in this file, then revoked.
    AfterInit(PathBuf),
    /// Kept nowhere.
    Discard,
}

/// How to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// As the server, the store and this host's record say.
    Ordinary,
    /// Go on with this intent.
    Continue(u32),
    /// Publish this sealed copy.
    Publish(PathBuf),
    /// Give up what is stored under this name, typed by a person, and make a new generation.
    BeginAnew(String),
}

/// Runs it.
///
/// # Errors
/// What [`Init`] says, and orders that say nothing of the root token.
pub async fn run(setup: &Setup, order: &InitOrder) -> Result<(), Failure> {
    let session = Session::open(setup.load()?.settings, order.vault.as_deref())?;
    session.refuse_store_inside_cluster()?;
    let options = options(order)?;
    let store = session.store()?;
    let init = Init::new(&session, store.as_ref(), &System, &System, &options)?;
    let report = init.run().await?;
    if !order.dry_run {
        session.level().await?;
    }
    setup.print(&text(&report), &serde_json::json!(report))
}

fn options(order: &InitOrder) -> Result<Options, Failure> {
    let root_token = match &order.root_token {
        None => flow::RootTokenWish::Unsaid,
        Some(RootTokenWish::Store) => flow::RootTokenWish::ToStore,
        Some(RootTokenWish::File(path)) => flow::RootTokenWish::ToFile(path.clone()),
        Some(RootTokenWish::Discard) => flow::RootTokenWish::Discard,
        Some(RootTokenWish::AfterInit(path)) => flow::RootTokenWish::AfterInit(requests(path)?),
    };
    let wish = match &order.way {
        Way::Ordinary | Way::Publish(_) => Wish::default(),
        Way::Continue(number) => Wish { continue_intent: Some(*number), ..Wish::default() },
        Way::BeginAnew(name) => Wish { begin_anew: Some(name.clone()), ..Wish::default() },
    };
    let publish = if let Way::Publish(path) = &order.way { Some(path.clone()) } else { None };
    Ok(Options {
        shares: order.shares,
        threshold: order.threshold,
        root_token,
        wish,
        publish,
        single_recipient: order.single_recipient,
        identity: order.identity.clone(),
        dry_run: order.dry_run,
    })
}

fn requests(path: &Path) -> Result<Vec<after::Request>, Failure> {
    let fault = |causes: Vec<String>| {
        let problem = format!("--after-init {}: not a file of requests", path.display());
        let mut failure = Failure::new(ExitStatus::Usage, "after-init-file", problem);
        failure.causes = causes;
        failure.hint(r#"write a JSON array of {"method": "POST", "path": "sys/policies/acl/NAME", "body": {…}}"#)
    };
    let text = files::read_secret(path, after::FILE_LIMIT_BYTES).map_err(|error| fault(vec![error.to_string()]))?;
    after::parse(&text).map_err(fault)
}

fn text(report: &Report) -> String {
    let mut lines: Vec<String> = Vec::new();
    if report.dry_run {
        lines.push(format!("{}: init would, in this order:", report.vault));
        lines.extend(report.steps.iter().map(|step| format!("  - {step}")));
        return lines.join("\n");
    }
    if let Some(generation) = report.generation {
        lines.push(format!("{}: generation {generation} is stored, read back and proven", report.vault));
    }
    match &report.root_token {
        Some(Fate::Revoked) => lines.push("root token: revoked".to_owned()),
        Some(Fate::File(path)) => lines.push(format!("root token: sealed to the offline recipients in {path}")),
        Some(Fate::Store(path)) => {
            lines.push(format!("root token: sealed to the offline recipients, in the store as {path}"));
        }
        Some(Fate::NotAtHand) => lines.push(
            "root token: not at hand in clear, so not revoked; this host keeps no copy of it any more".to_owned(),
        ),
        Some(Fate::LeftBehind(place)) => {
            let line = format!("root token: not revoked; sealed to the offline recipients it may still lie in {place}");
            lines.push(line);
        }
        None => lines.push("root token: not touched, this init was done before".to_owned()),
    }
    lines.push("next: `unsealer run` keeps it open; `unsealer status` says whether it would open again".to_owned());
    lines.join("\n")
}
