//! `ably-auth serve`

use std::net::SocketAddr;
use std::path::PathBuf;

use ably_auth_server::{Network, Rate};
use clap::{Args as ClapArgs, ValueEnum};

use super::values::{self, Span};

/// A boolean option that may have a value: `--option` alone means true. The alias keeps clap from making it a flag,
/// which takes no value.
type Switch = bool;

#[derive(ClapArgs)]
#[command(
    after_help = "Each option can also be set in the environment, as ABLY_AUTH_ and its name in capitals, or in the --config \
                        file, as `listen = \"127.0.0.1:8484\"`. The command line overrides the environment, and the \
                        environment overrides the file."
)]
pub(crate) struct Serve {
    /// A TOML file with these options, named without the leading dashes
    #[arg(long, value_name = "FILE", env = "ABLY_AUTH_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Validate the configuration and the files that it names, print the effective values, and exit
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Shut down when stdin ends, so that the service does not outlive the program that started it
    #[arg(long, value_name = "true|false", env = "ABLY_AUTH_UNTIL_STDIN_ENDS", num_args = 0..=1, require_equals = true,
          default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub(crate) until_stdin_ends: Switch,
    /// Address to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDR:PORT", value_parser = values::address, env = "ABLY_AUTH_LISTEN", default_value = "127.0.0.1:8484")]
    pub(crate) listen: SocketAddr,
    /// Address that serves /health/live, /health/ready and /metrics without authentication [default: not served]
    #[arg(long, value_name = "ADDR:PORT", value_parser = values::address, env = "ABLY_AUTH_ADMIN")]
    pub(crate) admin: Option<SocketAddr>,
    /// A JSON file of apps and their keys; it is reloaded when it changes, and on SIGHUP
    #[arg(long, value_name = "FILE", env = "ABLY_AUTH_APPS")]
    pub(crate) apps: Option<PathBuf>,
    /// Run a sandbox for this machine only: accept keys without TLS (otherwise only over TLS), and let clients create
    /// and delete apps
    #[arg(long, value_name = "true|false", env = "ABLY_AUTH_SANDBOX", num_args = 0..=1, require_equals = true,
          default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub(crate) sandbox: Switch,
    /// DANGER: let other machines and containers use the sandbox under this host name, such as the name of a Compose
    /// service. The sandbox may then listen on any address, and web pages of any origin may use it under this name.
    /// Anybody who can reach it can create apps, and keys are sent without TLS; may be repeated
    #[arg(long, value_name = "NAME", env = "ABLY_AUTH_SANDBOX_ALLOW_HOST", value_delimiter = ',')]
    pub(crate) sandbox_allow_host: Vec<String>,
    /// DANGER: let anybody who can reach the address use the sandbox, under any host name and from any web page
    #[arg(long, value_name = "true|false", env = "ABLY_AUTH_SANDBOX_PUBLIC", num_args = 0..=1, require_equals = true,
          default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub(crate) sandbox_public: Switch,
    /// Serve the console of a sandbox at /console: a page that shows each request, and why it was refused
    #[arg(long, value_name = "true|false", env = "ABLY_AUTH_CONSOLE", num_args = 0..=1, require_equals = false,
          default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set, hide_possible_values = true)]
    pub(crate) console: Switch,
    /// Serve a console on the --admin address for the access token in this file, of at least 32 characters: it shows
    /// requests and connections, and revokes tokens
    #[arg(long, value_name = "FILE", env = "ABLY_AUTH_ADMIN_CONSOLE", requires = "admin")]
    pub(crate) admin_console: Option<PathBuf>,
    /// Serve the channel endpoints, to try a token's rights; set this to `false` in production
    #[arg(long, value_name = "true|false", env = "ABLY_AUTH_CHANNELS", num_args = 0..=1, require_equals = false,
          default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set, hide_possible_values = true)]
    pub(crate) channels: Switch,
    /// Serve the Control API under /v1 for the access tokens in this file: a single token, or lines of `NAME TOKEN` or
    /// `NAME TOKEN read-only`. Requires TLS, --sandbox or --trusted-proxy
    #[arg(long, value_name = "FILE", env = "ABLY_AUTH_CONTROL_TOKEN")]
    pub(crate) control_token: Option<PathBuf>,
    /// Serve TLS with the certificate in this PEM file, followed by its chain to the root; keys are then accepted
    #[arg(long, value_name = "FILE", env = "ABLY_AUTH_TLS_CERT", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// A PEM file with the private key of the certificate
    #[arg(long, value_name = "FILE", env = "ABLY_AUTH_TLS_KEY", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Serve TLS in a sandbox with a new certificate for localhost, 127.0.0.1 and ::1, and write the certificate to
    /// this file for clients to trust
    #[arg(
        long,
        value_name = "FILE",
        env = "ABLY_AUTH_TLS_SELF_SIGNED",
        requires = "sandbox",
        conflicts_with = "tls_cert"
    )]
    pub(crate) tls_self_signed: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) log: Log,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

#[derive(ClapArgs)]
pub(crate) struct Store {
    /// Store state in this folder, so that it survives restarts and crashes: used nonces, revocations, large tokens,
    /// keys and apps created over the API, the secret that seals tokens. Without --data and --redis, state is in memory
    #[arg(long, value_name = "DIR", env = "ABLY_AUTH_DATA", conflicts_with = "redis")]
    pub(crate) data: Option<PathBuf>,
    /// Store state in this Redis or Valkey, and share it with other services: `redis://host:port`, or
    /// `rediss://host:port` for TLS; set a URL with a password in the environment
    #[arg(long, value_name = "URL", env = "ABLY_AUTH_REDIS", hide_env_values = true)]
    pub(crate) redis: Option<String>,
    /// Treat an empty Redis as new, not as one that lost its data: accept token requests at once, not after 2 minutes
    #[arg(long, value_name = "true|false", env = "ABLY_AUTH_REDIS_IS_NEW", requires_if("true", "redis"), num_args = 0..=1,
          require_equals = true, default_value_t = false, default_missing_value = "true", hide_default_value = true,
          hide_possible_values = true)]
    pub(crate) redis_is_new: Switch,
    /// Trust the system clock, although it is more than a day from the time that is stored in the folder or Redis. Set
    /// this for one start only, with no other service on the same Redis; it ends all revocable tokens
    #[arg(long, value_name = "true|false", env = "ABLY_AUTH_CLOCK_IS_RIGHT", num_args = 0..=1, require_equals = true,
          default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub(crate) clock_is_right: Switch,
    /// A PEM file with the root certificates to trust for `rediss://`, instead of Mozilla's roots
    #[arg(long, value_name = "FILE", env = "ABLY_AUTH_REDIS_CA", requires = "redis")]
    pub(crate) redis_ca: Option<PathBuf>,
    /// A file with the secrets that seal tokens, one per line of 64 hexadecimal digits: the first one seals new tokens,
    /// and each of them opens tokens [default: a secret stored in the folder or Redis]
    #[arg(long, value_name = "FILE", env = "ABLY_AUTH_SERVICE_SECRETS")]
    pub(crate) service_secrets: Option<PathBuf>,
}

#[derive(ClapArgs)]
#[command(next_help_heading = "Logs, on stderr")]
pub(crate) struct Log {
    /// Format of the log lines
    #[arg(long, value_name = "FORMAT", env = "ABLY_AUTH_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// Log level: `info` logs each request, `warn` only problems
    #[arg(long, value_name = "LEVEL", env = "ABLY_AUTH_LOG_LEVEL", value_enum, default_value_t = LogLevel::Info)]
    pub(crate) log_level: LogLevel,
    /// A file to which audit events, such as key changes, are appended as JSON lines instead of stderr; SIGHUP reopens
    /// it
    #[arg(long, value_name = "FILE", env = "ABLY_AUTH_AUDIT_LOG")]
    pub(crate) audit_log: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(ClapArgs)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Limits {
    /// The maximum size of a request body, in bytes
    #[arg(long, value_name = "BYTES", env = "ABLY_AUTH_MAX_BODY", default_value_t = 65_536)]
    pub(crate) max_body: usize,
    /// The maximum size of the request headers, in bytes
    #[arg(long, value_name = "BYTES", env = "ABLY_AUTH_MAX_HEADER", default_value_t = 16_384)]
    pub(crate) max_header: usize,
    /// The timeout for reading the request headers: `10s`, `500ms`, `2m`
    #[arg(long, value_name = "TIME", env = "ABLY_AUTH_HEADER_DEADLINE", default_value = "10s", value_parser = values::span)]
    pub(crate) header_deadline: Span,
    /// The timeout for reading a request body
    #[arg(long, value_name = "TIME", env = "ABLY_AUTH_BODY_DEADLINE", default_value = "10s", value_parser = values::span)]
    pub(crate) body_deadline: Span,
    /// The timeout for a client to read more of a response
    #[arg(long, value_name = "TIME", env = "ABLY_AUTH_ANSWER_DEADLINE", default_value = "10s", value_parser = values::span)]
    pub(crate) answer_deadline: Span,
    /// The minimum average rate, in bytes per second, at which a client must read a large response. The client gets
    /// --answer-deadline in addition to the time that this rate allows
    #[arg(long, value_name = "BYTES", env = "ABLY_AUTH_MIN_ANSWER_RATE", default_value_t = 32_768)]
    pub(crate) min_answer_rate: u32,
    /// The maximum size of all large responses that are not fully written yet, in bytes; an app may use a quarter of it
    #[arg(long, value_name = "BYTES", env = "ABLY_AUTH_MAX_ANSWERS", default_value_t = 67_108_864)]
    pub(crate) max_answers: usize,
    /// The maximum memory for the history of all channels, in bytes
    #[arg(long, value_name = "BYTES", env = "ABLY_AUTH_MAX_HISTORY", default_value_t = 268_435_456)]
    pub(crate) max_history: usize,
    /// The maximum memory for realtime connections, in bytes, of which one app gets a quarter
    #[arg(long, value_name = "BYTES", env = "ABLY_AUTH_MAX_REALTIME", default_value_t = 268_435_456)]
    pub(crate) max_realtime: usize,
    /// The maximum of this memory for one realtime connection, in bytes; at least 1 MiB
    #[arg(long, value_name = "BYTES", env = "ABLY_AUTH_MAX_CONNECTION_MEMORY", default_value_t = 4_194_304)]
    pub(crate) max_connection_memory: usize,
    /// The maximum number of realtime connections of one app [default: half of --max-connections]
    #[arg(long, value_name = "COUNT", env = "ABLY_AUTH_MAX_CONNECTIONS_PER_APP")]
    pub(crate) max_connections_per_app: Option<usize>,
    /// The maximum number of realtime connections of one key and its tokens [default: that of an app]
    #[arg(long, value_name = "COUNT", env = "ABLY_AUTH_MAX_CONNECTIONS_PER_KEY")]
    pub(crate) max_connections_per_key: Option<usize>,
    /// The maximum rate of frames from one realtime connection, such as `100` or `100:250` per second
    #[arg(long, value_name = "RATE", env = "ABLY_AUTH_RATE_PER_CONNECTION", default_value = "250:500")]
    pub(crate) rate_per_connection: Rate,
    /// The maximum number of channels to which one realtime connection is attached
    #[arg(long, value_name = "COUNT", env = "ABLY_AUTH_MAX_ATTACHMENTS", default_value_t = 200)]
    pub(crate) max_attachments: usize,
    /// The maximum number of presence members of one channel
    #[arg(long, value_name = "COUNT", env = "ABLY_AUTH_MAX_PRESENCE_MEMBERS", default_value_t = 250)]
    pub(crate) max_presence_members: usize,
    /// The maximum memory for apps and keys that are made or changed at run time, in bytes
    #[arg(long, value_name = "BYTES", env = "ABLY_AUTH_MAX_RUN_TIME_APPS", default_value_t = 67_108_864)]
    pub(crate) max_run_time_apps: usize,
    /// The maximum memory for the log of the console, in bytes
    #[arg(long, value_name = "BYTES", env = "ABLY_AUTH_MAX_CONSOLE_LOG", default_value_t = 16_777_216)]
    pub(crate) max_console_log: usize,
    /// The maximum number of pages of the console that show the live log at the same time
    #[arg(long, value_name = "COUNT", env = "ABLY_AUTH_MAX_CONSOLE_STREAMS", default_value_t = 16)]
    pub(crate) max_console_streams: usize,
    /// The timeout for an idle connection to send its next request
    #[arg(long, value_name = "TIME", env = "ABLY_AUTH_IDLE", default_value = "75s", value_parser = values::span)]
    pub(crate) idle: Span,
    /// The maximum number of simultaneous connections
    #[arg(long, value_name = "COUNT", env = "ABLY_AUTH_MAX_CONNECTIONS", default_value_t = 10_000)]
    pub(crate) max_connections: usize,
    /// The maximum number of simultaneous connections from an IPv4 address or an IPv6 /64 network, except from trusted
    /// proxies [default: a quarter of --max-connections, or `off` in a sandbox]
    #[arg(long, value_name = "COUNT|off", env = "ABLY_AUTH_MAX_CONNECTIONS_PER_ADDRESS", value_parser = count_or_off)]
    pub(crate) max_connections_per_address: Option<CountOrOff>,
    /// The maximum number of simultaneous requests
    #[arg(long, value_name = "COUNT", env = "ABLY_AUTH_MAX_REQUESTS", default_value_t = 2_000)]
    pub(crate) max_requests: usize,
    /// The maximum memory for revocations, in bytes; an app may use a quarter of it
    #[arg(long, value_name = "BYTES", env = "ABLY_AUTH_MAX_REVOCATIONS", default_value_t = 268_435_456)]
    pub(crate) max_revocations: usize,
    /// The maximum size of all stored tokens that are too large for a header, in bytes; an app may use an eighth of it
    #[arg(long, value_name = "BYTES", env = "ABLY_AUTH_MAX_LARGE_TOKENS", default_value_t = 67_108_864)]
    pub(crate) max_large_tokens: usize,
    /// The maximum number of used nonces, of about 35 bytes each, in memory or in the --data folder
    #[arg(long, value_name = "COUNT", env = "ABLY_AUTH_MAX_NONCES", default_value_t = 10_000_000)]
    pub(crate) max_nonces: usize,
    /// The maximum rate of requests with a key and its tokens, per second, and the burst: `100:250` [default:
    /// unlimited]
    #[arg(long, value_name = "RATE[:BURST]", env = "ABLY_AUTH_RATE_PER_KEY")]
    pub(crate) rate_per_key: Option<Rate>,
    /// The maximum rate of requests from an IPv4 address or an IPv6 /64 network, per second [default: 1000:2000, or
    /// `off` in a sandbox]
    #[arg(long, value_name = "RATE[:BURST]|off", env = "ABLY_AUTH_RATE_PER_ADDRESS", value_parser = rate_or_off)]
    pub(crate) rate_per_address: Option<RateOrOff>,
    /// The maximum rate of audit events for refused requests without a valid credential, per second. The next event
    /// reports how many were left out
    #[arg(long, value_name = "RATE[:BURST]|off", env = "ABLY_AUTH_AUDIT_REFUSALS", default_value = "10:100",
          value_parser = rate_or_off)]
    pub(crate) audit_refusals: RateOrOff,
    /// A load balancer, or a network of them, that is trusted to report a client's address and use of TLS
    #[arg(long, value_name = "ADDR[/BITS]", env = "ABLY_AUTH_TRUSTED_PROXY", value_delimiter = ',')]
    pub(crate) trusted_proxy: Vec<Network>,
    /// The headers in which --trusted-proxy reports a client: X-Forwarded-For and X-Forwarded-Proto, or Forwarded (RFC
    /// 7239). The proxy must set or append to these headers in every request; the other headers are not read
    #[arg(long, value_name = "HEADER", env = "ABLY_AUTH_TRUSTED_PROXY_HEADER", value_enum, default_value_t = TrustedHeader::XForwarded)]
    pub(crate) trusted_proxy_header: TrustedHeader,
    /// The time to keep serving after SIGTERM while not ready, so that load balancers notice
    #[arg(long, value_name = "TIME", env = "ABLY_AUTH_SHUTDOWN_DELAY", default_value = "0s", value_parser = values::span)]
    pub(crate) shutdown_delay: Span,
    /// The time after that for in-flight requests to finish
    #[arg(long, value_name = "TIME", env = "ABLY_AUTH_SHUTDOWN_GRACE", default_value = "3s", value_parser = values::span)]
    pub(crate) shutdown_grace: Span,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum TrustedHeader {
    XForwarded,
    Forwarded,
}

#[derive(Clone, Copy)]
pub(crate) enum CountOrOff {
    Count(usize),
    Off,
}

fn count_or_off(text: &str) -> Result<CountOrOff, String> {
    if text == "off" {
        return Ok(CountOrOff::Off);
    }
    let count = text.parse().ok().filter(|count| *count > 0);
    count.map(CountOrOff::Count).ok_or_else(|| "give a count such as `100`, or `off`".into())
}

#[derive(Clone, Copy)]
pub(crate) enum RateOrOff {
    Rate(Rate),
    Off,
}

fn rate_or_off(text: &str) -> Result<RateOrOff, ably_auth_server::Error> {
    if text == "off" { Ok(RateOrOff::Off) } else { text.parse().map(RateOrOff::Rate) }
}
