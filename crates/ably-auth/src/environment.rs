//! Credentials from environment variables.

use std::env::{self, VarError};

use ably_auth_core::{ApiKey, Token};

use crate::error::Error;
use crate::mode::Mode;
use crate::options::ClientOptions;

const KEY: &str = "ABLY_API_KEY";
const TOKEN: &str = "ABLY_TOKEN";
const ROOTS: &str = "ABLY_CACERT";

impl<M: Mode> ClientOptions<M> {
    /// Creates options from environment variables, the same that the command line `ably-auth` reads. An empty variable
    /// counts as unset.
    ///
    /// | variable | option |
    /// | --- | --- |
    /// | `ABLY_API_KEY` | [`key`](Self::key) |
    /// | `ABLY_TOKEN` | [`token`](Self::token), the first token |
    /// | `ABLY_CACERT` | [`add_root_certificates`](Self::add_root_certificates), from the file with this name |
    ///
    /// ```no_run
    /// use ably_auth::{Async, ClientOptions};
    ///
    /// let options = ClientOptions::<Async>::from_env()?.client_id("bob");
    /// # Ok::<(), ably_auth::Error>(())
    /// ```
    ///
    /// # Errors
    /// An error that names the variable, if its value is invalid, or if neither a key nor a token is set.
    pub fn from_env() -> Result<Self, Error> {
        let (key, token) = (variable(KEY)?, variable(TOKEN)?);
        if key.is_none() && token.is_none() {
            return Err(Error::configuration(format!("neither `{KEY}` nor `{TOKEN}` is set; set one of them")));
        }
        let mut options = Self::new();
        if key.is_some() {
            options = options.key(ApiKey::from_env()?);
        }
        if let Some(token) = token {
            options = options.token(Token::new(token.trim()).map_err(|error| {
                Error::with_code(error.ably_code(), format!("invalid environment variable `{TOKEN}`: {error}"))
            })?);
        }
        if let Some(file) = variable(ROOTS)? {
            options = options.add_root_certificates(std::fs::read(file).map_err(|error| {
                Error::configuration(format!("cannot read the file in `{ROOTS}`: {error}; give a PEM file"))
            })?);
        }
        Ok(options)
    }
}

/// Returns the value of a variable, unless it is only white space.
fn variable(name: &str) -> Result<Option<String>, Error> {
    match env::var(name) {
        Ok(text) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => {
            Err(Error::configuration(format!("invalid environment variable `{name}`: it is not UTF-8; set it again")))
        }
    }
}
