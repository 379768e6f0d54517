//! Container images, written without a container engine: a static program, CA certificates and nothing else.
//!
//! An image file is a tar of an OCI layout. `podman load` and `skopeo` read `index.json`, and `docker load` in older
//! versions reads `manifest.json`, which names the same blobs.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::archive::{Entry, gzip, tar};
use super::contents::Contents;
use super::{rfc3339, sha256};
use crate::files::empty_folder;
use crate::{Result, command};

/// The user of the service, as in `deploy/Dockerfile`.
const USER: u64 = 65532;
const REPOSITORY: &str = "ably-auth";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An image for one architecture.
pub(super) struct Image {
    architecture: &'static str,
    manifest: Value,
    config: Blob,
    layer: Blob,
}

#[derive(Clone)]
struct Blob {
    media_type: &'static str,
    bytes: Vec<u8>,
}

impl Blob {
    fn json(media_type: &'static str, value: &Value) -> Self {
        Self { media_type, bytes: value.to_string().into_bytes() }
    }

    fn digest(&self) -> String {
        format!("sha256:{}", sha256(&self.bytes))
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", sha256(&self.bytes))
    }

    fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest(), "size": self.bytes.len() })
    }
}

/// Returns the name of the image file for an architecture, or for all of them.
pub(super) fn name(version: &str, architecture: Option<&str>) -> String {
    let architecture = architecture.map(|name| format!("-{name}")).unwrap_or_default();
    format!("ably-auth-{version}{architecture}.image.tar")
}

impl Image {
    pub(super) fn new(contents: &Contents, version: &str, architecture: &'static str, epoch: u64) -> Result<Self> {
        let files = tar(files(contents), epoch)?;
        let config = Blob::json(CONFIG, &config(version, architecture, epoch, &sha256(&files)));
        let layer = Blob { media_type: LAYER, bytes: gzip(&files)? };
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(), "layers": [layer.descriptor()],
        });
        Ok(Self { architecture, manifest, config, layer })
    }

    /// Unpacks the image into `folder`, and runs its service and its health check there. Needs root, and skips it without.
    pub(super) fn try_out(&self, folder: &Path) -> Result {
        let is_root = command::output(Command::new("id").arg("-u"))?.trim() == "0";
        if !is_root {
            println!("the image is not tried out, because this process does not run as root");
            return Ok(());
        }
        empty_folder(folder)?;
        let mut archive = tar::Archive::new(GzDecoder::new(self.layer.bytes.as_slice()));
        archive.set_preserve_ownerships(true);
        archive.unpack(folder).map_err(|error| format!("cannot unpack into `{}`: {error}", folder.display()))?;
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--net", "--pid", "--fork", "packaging/try-image.sh"]).arg(folder);
        command::run(unshare.arg(format!("{USER}:{USER}")))
    }

    fn manifest(&self) -> Blob {
        Blob::json(MANIFEST, &self.manifest)
    }

    fn descriptor(&self) -> Value {
        let mut descriptor = self.manifest().descriptor();
        if let Some(fields) = descriptor.as_object_mut() {
            fields.insert("platform".into(), json!({ "architecture": self.architecture, "os": "linux" }));
        }
        descriptor
    }

    /// Writes the file for this image alone.
    pub(super) fn pack(&self, version: &str, epoch: u64) -> Result<Vec<u8>> {
        let tag = format!("{REPOSITORY}:{version}");
        let for_docker = json!([{ "Config": self.config.path(), "RepoTags": [tag], "Layers": [self.layer.path()] }]);
        let mut entries = layout(&[self], self.descriptor(), version);
        entries.push(Entry::file("manifest.json", for_docker.to_string()));
        tar(entries, epoch)
    }
}

/// Writes a file with the images of several architectures. A registry gives each machine the one that fits.
pub(super) fn pack_all(images: &[Image], version: &str, epoch: u64) -> Result<Vec<u8>> {
    let images: Vec<&Image> = images.iter().collect();
    let manifests: Vec<Value> = images.iter().map(|image| image.descriptor()).collect();
    let index = Blob::json(INDEX, &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests }));
    let mut entries = layout(&images, index.descriptor(), version);
    entries.push(Entry::file(index.path(), index.bytes));
    tar(entries, epoch)
}

/// Returns the files of an OCI layout. `top` describes its manifest, or the index of its manifests.
fn layout(images: &[&Image], mut top: Value, version: &str) -> Vec<Entry> {
    if let Some(fields) = top.as_object_mut() {
        let names = json!({
            "io.containerd.image.name": format!("docker.io/library/{REPOSITORY}:{version}"),
            "org.opencontainers.image.ref.name": version,
        });
        fields.insert("annotations".into(), names);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [top] });
    // By path, because two architectures may have a blob in common.
    let blobs: BTreeMap<String, Vec<u8>> = images
        .iter()
        .flat_map(|image| [image.manifest(), image.config.clone(), image.layer.clone()])
        .map(|blob| (blob.path(), blob.bytes))
        .collect();
    let mut entries = vec![
        Entry::file("oci-layout", json!({ "imageLayoutVersion": "1.0.0" }).to_string()),
        Entry::file("index.json", index.to_string()),
    ];
    entries.extend(blobs.into_iter().map(|(path, bytes)| Entry::file(path, bytes)));
    entries
}

/// Returns the files of the image.
fn files(contents: &Contents) -> Vec<Entry> {
    let mut files = vec![
        Entry::folder("etc", 0),
        Entry::folder("etc/ssl", 0),
        Entry::folder("etc/ssl/certs", 0),
        Entry::folder("usr", 0),
        Entry::folder("usr/share", 0),
        Entry::folder("usr/share/doc", 0),
        Entry::folder("usr/share/doc/ably-auth", 0),
        // The data folder of the service. A volume that is mounted here takes over its owner.
        Entry::folder("var", 0),
        Entry::folder("var/lib", 0),
        Entry::folder("var/lib/ably-auth", USER),
        Entry::program(super::PROGRAM, contents.binary.clone()),
        // To verify the Redis server of a rediss:// URL. The clients have their own.
        Entry::file("etc/ssl/certs/ca-certificates.crt", certificates()),
    ];
    let documents = contents.documents.iter();
    files.extend(documents.map(|(name, bytes)| Entry::file(format!("usr/share/doc/ably-auth/{name}"), bytes.clone())));
    files
}

/// Returns Mozilla's root certificates, in the version of `Cargo.lock`.
fn certificates() -> String {
    let pem = |certificate: &[u8]| {
        let text = STANDARD.encode(certificate);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    };
    webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|certificate| pem(certificate)).collect()
}

/// Returns the configuration: the same as in `deploy/Dockerfile`.
fn config(version: &str, architecture: &str, epoch: u64, layer: &str) -> Value {
    let seconds = |seconds: u64| seconds * 1_000_000_000;
    let created = rfc3339(epoch);
    json!({
        "architecture": architecture,
        "os": "linux",
        "created": created,
        "config": {
            "User": format!("{USER}:{USER}"),
            "Env": [
                "ABLY_AUTH_LISTEN=0.0.0.0:8484",
                "ABLY_AUTH_ADMIN=127.0.0.1:8485",
                "ABLY_AUTH_APPS=/etc/ably-auth/apps.json",
                "ABLY_AUTH_LOG_FORMAT=json",
            ],
            "ExposedPorts": { "8484/tcp": {} },
            "Entrypoint": ["/ably-auth"],
            "Cmd": ["serve"],
            "StopSignal": "SIGTERM",
            // Docker's own field: OCI has none.
            "Healthcheck": {
                "Test": ["CMD", "/ably-auth", "health"],
                "Interval": seconds(10), "Timeout": seconds(3), "StartPeriod": seconds(5), "Retries": 3,
            },
            "Labels": {
                "org.opencontainers.image.title": "ably-auth",
                "org.opencontainers.image.description": "Ably authentication: command line and token service",
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
                "org.opencontainers.image.created": created,
            },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer}")] },
        "history": [{ "created": created, "created_by": "cargo xtask dist" }],
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn contents() -> Contents {
        Contents { binary: b"binary".into(), pages: vec![], completions: vec![], documents: vec![] }
    }

    fn unpack(layout: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(layout);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.path().unwrap().display().to_string(), bytes)
        });
        entries.collect()
    }

    fn parse(files: &BTreeMap<String, Vec<u8>>, path: &str) -> Value {
        serde_json::from_slice(&files[path]).unwrap()
    }

    /// Follows a descriptor to its blob, as a container engine does.
    fn follow<'a>(files: &'a BTreeMap<String, Vec<u8>>, descriptor: &Value) -> &'a [u8] {
        let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let bytes = &files[&format!("blobs/sha256/{digest}")];
        assert_eq!((sha256(bytes).as_str(), bytes.len() as u64), (digest, descriptor["size"].as_u64().unwrap()));
        bytes
    }

    #[test]
    fn descriptors_lead_to_files_of_each_architecture() {
        let images = ["amd64", "arm64"].map(|name| Image::new(&contents(), "1.2.3", name, 0).unwrap());
        let files = unpack(&pack_all(&images, "1.2.3", 0).unwrap());
        let index: Value =
            serde_json::from_slice(follow(&files, &parse(&files, "index.json")["manifests"][0])).unwrap();
        for (manifest, architecture) in index["manifests"].as_array().unwrap().iter().zip(["amd64", "arm64"]) {
            assert_eq!(manifest["platform"]["architecture"], architecture);
            let manifest: Value = serde_json::from_slice(follow(&files, manifest)).unwrap();
            let config: Value = serde_json::from_slice(follow(&files, &manifest["config"])).unwrap();
            assert_eq!(config["architecture"], architecture);
            let mut layer = Vec::new();
            GzDecoder::new(follow(&files, &manifest["layers"][0])).read_to_end(&mut layer).unwrap();
            assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", sha256(&layer)));
            assert_eq!(unpack(&layer)["ably-auth"], b"binary");
        }
    }

    #[test]
    fn docker_finds_the_same_blobs() {
        let files = unpack(&Image::new(&contents(), "1.2.3", "amd64", 0).unwrap().pack("1.2.3", 0).unwrap());
        let manifest = &parse(&files, "manifest.json")[0];
        assert_eq!(manifest["RepoTags"][0], "ably-auth:1.2.3");
        for path in [&manifest["Config"], &manifest["Layers"][0]] {
            assert!(files.contains_key(path.as_str().unwrap()), "{path}");
        }
    }

    #[test]
    fn image_is_configured_as_dockerfile_does() {
        let dockerfile = include_str!("../../../deploy/Dockerfile");
        let config = &config("1.2.3", "amd64", 0, "0")["config"];
        for variable in config["Env"].as_array().unwrap() {
            assert!(dockerfile.contains(variable.as_str().unwrap()), "{variable}");
        }
        let line = |word: &str, value: &str| assert!(dockerfile.lines().any(|line| line == format!("{word} {value}")));
        line("USER", config["User"].as_str().unwrap());
        line("STOPSIGNAL", config["StopSignal"].as_str().unwrap());
        line("ENTRYPOINT", &config["Entrypoint"].to_string());
        line("CMD", &config["Cmd"].to_string());
        line("EXPOSE", "8484");
        let health = config["Healthcheck"]["Test"].as_array().unwrap().iter().skip(1).collect::<Vec<_>>();
        assert!(
            dockerfile.contains(&format!("CMD {}\n", json!(health).to_string().replace(',', ", "))),
            "{dockerfile}"
        );
    }

    #[test]
    fn certificates_are_in_pem() {
        let pem = certificates();
        assert_eq!(
            pem.matches("-----BEGIN CERTIFICATE-----\n").count(),
            webpki_root_certs::TLS_SERVER_ROOT_CERTS.len()
        );
        assert!(pem.lines().all(|line| line.len() <= 64));
    }
}
