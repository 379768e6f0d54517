//! A drawing of a capability as a table, with a row for each resource and a column for each operation.

use ably_auth::Capability;
use ably_auth_inspect::{Legend, Mark, Matrix};

use super::Paint;
use super::text::{padded, printable, width};

/// The width of the legend on one line, in columns.
const LEGEND_COLUMNS: usize = 44;

fn symbol(mark: Mark, paint: Paint) -> String {
    match mark {
        Mark::Yes => paint.green("●"),
        Mark::Refused => paint.red("✗"),
        Mark::Unrequested => paint.yellow("○"),
        Mark::No => paint.dim("·"),
    }
}

/// Draws the operations that a capability permits.
pub(crate) fn of(capability: &Capability, paint: Paint) -> String {
    let matrix = Matrix::of(capability);
    if matrix.permits_nothing { "permits nothing".into() } else { table(&matrix, paint) }
}

/// Draws the requested capability `asked`, the available one `has`, and what they have in common.
pub(crate) fn compared(asked: &Capability, has: &Capability, legend: &Legend, paint: Paint) -> String {
    let matrix = Matrix::compared(asked, has, legend);
    let separator = match paint.columns() {
        Some(room) if room < LEGEND_COLUMNS => "\n",
        _ => "   ",
    };
    let entries = matrix.legend.iter().map(|entry| format!("{} {}", symbol(entry.mark, paint), entry.label));
    format!("{}\n\n{}", table(&matrix, paint), entries.collect::<Vec<_>>().join(separator))
}

fn table(matrix: &Matrix, paint: Paint) -> String {
    let names: Vec<_> = matrix.rows.iter().map(|row| printable(&row.resource)).collect();
    let widest = names.iter().map(|name| width(name)).max().unwrap_or_default();
    let marks_width = matrix.operations.len() * 2;
    // If a row does not fit in the terminal, put the marks below the name.
    let stacked = paint.columns().is_some_and(|room| widest + 2 + marks_width > room + 1);
    let left = if stacked { 2 } else { widest + 2 };

    // Put the name of each operation on a separate line, so that columns are narrow.
    let headings = matrix.operations.iter().enumerate().map(|(at, name)| {
        let left = padded("", left) + &"│ ".repeat(at);
        format!("{}{}", paint.dim(&left), paint.bold(&printable(name)))
    });
    let rows = matrix.rows.iter().zip(names).map(|(row, name)| {
        let marks: Vec<_> = row.marks.iter().map(|mark| symbol(*mark, paint)).collect();
        let (name, between) = if stacked { (name, "\n  ") } else { (padded(&name, widest), "  ") };
        format!("{name}{between}{}", marks.join(" "))
    });
    let left_out = [(matrix.rows_left_out, "resources"), (matrix.operations_left_out, "operations")];
    let left_out = left_out.into_iter().filter(|(count, _)| *count > 0);
    let notes = left_out.map(|(count, what)| format!("and {count} more {what}"));
    headings.chain(rows).chain(notes).collect::<Vec<_>>().join("\n")
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
