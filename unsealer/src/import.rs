//! Taking over the shares of a Vault that lives already.
//!
//! Nothing is published before it is proven: shares are held against each other, then against the server, by unsealing it where it is
//! sealed, else by a drill.

use std::time::Duration;

use restore::objects::WriteObjects;
use sops_tools::clock::{Clock, Entropy};
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::secret::{Share, Token};

use crate::init::prove::{self, Proof};
use crate::opener::{self, Custody};
use crate::session::{Session, host, not_stored};
use crate::shamir::{self, Consistency};
use crate::store::names::MarkKind;
use crate::store::publish::{self, Staging, Writer};
use crate::store::records::MarkRecord;
use crate::store::view::{Candidate, Generation, Seal, Standing, StoreView};
use crate::vault::{Node, SealStatus};

/// First and longest pause between two tries to store bundles: some 15 s in all, beside the calls' own time.
const STORE_PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

/// What the person asked for.
pub struct Options {
    /// The shares, in the order they were given.
    pub shares: Vec<Share>,
    /// Shares needed, where the person says so; must be what the server says.
    pub threshold: Option<u8>,
    /// A token for the drill on an open OpenBao.
    pub token: Option<Token>,
    /// One recipient is enough.
    pub single_recipient: bool,
    /// Check and say what would be done; prove and change nothing.
    pub dry_run: bool,
}

/// What import did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The Vault's name.
    pub vault: String,
    /// The generation the shares became, or would become.
    pub generation: Generation,
    /// Shares taken over.
    pub taken: usize,
    /// Shares that exist, as the server says.
    pub shares: u8,
    /// Shares needed.
    pub threshold: u8,
    /// How they were proven: `unsealed` or `drill`; none in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<&'static str>,
    /// Nothing was changed.
    pub dry_run: bool,
}

/// Checks, proves, publishes, marks.
///
/// # Errors
/// `Usage` and `Integrity` for shares that cannot be right, `Refused` where they cannot be proven now, and what the store says.
pub async fn import(
    session: &Session,
    store: &dyn WriteObjects,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    options: &Options,
) -> Result<Report, Failure> {
    let node = first_node(session)?;
    let status = split_of(node, options).await?;
    let custody = session.fitting_custody(status.threshold, status.shares, options.single_recipient)?;
    if custody.custodians().len() > 1 && options.shares.len() < usize::from(status.shares) {
        let problem = format!("{} of {} shares were given, and custody is split", options.shares.len(), status.shares);
        return Err(Failure::new(ExitStatus::Refused, "shares-to-deal", problem).hint(
            "give all of them: each custodian gets its own; or take custodians out of the settings for this import",
        ));
    }
    let consistency = shamir::check(&options.shares, status.threshold);
    let subset = fit_together(&consistency, options.shares.len(), status.threshold)?;
    let writer = session.writer(store, clock, entropy);
    let refused = |error: &publish::PublishError, what| not_stored(session.name.as_str(), what, error);
    let view = session.look(store).await?;
    let keyring = session.keyring();
    let before = stored_before(&keyring, &view, &options.shares);
    let begun = before.is_some() || cut_short(&keyring, &view, &options.shares);
    may_import(&view, begun).map_err(|refusal| refused(&refusal.into(), "generation"))?;
    let number = before.map(|before| before.generation.0).or(view.next_generation);
    let number = number.ok_or(publish::Refusal::NumbersUsedUp);
    let generation = Generation(number.map_err(|refusal| refused(&refusal.into(), "generation"))?);
    let report = |proof| Report {
        vault: session.name.as_str().to_owned(),
        generation,
        taken: options.shares.len(),
        shares: status.shares,
        threshold: status.threshold,
        proof,
        dry_run: options.dry_run,
    };
    if options.dry_run {
        return Ok(report(None));
    }
    writer.probe().await.map_err(|error| refused(&error, "probe"))?;
    let proof = match subset {
        Subset::All => prove::prove(node, generation, &options.shares, options.token.as_ref()).await?,
        Subset::OneOf(subsets) => return Err(find_damaged(node, generation, options, &subsets).await),
    };
    let staging = Staging {
        generation,
        seal: Seal(1),
        shares: &options.shares,
        total: status.shares,
        threshold: status.threshold,
        custody: &custody,
        created: clock.now(),
    };
    if before.is_none_or(|before| before.standing == Standing::NotAuthentic) {
        let staged = stage(&writer, session, &staging).await;
        // These very shares stand there under a manifest of another store key.
        let staged = staged.map_err(|error| match error {
            publish::PublishError::NotAuthentic { .. } => publish::Refusal::OtherStoreKey.into(),
            other => other,
        });
        staged.map_err(|error| refused(&error, "bundles"))?;
    }
    mark_proven(&writer, generation, &proof).await.map_err(|error| refused(&error, "proven mark"))?;
    Ok(report(Some(proof.how)))
}

/// Writes the same bytes again while a store is away: what is sealed to others alone cannot be compared with what stands there.
async fn stage(
    writer: &Writer<'_>,
    session: &Session,
    staging: &Staging<'_>,
) -> Result<publish::Staged, publish::PublishError> {
    let parcel = publish::Parcel::seal(&session.name, staging)?;
    let mut pause = STORE_PAUSES.0;
    loop {
        match writer.send(staging, &parcel, &session.identities).await {
            Err(error) if error.is_retryable() && pause <= STORE_PAUSES.1 => {
                tracing::warn!(%error, "not stored yet; trying again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            other => return other,
        }
    }
}

/// The server's own numbers; they must be told before anything can be checked.
async fn split_of(node: &dyn Node, options: &Options) -> Result<SealStatus, Failure> {
    let status = node.seal_status().await.map_err(|error| {
        Failure::new(ExitStatus::Unavailable, "server-unavailable", format!("{} could not be asked", node.address()))
            .cause(error)
            .hint("start the server: shares are proven on it before they are stored")
    })?;
    let refused =
        |class, problem: String, hint: &str| Err(Failure::new(ExitStatus::Refused, class, problem).hint(hint));
    let address = node.address();
    if status.seal_type != "shamir" {
        return refused(
            "not-shamir",
            format!("{address} has a {} seal", status.seal_type),
            "unsealer keeps Shamir shares only",
        );
    }
    if !status.initialized || status.threshold == 0 {
        return refused(
            "uninitialised",
            format!("{address} is not initialised"),
            "use `unsealer init`, or restore its volume first",
        );
    }
    if options.threshold.is_some_and(|said| said != status.threshold) {
        let problem = format!("{address} needs {} shares, --threshold says otherwise", status.threshold);
        return refused(
            "other-threshold",
            problem,
            "check that these are the shares of this Vault, or leave --threshold out",
        );
    }
    if options.shares.len() > usize::from(status.shares) {
        let problem = format!("{} shares were given, {address} has {}", options.shares.len(), status.shares);
        return refused("too-many-shares", problem, "give the shares of one generation only");
    }
    Ok(status)
}

/// An import that was cut off: exactly these shares stand there. Without its manifest it is not authentic yet, but who knows the
/// shares made it.
fn stored_before<'v>(keyring: &dyn Custody, view: &'v StoreView, shares: &[Share]) -> Option<&'v Candidate> {
    let same = |candidate: &&Candidate| {
        let found = opener::open_candidate(candidate, keyring).shares;
        found.len() == shares.len() && shares.iter().all(|share| found.iter().any(|one| one.same_as(share)))
    };
    let live = |candidate: &&Candidate| !matches!(candidate.standing, Standing::Abandoned | Standing::Retired);
    view.candidates.iter().filter(live).find(same)
}

/// A first import of split custody that was cut off before its manifest: nothing but bundles stands there, at least one opens,
/// and those that open hold none but the given shares. Its number is lost: what it sealed to others cannot be compared.
fn cut_short(keyring: &dyn Custody, view: &StoreView, shares: &[Share]) -> bool {
    let bundles = || view.candidates.iter().flat_map(|one| one.bundles.iter().map(|bundle| (one.generation, bundle)));
    // A record that is not authentic is of another store key, whatever shares stand beside it.
    let bundles_alone = view.findings.iter().all(|finding| bundles().any(|(_, bundle)| bundle.path == finding.path));
    let mut opened = bundles().filter_map(|(generation, bundle)| keyring.open(generation, bundle).ok()).peekable();
    let given = |found: &Share| shares.iter().any(|share| share.same_as(found));
    bundles_alone && opened.peek().is_some() && opened.all(|found| !found.is_empty() && found.iter().all(given))
}

/// As every writer, but a first import that was cut off leaves bundles that nothing authentic names yet.
fn may_import(view: &StoreView, begun: bool) -> Result<(), publish::Refusal> {
    match publish::may_begin(view) {
        Err(publish::Refusal::OtherStoreKey) if begun && !view.rolled_back => Ok(()),
        other => other,
    }
}

enum Subset {
    /// All fit, or all are needed.
    All,
    /// Something is damaged; one of these subsets may be right.
    OneOf(Vec<Vec<usize>>),
}

fn fit_together(consistency: &Consistency, given: usize, threshold: u8) -> Result<Subset, Failure> {
    let usage = |class, problem: String, hint: &str| Err(Failure::new(ExitStatus::Usage, class, problem).hint(hint));
    let lines = |positions: &[usize]| {
        positions.iter().map(|position| (position + 1).to_string()).collect::<Vec<_>>().join(", ")
    };
    match consistency {
        Consistency::Consistent | Consistency::Unproven => Ok(Subset::All),
        Consistency::TooFew => usage(
            "too-few-shares",
            format!("{given} shares were given, {threshold} are needed"),
            "gather at least the threshold; fewer prove nothing and open nothing",
        ),
        Consistency::UnequalLengths { positions } => usage(
            "unequal-lengths",
            format!("shares {} (counted from 1) have another length than the others", lines(positions)),
            "shares of one split have one length: leave the odd ones out",
        ),
        Consistency::SameX { positions } => usage(
            "same-share",
            format!("shares {} (counted from 1) have the number of an earlier one", lines(positions)),
            "each share is given once; two different shares with one number are of two generations",
        ),
        Consistency::NotShares { positions } => usage(
            "not-shares",
            format!("shares {} (counted from 1) cannot be shares", lines(positions)),
            "check how they were copied: hex or base64, one a line",
        ),
        Consistency::Damaged { positions } => Err(damaged(&lines(positions))),
        Consistency::Undecided { subsets, .. } => Ok(Subset::OneOf(subsets.clone())),
    }
}

fn damaged(which: &str) -> Failure {
    Failure::new(
        ExitStatus::Integrity,
        "damaged-share",
        format!("share {which} (counted from 1) is damaged: it does not fit the others"),
    )
    .hint("find an undamaged copy of it, or leave it out; nothing was stored")
}

/// The server decides which subset is right; the shares outside it are the damaged ones. Nothing is stored either way.
async fn find_damaged(node: &dyn Node, generation: Generation, options: &Options, subsets: &[Vec<usize>]) -> Failure {
    for subset in subsets {
        let shares: Vec<Share> =
            subset.iter().map(|position| Share::copy_from(options.shares[*position].expose())).collect();
        match prove::prove(node, generation, &shares, options.token.as_ref()).await {
            Ok(_) => {
                let outside = (0..options.shares.len()).filter(|position| !subset.contains(position));
                let which: Vec<String> = outside.map(|position| (position + 1).to_string()).collect();
                return damaged(&which.join(", "));
            }
            Err(failure) if failure.class == "shares-refused" => {}
            Err(failure) => return failure,
        }
    }
    Failure::new(
        ExitStatus::Integrity,
        "damaged-share",
        "at least one share is damaged, and no selection of them is accepted by the server",
    )
    .hint("check that all are of this Vault and of one generation; nothing was stored")
}

async fn mark_proven(writer: &Writer<'_>, generation: Generation, proof: &Proof) -> Result<(), publish::PublishError> {
    let mark = MarkRecord {
        how: proof.how.to_owned(),
        command: "import".to_owned(),
        host: host(),
        cluster_id: proof.cluster_id.clone(),
    };
    writer.mark(generation, MarkKind::Proven, mark).await
}

fn first_node(session: &Session) -> Result<&dyn Node, Failure> {
    session.nodes.first().map(|node| node as &dyn Node).ok_or_else(|| {
        Failure::new(ExitStatus::Usage, "no-node", "the settings name no node of this Vault")
            .hint("name the server under vaults[].nodes")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use restore::objects::memory::{Fault, MemoryStore, Operation};
    use sops_tools::clock::{Fixed, System};
    use sops_tools::custody::Identities;

    use super::*;
    use crate::opener::Keyring;
    use crate::store::contents::Contents;
    use crate::store::custodians::{self, Custodian, Portion};
    use crate::store::load::load;
    use crate::store::names::CustodianName;
    use crate::store::testing::{keys, share, time, vault};
    use crate::store::view::derive;

    async fn seen(store: &MemoryStore) -> StoreView {
        let nothing = Contents::default();
        let contents = load(store, &vault(), &keys(1), &nothing, None).await.unwrap_or_default();
        derive(&vault(), &contents, &keys(1), &nothing)
    }

    #[tokio::test]
    async fn a_first_import_of_split_custody_that_was_cut_off_takes_the_next_number() {
        let ours = Arc::new(Identities::generate());
        let keyring = Keyring { vault: vault(), identities: Arc::clone(&ours) };
        let custodian = |of: &str, count, recipients| Custodian {
            name: CustodianName::new(of).unwrap_or_else(|fault| unreachable!("{fault}")),
            recipients,
            portion: Portion::Count(count),
            own_store: false,
        };
        let others = Identities::generate().to_recipients();
        let custody =
            custodians::Custody::split(vec![custodian("audit", 1, others), custodian("ops", 2, ours.to_recipients())]);
        let shares: Vec<Share> = [1, 2, 3].into_iter().map(|number| share(number, 1)).collect();
        let staging = |generation| Staging {
            generation: Generation(generation),
            seal: Seal(1),
            shares: &shares,
            total: 3,
            threshold: 3,
            custody: &custody,
            created: time(1),
        };
        let (vault, clock) = (vault(), Fixed(time(5)));
        for stored in [1, 2] {
            let store = MemoryStore::new();
            store.inject(Operation::Create, std::iter::repeat_n(Fault::None, stored).chain([Fault::Denied]));
            let (ours_to_sign, strangers) = (keys(1), keys(2));
            let writer = Writer::new(&store, &vault, &ours_to_sign, &clock, &System);
            assert!(writer.stage(&staging(1), &ours).await.is_err(), "cut off after {stored} bundles");
            let view = seen(&store).await;
            assert!(stored_before(&keyring, &view, &shares).is_none());
            assert!(cut_short(&keyring, &view, &shares), "{stored} bundles: {:?}", view.findings);
            assert_eq!(may_import(&view, true), Ok(()));
            assert_eq!(view.next_generation, Some(2));

            let mut of_another: Vec<Share> = [1, 2, 3].into_iter().map(|number| share(number, 7)).collect();
            assert!(!cut_short(&keyring, &view, &of_another), "other shares stand there");
            of_another.push(Share::copy_from(shares[0].expose()));
            assert!(!cut_short(&keyring, &view, &of_another), "some of them were not given");
            let nobody = Keyring { vault: vault.clone(), identities: Arc::new(Identities::generate()) };
            assert!(!cut_short(&nobody, &view, &shares), "nothing that stands there is known to be ours");

            assert!(writer.stage(&staging(2), &ours).await.is_ok());
            assert_eq!(seen(&store).await.current, Some(Generation(2)));

            let theirs = MemoryStore::new();
            let stranger = Writer::new(&theirs, &vault, &strangers, &clock, &System);
            assert!(stranger.stage(&staging(1), &ours).await.is_ok());
            let view = seen(&theirs).await;
            assert!(!cut_short(&keyring, &view, &shares), "a manifest of another store key stands there");
            assert_eq!(may_import(&view, false), Err(publish::Refusal::OtherStoreKey));
        }
        assert_eq!(may_import(&seen(&MemoryStore::new()).await, false), Ok(()));
    }

    fn class(consistency: &Consistency) -> Result<bool, &'static str> {
        fit_together(consistency, 4, 3).map(|subset| matches!(subset, Subset::All)).map_err(|failure| {
            assert!(failure.hint.is_some());
            failure.class
        })
    }

    #[test]
    fn what_shares_say_of_each_other_decides_whether_a_server_is_asked() {
        assert_eq!(class(&Consistency::Consistent), Ok(true));
        assert_eq!(class(&Consistency::Unproven), Ok(true));
        assert_eq!(class(&Consistency::Undecided { subsets: vec![vec![0, 1, 2]], complete: true }), Ok(false));
        assert_eq!(class(&Consistency::Damaged { positions: vec![3] }), Err("damaged-share"));
        assert_eq!(class(&Consistency::TooFew), Err("too-few-shares"));
        assert_eq!(class(&Consistency::SameX { positions: vec![1] }), Err("same-share"));
    }

    #[test]
    fn a_damaged_share_is_named_as_people_count() {
        let failure = fit_together(&Consistency::Damaged { positions: vec![0, 4] }, 5, 3).err().unwrap();
        assert!(failure.problem.contains("share 1, 5"), "{}", failure.problem);
    }
}
