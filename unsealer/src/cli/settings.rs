//! `--config` and the flags that stand for settings, on every command.

use std::path::PathBuf;

use clap::Args;
use unsealer::settings::Overrides;

/// Where settings come from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct SettingsArgs {
    /// Settings file [default: unsealer.yaml, then /etc/unsealer/unsealer.yaml]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// `s3://BUCKET/PREFIX` or `file:///FOLDER`
    #[arg(long, value_name = "URL", global = true)]
    store_url: Option<String>,
    /// Address of the S3 server
    #[arg(long, value_name = "URL", global = true, hide_short_help = true)]
    store_endpoint: Option<String>,
    /// Region that S3 requests are signed for
    #[arg(long, value_name = "REGION", global = true, hide_short_help = true)]
    store_region: Option<String>,
    /// File with the S3 access key id
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    store_access_key_file: Option<String>,
    /// File with the S3 secret key
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    store_secret_key_file: Option<String>,
    /// PEM file with the CA of the S3 server
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    store_ca_file: Option<String>,
    /// File with the age identity that opens SOPS files of other settings, or a folder of *.agekey
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    sops_identity_file: Option<String>,
    /// File with the store key
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    store_key_file: Option<String>,
    /// Identity files or folders, with `:` between them
    #[arg(long, value_name = "PATHS", global = true, hide_short_help = true)]
    identities: Option<String>,
    /// Where the daemon serves
    #[arg(long, value_name = "ADDRESS", global = true, hide_short_help = true)]
    listen: Option<String>,
    /// Folder for what this host has seen of the store
    #[arg(long, value_name = "DIR", global = true, hide_short_help = true)]
    cache_dir: Option<String>,
    /// Folder for init's sealed copy
    #[arg(long, value_name = "DIR", global = true, hide_short_help = true)]
    state_dir: Option<String>,
}

impl SettingsArgs {
    /// The file asked for, and the flags given, by the key that each stands for.
    pub(super) fn into_sources(self) -> (Option<PathBuf>, Overrides) {
        let flags = [
            ("store.url", self.store_url),
            ("store.endpoint", self.store_endpoint),
            ("store.region", self.store_region),
            ("store.accessKeyFile", self.store_access_key_file),
            ("store.secretKeyFile", self.store_secret_key_file),
            ("store.caFile", self.store_ca_file),
            ("sopsIdentityFile", self.sops_identity_file),
            ("storeKeyFile", self.store_key_file),
            ("identities", self.identities),
            ("listen", self.listen),
            ("cacheDir", self.cache_dir),
            ("stateDir", self.state_dir),
        ];
        (self.config, flags.into_iter().filter_map(|(key, text)| Some((key, text?))).collect())
    }
}
