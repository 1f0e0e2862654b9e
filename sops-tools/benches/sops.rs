//! Figures beside real sops for docs/measurements.md, printed as rows of its tables. No timed check of these stands in `tests/run`.
//!
//! `tests/long sops` builds the release program and runs this. Every program is called in turn within the same minutes, and beside them
//! stands the floor: AES-GCM and SHA-512 of the same bytes in this process.
//! - `SOPS_TOOLS_BIN`: the program that is measured
//! - `TOOLS_DIR`: where `tests/setup sops` installed the real ones, `.tools` without it
//! - `ROUNDS`: calls of each program for the small file, 40 without it
//! - `TREE_FILES`: files of the tree, 1000 without it
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "figures that cannot be taken are none; they are shown"
)]

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use sops_tools::clock::System;
use sops_tools::sops::cipher::{Cipher, DataKey, Iv};
use sops_tools::sops::mac::{Hasher, Scope};
use sops_tools::sops::tree::Value;

/// The real ones, by the names of their installation.
const REAL: [&str; 2] = ["sops-3.11.0", "sops-3.13.3"];

/// What one call took.
#[derive(Clone, Copy)]
struct Cost {
    cpu: Duration,
    wall: Duration,
    /// Most memory in KiB.
    memory: u64,
}

fn main() {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    // One call in a process of its own, because the kernel counts memory over all children of a process.
    if arguments.first().is_some_and(|first| first == "--call") {
        let cost = called(&arguments[1..]);
        println!("{} {} {}", cost.cpu.as_nanos(), cost.wall.as_nanos(), cost.memory);
        return;
    }
    let bench = Bench::new();
    println!("load {}", std::fs::read_to_string("/proc/loadavg").expect("load").trim());
    println!(
        "| what | program | CPU median (least) | wall median | RSS | CPU of sops-tools is 1/… |\n|---|---|---|---|---|---|"
    );
    for (values, rounds) in [(4, number("ROUNDS", 40)), (1_000, 15), (20_000, 5)] {
        bench.one_file(values, rounds);
    }
    bench.tree(number("TREE_FILES", 1000));
    println!("load {}", std::fs::read_to_string("/proc/loadavg").expect("load").trim());
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

fn cpu(usage: &Usage) -> Duration {
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).expect("time goes on"))
}

fn called(words: &[OsString]) -> Cost {
    let begun = Instant::now();
    let mut command = Command::new(&words[0]);
    let status = command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).status().expect("a program");
    let wall = begun.elapsed();
    assert!(status.success(), "{}: {status}", words[0].display());
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage of the call");
    Cost { cpu: cpu(&usage), wall, memory: u64::try_from(usage.max_rss()).expect("memory") }
}

struct Bench {
    folder: tempfile::TempDir,
    tools: PathBuf,
    ours: PathBuf,
    recipient: String,
}

impl Bench {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let tools = std::env::var_os("TOOLS_DIR").map_or_else(|| root.join(".tools"), PathBuf::from).join("bin");
        let ours =
            std::env::var_os("SOPS_TOOLS_BIN").map_or_else(|| root.join("target/release/sops-tools"), PathBuf::from);
        let folder = tempfile::tempdir().expect("a folder");
        let bench = Self { folder, tools, ours, recipient: String::new() };
        let key = bench.path("key");
        let made = Command::new(bench.tools.join("age-keygen"))
            .arg("-o")
            .arg(&key)
            .output()
            .expect("age-keygen: tests/setup sops");
        assert!(made.status.success(), "age-keygen");
        let told = Command::new(bench.tools.join("age-keygen")).arg("-y").arg(&key).output().expect("age-keygen");
        let recipient = String::from_utf8(told.stdout).expect("a recipient").trim().to_owned();
        Self { recipient, ..bench }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, content: &[u8]) -> PathBuf {
        use std::io::Write as _;
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::File::create(&path).and_then(|mut file| file.write_all(content)).expect("a file");
        path
    }

    /// A call in a clean environment, measured by this program.
    fn call(&self, within: &Path, words: &[&OsStr]) -> Cost {
        let output =
            self.clean(std::env::current_exe().expect("this program"), within).arg("--call").args(words).output();
        let output = output.expect("this program");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("numbers");
        let numbers: Vec<u64> = text.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        Cost { cpu: Duration::from_nanos(numbers[0]), wall: Duration::from_nanos(numbers[1]), memory: numbers[2] }
    }

    fn clean(&self, program: impl AsRef<OsStr>, within: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.folder.path());
        command.env("SOPS_AGE_KEY_FILE", self.path("key")).current_dir(within).stdin(Stdio::null());
        command
    }

    fn one_file(&self, values: usize, rounds: usize) {
        let mut plain = "apiVersion: v1\nkind: Secret\nstringData:\n".to_owned();
        plain.extend((0..values).map(|index| format!("    KEY_{index}: value-{index}-0123456789abcdef\n")));
        let clear = self.put("plain.yaml", plain.as_bytes());
        let sealed = self
            .clean(self.tools.join(REAL[0]), self.folder.path())
            .args(["encrypt", "--age", &self.recipient])
            .arg(clear)
            .output();
        let file = self.put("sealed.yaml", &sealed.expect("sops: tests/setup sops").stdout);
        let shown = self.clean(&self.ours, self.folder.path()).arg("-d").arg(&file).output().expect("sops-tools");
        assert!(shown.stdout == plain.as_bytes(), "sops-tools decrypts to something else");
        let programs: Vec<(&str, PathBuf)> = [("sops-tools", self.ours.clone())]
            .into_iter()
            .chain(REAL.map(|name| (name, self.tools.join(name))))
            .collect();
        let mut costs = vec![Vec::new(); programs.len()];
        for _ in 0..rounds {
            for ((name, program), costs) in programs.iter().zip(&mut costs) {
                let mut words = vec![program.as_os_str()];
                // It would ask the network for a newer one.
                words.extend((*name == REAL[1]).then_some(OsStr::new("--disable-version-check")));
                words.extend([OsStr::new("-d"), file.as_os_str()]);
                costs.push(self.call(self.folder.path(), &words));
            }
        }
        let what = format!("-d, {values} values");
        let nothing: Vec<Cost> =
            (0..rounds).map(|_| self.call(self.folder.path(), &[OsStr::new("/bin/true")])).collect();
        let ours = row(&what, "sops-tools", &mut costs[0], None);
        for (index, name) in REAL.iter().enumerate() {
            row(&what, name, &mut costs[index + 1], Some(ours));
        }
        row(&what, "/bin/true", &mut nothing.clone(), None);
        println!("| {what} | AES-GCM and SHA-512 alone | {} | | | |", milliseconds(floor(values)));
    }

    /// A repository of small Secrets: whole-tree commands beside one call of sops for each file.
    fn tree(&self, files: usize) {
        let root = self.path("repo");
        let rule = format!("creation_rules:\n  - encrypted_regex: ^(data|stringData)$\n    age: {}\n", self.recipient);
        self.put("repo/.sops.yaml", rule.as_bytes());
        for index in 0..files {
            let text = format!(
                "apiVersion: v1\nkind: Secret\nmetadata:\n    name: s{index}\nstringData:\n    A: a-{index}\n    B: b-{index}\n    C: c-{index}\n    D: d-{index}\n"
            );
            self.put(&format!("repo/apps/{}/secret-{index}.yaml", index % 20), text.as_bytes());
        }
        let git = self.clean("git", &root).args(["init", "-q"]).status().expect("git");
        assert!(git.success(), "git init");
        let sops = self.tools.join(REAL[0]);
        let each = |verb: &str| format!("find apps -name '*.yaml' -print0 | xargs -0 -n1 {} {verb}", sops.display());
        let shell = |script: String| self.call(&root, &[OsStr::new("sh"), OsStr::new("-c"), OsStr::new(&script)]);
        shell(each("encrypt --in-place"));
        let verbs: [(&[&str], &str); 3] = [
            (&["verify"], "decrypt"),
            (&["updatekeys", "--yes", "."], "updatekeys --yes"),
            (&["rotate", "."], "rotate --in-place"),
        ];
        for (ours, theirs) in verbs {
            let words: Vec<&OsStr> = [self.ours.as_os_str()].into_iter().chain(ours.iter().map(OsStr::new)).collect();
            let what = format!("{} of {files} files", ours[0]);
            let one = row(&what, "sops-tools", &mut [self.call(&root, &words)], None);
            row(
                &what,
                &format!("xargs {} {theirs}", REAL[0]),
                &mut [shell(format!("{} 2>/dev/null", each(theirs)))],
                Some(one),
            );
        }
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

/// Prints a row and gives the median of the CPU time.
fn row(what: &str, program: &str, costs: &mut [Cost], ours: Option<Duration>) -> Duration {
    costs.sort_unstable_by_key(|cost| cost.wall);
    let wall = costs[costs.len() / 2].wall;
    costs.sort_unstable_by_key(|cost| cost.cpu);
    let (median, least) = (costs[costs.len() / 2].cpu, costs[0].cpu);
    let memory = costs.iter().map(|cost| cost.memory).max().unwrap_or_default() / 1024;
    let ratio = ours.map_or_else(String::new, |ours| format!("{:.1}", median.as_secs_f64() / ours.as_secs_f64()));
    println!(
        "| {what} | {program} | {} ({}) | {} | {memory} MiB | {ratio} |",
        milliseconds(median),
        milliseconds(least),
        milliseconds(wall)
    );
    median
}

/// CPU time of the ciphers and the hash for so many values, in this process.
fn floor(values: usize) -> Duration {
    let cipher = Cipher::new(&DataKey::generate(&System));
    let sealed: Vec<_> = (0..values)
        .map(|index| {
            let text = Value::Str(format!("value-{index}-0123456789abcdef").into_bytes().into());
            let aad = format!("stringData:KEY_{index}:").into_bytes();
            (cipher.seal(&text, &aad, Iv::generate(&System)).expect("a sealed value"), aad)
        })
        .collect();
    let own = || cpu(&getrusage(UsageWho::RUSAGE_SELF).expect("own usage"));
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let before = own();
            let mut hasher = Hasher::new(Scope::Everything);
            for (sealed, aad) in &sealed {
                hasher.add(&cipher.open(sealed, aad).expect("an opened value"), true);
            }
            std::hint::black_box(hasher.finish());
            own().saturating_sub(before)
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}
