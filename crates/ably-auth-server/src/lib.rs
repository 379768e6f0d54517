#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::arithmetic_side_effects)]

mod apps;
mod channels;
mod clock;
mod decode_error;
mod error;
mod format;
#[cfg(fuzzing)]
pub mod fuzzing;
mod http;
mod journal;
mod limits;
mod live;
mod net;
mod ops;
mod policy;
mod random;
mod raw;
mod realtime;
mod refusal;
#[cfg(feature = "sandbox")]
mod sandbox;
mod sandbox_access;
mod service;
#[cfg(simulation)]
pub mod simulation;
mod state;
pub mod store;
#[cfg(feature = "console")]
mod story;
mod sync;
mod token;

pub use apps::control_token::ControlToken;
pub use apps::{App, Apps, Key};
pub use error::{Error, ErrorKind};
pub use limits::{Limits, Network, ProxyHeader, Rate};
pub use net::Server;
pub use net::tls::Tls;
pub use policy::reload::Relisted;
#[cfg(feature = "sandbox")]
pub use sandbox::Sandbox;
#[cfg(feature = "sandbox")]
pub use sandbox::builder::SandboxBuilder;
pub use service::Service;
pub use service::builder::ServiceBuilder;
