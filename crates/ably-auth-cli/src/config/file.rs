//! The options in the text of a configuration file. The fuzz targets include this file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// An option, with its value as on the command line, and the line that it is on.
pub(crate) struct FileOption {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) line: usize,
}

/// Parses the options in `text`. Errors do not quote the text, because it may contain a password.
pub(crate) fn options(text: &str) -> Result<Vec<FileOption>, String> {
    let line_of = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or_else(String::new, |span| format!("line {}: ", line_of(span.start)));
        format!("{line}invalid TOML: {}", error.message())
    })?;
    let mut options = Vec::new();
    for (name, value) in table.into_inner() {
        let (line, name) = (line_of(name.span().start), name.into_inner().into_owned());
        let value = text_of(value).ok_or_else(|| {
            format!("line {line}: `{name}`: give a string, an integer, a boolean, or a list of these")
        })?;
        options.push(FileOption { name, value, line });
    }
    Ok(options)
}

fn text_of(value: Spanned<DeValue<'_>>) -> Option<String> {
    Some(match value.into_inner() {
        DeValue::String(text) => text.into_owned(),
        DeValue::Integer(number) => number.to_string().replace('_', ""),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Array(values) => values.into_iter().map(text_of).collect::<Option<Vec<_>>>()?.join(","),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => return None,
    })
}
