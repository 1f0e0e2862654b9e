//! The secret files, read again and again: a mounted Secret changes without a signal.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sops_tools::clock::Clock;
use sops_tools::custody::{Identities, StoreKeys};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::board::{Board, SecretsReport};
use crate::status::SecretFileFault;

/// Time between two readings. Kubernetes takes a minute to swap a mounted Secret; so small files cost nothing.
const EVERY: Duration = Duration::from_secs(15);

/// What the secret files hold now. Either half is `None` until it could be read once; a bad change leaves the old one.
#[derive(Clone, Default)]
pub struct Secrets {
    /// The age identities.
    pub identities: Option<Arc<Identities>>,
    /// The store keys.
    pub store_keys: Option<Arc<StoreKeys>>,
}

impl Secrets {
    /// Reads both; what cannot be read stays as it was. The faults have the file and one line each.
    #[must_use]
    pub fn reread(&self, identities: &[PathBuf], store_key: &Path) -> (Self, Vec<(String, String)>) {
        let mut next = self.clone();
        let mut faults = Vec::new();
        match Identities::load(identities) {
            Ok(read) => {
                let same = self.identities.as_ref().is_some_and(|old| old.to_recipients() == read.to_recipients());
                if !same {
                    next.identities = Some(Arc::new(read));
                }
            }
            Err(error) => {
                faults.extend(error.faults.iter().map(|one| (one.path.display().to_string(), one.to_string())));
            }
        }
        match StoreKeys::load(store_key) {
            Ok(read) => {
                let same = self.store_keys.as_ref().is_some_and(|old| old.key_ids().eq(read.key_ids()));
                if !same {
                    next.store_keys = Some(Arc::new(read));
                }
            }
            Err(error) => faults.push((store_key.display().to_string(), error.to_string())),
        }
        (next, faults)
    }

    fn same(&self, other: &Self) -> bool {
        fn same<T>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
            match (one, other) {
                (None, None) => true,
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                _ => false,
            }
        }
        same(self.identities.as_ref(), other.identities.as_ref())
            && same(self.store_keys.as_ref(), other.store_keys.as_ref())
    }
}

/// Reads the files every 15 s until `soft` is cancelled; tells of changes through `secrets`, and of faults on the board.
pub async fn watch_files(
    identities: Vec<PathBuf>,
    store_key: PathBuf,
    secrets: watch::Sender<Secrets>,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    soft: CancellationToken,
) {
    loop {
        let old = secrets.borrow().clone();
        let (paths, key) = (identities.clone(), store_key.clone());
        let read = tokio::task::spawn_blocking(move || {
            let (next, faults) = old.reread(&paths, &key);
            let changed = !next.same(&old);
            (next, faults, changed)
        });
        if let Ok((next, faults, changed)) = read.await {
            board.secrets.send_modify(|report| note(report, &next, faults, clock.as_ref()));
            if changed {
                tracing::info!("the secret files were read anew");
                secrets.send_replace(next);
            }
        }
        tokio::select! {
            () = soft.cancelled() => return,
            () = sleep(EVERY) => {}
        }
    }
}

/// Puts the faults on the board; a new one is logged and counted once.
fn note(report: &mut SecretsReport, now: &Secrets, faults: Vec<(String, String)>, clock: &dyn Clock) {
    report.identities = now.identities.is_some();
    report.store_key = now.store_keys.is_some();
    let earlier = std::mem::take(&mut report.faults);
    for (path, fault) in faults {
        let known = earlier.iter().find(|old| old.path == path && old.fault == fault);
        if known.is_none() {
            report.failures += 1;
            tracing::warn!(path, fault, "a secret file cannot be used; the content read before stays in use");
        }
        let since = known.map_or_else(|| clock.now(), |old| old.since);
        report.faults.push(SecretFileFault { path, fault, since });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sops_tools::clock::System;
    use sops_tools::files;

    #[test]
    fn a_bad_change_keeps_the_old_secret_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (identity, key) = (folder.path().join("a.agekey"), folder.path().join("store.key"));
        let first = Identities::generate();
        files::create_new(&identity, &first.to_file_text(System.now()), 0o600).unwrap();
        files::create_new(&key, &StoreKeys::generate(&System).to_file_text(), 0o600).unwrap();
        let (read, faults) = Secrets::default().reread(std::slice::from_ref(&identity), &key);
        assert_eq!(faults, []);
        let (again, _) = read.reread(std::slice::from_ref(&identity), &key);
        assert!(again.same(&read), "unchanged files are no change");
        files::replace(&identity, b"rubbish", 0o600).unwrap();
        let (kept, faults) = read.reread(std::slice::from_ref(&identity), &key);
        assert!(kept.same(&read));
        assert_eq!(faults.len(), 1);
        assert!(!faults[0].1.contains("rubbish"), "{faults:?}");
        files::replace(&identity, &Identities::generate().to_file_text(System.now()), 0o600).unwrap();
        let (changed, _) = read.reread(&[identity], &key);
        assert!(!changed.same(&read));
    }
}
