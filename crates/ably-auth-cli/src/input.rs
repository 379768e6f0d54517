//! Reading what is given, with errors that name it.

use std::env::{self, VarError};
use std::fs;
use std::io::Read as _;
use std::path::Path;

use ably_auth::{ApiKey, Capability, ClientId, Token, TokenParams, Ttl};

use crate::args;
use crate::output::Failure;

const CONTROL_TOKEN_VARIABLE: &str = "ABLY_CONTROL_TOKEN";
const KEY_VARIABLE: &str = "ABLY_API_KEY";

/// The most that is read from stdin: more than any credential or capability is.
const MAX_STDIN_BYTES: u64 = 1024 * 1024;

/// The key of `--key`, else of the environment. No message quotes it.
pub(crate) fn key(arg: args::KeyArg) -> Result<ApiKey, Failure> {
    let (name, text) = match arg.key {
        Some(text) => ("--key", text),
        None => match env::var(KEY_VARIABLE) {
            Ok(text) => (KEY_VARIABLE, text),
            Err(VarError::NotPresent) => {
                return Err(Failure::Input(format!("no key is given; set {KEY_VARIABLE}, or use --key")));
            }
            Err(VarError::NotUnicode(_)) => return Err(Failure::input(KEY_VARIABLE, "it is not UTF-8")),
        },
    };
    ApiKey::parse(&text).map_err(|error| Failure::input(name, error))
}

/// The access token of the Control API: from `--control-token`, else from the environment. No message quotes it.
pub(crate) fn control_token(file: Option<&Path>) -> Result<Token, Failure> {
    match file {
        Some(path) => control_token_file(path),
        None => match env::var(CONTROL_TOKEN_VARIABLE) {
            Ok(text) => Token::new(text.trim()).map_err(|error| Failure::input(CONTROL_TOKEN_VARIABLE, error)),
            Err(VarError::NotPresent) => {
                let problem = "no access token is given; use --control-token FILE, or set";
                Err(Failure::Input(format!("{problem} {CONTROL_TOKEN_VARIABLE}")))
            }
            Err(VarError::NotUnicode(_)) => Err(Failure::input(CONTROL_TOKEN_VARIABLE, "it is not UTF-8")),
        },
    }
}

pub(crate) fn control_token_file(path: &Path) -> Result<Token, Failure> {
    let name = format!("--control-token {}", path.display());
    let text = fs::read_to_string(path).map_err(|error| Failure::input(&name, error))?;
    Token::new(text.trim()).map_err(|error| Failure::input(&name, error))
}

/// A capability given as an argument, or on stdin for `-`.
pub(crate) fn capability(name: &str, text: &str) -> Result<Capability, Failure> {
    if text == "-" {
        return Capability::parse_strict(stdin()?.trim()).map_err(|error| Failure::input("stdin", error));
    }
    Capability::parse_strict(text).map_err(|error| Failure::input(name, error))
}

pub(crate) fn token_params(args: &args::TokenParams) -> Result<TokenParams, Failure> {
    let client_id = args.client_id.as_deref().map(ClientId::parse).transpose();
    let ttl = args.ttl.map(Ttl::from_millis).transpose();
    Ok(TokenParams {
        client_id: client_id.map_err(|error| Failure::input("--client-id", error))?.unwrap_or_default(),
        ttl: ttl.map_err(|error| Failure::input("--ttl", error))?,
        capability: args.capability.as_deref().map(|text| capability("--capability", text)).transpose()?,
        ..TokenParams::new()
    })
}

pub(crate) fn stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MAX_STDIN_BYTES + 1).read_to_string(&mut text);
    match read {
        Err(error) => Err(Failure::input("stdin", error)),
        Ok(bytes) if bytes as u64 > MAX_STDIN_BYTES => Err(Failure::input("stdin", "it is longer than 1 MiB")),
        Ok(_) => Ok(text),
    }
}
