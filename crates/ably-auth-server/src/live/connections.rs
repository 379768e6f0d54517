//! The table of realtime connections. It finds them by id, by key and by revocation target.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ably_auth_core::{ErrorCode, KeyName, Token, TokenRevocationTargetSpecifier as Target};
#[cfg(feature = "console")]
use tokio::sync::mpsc;

#[cfg(feature = "console")]
use super::inquiry::Descriptions;
use super::mailbox::Mailbox;
use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::sync::lock;

/// The maximum number of targets by which a connection is found. A connection with more is signalled at each revocation
/// of its key.
const MAX_TARGETS: usize = 32;

/// The realtime connections of a service.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    last_number: AtomicU64,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<u64, Open>,
    by_id: HashMap<Arc<str>, Place>,
    by_key: HashMap<KeyName, BTreeSet<u64>>,
    by_target: HashMap<(KeyName, Target), BTreeSet<u64>>,
    /// The connections with too many targets, by their key.
    wide: HashMap<KeyName, BTreeSet<u64>>,
    by_app: HashMap<Box<str>, usize>,
    /// The lost connections, in the order in which they are forgotten.
    by_end: BTreeMap<(Duration, u64), Arc<str>>,
}

#[derive(Debug)]
struct Open {
    mailbox: Arc<Mailbox>,
    resumable: Arc<Resumable>,
    key: KeyName,
    targets: Vec<Target>,
}

/// The state of a connection: open, or lost and kept for a client that resumes it.
#[derive(Debug)]
enum Place {
    Open(u64),
    Lost { mailbox: Arc<Mailbox>, resumable: Arc<Resumable>, end: (Duration, u64) },
}

/// The proof that a client must present to resume a connection.
#[derive(Debug, PartialEq)]
pub(crate) struct Resumable {
    /// The secret part of the connection key. Two of them are compared in constant time.
    pub(crate) secret: Token,
    pub(crate) app_id: Box<str>,
    /// The identity of the client, `*` if it may be any, or `None` if it has none.
    pub(crate) client_id: Option<Box<str>>,
}

impl Connections {
    /// Returns the number of a new connection.
    pub(crate) fn next_number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// Adds a connection, unless its app or its key has too many.
    pub(crate) fn enter(
        &self,
        mailbox: &Arc<Mailbox>,
        resumable: Resumable,
        key: &KeyName,
        targets: impl Iterator<Item = Target>,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let (of_app, of_key) = limits.most_connections_of_app_and_key();
        let mut table = lock(&self.table);
        let refuse = |code, what: &str, most| {
            let message = format!("the {what} has {most} realtime connections, the maximum; close some");
            Err(Refusal::new(code, message).with_status(429))
        };
        if table.by_app.get(key.app_id()).is_some_and(|count| *count >= of_app) {
            return refuse(ErrorCode::APP_CONNECTION_LIMIT, "app", of_app);
        }
        if table.by_key.get(key).is_some_and(|numbers| numbers.len() >= of_key) {
            return refuse(ErrorCode::TOKEN_CONNECTION_LIMIT, "key", of_key);
        }
        let count = table.by_app.entry(key.app_id().into()).or_default();
        *count = count.saturating_add(1);
        table.by_id.insert(Arc::clone(&mailbox.connection_id), Place::Open(mailbox.number));
        let open = Open {
            mailbox: Arc::clone(mailbox),
            resumable: Arc::new(resumable),
            key: key.clone(),
            targets: Vec::new(),
        };
        table.open.insert(mailbox.number, open);
        table.index(mailbox.number, key, targets);
        Ok(())
    }

    /// Replaces the key and the targets by which a connection is found.
    pub(crate) fn set_credential(&self, mailbox: &Mailbox, key: &KeyName, targets: impl Iterator<Item = Target>) {
        let mut table = lock(&self.table);
        // A connection that was replaced is not in the table any more.
        if table.open.contains_key(&mailbox.number) {
            table.remove_index(mailbox.number);
            table.index(mailbox.number, key, targets);
        }
    }

    /// Removes a connection. If it is lost, it is kept until `until`, a moment of the service's stopwatch.
    pub(crate) fn leave(&self, mailbox: &Mailbox, lost_until: Option<Duration>, limits: &Limits) {
        let mut table = lock(&self.table);
        let Some(Open { mailbox, resumable, .. }) = table.remove(mailbox.number) else {
            return;
        };
        // Another connection may have taken over its id.
        if !matches!(table.by_id.get(&mailbox.connection_id), Some(Place::Open(number)) if *number == mailbox.number) {
            return;
        }
        let Some(until) = lost_until else {
            table.by_id.remove(&mailbox.connection_id);
            return;
        };
        table.keep(mailbox, resumable, until, limits);
    }

    /// Takes over the connection with that id, if `presented` is what it needs. An open connection is removed from the
    /// table, so that it does not count any more, and is signalled to end. Returns its mailbox.
    pub(crate) fn take_over(&self, id: &str, presented: &Resumable, now: Duration) -> Option<Arc<Mailbox>> {
        let mut table = lock(&self.table);
        while table.by_end.first_key_value().is_some_and(|((end, _), _)| *end <= now) && table.forget_first() {}
        match table.by_id.get(id)? {
            Place::Open(number) => {
                let open = table.open.get(number).filter(|open| *open.resumable == *presented)?;
                let mailbox = Arc::clone(&open.mailbox);
                mailbox.signal(|signals| signals.replaced = true);
                table.remove(mailbox.number);
                table.by_id.remove(id);
                Some(mailbox)
            }
            Place::Lost { mailbox, resumable, end } => {
                let (mailbox, end) = (Arc::clone(mailbox), *end);
                if **resumable != *presented {
                    return None;
                }
                table.by_end.remove(&end);
                table.by_id.remove(id);
                Some(mailbox)
            }
        }
    }

    /// Keeps a connection that was taken over as lost, because the connection that resumes it was refused.
    pub(crate) fn give_back(&self, mailbox: Arc<Mailbox>, resumable: Resumable, until: Duration, limits: &Limits) {
        lock(&self.table).keep(mailbox, Arc::new(resumable), until, limits);
    }

    /// Returns true if no connection is open.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.table).open.is_empty()
    }

    /// Returns how many connections are open, and how many are lost and can be resumed.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let table = lock(&self.table);
        (table.open.len(), table.by_end.len())
    }

    /// Signals the connections whose tokens a revocation may concern.
    pub(crate) fn revoked(&self, key: &KeyName, target: &Target) {
        let table = lock(&self.table);
        let named = table.by_target.get(&(key.clone(), target.clone()));
        table.recheck(named.into_iter().chain(table.wide.get(key)).flatten());
    }

    /// Signals the connections of a key and of its tokens.
    pub(crate) fn key_changed(&self, key: &KeyName) {
        let table = lock(&self.table);
        table.recheck(table.by_key.get(key).into_iter().flatten());
    }

    /// Signals the connections of an app.
    pub(crate) fn app_changed(&self, app_id: &str) {
        let table = lock(&self.table);
        let keys = table.by_key.iter().filter(|(key, _)| key.app_id() == app_id);
        table.recheck(keys.flat_map(|(_, numbers)| numbers));
    }

    /// Signals all connections, after a change that concerns all of them, such as another time.
    pub(crate) fn all_changed(&self) {
        let table = lock(&self.table);
        table.recheck(table.open.keys());
    }

    /// Asks the newest connections, at most `most`, or the one with that id, to describe themselves. Returns how many are
    /// asked.
    #[cfg(feature = "console")]
    pub(crate) fn ask(&self, id: Option<&str>, most: usize) -> (usize, Descriptions) {
        let table = lock(&self.table);
        let mut numbers: Vec<u64> = match id {
            None => table.open.keys().copied().collect(),
            Some(id) => table.number_of(id).into_iter().collect(),
        };
        if numbers.len() > most {
            numbers.select_nth_unstable_by(most, |one, other| other.cmp(one));
            numbers.truncate(most);
        }
        let (sender, answers) = mpsc::channel(numbers.len().max(1));
        let asked = numbers.iter().filter_map(|number| table.open.get(number));
        let count = asked.inspect(|open| open.mailbox.ask(sender.clone())).count();
        (count, answers)
    }

    /// Ends the connection with that id. Returns false if none is open.
    #[cfg(feature = "console")]
    pub(crate) fn end(&self, id: &str) -> bool {
        let table = lock(&self.table);
        let open = table.number_of(id).and_then(|number| table.open.get(&number));
        open.inspect(|open| open.mailbox.signal(|signals| signals.ended = true)).is_some()
    }

    /// Ends all connections, since nobody knows whether their credentials were revoked.
    pub(crate) fn all_unsure(&self) {
        lock(&self.table).open.values().for_each(|open| open.mailbox.signal(|signals| signals.unsure = true));
    }

    /// Ends all connections, without a message to their clients.
    #[cfg(feature = "sandbox")]
    pub(crate) fn drop_all(&self) {
        lock(&self.table).open.values().for_each(|open| open.mailbox.signal(|signals| signals.replaced = true));
    }
}

impl Table {
    /// Returns the number of the open connection with that id.
    #[cfg(feature = "console")]
    fn number_of(&self, id: &str) -> Option<u64> {
        match self.by_id.get(id)? {
            Place::Open(number) => Some(*number),
            Place::Lost { .. } => None,
        }
    }

    /// Keeps a lost connection until a time. The one that is lost for longest gives way to it.
    fn keep(&mut self, mailbox: Arc<Mailbox>, resumable: Arc<Resumable>, until: Duration, limits: &Limits) {
        let (end, id) = ((until, mailbox.number), Arc::clone(&mailbox.connection_id));
        self.by_end.insert(end, Arc::clone(&id));
        self.by_id.insert(id, Place::Lost { mailbox, resumable, end });
        while self.by_end.len() > limits.connections.max(1) && self.forget_first() {}
    }

    fn index(&mut self, number: u64, key: &KeyName, targets: impl Iterator<Item = Target>) {
        let mut targets: Vec<_> = targets.take(MAX_TARGETS.saturating_add(1)).collect();
        if targets.len() > MAX_TARGETS {
            targets.clear();
            self.wide.entry(key.clone()).or_default().insert(number);
        }
        for target in &targets {
            self.by_target.entry((key.clone(), target.clone())).or_default().insert(number);
        }
        self.by_key.entry(key.clone()).or_default().insert(number);
        if let Some(open) = self.open.get_mut(&number) {
            open.key = key.clone();
            open.targets = targets;
        }
    }

    /// Removes an open connection, except for its id.
    fn remove(&mut self, number: u64) -> Option<Open> {
        self.remove_index(number);
        let open = self.open.remove(&number)?;
        if let Some(count) = self.by_app.get_mut(open.key.app_id()) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_app.remove(open.key.app_id());
            }
        }
        Some(open)
    }

    fn remove_index(&mut self, number: u64) {
        let Some(open) = self.open.get_mut(&number) else {
            return;
        };
        let (key, targets) = (open.key.clone(), std::mem::take(&mut open.targets));
        for target in targets {
            remove_from(&mut self.by_target, &(key.clone(), target), number);
        }
        remove_from(&mut self.by_key, &key, number);
        remove_from(&mut self.wide, &key, number);
    }

    /// Forgets the lost connection whose time ends first. Returns false if no connection is lost.
    fn forget_first(&mut self) -> bool {
        self.by_end.pop_first().is_some_and(|(_, id)| self.by_id.remove(&id).is_some())
    }

    fn recheck<'a>(&self, numbers: impl Iterator<Item = &'a u64>) {
        for open in numbers.filter_map(|number| self.open.get(number)) {
            open.mailbox.signal(|signals| signals.recheck = true);
        }
    }
}

fn remove_from<K: std::hash::Hash + Eq>(index: &mut HashMap<K, BTreeSet<u64>>, key: &K, number: u64) {
    if let Some(numbers) = index.get_mut(key) {
        numbers.remove(&number);
        if numbers.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;
    use crate::limits::budget::Account;
    use crate::live::mailbox::Signals;

    const SECOND: Duration = Duration::from_secs(1);

    struct Client {
        mailbox: Arc<Mailbox>,
    }

    fn resumable(secret: &str) -> Resumable {
        Resumable { secret: Token::new(secret).unwrap(), app_id: "app".into(), client_id: None }
    }

    fn enter(connections: &Connections, id: &str, key: &KeyName, targets: &[&str]) -> Result<Client, u32> {
        let limits = Limits { connections: 8, ..Limits::default() };
        let number = connections.next_number();
        let mailbox = Mailbox::new(number, id.into(), Format::Json, true, Account::new(1_000, []));
        let targets = targets.iter().map(|client_id| Target::client_id(client_id));
        let entered = connections.enter(&mailbox, resumable("secret"), key, targets, &limits);
        entered.map(|()| Client { mailbox }).map_err(|refusal| refusal.info().code().as_u32())
    }

    async fn signals(client: &Client) -> Signals {
        tokio::select! {
            biased;
            signals = client.mailbox.signals() => signals,
            () = std::future::ready(()) => Signals::default(),
        }
    }

    #[tokio::test]
    async fn revocation_signals_only_connections_that_it_names() {
        let (connections, key) = (Connections::default(), KeyName::parse("app.key").unwrap());
        let (bob, alice) = (enter(&connections, "1", &key, &["bob"]), enter(&connections, "2", &key, &["alice"]));
        let many: Vec<_> = (0..=MAX_TARGETS).map(|nth| nth.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let wide = enter(&connections, "3", &key, &many).unwrap();
        let (bob, alice) = (bob.unwrap(), alice.unwrap());
        connections.revoked(&key, &Target::client_id("bob"));
        assert!(signals(&bob).await.recheck && signals(&wide).await.recheck && !signals(&alice).await.recheck);
        connections.revoked(&KeyName::parse("app.other").unwrap(), &Target::client_id("alice"));
        assert!(!signals(&alice).await.recheck, "the revocation is another key's");
        connections.set_credential(&alice.mailbox, &key, [Target::client_id("bob")].into_iter());
        connections.revoked(&key, &Target::client_id("alice"));
        assert!(!signals(&alice).await.recheck, "the connection has another token now");
        connections.key_changed(&key);
        assert!(signals(&alice).await.recheck && signals(&bob).await.recheck);
        connections.app_changed("app");
        assert!(signals(&wide).await.recheck);
    }

    #[test]
    fn app_and_key_have_limits_and_closed_connections_leave_nothing() {
        let connections = Connections::default();
        let keys = ["app.one", "app.two"].map(|name| KeyName::parse(name).unwrap());
        let open: Vec<_> =
            (0..4).map(|nth| enter(&connections, &nth.to_string(), &keys[nth % 2], &["x"]).unwrap()).collect();
        assert_eq!(enter(&connections, "5", &keys[0], &[]).err(), Some(40150));
        open.iter().for_each(|client| connections.leave(&client.mailbox, None, &Limits::default()));
        let table = lock(&connections.table);
        let indexes =
            [table.open.len(), table.by_id.len(), table.by_key.len(), table.by_target.len(), table.by_app.len()];
        assert_eq!(indexes, [0; 5]);
    }

    #[test]
    fn lost_connection_is_kept_for_its_client_until_its_time_ends() {
        let (connections, key) = (Connections::default(), KeyName::parse("app.key").unwrap());
        let limits = Limits { connections: 2, ..Limits::default() };
        let lose = |id: &str, until| {
            let client = enter(&connections, id, &key, &[]).unwrap();
            connections.leave(&client.mailbox, Some(until), &limits);
            client
        };
        lose("1", 120 * SECOND);
        assert!(connections.take_over("1", &resumable("wrong"), SECOND).is_none());
        assert!(connections.take_over("1", &resumable("secret"), 119 * SECOND).is_some());
        assert!(connections.take_over("1", &resumable("secret"), 119 * SECOND).is_none(), "it is taken over once");
        lose("2", 120 * SECOND);
        assert!(connections.take_over("2", &resumable("secret"), 120 * SECOND).is_none());
        ["3", "4", "5"].iter().for_each(|id| drop(lose(id, 300 * SECOND)));
        let kept = ["3", "4", "5"].map(|id| connections.take_over(id, &resumable("secret"), SECOND).is_some());
        assert_eq!(kept, [false, true, true], "the oldest made room");
    }

    #[tokio::test]
    async fn open_connection_is_replaced_by_one_that_resumes_it() {
        let (connections, key) = (Connections::default(), KeyName::parse("app.key").unwrap());
        let old = enter(&connections, "1", &key, &[]).unwrap();
        assert!(connections.take_over("1", &resumable("secret"), SECOND).is_some());
        assert!(signals(&old).await.replaced);
        let new = enter(&connections, "1", &key, &[]).unwrap();
        connections.set_credential(&old.mailbox, &key, [Target::client_id("late")].into_iter());
        assert!(lock(&connections.table).by_target.is_empty(), "the old connection is not indexed again");
        connections.leave(&old.mailbox, None, &Limits::default());
        connections.leave(&new.mailbox, Some(120 * SECOND), &Limits::default());
        let resumed = connections.take_over("1", &resumable("secret"), SECOND).unwrap();
        assert_eq!(resumed.number, new.mailbox.number, "the end of the old connection does not touch the new one");
    }
}
