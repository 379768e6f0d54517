//! Reading of credentials and other inputs, with errors that name the input.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ably_auth::{
    ApiKey, Capability, ClientId, ClientOptions, Clock as _, Endpoint, Mode, SystemClock, Timestamp, Token,
    TokenParams, Ttl,
};
use ably_auth_blocking::UreqTransport;

use crate::args;
use crate::credential;
use crate::output::{self, Failure};
use crate::prompt;

const CONTROL_TOKEN_VARIABLE: &str = "ABLY_CONTROL_TOKEN";
const KEY_VARIABLE: &str = "ABLY_API_KEY";
const TOKEN_VARIABLE: &str = "ABLY_TOKEN";
const ROOTS_VARIABLE: &str = "ABLY_CACERT";

/// The maximum size of an input, in bytes. No credential or capability is as large.
const MAX_BYTES: u64 = 1024 * 1024;

/// Returns the key from `--key` or `--key-file`, else from `ABLY_API_KEY`, else from a prompt. No message quotes the
/// key.
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

/// Returns a token or its details, after the name of the source. The source is the argument or `--token-file`, else
/// `ABLY_TOKEN`, else a prompt at a terminal, else stdin.
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

/// Returns a token request, after the name of the source: the argument or `--request-file`, else stdin.
pub(crate) fn token_request(arg: &args::Exchange) -> Result<(String, String), Failure> {
    let (name, text) = match (&arg.request, &arg.request_file) {
        (Some(text), _) if text != "-" => ("the token request".into(), text.clone()),
        (None, Some(path)) => secret_input("--request-file", path)?,
        _ => ("stdin".into(), stdin()?),
    };
    let text = credential::clean(&name, &text, "the JSON of a token request")?.to_owned();
    Ok((name, text))
}

/// The limit in milliseconds below which a bare number is probably meant in another unit.
const SMALL_MILLIS: u128 = 10_000;

/// Returns true if `time` is probably in seconds since the epoch. As milliseconds, it would be before March 1973.
pub(crate) const fn is_in_seconds(time: u64) -> bool {
    time >= 1_000_000_000 && time < 100_000_000_000
}

/// Returns `given`, the value of `option`, or else the time of the system clock.
pub(crate) fn now(option: &str, given: Option<u64>) -> Timestamp {
    given.map_or_else(|| SystemClock.now(), |given| timestamp(option, given))
}

/// Returns the time in `given`, and warns if it is probably in seconds.
pub(crate) fn timestamp(option: &str, given: u64) -> Timestamp {
    if is_in_seconds(given) {
        output::note(&format!("warning: {option}: {given} looks like seconds; give milliseconds: {given}000"));
    }
    Timestamp::from_millis(given)
}

/// Returns a duration in milliseconds. Warns as [`span`] does.
pub(crate) fn span_millis(option: &str, given: args::Span) -> u64 {
    u64::try_from(span(option, given).as_millis()).unwrap_or(u64::MAX)
}

/// Returns a duration. Warns about a bare number that is small enough to be meant in another unit.
pub(crate) fn span(option: &str, span: args::Span) -> Duration {
    let millis = span.duration.as_millis();
    if span.is_bare && (1..SMALL_MILLIS).contains(&millis) {
        output::note(&format!(
            "warning: {option}: {millis} is in milliseconds; write `{millis}s` for seconds, or `{millis}ms`"
        ));
    }
    span.duration
}

/// Parses an endpoint. Accepts a scheme in capitals, and a host and a port without a scheme. No message quotes the
/// text, because it may be a key or a URL with credentials.
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
        Some("ws" | "wss") => return Err(wrong("is a WebSocket URL, not one of `http` or `https`")),
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
        // A service on this machine usually has no TLS.
        None => parse("https").map(|endpoint| if endpoint.is_loopback() { endpoint.with_tls(false) } else { endpoint }),
    }
}

/// Splits `RESOURCE=VALUE` at the last `=` if `at_last`, else at the first.
pub(crate) fn scoped<'a>(name: &str, text: &'a str, at_last: bool) -> Result<(&'a str, &'a str), Failure> {
    let parts = if at_last { text.rsplit_once('=') } else { text.split_once('=') };
    let problem = "expected `RESOURCE=VALUE`; put a channel name, or a wildcard, before the `=`";
    parts.filter(|(resource, _)| !resource.is_empty()).ok_or_else(|| Failure::input(name, problem))
}

/// Returns the Control API's access token from `file` (`--control-token`), else from `ABLY_CONTROL_TOKEN`, else from a
/// prompt. No message quotes the token.
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
        let problem = "it contains more than one word; give a file with one access token and nothing else";
        return Err(Failure::input(&name, problem));
    }
    Token::new(text).map_err(|error| Failure::input(&name, error))
}

/// Adds the root certificates of `--cacert`, or else of the file in `ABLY_CACERT`, to `options`.
pub(crate) fn with_roots<M: Mode>(options: ClientOptions<M>, arg: &args::Roots) -> Result<ClientOptions<M>, Failure> {
    let of_variable =
        || credential::variable(ROOTS_VARIABLE).map(|path| path.map(|path| (ROOTS_VARIABLE, path.into())));
    let named = arg.cacert.clone().map(|path| ("--cacert", path));
    let Some((option, path)) = named.map_or_else(of_variable, |named| Ok(Some(named)))? else { return Ok(options) };
    let name = format!("{option} {}", path.display());
    let pem = fs::read(&path).map_err(|error| Failure::file(&name, &error))?;
    let options = options.add_root_certificates(pem);
    // Making a transport checks the certificates, so that the error names the file.
    UreqTransport::for_settings(options.get_http_settings()).map_err(|error| Failure::input(&name, error))?;
    Ok(options)
}

/// Parses the capability in `text`, or on stdin if `text` is `-`.
pub(crate) fn capability(name: &str, text: &str) -> Result<Capability, Failure> {
    let (name, text) = if text == "-" { ("stdin", stdin()?) } else { (name, text.to_owned()) };
    let text = credential::clean(name, &text, "a capability, such as `{\"chat\":[\"publish\"]}`,")?;
    Capability::parse_strict(text).map_err(|error| Failure::input(name, error))
}

pub(crate) fn token_params(args: &args::TokenParams) -> Result<TokenParams, Failure> {
    let mut params = TokenParams::new();
    if let Some(client_id) = &args.client_id {
        params = params.client_id(ClientId::parse(client_id).map_err(|error| Failure::input("--client-id", error))?);
    }
    if let Some(ttl) = args.ttl {
        let ttl = Ttl::from_millis(span_millis("--ttl", ttl));
        params = params.ttl(ttl.map_err(|error| Failure::input("--ttl", error))?);
    }
    if let Some(text) = &args.capability {
        params = params.capability(capability("--capability", text)?);
    }
    Ok(params)
}

/// True after stdin was read: a second read would find nothing.
static STDIN_IS_READ: AtomicBool = AtomicBool::new(false);

pub(crate) fn stdin() -> Result<String, Failure> {
    if STDIN_IS_READ.swap(true, Ordering::Relaxed) {
        return Err(Failure::input("stdin", "it is requested for two inputs; give one of them in another way"));
    }
    prompt::announce_stdin();
    read("stdin", io::stdin().lock())
}

/// Reads a credential from the file of `option`, or from stdin if `path` is `-`. Returns the input's name for errors,
/// and its text.
fn secret_input(option: &str, path: &Path) -> Result<(String, String), Failure> {
    if path.as_os_str() == "-" { Ok(("stdin".into(), stdin()?)) } else { secret_file(option, path) }
}

/// Reads a file with one or more credentials. Returns the file's name for errors, and its text.
pub(crate) fn secret_file(option: &str, path: &Path) -> Result<(String, String), Failure> {
    let name = format!("{option} {}", path.display());
    let text = read(&name, open_secret(&name, path)?)?;
    Ok((name, text))
}

/// Opens a file with secrets, and checks its permissions.
pub(crate) fn open_secret(name: &str, path: &Path) -> Result<fs::File, Failure> {
    let file = fs::File::open(path).map_err(|error| Failure::file(name, &error))?;
    check_mode(name, path, &file)?;
    Ok(file)
}

/// Refuses a file that any user may write. Warns about a file that any user may read, or that its group may write. The
/// mode is that of a symbolic link's target. Only regular files are checked: a pipe or a terminal has no stored mode.
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

/// Logs a warning, or prints it to stderr if logging was not started.
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
