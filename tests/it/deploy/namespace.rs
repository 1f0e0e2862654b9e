//! A network and mount namespace of its own, as a Pod has them: its loopback, one outer address, and a name server.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::command::{Output, run};
use harness::ports::Port;
use harness::process::{Process, Program};
use harness::wait;
use harness::workdir::Workdir;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

const LIMIT: Duration = Duration::from_secs(30);
/// The lowest number of a [`Port`]; there are 10000, so four addresses for each fit into 16 bits.
const FIRST: u16 = 12_768;

/// The namespace; gone when dropped, with its interfaces and mounts.
pub(super) struct Namespace {
    holder: Process,
    link: String,
    outer: String,
    inner: String,
    _folder: Workdir,
    _port: Port,
}

impl Namespace {
    /// A new one: loopback up, `eth0` with an address that this side reaches.
    ///
    /// # Panics
    /// Without the rights to make it: it needs root.
    pub(super) async fn new() -> Self {
        assert!(rustix::process::getuid().is_root(), "network namespaces with an outer address need root");
        let folder = Workdir::new("namespace");
        // A port of ours alone gives a number of ours alone: interface and addresses are made from it.
        let port = Port::take();
        let number = port.number();
        // 198.18.0.0/15 is kept for tests of network devices (RFC 2544): no machine's real network.
        let network = |host: u16| {
            let low = (number - FIRST) * 4 + host;
            format!("198.18.{}.{}", low >> 8, low & 255)
        };
        let (outer, inner, link) = (network(1), network(2), format!("uv{number}"));
        let sleeper = Program::new("namespace", "unshare").args(["--net", "--mount", "--", "sleep", "infinity"]);
        let holder = sleeper.start(&folder.join("log"));
        let namespace = Self { holder, link, outer, inner, _folder: folder, _port: port };
        let ours = std::fs::read_link("/proc/self/ns/net").expect("own namespace");
        let theirs = format!("/proc/{}/ns/net", namespace.pid());
        wait::until(LIMIT, "the namespace", async || std::fs::read_link(&theirs).is_ok_and(|theirs| theirs != ours))
            .await;
        let (link, pid) = (&namespace.link, namespace.pid().to_string());
        ip(&["link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", &pid]);
        ip(&["address", "add", &format!("{}/30", namespace.outer), "dev", link]);
        ip(&["link", "set", link, "up"]);
        let script = format!("ip link set lo up; ip address add {}/30 dev eth0; ip link set eth0 up", namespace.inner);
        namespace.shell(&script).await.assert_status(0);
        namespace
    }

    /// A process inside.
    pub(super) fn pid(&self) -> u32 {
        self.holder.pid()
    }

    /// The address of this side.
    pub(super) fn outer(&self) -> &str {
        &self.outer
    }

    /// The address of the inside.
    pub(super) fn inner(&self) -> &str {
        &self.inner
    }

    /// Runs a script inside, as root.
    pub(super) async fn shell(&self, script: &str) -> Output {
        let program = self.enter("script").args(["sh", "-e", "-c", script]);
        run(program, LIMIT).await
    }

    /// A program inside whose root is `root`, with the user and group that the chart gives the sidecar.
    ///
    /// Changing the user clears the signal that would end it with the test process; it ends with its [`Process`].
    pub(super) fn contained(&self, name: &str, root: &Path) -> Program {
        self.enter(name)
            .args(["env", "--ignore-environment", "/usr/sbin/chroot", "--userspec=65532:1000", "--groups=1000"])
            .arg(root)
    }

    fn enter(&self, name: &str) -> Program {
        Program::new(name, "nsenter").args(["--net", "--mount", "--target", &self.pid().to_string(), "--"])
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // It goes with the namespace, but later.
        drop(Command::new("ip").args(["link", "delete", &self.link]).output());
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().expect("ip runs");
    assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A name server for one name, which is 127.0.0.1. It denies all others.
pub(super) struct NameServer {
    asked: Arc<Mutex<BTreeSet<String>>>,
    task: JoinHandle<()>,
}

impl NameServer {
    /// Serves `name` on port 53 of `address`.
    pub(super) async fn start(address: &str, name: &'static str) -> Self {
        let socket = UdpSocket::bind((address, 53)).await.expect("port 53 of the namespace's link");
        let asked = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query).await {
                let Some((question, kind)) = question(&query[..length]) else { continue };
                let reply = answer(&query[..length], question.eq_ignore_ascii_case(name), kind);
                seen.lock().expect("no panic holds it").insert(question.to_lowercase());
                drop(socket.send_to(&reply, from).await);
            }
        });
        Self { asked, task }
    }

    /// Every name it was asked for.
    pub(super) fn asked(&self) -> BTreeSet<String> {
        self.asked.lock().expect("no panic holds it").clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Length of a message's head (RFC 1035, 4.1.1).
const HEAD: usize = 12;

/// Name and type of the first question.
fn question(query: &[u8]) -> Option<(String, u16)> {
    let mut labels = Vec::new();
    let mut at = HEAD;
    loop {
        let length = usize::from(*query.get(at)?);
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at + 1..=at + length)?).into_owned());
        at += 1 + length;
    }
    let kind = query.get(at + 1..at + 3)?;
    Some((labels.join("."), u16::from_be_bytes([kind[0], kind[1]])))
}

/// The reply: one address for an A question about our name, none for other types, and "no such name" for other names.
fn answer(query: &[u8], known: bool, kind: u16) -> Vec<u8> {
    const A: u16 = 1;
    let end = HEAD + query[HEAD..].iter().position(|byte| *byte == 0).expect("the end of the name") + 5;
    let mut reply = query[..end].to_vec();
    let found = known && kind == A;
    // An answer, recursion desired and available; 3 = no such name.
    reply[2] = 0x81;
    reply[3] = if known { 0x80 } else { 0x83 };
    reply[4..HEAD].copy_from_slice(&[0, 1, 0, u8::from(found), 0, 0, 0, 0]);
    if found {
        // The name as a pointer to the question; type A, class IN, 60 s, four bytes.
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    reply
}
