//! The calls that vaultrs does not have, or has in a form that keeps shares in plain strings.
//!
//! Calls without secrets derive their [`Endpoint`]. Calls with a share write their body by hand into one exactly sized buffer,
//! which the wire wipes after sending; a derived body would leave two copies behind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use rustify_derive::Endpoint;
use sops_tools::secret::Share;

#[derive(Endpoint)]
#[endpoint(path = "sys/seal-status")]
pub(super) struct ReadSealStatus {}

#[derive(Endpoint)]
#[endpoint(path = "sys/health")]
pub(super) struct ReadHealth {}

#[derive(Endpoint)]
#[endpoint(path = "sys/leader")]
pub(super) struct ReadLeader {}

#[derive(Endpoint)]
#[endpoint(path = "sys/init")]
pub(super) struct ReadInit {}

#[derive(Endpoint)]
#[endpoint(path = "sys/init", method = "PUT")]
pub(super) struct Init {
    pub(super) secret_shares: u8,
    pub(super) secret_threshold: u8,
}

#[derive(Endpoint)]
#[endpoint(path = "sys/unseal", method = "PUT")]
pub(super) struct ResetUnseal {
    pub(super) reset: bool,
}

/// vaultrs 0.8.0 has this call with a tab in front of its path.
#[derive(Endpoint)]
#[endpoint(path = "auth/token/revoke-self", method = "POST")]
pub(super) struct RevokeSelf {}

/// The two families of calls that make new shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// `sys/rekey/*`: Vault; no token on 1.x.
    Rekey,
    /// `sys/rotate/root/*`: OpenBao; with a token.
    RotateRoot,
}

impl Family {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Rekey => "sys/rekey",
            Self::RotateRoot => "sys/rotate/root",
        }
    }
}

#[derive(Endpoint)]
#[endpoint(path = "{self.family.path()}/init")]
pub(super) struct ReadRotation {
    #[endpoint(skip)]
    pub(super) family: Family,
}

#[derive(Endpoint)]
#[endpoint(path = "{self.family.path()}/init", method = "PUT")]
pub(super) struct StartRotation {
    #[endpoint(skip)]
    pub(super) family: Family,
    pub(super) secret_shares: u8,
    pub(super) secret_threshold: u8,
    pub(super) require_verification: bool,
}

/// Vault demands the nonce in the body, OpenBao passes over it.
#[derive(Endpoint)]
#[endpoint(path = "{self.family.path()}/init", method = "DELETE")]
pub(super) struct CancelRotation {
    #[endpoint(skip)]
    pub(super) family: Family,
    pub(super) nonce: String,
}

/// One share, to `sys/unseal` or to a rotation.
pub(super) struct SendShare<'a> {
    pub(super) path: &'a str,
    pub(super) share: &'a Share,
    /// Id of the rotation; hexadecimal digits and hyphens only.
    pub(super) nonce: Option<&'a str>,
}

impl Endpoint for SendShare<'_> {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.to_owned()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::PUT
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        let open =
            self.nonce.map_or_else(|| "{\"key\":\"".to_owned(), |nonce| format!("{{\"nonce\":\"{nonce}\",\"key\":\""));
        let key = open.len()..open.len() + self.share.len().div_ceil(3) * 4;
        let mut body = vec![0_u8; key.end + 2];
        body[..key.start].copy_from_slice(open.as_bytes());
        STANDARD
            .encode_slice(self.share.expose(), &mut body[key.clone()])
            .map_err(|error| ClientError::DataParseError { source: error.into() })?;
        body[key.end..].copy_from_slice(b"\"}");
        Ok(Some(body))
    }
}

/// Any call of a user's own.
pub(super) struct AnyCall {
    pub(super) path: String,
    pub(super) method: RequestMethod,
    pub(super) body: Option<Vec<u8>>,
}

impl Endpoint for AnyCall {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        self.method.clone()
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.body.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(length: usize, nonce: Option<&str>) -> serde_json::Value {
        let share = Share::copy_from(&vec![0xfb; length]);
        let call = SendShare { path: "sys/unseal", share: &share, nonce };
        serde_json::from_slice(&call.body().unwrap().unwrap()).unwrap()
    }

    #[test]
    fn a_share_is_sent_as_padded_base64() {
        for length in [32, 33] {
            let text = STANDARD.encode(vec![0xfb; length]);
            assert_eq!(body(length, None), serde_json::json!({ "key": text }));
            assert_eq!(body(length, Some("a-1")), serde_json::json!({ "key": text, "nonce": "a-1" }));
        }
    }

    #[test]
    fn the_rotation_calls_go_to_the_familys_path() {
        let start = StartRotation {
            family: Family::RotateRoot,
            secret_shares: 5,
            secret_threshold: 3,
            require_verification: true,
        };
        assert_eq!(start.path(), "sys/rotate/root/init");
        let sent: serde_json::Value = serde_json::from_slice(&start.body().unwrap().unwrap()).unwrap();
        assert_eq!(sent, serde_json::json!({"secret_shares": 5, "secret_threshold": 3, "require_verification": true}));
        let cancel = CancelRotation { family: Family::Rekey, nonce: "n".to_owned() };
        assert_eq!(
            (cancel.path().as_str(), cancel.body().unwrap().unwrap().as_slice()),
            ("sys/rekey/init", b"{\"nonce\":\"n\"}".as_slice())
        );
    }
}
