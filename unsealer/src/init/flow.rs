//! Goes where the decision points.

use std::path::{Path, PathBuf};
use std::time::Duration;

use restore::objects::WriteObjects;
use sops_tools::clock::{Clock, Entropy, Timestamp};
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::secret::{Share, Token};

use super::decision::{self, Facts, Seen, SeenNode, Step, Wish};
use super::local::{LocalRecords, Lock, SealedCopy};
use super::prove::{self, Proof};
use super::token::{self, Fate, RootTokenWish};
use crate::opener;
use crate::session::{Session, host};
use crate::store::bundle::{self, BundleHead, Place};
use crate::store::custodians::Custody;
use crate::store::names::{CustodianName, MarkKind};
use crate::store::publish::{PublishError, Staging, Writer};
use crate::store::records::{IntentCloseRecord, IntentRecord, MarkRecord, Purpose};
use crate::store::view::{Generation, Intent, Seal, StoreView};
use crate::vault::{InitAnswer, Node, VaultErrorKind};

mod keep;

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
        let ours = session.identities.to_recipients();
        custody.check(options.threshold, options.shares, &ours, options.single_recipient).map_err(|faults| {
            let mut failure = Failure::new(ExitStatus::Refused, "custody", "the recipients do not fit");
            failure.causes = faults.iter().map(ToString::to_string).collect();
            failure.hint("set recipients to the daemon's own and an offline one; fewer only with --single-recipient")
        })?;
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
        let wish = Wish { publish: copy.as_ref().map(|copy| copy.intent), ..self.options.wish.clone() };
        let local = |intent: &Intent| self.records.record(intent.number, &intent.host);
        let facts = Facts { vault: self.session.name.as_str(), view: &view, nodes: &nodes, local: &local };
        let step = decision::decide(&facts, &wish)?;
        let steps = self.steps(&step, &view);
        if self.options.dry_run {
            return Ok(self.report(None, steps, None));
        }
        let (generation, fate) = self.act(step, copy, &view).await?;
        Ok(self.report(Some(generation), steps, fate))
    }

    async fn act(
        &self,
        step: Step,
        copy: Option<SealedCopy>,
        view: &StoreView,
    ) -> Result<(Generation, Option<Fate>), Failure> {
        match step {
            Step::NothingToDo(generation) => Ok((generation, None)),
            Step::Begin { abandon, close } => {
                self.give_up(&abandon, &close).await?;
                let intent = self.begin(view).await?;
                self.send(intent, view).await
            }
            Step::SendUnder(intent) => self.send(intent, view).await,
            Step::Publish(intent) => {
                let copy = match copy {
                    Some(copy) => copy,
                    None => self.read_copy(&self.records.copy_path(intent))?,
                };
                self.resume(&copy, view).await
            }
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

    async fn give_up(&self, abandon: &[Generation], close: &[u32]) -> Result<(), Failure> {
        for generation in abandon {
            let mark = Self::mark("begin-anew", None);
            let done = self.writer().mark(*generation, MarkKind::Abandoned, mark).await;
            done.map_err(|error| self.not_stored(&error, "abandoned mark"))?;
        }
        for intent in close {
            self.close(*intent, "begun anew").await?;
        }
        Ok(())
    }

    /// Record on this host, then the intent in the store: exactly one of several inits gets the number.
    async fn begin(&self, view: &StoreView) -> Result<u32, Failure> {
        let first = view.next_intent.ok_or_else(numbers_used_up)?;
        let number =
            (first..=LAST_NUMBER).find(|number| !self.records.occupied(*number)).ok_or_else(numbers_used_up)?;
        self.records.write_begun(number, &host(), self.clock.now()).map_err(|error| state_dir(&error))?;
        let intent = IntentRecord {
            purpose: Purpose::Init,
            host: host(),
            local_copy: self.records.copy_path(number).display().to_string(),
        };
        match self.writer().open_intent(number, intent).await {
            Ok(()) => Ok(number),
            Err(PublishError::Taken { .. }) => {
                self.records.forget_begun(number).map_err(|error| state_dir(&error))?;
                Err(Failure::new(
                    ExitStatus::Refused,
                    "another-init",
                    "another init was faster: it has the intent's number",
                )
                .hint("let that one finish; then run this again, it will find nothing to do"))
            }
            Err(error) => Err(self.not_stored(&error, "intent")),
        }
    }

    /// The one call whose answer must not be lost.
    async fn send(&self, intent: u32, view: &StoreView) -> Result<(Generation, Option<Fate>), Failure> {
        let generation = Generation(view.next_generation.ok_or_else(numbers_used_up)?);
        let node = self.first_node()?;
        let mut signals = keep::Signals::catch();
        self.records.write_sent(intent, self.clock.now()).map_err(|error| state_dir(&error))?;
        tracing::info!(server = node.address(), intent, "asking the server to initialise; this may take 10 s");
        let answer = match node.init(self.options.shares, self.options.threshold).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.no_answer(intent, node, &error)),
        };
        let shares = self.received(answer);
        let kept = self.keep(intent, generation, &shares, &mut signals).await?;
        let generation = kept.generation;
        tokio::select! {
            done = self.conclude(intent, generation, &shares) => done,
            // Signals stay caught for the life of the process, so they have to be heeded here. Without a sealed copy the
            // root token is in memory alone.
            () = signals.any(), if kept.sealed_copy => Err(interrupted(generation)),
        }
    }

    fn received(&self, answer: InitAnswer) -> Answer {
        let sealed_root_token = token::seal(&answer.root_token, &self.session.offline_recipients())
            .inspect_err(|error| tracing::warn!(%error, "the root token could not be sealed"))
            .ok();
        Answer {
            shares: answer.shares,
            threshold: self.options.threshold,
            created: self.clock.now(),
            root_token: Some(answer.root_token),
            sealed_root_token,
        }
    }

    fn no_answer(&self, intent: u32, node: &dyn Node, error: &crate::vault::VaultError) -> Failure {
        let (status, class, hint) = match error.kind {
            VaultErrorKind::Refused | VaultErrorKind::Untrusted | VaultErrorKind::Tls => {
                // The call never left: this host may send it again by itself.
                if let Err(error) = self.records.unsend(intent) {
                    tracing::warn!(%error, "the record of the sent call stays");
                }
                (ExitStatus::Unavailable, "server-unavailable", "start the server, then run init again".to_owned())
            }
            VaultErrorKind::ClusterHasState => (
                ExitStatus::Refused,
                "init-cut-off-in-server",
                format!("an init was killed inside the server before it had a leader: its storage holds no data of Vault and answers so for ever. Empty that storage, start the server, then run `unsealer init --continue {intent}`"),
            ),
            VaultErrorKind::AlreadyInitialised => (
                ExitStatus::Refused,
                "already-initialised",
                "somebody initialised it in this moment; run init again, it looks anew and says what to do".to_owned(),
            ),
            VaultErrorKind::Rejected => {
                (ExitStatus::Refused, "init-rejected", format!("the server refuses these numbers of shares; run `unsealer init --continue {intent}` with others"))
            }
            _ => (
                if error.kind == VaultErrorKind::TimedOut { ExitStatus::TimedOut } else { ExitStatus::Unavailable },
                "init-answer-lost",
                "the answer did not arrive and the server may have initialised itself; run init again: it looks at the server and says what to do".to_owned(),
            ),
        };
        Failure::new(status, class, format!("{}: {} did not answer init", self.session.name, node.address()))
            .cause(error)
            .hint(hint)
    }

    /// Opens a sealed copy and goes on from there.
    async fn resume(&self, copy: &SealedCopy, view: &StoreView) -> Result<(Generation, Option<Fate>), Failure> {
        let shares = self.open_copy(copy)?;
        let generation = Generation(copy.generation);
        let generation = self.publish(copy.intent, generation, &shares, Some(view)).await?;
        self.conclude(copy.intent, generation, &shares).await
    }

    fn open_copy(&self, copy: &SealedCopy) -> Result<Answer, Failure> {
        let damaged = |cause: String| {
            Failure::new(ExitStatus::Integrity, "sealed-copy", "the sealed copy does not open")
                .cause(cause)
                .hint("run this where one of its recipients' identities is set; the offline identity opens it too")
        };
        let sealed = copy.sealed_shares().ok_or_else(|| damaged("its text is damaged".to_owned()))?;
        let place = Place {
            vault: self.session.name.clone(),
            generation: Generation(copy.generation),
            seal: Seal(1),
            custodian: CustodianName::all(),
        };
        let opened =
            bundle::open(&sealed, &place, None, &self.session.identities).map_err(|e| damaged(e.to_string()))?;
        let root_token = match &self.options.identity {
            Some(path) => Some(token::open(copy, &token::identity(path)?)?),
            None => None,
        };
        Ok(Answer {
            shares: opened.shares,
            threshold: opened.head.threshold,
            created: opened.head.created,
            root_token,
            sealed_root_token: copy.sealed_root_token(),
        })
    }

    /// Bundles, manifest, read back, opened, compared. A number that somebody else took meanwhile is left to them.
    async fn publish(
        &self,
        intent: u32,
        generation: Generation,
        shares: &Answer,
        view: Option<&StoreView>,
    ) -> Result<Generation, Failure> {
        let mut generation = generation;
        for _ in 0..3 {
            let staging = Staging {
                generation,
                seal: Seal(1),
                shares: &shares.shares,
                total: count(&shares.shares),
                threshold: shares.threshold,
                custody: &self.custody,
                created: shares.created,
            };
            match self.writer().stage(&staging, &self.session.identities).await {
                Ok(_) => return Ok(generation),
                Err(PublishError::Taken { path }) => {
                    tracing::warn!(path, "the generation's number was taken; the next free one is used");
                    let seen = match view {
                        Some(view) if view.next_generation.is_some_and(|next| next > generation.0) => {
                            view.next_generation
                        }
                        _ => self.session.look(self.store).await?.next_generation,
                    };
                    generation = Generation(seen.unwrap_or(generation.0 + 1).max(generation.0 + 1));
                    let copy = self.sealed_copy(intent, generation, shares)?;
                    self.records.write_copy(&copy).map_err(|error| state_dir(&error))?;
                }
                Err(error) => return Err(self.not_stored(&error, "bundles")),
            }
        }
        Err(Failure::new(
            ExitStatus::Refused,
            "numbers-taken",
            "the next three generation numbers were taken while they were used",
        )
        .hint("somebody writes into this store; the sealed copy is safe, run init again when that has stopped"))
    }

    fn sealed_copy(&self, intent: u32, generation: Generation, shares: &Answer) -> Result<SealedCopy, Failure> {
        let head = BundleHead {
            vault: self.session.name.clone(),
            generation,
            seal: Seal(1),
            custodian: CustodianName::all(),
            threshold: shares.threshold,
            total: count(&shares.shares),
            created: shares.created,
        };
        let all: Vec<&Share> = shares.shares.iter().collect();
        let recipients: Vec<_> = if self.session.settings.recipients.is_empty() {
            self.session.identities.to_recipients()
        } else {
            self.session.settings.recipients.values().cloned().collect()
        };
        let sealed = bundle::make(&head, &all, &recipients).map_err(|error| {
            Failure::new(ExitStatus::Unexpected, "sealed-copy", "the shares could not be sealed").cause(error)
        })?;
        Ok(SealedCopy::new(&head, intent, &sealed, shares.sealed_root_token.as_deref()))
    }

    /// Everything after the shares are stored and read back.
    async fn conclude(
        &self,
        intent: u32,
        generation: Generation,
        shares: &Answer,
    ) -> Result<(Generation, Option<Fate>), Failure> {
        let node = self.first_node()?;
        let from_file = self.session.token(None)?;
        let view = self.session.look(self.store).await?;
        let read_back = self.read_back(&view, generation, shares)?;
        if !is_proven(&view, generation) {
            let token = shares.root_token.as_ref().or(from_file.as_ref());
            let proof = prove::prove(node, generation, &read_back, token).await?;
            self.proven(generation, &proof).await?;
        }
        let task = token::Task {
            wish: &self.options.root_token,
            writer: &self.writer(),
            node,
            records: &self.records,
            intent,
            generation,
            recipients: &self.session.offline_recipients(),
        };
        let fate = task.run(shares.root_token.as_ref(), shares.sealed_root_token.as_deref()).await?;
        self.close(intent, "done").await?;
        // All is done; what is left here is ciphertext of a closed intent.
        if let Err(error) = self.records.remove(intent) {
            tracing::warn!(%error, "this host's records of the init stay; they may be deleted");
        }
        Ok((generation, Some(fate)))
    }

    /// The shares as the store gives them now. Where custody is split, the others' come from memory.
    fn read_back(&self, view: &StoreView, generation: Generation, shares: &Answer) -> Result<Vec<Share>, Failure> {
        let found = self.opened_from_store(view, generation);
        let mut read_back = found.shares;
        if read_back.is_empty() {
            return Err(Failure::new(
                ExitStatus::Integrity,
                "not-read-back",
                format!("generation {generation} was stored and does not open"),
            )
            .cause(found.faults.first().map(|(path, why)| format!("{path}: {why}")).unwrap_or_default())
            .hint("the sealed copy is kept; run init again, and `unsealer store verify` if it stays so"));
        }
        for share in &shares.shares {
            if !read_back.iter().any(|known| known.same_as(share)) {
                read_back.push(Share::copy_from(share.expose()));
            }
        }
        Ok(read_back)
    }

    fn opened_from_store(&self, view: &StoreView, generation: Generation) -> opener::OpenedShares {
        match view.candidates.iter().find(|candidate| candidate.generation == generation) {
            Some(candidate) => opener::open_candidate(candidate, &self.session.keyring()),
            None => opener::OpenedShares { shares: Vec::new(), opened: Vec::new(), faults: Vec::new() },
        }
    }

    /// On any host: the bundle is stored, the intent open.
    async fn finish_stored(
        &self,
        intent: u32,
        generation: Generation,
        view: &StoreView,
    ) -> Result<(Generation, Option<Fate>), Failure> {
        if !is_proven(view, generation) {
            let opened = self.opened_from_store(view, generation);
            if opened.shares.is_empty() {
                return Err(Failure::new(
                    ExitStatus::Integrity,
                    "bundle-closed",
                    format!("generation {generation} does not open here"),
                )
                .cause(opened.faults.first().map(|(path, why)| format!("{path}: {why}")).unwrap_or_default())
                .hint("run init where an identity of one of its recipients is set"));
            }
            let token = self.session.token(None)?;
            let proof = prove::prove(self.first_node()?, generation, &opened.shares, token.as_ref()).await?;
            self.proven(generation, &proof).await?;
        }
        self.close(intent, "finished on another host").await?;
        Ok((generation, None))
    }

    async fn proven(&self, generation: Generation, proof: &Proof) -> Result<(), Failure> {
        let mark = Self::mark(proof.how, proof.cluster_id.clone());
        let done = self.writer().mark(generation, MarkKind::Proven, mark).await;
        done.map_err(|error| self.not_stored(&error, "proven mark"))
    }

    async fn close(&self, intent: u32, outcome: &str) -> Result<(), Failure> {
        let close = IntentCloseRecord { outcome: outcome.to_owned(), host: host() };
        let done = self.writer().close_intent(intent, close).await;
        done.map_err(|error| self.not_stored(&error, "close of the intent"))
    }

    fn mark(how: &str, cluster_id: Option<String>) -> MarkRecord {
        MarkRecord { how: how.to_owned(), command: "init".to_owned(), host: host(), cluster_id }
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

    fn read_copy(&self, path: &Path) -> Result<SealedCopy, Failure> {
        let fault = |cause: String| {
            Failure::new(ExitStatus::Usage, "sealed-copy", format!("{}: no sealed copy can be read", path.display()))
                .cause(cause)
                .hint("name the file init-<n>.sealed.json of the host that ran init")
        };
        let copy = SealedCopy::read(path).map_err(|error| fault(error.to_string()))?;
        if copy.vault == self.session.name.as_str() {
            Ok(copy)
        } else {
            Err(fault(format!("it belongs to the Vault {:?}", copy.vault)))
        }
    }

    fn not_stored(&self, error: &PublishError, what: &str) -> Failure {
        crate::session::not_stored(self.session.name.as_str(), what, error)
    }

    fn steps(&self, step: &Step, view: &StoreView) -> Vec<String> {
        let mut steps = Vec::new();
        match step {
            Step::NothingToDo(generation) => {
                steps.push(format!("nothing: generation {generation} is stored, proven and closed"));
            }
            Step::Begin { abandon, close } => {
                steps.extend(abandon.iter().map(|generation| format!("mark generation {generation} abandoned")));
                steps.extend(close.iter().map(|intent| format!("close intent {intent}")));
                steps.push(format!("write intent {}", view.next_intent.unwrap_or_default()));
                steps.extend(self.sending_steps(view));
            }
            Step::SendUnder(intent) => {
                steps.push(format!("go on under intent {intent}"));
                steps.extend(self.sending_steps(view));
            }
            Step::Publish(intent) => {
                steps.push(format!("open the sealed copy of intent {intent}, store it, read it back, compare"));
                steps.extend(Self::closing_steps());
            }
            Step::Finish { intent, generation } => {
                steps.push(format!("open the stored generation {generation} of intent {intent}"));
                steps.extend(Self::closing_steps());
            }
        }
        steps
    }

    fn sending_steps(&self, view: &StoreView) -> Vec<String> {
        let address = self.session.nodes.first().map(|node| node.address().to_owned()).unwrap_or_default();
        let (shares, threshold) = (self.options.shares, self.options.threshold);
        let generation = view.next_generation.unwrap_or_default();
        let mut steps = vec![
            format!("initialise {address} with {shares} shares, threshold {threshold}"),
            format!(
                "seal the answer into {}",
                self.session.settings.state_dir.as_deref().unwrap_or(Path::new("")).display()
            ),
            format!("store generation {generation}, read it back, open it, compare"),
        ];
        steps.extend(Self::closing_steps());
        steps
    }

    fn closing_steps() -> Vec<String> {
        [
            "unseal with what was read back (or drill where it is open)",
            "mark it proven",
            "see to the root token",
            "close the intent",
        ]
        .map(str::to_owned)
        .to_vec()
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

fn is_proven(view: &StoreView, generation: Generation) -> bool {
    view.candidates.iter().any(|one| one.generation == generation && one.proven.is_some())
}

fn interrupted(generation: Generation) -> Failure {
    Failure::new(
        ExitStatus::Unavailable,
        "interrupted",
        format!("a signal came after generation {generation} was stored and before it was proven and closed"),
    )
    .hint("run init again: it goes on where it stopped")
}

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
