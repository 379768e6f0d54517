//! The paths of the console, and where it is served.

use http::request::Parts;

use crate::state::State;

/// The place where a console is served, which decides what it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// On the address of a sandbox, where everything is permitted.
    Sandbox,
    /// On the admin address of any service, for holders of a token. It shows no secrets and issues none.
    Admin,
}

impl Mode {
    /// Returns the name of the mode in the API.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Admin => "admin",
        }
    }
}

/// The beginning of the paths of the API.
const API: &str = "/console/api/";

/// Returns true if the request is for a path of the console, and the service itself serves it.
pub(super) fn is_served(state: &State, parts: &Parts) -> bool {
    state.console.as_ref().is_some_and(|console| console.is_served) && has_path(parts.uri.path())
}

/// Returns true if the path is one of the console.
pub(crate) fn has_path(path: &str) -> bool {
    path == "/console" || path.starts_with("/console/")
}

/// Returns the path within the API; `None` for the files of the page.
pub(super) fn api_path(path: &str) -> Option<&str> {
    path.strip_prefix(API)
}
