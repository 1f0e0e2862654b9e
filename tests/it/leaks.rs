//! No share, token or identity leaves: not to a stranger on the wire, not into a text, not into memory that outlives its use.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

use std::net::TcpListener;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::api::Keys;
use harness::cert::Authority;
use harness::command::Output;
use harness::daemon::Daemon;
use harness::leak::Secrets;
use harness::memscan::{Needle, found_in_memory};
use harness::process::Program;
use harness::proxy::{Action, Moment, Proxy, Trap};
use harness::server::{Plan, Product, Server, Storage};
use harness::site::Site;
use harness::stub::{Stub, sealed_vault};
use harness::wait;
use harness::weed::{READ_ONLY, READ_WRITE, Weed};
use serde_json::Value;
use sops_tools::custody::Identities;
use unsealer::vault::Node as _;
use unsealer::vault::client::Client;
use unsealer::vault::target::Target;

const LIMIT: Duration = Duration::from_mins(1);

fn state(status: &Value) -> &str {
    status["vaults"][0]["nodes"][0]["state"].as_str().unwrap_or_default()
}

/// A server, sealed, with its shares in the directory store of a site.
async fn imported(plan: Plan) -> (Server, Keys, Site) {
    let mut server = plan.start().await;
    let keys = server.api().init(5, 3).await;
    let site = Site::new().await.vault("main", [server.address()]);
    let ca = server.folder().join("tls/ca.pem");
    let site = with_ca(site, ca.is_file().then_some(&ca));
    let output = site.command(&["import", "--shares-file", &shares_file(&site, &keys)]).await;
    output.assert_status(0);
    server.kill();
    server.start_again().await;
    (server, keys, site)
}

fn with_ca(mut site: Site, ca: Option<&std::path::PathBuf>) -> Site {
    if let Some(ca) = ca {
        site.settings["vaults"][0]["caFile"] = ca.to_string_lossy().into_owned().into();
    }
    site
}

fn shares_file(site: &Site, keys: &Keys) -> String {
    site.folder().write("shares.txt", keys.shares.join("\n")).to_string_lossy().into_owned()
}

/// No share in what a recorder was sent, in any form.
fn assert_no_share(place: &str, seen: &str, keys: &Keys) {
    let mut secrets = Secrets::default();
    secrets.add_keys(keys);
    secrets.assert_absent(place, seen);
}

/// Variables that make other clients go elsewhere, or trust anybody.
fn hostile(program: Program, elsewhere: &str) -> Program {
    let names =
        ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "VAULT_ADDR", "BAO_ADDR"];
    let program = names.iter().fold(program, |program, name| program.env(name, elsewhere));
    let empty = ["VAULT_SKIP_VERIFY", "VAULT_TOKEN", "VAULT_CACERT", "BAO_SKIP_VERIFY"];
    empty.iter().fold(program, |program, name| program.env(name, ""))
}

#[tokio::test]
async fn a_proxy_in_the_environment_of_run_and_unseal_sees_nothing() {
    let elsewhere = Stub::start(|_| (502, String::new(), String::new()));
    for tls in [None, Some(Authority::new())] {
        let plan = Plan::new(Product::OpenBao, Storage::Raft);
        let plan = if let Some(authority) = &tls { plan.tls(authority) } else { plan };
        let (mut server, _, site) = imported(plan).await;
        let unseal = harness::command::run(hostile(site.program(&["unseal"]), &elsewhere.url()), LIMIT).await;
        unseal.assert_status(0);
        server.kill();
        server.start_again().await;
        let daemon = site.daemon_with(|program| hostile(program, &elsewhere.url())).await;
        daemon.until(LIMIT, "the Vault to be open", |status| state(status) == "open-active").await;
        assert_eq!(elsewhere.seen(), "");
    }
}

#[tokio::test]
async fn a_server_under_another_authority_gets_no_share() {
    let (server, _, mut site) = imported(Plan::new(Product::Vault, Storage::File).tls(&Authority::new())).await;
    let other = site.folder().write("other-ca.pem", Authority::new().pem());
    site.settings["vaults"][0]["caFile"] = other.to_string_lossy().into_owned().into();
    let daemon = site.daemon_with(|program| hostile(program, "http://127.0.0.1:9")).await;
    let refused = |status: &Value| {
        let next = status["vaults"][0]["nodes"][0]["nextStep"].as_str();
        state(status) == "unreachable" && next.is_some_and(|next| next.contains("caFile"))
    };
    daemon.until(LIMIT, "the wrong authority to be named", refused).await;
    let unseal = harness::command::run(hostile(site.program(&["unseal"]), "http://127.0.0.1:9"), LIMIT).await;
    unseal.assert_status(5);
    let seal = server.api().seal_status().await;
    assert_eq!((&seal["sealed"], &seal["progress"], &seal["nonce"]), (&true.into(), &0.into(), &"".into()), "{seal}");
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed_with_a_share() {
    let (server, keys, mut site) = imported(Plan::new(Product::Vault, Storage::File)).await;
    let elsewhere = Stub::start(sealed_vault);
    let target = elsewhere.url();
    let front = Stub::start(move |call| match call {
        "PUT /v1/sys/unseal" => (307, format!("Location: {target}/v1/sys/unseal"), String::new()),
        _ => sealed_vault(call),
    });
    site.settings["vaults"][0]["nodes"] = vec![front.url()].into();
    let daemon = site.daemon().await;
    wait::until(LIMIT, "a share to be answered by a redirect", async || front.seen().contains("PUT /v1/sys/unseal"))
        .await;
    let named = |status: &Value| {
        state(status) == "unreachable" && status.to_string().contains("use the address of the node itself")
    };
    daemon.until(LIMIT, "the redirect to be named", named).await;
    site.command(&["unseal"]).await.assert_status(5);
    assert_eq!(elsewhere.seen(), "");
    assert!(server.api().sealed().await);
    assert_no_share("the log", &daemon.log(), &keys);
}

#[tokio::test]
async fn an_impostor_of_another_user_on_the_port_of_the_server_gets_nothing() {
    let (mut server, keys, mut site) = imported(Plan::new(Product::Vault, Storage::File)).await;
    let own = rustix::process::getuid();
    site.settings["vaults"][0]["serverUid"] = own.as_raw().into();
    server.kill();
    let listener = TcpListener::bind(("127.0.0.1", server.port())).expect("the port of a server that is down");
    // The owner of a socket is the owner of its inode, which root may change; without root the server's user is another one.
    let nobody = rustix::fs::Uid::from_raw(65_534);
    if rustix::fs::fchown(&listener, Some(nobody), None).is_err() {
        site.settings["vaults"][0]["serverUid"] = (own.as_raw() + 1).into();
    }
    let impostor = Stub::on(listener, sealed_vault);
    let daemon = site.daemon().await;
    let named = |status: &Value| {
        let next = status["vaults"][0]["nodes"][0]["nextStep"].as_str();
        state(status) == "unreachable" && next.is_some_and(|next| next.contains("check who listens there"))
    };
    daemon.until(LIMIT, "the impostor to be named", named).await;
    site.command(&["unseal"]).await.assert_status(5);
    assert_no_share("what the impostor was sent", &impostor.seen(), &keys);
    assert!(!impostor.seen().contains("/v1/sys/unseal"), "{}", impostor.seen());
    // The same daemon would have sent shares to a listener of the server's user: the impostor plays its part well.
    site.settings["vaults"][0].as_object_mut().expect("a Vault").remove("serverUid");
    let log = daemon.log();
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains("check who listens there")), "{log}");
    drop(daemon);
    let _trusting = site.daemon().await;
    wait::until(LIMIT, "a share at the impostor", async || {
        let mut secrets = Secrets::default();
        secrets.add_keys(&keys);
        !secrets.found_in(&impostor.seen()).is_empty()
    })
    .await;
}

/// Ids of the groups in the extension `wanted` of a `ClientHello`: `supported_groups` (10) or `key_share` (51).
fn groups(hello: &[u8], wanted: u16) -> Vec<u16> {
    let number = |at: usize| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
    // Record header 5, handshake header 4, version 2, random 32; then session id, cipher suites, compression methods.
    let mut at = 43 + 1 + usize::from(hello[43]);
    at += 2 + number(at);
    at += 1 + usize::from(hello[at]);
    let end = at + 2 + number(at);
    at += 2;
    while at < end {
        let (kind, length) = (number(at), number(at + 2));
        let (mut inside, stop) = (at + 6, at + 4 + length);
        if kind == usize::from(wanted) {
            let mut found = Vec::new();
            while inside < stop {
                found.push(u16::try_from(number(inside)).expect("two bytes"));
                inside += if wanted == 51 { 4 + number(inside + 2) } else { 2 };
            }
            return found;
        }
        at = stop;
    }
    Vec::new()
}

#[tokio::test]
async fn the_key_exchange_with_a_server_is_hybrid_post_quantum() {
    const X25519_MLKEM768: u16 = 0x11ec;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let own = listener.local_addr().expect("its address");
    let reading = std::thread::spawn(move || {
        use std::io::Read as _;
        let (mut socket, _) = listener.accept().expect("a connection");
        let mut header = [0; 5];
        socket.read_exact(&mut header).expect("a record's header");
        let mut record = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        socket.read_exact(&mut record).expect("a record");
        [header.to_vec(), record].concat()
    });
    let authority = Authority::new();
    let target =
        Target::new(&format!("https://{own}"), Some(authority.pem().as_bytes()), None, None).expect("a target");
    let client = Client::new(target).expect("a client");
    assert!(client.seal_status().await.is_err(), "nobody answers the handshake");
    let hello = reading.join().expect("a hello");
    assert_eq!(groups(&hello, 10).first(), Some(&X25519_MLKEM768), "the first choice");
    assert!(groups(&hello, 51).contains(&X25519_MLKEM768), "and its key share is sent at once");
}

/// Everything one may not read anywhere, and the same as needles for memory.
struct Hunted {
    secrets: Secrets,
    needles: Vec<Needle>,
}

impl Hunted {
    fn of(keys: &Keys) -> Self {
        let mut secrets = Secrets::default();
        secrets.add_keys(keys);
        for credentials in [READ_ONLY, READ_WRITE] {
            secrets.add("an S3 secret key", credentials.secret);
        }
        let mut needles = Vec::new();
        for (number, share) in keys.shares.iter().enumerate() {
            let raw = STANDARD.decode(share).expect("a share is base64");
            let hex = sops_tools::clock::hex(&raw);
            needles.push(Needle::tail_of(&format!("share {number}"), &raw));
            needles.push(Needle::tail_of(&format!("share {number} in base64"), share.as_bytes()));
            needles.push(Needle::tail_of(&format!("share {number} in hex"), hex.as_bytes()));
        }
        needles.push(Needle::whole("the root token", keys.root_token.as_bytes()));
        Self { secrets, needles }
    }

    fn output(&self, place: &str, output: &Output) {
        self.secrets.assert_absent(place, &output.text());
    }

    async fn daemon(&self, place: &str, daemon: &Daemon) {
        self.secrets.assert_absent(&format!("log of {place}"), &daemon.log());
        for page in ["/metrics", "/status.json", "/", "/ready", "/live"] {
            let (_, text) = daemon.get(page).await.expect("a page");
            self.secrets.assert_absent(&format!("{page} of {place}"), &text);
        }
        self.secrets.assert_absent(&format!("arguments of {place}"), &Secrets::command_line(daemon.pid()));
    }
}

/// The daemon's age identity, as text and as bytes. Using it may clear or set single bits at both ends.
fn identity(site: &Site) -> Vec<Needle> {
    let text = std::fs::read_to_string(site.folder().join("keys/unseal/unseal.agekey")).expect("the identity's file");
    let line = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).expect("the identity's line");
    let (_, raw) = bech32::decode(line).expect("an identity is bech32");
    vec![
        Needle::tail_of("the identity's text", line.as_bytes()),
        Needle::tail_of("the identity's text in lower case", line.to_lowercase().as_bytes()),
        Needle::tail_of("the identity", &raw),
        Needle::whole("the identity in use", &raw[8..24]),
    ]
}

/// The store key, a secret that must live in the daemon.
fn store_key(site: &Site) -> Needle {
    let text = std::fs::read_to_string(site.folder().join("keys/unseal/store.key")).expect("the store key");
    let line = text.lines().find_map(|line| line.strip_prefix("unsealer-store-key-1:")).expect("a key's line");
    Needle::tail_of("the store key", &STANDARD.decode(line).expect("base64"))
}

async fn until_open(daemon: &Daemon) -> Value {
    daemon.until(LIMIT, "the Vault to be open", |status| state(status) == "open-active").await
}

#[tokio::test]
async fn nothing_of_a_daemon_holds_a_share_one_second_after_an_unseal_and_a_live_one_is_found() {
    let mut server = Plan::new(Product::OpenBao, Storage::Raft).start().await;
    let keys = server.api().init(5, 3).await;
    let hunted = Hunted::of(&keys);
    let proxy = Proxy::to(server.port()).await;
    let weed = Weed::start().await;
    let mut site = Site::new().await.vault("main", [server.address()]);
    site.use_s3(&weed.endpoint(), "prod", READ_WRITE);
    hunted.output("import", &site.command(&["-vv", "import", "--shares-file", &shares_file(&site, &keys)]).await);
    site.use_s3(&weed.endpoint(), "prod", READ_ONLY);
    site.settings["vaults"][0]["nodes"] = vec![proxy.address()].into();
    server.kill();
    server.start_again().await;

    // The third share hangs on its way: the daemon holds the generation in memory meanwhile.
    proxy.trap(Trap::on("PUT /v1/sys/unseal", Moment::BeforeForwarding, || Action::Hang));
    let daemon = site.daemon_with(|program| program.arg("-vv")).await;
    wait::until(LIMIT, "a share under way", async || proxy.sprung()).await;
    let live = found_in_memory(daemon.pid(), &hunted.needles);
    assert!(live.iter().any(|name| name.starts_with("share")), "a live share is found: {live:?}");

    let open = until_open(&daemon).await;
    assert_eq!(open["vaults"][0]["nodes"][0]["unseals"], 1, "{open}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let key = store_key(&site);
    let everything = [hunted.needles.clone(), identity(&site), vec![key.clone()]].concat();
    assert_eq!(found_in_memory(daemon.pid(), &everything), [key.name], "only what must live there");
    hunted.daemon("the daemon", &daemon).await;
    assert!(daemon.log().contains("TRACE") || daemon.log().contains("DEBUG"), "{}", daemon.log());
}

#[tokio::test]
async fn no_command_and_no_error_says_a_secret_at_trace_level() {
    let mut server = Plan::new(Product::Vault, Storage::File).start().await;
    let site = Site::new().await.vault("main", [server.address()]);
    let token_file = site.folder().join("root-token.age");
    let init = ["-vv", "init", "--root-token-to", &token_file.to_string_lossy()];
    let init = site.command(&init).await;
    init.assert_status(0);
    let offline = site.folder().join("keys/offline.agekey");
    let offline = offline.to_string_lossy();
    let identity = ["--identity", &offline];
    let exported = site.command(&[&["export", "--output", "json"], identity.as_slice()].concat()).await;
    let shares = exported.assert_status(0).json()["keys_base64"].as_array().expect("shares").clone();
    let shares: Vec<String> = shares.iter().map(|share| share.as_str().expect("text").to_owned()).collect();
    let sealed = std::fs::read(&token_file).expect("the sealed root token");
    let offline_identity =
        Identities::load(&[site.folder().join("keys/offline.agekey")]).expect("the offline identity");
    let token = sops_tools::custody::open(&sealed, &offline_identity).expect("the root token opens");
    let root_token = String::from_utf8_lossy(token.expose()).trim().to_owned();
    let keys = Keys { shares, threshold: 3, root_token };
    let hunted = Hunted::of(&keys);
    assert!(!hunted.secrets.found_in(&exported.text()).is_empty(), "the search finds what export prints");

    hunted.output("init", &init);
    server.kill();
    server.start_again().await;
    hunted.output("unseal", site.command(&["-vv", "unseal"]).await.assert_status(0));
    hunted.output("unseal of an open server", site.command(&["-vv", "unseal"]).await.assert_status(0));
    let check = [&["-vv", "export", "--check"], identity.as_slice()].concat();
    hunted.output("export --check", site.command(&check).await.assert_status(0));
    for verb in [&["-vv", "store", "verify"][..], &["-vv", "status"], &["-vv", "doctor"], &["-vv", "config", "show"]] {
        let output = site.command(verb).await;
        hunted.output(&verb.join(" "), &output);
    }
    // Errors: shares that are no shares, one that is damaged, a token file in the place of shares, a server that is down.
    let mut wrong = keys.shares.clone();
    wrong[1] = wrong[1].replacen(|one: char| one.is_ascii_lowercase(), "A", 1);
    for (place, text) in [
        ("import of a damaged share", wrong.join("\n")),
        ("import of half a share", keys.shares[0][..40].to_owned()),
        ("import of a token", keys.root_token.clone()),
    ] {
        let file = site.folder().write("bad.txt", text);
        let output = site.command(&["-vv", "import", "--shares-file", &file.to_string_lossy()]).await;
        assert_ne!(output.status, 0, "{place}: {}", output.text());
        hunted.output(place, &output);
    }
    server.kill();
    hunted.output("unseal of a server that is down", site.command(&["-vv", "unseal"]).await.assert_status(5));
}
