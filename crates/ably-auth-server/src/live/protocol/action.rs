//! The actions of protocol messages (`TR2`).

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

macro_rules! actions {
    ($first:ident = 0, $($name:ident = $number:literal),+ $(,)?) => {
        /// The action of a protocol message. A number that this version does not know is kept, and ignored (`RTF1`).
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) enum Action {
            #[default]
            $first,
            $($name,)+
            Unknown(u64),
        }

        impl Action {
            const fn from_number(number: u64) -> Self {
                match number {
                    0 => Self::$first,
                    $($number => Self::$name,)+
                    other => Self::Unknown(other),
                }
            }

            const fn number(self) -> u64 {
                match self {
                    Self::$first => 0,
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
