//! Answers of init that are lost, signals while it holds the only shares, two at once, and a full disk.

use std::sync::Arc;
use std::time::Duration;

use harness::assassin::Assassin;
use harness::command::{Running, run};
use harness::process::Program;
use harness::proxy::{Action, Mode, Moment, Trap};
use harness::server::{Product, Storage};
use harness::wait;
use harness::weed::Weed;
use rustix::process::Signal;

use super::bed::{Bed, Kind, LIMIT, Order, VAULT};
use super::follow::{Sentence, follow};

const FILES: Kind = (Product::Vault, Storage::File);
const INIT: &str = "PUT /v1/sys/init";
const ARGUMENTS: [&str; 10] =
    ["init", "--vault", VAULT, "--shares", "5", "--threshold", "3", "--discard-root-token", "--output", "json"];

#[tokio::test]
async fn a_lost_answer_of_init_is_named_and_its_way_out_works() {
    let weed = Weed::start().await;
    for kind in [FILES, (Product::OpenBao, Storage::Raft)] {
        let mut bed = Bed::new(&weed, kind).await;
        bed.vault.trap(Trap::on(INIT, Moment::BeforeAnswering, || Action::Reset));
        let output = bed.run(Order::Init, &[]).await;
        assert_eq!(Sentence::of(&output.assert_status(5).clone()).class, "init-answer-lost");
        assert_eq!(follow(&mut bed, Order::Init).await, ["init-answer-lost"], "{kind:?}");
        bed.opens_from_the_store().await;
    }
}

/// Kills the server so long after init was passed on to it; what was followed then.
async fn server_killed_in_init(weed: &Weed, product: Product, delay: Duration) -> Vec<String> {
    let mut bed = Bed::new(weed, (product, Storage::Raft)).await;
    let assassin = Assassin::default();
    assassin.aim(bed.server.process());
    bed.vault.trap(Trap::on(INIT, Moment::BeforeForwarding, move || {
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            assassin.strike();
        });
        Action::GoOn
    }));
    let output = bed.run(Order::Init, &[]).await;
    let mut followed = Vec::new();
    if output.status != 0 {
        followed.push(Sentence::of(&output).class);
        bed.server.kill();
        bed.server.start_again().await;
        followed.extend(follow(&mut bed, Order::Init).await);
    }
    println!("{product:?} killed {delay:?} after init was sent: {followed:?}");
    bed.opens_from_the_store().await;
    followed
}

#[tokio::test]
async fn a_server_killed_inside_init_before_it_had_a_leader_is_named_and_its_way_out_works() {
    let weed = Weed::start().await;
    for product in Product::BOTH {
        let mut seen = false;
        for delay in [50, 150, 300, 600, 1000] {
            let followed = server_killed_in_init(&weed, product, Duration::from_millis(delay)).await;
            seen = followed.iter().any(|class| class == "init-cut-off-in-server");
            if seen {
                break;
            }
        }
        assert!(seen, "{product:?}: no kill hit the time before the leader");
    }
}

/// Lets `deed` run when the server has initialised itself and the client does not know yet.
fn on_answer(bed: &Bed, deed: impl FnOnce() + Send + 'static) {
    bed.vault.trap(Trap::on(INIT, Moment::BeforeAnswering, move || {
        deed();
        Action::GoOn
    }));
}

#[tokio::test]
async fn a_signal_while_the_store_is_away_ends_init_with_its_sealed_copy() {
    let weed = Weed::start().await;
    let mut bed = Bed::new(&weed, FILES).await;
    let store = Arc::clone(&bed.store);
    on_answer(&bed, move || store.set(Mode::Blackhole));
    let mut running = bed.launch(Order::Init);
    let copy = bed.state().join(VAULT).join("init-1.sealed.json");
    wait::until(LIMIT, "the sealed copy", async || copy.exists()).await;
    running.process().signal(Signal::TERM);
    let output = running.output(Duration::from_secs(20)).await;
    let sentence = Sentence::of(output.assert_status(5));
    assert_eq!(sentence.class, "interrupted");
    assert!(output.stdout.contains(&copy.display().to_string()), "the way to the copy: {}", output.text());
    bed.store.set(Mode::Pass);
    assert_eq!(follow(&mut bed, Order::Init).await, Vec::<String>::new());
    bed.opens_from_the_store().await;
}

#[tokio::test]
async fn shares_in_memory_alone_keep_init_alive_through_signals_until_the_store_is_back() {
    let weed = Weed::start().await;
    let mut bed = Bed::new(&weed, FILES).await;
    let (store, state, gone) = (Arc::clone(&bed.store), bed.state(), bed.site.folder().join("state.broken"));
    on_answer(&bed, move || {
        store.set(Mode::Reset);
        std::fs::rename(&state, gone).expect("moving stateDir away");
        // A file in its place: root may write everywhere else.
        std::fs::File::create_new(&state).expect("a file where stateDir was");
    });
    let mut running = bed.launch(Order::Init);
    wait::until(LIMIT, "the refusal to end", async || running.stderr().contains("does not end")).await;
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::TERM] {
        running.process().signal(signal);
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(running.process().ended().is_none(), "it ended with the only shares: {}", running.stderr());
    }
    bed.store.set(Mode::Pass);
    running.output(LIMIT).await.assert_status(0);
    bed.opens_from_the_store().await;
}

#[tokio::test]
async fn of_two_inits_at_once_one_wins() {
    let weed = Weed::start().await;
    // With one stateDir, as on one host, and with two, as on two hosts.
    for other_state in ["state", "state-of-the-other"] {
        let mut bed = Bed::new(&weed, FILES).await;
        let second = bed.site.program(&ARGUMENTS).env("UNSEALER_STATE_DIR", bed.site.folder().join(other_state));
        let (first, second) = (bed.launch(Order::Init), Running::start(second));
        let (first, second) = futures::join!(first.output(LIMIT), second.output(LIMIT));
        let (winner, loser) = if first.status == 0 { (&first, &second) } else { (&second, &first) };
        winner.assert_status(0);
        loser.assert_status(3);
        println!("the other of two inits: {}", Sentence::of(loser).class);
        assert_eq!(follow(&mut bed, Order::Init).await, Vec::<String>::new(), "nothing is left to do");
        bed.opens_from_the_store().await;
    }
}

#[tokio::test]
async fn a_full_disk_is_found_before_the_server_is_asked() {
    let weed = Weed::start().await;
    let bed = Bed::new(&weed, FILES).await;
    let settings = bed.site.write_settings();
    std::fs::create_dir(bed.state()).expect("stateDir");
    // A disk of 64 KiB, seen by this command alone and gone with it.
    let program = Program::new("unsealer on a full disk", "unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs \"$0\" && exec \"$@\""])
        .arg(bed.state())
        .arg(harness::bin::unsealer())
        .args(ARGUMENTS)
        .arg("--config")
        .arg(settings);
    let output = run(program, LIMIT).await;
    assert_eq!(Sentence::of(output.assert_status(5)).class, "state-dir");
    let asked: Vec<String> = bed.vault.calls().into_iter().map(|call| call.name).collect();
    assert!(!asked.iter().any(|call| call == INIT), "{asked:?}");
    assert_eq!(bed.server.api().health().await, 501, "still uninitialised");
    assert!(!bed.store.calls().iter().any(|call| call.name.contains("/intents/")), "no intent was written");
}
