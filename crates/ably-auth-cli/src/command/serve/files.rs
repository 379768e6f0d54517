//! The system's limit on open files, and the number that the service may need.

/// The number of open files in addition to accepted connections: up to 256 for refused connections, 64 for the admin
/// address, 64 for the store.
#[cfg(unix)]
const OTHERS: usize = 256 + 64 + 64;

/// Raises the soft limit on open files to what `connections` may need. Logs a warning if that fails or the hard limit
/// is lower.
#[cfg(unix)]
pub(super) fn check(connections: usize) {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let needed = u64::try_from(connections.saturating_add(OTHERS)).unwrap_or(u64::MAX);
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    // `None` means that the system sets no limit.
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
