//! Settings that a variable or a flag may give, in one table.
//!
//! Kubernetes puts variables of its own beside ours where a Service is named `unsealer` (`UNSEALER_PORT`,
//! `UNSEALER_SERVICE_HOST`), so a variable that is not in the table is no fault.

/// One setting that may come from outside the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Override {
    /// Path of the key in the file.
    pub key: &'static str,
    /// The variable.
    pub variable: &'static str,
    /// The flag, on every command that reads settings.
    pub flag: &'static str,
    /// How the text is read.
    pub form: Form,
}

/// How the text of a variable or flag becomes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it stands.
    Text,
    /// A path; a relative one starts at the working directory, not at the file's folder.
    Path,
    /// Paths with `:` between them.
    Paths,
}

/// Every such setting.
pub const OVERRIDES: [Override; 12] = [
    entry("store.url", "UNSEALER_STORE_URL", "--store-url", Form::Text),
    entry("store.endpoint", "UNSEALER_STORE_ENDPOINT", "--store-endpoint", Form::Text),
    entry("store.region", "UNSEALER_STORE_REGION", "--store-region", Form::Text),
    entry("store.accessKeyFile", "UNSEALER_STORE_ACCESS_KEY_FILE", "--store-access-key-file", Form::Path),
    entry("store.secretKeyFile", "UNSEALER_STORE_SECRET_KEY_FILE", "--store-secret-key-file", Form::Path),
    entry("store.caFile", "UNSEALER_STORE_CA_FILE", "--store-ca-file", Form::Path),
    entry("sopsIdentityFile", "UNSEALER_SOPS_IDENTITY_FILE", "--sops-identity-file", Form::Path),
    entry("storeKeyFile", "UNSEALER_STORE_KEY_FILE", "--store-key-file", Form::Path),
    entry("identities", "UNSEALER_IDENTITIES", "--identities", Form::Paths),
    entry("listen", "UNSEALER_LISTEN", "--listen", Form::Text),
    entry("cacheDir", "UNSEALER_CACHE_DIR", "--cache-dir", Form::Path),
    entry("stateDir", "UNSEALER_STATE_DIR", "--state-dir", Form::Path),
];

const fn entry(key: &'static str, variable: &'static str, flag: &'static str, form: Form) -> Override {
    Override { key, variable, flag, form }
}
