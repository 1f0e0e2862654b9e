//! From stored shares to a closed intent.

use sops_tools::report::{ExitStatus, Failure};
use sops_tools::secret::Share;

use super::{Answer, Init};
use crate::init::prove::{self, Proof};
use crate::init::token::{self, Fate};
use crate::opener;
use crate::session::host;
use crate::store::names::MarkKind;
use crate::store::records::{IntentCloseRecord, MarkRecord};
use crate::store::view::{Generation, Intent, StoreView, lack};

impl Init<'_> {
    /// Everything after the shares are stored and read back.
    pub(super) async fn conclude(
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
        // Cut off between the close and the removal, the next run knows by this that nothing needs the records.
        if let Some(stored) = view.intents.iter().find(|stored| stored.number == intent)
            && let Err(error) = self.records.note_done(intent, stored.at)
        {
            tracing::warn!(%error, "that the init is done could not be noted on this host");
        }
        self.close(intent, "done").await?;
        self.remove_records(intent);
        Ok((generation, Some(fate)))
    }

    /// Takes away what an init left here that was cut off after its last step. Copies of intents that were closed in another
    /// way stay: they may hold a root token that nothing else holds.
    pub(super) fn clear_records(&self, view: &StoreView) {
        let done = |intent: &&Intent| intent.closed && self.records.is_done(intent.number, intent.at);
        let closed = view.intents.iter().filter(done);
        closed.for_each(|intent| self.remove_records(intent.number));
    }

    fn remove_records(&self, intent: u32) {
        if let Err(error) = self.records.remove(intent) {
            tracing::warn!(%error, "this host's records of the init stay; they may be deleted");
        }
    }

    /// The shares as the store gives them now. Where custody is split, the others' come from memory.
    pub(super) fn read_back(
        &self,
        view: &StoreView,
        generation: Generation,
        shares: &Answer,
    ) -> Result<Vec<Share>, Failure> {
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

    pub(super) fn opened_from_store(&self, view: &StoreView, generation: Generation) -> opener::OpenedShares {
        match view.candidates.iter().find(|candidate| candidate.generation == generation) {
            Some(candidate) => opener::open_candidate(candidate, &self.session.keyring()),
            None => opener::OpenedShares { shares: Vec::new(), opened: Vec::new(), faults: Vec::new() },
        }
    }

    /// On any host: the bundle is stored, the intent open, and the root token not wanted.
    pub(super) async fn finish_stored(
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
            Self::refuse_too_few(view, generation, &opened)?;
            let token = self.session.token(None)?;
            let proof = prove::prove(self.first_node()?, generation, &opened.shares, token.as_ref()).await?;
            self.proven(generation, &proof).await?;
        }
        self.close(intent, "finished on another host").await?;
        let begun = view.intents.iter().find(|begun| begun.number == intent);
        let left = begun.map_or_else(String::new, |begun| format!("{} on host {}", begun.local_copy, begun.host));
        Ok((generation, Some(Fate::LeftBehind(left))))
    }

    /// Custody is split, and what opens here is no threshold.
    fn refuse_too_few(view: &StoreView, generation: Generation, opened: &opener::OpenedShares) -> Result<(), Failure> {
        let Some(candidate) = view.candidates.iter().find(|one| one.generation == generation) else { return Ok(()) };
        let Some(threshold) = candidate.threshold.filter(|threshold| opened.shares.len() < usize::from(*threshold))
        else {
            return Ok(());
        };
        let problem = format!("generation {generation} is stored, and this host cannot prove it");
        Err(Failure::new(ExitStatus::Refused, "shares-elsewhere", problem)
            .cause(lack(opened.shares.len(), threshold, &candidate.elsewhere))
            .hint("run init on the host that began it, or with --publish FILE of its sealed copy, or where identities of more custodians are set"))
    }

    pub(super) async fn proven(&self, generation: Generation, proof: &Proof) -> Result<(), Failure> {
        let mark = Self::mark(proof.how, proof.cluster_id.clone());
        let done = self.writer().mark(generation, MarkKind::Proven, mark).await;
        done.map_err(|error| self.not_stored(&error, "proven mark"))
    }

    pub(super) async fn close(&self, intent: u32, outcome: &str) -> Result<(), Failure> {
        let close = IntentCloseRecord { outcome: outcome.to_owned(), host: host() };
        let done = self.writer().close_intent(intent, close).await;
        done.map_err(|error| self.not_stored(&error, "close of the intent"))
    }

    pub(super) fn mark(how: &str, cluster_id: Option<String>) -> MarkRecord {
        MarkRecord { how: how.to_owned(), command: "init".to_owned(), host: host(), cluster_id }
    }
}

fn is_proven(view: &StoreView, generation: Generation) -> bool {
    view.candidates.iter().any(|one| one.generation == generation && one.proven.is_some())
}
