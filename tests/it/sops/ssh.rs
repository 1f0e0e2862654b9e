//! SSH keys beside the real sops: what one of them seals to a key of `ssh-keygen`, all of them open.

use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::command;
use harness::process::Program;
use harness::sops::cases::{Verdict, each};
use harness::sops::{Bed, Call, Format, Sops};

const LIMIT: Duration = Duration::from_mins(1);
const PLAIN: &str = "a: secret\n";

const PROGRAMS: [Sops; 3] = [Sops::Old, Sops::New, Sops::Ours];

/// A key pair as `ssh-keygen` writes it.
struct Pair {
    kind: &'static str,
    /// The name under which it is looked for in `.ssh`.
    usual: &'static str,
    private: PathBuf,
    public: String,
}

async fn pair(bed: &Bed, kind: &'static str, usual: &'static str, flags: &[&str]) -> Pair {
    let private = bed.case().join("key");
    let program = Program::new("ssh-keygen", "ssh-keygen").args(["-q", "-N", "", "-C", "of a test", "-f"]);
    command::run(program.arg(&private).args(flags), LIMIT).await.assert_status(0);
    let public = std::fs::read_to_string(private.with_extension("pub")).expect("the public key");
    Pair { kind, usual, private, public: public.trim().to_owned() }
}

async fn pairs(bed: &Bed) -> [Pair; 3] {
    [
        pair(bed, "ed25519", "id_ed25519", &["-t", "ed25519"]).await,
        pair(bed, "RSA 2048", "id_rsa", &["-t", "rsa", "-b", "2048"]).await,
        pair(bed, "RSA 4096", "id_rsa", &["-t", "rsa", "-b", "4096"]).await,
    ]
}

/// How a key gets to its program.
#[derive(Clone, Copy)]
enum Way {
    Variable,
    Home,
}

impl Way {
    fn lead(self, bed: &Bed, pair: &Pair, call: Call) -> Call {
        match self {
            Self::Variable => call.env("SOPS_AGE_SSH_PRIVATE_KEY_FILE", &pair.private),
            Self::Home => call.env("HOME", home(bed, pair)),
        }
    }
}

/// A home with the key where `ssh` looks for it.
fn home(bed: &Bed, pair: &Pair) -> PathBuf {
    let home = bed.case();
    std::fs::create_dir(home.join(".ssh")).expect("a folder of the home");
    std::fs::copy(&pair.private, home.join(".ssh").join(pair.usual)).expect("a copy of the key");
    home
}

fn opened(bed: &Bed, sops: Sops, pair: &Pair, way: Way, file: &Path) -> Verdict {
    let output = way.lead(bed, pair, bed.call_without_keys(sops)).arg("decrypt").arg(file).run();
    if output.text() == PLAIN { Ok(()) } else { Err(format!("{} opens: {}", sops.name(), output.summary())) }
}

/// The call by which each program seals: by a flag, or by a rule.
fn sealed(bed: &Bed, sops: Sops, recipients: &str, by_rule: bool) -> Result<PathBuf, String> {
    let file = bed.file(Format::Yaml.file(), PLAIN);
    let call = bed.call_without_keys(sops);
    let call = if by_rule {
        let config = bed.file("config.yaml", format!("creation_rules: [{{age: '{recipients}'}}]\n"));
        call.arg("--config").arg(config).arg("encrypt")
    } else {
        call.args(["encrypt", "--age", recipients])
    };
    let text = call.arg(file).run().succeeded(&format!("{} encrypts", sops.name()))?;
    Ok(bed.file(Format::Yaml.file(), text))
}

#[tokio::test]
async fn what_one_seals_to_an_ssh_key_all_open_wherever_the_key_is() {
    let bed = Bed::new("ssh");
    let pairs = pairs(&bed).await;
    let mut cases = Vec::new();
    for pair in &pairs {
        for sealer in PROGRAMS {
            for by_rule in [false, true] {
                cases.push((pair, sealer, by_rule));
            }
        }
    }
    let name = |(pair, sealer, by_rule): &(&Pair, Sops, bool)| {
        format!("{}, sealed by {}{}", pair.kind, sealer.name(), if *by_rule { " by rule" } else { "" })
    };
    each("SSH keys", &cases, name, |(pair, sealer, by_rule)| {
        let file = sealed(&bed, *sealer, &pair.public, *by_rule)?;
        for opener in PROGRAMS {
            let way = if *by_rule { Way::Home } else { Way::Variable };
            opened(&bed, opener, pair, way, &file)?;
        }
        Ok(())
    });
}

#[tokio::test]
async fn an_ssh_key_beside_an_age_key_opens_as_well_as_it_and_another_one_does_not() {
    let bed = Bed::new("ssh-both");
    let [ed25519, rsa, other] = pairs(&bed).await;
    let stranger = pair(&bed, "a stranger's", "id_ed25519", &["-t", "ed25519"]).await;
    let recipients = [&ed25519.public, &rsa.public, bed.recipient("alice")].join(",");
    each(
        "an SSH key beside an age key",
        &PROGRAMS,
        |sealer| sealer.name().to_owned(),
        |sealer| {
            let file = sealed(&bed, *sealer, &recipients, false)?;
            for opener in PROGRAMS {
                opened(&bed, opener, &ed25519, Way::Variable, &file)?;
                opened(&bed, opener, &rsa, Way::Variable, &file)?;
                let alice = bed.call(opener).arg("decrypt").arg(&file).run();
                if alice.text() != PLAIN {
                    return Err(format!("{} opens as alice: {}", opener.name(), alice.summary()));
                }
                for key in [&stranger, &other] {
                    let refused =
                        Way::Variable.lead(&bed, key, bed.call_without_keys(opener)).arg("decrypt").arg(&file).run();
                    if refused.status != 128 {
                        return Err(format!("{} with {} key: {}", opener.name(), key.kind, refused.summary()));
                    }
                    let private = std::fs::read_to_string(&key.private).expect("the private key");
                    let line = private.lines().nth(2).expect("a line of the key");
                    if refused.stderr.contains(line) {
                        return Err(format!("{} prints the private key", opener.name()));
                    }
                }
            }
            Ok(())
        },
    );
}

#[tokio::test]
async fn what_we_change_with_an_ssh_key_alone_stays_a_file_of_sops() {
    let bed = Bed::new("ssh-change");
    let pairs = pairs(&bed).await;
    each(
        "changes with an SSH key",
        &pairs,
        |pair| pair.kind.to_owned(),
        |pair| {
            let file = sealed(&bed, Sops::New, &pair.public, false)?;
            let rule = format!("creation_rules: [{{age: '{}'}}]\n", pair.public);
            let config = bed.file("config.yaml", rule);
            let changed = |arguments: &[&str]| {
                let call =
                    Way::Variable.lead(&bed, pair, bed.call_without_keys(Sops::Ours)).arg("--config").arg(&config);
                call.args(arguments).run().succeeded(&arguments.join(" "))
            };
            let name = file.to_str().expect("a path of the test");
            changed(&["set", name, "[\"a\"]", "\"other\""])?;
            changed(&["set", name, "[\"a\"]", "\"secret\""])?;
            changed(&["rotate", "-i", name])?;
            PROGRAMS.iter().try_for_each(|opener| opened(&bed, *opener, pair, Way::Variable, &file))
        },
    );
}
