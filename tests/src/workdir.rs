//! A folder of one test or server, gone at its end unless the test failed.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A temporary folder. When it is dropped while the test panics it stays, and its path is printed.
#[derive(Debug)]
pub struct Workdir {
    folder: Option<TempDir>,
}

impl Workdir {
    /// A new empty folder, readable by us alone, whose name begins with `unsealer-it-NAME`.
    pub fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(&format!("unsealer-it-{name}-")).tempdir().expect("work folder");
        Self { folder: Some(folder) }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.as_ref().expect("there until dropped").path()
    }

    /// Path of something inside.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// Makes a folder inside, with its parents, and returns its path.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        std::fs::create_dir_all(&path).expect("folder inside the work folder");
        path
    }

    /// Writes a file inside (parents are made), with mode 0600 as secrets need it, and returns its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        std::fs::create_dir_all(path.parent().expect("inside the work folder")).expect("parent folders");
        let mut file = File::create(&path).expect("file in the work folder");
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).expect("mode of the file");
        file.write_all(content.as_ref()).expect("content of the file");
        path
    }
}

impl Drop for Workdir {
    #[expect(clippy::print_stderr, reason = "the way to a failed test's files")]
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            eprintln!("kept: {}", folder.keep().display());
        }
    }
}
