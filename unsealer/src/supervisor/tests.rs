//! One node goes through observations; each rule of [`step`] has a walk that breaks it.

mod holding;
mod joining;
mod looking;
mod naming;
mod rules;
mod sending;

use std::time::Duration;

use super::*;
use crate::opener::Refusal;
use crate::status::Condition;
use crate::store::view::{Candidate, Hold, Intent, Seal, SealedBundle, Standing};
use crate::vault::Product;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn seal(sealed: bool, initialized: bool) -> SealStatus {
    SealStatus {
        product: Product::OpenBao,
        seal_type: "shamir".to_owned(),
        initialized,
        sealed,
        threshold: if initialized { 3 } else { 0 },
        shares: if initialized { 5 } else { 0 },
        progress: 0,
        nonce: String::new(),
        version: "2.7.2".to_owned(),
        migration: false,
        recovery_seal: false,
        storage_type: Some("raft".to_owned()),
        cluster_id: (!sealed).then(|| "one".to_owned()),
        removed_from_cluster: false,
    }
}

fn candidate(number: u32, standing: Standing) -> Candidate {
    Candidate {
        elsewhere: Vec::new(),
        generation: Generation(number),
        standing,
        threshold: (standing != Standing::NotAuthentic).then_some(3),
        shares: (standing != Standing::NotAuthentic).then_some(5),
        bundles: vec![SealedBundle {
            path: format!("vaults/main/generations/{number}/all.1.age"),
            seal: Seal(1),
            custodian: "all".to_owned(),
            sealed: Some(Arc::new(vec![1])),
            digest: number.to_string(),
        }],
        created: Some(at(-1000)),
        proven: None,
        cluster_id: None,
    }
}

fn view() -> StoreView {
    StoreView {
        candidates: vec![
            candidate(2, Standing::Proven),
            candidate(1, Standing::Proven),
            candidate(9, Standing::NotAuthentic),
        ],
        current: Some(Generation(2)),
        anything_here: true,
        anything_authentic: true,
        ..StoreView::default()
    }
}

fn facts(view: Option<StoreView>) -> Facts {
    Facts {
        vault: "main".to_owned(),
        place: Place::Local,
        view: view.map(Arc::new),
        store_fault: None,
        leader_opened_with: None,
        local_hold: None,
        local_release: None,
        identity_epoch: 0,
    }
}

fn local_hold() -> LocalHold {
    LocalHold { reason: "maintenance".to_owned(), host: "ops".to_owned(), at: at(-5) }
}

fn answer(seal: SealStatus) -> Answer {
    let leader = (!seal.sealed).then(|| Leader {
        ha_enabled: true,
        is_self: true,
        leader_address: "http://127.0.0.1:8200".to_owned(),
    });
    Answer { seal, leader, peer_active: false, continuity: Continuity::Unwatched }
}

fn silence(kind: VaultErrorKind) -> Observation {
    Observation::Silent(Silence { kind, detail: "no answer".to_owned(), health: None, initialised: None })
}

fn sealed() -> Observation {
    Observation::Answered(answer(seal(true, true)))
}

fn open() -> Observation {
    Observation::Answered(answer(seal(false, true)))
}

fn open_then_sealed() -> Observation {
    Observation::Answered(Answer { continuity: Continuity::Unbroken, ..answer(seal(true, true)) })
}

/// A node that goes through observations, one each second unless told otherwise.
struct Walk {
    state: State,
    facts: Facts,
    now: i64,
}

impl Walk {
    fn new(facts: Facts) -> Self {
        Self { state: State::new(at(0), None), facts, now: 0 }
    }

    fn see(&mut self, observation: &Observation) -> Decision {
        self.after(1, observation)
    }

    fn after(&mut self, seconds: i64, observation: &Observation) -> Decision {
        self.now += seconds;
        let decision = step(self.state.clone(), observation, &self.facts, at(self.now), 0);
        self.state = decision.state.clone();
        decision
    }

    fn fail(&mut self, refusals: &[(u32, Refusal)]) -> Decision {
        let refusals = refusals.iter().map(|(number, refusal)| (Generation(*number), refusal.clone())).collect();
        self.see(&Observation::Attempted(Outcome::Failed(refusals)))
    }
}

fn sends(decision: &Decision) -> Vec<u32> {
    match &decision.action {
        Action::Unseal(order) => order.iter().map(|generation| generation.0).collect(),
        _ => Vec::new(),
    }
}
