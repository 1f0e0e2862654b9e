//! Sealed files, changed by who has no key, and plain ones, sealed and opened.
//!
//! What a changed file is taken for, once verified, must be values that somebody with the key sealed: the MAC of their bytes is that of
//! one of the originals.

use sops_tools::clock::{Clock as _, System};
use sops_tools::custody::{Identities, open};
use sops_tools::secret::Plaintext;
use sops_tools::sops::file::{At, Change, OpenFile, Recipe, SopsFile, Step, encrypt};
use sops_tools::sops::formats::{Format, parse};
use sops_tools::sops::mac::{Hasher, Scope};
use sops_tools::sops::metadata::KeyId;
use sops_tools::sops::tree::{Node, Value};
use sops_tools::sops::value::spelling;

use super::engine::{Target, Verdict, run, seen};
use super::formats::leaves;
use super::mutate::Random;

/// The format of an input stands in its first byte.
const FORMATS: [Format; 5] = [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini, Format::Binary];

const PLAIN: [(usize, &str); 8] = [
    (0, "# c\na: one\nb:\n    - 1\n    # between\n    - two\nc: 2.5\nd: true\ne_unencrypted: x\nf: null\ng: \"\"\n"),
    (0, "a: one\n---\n# second\nb: |\n    two\n    lines\nc: 2024-05-06\n"),
    (0, "{a: {b: [x, 'y']}, c: 0644}\n"),
    (1, "{\n\t\"a\": \"b\",\n\t\"n\": [1, 2.5, true, null, {}, {\"k\": \"v\"}]\n}\n"),
    (2, "# c\nA=one\nB=two words\nC_unencrypted=x\n"),
    (3, "; c\na = 1\n[s]\nb = two\n[t]\nb = three\n"),
    (4, "any\0bytes\n"),
    (3, "; a\rb\nk = v\n"),
];

const WORDS: [&str; 24] = [
    "sops:",
    "ENC[AES256_GCM,data:",
    ",iv:",
    ",tag:",
    ",type:int]",
    ",type:str]",
    ",type:comment]",
    "#ENC[",
    "mac: ",
    "lastmodified: ",
    "version: ",
    "mac_only_encrypted: true\n",
    "encrypted_regex: .\n",
    "unencrypted_suffix: a\n",
    "shamir_threshold: 1\n",
    "key_groups:\n",
    "age: []\n",
    "-----BEGIN AGE ENCRYPTED FILE-----\n",
    "-----END AGE ENCRYPTED FILE-----\n",
    "---\n",
    "\"\"",
    "&a ",
    "*a",
    "_unencrypted",
];

/// An identity made for these tests alone, always the same, so that a finding can be opened again. It stands in two halves because
/// nobody has to wonder about it.
fn identity() -> Identities {
    let text = concat!("AGE-SECRET-KEY-1", "6S5GHLUUE6VZVNKPU20ECCEWHGYS8YX2SKPXFF6P90FAGK8ZLFXSL95E7L");
    Identities::parse(text.as_bytes(), std::path::Path::new("test")).unwrap_or_else(|error| panic!("{error}"))
}

fn recipe(identities: &Identities, groups: usize) -> Recipe {
    let keys: Vec<KeyId> = identities.to_recipients().iter().map(KeyId::age).collect();
    Recipe::to(vec![keys; groups])
}

/// One of each format, one of several key groups, one whose MAC covers less.
fn originals(identities: &Identities) -> Vec<Vec<u8>> {
    let sealed = |format: usize, plain: &str, recipe: &Recipe| {
        let sealed = encrypt(FORMATS[format], plain.as_bytes(), recipe, System.now(), &System)
            .unwrap_or_else(|error| panic!("{error}"));
        [vec![u8::try_from(format).unwrap()], sealed].concat()
    };
    let mut all: Vec<_> = PLAIN.iter().map(|(format, plain)| sealed(*format, plain, &recipe(identities, 1))).collect();
    all.push(sealed(0, PLAIN[0].1, &recipe(identities, 3)));
    all.push(sealed(0, PLAIN[0].1, &Recipe { mac_scope: Scope::OnlyEncrypted, ..recipe(identities, 1) }));
    all
}

fn opened(input: &[u8], identities: &Identities) -> Result<OpenFile, u64> {
    let (format, sealed) = parts(input).ok_or(0_u64)?;
    let error = |error: sops_tools::sops::file::FileError| seen((error.exit(), std::mem::discriminant(&error)));
    SopsFile::parse(format, sealed).map_err(error)?.unlock(identities).map_err(error)?.verified().map_err(error)
}

fn parts(input: &[u8]) -> Option<(Format, &[u8])> {
    let (first, rest) = input.split_first()?;
    Some((FORMATS[usize::from(*first) % FORMATS.len()], rest))
}

/// The MAC of all values, without keys and without those in clear where the MAC leaves them out.
fn digest(file: &OpenFile) -> Value {
    let mut hasher = Hasher::new(Scope::Everything);
    for (_, value) in leaves(file.tree()) {
        hasher.add(value, true);
    }
    hasher.finish().to_value()
}

#[test]
fn sealed() {
    let identities = identity();
    let corpus = originals(&identities);
    let good: Vec<Value> = corpus.iter().map(|input| digest(&opened(input, &identities).ok().unwrap())).collect();
    let check = |input: &[u8]| check_sealed(input, &identities, &good);
    run(&Target { name: "sealed", corpus, words: &WORDS, check: &check });
}

fn check_sealed(input: &[u8], identities: &Identities, good: &[Value]) -> Verdict {
    let file = match opened(input, identities) {
        Ok(file) => file,
        Err(outcome) => return Ok(outcome),
    };
    let whole = file.metadata().mac_scope == Scope::Everything;
    if whole && !good.iter().any(|one| one.same_as(&digest(&file))) {
        return Err("verified, and its values are nobody's".to_owned());
    }
    let plain = match file.to_plain() {
        Ok(plain) => plain,
        Err(error) => return Ok(seen(("no plain", std::mem::discriminant(&error)))),
    };
    parse(file.format(), &plain).map_err(|malformed| format!("its plain text is not read: {malformed}"))?;
    let mut random = Random(seen(input));
    let at = At { document: Some(random.below(2)).filter(|_| random.below(2) == 0), steps: steps(&mut random) };
    let mut outcomes = vec!["open"];
    for changed in [set(&file, &at), file.unset(&at, System.now(), &System).ok()] {
        let Some(changed) = changed else { continue };
        let again = SopsFile::parse(file.format(), &changed).and_then(|one| one.unlock(identities)?.verified());
        again.map_err(|error| format!("changed, it does not open: {error}"))?;
        outcomes.push("changed");
    }
    Ok(seen((outcomes, leaves(file.tree()).len(), file.format())))
}

fn set(file: &OpenFile, at: &At) -> Option<Vec<u8>> {
    match file.set(at, &Node::text("new"), System.now(), &System).ok()? {
        Change::Written(bytes) => Some(bytes),
        Change::Unchanged => None,
    }
}

fn steps(random: &mut Random) -> Vec<Step> {
    let step = |random: &mut Random| match random.below(10) {
        0..6 => Step::Key(
            (*random.pick(&["a", "b", "c", "e_unencrypted", "s", "A", "n", "new", "sops", "", "data"])).to_owned(),
        ),
        6 => Step::Index(usize::MAX),
        _ => Step::Index(random.below(7)),
    };
    (0..random.below(4)).map(|_| step(random)).collect()
}

#[test]
fn armored() {
    let identities = identity();
    let recipient = identities.to_recipients().remove(0);
    let binary = sops_tools::custody::seal(&Plaintext::copy_from(&[7; 32]), &[recipient]).unwrap();
    let armored = |input: &[u8]| {
        SopsFile::parse(FORMATS[usize::from(input[0])], &input[1..]).ok().unwrap().metadata().groups[0].keys[0]
            .enc
            .clone()
            .into_bytes()
    };
    let originals = originals(&identities);
    let corpus: Vec<Vec<u8>> =
        [binary].into_iter().chain(originals.iter().take(2).map(|input| armored(input))).collect();
    let plains: Vec<Vec<u8>> =
        corpus.iter().map(|sealed| open(sealed, &identities).ok().unwrap().expose().to_vec()).collect();
    let words = [
        "-----BEGIN AGE ENCRYPTED FILE-----",
        "-----END AGE ENCRYPTED FILE-----",
        "\n",
        "\r\n",
        " ",
        "age-encryption.org/v1\n",
        "-> X25519 ",
        "-> scrypt AAAA 30\n",
        "--- ",
        "-> grease\n\n",
        "=",
        "AAAA",
    ];
    let check = |input: &[u8]| match open(input, &identities) {
        Err(error) => Ok(seen(error.to_string())),
        Ok(plain) if plains.iter().any(|one| one == plain.expose()) => Ok(1),
        Ok(_) => Err("opened to what nobody sealed".to_owned()),
    };
    run(&Target { name: "armored", corpus, words: &words, check: &check });
}

#[test]
fn round_trip() {
    let identities = identity();
    let corpus = PLAIN
        .iter()
        .map(|(format, plain)| [vec![u8::try_from(*format).unwrap()], plain.as_bytes().to_vec()].concat())
        .collect();
    let recipe = recipe(&identities, 1);
    let check = |input: &[u8]| check_round_trip(input, &identities, &recipe);
    run(&Target { name: "round-trip", corpus, words: &WORDS, check: &check });
}

/// What is encrypted comes back with the same keys and values.
fn check_round_trip(input: &[u8], identities: &Identities, recipe: &Recipe) -> Verdict {
    let Some((format, plain)) = parts(input) else { return Ok(0) };
    let sealed = match encrypt(format, plain, recipe, System.now(), &System) {
        Ok(sealed) => sealed,
        Err(error) => return Ok(seen((error.exit(), std::mem::discriminant(&error)))),
    };
    let file = SopsFile::parse(format, &sealed).and_then(|file| file.unlock(identities)?.verified());
    let file = file.map_err(|error| format!("encrypted, it does not open: {error}"))?;
    let back = file.to_plain().map_err(|error| format!("encrypted, it has no plain text: {error}"))?;
    let (before, after) = (parse(format, plain), parse(format, &back));
    let (Ok(before), Ok(after)) = (before, after) else { return Err("its plain text is not read".to_owned()) };
    let told = |facts: Vec<(String, &Value)>| -> Vec<(String, Vec<u8>)> {
        facts.into_iter().map(|(path, value)| (path, spelling(value).to_vec())).collect()
    };
    if told(leaves(&before)) != told(leaves(&after)) {
        return Err("decrypted, it says something else".to_owned());
    }
    Ok(seen((leaves(&before).len().min(12), format, before.documents.len().min(3))))
}
