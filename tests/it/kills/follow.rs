//! Does what the printed sentence says, knowing nothing but the sentence.

use std::path::Path;

use harness::command::Output;
use serde_json::Value;

use super::bed::{Bed, Order};

/// Most sentences that are followed in a row.
const STEPS: usize = 4;

/// What a failed command printed.
#[derive(Debug)]
pub(super) struct Sentence {
    pub(super) class: String,
    hint: String,
}

impl Sentence {
    /// The last error in the JSON output.
    pub(super) fn of(output: &Output) -> Self {
        let values = serde_json::Deserializer::from_str(&output.stdout).into_iter::<Value>();
        let error = values.filter_map(Result::ok).filter(|value| value["error"].is_object()).last();
        let error = error.unwrap_or_else(|| panic!("no error in the output: {}", output.text()));
        let text = |field: &str| error["error"][field].as_str().unwrap_or_default().to_owned();
        let sentence = Self { class: text("class"), hint: text("hint") };
        assert_eq!(error["error"]["status"], output.status, "{}", output.text());
        assert!(!sentence.hint.is_empty(), "a failure without a next step: {}", output.text());
        sentence
    }

    /// The word after `key` in the hint.
    fn word_after(&self, key: &str) -> Option<&str> {
        let rest = self.hint.split_once(key)?.1;
        rest.split(|end: char| end == '`' || end.is_whitespace()).next()
    }
}

/// Runs `order` until it is done, each time as the sentence before told, and returns the classes of those sentences.
pub(super) async fn follow(bed: &mut Bed, order: Order) -> Vec<String> {
    let mut followed = Vec::new();
    let mut more = Vec::new();
    let mut told = String::new();
    for _ in 0..=STEPS {
        let output = bed.run(order, &more).await;
        if output.status == 0 {
            return followed;
        }
        let sentence = Sentence::of(&output);
        told = output.text();
        more = obey(bed, &sentence, &told).await;
        followed.push(sentence.class);
    }
    panic!("{order:?} is not done after {followed:?}: {told}");
}

/// Does what is to be done and returns the arguments of the next run.
async fn obey(bed: &mut Bed, sentence: &Sentence, told: &str) -> Vec<String> {
    let go_on = || {
        let number = sentence.word_after("--continue ").unwrap_or_else(|| panic!("no number to continue: {told}"));
        vec!["--continue".to_owned(), number.to_owned()]
    };
    match sentence.class.as_str() {
        "intent-open" => go_on(),
        "init-cut-off-in-server" => {
            bed.empty().await;
            go_on()
        }
        "init-answer-lost" | "broken-init" if sentence.hint.contains("--continue ") => {
            let copy = ["the sealed copy ", "Look for "].iter().find_map(|key| sentence.word_after(key));
            if Path::new(copy.unwrap_or_else(|| panic!("no place of a copy: {told}"))).exists() {
                return Vec::new();
            }
            bed.empty().await;
            go_on()
        }
        "drill-denied" => {
            assert!(sentence.hint.contains("while the server is sealed"), "{told}");
            bed.restart().await;
            Vec::new()
        }
        "server-unavailable" | "not-open" => {
            assert!(sentence.hint.contains("start") || sentence.hint.contains("next"), "{told}");
            if bed.server.api().try_seal_status().await.is_err() {
                bed.restart().await;
            }
            Vec::new()
        }
        _ => {
            assert!(sentence.hint.contains("again"), "nothing that can be followed: {told}");
            Vec::new()
        }
    }
}
