//! The image: what is in it, and that its only program does its work from an otherwise empty root.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::cert::Authority;
use harness::command::run;
use harness::process::Program;
use harness::server::{Plan, Product, Server, Storage};
use harness::site::Site;
use harness::tools::workspace;
use harness::wait;
use harness::workdir::Workdir;
use reqwest::Client;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::namespace::{NameServer, Namespace};

/// Packing takes seconds; compiling, where `UNSEALER_STATIC_BIN` is not set, many minutes.
const BUILD_LIMIT: Duration = Duration::from_mins(30);
const LIMIT: Duration = Duration::from_mins(1);
/// Found by DNS, and by `/etc/hosts`: the two ways a name can be found.
const BY_DNS: &str = "dns.named.test";
const BY_HOSTS: &str = "hosts.named.test";
/// User and group of the sidecar in the charts' values.
const USER: u32 = 65532;
const GROUP: u32 = 1000;

/// Builds the image into a folder.
async fn build(folder: &Workdir) {
    let mut program = Program::new("deploy/image/build", workspace().join("deploy/image/build")).arg(folder.path());
    for kept in ["UNSEALER_STATIC_BIN", "CARGO_TARGET_DIR", "CARGO_HOME", "RUSTUP_HOME"] {
        if let Some(value) = std::env::var_os(kept) {
            program = program.env(kept, value);
        }
    }
    run(program, BUILD_LIMIT).await.assert_status(0);
}

async fn unpack(archive: &Path, into: &Path) {
    let program = Program::new("tar", "tar").args(["--extract", "--same-permissions", "--file"]).arg(archive);
    run(program.arg("--directory").arg(into), LIMIT).await.assert_status(0);
}

fn sha256(file: &Path) -> String {
    let digest = Sha256::digest(std::fs::read(file).expect("a file of the image"));
    digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn read_json(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).expect("a file of the image")).expect("JSON")
}

/// The blob that a descriptor names, after its digest and size were checked.
fn blob(layout: &Path, descriptor: &Value) -> PathBuf {
    let digest = descriptor["digest"].as_str().expect("digest").strip_prefix("sha256:").expect("sha256");
    let file = layout.join("blobs/sha256").join(digest);
    assert_eq!(sha256(&file), digest);
    assert_eq!(Some(file.metadata().expect("a blob").len()), descriptor["size"].as_u64());
    file
}

#[tokio::test]
async fn the_archives_are_whole_and_two_builds_are_the_same() {
    let (first, second) = (Workdir::new("image"), Workdir::new("image"));
    build(&first).await;
    build(&second).await;
    for name in ["unsealer.oci.tar", "unsealer.docker.tar", "rootfs.tar"] {
        assert_eq!(sha256(&first.join(name)), sha256(&second.join(name)), "{name}");
    }
    let layout = first.folder("layout");
    unpack(&first.join("unsealer.oci.tar"), &layout).await;
    let manifest = read_json(&blob(&layout, &read_json(&layout.join("index.json"))["manifests"][0]));
    let config = read_json(&blob(&layout, &manifest["config"]));
    blob(&layout, &manifest["layers"][0]);
    let layer = format!("sha256:{}", sha256(&first.join("rootfs.tar")));
    assert_eq!(config["rootfs"]["diff_ids"], json!([layer]));
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"], json!(["/usr/local/bin/unsealer"]));
    let docker = first.folder("docker");
    unpack(&first.join("unsealer.docker.tar"), &docker).await;
    let entry = read_json(&docker.join("manifest.json"))[0].clone();
    let file = |value: &Value| docker.join(value.as_str().expect("a name"));
    assert_eq!(read_json(&file(&entry["Config"])), config);
    assert_eq!(format!("sha256:{}", sha256(&file(&entry["Layers"][0]))), layer);
}

/// A server that is initialised by `site` and then stopped.
async fn initialised(site: &Site, name: &str, server: &mut Server) {
    server.start_again().await;
    site.init(name).await.assert_status(0);
    server.kill();
}

/// Makes everything below `folder` what a kubelet makes of Secrets and of a volume: owned by the sidecar's user.
fn hand_over(folder: &Path) {
    chown(folder, Some(USER), Some(GROUP)).expect("owner of a volume");
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder).expect("a volume") {
            hand_over(&entry.expect("a file of a volume").path());
        }
    }
}

/// The devices that a container has (OCI runtime specification, "Default Devices"): name, major and minor number.
const DEVICES: [(&str, u8, u8); 5] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9)];

/// What is mounted into the container, beside `/proc` and `/dev`: source, path inside, writable.
struct Volumes(Vec<(PathBuf, &'static str, bool)>);

impl Volumes {
    /// The script that makes the root a container's: volumes, `/proc`, devices, everything else read-only.
    fn script(&self, root: &Path) -> String {
        let root = root.display();
        let mut lines = vec![format!("mount --bind {root} {root}")];
        for (source, path, writable) in &self.0 {
            lines.push(format!("mount --bind {} {root}{path}", source.display()));
            if !writable {
                lines.push(format!("mount -o remount,bind,ro {root}{path}"));
            }
        }
        lines.push(format!("mount -t proc proc {root}/proc"));
        lines.push(format!("mount -t tmpfs -o mode=755 dev {root}/dev"));
        lines.extend(DEVICES.map(|(name, major, minor)| format!("mknod -m 666 {root}/dev/{name} c {major} {minor}")));
        lines.push(format!("mount -o remount,bind,ro {root}"));
        lines.join("\n")
    }

    /// Makes the places they are mounted on, as a container runtime does.
    fn make_places(&self, root: &Path) {
        for name in ["proc", "dev"] {
            std::fs::create_dir(root.join(name)).expect("place of a file system");
        }
        for (source, path, _) in &self.0 {
            let place = root.join(&path[1..]);
            let folder = if source.is_dir() { &place } else { place.parent().expect("inside the root") };
            std::fs::create_dir_all(folder).expect("place of a volume");
            if source.is_file() {
                std::fs::File::create(&place).expect("place of a file");
            }
        }
    }
}

/// The shipped settings of the sidecar, with this test's store and servers.
fn settings(bao: &Server, vault: &Server) -> Value {
    let shipped = super::files::one("sidecar/unsealer-config.yaml");
    let text = shipped["data"]["unsealer.yaml"].as_str().expect("settings").to_owned();
    let mut settings: Value = serde_saphyr::from_str(&text).expect("settings as YAML");
    settings["store"] = json!({"url": "file:///store"});
    let node = |name: &str, server: &Server, host: &str| {
        json!({
            "name": name,
            "nodes": [format!("https://{host}:{}", server.port())],
            "caFile": "/run/secrets/vault-tls/ca.crt",
        })
    };
    settings["vaults"] = json!([node("bao", bao, BY_DNS), node("vault", vault, BY_HOSTS)]);
    settings
}

/// Asks a server inside, with a program that is not ours, whether it is sealed.
async fn sealed(namespace: &Namespace, server: &Server, authority: &Path) -> Result<bool, String> {
    let address = format!("https://localhost:{}/v1/sys/seal-status", server.port());
    let script = format!("curl --silent --show-error --noproxy '*' --cacert {} {address}", authority.display());
    let output = namespace.shell(&script).await;
    let status: Value = serde_json::from_str(&output.stdout).map_err(|_| output.text())?;
    status["sealed"].as_bool().ok_or_else(|| output.text())
}

#[tokio::test]
async fn from_an_empty_root_as_nobody_the_program_finds_names_answers_from_outside_and_opens_both_servers() {
    let folder = Workdir::new("container");
    build(&folder).await;
    let root = folder.folder("root");
    unpack(&folder.join("rootfs.tar"), &root).await;

    let authority = Authority::new();
    let mut bao = Plan::new(Product::OpenBao, Storage::Raft).tls(&authority).stopped();
    let mut vault = Plan::new(Product::Vault, Storage::File).tls(&authority).stopped();
    let ca = folder.write("vault-tls/ca.crt", authority.pem());
    let mut site = Site::new().await.vault("bao", [bao.address()]).vault("vault", [vault.address()]);
    for vault in site.settings["vaults"].as_array_mut().expect("the Vaults") {
        vault["caFile"] = json!(ca);
    }
    initialised(&site, "bao", &mut bao).await;
    initialised(&site, "vault", &mut vault).await;

    let namespace = Namespace::new().await;
    let names = NameServer::start(namespace.outer(), BY_DNS).await;
    folder.write("config/unsealer.yaml", settings(&bao, &vault).to_string());
    let volumes = Volumes(vec![
        (folder.join("config"), "/etc/unsealer", false),
        (site.folder().join("keys/unseal"), "/run/secrets/unseal", false),
        (folder.join("vault-tls"), "/run/secrets/vault-tls", false),
        // run reads the store and nothing more.
        (site.folder().join("store"), "/store", false),
        (folder.folder("cache"), "/var/lib/unsealer/cache", true),
        (folder.write("hosts", format!("127.0.0.1 localhost\n127.0.0.1 {BY_HOSTS}\n")), "/etc/hosts", false),
        (
            folder.write("resolv.conf", format!("nameserver {}\noptions timeout:1\n", namespace.outer())),
            "/etc/resolv.conf",
            false,
        ),
    ]);
    for (source, _, _) in &volumes.0 {
        hand_over(source);
    }
    volumes.make_places(&root);
    namespace.shell(&volumes.script(&root)).await.assert_status(0);
    let refused = namespace.shell(&format!("touch {}/etc/new", root.display())).await;
    assert!(refused.text().contains("Read-only file system"), "{}", refused.text());

    bao.launch_in_network_of(namespace.pid());
    vault.launch_in_network_of(namespace.pid());
    for server in [&bao, &vault] {
        let sealed = async || sealed(&namespace, server, &ca).await;
        assert!(wait::for_some(LIMIT, "the server inside", sealed).await, "sealed at its start");
    }
    let program = namespace.contained("the image's program", &root);
    let mut daemon = program
        .args(["/usr/local/bin/unsealer", "run", "--config", "/etc/unsealer/unsealer.yaml"])
        .start(&folder.join("daemon.log"));

    let client = Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().expect("HTTP client");
    for page in ["/live", "/ready"] {
        let address = format!("http://{}:9797{page}", namespace.inner());
        wait::for_some(LIMIT, page, async || {
            let answer = client.get(&address).send().await.map_err(|error| format!("{error:?}"))?;
            if answer.status() == 200 { Ok(()) } else { Err(answer.text().await.unwrap_or_default()) }
        })
        .await;
    }
    for server in [&bao, &vault] {
        wait::until(LIMIT, "the server to be open", async || sealed(&namespace, server, &ca).await == Ok(false)).await;
    }
    assert!(names.asked().contains(BY_DNS), "asked for {:?}", names.asked());

    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("status of the daemon");
    let user = format!("Uid:\t{USER}\t{USER}\t{USER}\t{USER}\n");
    for wanted in [user.as_str(), "CapEff:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "NoNewPrivs:\t1\n"] {
        assert!(status.contains(wanted), "{wanted:?} in {status}");
    }
    assert_eq!(daemon.terminate(LIMIT).await.code(), Some(0), "{}", daemon.log());
}
