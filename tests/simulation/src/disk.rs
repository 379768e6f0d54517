//! A disk that keeps what was synced, and loses anything else as its seed decides.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use ably_auth_server::simulation::files::{Disk, Opening, Status};
use fastrand::Rng;

/// The unit that the disk writes as a whole, in bytes.
const SECTOR: usize = 512;

const ROOT: u64 = 0;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

/// A change of names that the file system makes as a whole.
type Renaming = Vec<(String, Option<u64>)>;

#[derive(Clone, Debug, Default)]
struct Content {
    current: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug, Default)]
struct Names {
    current: BTreeMap<String, u64>,
    durable: BTreeMap<String, u64>,
    unsynced: Vec<Renaming>,
}

#[derive(Clone, Debug)]
enum Item {
    File(Content),
    Folder(Names),
}

#[derive(Default)]
struct State {
    items: BTreeMap<u64, Item>,
    /// The open files, by their number.
    open: BTreeMap<u64, u64>,
    locked: BTreeSet<u64>,
    next: u64,
    faults: Faults,
    /// The number of changes after which the process dies.
    dies_after: Option<u32>,
    has_died: bool,
}

/// The faults of the disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The disk has no space.
    pub is_full: bool,
    /// One of so many writes and syncs fails; none if 0.
    pub fails_one_in: u32,
    /// The longest time that a change takes, in ms.
    pub stall_ms: u64,
}

/// A copy of files, by their path in the folder.
pub type Copy = BTreeMap<String, Vec<u8>>;

pub struct SimulatedDisk {
    state: Mutex<State>,
    rng: Mutex<Rng>,
}

fn missing<T>() -> io::Result<T> {
    Err(ErrorKind::NotFound.into())
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, written) => {
            let at = *at as usize;
            bytes.resize(bytes.len().max(at + written.len()), 0);
            bytes[at..at + written.len()].copy_from_slice(written);
        }
        Change::Length(length) => bytes.resize(*length as usize, 0),
    }
}

fn rename_all(names: &mut BTreeMap<String, u64>, renaming: &Renaming) {
    for (name, item) in renaming {
        match item {
            Some(item) => names.insert(name.clone(), *item),
            None => names.remove(name),
        };
    }
}

impl State {
    fn alive(&self) -> io::Result<()> {
        if self.has_died { Err(io::Error::other("the process has died")) } else { Ok(()) }
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        let mut at = ROOT;
        for part in path.iter().skip(1) {
            let name = part.to_str().unwrap_or_default();
            match self.items.get(&at) {
                Some(Item::Folder(names)) => at = *names.current.get(name).ok_or(ErrorKind::NotFound)?,
                _ => return missing(),
            }
        }
        Ok(at)
    }

    /// Returns the folder of a path, and the name in it.
    fn place(&self, path: &Path) -> io::Result<(u64, String)> {
        let folder = self.find(path.parent().ok_or(ErrorKind::InvalidInput)?)?;
        Ok((folder, path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned()))
    }

    fn folder(&mut self, item: u64) -> io::Result<&mut Names> {
        match self.items.get_mut(&item) {
            Some(Item::Folder(names)) => Ok(names),
            _ => missing(),
        }
    }

    fn rename(&mut self, folder: u64, renaming: Renaming) -> io::Result<()> {
        let names = self.folder(folder)?;
        rename_all(&mut names.current, &renaming);
        names.unsynced.push(renaming);
        Ok(())
    }

    fn add(&mut self, item: Item) -> u64 {
        self.next += 1;
        self.items.insert(self.next, item);
        self.next
    }

    fn item(&self, file: u64) -> io::Result<u64> {
        self.alive()?;
        self.open.get(&file).copied().ok_or_else(|| io::Error::other("the file is closed"))
    }

    fn status(&self, item: u64) -> io::Result<Status> {
        match self.items.get(&item) {
            Some(Item::File(content)) => Ok(Status { length: content.current.len() as u64, mode: 0o600 }),
            Some(Item::Folder(_)) => Ok(Status { length: 4096, mode: 0o700 }),
            None => missing(),
        }
    }

    fn content(&mut self, file: u64) -> io::Result<&mut Content> {
        let item = self.item(file)?;
        match self.items.get_mut(&item) {
            Some(Item::File(content)) => Ok(content),
            _ => Err(ErrorKind::IsADirectory.into()),
        }
    }
}

impl SimulatedDisk {
    pub fn new(seed: u64) -> Self {
        let items = BTreeMap::from([(ROOT, Item::Folder(Names::default()))]);
        let state = State { items, ..State::default() };
        Self { state: Mutex::new(state), rng: Mutex::new(Rng::with_seed(seed)) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn rng(&self) -> std::sync::MutexGuard<'_, Rng> {
        self.rng.lock().unwrap()
    }

    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Lets the process die during the change that comes after `changes` more.
    pub fn die_after(&self, changes: u32) {
        self.state().dies_after = Some(changes);
    }

    pub fn has_died(&self) -> bool {
        self.state().has_died
    }

    /// Ends the process: closes its files. Everything that was written is still in the cache of the system.
    pub fn end_process(&self) {
        let mut state = self.state();
        state.open.clear();
        state.locked.clear();
        state.dies_after = None;
        state.has_died = true;
    }

    /// Lets another process use the disk.
    pub fn start_process(&self) {
        self.state().has_died = false;
    }

    /// Loses the power: of what was not synced, some sectors and names are kept.
    pub fn lose_power(&self) {
        self.end_process();
        let (mut state, mut rng) = (self.state(), self.rng());
        for item in state.items.values_mut() {
            match item {
                Item::File(content) => {
                    for change in std::mem::take(&mut content.unsynced) {
                        match &change {
                            Change::Write(at, bytes) => {
                                for (nth, sector) in bytes.chunks(SECTOR).enumerate() {
                                    if rng.bool() {
                                        let at = at + (nth * SECTOR) as u64;
                                        apply(&mut content.durable, &Change::Write(at, sector.to_vec()));
                                    }
                                }
                            }
                            Change::Length(_) if rng.bool() => apply(&mut content.durable, &change),
                            Change::Length(_) => {}
                        }
                    }
                    content.current.clone_from(&content.durable);
                }
                Item::Folder(names) => {
                    // A journal keeps changes of names in their order.
                    let kept = rng.usize(..=names.unsynced.len());
                    for renaming in std::mem::take(&mut names.unsynced).iter().take(kept) {
                        rename_all(&mut names.durable, renaming);
                    }
                    names.current.clone_from(&names.durable);
                }
            }
        }
    }

    /// Prepares a change: it may fail, and the process may die before it.
    fn begin_change(&self, needs_space: bool) -> io::Result<std::sync::MutexGuard<'_, State>> {
        let mut state = self.state();
        state.alive()?;
        if let Some(left) = state.dies_after {
            state.dies_after = left.checked_sub(1);
            if left == 0 {
                state.has_died = true;
                state.alive()?;
            }
        }
        let Faults { is_full, fails_one_in, .. } = state.faults;
        if is_full && needs_space {
            return Err(ErrorKind::StorageFull.into());
        }
        if fails_one_in > 0 && self.rng().u32(..fails_one_in) == 0 {
            return Err(io::Error::other("the disk failed"));
        }
        Ok(state)
    }

    /// Copies all files below a folder.
    pub fn copy(&self, folder: &Path) -> Copy {
        let state = self.state();
        let mut copy = Copy::new();
        let mut folders = vec![(folder.to_owned(), String::new())];
        while let Some((path, prefix)) = folders.pop() {
            let Some(Item::Folder(names)) = state.find(&path).ok().and_then(|item| state.items.get(&item)) else {
                continue;
            };
            for (name, item) in &names.current {
                match state.items.get(item) {
                    Some(Item::File(content)) => {
                        copy.insert(format!("{prefix}{name}"), content.current.clone());
                    }
                    _ => folders.push((path.join(name), format!("{prefix}{name}/"))),
                }
            }
        }
        copy
    }

    /// Puts a file in place of another, or removes it, as an operator would. The change is durable.
    pub fn put(&self, path: &Path, bytes: Option<Vec<u8>>) {
        let mut state = self.state();
        let Ok((folder, name)) = state.place(path) else { return };
        let item = bytes.map(|bytes| {
            state.add(Item::File(Content { current: bytes.clone(), durable: bytes, unsynced: Vec::new() }))
        });
        if let Ok(names) = state.folder(folder) {
            for renaming in std::mem::take(&mut names.unsynced) {
                rename_all(&mut names.durable, &renaming);
            }
            for names in [&mut names.current, &mut names.durable] {
                rename_all(names, &vec![(name.clone(), item)]);
            }
        }
    }
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path, how: Opening) -> io::Result<u64> {
        let mut state = self.state();
        state.alive()?;
        let item = match state.find(path) {
            Ok(_) if how.create_new => return Err(ErrorKind::AlreadyExists.into()),
            Ok(item) => item,
            Err(_) if how.create || how.create_new => {
                drop(state);
                state = self.begin_change(true)?;
                let (folder, name) = state.place(path)?;
                let item = state.add(Item::File(Content::default()));
                state.rename(folder, vec![(name, Some(item))])?;
                item
            }
            Err(error) => return Err(error),
        };
        state.next += 1;
        let file = state.next;
        state.open.insert(file, item);
        Ok(file)
    }

    fn close(&self, file: u64) {
        let mut state = self.state();
        state.open.remove(&file);
        state.locked.remove(&file);
    }

    fn status(&self, path: &Path) -> io::Result<Status> {
        let state = self.state();
        state.alive()?;
        state.status(state.find(path)?)
    }

    fn status_of(&self, file: u64) -> io::Result<Status> {
        let state = self.state();
        state.status(state.item(file)?)
    }

    fn read(&self, file: u64, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        let bytes = &state.content(file)?.current;
        let rest = bytes.get(at as usize..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write(&self, file: u64, at: u64, bytes: &[u8]) -> io::Result<()> {
        let length = self.status_of(file)?.length;
        let mut state = self.begin_change(at + bytes.len() as u64 > length)?;
        let content = state.content(file)?;
        let change = Change::Write(at, bytes.to_vec());
        apply(&mut content.current, &change);
        content.unsynced.push(change);
        Ok(())
    }

    fn set_len(&self, file: u64, length: u64) -> io::Result<()> {
        let mut state = self.begin_change(false)?;
        let content = state.content(file)?;
        apply(&mut content.current, &Change::Length(length));
        content.unsynced.push(Change::Length(length));
        Ok(())
    }

    fn sync(&self, file: u64) -> io::Result<()> {
        let mut state = self.begin_change(false)?;
        let item = state.item(file)?;
        match state.items.get_mut(&item) {
            Some(Item::File(content)) => {
                for change in std::mem::take(&mut content.unsynced) {
                    apply(&mut content.durable, &change);
                }
            }
            Some(Item::Folder(names)) => {
                for renaming in std::mem::take(&mut names.unsynced) {
                    rename_all(&mut names.durable, &renaming);
                }
            }
            None => return missing(),
        }
        Ok(())
    }

    fn lock(&self, file: u64) -> io::Result<bool> {
        let mut state = self.state();
        let item = state.item(file)?;
        let is_free = !state.locked.iter().any(|other| state.open.get(other) == Some(&item));
        if is_free {
            state.locked.insert(file);
        }
        Ok(is_free)
    }

    fn delay(&self) -> Duration {
        let stall = self.state().faults.stall_ms;
        let mut rng = self.rng();
        if stall > 0 && rng.u32(..8) == 0 {
            return Duration::from_millis(rng.u64(..=stall));
        }
        Duration::from_micros(rng.u64(20..400))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin_change(true)?;
        for folder in path.ancestors().collect::<Vec<_>>().into_iter().rev().skip(1) {
            if state.find(folder).is_ok() {
                continue;
            }
            let (parent, name) = state.place(folder)?;
            let item = state.add(Item::Folder(Names::default()));
            state.rename(parent, vec![(name, Some(item))])?;
        }
        Ok(())
    }

    fn names(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut state = self.state();
        state.alive()?;
        let item = state.find(path)?;
        Ok(state.folder(item)?.current.keys().map(|name| path.join(name)).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.begin_change(false)?;
        let item = state.find(from)?;
        let ((folder, old), (other, new)) = (state.place(from)?, state.place(to)?);
        if folder != other {
            return Err(ErrorKind::CrossesDevices.into());
        }
        state.rename(folder, vec![(old, None), (new, Some(item))])
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.begin_change(true)?;
        if state.find(to).is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let item = state.find(from)?;
        let (folder, name) = state.place(to)?;
        state.rename(folder, vec![(name, Some(item))])
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin_change(false)?;
        state.find(path)?;
        let (folder, name) = state.place(path)?;
        state.rename(folder, vec![(name, None)])
    }

    fn remove_all(&self, path: &Path) -> io::Result<()> {
        self.remove(path)
    }
}
