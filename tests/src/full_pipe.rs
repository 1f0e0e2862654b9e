//! A pipe without room: a program that prints into it stands still there, with all that is in its memory.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use crate::process::Process;
use crate::wait;
use crate::workdir::Workdir;

const LIMIT: Duration = Duration::from_mins(1);

/// The pipe, to be named as an output of a program; both its ends are open as long as it is there.
#[derive(Debug)]
pub struct FullPipe {
    folder: Workdir,
    _ends: File,
}

impl FullPipe {
    /// A new one.
    pub fn new() -> Self {
        let folder = Workdir::new("pipe");
        let path = folder.join("full");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe with a name");
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).expect("a flag");
        let open = File::options().read(true).write(true).custom_flags(flags).open(&path);
        let mut ends = open.expect("both ends of the pipe");
        let full = loop {
            if let Err(error) = ends.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::WouldBlock, "{full}");
        Self { folder, _ends: ends }
    }

    /// Its path.
    pub fn path(&self) -> PathBuf {
        self.folder.join("full")
    }

    /// Waits until `process` stands still because this pipe has no room.
    ///
    /// # Panics
    /// Where it ends instead, or does neither within a minute. Needs root.
    pub async fn until_stuck(&self, process: &mut Process) {
        let place = format!("/proc/{}/wchan", process.pid());
        wait::for_some(LIMIT, "a program at a full pipe", async || {
            assert!(process.ended().is_none(), "it has ended: {}", process.log());
            let waits_for = std::fs::read_to_string(&place).map_err(|error| error.to_string())?;
            if waits_for.contains("pipe_write") { Ok(()) } else { Err(format!("it waits for {waits_for}")) }
        })
        .await;
    }
}

impl Default for FullPipe {
    fn default() -> Self {
        Self::new()
    }
}
