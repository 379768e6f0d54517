//! The system's limit of open files, against what the service may need.

/// Open files that are not accepted connections: up to 256 of refused connections, 64 of the admin address, 64 of the store.
#[cfg(unix)]
const OTHERS: usize = 256 + 64 + 64;

/// Raises the limit of open files as far as the connections need it, and warns if they may need more.
#[cfg(unix)]
pub(super) fn check(connections: usize) {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let needed = u64::try_from(connections.saturating_add(OTHERS)).unwrap_or(u64::MAX);
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    // No limit is one that suffices.
    let suffices = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    if suffices(before) {
        return;
    }
    limit.current = limit.maximum.map_or(Some(needed), |hard| Some(hard.min(needed)));
    let raised = if setrlimit(Resource::Nofile, limit).is_ok() { limit.current } else { before };
    if suffices(raised) {
        tracing::info!(from = before, to = raised, connections, "raised the limit of open files");
    } else {
        tracing::warn!(
            limit = raised,
            needed,
            connections,
            "the limit of open files is below what --max-connections may need; raise `LimitNOFILE` or `ulimit -n`, or lower \
             --max-connections"
        );
    }
}

#[cfg(not(unix))]
pub(super) const fn check(_: usize) {}
