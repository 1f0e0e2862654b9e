//! The command line: what may be typed, and what it means. Nothing outside this module sees a raw argument.

mod gate;
mod init;
pub(crate) mod pages;
mod settings;
mod shares;
mod values;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::terminal::CommonArgs;

use unsealer::commands::Setup;
use unsealer::commands::export::ExportOrder;
use unsealer::commands::gate::GateOrder;
use unsealer::commands::import::ImportOrder;
use unsealer::commands::init::InitOrder;
use unsealer::commands::unseal::UnsealOrder;
use unsealer::error::{self, statuses_help};

const EXAMPLES: &str = "\
Examples:
  unsealer init --root-token-to root.age    once: initialise, store the sealed shares, open
  unsealer import --shares-file shares.txt  instead of init, for a Vault that lives already
  unsealer run                              for ever: as sidecar or unit
  unsealer status                           would it open again tonight?

Settings: --config FILE, else ./unsealer.yaml, else /etc/unsealer/unsealer.yaml; UNSEALER_… variables over the file, flags
over both. docs/settings.md lists them. Secrets come in as files alone.";

/// Keeps a Vault or OpenBao open from age-encrypted unseal shares in S3 or a directory
#[derive(Debug, Parser)]
#[command(
    name = "unsealer",
    version,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{}", statuses_help()),
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    settings: settings::SettingsArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Keep every Vault of the settings open; never initialises
    #[command(after_help = RUN_EXAMPLES, after_long_help = long(RUN_EXAMPLES))]
    Run,
    /// Initialise a Vault so that its shares cannot be lost, or finish an init that was cut off
    #[command(after_help = init::EXAMPLES, after_long_help = long(init::EXAMPLES))]
    Init(init::InitArgs),
    /// Open sealed nodes once, now
    #[command(after_help = shares::UNSEAL_EXAMPLES, after_long_help = long(shares::UNSEAL_EXAMPLES))]
    Unseal(shares::UnsealArgs),
    /// Wait until a Vault may start: its data is there, or its cluster is initialised
    #[command(after_help = gate::EXAMPLES, after_long_help = long(gate::EXAMPLES))]
    Gate(gate::GateArgs),
    /// Store the shares of a Vault that lives already, after proving them
    #[command(after_help = shares::IMPORT_EXAMPLES, after_long_help = long(shares::IMPORT_EXAMPLES))]
    Import(shares::ImportArgs),
    /// Break glass: print the shares, opened with an offline identity
    #[command(after_help = shares::EXPORT_EXAMPLES, after_long_help = long(shares::EXPORT_EXAMPLES))]
    Export(shares::ExportArgs),
    /// The settings
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Print a completion script
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell it is for
        #[arg(value_parser = clap::builder::EnumValueParser::<values::Shell>::new())]
        shell: values::Shell,
    },
    /// Print the manual page, or write one for each command
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// Folder that gets a page for each command
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Print the settings in force and where each came from
    #[command(after_help = CONFIG_EXAMPLES, after_long_help = long(CONFIG_EXAMPLES))]
    Show,
}

const RUN_EXAMPLES: &str = "\
Examples:
  unsealer run
  unsealer --config /etc/unsealer/unsealer.yaml run --listen 0.0.0.0:9797";
const CONFIG_EXAMPLES: &str = "\
Examples:
  unsealer config show
  UNSEALER_LISTEN=0.0.0.0:9797 unsealer config show --output json";
const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  unsealer completions bash > /etc/bash_completion.d/unsealer
  unsealer completions zsh > ~/.zfunc/_unsealer
  unsealer completions fish > ~/.config/fish/completions/unsealer.fish";
const MAN_EXAMPLES: &str = "\
Examples:
  unsealer man | man -l -
  unsealer man --out /usr/local/share/man/man1";

/// Examples and the exit statuses, for `--help` in full.
fn long(examples: &str) -> String {
    format!("{examples}\n\n{}", statuses_help())
}

/// What was asked for.
#[derive(Debug)]
pub(crate) enum Order {
    Run,
    Init(InitOrder),
    Unseal(UnsealOrder),
    Gate(GateOrder),
    Import(ImportOrder),
    Export(ExportOrder),
    ConfigShow,
    Completions(clap_complete::Shell),
    Man(Option<PathBuf>),
}

impl Cli {
    /// What was asked for, and with which settings.
    pub(crate) fn into_order(self) -> Result<(Setup, Order), Failure> {
        let folder =
            std::env::current_dir().map_err(|error| error::unexpected("there is no working directory").cause(error))?;
        let (config, flags) = self.settings.into_sources();
        let setup = Setup { output: self.common.output, config, flags, folder };
        Ok((setup, self.verb.into_order()?))
    }
}

impl Verb {
    fn into_order(self) -> Result<Order, Failure> {
        Ok(match self {
            Self::Run => Order::Run,
            Self::Init(args) => Order::Init(args.into_order()),
            Self::Unseal(args) => Order::Unseal(args.into_order()),
            Self::Gate(args) => Order::Gate(args.into_order()?),
            Self::Import(args) => Order::Import(args.into_order()),
            Self::Export(args) => Order::Export(args.into_order()),
            Self::Config(ConfigVerb::Show) => Order::ConfigShow,
            Self::Completions { shell } => Order::Completions(shell.into()),
            Self::Man { out } => Order::Man(out),
        })
    }
}

/// An argument that should be an address and is none. Never repeats it.
fn bad_address(flag: &str, fault: unsealer::settings::AddressFault) -> Failure {
    Failure::new(ExitStatus::Usage, "address", format!("{flag} {fault}"))
        .hint("an address is https://HOST:PORT, or http:// on loopback")
}

#[cfg(test)]
mod tests;
