//! A sensor that signs its own token request, which a gateway then posts. It has no heap and no operating system.
//!
//! ```console
//! $ cargo build --release --target thumbv7em-none-eabihf --bin sensor
//! $ qemu-system-arm -M mps2-an386 -display none -semihosting-config enable=on,target=native -kernel sensor
//! POST /keys/appId.keyId/requestToken
//! {"keyName":"appId.keyId","ttl":600000,"capability":"{\"sensors:attic\":[\"publish\"]}","clientId":"sensor-1","timestamp":1795305600000,"nonce":"f3a1c97be05d2486","mac":"amA1aayoFVXtEbe+luxgbNtmrh97ukJvHuJtI992wdQ="}
//! may publish on sensors:attic
//! ```

#![no_std]
#![no_main]

use ably_auth_core::capability::text_permits;
use ably_auth_core::{ApiKeyRef, Error, Operation, Timestamp, TokenRequestFields, Ttl};
use firmware::semihosting::{exit, write};

/// The capability that the sensor needs.
const CAPABILITY: &str = r#"{"sensors:attic":["publish"]}"#;

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    exit(ask().is_ok())
}

fn ask() -> Result<(), Error> {
    let key = ApiKeyRef::parse("appId.keyId:secret")?; // in production: from read-protected flash
    let request = TokenRequestFields {
        key_name: key.key_name(),
        ttl: Some(Ttl::from_millis(600_000)?),
        capability: Some(CAPABILITY),
        client_id: Some("sensor-1"),
        timestamp: Timestamp::from_millis(1_795_305_600_000), // in production: from the network's clock
        nonce: "f3a1c97be05d2486",                            // in production: from the hardware's random source
    };
    let mac = key.signer().sign(&request)?;
    let mut buffer = [0; 384];
    let body = request.json_into(&mac, &mut buffer)?;
    write("POST /keys/");
    write(key.key_name());
    write("/requestToken\n");
    write(body);
    write("\n");
    let may = text_permits(CAPABILITY, "sensors:attic", Operation::Publish)?;
    write(if may { "may publish on sensors:attic\n" } else { "may not publish on sensors:attic\n" });
    Ok(())
}
