//! Conversion of panics into errors, because redb panics on some damage.
#![allow(clippy::result_large_err, reason = "`redb::Error` is large, but these functions are not hot")]

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// An error of the database.
pub(super) type Fault = redb::Error;

/// Calls `work`, and returns a panic as [`Fault::Corrupted`]. The panic hook still runs and prints the location.
///
/// After an error, drop the database and open it again.
pub(super) fn guard<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|payload| Err(Fault::Corrupted(message(&*payload).into())))
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("the library panicked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_is_returned_as_error() {
        let error = guard::<()>(|| panic::panic_any("broken")).unwrap_err();
        assert!(error.to_string().contains("broken"), "{error}");
        assert_eq!(guard(|| Ok(7)).unwrap(), 7);
    }
}
