//! One call of one program.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::Sops;
use crate::process::Program;

/// Longest time a call may take, on a loaded machine.
const LIMIT: Duration = Duration::from_mins(1);

/// How often the end of a call is looked for.
const PAUSE: Duration = Duration::from_millis(1);

/// A call to come: an environment of `PATH`, `HOME` and the identities alone.
#[derive(Debug)]
#[must_use]
pub struct Call {
    program: Program,
    outputs: PathBuf,
    what: String,
}

/// What a call left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// Exit status; 128 and the signal's number where a signal ended it.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Error output.
    pub stderr: String,
}

impl Call {
    pub(super) fn new(sops: Sops, outputs: &Path, home: &Path) -> Self {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        let outputs = outputs.join(CALLS.fetch_add(1, Ordering::Relaxed).to_string());
        let program = Program::new(sops.name(), sops.program()).env("HOME", home).args(sops.arguments());
        // A fifth of what a call of these takes is Go's collector, which has nothing to gain in so short a life.
        let program = if sops == Sops::Ours { program } else { program.env("GOGC", "off") };
        Self { program, outputs, what: sops.name().to_owned() }
    }

    /// Adds one argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.what.push(' ');
        self.what.push_str(&argument.as_ref().to_string_lossy());
        self.program = self.program.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args(self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.program = self.program.env(name, value);
        self
    }

    /// Works in `folder`.
    pub fn within(mut self, folder: &Path) -> Self {
        self.program = self.program.current_dir(folder);
        self
    }

    /// Gives `input` on the standard input; without, there is none.
    pub fn stdin(mut self, input: &[u8]) -> Self {
        let path = self.outputs.with_extension("in");
        std::fs::File::create(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, input))
            .expect("input of the call");
        self.program = self.program.stdin(File::open(path).expect("input of the call"));
        self
    }

    /// Calls it and waits for its end.
    ///
    /// # Panics
    /// Where it has not ended after a minute.
    pub fn run(self) -> Output {
        use std::os::unix::process::ExitStatusExt;
        let (stdout, stderr) = (self.outputs.with_extension("out"), self.outputs.with_extension("err"));
        let begun = Instant::now();
        let mut process = self.program.start_with(&stdout, &stderr);
        let ended = loop {
            if let Some(ended) = process.ended() {
                break ended;
            }
            assert!(begun.elapsed() < LIMIT, "{} still runs after {LIMIT:?}", self.what);
            std::thread::sleep(PAUSE);
        };
        let read = |path: &Path| std::fs::read(path).expect("output of the call");
        Output {
            status: ended.code().or(ended.signal().map(|signal| 128 + signal)).expect("a code or a signal"),
            stdout: read(&stdout),
            stderr: String::from_utf8_lossy(&read(&stderr)).into_owned(),
        }
    }
}

impl Output {
    /// Whether it succeeded.
    pub fn good(&self) -> bool {
        self.status == 0
    }

    /// Whether it is a Go program that crashed: its status says nothing then.
    pub fn crashed(&self) -> bool {
        self.stderr.contains("panic: ") && self.stderr.contains("goroutine ")
    }

    /// Status and the first lines of the error output, for reports.
    pub fn summary(&self) -> String {
        let lines: Vec<&str> = self.stderr.lines().filter(|line| !line.trim().is_empty()).take(3).collect();
        format!("{} ({})", self.status, lines.join(" / "))
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its standard output.
    ///
    /// # Errors
    /// A summary, where it did not succeed.
    pub fn succeeded(self, what: &str) -> Result<Vec<u8>, String> {
        if self.good() { Ok(self.stdout) } else { Err(format!("{what}: {}", self.summary())) }
    }
}
