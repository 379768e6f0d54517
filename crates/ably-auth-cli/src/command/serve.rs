//! `ably-auth serve`

mod audit;
mod certificate;
mod control_tokens;
mod files;
mod limits;
mod log;
mod notify;
mod paths;
mod refusals;
mod reload;
mod sandbox;
mod secrets;
mod shutdown;
mod started;

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use ably_auth::ApiKey;
use ably_auth_core::Token;
use ably_auth_server::store::{Memory, Redb, Redis, RedisOptions, StoreLimits};
use ably_auth_server::{Apps, ErrorKind, Server, Service, ServiceBuilder, Tls};
use serde_json::{Map, Value, json};

use crate::args::{Serve, Store};
use crate::command::self_signed;
use crate::draw::printable;
use crate::output::{self, Failure, Outcome};
use crate::{config, credential, input};
use audit::AuditLog;
use limits::{limits, store_limits};
use reload::Fingerprint;
pub(super) use sandbox::reachable;
use started::Started;

/// Runs the service. `effective` has the name, value and origin of each option.
pub(crate) fn run(
    args: &Serve,
    effective: &[(String, String, &'static str)],
    as_json: bool,
) -> Result<Outcome, Failure> {
    serve(args, effective, as_json).map_err(|failure| failure.or_text(|text| config::with_origin(text, effective)))
}

fn serve(args: &Serve, effective: &[(String, String, &'static str)], as_json: bool) -> Result<Outcome, Failure> {
    if args.check_config {
        let SetUp { service, .. } = set_up(args)?;
        if args.tls_self_signed.is_none() {
            tls(args)?;
        }
        if let Some(url) = &args.store.redis {
            Redis::check(url, &redis_options(&args.store)?).map_err(|error| Failure::input("--redis", error))?;
        }
        paths::check(args)?;
        service.build().map_err(|error| build_error(args, &error))?;
        return Ok(show_config(effective));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Input(format!("the runtime cannot be started: {error}")))?;
    let uncaught = |error| Failure::Input(format!("the signal handlers cannot be installed: {error}"));
    // Install this handler first: until then, SIGHUP ends the process.
    let hangups = runtime.block_on(async { reload::hangups() }).map_err(uncaught)?;
    let audit = args.log.audit_log.as_deref().map(AuditLog::open).transpose()?.map(Arc::new);
    // Reading the files of secrets may log warnings about their permissions, so start logging first.
    log::start(&args.log, audit.as_ref());
    audit.as_deref().map_or(Ok(()), AuditLog::check_mode)?;
    let SetUp { service, apps, sandbox_key } = set_up(args)?;
    let tls = tls(args)?;
    files::check(args.limits.max_connections);
    let service = runtime
        .block_on(open_store(&args.store, store_limits(args), service))?
        .build()
        .map_err(|error| build_error(args, &error))?;
    let served = runtime.block_on(async {
        if args.store.clock_is_right {
            service.trust_clock().await.map_err(|error| Failure::input("--clock-is-right", error))?;
        }
        // Install the handlers before the address is printed, so that no signal is missed.
        let shutdown = shutdown::requested(args.until_stdin_ends).map_err(uncaught)?;
        let bound = Server::bind(args.listen, service.clone()).await;
        let mut server = bound.map_err(|error| Failure::input("--listen", error))?;
        if let Some(admin) = args.admin {
            server = server.admin(admin).await.map_err(|error| Failure::input("--admin", error))?;
        }
        sandbox::warn(args, server.local_addr(), tls.is_some());
        let started = Started {
            args,
            address: server.local_addr(),
            admin: server.admin_addr(),
            is_tls: tls.is_some(),
            key: sandbox_key.as_ref(),
        };
        if let Some((tls, files)) = tls {
            server = server.tls(tls.clone());
            if let Some(files) = files {
                tokio::spawn(certificate::watch(tls, files, hangups.clone()));
            }
        }
        if let Some(audit) = audit {
            tokio::spawn(audit::watch(audit, service.clone(), hangups.clone()));
        }
        if let Some((path, read)) = args.apps.clone().zip(apps) {
            tokio::spawn(reload::watch(path, read, service, hangups));
        }
        output::line(&if as_json { started.json().to_string() } else { started.text() });
        output::check_written()?;
        notify::systemd("READY=1");
        let shutting_down = async {
            shutdown.await;
            notify::systemd("STOPPING=1");
            tracing::info!("shutting down; finishing in-flight requests");
        };
        server.run(shutting_down).await.map_err(|error| Failure::Input(error.to_string()))
    });
    // The grace period has ended, so do not wait for the remaining tasks.
    runtime.shutdown_background();
    served.map(|()| Outcome::shown(true))
}

/// The service without its store, and the values that were read or generated for it.
struct SetUp {
    service: ServiceBuilder,
    /// The fingerprint of the `--apps` file's text, if the option is given.
    apps: Option<Fingerprint>,
    /// The key of the app that a sandbox without `--apps` creates.
    sandbox_key: Option<ApiKey>,
}

fn set_up(args: &Serve) -> Result<SetUp, Failure> {
    if let Some(path) = &args.config {
        config::check_mode(path)?;
    }
    let (mut read, mut sandbox_key) = (None, None);
    sandbox::check(args)?;
    let mut service = Service::builder()
        .sandbox(args.sandbox)
        .sandbox_hosts(args.sandbox_allow_host.iter().cloned())
        .sandbox_public(args.sandbox_public)
        .channels(args.channels)
        .console(args.console)
        .limits(limits(args));
    match &args.apps {
        Some(path) => {
            let name = format!("--apps {}", path.display());
            let text = reload::read_text(path)?;
            let apps = Apps::from_json(&text).map_err(|error| Failure::input(&name, error))?;
            if !args.sandbox && args.control_token.is_none() && apps.iter().all(|app| app.keys().len() == 0) {
                return Err(Failure::input(
                    &name,
                    "no app in it has a key, so there is nothing to serve; add a key to an app",
                ));
            }
            service = service.apps(apps);
            read = Some(Fingerprint::of(&text));
        }
        None if args.sandbox => {
            let (apps, key) = Apps::create().map_err(|error| Failure::Input(error.to_string()))?;
            service = service.apps(apps);
            sandbox_key = Some(key);
        }
        None if args.control_token.is_some() => {}
        None => {
            let problem =
                "there is nothing to serve; give --apps FILE, --sandbox, or --control-token FILE to create apps";
            return Err(Failure::Input(problem.into()));
        }
    }
    if let Some(path) = &args.control_token {
        if !args.sandbox && args.tls_cert.is_none() && args.limits.trusted_proxy.is_empty() {
            let problem = "the Control API shows keys, so it requires TLS or a sandbox; give --tls-cert and --tls-key, \
                           or --sandbox, or --trusted-proxy for a proxy with TLS";
            return Err(Failure::input("--control-token", problem));
        }
        service = control_tokens::read(path, service)?;
    }
    if let Some(path) = &args.admin_console {
        let (name, text) = input::secret_file("--admin-console", path)?;
        let token =
            credential::plain(text.trim(), "an access token").map_err(|problem| Failure::input(&name, problem))?;
        service = service.admin_console(Token::new(token).map_err(|error| Failure::input(&name, error))?);
    }
    if args.tls_self_signed.is_some() && !args.sandbox {
        return Err(Failure::input(
            "--tls-self-signed",
            "it needs --sandbox; add --sandbox, or give --tls-cert and --tls-key",
        ));
    }
    if let Some(path) = &args.store.service_secrets {
        service = secrets::read(path, service)?;
    }
    Ok(SetUp { service, apps: read, sandbox_key })
}

fn build_error(args: &Serve, error: &ably_auth_server::Error) -> Failure {
    match (error.kind(), &args.control_token) {
        (ErrorKind::ControlToken, Some(path)) => Failure::input(&format!("--control-token {}", path.display()), error),
        _ => Failure::Input(error.to_string()),
    }
}

/// Shows the effective options. The text has the form of a `--config` file.
fn show_config(effective: &[(String, String, &'static str)]) -> Outcome {
    let width = effective.iter().map(|(name, value, _)| name.len() + value.len()).max().unwrap_or(0);
    let line = |(name, value, origin): &(String, String, &str)| {
        let fill = " ".repeat(width.saturating_sub(name.len() + value.len()));
        printable(&format!("{name} = {}{fill}  # {origin}", Value::from(value.as_str())))
    };
    let lines: Vec<_> = effective.iter().map(line).collect();
    let object: Map<_, _> = effective
        .iter()
        .map(|(name, value, origin)| (name.clone(), json!({ "value": value, "origin": origin })))
        .collect();
    Outcome::yes(lines.join("\n"), &Value::Object(object))
}

/// Adds the store that the options select to the service.
async fn open_store(args: &Store, limits: StoreLimits, service: ServiceBuilder) -> Result<ServiceBuilder, Failure> {
    if let Some(folder) = &args.data {
        let store = Redb::open_with(folder, limits)
            .map_err(|error| Failure::input(&format!("--data {}", folder.display()), error))?;
        return Ok(service.store(store));
    }
    let Some(url) = &args.redis else {
        return Ok(service.store(Memory::with_limits(limits)));
    };
    let mut options = redis_options(args)?;
    options.limits = limits;
    // Do not show the URL, because it may contain a password.
    let store = Redis::connect_with(url, options).await.map_err(|error| Failure::input("--redis", error))?;
    Ok(service.store(store))
}

fn redis_options(args: &Store) -> Result<RedisOptions, Failure> {
    let mut options = RedisOptions::default();
    options.is_new = args.redis_is_new;
    options.roots_pem = redis_ca(args)?;
    Ok(options)
}

/// Reads the `--redis-ca` file, if the option is given.
fn redis_ca(args: &Store) -> Result<Option<Vec<u8>>, Failure> {
    let read = |path: &PathBuf| {
        fs::read(path).map_err(|error| Failure::file(&format!("--redis-ca {}", path.display()), &error))
    };
    args.redis_ca.as_ref().map(read).transpose()
}

/// Returns the TLS configuration if TLS is on, with the files to reload it from unless the certificate is self-signed.
fn tls(args: &Serve) -> Result<Option<(Tls, Option<certificate::Files>)>, Failure> {
    if let Some(path) = &args.tls_self_signed {
        return self_signed::tls(path).map(|tls| Some((tls, None)));
    }
    let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) else {
        return Ok(None);
    };
    let name = format!("--tls-cert {}", certificate.display());
    let certificates = fs::read(certificate).map_err(|error| Failure::file(&name, &error))?;
    let name = format!("--tls-key {}", key.display());
    let mut private_key = Vec::new();
    input::open_secret(&name, key)?.read_to_end(&mut private_key).map_err(|error| Failure::file(&name, &error))?;
    let named = format!("--tls-cert {}, --tls-key {}", certificate.display(), key.display());
    let tls = Tls::from_pem(&certificates, &private_key).map_err(|error| Failure::input(&named, error))?;
    let files = certificate::Files::read(certificate, key, Fingerprint::of(&(certificates, private_key)));
    Ok(Some((tls, Some(files))))
}
