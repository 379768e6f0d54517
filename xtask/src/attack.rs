//! Attacks on the service, with the memory, the CPU time and the latency that each causes.

use crate::{Result, command};

pub(crate) fn run(options: &[String]) -> Result {
    let test = ["test", "--quiet", "--locked", "--release", "--package", "ably-auth-cli", "--test", "attack"];
    let mut attacks = command::cargo(test);
    attacks.args(["--", "--nocapture", "--test-threads=1"]);
    if options.iter().any(|option| option == "--long") {
        attacks.env("ABLY_AUTH_ATTACK", "long");
    }
    command::run(&mut attacks)
}
