//! Tests of the store in memory.

use ably_auth_server::{Apps, store::Memory};

use super::{StoreSetup, every_promise, runtime};
use crate::support::World;

struct InMemory;

impl StoreSetup for InMemory {
    fn open(&self, before: Option<&World>) -> World {
        World::over(Memory::new(), &runtime(), before)
    }

    fn reopen(&self, before: World) -> World {
        before
    }

    fn reopen_with(&self, before: World, apps: Apps) -> World {
        before.wait(before.service.reload(apps)).unwrap();
        before
    }
}

every_promise!(Some(InMemory));
