//! A JWT for one player of a game, with a capability, a channel claim that other players see, and publish limits.
//!
//! ```console
//! $ ABLY_API_KEY=appId.keyId:secret cargo run --example jwt_with_limits
//! {"game:*":["publish","subscribe"]} for alice, valid for 600 s
//! on game:*, others are told: player 7
//! on game:*, at most 30 messages a second
//! on game:chess, at most 2 messages a second
//! eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6ImFwcElkLmtleUlkIn0.…
//! ```
//!
//! A server makes a JWT without a request to Ably. It must hold the key, and must know the player.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ably_auth_core::{ApiKey, Capability, JwtFields, Operation, Timestamp, Ttl, UnverifiedJwt};

fn main() -> Result<(), Box<dyn Error>> {
    let key = std::env::var("ABLY_API_KEY").map_err(|_| "ABLY_API_KEY is not set; set it to a key")?;
    let key = ApiKey::parse(&key)?;
    let signer = key.signer(); // once, for any number of JWTs
    let now = now()?;

    let capability = Capability::none().with("game:*", [Operation::Publish, Operation::Subscribe])?.to_string();
    let fields = JwtFields {
        client_id: Some("alice"),
        capability: Some(&capability),
        channel_claims: &[("game:*", "player 7")],
        publish_limits: &[("game:*", 30), ("game:chess", 2)],
        ..JwtFields::new(key.key_name().as_str(), now, Ttl::from_millis(600_000)?)
    };
    let token = fields.mint(&signer)?;

    // The holder of the key can read the JWT and detect any change to it.
    let verified = UnverifiedJwt::parse(token.expose())?.verify(&signer, now, Duration::ZERO)?;
    let claims = verified.claims();
    let seconds = claims.ttl()?.as_millis() / 1000;
    println!(
        "{} for {}, valid for {seconds} s",
        claims.capability_text().unwrap_or("everything"),
        claims.client_id().as_str().unwrap_or("nobody")
    );
    for (resource, claim) in claims.channel_claims() {
        println!("on {resource}, others are told: {claim}");
    }
    for (resource, rate) in claims.publish_limits() {
        println!("on {resource}, at most {rate} messages a second");
    }
    println!("{}", token.expose());
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a program's own clock")]
fn now() -> Result<Timestamp, Box<dyn Error>> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Timestamp::from_millis(u64::try_from(since_1970.as_millis())?))
}
