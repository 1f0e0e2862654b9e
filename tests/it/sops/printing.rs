//! What `decrypt` prints: parts of files, other formats, files with a broken MAC; and `encrypt` into another format.

use harness::sops::cases::{Verdict, differences, report, same_lines};
use harness::sops::{Bed, Deliberate, Format, Output, Sops, Trees, as_sops_writes, without_comments};

use super::attacks::verdict;

const YAML: &str = "\
text: plain text
lines: |
  one
  two
number: 5
float: 0.5
whole: 7.0
flag: true
day: 2024-05-06
none: null
empty: \"\"
map:
  a: x
  b: [1, {c: d}]
list: [one, 2, {three: 3}]
hollow: {}
bare: []
'odd key': odd
'1': one
after: z # comment
";

const JSON: &str = r#"{"text": "plain <text>", "number": 5, "map": {"a": "x", "b": [1, {"c": "d"}]}, "list": ["one", 2], "none": null, "empty": "", "hollow": {}}"#;
const FLAT: &str =
    "text: plain text\nnumber: 5\nfloat: 0.5\nflag: true\nday: 2024-05-06\nlines: \"a\\nb\"\nempty: \"\"\n";
const SECTIONS: &str =
    "one:\n  text: plain text\n  number: 5\n  float: 0.5\n  flag: true\n  day: 2024-05-06\ntwo:\n  empty: \"\"\n";
const DOTENV: &str = "# head\ntext=plain text\nnumber=5\nempty=\n";
const INI: &str = "[one]\ntext = plain text\nnumber = 5\n[two]\nx = y\n";
const DOCUMENTS: &str = "a: 1\n---\nb: 2\n";

/// A file and a call of `decrypt` on it.
struct Print {
    name: String,
    format: Format,
    plain: &'static str,
    arguments: Vec<&'static str>,
    /// How the output is to be read; `None`: bytes are compared.
    read_as: Option<Format>,
}

fn prints() -> Vec<Print> {
    let mut prints = Vec::new();
    let paths = [
        r#"["text"]"#,
        r#"["lines"]"#,
        r#"["number"]"#,
        r#"["float"]"#,
        r#"["whole"]"#,
        r#"["flag"]"#,
        r#"["day"]"#,
        r#"["none"]"#,
        r#"["empty"]"#,
        r#"["map"]["a"]"#,
        r#"["map"]["b"][0]"#,
        r#"["map"]["b"][1]["c"]"#,
        r#"["list"][0]"#,
        r#"["list"][2]["three"]"#,
        r#"["odd key"]"#,
        r#"["1"]"#,
        r#"["after"]"#,
        "['text']",
        r#"["fresh"]"#,
        r#"["map"]["fresh"]"#,
        r#"["list"][9]"#,
        r#"["list"][-1]"#,
        r#"["text"]["x"]"#,
        r#"["text"][0]"#,
        r#"["map"][0]"#,
        r#"["list"]["x"]"#,
        "text",
        "[text]",
        "",
        "[",
        r#"["text""#,
        r#"["sops"]"#,
        r#"["sops"]["mac"]"#,
    ];
    let mut add = |name: String, format, plain, arguments: &[&'static str], read_as| {
        prints.push(Print { name, format, plain, arguments: arguments.to_vec(), read_as });
    };
    for (format, plain) in [(Format::Yaml, YAML), (Format::Json, JSON)] {
        for path in paths {
            add(format!("extract {path} of {}", format.name()), format, plain, &["--extract", path], None);
        }
        for path in [r#"["map"]"#, r#"["hollow"]"#, r#"["map"]["b"][1]"#] {
            add(format!("extract {path} of {}", format.name()), format, plain, &["--extract", path], Some(format));
        }
    }
    add("extract of dotenv".to_owned(), Format::Dotenv, DOTENV, &["--extract", "[\"text\"]"], None);
    add("extract of ini".to_owned(), Format::Ini, INI, &["--extract", "[\"one\"][\"text\"]"], None);
    add("extract a section of ini".to_owned(), Format::Ini, INI, &["--extract", "[\"one\"]"], None);
    add("extract of binary".to_owned(), Format::Binary, "bytes", &["--extract", "[\"data\"]"], None);
    let sources = [
        ("yaml", Format::Yaml, YAML),
        ("flat yaml", Format::Yaml, FLAT),
        ("yaml of sections", Format::Yaml, SECTIONS),
        ("json", Format::Json, JSON),
        ("dotenv", Format::Dotenv, DOTENV),
        ("ini", Format::Ini, INI),
        ("binary", Format::Binary, "bytes"),
        ("documents", Format::Yaml, DOCUMENTS),
    ];
    for (name, format, plain) in sources {
        for target in Format::ALL {
            add(format!("{name} as {}", target.name()), format, plain, &["--output-type", target.name()], Some(target));
        }
    }
    add("an unknown type".to_owned(), Format::Yaml, YAML, &["--output-type", "toml"], Some(Format::Yaml));
    add(
        "extract and type".to_owned(),
        Format::Yaml,
        YAML,
        &["--extract", "[\"map\"]", "--output-type", "json"],
        Some(Format::Json),
    );
    prints
}

#[test]
fn parts_and_other_formats_are_printed_as_sops_prints_them() {
    let (bed, trees, meant) = (Bed::new("printing"), Trees::start(), Deliberate::of("print"));
    let prints = prints();
    let mut found = differences(&prints, |print| print.name.clone(), |print| judge(&bed, &trees, &meant, print));
    found.extend(meant.unseen());
    report("printing", prints.len(), &found);
}

fn judge(bed: &Bed, trees: &Trees, meant: &Deliberate, print: &Print) -> Verdict {
    let sealed = bed.encrypt(Sops::New, print.format, print.plain.as_bytes(), &[])?;
    let call = |sops| {
        let file = bed.file(print.format.file(), &sealed);
        bed.call(sops).arg("decrypt").args(&print.arguments).arg(file).run()
    };
    let [old, new, ours] = [Sops::Old, Sops::New, Sops::Ours].map(call);
    let theirs = verdict(&old, &new, ours.status);
    meant.judge(&print.name, &theirs, ours.status).map_err(|fault| {
        format!("{fault}\n3.11.0: {}\n3.13.3: {}\nours: {}", old.summary(), new.summary(), ours.summary())
    })?;
    if !ours.good() || !new.good() {
        return Ok(());
    }
    let same = compare(bed, trees, print, &new, &ours);
    if same.is_err() && meant.otherwise(&print.name) { Ok(()) } else { same }
}

fn compare(bed: &Bed, trees: &Trees, print: &Print, theirs: &Output, ours: &Output) -> Verdict {
    let Some(format) = print.read_as.filter(|format| *format != Format::Binary) else {
        let same = theirs.stdout == ours.stdout;
        return if same { Ok(()) } else { Err(format!("expected {:?}\n   found {:?}", theirs.text(), ours.text())) };
    };
    let leaves = |output: &Output| {
        Ok::<_, String>(as_sops_writes(&without_comments(&trees.read(bed, format, &output.stdout)?)))
    };
    same_lines("leaves", &leaves(theirs)?, &leaves(ours)?)
}
