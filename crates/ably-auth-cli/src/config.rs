//! The `serve --config` file. Its options are added to the command line, except those that the command line or the
//! environment also sets.

mod file;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::{env, fs};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory as _};

use crate::args::Args;
use crate::credential::without_mark;
use crate::output::Failure;
use crate::{input, launcher};
use file::options;

const COMMAND: &str = "serve";

/// The replacement for the parts of a URL that may be secret.
const HIDDEN: &str = "[redacted]";

const ENVIRONMENT: &str = "the environment";
const FILE: &str = "the file";

/// The options that the file must not set.
const NOT_IN_FILE: &[&str] = &["config", "check-config", "json", "help", "version"];

/// The command line with the options of the file added, and the names of those options.
pub(crate) struct Words {
    pub(crate) words: Vec<OsString>,
    pub(crate) from_file: HashSet<String>,
}

/// Returns the command line with the options of the `--config` file. Validates only the options of the file; clap
/// validates the result.
pub(crate) fn words(given: Vec<OsString>) -> Result<Words, Failure> {
    let Some(at) = given.iter().position(|word| word == COMMAND).filter(|at| is_command(&given, *at)) else {
        return Ok(Words { words: given, from_file: HashSet::new() });
    };
    let file = value_of(&given, "config").or_else(|| env::var_os("ABLY_AUTH_CONFIG"));
    let Some(file) = file.filter(|file| !file.is_empty()) else {
        return Ok(Words { words: given, from_file: HashSet::new() });
    };
    let path = Path::new(&file);
    let named = format!("--config {}", path.display());
    let text = fs::read_to_string(path).map_err(|error| Failure::file(&named, &error))?;
    let options = options(without_mark(&text)).map_err(|problem| Failure::input(&named, problem))?;
    let program = Args::command();
    let command = program.find_subcommand(COMMAND).cloned().unwrap_or_default();
    let (mut before, after) = (given.get(..=at).unwrap_or_default().to_vec(), given.get(at + 1..).unwrap_or_default());
    let mut from_file = HashSet::new();
    for option in options {
        let wrong =
            |problem: &str| Failure::input(&named, format!("line {}: `{}`: {problem}", option.line, option.name));
        let arg = command.get_arguments().find(|arg| arg.get_long() == Some(&option.name));
        let arg = arg.filter(|_| !NOT_IN_FILE.contains(&option.name.as_str()));
        let arg = arg.ok_or_else(|| {
            wrong(&format!("unknown option; see `{} serve --help` for the names", launcher::command()))
        })?;
        let word = OsString::from(format!("--{}={}", option.name, option.value));
        check(&program, arg, &word).map_err(|problem| wrong(&problem))?;
        let is_in_environment = arg.get_env().and_then(env::var_os).is_some_and(|value| !value.is_empty());
        if !is_in_environment && value_of(after, &option.name).is_none() {
            before.push(word);
            from_file.insert(option.name);
        }
    }
    before.extend_from_slice(after);
    Ok(Words { words: before, from_file })
}

/// Returns `program` without the environment variables that are empty, so that they count as unset.
pub(crate) fn without_empty_variables(program: Command) -> Command {
    program.mut_subcommand(COMMAND, |command| {
        command.mut_args(|arg| {
            let is_empty = arg.get_env().and_then(env::var_os).is_some_and(|value| value.is_empty());
            if is_empty { arg.env(Resettable::Reset) } else { arg }
        })
    })
}

/// Returns the environment variable that set the refused value, unless the value is in `words`.
pub(crate) fn variable_of(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else { return None };
    let name = option.strip_prefix("--")?.split([' ', '=', '[']).next()?;
    let program = Args::command();
    let arg = program.find_subcommand(COMMAND)?.get_arguments().find(|arg| arg.get_long() == Some(name))?;
    let variable = arg.get_env().filter(|variable| env::var_os(variable).is_some())?;
    let is_serve = words.iter().any(|word| word == COMMAND);
    (is_serve && value_of(words, name).is_none()).then(|| variable.to_string_lossy().into_owned())
}

/// Returns `message` with its leading option renamed to the environment variable, or prefixed with `--config`, if the
/// value came from there.
pub(crate) fn with_origin(message: &str, effective: &[(String, String, &'static str)]) -> Option<String> {
    let rest = message.strip_prefix("--")?;
    let name = rest.split([' ', ':']).next()?;
    let (.., origin) = effective.iter().find(|(known, ..)| known == name)?;
    match *origin {
        ENVIRONMENT => {
            let variable = format!("ABLY_AUTH_{}", name.replace('-', "_").to_uppercase());
            Some(format!("{variable}{}", rest.strip_prefix(name)?))
        }
        FILE => Some(format!("--config: {rest}")),
        _ => None,
    }
}

/// Checks the permissions of the `--config` file if it contains a password.
pub(crate) fn check_mode(path: &Path) -> Result<(), Failure> {
    let name = format!("--config {}", path.display());
    let mut file = File::open(path).map_err(|error| Failure::file(&name, &error))?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| Failure::file(&name, &error))?;
    let program = Args::command();
    let command = program.find_subcommand(COMMAND).cloned().unwrap_or_default();
    let has_password = options(without_mark(&text)).unwrap_or_default().iter().any(|option| {
        let arg = command.get_arguments().find(|arg| arg.get_long() == Some(&option.name));
        arg.is_some_and(Arg::is_hide_env_values_set) && redacted_url(&option.value).contains(HIDDEN)
    });
    if has_password { input::check_mode(&name, path, &file) } else { Ok(()) }
}

/// Returns true if the word at `at` is the command, and not the value of an earlier option.
fn is_command(given: &[OsString], at: usize) -> bool {
    given.get(1..at).unwrap_or_default().iter().all(|word| word == "--json")
}

/// Returns the value of the option `name`, if the option is present. The value is empty if the option is the last word.
fn value_of(words: &[OsString], name: &str) -> Option<OsString> {
    let option = format!("--{name}");
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if *word == *option {
            return Some(words.next().cloned().unwrap_or_default());
        }
        let value = word.to_str().and_then(|word| word.strip_prefix(&option)?.strip_prefix('='));
        if let Some(value) = value {
            return Some(value.into());
        }
    }
    None
}

/// Checks the value of one option. The options that it requires are checked later, with all options.
fn check(program: &Command, arg: &Arg, word: &OsString) -> Result<(), String> {
    let words = [OsString::from("ably-auth"), COMMAND.into(), word.clone()];
    match program.clone().try_get_matches_from(words) {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) => {
            let form = arg.get_value_names().and_then(|names| names.first()).map_or("a value", |name| name.as_str());
            let reason = std::error::Error::source(&error).map(|source| format!(" ({source})")).unwrap_or_default();
            Err(format!("the value is not {form}{reason}"))
        }
        _ => Ok(()),
    }
}

/// Returns the effective options: the name, the value as in the file and without passwords, and the origin.
pub(crate) fn describe(matches: &ArgMatches, from_file: &HashSet<String>) -> Vec<(String, String, &'static str)> {
    let program = Args::command();
    let command = program.find_subcommand(COMMAND).cloned().unwrap_or_default();
    let known = command.get_arguments().filter(|arg| arg.get_id() != "check_config" && arg.get_id() != "json");
    let mut effective = Vec::new();
    for arg in known {
        let id = arg.get_id().as_str();
        let Some(name) = arg.get_long() else { continue };
        let Ok(Some(values)) = matches.try_get_raw(id) else { continue };
        let value = values.map(|value| value.to_string_lossy().into_owned()).collect::<Vec<_>>().join(",");
        let origin = match matches.value_source(id) {
            _ if from_file.contains(name) => FILE,
            Some(ValueSource::CommandLine) => "the command line",
            Some(ValueSource::EnvVariable) => ENVIRONMENT,
            _ => "default",
        };
        // A value that the help does not show may contain a password.
        let value = if arg.is_hide_env_values_set() { redacted_url(&value) } else { value };
        effective.push((name.to_owned(), value, origin));
    }
    effective
}

/// Returns the scheme, host and port of a URL, with the rest redacted: a password may be before or after the host.
fn redacted_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return HIDDEN.into();
    };
    let (authority, after) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // The password may contain these characters, so the host is unknown.
    if after.contains('@') {
        return format!("{scheme}://{HIDDEN}");
    }
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{HIDDEN}@{host}"),
        None => authority.into(),
    };
    let after = if matches!(after, "" | "/") { after.to_owned() } else { format!("/{HIDDEN}") };
    format!("{scheme}://{host}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_read_and_not_quoted_in_errors() {
        let options =
            |text| options(text).map(|all| all.into_iter().map(|one| (one.name, one.value, one.line)).collect());
        let read: Result<Vec<_>, String> =
            options("listen = \"[::]:80\"\n\nmax-body = 1_000\ntrusted-proxy = [\"a\", \"b\"]");
        let mut read = read.unwrap();
        read.sort_by_key(|(.., line)| *line);
        let own = |name: &str, value: &str, line| (name.to_owned(), value.to_owned(), line);
        assert_eq!(read, [own("listen", "[::]:80", 1), own("max-body", "1000", 3), own("trusted-proxy", "a,b", 4)]);
        for (text, line) in
            [("a = 1\nredis = hush", "line 2: "), ("\n\n[log]\nlevel = 1", "line 3: `log`"), ("a = 1.5", "line 1: `a`")]
        {
            let error = options(text).unwrap_err();
            assert!(error.starts_with(line) && !error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn password_in_url_is_redacted() {
        for (url, shown) in [
            ("redis://:hush@host:1", "redis://[redacted]@host:1"),
            ("redis://host:1", "redis://host:1"),
            ("rediss://me:hush@[::1]:1/", "rediss://[redacted]@[::1]:1/"),
            ("redis://host:1/2", "redis://host:1/[redacted]"),
            ("redis://host:1?protocol=3&password=hush", "redis://host:1/[redacted]"),
            ("redis+unix:///run/redis.sock?pass=hush", "redis+unix:///[redacted]"),
            ("redis+unix:///run/redis.sock?pass=hu@sh", "redis+unix://[redacted]"),
            ("redis://:hu/sh@host:1", "redis://[redacted]"),
            ("redis://:hu@sh@host:1", "redis://[redacted]@host:1"),
            (":hush@host:1", "[redacted]"),
        ] {
            assert_eq!(redacted_url(url), shown, "{url}");
        }
    }
}
