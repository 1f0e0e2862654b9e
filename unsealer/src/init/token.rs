//! What becomes of the root token.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sops_tools::custody::{self, Identities, Recipient};
use sops_tools::files::{self, FileErrorKind, OWNER_ONLY};
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::secret::{Plaintext, Token};
use sops_tools::secret_file::SecretFile;
use tokio::time::{Instant, sleep};

use super::after::Request;
use super::local::{LocalRecords, SealedCopy};
use crate::store::bundle::digest;
use crate::store::names::ObjectId;
use crate::store::publish::Writer;
use crate::store::view::Generation;
use crate::vault::{Health, Node, VaultError, VaultErrorKind};

/// Longest wait for a node to lead after it was opened: an election takes some seconds.
const LEADS_WITHIN: Duration = Duration::from_secs(20);

/// What the person asked for. One of these must be chosen: on OpenBao a lost root token cannot be made again.
pub enum RootTokenWish {
    /// Nothing was said: enough to finish an init that has no token left to see to.
    Unsaid,
    /// Revoked while it is at hand, kept nowhere.
    Discard,
    /// Sealed to the offline recipients, into a file that must not exist yet.
    ToFile(PathBuf),
    /// Sealed to the offline recipients, into the store.
    ToStore,
    /// Used for these requests, then revoked.
    AfterInit(Vec<Request>),
}

/// What was done with it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase", tag = "rootToken", content = "where")]
pub enum Fate {
    /// Revoked.
    Revoked,
    /// Sealed into this file.
    File(String),
    /// Sealed into the store under this path.
    Store(String),
    /// It was not at hand in clear, so it was not revoked by this run.
    NotAtHand,
    /// Not touched: where the sealed copy with it should lie.
    LeftBehind(String),
}

/// Everything needed to do it.
pub(super) struct Task<'a> {
    pub(super) wish: &'a RootTokenWish,
    pub(super) writer: &'a Writer<'a>,
    pub(super) node: &'a dyn Node,
    pub(super) records: &'a LocalRecords,
    pub(super) intent: u32,
    pub(super) generation: Generation,
    pub(super) recipients: &'a [Recipient],
}

/// Seals a token to `recipients`.
///
/// # Errors
/// When age refuses.
pub(super) fn seal(token: &Token, recipients: &[Recipient]) -> Result<Vec<u8>, custody::SealError> {
    custody::seal(&Plaintext::copy_from(token.expose()), recipients)
}

/// Opens the sealed copy's token with an offline identity.
///
/// # Errors
/// When the copy holds none or the identity does not open it.
pub(super) fn open(copy: &SealedCopy, identities: &Identities) -> Result<Token, Failure> {
    let fault = |cause: String| {
        Failure::new(ExitStatus::Integrity, "root-token-closed", "the sealed copy's root token does not open")
            .cause(cause)
            .hint("give an offline identity with --identity FILE")
    };
    let sealed = copy.sealed_root_token().ok_or_else(|| fault("the copy holds no root token".to_owned()))?;
    let plain = custody::open(&sealed, identities).map_err(|error| fault(error.to_string()))?;
    Ok(Token::copy_from(plain.expose()))
}

impl Task<'_> {
    /// Does it. `token` is the clear one where it is at hand; `sealed` the ciphertext.
    ///
    /// # Errors
    /// When a file, the store or the server does not take it; the sealed copy stays, so a re-run is safe.
    pub(super) async fn run(&self, token: Option<&Token>, sealed: Option<&[u8]>) -> Result<Fate, Failure> {
        match self.wish {
            RootTokenWish::Unsaid => Err(unsaid()),
            RootTokenWish::Discard => match token {
                Some(token) => self.revoke(token).await,
                None => Ok(Fate::NotAtHand),
            },
            RootTokenWish::ToFile(path) => Self::to_file(path, sealed),
            RootTokenWish::ToStore => self.to_store(sealed).await,
            RootTokenWish::AfterInit(requests) => {
                let Some(token) = token else { return Err(identity_wanted()) };
                self.requests(token, requests).await?;
                self.revoke(token).await
            }
        }
    }

    /// A raft node is open before it leads, and takes no token until then. One that only follows passes tokens on, so the wait
    /// has an end.
    async fn until_active(&self) {
        let deadline = Instant::now() + LEADS_WITHIN;
        while !matches!(self.node.health().await, Ok(Health::Active)) && Instant::now() < deadline {
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Called when nothing is asked of the token any more. A root token may do everything, so where it is denied an earlier run
    /// revoked it and was killed before it could close the intent, or the answer was lost.
    async fn revoke(&self, token: &Token) -> Result<Fate, Failure> {
        self.until_active().await;
        match self.node.revoke_self(token).await {
            Err(error) if error.kind != VaultErrorKind::Denied => Err(Failure::new(
                ExitStatus::Unavailable,
                "root-token-not-revoked",
                "the root token could not be revoked",
            )
            .cause(error)
            .hint(
                "run init again with --identity FILE of an offline recipient; the sealed copy still holds the token",
            )),
            _ => Ok(Fate::Revoked),
        }
    }

    fn to_file(path: &Path, sealed: Option<&[u8]>) -> Result<Fate, Failure> {
        let sealed = sealed.ok_or_else(no_sealed_token)?;
        let there = || files::read_limited(path, custody::SEALED_LIMIT).is_ok_and(|bytes| bytes == sealed);
        match files::create_new(path, sealed, OWNER_ONLY) {
            Ok(()) => {}
            Err(error) if error.kind() == FileErrorKind::Exists && there() => {}
            Err(error) => {
                return Err(Failure::new(
                    ExitStatus::Unavailable,
                    "root-token-file",
                    "the sealed root token was not written",
                )
                .cause(error)
                .hint("the shares are stored and proven; run init again with another --root-token-to FILE"));
            }
        }
        Ok(Fate::File(path.display().to_string()))
    }

    async fn to_store(&self, sealed: Option<&[u8]>) -> Result<Fate, Failure> {
        let sealed = sealed.ok_or_else(no_sealed_token)?;
        // The id follows from the ciphertext, so that a repeated publication is the same object.
        let id = ObjectId::new(&digest(sealed)[..32])
            .map_err(|error| Failure::new(ExitStatus::Unexpected, "object-id", error.to_string()))?;
        self.writer.root_token(self.generation, &id, sealed, self.recipients).await.map_err(|error| {
            Failure::new(ExitStatus::Unavailable, "root-token-not-stored", "the sealed root token was not stored")
                .cause(error)
                .hint("the shares are stored and proven; run init again to finish")
        })?;
        Ok(Fate::Store(format!("generations/{}/root-token.{id}.age", self.generation)))
    }

    /// Runs the requests once each. One whose answer was lost is sent again by the next run.
    async fn requests(&self, token: &Token, requests: &[Request]) -> Result<(), Failure> {
        let local = |error: files::FileError| {
            Failure::new(ExitStatus::Unavailable, "state-dir", "progress of --after-init was not recorded")
                .cause(error)
                .hint("mend stateDir, then run init again with --identity FILE of an offline recipient")
        };
        let done = self.records.after_done(self.intent).map_err(local)?;
        self.until_active().await;
        for (index, request) in requests.iter().enumerate().skip(done) {
            let answer = self.node.request(token, &request.method, &request.path, request.body.as_ref()).await;
            match answer {
                Ok(status) if (200..300).contains(&status) => {}
                Ok(status) => return Err(not_accepted(index, request, status)),
                Err(error) => return Err(not_answered(index, request, &error)),
            }
            self.records.write_after_done(self.intent, index + 1).map_err(local)?;
        }
        Ok(())
    }
}

fn request_failed(status: ExitStatus, index: usize, request: &Request, what: &str) -> Failure {
    let Request { method, path, .. } = request;
    let problem = format!("request {} of --after-init ({method} {path}) {what}", index + 1);
    Failure::new(status, "after-init-request", problem)
}

fn not_accepted(index: usize, request: &Request, status: u16) -> Failure {
    let go_on =
        "mend the file and run init again with --identity FILE of an offline recipient: it goes on with this request";
    let hint = match status {
        403 => format!(
            "a root token may do everything: either it was revoked or has ended meanwhile, or the server allows this to nobody. {go_on}. Where the token is gone, finish without the rest: `unsealer init --discard-root-token`"
        ),
        _ => go_on.to_owned(),
    };
    request_failed(ExitStatus::Refused, index, request, "was not accepted")
        .cause(format!("the server answered {status}"))
        .hint(hint)
}

fn not_answered(index: usize, request: &Request, error: &VaultError) -> Failure {
    let status = if error.kind == VaultErrorKind::TimedOut { ExitStatus::TimedOut } else { ExitStatus::Unavailable };
    request_failed(status, index, request, "was not answered")
        .cause(error)
        .hint("run init again with --identity FILE of an offline recipient: it sends this request again and goes on")
}

/// Refuses early what could not be kept later.
///
/// # Errors
/// When the file exists already or its folder cannot take it.
pub(super) fn check(wish: &RootTokenWish, id: &str) -> Result<(), Failure> {
    let RootTokenWish::ToFile(path) = wish else { return Ok(()) };
    let fault = |cause: String| {
        Failure::new(ExitStatus::Usage, "root-token-file", format!("--root-token-to {}: not usable", path.display()))
            .cause(cause)
            .hint("name a new file in a folder that this user may write")
    };
    if path.exists() {
        return Err(fault("it exists already".to_owned()));
    }
    let mut probe = path.as_os_str().to_owned();
    probe.push(format!(".{id}"));
    let probe = PathBuf::from(probe);
    files::create_new(&probe, b"", OWNER_ONLY).map_err(|error| fault(error.to_string()))?;
    files::remove(&probe).map_err(|error| fault(error.to_string()))
}

/// Reads an offline identity from a file.
///
/// # Errors
/// Every fault of the file.
pub(super) fn identity(file: &SecretFile) -> Result<Identities, Failure> {
    Identities::load_all(std::slice::from_ref(file)).map_err(|error| {
        Failure::new(ExitStatus::Usage, "identity-file", format!("{file}: no identity can be read"))
            .cause(error)
            .hint("name the offline identity's file, as age-keygen writes it")
    })
}

/// Nobody said what becomes of the root token.
pub(super) fn unsaid() -> Failure {
    Failure::new(ExitStatus::Usage, "root-token", "say what becomes of the root token").hint(
        "run the same command with one of --root-token-to FILE|store, --after-init FILE, --discard-root-token; on OpenBao a lost root token cannot be made again",
    )
}

fn identity_wanted() -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "identity-wanted",
        "the root token lies sealed in the local copy, and --after-init needs it in clear",
    )
    .hint("run the same command again with --identity FILE of an offline recipient")
}

fn no_sealed_token() -> Failure {
    Failure::new(ExitStatus::Absent, "no-root-token", "the sealed copy holds no root token")
        .hint("the shares are safe; run init again with --discard-root-token to close it without one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_token_opens_with_the_offline_identity_alone() {
        let (offline, other) = (Identities::generate(), Identities::generate());
        let sealed = seal(&Token::copy_from(b"s.root"), &offline.to_recipients()).unwrap();
        let opened = custody::open(&sealed, &offline).unwrap();
        assert_eq!(opened.expose(), b"s.root");
        assert!(custody::open(&sealed, &other).is_err());
    }

    #[test]
    fn a_root_token_file_that_exists_is_refused_before_anything_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.age");
        check(&RootTokenWish::ToFile(path.clone()), "x").unwrap();
        assert!(!path.exists());
        files::create_new(&path, b"", OWNER_ONLY).unwrap();
        assert_eq!(check(&RootTokenWish::ToFile(path), "x").unwrap_err().class, "root-token-file");
        let nowhere = folder.path().join("none/root.age");
        assert_eq!(check(&RootTokenWish::ToFile(nowhere), "x").unwrap_err().class, "root-token-file");
    }
}
