//! The matrix of what each client saw, compared with what the case expects.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The expectations of a case. The steps of the case are read by the drivers alone.
#[derive(Deserialize)]
pub(crate) struct Case {
    case: String,
    expect: String,
    #[serde(rename = "expect-js")]
    expect_js: Option<String>,
    #[serde(rename = "expect-py")]
    expect_py: Option<String>,
    #[serde(rename = "expect-ours")]
    expect_ours: Option<String>,
}

impl Case {
    fn expected(&self, driver: &str) -> &str {
        let own = match driver {
            "js" => &self.expect_js,
            "py" => &self.expect_py,
            _ => &self.expect_ours,
        };
        own.as_ref().unwrap_or(&self.expect)
    }
}

/// Reads the cases of a file: a list, or what an object has as `cases`.
pub(crate) fn cases(text: &str) -> serde_json::Result<Vec<Case>> {
    let mut value: serde_json::Value = serde_json::from_str(text)?;
    let list = value.get_mut("cases").map(serde_json::Value::take).unwrap_or(value);
    serde_json::from_value(list)
}

#[derive(Deserialize)]
struct Answer {
    case: String,
    saw: Option<String>,
    /// The reason why the case does not apply to this driver.
    na: Option<String>,
}

/// The answers of one client with one service.
pub(crate) struct Column {
    driver: String,
    name: String,
    answers: BTreeMap<String, Answer>,
}

impl Column {
    pub(crate) fn new(driver: &str, name: &str) -> Self {
        Self { driver: driver.into(), name: name.into(), answers: BTreeMap::new() }
    }

    /// Reads a driver's output. A line that is not an answer is printed, since it may be an error message.
    pub(crate) fn fill(&mut self, lines: Vec<String>) {
        for line in lines {
            match serde_json::from_str::<Answer>(&line) {
                Ok(answer) => drop(self.answers.insert(answer.case.clone(), answer)),
                Err(_) => println!("{}: {line}", self.name),
            }
        }
    }

    fn look(&self, case: &Case) -> Cell<'_> {
        match self.answers.get(&case.case) {
            Some(Answer { na: Some(reason), .. }) => Cell::NotApplicable(reason),
            Some(Answer { saw: Some(saw), .. }) if saw == case.expected(&self.driver) => Cell::Right,
            Some(Answer { saw: Some(saw), .. }) => Cell::Wrong(saw),
            _ => Cell::Wrong("nothing"),
        }
    }
}

enum Cell<'a> {
    Right,
    Wrong(&'a str),
    NotApplicable(&'a str),
}

/// Prints the matrix, and returns a complaint for each wrong cell.
pub(crate) fn print(cases: &[Case], columns: &[Column]) -> Vec<String> {
    let width = cases.iter().map(|case| case.case.chars().count()).max().unwrap_or(0);
    for (nth, column) in columns.iter().enumerate() {
        println!("{:width$}  {}{}", "", "|   ".repeat(nth), column.name);
    }
    let (mut wrong, mut reasons) = (Vec::new(), BTreeSet::new());
    for case in cases {
        let mut row = String::new();
        for column in columns {
            row += match column.look(case) {
                Cell::Right => "ok  ",
                Cell::NotApplicable(reason) => {
                    reasons.insert(format!("n/a {}: {} ({reason})", column.driver, case.case));
                    "n/a "
                }
                Cell::Wrong(saw) => {
                    let expected = case.expected(&column.driver);
                    wrong.push(format!("{}: {}: saw `{saw}`, not `{expected}`", column.name, case.case));
                    "RED "
                }
            };
        }
        println!("{:width$}  {}", case.case, row.trim_end());
    }
    reasons.iter().for_each(|reason| println!("{reason}"));
    let known: BTreeSet<&str> = cases.iter().map(|case| &*case.case).collect();
    for column in columns {
        let unknown = column.answers.keys().filter(|case| !known.contains(&***case));
        wrong.extend(unknown.map(|case| format!("{}: unknown case `{case}`", column.name)));
    }
    wrong
}

pub(crate) fn summary(cases: &[Case], columns: &[Column]) -> String {
    let (mut right, mut wrong, mut none) = (0, 0, 0);
    for cell in columns.iter().flat_map(|column| cases.iter().map(|case| column.look(case))) {
        match cell {
            Cell::Right => right += 1,
            Cell::Wrong(_) => wrong += 1,
            Cell::NotApplicable(_) => none += 1,
        }
    }
    format!("{} cases, {} clients: {right} ok, {wrong} red, {none} n/a", cases.len(), columns.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_is_red_if_expected_outcome_was_not_seen() {
        let cases =
            r#"[{"case":"a","expect":"ok","expect-py":"no"},{"case":"b","expect":"ok"},{"case":"c","expect":"ok"}]"#;
        let cases = super::cases(&format!(r#"{{"app":{{}},"cases":{cases}}}"#)).unwrap();
        let columns = ["js", "py"].map(|driver| {
            let mut column = Column::new(driver, driver);
            let saw = [r#"{"case":"a","saw":"ok"}"#, r#"{"case":"b","na":"cannot"}"#, "a warning"];
            column.fill(saw.map(Into::into).into());
            column
        });
        let wrong = print(&cases, &columns);
        assert_eq!(
            wrong,
            ["py: a: saw `ok`, not `no`", "js: c: saw `nothing`, not `ok`", "py: c: saw `nothing`, not `ok`"]
        );
        assert_eq!(summary(&cases, &columns), "3 cases, 2 clients: 1 ok, 3 red, 2 n/a");
        let (known, strange) = cases.split_at(1);
        assert!(print(known, &columns).concat().contains("unknown case `b`"), "{}", strange[0].case);
    }
}
