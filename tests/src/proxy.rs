//! A TCP proxy between a client and a server that breaks what passes, as told at run time.
//!
//! It reads HTTP/1.1 requests far enough to number and log them (`PUT /v1/sys/init`), so that a test can act at call N:
//! kill a process before the call is passed on, lose its answer, or kill after it was answered. Over TLS it sees no calls
//! and only the modes that need none apply.
//!
//! Each connection handles one request at a time, as HTTP/1.1 clients send them.

mod http;
mod plan;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::ports::Port;
use http::{Message, read_message};
use plan::Plan;
pub use plan::{Action, Call, Lasting, Moment, Trap};

/// What the proxy does to every connection and answer until told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything.
    Pass,
    /// Delays each piece of the answer.
    Latency(Duration),
    /// Accepts and never answers; nothing is passed on.
    Blackhole,
    /// Resets every connection at once.
    Reset,
    /// Resets every second connection.
    Flaky,
    /// Passes so many bytes of the answer, then resets.
    Cut(usize),
    /// Passes so many bytes of the answer, then ends the connection in order.
    Fin(usize),
    /// Passes so many bytes of the answer, then falls silent.
    Stall(usize),
    /// Passes the answer 256 bytes at a time, a pause after each.
    Slow(Duration),
    /// Passes the request and withholds the answer.
    HangAnswer,
    /// Passes the request and resets instead of answering.
    DropAnswer,
    /// [`Mode::DropAnswer`] for the first successful answer alone.
    DropFirst,
    /// Flips one bit in each answer's body.
    Corrupt,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    plan: Plan,
    connections: usize,
}

type Shared = Arc<Mutex<State>>;

/// A proxy on a port of its own. Dropped: closed, with all connections through it.
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    state: Shared,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// A proxy to the server at 127.0.0.1:`target` that passes everything.
    pub async fn to(target: u16) -> Self {
        let port = Port::take();
        let listener = TcpListener::bind(port.address()).await.expect("the proxy's own port");
        let state = Arc::new(Mutex::new(State { mode: Mode::Pass, plan: Plan::default(), connections: 0 }));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, SocketAddr::from(([127, 0, 0, 1], target)), Arc::clone(&state)));
        Self { port, state, _accepting: accepting }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// `http://127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// Changes what happens from now on: to new connections, and to the next request of open ones.
    pub fn set(&self, mode: Mode) {
        let mut state = self.state();
        state.mode = mode;
        state.plan.break_at(None);
    }

    /// Breaks the call with this number in the way of `mode`, and the later ones where it lasts. [`Mode::Flaky`] is a
    /// matter of connections: as the fault of a call it does nothing.
    pub fn break_at(&self, number: usize, lasting: Lasting, mode: Mode) {
        self.state().plan.break_at(Some((number, lasting, mode)));
    }

    /// Lays a trap for one call; several may lie at once.
    pub fn trap(&self, trap: Trap) {
        self.state().plan.lay(trap);
    }

    /// All calls so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.state().plan.calls().to_vec()
    }

    /// How many calls there were so far; the next one has this number.
    pub fn count(&self) -> usize {
        self.state().plan.calls().len()
    }

    /// Whether every trap laid has been sprung.
    pub fn sprung(&self) -> bool {
        self.state().plan.sprung()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.state().connections
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Shared) -> std::sync::MutexGuard<'_, State> {
    state.lock().expect("no panic while the proxy's state is held")
}

async fn accept(listener: TcpListener, target: SocketAddr, state: Shared) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let (mode, number) = {
            let mut state = lock(&state);
            state.connections += 1;
            (state.mode, state.connections)
        };
        if mode == Mode::Reset || (mode == Mode::Flaky && number % 2 == 1) {
            reset(client);
            continue;
        }
        connections.spawn(serve(client, target, Arc::clone(&state)));
    }
}

/// Ends a connection with RST.
fn reset(client: TcpStream) {
    // A socket without linger time resets when it is closed. The connection may be gone already.
    drop(client.set_zero_linger());
    drop(client);
}

/// Keeps a connection open without a word until the client gives up.
async fn silence(client: &mut TcpStream) {
    let mut rest = [0; 1024];
    while client.read(&mut rest).await.is_ok_and(|read| read > 0) {}
}

/// What becomes of a connection after one request.
enum Next {
    GoOn,
    Close,
    Reset,
    Silence,
}

async fn serve(mut client: TcpStream, target: SocketAddr, state: Shared) {
    if lock(&state).mode == Mode::Blackhole {
        return silence(&mut client).await;
    }
    let Ok(mut server) = TcpStream::connect(target).await else {
        return reset(client);
    };
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    loop {
        let request = tokio::select! {
            request = read_message(&mut client, &mut read, None) => request,
            // An idle connection ends for the client when it ends for the proxy.
            () = closed(&mut server, &mut unread) => return,
        };
        let Some(request) = request else {
            // No HTTP: TLS for instance. What was read is passed on, and all that follows.
            if !read.is_empty() && server.write_all(&read).await.is_ok() {
                drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
            }
            return;
        };
        match exchange(&mut client, &mut server, &request, &mut unread, &state).await {
            Next::GoOn => {}
            Next::Close => return,
            Next::Reset => return reset(client),
            Next::Silence => return silence(&mut client).await,
        }
    }
}

/// Waits until the server closes; what it says until then is kept.
async fn closed(server: &mut TcpStream, unread: &mut Vec<u8>) {
    while server.read_buf(unread).await.is_ok_and(|read| read > 0) {}
}

/// Passes one request and its answer.
async fn exchange(
    client: &mut TcpStream,
    server: &mut TcpStream,
    request: &Message,
    unread: &mut Vec<u8>,
    state: &Shared,
) -> Next {
    let (mode, mut sprung) = {
        let mut state = lock(state);
        let sprung = state.plan.record(request);
        (state.plan.fault(sprung.number()).unwrap_or(state.mode), sprung)
    };
    if mode == Mode::Blackhole {
        return Next::Silence;
    }
    if mode == Mode::Reset {
        return Next::Reset;
    }
    if let Some(next) = sprung.act(Moment::BeforeForwarding) {
        return next.into();
    }
    if server.write_all(&request.bytes).await.is_err() {
        return Next::Close;
    }
    let Some(answer) = read_message(server, unread, Some(request)).await else {
        return Next::Close;
    };
    lock(state).plan.answered(sprung.number(), answer.status());
    if let Some(next) = sprung.act(Moment::BeforeAnswering) {
        return next.into();
    }
    let next = deliver(client, &answer, mode, state).await;
    match sprung.act(Moment::AfterAnswering) {
        Some(next) => next.into(),
        None if answer.closes() => Next::Close,
        None => next,
    }
}

impl From<Action> for Next {
    fn from(action: Action) -> Self {
        match action {
            Action::GoOn => Self::GoOn,
            Action::Reset => Self::Reset,
            Action::Hang => Self::Silence,
        }
    }
}

/// Sends an answer to the client in the way of `mode`.
async fn deliver(client: &mut TcpStream, answer: &Message, mode: Mode, state: &Shared) -> Next {
    let bytes = &answer.bytes;
    let first = |count: usize| &bytes[..count.min(bytes.len())];
    match mode {
        Mode::Latency(pause) => pieces(client, bytes, 16 * 1024, pause).await,
        Mode::Slow(pause) => pieces(client, bytes, 256, pause).await,
        Mode::Cut(count) => pass_then(client, first(count), Next::Reset).await,
        Mode::Fin(count) => pass_then(client, first(count), Next::Close).await,
        Mode::Stall(count) => pass_then(client, first(count), Next::Silence).await,
        Mode::HangAnswer => Next::Silence,
        Mode::DropAnswer => Next::Reset,
        Mode::DropFirst if answer.status() / 100 == 2 => {
            lock(state).mode = Mode::Pass;
            Next::Reset
        }
        Mode::Pass | Mode::Flaky | Mode::Blackhole | Mode::Reset | Mode::DropFirst => pass(client, bytes).await,
        Mode::Corrupt => pass(client, &answer.with_a_flipped_bit()).await,
    }
}

async fn pass(client: &mut TcpStream, bytes: &[u8]) -> Next {
    pass_then(client, bytes, Next::GoOn).await
}

async fn pass_then(client: &mut TcpStream, bytes: &[u8], next: Next) -> Next {
    if client.write_all(bytes).await.is_err() || client.flush().await.is_err() {
        return Next::Close;
    }
    next
}

async fn pieces(client: &mut TcpStream, bytes: &[u8], size: usize, pause: Duration) -> Next {
    for piece in bytes.chunks(size) {
        tokio::time::sleep(pause).await;
        if client.write_all(piece).await.is_err() {
            return Next::Close;
        }
    }
    Next::GoOn
}
