//! `ably-auth serve`

use std::fs;
use std::time::Duration;

use ably_auth_server::{Apps, Server, Service};
use tokio::sync::oneshot;

use crate::args::Serve;
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
            if !args.sandbox && apps.iter().all(|app| app.keys().len() == 0) {
                return Err(Failure::input(&name, "no app in it has a key, so there is nothing to serve"));
            }
            service = service.apps(apps);
        }
        None if args.sandbox => {}
        None => return Err(Failure::Input("there is nothing to serve; give --apps FILE, or --sandbox".into())),
    }
    let service = service.build().map_err(|error| Failure::Input(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Input(format!("no runtime can be started: {error}")))?;
    let served = runtime.block_on(async {
        // Before anything is promised, so that no signal is missed.
        let shutdown = shutdown().map_err(|error| Failure::Input(format!("signals cannot be caught: {error}")))?;
        let server = Server::bind(args.listen, service).await.map_err(|error| Failure::input("--listen", error))?;
        output::line(&format!("listening on http://{}", server.local_addr()));
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
