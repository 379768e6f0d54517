//! `api JSON...`: for each file that rustdoc wrote, the public items, one a line, in a file beside it that ends in `.txt`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use public_api::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    for json in std::env::args_os().skip(1).map(PathBuf::from) {
        // What every type has, or has by a derive, is in no doubt and would hide the rest.
        let listed = Builder::from_rustdoc_json(&json)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(true)
            .build()?;
        let lines: String = listed.items().map(|item| format!("{item}\n")).collect();
        fs::write(json.with_extension("txt"), lines)?;
    }
    Ok(())
}
