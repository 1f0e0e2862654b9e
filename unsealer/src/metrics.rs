//! The series of `/metrics`, written from the board at each scrape.
//!
//! Every series exists from the first scrape on for every configured Vault and node, also while they are down: an alert on an absent
//! value cannot fire. Labels come from fixed sets and the settings, never from a server or a stored object.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use sops_tools::clock::Clock;

use crate::daemon::board::{Board, NodeBoard, NodeReport, VaultBoard};
use crate::status::{Condition, HoldKind};
use crate::store::view::Standing;

/// Classes of findings that have a series of their own; any other counts under `other`.
pub const FINDING_CLASSES: [&str; 12] = [
    "foreign-name",
    "not-authentic",
    "damaged",
    "swapped",
    "number-out-of-range",
    "rolled-back",
    "two-digests",
    "missing-bundle",
    "missing-manifest",
    "unreadable",
    "newer-version",
    "other",
];

const HOLD_KINDS: [(HoldKind, &str); 3] =
    [(HoldKind::Stored, "stored"), (HoldKind::Local, "local"), (HoldKind::Inferred, "inferred")];

const STANDINGS: [(Standing, &str); 5] = [
    (Standing::Proven, "proven"),
    (Standing::Staged, "staged"),
    (Standing::Abandoned, "abandoned"),
    (Standing::Retired, "retired"),
    (Standing::NotAuthentic, "not-authentic"),
];

/// The text of `/metrics` now.
///
/// # Errors
/// Never in practice: writing into a string does not fail.
pub fn text(board: &Arc<Board>, clock: &Arc<dyn Clock>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("unsealer");
    registry.register_collector(Box::new(Series { board: Arc::clone(board), clock: Arc::clone(clock) }));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

struct Series {
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Series")
    }
}

impl Collector for Series {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let now = self.clock.now();
        self.daemon(&mut encoder)?;
        self.states(&mut encoder)?;
        for (name, help, value) in NODE_GAUGES {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            self.each_node(metric, |report| value(report, now))?;
        }
        self.unseals(&mut encoder)?;
        for (name, help, value) in VAULT_GAUGES {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for vault in &self.board.vaults {
                metric.encode_family(&[("vault", vault.name.as_str())])?.encode_gauge(&value(vault, now))?;
            }
        }
        self.counts(&mut encoder)
    }
}

type NodeGauge = fn(&NodeReport, Timestamp) -> f64;

const NODE_GAUGES: [(&str, &str, NodeGauge); 6] = [
    ("node_closed_seconds", "Time since the node was last seen open; 0 while open", |report, now| {
        report.state.closed_since.map_or(0.0, |since| seconds(since, now))
    }),
    (
        "node_last_unseal_seconds",
        "From the server's first answer to open, last time; 0 before the first",
        |report, _| report.last_unseal.as_ref().map_or(0.0, |one| float(one.milliseconds) / 1000.0),
    ),
    ("node_last_unseal_timestamp_seconds", "When this daemon last opened the node; 0 = never", |report, _| {
        report.last_unseal.as_ref().map_or(0.0, |one| one.at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64())
    }),
    ("node_opened_generation", "Generation with which this daemon last opened the node; 0 = none", |report, _| {
        report.state.opened.map_or(0.0, |(_, generation)| f64::from(generation.0))
    }),
    ("node_cluster_mismatch", "1: the open node's cluster id is not that of the current proof", |report, _| {
        flag(report.state.cluster_mismatch)
    }),
    ("node_foreign_progress", "1: somebody else sends shares, or the address is a Service", |report, _| {
        flag(report.state.foreign_seen)
    }),
];

type VaultGauge = fn(&VaultBoard, Timestamp) -> f64;

const VAULT_GAUGES: [(&str, &str, VaultGauge); 7] = [
    ("store_available", "1: the last reading of the store succeeded", |vault, _| {
        flag(vault.store.borrow().store.available)
    }),
    ("store_age_seconds", "Time since the last successful reading; -1 = none since the start", |vault, now| {
        vault.store.borrow().store.read_at.map_or(-1.0, |at| seconds(at, now))
    }),
    ("cache_age_seconds", "Age of the cache while it stands in for the store; -1 = it does not", |vault, now| {
        vault.store.borrow().store.cached_at.map_or(-1.0, |at| seconds(at, now))
    }),
    ("store_foreign_objects", "Objects under the Vault's name that are none of ours, as far as counted", |vault, _| {
        float(vault.store.borrow().store.foreign)
    }),
    ("store_rolled_back", "1: stored objects that were seen are gone", |vault, _| {
        flag(vault.store.borrow().store.rolled_back)
    }),
    ("current_generation", "The generation tried first; 0 = none", |vault, _| {
        let known = vault.known.borrow();
        known.view.as_ref().and_then(|view| view.current).map_or(0.0, |generation| f64::from(generation.0))
    }),
    ("openable_generations", "Generations of which enough shares can be opened", |vault, _| {
        count(vault.store.borrow().generations.iter().filter(|one| one.openable).count())
    }),
];

impl Series {
    fn daemon(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let ready = flag(self.board.not_ready().is_empty());
        let secrets = self.board.secrets.borrow().clone();
        encoder
            .encode_descriptor("ready", "1: every Vault could be unsealed", None, MetricType::Gauge)?
            .encode_gauge(&ready)?;
        encoder
            .encode_descriptor("secret_files_bad", "Secret files that cannot be used now", None, MetricType::Gauge)?
            .encode_gauge(&count(secrets.faults.len()))?;
        encoder
            .encode_descriptor(
                "secret_file_failures",
                "Contents of secret files that could not be used",
                None,
                MetricType::Counter,
            )?
            .encode_counter::<NoLabels, _, u64>(&secrets.failures, None)
    }

    fn states(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "1 for the state the node is in, 0 for every other";
        let mut metric = encoder.encode_descriptor("node_state", help, None, MetricType::Gauge)?;
        for (vault, node) in self.nodes() {
            let now = node.report.borrow().state.condition;
            for condition in Condition::ALL {
                let labels =
                    [("vault", vault.name.as_str()), ("node", node.address.as_str()), ("state", condition.word())];
                metric.encode_family(&labels)?.encode_gauge(&flag(condition == now))?;
            }
        }
        Ok(())
    }

    fn unseals(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Times that this daemon opened the node";
        let mut metric = encoder.encode_descriptor("node_unseals", help, None, MetricType::Counter)?;
        for (vault, node) in self.nodes() {
            let unseals = node.report.borrow().state.unseals;
            metric
                .encode_family(&[("vault", vault.name.as_str()), ("node", node.address.as_str())])?
                .encode_counter::<NoLabels, _, u64>(&unseals, None)?;
        }
        Ok(())
    }

    /// Numbers of things by class.
    fn counts(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let mut metric = encoder.encode_descriptor("holds", "Holds in force by kind", None, MetricType::Gauge)?;
        for vault in &self.board.vaults {
            let holds = vault.holds();
            for (kind, word) in HOLD_KINDS {
                let number = count(holds.iter().filter(|hold| hold.kind == kind).count());
                metric.encode_family(&[("vault", vault.name.as_str()), ("kind", word)])?.encode_gauge(&number)?;
            }
        }
        let help = "Stored generations by standing";
        let mut metric = encoder.encode_descriptor("generations", help, None, MetricType::Gauge)?;
        for vault in &self.board.vaults {
            let store = vault.store.borrow().clone();
            for (standing, word) in STANDINGS {
                let number = count(store.generations.iter().filter(|one| one.standing == standing).count());
                metric.encode_family(&[("vault", vault.name.as_str()), ("standing", word)])?.encode_gauge(&number)?;
            }
        }
        let help = "Alarms about stored objects by class";
        let mut metric = encoder.encode_descriptor("store_findings", help, None, MetricType::Gauge)?;
        for vault in &self.board.vaults {
            let view = vault.known.borrow().view.clone();
            let findings = view.iter().flat_map(|view| &view.findings).map(|finding| class_of(finding.class));
            let findings: Vec<&str> = findings.collect();
            for class in FINDING_CLASSES {
                let number = count(findings.iter().filter(|one| **one == class).count());
                metric.encode_family(&[("vault", vault.name.as_str()), ("class", class)])?.encode_gauge(&number)?;
            }
        }
        Ok(())
    }

    fn nodes(&self) -> impl Iterator<Item = (&VaultBoard, &NodeBoard)> {
        self.board.vaults.iter().flat_map(|vault| vault.nodes.iter().map(move |node| (vault, node)))
    }

    fn each_node(&self, mut metric: MetricEncoder<'_>, value: impl Fn(&NodeReport) -> f64) -> fmt::Result {
        for (vault, node) in self.nodes() {
            let value = value(&node.report.borrow());
            metric
                .encode_family(&[("vault", vault.name.as_str()), ("node", node.address.as_str())])?
                .encode_gauge(&value)?;
        }
        Ok(())
    }
}

type NoLabels = Vec<(String, String)>;

fn class_of(class: &'static str) -> &'static str {
    if FINDING_CLASSES.contains(&class) { class } else { "other" }
}

fn flag(set: bool) -> f64 {
    if set { 1.0 } else { 0.0 }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

fn float(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

/// Seconds from `earlier` to `now`; 0 where the clock was set back.
fn seconds(earlier: Timestamp, now: Timestamp) -> f64 {
    now.duration_since(earlier).as_secs_f64().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::board::blank;
    use crate::supervisor::Place;
    use sops_tools::clock::Fixed;

    fn scrape() -> String {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let nodes = vec![("http://127.0.0.1:8200".to_owned(), Place::Local)];
        let board = blank(at, vec![("main".to_owned(), nodes.clone()), ("second".to_owned(), nodes)]);
        let clock: Arc<dyn Clock> = Arc::new(Fixed(at));
        text(&board, &clock).unwrap()
    }

    #[test]
    fn every_series_exists_before_anything_was_seen() {
        let text = scrape();
        for vault in ["main", "second"] {
            for condition in Condition::ALL {
                let value = u8::from(condition == Condition::Unreachable);
                let line = format!(
                    "unsealer_node_state{{vault=\"{vault}\",node=\"http://127.0.0.1:8200\",state=\"{condition}\"}} {value}.0"
                );
                assert!(text.contains(&line), "{line}\n{text}");
            }
            for (name, ..) in NODE_GAUGES {
                assert!(text.contains(&format!("unsealer_{name}{{vault=\"{vault}\",node=")), "{name}\n{text}");
            }
            for (name, ..) in VAULT_GAUGES {
                assert!(text.contains(&format!("unsealer_{name}{{vault=\"{vault}\"}}")), "{name}\n{text}");
            }
            for class in FINDING_CLASSES {
                let line = format!("unsealer_store_findings{{vault=\"{vault}\",class=\"{class}\"}} 0.0");
                assert!(text.contains(&line), "{class}\n{text}");
            }
        }
        assert!(
            text.contains("unsealer_ready 0.0") && text.contains("unsealer_secret_file_failures_total 0"),
            "{text}"
        );
    }
}
