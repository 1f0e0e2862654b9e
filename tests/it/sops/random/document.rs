//! Random documents, in many of the styles that YAML has.

use super::dice::Dice;
use crate::sops::corpus::rows;

const WORDS: &[&str] = &[
    "alpha",
    "beta",
    "grüße",
    "x",
    "0",
    "true",
    "a b",
    "c: d",
    "e #f",
    "-g",
    "日本",
    "\u{1f600}",
    "tab\there",
    "back\\slash",
    "quo\"te",
    "it's",
];

const DEPTH: usize = 4;

/// A document of YAML, now and then several.
pub(super) fn yaml(dice: &mut Dice) -> String {
    let documents = if dice.once_in(4) { 1 + dice.of(3) } else { 1 };
    let mut text = String::new();
    for number in 0..documents {
        if number > 0 || dice.once_in(5) {
            text.push_str("---\n");
        }
        map(dice, &mut text, 0, DEPTH);
    }
    text
}

fn map(dice: &mut Dice, text: &mut String, indent: usize, depth: usize) {
    let step = [1, 2, 4][dice.of(3)];
    for number in 0..=dice.of(5) {
        comment(dice, text, indent);
        let suffix = if dice.once_in(6) { "_unencrypted" } else { "" };
        let key = match dice.of(8) {
            0 => format!("\"{} {number}{suffix}\"", dice.pick(&["a b", "c: d", "#e", "\\t", "ü"])),
            1 => format!("'{number}{suffix}'"),
            _ => format!("{}{number}{suffix}", dice.pick(&["key", "k.x", "Data-", "_", "sops"])),
        };
        text.push_str(&" ".repeat(indent));
        text.push_str(&key);
        text.push(':');
        value(dice, text, indent, step, depth);
    }
}

/// What follows a key's colon or an item's dash, to the end of its last line.
fn value(dice: &mut Dice, text: &mut String, indent: usize, step: usize, depth: usize) {
    match dice.of(10) {
        0 | 1 if depth > 0 => {
            end(dice, text);
            map(dice, text, indent + step, depth - 1);
        }
        2 if depth > 0 => {
            end(dice, text);
            list(dice, text, indent + step, depth - 1);
        }
        3 => block(dice, text, indent + step),
        4 => {
            text.push(' ');
            flow(dice, text, 2);
            end(dice, text);
        }
        _ => {
            text.push(' ');
            text.push_str(&scalar(dice));
            end(dice, text);
        }
    }
}

fn list(dice: &mut Dice, text: &mut String, indent: usize, depth: usize) {
    for _ in 0..=dice.of(4) {
        comment(dice, text, indent);
        text.push_str(&" ".repeat(indent));
        text.push('-');
        value(dice, text, indent, 2, depth);
    }
}

fn block(dice: &mut Dice, text: &mut String, indent: usize) {
    let header = dice.pick(&["|", "|-", "|+", ">", ">-"]);
    text.push_str(&format!(" {header}\n"));
    for line in 0..=dice.of(4) {
        // sops itself prints a text that begins with a blank line so that nothing reads it back.
        if line > 0 && dice.once_in(5) {
            text.push('\n');
        }
        text.push_str(&format!(
            "{}{}\n",
            " ".repeat(indent),
            dice.pick(&["one", "two three", "# no comment", "k: v", "- x", "end ", "ü"])
        ));
    }
}

fn flow(dice: &mut Dice, text: &mut String, depth: usize) {
    let items: Vec<String> = (0..dice.of(4))
        .map(|number| {
            let mut item = String::new();
            if depth > 0 && dice.once_in(4) {
                flow(dice, &mut item, depth - 1);
            } else {
                item.push_str(&quoted(dice));
            }
            (number, item)
        })
        .map(|(number, item)| format!("k{number}\u{1}{item}"))
        .collect();
    let map = dice.once_in(2);
    let (open, close) = if map { ('{', '}') } else { ('[', ']') };
    let items: Vec<String> = items
        .iter()
        .map(|item| {
            item.split_once('\u{1}')
                .map_or(String::new(), |(key, item)| if map { format!("{key}: {item}") } else { item.to_owned() })
        })
        .collect();
    text.push(open);
    text.push_str(&items.join(", "));
    text.push(close);
}

/// Nothing of this is special inside of flow.
fn quoted(dice: &mut Dice) -> String {
    match dice.of(4) {
        0 => format!("'{}'", dice.pick(WORDS).replace('\'', "''")),
        1 => json_text(dice.pick(WORDS)),
        2 => dice.pick(&["1", "0.5", "true", "null", "~", "0644", "2024-05-06", "1e3", "0x1f"]).to_owned(),
        _ => format!("w{}", dice.of(100)),
    }
}

fn scalar(dice: &mut Dice) -> String {
    let rows = rows();
    match dice.of(3) {
        // A negative zero is the one thing that sops itself does not read back.
        0 => Some(rows[dice.of(rows.len())].0).filter(|row| *row != "-0.0").unwrap_or("0").to_owned(),
        1 => dice.number().to_string().chars().take(1 + dice.of(17)).collect(),
        _ => quoted(dice),
    }
}

fn comment(dice: &mut Dice, text: &mut String, indent: usize) {
    if dice.once_in(6) {
        text.push_str(&format!("{}# comment {}\n", " ".repeat(indent), dice.of(100)));
    }
    if dice.once_in(9) {
        text.push('\n');
    }
}

fn end(dice: &mut Dice, text: &mut String) {
    if dice.once_in(9) {
        text.push_str(&format!(" # inline {}", dice.of(100)));
    }
    text.push('\n');
}

/// A document of JSON.
pub(super) fn json(dice: &mut Dice) -> String {
    let mut text = String::new();
    json_map(dice, &mut text, DEPTH);
    text + dice.pick(&["", "\n", "\n\n"])
}

fn json_map(dice: &mut Dice, text: &mut String, depth: usize) {
    let space = dice.pick(&["", " ", "\n\t", "\r\n  "]);
    text.push('{');
    for number in 0..dice.of(6) {
        if number > 0 {
            text.push(',');
        }
        text.push_str(space);
        let suffix = if dice.once_in(5) { "_unencrypted" } else { "" };
        text.push_str(&json_text(&format!("{}{number}{suffix}", dice.pick(WORDS))));
        text.push(':');
        text.push_str(space);
        json_value(dice, text, depth);
    }
    text.push_str(space);
    text.push('}');
}

fn json_value(dice: &mut Dice, text: &mut String, depth: usize) {
    match dice.of(9) {
        0 | 1 if depth > 0 => json_map(dice, text, depth - 1),
        2 if depth > 0 => {
            text.push('[');
            for number in 0..dice.of(4) {
                text.push_str(if number > 0 { ", " } else { "" });
                json_value(dice, text, depth - 1);
            }
            text.push(']');
        }
        3 => text.push_str(dice.pick(&["true", "false", "null", "\"\"", "{}", "[]"])),
        4 => text.push_str(&(dice.number() >> 12).to_string()),
        5 => text.push_str(dice.pick(&["0.5", "-1.25", "1e3", "1E-7", "123456.789", "1.0", "1e21"])),
        _ => text.push_str(&json_text(dice.pick(WORDS))),
    }
}

fn json_text(text: &str) -> String {
    serde_json::to_string(text).expect("text is JSON")
}
