use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use sops_tools::secret::Token;

use super::*;
use crate::store::view::{Seal, Standing};
use crate::vault::{DrillOutcome, Health, InitAnswer, Leader, SealStatus};

/// A server that judges shares as a real one does: by their first byte, the generation.
struct Server {
    right: u8,
    joiner: bool,
    held: Mutex<Vec<Vec<u8>>>,
    interrupts: Mutex<VecDeque<VaultErrorKind>>,
}

impl Server {
    fn new(right: u8) -> Self {
        Self { right, joiner: false, held: Mutex::default(), interrupts: Mutex::default() }
    }

    fn error<T>(kind: VaultErrorKind) -> Result<T, VaultError> {
        Err(VaultError { kind, call: "PUT sys/unseal", address: "test".to_owned(), detail: "cut off".to_owned() })
    }
}

#[async_trait]
impl Node for Server {
    fn address(&self) -> &'static str {
        "test"
    }
    async fn seal_status(&self) -> Result<SealStatus, VaultError> {
        Self::error(VaultErrorKind::Unsupported)
    }
    async fn health(&self) -> Result<Health, VaultError> {
        Self::error(VaultErrorKind::Unsupported)
    }
    async fn leader(&self) -> Result<Leader, VaultError> {
        Self::error(VaultErrorKind::Unsupported)
    }
    async fn initialised(&self) -> Result<bool, VaultError> {
        Self::error(VaultErrorKind::Unsupported)
    }
    async fn init(&self, _: u8, _: u8) -> Result<InitAnswer, VaultError> {
        Self::error(VaultErrorKind::Unsupported)
    }
    async fn send_share(&self, share: &Share, _: bool) -> Result<ShareAnswer, VaultError> {
        if let Some(kind) = self.interrupts.lock().unwrap().pop_front() {
            return Self::error(kind);
        }
        let mut held = self.held.lock().unwrap();
        if !held.iter().any(|known| known == share.expose()) {
            held.push(share.expose().to_vec());
        }
        if held.len() < 3 {
            return Ok(ShareAnswer::Counted { progress: u8::try_from(held.len()).unwrap(), nonce: "n".to_owned() });
        }
        let kinds: Vec<u8> = held.drain(..).map(|share| share[0]).collect();
        Ok(match kinds.as_slice() {
            [9, ..] => ShareAnswer::RejectedByKeyring,
            kinds if kinds.iter().any(|kind| *kind != self.right) => ShareAnswer::Rejected,
            _ if self.joiner => ShareAnswer::Pending,
            _ => ShareAnswer::Unsealed,
        })
    }
    async fn reset_unseal(&self) -> Result<(), VaultError> {
        Self::error(VaultErrorKind::Unsupported)
    }
    async fn drill(&self, _: Option<&Token>, _: &[Share], _: u8, _: u8) -> Result<DrillOutcome, VaultError> {
        Self::error(VaultErrorKind::Unsupported)
    }
    async fn request(&self, _: &Token, _: &str, _: &str, _: Option<&serde_json::Value>) -> Result<u16, VaultError> {
        Self::error(VaultErrorKind::Unsupported)
    }
    async fn revoke_self(&self, _: &Token) -> Result<(), VaultError> {
        Self::error(VaultErrorKind::Unsupported)
    }
    async fn connection_ended(&self, _: Duration) -> Result<bool, VaultError> {
        Self::error(VaultErrorKind::Unsupported)
    }
    async fn listens(&self, _: Duration) {}
}

/// Gives five shares of each generation; a custodian's name is how many it holds, `damaged` opens nothing.
struct Safe;

impl Custody for Safe {
    fn open(&self, generation: Generation, bundle: &SealedBundle) -> Result<Vec<Share>, String> {
        let count: u8 = bundle.custodian.parse().map_err(|_| "not an age file; put it back".to_owned())?;
        let kind = u8::try_from(generation.0).unwrap();
        Ok((1..=count).map(|number| Share::copy_from(&[kind, number])).collect())
    }
}

fn candidate(generation: u32, custodians: &[&str]) -> Candidate {
    let bundles = custodians.iter().map(|custodian| SealedBundle {
        path: format!("generations/{generation}/{custodian}.1.age"),
        seal: Seal(1),
        custodian: (*custodian).to_owned(),
        sealed: None,
        digest: String::new(),
    });
    Candidate {
        elsewhere: Vec::new(),
        generation: Generation(generation),
        standing: Standing::Proven,
        threshold: Some(3),
        shares: Some(5),
        bundles: bundles.collect(),
        created: None,
        proven: None,
        cluster_id: None,
    }
}

async fn try_all(server: &Server, candidates: Vec<Candidate>, progress: u8) -> Outcome {
    let custody: Arc<dyn Custody> = Arc::new(Safe);
    attempt(server, candidates, &custody, 3, progress).await
}

#[tokio::test]
async fn a_refused_generation_leads_to_the_next() {
    let server = Server::new(1);
    let outcome = try_all(&server, vec![candidate(2, &["5"]), candidate(1, &["5"])], 0).await;
    assert_eq!(outcome, Outcome::Opened { generation: Generation(1) });
}

#[tokio::test]
async fn every_refusal_is_named() {
    let server = Server::new(7);
    let tried = vec![candidate(9, &["5"]), candidate(2, &["5"]), candidate(3, &["2"]), candidate(4, &["damaged"])];
    let Outcome::Failed(refused) = try_all(&server, tried, 0).await else { panic!("nothing may open it") };
    assert_eq!(refused[0], (Generation(9), Refusal::Keyring));
    assert_eq!(refused[1], (Generation(2), Refusal::Rejected));
    assert_eq!(refused[2], (Generation(3), Refusal::TooFewShares("2 of 3 shares opened".to_owned())));
    let Refusal::TooFewShares(why) = &refused[3].1 else { panic!("{refused:?}") };
    assert!(why.contains("generations/4/damaged.1.age: not an age file"), "{why}");
}

#[tokio::test]
async fn a_strangers_share_in_the_attempt_costs_one_round_and_no_generation() {
    let server = Server::new(2);
    server.held.lock().unwrap().push(vec![0, 0]);
    let outcome = try_all(&server, vec![candidate(2, &["5"])], 1).await;
    assert_eq!(outcome, Outcome::Opened { generation: Generation(2) });
}

#[tokio::test]
async fn a_strangers_share_that_nobody_knew_of_is_noticed_by_the_progress() {
    let server = Server::new(2);
    server.held.lock().unwrap().push(vec![0, 0]);
    let outcome = try_all(&server, vec![candidate(2, &["5"])], 0).await;
    assert_eq!(outcome, Outcome::Opened { generation: Generation(2) });
}

#[tokio::test]
async fn custodians_with_too_few_shares_each_open_together() {
    let server = Server::new(2);
    // Both hold shares 1 and 2, one holds 3 as well: only distinct ones count.
    let outcome = try_all(&server, vec![candidate(2, &["2", "3"])], 0).await;
    assert_eq!(outcome, Outcome::Opened { generation: Generation(2) });
}

#[tokio::test]
async fn a_joiner_that_takes_the_shares_is_pending() {
    let server = Server { joiner: true, ..Server::new(2) };
    let outcome = try_all(&server, vec![candidate(2, &["5"])], 0).await;
    assert_eq!(outcome, Outcome::Pending { generation: Generation(2) });
}

#[tokio::test]
async fn a_failed_call_ends_the_attempt_and_blames_no_share() {
    let server = Server::new(2);
    server.interrupts.lock().unwrap().push_back(VaultErrorKind::TimedOut);
    let outcome = try_all(&server, vec![candidate(2, &["5"])], 0).await;
    assert_eq!(outcome, Outcome::Interrupted { kind: VaultErrorKind::TimedOut, detail: "cut off".to_owned() });
}
