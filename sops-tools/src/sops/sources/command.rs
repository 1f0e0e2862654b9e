//! Runs the command of `SOPS_AGE_KEY_CMD`: split into words as a shell would, run without one.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

/// How often a command is asked whether it has ended, once it has closed its output.
const STEP: Duration = Duration::from_millis(20);

/// Why a command gave nothing. Holds none of its words: a secret may be among them.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error("it is not UTF-8 or has an open quote")]
    Words,
    #[error("it names no program")]
    Empty,
    #[error("the program cannot be started: {0}")]
    Start(io::Error),
    #[error("its output cannot be read: {0}")]
    Read(io::Error),
    #[error("it printed more than {0} bytes")]
    TooLarge(usize),
    #[error("it did not end within {} s", .0.as_secs())]
    TooLong(Duration),
    #[error("it failed: {0}")]
    Failed(String),
}

/// What the command prints, at most `most` bytes, within `limit`.
pub(super) fn output(line: &OsStr, most: usize, limit: Duration) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let words = line.to_str().and_then(shlex::split).ok_or(CommandError::Words)?;
    let (program, arguments) = words.split_first().ok_or(CommandError::Empty)?;
    let mut child = Command::new(program)
        .args(arguments)
        // The command makes an identity; it needs none of those that are there.
        .env_remove(super::AGE_KEY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(CommandError::Start)?;
    let result = child.stdout.take().map_or(Err(CommandError::TooLong(limit)), |stdout| read(stdout, most, limit));
    match result {
        Ok(text) => ended(&mut child, limit).map(|()| text),
        Err(error) => {
            stop(&mut child);
            Err(error)
        }
    }
}

/// Reads to the end on a thread of its own: a read cannot be given a deadline.
fn read(mut stdout: ChildStdout, most: usize, limit: Duration) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // One byte more than allowed shows that there is more; the buffer never grows and leaves no copy.
        let mut text = Zeroizing::new(vec![0_u8; most + 1]);
        let mut filled = 0;
        let result = loop {
            match text.get_mut(filled..).map_or(Ok(0), |room| stdout.read(room)) {
                Ok(0) => break Ok(()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        text.truncate(filled);
        // Nobody listens any more after the deadline.
        let _ = sender.send(result.map(|()| text));
    });
    match receiver.recv_timeout(limit) {
        Ok(Ok(text)) if text.len() > most => Err(CommandError::TooLarge(most)),
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(CommandError::Read(error)),
        Err(_) => Err(CommandError::TooLong(limit)),
    }
}

/// Waits for the end, which is near once the output is closed.
fn ended(child: &mut Child, limit: Duration) -> Result<(), CommandError> {
    let mut waited = Duration::ZERO;
    loop {
        match child.try_wait().map_err(CommandError::Read)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(CommandError::Failed(status.to_string())),
            None if waited >= limit => {
                stop(child);
                return Err(CommandError::TooLong(limit));
            }
            None => {
                thread::sleep(STEP);
                waited += STEP;
            }
        }
    }
}

fn stop(child: &mut Child) {
    // It may have ended meanwhile; the first error is what counts.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        output(OsStr::new(line), 16, Duration::from_secs(5)).map_err(|error| error.to_string())
    }

    #[test]
    fn words_are_split_as_a_shell_does_and_no_shell_sees_them() {
        assert_eq!(run("printf %s 'a  b' \"$x\"").unwrap().as_slice(), b"a  b$x");
        assert_eq!(run("printf 'open").unwrap_err(), "it is not UTF-8 or has an open quote");
        assert_eq!(run("  ").unwrap_err(), "it names no program");
    }

    #[test]
    fn a_command_that_fails_prints_too_much_or_takes_too_long_gives_nothing() {
        assert_eq!(run("sh -c 'echo x; exit 3'").unwrap_err(), "it failed: exit status: 3");
        assert_eq!(run("printf 12345678901234567").unwrap_err(), "it printed more than 16 bytes");
        assert!(run("/no/such/program SECRET").unwrap_err().starts_with("the program cannot be started: "));
        let error = output(OsStr::new("sleep 60"), 16, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.to_string(), "it did not end within 0 s");
        let error = output(OsStr::new("sh -c 'exec >&-; exec sleep 60'"), 16, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.to_string(), "it did not end within 0 s");
    }
}
