//! A server without its storage while init was under way, and `--begin-anew` killed after each of its writes.

use harness::assassin::Assassin;
use harness::command::Output;
use harness::proxy::{Action, Moment, Trap};
use harness::server::{Product, Storage};
use harness::weed::Weed;

use super::bed::{Bed, Kind, LIMIT, Order, Side, VAULT};
use super::follow::Sentence;
use super::series::KILLED;

const FILES: Kind = (Product::Vault, Storage::File);
const BUNDLE: &str = "generations/1/all.1.age";

/// Runs init with `more` and kills it at the first call whose name contains `part`.
async fn killed(bed: &Bed, more: &[&str], (side, part, moment): (Side, &str, Moment)) {
    let assassin = Assassin::default();
    let hand = assassin.clone();
    bed.proxy(side).trap(Trap::on(part, moment, move || {
        hand.strike();
        Action::Reset
    }));
    let mut arguments = vec!["init", "--vault", VAULT, "--discard-root-token"];
    arguments.extend(more);
    let mut running = bed.site.launch(&arguments);
    assassin.aim(running.process());
    let output = running.output(LIMIT).await;
    assert_eq!(output.status, KILLED, "{}", output.text());
}

async fn init(bed: &Bed, more: &[&str]) -> Output {
    bed.run(Order::Init, &more.iter().map(ToString::to_string).collect::<Vec<_>>()).await
}

/// A plain init is refused in this way, and nothing it says would lose anything.
async fn refused(bed: &Bed, class: &str) -> String {
    let output = init(bed, &[]).await;
    assert_eq!(Sentence::of(output.assert_status(3)).class, class, "{}", output.text());
    let text = output.text();
    assert!(!text.contains("empty its storage") && text.contains("--begin-anew main"), "{text}");
    text
}

#[tokio::test]
async fn a_server_without_its_storage_is_named_with_the_sealed_copy_and_goes_on_when_it_is_back() {
    let weed = Weed::start().await;
    let mut bed = Bed::new(&weed, FILES).await;
    killed(&bed, &[], (Side::Store, BUNDLE, Moment::BeforeForwarding)).await;
    let (data, kept) = (bed.server.folder().join("data"), bed.server.folder().join("data.kept"));
    bed.server.kill();
    std::fs::rename(&data, &kept).expect("taking the volume away");
    bed.server.folder().folder("data");
    bed.server.start_again().await;
    let copy = bed.state().join(VAULT).join("init-1.sealed.json");
    for _ in 0..2 {
        let told = refused(&bed, "initialised-no-more").await;
        assert!(told.contains(&copy.display().to_string()), "{told}");
        assert!(bed.store.calls().iter().any(|call| call.name.ends_with(BUNDLE)), "stored first");
        assert!(copy.exists());
    }

    bed.server.kill();
    std::fs::remove_dir_all(&data).expect("the empty volume");
    std::fs::rename(&kept, &data).expect("putting the volume back");
    bed.restart().await;
    init(&bed, &[]).await.assert_status(0);
    assert!(!copy.exists(), "the init is closed");
    bed.opens_from_the_store().await;
}

#[tokio::test]
async fn begin_anew_killed_after_each_of_its_writes_leaves_a_way_on() {
    const ANEW: [&str; 2] = ["--begin-anew", VAULT];
    let written = |part| (Side::Store, part, Moment::AfterAnswering);
    let weed = Weed::start().await;
    for last in [&ANEW[..], &[]] {
        let mut bed = Bed::new(&weed, FILES).await;
        killed(&bed, &[], (Side::Vault, "PUT /v1/sys/unseal", Moment::BeforeForwarding)).await;
        bed.empty().await;
        refused(&bed, "initialised-no-more").await;

        killed(&bed, &ANEW, written("/intents/1.closed.")).await;
        refused(&bed, "not-restored").await;
        killed(&bed, &ANEW, written("/generations/1/abandoned.")).await;
        refused(&bed, "something-here").await;
        killed(&bed, &ANEW, written("/intents/2.json")).await;
        init(&bed, last).await.assert_status(0);
        assert!(bed.state().join(VAULT).join("init-1.sealed.json").exists(), "the old sealed copy is kept");
        init(&bed, &[]).await.assert_status(0);
        bed.opens_from_the_store().await;
    }
}
