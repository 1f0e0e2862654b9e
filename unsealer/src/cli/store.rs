//! Arguments of `store`.

use clap::{Args, Subcommand};

use super::long;
use unsealer::commands::store::{CopyOrder, ReSignOrder, StoreOrder};

const VERIFY_EXAMPLES: &str = "\
Examples:
  unsealer store verify
  unsealer store verify --vault main --output json

Reads every object and says what is authentic, what opens and what raises an alarm. Changes nothing.";
const COPY_EXAMPLES: &str = "\
Examples:
  unsealer store copy --from cache                    rebuild a lost bucket from this host's cache
  unsealer store copy --to file:///backup/store       a second copy
  unsealer store copy --from file:///backup/store --dry-run

FROM and TO are `settings` (the store of the settings), `cache` (FROM alone) or file:///FOLDER. Nothing that exists is
overwritten.";
const RESIGN_EXAMPLES: &str = "\
Examples:
  unsealer store re-sign --dry-run
  unsealer store re-sign

After a new first line in the store key's file: writes anew under it what an older line authenticates.";

#[derive(Debug, Subcommand)]
pub(super) enum StoreVerb {
    /// Read everything and say what is wrong with it
    #[command(after_help = VERIFY_EXAMPLES, after_long_help = long(VERIFY_EXAMPLES))]
    Verify(VerifyArgs),
    /// Copy what is missing from one store to another
    #[command(after_help = COPY_EXAMPLES, after_long_help = long(COPY_EXAMPLES))]
    Copy(CopyArgs),
    /// Sign everything anew under the first store key
    #[command(name = "re-sign", after_help = RESIGN_EXAMPLES, after_long_help = long(RESIGN_EXAMPLES))]
    ReSign(ReSignArgs),
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// One Vault of the settings; all without it
    #[arg(long, value_name = "NAME")]
    vault: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct CopyArgs {
    /// Where objects are read
    #[arg(long, value_name = "FROM", default_value = "settings")]
    from: String,
    /// Where the missing ones are written
    #[arg(long, value_name = "TO", default_value = "settings")]
    to: String,
    /// One Vault of the settings; all without it
    #[arg(long, value_name = "NAME")]
    vault: Option<String>,
    /// Say what would be copied, and copy nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReSignArgs {
    /// One Vault of the settings; all without it
    #[arg(long, value_name = "NAME")]
    vault: Option<String>,
    /// The old store key is lost: take up what nothing authenticates, each generation after a drill
    #[arg(long)]
    key_lost: bool,
    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl StoreVerb {
    pub(super) fn into_order(self) -> StoreOrder {
        match self {
            Self::Verify(args) => StoreOrder::Verify { vault: args.vault },
            Self::Copy(args) => {
                StoreOrder::Copy(CopyOrder { from: args.from, to: args.to, vault: args.vault, dry_run: args.dry_run })
            }
            Self::ReSign(args) => {
                StoreOrder::ReSign(ReSignOrder { vault: args.vault, key_lost: args.key_lost, dry_run: args.dry_run })
            }
        }
    }
}
