//! Which secrets exist before the cluster, and which keys belong in each.

use std::fmt;
use std::path::Path;

use super::content::Content;

/// What the names of the files end with: Flux' users know it, and `.sops.yaml` matches it.
pub const FILE_END: &str = ".sops.yaml";

/// What the name of a key ends with that Flux reads identities from. It ignores all other keys without a word.
pub const AGEKEY: &str = ".agekey";

/// One of the secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BootstrapSecret {
    /// The cluster's identity, by which Flux opens all SOPS files.
    SopsAge,
    /// The password of the backup repository.
    BackupRepo,
    /// The S3 key of the backups.
    BackupS3,
    /// The daemon's identity and the store key.
    VaultUnsealAge,
    /// The daemon's S3 key: read only, one prefix.
    VaultUnsealS3,
    /// The S3 key that may write shares: for init, rotation and drills alone.
    VaultUnsealS3Write,
}

/// A key that a secret may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyShape {
    /// Its name.
    pub name: KeyName,
    /// What has to stand there.
    pub content: Content,
    /// Whether the secret is useless without it.
    pub is_needed: bool,
}

/// How a key may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyName {
    /// Just so.
    Exactly(&'static str),
    /// By one of these; the first is written.
    Either(&'static str, &'static str),
    /// By anything that ends so; the second is written.
    EndingWith(&'static str, &'static str),
}

const fn needed(name: KeyName, content: Content) -> KeyShape {
    KeyShape { name, content, is_needed: true }
}

const fn optional(name: &'static str) -> KeyShape {
    KeyShape { name: KeyName::Exactly(name), content: Content::Line, is_needed: false }
}

const ACCESS_KEY: KeyShape = needed(KeyName::Exactly("AWS_ACCESS_KEY_ID"), Content::Line);
const SECRET_KEY: KeyShape = needed(KeyName::Exactly("AWS_SECRET_ACCESS_KEY"), Content::Line);

const SOPS_AGE: [KeyShape; 1] = [needed(KeyName::EndingWith(AGEKEY, "cluster.agekey"), Content::Identities)];
const BACKUP_REPO: [KeyShape; 1] = [needed(KeyName::Either("RESTIC_PASSWORD", "password"), Content::Line)];
const BACKUP_S3: [KeyShape; 7] = [
    ACCESS_KEY,
    SECRET_KEY,
    optional("AWS_DEFAULT_REGION"),
    optional("AWS_REGION"),
    optional("endpoint"),
    optional("bucket"),
    optional("region"),
];
const VAULT_UNSEAL_AGE: [KeyShape; 2] = [
    needed(KeyName::EndingWith(AGEKEY, "unseal.agekey"), Content::Identities),
    needed(KeyName::Exactly("store.key"), Content::StoreKeys),
];
const VAULT_UNSEAL_S3: [KeyShape; 2] = [ACCESS_KEY, SECRET_KEY];

impl BootstrapSecret {
    /// Every one, in the order in which they are made and shown.
    pub const ALL: [Self; 6] = [
        Self::SopsAge,
        Self::BackupRepo,
        Self::BackupS3,
        Self::VaultUnsealAge,
        Self::VaultUnsealS3,
        Self::VaultUnsealS3Write,
    ];

    /// The name of the Secret, and its word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::SopsAge => "sops-age",
            Self::BackupRepo => "backup-repo",
            Self::BackupS3 => "backup-s3",
            Self::VaultUnsealAge => "vault-unseal-age",
            Self::VaultUnsealS3 => "vault-unseal-s3",
            Self::VaultUnsealS3Write => "vault-unseal-s3-write",
        }
    }

    /// The namespace of the Secret.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::SopsAge => "flux-system",
            _ => "secrets",
        }
    }

    /// What it is for, one line.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::SopsAge => "the identity by which Flux opens every SOPS file",
            Self::BackupRepo => "the password of the backup repository",
            Self::BackupS3 => "the S3 key of the backups",
            Self::VaultUnsealAge => "the unseal daemon's identity and the store key",
            Self::VaultUnsealS3 => "the unseal daemon's S3 key, read only",
            Self::VaultUnsealS3Write => "the S3 key for init, rotation and drills alone",
        }
    }

    /// The name of its file.
    pub fn file(self) -> String {
        format!("{}{FILE_END}", self.name())
    }

    /// Whether the cluster cannot come back without it.
    pub fn is_needed(self) -> bool {
        self != Self::VaultUnsealS3Write
    }

    /// The keys that may stand in it.
    pub fn keys(self) -> &'static [KeyShape] {
        match self {
            Self::SopsAge => &SOPS_AGE,
            Self::BackupRepo => &BACKUP_REPO,
            Self::BackupS3 => &BACKUP_S3,
            Self::VaultUnsealAge => &VAULT_UNSEAL_AGE,
            Self::VaultUnsealS3 | Self::VaultUnsealS3Write => &VAULT_UNSEAL_S3,
        }
    }

    /// The shape of a key of this name; `None` for one that nobody reads.
    pub fn key(self, name: &str) -> Option<&'static KeyShape> {
        self.keys().iter().find(|shape| shape.name.fits(name))
    }

    /// By its word on the command line.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|secret| secret.name() == name)
    }

    /// By what a manifest says of itself.
    pub fn of_manifest(namespace: Option<&str>, name: &str) -> Option<Self> {
        Self::of_name(name).filter(|secret| namespace == Some(secret.namespace()))
    }

    /// By the name of its file.
    pub fn of_file(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let ends = [FILE_END, ".sops.yml", ".sops.json"];
        ends.iter().find_map(|end| name.strip_suffix(end)).and_then(Self::of_name)
    }
}

impl fmt::Display for BootstrapSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace(), self.name())
    }
}

impl KeyName {
    /// Whether a key may be called so.
    pub fn fits(self, name: &str) -> bool {
        match self {
            Self::Exactly(one) => name == one,
            Self::Either(one, other) => name == one || name == other,
            Self::EndingWith(end, _) => name.ends_with(end) && name.len() > end.len(),
        }
    }

    /// The name that is written.
    pub fn written(self) -> &'static str {
        match self {
            Self::Exactly(name) | Self::Either(name, _) | Self::EndingWith(_, name) => name,
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(name) => f.write_str(name),
            Self::Either(one, other) => write!(f, "{one} or {other}"),
            Self::EndingWith(end, _) => write!(f, "*{end}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_namespaces_and_files_are_those_of_the_overview() {
        let all: Vec<String> =
            BootstrapSecret::ALL.iter().map(|secret| format!("{secret} {}", secret.file())).collect();
        assert_eq!(
            all,
            [
                "flux-system/sops-age sops-age.sops.yaml",
                "secrets/backup-repo backup-repo.sops.yaml",
                "secrets/backup-s3 backup-s3.sops.yaml",
                "secrets/vault-unseal-age vault-unseal-age.sops.yaml",
                "secrets/vault-unseal-s3 vault-unseal-s3.sops.yaml",
                "secrets/vault-unseal-s3-write vault-unseal-s3-write.sops.yaml",
            ]
        );
        assert_eq!(BootstrapSecret::ALL.iter().filter(|secret| secret.is_needed()).count(), 5);
    }

    #[test]
    fn a_manifest_is_known_by_name_and_namespace_together() {
        assert_eq!(BootstrapSecret::of_manifest(Some("flux-system"), "sops-age"), Some(BootstrapSecret::SopsAge));
        assert_eq!(BootstrapSecret::of_manifest(Some("secrets"), "sops-age"), None);
        assert_eq!(BootstrapSecret::of_manifest(None, "backup-repo"), None);
        assert_eq!(BootstrapSecret::of_file(Path::new("a/backup-s3.sops.yaml")), Some(BootstrapSecret::BackupS3));
        assert_eq!(BootstrapSecret::of_file(Path::new("a/backup-s3.yaml")), None);
    }

    #[test]
    fn only_keys_that_end_with_agekey_are_identities() {
        let key = |name| BootstrapSecret::SopsAge.key(name).is_some();
        assert!(key("age.agekey") && key("cluster-2.agekey"));
        assert!(!key("age.key") && !key(".agekey") && !key("agekey") && !key("age.agekey.bak"));
        assert!(BootstrapSecret::BackupRepo.key("password").is_some());
        assert_eq!(BootstrapSecret::BackupRepo.keys()[0].name.to_string(), "RESTIC_PASSWORD or password");
    }
}
