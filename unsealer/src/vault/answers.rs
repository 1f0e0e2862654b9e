//! What the bodies and statuses of a server mean. Pure.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sops_tools::secret::{Share, Token};
use zeroize::{Zeroize as _, Zeroizing};

use super::{Health, InitAnswer, Leader, Product, SealStatus, ShareAnswer, VaultErrorKind};

/// What a status that is no success means, where the call gives it no meaning of its own.
pub(super) fn kind_of(status: u16) -> VaultErrorKind {
    match status {
        400 => VaultErrorKind::Rejected,
        401 | 403 => VaultErrorKind::Denied,
        404 | 405 => VaultErrorKind::Unsupported,
        501 | 503 => VaultErrorKind::NotReady,
        500..=599 => VaultErrorKind::Fault,
        _ => VaultErrorKind::Malformed,
    }
}

/// Reads nothing but success.
pub(super) fn done(status: u16, _body: &[u8]) -> Judged<()> {
    if (200..300).contains(&status) { Ok(()) } else { Err(kind_of(status)) }
}

/// A call's result before it is tied to an address.
pub(super) type Judged<T> = Result<T, VaultErrorKind>;

fn parse<'a, T: Deserialize<'a>>(status: u16, body: &'a [u8]) -> Judged<T> {
    if !(200..300).contains(&status) {
        return Err(kind_of(status));
    }
    serde_json::from_slice(body).map_err(|_| VaultErrorKind::Malformed)
}

#[derive(Deserialize)]
struct SealStatusBody {
    initialized: bool,
    sealed: bool,
    #[serde(rename = "type")]
    seal_type: Option<String>,
    t: Option<u8>,
    n: Option<u8>,
    progress: Option<u8>,
    nonce: Option<String>,
    version: Option<String>,
    build_date: Option<String>,
    commit_date: Option<String>,
    migration: Option<bool>,
    recovery_seal: Option<bool>,
    storage_type: Option<String>,
    cluster_id: Option<String>,
    removed_from_cluster: Option<bool>,
}

/// Reads seal-status. A 500 counts as a broken init only by its text: a storage that fails for a moment gives 500 too, and nobody
/// may be told to empty it.
pub(super) fn seal_status(status: u16, body: &[u8]) -> Judged<SealStatus> {
    if status == 500 && says(body, "no seal configuration") {
        return Err(VaultErrorKind::BrokenInit);
    }
    let body: SealStatusBody = parse(status, body)?;
    let product = match (&body.commit_date, &body.build_date) {
        (Some(_), _) => Product::OpenBao,
        (None, Some(_)) => Product::Vault,
        (None, None) => Product::Unknown,
    };
    Ok(SealStatus {
        product,
        seal_type: body.seal_type.unwrap_or_default(),
        initialized: body.initialized,
        sealed: body.sealed,
        threshold: body.t.unwrap_or(0),
        shares: body.n.unwrap_or(0),
        progress: body.progress.unwrap_or(0),
        nonce: body.nonce.unwrap_or_default(),
        version: body.version.unwrap_or_default(),
        migration: body.migration.unwrap_or(false),
        recovery_seal: body.recovery_seal.unwrap_or(false),
        storage_type: body.storage_type,
        cluster_id: body.cluster_id,
        removed_from_cluster: body.removed_from_cluster.unwrap_or(false),
    })
}

pub(super) fn health(status: u16) -> Health {
    match status {
        200 => Health::Active,
        // 474 is a standby that cannot reach the active node: unsealed too.
        429 | 472..=474 => Health::Standby,
        501 => Health::Uninitialised,
        503 => Health::Sealed,
        other => Health::Other(other),
    }
}

#[derive(Deserialize)]
struct LeaderBody {
    ha_enabled: bool,
    is_self: Option<bool>,
    leader_address: Option<String>,
}

pub(super) fn leader(status: u16, body: &[u8]) -> Judged<Leader> {
    let body: LeaderBody = parse(status, body)?;
    Ok(Leader {
        ha_enabled: body.ha_enabled,
        is_self: body.is_self.unwrap_or(false),
        leader_address: body.leader_address.unwrap_or_default(),
    })
}

#[derive(Deserialize)]
struct InitialisedBody {
    initialized: bool,
}

pub(super) fn initialised(status: u16, body: &[u8]) -> Judged<bool> {
    parse::<InitialisedBody>(status, body).map(|body| body.initialized)
}

/// A string that stays in the wiped answer where it can, and is wiped where it had to be unescaped.
#[derive(Deserialize)]
struct SecretText<'a>(#[serde(borrow)] Cow<'a, str>);

impl Drop for SecretText<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}

#[derive(Deserialize)]
struct InitBody<'a> {
    #[serde(borrow)]
    keys_base64: Vec<SecretText<'a>>,
    root_token: SecretText<'a>,
}

/// Reads the one answer that must not be lost. Which refusal a 400 is stands in its text alone.
pub(super) fn init(status: u16, body: &[u8]) -> Judged<InitAnswer> {
    if status == 400 && says(body, "already initialized") {
        return Err(VaultErrorKind::AlreadyInitialised);
    }
    if status == 400 && says(body, "already has state") {
        return Err(VaultErrorKind::ClusterHasState);
    }
    let body: InitBody<'_> = parse(status, body)?;
    let shares = body.keys_base64.iter().map(|text| share(&text.0)).collect::<Option<Vec<_>>>();
    match shares {
        Some(shares) if !shares.is_empty() => {
            Ok(InitAnswer { shares, root_token: Token::copy_from(body.root_token.0.as_bytes()) })
        }
        _ => Err(VaultErrorKind::Malformed),
    }
}

fn share(text: &str) -> Option<Share> {
    let mut bytes = Zeroizing::new(vec![0_u8; text.len()]);
    let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
    (length > 0).then(|| Share::copy_from(&bytes[..length]))
}

#[derive(Deserialize)]
struct UnsealBody {
    sealed: bool,
    progress: Option<u8>,
    nonce: Option<String>,
}

/// Judges the answer to one share. `last` says that it completes the threshold: below that a 400 is about the share's form.
pub(super) fn share_answer(status: u16, body: &[u8], last: bool) -> Judged<ShareAnswer> {
    match status {
        // Only a hint: whatever the text says, both answers mean that these shares do not open it.
        400 if last && says(body, "unseal failed, invalid key") => Ok(ShareAnswer::RejectedByKeyring),
        400 if last => Ok(ShareAnswer::Rejected),
        // Without these words it is a fault; the caller waits either way.
        500 if says(body, "invalid key size 0") => Ok(ShareAnswer::Busy),
        _ => {
            let body: UnsealBody = parse(status, body)?;
            Ok(match (body.sealed, body.progress.unwrap_or(0)) {
                (false, _) => ShareAnswer::Unsealed,
                (true, 0) => ShareAnswer::Pending,
                (true, progress) => ShareAnswer::Counted { progress, nonce: body.nonce.unwrap_or_default() },
            })
        }
    }
}

/// State of a rotation, flat as Vault gives it or nested in `data` as OpenBao does. Keys in the same answer are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Rotation {
    #[serde(default)]
    pub(super) started: bool,
    #[serde(default)]
    pub(super) t: u8,
    #[serde(default)]
    pub(super) n: u8,
    #[serde(default)]
    pub(super) progress: u8,
    #[serde(default)]
    pub(super) nonce: String,
    #[serde(default)]
    pub(super) complete: bool,
    #[serde(default)]
    pub(super) verification_required: bool,
}

#[derive(Deserialize)]
struct Nested {
    data: Option<Rotation>,
}

pub(super) fn rotation(status: u16, body: &[u8]) -> Judged<Rotation> {
    let rotation = match parse::<Nested>(status, body)?.data {
        Some(nested) => nested,
        None => parse(status, body)?,
    };
    let plain =
        rotation.nonce.len() <= 64 && rotation.nonce.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if plain { Ok(rotation) } else { Err(VaultErrorKind::Malformed) }
}

#[derive(Deserialize)]
struct Complaints {
    errors: Vec<String>,
}

/// Whether the server's complaint holds `words` (lower case), compared without case.
fn says(body: &[u8], words: &str) -> bool {
    serde_json::from_slice::<Complaints>(body)
        .is_ok_and(|body| body.errors.iter().any(|text| text.to_ascii_lowercase().contains(words)))
}

#[cfg(test)]
mod tests;
