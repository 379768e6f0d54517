//! Helpers that all attacks share.

mod child;
mod client;
mod figures;
mod redis;
mod socket;

pub(crate) use child::Service;
pub(crate) use client::{ATTACKER, Connection, Request, basic, open_from, sign, token, token_with};
pub(crate) use figures::{Attack, pick};
pub(crate) use redis::RedisServer;
pub(crate) use socket::Socket;
