//! Conversions from text that setters accept.

use std::convert::Infallible;
use std::str::FromStr;

use ably_auth_core::Token;

use crate::auth_url::AuthUrl;
use crate::callback_answer::AuthCallbackAnswer;
use crate::error::Error;
use crate::hosts::Endpoint;

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl FromStr for AuthUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

/// Parses a token.
impl FromStr for AuthCallbackAnswer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(Token::new(text)?.into())
    }
}

macro_rules! try_from_text {
    ($($type:ty),+) => {$(
        impl TryFrom<&str> for $type {
            type Error = Error;

            fn try_from(text: &str) -> Result<Self, Error> {
                text.parse()
            }
        }

        impl TryFrom<&String> for $type {
            type Error = Error;

            fn try_from(text: &String) -> Result<Self, Error> {
                text.parse()
            }
        }

        impl TryFrom<String> for $type {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                text.parse()
            }
        }
    )+};
}

try_from_text!(Endpoint, AuthUrl, AuthCallbackAnswer);

/// Lets setters take a value in place of text: its conversion cannot fail.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
