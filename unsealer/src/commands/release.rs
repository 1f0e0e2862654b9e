//! `release`: ends holds.

use serde_json::json;
use sops_tools::clock::{Clock as _, System};
use sops_tools::report::{ExitStatus, Failure};

use super::{Setup, local_word};
use crate::daemon::local::LocalWord;
use crate::session::{self, Session};
use crate::store::publish::may_add;
use crate::store::records::ReleaseRecord;
use crate::store::view::Hold;

/// A release that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseOrder {
    /// The Vault; none = the only one of the settings.
    pub vault: Option<String>,
    /// What it ends.
    pub named: Named,
    /// Say what would be written, and write nothing.
    pub dry_run: bool,
}

/// What a release ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// Holds in the store, by id.
    These(Vec<String>),
    /// Every hold in the store, and inferred ones.
    All,
    /// What this host's daemon holds by itself.
    Local,
}

/// Writes the release. Any release in the store also ends a hold that a daemon inferred.
///
/// # Errors
/// `Absent` for an id that is no hold in force, else as `hold`.
pub async fn run(setup: &Setup, order: &ReleaseOrder) -> Result<(), Failure> {
    let loaded = setup.load()?;
    let vault = order.vault.as_deref();
    if order.named == Named::Local {
        return local_word::say(setup, &loaded, vault, &LocalWord::Release(System.now()), order.dry_run);
    }
    let session = Session::open(loaded.settings, vault)?;
    let vault = session.name.as_str().to_owned();
    let store = session.store()?;
    let view = session.look(&*store).await?;
    may_add(&view).map_err(|refusal| super::refused(&vault, refusal))?;
    let ids = chosen(&view.holds, &order.named).map_err(|unknown| {
        Failure::new(ExitStatus::Absent, "no-such-hold", format!("{vault}: {} is no hold in force", unknown.join(", ")))
            .hint("`unsealer status` lists the holds in force; --all ends every one")
    })?;
    if !order.dry_run {
        let writer = session.writer(&*store, &System, &System);
        writer.probe().await.map_err(|error| session::not_stored(&vault, "release", &error))?;
        let record = ReleaseRecord { releases: ids.clone(), reason: String::new(), host: session::host() };
        writer.release(record).await.map_err(|error| session::not_stored(&vault, "release", &error))?;
    }
    let listed = if ids.is_empty() { "no stored hold was in force".to_owned() } else { ids.join(", ") };
    let text = if order.dry_run {
        format!("would release {vault}: {listed}\nnothing was written")
    } else {
        format!("{vault} is released: {listed}\ndaemons follow within 15 s, and open it where it is sealed")
    };
    setup.print(&text, &json!({"dryRun": order.dry_run, "vault": vault, "released": ids}))
}

/// Ids to release, or those that are no hold in force.
fn chosen(holds: &[Hold], named: &Named) -> Result<Vec<String>, Vec<String>> {
    let Named::These(ids) = named else { return Ok(holds.iter().map(|hold| hold.id.clone()).collect()) };
    let unknown: Vec<String> = ids.iter().filter(|id| !holds.iter().any(|hold| hold.id == **id)).cloned().collect();
    if unknown.is_empty() { Ok(ids.clone()) } else { Err(unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(id: &str) -> Hold {
        Hold { id: id.to_owned(), reason: "r".to_owned(), host: "h".to_owned(), at: jiff::Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_release_names_only_holds_in_force() {
        let holds = [hold("a"), hold("b")];
        assert_eq!(chosen(&holds, &Named::All), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(chosen(&holds, &Named::These(vec!["b".to_owned()])), Ok(vec!["b".to_owned()]));
        assert_eq!(chosen(&holds, &Named::These(vec!["a".to_owned(), "c".to_owned()])), Err(vec!["c".to_owned()]));
        assert_eq!(chosen(&[], &Named::All), Ok(Vec::new()), "still ends an inferred hold");
    }
}
