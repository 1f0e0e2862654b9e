//! A small mutation engine on stable Rust.
//!
//! It needs no instrumented compiler: every target says in one number what it saw (which fault, which kinds of nodes), and an input
//! that made it see something new joins the corpus. What must hold for every input: no panic, an answer within [`DEADLINE`], memory
//! within [`memory_cap`], and whatever the target itself checks.
//!
//! - `FUZZ_SECONDS`: time of all targets together; without it each takes [`SAMPLE`] inputs, the same ones on every machine
//! - `FUZZ_SEED`: where the randomness starts, 1 without it; printed with every run
//!
//! What breaks a promise is written to `target/tmp/fuzz/`, its name printed. The input at work lies in `target/tmp/fuzz/TARGET.now`, for
//! the faults that end the process: an overflown stack, no more memory, no answer.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::ALLOC;
use super::mutate::{Random, mutated};

/// Longest time on a core for one input of at most [`LONGEST`] bytes; some thousand times what it takes.
const DEADLINE: Duration = Duration::from_secs(10);

/// Longest input. Quadratic work shows with it.
pub(crate) const LONGEST: usize = 64 << 10;

/// How many inputs are kept for their new outcomes.
const KEPT: usize = 4096;

/// Most memory for an input. The constant is the regular expression engine's limit on a compiled program.
fn memory_cap(length: usize) -> usize {
    (24 << 20) + 2048 * length
}

/// What a target says of an input: what it saw, as one number; or which promise was broken.
pub(crate) type Verdict = Result<u64, String>;

/// Something that reads bytes it cannot trust.
pub(crate) struct Target<'a> {
    pub(crate) name: &'static str,
    /// What the mutations begin with.
    pub(crate) corpus: Vec<Vec<u8>>,
    /// Words that mean something here.
    pub(crate) words: &'a [&'a str],
    pub(crate) check: &'a dyn Fn(&[u8]) -> Verdict,
}

/// Inputs for each target in a short run: a number and no time, so that a fast machine tries nothing that a slow one did not.
const SAMPLE: u64 = 3000;

/// How many targets share the time.
const TARGETS: u32 = 12;

/// One number for what was seen.
pub(crate) fn seen(what: impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Tries one target for its part of the time, or with its sample of inputs.
pub(crate) fn run(target: &Target<'_>) {
    // Memory is counted for the whole process: one target at a time.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let time = number("FUZZ_SECONDS").map(|seconds| Duration::from_secs(seconds) / TARGETS);
    let seed = number("FUZZ_SEED").unwrap_or(1);
    let mut session = Session::new(target);
    for input in &target.corpus {
        session.tries(input);
    }
    let mut corpus = target.corpus.clone();
    let mut random = Random(seed ^ seen(target.name));
    let begun = Instant::now();
    let goes_on = |done: u64| time.map_or(done < SAMPLE, |time| begun.elapsed() < time);
    while goes_on(session.executions) && session.findings.len() < 5 {
        let input = mutated(&mut random, &corpus, target.words);
        if session.tries(&input) && corpus.len() < KEPT {
            corpus.push(input);
        }
    }
    let Session { executions, seen, most, longest, findings, .. } = session;
    println!(
        "{}: seed {seed}, {executions} inputs in {:.1} s, {} outcomes, at most {} KiB and {} ms, {} findings",
        target.name,
        begun.elapsed().as_secs_f64(),
        seen.len(),
        most >> 10,
        longest.as_millis(),
        findings.len()
    );
    assert!(findings.is_empty(), "seed {seed}:\n{}", findings.join("\n"));
}

/// What was found out about one target.
struct Session<'a> {
    target: &'a Target<'a>,
    executions: u64,
    seen: HashSet<u64>,
    most: usize,
    longest: Duration,
    findings: Vec<String>,
    now: File,
    watch: Arc<AtomicU64>,
}

impl<'a> Session<'a> {
    fn new(target: &'a Target<'a>) -> Self {
        let path = folder().join(format!("{}.now", target.name));
        let now = File::create(&path).unwrap();
        let watch = Arc::new(AtomicU64::new(0));
        watched(Arc::downgrade(&watch), path);
        let (seen, findings) = (HashSet::new(), Vec::new());
        Self { target, executions: 0, seen, most: 0, longest: Duration::ZERO, findings, now, watch }
    }

    /// Whether the input showed something new.
    fn tries(&mut self, input: &[u8]) -> bool {
        self.now.set_len(input.len() as u64).unwrap();
        self.now.write_all_at(input, 0).unwrap();
        self.executions += 1;
        self.watch.store(self.executions, Ordering::Relaxed);
        ALLOC.reset_peak_usage();
        let (before, begun) = (ALLOC.current_usage(), Instant::now());
        let verdict = catch_unwind(AssertUnwindSafe(|| (self.target.check)(input)));
        let (elapsed, used) = (begun.elapsed(), ALLOC.peak_usage().saturating_sub(before));
        self.watch.store(0, Ordering::Relaxed);
        self.most = self.most.max(used);
        self.longest = self.longest.max(elapsed);
        let broken = match verdict {
            Err(_) => Some("it panics".to_owned()),
            Ok(_) if elapsed > DEADLINE && self.costs(input) > DEADLINE => Some(format!("it takes {elapsed:?}")),
            Ok(_) if used > memory_cap(input.len()) => Some(format!("it takes {used} bytes of memory")),
            Ok(Err(promise)) => Some(promise),
            Ok(Ok(outcome)) => return self.seen.insert(outcome),
        };
        if let Some(promise) = broken {
            self.keep(input, &promise);
        }
        false
    }

    /// The CPU time that one more try takes: on a busy machine the time that passes says nothing.
    fn costs(&self, input: &[u8]) -> Duration {
        let before = on_cpu();
        let _ = catch_unwind(AssertUnwindSafe(|| (self.target.check)(input)));
        on_cpu().saturating_sub(before)
    }

    fn keep(&mut self, input: &[u8], promise: &str) {
        let path = folder().join(format!("{}-{:016x}", self.target.name, seen(input)));
        File::create(&path).and_then(|mut file| file.write_all(input)).unwrap();
        let finding = format!("{}: {promise}: {}", self.target.name, path.display());
        println!("{finding}");
        self.findings.push(finding);
    }
}

/// How long this thread has been running on a core.
fn on_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap())
}

/// Ends the process when one input is at work for far too long, since nothing else could end it.
fn watched(watch: std::sync::Weak<AtomicU64>, path: PathBuf) {
    std::thread::spawn(move || {
        let (mut last, mut since) = (0, Instant::now());
        while let Some(now) = watch.upgrade().map(|watch| watch.load(Ordering::Relaxed)) {
            if now == 0 || now != last {
                (last, since) = (now, Instant::now());
            } else if since.elapsed() > 6 * DEADLINE {
                eprintln!("no answer after {:?}: {}", since.elapsed(), path.display());
                std::process::abort();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
}
