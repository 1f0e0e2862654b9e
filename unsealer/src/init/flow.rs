//! Goes where the decision points.

use std::path::PathBuf;
use std::time::Duration;

use restore::objects::WriteObjects;
use sops_tools::clock::{Clock, Entropy, Timestamp};
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::secret::{Share, Token};

use super::decision::{self, Facts, Seen, SeenNode, Step, Wish};
use super::local::{LocalRecords, Lock, SealedCopy};
use super::token::{self, Fate, RootTokenWish};
use crate::session::Session;
use crate::store::custodians::Custody;
use crate::store::publish::{PublishError, Writer};
use crate::store::view::{Generation, Intent, StoreView};
use crate::vault::{Node, VaultErrorKind};

mod conclude;
mod keep;
mod publish;
mod send;
mod steps;

/// What the person asked for.
pub struct Options {
    /// Shares in all.
    pub shares: u8,
    /// Shares needed.
    pub threshold: u8,
    /// What becomes of the root token.
    pub root_token: RootTokenWish,
    /// `--continue`, `--begin-anew`.
    pub wish: Wish,
    /// `--publish FILE`.
    pub publish: Option<PathBuf>,
    /// One recipient is enough.
    pub single_recipient: bool,
    /// An offline identity, for a resumed `--after-init`.
    pub identity: Option<PathBuf>,
    /// Say what would be done, change nothing.
    pub dry_run: bool,
}

/// What init did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The Vault's name.
    pub vault: String,
    /// The generation that is current now; none in a dry run that would make one.
    pub generation: Option<Generation>,
    /// What was done, or would be, in order.
    pub steps: Vec<String>,
    /// What became of the root token.
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    pub root_token: Option<Fate>,
    /// Nothing was changed.
    pub dry_run: bool,
}

/// One init.
pub struct Init<'a> {
    session: &'a Session,
    store: &'a dyn WriteObjects,
    clock: &'a dyn Clock,
    entropy: &'a dyn Entropy,
    options: &'a Options,
    records: LocalRecords,
    custody: Custody,
}

/// Shares on their way into the store.
struct Answer {
    shares: Vec<Share>,
    threshold: u8,
    created: Timestamp,
    root_token: Option<Token>,
    sealed_root_token: Option<Vec<u8>>,
}

impl<'a> Init<'a> {
    /// Checks everything that can be checked without asking a server or the store.
    ///
    /// # Errors
    /// Settings that init needs and that are missing or do not fit.
    pub fn new(
        session: &'a Session,
        store: &'a dyn WriteObjects,
        clock: &'a dyn Clock,
        entropy: &'a dyn Entropy,
        options: &'a Options,
    ) -> Result<Self, Failure> {
        let state_dir = session.settings.state_dir.as_deref().ok_or_else(|| {
            Failure::new(ExitStatus::Usage, "state-dir", "init needs stateDir: its sealed copy must survive a crash")
                .hint("set stateDir (or UNSEALER_STATE_DIR) to a folder that outlives this process's container")
        })?;
        let custody = session.custody()?;
        let records = LocalRecords::new(state_dir, session.name.as_str());
        Ok(Self { session, store, clock, entropy, options, records, custody })
    }

    /// Looks, decides and acts.
    ///
    /// # Errors
    /// Every refusal of the decision, and whatever stands in the way of acting; a re-run is always safe.
    pub async fn run(&self) -> Result<Report, Failure> {
        let _lock = if self.options.dry_run { None } else { Some(self.preflight().await?) };
        let view = self.session.look(self.store).await?;
        let nodes = self.look_at_servers().await;
        let copy = self.options.publish.as_deref().map(|path| self.read_copy(path)).transpose()?;
        let wish = Wish {
            publish: copy.as_ref().map(|copy| copy.intent),
            discard_root_token: matches!(self.options.root_token, RootTokenWish::Discard),
            ..self.options.wish.clone()
        };
        let local = |intent: &Intent| self.records.record(intent.number, &intent.host);
        let copies = self.records.copies().map_err(|error| unreadable_state_dir(&error))?;
        let vault = self.session.name.as_str();
        let facts = Facts { vault, view: &view, nodes: &nodes, local: &local, copies: &copies };
        let step = decision::decide(&facts, &wish)?;
        let sends = matches!(step, Step::Begin { .. } | Step::SendUnder(_));
        if sends {
            self.check_before_sending()?;
        }
        let steps = self.steps(&step, &view);
        if self.options.dry_run {
            return Ok(self.report(None, steps, None));
        }
        let (generation, fate) = self.act(step, copy, &view).await?;
        Ok(self.report(Some(generation), steps, fate))
    }

    /// The custody must fit what is asked for, and a root token that is to be kept must find somebody to be sealed to. Shares
    /// that exist already are checked against their own numbers instead.
    fn check_before_sending(&self) -> Result<(), Failure> {
        let Options { threshold, shares, single_recipient, root_token, .. } = self.options;
        if matches!(root_token, RootTokenWish::Unsaid) {
            return Err(token::unsaid());
        }
        self.session.fitting_custody(*threshold, *shares, *single_recipient)?;
        if !matches!(root_token, RootTokenWish::Discard) && self.session.offline_recipients().is_empty() {
            let problem = "nobody is set to whom the root token could be sealed: custodians get shares alone";
            return Err(Failure::new(ExitStatus::Refused, "custody", problem)
                .hint("set `recipients` beside `custodians`, or give --discard-root-token; nothing was changed"));
        }
        Ok(())
    }

    async fn act(
        &self,
        step: Step,
        copy: Option<SealedCopy>,
        view: &StoreView,
    ) -> Result<(Generation, Option<Fate>), Failure> {
        match step {
            Step::NothingToDo(generation) => {
                self.clear_records(view);
                Ok((generation, None))
            }
            Step::Begin { give_up } => {
                self.give_up(&give_up).await?;
                let intent = self.begin(view).await?;
                self.send(intent, view).await
            }
            Step::SendUnder(intent) => self.send(intent, view).await,
            Step::Publish(intent) => self.resume(&self.copy_of(intent, copy)?, view).await,
            Step::StoreCopy(intent) => self.store_copy(&self.copy_of(intent, copy)?, view).await,
            Step::Finish { intent, generation } => self.finish_stored(intent, generation, view).await,
        }
    }

    /// What must hold before the first change: conditions, a disk that takes the sealed copy, a place for the root token.
    async fn preflight(&self) -> Result<Lock, Failure> {
        let id = self.entropy.id();
        token::check(&self.options.root_token, &id).or_else(|fault| {
            // A resumed init finds the file it wrote before.
            if self.options.publish.is_some() || self.anything_local() { Ok(()) } else { Err(fault) }
        })?;
        self.records.prove_writable(&id).map_err(|error| {
            Failure::new(
                ExitStatus::Unavailable,
                "state-dir",
                "stateDir does not take a file as large as the sealed copy",
            )
            .cause(error)
            .hint("make room or set another stateDir; nothing was changed")
        })?;
        let lock = self.lock()?;
        self.writer().probe().await.map_err(|error| self.not_stored(&error, "probe"))?;
        Ok(lock)
    }

    fn lock(&self) -> Result<Lock, Failure> {
        match self.records.lock() {
            Ok(Some(lock)) => Ok(lock),
            Ok(None) => Err(Failure::new(
                ExitStatus::Refused,
                "another-init",
                format!("{}: another init of this Vault runs on this host", self.session.name),
            )
            .hint("let that one finish; then run this again, it will find nothing to do")),
            Err(error) => Err(Failure::new(ExitStatus::Unavailable, "state-dir", "stateDir could not be locked")
                .cause(error)
                .hint("make it writable for this user, then run init again; nothing was changed")),
        }
    }

    fn anything_local(&self) -> bool {
        self.records.any()
    }

    async fn look_at_servers(&self) -> Vec<SeenNode> {
        let all = self.session.nodes.iter().chain(&self.session.peers);
        futures::future::join_all(all.map(|node| async move {
            let seen = match node.seal_status().await {
                Ok(status) => Seen::Status(status),
                Err(error) if error.kind == VaultErrorKind::BrokenInit => Seen::BrokenInit,
                Err(error) => Seen::Unknown(error.to_string()),
            };
            SeenNode { address: node.address().to_owned(), seen }
        }))
        .await
    }

    fn writer(&self) -> Writer<'_> {
        self.session.writer(self.store, self.clock, self.entropy)
    }

    fn first_node(&self) -> Result<&dyn Node, Failure> {
        self.session.nodes.first().map(|node| node as &dyn Node).ok_or_else(|| {
            Failure::new(ExitStatus::Usage, "no-node", "the settings name no node of this Vault")
                .hint("name the server under vaults[].nodes")
        })
    }

    fn not_stored(&self, error: &PublishError, what: &str) -> Failure {
        crate::session::not_stored(self.session.name.as_str(), what, error)
    }

    fn report(&self, generation: Option<Generation>, steps: Vec<String>, root_token: Option<Fate>) -> Report {
        Report {
            vault: self.session.name.as_str().to_owned(),
            generation,
            steps,
            root_token,
            dry_run: self.options.dry_run,
        }
    }
}

/// First pause between two tries of something that must not be given up, and the longest one.
pub(super) const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// The largest number the store's layout takes.
const LAST_NUMBER: u32 = 999_999;

fn state_dir(error: &sops_tools::files::FileError) -> Failure {
    Failure::new(ExitStatus::Unavailable, "state-dir", "stateDir could not be written")
        .cause(error)
        .hint("make room or mend its rights, then run init again: it goes on where it stopped")
}

fn numbers_used_up() -> Failure {
    Failure::new(ExitStatus::Refused, "numbers-used-up", "no number is left under this Vault's name")
        .hint("find out who filled the store, or use another prefix")
}

/// A server makes at most 255 shares.
fn count(shares: &[Share]) -> u8 {
    u8::try_from(shares.len()).unwrap_or(u8::MAX)
}

fn unreadable_state_dir(error: &std::io::Error) -> Failure {
    Failure::new(ExitStatus::Unavailable, "state-dir", "stateDir could not be looked at: a sealed copy may lie in it")
        .cause(error)
        .hint("make it readable for this user, then run init again; nothing was changed")
}
