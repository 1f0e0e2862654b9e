//! `gate`: lets a Vault start only where its data is, or where its cluster lives already.
//!
//! The first init container of a Pod: a Vault that starts on an empty volume looks new, and somebody may initialise it. Needs no
//! settings and no store. Files are only looked for, never opened: they are the server's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use sops_tools::files;
use sops_tools::report::{ExitStatus, Failure};
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::Setup;
use crate::vault::Node;
use crate::vault::client::Client;
use crate::vault::target::Target;

/// A wait that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateOrder {
    /// Folder that must hold a Vault's data.
    pub data: PathBuf,
    /// Servers that may say that the cluster is initialised.
    pub leaders: Vec<Url>,
    /// PEM file with the CA of those servers.
    pub ca_file: Option<PathBuf>,
    /// How long to wait. Default 10 minutes.
    pub wait: Duration,
}

/// What a Vault's storage always has once it is initialised, relative to its folder: raft's own file, the same below `raft/`, and
/// file storage's keyring.
const DATA: [&str; 3] = ["vault.db", "raft/raft.db", "core/_keyring"];

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(2);

/// Longest look at a folder: a network mount may hang for ever.
const LOOK: Duration = Duration::from_secs(5);

/// Largest CA file, 1 MiB.
const CA_BYTES: usize = 1 << 20;

/// What one of the two ways said.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// Start: what was found.
    Yes(String),
    /// Looked or asked, and there is nothing.
    No(String),
    /// Could not look or ask; says nothing about what is there.
    Unknown(String),
}

/// Waits until either way says yes.
///
/// # Errors
/// At the end of the wait: `Absent` where every way said no, `Unavailable` where one could not be asked.
pub async fn run(setup: &Setup, order: &GateOrder) -> Result<(), Failure> {
    let leaders = clients(order)?;
    let end = Instant::now() + order.wait;
    let mut before = Vec::new();
    loop {
        let said = ask(&order.data, &leaders).await;
        if let Some(found) = open(&said) {
            return setup.print(&format!("open: {found}"), &json!({"open": true, "found": found}));
        }
        if said != before {
            report(&said);
        }
        if Instant::now() + INTERVAL > end {
            return Err(closed(&said));
        }
        before = said;
        sleep(INTERVAL).await;
    }
}

fn clients(order: &GateOrder) -> Result<Vec<Client>, Failure> {
    let usage = |problem: String| Failure::new(ExitStatus::Usage, "address", problem);
    let ca = match &order.ca_file {
        Some(path) => Some(files::read_limited(path, CA_BYTES).map_err(|error| usage(format!("--ca-file: {error}")))?),
        None => None,
    };
    let each = order.leaders.iter();
    each.map(|url| Target::new(url.as_str(), ca.as_deref(), None, None).and_then(Client::new))
        .collect::<Result<_, _>>()
        .map_err(|error| usage(format!("--or-leader: {error}")))
}

async fn ask(data: &Path, leaders: &[Client]) -> Vec<Said> {
    let mut said = vec![look(data.to_owned()).await];
    said.extend(futures::future::join_all(leaders.iter().map(ask_leader)).await);
    said
}

async fn look(folder: PathBuf) -> Said {
    let shown = folder.display().to_string();
    let looked = timeout(LOOK, tokio::task::spawn_blocking(move || look_now(&folder))).await;
    match looked {
        Ok(Ok(said)) => said,
        Ok(Err(_)) | Err(_) => Said::Unknown(format!("{shown} does not answer")),
    }
}

fn look_now(folder: &Path) -> Said {
    let shown = folder.display();
    match folder.metadata() {
        Ok(about) if !about.is_dir() => return Said::Unknown(format!("{shown} is not a folder")),
        Ok(_) => {}
        // Without the mount point there is no volume to judge.
        Err(error) => return Said::Unknown(format!("{shown} cannot be looked at: {}", error.kind())),
    }
    let mut unknown = None;
    for name in DATA {
        match folder.join(name).metadata() {
            Ok(about) if about.is_file() && about.len() > 0 => return Said::Yes(format!("{shown} has {name}")),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {}
            Err(error) => unknown = Some(format!("{shown}/{name} cannot be looked at: {}", error.kind())),
        }
    }
    unknown.map_or_else(|| Said::No(format!("{shown} has no Vault's data")), Said::Unknown)
}

async fn ask_leader(leader: &Client) -> Said {
    let address = leader.address().to_owned();
    match leader.initialised().await {
        Ok(true) => Said::Yes(format!("{address} says that its cluster is initialised")),
        Ok(false) => Said::No(format!("{address} says that it is not initialised")),
        Err(error) => Said::Unknown(error.to_string()),
    }
}

fn open(said: &[Said]) -> Option<&str> {
    said.iter().find_map(|one| match one {
        Said::Yes(found) => Some(found.as_str()),
        Said::No(_) | Said::Unknown(_) => None,
    })
}

fn report(said: &[Said]) {
    for one in said {
        match one {
            Said::Yes(text) | Said::No(text) => tracing::info!("waiting: {text}"),
            Said::Unknown(text) => tracing::warn!("waiting: {text}"),
        }
    }
}

fn closed(said: &[Said]) -> Failure {
    let unknown = said.iter().any(|one| matches!(one, Said::Unknown(_)));
    let failure = if unknown {
        Failure::new(ExitStatus::Unavailable, "gate-unknown", "whether this Vault may start could not be found out")
            .hint("make the folder or the server answer; nothing is known yet of what they hold")
    } else {
        Failure::new(ExitStatus::Absent, "gate-closed", "this Vault must not start: it would begin empty")
            .hint("restore its volume first; for a Vault that is new on purpose, run it without this gate once and use `unsealer init`")
    };
    said.iter().fold(failure, |failure, one| match one {
        Said::Yes(text) | Said::No(text) | Said::Unknown(text) => failure.cause(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, name: &str, bytes: &[u8]) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        files::replace(&path, bytes, 0o600).unwrap();
    }

    #[test]
    fn each_kind_of_storage_is_known_by_one_file() {
        for name in DATA {
            let folder = tempfile::tempdir().unwrap();
            assert!(matches!(look_now(folder.path()), Said::No(_)));
            put(folder.path(), name, b"");
            assert!(matches!(look_now(folder.path()), Said::No(_)), "an empty {name} is no data");
            put(folder.path(), name, b"x");
            assert!(matches!(look_now(folder.path()), Said::Yes(_)), "{name}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_or_no_folder_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "file", b"x");
        assert!(matches!(look_now(&folder.path().join("absent")), Said::Unknown(_)));
        assert!(matches!(look_now(&folder.path().join("file")), Said::Unknown(_)));
    }

    #[test]
    fn could_not_ask_is_not_no() {
        let no = || Said::No("n".to_owned());
        assert_eq!(closed(&[no(), no()]).status, ExitStatus::Absent);
        assert_eq!(closed(&[no(), Said::Unknown("u".to_owned())]).status, ExitStatus::Unavailable);
        assert_eq!(closed(&[no()]).causes, ["n"]);
    }
}
