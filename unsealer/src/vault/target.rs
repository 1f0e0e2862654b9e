//! Which server, and on what grounds it is trusted with a share.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, DnsName};
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use super::{VaultError, VaultErrorKind};

/// Address of one server with the grounds for trusting it, checked. Ports are at their scheme's default where not given.
#[derive(Clone)]
pub struct Target {
    /// What TLS and HTTP see: the address, with the server's name in the place of its host where one is given.
    pub(super) url: Url,
    /// The address as given: where the connection goes.
    pub(super) dial: Url,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) server_uid: Option<u32>,
}

impl Target {
    /// Checks the settings of one server.
    ///
    /// - `url`: `http://` on loopback alone, `https://` anywhere with `ca_pem`; no path, user, query or fragment.
    /// - `ca_pem`: the certificates to trust, PEM, and no others: the system's are not asked.
    /// - `server_uid`: who must own the listening socket, for servers on loopback.
    /// - `server_name`: the name that the certificate must carry in the place of the address's own host; https only.
    ///
    /// # Errors
    /// `Untrusted` where a share could reach a stranger, `Malformed` where a value cannot be used. Both are settings faults.
    pub fn new(
        url: &str,
        ca_pem: Option<&[u8]>,
        server_uid: Option<u32>,
        server_name: Option<&str>,
    ) -> Result<Self, VaultError> {
        let parsed = Url::parse(url).map_err(|_| fault(VaultErrorKind::Malformed, "", "not an address"))?;
        let shown = shown(&parsed);
        let fault = |kind, detail| Err(fault(kind, &shown, detail));
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return fault(VaultErrorKind::Malformed, "an address holds no user or password");
        }
        if parsed.path() != "/" || parsed.query().is_some() || parsed.fragment().is_some() {
            return fault(VaultErrorKind::Malformed, "an address ends after host and port; /v1 is added by us");
        }
        let local = on_loopback(&parsed);
        match parsed.scheme() {
            "http" if !local => return fault(VaultErrorKind::Untrusted, "plain http is for loopback addresses alone"),
            "http" | "https" => {}
            _ => return fault(VaultErrorKind::Malformed, "the scheme must be http or https"),
        }
        let secure = parsed.scheme() == "https";
        if secure && ca_pem.is_none() {
            return fault(VaultErrorKind::Untrusted, "https needs the CA that signed the server's certificate");
        }
        let mut named = parsed.clone();
        if let Some(name) = server_name
            && !(secure && is_server_name(name) && named.set_host(Some(name)).is_ok())
        {
            return fault(VaultErrorKind::Malformed, "a server's name is a host name, and needs https");
        }
        if server_uid.is_some() && !local {
            return fault(VaultErrorKind::Untrusted, "a server's user can be checked on loopback alone");
        }
        let Some(roots) = roots(ca_pem.filter(|_| secure)) else {
            return fault(VaultErrorKind::Malformed, "the CA file holds no usable certificate");
        };
        let Some(tls) = client_config(roots) else {
            return fault(VaultErrorKind::Tls, "the TLS library refused its own protocol versions");
        };
        Ok(Self { url: named, dial: parsed, tls, server_uid })
    }

    /// The address as it is shown, without credentials or trailing slash.
    pub fn address(&self) -> String {
        shown(&self.dial)
    }

    pub(super) fn secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Port of the server.
    pub(super) fn port(&self) -> u16 {
        // Both schemes have a known default.
        self.dial.port_or_known_default().unwrap_or(0)
    }

    /// The socket addresses known without asking DNS. `localhost` is always the two loopback addresses, whatever a
    /// resolver says.
    pub(super) fn fixed_addresses(&self) -> Option<Vec<SocketAddr>> {
        let port = self.port();
        match self.dial.host()? {
            Host::Ipv4(ip) => Some(vec![(ip, port).into()]),
            Host::Ipv6(ip) => Some(vec![(ip, port).into()]),
            Host::Domain("localhost") => {
                Some(vec![([127, 0, 0, 1], port).into(), (std::net::Ipv6Addr::LOCALHOST, port).into()])
            }
            Host::Domain(_) => None,
        }
    }
}

/// Whether a certificate can be held against this name: a host name, and no address in numbers.
pub fn is_server_name(name: &str) -> bool {
    DnsName::try_from(name).is_ok() && name.parse::<IpAddr>().is_err()
}

fn fault(kind: VaultErrorKind, address: &str, detail: &str) -> VaultError {
    VaultError { kind, call: "settings", address: address.to_owned(), detail: detail.to_owned() }
}

/// Scheme, host and port only: what else stands in a faulty address may be a password.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| format!("{}://{host}", url.scheme()), |port| format!("{}://{host}:{port}", url.scheme()))
}

fn on_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn roots(ca_pem: Option<&[u8]>) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = ca_pem {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.ok()?).ok()?;
        }
        if roots.is_empty() {
            return None;
        }
    }
    Some(roots)
}

/// One configuration for every connection. The provider is named, so it does not matter what the process installed.
fn client_config(roots: RootCertStore) -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(url: &str, uid: Option<u32>) -> Option<VaultErrorKind> {
        Target::new(url, None, uid, None).err().map(|error| error.kind)
    }

    #[test]
    fn plain_http_is_accepted_on_loopback_alone() {
        for url in ["http://127.0.0.1:8200", "http://127.9.9.9", "http://[::1]:8200/", "http://localhost:8200"] {
            assert_eq!(kind(url, Some(100)), None, "{url}");
        }
        for url in [
            "http://10.0.0.1:8200",
            "http://vault:8200",
            "http://localhost.evil.example",
            "http://[::2]",
            "http://0.0.0.0:8200",
        ] {
            assert_eq!(kind(url, None), Some(VaultErrorKind::Untrusted), "{url}");
        }
    }

    #[test]
    fn https_needs_a_ca_that_can_be_read() {
        assert_eq!(kind("https://127.0.0.1:8200", None), Some(VaultErrorKind::Untrusted));
        let fault = Target::new("https://vault:8200", Some(b"no certificate"), None, None).err();
        assert_eq!(fault.map(|fault| fault.kind), Some(VaultErrorKind::Malformed));
    }

    #[test]
    fn a_users_name_password_or_path_is_refused_and_not_repeated() {
        let fault = Target::new("http://me:hunter2@127.0.0.1:8200/v1?x=hunter2", None, None, None).err();
        let text = fault.map(|fault| format!("{fault} {fault:?}")).unwrap_or_default();
        assert!(text.contains("no user") && !text.contains("hunter2"), "{text}");
        assert_eq!(kind("http://127.0.0.1:8200/v1", None), Some(VaultErrorKind::Malformed));
        assert_eq!(kind("ftp://127.0.0.1", None), Some(VaultErrorKind::Malformed));
    }

    #[test]
    fn a_servers_name_is_a_host_name_and_needs_https() {
        for (url, name) in [("http://127.0.0.1:8200", "vault"), ("https://10.0.0.1", "10.0.0.1"), ("https://a", "b/c")]
        {
            let fault = Target::new(url, Some(b"no certificate"), None, Some(name)).err();
            let detail = fault.map(|fault| fault.detail).unwrap_or_default();
            assert!(detail.contains("server's name"), "{url} {name}: {detail}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_slash() {
        let target = Target::new("http://127.0.0.1:8200/", None, None, None).unwrap();
        assert_eq!(target.address(), "http://127.0.0.1:8200");
    }
}
