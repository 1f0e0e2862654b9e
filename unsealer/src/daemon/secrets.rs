//! The secret files, read again and again: a mounted Secret changes without a signal.

use std::sync::Arc;
use std::time::Duration;

use sops_tools::clock::Clock;
use sops_tools::custody::{IdentityFiles, StoreKeys};
use sops_tools::secret_file::SecretFile;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::board::{Board, SecretsReport};
use crate::status::SecretFileFault;

/// Time between two readings. Kubernetes takes a minute to swap a mounted Secret; so small files cost nothing.
const EVERY: Duration = Duration::from_secs(15);
/// Time to the next reading where a file cannot be used: nothing may be openable until it can.
const AFTER_A_FAULT: Duration = Duration::from_secs(1);

/// What the secret files hold now.
#[derive(Clone, Default)]
pub struct Secrets {
    /// The age identities that can be read, by their files, since they are read anew for each use. `None` where there is none.
    pub identities: Option<Arc<IdentityFiles>>,
    /// The store keys: `None` until they could be read once; a bad change leaves the old ones.
    pub store_keys: Option<Arc<StoreKeys>>,
}

impl Secrets {
    /// Reads both. The faults have the file and one line each.
    #[must_use]
    pub fn reread(&self, identities: &[SecretFile], store_key: &SecretFile) -> (Self, Vec<(String, String)>) {
        let mut next = self.clone();
        let mut faults = Vec::new();
        let (read, bad) = IdentityFiles::read(identities);
        if self.identities.as_deref() != read.as_ref() {
            next.identities = read.map(Arc::new);
        }
        faults.extend(bad.iter().map(|one| (one.path.display().to_string(), one.to_string())));
        match StoreKeys::load(store_key) {
            Ok(read) => {
                let same = self.store_keys.as_ref().is_some_and(|old| old.key_ids().eq(read.key_ids()));
                if !same {
                    next.store_keys = Some(Arc::new(read));
                }
            }
            Err(error) => faults.push((store_key.to_string(), error.to_string())),
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

/// Reads the files every 15 s, and every second while one cannot be used, until `soft` is cancelled; tells of changes through `secrets`, and of faults on the board.
pub async fn watch_files(
    identities: Vec<SecretFile>,
    store_key: SecretFile,
    secrets: watch::Sender<Secrets>,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    soft: CancellationToken,
) {
    let mut pause = EVERY;
    loop {
        let old = secrets.borrow().clone();
        let (paths, key) = (identities.clone(), store_key.clone());
        let read = tokio::task::spawn_blocking(move || {
            let (next, faults) = old.reread(&paths, &key);
            let changed = !next.same(&old);
            (next, faults, changed)
        });
        if let Ok((next, faults, changed)) = read.await {
            pause = if faults.is_empty() { EVERY } else { AFTER_A_FAULT };
            board.secrets.send_modify(|report| note(report, &next, faults, clock.as_ref()));
            if changed {
                tracing::info!("the secret files have changed");
                secrets.send_replace(next);
            }
        }
        tokio::select! {
            () = soft.cancelled() => return,
            () = sleep(pause) => {}
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
            tracing::warn!(
                path,
                fault,
                next_step = "mend the file: it is read again every second",
                "a secret file cannot be used"
            );
        }
        let since = known.map_or_else(|| clock.now(), |old| old.since);
        report.faults.push(SecretFileFault { path, fault, since });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sops_tools::clock::System;
    use sops_tools::custody::Identities;
    use sops_tools::files;

    #[test]
    fn a_file_that_cannot_be_read_is_named_and_a_mended_one_counts_again() {
        let folder = tempfile::tempdir().unwrap();
        let (identity, key) = (folder.path().join("a.agekey"), folder.path().join("store.key"));
        let (paths, secret) = ([identity.as_path().into()], key.as_path().into());
        let first = Identities::generate().to_file_text(System.now());
        files::create_new(&identity, &first, 0o600).unwrap();
        files::create_new(&key, &StoreKeys::generate(&System).to_file_text(), 0o600).unwrap();
        let (read, faults) = Secrets::default().reread(&paths, &secret);
        assert_eq!(faults, []);
        let (again, _) = read.reread(&paths, &secret);
        assert!(again.same(&read), "unchanged files are no change");
        files::replace(&identity, b"rubbish", 0o600).unwrap();
        files::replace(&key, b"rubbish", 0o600).unwrap();
        let (bad, faults) = read.reread(&paths, &secret);
        assert!(bad.identities.is_none(), "none is kept in memory");
        assert!(bad.store_keys.is_some(), "the old one is kept");
        assert_eq!(faults.len(), 2);
        assert!(faults.iter().all(|(_, fault)| !fault.contains("rubbish")), "{faults:?}");
        files::replace(&identity, &first, 0o600).unwrap();
        let (mended, _) = bad.reread(&paths, &secret);
        assert_eq!(mended.identities, read.identities);
        files::replace(&identity, &Identities::generate().to_file_text(System.now()), 0o600).unwrap();
        let (changed, _) = mended.reread(&paths, &secret);
        assert_ne!(changed.identities, read.identities);
    }
}
