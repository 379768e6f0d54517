//! The files of the page. They are compiled in.

use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::http::call::Call;
use crate::http::reply::Reply;
use crate::http::route;
use crate::refusal::Refusal;

/// The headers of every response of the console. The page loads nothing from elsewhere and runs no inline script.
pub(super) const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri \
             'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

const METHODS: &str = "GET, HEAD, OPTIONS";

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../../console/", $name)))),*]
    };
}

/// The files by their names.
const FILES: &[(&str, &[u8])] = files![
    "act.mjs",
    "action.mjs",
    "actions_keys.mjs",
    "actions_sandbox.mjs",
    "api.mjs",
    "clock.mjs",
    "code.mjs",
    "confirm.mjs",
    "connection_row.mjs",
    "connections.mjs",
    "copy.mjs",
    "curl.mjs",
    "dom.mjs",
    "fields.mjs",
    "format.mjs",
    "grid.mjs",
    "icon.svg",
    "index.html",
    "inspect.mjs",
    "life.css",
    "life.mjs",
    "log.css",
    "log.mjs",
    "log_columns.mjs",
    "log_feed.mjs",
    "log_filters.mjs",
    "log_rows.mjs",
    "main.mjs",
    "matrix.css",
    "matrix.mjs",
    "messages.mjs",
    "overview.mjs",
    "parts.css",
    "prose.mjs",
    "report.mjs",
    "router.mjs",
    "service_state.mjs",
    "storage.mjs",
    "story.css",
    "story.mjs",
    "story_clocks.mjs",
    "story_mac.mjs",
    "story_panel.mjs",
    "stream.mjs",
    "style.css",
    "tabs.mjs",
    "theme.mjs",
    "token_dialog.mjs",
    "tokens.css",
    "views.css",
];

/// The entity tags of the files, in their order.
static TAGS: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| {
    let tag = |content: &[u8]| {
        let hash = Sha256::digest(content);
        let text: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        HeaderValue::try_from(format!("\"{text}\"")).unwrap_or(HeaderValue::from_static("\"\""))
    };
    FILES.iter().map(|(_, content)| tag(content)).collect()
});

/// Returns the file that the path names.
pub(super) fn answer(call: &Call<'_>) -> Result<Reply, Refusal> {
    let name = match call.parts.uri.path().strip_prefix("/console/") {
        None | Some("") => "index.html",
        Some(name) => name,
    };
    let found = FILES.iter().zip(TAGS.iter()).find(|((known, _), _)| *known == name);
    let ((_, content), tag) = found.ok_or_else(route::not_found)?;
    match call.parts.method {
        Method::OPTIONS => return Ok(Reply::options(METHODS).with_headers(HEADERS)),
        Method::GET | Method::HEAD => {}
        _ => return Err(Refusal::method_not_allowed(METHODS)),
    }
    let headers = HEADERS.into_iter().chain([
        (CONTENT_TYPE, HeaderValue::from_static(content_type(name))),
        // Browsers ask each time, so that a newer version of the service shows its own page.
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (ETAG, tag.clone()),
    ]);
    let known = call.parts.headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = known.split(',').any(|known| known.trim().trim_start_matches("W/").as_bytes() == tag.as_bytes());
    let reply = if is_known {
        Reply::empty().with_status(StatusCode::NOT_MODIFIED)
    } else {
        Reply::empty().with_status(StatusCode::OK).with_body(Bytes::from_static(content))
    };
    Ok(reply.with_headers(headers))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("mjs" | "js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_of_folder_are_served() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("console");
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
        assert!(names.iter().all(|name| content_type(name) != "application/octet-stream"));
        assert_eq!(TAGS.len(), FILES.len());
    }
}
