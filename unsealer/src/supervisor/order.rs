//! Which generations a node may be sent, and in which order.

use super::Facts;
use crate::store::view::{Candidate, Generation, Standing, StoreView};
use crate::vault::SealStatus;

/// Whether the node is a raft node that still has to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// A restarted member, or a server without peers: it answers wrong shares with a refusal.
    Settled,
    /// Wrong shares would wedge it.
    Joining,
}

/// Generations to try, first to last: the store's order for a member, at most one for a joiner. Those whose threshold or
/// number of shares is not the server's are left out. While part of the generations could not be read a newer one may be current: then
/// a joiner is sent what opened its leader, or nothing.
pub fn order(view: &StoreView, seal: &SealStatus, member: Member, leader: Option<Generation>) -> Vec<Generation> {
    match member {
        Member::Settled => {
            view.candidates.iter().filter(|one| fits(one, seal)).map(|candidate| candidate.generation).collect()
        }
        Member::Joining if !view.undecided.is_empty() => Vec::new(),
        Member::Joining => leader
            .or(view.current.filter(|_| view.generations_unread().is_none()))
            .and_then(|chosen| view.candidates.iter().find(|candidate| candidate.generation == chosen))
            .filter(|candidate| candidate.standing != Standing::NotAuthentic && fits(candidate, seal))
            .map(|candidate| vec![candidate.generation])
            .unwrap_or_default(),
    }
}

/// Whether a node that may still have to join would be treated otherwise than a member.
pub(super) fn joining_matters(seal: &SealStatus, facts: &Facts) -> bool {
    facts.view.as_deref().is_some_and(|view| {
        let order_of = |member| order(view, seal, member, facts.leader_opened_with);
        !view.undecided.is_empty()
            || view.generations_unread().is_some()
            || order_of(Member::Settled) != order_of(Member::Joining)
    })
}

/// Whether the split is the server's. What no authentic manifest describes is not known to differ.
fn fits(candidate: &Candidate, seal: &SealStatus) -> bool {
    candidate.threshold.is_none_or(|threshold| threshold == seal.threshold)
        && candidate.shares.is_none_or(|shares| shares == seal.shares)
}
