//! What the authenticated JSON objects of the store say.
//!
//! Every record is public text: fingerprints and digests, never a share or a token. A field that a newer version adds is
//! ignored; a kind that this version does not know is authentic and not understood ([`Record::Unknown`]).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::names::{MarkKind, Name};

/// The share splitting of Vault and OpenBao: Shamir over GF(2⁸), x coordinate in the last byte of a share.
pub const ALGORITHM: &str = "shamir-gf256";

/// What an intent was opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// A Vault is about to be initialised.
    Init,
    /// A raft snapshot is about to be restored into a Vault.
    SnapshotRestore,
}

impl Purpose {
    /// The word in the record.
    pub fn word(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::SnapshotRestore => "snapshot-restore",
        }
    }
}

/// `intents/<n>.json`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntentRecord {
    /// What is about to happen.
    pub purpose: Purpose,
    /// Host that wrote it.
    pub host: String,
    /// Path of the local sealed copy on that host.
    pub local_copy: String,
}

/// `intents/<n>.closed.<id>.json`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntentCloseRecord {
    /// How it ended, in words of the command.
    pub outcome: String,
    /// Host that closed it.
    pub host: String,
}

/// `generations/<g>/manifest.<k>.json`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Shares in all.
    pub shares: u8,
    /// Shares needed.
    pub threshold: u8,
    /// How the key was split, [`ALGORITHM`].
    pub algorithm: String,
    /// Who holds which shares.
    pub custodians: Vec<ManifestCustodian>,
    /// When the generation was made (the same for each of its seals).
    pub created: Timestamp,
    /// Version of the tool that wrote it.
    pub tool_version: String,
}

/// One bundle of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestCustodian {
    /// Custodian's name.
    pub name: String,
    /// Fingerprints of the recipients it was sealed to.
    pub recipients: Vec<String>,
    /// Numbers of the shares inside, ascending.
    pub share_numbers: Vec<u8>,
    /// SHA-256 of the sealed bytes, lower-case hex.
    pub digest: String,
    /// Length of the sealed bytes.
    pub size: u64,
    /// It stands in the custodian's own store and in no other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_store: bool,
}

/// `generations/<g>/proven|abandoned|retired.<id>.json`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkRecord {
    /// How it was seen: `unsealed`, `drill`, `begin-anew`, `retire`, …
    pub how: String,
    /// The command that says so.
    pub command: String,
    /// Host of the command.
    pub host: String,
    /// Vault's cluster id, where it was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
}

/// `generations/<g>/superseded.<k>.<id>.json`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SupersededRecord {
    /// The seal that replaces it.
    pub by: u32,
    /// The command that says so.
    pub command: String,
    /// Host of the command.
    pub host: String,
}

/// A hold in `holds/<id>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldRecord {
    /// Why, in the words of who set it.
    pub reason: String,
    /// Host that set it.
    pub host: String,
}

/// A release in `holds/<id>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseRecord {
    /// Ids of the holds that end. May be empty: it still ends an inferred hold.
    pub releases: Vec<String>,
    /// Why, in the words of who released.
    pub reason: String,
    /// Host that released.
    pub host: String,
}

/// `generations/<g>/root-token.<id>.json`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RootTokenRecord {
    /// SHA-256 of the sealed token, lower-case hex.
    pub digest: String,
    /// Length of the sealed bytes.
    pub size: u64,
    /// Fingerprints of the recipients it was sealed to.
    pub recipients: Vec<String>,
}

/// One authenticated statement, by `kind`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is named after the type it carries")]
pub enum Record {
    Intent(IntentRecord),
    IntentClose(IntentCloseRecord),
    Manifest(Manifest),
    Proven(MarkRecord),
    Abandoned(MarkRecord),
    Retired(MarkRecord),
    Superseded(SupersededRecord),
    Hold(HoldRecord),
    Release(ReleaseRecord),
    RootToken(RootTokenRecord),
    /// Authentic, written by a newer version, not understood here.
    #[serde(other)]
    Unknown,
}

impl Record {
    /// The mark of `kind`.
    pub fn mark(kind: MarkKind, mark: MarkRecord) -> Self {
        match kind {
            MarkKind::Proven => Self::Proven(mark),
            MarkKind::Abandoned => Self::Abandoned(mark),
            MarkKind::Retired => Self::Retired(mark),
        }
    }

    /// Whether this record may stand under `name`. An unknown kind may stand anywhere: it moves nothing.
    pub fn fits(&self, name: &Name) -> bool {
        match self {
            Self::Intent(_) => matches!(name, Name::Intent { .. }),
            Self::IntentClose(_) => matches!(name, Name::IntentClosed { .. }),
            Self::Manifest(_) => matches!(name, Name::Manifest { .. }),
            Self::Proven(_) => matches!(name, Name::Mark { kind: MarkKind::Proven, .. }),
            Self::Abandoned(_) => matches!(name, Name::Mark { kind: MarkKind::Abandoned, .. }),
            Self::Retired(_) => matches!(name, Name::Mark { kind: MarkKind::Retired, .. }),
            Self::Superseded(_) => matches!(name, Name::Superseded { .. }),
            Self::Hold(_) | Self::Release(_) => matches!(name, Name::Hold { .. }),
            Self::RootToken(_) => matches!(name, Name::RootTokenRecord { .. }),
            Self::Unknown => name.is_record(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::names::ObjectId;
    use crate::store::view::{Generation, Seal};

    #[test]
    fn a_record_of_a_newer_version_is_read_as_unknown() {
        let record: Record = serde_json::from_str(r#"{"kind":"quorum","new":1}"#).unwrap_or(Record::Unknown);
        assert_eq!(record, Record::Unknown);
        let record: Result<Record, _> = serde_json::from_str(r#"{"kind":"hold","reason":"a","host":"b","later":true}"#);
        assert!(matches!(record, Ok(Record::Hold(_))));
    }

    #[test]
    fn a_record_fits_its_own_name_alone() {
        let id = ObjectId::new("0123456789abcdef0123456789abcdef").unwrap_or_else(|fault| unreachable!("{fault}"));
        let hold = Record::Hold(HoldRecord { reason: String::new(), host: String::new() });
        assert!(hold.fits(&Name::Hold { id: id.clone() }));
        assert!(!hold.fits(&Name::Intent { number: 1 }));
        let mark = MarkRecord { how: String::new(), command: String::new(), host: String::new(), cluster_id: None };
        let proven = Record::mark(MarkKind::Proven, mark);
        let name = |kind| Name::Mark { generation: Generation(1), kind, id: id.clone() };
        assert!(proven.fits(&name(MarkKind::Proven)));
        assert!(!proven.fits(&name(MarkKind::Abandoned)));
        assert!(!Record::Unknown.fits(&Name::Bundle {
            generation: Generation(1),
            custodian: crate::store::names::CustodianName::all(),
            seal: Seal(1)
        }));
    }
}
