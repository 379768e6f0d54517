//! Protocol messages: the frames of a realtime connection (`TR1`).
//!
//! A connection carries one [`ProtocolMessage`] in each frame, as JSON or MessagePack, through any serde format. Unknown
//! actions and unknown fields of a newer service are kept (`RTF1`).
//!
//! ```
//! use ably_auth_core::realtime::{Action, ProtocolMessage};
//!
//! let attach = ProtocolMessage::new(Action::Attach).channel("chat");
//! assert_eq!(serde_json::to_string(&attach)?, r#"{"action":10,"channel":"chat"}"#);
//!
//! let answer: ProtocolMessage = serde_json::from_str(r#"{"action":11,"channel":"chat","flags":65536}"#)?;
//! assert_eq!((answer.action(), answer.get_channel()), (Action::Attached, Some("chat")));
//! # Ok::<(), serde_json::Error>(())
//! ```

mod action;
mod details;
pub mod flags;
mod message;
mod value;

pub use action::Action;
pub use details::{AuthDetails, ConnectionDetails};
pub use message::ProtocolMessage;
pub use value::Value;
