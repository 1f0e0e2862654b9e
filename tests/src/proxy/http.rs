//! HTTP/1.1 messages, read just far enough to know where they end.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Longest head that is read; more is no HTTP of ours.
const HEAD_LIMIT: usize = 64 * 1024;

/// One request or answer, as it came.
#[derive(Debug)]
pub(super) struct Message {
    /// First line without its end.
    pub(super) line: String,
    /// All of it.
    pub(super) bytes: Vec<u8>,
    body: usize,
    closes: bool,
}

impl Message {
    /// `METHOD /path` of a request, without the query.
    pub(super) fn call(&self) -> String {
        let mut words = self.line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        format!("{method} {}", target.split('?').next().unwrap_or_default())
    }

    /// The request's target, path and query.
    pub(super) fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// Status of an answer, 0 where the line has none.
    pub(super) fn status(&self) -> u16 {
        self.line.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    /// Whether the sender closes the connection after it.
    pub(super) fn closes(&self) -> bool {
        self.closes
    }

    /// The same bytes with one bit changed in the middle of the body; unchanged where there is no body.
    pub(super) fn with_a_flipped_bit(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let middle = self.body + (bytes.len() - self.body) / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        bytes
    }
}

/// How the end of a body is known.
enum Length {
    Known(usize),
    Chunked,
    UntilClose,
}

/// Reads one message from `socket`, with `kept` holding what was read beyond the last one. `request` is what an answer
/// belongs to. `None` at the end of the connection, or where the bytes are no HTTP: they are in `kept` then.
pub(super) async fn read_message(
    socket: &mut TcpStream,
    kept: &mut Vec<u8>,
    request: Option<&Message>,
) -> Option<Message> {
    let body = loop {
        if let Some(end) = find(kept, b"\r\n\r\n") {
            break end + 4;
        }
        // A TLS record begins with 22; a method or a version begins with a capital letter.
        if kept.len() > HEAD_LIMIT || kept.first().is_some_and(|first| !first.is_ascii_uppercase()) {
            return None;
        }
        more(socket, kept).await?;
    };
    let head = String::from_utf8_lossy(&kept[..body]).into_owned();
    let line = head.lines().next().unwrap_or_default().to_owned();
    if request.is_some() && line.contains(" 100 ") {
        // An interim answer is passed on with the final one.
        let interim: Vec<u8> = kept.drain(..body).collect();
        let mut answer = Box::pin(read_message(socket, kept, request)).await?;
        answer.body += interim.len();
        answer.bytes.splice(..0, interim);
        return Some(answer);
    }
    let length = length(&head, request.map(|request| request.line.starts_with("HEAD ")));
    let closes = matches!(length, Length::UntilClose) || value(&head, "connection").is_some_and(|v| v == "close");
    let end = match length {
        Length::Known(count) => {
            while kept.len() < body + count {
                more(socket, kept).await?;
            }
            body + count
        }
        Length::Chunked => loop {
            if let Some(end) = end_of_chunks(&kept[body..]) {
                break body + end;
            }
            more(socket, kept).await?;
        },
        Length::UntilClose => {
            while more(socket, kept).await.is_some() {}
            kept.len()
        }
    };
    Some(Message { line, bytes: kept.drain(..end).collect(), body, closes })
}

async fn more(socket: &mut TcpStream, kept: &mut Vec<u8>) -> Option<()> {
    let read = socket.read_buf(kept).await.ok()?;
    (read > 0).then_some(())
}

fn length(head: &str, answer_to_head: Option<bool>) -> Length {
    let status = head.split(' ').nth(1).unwrap_or_default();
    let bodiless = answer_to_head.is_some() && (status.starts_with('1') || status == "204" || status == "304");
    if bodiless || answer_to_head == Some(true) {
        return Length::Known(0);
    }
    if value(head, "transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        return Length::Chunked;
    }
    match value(head, "content-length").and_then(|count| count.parse().ok()) {
        Some(count) => Length::Known(count),
        None if answer_to_head.is_some() => Length::UntilClose,
        None => Length::Known(0),
    }
}

/// A header's value in lower case.
fn value(head: &str, name: &str) -> Option<String> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
    })
}

/// Where a chunked body ends, `None` while it is not whole.
fn end_of_chunks(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = find(body.get(at..)?, b"\r\n")?;
        let size = std::str::from_utf8(&body[at..at + line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        at += line + 2;
        if size == 0 {
            // Trailers, each on a line, and an empty line.
            loop {
                let line = find(body.get(at..)?, b"\r\n")?;
                at += line + 2;
                if line == 0 {
                    return Some(at);
                }
            }
        }
        at += size + 2;
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::{Length, end_of_chunks, length};

    #[test]
    fn a_chunked_body_ends_after_its_trailers() {
        let body = b"3\r\nabc\r\n0\r\nx: y\r\n\r\nNEXT";
        assert_eq!(end_of_chunks(body), Some(body.len() - 4));
        assert_eq!(end_of_chunks(&body[..10]), None);
    }

    #[test]
    fn an_answer_without_a_length_lasts_until_the_end_and_a_request_without_one_is_empty() {
        assert!(matches!(length("HTTP/1.1 200 OK\r\n\r\n", Some(false)), Length::UntilClose));
        assert!(matches!(length("GET / HTTP/1.1\r\n\r\n", None), Length::Known(0)));
        assert!(matches!(length("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", Some(true)), Length::Known(0)));
    }
}
