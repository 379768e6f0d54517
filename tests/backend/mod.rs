//! A backend's auth URL and guarded routes, with a client and the service.

mod auth_url;
mod service_tokens;
