//! A capability as a table, with a row for each resource and a column for each operation.

use std::collections::BTreeSet;

use ably_auth_core::Capability;
use ably_auth_core::capability::{Matcher, OperationName, Work};
use serde::Serialize;

/// A capability as a table, or the comparison of two capabilities.
///
/// ```
/// use ably_auth_core::Capability;
/// use ably_auth_inspect::{Mark, Matrix};
///
/// let capability: Capability = r#"{"chat":["publish"],"status":["subscribe"]}"#.parse()?;
/// let matrix = Matrix::of(&capability);
/// assert_eq!(matrix.operations, ["publish", "subscribe"]);
/// assert_eq!((matrix.rows[0].resource.as_str(), &matrix.rows[0].marks[..]), ("chat", &[Mark::Yes, Mark::No][..]));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Matrix {
    /// The name of each column, sorted.
    pub operations: Vec<String>,
    /// The rows, sorted by resource.
    pub rows: Vec<Row>,
    /// The meaning of each mark but [`Mark::No`].
    pub legend: Vec<LegendEntry>,
    /// True if no operation is permitted, or if a comparison grants none.
    pub permits_nothing: bool,
    /// The number of resources above [`Matrix::MAX_ROWS`], which have no row.
    pub rows_left_out: usize,
    /// The number of operations above [`Matrix::MAX_OPERATIONS`], which have no column.
    pub operations_left_out: usize,
}

/// A row of a [`Matrix`].
///
/// ```
/// use ably_auth_inspect::Matrix;
///
/// let capability: ably_auth_core::Capability = r#"{"chat":["publish"]}"#.parse()?;
/// for row in Matrix::of(&capability).rows {
///     println!("{}: {:?}", row.resource, row.marks);
/// }
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// The resource, which may have wildcards.
    pub resource: String,
    /// A mark for each operation of the matrix.
    pub marks: Vec<Mark>,
}

/// The mark of an operation on a resource.
///
/// ```
/// assert_eq!(serde_json::to_string(&ably_auth_inspect::Mark::Unrequested)?, r#""unrequested""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mark {
    /// Permitted, or requested and granted.
    Yes,
    /// Requested, but not granted.
    Refused,
    /// Available, but not requested.
    Unrequested,
    /// Neither permitted nor requested.
    No,
}

/// The words for the marks of a comparison.
///
/// ```
/// assert_eq!(ably_auth_inspect::Legend::KEY.refused, "beyond the key");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Legend {
    /// The meaning of [`Mark::Yes`].
    pub yes: &'static str,
    /// The meaning of [`Mark::Refused`].
    pub refused: &'static str,
    /// The meaning of [`Mark::Unrequested`].
    pub unrequested: &'static str,
}

impl Legend {
    /// The words for what a token asks and what its key has.
    pub const KEY: Self = Self { yes: "granted", refused: "beyond the key", unrequested: "not asked" };
}

/// The meaning of a mark.
///
/// ```
/// let matrix = ably_auth_inspect::Matrix::of(&ably_auth_core::Capability::all());
/// assert_eq!(matrix.legend[0].label, "permitted");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LegendEntry {
    /// The mark.
    pub mark: Mark,
    /// Its meaning.
    pub label: &'static str,
}

impl Matrix {
    /// The maximum number of rows. A longer table is not readable, and would take memory for each cell.
    pub const MAX_ROWS: usize = 1000;
    /// The maximum number of comparisons of names for all rows.
    const MAX_STEPS: usize = 200_000;
    /// The maximum number of columns.
    pub const MAX_OPERATIONS: usize = 64;

    /// Returns the operations that a capability permits.
    #[must_use]
    pub fn of(capability: &Capability) -> Self {
        let matcher = Matcher::new(capability);
        let mark = |resource: &str, operation: OperationName<'_>| {
            if matcher.permits(resource, operation) { Mark::Yes } else { Mark::No }
        };
        let legend = vec![LegendEntry { mark: Mark::Yes, label: "permitted" }];
        Self { permits_nothing: capability.is_empty(), legend, ..Self::marked(&[capability], mark) }
    }

    /// Compares the requested capability `asked` with the available one `has`. What they have in common is granted.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    /// use ably_auth_inspect::{Legend, Mark, Matrix};
    ///
    /// let asked: Capability = r#"{"chat":["history","publish"]}"#.parse()?;
    /// let key: Capability = r#"{"chat":["publish","subscribe"]}"#.parse()?;
    /// let matrix = Matrix::compared(&asked, &key, &Legend::KEY);
    /// assert_eq!(matrix.operations, ["history", "publish", "subscribe"]);
    /// assert_eq!(matrix.rows[0].marks, [Mark::Refused, Mark::Yes, Mark::Unrequested]);
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn compared(asked: &Capability, has: &Capability, legend: &Legend) -> Self {
        // Without the common resources, the table lacks rows, but no mark is wrong.
        let granted = asked.intersect_within(has, &mut Work::steps(Work::PER_REQUEST / 10)).ok();
        let (of_asked, of_has) = (Matcher::new(asked), Matcher::new(has));
        let mark = |resource: &str, operation: OperationName<'_>| match (
            of_asked.permits(resource, operation),
            of_has.permits(resource, operation),
        ) {
            (true, true) => Mark::Yes,
            (true, false) => Mark::Refused,
            (false, true) => Mark::Unrequested,
            (false, false) => Mark::No,
        };
        let named_in: Vec<_> = [asked, has].into_iter().chain(&granted).collect();
        let matrix = Self::marked(&named_in, mark);
        let permits_nothing = match &granted {
            Some(granted) => granted.is_empty(),
            None => !matrix.rows.iter().any(|row| row.marks.contains(&Mark::Yes)),
        };
        let legend =
            [(Mark::Yes, legend.yes), (Mark::Refused, legend.refused), (Mark::Unrequested, legend.unrequested)];
        let legend = legend.map(|(mark, label)| LegendEntry { mark, label }).into();
        Self { permits_nothing, legend, ..matrix }
    }

    /// Returns the maximum number of rows if each row takes `steps` comparisons. A table of many names with wildcards would
    /// take seconds.
    fn max_rows(steps: usize) -> usize {
        Self::MAX_STEPS.checked_div(steps).unwrap_or(Self::MAX_ROWS).clamp(1, Self::MAX_ROWS)
    }

    fn marked(named_in: &[&Capability], mark: impl Fn(&str, OperationName<'_>) -> Mark) -> Self {
        let entries = || named_in.iter().flat_map(|capability| capability.iter());
        let resources: BTreeSet<_> = entries().map(|entry| entry.resource.as_str()).collect();
        let operations: BTreeSet<_> =
            entries().flat_map(|entry| entry.operations.iter()).map(OperationName::as_str).collect();
        let columns: Vec<_> = operations.iter().take(Self::MAX_OPERATIONS).copied().collect();
        // A name without wildcards is found in an index.
        let wildcards = resources.iter().filter(|resource| resource.contains('*')).count();
        let max_rows = Self::max_rows(wildcards.max(1).saturating_mul(columns.len()));
        let rows = resources.iter().take(max_rows).map(|resource| Row {
            resource: (*resource).to_owned(),
            marks: columns.iter().map(|column| mark(resource, OperationName::from(*column))).collect(),
        });
        Self {
            rows: rows.collect(),
            legend: Vec::new(),
            permits_nothing: false,
            rows_left_out: resources.len().saturating_sub(max_rows),
            operations_left_out: operations.len().saturating_sub(Self::MAX_OPERATIONS),
            operations: columns.into_iter().map(Into::into).collect(),
        }
    }
}
