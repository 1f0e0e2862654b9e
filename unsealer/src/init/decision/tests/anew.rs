//! `--begin-anew` cut off after each of its writes: where a re-run and a plain init lead then.

use super::*;
use crate::store::contents::Contents;
use crate::store::names::MarkKind;
use crate::store::testing::World;

/// Objects and intents before the command.
#[derive(Debug, Clone, Copy)]
enum Past {
    /// A finished init, a newer generation that nothing proves, and an init that was cut off.
    Generations,
    /// Two inits that were cut off.
    Intents,
}

fn world(past: Past) -> World {
    let mut world = World::new();
    world.intent(1, 1);
    if let Past::Generations = past {
        world.generation(1, 1, 2);
        world.mark(1, MarkKind::Proven, 3);
        world.close(1, 4);
        world.generation(2, 1, 5);
    }
    world.intent(2, 6);
    world
}

/// What the whole command writes before its init call: the new intent comes last.
fn writes(past: Past) -> Vec<GiveUp> {
    let view = world(past).view(&Contents::default());
    match decide_here(&view, &[node(false, true)], LocalRecord::None, &anew()) {
        Ok(Step::Begin { give_up }) => give_up,
        other => panic!("{other:?}"),
    }
}

/// The store after `count` of the writes and, with one more, the new intent.
fn after(past: Past, count: usize) -> StoreView {
    let mut world = world(past);
    let writes = writes(past);
    for write in writes.iter().take(count) {
        match write {
            GiveUp::Close(intent) => world.close(*intent, 10),
            GiveUp::Abandon(generation) => world.mark(generation.0, MarkKind::Abandoned, 10),
        }
    }
    if count > writes.len() {
        world.intent(NEW, 11);
    }
    world.view(&Contents::default())
}

/// The number of the new intent.
const NEW: u32 = 3;

fn anew() -> Wish {
    Wish { begin_anew: Some("main".into()), ..Wish::default() }
}

/// `new` is this host's record of the new intent; of all others it knows nothing.
fn decide_here(view: &StoreView, nodes: &[SeenNode], new: LocalRecord, wish: &Wish) -> Result<Step, Failure> {
    let local = |intent: &Intent| if intent.number == NEW { new } else { LocalRecord::None };
    decide(&Facts { vault: "main", view, nodes, local: &local, copies: &[] }, wish)
}

#[test]
fn a_re_run_gives_up_what_is_left_and_begins() {
    for past in [Past::Generations, Past::Intents] {
        let writes = writes(past);
        for count in 0..=writes.len() + 1 {
            let step = decide_here(&after(past, count), &[node(false, true)], LocalRecord::NoCallSent, &anew());
            let mut left: Vec<GiveUp> = writes.iter().copied().skip(count).collect();
            if count > writes.len() {
                left.push(GiveUp::Close(NEW));
            }
            assert_eq!(step, Ok(Step::Begin { give_up: left }), "{past:?}, {count} written");
        }
    }
}

#[test]
fn a_plain_init_sends_nothing_until_the_new_intent_stands() {
    for past in [Past::Generations, Past::Intents] {
        let whole = writes(past).len() + 1;
        for count in 0..whole {
            let decided =
                decide_here(&after(past, count), &[node(false, true)], LocalRecord::NoCallSent, &Wish::default());
            let failure = decided.expect_err("a half-given-up store");
            let wanted = match (past, count) {
                // The newest generation stands to the last: it is what an unrestored volume would need.
                (Past::Generations, _) if count + 1 < whole => ("not-restored", "generation 2"),
                (Past::Intents, 0 | 1) => ("intent-open", "intent 2"),
                _ => ("something-here", "was used before"),
            };
            assert_eq!(failure.class, wanted.0, "{past:?}, {count} written");
            assert!(failure.problem.contains(wanted.1), "{}", failure.problem);
            let hint = failure.hint.unwrap_or_default();
            assert!(hint.contains("--begin-anew main") || failure.class == "intent-open", "{hint}");
        }
        let begun = after(past, whole);
        let empty = [node(false, true)];
        let here = decide_here(&begun, &empty, LocalRecord::NoCallSent, &Wish::default());
        assert_eq!(here, Ok(Step::SendUnder(NEW)), "on this host it goes on by itself");
        let elsewhere = decide_here(&begun, &empty, LocalRecord::None, &Wish::default());
        assert_eq!(elsewhere.map_err(|failure| failure.class), Err("intent-open"));
    }
}

#[test]
fn the_old_volume_put_back_in_between_is_never_said_to_have_no_shares() {
    let whole = writes(Past::Generations).len() + 1;
    for count in 0..=whole {
        for (sealed, wish) in [(true, Wish::default()), (false, Wish::default()), (true, anew())] {
            let view = after(Past::Generations, count);
            let decided = decide_here(&view, &[node(true, sealed)], LocalRecord::NoCallSent, &wish);
            let failure = decided.expect_err("nothing is done to a Vault whose shares were being given up");
            let told = format!("{} {}", failure.problem, failure.hint.unwrap_or_default());
            let known = [
                "root-token-elsewhere",
                "initialised-unproven",
                "initialised-by-others",
                "open-but-unstored",
                "already-initialised",
            ];
            assert!(known.contains(&failure.class), "{count} written: {} {told}", failure.class);
            assert!(!told.contains("empty its storage"), "{count} written: {told}");
            assert!(!told.contains("holds no shares"), "{count} written: {told}");
        }
    }
}
