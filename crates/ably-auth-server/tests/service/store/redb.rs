//! The store in a folder.

use std::fs;
use std::sync::Arc;

use ably_auth_server::ErrorKind;
use ably_auth_server::store::{Redb, Store as _};
use tokio::runtime::Runtime;

use super::{Folder, Place, every_promise, runtime};
use crate::support::*;

struct InFolder(Folder, Arc<Runtime>);

impl InFolder {
    fn new() -> Self {
        Self(Folder::new(), runtime())
    }
}

impl Place for InFolder {
    fn open(&self, before: Option<&World>) -> World {
        World::over(Redb::open(&self.0.0).unwrap(), &self.1, before)
    }
}

every_promise!(Some(InFolder::new()));

#[test]
fn the_secret_stays_and_is_for_its_owner_only() {
    let folder = Folder::new();
    let data = folder.0.join("made/when/needed");
    let secret = Redb::open(&data).unwrap().secret().unwrap();
    assert_eq!(Redb::open(&data).unwrap().secret(), Some(secret));
    assert_ne!(Redb::open(folder.0.join("other")).unwrap().secret(), Some(secret));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &str| fs::metadata(data.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(""), mode("secret"), mode("store.redb")], [0o700, 0o600, 0o600]);
        fs::set_permissions(data.join("secret"), fs::Permissions::from_mode(0o640)).unwrap();
        let error = Redb::open(&data).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
        fs::set_permissions(data.join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(data.join("secret"), "hush").unwrap();
    let error = Redb::open(&data).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("is no secret of 32 bytes") && !error.to_string().contains("hush"), "{error}");
}

#[test]
fn a_folder_is_one_process_s() {
    let folder = Folder::new();
    let first = Redb::open(&folder.0).unwrap();
    let error = Redb::open(&folder.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("another process has the folder"), "{error}");
    drop(first);
    Redb::open(&folder.0).unwrap();
}

#[test]
fn what_is_no_store_is_refused() {
    let folder = Folder::new();
    fs::write(folder.0.join("file"), "").unwrap();
    let error = Redb::open(folder.0.join("file")).unwrap_err();
    assert!(error.to_string().contains("cannot be made"), "{error}");
    let database = folder.0.join("store.redb");
    fs::write(&database, "not a store".repeat(1_000)).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&database, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let error = Redb::open(&folder.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("nothing else wrote to `store.redb`"), "{error}");
}
