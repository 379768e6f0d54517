//! The Rust blocks of the READMEs and of the guide, as doctests. `guide.rs` checks that no page is missing here.

macro_rules! pages {
    ($($name:ident = $path:literal),+ $(,)?) => {
        $(
            #[doc = include_str!($path)]
            #[cfg(doctest)]
            pub struct $name;
        )+
    };
}

pages! {
    Readme = "../README.md",
    Asynchronous = "../crates/ably-auth-reqwest/README.md",
    Blocking = "../crates/ably-auth-blocking/README.md",
    Websocket = "../crates/ably-auth-websocket/README.md",
    Guide = "../docs/README.md",
    Install = "../docs/install.md",
    Languages = "../docs/languages.md",
    Choosing = "../docs/choosing.md",
    Flow = "../docs/flow.md",
    Capabilities = "../docs/capabilities.md",
    Renewal = "../docs/renewal.md",
    Revocation = "../docs/revocation.md",
    Embedding = "../docs/embedding.md",
    Errors = "../docs/errors.md",
    ComingFromAbly = "../docs/coming-from-ably.md",
    ThreatModel = "../docs/threat-model.md",
    Connecting = "../docs/connecting.md",
    Realtime = "../docs/realtime.md",
    Console = "../docs/console.md",
    Explorer = "../docs/explorer.md",
    Running = "../docs/running.md",
    Scale = "../docs/scale.md",
}
