//! Programs that run to their end.

use std::time::Duration;

use crate::process::{Process, Program};
use crate::workdir::Workdir;

/// What a program left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// Exit status; 128 and the signal's number where a signal ended it.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Error output.
    pub stderr: String,
}

impl Output {
    /// Itself again.
    ///
    /// # Panics
    /// With both outputs where the status is not `wanted`.
    pub fn assert_status(&self, wanted: i32) -> &Self {
        assert_eq!(self.status, wanted, "exit status\n{}", self.text());
        self
    }

    /// Both outputs, for searches.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// Where it is not one JSON value.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }
}

/// A command under way.
#[derive(Debug)]
pub struct Running {
    process: Process,
    folder: Workdir,
}

impl Running {
    /// Starts `program`.
    pub fn start(program: Program) -> Self {
        let folder = Workdir::new("command");
        let process = program.start_with(&folder.join("stdout"), &folder.join("stderr"));
        Self { process, folder }
    }

    /// The process, to be killed or frozen.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// What it has written to its error output so far.
    pub fn stderr(&self) -> String {
        read(&self.folder, "stderr")
    }

    /// Waits until it ends.
    ///
    /// # Panics
    /// Where it has not ended after `limit`.
    pub async fn output(mut self, limit: Duration) -> Output {
        use std::os::unix::process::ExitStatusExt;
        let status = self.process.wait(limit).await;
        let status = status.code().or(status.signal().map(|signal| 128 + signal)).expect("a code or a signal");
        Output { status, stdout: read(&self.folder, "stdout"), stderr: read(&self.folder, "stderr") }
    }
}

/// Runs `program` to its end.
///
/// # Panics
/// Where it has not ended after `limit`.
pub async fn run(program: Program, limit: Duration) -> Output {
    Running::start(program).output(limit).await
}

fn read(folder: &Workdir, name: &str) -> String {
    let bytes = std::fs::read(folder.join(name)).expect("output of the command");
    String::from_utf8_lossy(&bytes).into_owned()
}
