//! A folder in memory that holds the plain text while it is edited, and is gone afterwards whatever happens.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;

use crate::clock::Entropy;
use crate::files::create_directory;
use crate::report::{ExitStatus, Failure, SopsExit};
use crate::sops::sources::Lookup;

/// How the folder's name begins.
const PREFIX: &str = "sops-tools-edit-";

/// The hidden command that removes the folder when the program that made it is gone.
pub(crate) const KEEPER: &str = "clean-up-after";

/// Kinds of file systems that keep their files in memory: tmpfs and ramfs.
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// The folder, and the process that removes it should this one die: by Ctrl-C, a signal or a kill, none of which runs any code here.
pub(super) struct Scratch {
    folder: PathBuf,
    keeper: Child,
}

impl Scratch {
    /// Makes a folder, mode 0700, in `$XDG_RUNTIME_DIR` or `/dev/shm`, or on disk where that is allowed.
    pub(super) fn make(allow_disk: bool, entropy: &dyn Entropy, lookup: Lookup<'_>) -> Result<Self, Failure> {
        let folder = place(allow_disk, lookup)?.join(format!("{PREFIX}{}", entropy.id()));
        let keeper = keeper(&folder)?;
        let scratch = Self { folder, keeper };
        create_directory(&scratch.folder, 0o700).map_err(|error| {
            Failure::sops(SopsExit::Generic, "no-scratch", "no folder can be made for the plain text").cause(error)
        })?;
        Ok(scratch)
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    /// Removes the folder and what an editor left in it.
    ///
    /// # Errors
    /// Class `plaintext-left`: it could not be removed.
    pub(super) fn remove(mut self) -> Result<(), Failure> {
        self.try_remove().map_err(|error| {
            let problem = format!("the plain text cannot be removed from {}", self.folder.display());
            Failure::sops(SopsExit::Generic, "plaintext-left", problem)
                .cause(error)
                .hint("remove that folder by hand, now")
        })
    }

    fn try_remove(&mut self) -> std::io::Result<()> {
        let removed = match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        // Its end tells the keeper that this process is done.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
        removed
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // After `remove` there is nothing left; on the way of an error that error is what counts.
        let _ = self.try_remove();
    }
}

fn place(allow_disk: bool, lookup: Lookup<'_>) -> Result<PathBuf, Failure> {
    let runtime = lookup("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let memory =
        runtime.into_iter().chain([PathBuf::from("/dev/shm")]).find(|folder| usable(folder) && in_memory(folder));
    if let Some(folder) = memory {
        return Ok(folder);
    }
    if allow_disk {
        return Ok(lookup("TMPDIR").filter(|folder| !folder.is_empty()).map_or_else(|| "/tmp".into(), PathBuf::from));
    }
    Err(Failure::sops(SopsExit::Generic, "no-scratch", "there is no folder in memory for the plain text")
        .cause("neither $XDG_RUNTIME_DIR nor /dev/shm is a tmpfs that can be written")
        .hint("give XDG_RUNTIME_DIR a tmpfs, or let the plain text be on disk while you edit: --allow-disk"))
}

fn usable(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}

fn in_memory(folder: &Path) -> bool {
    let kind = rustix::fs::statfs(folder).ok().and_then(|stat| u64::try_from(stat.f_type).ok());
    kind.is_some_and(|kind| IN_MEMORY.contains(&kind))
}

/// Starts the process that waits for the end of this one: this very program, in a process group of its own so that Ctrl-C does not
/// reach it.
fn keeper(folder: &Path) -> Result<Child, Failure> {
    Command::new("/proc/self/exe")
        .arg(KEEPER)
        .arg(folder)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| {
            Failure::sops(SopsExit::Generic, "no-scratch", "the process that cleans up after an edit cannot be started")
                .cause(error)
        })
}

/// The keeper's part: waits until standard input ends, then removes the folder.
///
/// # Errors
/// The folder is none that [`Scratch`] makes, or cannot be removed.
pub(crate) fn clean_up_after(folder: &Path) -> Result<(), Failure> {
    let refused =
        || Failure::new(ExitStatus::Refused, "not-scratch", format!("{} is no folder of an edit", folder.display()));
    let named = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
    if !named || !folder.is_absolute() {
        return Err(refused());
    }
    // Whatever it says, the end is what is waited for.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    match folder.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Ok(meta) if meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw() => {
            std::fs::remove_dir_all(folder).map_err(|error| refused().cause(error))
        }
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_on_disk_is_taken_only_where_that_is_allowed() {
        let disk = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let variables = |name: &str| ["TMPDIR", "XDG_RUNTIME_DIR"].contains(&name).then(|| disk.path().into());
        let found = place(false, &variables);
        assert!(found.as_ref().map_or(true, |folder| in_memory(folder)), "{found:?}");
        if !in_memory(Path::new("/dev/shm")) {
            assert_eq!(place(true, &variables).unwrap(), disk.path());
        }
        assert!(!in_memory(disk.path()), "the test's own folder lies on disk");
    }

    #[test]
    fn the_keeper_touches_no_folder_that_is_not_of_an_edit() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(clean_up_after(dir.path()).unwrap_err().class, "not-scratch");
        assert!(dir.path().exists());
        assert_eq!(clean_up_after(Path::new("sops-tools-edit-relative")).unwrap_err().class, "not-scratch");
    }
}
