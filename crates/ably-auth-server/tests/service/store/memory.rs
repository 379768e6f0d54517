//! The store in memory.

use ably_auth_server::store::Memory;

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
}

every_promise!(Some(InMemory));
