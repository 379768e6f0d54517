//! A backend's auth URL and routes, with the clients and the service that they are for.

mod auth_url;
mod redaction;
mod service_tokens;
