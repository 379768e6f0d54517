//! A limit on the work of one computation.

use crate::error::{Error, ErrorKind};

/// A number of steps that a computation may take.
///
/// The count depends on the two capabilities alone, not on the machine or the time, so the same input always needs the same
/// number of steps:
///
/// - a comparison of two segments takes one step, and one more for each 32 bytes of the segment;
/// - a pair of entries takes two, and one for each of its operations that is not a known
///   [`Operation`](super::Operation);
/// - a comparison of two whole resources takes one for each 8 bytes;
/// - a pair with a common name that one side wrote takes eight more;
/// - a name that neither side wrote, such as `a:b` from `a:*` and `*:b`, takes 32, and one for each 4 bytes. The steps
///   therefore limit the memory, too, to at most about 4 bytes for each step.
///
/// Typically, 1,000 steps take 5 to 40 µs.
///
/// ```
/// use ably_auth_core::Capability;
/// use ably_auth_core::capability::Work;
///
/// let key: Capability = r#"{"chat:*":["publish","subscribe"]}"#.parse()?;
/// let asked: Capability = r#"{"chat:room1":["publish"]}"#.parse()?;
/// let mut work = Work::steps(1_000);
/// assert_eq!(key.intersect_within(&asked, &mut work)?, key.intersect(&asked));
/// assert!(work.left() < 1_000);
/// assert!(key.intersect_within(&asked, &mut Work::steps(1)).is_err());
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    left: u64,
}

impl Work {
    /// The number of steps that a service should allow for each request. They take about 15 ms, and at most 100 ms.
    pub const PER_REQUEST: u64 = 1_000_000;

    /// Creates a limit of `steps` steps.
    #[must_use]
    pub const fn steps(steps: u64) -> Self {
        Self { left: steps }
    }

    /// Returns the number of steps that are left.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// Takes `steps` steps. If fewer are left, it takes them all and returns an error.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Error> {
        match self.left.checked_sub(steps as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Self::exhausted())
            }
        }
    }

    #[cold]
    fn exhausted() -> Error {
        let problem = "capabilities take too much work to intersect";
        Error::new(ErrorKind::Capability, problem, "ask for fewer resources or use wildcards")
    }
}
