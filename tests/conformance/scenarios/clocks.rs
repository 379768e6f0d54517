//! Tokens and clocks: a suspended machine, and a wall clock that is set.

use std::time::Duration;

use super::{BOTH, Scenario};
use crate::harness::{AuthCallback, HOUR, Kind, Reply, Setup, World, issued};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "clocks/token-is-renewed-after-suspend", kinds: BOTH, run: slept },
    Scenario { name: "clocks/clock-set-back-does-not-extend-token", kinds: BOTH, run: set_back },
    Scenario { name: "clocks/clock-set-forward-costs-one-renewal", kinds: BOTH, run: set_forward },
];

const DAY: i64 = 86_400_000;

/// A service, and a client with a callback that numbers its tokens.
struct Day {
    world: World,
    callback: AuthCallback,
    client: std::sync::Arc<dyn crate::harness::Client>,
}

impl Day {
    fn begin(kind: Kind) -> Self {
        let world = World::new(|_, _| Reply::ok());
        let clock = world.clock.clone();
        let callback = AuthCallback::new(move |call, _| {
            let token = issued(&format!("token-{call}"), clock.millis());
            Ok(serde_json::from_value::<ably_auth::TokenDetails>(token).unwrap())
        });
        let client = kind.connect(&world, &Setup::callback(&callback));
        Self { world, callback, client }
    }

    /// Calls the service, and returns the `Authorization` header of the call.
    fn call(&self) -> String {
        self.client.get("/channels/test").unwrap();
        self.world.log().last().unwrap().authorization().unwrap().to_owned()
    }
}

fn slept(kind: Kind) {
    let day = Day::begin(kind);
    assert_eq!(day.call(), "Bearer token-1");
    day.world.clock.suspend(Duration::from_millis(HOUR));
    assert_eq!(day.call(), "Bearer token-2", "the expired token is not tried");
    assert_eq!(day.call(), "Bearer token-2");
}

fn set_back(kind: Kind) {
    let day = Day::begin(kind);
    assert_eq!(day.call(), "Bearer token-1");
    day.world.clock.set_wall_by(-DAY);
    assert_eq!(day.call(), "Bearer token-1", "the token is still valid");
    day.world.clock.advance(Duration::from_millis(HOUR));
    assert_eq!(day.call(), "Bearer token-2", "an hour has passed by the steady clock");
}

fn set_forward(kind: Kind) {
    let day = Day::begin(kind);
    assert_eq!(day.call(), "Bearer token-1");
    day.world.clock.set_wall_by(DAY);
    for _ in 0..3 {
        assert_eq!(day.call(), "Bearer token-2");
    }
    assert_eq!(day.callback.asked().len(), 2);
}
