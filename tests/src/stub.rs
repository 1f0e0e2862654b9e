//! A listener that says what a test wants it to say, and keeps every byte it was sent: an impostor, a proxy nobody asked for, or an
//! answer that a real server gives once in a thousand starts.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Status, one more header line (empty for none) and body.
pub type Said = (u16, String, String);

type Answers = Arc<dyn Fn(&str) -> Said + Send + Sync>;

/// A stub. Dropped: closed.
#[derive(Debug)]
pub struct Stub {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
    _accepting: JoinSet<()>,
}

impl Stub {
    /// Listens on a free port; `answers` gets `METHOD /path` of each request.
    pub fn start(answers: impl Fn(&str) -> Said + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self::on(listener, answers)
    }

    /// Listens on a socket that is bound already.
    pub fn on(listener: std::net::TcpListener, answers: impl Fn(&str) -> Said + Send + Sync + 'static) -> Self {
        listener.set_nonblocking(true).expect("a socket that does not block");
        let listener = TcpListener::from_std(listener).expect("a listener");
        let (address, seen) = (listener.local_addr().expect("its address"), Arc::new(Mutex::new(Vec::new())));
        let (kept, answers) = (Arc::clone(&seen), Arc::new(answers) as Answers);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut serving = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                serving.spawn(serve(socket, Arc::clone(&kept), Arc::clone(&answers)));
            }
        });
        Self { address, seen, _accepting: accepting }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every byte that came in so far, of all connections, as text.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().expect("no panic while it is held")).into_owned()
    }
}

async fn serve(mut socket: TcpStream, kept: Arc<Mutex<Vec<u8>>>, answers: Answers) {
    let mut request = Vec::new();
    let mut buffer = [0_u8; 4096];
    while let Ok(count @ 1..) = socket.read(&mut buffer).await {
        kept.lock().expect("no panic while it is held").extend_from_slice(&buffer[..count]);
        request.extend_from_slice(&buffer[..count]);
        while let Some((call, length)) = whole(&request) {
            request.drain(..length);
            let (status, header, body) = answers(&call);
            let header = if header.is_empty() { header } else { format!("{header}\r\n") };
            let length = body.len();
            let text = format!("HTTP/1.1 {status} Said\r\n{header}Content-Length: {length}\r\n\r\n{body}");
            if socket.write_all(text.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// `METHOD /path` and the length of the first request in `bytes`, once it is there whole.
fn whole(bytes: &[u8]) -> Option<(String, usize)> {
    let text = String::from_utf8_lossy(bytes);
    let (head, _) = text.split_once("\r\n\r\n")?;
    let body =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let length = head.len() + 4 + body.unwrap_or(0_usize);
    let mut words = head.split_whitespace();
    let call = format!("{} {}", words.next()?, words.next()?.split('?').next()?);
    (bytes.len() >= length).then_some((call, length))
}

/// What a sealed Vault with 3 of 5 shares answers.
pub fn sealed_vault(call: &str) -> Said {
    let body = match call {
        "GET /v1/sys/seal-status" => {
            r#"{"type":"shamir","initialized":true,"sealed":true,"t":3,"n":5,"progress":0,"nonce":"","version":"1.21.4","build_date":"2026-01-01T00:00:00Z","migration":false,"recovery_seal":false,"storage_type":"file"}"#
        }
        "PUT /v1/sys/unseal" => {
            r#"{"type":"shamir","initialized":true,"sealed":true,"t":3,"n":5,"progress":1,"nonce":"n","version":"1.21.4","build_date":"2026-01-01T00:00:00Z","migration":false,"recovery_seal":false,"storage_type":"file"}"#
        }
        _ => return (503, String::new(), r#"{"errors":["Vault is sealed"]}"#.to_owned()),
    };
    (200, String::new(), body.to_owned())
}
