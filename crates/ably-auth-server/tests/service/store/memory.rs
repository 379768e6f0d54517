//! The store in memory.

use ably_auth_server::{Apps, store::Memory};

use super::{Place, every_promise, runtime};
use crate::support::World;

struct InMemory;

impl Place for InMemory {
    fn open(&self, before: Option<&World>) -> World {
        World::over(Memory::new(), &runtime(), before)
    }

    fn again(&self, before: World) -> World {
        before
    }

    fn again_with(&self, before: World, apps: Apps) -> World {
        before.wait(before.service.reload(apps)).unwrap();
        before
    }
}

every_promise!(Some(InMemory));
