//! The flags of protocol messages (`TR3`), as bits.
//!
//! ```
//! use ably_auth_core::realtime::{Action, ProtocolMessage, flags};
//!
//! let attach = ProtocolMessage::new(Action::Attach).channel("chat").flags(flags::SUBSCRIBE | flags::PUBLISH);
//! assert_eq!(attach.get_flags(), 1 << 17 | 1 << 18);
//! ```

/// The channel has presence members, and a SYNC follows (`TR3a`).
pub const HAS_PRESENCE: u64 = 1 << 0;
/// Messages from before the attachment follow (`TR3b`).
pub const HAS_BACKLOG: u64 = 1 << 1;
/// No message was lost since the `channelSerial` of the ATTACH (`TR3c`).
pub const RESUMED: u64 = 1 << 2;
/// The mode to enter presence (`TR3q`).
pub const PRESENCE: u64 = 1 << 16;
/// The mode to publish (`TR3r`).
pub const PUBLISH: u64 = 1 << 17;
/// The mode to receive messages (`TR3s`).
pub const SUBSCRIBE: u64 = 1 << 18;
/// The mode to receive presence messages (`TR3t`).
pub const PRESENCE_SUBSCRIBE: u64 = 1 << 19;
/// The mode to publish annotations.
pub const ANNOTATION_PUBLISH: u64 = 1 << 21;
/// The mode to receive annotations.
pub const ANNOTATION_SUBSCRIBE: u64 = 1 << 22;
/// The mode to receive changes of objects.
pub const OBJECT_SUBSCRIBE: u64 = 1 << 24;
/// The mode to change objects.
pub const OBJECT_PUBLISH: u64 = 1 << 25;
