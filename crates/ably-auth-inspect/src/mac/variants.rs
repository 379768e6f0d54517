//! The texts that senders sign by mistake instead of the canonical text.

use ably_auth_core::Capability;

use super::lines::{CAPABILITY, CLIENT_ID, FIELDS, Lines, NONCE, Received, TIMESTAMP, TTL, canonical};
use crate::json_forms;
use crate::trial::Mistake;

/// The lifetimes in milliseconds that senders often sign: 1 h, 30 min, 15 min, 10 min, 5 min, 1 min, 24 h, 12 h, 2 h.
const COMMON_TTLS: [&str; 9] =
    ["3600000", "1800000", "900000", "600000", "300000", "60000", "86400000", "43200000", "7200000"];

/// The words that languages write for a value that is absent.
const ABSENT: [&str; 6] = ["null", "undefined", "None", "nil", "0", "false"];

/// One line in which the sender signed another text.
pub(super) struct LineVariant {
    pub(super) field: usize,
    pub(super) text: String,
    pub(super) mistake: Mistake,
}

impl LineVariant {
    pub(super) fn apply(&self, lines: &Lines) -> Lines {
        let mut lines = lines.clone();
        if let Some(line) = lines.get_mut(self.field) {
            line.clone_from(&self.text);
        }
        lines
    }
}

/// Another way to join the lines.
pub(super) struct Joined {
    pub(super) join: fn(&Lines) -> String,
    mistake: [&'static str; 3],
}

impl Joined {
    pub(super) fn mistake(&self) -> Mistake {
        let [title, explanation, fix] = self.mistake;
        Mistake::new(title, explanation, fix)
    }
}

const EACH_LINE: &str =
    "Write each of the six values, then one line feed, also after empty values and after the last one.";

/// The ways to join lines, the most frequent first.
pub(super) const JOINED: &[Joined] = &[
    Joined {
        join: |lines| lines.join("\n"),
        mistake: ["The last line feed is missing", "The mac matches if no line feed follows the nonce.", EACH_LINE],
    },
    Joined {
        join: |lines| canonical(lines) + "\n",
        mistake: ["There is one line feed too many", "The mac matches with an empty line after the nonce.", EACH_LINE],
    },
    Joined {
        join: |lines| canonical(lines.iter().filter(|line| !line.is_empty())),
        mistake: ["Empty lines were left out", "The mac matches if the absent values have no line.", EACH_LINE],
    },
    Joined {
        join: |lines| lines.iter().filter(|line| !line.is_empty()).map(String::as_str).collect::<Vec<_>>().join("\n"),
        mistake: [
            "Empty lines and the last line feed were left out",
            "The mac matches if the absent values have no line, and no line feed follows the nonce.",
            EACH_LINE,
        ],
    },
    Joined {
        join: |lines| canonical(lines).replace('\n', "\r\n"),
        mistake: [
            "The lines end in CR LF",
            "The mac matches if a carriage return is before each line feed.",
            EACH_LINE,
        ],
    },
    Joined {
        join: |lines| lines.join("\r\n"),
        mistake: [
            "The lines are separated by CR LF",
            "The mac matches with carriage returns, and without a line feed after the nonce.",
            EACH_LINE,
        ],
    },
    Joined {
        join: |lines| canonical(lines).replace('\n', "\\n"),
        mistake: [
            "Line feeds were written as a backslash and an `n`",
            "The mac matches if the text has the two characters `\\n` in place of each line feed. Single quotes do that in \
             PHP, Ruby and shells.",
            "Use double quotes, or the escape of your language for a line feed.",
        ],
    },
    Joined {
        join: |lines| lines.join("\\n"),
        mistake: [
            "Line feeds were written as a backslash and an `n`",
            "The mac matches if the values are separated by the two characters `\\n`.",
            "Use double quotes, or the escape of your language for a line feed, and write one after the nonce too.",
        ],
    },
    Joined {
        join: |lines| lines.concat(),
        mistake: [
            "The lines were joined without line feeds",
            "The mac matches if nothing separates the values.",
            EACH_LINE,
        ],
    },
    Joined {
        join: |lines| lines.join(" "),
        mistake: ["The lines were joined with spaces", "The mac matches if spaces separate the values.", EACH_LINE],
    },
];

/// Returns the variants of single lines, the most frequent first.
pub(super) fn of_lines(received: &Received, key_id: &str, whole_key: &str) -> Vec<LineVariant> {
    let mut variants = Variants { received, list: Vec::new() };
    variants.capability();
    variants.ttl();
    variants.timestamp();
    for field in [CLIENT_ID, NONCE, CAPABILITY, TTL, TIMESTAMP] {
        variants.left_out(field);
        variants.absent(field);
    }
    let fix = "Write `keyName`, `appId.keyId`, in the first line.";
    variants.add(
        0,
        key_id,
        "The first line has only the key id",
        "The mac matches if the first line is the part of the key name after the dot.",
        fix,
    );
    variants.add(
        0,
        whole_key,
        "The first line has the whole key",
        "The mac matches if the first line is the key with its secret.",
        fix,
    );
    variants.list
}

struct Variants<'a> {
    received: &'a Received,
    list: Vec<LineVariant>,
}

impl Variants<'_> {
    fn line(&self, field: usize) -> &str {
        self.received.lines.get(field).map_or("", String::as_str)
    }

    fn add(&mut self, field: usize, text: &str, title: &str, explanation: &str, fix: &str) {
        let is_known = self.list.iter().any(|variant| variant.field == field && variant.text == text);
        if !is_known && self.line(field) != text {
            let mistake = Mistake::new(title, explanation, fix);
            self.list.push(LineVariant { field, text: text.into(), mistake });
        }
    }

    fn capability(&mut self) {
        const TITLE: &str = "The capability was re-serialized after signing";
        const FIX: &str = "Serialize the capability once, to a string. Sign that string, and send the same string.";
        let sent = self.line(CAPABILITY).to_owned();
        if self.received.is_absent(CAPABILITY) || sent.is_empty() {
            for all in [r#"{"*":["*"]}"#, r#"{"*": ["*"]}"#] {
                let explanation =
                    "The mac matches with a capability for everything, but the request has no capability.";
                self.add(
                    CAPABILITY,
                    all,
                    "A default capability was signed, but not sent",
                    explanation,
                    "Sign an empty line if you send no capability, or send the one that you sign.",
                );
            }
            return;
        }
        if let Ok(canonical) = Capability::parse_lenient(&sent).map(|capability| capability.to_string()) {
            for (text, name) in
                [(canonical.clone(), "in the canonical form: without spaces, resources and operations sorted")]
                    .into_iter()
                    .chain(json_forms::forms(&sent))
                    .chain(
                        json_forms::forms(&canonical)
                            .into_iter()
                            .map(|(text, _)| (text, "with sorted resources and operations, in another layout")),
                    )
            {
                let explanation =
                    format!("The mac matches if the capability is signed {name}. The request has it in another form.");
                self.add(CAPABILITY, &text, TITLE, &explanation, FIX);
            }
        }
        let escaped = serde_json::Value::from(sent.as_str()).to_string();
        self.add(
            CAPABILITY,
            &escaped,
            "The capability was signed as a JSON string",
            "The mac matches if the capability is signed with the quotes and the escapes that it has in the body.",
            "Sign the text of the capability itself, before it becomes part of the body's JSON.",
        );
    }

    fn ttl(&mut self) {
        const FIX: &str = "Sign the number that you send, in milliseconds.";
        let sent = self.line(TTL).to_owned();
        if self.received.is_absent(TTL) {
            for ttl in COMMON_TTLS {
                let explanation = format!("The mac matches with a ttl of {ttl} ms, but the request has no ttl.");
                self.add(
                    TTL,
                    ttl,
                    "A ttl was signed, but not sent",
                    &explanation,
                    "Send the ttl that you sign, or sign an empty line.",
                );
            }
            return;
        }
        if let Ok(number) = sent.parse::<u64>() {
            let seconds = (number / 1000).to_string();
            self.add(
                TTL,
                &seconds,
                "The ttl was signed in seconds",
                "The mac matches with a ttl in seconds, but the request has it in milliseconds.",
                FIX,
            );
            let millis = number.saturating_mul(1000).to_string();
            self.add(
                TTL,
                &millis,
                "The ttl was sent in seconds",
                "The mac matches with a ttl in milliseconds, but the request has it in seconds.",
                "Send the number that you sign, in milliseconds.",
            );
            self.add(
                TTL,
                &format!("{number}.0"),
                "The ttl was signed as a fraction",
                "The mac matches if the ttl is signed with `.0` at its end.",
                FIX,
            );
        }
        for ttl in COMMON_TTLS {
            let explanation = format!("The mac matches with a ttl of {ttl} ms, but the request has {sent}.");
            self.add(TTL, ttl, "Another ttl was signed than was sent", &explanation, FIX);
        }
    }

    fn timestamp(&mut self) {
        const FIX: &str = "Take the time once, in milliseconds since the epoch. Sign and send the same number.";
        let Ok(number) = self.line(TIMESTAMP).parse::<u64>() else { return };
        let seconds = (number / 1000).to_string();
        self.add(
            TIMESTAMP,
            &seconds,
            "The timestamp was signed in seconds",
            "The mac matches with a timestamp in seconds, but the request has it in milliseconds.",
            FIX,
        );
        for millis in [number.saturating_mul(1000), (number / 1000).saturating_mul(1000)] {
            self.add(
                TIMESTAMP,
                &millis.to_string(),
                "The timestamp was sent in another unit than signed",
                "The mac matches with a timestamp in milliseconds of a whole second.",
                FIX,
            );
        }
        self.add(
            TIMESTAMP,
            &format!("{number}.0"),
            "The timestamp was signed as a fraction",
            "The mac matches if the timestamp is signed with `.0` at its end.",
            FIX,
        );
    }

    /// Adds the line of a value that was sent, but not signed.
    fn left_out(&mut self, field: usize) {
        let name = FIELDS.get(field).copied().unwrap_or_default();
        let title = format!("`{name}` was sent, but not signed");
        let explanation = format!("The mac matches if the line of `{name}` is empty, but the request has a `{name}`.");
        self.add(
            field,
            "",
            &title,
            &explanation,
            &format!("Sign the `{name}` that you send, or leave it out of the request."),
        );
    }

    /// Adds the lines that languages write for an absent value.
    fn absent(&mut self, field: usize) {
        if !self.line(field).is_empty() {
            return;
        }
        let name = FIELDS.get(field).copied().unwrap_or_default();
        for word in ABSENT.into_iter().chain(["*"].into_iter().filter(|_| field == CLIENT_ID)) {
            let title = format!("`{word}` was signed for an absent `{name}`");
            let explanation =
                format!("The mac matches if the line of `{name}` is `{word}`, but the request has no `{name}`.");
            self.add(field, word, &title, &explanation, "Write an empty line for a value that is absent.");
        }
    }
}
