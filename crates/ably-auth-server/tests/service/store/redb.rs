//! Tests of the store in a folder.

use std::fs;
use std::sync::Arc;

use ably_auth_server::ErrorKind;
use ably_auth_server::store::{Redb, Store as _};
use tokio::runtime::Runtime;

use super::served::served;
use super::{StoreSetup, TempDir, every_promise, runtime};
use crate::large_tokens;
use crate::support::*;

pub(super) struct InFolder(pub(super) TempDir, pub(super) Arc<Runtime>);

impl InFolder {
    pub(super) fn new() -> Self {
        Self(TempDir::new(), runtime())
    }
}

impl StoreSetup for InFolder {
    fn open(&self, before: Option<&World>) -> World {
        World::over(Redb::open(&self.0.0).unwrap(), &self.1, before)
    }
}

every_promise!(Some(InFolder::new()));

#[test]
fn app_limit_spares_other_apps_in_folder() {
    let (folder, runtime) = (TempDir::new(), runtime());
    let open =
        |before: Option<&World>, limits| World::over(Redb::open_with(&folder.0, limits).unwrap(), &runtime, before);
    let world = open(None, large_tokens::few());
    let token = world.token(KEY, &can(&large_tokens::channels(1_000)).ttl(ttl(HOUR)));
    let before = world.clone_without_service();
    drop(world);
    let mut none = large_tokens::few();
    none.large_token_bytes = 0;
    let world = open(Some(&before), none);
    let publish =
        world.post("/channels/channel-0001-with-a-long-name/messages", &bearer(&token), &serde_json::json!({}));
    assert_eq!(publish.code(), (201, 0), "a stored token is kept even if it exceeds the limits");
    drop(world);
    let (folder, runtime) = (TempDir::new(), runtime);
    large_tokens::check_app_limit_spares_other_apps(&World::over(
        Redb::open_with(&folder.0, large_tokens::few()).unwrap(),
        &runtime,
        None,
    ));
}

/// Returns a capability that does not fit into a header.
#[cfg(target_os = "linux")]
fn large() -> String {
    let channels = (0..700).map(|nth| (format!("channel-{nth:04}-with-a-long-name"), serde_json::json!(["publish"])));
    serde_json::Value::Object(channels.collect()).to_string()
}

/// Returns a copy of the files `names` of a folder that is in use, as after a crash.
pub(super) fn copy_after_crash(folder: &TempDir, names: &[&str]) -> TempDir {
    let copy = TempDir::new();
    let status = std::process::Command::new("cp")
        .arg("-r")
        .args(names.iter().map(|name| folder.0.join(name)))
        .arg(&copy.0)
        .status();
    assert!(status.unwrap().success());
    copy
}

#[test]
fn secret_is_kept_and_readable_only_by_owner() {
    let folder = TempDir::new();
    let data = folder.0.join("made/when/needed");
    let secret = Redb::open(&data).unwrap().secret().unwrap();
    assert_eq!(Redb::open(&data).unwrap().secret(), Some(secret));
    assert_ne!(Redb::open(folder.0.join("other")).unwrap().secret(), Some(secret));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &str| fs::metadata(data.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(""), mode("secret"), mode("store.redb")], [0o700, 0o600, 0o600]);
        assert_eq!([mode("nonces"), mode("nonces/0000000001")], [0o700, 0o600]);
        fs::set_permissions(data.join("secret"), fs::Permissions::from_mode(0o640)).unwrap();
        let error = Redb::open(&data).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
        fs::set_permissions(data.join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(data.join("secret"), "hush").unwrap();
    let error = Redb::open(&data).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(
        error.to_string().contains("not 32 bytes in URL-safe base64") && !error.to_string().contains("hush"),
        "{error}"
    );
}

#[test]
fn time_is_written_without_other_writes() {
    let folder = TempDir::new();
    let world = World::over(Redb::open(&folder.0).unwrap(), &runtime(), None);
    let token = world.token(KEY, &params().ttl(ttl(5 * MINUTE)));
    world.set(NOW + HOUR);
    assert_eq!(world.accepts(&token).code(), (401, 40142));
    let before = world.clone_without_service();
    before.set(NOW + MINUTE);
    // The time is written in the background.
    let is_over = (0..400).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        let copy = copy_after_crash(&folder, &["secret", "store.redb"]);
        let Ok(store) = Redb::open(&copy.0) else { return false };
        World::over(store, &runtime(), Some(&before)).accepts(&token).code() == (401, 40142)
    });
    assert!(is_over);
}

#[test]
fn used_nonce_records_time() {
    let (folder, runtime) = (TempDir::new(), runtime());
    let world = World::over(Redb::open(&folder.0).unwrap(), &runtime, None);
    let token = world.token(KEY, &params().ttl(ttl(30_000)));
    world.pass(50_000);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    let copy = copy_after_crash(&folder, &["secret", "store.redb", "nonces"]);
    let before = world.clone_without_service();
    before.jump(NOW + 10_000);
    let world = World::over(Redb::open(&copy.0).unwrap(), &runtime, Some(&before));
    assert_eq!(world.accepts(&token).code(), (401, 40142), "the token had expired by the time of the nonce");
}

#[test]
fn missing_nonces_refuse_request_of_clock_ahead() {
    let (folder, runtime) = (TempDir::new(), runtime());
    let world = World::over(Redb::open(&folder.0).unwrap(), &runtime, None);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    world.pass(50_000);
    world.jump(NOW + 50_000 + 2 * MINUTE);
    let ahead = world.sign(KEY, &params());
    world.jump(NOW + 50_000);
    assert_eq!(world.exchange(&ahead).code(), (201, 0));
    let before = world.clone_without_service();
    // The time is written in the background.
    let is_refused = (0..400).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        let copy = copy_after_crash(&folder, &["secret", "store.redb"]);
        let Ok(store) = Redb::open(&copy.0) else { return false };
        World::over(store, &runtime, Some(&before)).exchange(&ahead).code() == (401, 40104)
    });
    assert!(is_refused);
}

#[test]
fn folder_unused_for_long_is_served() {
    let setup = InFolder::new();
    let world = setup.open(None);
    let over = world.token(KEY, &params());
    let shared = world.clone_without_service();
    drop(world);
    shared.jump(NOW + 500 * 24 * HOUR);
    let world = setup.open(Some(&shared));
    assert_eq!(world.accepts(&over).code(), (401, 40142));
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
}

#[test]
fn missing_nonces_refuse_request_that_may_be_used() {
    let setup = InFolder::new();
    let world = setup.open(None);
    let used = world.sign(KEY, &params());
    assert_eq!(world.exchange(&used).code(), (201, 0));
    let later = world.clone_without_service();
    drop(world);
    fs::remove_dir_all(setup.0.0.join("nonces")).unwrap();
    let world = setup.open(Some(&later));
    for _ in 0..2 {
        assert_eq!(world.exchange(&used).code(), (401, 40104));
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (401, 40104));
        world.pass(MINUTE);
    }
    world.pass(MINUTE + 1);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
}

#[test]
fn expired_files_of_nonces_are_deleted() {
    let setup = InFolder::new();
    let mut world = setup.open(None);
    for _ in 0..5 {
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
        let shared = world.clone_without_service();
        drop(world);
        // Each start creates another file.
        world = setup.open(Some(&shared));
    }
    let files = || fs::read_dir(setup.0.0.join("nonces")).unwrap().count();
    let before = files();
    world.pass(5 * MINUTE);
    for _ in 0..10 {
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    }
    // Files may be deleted after the response, so wait for the threads to end.
    drop(world);
    assert_eq!((before, files()), (5, 1));
}

#[test]
fn changed_file_of_nonces_is_refused() {
    let setup = InFolder::new();
    let world = setup.open(None);
    for _ in 0..3 {
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    }
    drop(world);
    let path = setup.0.0.join("nonces/0000000001");
    let mut bytes = fs::read(&path).unwrap();
    bytes[150] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = Redb::open(&setup.0.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("has changed since it was written; restore a copy"), "{error}");
}

#[test]
fn folder_in_use_is_refused() {
    let folder = TempDir::new();
    let first = Redb::open(&folder.0).unwrap();
    let error = Redb::open(&folder.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("another process has the folder"), "{error}");
    drop(first);
    Redb::open(&folder.0).unwrap();
}

#[test]
fn invalid_folder_or_database_is_refused() {
    let folder = TempDir::new();
    fs::write(folder.0.join("file"), "").unwrap();
    let error = Redb::open(folder.0.join("file")).unwrap_err();
    assert!(error.to_string().contains("cannot be created"), "{error}");
    let database = folder.0.join("store.redb");
    fs::write(&database, "not a store".repeat(1_000)).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&database, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let error = Redb::open(&folder.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("store.redb` is damaged: "), "{error}");
}

#[test]
fn emptied_database_is_refused() {
    let folder = TempDir::new();
    drop(Redb::open(&folder.0).unwrap());
    let database = folder.0.join("store.redb");
    fs::File::options().write(true).open(&database).unwrap().set_len(0).unwrap();
    let error = Redb::open(&folder.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("so its data is lost"), "{error}");
    fs::remove_file(&database).unwrap();
    Redb::open(&folder.0).unwrap();
}

#[cfg(unix)]
#[test]
fn files_planted_in_folder_are_not_written_to() {
    use std::os::unix::fs::PermissionsExt as _;

    let (folder, elsewhere) = (TempDir::new(), TempDir::new());
    let (theirs, open) = (elsewhere.0.join("theirs"), folder.0.join("secret.new"));
    fs::write(&theirs, "").unwrap();
    std::os::unix::fs::symlink(&theirs, &open).unwrap();
    let secret = Redb::open(&folder.0).unwrap().secret();
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "", "the link is not followed");

    fs::remove_file(folder.0.join("secret")).unwrap();
    fs::write(&open, "").unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o666)).unwrap();
    assert_ne!(Redb::open(&folder.0).unwrap().secret(), secret);
    let mode = fs::metadata(folder.0.join("secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the mode of the planted file is not kept");

    for mode in [0o777, 0o720] {
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(mode)).unwrap();
        let error = Redb::open(&folder.0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(error.to_string().contains("`chmod go-w` on it"), "{error}");
    }
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    Redb::open(&folder.0).unwrap();
}

/// A small file system, if the test may mount one.
#[cfg(target_os = "linux")]
struct SmallDisk(TempDir);

#[cfg(target_os = "linux")]
impl SmallDisk {
    /// Mounts the file system. Prints a message and returns `None` if that is not permitted.
    fn new() -> Option<Self> {
        let disk = Self(TempDir::new());
        let mounted = disk.mount(&["-t", "tmpfs", "-o", "size=8m", "tmpfs"]);
        if !mounted {
            eprintln!("NOT TESTED: mounting a small file system takes root");
        }
        mounted.then_some(disk)
    }

    fn mount(&self, args: &[&str]) -> bool {
        let mount = std::process::Command::new("mount").args(args).arg(&self.0.0).output();
        mount.is_ok_and(|mount| mount.status.success())
    }

    /// Fills the free space.
    fn fill(&self) {
        let mut file = fs::File::create(self.0.0.join("filling")).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    }

    fn clear(&self) {
        fs::remove_file(self.0.0.join("filling")).unwrap();
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Unmount until no mount is left, since mounts may be stacked.
        let umount = || std::process::Command::new("umount").arg(&self.0.0).output();
        while umount().is_ok_and(|umount| umount.status.success()) {}
    }
}

#[cfg(target_os = "linux")]
#[test]
fn full_disk_grants_nothing_until_space_is_free() {
    let Some(disk) = SmallDisk::new() else { return };
    let data = disk.0.0.join("data");
    disk.fill();
    let error = Redb::open(&data).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("that the disk has free space"), "{error}");
    disk.clear();
    let runtime = runtime();
    let world = World::over(Redb::open(&data).unwrap(), &runtime, None);
    let server = served(&world, &runtime);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    assert!(server.is_ready());
    disk.fill();
    let large = large();
    // Writes succeed until the free space inside the file is used up.
    let refused = (0..500).find_map(|_| {
        let answer = world.exchange(&world.sign(KEY, &can(&large)));
        (answer.status != 201).then(|| answer.code())
    });
    assert_eq!(refused, Some((500, 50003)));
    let small: Vec<_> = (0..50).map(|_| world.sign(KEY, &params())).collect();
    let granted: Vec<_> = small.iter().filter(|request| world.exchange(request).status == 201).collect();
    disk.clear();
    // A slow machine may take longer than a readiness check waits.
    assert!((0..20).any(|_| server.is_ready()), "the readiness check has reopened the database");
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    let before = world.clone_without_service();
    drop((world, server));
    let world = World::over(Redb::open(&data).unwrap(), &runtime, Some(&before));
    assert_eq!(world.exchange(&world.sign(KEY, &params())).status, 201, "the data is readable");
    for request in granted {
        assert_eq!(world.exchange(request).code(), (401, 40105), "each granted request was written");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn read_only_folder_is_refused() {
    let Some(disk) = SmallDisk::new() else { return };
    let data = disk.0.0.join("data");
    drop(Redb::open(&data).unwrap());
    assert!(disk.mount(&["-o", "bind,ro", data.to_str().unwrap()]));
    let error = Redb::open(&disk.0.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("cannot be written: Read-only file system"), "{error}");
}
