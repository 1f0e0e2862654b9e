//! Arguments of `unseal`, `import` and `export`.

use std::path::PathBuf;

use clap::Args;

use unsealer::commands::export::ExportOrder;
use unsealer::commands::import::ImportOrder;
use unsealer::commands::unseal::UnsealOrder;

pub(super) const UNSEAL_EXAMPLES: &str = "\
Examples:
  unsealer unseal
  unsealer unseal --vault main --despite-hold

Tries each sealed node once and ends; `run` does the same for ever.";

pub(super) const IMPORT_EXAMPLES: &str = "\
Examples:
  unsealer import --shares-file init.json          what `vault operator init -format=json` printed
  unsealer import --threshold 3                    asks for each share, without echo
  unsealer import --shares-file shares.txt --token-file token

Shares are proven before they are stored: by opening a sealed server, else by a drill on an open one (OpenBao needs a token
for that).";

pub(super) const EXPORT_EXAMPLES: &str = "\
Examples:
  unsealer export --identity offline.agekey --check     would these shares open? prints none
  unsealer export --identity offline.agekey             prints the shares, for `vault operator unseal`

The store key is not needed; without it authenticity is not checked, and that is said.";

#[derive(Debug, Args)]
pub(super) struct UnsealArgs {
    /// One Vault of the settings; all without it
    #[arg(long, value_name = "NAME")]
    vault: Option<String>,
    /// Open it although a hold is in force
    #[arg(long)]
    despite_hold: bool,
    /// Say what would be sent where, and send nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// One Vault of the settings; may be left out where there is only one
    #[arg(long, value_name = "NAME")]
    vault: Option<String>,
    /// File with the shares, one a line or init's JSON; asked for on the terminal without it
    #[arg(long, value_name = "FILE")]
    shares_file: Option<PathBuf>,
    /// Shares needed to open; asked of the server without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    threshold: Option<u8>,
    /// File with a token, for the drill on an open OpenBao [default: the Vault's tokenFile]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Allow a bundle that one key alone opens
    #[arg(long)]
    single_recipient: bool,
    /// Check the shares against each other, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// One Vault of the settings; may be left out where there is only one
    #[arg(long, value_name = "NAME")]
    vault: Option<String>,
    /// Identity file, or a folder of them; may be given several times
    #[arg(long, value_name = "FILE", required = true)]
    identity: Vec<PathBuf>,
    /// This generation [default: the current one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=999_999))]
    generation: Option<u32>,
    /// Open and print nothing secret
    #[arg(long)]
    check: bool,
}

impl UnsealArgs {
    pub(super) fn into_order(self) -> UnsealOrder {
        UnsealOrder { vault: self.vault, despite_hold: self.despite_hold, dry_run: self.dry_run }
    }
}

impl ImportArgs {
    pub(super) fn into_order(self) -> ImportOrder {
        ImportOrder {
            vault: self.vault,
            shares_file: self.shares_file,
            threshold: self.threshold,
            token_file: self.token_file,
            single_recipient: self.single_recipient,
            dry_run: self.dry_run,
        }
    }
}

impl ExportArgs {
    pub(super) fn into_order(self) -> ExportOrder {
        ExportOrder { vault: self.vault, identities: self.identity, generation: self.generation, check: self.check }
    }
}
