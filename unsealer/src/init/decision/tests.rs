use jiff::Timestamp;

use super::*;
use crate::vault::Product;

mod anew;

fn status(initialized: bool, sealed: bool) -> SealStatus {
    SealStatus {
        product: Product::OpenBao,
        seal_type: "shamir".into(),
        initialized,
        sealed,
        threshold: 3,
        shares: 5,
        progress: 0,
        nonce: String::new(),
        version: "2.7.2".into(),
        migration: false,
        recovery_seal: false,
        storage_type: Some("raft".into()),
        cluster_id: None,
        removed_from_cluster: false,
    }
}

fn node(initialized: bool, sealed: bool) -> SeenNode {
    SeenNode { address: "http://127.0.0.1:8200".into(), seen: Seen::Status(status(initialized, sealed)) }
}

fn candidate(number: u32, standing: Standing) -> Candidate {
    Candidate {
        elsewhere: Vec::new(),
        generation: Generation(number),
        standing,
        threshold: Some(3),
        shares: Some(5),
        bundles: Vec::new(),
        created: Some(Timestamp::UNIX_EPOCH),
        proven: (standing == Standing::Proven).then_some(Timestamp::UNIX_EPOCH),
        cluster_id: None,
    }
}

fn intent(number: u32, closed: bool) -> Intent {
    Intent {
        number,
        purpose: "init".into(),
        host: "node-a".into(),
        local_copy: "/var/lib/unsealer/state/vault/init-1.sealed.json".into(),
        at: Timestamp::UNIX_EPOCH,
        closed,
    }
}

fn view(candidates: Vec<Candidate>, intents: Vec<Intent>) -> StoreView {
    let anything = !candidates.is_empty() || !intents.is_empty();
    StoreView {
        current: candidates.iter().find(|c| c.proven.is_some()).map(|c| c.generation),
        candidates,
        intents,
        anything_here: anything,
        anything_authentic: anything,
        ..StoreView::default()
    }
}

fn run(view: &StoreView, nodes: &[SeenNode], local: LocalRecord, wish: &Wish) -> Result<Step, &'static str> {
    let local = |_: &Intent| local;
    let facts = Facts { vault: "main", view, nodes, local: &local, copies: &[] };
    decide(&facts, wish).map_err(|failure| {
        assert!(failure.hint.is_some(), "{}: every refusal says what to do next", failure.class);
        failure.class
    })
}

const FRESH: Step = Step::Begin { give_up: Vec::new() };

#[test]
fn an_empty_store_and_an_uninitialised_server_begin() {
    assert_eq!(run(&view(vec![], vec![]), &[node(false, true)], LocalRecord::None, &Wish::default()), Ok(FRESH));
}

#[test]
fn a_server_that_cannot_be_asked_is_never_taken_for_uninitialised() {
    let silent = SeenNode { address: "https://vault-1:8200".into(), seen: Seen::Unknown("timed out".into()) };
    let nodes = [node(false, true), silent];
    let empty = view(vec![], vec![]);
    assert_eq!(run(&empty, &nodes, LocalRecord::None, &Wish::default()), Err("server-unavailable"));
}

#[test]
fn another_initialised_member_refuses() {
    let nodes = [node(false, true), node(true, false)];
    assert_eq!(run(&view(vec![], vec![]), &nodes, LocalRecord::None, &Wish::default()), Err("already-initialised"));
}

#[test]
fn a_stored_bundle_and_an_empty_server_is_an_unrestored_volume() {
    for standing in [Standing::Proven, Standing::Staged] {
        let stored = view(vec![candidate(4, standing)], vec![intent(1, true)]);
        assert_eq!(run(&stored, &[node(false, true)], LocalRecord::None, &Wish::default()), Err("not-restored"));
    }
}

#[test]
fn beginning_anew_wants_the_name_and_abandons_what_was_there() {
    let stored = view(vec![candidate(4, Standing::Proven), candidate(2, Standing::Abandoned)], vec![intent(3, false)]);
    let wish = |name: &str| Wish { begin_anew: Some(name.into()), ..Wish::default() };
    let empty = [node(false, true)];
    assert_eq!(run(&stored, &empty, LocalRecord::None, &wish("mian")), Err("begin-anew-name"));
    assert_eq!(
        run(&stored, &empty, LocalRecord::None, &wish("main")),
        Ok(Step::Begin { give_up: vec![GiveUp::Close(3), GiveUp::Abandon(Generation(4))] })
    );
    let closed = view(vec![candidate(4, Standing::Proven)], vec![intent(3, true)]);
    assert_eq!(run(&closed, &[node(true, true)], LocalRecord::None, &wish("main")), Err("already-initialised"));
}

#[test]
fn an_open_intent_is_continued_by_itself_only_where_no_call_was_sent() {
    let open = view(vec![], vec![intent(1, false)]);
    let empty = [node(false, true)];
    let with_word = Wish { continue_intent: Some(1), ..Wish::default() };
    assert_eq!(run(&open, &empty, LocalRecord::NoCallSent, &Wish::default()), Ok(Step::SendUnder(1)));
    assert_eq!(run(&open, &empty, LocalRecord::None, &Wish::default()), Err("intent-open"));
    assert_eq!(run(&open, &empty, LocalRecord::CallSent, &Wish::default()), Err("intent-open"));
    assert_eq!(run(&open, &empty, LocalRecord::CallSent, &with_word), Ok(Step::SendUnder(1)));
    let other = Wish { continue_intent: Some(7), ..Wish::default() };
    assert_eq!(run(&open, &empty, LocalRecord::None, &other), Err("no-such-intent"));
}

#[test]
fn a_sealed_copy_on_this_host_is_published_whatever_the_server_says() {
    let open = view(vec![], vec![intent(1, false)]);
    let silent = SeenNode { address: "https://vault-1:8200".into(), seen: Seen::Unknown("timed out".into()) };
    for node in [node(true, true), node(true, false), silent] {
        assert_eq!(run(&open, &[node], LocalRecord::SealedCopy, &Wish::default()), Ok(Step::Publish(1)));
    }
    // No server to prove it on: it is stored, and that is all.
    let empty = [node(false, true)];
    assert_eq!(run(&open, &empty, LocalRecord::SealedCopy, &Wish::default()), Ok(Step::StoreCopy(1)));
    let publish = Wish { publish: Some(7), ..Wish::default() };
    assert_eq!(run(&open, &empty, LocalRecord::None, &publish), Ok(Step::StoreCopy(7)));
}

#[test]
fn what_was_begun_anew_and_cut_off_after_its_call_goes_on_with_the_same_command() {
    let anew = Wish { begin_anew: Some("main".into()), ..Wish::default() };
    let given_up = view(vec![candidate(1, Standing::Abandoned)], vec![intent(2, false)]);
    let sealed = [node(true, true)];
    assert_eq!(run(&given_up, &sealed, LocalRecord::SealedCopy, &anew), Ok(Step::Publish(2)));
    let stored = view(vec![candidate(2, Standing::Staged)], vec![intent(2, false)]);
    let done = Wish { discard_root_token: true, ..anew };
    assert_eq!(
        run(&stored, &sealed, LocalRecord::None, &done),
        Ok(Step::Finish { intent: 2, generation: Generation(2) })
    );
}

#[test]
fn a_lost_answer_after_beginning_anew_speaks_of_emptying_only_after_all_that_was_given_up_was_tried() {
    let hint = |view: &StoreView| {
        let local = |_: &Intent| LocalRecord::CallSent;
        let nodes = [node(true, true)];
        let facts = Facts { vault: "main", view, nodes: &nodes, local: &local, copies: &[] };
        let failure = decide(&facts, &Wish::default()).unwrap_err();
        assert_eq!(failure.class, "bundle-unproven");
        failure.hint.unwrap()
    };
    let begun = Intent { at: Timestamp::from_second(60).unwrap(), ..intent(2, false) };
    let before = hint(&view(vec![candidate(1, Standing::Abandoned)], vec![begun.clone()]));
    let (tried, emptied) = (before.find("`unsealer unseal`").unwrap(), before.find("empty its storage").unwrap());
    assert!(tried < emptied && before.contains("--continue 2"), "{before}");
    // One that was stored after this init began may be its own.
    for standing in [Standing::Abandoned, Standing::NotAuthentic] {
        let later = Candidate { created: Some(begun.at), ..candidate(1, standing) };
        assert!(!hint(&view(vec![later], vec![begun.clone()])).contains("empty its storage"));
    }
}

#[test]
fn an_initialised_vault_with_nothing_but_given_up_bundles_is_not_said_to_have_none() {
    let given_up = view(vec![candidate(1, Standing::Abandoned)], vec![intent(1, true)]);
    let sealed = [node(true, true)];
    assert_eq!(run(&given_up, &sealed, LocalRecord::None, &Wish::default()), Err("initialised-unproven"));
    assert_eq!(run(&view(vec![], vec![]), &sealed, LocalRecord::None, &Wish::default()), Err("already-initialised"));
}

#[test]
fn a_lost_answer_speaks_of_emptying_only_while_the_server_is_sealed() {
    let open = view(vec![], vec![intent(1, false)]);
    assert_eq!(run(&open, &[node(true, true)], LocalRecord::CallSent, &Wish::default()), Err("init-answer-lost"));
    assert_eq!(run(&open, &[node(true, false)], LocalRecord::CallSent, &Wish::default()), Err("open-but-unstored"));
    let mixed = [node(true, true), node(true, false)];
    assert_eq!(run(&open, &mixed, LocalRecord::CallSent, &Wish::default()), Err("open-but-unstored"));
}

#[test]
fn a_stored_bundle_with_its_intent_open_is_finished_on_any_host_only_without_the_root_token() {
    let stored = view(vec![candidate(1, Standing::Staged)], vec![intent(1, false)]);
    let sealed = [node(true, true)];
    let without = Wish { discard_root_token: true, ..Wish::default() };
    assert_eq!(
        run(&stored, &sealed, LocalRecord::None, &without),
        Ok(Step::Finish { intent: 1, generation: Generation(1) })
    );
    let local = |_: &Intent| LocalRecord::None;
    let facts = Facts { vault: "main", view: &stored, nodes: &sealed, local: &local, copies: &[] };
    let failure = decide(&facts, &Wish::default()).unwrap_err();
    assert_eq!((failure.class, failure.status), ("root-token-elsewhere", ExitStatus::Refused));
    let hint = failure.hint.unwrap();
    for named in ["node-a", "/var/lib/unsealer/state/vault/init-1.sealed.json", "--discard-root-token"] {
        assert!(hint.contains(named), "{named} is not in: {hint}");
    }
}

#[test]
fn a_finished_init_has_nothing_to_do() {
    let stored = view(vec![candidate(1, Standing::Proven)], vec![intent(1, true)]);
    assert_eq!(
        run(&stored, &[node(true, false)], LocalRecord::None, &Wish::default()),
        Ok(Step::NothingToDo(Generation(1)))
    );
}

#[test]
fn foreign_objects_and_a_rolled_back_store_refuse_before_anything_else() {
    let foreign = StoreView { anything_here: true, ..StoreView::default() };
    let back = StoreView { rolled_back: true, ..StoreView::default() };
    let empty = [node(false, true)];
    assert_eq!(run(&foreign, &empty, LocalRecord::None, &Wish::default()), Err("another-store-key"));
    assert_eq!(run(&back, &empty, LocalRecord::None, &Wish::default()), Err("store-rolled-back"));
}

#[test]
fn a_broken_init_and_another_seal_are_told_by_name() {
    let broken = [SeenNode { address: "http://127.0.0.1:8200".into(), seen: Seen::BrokenInit }];
    let open = view(vec![], vec![intent(1, false)]);
    assert_eq!(run(&open, &broken, LocalRecord::CallSent, &Wish::default()), Err("broken-init"));
    let mut transit = status(false, true);
    transit.seal_type = "transit".into();
    let other = [SeenNode { address: "http://127.0.0.1:8200".into(), seen: Seen::Status(transit) }];
    assert_eq!(run(&view(vec![], vec![]), &other, LocalRecord::None, &Wish::default()), Err("not-shamir"));
}

#[test]
fn nothing_is_emptied_while_a_bundle_lies_there_or_the_call_was_never_sent() {
    for standing in [Standing::NotAuthentic, Standing::Abandoned, Standing::Retired] {
        let cut_off = view(vec![candidate(1, standing)], vec![intent(1, false)]);
        let sealed = [node(true, true)];
        assert_eq!(run(&cut_off, &sealed, LocalRecord::CallSent, &Wish::default()), Err("bundle-unproven"));
        assert_eq!(run(&cut_off, &sealed, LocalRecord::NoCallSent, &Wish::default()), Err("initialised-by-others"));
    }
}

#[test]
fn a_name_that_was_used_before_is_begun_anew_only_by_its_typed_name() {
    let empty = [node(false, true)];
    let anew = Wish { begin_anew: Some("main".into()), ..Wish::default() };
    let closed = view(vec![], vec![intent(1, true)]);
    let abandoned = view(vec![candidate(1, Standing::Abandoned)], vec![]);
    for used in [&closed, &abandoned] {
        assert_eq!(run(used, &empty, LocalRecord::None, &Wish::default()), Err("something-here"));
        assert_eq!(run(used, &empty, LocalRecord::None, &anew), Ok(FRESH));
    }
}

#[test]
fn a_sealed_copy_that_the_store_knows_nothing_of_is_named_before_any_other_refusal() {
    let local = |_: &Intent| LocalRecord::None;
    let garbage = StoreView { anything_here: true, ..StoreView::default() };
    let nodes = [node(true, true)];
    let facts = Facts { vault: "main", view: &garbage, nodes: &nodes, local: &local, copies: &[1] };
    assert_eq!(decide(&facts, &Wish::default()).unwrap_err().class, "sealed-copy-here");
    let publish = Wish { publish: Some(1), ..Wish::default() };
    assert_eq!(decide(&facts, &publish), Ok(Step::Publish(1)));
}

#[test]
fn a_broken_member_beside_a_bundle_is_never_told_to_be_emptied() {
    let broken = [SeenNode { address: "http://127.0.0.1:8200".into(), seen: Seen::BrokenInit }];
    let stored = view(vec![candidate(1, Standing::Proven)], vec![intent(1, false)]);
    let local = |_: &Intent| LocalRecord::CallSent;
    let facts = Facts { vault: "main", view: &stored, nodes: &broken, local: &local, copies: &[] };
    let failure = decide(&facts, &Wish::default()).unwrap_err();
    assert_eq!(failure.class, "broken-init");
    assert!(!failure.hint.unwrap().contains("empty it"));
}
