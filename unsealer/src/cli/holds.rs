//! Arguments of `hold` and `release`.

use clap::Args;
use sops_tools::report::{ExitStatus, Failure};
use unsealer::settings::{AddressFault, plain_address};

use super::bad_address;
use unsealer::commands::hold::HoldOrder;
use unsealer::commands::release::{Named, ReleaseOrder};

pub(super) const HOLD_EXAMPLES: &str = "\
Examples:
  unsealer hold --reason 'incident 42'                                 then: vault operator seal
  unsealer hold --vault main --reason audit --daemon http://127.0.0.1:9797
  unsealer hold --local --reason 'store is down'                       this host's daemon alone

Hold first, seal afterwards: a daemon that has not seen the hold would open the Vault again. With --daemon the command waits
until each one shows the hold; without, it says how long to wait. Exit status 5: daemons may not see it, do not seal yet.";

pub(super) const RELEASE_EXAMPLES: &str = "\
Examples:
  unsealer release --all
  unsealer release --hold 0123456789abcdef0123456789abcdef
  unsealer release --local

--local also ends a hold that this host's daemon inferred from a deliberate seal.";

#[derive(Debug, Args)]
pub(super) struct HoldArgs {
    /// One Vault of the settings; may be left out where there is only one
    #[arg(long, value_name = "NAME")]
    vault: Option<String>,
    /// Why, for whoever finds the Vault sealed
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Wait until this daemon shows the hold; may be given several times
    #[arg(long, value_name = "URL", conflicts_with = "local")]
    daemon: Vec<String>,
    /// A file in this host's cacheDir instead of an object in the store
    #[arg(long)]
    local: bool,
    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReleaseArgs {
    /// One Vault of the settings; may be left out where there is only one
    #[arg(long, value_name = "NAME")]
    vault: Option<String>,
    #[command(flatten)]
    which: Which,
    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// A hold's id, as `status` shows it; may be given several times
    #[arg(long, value_name = "ID")]
    hold: Vec<String>,
    /// Every hold in force
    #[arg(long)]
    all: bool,
    /// What this host holds by itself: `hold --local`, and an inferred hold
    #[arg(long)]
    local: bool,
}

/// Longest reason, so that it fits a line of `status`.
const REASON_BYTES: usize = 200;

impl HoldArgs {
    pub(super) fn into_order(self) -> Result<HoldOrder, Failure> {
        let reason = self.reason.trim();
        if reason.is_empty() || reason.len() > REASON_BYTES || reason.chars().any(char::is_control) {
            return Err(Failure::new(
                ExitStatus::Usage,
                "reason",
                format!("--reason is one line of 1 to {REASON_BYTES} bytes"),
            ));
        }
        let each = self.daemon.iter();
        // Plain http is fine here: nothing secret is asked for or sent.
        let daemons =
            each.map(|text| plain_address(text).map_err(|fault: AddressFault| bad_address("--daemon", fault)));
        Ok(HoldOrder {
            vault: self.vault,
            reason: reason.to_owned(),
            daemons: daemons.collect::<Result<_, _>>()?,
            local: self.local,
            dry_run: self.dry_run,
        })
    }
}

impl ReleaseArgs {
    pub(super) fn into_order(self) -> ReleaseOrder {
        let Which { hold, all, local } = self.which;
        let named = if local {
            Named::Local
        } else if all {
            Named::All
        } else {
            Named::These(hold)
        };
        ReleaseOrder { vault: self.vault, named, dry_run: self.dry_run }
    }
}
