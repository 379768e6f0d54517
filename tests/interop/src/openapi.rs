//! Tests the service against `docs/openapi.yaml` with schemathesis, with valid and invalid requests.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::programs::{absolute, cli, folder, python};
use crate::servers::{Server, service};
use crate::{Result, run as run_command};

const DESCRIPTION: &str = "docs/openapi.yaml";
const SCHEMATHESIS: &[&str] = &["schemathesis==4.32.5", "msgpack==1.2.2"];
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,unsupported_method,allow_header_conformance";
/// Test cases for each operation and phase; with 40, the task takes about a minute.
const EXAMPLES: &str = "40";
const SEED: &str = "1";

/// Apps of the temporary sandbox; the secrets protect nothing.
const APPS: &str = r#"{"apps":[{"appId":"app1","revocationByChannel":true,"keys":[
    {"id":"key1","secret":"a-key-for-a-minute","capability":"{\"[*]*\":[\"*\"]}","revocableTokens":true},
    {"id":"spare","secret":"a-key-to-be-revoked"}]},{"appId":"old","keys":[]}]}"#;
const KEY: &str = "app1.key1:a-key-for-a-minute";
const CONTROL_TOKEN: &str = "an-access-token-for-a-minute";

pub(crate) fn run() -> Result {
    let folder = folder("openapi")?;
    let python = python(&folder.join("python"), SCHEMATHESIS)?;
    let cli = cli()?;
    let (apps, token) = (write(&folder, "apps.json", APPS)?, write(&folder, "control-token", CONTROL_TOKEN)?);
    let serve = || service(&cli, &["--apps".as_ref(), apps.as_ref(), "--control-token".as_ref(), token.as_ref()]);
    let mut complaints = Vec::new();
    // With random names only, every request would be a 404. The Control API part deletes keys and apps, so it has a
    // separate service.
    let tokens = "[parameters]\n\"path.keyName\" = \"app1.key1\"\n";
    let control = "[parameters]\n\"path.accountId\" = \"local\"\n\"path.appId\" = \"app1\"\n\
                   \"path.keyId\" = \"spare\"\n\"path.id\" = \"old\"\n";
    let parts = [
        (
            "tokens, channels and apps",
            vec!["--exclude-path-regex", "^/(v1|console)/"],
            tokens,
            ["--auth".into(), KEY.into()],
        ),
        (
            "Control API",
            vec!["--include-path-regex", "^/v1/"],
            control,
            ["--header".into(), format!("Authorization: Bearer {CONTROL_TOKEN}")],
        ),
        (
            // A stream does not end.
            "console",
            vec!["--include-path-regex", "^/console/", "--exclude-path-regex", "/stream$"],
            tokens,
            ["--header".into(), "X-Console: test".to_owned()],
        ),
    ];
    for (name, choice, parameters, credentials) in parts {
        println!("{DESCRIPTION}: {name}");
        let config = write(&folder, "schemathesis.toml", parameters)?;
        // It must live until the tests have ended.
        let service = serve()?;
        let mut test = schemathesis(&python, &config, &service)?;
        complaints.extend(run_command(test.args(&choice).args(&credentials)).err().into_iter().flatten());
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints) }
}

fn schemathesis(python: &Path, config: &str, service: &Server) -> Result<Command> {
    let mut run = Command::new(absolute(&python.with_file_name("schemathesis"))?);
    run.args(["--config-file", config, "run"])
        .arg(absolute(Path::new(DESCRIPTION))?)
        .args(["--url", &service.url, "--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", EXAMPLES, "--seed", SEED, "--continue-on-failure", "--no-color", "--warnings", "off"])
        .env("PYTHONPATH", absolute(Path::new("tests/interop"))?)
        .env("SCHEMATHESIS_HOOKS", "msgpack_hooks");
    // schemathesis writes a folder of reports in the working directory.
    if let Some(folder) = Path::new(config).parent() {
        run.current_dir(folder);
    }
    Ok(run)
}

/// Writes a file, and returns its absolute path.
fn write(folder: &Path, name: &str, text: &str) -> Result<String> {
    let path = absolute(&folder.join(name))?;
    fs::write(&path, text).map_err(|error| vec![format!("cannot write `{}`: {error}", path.display())])?;
    Ok(path.to_string_lossy().into_owned())
}
