//! The driver, against a server that each test writes.

mod authorizing;
mod backpressure;
mod ending;
mod fallback;
mod frames;
mod messages;
mod opening;
mod pings;
mod redaction;
mod sharing;
mod sockets;
mod support;
