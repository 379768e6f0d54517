//! Redaction of keys and tokens in the wrong argument, such as a key without `--key`: an error message that quotes the
//! argument would print them.

use crate::draw::printable;

/// Redacts in `text` the secret of each argument that looks like a key or a token.
pub(crate) fn without_secrets(text: &str) -> String {
    let args: Vec<_> = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let keys: Vec<_> = args.iter().filter_map(|arg| key_in(arg)).collect();
    // A message may quote an argument either unchanged or escaped.
    let escaped: Vec<_> = keys.iter().map(|(name, key)| (printable(name), printable(key))).collect();
    let escaped = escaped.iter().map(|(name, key)| (name.as_str(), key.as_str()));
    let text = hide(text, keys.iter().copied().chain(escaped).collect());
    let json: Vec<_> = args.iter().filter(|arg| is_secret_json(arg)).collect();
    let text = json
        .iter()
        .fold(text, |text, json| text.replace(json.as_str(), "[redacted]").replace(&printable(json), "[redacted]"));
    args.iter().filter_map(|arg| token_in(arg)).fold(text, |text, token| text.replace(token, "[redacted]"))
}

/// Redacts the keys in `text`, the longest first: a key would not be found after a shorter key in it was replaced.
fn hide(text: &str, mut keys: Vec<(&str, &str)>) -> String {
    keys.sort_by_key(|(_, key)| std::cmp::Reverse(key.len()));
    keys.into_iter().fold(text.to_owned(), |text, (name, key)| text.replace(key, &format!("{name}:[redacted]")))
}

/// Returns the name and the key in an argument such as `a.b:c`, `--option=a.b:c` or `http://a.b:c`, even if the key is
/// malformed.
fn key_in(arg: &str) -> Option<(&str, &str)> {
    let word = arg.rsplit_once("//").map_or(arg, |(_, rest)| rest);
    let (before, secret) = word.split_once(':')?;
    let name = before.rsplit_once('=').map_or(before, |(_, name)| name);
    let key = word.get(before.len() - name.len()..)?;
    let port = secret.split('/').next().unwrap_or_default();
    let is_port = port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    let is_json = name.contains(['{', '"']);
    (name.contains('.') && !is_port && !is_json).then_some((name, key))
}

/// Returns true for the JSON of a signed token request or of a token's details.
fn is_secret_json(arg: &str) -> bool {
    arg.trim_start().starts_with('{') && (arg.contains("\"mac\"") || arg.contains("\"token\""))
}

/// Returns the token in an argument such as `app.aBc…` or `--option=eyJ….….…`. Names of files and hosts are rarely as
/// long.
fn token_in(arg: &str) -> Option<&str> {
    /// The minimum length of the part after the dot, in bytes.
    const MIN_BYTES: usize = 24;
    let word = if arg.starts_with('-') { arg.split_once('=').map_or("", |(_, value)| value) } else { arg };
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"._-=+/".contains(&byte);
    let (_, rest) = word.split_once('.')?;
    let is_long = word.starts_with("eyJ") || (rest.len() >= MIN_BYTES && !rest.contains(['.', '/']));
    (is_long && word.bytes().all(is_token_byte)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::{hide, key_in, token_in};

    #[test]
    fn tokens_are_distinguished_from_names() {
        for (arg, token) in [
            ("shop.AbCdEfGhIjKlMnOpQrStUvWxYz", "shop.AbCdEfGhIjKlMnOpQrStUvWxYz"),
            ("--option=eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"),
        ] {
            assert_eq!(token_in(arg), Some(token), "{arg}");
        }
        for arg in
            ["shop.backend", "https://some.host.of-a-name-that-is-long.example", "a/b.c", "--ttl=1.5", "cert.pem", ""]
        {
            assert_eq!(token_in(arg), None, "{arg}");
        }
    }

    #[test]
    fn key_that_starts_with_another_is_redacted_whole() {
        let keys = vec![("a.b", "a.b:c"), ("a.b", "a.b:c-and-more")];
        assert_eq!(hide("no `a.b:c-and-more`, no `a.b:c`", keys), "no `a.b:[redacted]`, no `a.b:[redacted]`");
    }

    #[test]
    fn keys_are_distinguished_from_other_text_with_colons() {
        for (arg, name, key) in [
            ("a.b:c", "a.b", "a.b:c"),
            ("--option=a.b:c=", "a.b", "a.b:c="),
            ("ftp://a.b:c@host", "a.b", "a.b:c@host"),
            (" a.b:c d:e", " a.b", " a.b:c d:e"),
        ] {
            assert_eq!(key_in(arg), Some((name, key)), "{arg}");
        }
        for arg in ["a.b", "chat:room", "127.0.0.1:99999", "[::1]:x", "http://a.b:8484/c", r#"{"a.b:c":["*"]}"#] {
            assert_eq!(key_in(arg), None, "{arg}");
        }
    }
}
