//! The daemon's web pages: read-only, without secrets, bounded.
//!
//! - `/live`: every task turns. Says nothing about any Vault.
//! - `/ready`: the daemon could unseal: an identity, the store key, and for each Vault an authentic generation of which enough shares
//!   can be opened. Not whether a Vault is open.
//! - `/metrics`, `/status.json` ([`crate::status`]), and `/`, the same for people.

mod limits;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sops_tools::clock::Clock;
use sops_tools::report::{ExitStatus, Failure};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::daemon::board::Board;
use crate::metrics;
use crate::status::Status;

/// What the pages are made from.
#[derive(Clone)]
pub struct Pages {
    /// The board.
    pub board: Arc<Board>,
    /// The time that ages are counted to.
    pub clock: Arc<dyn Clock>,
}

/// Binds the address; the settings' fault where it cannot be had.
///
/// # Errors
/// The port is taken, or the address is not this host's.
pub async fn bind(listen: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(listen).await.map_err(|error| {
        Failure::new(ExitStatus::Usage, "listen", format!("listen: {listen} cannot be listened on"))
            .cause(error)
            .hint("set `listen` to a free address of this host")
    })
}

/// Serves until `soft` is cancelled; answers under way are finished.
pub async fn serve(listener: TcpListener, pages: Pages, soft: CancellationToken) {
    let limited = limits::Limited::new(listener);
    let served = axum::serve(limited, router(pages)).with_graceful_shutdown(soft.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the web pages ended");
    }
}

fn router(pages: Pages) -> Router {
    Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(scrape))
        .route("/status.json", get(status))
        .route("/", get(page))
        .with_state(pages)
}

fn lines(status: StatusCode, text: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{text}\n")).into_response()
}

async fn live(State(pages): State<Pages>) -> Response {
    let stuck = pages.board.stuck();
    if stuck.is_empty() {
        return lines(StatusCode::OK, "live");
    }
    lines(StatusCode::SERVICE_UNAVAILABLE, &format!("tasks that no longer turn: {}", stuck.join(", ")))
}

async fn ready(State(pages): State<Pages>) -> Response {
    let reasons = pages.board.not_ready();
    if reasons.is_empty() {
        return lines(StatusCode::OK, "ready");
    }
    lines(StatusCode::SERVICE_UNAVAILABLE, &reasons.join("\n"))
}

async fn scrape(State(pages): State<Pages>) -> Response {
    match metrics::text(&pages.board, &pages.clock) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => lines(StatusCode::INTERNAL_SERVER_ERROR, "the series could not be written"),
    }
}

async fn status(State(pages): State<Pages>) -> Response {
    axum::Json(pages.board.status(pages.clock.now())).into_response()
}

async fn page(State(pages): State<Pages>) -> Response {
    lines(StatusCode::OK, &plain(&pages.board.status(pages.clock.now())))
}

/// The status for people: one line for each node, and what to do.
fn plain(status: &Status) -> String {
    let mut text = format!("unsealer {}, started {}\n", status.tool, status.started);
    let _ = writeln!(text, "{}", if status.ready { "ready to unseal" } else { "NOT ready to unseal:" });
    for reason in &status.not_ready {
        let _ = writeln!(text, "  {reason}");
    }
    for vault in &status.vaults {
        let store = &vault.store;
        let read = store.read_at.or(store.cached_at).map_or_else(|| "never read".to_owned(), |at| format!("read {at}"));
        let state = if store.available { "" } else { " store-unavailable" };
        let back = if store.rolled_back { " store-rolled-back" } else { "" };
        let _ = writeln!(text, "\n{}  store {}, {read}{state}{back}", vault.name, store.location);
        for node in &vault.nodes {
            let _ = writeln!(text, "  {}  {} since {}: {}", node.address, node.state, node.since, node.message);
            if let Some(next) = &node.next_step {
                let _ = writeln!(text, "    next: {next}");
            }
        }
        for hold in &vault.holds {
            let _ = writeln!(text, "  hold since {} by {}: {}", hold.at, hold.host, hold.reason);
        }
        for finding in &vault.findings {
            let _ = writeln!(text, "  {}: {}: {}", finding.class, finding.path, finding.detail);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::board::blank;
    use crate::supervisor::Place;
    use sops_tools::clock::System;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn ask(path: &str) -> String {
        let clock: Arc<dyn Clock> = Arc::new(System);
        let nodes = vec![("http://127.0.0.1:8200".to_owned(), Place::Local)];
        let board = blank(clock.now(), vec![("main".to_owned(), nodes)]);
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let soft = CancellationToken::new();
        let server = tokio::spawn(serve(listener, Pages { board, clock }, soft.clone()));
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        soft.cancel();
        server.await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_daemon_that_knows_nothing_is_live_and_not_ready() {
        assert!(ask("/live").await.starts_with("HTTP/1.1 200"));
        let ready = ask("/ready").await;
        assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("no age identity"), "{ready}");
    }

    #[tokio::test]
    async fn the_pages_name_every_vault() {
        for path in ["/", "/status.json", "/metrics"] {
            let answer = ask(path).await;
            assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("127.0.0.1:8200"), "{answer}");
        }
    }

    #[tokio::test]
    async fn there_is_nothing_else() {
        assert!(ask("/debug").await.starts_with("HTTP/1.1 404"));
    }
}
