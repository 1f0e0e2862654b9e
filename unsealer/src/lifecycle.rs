//! Start, stop and death of the daemon's tasks, in one place.
//!
//! The first signal asks every task to finish what it does (soft); a second signal, or the end of the grace time, drops them
//! (hard). A task that ends by itself, or panics, ends the daemon with a failure: half a daemon must not look alive.

use std::future::Future;
use std::time::Duration;

use sops_tools::report::{ExitStatus, Failure};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long tasks may take to finish after the first signal. A share call that is under way has 15 s of its own; systemd and
/// Kubernetes kill after 90 s and 30 s.
pub const GRACE: Duration = Duration::from_secs(20);

/// The tasks of one daemon.
pub struct Lifecycle {
    soft: CancellationToken,
    tasks: JoinSet<String>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

impl Lifecycle {
    /// No task yet.
    pub fn new() -> Self {
        Self { soft: CancellationToken::new(), tasks: JoinSet::new() }
    }

    /// Cancelled when the daemon shall stop: tasks end by themselves soon after.
    pub fn soft(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Runs a task. It has to go on until [`soft`](Self::soft) is cancelled; `name` is what the log says if it does not.
    pub fn spawn(&mut self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) {
        let name = name.into();
        self.tasks.spawn(async move {
            task.await;
            name
        });
    }

    /// Runs until a signal and the end of all tasks. `stopping` is called once, when the stop begins.
    ///
    /// # Errors
    /// A task that ended before it was asked to, signals that cannot be received, a grace time that ran out, or a second
    /// signal.
    pub async fn run(mut self, grace: Duration, stopping: impl FnOnce()) -> Result<(), Failure> {
        let mut signals = Signals::new()?;
        let outcome = tokio::select! {
            () = signals.received() => Ok(()),
            ended = self.tasks.join_next() => match ended {
                Some(Ok(name)) => Err(died(&format!("the task {name} ended by itself"))),
                Some(Err(error)) if error.is_panic() => Err(died("a task panicked")),
                Some(Err(_)) | None => Err(died("a task was dropped")),
            },
        };
        stopping();
        self.soft.cancel();
        let drained = tokio::select! {
            () = drain(&mut self.tasks) => Ok(()),
            () = signals.received() => Err(stopped_hard("a second signal ended it at once")),
            () = tokio::time::sleep(grace) => Err(stopped_hard("the grace time ran out")),
        };
        self.tasks.shutdown().await;
        outcome.and(drained)
    }
}

async fn drain(tasks: &mut JoinSet<String>) {
    while tasks.join_next().await.is_some() {}
}

fn died(what: &str) -> Failure {
    Failure::new(ExitStatus::Unexpected, "task-died", format!("the daemon stops: {what}"))
        .hint("the log above says why; the service manager starts it again")
}

fn stopped_hard(what: &str) -> Failure {
    Failure::new(ExitStatus::TimedOut, "stopped-hard", format!("the daemon stopped with work under way: {what}"))
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(ExitStatus::Unexpected, "signals", "signals cannot be received").cause(error)
            })
        };
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_a_failure_and_stops_the_others() {
        let mut lifecycle = Lifecycle::new();
        let soft = lifecycle.soft();
        lifecycle.spawn("other", async move { soft.cancelled().await });
        lifecycle.spawn("short", async {});
        let failure = lifecycle.run(GRACE, || ()).await.unwrap_err();
        assert_eq!(failure.class, "task-died");
        assert!(failure.problem.contains("short"), "{failure}");
    }

    #[tokio::test]
    async fn a_panic_is_a_failure() {
        let mut lifecycle = Lifecycle::new();
        lifecycle.spawn("doomed", async { panic!("as planned") });
        assert_eq!(lifecycle.run(GRACE, || ()).await.unwrap_err().class, "task-died");
    }

    #[tokio::test]
    async fn the_grace_time_ends() {
        let mut lifecycle = Lifecycle::new();
        lifecycle.spawn("deaf", std::future::pending());
        lifecycle.spawn("short", async {});
        // The death comes first and is what is told; the deaf task must not hold up the end.
        let run = lifecycle.run(Duration::from_millis(20), || ());
        let failure = tokio::time::timeout(Duration::from_secs(5), run).await.unwrap().unwrap_err();
        assert_eq!(failure.class, "task-died");
    }
}
