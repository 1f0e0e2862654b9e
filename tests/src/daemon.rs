//! The daemon as a process.

use std::time::Duration;

use reqwest::Client;
use serde_json::Value;

use crate::process::{Process, Program};
use crate::wait;
use crate::workdir::Workdir;

/// Longest time the daemon may take to serve, and to stop.
const LIMIT: Duration = Duration::from_secs(30);

/// A running `unsealer run`. Dropped: killed.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    address: String,
    client: Client,
}

impl Daemon {
    /// Starts `program` with its log in `folder`, and waits until it serves `/live` on 127.0.0.1:`port`.
    pub(crate) async fn start(program: Program, folder: &Workdir, port: u16) -> Self {
        let process = program.start(&folder.join("daemon.log"));
        // The daemon ends every connection after a minute, which may be the moment of a request on a kept one.
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(Duration::from_secs(5));
        let client = client.build().expect("HTTP client");
        let mut daemon = Self { process, address: format!("http://127.0.0.1:{port}"), client };
        wait::for_some(LIMIT, "the daemon to serve", async || {
            if let Some(status) = daemon.process.ended() {
                panic!("the daemon ended at its start: {status}");
            }
            match daemon.get("/live").await {
                Ok((200, _)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        daemon
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// `http://127.0.0.1:PORT`, for `--daemon`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Status and body of a page, `/metrics` for instance.
    ///
    /// # Errors
    /// The transport's complaint, as text.
    pub async fn get(&self, path: &str) -> Result<(u16, String), String> {
        let answer = self.client.get(format!("{}{path}", self.address)).send().await;
        let answer = answer.map_err(|error| format!("{error:?}"))?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().await.map_err(|error| format!("{error:?}"))?))
    }

    /// `/metrics`.
    pub async fn metrics(&self) -> String {
        let (status, text) = self.get("/metrics").await.expect("an answer of the daemon");
        assert_eq!(status, 200, "{text}");
        text
    }

    /// `/status.json`.
    pub async fn status(&self) -> Value {
        let (status, text) = self.get("/status.json").await.expect("an answer of the daemon");
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).expect("status.json is JSON")
    }

    /// Waits until `/status.json` satisfies `wanted`.
    ///
    /// # Panics
    /// With the last status where it does not within `limit`.
    pub async fn until(&self, limit: Duration, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait::for_some(limit, what, async || {
            let status = self.status().await;
            if wanted(&status) { Ok(status) } else { Err(status.to_string()) }
        })
        .await
    }

    /// Stops it with SIGTERM; its exit code.
    pub async fn stop(mut self) -> Option<i32> {
        self.process.terminate(LIMIT).await.code()
    }

    /// Kills it with SIGKILL.
    pub fn kill(mut self) {
        self.process.kill();
    }
}
