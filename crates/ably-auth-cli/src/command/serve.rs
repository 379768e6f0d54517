//! `ably-auth serve`

use std::fs;
use std::path::Path;
use std::time::Duration;

use ably_auth_server::store::{Redb, Redis};
use ably_auth_server::{Apps, ErrorKind, Server, Service, ServiceBuilder, Tls};
use tokio::sync::oneshot;

use crate::args::{Keep, Serve};
use crate::command::self_signed;
use crate::input;
use crate::output::{self, Failure, Outcome};

/// How long answers that have begun may take once the service is to end.
const GRACE: Duration = Duration::from_secs(3);

pub(crate) fn run(args: &Serve) -> Result<Outcome, Failure> {
    let mut service = Service::builder().sandbox(args.sandbox);
    match &args.apps {
        Some(path) => {
            let name = format!("--apps {}", path.display());
            let text = fs::read_to_string(path).map_err(|error| Failure::input(&name, error))?;
            let apps = Apps::from_json(&text).map_err(|error| Failure::input(&name, error))?;
            if !args.sandbox && args.control_token.is_none() && apps.iter().all(|app| app.keys().len() == 0) {
                return Err(Failure::input(&name, "no app in it has a key, so there is nothing to serve"));
            }
            service = service.apps(apps);
        }
        None if args.sandbox || args.control_token.is_some() => {}
        None => {
            let problem =
                "there is nothing to serve; give --apps FILE, --sandbox, or --control-token FILE to make apps";
            return Err(Failure::Input(problem.into()));
        }
    }
    if let Some(path) = &args.control_token {
        if !args.sandbox && args.tls_cert.is_none() {
            let problem = "the Control API shows keys, so it is open over TLS or in a sandbox only; give --tls-cert and \
                           --tls-key, or --sandbox";
            return Err(Failure::input("--control-token", problem));
        }
        service = service.control_token(input::control_token_file(path)?);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Input(format!("no runtime can be started: {error}")))?;
    let service = runtime.block_on(keep(&args.keep, service))?;
    let service = service.build().map_err(|error| match (error.kind(), &args.control_token) {
        (ErrorKind::ControlToken, Some(path)) => Failure::input(&format!("--control-token {}", path.display()), error),
        _ => Failure::Input(error.to_string()),
    })?;
    let tls = tls(args)?;
    let served = runtime.block_on(async {
        // Before anything is promised, so that no signal is missed.
        let shutdown = shutdown().map_err(|error| Failure::Input(format!("signals cannot be caught: {error}")))?;
        let server = Server::bind(args.listen, service).await.map_err(|error| Failure::input("--listen", error))?;
        let (scheme, server) = match tls {
            Some(tls) => ("https", server.with_tls(tls)),
            None => ("http", server),
        };
        output::line(&format!("listening on {scheme}://{}", server.local_addr()));
        let (ending, end) = oneshot::channel();
        let serving = server.run(async {
            shutdown.await;
            let _ = ending.send(());
        });
        tokio::select! {
            served = serving => served.map_err(|error| Failure::Input(error.to_string())),
            () = grace(end) => Ok(()),
        }
    });
    // Not waiting for whoever is busy still: they have had their time.
    runtime.shutdown_background();
    served.map(|()| Outcome::shown(true))
}

/// Where the service is to keep what it must not forget.
async fn keep(args: &Keep, service: ServiceBuilder) -> Result<ServiceBuilder, Failure> {
    if let Some(folder) = &args.data {
        let store =
            Redb::open(folder).map_err(|error| Failure::input(&format!("--data {}", folder.display()), error))?;
        return Ok(service.store(store));
    }
    let Some(url) = &args.redis else {
        return Ok(service);
    };
    let store = if args.redis_is_new { Redis::connect_to_new(url).await } else { Redis::connect(url).await };
    // The URL may hold a password, and is not shown.
    Ok(service.store(store.map_err(|error| Failure::input("--redis", error))?))
}

/// What TLS is to be spoken with, if it is.
fn tls(args: &Serve) -> Result<Option<Tls>, Failure> {
    if let Some(path) = &args.tls_self_signed {
        return self_signed::tls(path).map(Some);
    }
    let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) else {
        return Ok(None);
    };
    let read = |option: &str, path: &Path| {
        fs::read(path).map_err(|error| Failure::input(&format!("{option} {}", path.display()), error))
    };
    let tls = Tls::from_pem(&read("--tls-cert", certificate)?, &read("--tls-key", key)?);
    let named = format!("--tls-cert {}, --tls-key {}", certificate.display(), key.display());
    tls.map(Some).map_err(|error| Failure::input(&named, error))
}

/// Until those have had their time who are still being answered. One that never ends its request would keep the service up.
async fn grace(end: oneshot::Receiver<()>) {
    // If the service has failed, that is told elsewhere.
    let _ = end.await;
    tokio::time::sleep(GRACE).await;
}

/// Ends with Ctrl-C, and with SIGTERM where there is such a thing.
fn shutdown() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
