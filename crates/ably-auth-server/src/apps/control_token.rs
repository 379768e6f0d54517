//! Access tokens of the Control API.

use std::collections::HashSet;

use ably_auth_core::Token;

use crate::error::{Error, ErrorKind};

/// The minimum length of an access token, in characters.
const MIN_CHARS: usize = 16;

/// The maximum length of a name, in characters. Names appear in logs, so a random token given as a name must be refused.
/// 128 bits are 32 characters in hexadecimal, and 256 bits are 43 in base64.
const MAX_NAME_CHARS: usize = 30;

/// The maximum number of tokens of a service. Each request to the Control API is compared with all of them.
const MAX_TOKENS: usize = 64;

/// The name of a token that was configured without a name.
const DEFAULT_NAME: &str = "default";

/// An access token of the Control API, with a name for audit events.
///
/// ```
/// use ably_auth_core::Token;
/// use ably_auth_server::{ControlToken, Service};
///
/// # let (old, new) = ("an-access-token-of-june", "an-access-token-of-july");
/// let service = Service::builder()
///     .control_tokens([
///         ControlToken::new("deploy-june", Token::new(old)?)?,
///         ControlToken::new("deploy-july", Token::new(new)?)?,
///         ControlToken::new("dashboard", Token::new("a-third-access-token")?)?.read_only(true),
///     ])
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ControlToken {
    name: Box<str>,
    token: Token,
    is_read_only: bool,
}

impl ControlToken {
    /// Creates a token that permits every operation of the Control API. A name has 1 to 30 characters of
    /// `A-Z a-z 0-9 . _ -`; a token has at least 16 characters.
    ///
    /// # Errors
    /// Returns [`ErrorKind::ControlToken`] if the name or the token is not as described. The error quotes neither.
    pub fn new(name: &str, token: Token) -> Result<Self, Error> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > MAX_NAME_CHARS || !name.bytes().all(is_plain) {
            return Err(invalid(format!(
                "invalid name of a control token: it is not 1 to {MAX_NAME_CHARS} characters of `A-Z a-z 0-9 . _ -`; use \
                 a name such as `deploy-2026`"
            )));
        }
        let token = Self { name: name.into(), token, is_read_only: false };
        token.check_length()?;
        Ok(token)
    }

    /// Creates the token of [`ServiceBuilder::control_token`](crate::ServiceBuilder::control_token), whose length is
    /// checked when the service is built.
    pub(crate) fn unnamed(token: Token) -> Self {
        Self { name: DEFAULT_NAME.into(), token, is_read_only: false }
    }

    /// Restricts the token to GET and HEAD requests if `read_only` is true. Such a token cannot read the secrets of
    /// keys.
    #[must_use]
    pub const fn read_only(mut self, read_only: bool) -> Self {
        self.is_read_only = read_only;
        self
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    fn check_length(&self) -> Result<(), Error> {
        if self.token.expose().len() < MIN_CHARS {
            return Err(invalid(format!(
                "invalid control token: it is too short and can be guessed; use at least {MIN_CHARS} random characters"
            )));
        }
        Ok(())
    }
}

/// Checks the tokens of a service: their number and lengths, and that names and tokens are unique.
pub(crate) fn check(tokens: &[ControlToken]) -> Result<(), Error> {
    if tokens.len() > MAX_TOKENS {
        return Err(invalid(format!("too many control tokens: {}; give at most {MAX_TOKENS}", tokens.len())));
    }
    tokens.iter().try_for_each(ControlToken::check_length)?;
    let (mut names, mut texts) = (HashSet::new(), HashSet::new());
    for token in tokens {
        let name = &token.name;
        if !names.insert(name) {
            return Err(invalid(format!("invalid control token `{name}`: the name is used twice; use another name")));
        }
        if !texts.insert(token.token.expose()) {
            let reason = "another name has the same token; generate a token for each name";
            return Err(invalid(format!("invalid control token `{name}`: {reason}")));
        }
    }
    Ok(())
}

/// Returns the token that equals `presented`. Each comparison takes constant time and none is skipped, so the time does
/// not depend on which token matches.
pub(crate) fn find<'a>(tokens: &'a [ControlToken], presented: &Token) -> Option<&'a ControlToken> {
    tokens.iter().fold(None, |found, token| if *presented == token.token { Some(token) } else { found })
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::ControlToken, message)
}
