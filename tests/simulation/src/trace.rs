//! The record of a run: its digest shows whether two runs were the same, and its end is printed when one fails.

use std::cell::RefCell;
use std::collections::VecDeque;

use sha1_smol::Sha1;
use tokio::time::Instant;

/// The number of lines that are kept.
const KEPT: usize = 60;

pub struct Trace {
    start: Instant,
    inner: RefCell<Inner>,
    is_printed: bool,
}

struct Inner {
    digest: Sha1,
    last: VecDeque<String>,
}

impl Trace {
    pub fn start(is_printed: bool) -> Self {
        let inner = Inner { digest: Sha1::new(), last: VecDeque::new() };
        Self { start: Instant::now(), inner: RefCell::new(inner), is_printed }
    }

    /// Returns the milliseconds since the start.
    pub fn millis(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    pub fn note(&self, text: impl std::fmt::Display) {
        let line = format!("{:>9.3} s  {text}", self.start.elapsed().as_secs_f64());
        if self.is_printed {
            println!("{line}");
        }
        let mut inner = self.inner.borrow_mut();
        inner.digest.update(line.as_bytes());
        inner.last.push_back(line);
        if inner.last.len() > KEPT {
            inner.last.pop_front();
        }
    }

    pub fn digest(&self) -> String {
        self.inner.borrow().digest.digest().to_string()
    }

    pub fn last(&self) -> Vec<String> {
        self.inner.borrow().last.iter().cloned().collect()
    }
}
