//! Configuration files of the command line. Each option is a member of the table that a TOML library reads, on the line
//! that the file has it on; an error names a line and quotes no value.

use toml::Table;

use crate::config_file;
use crate::memory::Bound;

const MEMORY: Bound = Bound { fixed: 16 * 1024, factor: 256 };

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let table: Result<Table, _> = text.parse();
    let lines = text.lines().count().max(1);
    match MEMORY.check(text.len(), || config_file::options(text)) {
        Ok(options) => {
            // The library refuses an integer above 64 bits or without digits, which is text here until the option is parsed.
            let table = match table {
                Ok(table) => table,
                Err(error) => {
                    let is_number = |value: &str| value.len() >= 16 || ["0x", "0o", "0b"].contains(&value);
                    assert!(options.iter().any(|option| is_number(&option.value)), "{error}");
                    return;
                }
            };
            assert_eq!(options.len(), table.len());
            for option in options {
                assert!((1..=lines).contains(&option.line), "line {} of {lines}", option.line);
                let scalar = match &table[&option.name] {
                    toml::Value::String(text) => text.clone(),
                    toml::Value::Integer(number) => {
                        // The file may write it in another base.
                        let digits = number.to_string();
                        assert!(!option.value.is_empty() && !option.value.contains('_'));
                        if option.value.bytes().all(|byte| byte.is_ascii_digit()) { digits } else { continue }
                    }
                    toml::Value::Boolean(yes) => yes.to_string(),
                    _ => continue,
                };
                assert_eq!(option.value, scalar, "{}", option.name);
            }
        }
        Err(error) => {
            let number = error.strip_prefix("line ").and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
            assert!(number.is_none_or(|line| (1..=lines + 1).contains(&line)), "{error}");
            let values = text.split(['"', '\'', '\n', ' ', '=']).filter(|word| word.len() > 30);
            for value in values.filter(|value| !value.starts_with('[')) {
                assert!(!error.contains(value) || error.contains(&format!("`{value}`: give")), "{error}");
            }
        }
    }
}
