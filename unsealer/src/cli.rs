//! The command line: what may be typed, and what it means. Nothing outside this module sees a raw argument.

mod gate;
mod holds;
mod init;
pub(crate) mod pages;
mod settings;
mod shares;
mod store;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::terminal::CommonArgs;

use unsealer::commands::Setup;
use unsealer::commands::doctor::DoctorOrder;
use unsealer::commands::export::ExportOrder;
use unsealer::commands::gate::GateOrder;
use unsealer::commands::hold::HoldOrder;
use unsealer::commands::import::ImportOrder;
use unsealer::commands::init::InitOrder;
use unsealer::commands::release::ReleaseOrder;
use unsealer::commands::status::StatusOrder;
use unsealer::commands::store::StoreOrder;
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
    /// Would it open again tonight? One screen: nodes, store, identity, holds, alarms
    #[command(after_help = STATUS_EXAMPLES, after_long_help = long(STATUS_EXAMPLES))]
    Status(VaultArg),
    /// Wait until a Vault may start: its data is there, or its cluster is initialised
    #[command(after_help = gate::EXAMPLES, after_long_help = long(gate::EXAMPLES))]
    Gate(gate::GateArgs),
    /// Keep a Vault sealed: daemons send nothing until it is released
    #[command(after_help = holds::HOLD_EXAMPLES, after_long_help = long(holds::HOLD_EXAMPLES))]
    Hold(holds::HoldArgs),
    /// End holds
    #[command(after_help = holds::RELEASE_EXAMPLES, after_long_help = long(holds::RELEASE_EXAMPLES))]
    Release(holds::ReleaseArgs),
    /// Store the shares of a Vault that lives already, after proving them
    #[command(after_help = shares::IMPORT_EXAMPLES, after_long_help = long(shares::IMPORT_EXAMPLES))]
    Import(shares::ImportArgs),
    /// Break glass: print the shares, opened with an offline identity
    #[command(after_help = shares::EXPORT_EXAMPLES, after_long_help = long(shares::EXPORT_EXAMPLES))]
    Export(shares::ExportArgs),
    /// The share store: verify, copy, re-sign
    #[command(subcommand)]
    Store(store::StoreVerb),
    /// Check everything that can be checked, with one hint for each fault
    #[command(after_help = DOCTOR_EXAMPLES, after_long_help = long(DOCTOR_EXAMPLES))]
    Doctor(DoctorArgs),
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
const STATUS_EXAMPLES: &str = "\
Examples:
  unsealer status
  unsealer status --vault main --output json

Ends with 0 when every Vault would open again, 3 when a person is needed, 5 when it could not be found out, 6 when what is
stored raises an alarm.";
const DOCTOR_EXAMPLES: &str = "\
Examples:
  unsealer doctor
  unsealer doctor --probe      also writes one small object, to see that writes are create-only
  unsealer doctor --output json";
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

#[derive(Debug, Args)]
struct VaultArg {
    /// One Vault of the settings; all without it
    #[arg(long, value_name = "NAME")]
    vault: Option<String>,
}

#[derive(Debug, Args)]
struct DoctorArgs {
    #[command(flatten)]
    vault: VaultArg,
    /// Write one small object into the store, to see that writes are create-only
    #[arg(long)]
    probe: bool,
}

/// What was asked for.
#[derive(Debug)]
pub(crate) enum Order {
    Run,
    Init(InitOrder),
    Unseal(UnsealOrder),
    Status(StatusOrder),
    Gate(GateOrder),
    Hold(HoldOrder),
    Release(ReleaseOrder),
    Store(StoreOrder),
    Doctor(DoctorOrder),
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
            Self::Status(args) => Order::Status(StatusOrder { vault: args.vault }),
            Self::Hold(args) => Order::Hold(args.into_order()?),
            Self::Release(args) => Order::Release(args.into_order()),
            Self::Store(verb) => Order::Store(verb.into_order()),
            Self::Doctor(args) => Order::Doctor(DoctorOrder { vault: args.vault.vault, probe: args.probe }),
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
