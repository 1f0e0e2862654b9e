//! Child processes that die with the test, by pid alone, and whose log is shown when the test fails.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::wait;

/// Lines of a child's log that a failed test shows.
const SHOWN: usize = 40;

/// Longest time a stopped process may take until its last thread stands still, on a loaded machine.
const FREEZE_LIMIT: Duration = Duration::from_secs(10);

/// What to start.
#[derive(Debug)]
pub struct Program {
    name: String,
    command: Command,
}

impl Program {
    /// `program`, with a name for messages, no input, and an environment of `PATH` and `HOME` alone.
    pub fn new(name: &str, program: impl AsRef<OsStr>) -> Self {
        // The kernel ends the child when the thread that started it is gone, however that ends: see `starter`.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).stdin(Stdio::null()).env_clear();
        for kept in ["PATH", "HOME", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        Self { name: name.to_owned(), command }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Works in `folder`.
    #[must_use]
    pub fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs in the network namespace of the process `pid`. To be called last: it takes arguments and variables as they are.
    #[must_use]
    pub fn in_network_of(self, pid: u32) -> Self {
        self.in_namespace_of("--net", pid)
    }

    /// Sees the mounts of the process `pid`. To be called last, as [`Program::in_network_of`].
    #[must_use]
    pub fn in_mounts_of(self, pid: u32) -> Self {
        self.in_namespace_of("--mount", pid)
    }

    fn in_namespace_of(self, kind: &str, pid: u32) -> Self {
        let mut command = Command::new("nsenter");
        command.args([kind, "--target", &pid.to_string(), "--"]).arg(self.command.get_program());
        command.args(self.command.get_args()).stdin(Stdio::null()).env_clear();
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = self.command.get_current_dir() {
            command.current_dir(folder);
        }
        Self { name: self.name, command }
    }

    /// Runs under this umask. To be called last, as [`Program::in_network_of`].
    #[must_use]
    pub fn under_umask(self, umask: u32) -> Self {
        let script = format!("umask {umask:04o}; exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh"]).arg(self.command.get_program());
        command.args(self.command.get_args()).stdin(Stdio::null()).env_clear();
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = self.command.get_current_dir() {
            command.current_dir(folder);
        }
        Self { name: self.name, command }
    }

    /// Reads its input from `file`.
    #[must_use]
    pub fn stdin(mut self, file: File) -> Self {
        self.command.stdin(file);
        self
    }

    /// Starts it with both outputs appended to `log`.
    pub fn start(self, log: &Path) -> Process {
        self.start_with(log, log)
    }

    /// Starts it with its outputs appended to two files.
    pub fn start_with(mut self, stdout: &Path, stderr: &Path) -> Process {
        self.command.stdout(append(stdout)).stderr(append(stderr));
        let (answer, child) = channel();
        starter().send((self.command, answer)).expect("the starting thread lives as long as the process");
        let child = child.recv().expect("an answer of the starting thread");
        let child = child.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        Process { name: self.name, child, log: stderr.to_owned() }
    }
}

type Order = (Command, Sender<std::io::Result<Child>>);

/// The thread that starts every child. A parent-death signal comes when the *thread* that forked ends, so it must be one
/// that lives as long as the test process; threads of tests and of tokio do not.
fn starter() -> &'static Sender<Order> {
    static STARTER: OnceLock<Sender<Order>> = OnceLock::new();
    STARTER.get_or_init(|| {
        let (orders, queue) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in queue {
                drop(answer.send(command.spawn()));
            }
        });
        orders
    })
}

/// How many threads below `folder` (`/proc/PID/task`) have not stopped. The state is the first letter after the name, which
/// stands in parentheses and may hold anything. A thread that ends meanwhile does not run.
fn running_threads(folder: &Path) -> usize {
    let threads = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let runs = |thread: &std::fs::DirEntry| {
        let Ok(stat) = std::fs::read_to_string(thread.path().join("stat")) else { return false };
        let state = stat.rsplit_once(") ").and_then(|(_, fields)| fields.chars().next());
        !matches!(state, Some('T' | 't' | 'Z' | 'X'))
    };
    threads.flatten().filter(runs).count()
}

fn append(path: &Path) -> File {
    File::options().create(true).append(true).open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A running child. Dropped: killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal. One that has ended already is no fault.
    pub fn signal(&mut self, signal: Signal) {
        if self.ended().is_some() {
            return;
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a child's pid");
        kill_process(pid, signal).unwrap_or_else(|error| panic!("signal {signal:?} to {}: {error}", self.name));
    }

    /// How it ended, `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap_or_else(|error| panic!("waiting for {}: {error}", self.name))
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::KILL);
        self.child.wait().unwrap_or_else(|error| panic!("waiting for {}: {error}", self.name))
    }

    /// Asks it to end with SIGTERM and waits.
    ///
    /// # Panics
    /// Where it has not ended after `limit`.
    pub async fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait(limit).await
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// Where it has not ended after `limit`.
    pub async fn wait(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        wait::for_some(limit, &what, async || self.ended().ok_or_else(|| "it runs".to_owned())).await
    }

    /// Freezes it: it keeps its sockets and answers nothing. The signal is not obeyed yet when `kill` returns, so this waits
    /// until every thread has stopped.
    ///
    /// # Panics
    /// Where one still runs after the time allowed for it.
    pub fn freeze(&mut self) {
        self.signal(Signal::STOP);
        let threads = format!("/proc/{}/task", self.pid());
        let limit = Instant::now() + FREEZE_LIMIT;
        loop {
            let running = running_threads(Path::new(&threads));
            if running == 0 {
                return;
            }
            assert!(Instant::now() < limit, "{}: {running} threads run after SIGSTOP", self.name);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets it go on after [`Process::freeze`].
    pub fn thaw(&mut self) {
        self.signal(Signal::CONT);
    }

    /// What it has written so far (its error output, where the two are apart).
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "shown with a failed test")]
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- last lines of {} ({})", self.name, self.log.display());
            for line in &lines[lines.len().saturating_sub(SHOWN)..] {
                eprintln!("{line}");
            }
        }
    }
}
