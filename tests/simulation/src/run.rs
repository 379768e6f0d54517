//! One run: faults, then peace, in which every promise is checked.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_server::simulation::{files, network, threads};
use tokio::runtime::{Builder, RngSeed};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::disk::SimulatedDisk;
use crate::entropy;
use crate::oracle::{RECOVERY, WINDOW};
use crate::plan::{Plan, Storage};
use crate::redis::SimulatedRedis;
use crate::trace::Trace;
use crate::world::{End, World};

/// The virtual time after which a run must be over.
const LIMIT: Duration = Duration::from_secs(3_600);

/// The result of a run.
pub struct Outcome {
    pub plan: Plan,
    pub failure: Option<String>,
    pub digest: String,
    pub last: Vec<String>,
    pub counts: BTreeMap<String, u64>,
    /// The virtual time that passed, in ms.
    pub millis: u64,
}

/// Runs a seed on a thread of its own, so that nothing of an earlier run affects it.
pub fn run(seed: u64, is_printed: bool) -> Outcome {
    let thread = std::thread::Builder::new().name(format!("seed {seed}")).stack_size(8 << 20);
    let running = thread.spawn(move || run_here(seed, is_printed)).unwrap();
    running.join().unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Outcome {
            plan: Plan::of(seed).0,
            failure: Some(format!("panic: {}", text.unwrap_or_default())),
            digest: String::new(),
            last: Vec::new(),
            counts: BTreeMap::new(),
            millis: 0,
        }
    })
}

fn run_here(seed: u64, is_printed: bool) -> Outcome {
    entropy::seed(seed);
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .rng_seed(RngSeed::from_bytes(&seed.to_be_bytes()))
        .build()
        .unwrap();
    let local = LocalSet::new();
    let outcome = local.block_on(&runtime, simulate(seed, is_printed));
    drop(local);
    drop(runtime);
    threads::set_setup(None);
    files::set_disk(None);
    network::set_network(None);
    outcome
}

async fn simulate(seed: u64, is_printed: bool) -> Outcome {
    let (plan, mut rng) = Plan::of(seed);
    let trace = Trace::start(is_printed);
    trace.note(format!("{plan:?}"));
    let disk = Arc::new(SimulatedDisk::new(rng.u64(..)));
    files::set_disk(Some(disk.clone()));
    let of_threads = Arc::clone(&disk);
    threads::set_setup(Some(Arc::new(move || {
        entropy::seed(seed ^ 0x5eed);
        files::set_disk(Some(of_threads.clone()));
    })));
    let redis = match plan.storage {
        Storage::Folder => None,
        Storage::Redis(durability) => {
            let (redis, network) = SimulatedRedis::start(rng.u64(..), durability);
            network::set_network(Some(network));
            Some(redis)
        }
    };
    let world = World::new(plan, rng, disk, redis, trace);
    if timeout(LIMIT, live(&world)).await.is_err() {
        world.fail("the run did not end".into());
    }
    world.is_over.set(true);
    for node in 0..world.nodes.len() {
        world.end_service(node, End::Killed).await;
    }
    sleep(Duration::from_secs(60)).await;
    let counts = world.oracle.borrow().counts.clone();
    let failure = world.failure.borrow().clone();
    Outcome {
        plan: world.plan.clone(),
        failure,
        digest: world.trace.digest(),
        last: world.trace.last(),
        counts,
        millis: world.trace.millis(),
    }
}

async fn live(world: &Rc<World>) {
    for node in 0..world.nodes.len() {
        if let Err(error) = world.start_service(node, node == 0).await {
            return world.fail(format!("a new service does not start: {error}"));
        }
    }
    let mut clients: Vec<_> = (0..world.plan.clients).map(|_| spawn_local(Rc::clone(world).act_as_client())).collect();
    clients.extend((0..world.plan.connections).map(|_| spawn_local(Rc::clone(world).connect_as_client())));
    Rc::clone(world).cause_faults().await;
    world.heal().await;
    // Clients go on: each of their requests must be answered as if nothing had happened.
    sleep(RECOVERY).await;
    if !world.is_over.get() {
        sleep(Duration::from_secs(2)).await;
    }
    let is_failed = world.failure.borrow().is_some();
    world.is_over.set(true);
    for client in clients {
        let _ = client.await;
    }
    if !is_failed {
        check_promises(world).await;
    }
}

/// The number of requests and tokens of each kind that are checked at the end.
const CHECKED: usize = 60;

/// Checks every promise once more, after a restart of all services and the end of all windows.
async fn check_promises(world: &Rc<World>) {
    world.is_over.set(false);
    let count = world.nodes.len();
    for node in 0..count {
        world.end_service(node, End::Clean).await;
        if !world.oracle.borrow().were_clocks_off {
            world.start_until_it_runs(node).await;
        }
    }
    if world.oracle.borrow().were_clocks_off {
        world.trust_clocks().await;
    }
    let lost = world.oracle.borrow().loss.last.is_some();
    for node in 0..count {
        let signed = world.oracle.borrow().signed.len();
        for request in signed.saturating_sub(CHECKED)..signed {
            if world.oracle.borrow().signed[request].token.is_some() {
                world.exchange(node, request).await;
            }
        }
        let tokens = world.oracle.borrow().tokens.len();
        for token in tokens.saturating_sub(CHECKED)..tokens {
            world.present(node, token).await;
        }
        let keys = world.oracle.borrow().keys.len();
        for key in 0..keys {
            world.present_key(node, key).await;
        }
    }
    if lost {
        sleep(WINDOW + Duration::from_secs(60)).await;
    }
    sleep(RECOVERY).await;
    for node in 0..count {
        for _ in 0..20 {
            let signed = world.sign();
            world.exchange(node, signed).await;
        }
        // The first key is never revoked.
        let signed = world.sign_as(0, None, 0);
        world.exchange(node, signed).await;
        if world.oracle.borrow().signed[signed].token.is_none() {
            world.fail(format!("node{node} issues no token after all faults have ended"));
        }
    }
}
