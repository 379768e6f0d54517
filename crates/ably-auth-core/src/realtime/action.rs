//! The actions of protocol messages (`TR2`).

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

macro_rules! actions {
    ($($name:ident = $number:literal),+ $(,)?) => {
        /// The action of a protocol message (`TR2`), a number on the wire. An unknown number is kept (`RTF1`).
        ///
        /// ```
        /// use ably_auth_core::realtime::Action;
        ///
        /// assert_eq!(Action::from_number(17), Action::Auth);
        /// assert_eq!(Action::from_number(99).number(), 99);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Action {
            $(
                #[doc = concat!("The action ", stringify!($number), ".")]
                $name,
            )+
            /// An action that this version does not know.
            Unknown(u64),
        }

        impl Action {
            /// Returns the action with this number.
            #[must_use]
            pub const fn from_number(number: u64) -> Self {
                match number {
                    $($number => Self::$name,)+
                    other => Self::Unknown(other),
                }
            }

            /// Returns the number on the wire.
            #[must_use]
            pub const fn number(self) -> u64 {
                match self {
                    $(Self::$name => $number,)+
                    Self::Unknown(number) => number,
                }
            }
        }
    };
}

actions! {
    Heartbeat = 0,
    Ack = 1,
    Nack = 2,
    Connect = 3,
    Connected = 4,
    Disconnect = 5,
    Disconnected = 6,
    Close = 7,
    Closed = 8,
    Error = 9,
    Attach = 10,
    Attached = 11,
    Detach = 12,
    Detached = 13,
    Presence = 14,
    Message = 15,
    Sync = 16,
    Auth = 17,
    Activate = 18,
    Object = 19,
    ObjectSync = 20,
    Annotation = 21,
}

/// HEARTBEAT, the action of a message without one.
#[allow(clippy::derivable_impls, reason = "the variants come from a macro")]
impl Default for Action {
    fn default() -> Self {
        Self::Heartbeat
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::from_number)
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.number())
    }
}
