//! The commands that the store uses.

use std::time::Duration;

use tokio::time::Instant;

use super::keys::{Keys, Value};
use super::reply::Reply;
use super::{Durability, State};

/// The commands that Redis refuses when its memory is full.
const GROWING: [&str; 6] = ["ZADD", "HSET", "SET", "SETNX", "HINCRBY", "SCRIPT"];
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn number(bytes: &[u8]) -> i64 {
    text(bytes).parse().unwrap_or_else(|_| panic!("`{}` is not a number", text(bytes)))
}

fn float(bytes: &[u8]) -> f64 {
    match &*text(bytes) {
        "-inf" => f64::NEG_INFINITY,
        "+inf" => f64::INFINITY,
        text => text.parse().unwrap_or_else(|_| panic!("`{text}` is not a score")),
    }
}

/// Returns the bound of a range of scores, and whether it is part of the range.
fn bound(bytes: &[u8]) -> (f64, bool) {
    match bytes.strip_prefix(b"(") {
        Some(bytes) => (float(bytes), false),
        None => (float(bytes), true),
    }
}

fn of_score(score: f64) -> Reply {
    Reply::Text(format!("{score}").into_bytes())
}

fn optional(text: Option<&Vec<u8>>) -> Reply {
    text.map_or(Reply::Nothing, |text| Reply::Text(text.clone()))
}

fn count(count: usize) -> Reply {
    Reply::Number(count as i64)
}

fn list(members: impl Iterator<Item = (f64, Vec<u8>)>, with_scores: bool) -> Reply {
    let mut replies = Vec::new();
    for (score, member) in members {
        replies.push(Reply::Text(member));
        if with_scores {
            replies.push(of_score(score));
        }
    }
    Reply::List(replies)
}

impl State {
    pub(super) fn command(&mut self, command: &[Vec<u8>]) -> Reply {
        self.keys.expire(Instant::now());
        let [name, args @ ..] = command else { return Reply::Error("ERR empty command".into()) };
        let name = text(name).to_uppercase();
        if self.is_full && GROWING.contains(&&*name) {
            return Reply::Error("OOM command not allowed when used memory > 'maxmemory'.".into());
        }
        match &*name {
            "INFO" => Reply::Text(self.info().into_bytes()),
            "CONFIG" => {
                let policy = if self.durability == Durability::Always { "always" } else { "everysec" };
                Reply::List(["appendfsync", policy].map(|text| Reply::Text(text.into())).into())
            }
            "CLIENT" | "SELECT" | "PING" => Reply::Status("OK"),
            _ => {
                let reply = self.keys.command(&name, args);
                if let Some(key) = args.first() {
                    self.keys.remove_if_empty(key);
                }
                reply.unwrap_or_else(|| {
                    panic!("the simulated Redis does not know `{name}` with {} arguments", args.len())
                })
            }
        }
    }

    fn info(&self) -> String {
        let id = if self.was_replica { "1".repeat(40) } else { "0".repeat(40) };
        format!(
            "run_id:{:040x}\r\nrole:master\r\nmaxmemory_policy:noeviction\r\naof_enabled:{}\r\nmaster_replid2:{id}\r\n",
            self.run,
            u8::from(self.durability != Durability::Nothing),
        )
    }
}

impl Keys {
    /// Executes a command. Returns `None` if it is unknown.
    fn command(&mut self, name: &str, args: &[Vec<u8>]) -> Option<Reply> {
        let in_millis = |millis: &[u8]| Instant::now() + Duration::from_millis(number(millis).max(0) as u64);
        Some(match (name, args) {
            ("GET", [key]) => match self.get(key) {
                Some(Value::Text(text)) => Reply::Text(text.clone()),
                _ => Reply::Nothing,
            },
            ("SETNX", [key, value]) => {
                let is_new = self.get(key).is_none();
                if is_new {
                    self.set(key.clone(), Value::Text(value.clone()));
                }
                Reply::Number(is_new.into())
            }
            ("SET", [key, value, options @ ..]) => {
                let is_new = self.get(key).is_none();
                let option =
                    |name: &str| options.iter().position(|option| option.eq_ignore_ascii_case(name.as_bytes()));
                if option("NX").is_some() && !is_new {
                    return Some(Reply::Nothing);
                }
                self.set(key.clone(), Value::Text(value.clone()));
                if let Some(at) = option("PX") {
                    self.set_expiry(key, in_millis(&options[at + 1]));
                }
                Reply::Status("OK")
            }
            ("DEL", keys) => {
                let found = keys.iter().filter(|key| self.get(key).is_some()).count();
                keys.iter().for_each(|key| self.remove(key));
                count(found)
            }
            ("EXISTS", keys) => count(keys.iter().filter(|key| self.get(key).is_some()).count()),
            ("PEXPIRE", [key, millis]) => {
                self.set_expiry(key, in_millis(millis));
                Reply::Number(1)
            }
            ("HGET", [key, field]) => optional(self.hash(key).get(field)),
            ("HMGET", [key, fields @ ..]) => {
                let hash = self.hash(key);
                Reply::List(fields.iter().map(|field| optional(hash.get(field))).collect())
            }
            ("HGETALL", [key]) => {
                let pairs = self.hash(key).iter();
                Reply::List(
                    pairs.flat_map(|(field, value)| [field, value].map(|text| Reply::Text(text.clone()))).collect(),
                )
            }
            ("HKEYS", [key]) => Reply::List(self.hash(key).keys().map(|field| Reply::Text(field.clone())).collect()),
            ("HLEN", [key]) => count(self.hash(key).len()),
            ("HEXISTS", [key, field]) => Reply::Number(self.hash(key).contains_key(field).into()),
            ("HSET", [key, pairs @ ..]) => {
                let hash = self.hash(key);
                let set = |pair: &&[Vec<u8>]| hash.insert(pair[0].clone(), pair[1].clone()).is_none();
                count(pairs.chunks_exact(2).filter(set).count())
            }
            ("HDEL", [key, fields @ ..]) => {
                let hash = self.hash(key);
                count(fields.iter().filter(|field| hash.remove(*field).is_some()).count())
            }
            ("HINCRBY", [key, field, by]) => {
                let hash = self.hash(key);
                let sum = hash.get(field).map_or(0, |value| number(value)) + number(by);
                hash.insert(field.clone(), sum.to_string().into_bytes());
                Reply::Number(sum)
            }
            (name, args) => return self.sorted_command(name, args),
        })
    }

    fn sorted_command(&mut self, name: &str, args: &[Vec<u8>]) -> Option<Reply> {
        let with_scores = args.iter().any(|arg| arg.eq_ignore_ascii_case(b"WITHSCORES"));
        Some(match (name, args) {
            ("ZADD", [key, option, score, member]) => {
                let sorted = self.sorted(key);
                let is_known = sorted.score(member).is_some();
                let is_new = !is_known && option == b"NX";
                if is_new || is_known && option == b"XX" {
                    sorted.insert(member.clone(), float(score));
                }
                Reply::Number(is_new.into())
            }
            ("ZADD", [key, score, member]) => {
                let sorted = self.sorted(key);
                let is_new = sorted.score(member).is_none();
                sorted.insert(member.clone(), float(score));
                Reply::Number(is_new.into())
            }
            ("ZREM", [key, members @ ..]) => {
                let sorted = self.sorted(key);
                count(members.iter().filter(|member| sorted.remove(member)).count())
            }
            ("ZCARD", [key]) => count(self.sorted(key).len()),
            ("ZSCORE", [key, member]) => self.sorted(key).score(member).map_or(Reply::Nothing, of_score),
            ("ZRANGE" | "ZREVRANGE", [key, first, last, ..]) => {
                let mut members: Vec<_> =
                    self.sorted(key).members().map(|(score, member)| (score, member.clone())).collect();
                if name == "ZREVRANGE" {
                    members.reverse();
                }
                let length = members.len() as i64;
                let at = |index: i64| if index < 0 { length + index } else { index };
                let (first, last) = (at(number(first)).max(0), at(number(last)).min(length - 1));
                let taken = (last - first + 1).max(0) as usize;
                list(members.into_iter().skip(first as usize).take(taken), with_scores)
            }
            ("ZRANGEBYSCORE", [key, first, last, options @ ..]) => {
                let limit = options.iter().position(|option| option.eq_ignore_ascii_case(b"LIMIT"));
                let (skip, take) = limit.map_or((0, usize::MAX), |at| {
                    (number(&options[at + 1]) as usize, number(&options[at + 2]) as usize)
                });
                let members = self.within(key, first, last);
                list(members.into_iter().skip(skip).take(take), with_scores)
            }
            ("ZREMRANGEBYSCORE", [key, first, last]) => {
                let members = self.within(key, first, last);
                let sorted = self.sorted(key);
                count(members.iter().filter(|(_, member)| sorted.remove(member)).count())
            }
            ("ZREMRANGEBYRANK", [key, first, last]) => {
                let sorted = self.sorted(key);
                let (first, last) = (number(first) as usize, number(last) as usize);
                let members: Vec<_> = sorted.members().map(|(_, member)| member.clone()).collect();
                let removed = members.get(first..=last.min(members.len().saturating_sub(1))).unwrap_or_default();
                count(removed.iter().filter(|member| sorted.remove(member)).count())
            }
            _ => return None,
        })
    }

    fn within(&mut self, key: &[u8], first: &[u8], last: &[u8]) -> Vec<(f64, Vec<u8>)> {
        let ((first, has_first), (last, has_last)) = (bound(first), bound(last));
        let is_within =
            |score: f64| (score > first || has_first && score == first) && (score < last || has_last && score == last);
        let members = self.sorted(key).members().filter(|(score, _)| is_within(*score));
        members.map(|(score, member)| (score, member.clone())).collect()
    }
}
