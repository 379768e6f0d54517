//! A drawing of a capability as a table, with a row for each resource and a column for each operation.

use std::collections::BTreeSet;

use ably_auth::Capability;
use ably_auth::capability::OperationName;

use super::Paint;
use super::text::{padded, printable, width};

/// The width of the legend on one line, in columns.
const LEGEND_COLUMNS: usize = 44;

/// The mark of an operation on a resource.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    /// Permitted, or requested and granted.
    Yes,
    /// Requested, but not granted.
    Refused,
    /// Available, but not requested.
    Unrequested,
    /// Neither permitted nor requested.
    No,
}

impl Mark {
    fn draw(self, paint: Paint) -> String {
        match self {
            Self::Yes => paint.green("●"),
            Self::Refused => paint.red("✗"),
            Self::Unrequested => paint.yellow("○"),
            Self::No => paint.dim("·"),
        }
    }
}

/// Draws the operations that a capability permits.
pub(crate) fn of(capability: &Capability, paint: Paint) -> String {
    if capability.is_empty() {
        return "permits nothing".into();
    }
    let mark = |resource: &str, operation: OperationName<'_>| {
        if capability.permits(resource, operation) { Mark::Yes } else { Mark::No }
    };
    draw(&[capability], mark, paint)
}

/// Draws the requested capability `asked`, the available one `has`, and what they have in common.
pub(crate) fn compared(asked: &Capability, has: &Capability, legend: &Legend, paint: Paint) -> String {
    let granted = asked.intersect(has);
    let mark = |resource: &str, operation: OperationName<'_>| match (
        asked.permits(resource, operation),
        has.permits(resource, operation),
    ) {
        (true, true) => Mark::Yes,
        (true, false) => Mark::Refused,
        (false, true) => Mark::Unrequested,
        (false, false) => Mark::No,
    };
    let separator = match paint.columns() {
        Some(room) if room < LEGEND_COLUMNS => "\n",
        _ => "   ",
    };
    let entries: Vec<_> =
        [(Mark::Yes, legend.yes), (Mark::Refused, legend.refused), (Mark::Unrequested, legend.unrequested)]
            .map(|(mark, word)| format!("{} {word}", mark.draw(paint)))
            .into();
    format!("{}\n\n{}", draw(&[asked, has, &granted], mark, paint), entries.join(separator))
}

/// The legend of a comparison: the meaning of each mark.
pub(crate) struct Legend {
    pub(crate) yes: &'static str,
    pub(crate) refused: &'static str,
    pub(crate) unrequested: &'static str,
}

fn draw(named_in: &[&Capability], mark: impl Fn(&str, OperationName<'_>) -> Mark, paint: Paint) -> String {
    let entries = || named_in.iter().flat_map(|capability| capability.iter());
    let rows: BTreeSet<_> = entries().map(|entry| entry.resource.as_str()).collect();
    let columns: BTreeSet<_> = entries().flat_map(|entry| entry.operations.iter()).map(OperationName::as_str).collect();
    let names: Vec<_> = rows.iter().map(|resource| printable(resource)).collect();
    let widest = names.iter().map(|name| width(name)).max().unwrap_or_default();
    let marks_width = columns.len() * 2;
    // If a row does not fit in the terminal, put the marks below the name.
    let stacked = paint.columns().is_some_and(|room| widest + 2 + marks_width > room + 1);
    let left = if stacked { 2 } else { widest + 2 };

    // Put the name of each operation on a separate line, so that columns are narrow.
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

    const LEGEND: Legend = Legend { yes: "granted", refused: "refused", unrequested: "not asked" };

    #[test]
    fn wide_names_keep_columns_aligned() {
        let capability = parse(r#"{"café":["history"],"日本:*":["publish","subscribe"]}"#);
        let table = "        history\n        │ publish\n        │ │ subscribe\ncafé    ● · ·\n日本:*  · ● ●";
        assert_eq!(of(&capability, Paint::NONE), table);
    }

    #[test]
    fn wildcard_has_a_column_and_marks_all_columns() {
        let capability = parse(r#"{"a":["*"],"b":["publish"]}"#);
        assert_eq!(of(&capability, Paint::NONE), "   *\n   │ publish\na  ● ●\nb  · ●");
    }

    #[test]
    fn empty_capability_is_text() {
        assert_eq!(of(&Capability::none(), Paint::FULL), "permits nothing");
    }

    #[test]
    fn requested_capability_is_compared_with_available() {
        let (asked, has) = (parse(r#"{"a:*":["history","publish"]}"#), parse(r#"{"*:b":["publish","subscribe"]}"#));
        let table = "     history\n     │ publish\n     │ │ subscribe\n*:b  · ○ ○\na:*  ✗ ✗ ·\na:b  ✗ ● ○\n\n\
                     ● granted   ✗ refused   ○ not asked";
        assert_eq!(compared(&asked, &has, &LEGEND, Paint::NONE), table);
    }

    #[test]
    fn marks_are_below_name_in_narrow_terminal() {
        let capability = parse(r#"{"a-long-name":["publish","subscribe"]}"#);
        let stacked = "  publish\n  │ subscribe\na-long-name\n  ● ●";
        assert_eq!(of(&capability, Paint::narrow(15)), stacked);
        assert_eq!(of(&capability, Paint::narrow(16)), of(&capability, Paint::NONE));
        let compared = compared(&capability, &capability, &LEGEND, Paint::narrow(40));
        assert!(compared.ends_with("● granted\n✗ refused\n○ not asked"), "{compared}");
    }

    #[test]
    fn colour_does_not_change_text() {
        let (asked, has) = (parse(r#"{"a":["history","publish"]}"#), parse(r#"{"a":["publish"]}"#));
        let mut coloured = compared(&asked, &has, &LEGEND, Paint::FULL);
        assert!(coloured.contains("\x1b[31m✗\x1b[0m"), "{coloured}");
        for code in ["0", "1", "2", "31", "32", "33"] {
            coloured = coloured.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(coloured, compared(&asked, &has, &LEGEND, Paint::NONE));
    }
}
