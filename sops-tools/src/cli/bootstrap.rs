//! `bootstrap`: the secrets that exist before the cluster does.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::sops::flags::IDENTITY_HELP;
use super::{Common, keygen};
use crate::bootstrap::catalogue::BootstrapSecret;
use crate::bootstrap::keygen::KeyRole;
use crate::commands::site::Site;
use crate::custody::Identities;
use crate::report::{ExitStatus, Failure};
use crate::sops::sources::{Gathered, gather};
use crate::terminal;

mod rotate;
mod secrets;
mod show;
mod verify;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make the age keys and the store key
    #[command(after_help = keygen::EXAMPLES)]
    Keygen(keygen::Keygen),
    /// Make the bootstrap secrets as SOPS files, and .sops.yaml
    #[command(after_help = secrets::EXAMPLES)]
    Secrets(secrets::Secrets),
    /// Would the secrets bring the cluster back, and did anybody change them?
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::Verify),
    /// Give out the decrypted manifests, for kubectl apply
    #[command(after_help = show::EXAMPLES)]
    Show(show::Show),
    /// Give the cluster another identity, in the phases of a Flux roll-over
    #[command(after_help = rotate::EXAMPLES)]
    Rotate(rotate::Rotate),
}

impl Command {
    pub(super) fn run(self, common: &Common, site: &Site<'_>) -> Result<(), Failure> {
        let form = common.output.form_only()?;
        match self {
            Self::Keygen(keygen) => {
                let text = keygen.run(form)?;
                terminal::print(text.trim_end()).map_err(|error| super::unprintable(&error))
            }
            Self::Secrets(secrets) => secrets.run(form, site),
            Self::Verify(verify) => verify.run(form, site),
            Self::Show(show) => show.run(site),
            Self::Rotate(rotate) => rotate.run(form, site),
        }
    }
}

/// Whose identities are at hand.
#[derive(Debug, Clone, Default, Args)]
struct Who {
    /// The folder that keygen made: cluster.agekey, operator.agekey and unseal/ in it are used where they are there
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    #[arg(long, value_name = "FILE", help = IDENTITY_HELP)]
    identity: Vec<PathBuf>,
}

impl Who {
    /// The identities of flags and of sops' sources.
    fn at_hand(&self, site: &Site<'_>) -> Result<Gathered, Failure> {
        let gathered = gather(&self.identity, site.lookup).map_err(|error| unusable(&error))?;
        for asked in gathered.asked.iter().filter(|asked| asked.identities > 0 && !asked.faults.is_empty()) {
            tracing::warn!("{asked}");
        }
        Ok(gathered)
    }

    /// The identity of a role in the folder of keys; `None` where there is none.
    fn of_role(&self, role: KeyRole) -> Result<Option<Identities>, Failure> {
        let Some(path) = self.keys.as_ref().map(|keys| keys.join(role.file())).filter(|path| path.exists()) else {
            return Ok(None);
        };
        Identities::load(&[&path]).map(Some).map_err(|error| unusable(&error))
    }

    /// Whether the folder that was named is one.
    fn check(&self) -> Result<(), Failure> {
        match &self.keys {
            Some(keys) if !keys.is_dir() => {
                let problem = format!("--keys {}: there is no such folder", keys.display());
                Err(Failure::new(ExitStatus::Usage, "identity-file", problem)
                    .hint("make it: sops-tools bootstrap keygen --out DIR"))
            }
            _ => Ok(()),
        }
    }
}

fn unusable(error: &dyn std::error::Error) -> Failure {
    Failure::new(ExitStatus::Usage, "identity-file", "an identity file cannot be used")
        .cause(error)
        .hint("name a file as age-keygen writes it, or a folder of *.agekey files")
}

/// The name of a secret.
fn secret(word: &str) -> Result<BootstrapSecret, String> {
    let names: Vec<&str> = BootstrapSecret::ALL.iter().map(|secret| secret.name()).collect();
    BootstrapSecret::of_name(word).ok_or_else(|| format!("it is one of {}", names.join(", ")))
}

/// The places that were named, or the current folder.
fn places(named: Vec<PathBuf>) -> Vec<PathBuf> {
    if named.is_empty() { vec![Path::new(".").to_owned()] } else { named }
}
