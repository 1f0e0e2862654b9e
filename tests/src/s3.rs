//! A bucket seen without any of our own code: plain HTTP with an AWS version 4 signature. It is the witness of what is
//! stored, and the hand of an attacker who has a key.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::{Client, Method};
use sha2::{Digest, Sha256};

/// Longest time one request may take.
const LIMIT: Duration = Duration::from_secs(20);
const REGION: &str = "us-east-1";

/// An access key and its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    /// Id of the key.
    pub access: &'static str,
    /// The secret half.
    pub secret: &'static str,
}

/// One bucket, path style, over plain http.
#[derive(Debug, Clone)]
pub struct Bucket {
    host: String,
    name: String,
    credentials: Credentials,
    client: Client,
}

/// Status and body of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body, an XML error for a failed request.
    pub body: Vec<u8>,
}

impl Answer {
    fn good(self, what: &str) -> Result<Vec<u8>, String> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        Err(format!("{what}: {} {}", self.status, String::from_utf8_lossy(&self.body)))
    }
}

impl Bucket {
    /// Bucket `name` at `endpoint` (`http://HOST:PORT`).
    pub fn new(endpoint: &str, name: &str, credentials: Credentials) -> Self {
        let host = endpoint.strip_prefix("http://").expect("a plain http endpoint").to_owned();
        let client = Client::builder().no_proxy().timeout(LIMIT).build().expect("HTTP client");
        Self { host, name: name.to_owned(), credentials, client }
    }

    /// One signed request. `key` is empty for the bucket itself; `query` is in canonical form (sorted, escaped).
    ///
    /// # Errors
    /// The transport's complaint, as text.
    pub async fn request(
        &self,
        method: Method,
        key: &str,
        query: &str,
        headers: &[(&'static str, &str)],
        body: &[u8],
    ) -> Result<Answer, String> {
        let path =
            if key.is_empty() { format!("/{}", self.name) } else { format!("/{}/{}", self.name, escape(key, "/")) };
        let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let digest = hex(&Sha256::digest(body));
        let authorization = self.authorization(&method, &path, query, &time, &digest);
        let mark = if query.is_empty() { "" } else { "?" };
        let mut request = self
            .client
            .request(method, format!("http://{}{path}{mark}{query}", self.host))
            .header("x-amz-date", time)
            .header("x-amz-content-sha256", digest)
            .header("authorization", authorization)
            .body(body.to_vec());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.map_err(|error| format!("{error:?}"))?.to_vec();
        Ok(Answer { status, body })
    }

    fn authorization(&self, method: &Method, path: &str, query: &str, time: &str, digest: &str) -> String {
        const SIGNED: &str = "host;x-amz-content-sha256;x-amz-date";
        let day = &time[..8];
        let scope = format!("{day}/{REGION}/s3/aws4_request");
        let host = &self.host;
        let canonical = format!(
            "{method}\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{digest}\nx-amz-date:{time}\n\n{SIGNED}\n{digest}"
        );
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let key = [day, REGION, "s3", "aws4_request"]
            .iter()
            .fold(format!("AWS4{}", self.credentials.secret).into_bytes(), |key, part| hmac(&key, part));
        let signature = hex(&hmac(&key, &text));
        let access = self.credentials.access;
        format!("AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={SIGNED}, Signature={signature}")
    }

    /// Stores an object, over an older one if there is one.
    ///
    /// # Errors
    /// The server's or the transport's complaint.
    pub async fn try_put(&self, key: &str, content: &[u8]) -> Result<(), String> {
        self.request(Method::PUT, key, "", &[], content).await?.good(key).map(drop)
    }

    /// Stores an object, over an older one if there is one.
    pub async fn put(&self, key: &str, content: &[u8]) {
        self.try_put(key, content).await.unwrap_or_else(|error| panic!("put {error}"));
    }

    /// The object, `None` where there is none.
    pub async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let answer = self.request(Method::GET, key, "", &[], b"").await;
        let answer = answer.unwrap_or_else(|error| panic!("get {key}: {error}"));
        if answer.status == 404 {
            return None;
        }
        Some(answer.good(key).unwrap_or_else(|error| panic!("get {error}")))
    }

    /// Deletes an object; none there is no fault.
    pub async fn delete(&self, key: &str) {
        let answer = self.request(Method::DELETE, key, "", &[], b"").await;
        answer.and_then(|answer| answer.good(key)).unwrap_or_else(|error| panic!("delete {error}"));
    }

    /// Keys that begin with `prefix`, in order; at most 1000.
    pub async fn list(&self, prefix: &str) -> Vec<String> {
        let query = format!("list-type=2&prefix={}", escape(prefix, ""));
        let answer = self.request(Method::GET, "", &query, &[], b"").await;
        let body = answer.and_then(|answer| answer.good(prefix)).unwrap_or_else(|error| panic!("list {error}"));
        let text = String::from_utf8(body).expect("a listing is text");
        assert!(!text.contains("<IsTruncated>true"), "more than 1000 keys below {prefix}");
        text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()).map(str::to_owned).collect()
    }

    /// Deletes every object whose key begins with `prefix`.
    pub async fn delete_all(&self, prefix: &str) {
        for key in self.list(prefix).await {
            self.delete(&key).await;
        }
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Escapes all but unreserved characters and those of `kept`.
fn escape(text: &str, kept: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.as_bytes().contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn a_key_keeps_its_slashes_and_a_query_value_does_not() {
        assert_eq!(escape("a/b c", "/"), "a/b%20c");
        assert_eq!(escape("a/b", ""), "a%2Fb");
    }
}
