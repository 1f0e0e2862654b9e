//! The `git` program: plumbing commands alone, no network, no hooks, no pager, and an end to waiting.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::sops::sources::Lookup;

/// What the program gets of the environment; everything else, secrets and `GIT_…` variables among it, stays here.
const PASSED: [&str; 4] = ["PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR"];

/// Settings over those of the repository, which must not start programs or fetch anything.
const SETTINGS: [&str; 6] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.quotePath=false",
    "log.showSignature=false",
    "protocol.allow=never",
];

/// Most bytes of what it says on standard error that are shown.
const SAID_LIMIT: usize = 2000;

/// A repository, and how the program is started in it.
#[derive(Debug, Clone)]
pub struct Git {
    root: PathBuf,
    environment: Vec<(OsString, OsString)>,
    /// How long one call may take.
    deadline: Duration,
}

/// Why the program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is none.
    #[error("the program git is not found")]
    NotFound,
    /// It was started and failed.
    #[error("git {verb} failed: {said}")]
    Failed {
        /// The command of git.
        verb: String,
        /// The first line of what it said.
        said: String,
    },
    /// The deadline passed.
    #[error("git {verb} took longer than {} s", limit.as_secs())]
    TooLong {
        /// The command of git.
        verb: String,
        /// The deadline.
        limit: Duration,
    },
    /// More than is read.
    #[error("git {0} gave more than is read")]
    TooMuch(String),
    /// The pipes broke.
    #[error("git {verb}: {error}")]
    Io {
        /// The command of git.
        verb: String,
        /// What the system said.
        error: io::Error,
    },
}

impl Git {
    /// The work tree whose root is `root`. `index` is another index than the repository's own: hooks are told one.
    pub fn new(root: &Path, lookup: Lookup<'_>, index: Option<OsString>, deadline: Duration) -> Self {
        let passed = PASSED.iter().filter_map(|name| Some(((*name).into(), lookup(name)?)));
        let ours = [
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_LITERAL_PATHSPECS", "1"),
            ("GIT_ATTR_NOSYSTEM", "1"),
        ];
        let ours = ours.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let index = index.map(|index| (OsString::from("GIT_INDEX_FILE"), index));
        let environment = passed.chain(ours).chain(index).collect();
        Self { root: root.to_owned(), environment, deadline }
    }

    /// The root of the work tree.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What a command prints, at most `limit` bytes.
    ///
    /// # Errors
    /// It cannot be started, fails, says too much or takes too long.
    pub fn output(&self, arguments: &[&OsStr], limit: usize) -> Result<Vec<u8>, GitError> {
        self.converse(arguments, &[], |out| {
            let mut all = Vec::new();
            out.take(limit as u64 + 1).read_to_end(&mut all)?;
            Ok(all)
        })
        .and_then(|all| if all.len() > limit { Err(GitError::TooMuch(verb(arguments))) } else { Ok(all) })
    }

    /// The same, for words.
    ///
    /// # Errors
    /// As [`output`](Self::output).
    pub fn words(&self, arguments: &[&str], limit: usize) -> Result<Vec<u8>, GitError> {
        self.output(&arguments.iter().map(OsStr::new).collect::<Vec<_>>(), limit)
    }

    /// Gives a command `input` and lets `read` read what it prints. `read` may stop early.
    ///
    /// # Errors
    /// As [`output`](Self::output), and what `read` says.
    pub fn converse<T>(
        &self,
        arguments: &[&OsStr],
        input: &[u8],
        read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<T, GitError> {
        let verb = verb(arguments);
        let failed = |error: io::Error| GitError::Io { verb: verb.clone(), error };
        let mut child = self.command(arguments).spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => GitError::NotFound,
            _ => failed(error),
        })?;
        let (Some(mut stdin), Some(mut stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed(io::Error::other("no pipes")));
        };
        let pid = Pid::from_child(&child);
        let (read, said, late) = thread::scope(|scope| {
            let (ended, end) = mpsc::channel::<()>();
            let watch = scope.spawn(move || {
                let late = end.recv_timeout(self.deadline) == Err(RecvTimeoutError::Timeout);
                if late {
                    // Not reaped yet, so the number is still its own; what it started goes with it.
                    let _ = kill_process_group(pid, Signal::KILL);
                }
                late
            });
            let write = scope.spawn(move || {
                // Who reads no more is told nothing more.
                let _ = stdin.write_all(input);
            });
            let said = scope.spawn(move || {
                let mut said = Vec::new();
                let mut stderr = stderr;
                let _ = stderr.by_ref().take(SAID_LIMIT as u64).read_to_end(&mut said);
                let _ = io::copy(&mut stderr, &mut io::sink());
                said
            });
            let result = read(&mut stdout);
            // What is not read lets it end, too.
            drop(stdout);
            let _ = write.join();
            let said = said.join().unwrap_or_default();
            drop(ended);
            (result, said, watch.join().unwrap_or(false))
        });
        let status = end(&mut child).map_err(failed)?;
        if late {
            return Err(GitError::TooLong { verb, limit: self.deadline });
        }
        if !status {
            let said = String::from_utf8_lossy(&said);
            let said = said.lines().next().unwrap_or("it said nothing").escape_debug().to_string();
            return Err(GitError::Failed { verb, said });
        }
        read.map_err(failed)
    }

    fn command(&self, arguments: &[&OsStr]) -> Command {
        let mut command = Command::new("git");
        command.current_dir(&self.root).env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        command.process_group(0);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Whether it ended well; a reader that stopped early ends it with a broken pipe, which is well too.
fn end(child: &mut Child) -> io::Result<bool> {
    use std::os::unix::process::ExitStatusExt as _;
    let status = child.wait()?;
    Ok(status.success() || status.signal() == Some(Signal::PIPE.as_raw()))
}

fn verb(arguments: &[&OsStr]) -> String {
    arguments
        .iter()
        .find(|word| !word.as_encoded_bytes().starts_with(b"-"))
        .map_or_else(String::new, |word| word.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::create_new;

    /// A program of the name of git that does this.
    fn with(script: &str, deadline: Duration) -> (tempfile::TempDir, Git) {
        let dir = tempfile::tempdir().unwrap();
        create_new(&dir.path().join("git"), format!("#!/bin/sh\n{script}\n").as_bytes(), 0o755).unwrap();
        let path = std::env::join_paths([dir.path().to_owned(), "/usr/bin".into(), "/bin".into()]).unwrap();
        let git = Git::new(dir.path(), &|name| (name == "PATH").then(|| path.clone()), None, deadline);
        (dir, git)
    }

    #[test]
    fn a_call_that_takes_too_long_ends_with_all_that_it_started() {
        let (_dir, git) = with("sleep 60 & sleep 60", Duration::from_millis(200));
        let begun = std::time::Instant::now();
        let error = git.words(&["rev-parse"], 10).unwrap_err();
        assert!(matches!(&error, GitError::TooLong { verb, .. } if verb == "rev-parse"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn too_much_a_failure_and_no_program_are_told_apart() {
        let (_dir, git) = with("exec yes", Duration::from_mins(1));
        assert!(matches!(git.words(&["log"], 100), Err(GitError::TooMuch(_))));
        let (_dir, git) = with("printf 'fatal: \\033[2J no\\n' >&2; exit 128", Duration::from_mins(1));
        let error = git.words(&["log"], 100).unwrap_err().to_string();
        assert!(error.starts_with("git log failed: fatal: ") && !error.contains('\u{1b}'), "{error}");
        let (dir, git) = with("", Duration::from_mins(1));
        std::fs::remove_file(dir.path().join("git")).unwrap();
        let nowhere =
            Git::new(dir.path(), &|name| (name == "PATH").then(|| dir.path().into()), None, Duration::from_mins(1));
        assert!(matches!(nowhere.words(&["log"], 100), Err(GitError::NotFound)));
        drop(git);
    }

    #[test]
    fn what_is_written_to_a_program_that_reads_nothing_does_not_block() {
        let (_dir, git) = with("echo done", Duration::from_mins(1));
        let input = vec![b'x'; 1 << 20];
        let said = git.converse(&[OsStr::new("cat-file")], &input, |out| {
            let mut all = Vec::new();
            out.read_to_end(&mut all)?;
            Ok(all)
        });
        assert_eq!(said.unwrap(), b"done\n");
    }
}
