//! Figures for docs/measurements.md, printed as rows of its tables. No timed check of these stands in `tests/run`.
//!
//! `tests/long latency` and `tests/long rest` build the release program and run this. Arguments: `latency`, `rest`.
//! - `UNSEALER_BIN`: the program that is measured
//! - `ROUNDS`: restarts of each kind, 20 without it
//! - `REST_SECONDS`: how long requests are counted, 120 without it
//! - `ANCHOR_BIN`: another unsealer, measured with the same server and shares. It is started as `ANCHOR_BIN FILE` with
//!   `VAULT_ADDR` set, FILE holding three shares in base64, one a line, and has to keep that server open until it is killed
#![expect(clippy::expect_used, clippy::print_stdout, reason = "figures that cannot be taken are none; they are shown")]

use std::time::{Duration, Instant};

use harness::api::{Api, Keys};
use harness::daemon::Daemon;
use harness::process::{Process, Program};
use harness::proxy::Proxy;
use harness::server::{Plan, Product, Server, Storage};
use harness::site::Site;
use harness::wait;
use harness::workdir::Workdir;
use serde_json::Value;

/// Longest time for a state to come.
const LIMIT: Duration = Duration::from_mins(2);
/// Time between two looks of the observer.
const LOOK: Duration = Duration::from_millis(1);

#[tokio::main]
async fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let all = [("latency", 0), ("rest", 1)];
    for (name, number) in all {
        if wanted.is_empty() || wanted.iter().any(|one| one == name) {
            if number == 0 { latency().await } else { rest().await }
        }
    }
}

fn number(variable: &str, default: u32) -> u32 {
    let text = std::env::var_os(variable).map(|text| text.to_string_lossy().into_owned());
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// A server whose shares the installation keeps, initialised and open.
async fn kept(product: Product, storage: Storage) -> (Server, Keys, Site) {
    let server = Plan::new(product, storage).start().await;
    let keys = server.api().init(5, 3).await;
    let site = Site::new().await.vault("main", [server.address()]);
    let shares = site.folder().write("shares.txt", keys.shares.join("\n")).display().to_string();
    site.command(&["import", "--shares-file", &shares]).await.assert_status(0);
    (server, keys, site)
}

/// Kills the server, leaves it down for `down`, starts it, and waits for its first answer of any kind.
async fn restarted(server: &mut Server, down: Duration) -> Instant {
    server.kill();
    tokio::time::sleep(down).await;
    server.launch();
    let api = server.api().clone();
    loop {
        let answer = api.try_call(reqwest::Method::GET, "sys/seal-status", None, None, Duration::from_secs(2)).await;
        if answer.is_ok() {
            return Instant::now();
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn open_since(api: &Api, answered: Instant) -> Duration {
    let limit = Instant::now() + LIMIT;
    while !api.open().await {
        assert!(Instant::now() < limit, "{} is not opened", api.base());
        tokio::time::sleep(LOOK).await;
    }
    answered.elapsed()
}

/// Between 0 and 10 s, spread evenly, in an order without a pattern.
fn down(round: u32, rounds: u32) -> Duration {
    let shuffled = round * 7 % rounds;
    Duration::from_secs(10) * shuffled / rounds.saturating_sub(1).max(1)
}

fn row(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    println!("| {what} | {} | {:.1} ms | {:.1} ms |", times.len(), milliseconds(median), milliseconds(worst));
}

async fn latency() {
    println!("| what opens | restarts | median | worst |\n|---|---|---|---|");
    for (product, storage) in
        [(Product::OpenBao, Storage::Raft), (Product::Vault, Storage::Raft), (Product::Vault, Storage::File)]
    {
        let name = format!("{product:?} {storage:?}");
        let (mut server, keys, site) = kept(product, storage).await;
        let mut daemon = site.daemon().await;
        let rounds = number("ROUNDS", 20);
        let (mut ours, mut floor) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let answered = restarted(&mut server, down(round, rounds)).await;
            ours.push(open_since(server.api(), answered).await);
            // The floor in the same minute: three shares sent by hand, while the daemon is frozen.
            settled(&daemon).await;
            daemon.process().freeze();
            let answered = restarted(&mut server, Duration::ZERO).await;
            by_hand(server.api(), &keys).await;
            floor.push(open_since(server.api(), answered).await);
            daemon.process().thaw();
            settled(&daemon).await;
        }
        row(&format!("unsealer, {name}"), &mut ours);
        row(&format!("three direct calls, {name}"), &mut floor);
        daemon.stop().await;
        if let Some(anchor) = std::env::var_os("ANCHOR_BIN") {
            let mut times = Vec::new();
            let folder = Workdir::new("anchor");
            let shares = folder.write("shares.txt", keys.enough().join("\n"));
            let program = Program::new("anchor", anchor).arg(&shares).env("VAULT_ADDR", server.address());
            let _anchor: Process = program.start(&folder.join("anchor.log"));
            for round in 0..rounds {
                let answered = restarted(&mut server, down(round, rounds)).await;
                times.push(open_since(server.api(), answered).await);
            }
            row(&format!("ANCHOR_BIN, {name}"), &mut times);
        }
    }
}

/// Sends three shares as soon as the server takes them: a raft node says "uninitialised" for moments after its start.
async fn by_hand(api: &Api, keys: &Keys) {
    for share in keys.enough() {
        let limit = Instant::now() + LIMIT;
        while api.send_share(share).await.status != 200 {
            assert!(Instant::now() < limit, "{} takes no share", api.base());
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The daemon has seen the server open and active, and holds its connection.
async fn settled(daemon: &Daemon) {
    daemon.until(LIMIT, "the open Vault to be seen", |status| state(status) == "open-active").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
}

fn state(status: &Value) -> &str {
    status["vaults"][0]["nodes"][0]["state"].as_str().unwrap_or_default()
}

async fn rest() {
    let (mut server, _, mut site) = kept(Product::Vault, Storage::File).await;
    let proxy = Proxy::to(server.port()).await;
    let direct = site.settings["vaults"][0]["nodes"].clone();
    site.settings["vaults"][0]["nodes"] = serde_json::json!([proxy.address()]);
    let daemon = site.daemon().await;
    settled(&daemon).await;
    // The looks that follow an opening are over within this time.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (before, seconds) = (proxy.count(), number("REST_SECONDS", 120));
    tokio::time::sleep(Duration::from_secs(u64::from(seconds))).await;
    let calls = proxy.count() - before;
    let names: Vec<String> = proxy.calls()[before..].iter().map(|call| call.name.clone()).collect();
    println!("requests to an open Vault in {seconds} s: {calls} ({})", names.join(", "));
    memory(daemon.pid());
    daemon.stop().await;

    site.settings["vaults"][0]["nodes"] = direct;
    let daemon = site.daemon().await;
    let mut times = Vec::new();
    for _ in 0..number("ROUNDS", 20) {
        settled(&daemon).await;
        server.kill();
        let killed = Instant::now();
        wait::until(LIMIT, "the kill to be seen", async || state(&daemon.status().await) != "open-active").await;
        times.push(killed.elapsed());
        server.start_again().await;
    }
    println!("| what is noticed | kills | median | worst |\n|---|---|---|---|");
    row("kill of the server, on /status.json", &mut times);
    memory(daemon.pid());
    let program = harness::bin::unsealer();
    let bytes = std::fs::metadata(&program).expect("the program").len();
    println!("size of {}: {bytes} bytes", program.display());
}

/// What the kernel counts for a process.
fn memory(pid: u32) {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("memory of the daemon");
    for line in rollup.lines().filter(|line| ["Rss:", "Pss:", "Anonymous:"].iter().any(|name| line.starts_with(name))) {
        println!("daemon {}", line.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}
