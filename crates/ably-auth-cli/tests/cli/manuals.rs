//! `ably-auth completions` and `ably-auth man`

use std::fs;
use std::path::PathBuf;

use crate::support::run;

#[test]
fn completion_script_of_each_shell_has_commands() {
    for (shell, marker) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef ably-auth"),
        ("fish", "complete -c ably-auth"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        let answer = run(&["completions", shell]);
        for expected in [marker, "token-request", "mint", "revocation-key"] {
            assert!(answer.yes().contains(expected), "{shell}: {expected}");
        }
    }
    run(&["completions", "cmd"]).bad(&["invalid value 'cmd'", "bash"]);
}

#[cfg(unix)]
#[test]
fn bash_completes_commands_and_options() {
    let script = run(&["completions", "bash"]).yes().to_owned();
    // Call the function as bash does after `complete -F`: with the program, the current word and the previous word.
    let ask = r#"
        read -r -a spec <<<"$(complete -p ably-auth)"
        for ((nth = 0; nth < ${#spec[@]}; nth++)); do [[ ${spec[nth]} == -F ]] && call=${spec[nth + 1]}; done
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "$call" ably-auth "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        echo "${COMPREPLY[*]}"
    "#;
    for (words, completed) in [
        (&["ably-auth", "tok"][..], "token token-request"),
        (&["ably-auth", "jwt", "m"], "mint"),
        (&["ably-auth", "token-request", "s"], "sign"),
        (&["ably-auth", "token", "r"], "request"),
        (&["ably-auth", "token", "request", "--e"], "--endpoint"),
        (&["ably-auth", "jwt", "mint", "--cl"], "--client-id --claim"),
        (&["ably-auth", "completions", "z"], "zsh"),
    ] {
        let mut bash = std::process::Command::new("bash");
        let output = bash.args(["-c", &format!("{script}\n{ask}"), "bash"]).args(words).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), completed, "{words:?}: {output:?}");
    }
}

#[test]
fn manual_page_describes_its_command() {
    let page = run(&["man"]).yes().to_owned();
    for expected in [".TH ably-auth 1", "token\\-request", ".SH EXAMPLES", ".SH \"EXIT STATUS\""] {
        assert!(page.contains(expected), "{page}");
    }
    let page = run(&["man", "jwt", "mint"]).yes().to_owned();
    for expected in [".TH ably-auth-jwt-mint 1", "\\-\\-revocation\\-key", "ably\\-auth jwt mint"] {
        assert!(page.contains(expected), "{page}");
    }
    run(&["man", "jwt", "sing"]).bad(&["unknown command `sing`"]);
}

#[test]
fn all_pages_are_written_to_a_folder() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-man", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let answer = run(&["man", "--dir", folder.to_str().unwrap(), "--json"]);
    let json = answer.yes_json();
    let names: Vec<_> = json["pages"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for name in ["ably-auth.1", "ably-auth-jwt-mint.1", "ably-auth-key-generate.1", "ably-auth-completions.1"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("-help")), "{names:?}");
    for name in &names {
        assert!(fs::read_to_string(folder.join(name)).unwrap().contains(".SH SYNOPSIS"), "{name}");
    }
    fs::remove_dir_all(&folder).unwrap();
    run(&["man", "--dir", folder.to_str().unwrap()]).bad(&["--dir "]);
}
