//! `sops-tools` beside the real sops, in both directions: what sops writes we read, what we write sops reads, and where a file
//! was tampered with the verdicts agree or ours is stricter for a reason that `docs/sops.md` gives.

#![expect(clippy::expect_used, clippy::panic, reason = "a test may end where its ground breaks away")]
#![expect(
    clippy::format_collect,
    clippy::format_push_string,
    reason = "the texts of cases are built where speed is nothing"
)]

use harness::sops::{Bed, Format, Sops, Trees};

mod attacks;
mod bootstrap;
mod changing;
mod corpus;
mod flux;
mod full_tree;
mod functional;
mod identities;
mod memory;
mod printing;
mod random;
mod reading;
mod selection;
mod ssh;
mod trees;
mod writing;

#[test]
fn both_sops_programs_open_what_they_sealed_and_refuse_a_stranger() {
    let bed = Bed::new("smoke");
    for sops in Sops::REAL {
        let sealed = bed.encrypt(sops, Format::Yaml, b"a: 1\n", &[]).expect("sealed");
        assert!(String::from_utf8_lossy(&sealed).contains(&format!("version: {}", &sops.name()[5..])));
        assert_eq!(bed.decrypt(sops, Format::Yaml, &sealed).text(), "a: 1\n");
        assert_eq!(bed.decrypt_as(sops, "mallory", Format::Yaml, &sealed).status, 128);
    }
}

#[test]
fn the_library_of_sops_reads_types_documents_and_comments() {
    let (bed, trees) = (Bed::new("trees"), Trees::start());
    let leaves = trees.read(&bed, Format::Yaml, b"a: 0644 # c\n---\nb: [x, ~]\n").expect("leaves");
    let expected =
        ["0\t\tcomment\t\" c\"", "0\t[\"a\"]\tint\t\"420\"", "1\t[\"b\"][0]\tstr\t\"x\"", "1\t[\"b\"][1]\tnull\t\"\""];
    let mut leaves: Vec<&str> = leaves.iter().map(String::as_str).collect();
    leaves.sort_unstable();
    assert_eq!(leaves, expected);
    assert!(trees.read(&bed, Format::Yaml, b"a: [").is_err());
    assert!(trees.read(&bed, Format::Json, b"{}").is_ok(), "it answers after a fault");
}
