//! Attacks on files as a whole: documents, ends, bytes that are none of the format.

use harness::sops::Format;

use super::Attack;
use super::bases::{Bases, enc_of, put, swapped};

pub(super) fn attacks(bases: &Bases) -> Vec<Attack> {
    [documents(&bases.documents), truncated(bases), appended(bases), recoded(bases)].into_iter().flatten().collect()
}

fn documents(sealed: &str) -> Vec<Attack> {
    // The lines of an armor end in the marker, too.
    let marked = sealed.replace("\n---\n", "\n\u{1}");
    let parts: Vec<&str> = marked.split('\u{1}').collect();
    let [first, second, third] = parts[..] else { panic!("three documents:\n{sealed}") };
    let block = |document: &str| document[document.find("sops:\n").expect("a block")..].to_owned();
    let join = |documents: &[&str]| documents.join("---\n");
    let bare = |document: &str| document.replace(&block(document), "");
    let pairs = [
        ("document removed", join(&[first, third])),
        ("first document removed", join(&[second, third])),
        ("documents exchanged", join(&[second, first, third])),
        ("first document twice", join(&[first, first, second, third])),
        ("later document without its block", join(&[first, &bare(second), third])),
        ("later documents without their blocks", join(&[first, &bare(second), &bare(third)])),
        ("first document without its block", join(&[&bare(first), second, third])),
        ("block of a later document altered", join(&[first, &second.replace("_unencrypted", "_other"), third])),
        ("block of a later document null", join(&[first, &format!("{}sops:\n", bare(second)), third])),
        ("block of a later document text", join(&[first, &format!("{}sops: text\n", bare(second)), third])),
        ("block of a later document empty", join(&[first, &format!("{}sops: {{}}\n", bare(second)), third])),
        ("block of the first document altered", join(&[&first.replace("_unencrypted", "_other"), second, third])),
        ("plain document added", join(&[first, second, third, "kind_unencrypted: D\n"])),
        ("empty document added", join(&[first, second, third, "{}\n"])),
        ("document of nothing added", join(&[first, second, third, ""])),
        ("document of null added", join(&[first, second, third, "null\n"])),
        ("document of text added", join(&[first, second, third, "text\n"])),
        ("document of a list added", join(&[first, second, third, "[]\n"])),
        ("values exchanged between documents", swapped(sealed, enc_of(first, "password"), enc_of(second, "password"))),
        (
            "documents made one",
            format!("{}{}", bare(first), second.replace("kind", "kind2").replace("password", "password2")),
        ),
    ];
    pairs.into_iter().map(|(what, text)| Attack::new(what, Format::Yaml, text)).collect()
}

fn truncated(bases: &Bases) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (format, sealed) in &bases.by_format {
        for eighth in 1..8 {
            let mut end = sealed.len() * eighth / 8;
            while !sealed.is_char_boundary(end) {
                end -= 1;
            }
            attacks.push(Attack::new("file cut short", *format, &sealed.as_bytes()[..end]));
        }
        let lines: Vec<&str> = sealed.split_inclusive('\n').collect();
        attacks.push(Attack::new("last line removed", *format, lines[..lines.len() - 1].concat()));
        attacks.push(Attack::new("last newline removed", *format, sealed.trim_end_matches('\n')));
        attacks.push(Attack::new("file emptied", *format, ""));
    }
    attacks
}

fn appended(bases: &Bases) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (format, sealed) in &bases.by_format {
        let mut attack = |what: &str, text: String| attacks.push(Attack::new(what, *format, text));
        attack("text added at the end", format!("{sealed}more"));
        attack("blank lines added at the end", format!("{sealed}\n\n \n"));
        attack("the file twice", sealed.repeat(2));
    }
    let json = bases.of(Format::Json);
    attacks.push(Attack::new(
        "comma at the end",
        Format::Json,
        format!("{},\n}}\n", json.trim_end().trim_end_matches('}').trim_end()),
    ));
    attacks.push(Attack::new("list around the file", Format::Json, format!("[{json}]")));
    attacks.push(Attack::new("comment in JSON", Format::Json, format!("// x\n{json}")));
    let binary = bases.of(Format::Binary);
    attacks.push(Attack::new("plain key more in the envelope", Format::Binary, put(binary, "{", "{\"more\": \"x\",")));
    attacks.push(Attack::new("empty key more in the envelope", Format::Binary, put(binary, "{", "{\"more\": \"\",")));
    attacks.push(Attack::new("envelope without data", Format::Binary, put(binary, "\"data\"", "\"date\"")));
    attacks.push(Attack::new(
        "data a number",
        Format::Binary,
        put(binary, &format!("\"{}\"", enc_of(binary, "data")), "5"),
    ));
    attacks.push(Attack::new("data empty", Format::Binary, put(binary, enc_of(binary, "data"), "")));
    attacks
}

fn recoded(bases: &Bases) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (format, sealed) in &bases.by_format {
        let mut attack = |what: &str, text: Vec<u8>| attacks.push(Attack::new(what, *format, text));
        attack("line ends of Windows", sealed.replace('\n', "\r\n").into_bytes());
        attack("byte order mark", format!("\u{feff}{sealed}").into_bytes());
        attack("zero byte", sealed.replacen('\n', "\n\0", 1).into_bytes());
        let mut broken = sealed.clone().into_bytes();
        let place = sealed.find("recipient").expect("a recipient");
        broken[place] = 0xff;
        attack("byte that is no UTF-8", broken);
        attack("tab before the first line", format!("\t{sealed}").into_bytes());
    }
    let yaml = bases.of(Format::Yaml);
    let quoted = |quote: &'static str| {
        yaml.lines().map(move |line| match line.split_once(": ENC[") {
            Some((key, rest)) if !line.contains('#') => format!("{key}: {quote}ENC[{rest}{quote}\n"),
            _ => format!("{line}\n"),
        })
    };
    attacks.push(Attack::new("values in quotes", Format::Yaml, quoted("'").collect::<String>()));
    attacks.push(Attack::new("values in double quotes", Format::Yaml, quoted("\"").collect::<String>()));
    attacks.push(Attack::new("value over lines", Format::Yaml, put(yaml, ",iv:", ",\n      iv:")));
    attacks.push(Attack::new("value in a block", Format::Yaml, put(yaml, "user: ENC", "user: >-\n        ENC")));
    attacks.push(Attack::new("comments behind values", Format::Yaml, put(yaml, ",type:str]\n", ",type:str] # x\n")));
    attacks.push(Attack::new("markers around", Format::Yaml, format!("---\n{yaml}...\n")));
    attacks.push(Attack::new("JSON in a file of YAML", Format::Yaml, bases.of(Format::Json)));
    attacks.push(Attack::new("YAML in a file of JSON", Format::Json, yaml));
    attacks.push(Attack::new("YAML in a binary file", Format::Binary, yaml));
    attacks.push(Attack::new("JSON in a binary file", Format::Binary, bases.of(Format::Json)));
    attacks
}
