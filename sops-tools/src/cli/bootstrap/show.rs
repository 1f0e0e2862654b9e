//! `bootstrap show`.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::Args;

use super::{Who, places, secret};
use crate::bootstrap::catalogue::BootstrapSecret;
use crate::bootstrap::keygen::KeyRole;
use crate::bootstrap::look::Several;
use crate::bootstrap::show::{Order, show};
use crate::cli::unprintable;
use crate::commands::site::Site;
use crate::report::{ExitStatus, Failure};
use crate::sops::data_key::Keyring;

pub(super) const EXAMPLES: &str = "\
Examples:
  sops-tools bootstrap show --from bootstrap sops-age | kubectl apply --server-side -f -
  sops-tools bootstrap show --from clusters/prod --keys keys | kubectl apply --server-side -f -

Secrets go to standard output in clear, so a terminal is refused. All of them are opened and verified before the first one is printed.";

/// What `bootstrap show` is told.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Which secrets; by default all that are needed, and the sixth where it is there
    #[arg(value_name = "NAME", value_parser = secret)]
    names: Vec<BootstrapSecret>,
    /// Where they are: a folder or a file; by default the current folder. May be given again
    #[arg(long, value_name = "DIR")]
    from: Vec<PathBuf>,
    #[command(flatten)]
    who: Who,
}

impl Show {
    pub(super) fn run(self, site: &Site<'_>) -> Result<(), Failure> {
        if std::io::stdout().is_terminal() {
            return Err(Failure::new(ExitStatus::Refused, "terminal-output", "secrets would be shown on the terminal")
                .hint("pipe them to where they belong: | kubectl apply --server-side -f -"));
        }
        self.who.check()?;
        let gathered = self.who.at_hand(site)?;
        let (cluster, operator) = (self.who.of_role(KeyRole::Cluster)?, self.who.of_role(KeyRole::Operator)?);
        let own = cluster.iter().chain(&operator).map(|one| one as &dyn Keyring);
        let keyring = Several(own.chain([&gathered as &dyn Keyring]).collect());
        let order = Order {
            places: places(self.from),
            are_named: !self.names.is_empty(),
            secrets: if self.names.is_empty() { BootstrapSecret::ALL.to_vec() } else { self.names },
            keyring: &keyring,
        };
        let text = show(&order)?;
        let mut out = std::io::stdout().lock();
        // Half a stream must not look like all of it: whoever reads less than everything gets a failure.
        out.write_all(&text).and_then(|()| out.flush()).map_err(|error| unprintable(&error))
    }
}
