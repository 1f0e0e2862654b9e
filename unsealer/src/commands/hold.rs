//! `hold`: records the wish that a Vault stay sealed, and waits until daemons have seen it.

use std::time::Duration;

use restore::objects::ReadObjects;
use serde_json::json;
use sops_tools::clock::{Clock as _, System};
use sops_tools::report::{ExitStatus, Failure};
use tokio::time::{Instant, sleep};
use url::Url;

use super::{Setup, daemon_page, local_word};
use crate::daemon::local::LocalWord;
use crate::session::{self, Session};
use crate::store::load::load_holds;
use crate::store::names::{Name, ObjectId};
use crate::store::publish::may_add;
use crate::store::records::HoldRecord;
use crate::supervisor::LocalHold;

/// A hold that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldOrder {
    /// The Vault; none = the only one of the settings.
    pub vault: Option<String>,
    /// Why; one line.
    pub reason: String,
    /// Daemons that must show it before the command ends.
    pub daemons: Vec<Url>,
    /// A file on this host instead of an object in the store.
    pub local: bool,
    /// Say what would be written, and write nothing.
    pub dry_run: bool,
}

/// Longest wait for a daemon to show the hold: it lists holds every 15 s, and a reading of the store may take 12 s.
const LONGEST: Duration = Duration::from_mins(1);

/// How long a person waits before sealing where no daemon was asked: two listings of 15 s.
const SEAL_AFTER: Duration = Duration::from_secs(30);

/// Sets the hold.
///
/// # Errors
/// `Usage` for settings, `Refused` where the store's objects are signed with another key, the store's own failures, and `TimedOut`
/// where a daemon did not show the hold in time, `Unavailable` where none may ever list it: the hold is stored all the same.
pub async fn run(setup: &Setup, order: &HoldOrder) -> Result<(), Failure> {
    let loaded = setup.load()?;
    if order.local {
        let word = LocalWord::Hold(LocalHold { reason: order.reason.clone(), host: session::host(), at: System.now() });
        return local_word::say(setup, &loaded, order.vault.as_deref(), &word, order.dry_run);
    }
    let session = Session::open(loaded.settings, order.vault.as_deref())?;
    let vault = session.name.as_str().to_owned();
    let store = session.store()?;
    let view = session.look_at_readable(&*store).await?;
    may_add(&view).map_err(|refusal| super::refused(&vault, refusal))?;
    if order.dry_run {
        let text = format!("would hold {vault}: {}\nnothing was written", order.reason);
        return setup.print(&text, &json!({"dryRun": true, "vault": vault, "reason": order.reason}));
    }
    let writer = session.writer(&*store, &System, &System);
    writer.probe().await.map_err(|error| session::not_stored(&vault, "hold", &error))?;
    let record = HoldRecord { reason: order.reason.clone(), host: session::host() };
    let id = writer.hold(record).await.map_err(|error| session::not_stored(&vault, "hold", &error))?;
    listed(&session, &*store, &id).await?;
    for daemon in &order.daemons {
        wait_for(daemon, &vault, id.as_str()).await?;
    }
    let seen_by: Vec<&str> = order.daemons.iter().map(Url::as_str).collect();
    let next = match order.daemons.len() {
        0 => format!("seal after {} s: daemons list holds every 15 s", SEAL_AFTER.as_secs()),
        1 => "the daemon shows it: seal now".to_owned(),
        count => format!("all {count} daemons show it: seal now"),
    };
    setup.print(
        &format!("{vault} is held: {}\n{next}\nend it with: unsealer release --hold {}", order.reason, id.as_str()),
        &json!({"dryRun": false, "vault": vault, "hold": id.as_str(), "seenBy": seen_by, "next": next}),
    )
}

/// Lists holds as a daemon does. Behind more names than a listing keeps the new one would stand where no daemon ever looks, and whoever
/// seals on our word sees the Vault opened again.
async fn listed(session: &Session, store: &dyn ReadObjects, id: &ObjectId) -> Result<(), Failure> {
    let path = Name::Hold { id: id.clone() }.path(&session.name);
    let causes = match load_holds(store, &session.name, &session.keys, None).await {
        Ok(seen) if seen.objects.iter().any(|object| object.path == path && object.bytes().is_some()) => return Ok(()),
        Ok(seen) => seen.unread().take(1).map(|(path, reason)| format!("{path}: {reason}")).collect(),
        Err(error) => vec![error.to_string()],
    };
    let vault = &session.name;
    let failure = Failure::new(
        ExitStatus::Unavailable,
        "store-partly-unread",
        format!("{vault}: hold {id} is written, and daemons may not see it: a listing of holds does not give it"),
    );
    let hint = format!(
        "do not seal yet: run `unsealer hold --local --vault {vault} --reason maintenance` on each daemon's host; and look for \
         objects of strangers under this name in the store"
    );
    Err(causes.into_iter().fold(failure, Failure::cause).hint(hint))
}

async fn wait_for(daemon: &Url, vault: &str, id: &str) -> Result<(), Failure> {
    let end = Instant::now() + LONGEST;
    loop {
        let why = match daemon_page::read(daemon).await {
            Ok(status) => {
                let mut vaults = status.vaults.iter().filter(|one| one.name == vault);
                if vaults.any(|one| one.holds.iter().any(|hold| hold.id.as_deref() == Some(id))) {
                    return Ok(());
                }
                format!("{daemon}: does not show the hold yet")
            }
            Err(why) => why,
        };
        if Instant::now() > end {
            return Err(Failure::new(
                ExitStatus::TimedOut,
                "hold-not-seen",
                format!("{vault}: the hold is stored, but a daemon does not show it"),
            )
            .cause(why)
            .hint(format!("do not seal yet; wait until `unsealer status` shows hold {id}, or stop that daemon")));
        }
        sleep(Duration::from_secs(1)).await;
    }
}
