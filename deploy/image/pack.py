"""Packs one static program into a container image: an OCI layout and a docker archive. Standard library alone.

Called by deploy/image/build. The same input gives the same bytes.
"""

import argparse
import gzip
import hashlib
import io
import json
import tarfile
from datetime import datetime, timezone
from pathlib import Path

NAME = "unsealer"
# The user of distroless images; no image of ours needs an entry in /etc/passwd for it.
UID = 65532
PROGRAM = "usr/local/bin/unsealer"
ROOTS = "etc/ssl/certs/ca-certificates.crt"
# Without this file older C libraries ask DNS before /etc/hosts.
NSSWITCH = b"hosts: files dns\n"


def tar_of(files, epoch):
    """An uncompressed tar of {path: (mode, content)}, sorted, with parent folders, owned by root."""
    folders = sorted({str(parent) for path in files for parent in Path(path).parents} - {"."})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted([*folders, *files]):
            entry = tarfile.TarInfo(path)
            entry.mtime = epoch
            if path in files:
                entry.mode, content = files[path]
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            else:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)
    return buffer.getvalue()


def as_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def descriptor(kind, content):
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{sha256(content)}", "size": len(content)}


def image_config(arguments, layer):
    created = datetime.fromtimestamp(arguments.epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "architecture": arguments.architecture,
        "os": "linux",
        "created": created,
        "config": {
            # Numeric, so that a kubelet can prove runAsNonRoot.
            "User": f"{UID}:{UID}",
            "Entrypoint": [f"/{PROGRAM}"],
            "Cmd": ["run"],
            "WorkingDir": "/",
            "ExposedPorts": {"9797/tcp": {}},
            "Labels": {
                "org.opencontainers.image.title": NAME,
                "org.opencontainers.image.description": "Keeps a HashiCorp Vault or OpenBao unsealed",
                "org.opencontainers.image.licenses": "Apache-2.0",
                "org.opencontainers.image.version": arguments.version,
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer)}"]},
        "history": [{"created": created, "created_by": "deploy/image/build"}],
    }


def oci_layout(config, layer, arguments):
    packed = gzip.compress(layer, compresslevel=9, mtime=0)
    manifest = as_json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("config.v1+json", config),
            "layers": [descriptor("layer.v1.tar+gzip", packed)],
        }
    )
    entry = descriptor("manifest.v1+json", manifest)
    entry["platform"] = {"architecture": arguments.architecture, "os": "linux"}
    entry["annotations"] = {"org.opencontainers.image.ref.name": arguments.version}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]}
    files = {f"blobs/sha256/{sha256(blob)}": (0o644, blob) for blob in (config, packed, manifest)}
    files["index.json"] = (0o644, as_json(index))
    files["oci-layout"] = (0o644, as_json({"imageLayoutVersion": "1.0.0"}))
    return files, entry["digest"]


def docker_archive(config, layer, arguments):
    names = {"config": f"{sha256(config)}.json", "layer": f"{sha256(layer)}.tar"}
    manifest = [{"Config": names["config"], "RepoTags": [f"{NAME}:{arguments.version}"], "Layers": [names["layer"]]}]
    return {
        names["config"]: (0o644, config),
        names["layer"]: (0o644, layer),
        "manifest.json": (0o644, as_json(manifest)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=Path, required=True, help="the static program")
    parser.add_argument("--roots", required=True, help="PEM file with CA roots; empty = none")
    parser.add_argument("--architecture", required=True, help="as OCI names it: amd64, arm64")
    parser.add_argument("--epoch", type=int, required=True, help="time of every file, seconds since 1970")
    parser.add_argument("--version", required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for the archives")
    arguments = parser.parse_args()

    files = {PROGRAM: (0o755, arguments.program.read_bytes()), "etc/nsswitch.conf": (0o644, NSSWITCH)}
    if arguments.roots:
        roots = Path(arguments.roots).read_bytes()
        files[ROOTS] = (0o644, roots)
        count = roots.count(b"-----BEGIN CERTIFICATE-----")
        print(f"CA roots: {arguments.roots}, {count} certificates, sha256 {sha256(roots)}")
    layer = tar_of(files, arguments.epoch)
    config = as_json(image_config(arguments, layer))
    layout, digest = oci_layout(config, layer, arguments)
    archives = {
        "rootfs.tar": layer,
        "unsealer.oci.tar": tar_of(layout, arguments.epoch),
        "unsealer.docker.tar": tar_of(docker_archive(config, layer, arguments), arguments.epoch),
    }
    for name, content in archives.items():
        (arguments.out / name).write_bytes(content)
        print(f"{arguments.out / name}: {len(content)} bytes")
    print(f"manifest sha256: {digest.removeprefix('sha256:')}")


if __name__ == "__main__":
    main()
