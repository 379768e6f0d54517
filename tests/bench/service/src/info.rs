//! Statistics of a Redis server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

pub struct Info(String);

impl Info {
    /// Reads the statistics. `None` if the URL is not that of a Redis.
    pub fn of(url: &str) -> Option<Self> {
        let mut stream = TcpStream::connect(url.strip_prefix("redis://")?).unwrap();
        stream.write_all(b"INFO everything\r\n").unwrap();
        let (mut reader, mut length) = (BufReader::new(stream), String::new());
        reader.read_line(&mut length).unwrap();
        let mut text = vec![0; length.trim().strip_prefix('$').unwrap().parse().unwrap()];
        reader.read_exact(&mut text).unwrap();
        Some(Self(String::from_utf8(text).unwrap()))
    }

    /// Returns the number of calls of a command.
    pub fn calls(&self, command: &str) -> f64 {
        let stats = self.0.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        stats.and_then(|stats| stats.split(',').next()?.parse().ok()).unwrap_or_default()
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok())
    }
}
