//! Reading what is given, with errors that name it.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use ably_auth::{ApiKey, Capability, ClientId, Clock as _, Endpoint, SystemClock, Timestamp, Token, TokenParams, Ttl};

use crate::args;
use crate::credential;
use crate::output::{self, Failure};
use crate::prompt;

const CONTROL_TOKEN_VARIABLE: &str = "ABLY_CONTROL_TOKEN";
const KEY_VARIABLE: &str = "ABLY_API_KEY";
const TOKEN_VARIABLE: &str = "ABLY_TOKEN";

/// The most that is read of an input: more than any credential or capability is.
const MAX_BYTES: u64 = 1024 * 1024;

/// Returns the key of `--key` or `--key-file`, else of the environment, else of who sits at the terminal. No message quotes it.
pub(crate) fn key(arg: args::KeyArg) -> Result<ApiKey, Failure> {
    let (name, text) = match (arg.key, arg.key_file) {
        (Some(text), _) => ("--key".into(), text),
        (None, Some(path)) => secret_input("--key-file", &path)?,
        (None, None) => match credential::variable(KEY_VARIABLE)? {
            Some(text) => (KEY_VARIABLE.into(), text),
            None => match prompt::line("API key")? {
                Some(text) if !text.is_empty() => ("the key that was typed".into(), text),
                _ => {
                    let problem = "no key is given; set";
                    return Err(Failure::Input(format!("{problem} {KEY_VARIABLE}, or use --key-file or --key")));
                }
            },
        },
    };
    let text = credential::clean(&name, &text, "a key, `appId.keyId:secret`,")?;
    ApiKey::parse(text).map_err(|error| Failure::input(&name, error))
}

/// Returns a token, or what is about one: from `--token-file`, else from the environment, else from stdin, which at a terminal
/// is asked. With it goes the name of where it came from.
pub(crate) fn token(arg: &args::TokenArg) -> Result<(String, String), Failure> {
    let (name, text) = match (&arg.token, &arg.token_file) {
        (Some(text), _) if text == "-" => ("stdin".into(), stdin()?),
        (Some(text), _) => ("the token".into(), text.clone()),
        (None, Some(path)) => secret_input("--token-file", path)?,
        (None, None) => match credential::variable(TOKEN_VARIABLE)? {
            Some(text) => (TOKEN_VARIABLE.into(), text),
            None => match prompt::token()? {
                Some(text) => ("the token that was typed".into(), text),
                None => ("stdin".into(), stdin()?),
            },
        },
    };
    let text = credential::clean(&name, &text, "a token")?.to_owned();
    Ok((name, text))
}

/// A bare number of milliseconds below this is more likely to be in another unit.
const SMALL_MILLIS: u64 = 10_000;

/// Returns true if a time since the epoch is in seconds where milliseconds belong. As milliseconds, it is before March 1973.
pub(crate) const fn is_in_seconds(time: u64) -> bool {
    time >= 1_000_000_000 && time < 100_000_000_000
}

/// Returns the time that the option gives, or the system clock's.
pub(crate) fn now(option: &str, given: Option<u64>) -> Timestamp {
    given.map_or_else(|| SystemClock.now(), |given| timestamp(option, given))
}

/// Returns the time, and warns of one that is in seconds.
pub(crate) fn timestamp(option: &str, given: u64) -> Timestamp {
    if is_in_seconds(given) {
        output::note(&format!("warning: {option}: {given} looks like seconds; give milliseconds: {given}000"));
    }
    Timestamp::from_millis(given)
}

/// Returns the milliseconds of a duration, and warns of a bare number that is so small that it may be in another unit.
pub(crate) fn span_millis(option: &str, span: args::Span) -> u64 {
    let millis = u64::try_from(span.duration.as_millis()).unwrap_or(u64::MAX);
    if span.is_bare && (1..SMALL_MILLIS).contains(&millis) {
        output::note(&format!(
            "warning: {option}: {millis} is in milliseconds; write `{millis}s` for seconds, or `{millis}ms`"
        ));
    }
    millis
}

/// Reads an endpoint as people write it: with a scheme in capitals, or a host and a port without a scheme. The text is not
/// quoted: some give a key, or a URL with credentials in it.
pub(crate) fn endpoint(text: &str) -> Result<Endpoint, Failure> {
    let text = text.trim();
    let wrong = |why: &str| {
        let advice = "give a routing policy such as `main`, a host name, or a URL such as `http://127.0.0.1:8484`";
        Failure::input("--endpoint", format!("endpoint {why}; {advice}"))
    };
    if text.is_empty() {
        return Err(wrong("is empty"));
    }
    if text.contains(char::is_whitespace) {
        return Err(wrong("has white space in it"));
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
        None => (None, text),
    };
    let starts_with = |start: &str| rest.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start));
    match scheme.as_deref() {
        Some("ws" | "wss") => return Err(wrong("is of WebSocket, and the service is asked over `http` or `https`")),
        None if starts_with("http:") || starts_with("https:") => {
            return Err(wrong("has a scheme without `//` after it"));
        }
        _ => {}
    }
    let host = rest.strip_suffix('/').unwrap_or(rest);
    if host.contains(['?', '#']) {
        return Err(wrong("has a query or a fragment, which must be left out"));
    }
    if host.contains('/') {
        return Err(wrong("has a path, which must be left out"));
    }
    let after_address = host.rsplit_once(']').map_or(host, |(_, after)| after);
    let port = after_address.split_once(':').filter(|(_, port)| !port.contains(':') && !host.contains('@'));
    let Some((name, port)) = port.filter(|(name, _)| *name != "nonprod") else {
        let text = scheme.map_or_else(|| host.to_owned(), |scheme| format!("{scheme}://{host}"));
        return Endpoint::parse(&text).map_err(|error| Failure::input("--endpoint", error));
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) || port.parse::<u16>().is_err() {
        return Err(wrong("has a port that is not a number from 0 to 65535"));
    }
    if name.is_empty() && !host.starts_with('[') {
        return Err(wrong("has a port and no host"));
    }
    let host = host.to_ascii_lowercase();
    let parse = |scheme: &str| {
        Endpoint::parse(&format!("{scheme}://{host}")).map_err(|error| Failure::input("--endpoint", error))
    };
    match scheme {
        Some(scheme) => parse(&scheme),
        // A service of this machine has no TLS, most of the time.
        None => parse("https").map(|endpoint| if endpoint.is_loopback() { endpoint.with_tls(false) } else { endpoint }),
    }
}

/// The parts of `RESOURCE=VALUE`, split at the last `=` or at the first.
pub(crate) fn scoped<'a>(name: &str, text: &'a str, at_last: bool) -> Result<(&'a str, &'a str), Failure> {
    let parts = if at_last { text.rsplit_once('=') } else { text.split_once('=') };
    let problem = "expected `RESOURCE=VALUE`; put a channel name, or a wildcard, before the `=`";
    parts.filter(|(resource, _)| !resource.is_empty()).ok_or_else(|| Failure::input(name, problem))
}

/// Returns the access token of the Control API: from `--control-token`, else from the environment. No message quotes it.
pub(crate) fn control_token(file: Option<&Path>) -> Result<Token, Failure> {
    let (name, text) = match file {
        Some(path) => secret_input("--control-token", path)?,
        None => match credential::variable(CONTROL_TOKEN_VARIABLE)? {
            Some(text) => (CONTROL_TOKEN_VARIABLE.into(), text),
            None => match prompt::line("Access token of the Control API")? {
                Some(text) if !text.is_empty() => ("the access token that was typed".into(), text),
                _ => {
                    let problem = "no access token is given; use --control-token FILE, or set";
                    return Err(Failure::Input(format!("{problem} {CONTROL_TOKEN_VARIABLE}")));
                }
            },
        },
    };
    let text = credential::clean(&name, &text, "an access token")?;
    if file.is_some() && text.contains(char::is_whitespace) {
        let problem = "it holds more than one word; give a file with one access token alone";
        return Err(Failure::input(&name, problem));
    }
    Token::new(text).map_err(|error| Failure::input(&name, error))
}

/// Reads a capability given as an argument, or on stdin for `-`.
pub(crate) fn capability(name: &str, text: &str) -> Result<Capability, Failure> {
    let (name, text) = if text == "-" { ("stdin", stdin()?) } else { (name, text.to_owned()) };
    let text = credential::clean(name, &text, "a capability, such as `{\"chat\":[\"publish\"]}`,")?;
    Capability::parse_strict(text).map_err(|error| Failure::input(name, error))
}

pub(crate) fn token_params(args: &args::TokenParams) -> Result<TokenParams, Failure> {
    let client_id = args.client_id.as_deref().map(ClientId::parse).transpose();
    let ttl = args.ttl.map(|ttl| Ttl::from_millis(span_millis("--ttl", ttl))).transpose();
    Ok(TokenParams {
        client_id: client_id.map_err(|error| Failure::input("--client-id", error))?.unwrap_or_default(),
        ttl: ttl.map_err(|error| Failure::input("--ttl", error))?,
        capability: args.capability.as_deref().map(|text| capability("--capability", text)).transpose()?,
        ..TokenParams::new()
    })
}

/// True once stdin was read: there is nothing more in it.
static STDIN_IS_READ: AtomicBool = AtomicBool::new(false);

pub(crate) fn stdin() -> Result<String, Failure> {
    if STDIN_IS_READ.swap(true, Ordering::Relaxed) {
        return Err(Failure::input("stdin", "two inputs are to come from it; give one of them in another way"));
    }
    prompt::announce_stdin();
    read("stdin", io::stdin().lock())
}

/// Reads the file of an option that holds a credential, or stdin for `-`. Returns its name for errors, and its text.
fn secret_input(option: &str, path: &Path) -> Result<(String, String), Failure> {
    if path.as_os_str() == "-" { Ok(("stdin".into(), stdin()?)) } else { secret_file(option, path) }
}

/// Reads a file that holds one or a few credentials. Returns its name for errors, and its text.
pub(crate) fn secret_file(option: &str, path: &Path) -> Result<(String, String), Failure> {
    let name = format!("{option} {}", path.display());
    let text = read(&name, open_secret(&name, path)?)?;
    Ok((name, text))
}

/// Opens a file that holds secrets, and checks its mode.
pub(crate) fn open_secret(name: &str, path: &Path) -> Result<fs::File, Failure> {
    let file = fs::File::open(path).map_err(|error| Failure::file(name, &error))?;
    check_mode(name, path, &file)?;
    Ok(file)
}

/// Refuses a file that other users may write. Warns of one that other users may read, or that its group may write. The mode is
/// that of the file which a symbolic link leads to. Only regular files are checked: a pipe or a terminal has no stored mode.
#[cfg(unix)]
pub(crate) fn check_mode(name: &str, path: &Path, file: &fs::File) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt as _;

    const OTHERS_WRITE: u32 = 0o002;
    const OTHERS_READ: u32 = 0o004;
    const GROUP_WRITES: u32 = 0o020;

    let metadata = file.metadata().map_err(|error| Failure::file(name, &error))?;
    let mode = metadata.mode() & 0o777;
    let advice = format!("run `chmod g-w,o= {}`", path.display());
    let has = |bits| metadata.is_file() && mode & bits != 0;
    if has(OTHERS_WRITE) {
        let problem = format!("invalid permissions: mode {mode:04o} lets every user write the file; {advice}");
        return Err(Failure::input(name, problem));
    }
    if has(OTHERS_READ) {
        warn(&format!("{name}: mode {mode:04o} lets every user read the file; {advice}"));
    } else if has(GROUP_WRITES) {
        warn(&format!("{name}: mode {mode:04o} lets the group write the file; {advice}"));
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) const fn check_mode(_: &str, _: &Path, _: &fs::File) -> Result<(), Failure> {
    Ok(())
}

/// Logs a warning; prints it where no log was started.
#[cfg(unix)]
fn warn(text: &str) {
    use tracing::dispatcher::{self, Dispatch};
    use tracing::subscriber::NoSubscriber;

    if dispatcher::get_default(Dispatch::is::<NoSubscriber>) {
        output::note(&format!("warning: {text}"));
    } else {
        tracing::warn!("{text}");
    }
}

fn read(name: &str, from: impl Read) -> Result<String, Failure> {
    let mut text = String::new();
    match from.take(MAX_BYTES + 1).read_to_string(&mut text) {
        Err(error) => Err(Failure::file(name, &error)),
        Ok(bytes) if bytes as u64 > MAX_BYTES => {
            Err(Failure::input(name, "it is longer than 1 MiB; give a single credential"))
        }
        Ok(_) => Ok(credential::without_mark(&text).to_owned()),
    }
}
