//! `store re-sign`: everything anew under the first store key.

use serde_json::{Value, json};
use sops_tools::clock::System;
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::secret::Token;

use super::ReSignOrder;
use crate::commands::{Setup, chosen_vaults};
use crate::session::{self, Session};
use crate::store::contents::Contents;
use crate::store::custodians::Custody;
use crate::store::load::load;
use crate::store::resign::{By, Reseal, ResignPlan, apply, plan};
use crate::vault::{DrillOutcome, Node as _};

pub(super) async fn run(setup: &Setup, order: &ReSignOrder) -> Result<(), Failure> {
    let loaded = setup.load()?;
    let mut lines = String::new();
    let mut values = Vec::new();
    for vault in chosen_vaults(&loaded, order.vault.as_deref())? {
        let session = Session::open(loaded.settings.clone(), Some(vault.name.as_str()))?;
        let plan = one(&session, order).await?;
        lines.push_str(&text(session.name.as_str(), &plan, order.dry_run));
        values.push(value(session.name.as_str(), &plan));
    }
    setup.print(&lines, &json!({"dryRun": order.dry_run, "vaults": values}))
}

async fn one(session: &Session, order: &ReSignOrder) -> Result<ResignPlan, Failure> {
    let name = session.name.as_str();
    let store = session.store()?;
    let contents = load(&*store, &session.name, &session.keys, &Contents::default(), None).await?;
    if let Some((path, _)) = contents.unread().next() {
        return Err(session::partly_unread(name, path, contents.unread().count()));
    }
    let plan = plan(&session.name, &contents, &session.keys, &session.identities, order.key_lost);
    if !plan.open_intents.is_empty() {
        let problem = format!("{name}: an init was begun and not finished");
        return Err(Failure::new(ExitStatus::Refused, "intent-open", problem)
            .hint("finish it with `unsealer init`, then sign anew"));
    }
    if order.dry_run {
        return Ok(plan);
    }
    let token = session.token(None)?;
    for reseal in plan.reseals.iter().filter(|reseal| reseal.needs_drill) {
        drill(session, reseal, token.as_ref()).await?;
    }
    let custody = session.custody()?;
    for reseal in &plan.reseals {
        check_custody(session, &custody, reseal)?;
    }
    let writer = session.writer(&*store, &System, &System);
    writer.probe().await.map_err(|error| session::not_stored(name, "new signatures", &error))?;
    let host = session::host();
    let by = By { command: "store re-sign", host: &host };
    apply(&plan, &writer, &custody, &session.identities, by)
        .await
        .map_err(|error| session::not_stored(name, "new signatures", &error))?;
    session.level().await?;
    Ok(plan)
}

/// What is sealed anew must open here afterwards.
fn check_custody(session: &Session, custody: &Custody, reseal: &Reseal) -> Result<(), Failure> {
    let ours = session.identities.to_recipients();
    custody.check(reseal.threshold, reseal.total, &ours, true).map_err(|faults| {
        let problem = format!("{}: the recipients do not fit generation {}", session.name, reseal.generation);
        let mut failure = Failure::new(ExitStatus::Refused, "custody", problem);
        failure.causes = faults.iter().map(ToString::to_string).collect();
        failure.hint("set recipients so that one of the identities here opens what is sealed")
    })
}

/// Shares that nothing authenticates are signed only after the open Vault has accepted them.
async fn drill(session: &Session, reseal: &Reseal, token: Option<&Token>) -> Result<(), Failure> {
    let vault = session.name.as_str();
    let refused = |problem: String| {
        Failure::new(ExitStatus::Refused, "re-sign-unproven", problem)
            .hint("open the Vault, give tokenFile on OpenBao, and run it again; without a drill nothing unauthentic is signed")
    };
    for node in &session.nodes {
        let Ok(status) = node.seal_status().await else { continue };
        if status.sealed || !node.leader().await.is_ok_and(|leader| leader.active()) {
            continue;
        }
        let needed = usize::from(status.threshold).min(reseal.shares.len());
        return match node.drill(token, &reseal.shares[..needed], status.shares, status.threshold).await {
            Ok(DrillOutcome::Accepted) => Ok(()),
            Ok(DrillOutcome::Refused) => Err(refused(format!(
                "{vault}: the Vault does not accept the shares of generation {}",
                reseal.generation
            ))),
            Err(error) => {
                Err(refused(format!("{vault}: generation {} could not be drilled", reseal.generation)).cause(error))
            }
        };
    }
    Err(refused(format!("{vault}: no node of the settings is open and active, so nothing can be drilled")))
}

fn text(name: &str, plan: &ResignPlan, dry_run: bool) -> String {
    let verb = if dry_run { "would sign" } else { "signed" };
    let mut text =
        format!("{name}: {verb} {} generations and {} records anew\n", plan.reseals.len(), plan.records.len());
    let each = |mut text: String, line: String| {
        text.push_str(&line);
        text
    };
    let drilled = |reseal: &Reseal| if reseal.needs_drill { ", proven by a drill" } else { "" };
    text = plan.reseals.iter().map(|one| format!("  generation {}{}\n", one.generation, drilled(one))).fold(text, each);
    text = plan.records.iter().map(|one| format!("  {}\n", one.path)).fold(text, each);
    plan.unopened
        .iter()
        .map(|one| format!("  generation {one} does not open with these identities and stays as it is\n"))
        .fold(text, each)
}

fn value(name: &str, plan: &ResignPlan) -> Value {
    let reseals: Vec<Value> =
        plan.reseals.iter().map(|one| json!({"generation": one.generation, "needsDrill": one.needs_drill})).collect();
    let records: Vec<&str> = plan.records.iter().map(|one| one.path.as_str()).collect();
    json!({"name": name, "generations": reseals, "records": records, "unopened": plan.unopened})
}
