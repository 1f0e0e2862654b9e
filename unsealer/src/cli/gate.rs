//! Arguments of `gate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use sops_tools::report::Failure;
use unsealer::settings::server_address;

use super::{bad_address, values};
use unsealer::commands::gate::GateOrder;

pub(super) const EXAMPLES: &str = "\
Examples:
  unsealer gate --require-data /vault/data
  unsealer gate --require-data /vault/data --or-leader https://vault-active.vault.svc:8200 --ca-file /tls/ca.crt

Meant as the first init container of a Vault's Pod: an empty volume is then never mistaken for a new Vault. Reads no
settings and no store. Ends with 0 where data is there or the cluster is initialised, 4 where both were asked and said no,
5 where one could not be asked.";

#[derive(Debug, Args)]
pub(super) struct GateArgs {
    /// Folder that must hold a Vault's data
    #[arg(long, value_name = "DIR")]
    require_data: PathBuf,
    /// Or a server of the cluster that says it is initialised; may be given several times
    #[arg(long, value_name = "URL")]
    or_leader: Vec<String>,
    /// PEM file with the CA of that server
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// How long to wait for either
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = values::duration)]
    wait: Duration,
}

impl GateArgs {
    pub(super) fn into_order(self) -> Result<GateOrder, Failure> {
        let each = self.or_leader.iter();
        let leaders = each.map(|text| server_address(text).map_err(|fault| bad_address("--or-leader", fault)));
        Ok(GateOrder {
            data: self.require_data,
            leaders: leaders.collect::<Result<_, _>>()?,
            ca_file: self.ca_file,
            wait: self.wait,
        })
    }
}
