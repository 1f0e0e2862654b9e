//! Listings out of pages.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, Object};
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::super::{Bounds, Cut, Entry, ErrorKind, ObjectError, Survey, Wanted, retry};
use super::{ATTEMPT, LAST_START, S3Store};

/// What stands below the store's prefix and goes on with `prefix`, as far as `bounds` allow.
pub(super) async fn survey(
    store: &S3Store,
    prefix: &str,
    wanted: Wanted,
    bounds: Bounds,
) -> Result<Survey, ObjectError> {
    let started = Instant::now();
    let mut survey = Survey::default();
    let mut token: Option<String> = None;
    loop {
        let page = retry::read(LAST_START, || page(store, prefix, token.as_deref())).await?;
        for object in page.contents() {
            let entry = entry(store, object, page.encoding_type()).ok_or_else(|| {
                store.plain("list", prefix, ErrorKind::Corrupt, "the listing names an object outside of the prefix")
            })?;
            if !survey.take(entry, wanted, &bounds) {
                return Ok(survey.sorted());
            }
        }
        if page.is_truncated() != Some(true) {
            break;
        }
        if started.elapsed() >= bounds.time {
            survey.cut = Some(Cut::Time(bounds.time));
            break;
        }
        let next = page.next_continuation_token().map(str::to_owned);
        if next.is_none() || next == token || page.contents().is_empty() {
            return Err(store.plain("list", prefix, ErrorKind::Corrupt, "a cut listing without a way to go on"));
        }
        token = next;
    }
    Ok(survey.sorted())
}

async fn page(store: &S3Store, prefix: &str, token: Option<&str>) -> Result<ListObjectsV2Output, ObjectError> {
    let request = store
        .client
        .list_objects_v2()
        .bucket(&store.location.bucket)
        .prefix(store.key(prefix))
        // Keys may hold characters that XML cannot: one such key must not break the whole listing.
        .encoding_type(EncodingType::Url)
        .set_continuation_token(token.map(str::to_owned))
        .send();
    match timeout(ATTEMPT, request).await {
        Ok(answer) => answer.map_err(|error| store.failed("list", prefix, &error)),
        Err(_) => Err(store.late("list", prefix, ATTEMPT)),
    }
}

fn entry(store: &S3Store, object: &Object, encoding: Option<&EncodingType>) -> Option<Entry> {
    let key = object.key()?;
    let key = if encoding == Some(&EncodingType::Url) { decode(key) } else { key.to_owned() };
    Some(Entry {
        path: key.strip_prefix(&store.key(""))?.to_owned(),
        size: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        modified: object.last_modified().and_then(|time| Timestamp::from_second(time.secs()).ok()),
        tag: object.e_tag().map(|tag| tag.trim_matches('"').to_owned()),
    })
}

/// Undoes the escaping of `encoding-type=url`: `+` is a space, `%XX` a byte; what is no escape stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(nibble(*high) << 4 | nibble(*low));
                rest = tail;
            }
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase().saturating_sub(b'a') + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_keys_are_read_as_they_were_written() {
        assert_eq!(decode("vaults/main/1.json"), "vaults/main/1.json");
        assert_eq!(decode("a%2Fb+c%2B%01%C3%a4"), "a/b c+\u{1}ä");
        assert_eq!(decode("%zz%4"), "%zz%4");
    }
}
