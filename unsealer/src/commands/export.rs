//! `export`: what may be asked of it.

use std::path::PathBuf;

use sops_tools::clock::{Clock as _, System};
use sops_tools::custody::{Identities, StoreKeys};
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::terminal::Output;
use zeroize::Zeroizing;

use super::Setup;
use crate::export::trial::{self, Trial};
use crate::export::{Exported, export};
use crate::session::stores::Stores;
use crate::settings::Settings;
use crate::share_text;
use crate::store::view::Generation;

/// An export that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOrder {
    /// The Vault; none = the only one of the settings.
    pub vault: Option<String>,
    /// Identity files, or folders of them; at least one.
    pub identities: Vec<PathBuf>,
    /// The generation; none = the current one.
    pub generation: Option<u32>,
    /// Open, and print nothing secret.
    pub check: bool,
}

/// Runs it. The store key is used where it can be read, and not missed where it cannot.
///
/// # Errors
/// What [`export`] says.
pub async fn run(setup: &Setup, order: &ExportOrder) -> Result<(), Failure> {
    let settings = setup.load()?.settings;
    let name = &settings.chosen(order.vault.as_deref())?.name;
    let named: Result<Vec<_>, _> = order.identities.iter().map(|path| settings.secret_file(path)).collect();
    let named = named?;
    let files = if named.is_empty() { &settings.identities } else { &named };
    let identities = Identities::load_all(files).map_err(|error| {
        Failure::new(ExitStatus::Usage, "identity-file", "no identity can be read")
            .cause(error)
            .hint("name the offline identity's file with --identity FILE")
    })?;
    let keys = StoreKeys::load(&settings.store_key_file)
        .inspect_err(|error| tracing::warn!(%error, "without the store key it cannot be told what is authentic"))
        .ok();
    let store = Stores::of(&settings).reader()?;
    let exported = export(store.as_ref(), name, keys.as_ref(), &identities, order.generation.map(Generation)).await?;
    for fault in &exported.faults {
        tracing::warn!("{fault}");
    }
    if let Some(lack) = exported.lack() {
        tracing::warn!("fewer shares than are needed: {lack}");
    }
    remember(&settings, name.as_str(), &identities, &exported);
    print(setup, order, &exported)
}

/// Keeps on this host that an offline identity opened it: `doctor` tells when none ever did.
fn remember(settings: &Settings, vault: &str, identities: &Identities, exported: &Exported) {
    let given = identities.to_recipients();
    let ours = Identities::load_all(&settings.identities).map(|ours| ours.to_recipients()).unwrap_or_default();
    let Some(generation) = exported.bundles.first().map(|bundle| bundle.head.generation.0) else { return };
    let Some(file) = trial::file(settings, vault).filter(|_| !given.iter().any(|one| ours.contains(one))) else {
        return;
    };
    if let Err(fault) = trial::keep(&file, &Trial { at: System.now(), generation }) {
        tracing::warn!(fault, "that this identity was tried could not be kept on this host");
    }
}

fn print(setup: &Setup, order: &ExportOrder, exported: &Exported) -> Result<(), Failure> {
    let Some(head) = exported.bundles.first().map(|bundle| &bundle.head) else { return Ok(()) };
    let authentic = match exported.authentic {
        Some(true) => "authentic",
        Some(false) => "NOT authentic: anybody could have put it there",
        None => "not authenticated: no store key",
    };
    let summary = format!(
        "{}: generation {}, {} of {} shares, threshold {} ({authentic})",
        head.vault,
        head.generation,
        exported.share_count(),
        head.total,
        head.threshold
    );
    let value = serde_json::json!({
        "vault": head.vault.as_str(), "generation": head.generation, "threshold": head.threshold, "shares": head.total,
        "opened": exported.share_count(), "authentic": exported.authentic, "lack": exported.lack(),
    });
    if order.check {
        return setup.print(&summary, &value);
    }
    // Built in one wiped buffer of the final size: 44 characters and a line end a share, and the text around them.
    let mut text = Zeroizing::new(String::with_capacity(512 + exported.share_count() * 64));
    let json = setup.output == Output::Json;
    if json {
        text.push_str(value.to_string().trim_end_matches('}'));
        text.push_str(",\"keys_base64\":[");
    }
    let all = exported.bundles.iter().flat_map(|bundle| &bundle.shares);
    for (index, share) in all.enumerate() {
        let share = share_text::to_base64(share);
        match (json, index) {
            (true, 0) => text.push('"'),
            (true, _) => text.push_str(",\""),
            (false, _) => {}
        }
        text.push_str(&share);
        text.push_str(if json { "\"" } else { "\n" });
    }
    if json {
        text.push_str("]}");
    } else {
        tracing::info!("{summary}");
    }
    sops_tools::terminal::print(text.trim_end()).map_err(|error| crate::error::unprintable(&error))
}
