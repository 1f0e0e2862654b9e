//! `hold --local` and `release --local`: a word to this host's daemon, for times without a store.

use serde_json::json;
use sops_tools::report::{ExitStatus, Failure};

use super::Setup;
use crate::daemon::local::{self, LocalWord};
use crate::error;
use crate::settings::Loaded;

/// Writes `word` about the Vault for the daemon of this host, which follows it within seconds.
pub(super) fn say(
    setup: &Setup,
    loaded: &Loaded,
    vault: Option<&str>,
    word: &LocalWord,
    dry_run: bool,
) -> Result<(), Failure> {
    let vault = loaded.settings.chosen(vault)?.name.as_str();
    let folder = loaded.settings.cache_dir.as_ref().ok_or_else(|| {
        error::setting_needed("cacheDir", "it is where the daemon of this host looks for a local hold or release")
    })?;
    let what = match word {
        LocalWord::Hold(_) => "hold",
        LocalWord::Release(_) => "release",
    };
    if !dry_run {
        local::say(folder, vault, word).map_err(|fault| {
            Failure::new(
                ExitStatus::Unavailable,
                "local-word",
                format!("{vault}: the local {what} could not be written"),
            )
            .cause(fault)
            .hint("run it as a user who may write into cacheDir, the daemon's own for instance")
        })?;
    }
    let text = match (dry_run, word) {
        (true, _) => format!("would write a local {what} of {vault} below {}\nnothing was written", folder.display()),
        (false, LocalWord::Hold(_)) => {
            format!(
                "{vault} is held on this host alone; its daemon follows within seconds\nend it with: unsealer release --local"
            )
        }
        (false, LocalWord::Release(_)) => format!("{vault} is released on this host; holds in the store stay"),
    };
    setup.print(&text, &json!({"dryRun": dry_run, "vault": vault, "local": what}))
}
