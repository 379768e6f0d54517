//! The ways in which a scripted server can answer a request.

use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

use super::wire::Answer;

#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Answer(Answer),
    /// Answers, and closes the connection without notice.
    AnswerAndLeave(Answer),
    /// Resets the connection without an answer.
    Reset,
    /// Resets the connection in the middle of the answer's body.
    Cut(Answer),
    /// Never answers.
    Silence,
    /// Sends the answer's body byte by byte, for longer than any test waits.
    Trickle(Answer),
    /// Answers after the gate has opened.
    Held(Gate, Answer),
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", body.to_string())
    }

    pub(crate) fn body(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer(Answer { status, headers: vec![("content-type".into(), content_type.into())], body: body.into() })
    }

    pub(crate) fn msgpack(status: u16, body: &Value) -> Self {
        Self::body(status, "application/x-msgpack", rmp_serde::to_vec_named(body).unwrap())
    }

    /// Returns a successful answer to a request to a channel.
    pub(crate) fn ok() -> Self {
        Self::json(200, &json!({ "channelId": "test" }))
    }

    pub(crate) fn error(status: u16, code: u32, message: &str) -> Self {
        Self::json(status, &json!({ "error": { "code": code, "statusCode": status, "message": message } }))
    }

    pub(crate) fn time(millis: u64) -> Self {
        Self::json(200, &json!([millis]))
    }

    pub(crate) fn with_header(self, name: &str, value: &str) -> Self {
        let mut answer = self.into_answer();
        answer.headers.push((name.into(), value.into()));
        Self::Answer(answer)
    }

    pub(crate) fn and_leave(self) -> Self {
        Self::AnswerAndLeave(self.into_answer())
    }

    pub(crate) fn cut(self) -> Self {
        Self::Cut(self.into_answer())
    }

    pub(crate) fn trickle(self) -> Self {
        Self::Trickle(self.into_answer())
    }

    pub(crate) fn held(self, gate: &Gate) -> Self {
        Self::Held(gate.clone(), self.into_answer())
    }

    fn into_answer(self) -> Answer {
        match self {
            Self::Answer(answer) => answer,
            other => panic!("`{other:?}` is not a complete answer"),
        }
    }
}

/// A gate that is closed until it is opened once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        let mut open = self.0.0.lock().unwrap();
        while !*open {
            open = self.0.1.wait(open).unwrap();
        }
    }
}
