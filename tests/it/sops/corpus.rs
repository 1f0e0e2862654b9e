//! Plain files to be encrypted by every program: formats, value types, layouts, rules, keys.

use harness::sops::{Bed, Call, Format, Output, Sops};

mod layouts;
mod others;
mod refused;
mod rules;
mod scalars;

pub(super) use scalars::{Row, document, rows};

/// A plain file and how it is to be encrypted.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// For reports.
    pub(super) name: String,
    /// How it is written.
    pub(super) format: Format,
    /// Its bytes.
    pub(super) plain: Vec<u8>,
    /// Flags of `encrypt`.
    pub(super) flags: Vec<&'static str>,
    /// A `.sops.yaml`, in which `@alice` and so on stand for public keys. Without one: alice's key by flag.
    pub(super) config: Option<&'static str>,
}

impl Case {
    fn new(name: &str, format: Format, plain: impl AsRef<[u8]>) -> Self {
        let name = format!("{} {name}", format.name());
        Self { name, format, plain: plain.as_ref().to_vec(), flags: Vec::new(), config: None }
    }

    fn flags(mut self, flags: &[&'static str]) -> Self {
        self.flags = flags.to_vec();
        self
    }

    fn config(mut self, config: &'static str) -> Self {
        self.config = Some(config);
        self
    }

    /// Encrypts it.
    pub(super) fn encrypt(&self, bed: &Bed, sops: Sops) -> Output {
        let file = bed.file(self.format.file(), &self.plain);
        let mut call: Call = bed.call(sops);
        if let Some(config) = self.config {
            let config = bed.file("config.yaml", with_recipients(bed, config));
            call = call.arg("--config").arg(config).arg("encrypt");
        } else {
            call = call.args(["encrypt", "--age", bed.recipient("alice")]);
        }
        call.args(&self.flags).arg(file).run()
    }
}

/// `text` with public keys in the place of `@alice`, `@bob`, `@carol` and `@mallory`.
pub(super) fn with_recipients(bed: &Bed, text: &str) -> String {
    ["alice", "bob", "carol", "mallory"]
        .into_iter()
        .fold(text.to_owned(), |text, person| text.replace(&format!("@{person}"), bed.recipient(person)))
}

/// All of them.
pub(super) fn all() -> Vec<Case> {
    [scalars::cases(), layouts::cases(), rules::cases(), others::cases()].concat()
}

/// What sops refuses to encrypt, or ought to.
pub(super) fn refused() -> Vec<Case> {
    refused::cases()
}
