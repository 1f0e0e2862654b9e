//! Direct calls to a server, by nothing of ours: the witness that tells what a server's true state is.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

/// Longest time an ordinary call may take.
const LIMIT: Duration = Duration::from_secs(20);
/// Init on raft holds an election; a loaded machine makes it long.
const INIT_LIMIT: Duration = Duration::from_mins(2);

/// The HTTP API of a Vault or OpenBao under one address.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    client: Client,
}

/// What init answered.
#[derive(Debug, Clone)]
pub struct Keys {
    /// All shares, base64.
    pub shares: Vec<String>,
    /// How many of them open the server.
    pub threshold: usize,
    /// The root token.
    pub root_token: String,
}

impl Keys {
    /// Just enough shares to open the server.
    pub fn enough(&self) -> &[String] {
        &self.shares[..self.threshold]
    }
}

/// Status and body of an answer; a body that is no JSON is `Value::Null`.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON body.
    pub body: Value,
}

impl Answer {
    /// The body of a 2xx answer.
    ///
    /// # Panics
    /// For any other status.
    pub fn good(self) -> Value {
        assert!((200..300).contains(&self.status), "status {}: {}", self.status, self.body);
        self.body
    }
}

impl Api {
    /// Calls to `base`, `http://127.0.0.1:8200` for instance. `authority` (PEM) is the only one trusted over https. No
    /// proxy of the environment is used and no redirect followed.
    pub fn new(base: &str, authority: Option<&str>) -> Self {
        let mut client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        if let Some(pem) = authority {
            let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).expect("PEM of the authority");
            client = client.tls_certs_only([certificate]);
        }
        Self { base: base.to_owned(), client: client.build().expect("HTTP client") }
    }

    /// The address without a path.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// One call below `/v1/`.
    ///
    /// # Errors
    /// The transport's complaint, as text, where there was no answer within `limit`.
    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<Answer, String> {
        let mut request = self.client.request(method, format!("{}/v1/{path}", self.base)).timeout(limit);
        if let Some(token) = token {
            request = request.header("X-Vault-Token", token);
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
        let status = answer.status().as_u16();
        let text = answer.bytes().await.map_err(|error| format!("{error:?}"))?;
        Ok(Answer { status, body: serde_json::from_slice(&text).unwrap_or(Value::Null) })
    }

    /// One call below `/v1/` that must be answered within 20 s, whatever the answer is.
    pub async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        let answer = self.try_call(method.clone(), path, token, body, LIMIT).await;
        answer.unwrap_or_else(|error| panic!("{method} {}/v1/{path}: {error}", self.base))
    }

    /// `GET sys/seal-status`, `Err` where nothing answers.
    ///
    /// # Errors
    /// What the transport or the server complained of.
    pub async fn try_seal_status(&self) -> Result<Value, String> {
        let answer = self.try_call(Method::GET, "sys/seal-status", None, None, Duration::from_secs(2)).await?;
        if answer.status == 200 { Ok(answer.body) } else { Err(format!("seal-status answers {}", answer.status)) }
    }

    /// `GET sys/seal-status`.
    pub async fn seal_status(&self) -> Value {
        self.call(Method::GET, "sys/seal-status", None, None).await.good()
    }

    /// Whether the server answers and is sealed.
    pub async fn sealed(&self) -> bool {
        self.try_seal_status().await.is_ok_and(|status| status["sealed"] == json!(true))
    }

    /// Whether the server answers and is open, as leader or standby.
    pub async fn open(&self) -> bool {
        self.try_seal_status().await.is_ok_and(|status| status["sealed"] == json!(false))
    }

    /// Status of `sys/health`: 200 active, 429 standby, 501 uninitialised, 503 sealed. 0 where nothing answers.
    pub async fn health(&self) -> u16 {
        let answer = self.try_call(Method::GET, "sys/health", None, None, Duration::from_secs(2)).await;
        answer.map_or(0, |answer| answer.status)
    }

    /// Initialises with `shares` shares of which `threshold` open it.
    pub async fn init(&self, shares: usize, threshold: usize) -> Keys {
        let body = json!({"secret_shares": shares, "secret_threshold": threshold});
        let answer = self.try_call(Method::PUT, "sys/init", None, Some(&body), INIT_LIMIT).await;
        let answer = answer.unwrap_or_else(|error| panic!("init of {}: {error}", self.base)).good();
        let texts = answer["keys_base64"].as_array().expect("keys_base64 in the answer of init");
        Keys {
            shares: texts.iter().map(|text| text.as_str().expect("a share is text").to_owned()).collect(),
            threshold,
            root_token: answer["root_token"].as_str().expect("root_token in the answer of init").to_owned(),
        }
    }

    /// Sends one share.
    pub async fn send_share(&self, share: &str) -> Answer {
        self.call(Method::PUT, "sys/unseal", None, Some(&json!({"key": share}))).await
    }

    /// Sends enough shares and waits until the server is open.
    pub async fn unseal(&self, keys: &Keys) {
        for share in keys.enough() {
            self.send_share(share).await.good();
        }
        crate::wait::until(LIMIT, &format!("{} to be open", self.base), async || self.open().await).await;
    }

    /// Waits until the server is active (health 200), at most 30 s.
    pub async fn active(&self) {
        let what = format!("{} to be active", self.base);
        crate::wait::for_some(Duration::from_secs(30), &what, async || match self.health().await {
            200 => Ok(()),
            other => Err(format!("health {other}")),
        })
        .await;
    }

    /// Seals the server.
    pub async fn seal(&self, token: &str) {
        self.call(Method::PUT, "sys/seal", Some(token), None).await.good();
    }

    /// Mounts a kv engine (version 1) at `kv`.
    pub async fn mount_kv(&self, token: &str) {
        self.call(Method::POST, "sys/mounts/kv", Some(token), Some(&json!({"type": "kv"}))).await.good();
    }

    /// Writes `value` at `kv/NAME`.
    pub async fn write(&self, token: &str, name: &str, value: &str) {
        self.call(Method::POST, &format!("kv/{name}"), Some(token), Some(&json!({"value": value}))).await.good();
    }

    /// Reads the value at `kv/NAME`, `None` where there is none.
    pub async fn read(&self, token: &str, name: &str) -> Option<String> {
        let answer = self.call(Method::GET, &format!("kv/{name}"), Some(token), None).await;
        if answer.status == StatusCode::NOT_FOUND.as_u16() {
            return None;
        }
        answer.good()["data"]["value"].as_str().map(str::to_owned)
    }
}
