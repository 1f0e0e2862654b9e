//! What an answer, or its absence, means: pure classification by the error kinds.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use jiff::{SignedDuration, Timestamp};

use super::super::ErrorKind;

/// What is known of a failed request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// HTTP status, where there was an answer.
    pub(super) status: Option<u16>,
    /// S3 error code, where the body had one.
    pub(super) code: Option<String>,
    /// Causes in the words of the libraries, outermost first.
    pub(super) causes: String,
    /// How far the server's clock is ahead of ours.
    pub(super) server_ahead: Option<SignedDuration>,
}

/// The conclusion: kind, one line of detail and, where it differs from the kind's own, the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) kind: ErrorKind,
    pub(super) detail: String,
    pub(super) hint: Option<&'static str>,
}

const KEYS: &str = "check accessKeyFile and secretKeyFile: the store does not accept this key";
const RIGHTS: &str =
    "give the key the right on the bucket; without the right to list, a missing object is refused in the same way";
const CLOCK: &str = "correct this machine's clock";
const BUCKET: &str = "create the bucket, or correct the one in url";
const ELSEWHERE: &str = "correct endpoint and region: the bucket is served elsewhere";
const NO_STORE: &str = "check endpoint: what answers there speaks no S3 (a proxy or ingress in front of the store?)";
const TRUST: &str =
    "check caFile: it must hold the authority that signed the store's certificate, and endpoint its name";
const CREDENTIALS: &str = "check that accessKeyFile and secretKeyFile can be read and hold one line each";

impl Evidence {
    /// Reads status, code, causes and the server's clock from a failed call made at `now`.
    pub(super) fn of<E>(error: &SdkError<E>, now: Timestamp) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let answer = error.raw_response();
        Self {
            status: answer.map(|answer| answer.status().as_u16()),
            code: error.as_service_error().and_then(ProvideErrorMetadata::code).map(str::to_owned),
            causes: causes(error),
            server_ahead: answer.and_then(|answer| answer.headers().get("date")).and_then(|date| ahead(date, now)),
        }
    }

    /// What may be concluded.
    pub(super) fn judge(&self) -> Verdict {
        let Some(status) = self.status else { return self.judge_silence() };
        let code = self.code.as_deref().unwrap_or_default();
        let detail = if code.is_empty() { format!("status {status}") } else { format!("{code} ({status})") };
        let (kind, hint) = match (status, code) {
            (404, "NoSuchKey") => (ErrorKind::Absent, None),
            (404, "NoSuchBucket") => (ErrorKind::Settings, Some(BUCKET)),
            (_, "RequestTimeTooSkewed") => return self.judge_clock(&detail),
            (409 | 412, _) => (ErrorKind::Conflict, None),
            (401 | 403, "SignatureDoesNotMatch" | "InvalidAccessKeyId" | "NotSignedUp") => {
                (ErrorKind::Denied, Some(KEYS))
            }
            (401 | 403, _) => (ErrorKind::Denied, Some(RIGHTS)),
            (300..=399, _) => (ErrorKind::Settings, Some(ELSEWHERE)),
            (400, "BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch" | "IncompleteBody") => {
                (ErrorKind::Corrupt, None)
            }
            (400, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
                (ErrorKind::Settings, Some(ELSEWHERE))
            }
            (400, "InvalidBucketName" | "InvalidArgument" | "InvalidRequest") => (ErrorKind::Settings, None),
            (400, "EntityTooLarge") | (413, _) => (ErrorKind::TooLarge, None),
            (501 | 405, _) => (ErrorKind::NotSupported, None),
            (404, _) => (ErrorKind::Unavailable, Some(NO_STORE)),
            _ => (ErrorKind::Unavailable, None),
        };
        Verdict { kind, detail, hint }
    }

    fn judge_clock(&self, detail: &str) -> Verdict {
        let detail = match self.server_ahead {
            Some(ahead) => {
                let seconds = ahead.as_secs();
                let side = if seconds >= 0 { "ahead of" } else { "behind" };
                format!("{detail}: the store's clock is {} s {side} ours", seconds.unsigned_abs())
            }
            None => format!("{detail}: the store's clock and ours differ"),
        };
        Verdict { kind: ErrorKind::Unavailable, detail, hint: Some(CLOCK) }
    }

    fn judge_silence(&self) -> Verdict {
        let (kind, hint) = if self.causes.contains("invalid peer certificate") {
            (ErrorKind::Settings, Some(TRUST))
        } else if self.causes.contains(super::credentials::MARK) {
            (ErrorKind::Settings, Some(CREDENTIALS))
        } else {
            (ErrorKind::Unavailable, None)
        };
        Verdict { kind, detail: self.causes.clone(), hint }
    }
}

/// The verdict on a body that broke off. A wrong checksum says that the bytes are not the stored ones; anything
/// else says only that the answer did not arrive whole.
pub(super) fn judge_body(causes: String) -> Verdict {
    let kind = if causes.contains("checksum mismatch") { ErrorKind::Corrupt } else { ErrorKind::Unavailable };
    Verdict { kind, detail: causes, hint: None }
}

/// The texts of an error and its sources, joined; a text that only repeats the one before is left out.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}

fn ahead(date: &str, now: Timestamp) -> Option<SignedDuration> {
    let server = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(server.duration_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(status: u16, code: &str) -> Evidence {
        let code = (!code.is_empty()).then(|| code.to_owned());
        Evidence { status: Some(status), code, ..Evidence::default() }
    }

    #[test]
    fn the_known_answers_have_their_kinds() {
        for (status, code, kind) in [
            (404, "NoSuchKey", ErrorKind::Absent),
            (404, "NoSuchBucket", ErrorKind::Settings),
            (404, "", ErrorKind::Unavailable),
            (412, "PreconditionFailed", ErrorKind::Conflict),
            (409, "ConditionalRequestConflict", ErrorKind::Conflict),
            (403, "AccessDenied", ErrorKind::Denied),
            (403, "SignatureDoesNotMatch", ErrorKind::Denied),
            (403, "RequestTimeTooSkewed", ErrorKind::Unavailable),
            (400, "BadDigest", ErrorKind::Corrupt),
            (500, "InternalError", ErrorKind::Unavailable),
            (503, "SlowDown", ErrorKind::Unavailable),
            (501, "NotImplemented", ErrorKind::NotSupported),
            (301, "PermanentRedirect", ErrorKind::Settings),
            (307, "TemporaryRedirect", ErrorKind::Settings),
        ] {
            assert_eq!(answer(status, code).judge().kind, kind, "{status} {code}");
        }
    }

    #[test]
    fn a_wrong_clock_is_named_with_its_measure() {
        let now: Timestamp = "2026-11-24T14:00:00Z".parse().unwrap();
        let measured = ahead("Tue, 24 Nov 2026 15:00:00 GMT", now);
        let verdict = Evidence { server_ahead: measured, ..answer(403, "RequestTimeTooSkewed") }.judge();
        assert_eq!(verdict.hint, Some(CLOCK));
        assert!(verdict.detail.contains("3600 s ahead of ours"), "{}", verdict.detail);
    }

    #[test]
    fn an_untrusted_certificate_is_a_settings_fault_and_silence_is_not() {
        let silence = |causes: &str| Evidence { causes: causes.to_owned(), ..Evidence::default() }.judge().kind;
        assert_eq!(silence("dispatch failure: invalid peer certificate: UnknownIssuer"), ErrorKind::Settings);
        assert_eq!(silence("dispatch failure: connection refused"), ErrorKind::Unavailable);
        assert_eq!(silence(""), ErrorKind::Unavailable);
    }

    #[test]
    fn a_broken_body_is_corrupt_only_by_its_checksum() {
        assert_eq!(judge_body("body checksum mismatch. expected …".to_owned()).kind, ErrorKind::Corrupt);
        assert_eq!(judge_body("connection reset by peer".to_owned()).kind, ErrorKind::Unavailable);
    }

    proptest! {
        #[test]
        fn nothing_but_no_such_key_is_absent(status in 100_u16..600, code in "[A-Za-z]{0,20}") {
            let kind = answer(status, &code).judge().kind;
            prop_assert_eq!(kind == ErrorKind::Absent, status == 404 && code == "NoSuchKey");
        }
    }
}
