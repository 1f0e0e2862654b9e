//! `bootstrap verify`.

use std::path::PathBuf;

use clap::Args;

use super::{Who, places, secret};
use crate::bootstrap::catalogue::BootstrapSecret;
use crate::bootstrap::keygen::KeyRole;
use crate::bootstrap::verify::{Order, verify};
use crate::commands::site::Site;
use crate::commands::survey::named_config;
use crate::report::Failure;
use crate::terminal::{self, Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  sops-tools bootstrap verify bootstrap clusters/prod --keys keys
  sops-tools bootstrap verify . --identity ~/operator.agekey --output json
  sops-tools bootstrap verify clusters/prod --only backup-repo,backup-s3

Every file below the folders that is sealed, or named *.sops.*, is read as Flux does (which does not check the MAC) and as we do:
MAC, recipients against .sops.yaml, names, keys, contents, and who can open what. One line for each finding, with what to do.

Exit status: 0 sound · 2 usage · 3 not as the rules want it · 4 something is not there · 5 not looked at · 6 damaged, forged or in clear.
docs/bootstrap-secrets.md lists every finding.";

/// What `bootstrap verify` is told.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Folders and files; by default the current folder
    #[arg(value_name = "DIR")]
    places: Vec<PathBuf>,
    /// Only these have to be there; by default all five
    #[arg(long, value_delimiter = ',', value_name = "NAME", value_parser = secret)]
    only: Vec<BootstrapSecret>,
    #[command(flatten)]
    who: Who,
}

impl Verify {
    pub(super) fn run(self, form: Output, site: &Site<'_>) -> Result<(), Failure> {
        self.who.check()?;
        let gathered = self.who.at_hand(site)?;
        let needed = BootstrapSecret::ALL.into_iter().filter(|secret| secret.is_needed());
        let order = Order {
            places: places(self.places),
            wanted: if self.only.is_empty() { needed.collect() } else { self.only },
            cluster: self.who.of_role(KeyRole::Cluster)?,
            operator: self.who.of_role(KeyRole::Operator)?,
            at_hand: &gathered,
            config: named_config(site),
            current: site.current.clone(),
            now: site.clock.now(),
        };
        let report = verify(&order)?;
        let mut judgement = report.judgement();
        if report.findings().any(|finding| finding.class == "closed") {
            // Where identities were looked for is the same for all files.
            judgement = judgement.map(|failure| {
                gathered.asked.iter().fold(failure, |failure, asked| failure.cause(format!("tried: {asked}")))
            });
        }
        terminal::conclude(form, &report.to_text(), report.to_json(), judgement)
    }
}
