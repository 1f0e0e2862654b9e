//! Reading a daemon's `/status.json`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::redirect::Policy;
use url::Url;

use crate::status::Status;

/// Longest wait for the page.
const LIMIT: Duration = Duration::from_secs(5);

/// Largest page read, 4 MiB: a hundred Vaults with three nodes each need about 300 KiB.
const MOST_BYTES: usize = 4 << 20;

/// The status of the daemon at `base`; one line where it cannot be had. No proxy of the environment is used, no redirect followed.
pub(super) async fn read(base: &Url) -> Result<Status, String> {
    let wrong = |error: reqwest::Error| {
        let why = if error.is_timeout() {
            "no answer in time"
        } else if error.is_connect() {
            "nothing listens, or it is not reachable"
        } else {
            "no usable answer"
        };
        format!("{base}: {why}")
    };
    let client =
        reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(LIMIT).build().map_err(wrong)?;
    let address = base.join("/status.json").map_err(|_| format!("{base}: not an address"))?;
    let mut response = client.get(address).send().await.map_err(wrong)?;
    if !response.status().is_success() {
        return Err(format!("{base}: status {}", response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(wrong)? {
        if body.len() + piece.len() > MOST_BYTES {
            return Err(format!("{base}: the page is larger than {MOST_BYTES} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    serde_json::from_slice(&body).map_err(|_| format!("{base}: the page is not a daemon's status"))
}

/// Where this host reaches a daemon that listens at `listen`: one that listens everywhere is asked on loopback.
pub(super) fn address(listen: SocketAddr) -> Option<Url> {
    let ip = if listen.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { listen.ip() };
    Url::parse(&format!("http://{}/", SocketAddr::new(ip, listen.port()))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_listens_everywhere_is_asked_on_loopback() {
        let shown = |listen: &str| address(listen.parse().unwrap()).unwrap().to_string();
        assert_eq!(shown("0.0.0.0:9797"), "http://127.0.0.1:9797/");
        assert_eq!(shown("[::]:9797"), "http://127.0.0.1:9797/");
        assert_eq!(shown("[::1]:1"), "http://[::1]:1/");
    }

    #[tokio::test]
    async fn a_daemon_that_is_not_there_is_said_in_one_line() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let error = read(&Url::parse("http://127.0.0.1:9/").unwrap()).await.unwrap_err();
        assert_eq!(error, "http://127.0.0.1:9/: nothing listens, or it is not reachable");
    }
}
