#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::arithmetic_side_effects)]

mod apps;
mod audit;
mod authenticate;
mod authorise;
mod bearer;
mod budget;
mod channels;
mod cipher;
mod clock;
mod control;
mod control_token;
mod cutoffs;
mod error;
mod http;
mod issue;
mod limits;
mod metered;
mod metrics;
mod namespaces;
mod observe;
mod page;
mod publishing;
mod random;
mod rates;
mod raw;
mod ready;
mod records;
mod refusal;
mod registry;
mod relist;
mod request_id;
mod revocations;
mod revoke;
mod sandbox_access;
mod server;
mod service;
mod state;
mod stats;
pub mod store;
mod time;
mod tls;
mod token;
mod unreadable;
mod usage;
mod verify;

pub use apps::{App, Apps, Key};
pub use control_token::ControlToken;
pub use error::{Error, ErrorKind};
pub use limits::{Limits, Network, ProxyHeader, Rate};
pub use relist::Relisted;
pub use server::Server;
pub use service::{Service, ServiceBuilder};
pub use tls::Tls;
