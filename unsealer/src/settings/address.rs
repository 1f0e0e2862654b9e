//! Which server addresses are accepted.

use url::{Host, Url};

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// Not `http://HOST` or `https://HOST`, with a port at most.
    #[error("is not a server's address")]
    NotAnAddress,
    /// Carries a user name, password, query or fragment.
    #[error("carries more than scheme, host and port")]
    Extra,
    /// Plain http to another machine: whoever is on the way would read the shares.
    #[error("is plain http to another machine")]
    PlainHttp,
}

/// The address of a Vault server or S3 endpoint: scheme, host and port, nothing else. Plain http is accepted on loopback alone.
///
/// # Errors
/// [`AddressFault`], which never repeats the text.
pub fn server_address(text: &str) -> Result<Url, AddressFault> {
    let url = plain_address(text)?;
    if url.scheme() == "http" && !is_loopback(&url) { Err(AddressFault::PlainHttp) } else { Ok(url) }
}

/// As [`server_address`], with plain http accepted everywhere: for who sees ciphertext or public words alone, as an S3 server does.
///
/// # Errors
/// [`AddressFault`], which never repeats the text.
pub fn plain_address(text: &str) -> Result<Url, AddressFault> {
    let url = Url::parse(text).map_err(|_| AddressFault::NotAnAddress)?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(AddressFault::NotAnAddress);
    }
    let extra = !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
        || !matches!(url.path(), "" | "/");
    if extra { Err(AddressFault::Extra) } else { Ok(url) }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_accepted_on_loopback_alone() {
        for text in ["http://127.0.0.1:8200", "http://127.9.9.9:1", "http://[::1]:8200", "http://localhost:8200/"] {
            assert!(server_address(text).is_ok(), "{text}");
        }
        for text in
            ["http://10.0.0.1:8200", "http://vault:8200", "http://localhost.evil.example:8200", "http://0.0.0.0:8200"]
        {
            assert_eq!(server_address(text), Err(AddressFault::PlainHttp), "{text}");
        }
        assert!(server_address("https://vault-1.vault-internal:8200").is_ok());
    }

    #[test]
    fn an_address_is_scheme_host_and_port_alone() {
        for text in ["https://user@host", "https://host/v1", "https://host?x=1", "https://host#a", "https://u:p@host:1"]
        {
            assert_eq!(server_address(text), Err(AddressFault::Extra), "{text}");
        }
        for text in ["host:8200", "ftp://host", "unix:///run/vault.sock", "", "https://"] {
            assert_eq!(server_address(text), Err(AddressFault::NotAnAddress), "{text}");
        }
    }
}
