//! Proving shares on an open server: start a rotation, hand in the shares, cancel. Nothing is changed.
//!
//! A rotation belongs to whoever started it. Ours is known by its nonce, and before each cancel the server is asked whether it still
//! runs under that nonce, because OpenBao cancels whatever runs.

use std::time::Duration;

use sops_tools::secret::{Share, Token};

use super::answers::{self, Rotation};
use super::client::Client;
use super::endpoints::{CancelRotation, Family, ReadRotation, SendShare, StartRotation};
use super::wire::Call;
use super::{DrillOutcome, Node as _, Product, VaultError, VaultErrorKind};

const LIMIT: Duration = Duration::from_secs(5);
/// A cancel is tried this often; between tries 100 ms, then 200 ms.
const CANCELS: u32 = 3;
const CANCEL_PAUSE: Duration = Duration::from_millis(100);

const READ: Call = Call { name: "drill: read", limit: LIMIT, secret: true };
const START: Call = Call { name: "drill: start", limit: LIMIT, secret: true };
const SHARE: Call = Call { name: "drill: share", limit: LIMIT, secret: true };
const CANCEL: Call = Call { name: "drill: cancel", limit: LIMIT, secret: true };

/// The families in the order to try: a server without the first answers 404 or 405.
fn families(product: Product) -> [Family; 2] {
    match product {
        Product::OpenBao => [Family::RotateRoot, Family::Rekey],
        Product::Vault | Product::Unknown => [Family::Rekey, Family::RotateRoot],
    }
}

/// Whether the start's answer is the promise that is needed before a share goes out: nothing is committed without verification.
fn promises(answer: &Rotation, shares: u8, threshold: u8) -> bool {
    answer.started
        && answer.verification_required
        && answer.t == threshold
        && answer.n == shares
        && !answer.nonce.is_empty()
}

/// What a refused share means, by the state of the rotation after it.
fn refused(state: &Rotation, nonce: &str, last: bool) -> Result<DrillOutcome, VaultErrorKind> {
    if state.nonce != nonce || !state.started {
        Err(VaultErrorKind::InProgress)
    } else if last && state.progress == 0 {
        Ok(DrillOutcome::Refused)
    } else {
        Err(VaultErrorKind::Rejected)
    }
}

/// One drill on one node.
pub(super) struct Drill<'a> {
    pub(super) client: &'a Client,
    pub(super) token: Option<&'a Token>,
    pub(super) shares: &'a [Share],
    pub(super) total: u8,
    pub(super) threshold: u8,
}

impl Drill<'_> {
    pub(super) async fn run(&self) -> Result<DrillOutcome, VaultError> {
        if self.shares.len() != usize::from(self.threshold) {
            return Err(self.fault(START, VaultErrorKind::Rejected, "a drill takes exactly the threshold of shares"));
        }
        if !self.client.leader().await?.active() {
            return Err(self.fault(START, VaultErrorKind::NotReady, "not the active node"));
        }
        let product = self.client.seal_status().await?.product;
        let family = self.idle_family(product).await?;
        let started = self.start(family).await?;
        let outcome = self.judge(family, &started).await;
        let cancelled = self.cancel(family, &started.nonce).await;
        match (outcome, cancelled) {
            (Ok(outcome), cancelled) => cancelled.map(|()| outcome),
            (Err(error), Ok(())) => Err(error),
            (Err(error), Err(left)) => {
                Err(VaultError { detail: format!("{}; {}", error.detail, left.detail), ..error })
            }
        }
    }

    fn fault(&self, call: Call, kind: VaultErrorKind, detail: &str) -> VaultError {
        self.client.wire.fault(call, kind, detail)
    }

    /// The family this server has, once nothing runs in it.
    async fn idle_family(&self, product: Product) -> Result<Family, VaultError> {
        let [first, second] = families(product);
        let (family, state) = match self.read(first).await {
            Err(error) if error.kind == VaultErrorKind::Unsupported => (second, self.read(second).await?),
            other => (first, other?),
        };
        if state.started {
            return Err(self.fault(
                START,
                VaultErrorKind::InProgress,
                "a rotation of somebody else is in progress; it is left alone",
            ));
        }
        Ok(family)
    }

    async fn read(&self, family: Family) -> Result<Rotation, VaultError> {
        self.client.ask(READ, self.token, ReadRotation { family }, answers::rotation).await
    }

    async fn start(&self, family: Family) -> Result<Rotation, VaultError> {
        let endpoint = StartRotation {
            family,
            secret_shares: self.total,
            secret_threshold: self.threshold,
            require_verification: true,
        };
        match self.client.ask(START, self.token, endpoint, answers::rotation).await {
            Err(error) if error.kind == VaultErrorKind::Rejected && self.read(family).await?.started => Err(self
                .fault(
                    START,
                    VaultErrorKind::InProgress,
                    "a rotation of somebody else is in progress; it is left alone",
                )),
            Err(error)
                if matches!(
                    error.kind,
                    VaultErrorKind::TimedOut | VaultErrorKind::Unreachable | VaultErrorKind::Malformed
                ) =>
            {
                let Err(left) = self.take_back_lost_start(family).await else { return Err(error) };
                let detail = format!("{}; what it began may still run on the server: {}", error.detail, left.detail);
                Err(VaultError { detail, ..error })
            }
            other => other,
        }
    }

    /// The answer with our nonce was lost. What runs now ran not a moment ago; with our numbers and no share in it, it is ours, or
    /// equal to ours and lost nothing by starting again.
    async fn take_back_lost_start(&self, family: Family) -> Result<(), VaultError> {
        let state = self.read_again(family).await?;
        if promises(&state, self.total, self.threshold) && state.progress == 0 {
            self.cancel(family, &state.nonce).await?;
        }
        Ok(())
    }

    /// As [`Self::read`], tried as often as a cancel: what broke the call before may break this one too.
    async fn read_again(&self, family: Family) -> Result<Rotation, VaultError> {
        for tries in 1..CANCELS {
            match self.read(family).await {
                Err(_) => tokio::time::sleep(CANCEL_PAUSE * tries).await,
                read => return read,
            }
        }
        self.read(family).await
    }

    async fn judge(&self, family: Family, started: &Rotation) -> Result<DrillOutcome, VaultError> {
        if !promises(started, self.total, self.threshold) {
            return Err(self.fault(
                START,
                VaultErrorKind::Malformed,
                "the server did not promise verification; no share was sent",
            ));
        }
        let path = format!("{}/update", family.path());
        let last = self.shares.len() - 1;
        for (at, share) in self.shares.iter().enumerate() {
            let endpoint = SendShare { path: &path, share, nonce: Some(&started.nonce) };
            // The last good answer holds new shares; they are dropped and wiped with it, unread.
            match self.client.ask(SHARE, self.token, endpoint, answers::rotation).await {
                Ok(answer) if answer.complete => return Ok(DrillOutcome::Accepted),
                Ok(_) => {}
                // OpenBao refuses a wrong set with 400, Vault with 500.
                Err(error) if matches!(error.kind, VaultErrorKind::Rejected | VaultErrorKind::Fault) => {
                    return refused(&self.read(family).await?, &started.nonce, at == last)
                        .map_err(|kind| VaultError { kind, ..error });
                }
                Err(error) => return Err(error),
            }
        }
        Err(self.fault(SHARE, VaultErrorKind::Malformed, "all shares were taken and no verdict was given"))
    }

    async fn cancel(&self, family: Family, nonce: &str) -> Result<(), VaultError> {
        let mut tries = 1;
        loop {
            match self.cancel_once(family, nonce).await {
                Ok(()) => return Ok(()),
                Err(error) if tries == CANCELS => {
                    let detail = format!("the drill was not cancelled and still runs: {}", error.detail);
                    return Err(VaultError { detail, ..error });
                }
                Err(_) => tokio::time::sleep(CANCEL_PAUSE * tries).await,
            }
            tries += 1;
        }
    }

    async fn cancel_once(&self, family: Family, nonce: &str) -> Result<(), VaultError> {
        let state = self.read(family).await?;
        if !state.started || state.nonce != nonce {
            return Ok(());
        }
        self.client.ask(CANCEL, self.token, CancelRotation { family, nonce: nonce.to_owned() }, answers::done).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(started: bool, nonce: &str, progress: u8) -> Rotation {
        Rotation {
            started,
            t: 3,
            n: 5,
            progress,
            nonce: nonce.to_owned(),
            complete: false,
            verification_required: true,
        }
    }

    #[test]
    fn no_share_goes_out_without_the_promise_of_verification() {
        assert!(promises(&state(true, "a", 0), 5, 3));
        assert!(!promises(&Rotation { verification_required: false, ..state(true, "a", 0) }, 5, 3));
        assert!(!promises(&state(false, "a", 0), 5, 3));
        assert!(!promises(&state(true, "", 0), 5, 3));
        assert!(!promises(&state(true, "a", 0), 5, 2) && !promises(&state(true, "a", 0), 4, 3));
    }

    #[test]
    fn shares_are_refused_only_when_the_whole_set_was_looked_at() {
        assert_eq!(refused(&state(true, "a", 0), "a", true), Ok(DrillOutcome::Refused));
        assert_eq!(refused(&state(true, "a", 2), "a", true), Err(VaultErrorKind::Rejected));
        assert_eq!(refused(&state(true, "a", 0), "a", false), Err(VaultErrorKind::Rejected));
    }

    #[test]
    fn a_rotation_under_another_nonce_is_somebody_elses() {
        assert_eq!(refused(&state(true, "b", 0), "a", true), Err(VaultErrorKind::InProgress));
        assert_eq!(refused(&state(false, "", 0), "a", true), Err(VaultErrorKind::InProgress));
    }

    #[test]
    fn the_product_decides_which_family_is_asked_first() {
        assert_eq!(families(Product::OpenBao)[0], Family::RotateRoot);
        assert_eq!(families(Product::Vault)[0], Family::Rekey);
    }
}
