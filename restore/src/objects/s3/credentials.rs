//! The key pair, read again from its two files when they change, so that a rotated key counts at once.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError, future};
use aws_sdk_s3::config::Credentials;
use sops_tools::files::FileStamp;
use sops_tools::secret::S3SecretKey;
use sops_tools::secret_file::SecretFile;
use zeroize::Zeroizing;

/// Stands in every message about a key file, and so tells it from what a server said.
pub(super) const MARK: &str = "S3 key file";

/// Largest key file in bytes; real keys have 20 to 130 characters.
const LIMIT: usize = 4096;

/// Gives the SDK the key pair of two files, or of places in SOPS files. Clones share what was read last.
#[derive(Clone)]
pub(super) struct KeyFiles {
    access_key: SecretFile,
    secret_key: SecretFile,
    last: Arc<Mutex<Option<Read>>>,
}

/// A key pair and what its files looked like just before they were read.
struct Read {
    stamps: Vec<FileStamp>,
    credentials: Credentials,
}

impl fmt::Debug for KeyFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFiles").finish_non_exhaustive()
    }
}

impl KeyFiles {
    pub(super) fn new(access_key: SecretFile, secret_key: SecretFile) -> Self {
        Self { access_key, secret_key, last: Arc::default() }
    }

    /// Checks the file of the access key now.
    pub(super) fn check_access_key(&self) -> Result<(), String> {
        read_line(&self.access_key).map(drop)
    }

    /// Checks the file of the secret key now.
    pub(super) fn check_secret_key(&self) -> Result<(), String> {
        read_line(&self.secret_key).map(drop)
    }

    fn current(&self) -> Result<Credentials, String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = last.as_mut()
            && !read.stamps.iter_mut().any(FileStamp::changed)
        {
            return Ok(read.credentials.clone());
        }
        // Forgotten before the files are read: after a failed read the next request tries again.
        *last = None;
        let stamps = [&self.access_key, &self.secret_key].into_iter().flat_map(SecretFile::sources);
        let stamps = stamps.map(FileStamp::take).collect();
        let credentials = self.read()?;
        *last = Some(Read { stamps, credentials: credentials.clone() });
        Ok(credentials)
    }

    fn read(&self) -> Result<Credentials, String> {
        let not_text = |_| format!("{MARK}: not text");
        let access_key = read_line(&self.access_key)?;
        let access_key = std::str::from_utf8(&access_key).map_err(not_text)?;
        let secret_key = S3SecretKey::new(read_line(&self.secret_key)?);
        let secret_key = secret_key.expose_text().map_err(not_text)?;
        Ok(Credentials::new(access_key, secret_key, None, None, "key-files"))
    }
}

impl ProvideCredentials for KeyFiles {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let files = self.clone();
        future::ProvideCredentials::new(async move {
            match tokio::task::spawn_blocking(move || files.current()).await {
                Ok(Ok(credentials)) => Ok(credentials),
                Ok(Err(fault)) => Err(CredentialsError::not_loaded(fault)),
                Err(_) => Err(CredentialsError::not_loaded(format!("{MARK}: reading ended early"))),
            }
        })
    }
}

/// The one line of a key file, white space around it removed.
fn read_line(file: &SecretFile) -> Result<Zeroizing<Vec<u8>>, String> {
    let bytes = file.read(LIMIT).map_err(|error| format!("{MARK}: {error}"))?;
    let line = bytes.trim_ascii();
    if line.is_empty() {
        return Err(format!("{MARK} {file}: empty"));
    }
    if !line.iter().all(u8::is_ascii_graphic) {
        return Err(format!("{MARK} {file}: more than one line, or no plain text"));
    }
    Ok(Zeroizing::new(line.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sops_tools::files::replace;

    #[tokio::test]
    async fn a_changed_key_file_counts_at_the_next_request() {
        let folder = tempfile::tempdir().unwrap();
        let files = KeyFiles::new(folder.path().join("access").into(), folder.path().join("secret").into());
        replace(files.access_key.name(), b"AKIA1\n", 0o600).unwrap();
        replace(files.secret_key.name(), b"one\n", 0o600).unwrap();
        assert_eq!(files.provide_credentials().await.unwrap().secret_access_key(), "one");
        replace(files.access_key.name(), b"AKIA2", 0o600).unwrap();
        replace(files.secret_key.name(), b"two", 0o600).unwrap();
        let credentials = files.provide_credentials().await.unwrap();
        assert_eq!((credentials.access_key_id(), credentials.secret_access_key()), ("AKIA2", "two"));
    }

    #[test]
    fn a_fault_names_the_file_and_never_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for content in [&b""[..], b" \n", b"hunter2\nhunter3\n", b"hunter2\xff"] {
            replace(&path, content, 0o600).unwrap();
            let fault = read_line(&path.clone().into()).map(drop).unwrap_err();
            assert!(fault.contains("secret") && !fault.contains("hunter"), "{fault}");
        }
        assert!(read_line(&folder.path().join("none").into()).is_err());
    }
}
