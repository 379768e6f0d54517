//! The implementation of each command.

mod app;
mod capability;
mod completions;
mod connect;
mod control;
mod demo;
mod generate;
mod health;
mod jwt;
mod key;
mod man;
mod revoke;
mod self_signed;
mod serve;
mod token;
mod token_request;

use crate::args::{Args, Command};
use crate::output::{Failure, Outcome};

pub(crate) fn run(args: Args, effective: &[(String, String, &'static str)]) -> Result<Outcome, Failure> {
    match args.command {
        Command::Demo => demo::run(args.json),
        Command::Connect(connect) => connect::run(*connect, args.json),
        Command::Serve(serve) => serve::run(&serve, effective, args.json),
        Command::Key(key) => key::run(key),
        Command::App(app) => app::run(app),
        Command::TokenRequest(token_request) => token_request::run(token_request),
        Command::Jwt(jwt) => jwt::run(jwt),
        Command::Capability(capability) => capability::run(&capability),
        Command::Token(token) => token::run(token),
        Command::Revoke(revoke) => revoke::run(revoke),
        Command::Health { admin } => health::run(admin),
        Command::Completions { shell } => Ok(completions::run(shell)),
        Command::Man { about, dir } => man::run(&about, dir.as_deref()),
    }
}
