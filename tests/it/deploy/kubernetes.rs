//! Chart values and manifests: that they fit each other, and the traps that are silent in a cluster.

use std::path::Path;

use serde_json::Value;

use super::files;

/// The two charts: file name, data folder of the server, folder of its certificate.
const CHARTS: [(&str, &str, &str); 2] = [
    ("vault", "/vault/data", "/vault/userconfig/vault-tls"),
    ("openbao", "/openbao/data", "/openbao/userconfig/vault-tls"),
];

fn values(chart: &str, overlay: &str) -> Value {
    files::one(&format!("sidecar/{chart}{overlay}.yaml"))
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("no list {pointer} in {value}"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text {pointer} in {value}"))
}

fn named<'a>(values: &'a [Value], name: &str) -> &'a Value {
    values.iter().find(|value| value["name"] == name).unwrap_or_else(|| panic!("no {name} in {values:?}"))
}

/// Every container of ours in every file.
pub(super) fn containers() -> Vec<Value> {
    fn collect(value: &Value, found: &mut Vec<Value>) {
        let image = value.get("image").and_then(Value::as_str);
        if image.is_some_and(|image| image.contains("/unsealer")) {
            found.push(value.clone());
        }
        match value {
            Value::Object(map) => map.values().for_each(|inner| collect(inner, found)),
            Value::Array(values) => values.iter().for_each(|inner| collect(inner, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for (_, documents) in files::yaml_files() {
        for document in &documents {
            collect(document, &mut found);
        }
    }
    assert_eq!(found.len(), 11, "containers: {found:?}");
    found
}

fn settings(file: &str) -> Value {
    let text = files::one(file);
    serde_saphyr::from_str(text["data"]["unsealer.yaml"].as_str().expect("settings")).expect("settings as YAML")
}

/// Every text in `value` that is a path below `/run/secrets`.
fn secret_paths(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if text.starts_with("/run/secrets/") => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(secret_paths).collect(),
        Value::Object(map) => map.values().flat_map(secret_paths).collect(),
        _ => Vec::new(),
    }
}

/// Asserts that `path` is a key of a Secret that is mounted there read-only, or the folder of one with an identity in it.
fn assert_mounted(path: &str, container: &Value, volumes: &[Value]) {
    let mounts = list(container, "/volumeMounts");
    let mount = mounts.iter().find(|mount| Path::new(path).starts_with(text(mount, "/mountPath")));
    let mount = mount.unwrap_or_else(|| panic!("{path} is not mounted in {container}"));
    assert_eq!(mount["readOnly"], true, "{mount}");
    assert!(mount.get("subPath").is_none(), "a subPath never follows a change: {mount}");
    let volume = named(volumes, text(mount, "/name"));
    // 0440: our group is the Pod's fsGroup.
    assert_eq!(volume["secret"]["defaultMode"], 0o440, "{volume}");
    let secrets = files::yaml("sidecar/secrets.example.yaml");
    let secret = secrets.iter().find(|secret| secret["metadata"]["name"] == volume["secret"]["secretName"]);
    let keys = secret.unwrap_or_else(|| panic!("no example of {volume}"))["stringData"].as_object().expect("keys");
    let key = path[text(mount, "/mountPath").len()..].trim_start_matches('/');
    let there = if key.is_empty() { keys.keys().any(|key| key.ends_with(".agekey")) } else { keys.contains_key(key) };
    assert!(there, "{path}: the Secret has {:?}", keys.keys());
}

fn assert_all_mounted(paths: &[String], container: &Value, volumes: &[Value]) {
    for path in paths {
        assert_mounted(path, container, volumes);
    }
}

#[test]
fn every_yaml_file_is_well_formed() {
    let files = files::yaml_files();
    assert!(files.len() >= 15, "files found: {}", files.len());
}

#[test]
fn every_secret_path_of_the_settings_is_mounted_and_its_key_exists() {
    let sidecar = settings("sidecar/unsealer-config.yaml");
    for (chart, _, _) in CHARTS {
        let values = values(chart, "");
        let container = named(list(&values, "/server/extraInitContainers"), "unsealer");
        let paths = secret_paths(&sidecar);
        assert_eq!(paths.len(), 5, "{paths:?}");
        assert_all_mounted(&paths, container, list(&values, "/server/volumes"));
        let gate = named(list(&values, "/server/extraInitContainers"), "gate");
        assert_all_mounted(&secret_paths(&gate["args"]), gate, list(&values, "/server/volumes"));
    }
    let job = files::one("init/job.yaml");
    let container = named(list(&job, "/spec/template/spec/containers"), "init");
    let paths = secret_paths(&settings("init/config.yaml"));
    assert_eq!(paths.len(), 5, "{paths:?}");
    assert_all_mounted(&paths, container, list(&job, "/spec/template/spec/volumes"));
}

#[test]
fn the_folders_that_must_be_writable_are_mounts_of_their_own() {
    let sidecar = settings("sidecar/unsealer-config.yaml");
    for (chart, _, _) in CHARTS {
        let values = values(chart, "");
        let mounts = list(named(list(&values, "/server/extraInitContainers"), "unsealer"), "/volumeMounts");
        let cache = mounts.iter().find(|mount| mount["mountPath"] == sidecar["cacheDir"]).expect("a mount of cacheDir");
        assert!(cache.get("readOnly").is_none(), "{cache}");
        let volume = named(list(&values, "/server/volumes"), text(cache, "/name"));
        assert_eq!(volume["persistentVolumeClaim"]["claimName"], format!("{chart}-unsealer-cache"));
    }
    let job = files::one("init/job.yaml");
    let state = settings("init/config.yaml")["stateDir"].clone();
    let mounts = list(named(list(&job, "/spec/template/spec/containers"), "init"), "/volumeMounts");
    let mount = mounts.iter().find(|mount| mount["mountPath"] == state).expect("a mount of stateDir");
    let volume = named(list(&job, "/spec/template/spec/volumes"), text(mount, "/name"));
    let claim = files::one("init/state.yaml");
    assert_eq!(volume["persistentVolumeClaim"]["claimName"], claim["metadata"]["name"]);
}

#[test]
fn the_daemon_s_port_is_one_number_everywhere() {
    let listen = settings("sidecar/unsealer-config.yaml")["listen"].as_str().expect("listen").to_owned();
    let listen: std::net::SocketAddr = listen.parse().expect("an address with a port");
    assert!(listen.ip().is_unspecified(), "kubelet comes from outside the Pod's loopback");
    let default: std::net::SocketAddr = unsealer::settings::DEFAULT_LISTEN.parse().expect("the default");
    assert_eq!(listen.port(), default.port());
    for container in containers().iter().filter(|container| container["name"] == "unsealer") {
        let port = &container["ports"][0];
        assert_eq!(port["containerPort"], listen.port());
        assert_eq!(container["livenessProbe"]["httpGet"]["port"], port["name"]);
    }
    let policy = files::one("sidecar/network-policy.yaml");
    let ingress = list(&policy, "/spec/ingress").iter().flat_map(|rule| list(rule, "/ports"));
    assert!(ingress.clone().any(|port| port["port"] == listen.port()), "{policy}");
    assert!(files::text("image/Containerfile").contains(&format!("EXPOSE {}\n", listen.port())));
}

#[test]
fn every_container_of_ours_runs_without_rights() {
    for container in containers() {
        let context = &container["securityContext"];
        assert_eq!(context["readOnlyRootFilesystem"], true, "{container}");
        assert_eq!(context["allowPrivilegeEscalation"], false, "{container}");
        assert_eq!(context["capabilities"]["drop"], serde_json::json!(["ALL"]), "{container}");
        if container["name"] != "init" {
            assert_eq!((&context["runAsUser"], &context["runAsGroup"]), (&65532.into(), &1000.into()), "{container}");
            assert_eq!(context["runAsNonRoot"], true, "{container}");
        }
        // Either would wait for a server that waits for it, or hold up the whole Pod.
        assert!(container.get("startupProbe").is_none() && container.get("readinessProbe").is_none(), "{container}");
    }
    let job = files::one("init/job.yaml");
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsUser"], 65532);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
}

#[test]
fn the_gate_comes_first_and_the_same_daemon_stands_in_every_overlay() {
    let daemon = named(list(&values("vault", ""), "/server/extraInitContainers"), "unsealer").clone();
    assert_eq!(daemon["restartPolicy"], "Always", "a native sidecar");
    let mut ordinary = daemon.clone();
    ordinary.as_object_mut().expect("a container").remove("restartPolicy");
    for (chart, data, _) in CHARTS {
        let names = |overlay: &str, pointer: &str| -> Vec<Value> {
            list(&values(chart, overlay), pointer).iter().map(|container| container["name"].clone()).collect()
        };
        assert_eq!(names("", "/server/extraInitContainers"), ["gate", "unsealer"]);
        assert_eq!(names("-first-day", "/server/extraInitContainers"), ["unsealer"]);
        assert_eq!(names("-older", "/server/extraInitContainers"), ["gate"]);
        assert_eq!(list(&values(chart, ""), "/server/extraInitContainers")[1], daemon);
        assert_eq!(list(&values(chart, "-first-day"), "/server/extraInitContainers")[0], daemon);
        assert_eq!(list(&values(chart, "-older"), "/server/extraContainers"), std::slice::from_ref(&ordinary));
        let (full, older) = (values(chart, ""), values(chart, "-older"));
        let gate = &list(&full, "/server/extraInitContainers")[0];
        assert_eq!(gate, &list(&older, "/server/extraInitContainers")[0]);
        assert!(gate.get("restartPolicy").is_none(), "the gate ends before the server starts");
        assert!(list(gate, "/args").iter().any(|argument| argument == data), "{gate}");
        let mount = list(gate, "/volumeMounts").iter().find(|mount| mount["mountPath"] == data).expect("the data");
        assert_eq!((&mount["name"], &mount["readOnly"]), (&"data".into(), &true.into()));
    }
}

#[test]
fn the_values_that_hide_or_prolong_a_sealed_server_are_set() {
    for (chart, data, certificates) in CHARTS {
        let values = values(chart, "");
        let server = &values["server"];
        assert_eq!(server["updateStrategyType"], "RollingUpdate");
        assert_eq!(server["terminationGracePeriodSeconds"], 30);
        assert_eq!(server["livenessProbe"]["path"], "/v1/sys/health?standbyok=true&sealedcode=204&uninitcode=204");
        let ha = &server["ha"];
        assert_eq!(
            (&ha["enabled"], &ha["raft"]["enabled"], &ha["raft"]["setNodeId"]),
            (&true.into(), &true.into(), &true.into())
        );
        assert_eq!((&ha["replicas"], &ha["disruptionBudget"]["enabled"]), (&1.into(), &false.into()));
        let config = text(server, "/ha/raft/config");
        assert!(config.contains(&format!("path = \"{data}\"")), "{config}");
        for pod in 0..3 {
            let join = format!("leader_api_addr = \"https://{chart}-{pod}.{chart}-internal:8200\"");
            assert!(config.contains(&join), "{config}");
        }
        assert_eq!(list(server, "/volumeMounts")[0]["mountPath"], certificates);
        for file in ["tls.crt", "tls.key", "ca.crt"] {
            assert!(config.contains(&format!("{certificates}/{file}")), "{config}");
        }
        // The OpenBao chart runs these through its template engine.
        assert!(!server["extraInitContainers"].to_string().contains("{{"));
    }
    assert_eq!(values("openbao", "")["server"]["podManagementPolicy"], "Parallel");
}

#[test]
fn the_write_key_is_mounted_by_the_init_job_alone_and_nothing_kills_that_job_for_being_slow() {
    for (file, documents) in files::yaml_files() {
        let mounts_it =
            documents.iter().any(|document| document.to_string().contains("\"secretName\":\"vault-unseal-s3-write\""));
        assert_eq!(mounts_it, file.ends_with("init/job.yaml"), "{}", file.display());
    }
    let job = files::one("init/job.yaml");
    assert!(!job.to_string().contains("activeDeadlineSeconds"));
    assert_eq!(job["spec"]["template"]["spec"]["restartPolicy"], "OnFailure");
    assert!(job["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64() >= Some(300));
}
