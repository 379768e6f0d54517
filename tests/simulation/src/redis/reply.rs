//! Replies of Redis, and the protocol that carries them and the commands.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Status(&'static str),
    Error(String),
    Number(i64),
    Text(Vec<u8>),
    Nothing,
    List(Vec<Reply>),
}

impl Reply {
    pub fn encode(&self, to: &mut Vec<u8>) {
        match self {
            Self::Status(status) => to.extend(format!("+{status}\r\n").into_bytes()),
            Self::Error(error) => to.extend(format!("-{error}\r\n").into_bytes()),
            Self::Number(number) => to.extend(format!(":{number}\r\n").into_bytes()),
            Self::Text(text) => {
                to.extend(format!("${}\r\n", text.len()).into_bytes());
                to.extend(text);
                to.extend(b"\r\n");
            }
            Self::Nothing => to.extend(b"$-1\r\n"),
            Self::List(replies) => {
                to.extend(format!("*{}\r\n", replies.len()).into_bytes());
                replies.iter().for_each(|reply| reply.encode(to));
            }
        }
    }
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

async fn number(from: &mut BufReader<impl AsyncRead + Unpin>, kind: char) -> io::Result<usize> {
    let mut line = String::new();
    if from.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.trim_end().strip_prefix(kind).and_then(|digits| digits.parse().ok()).ok_or_else(malformed)
}

/// Reads a command with its arguments.
pub async fn read_command(from: &mut BufReader<impl AsyncRead + Unpin>) -> io::Result<Vec<Vec<u8>>> {
    let count = number(from, '*').await?;
    let mut command = Vec::with_capacity(count);
    for _ in 0..count {
        let mut bytes = vec![0; number(from, '$').await? + 2];
        from.read_exact(&mut bytes).await?;
        bytes.truncate(bytes.len() - 2);
        command.push(bytes);
    }
    Ok(command)
}
