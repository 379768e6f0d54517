//! The scripts of the store, in the Lua that Redis has.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use mlua::{Function, Lua, MultiValue, Table, Value};
use sha1_smol::Sha1;

use super::State;
use super::reply::Reply;

pub struct Scripts {
    lua: Lua,
    loaded: RefCell<BTreeMap<String, Function>>,
    /// The state, while a script runs.
    running: Rc<RefCell<Option<Rc<RefCell<State>>>>>,
}

/// Converts a reply for a script, as Redis does.
fn to_lua(lua: &Lua, reply: Reply) -> mlua::Result<Value> {
    Ok(match reply {
        Reply::Number(number) => Value::Number(number as f64),
        Reply::Text(text) => Value::String(lua.create_string(text)?),
        Reply::Nothing => Value::Boolean(false),
        Reply::Status(status) => Value::Table(lua.create_table_from([("ok", status)])?),
        Reply::Error(error) => Value::Table(lua.create_table_from([("err", error)])?),
        Reply::List(replies) => {
            let list = lua.create_table()?;
            for (nth, reply) in replies.into_iter().enumerate() {
                list.set(nth + 1, to_lua(lua, reply)?)?;
            }
            Value::Table(list)
        }
    })
}

/// Converts the result of a script, as Redis does.
fn to_reply(value: Value) -> mlua::Result<Reply> {
    Ok(match value {
        Value::Integer(number) => Reply::Number(number),
        Value::Number(number) => Reply::Number(number as i64),
        Value::String(text) => Reply::Text(text.as_bytes().to_vec()),
        Value::Boolean(true) => Reply::Number(1),
        Value::Table(table) => {
            if let Some(error) = table.get::<Option<String>>("err")? {
                return Ok(Reply::Error(error));
            }
            let mut replies = Vec::new();
            for nth in 1.. {
                match table.get(nth)? {
                    Value::Nil => break,
                    value => replies.push(to_reply(value)?),
                }
            }
            Reply::List(replies)
        }
        _ => Reply::Nothing,
    })
}

fn argument(value: &Value) -> mlua::Result<Vec<u8>> {
    match value {
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        Value::Integer(number) => Ok(number.to_string().into_bytes()),
        // Redis prints 17 digits, which is the number itself for whole ones.
        Value::Number(number) => Ok(number.to_string().into_bytes()),
        other => Err(mlua::Error::runtime(format!("a command has an argument of type {}", other.type_name()))),
    }
}

/// Packs values as `cmsgpack` does, in a format of its own.
fn pack(value: &Value, to: &mut Vec<u8>) -> mlua::Result<()> {
    match value {
        Value::Table(table) => {
            to.push(b't');
            to.extend((table.raw_len() as u32).to_be_bytes());
            for nth in 1..=table.raw_len() {
                pack(&table.get(nth)?, to)?;
            }
        }
        other => {
            let number = other.as_f64().or_else(|| other.as_i64().map(|number| number as f64));
            to.push(b'n');
            to.extend(number.ok_or_else(|| mlua::Error::runtime("only numbers are packed"))?.to_be_bytes());
        }
    }
    Ok(())
}

fn unpack(lua: &Lua, from: &mut &[u8]) -> mlua::Result<Option<Value>> {
    let Some((kind, rest)) = from.split_first() else { return Ok(None) };
    let cut = || mlua::Error::runtime("the packed value is cut");
    if *kind == b'n' {
        let (number, rest) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
        *from = rest;
        return Ok(Some(Value::Number(f64::from_be_bytes(*number))));
    }
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
    *from = rest;
    let table = lua.create_table()?;
    for nth in 1..=u32::from_be_bytes(*length) {
        table.set(nth, unpack(lua, from)?.ok_or_else(cut)?)?;
    }
    Ok(Some(Value::Table(table)))
}

impl Scripts {
    pub fn new() -> Self {
        let scripts = Self { lua: Lua::new(), loaded: RefCell::default(), running: Rc::default() };
        scripts.define().unwrap();
        scripts
    }

    fn define(&self) -> mlua::Result<()> {
        let lua = &self.lua;
        let redis = lua.create_table()?;
        for (name, raises) in [("call", true), ("pcall", false)] {
            let running = Rc::clone(&self.running);
            let call = move |lua: &Lua, args: MultiValue| {
                let command = args.iter().map(argument).collect::<mlua::Result<Vec<_>>>()?;
                let state = running.borrow().clone().ok_or_else(|| mlua::Error::runtime("no script runs"))?;
                match state.borrow_mut().command(&command) {
                    Reply::Error(error) if raises => Err(mlua::Error::runtime(error)),
                    reply => to_lua(lua, reply),
                }
            };
            redis.set(name, lua.create_function(call)?)?;
        }
        let error = |lua: &Lua, text: String| lua.create_table_from([("err", text)]);
        redis.set("error_reply", lua.create_function(error)?)?;
        lua.globals().set("redis", redis)?;
        let packer = lua.create_table()?;
        let pack_all = |lua: &Lua, values: MultiValue| {
            let mut bytes = Vec::new();
            values.iter().try_for_each(|value| pack(value, &mut bytes))?;
            lua.create_string(bytes)
        };
        packer.set("pack", lua.create_function(pack_all)?)?;
        let unpack_all = |lua: &Lua, packed: mlua::String| {
            let bytes = packed.as_bytes();
            let (mut rest, mut values) = (&*bytes, MultiValue::new());
            while let Some(value) = unpack(lua, &mut rest)? {
                values.push_back(value);
            }
            Ok(values)
        };
        packer.set("unpack", lua.create_function(unpack_all)?)?;
        lua.globals().set("cmsgpack", packer)
    }

    /// Loads a script, and returns its hash.
    pub fn load(&self, source: &[u8]) -> String {
        let hash = Sha1::from(source).digest().to_string();
        let function = self.lua.load(source).into_function().unwrap();
        self.loaded.borrow_mut().insert(hash.clone(), function);
        hash
    }

    pub(super) fn run(&self, hash: &[u8], keys: &[Vec<u8>], args: &[Vec<u8>], state: &Rc<RefCell<State>>) -> Reply {
        let function = self.loaded.borrow().get(&*String::from_utf8_lossy(hash)).cloned();
        let Some(function) = function else {
            return Reply::Error("NOSCRIPT No matching script.".into());
        };
        *self.running.borrow_mut() = Some(Rc::clone(state));
        let result = self.call(&function, keys, args);
        *self.running.borrow_mut() = None;
        result.unwrap_or_else(|error| {
            let text = error.to_string();
            // An error of a command ends the script, and is its reply.
            let code = ["OOM", "READONLY"].into_iter().find(|code| text.contains(code));
            Reply::Error(code.map_or_else(|| format!("ERR {}", text.replace(['\r', '\n'], " ")), str::to_owned))
        })
    }

    fn call(&self, function: &Function, keys: &[Vec<u8>], args: &[Vec<u8>]) -> mlua::Result<Reply> {
        for (name, values) in [("KEYS", keys), ("ARGV", args)] {
            let table: Table = self.lua.create_table()?;
            for (nth, value) in values.iter().enumerate() {
                table.set(nth + 1, self.lua.create_string(value)?)?;
            }
            self.lua.globals().set(name, table)?;
        }
        to_reply(function.call(())?)
    }
}
