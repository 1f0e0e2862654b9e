//! `bootstrap keygen`: its flags and what it prints.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::bootstrap::keygen::{KeyRole, KeygenPlan, MadeKey, PublicHalf};
use crate::clock::System;
use crate::report::Failure;
use crate::terminal::Output;

pub(super) const EXAMPLES: &str = "\
Examples:
  sops-tools bootstrap keygen --out keys --dry-run
  sops-tools bootstrap keygen --out keys
  sops-tools bootstrap keygen --out keys --only offline,operator --output json

Files made, mode 0600, in age-keygen's format:
  OUT/cluster.agekey         OUT/operator.agekey        OUT/offline.agekey
  OUT/unseal/unseal.agekey   OUT/unseal/store.key       (the shape of the Secret secrets/vault-unseal-age)

Nothing is made when one of them exists. No secret is ever printed.";

/// What `bootstrap keygen` is told.
#[derive(Debug, Args)]
pub(super) struct Keygen {
    /// The folder that gets the keys; made when it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Make only these
    #[arg(long, value_delimiter = ',', value_name = "KEY")]
    only: Vec<RoleArg>,
    /// Show what would be made and make nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArg {
    /// For the SOPS files, in the cluster
    Cluster,
    /// The daemon's own
    Unseal,
    /// For the SOPS files, on a workstation
    Operator,
    /// Break glass
    Offline,
    /// Authenticates the share store
    StoreKey,
}

impl From<RoleArg> for KeyRole {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Cluster => Self::Cluster,
            RoleArg::Unseal => Self::Unseal,
            RoleArg::Operator => Self::Operator,
            RoleArg::Offline => Self::Offline,
            RoleArg::StoreKey => Self::StoreKey,
        }
    }
}

impl Keygen {
    /// Makes the keys, or shows the plan; what is printed.
    pub(super) fn run(self, output: Output) -> Result<String, Failure> {
        let roles: Vec<KeyRole> = self.only.into_iter().map(Into::into).collect();
        let plan = KeygenPlan::new(&self.out, &roles);
        if self.dry_run {
            plan.check()?;
            return Ok(match output {
                Output::Text => planned_text(&plan),
                Output::Json => format!("{:#}", planned_json(&plan)),
            });
        }
        let made = plan.apply(&System, &System)?;
        Ok(match output {
            Output::Text => made_text(&made),
            Output::Json => format!("{:#}", made_json(&made)),
        })
    }
}

fn planned_text(plan: &KeygenPlan) -> String {
    let lines = plan.roles.iter().map(|role| format!("would make {}: {role}\n", plan.path(*role).display()));
    lines.chain(["nothing was made\n".to_owned()]).collect()
}

fn planned_json(plan: &KeygenPlan) -> Value {
    let keys: Vec<Value> = plan
        .roles
        .iter()
        .map(|role| json!({"role": role.name(), "path": plan.path(*role), "keep": role.keep()}))
        .collect();
    json!({"dryRun": true, "keys": keys})
}

fn made_text(made: &[MadeKey]) -> String {
    let keys = made.iter().map(|MadeKey { role, path, public }| {
        let word = match public {
            PublicHalf::Recipient(_) => "recipient",
            PublicHalf::KeyId(_) => "key id",
        };
        format!("{role}: {}\n  {word}: {public}\n  keep: {}\n", path.display(), role.keep())
    });
    keys.chain([format!("\nnext: {}\n", next_step(made))]).collect()
}

fn made_json(made: &[MadeKey]) -> Value {
    let keys: Vec<Value> = made
        .iter()
        .map(|MadeKey { role, path, public }| {
            let word = match public {
                PublicHalf::Recipient(_) => "recipient",
                PublicHalf::KeyId(_) => "keyId",
            };
            json!({"role": role.name(), "path": path, word: public.to_string(), "keep": role.keep()})
        })
        .collect();
    json!({"dryRun": false, "keys": keys, "next": next_step(made)})
}

/// What to do with the keys just made: the settings they go into, or where to put them.
fn next_step(made: &[MadeKey]) -> String {
    let public = |role| made.iter().find(|key| key.role == role).map(|key| key.public.to_string());
    match (public(KeyRole::Unseal), public(KeyRole::Offline)) {
        (Some(unseal), Some(offline)) => format!(
            "put recipients: {{unseal: {unseal}, offline: {offline}}} into unsealer.yaml, move the offline key away, then run: unsealer init --root-token-to FILE"
        ),
        _ => "bring each key to where it is kept, then name its public half in the settings".to_owned(),
    }
}
