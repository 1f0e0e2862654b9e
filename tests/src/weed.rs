//! SeaweedFS, the S3 server of the tests.

use std::time::Duration;

use serde_json::json;

use crate::cert::{Authority, ServerFiles};
use crate::ports::Port;
use crate::process::{Process, Program};
use crate::s3::{Bucket, Credentials};
use crate::tools::program;
use crate::wait;
use crate::workdir::Workdir;

/// The bucket every server has.
pub const BUCKET: &str = "unseal";
/// May do everything.
pub const ADMIN: Credentials = Credentials { access: "AKIATEST", secret: "secretsecret-of-admin" };
/// May get and list: what the daemon needs.
pub const READ_ONLY: Credentials = Credentials { access: "AKIARO", secret: "secretsecret-read-only" };
/// May get, list and put: what init needs.
pub const READ_WRITE: Credentials = Credentials { access: "AKIARW", secret: "secretsecret-read-write" };
/// May get and put, not list.
pub const NO_LIST: Credentials = Credentials { access: "AKIANL", secret: "secretsecret-without-list" };

/// Longest time it may take to answer after its start: it takes under a second on an idle machine.
const START_LIMIT: Duration = Duration::from_mins(1);

/// A running server with one bucket, [`BUCKET`]. Dropped: killed, its data gone.
#[derive(Debug)]
pub struct Weed {
    process: Option<Process>,
    folder: Workdir,
    /// S3, master, volume, filer and administration.
    ports: [Port; 5],
    /// Port and files of S3 over TLS, beside the plain one.
    tls: Option<(Port, ServerFiles)>,
}

impl Weed {
    /// Starts one and waits until its bucket answers.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// As [`Weed::start`], and serves S3 over TLS as well, with a certificate of `authority`.
    pub async fn start_with_tls(authority: &Authority) -> Self {
        Self::start_with(Some(authority)).await
    }

    async fn start_with(authority: Option<&Authority>) -> Self {
        let folder = Workdir::new("weed");
        folder.folder("data");
        folder.write("s3.json", identities().to_string());
        let tls = authority.map(|authority| (Port::take(), authority.server_files(&folder)));
        let mut weed = Self { process: None, folder, ports: std::array::from_fn(|_| Port::take()), tls };
        weed.start_again().await;
        weed
    }

    /// Address of the S3 API.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.ports[0].address())
    }

    /// Address of the S3 API over TLS.
    ///
    /// # Panics
    /// Where it was not started with TLS.
    pub fn tls_endpoint(&self) -> String {
        let (port, _) = self.tls.as_ref().expect("SeaweedFS was started with TLS");
        format!("https://{}", port.address())
    }

    /// The port of the S3 API.
    pub fn port(&self) -> u16 {
        self.ports[0].number()
    }

    /// Its bucket, used with `credentials` and past all of our own code.
    pub fn bucket(&self, credentials: Credentials) -> Bucket {
        Bucket::new(&self.endpoint(), BUCKET, credentials)
    }

    /// The running process.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("SeaweedFS runs")
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Starts it with the data and ports it had, and waits until its bucket answers.
    ///
    /// # Panics
    /// Where it runs already.
    pub async fn start_again(&mut self) {
        assert!(self.process.is_none(), "SeaweedFS runs already");
        let [s3, master, volume, filer, admin] = &self.ports;
        let mut program = Program::new("SeaweedFS", program("weed"))
            .arg("mini")
            .arg(format!("-dir={}", self.folder.join("data").display()))
            .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"])
            .args(["-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0"])
            .arg(format!("-s3.port={}", s3.number()))
            .arg(format!("-master.port={}", master.number()))
            .arg(format!("-volume.port={}", volume.number()))
            .arg(format!("-filer.port={}", filer.number()))
            .arg(format!("-admin.port={}", admin.number()))
            .arg(format!("-s3.config={}", self.folder.join("s3.json").display()))
            .args(["-s3.autoCreateBucket=false", &format!("-bucket={BUCKET}")])
            .current_dir(self.folder.path());
        if let Some((port, files)) = &self.tls {
            program = program
                .arg(format!("-s3.port.https={}", port.number()))
                .arg(format!("-s3.cert.file={}", files.certificate.display()))
                .arg(format!("-s3.key.file={}", files.key.display()));
        }
        self.process = Some(program.start(&self.folder.join("weed.log")));
        let bucket = self.bucket(ADMIN);
        let process = self.process.as_mut().expect("just started");
        wait::for_some(START_LIMIT, "the bucket of SeaweedFS", async || {
            if let Some(status) = process.ended() {
                panic!("SeaweedFS ended at its start: {status}");
            }
            bucket.try_put("ready", b"ready").await
        })
        .await;
        bucket.delete("ready").await;
    }
}

fn identities() -> serde_json::Value {
    let identity = |name: &str, key: Credentials, actions: &[&str]| json!({"name": name, "credentials": [{"accessKey": key.access, "secretKey": key.secret}], "actions": actions});
    let (read, list, write) = (format!("Read:{BUCKET}"), format!("List:{BUCKET}"), format!("Write:{BUCKET}"));
    json!({"identities": [
        identity("admin", ADMIN, &["Admin", "Read", "Write", "List", "Tagging"]),
        identity("read-only", READ_ONLY, &[&read, &list]),
        identity("read-write", READ_WRITE, &[&read, &list, &write]),
        identity("no-list", NO_LIST, &[&read, &write]),
    ]})
}
