//! A table of the examples and exit statuses of each command. A test runs the examples.

/// The content of the sections for one command.
pub(super) struct Entry {
    /// The command's name without that of the program.
    pub(super) command: &'static str,
    /// The purpose and the text of each example. Its lines end with a backslash if they continue.
    pub(super) examples: &'static [(&'static str, &'static str)],
    /// The meaning of exit status 0.
    pub(super) done: &'static str,
    /// The meaning of exit status 1, unless the command never ends with it.
    pub(super) no: Option<&'static str>,
    /// The meaning of exit status 2.
    pub(super) bad: &'static str,
}

/// The meaning of exit status 2 for most commands.
pub(super) const BAD_INPUT: &str = "bad usage, bad input, or output that cannot be written";

const FAILED: Option<&str> = Some("the service refused, or cannot be reached");

/// The commands without subcommands, in the order of `--help`.
pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        command: "demo",
        examples: &[
            ("Play the demo in the terminal", "ably-auth demo"),
            ("Print a JSON object for each step", "ably-auth demo --json"),
        ],
        done: "each step had the expected result",
        no: Some("a step had another result"),
        bad: BAD_INPUT,
    },
    Entry {
        command: "serve",
        examples: &[
            ("Serve a sandbox on this machine, with a new app and key", "ably-auth serve --sandbox"),
            (
                "Serve the apps of a file over TLS",
                "ably-auth serve --listen 0.0.0.0:8443 --apps apps.json \\\n  --tls-cert cert.pem --tls-key key.pem",
            ),
            (
                "Start a sandbox from a program, and print its URL and key as JSON",
                "ably-auth serve --sandbox --json --until-stdin-ends \\\n  --listen 127.0.0.1:0",
            ),
            (
                "Validate a configuration file, and print the effective values",
                "ably-auth serve --config ably-auth.toml --check-config",
            ),
        ],
        done: "the service was asked to end, or the configuration is valid",
        no: None,
        bad: BAD_INPUT,
    },
    Entry {
        command: "connect",
        examples: &[
            (
                "Print the messages of a channel, with the key in a file",
                "ably-auth connect --channel chat --key-file shop.key",
            ),
            (
                "Watch renewals for 10 minutes, with tokens that last a minute",
                "ably-auth connect --ttl 1m --for 10m --json",
            ),
        ],
        done: "the connection was closed, by Ctrl-C or --for",
        no: Some("the connection failed: a retry does not help"),
        bad: BAD_INPUT,
    },
    Entry {
        command: "key inspect",
        examples: &[("Show the public parts of the key in a file", "ably-auth key inspect --key-file shop.key")],
        done: "the parts are printed",
        no: None,
        bad: BAD_INPUT,
    },
    Entry {
        command: "key generate",
        examples: &[(
            "Write a new key to a file that other users cannot read",
            "umask 077 && ably-auth key generate shop > new.key",
        )],
        done: "the key is printed",
        no: None,
        bad: BAD_INPUT,
    },
    Entry {
        command: "key create",
        examples: &[(
            "Create a key that may only subscribe",
            "ably-auth key create shop --name web --capability '{\"*\":[\"subscribe\"]}'",
        )],
        done: "the key is created and printed",
        no: FAILED,
        bad: BAD_INPUT,
    },
    Entry {
        command: "key list",
        examples: &[
            ("List the keys of the app `shop`", "ably-auth key list shop"),
            ("List the keys as JSON", "ably-auth key list shop --json"),
        ],
        done: "the keys are printed",
        no: FAILED,
        bad: BAD_INPUT,
    },
    Entry {
        command: "key update",
        examples: &[("Make the tokens of a key revocable", "ably-auth key update shop.web --revocable-tokens true")],
        done: "the key is changed",
        no: FAILED,
        bad: BAD_INPUT,
    },
    Entry {
        command: "key revoke",
        examples: &[("Revoke a key in a script", "ably-auth key revoke shop.web --yes")],
        done: "the key is revoked",
        no: FAILED,
        bad: BAD_INPUT,
    },
    Entry {
        command: "app create",
        examples: &[("Create an app, and print its ID", "ably-auth app create Shop --account a1b2c3")],
        done: "the app is created",
        no: FAILED,
        bad: BAD_INPUT,
    },
    Entry {
        command: "app list",
        examples: &[("List the apps of an account", "ably-auth app list --account a1b2c3")],
        done: "the apps are printed",
        no: FAILED,
        bad: BAD_INPUT,
    },
    Entry {
        command: "app delete",
        examples: &[("Delete an app in a script", "ably-auth app delete old-shop --yes")],
        done: "the app is deleted",
        no: FAILED,
        bad: BAD_INPUT,
    },
    Entry {
        command: "token-request sign",
        examples: &[(
            "Sign a request for a token that is valid for 30 minutes",
            "ably-auth token-request sign --client-id bob --ttl 30m > request.json",
        )],
        done: "the token request is printed",
        no: None,
        bad: BAD_INPUT,
    },
    Entry {
        command: "token-request verify",
        examples: &[("Verify the token request in a file", "ably-auth token-request verify < request.json")],
        done: "the token request is valid",
        no: Some("the token request is not valid"),
        bad: BAD_INPUT,
    },
    Entry {
        command: "jwt mint",
        examples: &[
            ("Mint a JWT that is valid for 30 minutes", "ably-auth jwt mint --client-id bob --ttl 30m > bob.jwt"),
            (
                "Mint a JWT that may publish on one channel, with a custom claim",
                "ably-auth jwt mint --capability '{\"chat:room1\":[\"publish\"]}' \\\n  --claim plan=pro",
            ),
        ],
        done: "the JWT is printed",
        no: None,
        bad: BAD_INPUT,
    },
    Entry {
        command: "jwt inspect",
        examples: &[("Show the claims of the JWT in a file", "ably-auth jwt inspect --token-file bob.jwt")],
        done: "the JWT is shown",
        no: None,
        bad: BAD_INPUT,
    },
    Entry {
        command: "jwt verify",
        examples: &[(
            "Verify a JWT from a machine whose clock may differ by 2 seconds",
            "ably-auth jwt verify --token-file bob.jwt --leeway 2s",
        )],
        done: "the JWT is valid",
        no: Some("the JWT is not valid"),
        bad: BAD_INPUT,
    },
    Entry {
        command: "capability format",
        examples: &[(
            "Print the text that is signed",
            "ably-auth capability format '{ \"b\": [\"publish\"], \"a\": [\"*\"] }'",
        )],
        done: "the capability is printed",
        no: None,
        bad: BAD_INPUT,
    },
    Entry {
        command: "capability intersect",
        examples: &[(
            "Print what a key grants of a requested capability",
            "ably-auth capability intersect '{\"chat:*\":[\"*\"]}' '{\"*\":[\"publish\"]}'",
        )],
        done: "the common capability is printed",
        no: Some("the capabilities have nothing in common"),
        bad: BAD_INPUT,
    },
    Entry {
        command: "capability union",
        examples: &[(
            "Print what two tokens permit together",
            "ably-auth capability union '{\"chat\":[\"publish\"]}' '{\"chat\":[\"history\"]}'",
        )],
        done: "the capability is printed",
        no: None,
        bad: BAD_INPUT,
    },
    Entry {
        command: "capability minimal",
        examples: &[(
            "Leave out what another entry covers",
            "ably-auth capability minimal '{\"a:*\":[\"publish\"],\"a:b\":[\"publish\"]}'",
        )],
        done: "the capability is printed",
        no: None,
        bad: BAD_INPUT,
    },
    Entry {
        command: "capability check",
        examples: &[(
            "Check whether a capability permits publishing on a channel",
            "ably-auth capability check '{\"chat:*\":[\"publish\"]}' chat:room1 publish",
        )],
        done: "the operation is permitted",
        no: Some("the operation is not permitted"),
        bad: BAD_INPUT,
    },
    Entry {
        command: "capability explain",
        examples: &[(
            "Explain why a capability permits publishing on a channel",
            "ably-auth capability explain '{\"chat:*\":[\"publish\"]}' chat:room1 publish",
        )],
        done: "the operation is permitted",
        no: Some("the operation is not permitted"),
        bad: BAD_INPUT,
    },
    Entry {
        command: "capability cover",
        examples: &[(
            "Check whether a key permits all that a token asks for",
            "ably-auth capability cover '{\"chat:*\":[\"*\"]}' '{\"chat:room1\":[\"publish\"]}'",
        )],
        done: "A permits all that B permits",
        no: Some("B permits something that A does not"),
        bad: BAD_INPUT,
    },
    Entry {
        command: "capability table",
        examples: &[
            ("Draw a capability", "ably-auth capability table '{\"chat:*\":[\"publish\"],\"status\":[\"*\"]}'"),
            (
                "Draw what a key grants of a capability",
                "ably-auth capability table '{\"*\":[\"publish\"]}' \\\n  --key-capability '{\"chat:*\":[\"*\"]}'",
            ),
        ],
        done: "the table is printed",
        no: Some("the key grants nothing of the capability"),
        bad: BAD_INPUT,
    },
    Entry {
        command: "token request",
        examples: &[
            ("Request a token that is valid for 30 minutes", "ably-auth token request --client-id bob --ttl 30m"),
            (
                "Store a token from a service on this machine in a variable",
                "ABLY_TOKEN=$(ably-auth token request --token-only --endpoint localhost:8484)",
            ),
        ],
        done: "the token is printed",
        no: FAILED,
        bad: BAD_INPUT,
    },
    Entry {
        command: "token exchange",
        examples: &[
            ("Exchange the token request in a file", "ably-auth token exchange --request-file request.json"),
            (
                "Sign a token request, and exchange it at a service on this machine",
                "ably-auth token-request sign --client-id bob |\n  ably-auth token exchange --endpoint localhost:8484 > token.json",
            ),
        ],
        done: "the token is printed",
        no: FAILED,
        bad: BAD_INPUT,
    },
    Entry {
        command: "token try",
        examples: &[
            (
                "Explain whether a token in a TokenDetails may publish on a channel",
                "ably-auth token try chat:room1 publish --token-file token.json",
            ),
            (
                "Explain the same for a JWT without a capability",
                "ably-auth token try chat:room1 publish --token-file bob.jwt \\\n  --key-capability '{\"chat:*\":[\"*\"]}'",
            ),
        ],
        done: "the operation is permitted",
        no: Some("the operation is not permitted, or the token is not valid at this time"),
        bad: "bad usage, bad input, or a token that does not state its capability",
    },
    Entry {
        command: "token inspect",
        examples: &[
            ("Show the contents of a token, and when it expires", "ably-auth token inspect --token-file bob.jwt"),
            ("Print the same as JSON", "ably-auth token inspect --json < token.json"),
        ],
        done: "the token is shown",
        no: None,
        bad: BAD_INPUT,
    },
    Entry {
        command: "revoke",
        examples: &[
            ("Revoke the tokens of a client", "ably-auth revoke clientId:bob"),
            (
                "Revoke the tokens of a group, and give clients 30 seconds to renew them",
                "ably-auth revoke revocationKey:group-1 --allow-reauth-margin",
            ),
        ],
        done: "the tokens of each target are revoked",
        no: Some("the service refused a target, or cannot be reached"),
        bad: BAD_INPUT,
    },
    Entry {
        command: "health",
        examples: &[
            ("Check a service with the default --admin address", "ably-auth health"),
            ("Check a service with another --admin address", "ably-auth health --admin 127.0.0.1:9000"),
        ],
        done: "the service is ready",
        no: Some("the service is not ready, or cannot be reached within 2 seconds"),
        bad: BAD_INPUT,
    },
    Entry {
        command: "completions",
        examples: &[
            ("Complete commands in bash", "echo 'source <(ably-auth completions bash)' >> ~/.bashrc"),
            ("Complete commands in zsh, with a folder of $fpath", "ably-auth completions zsh > ~/.zfunc/_ably-auth"),
            ("Complete commands in fish", "ably-auth completions fish > ~/.config/fish/completions/ably-auth.fish"),
        ],
        done: "the script is printed",
        no: None,
        bad: BAD_INPUT,
    },
    Entry {
        command: "man",
        examples: &[
            ("Read the manual page of a command", "ably-auth man jwt mint | man -l -"),
            ("Install all manual pages", "ably-auth man --dir ~/.local/share/man/man1"),
        ],
        done: "the page is printed, or the pages are written",
        no: None,
        bad: BAD_INPUT,
    },
];
