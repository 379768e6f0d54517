//! One module for each target. Each asserts more than the absence of panics; its documentation says what.

mod algebra;
mod apps;
mod capability;
mod config;
mod credentials;
mod folder;
mod inspect;
mod journal;
mod jwt;
mod realtime_message;
mod redis;
mod service;
mod token_request;
mod websocket;
mod wire;

/// A function that any bytes are passed to.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// The longest input that libFuzzer makes, in bytes.
    pub max_len: usize,
}

macro_rules! targets {
    ($($name:ident $max_len:literal,)+) => {
        pub const TARGETS: &[Target] =
            &[$(Target { name: stringify!($name), run: $name::run, max_len: $max_len },)+];
    };
}

targets! {
    algebra 64,
    apps 4096,
    capability 2048,
    config 2048,
    credentials 1024,
    folder 256,
    inspect 4096,
    journal 2048,
    jwt 4096,
    realtime_message 4096,
    redis 2048,
    service 4096,
    token_request 2048,
    websocket 2048,
    wire 4096,
}
