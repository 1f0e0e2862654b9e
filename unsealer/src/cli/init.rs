//! Arguments of `init`.

use std::path::PathBuf;

use clap::Args;

use unsealer::commands::init::{InitOrder, RootTokenWish, Way};

pub(super) const EXAMPLES: &str = "\
Examples:
  unsealer init --root-token-to root.age            the root token, sealed to the offline recipients
  unsealer init --after-init requests.json          run requests with the root token once, then revoke it
  unsealer init --vault main --shares 3 --threshold 2 --discard-root-token
  unsealer init --dry-run --discard-root-token

The same command again, on the same host, finishes an init that was cut off; --after-init then needs --identity.

One of --root-token-to, --after-init and --discard-root-token must be chosen before a new Vault is made: on OpenBao a lost
root token cannot be made again.";

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// One Vault of the settings; may be left out where there is only one
    #[arg(long, value_name = "NAME")]
    vault: Option<String>,
    /// Shares to make
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    shares: u8,
    /// Shares needed to open
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    threshold: u8,
    #[command(flatten)]
    root_token: RootTokenArgs,
    #[command(flatten)]
    way: WayArgs,
    /// Allow a bundle that one key alone opens
    #[arg(long)]
    single_recipient: bool,
    /// Identity of an offline recipient, to go on with --after-init after a crash
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct RootTokenArgs {
    /// Seal the root token to the offline recipients, into FILE or, with `store`, into the store
    #[arg(long, value_name = "FILE|store")]
    root_token_to: Option<PathBuf>,
    /// Run these requests once with the root token, then revoke it
    #[arg(long, value_name = "FILE")]
    after_init: Option<PathBuf>,
    /// Keep no root token
    #[arg(long)]
    discard_root_token: bool,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct WayArgs {
    /// Go on with intent N, whose init was cut off before a server answered
    #[arg(long = "continue", value_name = "N")]
    continue_intent: Option<u32>,
    /// Publish the sealed copy that an init left in a stateDir
    #[arg(long, value_name = "FILE")]
    publish: Option<PathBuf>,
    /// Give up every stored generation of this Vault and make a new one; type its name
    #[arg(long, value_name = "VAULT")]
    begin_anew: Option<String>,
}

impl InitArgs {
    pub(super) fn into_order(self) -> InitOrder {
        let root_token = match (self.root_token.root_token_to, self.root_token.after_init) {
            (Some(target), _) if target.as_os_str() == "store" => Some(RootTokenWish::Store),
            (Some(target), _) => Some(RootTokenWish::File(target)),
            (None, Some(file)) => Some(RootTokenWish::AfterInit(file)),
            (None, None) => self.root_token.discard_root_token.then_some(RootTokenWish::Discard),
        };
        let way = match self.way {
            WayArgs { continue_intent: Some(number), .. } => Way::Continue(number),
            WayArgs { publish: Some(file), .. } => Way::Publish(file),
            WayArgs { begin_anew: Some(name), .. } => Way::BeginAnew(name),
            _ => Way::Ordinary,
        };
        InitOrder {
            vault: self.vault,
            shares: self.shares,
            threshold: self.threshold,
            root_token,
            way,
            single_recipient: self.single_recipient,
            identity: self.identity,
            dry_run: self.dry_run,
        }
    }
}
