//! Flags that several of the commands take, named as sops names them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::sops::config::Selection;
use crate::sops::formats::Format;
use crate::sops::rules::RuleField;

/// How a file is written, by sops' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    /// YAML
    Yaml,
    /// JSON
    Json,
    /// `KEY=VALUE` lines
    Dotenv,
    /// Sections of keys
    Ini,
    /// Anything, sealed as a whole
    Binary,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Yaml => Self::Yaml,
            FormatName::Json => Self::Json,
            FormatName::Dotenv => Self::Dotenv,
            FormatName::Ini => Self::Ini,
            FormatName::Binary => Self::Binary,
        }
    }
}

/// Formats that are not to be taken from the file's name.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Formats {
    /// The format of the input; by default its name tells
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) input_type: Option<FormatName>,
    /// The format of the output; by default that of the input
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) output_type: Option<FormatName>,
}

pub(crate) const IDENTITY_HELP: &str = "A file with age identities, or a folder of *.agekey files; beside sops' own sources (SOPS_AGE_KEY, \
SOPS_AGE_KEY_FILE, SOPS_AGE_KEY_CMD and sops/age/keys.txt). May be given again";

const AGE_HELP: &str = "age recipients, separated by commas; in place of those of .sops.yaml. Also SOPS_AGE_RECIPIENTS";

/// Whose identities open the file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Keys {
    #[arg(long, value_name = "FILE", help = IDENTITY_HELP)]
    pub(crate) identity: Vec<PathBuf>,
    /// Accepted for scripts written for sops; only age keys are served
    #[arg(long, hide = true, value_name = "ORDER")]
    pub(crate) decryption_order: Option<String>,
    /// Accepted for scripts written for sops; keys are used in this process alone
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub(crate) enable_local_keyservice: Option<bool>,
    /// Refused: no key service is asked
    #[arg(long, hide = true, value_name = "URL")]
    pub(crate) keyservice: Vec<String>,
}

/// Which of the values are encrypted, and what the MAC is over.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct What {
    /// Keys that end so, and all below them, stay plain; the default is _unencrypted
    #[arg(long, value_name = "SUFFIX")]
    pub(crate) unencrypted_suffix: Option<String>,
    /// Only keys that end so, and all below them, are encrypted
    #[arg(long, value_name = "SUFFIX")]
    pub(crate) encrypted_suffix: Option<String>,
    /// Keys that match, and all below them, stay plain
    #[arg(long, value_name = "REGEX")]
    pub(crate) unencrypted_regex: Option<String>,
    /// Only keys that match, and all below them, are encrypted
    #[arg(long, value_name = "REGEX")]
    pub(crate) encrypted_regex: Option<String>,
    /// What stands below a comment that matches stays plain
    #[arg(long, value_name = "REGEX")]
    pub(crate) unencrypted_comment_regex: Option<String>,
    /// Only what stands below a comment that matches is encrypted
    #[arg(long, value_name = "REGEX")]
    pub(crate) encrypted_comment_regex: Option<String>,
    /// Let the MAC be over encrypted values alone, so that plain ones can be changed by hand
    #[arg(long)]
    pub(crate) mac_only_encrypted: bool,
}

impl What {
    /// The selections that were given; more than one is a conflict.
    pub(crate) fn selections(&self) -> Vec<Selection> {
        let texts = [
            &self.unencrypted_suffix,
            &self.encrypted_suffix,
            &self.unencrypted_regex,
            &self.encrypted_regex,
            &self.unencrypted_comment_regex,
            &self.encrypted_comment_regex,
        ];
        let given = RuleField::ALL.into_iter().zip(texts);
        let some = given.filter_map(|(field, text)| Some(Selection { field, text: text.clone()? }));
        some.filter(|selection| !selection.text.is_empty()).collect()
    }
}

/// Who may open a file that is made.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Recipients {
    #[arg(long, short = 'a', value_name = "RECIPIENTS", help = AGE_HELP)]
    pub(crate) age: Vec<String>,
    /// How many key groups are needed to open the file; 0 for all
    #[arg(long, value_name = "NUMBER")]
    pub(crate) shamir_secret_sharing_threshold: Option<usize>,
}

/// Keys that only sops serves: named here so that they are refused, and never left out.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OtherKeys {
    /// Refused: only age recipients are served
    #[arg(long, short = 'k', hide = true, value_name = "KEYS")]
    kms: Option<String>,
    /// Refused: only age recipients are served
    #[arg(long, hide = true, value_name = "KEYS")]
    gcp_kms: Option<String>,
    /// Refused: only age recipients are served
    #[arg(long, hide = true, value_name = "KEYS")]
    hckms: Option<String>,
    /// Refused: only age recipients are served
    #[arg(long, hide = true, value_name = "KEYS")]
    azure_kv: Option<String>,
    /// Refused: only age recipients are served
    #[arg(long, hide = true, value_name = "KEYS")]
    hc_vault_transit: Option<String>,
    /// Refused: only age recipients are served
    #[arg(long, short = 'p', hide = true, value_name = "KEYS")]
    pgp: Option<String>,
    /// Without effect: it is about keys of AWS KMS
    #[arg(long, hide = true, value_name = "NAME")]
    aws_profile: Option<String>,
    /// Without effect: it is about keys of KMS
    #[arg(long, hide = true, value_name = "PAIRS")]
    encryption_context: Option<String>,
}

impl OtherKeys {
    /// The flags that ask for keys that are not served.
    pub(crate) fn given(&self) -> Vec<&'static str> {
        let all = [
            ("--kms", &self.kms),
            ("--gcp-kms", &self.gcp_kms),
            ("--hckms", &self.hckms),
            ("--azure-kv", &self.azure_kv),
            ("--hc-vault-transit", &self.hc_vault_transit),
            ("--pgp", &self.pgp),
        ];
        set_flags(&all)
    }
}

/// The same for `rotate`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OtherChanges {
    #[arg(long, hide = true, value_name = "KEYS")]
    add_kms: Option<String>,
    #[arg(long, hide = true, value_name = "KEYS")]
    rm_kms: Option<String>,
    #[arg(long, hide = true, value_name = "KEYS")]
    add_gcp_kms: Option<String>,
    #[arg(long, hide = true, value_name = "KEYS")]
    rm_gcp_kms: Option<String>,
    #[arg(long, hide = true, value_name = "KEYS")]
    add_hckms: Option<String>,
    #[arg(long, hide = true, value_name = "KEYS")]
    rm_hckms: Option<String>,
    #[arg(long, hide = true, value_name = "KEYS")]
    add_azure_kv: Option<String>,
    #[arg(long, hide = true, value_name = "KEYS")]
    rm_azure_kv: Option<String>,
    #[arg(long, hide = true, value_name = "KEYS")]
    add_hc_vault_transit: Option<String>,
    #[arg(long, hide = true, value_name = "KEYS")]
    rm_hc_vault_transit: Option<String>,
    #[arg(long, hide = true, value_name = "KEYS")]
    add_pgp: Option<String>,
    #[arg(long, hide = true, value_name = "KEYS")]
    rm_pgp: Option<String>,
    /// Without effect: it is about keys of KMS
    #[arg(long, hide = true, value_name = "PAIRS")]
    encryption_context: Option<String>,
}

impl OtherChanges {
    /// The flags that ask for keys that are not served.
    pub(crate) fn given(&self) -> Vec<&'static str> {
        let all = [
            ("--add-kms", &self.add_kms),
            ("--rm-kms", &self.rm_kms),
            ("--add-gcp-kms", &self.add_gcp_kms),
            ("--rm-gcp-kms", &self.rm_gcp_kms),
            ("--add-hckms", &self.add_hckms),
            ("--rm-hckms", &self.rm_hckms),
            ("--add-azure-kv", &self.add_azure_kv),
            ("--rm-azure-kv", &self.rm_azure_kv),
            ("--add-hc-vault-transit", &self.add_hc_vault_transit),
            ("--rm-hc-vault-transit", &self.rm_hc_vault_transit),
            ("--add-pgp", &self.add_pgp),
            ("--rm-pgp", &self.rm_pgp),
        ];
        set_flags(&all)
    }
}

fn set_flags(all: &[(&'static str, &Option<String>)]) -> Vec<&'static str> {
    all.iter().filter(|(_, keys)| keys.as_ref().is_some_and(|keys| !keys.is_empty())).map(|(name, _)| *name).collect()
}
