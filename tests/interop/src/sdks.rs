//! The service as Ably's own SDKs see it: `tests/interop/cases.json`, played by npm's `ably`, PyPI's `ably` and our clients.
//!
//! Each driver says what it saw; what is right stands in the cases alone. A case may have another answer, or none and the
//! reason why, where an SDK has its own way.
//!
//! Most new cases need no new step: `ask` sends a request that the case writes out, with the placeholders `{app}`, `{key}`
//! and `{channel}`, and `see` lists JSON pointers and header names to print. `walk` follows links from page to page, `last`
//! reads the latest message, and `said` searches the last error's message.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::Result;
use crate::matrix::{self, Case, Column};
use crate::programs::Programs;
use crate::servers::{self, Server, service};

const CASES: &str = "tests/interop/cases.json";
/// A column takes seconds; one that has not ended by then has gone astray.
const LONGEST: Duration = Duration::from_secs(90);

pub(crate) fn run() -> Result {
    let programs = Programs::ready()?;
    let cases = fs::read_to_string(CASES).map_err(|error| vec![format!("cannot read `{CASES}`: {error}")])?;
    let cases: Vec<Case> =
        serde_json::from_str(&cases).map_err(|error| vec![format!("cannot parse `{CASES}`: {error}")])?;
    let certificate = programs.folder.join("certificate.pem");
    // The certificate is written as the service starts, and both columns' programs want one.
    let tls = service(&programs.cli, &["--tls-self-signed".as_ref(), certificate.as_os_str()])?;
    let plain = service(&programs.cli, &[])?;
    let kit = Server::start(Command::new(&programs.ours).arg("kit"))?;
    // Most of the time is spent on waiting for tokens to expire, so both services are put to it at once.
    let columns: Result<Vec<_>> = thread::scope(|scope| {
        let of_each = [&plain, &tls].map(|service| scope.spawn(|| columns(&programs, service, &kit, &certificate)));
        of_each.into_iter().map(|columns| columns.join().map_err(|_| vec!["a column panicked".into()])?).collect()
    });
    let columns: Vec<Column> = columns?.into_iter().flatten().collect();
    let wrong = matrix::print(&cases, &columns);
    println!("{}", matrix::summary(&cases, &columns));
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Runs the cases against a service with each client, and returns a column of results for each.
fn columns(programs: &Programs, service: &Server, kit: &Server, certificate: &Path) -> Result<Vec<Column>> {
    let issuer = issuer(programs, service, certificate)?;
    let scheme = service.url.split(':').next().unwrap_or_default();
    let drivers = [
        ("js", "json"),
        ("js", "msgpack"),
        ("py", "json"),
        ("py", "msgpack"),
        ("ours", "reqwest"),
        ("ours", "blocking"),
    ];
    let columns = drivers.into_iter().map(|(driver, format)| {
        let mut column = Column::new(driver, &format!("{driver}-{format} {scheme}"));
        let mut command = driver_command(programs, driver, format, &service.url, &issuer.url);
        command.env("CA", certificate).env("KIT", &kit.url);
        column.fill(servers::lines(&mut command, LONGEST)?);
        Ok(column)
    });
    columns.collect()
}

fn driver_command(programs: &Programs, driver: &str, format: &str, service: &str, issuer: &str) -> Command {
    let mut command = match driver {
        "js" => Command::new("node"),
        "py" => Command::new(&programs.python),
        _ => Command::new(&programs.ours),
    };
    match driver {
        "js" => command.args(["tests/interop/drive.mjs", CASES, service, issuer, format]),
        "py" => command.args(["tests/interop/drive.py", CASES, service, issuer, format]),
        _ => command.args([format, CASES, service, issuer]),
    };
    let certificate = programs.folder.join("certificate.pem");
    command.env("MODULES", &programs.folder).env("NODE_EXTRA_CA_CERTS", &certificate).env("SSL_CERT_FILE", certificate);
    command
}

fn issuer(programs: &Programs, service: &Server, certificate: &Path) -> Result<Server> {
    let mut issuer = Command::new(&programs.python);
    issuer
        .arg("tests/interop/issuer.py")
        .env("SERVICE", &service.url)
        .env("CA", certificate)
        .env("MINT", &programs.ours)
        .env("CLI", &programs.cli)
        .stderr(Stdio::null());
    Server::start(&mut issuer)
}
