//! `api JSON...`: writes the public items in each rustdoc JSON file, one per line, to a file of the same name that ends
//! in `.txt`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use public_api::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    for json in std::env::args_os().skip(1).map(PathBuf::from) {
        // Implementations that every type has would hide the other items. Derived ones are promises like any other.
        let listed = Builder::from_rustdoc_json(&json)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(false)
            .build()?;
        let lines: String = listed.items().map(|item| format!("{item}\n")).collect();
        fs::write(json.with_extension("txt"), lines)?;
    }
    Ok(())
}
