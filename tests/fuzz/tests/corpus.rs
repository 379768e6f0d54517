//! Runs each target over its committed inputs, without libFuzzer: `cargo xtask fuzz 0`.

use std::fs;
use std::path::Path;

use fuzz::targets::TARGETS;

/// One test, because the targets measure the memory of the whole process.
#[test]
fn committed_inputs_cause_no_fault() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut folders: Vec<_> =
        fs::read_dir(&corpora).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort();
    assert_eq!(folders, TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), "each target has a folder");
    for target in TARGETS {
        let mut inputs: Vec<_> =
            fs::read_dir(corpora.join(target.name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "{} has no inputs", target.name);
        for input in &inputs {
            // Shown if the test fails.
            println!("{}", input.display());
            (target.run)(&fs::read(input).unwrap());
        }
        println!("{}: {} inputs", target.name, inputs.len());
    }
}
