//! Every object path of the share store, parsed strictly and written back the same.
//!
//! Paths start at `vaults/`, so a copied store stays valid under another prefix. What does not parse is [`Foreign`]: it is
//! alarmed by name and moves nothing.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::Offset;

use super::view::{Generation, Seal};

/// Largest generation, intent or seal number.
pub const HIGHEST_NUMBER: u32 = 999_999;
const TIME_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// A Vault's name: `[a-z0-9-]{1,63}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct VaultName(String);

/// A custodian's name: `[a-z0-9-]{1,63}`, by default [`CustodianName::all`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct CustodianName(String);

/// A random id: 32 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct ObjectId(String);

/// A name that breaks the store's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct BadName {
    /// What was named: `vault name`, `custodian name`, `id`.
    pub what: &'static str,
    /// The rule in words.
    pub rule: &'static str,
}

impl VaultName {
    /// Takes a name that keeps the rule.
    ///
    /// # Errors
    /// [`BadName`] for anything but 1 to 63 of `a-z`, `0-9` and `-`.
    pub fn new(name: &str) -> Result<Self, BadName> {
        label(name).map(Self).ok_or(BadName { what: "vault name", rule: "1 to 63 characters of a-z, 0-9 and -" })
    }

    /// The prefix of everything that stands under this name, ending in `/`.
    pub fn prefix(&self) -> String {
        format!("vaults/{}/", self.0)
    }
}

impl CustodianName {
    /// Takes a name that keeps the rule.
    ///
    /// # Errors
    /// [`BadName`] for anything but 1 to 63 of `a-z`, `0-9` and `-`.
    pub fn new(name: &str) -> Result<Self, BadName> {
        label(name).map(Self).ok_or(BadName { what: "custodian name", rule: "1 to 63 characters of a-z, 0-9 and -" })
    }

    /// The default custodian, who has all shares.
    pub fn all() -> Self {
        Self("all".to_owned())
    }
}

impl ObjectId {
    /// Takes an id that keeps the rule.
    ///
    /// # Errors
    /// [`BadName`] for anything but 32 lower-case hex digits.
    pub fn new(id: &str) -> Result<Self, BadName> {
        let right = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if right { Ok(Self(id.to_owned())) } else { Err(BadName { what: "id", rule: "32 lower-case hex digits" }) }
    }

    /// A fresh id.
    pub fn random(entropy: &dyn sops_tools::clock::Entropy) -> Self {
        Self(entropy.id())
    }
}

macro_rules! text_name {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
text_name!(VaultName);
text_name!(CustodianName);
text_name!(ObjectId);

fn label(name: &str) -> Option<String> {
    let right =
        (1..=63).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    right.then(|| name.to_owned())
}

/// Marks that a generation as a whole can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkKind {
    /// Seen to open Vault.
    Proven,
    /// Vault never took it, or was begun anew.
    Abandoned,
    /// No backup needs it any more.
    Retired,
}

impl MarkKind {
    /// The word in the object's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Abandoned => "abandoned",
            Self::Retired => "retired",
        }
    }
}

/// One object below `vaults/<vault>/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the variants and their fields are the name's own parts")]
pub enum Name {
    Intent { number: u32 },
    IntentClosed { number: u32, id: ObjectId },
    Bundle { generation: Generation, custodian: CustodianName, seal: Seal },
    Manifest { generation: Generation, seal: Seal },
    Mark { generation: Generation, kind: MarkKind, id: ObjectId },
    Superseded { generation: Generation, seal: Seal, id: ObjectId },
    RootToken { generation: Generation, id: ObjectId },
    RootTokenRecord { generation: Generation, id: ObjectId },
    Rotation { id: ObjectId },
    RotationNonce { id: ObjectId },
    RotationClosed { id: ObjectId },
    Snapshot { taken: Timestamp, generation: Generation, id: ObjectId },
    SnapshotRecord { taken: Timestamp, generation: Generation, id: ObjectId },
    Hold { id: ObjectId },
}

/// Why a path is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Foreign {
    /// No name of this store's layout.
    Name,
    /// The layout fits and a number is outside 1…999999 or written with leading zeros.
    Number,
}

impl Foreign {
    /// The class of the finding.
    pub fn class(self) -> &'static str {
        match self {
            Self::Name => "foreign-name",
            Self::Number => "number-out-of-range",
        }
    }
}

impl Name {
    /// Reads a path from `vaults/` on.
    ///
    /// # Errors
    /// [`Foreign`] for everything that [`Name::path`] would not write exactly so.
    pub fn parse(path: &str) -> Result<(VaultName, Self), Foreign> {
        let parts: Vec<&str> = path.split('/').collect();
        let ["vaults", vault, section, rest @ ..] = parts.as_slice() else { return Err(Foreign::Name) };
        let vault = VaultName::new(vault).map_err(|_| Foreign::Name)?;
        let name = match (*section, rest) {
            ("intents", [file]) => intent(file),
            ("generations", [generation, file]) => in_generation(number(generation)?, file),
            ("rotations", [file]) => rotation(file),
            ("snapshots", [file]) => snapshot(file),
            ("holds", [file]) => {
                let id = file.strip_suffix(".json").ok_or(Foreign::Name)?;
                Ok(Self::Hold { id: object_id(id)? })
            }
            _ => Err(Foreign::Name),
        }?;
        Ok((vault, name))
    }

    /// The path from `vaults/` on.
    pub fn path(&self, vault: &VaultName) -> String {
        format!("vaults/{vault}/{}", self.below())
    }

    fn below(&self) -> String {
        match self {
            Self::Intent { number } => format!("intents/{number}.json"),
            Self::IntentClosed { number, id } => format!("intents/{number}.closed.{id}.json"),
            Self::Bundle { generation, custodian, seal } => format!("generations/{generation}/{custodian}.{seal}.age"),
            Self::Manifest { generation, seal } => format!("generations/{generation}/manifest.{seal}.json"),
            Self::Mark { generation, kind, id } => format!("generations/{generation}/{}.{id}.json", kind.word()),
            Self::Superseded { generation, seal, id } => {
                format!("generations/{generation}/superseded.{seal}.{id}.json")
            }
            Self::RootToken { generation, id } => format!("generations/{generation}/root-token.{id}.age"),
            Self::RootTokenRecord { generation, id } => format!("generations/{generation}/root-token.{id}.json"),
            Self::Rotation { id } => format!("rotations/{id}.json"),
            Self::RotationNonce { id } => format!("rotations/{id}.nonce.json"),
            Self::RotationClosed { id } => format!("rotations/{id}.closed.json"),
            Self::Snapshot { taken, generation, id } => {
                format!("snapshots/{}-g{generation}-{id}.age", snapshot_time(*taken))
            }
            Self::SnapshotRecord { taken, generation, id } => {
                format!("snapshots/{}-g{generation}-{id}.json", snapshot_time(*taken))
            }
            Self::Hold { id } => format!("holds/{id}.json"),
        }
    }

    /// The generation the object belongs to; none for intents, rotations and holds.
    pub fn generation(&self) -> Option<Generation> {
        match self {
            Self::Bundle { generation, .. }
            | Self::Manifest { generation, .. }
            | Self::Mark { generation, .. }
            | Self::Superseded { generation, .. }
            | Self::RootToken { generation, .. }
            | Self::RootTokenRecord { generation, .. }
            | Self::Snapshot { generation, .. }
            | Self::SnapshotRecord { generation, .. } => Some(*generation),
            _ => None,
        }
    }

    /// Whether the object is an authenticated JSON envelope (and not age ciphertext).
    pub fn is_record(&self) -> bool {
        !matches!(self, Self::Bundle { .. } | Self::RootToken { .. } | Self::Snapshot { .. })
    }

    /// Whether the object belongs to a raft snapshot: read by the snapshot commands alone, never by the daemon.
    pub fn is_snapshot(&self) -> bool {
        matches!(self, Self::Snapshot { .. } | Self::SnapshotRecord { .. })
    }
}

fn intent(file: &str) -> Result<Name, Foreign> {
    match file.split('.').collect::<Vec<_>>().as_slice() {
        [n, "json"] => Ok(Name::Intent { number: number(n)? }),
        [n, "closed", id, "json"] => Ok(Name::IntentClosed { number: number(n)?, id: object_id(id)? }),
        _ => Err(Foreign::Name),
    }
}

fn in_generation(generation: u32, file: &str) -> Result<Name, Foreign> {
    let generation = Generation(generation);
    let mark = |kind, id: &str| Ok(Name::Mark { generation, kind, id: object_id(id)? });
    match file.split('.').collect::<Vec<_>>().as_slice() {
        ["manifest", seal, "json"] => Ok(Name::Manifest { generation, seal: Seal(number(seal)?) }),
        ["proven", id, "json"] => mark(MarkKind::Proven, id),
        ["abandoned", id, "json"] => mark(MarkKind::Abandoned, id),
        ["retired", id, "json"] => mark(MarkKind::Retired, id),
        ["superseded", seal, id, "json"] => {
            Ok(Name::Superseded { generation, seal: Seal(number(seal)?), id: object_id(id)? })
        }
        // A custodian may be named `root-token` too: an id has 32 digits, a seal number at most six.
        ["root-token", id, "age"] if id.len() == 32 => Ok(Name::RootToken { generation, id: object_id(id)? }),
        ["root-token", id, "json"] => Ok(Name::RootTokenRecord { generation, id: object_id(id)? }),
        [custodian, seal, "age"] => {
            let custodian = CustodianName::new(custodian).map_err(|_| Foreign::Name)?;
            Ok(Name::Bundle { generation, custodian, seal: Seal(number(seal)?) })
        }
        _ => Err(Foreign::Name),
    }
}

fn rotation(file: &str) -> Result<Name, Foreign> {
    match file.split('.').collect::<Vec<_>>().as_slice() {
        [id, "json"] => Ok(Name::Rotation { id: object_id(id)? }),
        [id, "nonce", "json"] => Ok(Name::RotationNonce { id: object_id(id)? }),
        [id, "closed", "json"] => Ok(Name::RotationClosed { id: object_id(id)? }),
        _ => Err(Foreign::Name),
    }
}

fn snapshot(file: &str) -> Result<Name, Foreign> {
    let (stem, kind) = file.split_once('.').ok_or(Foreign::Name)?;
    let [time, generation, id] = *stem.split('-').collect::<Vec<_>>().as_slice() else { return Err(Foreign::Name) };
    let taken = parse_snapshot_time(time).ok_or(Foreign::Name)?;
    let generation = Generation(number(generation.strip_prefix('g').ok_or(Foreign::Name)?)?);
    let id = object_id(id)?;
    match kind {
        "age" => Ok(Name::Snapshot { taken, generation, id }),
        "json" => Ok(Name::SnapshotRecord { taken, generation, id }),
        _ => Err(Foreign::Name),
    }
}

fn object_id(text: &str) -> Result<ObjectId, Foreign> {
    ObjectId::new(text).map_err(|_| Foreign::Name)
}

fn number(text: &str) -> Result<u32, Foreign> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Foreign::Name);
    }
    if text.starts_with('0') || text.len() > 6 {
        return Err(Foreign::Number);
    }
    text.parse().map_err(|_| Foreign::Number)
}

fn snapshot_time(time: Timestamp) -> String {
    Offset::UTC.to_datetime(time).strftime(TIME_FORMAT).to_string()
}

fn parse_snapshot_time(text: &str) -> Option<Timestamp> {
    let civil = jiff::civil::DateTime::strptime(TIME_FORMAT, text).ok()?;
    let time = Offset::UTC.to_timestamp(civil).ok()?;
    // strptime takes shorter forms as well; only the exact one is a name.
    (snapshot_time(time) == text).then_some(time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn parse(path: &str) -> Result<Name, Foreign> {
        Name::parse(path).map(|(_, name)| name)
    }

    #[test]
    fn every_path_of_the_layout_is_read_and_written_the_same() {
        for below in [
            "intents/1.json".to_owned(),
            format!("intents/999999.closed.{ID}.json"),
            "generations/3/all.2.age".to_owned(),
            "generations/3/manifest.2.json".to_owned(),
            "generations/3/manifest.2.age".to_owned(),
            format!("generations/3/proven.{ID}.json"),
            format!("generations/3/abandoned.{ID}.json"),
            format!("generations/3/retired.{ID}.json"),
            format!("generations/3/superseded.1.{ID}.json"),
            format!("generations/3/root-token.{ID}.age"),
            "generations/3/root-token.4.age".to_owned(),
            format!("generations/3/root-token.{ID}.json"),
            format!("rotations/{ID}.json"),
            format!("rotations/{ID}.nonce.json"),
            format!("rotations/{ID}.closed.json"),
            format!("snapshots/20261124T140500Z-g3-{ID}.age"),
            format!("snapshots/20261124T140500Z-g3-{ID}.json"),
            format!("holds/{ID}.json"),
        ] {
            let path = format!("vaults/prod-1/{below}");
            let (vault, name) = Name::parse(&path).unwrap_or_else(|fault| unreachable!("{path}: {fault:?}"));
            assert_eq!(name.path(&vault), path);
        }
    }

    #[test]
    fn numbers_outside_the_range_are_told_apart_from_foreign_names() {
        for number in ["0", "01", "1000000", "9223372036854775808", "00000000000000000000001"] {
            assert_eq!(parse(&format!("vaults/v/generations/{number}/all.1.age")), Err(Foreign::Number), "{number}");
            assert_eq!(parse(&format!("vaults/v/intents/{number}.json")), Err(Foreign::Number), "{number}");
        }
    }

    #[test]
    fn anything_else_is_foreign() {
        for path in [
            "vaults/V/intents/1.json",
            "vaults//intents/1.json",
            "vaults/v/intents/1.JSON",
            "vaults/v/intents/+1.json",
            "vaults/v/intents/1.json/",
            "vaults/v//intents/1.json",
            "/vaults/v/intents/1.json",
            "vaults/v/holds/0123.json",
            "vaults/v/holds/0123456789ABCDEF0123456789ABCDEF.json",
            "vaults/v/generations/1/All.1.age",
            "vaults/v/generations/1/all.1.age.bak",
            "vaults/v/generations/../all.1.age",
            "vaults/v/snapshots/20261324T140500Z-g3-0123456789abcdef0123456789abcdef.age",
            "vaults/v/snapshots/2026112T140500Z-g3-0123456789abcdef0123456789abcdef.age",
            "probe/0123456789abcdef0123456789abcdef",
            "",
        ] {
            assert_eq!(parse(path), Err(Foreign::Name), "{path}");
        }
    }

    #[test]
    fn labels_have_one_to_sixty_three_characters() {
        assert!(VaultName::new("").is_err());
        assert!(VaultName::new(&"a".repeat(63)).is_ok());
        assert!(VaultName::new(&"a".repeat(64)).is_err());
        assert!(CustodianName::new("ops team").is_err());
    }

    proptest! {
        #[test]
        fn whatever_parses_is_written_back_exactly(path in path_like()) {
            if let Ok((vault, name)) = Name::parse(&path) {
                prop_assert_eq!(name.path(&vault), path);
            }
        }
    }

    fn path_like() -> impl Strategy<Value = String> {
        let number = || "(0|[1-9][0-9]{0,7}|0[0-9]{1,3})";
        let id = || "([0-9a-f]{32}|[0-9a-f]{31}|[0-9A-F]{32})";
        let word = "(manifest|proven|abandoned|retired|superseded|root-token|all|x)";
        let pattern = format!(
            "vaults/v/(intents/{n}\\.(json|closed\\.{i}\\.json)|generations/{n}/{word}\\.({n}|{i}|{n}\\.{i})\\.(json|age)|rotations/{i}\\.(nonce\\.|closed\\.|)json|snapshots/[0-9]{{7,8}}T[0-2][0-9][0-5][0-9][0-6][0-9]Z-g{n}-{i}\\.(age|json)|holds/{i}\\.json)",
            n = number(),
            i = id(),
        );
        proptest::string::string_regex(&pattern).unwrap_or_else(|fault| unreachable!("{fault}"))
    }
}
