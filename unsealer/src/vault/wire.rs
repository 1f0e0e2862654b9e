//! One HTTP call, bounded, and its answer whatever the status.
//!
//! The client is a [`VaultClient`] put together by hand: its own constructor reads VAULT_* variables (`VAULT_SKIP_VERIFY=""`
//! switches verification off), obeys proxies and follows redirects with the share in the body. Its middleware and endpoint
//! types are used; its runners are not, because they read answers without a limit, turn every status but 2xx into an error that
//! holds the body, and log that. So [`Bounded`] is our own executor for the same endpoints over the same HTTP client.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustify::endpoint::{Endpoint, MiddleWare};
use rustify::errors::ClientError;
use sops_tools::secret::Token;
use vaultrs::api::EndpointMiddleware;
use vaultrs::client::{VaultClient, VaultClientSettings};
use zeroize::{Zeroize as _, Zeroizing};

use super::listener;
use super::target::Target;
use super::{VaultError, VaultErrorKind};

/// Longest answer read. The longest known, an init with 255 shares, has 30 KiB.
const ANSWER_BYTES: usize = 1 << 20;
/// Time for TCP and TLS; on one machine or in one cluster it takes milliseconds.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long an unused TLS connection is kept.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// What is called, and how long it may take.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) limit: Duration,
    /// Whether a share or token goes out or comes back, so the listener's owner is looked at first.
    pub(super) secret: bool,
}

/// Status and body of an answer that was not a redirect. Wiped when dropped.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
    /// The server's clock, as its `Date` header says it.
    pub(super) date: Option<String>,
}

/// The way to one server.
pub(super) struct Wire {
    vault: VaultClient,
    pub(super) target: Target,
    pub(super) address: String,
}

impl Wire {
    pub(super) fn new(target: Target) -> Result<Self, VaultError> {
        let address = target.address();
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(IDLE_LIMIT)
            .tls_backend_preconfigured((*target.tls).clone());
        // Without TLS nothing ties an open connection to the process that listens now: an impostor could keep one from
        // before the server's start. So each call makes its own.
        if !target.secure() || target.server_uid.is_some() {
            builder = builder.pool_max_idle_per_host(0);
        }
        if let (Some(name), Some(addresses)) = (target.url.domain(), target.fixed_addresses()) {
            builder = builder.resolve_to_addrs(name, &addresses);
        } else if let Some(host) = target.dial.domain().filter(|_| target.dial != target.url) {
            builder = builder.dns_resolver(Arc::new(Elsewhere(host.to_owned())));
        }
        let http = builder.build().map_err(|_| VaultError {
            kind: VaultErrorKind::Tls,
            call: "settings",
            address: address.clone(),
            detail: "the HTTP client could not be built".to_owned(),
        })?;
        let vault = VaultClient {
            http: rustify::clients::reqwest::Client::new(target.url.as_str(), http),
            middle: EndpointMiddleware { token: String::new(), version: "v1".to_owned(), wrap: None, namespace: None },
            settings: VaultClientSettings {
                address: target.url.clone(),
                ca_certs: Vec::new(),
                identity: None,
                timeout: None,
                token: String::new(),
                verify: true,
                version: 1,
                wrapping: false,
                namespace: None,
                proxy: None,
            },
        };
        Ok(Self { vault, target, address })
    }

    pub(super) fn fault(&self, call: Call, kind: VaultErrorKind, detail: impl Into<String>) -> VaultError {
        VaultError { kind, call: call.name, address: self.address.clone(), detail: detail.into() }
    }

    /// Makes the call. Any status but a redirect is an answer.
    pub(super) async fn exec<E: Endpoint>(
        &self,
        call: Call,
        token: Option<&Token>,
        endpoint: E,
    ) -> Result<Answer, VaultError> {
        let headers = Headers::new(&self.vault.middle, token).ok_or_else(|| {
            self.fault(call, VaultErrorKind::Rejected, "the token is not one line of printable characters")
        })?;
        if call.secret {
            self.check_listener(call).await?;
        }
        let bounded = Bounded { vault: &self.vault, limit: call.limit };
        let mut result =
            endpoint.with_middleware(&headers).exec(&bounded).await.map_err(|error| self.no_answer(call, &error))?;
        let status = result.response.status().as_u16();
        let date = result.response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
        let date = date.map(str::to_owned);
        let body = Zeroizing::new(std::mem::take(result.response.body_mut()));
        if (300..400).contains(&status) {
            return Err(self.fault(
                call,
                VaultErrorKind::Redirected,
                format!("status {status}; redirects are not followed"),
            ));
        }
        Ok(Answer { status, body, date })
    }

    /// Holds the listening socket's owner against the expected user. What remains is a change of owner between this look and
    /// the connection, microseconds later, for which the server itself must end in that moment.
    async fn check_listener(&self, call: Call) -> Result<(), VaultError> {
        let Some(uid) = self.target.server_uid else { return Ok(()) };
        let addresses = self.target.fixed_addresses().unwrap_or_default();
        let table = tokio::task::spawn_blocking(listener::listeners).await;
        let refused = |detail: &str| Err(self.fault(call, VaultErrorKind::Untrusted, detail));
        match table {
            Ok(Ok(listeners)) if listener::owned_by(&listeners, &addresses, uid) => Ok(()),
            Ok(Ok(_)) => refused(&format!("no socket of user {uid} alone listens there; nothing was sent")),
            Ok(Err(_)) | Err(_) => refused("the kernel's socket table cannot be read; nothing was sent"),
        }
    }

    fn no_answer(&self, call: Call, error: &ClientError) -> VaultError {
        let (kind, detail) = match error {
            ClientError::GenericError { source } => source.downcast_ref::<Transport>().map_or_else(
                || (VaultErrorKind::Malformed, "the request could not be made".to_owned()),
                |transport| (transport.kind, transport.detail.clone()),
            ),
            _ => (VaultErrorKind::Malformed, "the request could not be built".to_owned()),
        };
        self.fault(call, kind, detail)
    }
}

/// Resolves one host, whatever name the certificate carries.
struct Elsewhere(String);

impl Resolve for Elsewhere {
    fn resolve(&self, _: Name) -> Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            // Port 0: the client puts the address's own in its place.
            let found: Vec<_> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// vaultrs' middleware for one call, its copy of the token wiped afterwards.
struct Headers(EndpointMiddleware);

impl Headers {
    /// `None` where the token cannot be a header, on which the middleware would panic.
    fn new(plain: &EndpointMiddleware, token: Option<&Token>) -> Option<Self> {
        let mut middle = plain.clone();
        if let Some(token) = token {
            let text = token.expose_text().ok()?;
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                return None;
            }
            text.clone_into(&mut middle.token);
        }
        Some(Self(middle))
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        self.0.token.zeroize();
    }
}

impl MiddleWare for Headers {
    fn request<E: Endpoint>(&self, endpoint: &E, request: &mut Request<Vec<u8>>) -> Result<(), ClientError> {
        self.0.request(endpoint, request)?;
        if let Some(token) = request.headers_mut().get_mut("X-Vault-Token") {
            token.set_sensitive(true);
        }
        Ok(())
    }

    fn response<E: Endpoint>(&self, endpoint: &E, response: &mut Response<Vec<u8>>) -> Result<(), ClientError> {
        self.0.response(endpoint, response)
    }
}

/// Why there is no answer; travels through rustify's error as its source.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
struct Transport {
    kind: VaultErrorKind,
    detail: String,
}

impl Transport {
    fn wrapped(kind: VaultErrorKind, detail: impl Into<String>) -> ClientError {
        ClientError::GenericError { source: Self { kind, detail: detail.into() }.into() }
    }
}

/// Executes endpoints within a time and a size.
struct Bounded<'a> {
    vault: &'a VaultClient,
    limit: Duration,
}

#[async_trait]
impl rustify::client::Client for Bounded<'_> {
    fn base(&self) -> &str {
        &self.vault.http.base
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        // The buffer is owned by the request from here on and wiped with it.
        let request = request.map(|body| Bytes::from_owner(Zeroizing::new(body)));
        let mut request = reqwest::Request::try_from(request)
            .map_err(|_| Transport::wrapped(VaultErrorKind::Malformed, "the request could not be built"))?;
        *request.timeout_mut() = Some(self.limit);
        let response = self.vault.http.http.execute(request).await.map_err(|error| transport(&error, self.limit))?;
        let status = response.status();
        let date = response.headers().get(http::header::DATE).cloned();
        let mut body = read(response, self.limit).await?;
        let mut answer = Response::builder().status(status);
        if let Some(date) = date {
            answer = answer.header(http::header::DATE, date);
        }
        answer
            .body(std::mem::take(&mut *body))
            .map_err(|_| Transport::wrapped(VaultErrorKind::Malformed, "the answer could not be kept"))
    }

    /// Passes every status on: what it means depends on the call.
    async fn execute(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        self.send(request).await
    }
}

/// Reads the body into buffers that are wiped, also when they grow.
async fn read(mut response: reqwest::Response, limit: Duration) -> Result<Zeroizing<Vec<u8>>, ClientError> {
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    while let Some(piece) = response.chunk().await.map_err(|error| transport(&error, limit))? {
        let needed = body.len() + piece.len();
        if needed > ANSWER_BYTES {
            return Err(Transport::wrapped(
                VaultErrorKind::Malformed,
                format!("the answer is longer than {ANSWER_BYTES} bytes"),
            ));
        }
        if needed > body.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed * 2));
            larger.extend_from_slice(&body);
            body = larger;
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn transport(error: &reqwest::Error, limit: Duration) -> ClientError {
    if error.is_timeout() && !error.is_connect() {
        return Transport::wrapped(VaultErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs()));
    }
    let (kind, detail) = cause(error).unwrap_or_else(|| {
        let kind = if error.is_timeout() { VaultErrorKind::TimedOut } else { VaultErrorKind::Unreachable };
        (kind, "the connection failed".to_owned())
    });
    Transport::wrapped(kind, detail)
}

/// The innermost cause that says more than "failed".
pub(super) fn cause(error: &(dyn Error + 'static)) -> Option<(VaultErrorKind, String)> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        // Names out of a certificate are the server's words: one line of them.
        let text: String = tls.to_string().chars().filter(|letter| !letter.is_control()).take(160).collect();
        return Some((VaultErrorKind::Tls, text));
    }
    if let Some(io) = error.downcast_ref::<io::Error>() {
        // `source` of an io::Error passes over the very error that it wraps.
        if let Some(found) = io.get_ref().and_then(|inner| cause(inner)) {
            return Some(found);
        }
        match io.kind() {
            io::ErrorKind::ConnectionRefused => {
                return Some((VaultErrorKind::Refused, "connection refused".to_owned()));
            }
            io::ErrorKind::TimedOut => return Some((VaultErrorKind::TimedOut, "the connection timed out".to_owned())),
            io::ErrorKind::Other => {}
            kind => return Some((VaultErrorKind::Unreachable, kind.to_string())),
        }
    }
    error.source().and_then(cause)
}
