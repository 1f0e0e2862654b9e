//! From facts to an answer.

use sops_tools::report::{ExitStatus, Failure};

use super::facts::{Facts, NodeFacts, StoreFacts};

/// Would it open again? The later one is the worse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    /// It would.
    Yes,
    /// Something could not be asked.
    Unknown,
    /// It would not: a person is needed.
    No,
    /// Something stored is not what it should be. It may open all the same.
    Alarm,
}

/// An answer and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) answer: Answer,
    pub(super) reasons: Vec<String>,
}

impl Answer {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Unknown => "unknown",
            Self::No => "no",
            Self::Alarm => "alarm",
        }
    }

    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Yes => "would open again",
            Self::Unknown => "whether it would open again could not be found out",
            Self::No => "would not open again",
            Self::Alarm => "something stored raises an alarm",
        }
    }

    /// How the command ends.
    pub(super) fn failure(self) -> Failure {
        let (status, class, hint) = match self {
            Self::Yes | Self::Unknown => {
                (ExitStatus::Unavailable, "status-unknown", "make the servers named above answer, then ask again")
            }
            Self::No => (
                ExitStatus::Refused,
                "status-no",
                "each line marked ! says what is missing; `unsealer doctor` gives hints",
            ),
            Self::Alarm => (
                ExitStatus::Integrity,
                "status-alarm",
                "`unsealer store verify` reads everything; find out who wrote the objects named above",
            ),
        };
        Failure::new(status, class, format!("at least one Vault: {}", self.sentence())).hint(hint)
    }
}

/// Judges one Vault.
pub(super) fn judge(facts: &Facts) -> Verdict {
    let mut reasons = Vec::new();
    let mut note = |answer: Answer, reason: String| reasons.push((answer, reason));
    match &facts.store {
        Ok(store) => judge_store(store, &facts.nodes, &mut note),
        Err(why) => note(Answer::Unknown, format!("the store could not be asked: {why}")),
    }
    for node in &facts.nodes {
        match &node.status {
            Err(why) => note(Answer::Unknown, format!("{} could not be asked: {why}", node.address)),
            Ok(status) if status.recovery_seal || status.seal_type != "shamir" => {
                note(Answer::No, format!("{} has a seal that is not ours to open", node.address));
            }
            Ok(_) => {}
        }
    }
    match &facts.daemon {
        Err(why) => note(Answer::Unknown, format!("no daemon was seen: {why}")),
        Ok(daemon) => {
            daemon.not_ready.iter().for_each(|why| note(Answer::No, format!("the daemon is not ready: {why}")));
            daemon.own_holds.iter().for_each(|why| note(Answer::No, format!("held on this host: {why}")));
            daemon.stuck.iter().for_each(|stuck| note(Answer::No, stuck.clone()));
        }
    }
    let answer = reasons.iter().map(|(answer, _)| *answer).max().unwrap_or(Answer::Yes);
    Verdict { answer, reasons: reasons.into_iter().map(|(_, reason)| reason).collect() }
}

fn judge_store(store: &StoreFacts, nodes: &[NodeFacts], note: &mut impl FnMut(Answer, String)) {
    match store.current {
        None if store.undecided.is_empty() => {
            note(Answer::No, "no generation is stored: run `unsealer init` or `unsealer import`".to_owned());
        }
        None => note(Answer::No, "several generations are stored and none is proven".to_owned()),
        Some(number) if !store.openable => {
            let lack = store.lack.as_ref().map_or_else(String::new, |lack| format!(": {lack}"));
            note(Answer::No, format!("generation {number} does not open with the identities of the settings{lack}"));
        }
        Some(_) => {}
    }
    for silent in &store.silent {
        note(Answer::Unknown, format!("a custodian's store could not be asked: {silent}"));
    }
    if store.open_intent {
        note(Answer::No, "an init was begun and not finished: run `unsealer init` on its host".to_owned());
    }
    for hold in &store.holds {
        note(Answer::No, format!("held: {}", hold.reason));
    }
    if store.rolled_back {
        note(Answer::Alarm, "the store went back: objects that this host has seen are gone".to_owned());
    }
    if store.foreign > 0 {
        note(Answer::Alarm, format!("{} foreign objects stand under this Vault's name", store.foreign));
    }
    if let Some(path) = store.unread.first() {
        let count = store.unread.len();
        note(Answer::Alarm, format!("part of the store could not be read: {count} objects or folders, first {path}"));
    }
    if !store.findings.is_empty() {
        note(Answer::Alarm, format!("{} stored objects are not what they should be", store.findings.len()));
    }
    for status in nodes.iter().filter_map(|node| node.status.as_ref().ok()) {
        if let (Some(proven), Some(seen)) = (&store.cluster_id, &status.cluster_id)
            && proven != seen
        {
            note(Answer::Alarm, "the open Vault is not the one that was proven: two clusters on one prefix".to_owned());
        }
        if let Some(threshold) = store
            .threshold
            .filter(|threshold| status.initialized && status.threshold > 0 && *threshold != status.threshold)
        {
            note(
                Answer::No,
                format!("the server needs {} shares, the current generation {threshold}", status.threshold),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::DaemonFacts;
    use super::*;
    use crate::store::view::{Finding, Hold};
    use crate::vault::{Product, SealStatus};

    fn sealed() -> SealStatus {
        SealStatus {
            product: Product::OpenBao,
            seal_type: "shamir".to_owned(),
            initialized: true,
            sealed: true,
            threshold: 3,
            shares: 5,
            progress: 0,
            nonce: String::new(),
            version: "2.7.2".to_owned(),
            migration: false,
            recovery_seal: false,
            storage_type: None,
            cluster_id: None,
            removed_from_cluster: false,
        }
    }

    fn good() -> Facts {
        Facts {
            vault: "main".to_owned(),
            nodes: vec![NodeFacts { address: "a".to_owned(), status: Ok(sealed()) }],
            location: "file:///s".to_owned(),
            store: Ok(StoreFacts { current: Some(1), openable: true, threshold: Some(3), ..StoreFacts::default() }),
            daemon_address: String::new(),
            daemon: Ok(DaemonFacts {
                ready: true,
                not_ready: Vec::new(),
                read_at: None,
                own_holds: Vec::new(),
                stuck: Vec::new(),
            }),
        }
    }

    fn answer(change: impl FnOnce(&mut Facts)) -> Answer {
        let mut facts = good();
        change(&mut facts);
        judge(&facts).answer
    }

    fn stored(change: impl FnOnce(&mut StoreFacts)) -> Answer {
        answer(|facts| change(facts.store.as_mut().unwrap()))
    }

    #[test]
    fn all_good_is_yes_without_a_reason() {
        assert_eq!(judge(&good()), Verdict { answer: Answer::Yes, reasons: Vec::new() });
    }

    #[test]
    fn what_could_not_be_asked_is_unknown_and_not_no() {
        assert_eq!(answer(|facts| facts.store = Err("down".to_owned())), Answer::Unknown);
        assert_eq!(answer(|facts| facts.nodes[0].status = Err("down".to_owned())), Answer::Unknown);
        assert_eq!(answer(|facts| facts.daemon = Err("down".to_owned())), Answer::Unknown);
        assert_eq!(stored(|store| store.silent = vec!["custodian b: down".to_owned()]), Answer::Unknown);
    }

    #[test]
    fn what_keeps_it_closed_is_no() {
        let hold =
            Hold { id: "i".to_owned(), reason: "r".to_owned(), host: "h".to_owned(), at: jiff::Timestamp::UNIX_EPOCH };
        assert_eq!(stored(|store| store.current = None), Answer::No);
        assert_eq!(stored(|store| store.openable = false), Answer::No);
        assert_eq!(stored(|store| store.open_intent = true), Answer::No);
        assert_eq!(stored(|store| store.threshold = Some(2)), Answer::No);
        assert_eq!(stored(|store| store.holds = vec![hold]), Answer::No);
        assert_eq!(
            answer(|facts| facts.nodes[0].status = Ok(SealStatus { seal_type: "awskms".to_owned(), ..sealed() })),
            Answer::No
        );
    }

    #[test]
    fn what_is_forged_or_gone_is_an_alarm() {
        let finding = Finding { class: "not-authentic", path: "p".to_owned(), detail: "d".to_owned() };
        assert_eq!(stored(|store| store.findings = vec![finding]), Answer::Alarm);
        assert_eq!(stored(|store| store.rolled_back = true), Answer::Alarm);
        let open = SealStatus { sealed: false, cluster_id: Some("b".to_owned()), ..sealed() };
        assert_eq!(
            answer(|facts| {
                facts.store.as_mut().unwrap().cluster_id = Some("a".to_owned());
                facts.nodes[0].status = Ok(open);
            }),
            Answer::Alarm
        );
    }
}
