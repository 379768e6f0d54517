//! Tests of the page's files.

use super::*;

#[test]
fn page_is_served_with_strict_headers() {
    let world = world();
    for path in ["/console", "/console/", "/console/index.html"] {
        let page = world.send(Request::get(path), "");
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        assert!(page.text().starts_with("<!doctype html>"));
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!((page.header("x-content-type-options"), page.header("cache-control")), ("nosniff", "no-cache"));
        assert_eq!(page.header("referrer-policy"), "no-referrer");
    }
    assert_eq!(world.send(Request::get("/console/none.mjs"), "").code(), (404, 40400));
    assert_eq!(world.send(Request::post("/console"), "").code(), (405, 40500));
}

#[test]
fn known_file_is_not_sent_again() {
    let world = world();
    let page = world.send(Request::get("/console"), "");
    let tag = page.header("etag");
    assert!(tag.starts_with('"') && tag.len() > 10, "{tag}");
    for known in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}")] {
        let again = world.send(Request::get("/console").header("If-None-Match", known), "");
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag));
    }
    assert_eq!(world.send(Request::get("/console").header("If-None-Match", "\"other\""), "").status, 200);
}
