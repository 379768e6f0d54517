//! The folder of a store with changed files. It opens, or is refused with an error of the store; and if it opens, no nonce
//! that was used before can be used again.
//!
//! The input is a list of changes: a file, a kind, a place and a byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Once};

use ably_auth_core::{KeyName, Timestamp};
use ably_auth_server::ErrorKind;
use ably_auth_server::store::{Fingerprint, Record, Redb, Store as _, Use};
use tokio::runtime::Builder;

use crate::NOW;
use crate::choices::Choices;

/// The folder that each input changes a copy of: closed properly, or killed while it was open.
struct Template {
    files: Vec<(String, Vec<u8>)>,
}

static TEMPLATES: LazyLock<[Template; 2]> = LazyLock::new(|| [template(true), template(false)]);

/// Deletes its folder.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = parent.join(format!("ably-auth-fuzz-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn nonce(nth: u64) -> Fingerprint {
    Fingerprint::new(&KeyName::parse("app.key").unwrap(), &format!("nonce-{nth}"), Timestamp::from_millis(NOW - nth))
}

const NONCES: u64 = 4;

fn wait<T>(done: impl Future<Output = T>) -> T {
    Builder::new_current_thread().build().unwrap().block_on(done)
}

fn template(is_closed: bool) -> Template {
    let folder = Folder::new("template");
    let store = Redb::open(&folder.0).unwrap();
    let now = Timestamp::from_millis(NOW);
    for nth in 0..NONCES {
        assert_eq!(wait(store.use_once(Some(nonce(nth)), now)).unwrap(), Use::First);
    }
    let record = Record { name: "app/a".into(), value: Some(vec![b'x'; 300].into()), expires: None };
    wait(store.write(vec![record], u64::MAX, now)).unwrap();
    let read = || {
        let names = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = names
            .filter(|path| path.is_file())
            .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
            .collect();
        // The journal is preallocated; its end is zeros, which need not be copied.
        for (_, bytes) in files.iter_mut().filter(|(name, _)| name.starts_with("nonces")) {
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            bytes.truncate(end + 64);
        }
        files.sort();
        files
    };
    if is_closed {
        drop(store);
        return Template { files: read() };
    }
    let files = read();
    drop(store);
    Template { files }
}

/// redb panics on some damage, which the store catches. The hook of libFuzzer would end the process before that.
fn ignore_panics_of_redb() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_of_redb = info.location().is_some_and(|place| place.file().contains("redb-"));
            if !is_of_redb {
                hook(info);
            }
        }));
    });
}

pub fn run(data: &[u8]) {
    ignore_panics_of_redb();
    let mut choices = Choices::new(data);
    let template = &TEMPLATES[choices.below(2)];
    let mut files = template.files.clone();
    let mut is_changed = false;
    while !choices.rest().is_empty() {
        let which = choices.below(files.len());
        let (kind, byte) = (choices.below(4), choices.byte());
        let place = choices.bytes(3).iter().fold(0_usize, |place, byte| place << 8 | usize::from(*byte));
        let (_, bytes) = &mut files[which];
        if bytes.is_empty() {
            continue;
        }
        is_changed = true;
        let at = place % bytes.len();
        match kind {
            0 => bytes[at] = byte,
            1 => bytes.truncate(at),
            2 => bytes[at] ^= 1 << (byte % 8),
            _ => {
                let from = bytes[at..].iter().take(usize::from(byte)).copied().collect::<Vec<_>>();
                bytes.splice(at..at, from);
            }
        }
    }
    let folder = Folder::new("copy");
    fs::create_dir(&folder.0).unwrap();
    for (name, bytes) in &files {
        let path = folder.0.join(name);
        fs::write(&path, bytes).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    #[cfg(unix)]
    fs::set_permissions(&folder.0, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    match Redb::open(&folder.0) {
        Ok(store) => {
            for nth in 0..NONCES {
                let used = wait(store.use_once(Some(nonce(nth)), Timestamp::from_millis(NOW)));
                assert!(!matches!(used, Ok(Use::First)), "nonce {nth} can be used again");
            }
        }
        Err(error) => {
            assert!(is_changed, "{error}");
            assert_eq!(error.kind(), ErrorKind::Store, "{error}");
            for (name, bytes) in &files {
                let left = fs::read(folder.0.join(name)).unwrap_or_default();
                assert!(name == "store.redb" || left == *bytes, "{name} of a folder that was refused is changed");
            }
        }
    }
}
