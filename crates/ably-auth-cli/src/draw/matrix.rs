//! A capability as a table: its resources below one another, the operations beside one another.

use std::collections::BTreeSet;

use ably_auth::Capability;
use ably_auth::capability::OperationName;

use super::Paint;
use super::text::{padded, printable, width};

/// What the three marks and their meanings take side by side.
const LEGEND_COLUMNS: usize = 44;

/// What there is to say of an operation on a resource.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    /// Permitted: what was asked came out.
    Yes,
    /// Asked, but not had.
    Refused,
    /// Had, but not asked.
    Unasked,
    No,
}

impl Mark {
    fn draw(self, paint: Paint) -> String {
        match self {
            Self::Yes => paint.green("●"),
            Self::Refused => paint.red("✗"),
            Self::Unasked => paint.yellow("○"),
            Self::No => paint.dim("·"),
        }
    }
}

/// What a capability permits.
pub(crate) fn of(capability: &Capability, paint: Paint) -> String {
    if capability.is_empty() {
        return "permits nothing".into();
    }
    let mark = |resource: &str, operation: OperationName<'_>| {
        if capability.permits(resource, operation) { Mark::Yes } else { Mark::No }
    };
    draw(&[capability], mark, paint)
}

/// What was asked of one who has so much, and what came of it. The words say of whom it is asked.
pub(crate) fn compared(asked: &Capability, has: &Capability, words: &Words, paint: Paint) -> String {
    let granted = asked.intersect(has);
    let mark = |resource: &str, operation: OperationName<'_>| match (
        asked.permits(resource, operation),
        has.permits(resource, operation),
    ) {
        (true, true) => Mark::Yes,
        (true, false) => Mark::Refused,
        (false, true) => Mark::Unasked,
        (false, false) => Mark::No,
    };
    let separator = match paint.columns() {
        Some(room) if room < LEGEND_COLUMNS => "\n",
        _ => "   ",
    };
    let legend: Vec<_> = [(Mark::Yes, words.yes), (Mark::Refused, words.refused), (Mark::Unasked, words.unasked)]
        .map(|(mark, word)| format!("{} {word}", mark.draw(paint)))
        .into();
    format!("{}\n\n{}", draw(&[asked, has, &granted], mark, paint), legend.join(separator))
}

/// What the marks of a comparison stand for.
pub(crate) struct Words {
    pub(crate) yes: &'static str,
    pub(crate) refused: &'static str,
    pub(crate) unasked: &'static str,
}

fn draw(named_in: &[&Capability], mark: impl Fn(&str, OperationName<'_>) -> Mark, paint: Paint) -> String {
    let entries = || named_in.iter().flat_map(|capability| capability.iter());
    let rows: BTreeSet<_> = entries().map(|(resource, _)| resource.as_str()).collect();
    let columns: BTreeSet<_> =
        entries().flat_map(|(_, operations)| operations.iter()).map(OperationName::as_str).collect();
    let names: Vec<_> = rows.iter().map(|resource| printable(resource)).collect();
    let widest = names.iter().map(|name| width(name)).max().unwrap_or_default();
    let marks_width = columns.len() * 2;
    // Where both have no room side by side, the marks stand below the name.
    let stacked = paint.columns().is_some_and(|room| widest + 2 + marks_width > room + 1);
    let left = if stacked { 2 } else { widest + 2 };

    // Each operation's name has a line to itself, so that tables are no wider than their marks.
    let mut lines: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let left = padded("", left) + &"│ ".repeat(at);
            format!("{}{}", paint.dim(&left), paint.bold(&printable(name)))
        })
        .collect();
    for (resource, name) in rows.iter().zip(&names) {
        let marks: Vec<_> =
            columns.iter().map(|column| mark(resource, OperationName::from(*column)).draw(paint)).collect();
        let (name, between) = if stacked { (name.clone(), "\n  ") } else { (padded(name, widest), "  ") };
        lines.push(format!("{name}{between}{}", marks.join(" ")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Capability {
        Capability::parse_strict(text).unwrap_or_default()
    }

    const WORDS: Words = Words { yes: "granted", refused: "refused", unasked: "not asked" };

    #[test]
    fn a_capability_is_a_table_that_wide_names_do_not_bend() {
        let capability = parse(r#"{"café":["history"],"日本:*":["publish","subscribe"]}"#);
        let table = "        history\n        │ publish\n        │ │ subscribe\ncafé    ● · ·\n日本:*  · ● ●";
        assert_eq!(of(&capability, Paint::NONE), table);
    }

    #[test]
    fn all_operations_are_a_column_and_in_each_column() {
        let capability = parse(r#"{"a":["*"],"b":["publish"]}"#);
        assert_eq!(of(&capability, Paint::NONE), "   *\n   │ publish\na  ● ●\nb  · ●");
    }

    #[test]
    fn nothing_is_said_in_words() {
        assert_eq!(of(&Capability::none(), Paint::FULL), "permits nothing");
    }

    #[test]
    fn what_was_asked_is_held_against_what_there_is() {
        let (asked, has) = (parse(r#"{"a:*":["history","publish"]}"#), parse(r#"{"*:b":["publish","subscribe"]}"#));
        let table = "     history\n     │ publish\n     │ │ subscribe\n*:b  · ○ ○\na:*  ✗ ✗ ·\na:b  ✗ ● ○\n\n\
                     ● granted   ✗ refused   ○ not asked";
        assert_eq!(compared(&asked, &has, &WORDS, Paint::NONE), table);
    }

    #[test]
    fn in_a_narrow_terminal_the_marks_stand_below_the_name() {
        let capability = parse(r#"{"a-long-name":["publish","subscribe"]}"#);
        let stacked = "  publish\n  │ subscribe\na-long-name\n  ● ●";
        assert_eq!(of(&capability, Paint::narrow(15)), stacked);
        assert_eq!(of(&capability, Paint::narrow(16)), of(&capability, Paint::NONE));
        let compared = compared(&capability, &capability, &WORDS, Paint::narrow(40));
        assert!(compared.ends_with("● granted\n✗ refused\n○ not asked"), "{compared}");
    }

    #[test]
    fn colour_changes_nothing_else() {
        let (asked, has) = (parse(r#"{"a":["history","publish"]}"#), parse(r#"{"a":["publish"]}"#));
        let mut coloured = compared(&asked, &has, &WORDS, Paint::FULL);
        assert!(coloured.contains("\x1b[31m✗\x1b[0m"), "{coloured}");
        for code in ["0", "1", "2", "31", "32", "33"] {
            coloured = coloured.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(coloured, compared(&asked, &has, &WORDS, Paint::NONE));
    }
}
