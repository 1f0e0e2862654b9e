//! The requests of `--after-init`: what the root token is used for before it is revoked.
//!
//! A JSON file, an array of `{"method": "POST", "path": "sys/policies/acl/rotator", "body": {…}}`. `path` is below `/v1/`; `body` may be absent.

use serde::Deserialize;

/// Largest file that is read, bytes.
pub const FILE_LIMIT_BYTES: usize = 1024 * 1024;

/// One request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `DELETE` or `LIST`.
    pub method: String,
    /// Path below `/v1/`.
    pub path: String,
    /// JSON body.
    #[serde(default)]
    pub body: Option<serde_json::Value>,
}

/// Reads the file's text and checks every request; all faults at once.
///
/// # Errors
/// One line a fault; a body is never quoted, it may hold a password.
pub fn parse(text: &[u8]) -> Result<Vec<Request>, Vec<String>> {
    let requests: Vec<Request> = serde_json::from_slice(text).map_err(|error| {
        vec![format!("line {}, column {}: not an array of {{method, path, body}}", error.line(), error.column())]
    })?;
    let faults: Vec<String> = requests.iter().enumerate().flat_map(|(index, request)| faults(index, request)).collect();
    if faults.is_empty() { Ok(requests) } else { Err(faults) }
}

fn faults(index: usize, request: &Request) -> Vec<String> {
    let mut faults = Vec::new();
    if !matches!(request.method.as_str(), "GET" | "POST" | "PUT" | "DELETE" | "LIST") {
        faults.push(format!("request {}: method is none of GET, POST, PUT, DELETE, LIST", index + 1));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let path_ok = !request.path.is_empty()
        && request.path.bytes().all(plain)
        && request.path.split('/').all(|part| !part.is_empty() && part != ".." && part != ".");
    if !path_ok {
        faults
            .push(format!("request {}: path is not a plain path below /v1/, such as sys/policies/acl/NAME", index + 1));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_in_order() {
        let requests = parse(
            br#"[{"method":"POST","path":"sys/mounts/kv","body":{"type":"kv"}},{"method":"GET","path":"sys/mounts"}]"#,
        )
        .unwrap();
        assert_eq!(requests[0].path, "sys/mounts/kv");
        assert_eq!(requests[1].body, None);
    }

    #[test]
    fn every_fault_is_reported_and_no_body_is_quoted() {
        let faults = parse(
            br#"[{"method":"PATCH","path":"/sys/x"},{"method":"GET","path":"a/../b","body":{"password":"hunter2"}}]"#,
        )
        .unwrap_err();
        assert_eq!(faults.len(), 3);
        assert!(!faults.join(" ").contains("hunter2"));
        assert_eq!(parse(b"{\"password\":\"hunter2\"}").unwrap_err().len(), 1);
    }
}
