//! `store verify`: every object read, every bundle opened, every fault by name.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sops_tools::report::{ExitStatus, Failure};

use crate::commands::{Setup, chosen_vaults};
use crate::session::Session;
use crate::session::stores::Stores;
use crate::store::bundle::BundleFault;
use crate::store::joined::Lacking;
use crate::store::load::load;
use crate::store::reading::Whereabouts;
use crate::store::verify::{BundleCheck, Verification, verify};

pub(super) async fn run(setup: &Setup, vault: Option<&str>) -> Result<ExitStatus, Failure> {
    let loaded = setup.load()?;
    let mut checked = Vec::new();
    for vault in chosen_vaults(&loaded, vault)? {
        let session = Session::open(loaded.settings.clone(), Some(vault.name.as_str()))?;
        let store = session.reader()?;
        let cached = session.cached()?;
        let contents = load(&*store, &session.name, &session.keys, &cached, None).await?;
        let lacking = match Stores::of(&session.settings).joined_reader()? {
            Some(stores) => stores.lacking(&session.name, &session.keys).await?,
            None => Vec::new(),
        };
        let found = verify(&session.name, &contents, &session.keys, &session.identities, &cached);
        checked.push(Checked {
            name: session.name.as_str().to_owned(),
            objects: contents.objects.len(),
            found,
            lacking,
        });
    }
    let text: String = checked.iter().map(text).collect();
    let values: Vec<Value> = checked.iter().map(value).collect();
    let unsound: Vec<&str> = checked.iter().filter(|one| !one.is_sound()).map(|one| one.name.as_str()).collect();
    let silent = checked.iter().flat_map(|one| &one.found.view.silent).next();
    let judgement = (!unsound.is_empty()).then(|| {
        if let Some(part) = silent {
            let problem = format!("the store of custodian {} did not answer: what stands there is not known", part.name);
            return Failure::new(ExitStatus::Unavailable, "store-unavailable", problem)
                .hint("make it answer, then verify again; the lines above say what the other stores hold");
        }
        let problem = format!("not everything stored is sound: {}", unsound.join(", "));
        Failure::new(ExitStatus::Integrity, "store-unsound", problem).hint(
            "a daemon goes on with what is authentic; `unsealer store copy` puts back what was lost, from a cache or another copy",
        )
    });
    setup.conclude(&text, json!({"vaults": values}), judgement)
}

/// What was found of one Vault.
struct Checked {
    name: String,
    objects: usize,
    found: Verification,
    /// Stores without records that another has.
    lacking: Vec<Lacking>,
}

impl Checked {
    fn is_sound(&self) -> bool {
        self.found.is_sound() && self.lacking.is_empty()
    }
}

fn text(one: &Checked) -> String {
    let Checked { name, objects, found, lacking } = one;
    let mut text = format!("{name}: {objects} objects, {}\n", if one.is_sound() { "sound" } else { "not sound" });
    for (generation, opens) in &found.opens {
        let current = if found.view.current == Some(*generation) { ", current" } else { "" };
        let lack = found.lack(*generation).map_or_else(String::new, |lack| format!(": {lack}"));
        let opens = if *opens { "opens" } else { "does not open with these identities" };
        let _ = writeln!(text, "  generation {generation}{current}: {opens}{lack}");
    }
    for bundle in &found.bundles {
        let _ = writeln!(text, "  {}  {}", bundle.path, opened(bundle));
    }
    for finding in &found.view.findings {
        let _ = writeln!(text, "  alarm  {}  {}: {}", finding.path, finding.class, finding.detail);
    }
    for part in &found.view.silent {
        let fault = part.fault.as_deref().unwrap_or_default();
        let _ = writeln!(text, "  alarm  the store of custodian {} did not answer: {fault}", part.name);
    }
    for Lacking { store, records } in lacking {
        let _ = writeln!(text, "  alarm  {store} lacks {} records that another store has:", records.len());
        for record in records {
            let _ = writeln!(text, "         {record}");
        }
    }
    if found.view.rolled_back {
        text.push_str("  alarm  the store went back: objects that this host has seen are gone\n");
    }
    text
}

fn fault(bundle: &BundleCheck) -> Option<&BundleFault> {
    bundle.opened.as_ref().and_then(|opened| opened.as_ref().err())
}

fn opened(bundle: &BundleCheck) -> String {
    match (&bundle.opened, &bundle.whereabouts) {
        (Some(Ok(numbers)), _) => format!("{} shares", numbers.len()),
        (Some(Err(fault)), _) => format!("{fault}\n         next: {}", fault.hint()),
        (None, Whereabouts::Here) => "is not there".to_owned(),
        (None, Whereabouts::Elsewhere) => format!("with custodian {}, in another store", bundle.custodian),
        (None, Whereabouts::Silent(_)) => {
            format!("in the store of custodian {}, which did not answer", bundle.custodian)
        }
    }
}

fn value(one: &Checked) -> Value {
    let Checked { name, objects, found, lacking } = one;
    let bundles = found.bundles.iter().map(|bundle| {
        json!({
            "path": bundle.path,
            "generation": bundle.generation,
            "seal": bundle.seal,
            "custodian": bundle.custodian,
            "shares": bundle.opened.as_ref().and_then(|opened| opened.as_ref().ok()).map(Vec::len),
            "fault": fault(bundle).map(ToString::to_string),
            "nextStep": fault(bundle).map(BundleFault::hint),
        })
    });
    let opens = found
        .opens
        .iter()
        .map(|(generation, opens)| json!({"generation": generation, "opens": opens, "lack": found.lack(*generation)}));
    json!({
        "name": name,
        "objects": objects,
        "sound": one.is_sound(),
        "current": found.view.current,
        "generations": opens.collect::<Vec<_>>(),
        "bundles": bundles.collect::<Vec<_>>(),
        "findings": found.view.findings,
        "silent": found.view.silent.iter().map(|part| json!({"custodian": part.name, "fault": part.fault})).collect::<Vec<_>>(),
        "lacking": lacking.iter().map(|one| json!({"store": one.store, "records": one.records})).collect::<Vec<_>>(),
        "rolledBack": found.view.rolled_back,
    })
}
