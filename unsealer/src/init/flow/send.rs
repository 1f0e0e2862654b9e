//! From the intent to the answer of the one call that must not be lost.

use sops_tools::report::{ExitStatus, Failure};

use super::{Answer, Init, LAST_NUMBER, keep, numbers_used_up, state_dir};
use crate::init::decision::GiveUp;
use crate::init::token::{self, Fate};
use crate::session::host;
use crate::store::names::MarkKind;
use crate::store::publish::PublishError;
use crate::store::records::{IntentRecord, Purpose};
use crate::store::view::{Generation, StoreView};
use crate::vault::{InitAnswer, Node, VaultErrorKind};

impl Init<'_> {
    /// In the order given: [`decision`](crate::init::decision) knows what each prefix of it leads to.
    pub(super) async fn give_up(&self, writes: &[GiveUp]) -> Result<(), Failure> {
        for write in writes {
            match write {
                GiveUp::Close(intent) => self.close(*intent, "begun anew").await?,
                GiveUp::Abandon(generation) => {
                    let mark = Self::mark("begin-anew", None);
                    let done = self.writer().mark(*generation, MarkKind::Abandoned, mark).await;
                    done.map_err(|error| self.not_stored(&error, "abandoned mark"))?;
                }
            }
        }
        Ok(())
    }

    /// Record on this host, then the intent in the store: exactly one of several inits gets the number.
    pub(super) async fn begin(&self, view: &StoreView) -> Result<u32, Failure> {
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
    pub(super) async fn send(&self, intent: u32, view: &StoreView) -> Result<(Generation, Option<Fate>), Failure> {
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

    pub(super) fn received(&self, answer: InitAnswer) -> Answer {
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

    pub(super) fn no_answer(&self, intent: u32, node: &dyn Node, error: &crate::vault::VaultError) -> Failure {
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
}

fn interrupted(generation: Generation) -> Failure {
    Failure::new(
        ExitStatus::Unavailable,
        "interrupted",
        format!("a signal came after generation {generation} was stored and before it was proven and closed"),
    )
    .hint("run init again: it goes on where it stopped")
}
