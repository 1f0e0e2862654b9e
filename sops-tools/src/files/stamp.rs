//! Noticing that a file, or a folder of files, has changed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::read;

/// Larger files count as changed whenever their metadata change.
const DIGEST_LIMIT: usize = 1 << 20;

/// What a file, or the visible files of a folder, looked like when last asked.
///
/// Symbolic links are followed, so the swap of a mounted Secret's `..data` link is seen. The metadata are
/// compared first; only where they differ is the content read, so a mere `touch` is no change. A file that
/// appears, vanishes or becomes unreadable has changed.
pub struct FileStamp {
    path: PathBuf,
    looks: Vec<Look>,
    digest: [u8; 32],
}

/// One file's name and metadata.
#[derive(PartialEq, Eq)]
struct Look {
    path: PathBuf,
    /// Device, inode, size, change time in seconds and nanoseconds; none when it cannot be asked for.
    stat: Option<(u64, u64, u64, i64, i64)>,
}

impl FileStamp {
    /// Looks at `path` now; it need not exist.
    pub fn take(path: &Path) -> Self {
        let looks = look(path);
        let digest = digest(&looks);
        Self { path: path.to_owned(), looks, digest }
    }

    /// Whether the content differs from the last time; remembers what is seen now.
    pub fn changed(&mut self) -> bool {
        let looks = look(&self.path);
        if looks == self.looks {
            return false;
        }
        let digest = digest(&looks);
        let changed = digest != self.digest;
        self.looks = looks;
        self.digest = digest;
        changed
    }

    /// The path it watches.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn look(path: &Path) -> Vec<Look> {
    let mut paths = vec![path.to_owned()];
    if let Ok(entries) = std::fs::read_dir(path) {
        let visible =
            |entry: &PathBuf| entry.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."));
        let mut inside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(visible).collect();
        inside.sort();
        paths = inside;
    }
    paths
        .into_iter()
        .map(|path| {
            let stat = std::fs::metadata(&path)
                .ok()
                .map(|meta| (meta.dev(), meta.ino(), meta.len(), meta.ctime(), meta.ctime_nsec()));
            Look { path, stat }
        })
        .collect()
}

fn digest(looks: &[Look]) -> [u8; 32] {
    let mut all = Sha256::new();
    for Look { path, stat } in looks {
        all.update(path.as_os_str().as_encoded_bytes());
        match read(path, DIGEST_LIMIT) {
            Ok((bytes, _)) => {
                all.update([0, 1]);
                all.update(Sha256::digest(&*bytes));
            }
            Err(error) => {
                all.update([0, 2]);
                all.update(format!("{:?}{stat:?}", error.kind()));
            }
        }
    }
    all.finalize().into()
}
