//! Fixed names, keys and times for the store's own tests.

use std::path::Path;

use base64::Engine as _;
use jiff::Timestamp;
use sops_tools::custody::StoreKeys;

use super::names::{ObjectId, VaultName};

pub(crate) fn vault() -> VaultName {
    VaultName::new("vault").unwrap_or_else(|fault| unreachable!("{fault}"))
}

pub(crate) fn fixed_id(number: u64) -> ObjectId {
    ObjectId::new(&format!("{number:032x}")).unwrap_or_else(|fault| unreachable!("{fault}"))
}

pub(crate) fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(crate) fn keys(seed: u8) -> StoreKeys {
    keys_of(&[seed])
}

pub(crate) fn keys_of(seeds: &[u8]) -> StoreKeys {
    use std::fmt::Write as _;
    let mut text = String::new();
    for seed in seeds {
        let encoded = base64::engine::general_purpose::STANDARD.encode([*seed; 32]);
        let _ = writeln!(text, "unsealer-store-key-1:{encoded}");
    }
    StoreKeys::parse(text.as_bytes(), Path::new("test")).unwrap_or_else(|fault| unreachable!("{fault}"))
}

/// A share of the right length with x coordinate `number`.
pub(crate) fn share(number: u8, seed: u8) -> sops_tools::secret::Share {
    let mut bytes = [seed; 33];
    bytes[0] = number;
    bytes[32] = number;
    sops_tools::secret::Share::copy_from(&bytes)
}
