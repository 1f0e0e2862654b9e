//! Noticing that a server ends, by one idle connection.
//!
//! Go's HTTP server drops a connection that has asked nothing after `http_read_header_timeout`, 10 s by default, but keeps one that has
//! asked once for `http_idle_timeout`, 5 minutes by default. So one cheap request is made first.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::wire::{self, CONNECT_LIMIT, Call, Wire};
use super::{VaultError, VaultErrorKind};

const CALL: Call = Call { name: "idle connection", limit: Duration::from_secs(5), secret: false };
/// Bytes taken on an idle connection; the answer to HEAD has some hundred.
const TAKEN_BYTES: usize = 64 << 10;
/// A vanished machine sends no end: the kernel asks after 15 s of silence, three times 5 s apart.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(15), Duration::from_secs(5), 3);

/// Time between two knocks where one server is down. A refused connection to this host costs some ten microseconds.
const KNOCK: Duration = Duration::from_millis(4);
/// So many servers are knocked at in that rhythm; the more are down, the slower it is, so that a hundred cost no more than these.
const AT_FULL_PACE: u32 = 8;
/// Servers of this process that are knocked at now.
static KNOCKED_AT: AtomicU32 = AtomicU32::new(0);

/// Counts a server as knocked at.
struct Knocking;

impl Knocking {
    fn begin() -> Self {
        KNOCKED_AT.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Knocking {
    fn drop(&mut self) {
        KNOCKED_AT.fetch_sub(1, Ordering::Relaxed);
    }
}

fn pause(down: u32) -> Duration {
    KNOCK.max(KNOCK * down / AT_FULL_PACE)
}

/// Connects again and again until a connection is not refused.
pub(super) async fn knock(wire: &Wire) {
    let Some(addresses) = wire.target.fixed_addresses() else { return std::future::pending().await };
    let _knocking = Knocking::begin();
    loop {
        sleep(pause(KNOCKED_AT.load(Ordering::Relaxed))).await;
        let connected = TcpStream::connect(addresses.as_slice()).await;
        if !connected.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused) {
            return;
        }
    }
}

/// Resolves when the server ends the connection (`true`) or after `longest` (`false`).
pub(super) async fn connection_ended(wire: &Wire, longest: Duration) -> Result<bool, VaultError> {
    let slow = |_| wire.fault(CALL, VaultErrorKind::TimedOut, "no connection in time");
    let socket = timeout(CONNECT_LIMIT, connect(wire)).await.map_err(slow)??;
    if !wire.target.secure() {
        return watch(wire, socket, longest).await;
    }
    let host = wire.target.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host)
        .map_err(|_| wire.fault(CALL, VaultErrorKind::Tls, "not a name for a certificate"))?;
    let handshake = TlsConnector::from(wire.target.tls.clone()).connect(name, socket);
    let secured = timeout(CONNECT_LIMIT, handshake).await.map_err(slow)?.map_err(|error| failed(wire, &error))?;
    watch(wire, secured, longest).await
}

async fn connect(wire: &Wire) -> Result<TcpStream, VaultError> {
    let connected = match wire.target.fixed_addresses() {
        Some(addresses) => TcpStream::connect(addresses.as_slice()).await,
        None => TcpStream::connect((wire.target.dial.host_str().unwrap_or_default(), wire.target.port())).await,
    };
    let socket = connected.map_err(|error| failed(wire, &error))?;
    keep_alive(&socket).map_err(|error| failed(wire, &error.into()))?;
    Ok(socket)
}

fn keep_alive(socket: &TcpStream) -> rustix::io::Result<()> {
    let (idle, interval, count) = KEEPALIVE;
    rustix::net::sockopt::set_socket_keepalive(socket, true)?;
    rustix::net::sockopt::set_tcp_keepidle(socket, idle)?;
    rustix::net::sockopt::set_tcp_keepintvl(socket, interval)?;
    rustix::net::sockopt::set_tcp_keepcnt(socket, count)
}

async fn watch(
    wire: &Wire,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    longest: Duration,
) -> Result<bool, VaultError> {
    // Port and brackets of the address as given are what HTTP wants in Host.
    let host = &wire.target.url[url::Position::BeforeHost..url::Position::AfterPort];
    let request = format!("HEAD /v1/sys/health HTTP/1.1\r\nHost: {host}\r\nX-Vault-Request: true\r\n\r\n");
    let slow = |_| wire.fault(CALL, VaultErrorKind::TimedOut, "no answer in time");
    timeout(CALL.limit, stream.write_all(request.as_bytes()))
        .await
        .map_err(slow)?
        .map_err(|error| failed(wire, &error))?;
    let mut taken = 0;
    let mut buffer = [0_u8; 1024];
    // An end by reset is an end as well.
    let first = timeout(CALL.limit, stream.read(&mut buffer)).await.map_err(slow)?;
    let Some(mut count) = first.ok().filter(|count| *count > 0) else { return Ok(true) };
    let rest = async {
        loop {
            taken += count;
            if taken > TAKEN_BYTES {
                return Err(wire.fault(CALL, VaultErrorKind::Malformed, "the answer to HEAD does not end"));
            }
            match stream.read(&mut buffer).await {
                Ok(more) if more > 0 => count = more,
                Ok(_) | Err(_) => return Ok(true),
            }
        }
    };
    timeout(longest, rest).await.unwrap_or(Ok(false))
}

fn failed(wire: &Wire, error: &std::io::Error) -> VaultError {
    let (kind, detail) =
        wire::cause(error).unwrap_or((VaultErrorKind::Unreachable, "the connection failed".to_owned()));
    wire.fault(CALL, kind, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_servers_that_are_down_are_knocked_at_no_more_often_than_eight() {
        assert_eq!(pause(1), KNOCK);
        assert_eq!(pause(8), KNOCK);
        for down in [9, 20, 100, 1000_u32] {
            let each_second = f64::from(down) / pause(down).as_secs_f64();
            assert!(each_second <= f64::from(AT_FULL_PACE) / KNOCK.as_secs_f64() + 1.0, "{down}: {each_second}");
        }
    }
}
