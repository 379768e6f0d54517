//! Rules for the language of comments, messages and documents.

use std::path::Path;
use std::{fs, io};

use crate::workspace;

/// The words with which no doc comment begins. A doc comment begins with a verb, or for a type with a noun.
const RIDDLES: &[&str] = &["Who", "Whoever", "What", "Whatever", "How", "When", "Whether"];

/// The words with which no other comment in code begins.
const CODE_RIDDLES: &[&str] = &["Who", "Whoever", "What", "Whatever", "How", "Whether"];

/// A phrase that is not used in comments, messages and documents, and what to write instead.
struct Banned {
    phrase: &'static str,
    instead: &'static str,
}

const BANNED: &[Banned] = &[
    Banned { phrase: "whoever", instead: "name the caller, client or sender" },
    Banned { phrase: "whatever", instead: "name the thing, or write `any`" },
    Banned { phrase: "what is told", instead: "name the thing" },
    Banned { phrase: "what has begun", instead: "in-flight requests" },
    Banned { phrase: "anew", instead: "again" },
    Banned { phrase: "beside", instead: "next to, in addition to" },
    Banned { phrase: "besides", instead: "in addition to, except" },
    Banned { phrase: "of one's own", instead: "own, separate" },
    Banned { phrase: "unless said so", instead: "default" },
    Banned { phrase: "in earnest", instead: "in production" },
    Banned { phrase: "reckon", instead: "compute, combine" },
    Banned { phrase: "in the form of one", instead: "say what is invalid and why" },
    Banned { phrase: "is none", instead: "say what is invalid and why" },
    Banned { phrase: "that is over", instead: "expired, ended" },
    Banned { phrase: "are over", instead: "expired, ended" },
    Banned { phrase: "come by", instead: "obtain" },
    Banned { phrase: "for nobody in particular", instead: "no clientId" },
    Banned { phrase: "but for", instead: "except" },
    Banned { phrase: "is told of", instead: "knows, is configured with" },
    Banned { phrase: "worth a word", instead: "logged" },
    Banned { phrase: "in the making", instead: "in progress" },
];

/// The file of this list, which has to name the phrases.
const THIS_FILE: &str = "tests/tidy/prose.rs";

fn check() -> Vec<String> {
    let mut complaints = Vec::new();
    for path in workspace::files() {
        let is_prose = path
            .extension()
            .is_some_and(|extension| ["rs", "md", "yaml", "lua", "mjs", "py"].iter().any(|own| extension == *own));
        if !is_prose || path == Path::new(THIS_FILE) {
            continue;
        }
        match fs::read(&path) {
            Ok(bytes) => complaints.extend(check_text(&path, &String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => complaints.push(format!("cannot read `{}`: {error}", path.display())),
        }
    }
    complaints
}

fn check_text(path: &Path, text: &str) -> Vec<String> {
    let name = path.display();
    let mut complaints = Vec::new();
    let (mut is_in_doc, mut is_in_comment) = (false, false);
    let marker = path.extension().and_then(|extension| match extension.to_str()? {
        "rs" | "mjs" => Some("// "),
        "py" => Some("# "),
        _ => None,
    });
    for (number, line) in (1..).zip(text.lines()) {
        let doc = line.trim_start().strip_prefix("///").or_else(|| line.trim_start().strip_prefix("//!"));
        let first = doc.filter(|_| !is_in_doc).and_then(|doc| doc.split_whitespace().next());
        if let Some(riddle) = first.filter(|first| RIDDLES.contains(first)) {
            complaints.push(format!(
                "`{name}:{number}` begins a doc comment with `{riddle}`; begin with a verb, or for a type with a noun"
            ));
        }
        is_in_doc = doc.is_some();
        let comment = marker.and_then(|marker| line.trim_start().strip_prefix(marker));
        let first = comment.filter(|_| !is_in_comment).and_then(|comment| comment.split_whitespace().next());
        if let Some(riddle) = first.filter(|first| CODE_RIDDLES.contains(first)) {
            complaints.push(format!("`{name}:{number}` begins a comment with `{riddle}`; name the thing"));
        }
        is_in_comment = comment.is_some();
        // `is None` is Python.
        let lower = line.replace("is None", "").to_lowercase();
        for Banned { phrase, instead } in BANNED {
            if has_phrase(&lower, phrase) {
                complaints.push(format!("`{name}:{number}` says `{phrase}`; write instead: {instead}"));
            }
        }
    }
    complaints
}

/// Returns whether the text has the phrase as whole words.
fn has_phrase(text: &str, phrase: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || "_-".contains(c);
    text.match_indices(phrase).any(|(at, _)| {
        let (before, after) = text.split_at(at);
        !before.ends_with(is_word) && !after.trim_start_matches(phrase).starts_with(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> usize {
        check_text(Path::new("src/lib.rs"), text).len()
    }

    #[test]
    fn language_is_plain() {
        crate::assert_tidy(check);
    }

    #[test]
    fn doc_comment_that_begins_with_a_riddle_is_found() {
        assert_eq!(complaints("/// What a client sends.\nfn f() {}\n//! How it works."), 2);
        assert_eq!(complaints("/// Returns a key.\n///\n/// What a client sends."), 0);
    }

    #[test]
    fn comment_in_code_that_begins_with_a_riddle_is_found() {
        assert_eq!(complaints("// What a client sends.\nlet a = 1;\n// Read it.\n// When it ends, stop."), 1);
        let python = check_text(Path::new("driver.py"), "# What is wanted.\nif token is None:\n    # Read it.");
        assert_eq!(python.len(), 1, "{python:?}");
        assert_eq!(check_text(Path::new("guide.md"), "# What is a token?").len(), 0, "a heading may ask");
    }

    #[test]
    fn banned_phrase_is_found_in_whole_words() {
        for Banned { phrase, .. } in BANNED {
            assert_eq!(complaints(&format!("// Returns {phrase} to the caller.")), 1, "{phrase}");
        }
        assert_eq!(complaints("let renewed = beside_the_point.is_none();\n// A canework."), 0);
    }
}
