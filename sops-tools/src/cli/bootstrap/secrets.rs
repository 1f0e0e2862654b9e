//! `bootstrap secrets`.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Who, secret};
use crate::bootstrap::catalogue::BootstrapSecret;
use crate::bootstrap::secrets::{Ask, GivenValue, Item, Made, Order, Places, SecretsPlan, Step};
use crate::commands::site::Site;
use crate::commands::survey::named_config;
use crate::custody::Recipient;
use crate::report::Failure;
use crate::terminal::{self, Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  sops-tools bootstrap secrets clusters/prod/secrets --keys keys --dry-run
  sops-tools bootstrap secrets clusters/prod/secrets --keys keys              what is not in a file is asked for, without echo
  sops-tools bootstrap secrets secrets --keys keys --values values            values/backup-s3/AWS_ACCESS_KEY_ID and so on
  sops-tools bootstrap secrets secrets --keys keys --value backup-repo/RESTIC_PASSWORD=password.txt
  sops-tools bootstrap secrets secrets --regenerate backup-s3 --values new

Files made, encrypted for the recipients of .sops.yaml:
  sops-age               flux-system   cluster.agekey               from KEYS/cluster.agekey
  backup-repo            secrets       RESTIC_PASSWORD              random where nobody gives one
  backup-s3              secrets       AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; endpoint, bucket, region where given
  vault-unseal-age       secrets       unseal.agekey, store.key     from KEYS/unseal/
  vault-unseal-s3        secrets       AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: read only
  vault-unseal-s3-write  secrets       the same, for init, rotation and drills; only where it is named or given

.sops.yaml is made where there is none above the folder, for the cluster's and the operator's recipient; one that is there is followed
and never changed. A secret that is there is verified and kept. All faults are told at once, before anything is written.";

/// What `bootstrap secrets` is told.
#[derive(Debug, Args)]
pub(crate) struct Secrets {
    /// The folder that gets the files; made when it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Make only these
    #[arg(long, value_delimiter = ',', value_name = "NAME", value_parser = secret)]
    only: Vec<BootstrapSecret>,
    /// Take one value from a file. May be given again
    #[arg(long, value_name = "NAME/KEY=FILE", value_parser = given)]
    value: Vec<GivenValue>,
    /// A folder with values as files: NAME/KEY
    #[arg(long, value_name = "DIR")]
    values: Option<PathBuf>,
    /// Somebody else who may open the files, where .sops.yaml is made. May be given again
    #[arg(long, value_name = "AGE1…", value_parser = recipient)]
    recipient: Vec<Recipient>,
    /// Give these other values although they are there
    #[arg(long, value_delimiter = ',', value_name = "NAME", value_parser = secret)]
    regenerate: Vec<BootstrapSecret>,
    /// With --regenerate backup-repo, or where backup-repo alone is missing: a new password although a repository may be in use.
    /// Add the new one to the repository first (restic key add): what was made with the old password opens with no other
    #[arg(long)]
    new_repository_password: bool,
    /// Show what would be made and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    who: Who,
}

fn given(text: &str) -> Result<GivenValue, String> {
    let (place, path) = text.split_once('=').ok_or("write NAME/KEY=FILE")?;
    let (name, key) = place.split_once('/').ok_or("write NAME/KEY=FILE")?;
    if path.is_empty() || key.is_empty() {
        return Err("write NAME/KEY=FILE".to_owned());
    }
    Ok(GivenValue { secret: secret(name)?, key: key.to_owned(), path: path.into() })
}

fn recipient(text: &str) -> Result<Recipient, String> {
    text.parse().map_err(|error: crate::custody::RecipientError| error.to_string())
}

/// The person at the terminal.
struct Terminal;

impl Ask for Terminal {
    fn is_there(&self) -> bool {
        io::stdin().is_terminal()
    }

    fn ask(&mut self, prompt: &str) -> io::Result<Zeroizing<String>> {
        rpassword::prompt_password(prompt).map(Zeroizing::new)
    }
}

impl Secrets {
    pub(super) fn run(self, form: Output, site: &Site<'_>) -> Result<(), Failure> {
        self.who.check()?;
        let gathered = self.who.at_hand(site)?;
        let mut terminal = Terminal;
        let places = Places {
            given: self.value,
            folder: self.values,
            keys: self.who.keys.clone(),
            can_ask: form == Output::Text && terminal.is_there(),
        };
        let order = Order {
            folder: self.folder,
            only: self.only,
            regenerate: self.regenerate,
            new_password: self.new_repository_password,
            recipients: self.recipient,
            places,
            config: named_config(site),
            current: site.current.clone(),
            at_hand: &gathered,
            now: site.clock.now(),
        };
        let plan = SecretsPlan::new(&order)?;
        if self.dry_run {
            return terminal::conclude(form, &planned_text(&plan), planned_json(&plan), None);
        }
        let kept = kept(&plan);
        let done = plan.is_done();
        let made = plan.apply(&gathered, &mut terminal, site.clock, site.entropy)?;
        terminal::conclude(form, &made_text(&made, &kept, done, &order.folder), made_json(&made, &kept), None)
    }
}

fn planned_text(plan: &SecretsPlan) -> String {
    let mut text = String::new();
    let (config, is_new) = plan.configuration();
    if is_new {
        let _ = writeln!(text, "would make {}", config.display());
        plan.recipients().for_each(|recipient| {
            let _ = writeln!(text, "  for {recipient}");
        });
    } else {
        let _ = writeln!(text, "would follow {}", config.display());
    }
    for item in &plan.items {
        let word = match item.step {
            Step::Make => "would make",
            Step::Keep => "would keep",
            Step::MakeAnew => "would give other values to",
            Step::LeaveOut => continue,
        };
        let _ = writeln!(text, "{word} {}: {}", item.path.display(), item.secret.purpose());
        for value in &item.values {
            let source = value.source.as_ref().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {} {source}", value.key);
        }
    }
    text.push_str("nothing was written\n");
    text
}

fn word(step: Step) -> &'static str {
    match step {
        Step::Make => "make",
        Step::Keep => "keep",
        Step::MakeAnew => "regenerate",
        Step::LeaveOut => "leave-out",
    }
}

fn planned_json(plan: &SecretsPlan) -> Value {
    let (config, is_new) = plan.configuration();
    let items = plan.items.iter().map(|item| {
        let values = item
            .values
            .iter()
            .map(|value| json!({"key": value.key, "source": value.source.as_ref().map(ToString::to_string)}));
        json!({
            "secret": item.secret.to_string(),
            "path": item.path,
            "step": word(item.step),
            "values": values.collect::<Vec<_>>(),
        })
    });
    let recipients: Vec<String> = plan.recipients().map(ToString::to_string).collect();
    json!({
        "dryRun": true,
        "config": {"path": config, "make": is_new, "recipients": if is_new { recipients } else { Vec::new() }},
        "secrets": items.collect::<Vec<_>>(),
    })
}

fn kept(plan: &SecretsPlan) -> Vec<(BootstrapSecret, PathBuf)> {
    let kept = plan.items.iter().filter(|item| item.step == Step::Keep);
    kept.map(|Item { secret, path, .. }| (*secret, path.clone())).collect()
}

fn made_text(made: &[Made], kept: &[(BootstrapSecret, PathBuf)], done: bool, folder: &Path) -> String {
    let mut text = String::new();
    for (secret, path) in kept {
        let _ = writeln!(text, "kept {}: {secret}, verified", path.display());
    }
    for one in made {
        let word = if one.is_changed { "other values in" } else { "made" };
        let of = one.secret.map_or_else(|| "who may open the files".to_owned(), |secret| secret.to_string());
        let _ = writeln!(text, "{word} {}: {of}", one.path.display());
        for key in &one.generated {
            let _ = writeln!(
                text,
                "  {key} is random; where the repository exists already, its own password belongs here: give it with --value"
            );
        }
    }
    if done {
        text.push_str("\nnothing was left to do\n");
    }
    let _ = write!(
        text,
        "\nnext: sops-tools bootstrap verify {0}, commit the files, and for a new cluster: sops-tools bootstrap show --from {0} sops-age | kubectl apply --server-side -f -",
        folder.display()
    );
    text
}

fn made_json(made: &[Made], kept: &[(BootstrapSecret, PathBuf)]) -> Value {
    let made = made.iter().map(|one| {
        json!({
            "secret": one.secret.map(|secret| secret.to_string()),
            "path": one.path,
            "changed": one.is_changed,
            "generated": one.generated,
        })
    });
    let kept = kept.iter().map(|(secret, path)| json!({"secret": secret.to_string(), "path": path}));
    json!({"dryRun": false, "made": made.collect::<Vec<_>>(), "kept": kept.collect::<Vec<_>>()})
}
