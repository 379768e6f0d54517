//! Operations by name.

use core::fmt;

/// What stands for all operations, present and future.
const WILDCARD: &str = "*";

macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal),+ $(,)?) => {
        /// An operation that the service knows today.
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
            /// All of them, in the byte order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The operation of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

// In the byte order of the names, which makes the order of the bits that of the canonical text.
operations! {
    /// Publish annotations.
    AnnotationPublish = "annotation-publish",
    /// Receive annotations one by one.
    AnnotationSubscribe = "annotation-subscribe",
    /// Ask for a channel's status; on `*` or `[*]*`, list the channels.
    ChannelMetadata = "channel-metadata",
    /// Read past messages and presence events.
    History = "history",
    /// Delete any message.
    MessageDeleteAny = "message-delete-any",
    /// Delete one's own messages.
    MessageDeleteOwn = "message-delete-own",
    /// Update any message.
    MessageUpdateAny = "message-update-any",
    /// Update one's own messages.
    MessageUpdateOwn = "message-update-own",
    /// Change a channel's objects.
    ObjectPublish = "object-publish",
    /// Receive the changes of a channel's objects.
    ObjectSubscribe = "object-subscribe",
    /// Be present on a channel.
    Presence = "presence",
    /// Set the `privileged` part of a message's `extras`.
    PrivilegedHeaders = "privileged-headers",
    /// Publish messages.
    Publish = "publish",
    /// Manage the push subscriptions and devices of others.
    PushAdmin = "push-admin",
    /// Manage one's own device's push subscriptions.
    PushSubscribe = "push-subscribe",
    /// Read the app's statistics: on `*` or `[*]*` only.
    Stats = "stats",
    /// Receive messages, presence events and changes of objects, and read who is present.
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

/// An operation as somebody names it: one of today's, one of a newer service, or `*` for all.
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
    /// One that is known here.
    Known(Operation),
    /// One that is not known here, by its name.
    Other(&'a str),
}

impl<'a> OperationName<'a> {
    /// The name on the wire.
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
