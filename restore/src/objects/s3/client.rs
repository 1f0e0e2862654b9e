//! The one wiring of the S3 client.
//!
//! Nothing comes from the environment: no proxy, no credential chain, no profile. The SDK's own retries are off,
//! because they cover neither a broken body nor a write whose answer was lost; its time-outs do not cover the body
//! either, so each attempt runs under a deadline of ours.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_s3::config::{
    AppName, BehaviorVersion, IdentityCache, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use aws_smithy_async::time::TimeSource;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sops_tools::clock::Clock;

use super::credentials::KeyFiles;
use super::{CHECK_GRACE, CONNECT};
use crate::objects::location::{Checksums, S3Location};

/// The time that requests are signed for.
struct Signing(Arc<dyn Clock>);

impl TimeSource for Signing {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signing")
    }
}

/// Builds the client; `pem` is the exclusive trust, `None` for plain http or the system's roots.
pub(super) fn build(
    location: &S3Location,
    pem: Option<Vec<u8>>,
    keys: KeyFiles,
    clock: Arc<dyn Clock>,
) -> Result<aws_sdk_s3::Client, String> {
    let trust = match pem {
        Some(pem) => TrustStore::empty().with_pem_certificate(pem),
        None if location.is_plain_http() => TrustStore::empty(),
        None => TrustStore::default(),
    };
    let tls = TlsContext::builder().with_trust_store(trust).build().map_err(|error| error.to_string())?;
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(tls)
        .build_https();
    let (request, response) = match location.checksums {
        Checksums::Always => (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported),
        Checksums::WhenRequired => (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired),
    };
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(location.region.clone()))
        .force_path_style(true)
        .credentials_provider(keys)
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(CHECK_GRACE).build())
        .request_checksum_calculation(request)
        .response_checksum_validation(response)
        // A request is signed for our own time. With the correction whoever answers could choose the time for
        // which the next request is signed, and a wrong clock would stay unseen.
        .disable_clock_skew_correction(true)
        .time_source(Signing(clock))
        .app_name(AppName::new("unsealer").map_err(|error| error.to_string())?);
    config.set_endpoint_url(location.endpoint.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()));
    Ok(aws_sdk_s3::Client::from_conf(config.build()))
}

/// Checks what the HTTP client would otherwise panic on: a PEM file without a usable certificate.
pub(super) fn check_pem(pem: &[u8]) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("no valid PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("a certificate in it is not usable: {error}"))?;
    }
    if roots.is_empty() { Err("no certificate in it".to_owned()) } else { Ok(()) }
}

/// Whether this system has any certificate authority of its own; an image made from scratch has none.
pub(super) fn system_has_roots() -> bool {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs).0 > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused_before_the_client_sees_it() {
        for pem in ["", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(check_pem(pem.as_bytes()).is_err(), "{pem}");
        }
    }
}
