//! A disk of one mebibyte that only chosen programs see.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::run;
use crate::process::{Process, Program};
use crate::wait;
use crate::workdir::Workdir;

const LIMIT: Duration = Duration::from_secs(30);

/// A tmpfs of 1 MiB in a mount namespace of its own; gone when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    holder: Process,
    folder: Workdir,
}

impl SmallDisk {
    /// A new, empty one.
    ///
    /// # Panics
    /// Without the right to mount: it needs root.
    pub async fn new() -> Self {
        assert!(
            rustix::process::getuid().is_root(),
            "a small disk is mounted in a namespace of its own: it needs root"
        );
        let folder = Workdir::new("disk");
        let script = "mount -t tmpfs -o size=1m,mode=0755 small \"$0\" && exec sleep infinity";
        let program = Program::new("small disk", "unshare")
            .args(["--mount", "--", "sh", "-c", script])
            .arg(folder.folder("disk"));
        let mut disk = Self { holder: program.start(&folder.join("log")), folder };
        let mounts = format!("/proc/{}/mounts", disk.holder.pid());
        let path = disk.path().display().to_string();
        wait::until(LIMIT, "the small disk", async || {
            assert!(disk.holder.ended().is_none(), "it cannot be mounted: {}", disk.holder.log());
            std::fs::read_to_string(&mounts).is_ok_and(|mounts| mounts.contains(&path))
        })
        .await;
        disk
    }

    /// Its path, for programs that [`SmallDisk::seen_by`] started.
    pub fn path(&self) -> PathBuf {
        self.folder.join("disk")
    }

    /// The same place, for the test itself.
    pub fn from_outside(&self, path: &Path) -> PathBuf {
        let below = path.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.holder.pid().to_string()).join("root").join(below)
    }

    /// `program`, seeing the disk.
    #[must_use]
    pub fn seen_by(&self, program: Program) -> Program {
        program.in_mounts_of(self.holder.pid())
    }

    /// Leaves no room on it.
    pub fn fill(&self) {
        self.fill_but(0);
    }

    /// Leaves room on it for so many blocks of 4 KiB.
    pub fn fill_but(&self, blocks: u64) {
        let mut file = File::create(self.filler()).expect("the file that fills the disk");
        let full = loop {
            if let Err(error) = file.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
        let length = file.metadata().expect("the file that fills the disk").len().next_multiple_of(4096);
        file.set_len(length.checked_sub(blocks * 4096).expect("a disk that large")).expect("room on the disk");
    }

    /// Takes away what filled it.
    pub fn make_room(&self) {
        std::fs::remove_file(self.filler()).expect("the file that fills the disk");
    }

    /// From here on nothing can be written on it.
    pub async fn make_read_only(&self) {
        let program = Program::new("mount", "mount").args(["-o", "remount,ro"]).arg(self.path());
        run(self.seen_by(program), LIMIT).await.assert_status(0);
    }

    fn filler(&self) -> PathBuf {
        self.from_outside(&self.path().join("filler"))
    }
}
