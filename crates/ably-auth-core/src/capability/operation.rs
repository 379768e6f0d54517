//! Operations by name.

use core::fmt;

/// The name that stands for all operations, present and future.
const WILDCARD: &str = "*";

macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal),+ $(,)?) => {
        /// An operation that this version of the library knows.
        ///
        /// ```
        /// use ably_auth_core::Operation;
        ///
        /// assert_eq!(Operation::PushAdmin.as_str(), "push-admin");
        /// assert_eq!(Operation::from_name("push-admin"), Some(Operation::PushAdmin));
        /// assert_eq!(Operation::ALL.len(), 17);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Operation {
            $($(#[doc = $doc])+ $variant),+
        }

        impl Operation {
            /// All known operations, in the byte order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Returns the operation with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

// In the byte order of the names, so that the bits of a set are in the order of the canonical text.
operations! {
    /// Publishes annotations.
    AnnotationPublish = "annotation-publish",
    /// Receives annotations one by one.
    AnnotationSubscribe = "annotation-subscribe",
    /// Requests the status of a channel; on `*` or `[*]*`, lists the channels.
    ChannelMetadata = "channel-metadata",
    /// Reads past messages and presence events.
    History = "history",
    /// Deletes any message.
    MessageDeleteAny = "message-delete-any",
    /// Deletes messages of the same client.
    MessageDeleteOwn = "message-delete-own",
    /// Updates any message.
    MessageUpdateAny = "message-update-any",
    /// Updates messages of the same client.
    MessageUpdateOwn = "message-update-own",
    /// Changes the objects of a channel.
    ObjectPublish = "object-publish",
    /// Receives changes of the objects of a channel.
    ObjectSubscribe = "object-subscribe",
    /// Enters presence on a channel.
    Presence = "presence",
    /// Sets the `privileged` part of a message's `extras`.
    PrivilegedHeaders = "privileged-headers",
    /// Publishes messages.
    Publish = "publish",
    /// Manages the push subscriptions and devices of other clients.
    PushAdmin = "push-admin",
    /// Manages the push subscriptions of the same device.
    PushSubscribe = "push-subscribe",
    /// Reads the statistics of the app; only on `*` or `[*]*`.
    Stats = "stats",
    /// Receives messages, presence events and changes of objects, and reads the presence members.
    Subscribe = "subscribe",
}

impl Operation {
    #[cfg(feature = "alloc")]
    pub(super) const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of an operation: a known one, an unknown one, or `*` for all.
///
/// ```
/// use ably_auth_core::Operation;
/// use ably_auth_core::capability::OperationName;
///
/// assert_eq!(OperationName::from("publish"), Operation::Publish.into());
/// assert_eq!(OperationName::from("teleport"), OperationName::Other("teleport"));
/// assert_eq!(OperationName::from("*"), OperationName::All);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationName<'a> {
    /// All operations, present and future: `*`.
    All,
    /// An operation that this version knows.
    Known(Operation),
    /// The name of an operation that this version does not know.
    Other(&'a str),
}

impl<'a> OperationName<'a> {
    /// Returns the name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        match self {
            Self::All => WILDCARD,
            Self::Known(operation) => operation.as_str(),
            Self::Other(name) => name,
        }
    }
}

impl From<Operation> for OperationName<'_> {
    fn from(operation: Operation) -> Self {
        Self::Known(operation)
    }
}

impl<'a> From<&'a str> for OperationName<'a> {
    fn from(name: &'a str) -> Self {
        if name == WILDCARD { Self::All } else { Operation::from_name(name).map_or(Self::Other(name), Self::Known) }
    }
}
