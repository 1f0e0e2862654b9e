//! Certificates of a test's own authority.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::workdir::Workdir;

/// Names every certificate here is good for.
const NAMES: [&str; 4] = ["localhost", "vault.vault.svc", "*.named.test", "127.0.0.1"];

/// A private certificate authority.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// Certificate and key files of a server.
#[derive(Debug, Clone)]
pub struct ServerFiles {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// The certificate of the authority that signed it, PEM.
    pub authority: PathBuf,
}

impl Authority {
    /// A new authority. Two calls make two authorities that do not trust each other.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().expect("key of the authority");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("certificate of the authority") }
    }

    /// Its certificate, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server's certificate and key, PEM, for `localhost`, `vault.vault.svc`, `*.named.test` and 127.0.0.1.
    pub fn server(&self) -> (String, String) {
        let params = CertificateParams::new(NAMES.map(str::to_owned)).expect("names of the certificate");
        let key = KeyPair::generate().expect("key of the server");
        let certificate = params.signed_by(&key, &self.issuer).expect("certificate of the server");
        (certificate.pem(), key.serialize_pem())
    }

    /// [`Authority::server`] and the authority's own certificate, written into `folder`.
    pub fn server_files(&self, folder: &Workdir) -> ServerFiles {
        let (certificate, key) = self.server();
        ServerFiles {
            certificate: folder.write("tls/server.pem", certificate),
            key: folder.write("tls/server.key", key),
            authority: folder.write("tls/ca.pem", self.pem()),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
