//! The service as Ably's own SDKs see it: `tests/interop/cases.json`, played by npm's `ably`, PyPI's `ably` and our clients,
//! and `tests/interop/realtime.json`, played by the realtime clients of both SDKs and by our connection.
//!
//! Each driver says what it saw; what is right stands in the cases alone. A case may have another answer, or none and the
//! reason why, where an SDK has its own way.
//!
//! Most new cases need no new step: `ask` sends a request that the case writes out, with the placeholders `{app}`, `{key}`,
//! `{keyId}` and `{channel}`, and `see` lists JSON pointers and header names to print. `walk` follows links from page to
//! page, `last` reads the latest message, and `said` searches the last error's message.
//!
//! A realtime case has its own app, `peers` in addition to its `client`, and steps such as `["peer publish", {...}]`. A `callback`
//! that is a list fetches the next of its kinds each time, and then the last one. `connect` and `until` wait for a state of
//! the connection, `receive` and `notice` for messages and presence events, `channel` for a state of the channel. A client
//! that is `proxied` reaches the service through a proxy, whose connections `cut` resets; after `["cut", "hold"]` new
//! ones wait for `mend`, and after `["cut", "refuse"]` they are reset until then.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::Result;
use crate::first_lines;
use crate::matrix::{self, Column};
use crate::programs::Programs;
use crate::servers::{self, Server, service};

/// A column takes seconds; one that has not ended by then has gone astray.
const LONGEST: Duration = Duration::from_secs(150);

/// The access token of the Control API, for cases that revoke keys.
const CONTROL_TOKEN: &str = "access-token-of-interop";

/// Cases, and the clients that play them.
struct Suite {
    name: &'static str,
    cases: &'static str,
    node: &'static str,
    python: &'static str,
    /// The driver and its format, for each column.
    columns: &'static [(&'static str, &'static str)],
}

const REST: Suite = Suite {
    name: "REST",
    cases: "tests/interop/cases.json",
    node: "tests/interop/drive.mjs",
    python: "tests/interop/drive.py",
    columns: &[
        ("js", "json"),
        ("js", "msgpack"),
        ("py", "json"),
        ("py", "msgpack"),
        ("ours", "reqwest"),
        ("ours", "blocking"),
    ],
};

const REALTIME: Suite = Suite {
    name: "realtime",
    cases: "tests/interop/realtime.json",
    node: "tests/interop/realtime.mjs",
    python: "tests/interop/realtime.py",
    columns: &[
        ("js", "json"),
        ("js", "msgpack"),
        ("py", "json"),
        ("py", "msgpack"),
        ("ours", "json"),
        ("ours", "msgpack"),
    ],
};

/// Things that every column needs.
struct Setting {
    programs: Programs,
    certificate: PathBuf,
    kit: Server,
}

pub(crate) fn run() -> Result {
    let programs = Programs::ready()?;
    first_lines::check(&programs)?;
    let certificate = programs.folder.join("certificate.pem");
    let control = programs.folder.join("control-token");
    fs::write(&control, CONTROL_TOKEN)
        .map_err(|error| vec![format!("cannot write `{}`: {error}", control.display())])?;
    let control = ["--control-token".as_ref(), control.as_os_str()];
    // The certificate is written as the service starts, and both columns' programs want one.
    let tls =
        service(&programs.cli, &[&control[..], &["--tls-self-signed".as_ref(), certificate.as_os_str()]].concat())?;
    let plain = service(&programs.cli, &control)?;
    let kit = Server::start(Command::new(&programs.ours).arg("kit"))?;
    let setting = Setting { programs, certificate, kit };
    let wrong: Result<Vec<_>> = [REST, REALTIME].iter().map(|suite| suite.run(&setting, &[&plain, &tls])).collect();
    let wrong = wrong?.concat();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

impl Suite {
    /// Runs the cases against each service, prints the matrix, and returns a complaint for each wrong cell.
    fn run(&self, setting: &Setting, services: &[&Server]) -> Result<Vec<String>> {
        let text =
            fs::read_to_string(self.cases).map_err(|error| vec![format!("cannot read `{}`: {error}", self.cases)])?;
        let cases = matrix::cases(&text).map_err(|error| vec![format!("cannot parse `{}`: {error}", self.cases)])?;
        // Most of the time is spent on waiting for tokens to expire, so all services are put to it at once.
        let columns: Result<Vec<_>> = thread::scope(|scope| {
            let of_each: Vec<_> =
                services.iter().map(|service| scope.spawn(|| self.columns(setting, service))).collect();
            of_each.into_iter().map(|columns| columns.join().map_err(|_| vec!["a column panicked".into()])?).collect()
        });
        let columns: Vec<Column> = columns?.into_iter().flatten().collect();
        let wrong = matrix::print(&cases, &columns);
        println!("{}: {}", self.name, matrix::summary(&cases, &columns));
        Ok(wrong)
    }

    /// Runs the cases against a service with each client, and returns a column of results for each.
    fn columns(&self, setting: &Setting, service: &Server) -> Result<Vec<Column>> {
        let issuer = issuer(&setting.programs, service, &setting.certificate)?;
        let scheme = service.url.split(':').next().unwrap_or_default();
        let columns = self.columns.iter().map(|(driver, format)| {
            let mut column = Column::new(driver, &format!("{driver}-{format} {scheme}"));
            let mut command = self.driver(&setting.programs, driver, format, [&service.url, &issuer.url]);
            command.env("CA", &setting.certificate).env("KIT", &setting.kit.url).env("CONTROL", CONTROL_TOKEN);
            column.fill(servers::lines(&mut command, LONGEST)?);
            Ok(column)
        });
        columns.collect()
    }

    fn driver(&self, programs: &Programs, driver: &str, format: &str, servers: [&str; 2]) -> Command {
        let mut command = match driver {
            "js" => Command::new("node"),
            "py" => Command::new(&programs.python),
            _ => Command::new(&programs.ours),
        };
        match driver {
            "js" => command.args([self.node, self.cases]).args(servers).arg(format),
            "py" => command.args([self.python, self.cases]).args(servers).arg(format),
            _ => command.args([format, self.cases]).args(servers),
        };
        let certificate = programs.folder.join("certificate.pem");
        command.env("MODULES", &programs.folder).env("NODE_EXTRA_CA_CERTS", &certificate);
        command.env("SSL_CERT_FILE", certificate);
        command
    }
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
