//! The `serve --control-token` file: one access token, or several with names.

use std::collections::HashMap;
use std::path::Path;

use ably_auth_core::Token;
use ably_auth_server::{ControlToken, ServiceBuilder};

use crate::credential;
use crate::input;
use crate::output::Failure;

const READ_ONLY: &str = "read-only";

/// Adds the control tokens in the file to `service`. Errors do not quote the file: a word in the wrong place may be a
/// token.
pub(super) fn read(path: &Path, service: ServiceBuilder) -> Result<ServiceBuilder, Failure> {
    let (name, text) = input::secret_file("--control-token", path)?;
    match parse(&text).map_err(|problem| Failure::input(&name, problem))? {
        Parsed::Bare(token) => Ok(service.control_token(token)),
        Parsed::Named(tokens) => Ok(service.control_tokens(tokens)),
    }
}

#[derive(Debug)]
enum Parsed {
    /// The token of a file that contains nothing else.
    Bare(Token),
    Named(Vec<ControlToken>),
}

fn parse(text: &str) -> Result<Parsed, String> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let lines: Vec<_> = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect();
    if let [] | [_] = lines.as_slice() {
        let word = lines.first().map_or("", |(_, line)| line);
        if !word.contains(char::is_whitespace) {
            return token(word).map(Parsed::Bare);
        }
    }
    let mut tokens = Vec::new();
    let (mut names, mut texts) = (HashMap::new(), HashMap::new());
    for (number, line) in lines {
        let wrong = |problem: &str| format!("line {number}: {problem}");
        let mut words = line.split_whitespace();
        let (Some(name), Some(token), scope, None) = (words.next(), words.next(), words.next(), words.next()) else {
            return Err(wrong(
                "it is not `NAME TOKEN` or `NAME TOKEN read-only`; write a name and a token on each line",
            ));
        };
        if scope.is_some_and(|scope| scope != READ_ONLY) {
            return Err(wrong("the word after the token is not `read-only`; write `read-only`, or leave it out"));
        }
        if let Some(first) = names.insert(name, number) {
            return Err(wrong(&format!("its name is also on line {first}; use another name")));
        }
        if let Some(first) = texts.insert(token, number) {
            return Err(wrong(&format!("its token is also on line {first}; generate a token for each name")));
        }
        let token = self::token(token).map_err(|problem| wrong(&problem))?;
        let token = ControlToken::new(name, token).map_err(|error| wrong(&error.to_string()))?;
        tokens.push(token.read_only(scope.is_some()));
    }
    Ok(Parsed::Named(tokens))
}

fn token(word: &str) -> Result<Token, String> {
    Token::new(credential::plain(word, "an access token")?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_token_needs_no_name() {
        for text in ["an-access-token-of-june\n", "# of June\n\n  an-access-token-of-june  \n"] {
            assert!(matches!(parse(text), Ok(Parsed::Bare(token)) if token.expose() == "an-access-token-of-june"));
        }
        assert!(parse("# nothing\n").unwrap_err().contains("it is empty"));
    }

    #[test]
    fn single_token_is_refused_as_other_credentials_are() {
        for (text, said) in [
            ("'an-access-token-of-june'", "it is in quotes"),
            ("\u{201c}an-access-token-of-june\u{201d}", "it is in quotes"),
            ("an-access\u{200d}-token-of-june", "the invisible character U+200D"),
        ] {
            assert!(parse(text).unwrap_err().contains(said), "{text}");
        }
    }

    #[test]
    fn named_tokens_are_read_with_their_scope() {
        let text = "# rotated monthly\njune an-access-token-of-june\n\ndashboard\tanother-access-token  read-only\n";
        let Ok(Parsed::Named(tokens)) = parse(text) else { panic!("{:?}", parse(text)) };
        assert_eq!(tokens.iter().map(ControlToken::name).collect::<Vec<_>>(), ["june", "dashboard"]);
        let Ok(Parsed::Named(one)) = parse("june an-access-token-of-june read-only") else { panic!("a single line") };
        assert_eq!(one.len(), 1);
    }

    #[test]
    fn invalid_lines_are_named_and_not_quoted() {
        let good = "june hush-access-token-of-june\n";
        for (more, said) in [
            ("hush-access-token-alone", "line 2: it is not `NAME TOKEN`"),
            ("a hush-access-token read-only hush", "line 2: it is not `NAME TOKEN`"),
            ("a hush-access-token hush", "line 2: the word after the token"),
            ("\njune hush-access-token-of-july", "line 3: its name is also on line 1"),
            ("july hush-access-token-of-june", "line 2: its token is also on line 1"),
            ("july hush", "line 2: invalid control token: it is too short"),
            ("hush-access-token-of-july july", "line 2: invalid control token: it is too short"),
            ("hush! hush-access-token", "line 2: invalid name"),
            ("july hush\u{e4}access-token-of-july", "line 2: "),
            ("july \"hush-access-token-of-july\"", "line 2: it is in quotes"),
            ("july hush-access\u{200b}-token-of-july", "line 2: it has the invisible character U+200B"),
        ] {
            let problem = parse(&format!("{good}{more}\n")).unwrap_err();
            assert!(problem.starts_with(said) && !problem.contains("hush"), "{more}: {problem}");
        }
    }
}
