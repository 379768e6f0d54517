//! `glue MODULE FOLDER` writes the JavaScript for a module that was built with wasm-bindgen, and the final module.

use std::env;
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [module, folder] = args.as_slice() else {
        eprintln!("error: invalid arguments; give the module and the output folder");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(module)
        .out_name("raw")
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    let written = bindgen.web(true).and_then(|bindgen| bindgen.generate(folder));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: cannot write the glue of `{module}`: {error:#}");
            ExitCode::FAILURE
        }
    }
}
