//! [`Node`] over HTTP: the one client for Vault and OpenBao.

use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rustify::endpoint::Endpoint;
use rustify::enums::RequestMethod;
use sops_tools::secret::{Share, Token};
use tokio::time::timeout;

use super::answers::{self, Judged};
use super::drill::Drill;
use super::endpoints::{
    AnyCall, Init, ReadHealth, ReadInit, ReadLeader, ReadSealStatus, ResetUnseal, RevokeSelf, SendShare,
};
use super::presence;
use super::target::Target;
use super::wire::{Call, Wire};
use super::{DrillOutcome, Health, InitAnswer, Leader, Node, SealStatus, ShareAnswer, VaultError, VaultErrorKind};

const USUAL: Duration = Duration::from_secs(5);

const fn call(name: &'static str) -> Call {
    Call { name, limit: USUAL, secret: false }
}

const SEAL_STATUS: Call = call("GET sys/seal-status");
const HEALTH: Call = Call { limit: Duration::from_secs(2), ..call("GET sys/health") };
const LEADER: Call = call("GET sys/leader");
const INITIALISED: Call = call("GET sys/init");
const INIT: Call = Call { name: "PUT sys/init", limit: Duration::from_mins(5), secret: true };
const UNSEAL: Call = Call { name: "PUT sys/unseal", limit: Duration::from_secs(15), secret: true };
const RESET: Call = call("PUT sys/unseal reset");
const REQUEST: Call = Call { secret: true, ..call("request of an after-init file") };
const REVOKE: Call = Call { secret: true, ..call("POST auth/token/revoke-self") };

/// Client for one server. Makes no connection before the first call.
pub struct Client {
    pub(super) wire: Wire,
}

impl Client {
    /// A client for `target`.
    ///
    /// # Errors
    /// `Tls` where the HTTP client cannot be built; a server that is down is not an error here.
    pub fn new(target: Target) -> Result<Self, VaultError> {
        Ok(Self { wire: Wire::new(target)? })
    }

    /// How far the server's clock is ahead of `now`; `None` where its answer does not tell.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn clock_ahead(&self, now: Timestamp) -> Result<Option<SignedDuration>, VaultError> {
        let answer = self.wire.exec(HEALTH, None, ReadHealth {}).await?;
        let parse = |date: &str| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok();
        Ok(answer.date.as_deref().and_then(parse).map(|server| server.duration_since(now)))
    }

    /// Makes a call and judges its answer.
    pub(super) async fn ask<E: Endpoint, T>(
        &self,
        call: Call,
        token: Option<&Token>,
        endpoint: E,
        judge: impl FnOnce(u16, &[u8]) -> Judged<T>,
    ) -> Result<T, VaultError> {
        let answer = self.wire.exec(call, token, endpoint).await?;
        judge(answer.status, &answer.body).map_err(|kind| {
            let detail = match kind {
                VaultErrorKind::Malformed => format!("status {}, and a body this call does not have", answer.status),
                _ => format!("status {}", answer.status),
            };
            self.wire.fault(call, kind, detail)
        })
    }
}

/// The method of a user's call.
fn method(name: &str) -> Option<RequestMethod> {
    Some(match name.to_ascii_uppercase().as_str() {
        "GET" => RequestMethod::GET,
        "LIST" => RequestMethod::LIST,
        "POST" => RequestMethod::POST,
        "PUT" => RequestMethod::PUT,
        "PATCH" => RequestMethod::PATCH,
        "DELETE" => RequestMethod::DELETE,
        _ => return None,
    })
}

#[async_trait]
impl Node for Client {
    fn address(&self) -> &str {
        &self.wire.address
    }

    async fn seal_status(&self) -> Result<SealStatus, VaultError> {
        self.ask(SEAL_STATUS, None, ReadSealStatus {}, answers::seal_status).await
    }

    async fn health(&self) -> Result<Health, VaultError> {
        self.ask(HEALTH, None, ReadHealth {}, |status, _| Ok(answers::health(status))).await
    }

    async fn leader(&self) -> Result<Leader, VaultError> {
        self.ask(LEADER, None, ReadLeader {}, answers::leader).await
    }

    async fn initialised(&self) -> Result<bool, VaultError> {
        self.ask(INITIALISED, None, ReadInit {}, answers::initialised).await
    }

    async fn init(&self, shares: u8, threshold: u8) -> Result<InitAnswer, VaultError> {
        let endpoint = Init { secret_shares: shares, secret_threshold: threshold };
        self.ask(INIT, None, endpoint, answers::init).await
    }

    async fn send_share(&self, share: &Share, last: bool) -> Result<ShareAnswer, VaultError> {
        let endpoint = SendShare { path: "sys/unseal", share, nonce: None };
        self.ask(UNSEAL, None, endpoint, |status, body| answers::share_answer(status, body, last)).await
    }

    async fn reset_unseal(&self) -> Result<(), VaultError> {
        self.ask(RESET, None, ResetUnseal { reset: true }, answers::done).await
    }

    async fn drill(
        &self,
        token: Option<&Token>,
        shares: &[Share],
        shares_total: u8,
        threshold: u8,
    ) -> Result<DrillOutcome, VaultError> {
        Drill { client: self, token, shares, total: shares_total, threshold }.run().await
    }

    async fn request(
        &self,
        token: &Token,
        method: &str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<u16, VaultError> {
        let method = self::method(method)
            .ok_or_else(|| self.wire.fault(REQUEST, VaultErrorKind::Rejected, "not a method of the API"))?;
        let body = body.map(serde_json::to_vec).transpose();
        let body =
            body.map_err(|_| self.wire.fault(REQUEST, VaultErrorKind::Rejected, "the body cannot be written as JSON"))?;
        let endpoint = AnyCall { path: path.trim_start_matches('/').to_owned(), method, body };
        self.ask(REQUEST, Some(token), endpoint, |status, _| Ok(status)).await
    }

    async fn revoke_self(&self, token: &Token) -> Result<(), VaultError> {
        self.ask(REVOKE, Some(token), RevokeSelf {}, answers::done).await
    }

    async fn connection_ended(&self, longest: Duration) -> Result<bool, VaultError> {
        presence::connection_ended(&self.wire, longest).await
    }

    async fn listens(&self, longest: Duration) {
        // Which of the two it was, the next look tells.
        let _ = timeout(longest, presence::knock(&self.wire)).await;
    }
}
