//! What sops' own library reads from a plain file.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use super::{Bed, Format};

/// A running `sops-tree` (tests/sops/tree), which reads as sops 3.13.3 does.
#[derive(Debug)]
pub struct Trees {
    child: Mutex<(Child, ChildStdin, BufReader<ChildStdout>)>,
}

impl Trees {
    /// Starts it. It ends when its input does, so also when this process is killed.
    pub fn start() -> Self {
        let mut child = Command::new(crate::tools::program("sops-tree"))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sops-tree starts");
        let questions = child.stdin.take().expect("its input");
        let answers = BufReader::new(child.stdout.take().expect("its output"));
        Self { child: Mutex::new((child, questions, answers)) }
    }

    /// The leaves of a plain file, one line each: document, path, type and value between tabs. Binary files are one leaf.
    ///
    /// # Errors
    /// Why sops does not read it.
    pub fn read(&self, bed: &Bed, format: Format, plain: &[u8]) -> Result<Vec<String>, String> {
        if format == Format::Binary {
            return Ok(vec![format!("0\t\tbytes\t{}", plain.escape_ascii())]);
        }
        let file = bed.file(format.file(), plain);
        let leaves = self.ask(format, &file).map_err(|fault| format!("sops does not read this: {fault}"));
        leaves.map_err(|fault| format!("{fault}\n{}", String::from_utf8_lossy(plain)))
    }

    fn ask(&self, format: Format, file: &Path) -> Result<Vec<String>, String> {
        let mut child = self.child.lock().expect("no reader panics");
        let (_, questions, answers) = &mut *child;
        writeln!(questions, "{}\t{}", format.name(), file.display()).expect("sops-tree listens");
        let mut leaves = Vec::new();
        loop {
            let mut line = String::new();
            let read = answers.read_line(&mut line).expect("sops-tree answers in UTF-8");
            let line = line.trim_end_matches('\n');
            if read == 0 {
                return Err("sops-tree crashed".to_owned());
            } else if line == "end" {
                return Ok(leaves);
            } else if let Some(fault) = line.strip_prefix("fault ") {
                return Err(fault.to_owned());
            }
            leaves.push(line.to_owned());
        }
    }
}

impl Drop for Trees {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        drop(child.0.kill());
        drop(child.0.wait());
    }
}

/// The leaves that are no comments: all that the MAC knows, and null.
pub fn without_comments(leaves: &[String]) -> Vec<String> {
    leaves.iter().filter(|leaf| leaf.split('\t').nth(2) != Some("comment")).cloned().collect()
}

/// The leaves after one trip through the text of sops, which writes a float without a fraction as a whole number and a negative
/// zero as 0.
pub fn as_sops_writes(leaves: &[String]) -> Vec<String> {
    let respell = |leaf: &String| {
        let Some((place, number)) = leaf.split_once("\tfloat\t") else { return leaf.clone() };
        let digits = number.trim_matches('"');
        let whole = digits.parse::<i64>().map(|whole| format!("{place}\tint\t\"{whole}\""));
        whole.unwrap_or_else(|_| leaf.clone())
    };
    leaves.iter().map(respell).collect()
}
