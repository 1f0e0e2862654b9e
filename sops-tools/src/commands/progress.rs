//! How far a long command is: a bar on a terminal, a line every few seconds elsewhere.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal;

/// Fewer things are done before anybody could ask.
const WORTH_TELLING: usize = 100;
/// How long nothing is told where there is no terminal.
const PAUSE: Duration = Duration::from_secs(5);

/// Counts things that are done, from any thread. It is told on standard error.
pub(crate) struct Progress {
    word: &'static str,
    all: usize,
    done: AtomicUsize,
    bar: Option<ProgressBar>,
    /// When a line was told last, or it began.
    told: Mutex<Instant>,
}

impl Progress {
    /// Of so many things; `word` says what is done to them.
    pub(crate) fn of(all: usize, word: &'static str) -> Self {
        let is_worth_it = all >= WORTH_TELLING;
        let bar = (is_worth_it && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(Some(all as u64), ProgressDrawTarget::stderr_with_hz(10));
            if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
                bar.set_style(style);
            }
            bar.set_message(word);
            bar
        });
        Self { word, all, done: AtomicUsize::new(0), bar, told: Mutex::new(Instant::now()) }
    }

    /// One more is done.
    pub(crate) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bar) = &self.bar {
            bar.inc(1);
        } else if self.all >= WORTH_TELLING
            && let Ok(mut told) = self.told.try_lock()
            && told.elapsed() >= PAUSE
        {
            *told = Instant::now();
            terminal::say(&format!("{}: {done} of {}", self.word, self.all));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
