//! Resource templates, which are filled with path parameters.

use ably_auth_backend::{Error, ErrorKind, Refusal};
use axum::extract::RawPathParams;

/// A parsed template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    /// The value of a path parameter.
    Param(String),
}

impl Template {
    /// Parses a template such as `chat:{room}`; `{{` and `}}` stand for single braces.
    pub(crate) fn parse(template: &str) -> Result<Self, Error> {
        let invalid = || {
            let shown = template.escape_debug();
            let message =
                format!("invalid resource `{shown}`: write `chat:{{room}}`, with the name of a path parameter");
            Error::new(ErrorKind::Template, message)
        };
        let (mut pieces, mut text) = (Vec::new(), String::new());
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            text.push_str(before);
            if let Some(after) = brace.strip_prefix("{{") {
                text.push('{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                text.push('}');
                rest = after;
            } else {
                let (name, after) = brace.strip_prefix('{').and_then(|it| it.split_once('}')).ok_or_else(invalid)?;
                if name.is_empty() || name.contains(['{', '*']) {
                    return Err(invalid());
                }
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Param(name.to_owned()));
                rest = after;
            }
        }
        text.push_str(rest);
        pieces.push(Piece::Text(text));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        if pieces.is_empty() { Err(invalid()) } else { Ok(Self(pieces)) }
    }

    /// Returns the resource for the parameters of a path.
    pub(crate) fn fill(&self, params: &RawPathParams) -> Result<String, Refusal> {
        let mut resource = String::new();
        for piece in &self.0 {
            resource.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Param(name) => {
                    let mut values = params.iter().filter(|(theirs, _)| theirs == name).map(|(_, value)| value);
                    let value = values.next().ok_or_else(|| {
                        Refusal::internal(format!(
                            "the route's path has no parameter `{name}`; on the server, require one that it has"
                        ))
                    })?;
                    // `Path` gives the handler the last value of a repeated parameter, or all: checking the first is
                    // not enough.
                    if values.next().is_some() {
                        return Err(Refusal::internal(format!(
                            "the route's path has the parameter `{name}` more than once; on the server, give each a different \
                                 name"
                        )));
                    }
                    value
                }
            });
        }
        Ok(resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_has_names_in_paired_braces() {
        let text = |text: &str| Piece::Text(text.to_owned());
        let param = |name: &str| Piece::Param(name.to_owned());
        let pieces = |template: &str| Template::parse(template).unwrap().0;
        assert_eq!(pieces("chat"), [text("chat")]);
        assert_eq!(pieces("{a}"), [param("a")]);
        assert_eq!(pieces("a:{b}:{c}d"), [text("a:"), param("b"), text(":"), param("c"), text("d")]);
        assert_eq!(pieces("a{{b}}{c}"), [text("a{b}"), param("c")]);
        for wrong in ["", "{}", "{a", "a}", "{a}}", "{*a}", "{a{b}}", "{"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }
}
