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

use ably_auth_core::{ApiKey, Capability, JwtFields, Operation, Timestamp, Ttl, jwt};

#[allow(clippy::disallowed_methods, reason = "a program's own clock")]
fn main() -> Result<(), Box<dyn Error>> {
    let key = ApiKey::from_env()?;
    let signer = key.signer(); // once, for any number of JWTs
    let now = Timestamp::now();

    let capability = Capability::none().with("game:*", [Operation::Publish, Operation::Subscribe])?.to_string();
    let fields = JwtFields {
        client_id: Some("alice"),
        capability: Some(&capability),
        channel_claims: &[("game:*", "player 7")],
        publish_limits: &[("game:*", 30), ("game:chess", 2)],
        ..JwtFields::new(key.key_name().as_str(), now, "10m".parse::<Ttl>()?)
    };
    let token = fields.mint(&signer)?;

    // The holder of the key can read the JWT and detect any change to it.
    let verified = jwt::verify(&key, token.expose(), now)?;
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
