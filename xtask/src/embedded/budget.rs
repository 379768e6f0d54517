//! The maximum size of each image.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::{Deserialize, Serialize};

use crate::Result;

const PATH: &str = "tests/firmware/budget.json";
/// Allowed growth over the budget, in per cent. A different compiler version changes sizes by as much.
const TOLERANCE: u64 = 2;

/// Sizes in bytes.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sizes {
    pub flash: u64,
    pub ram: u64,
    /// Peak stack, only of images that measure it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<u64>,
    pub heap: u64,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Budget {
    /// The maximum ratio of core's flash to that of the libraries below it, by target; no tolerance is added.
    pub times_floor: BTreeMap<String, f64>,
    pub images: BTreeMap<String, Sizes>,
}

impl Budget {
    pub(super) fn read() -> Result<Self> {
        let text = fs::read_to_string(PATH).map_err(|error| format!("cannot read `{PATH}`: {error}"))?;
        serde_json::from_str(&text).map_err(|error| format!("cannot parse `{PATH}`: {error}").into())
    }

    pub(super) fn write(&self) -> Result {
        let text = serde_json::to_string_pretty(self).map_err(|error| format!("cannot write `{PATH}`: {error}"))?;
        fs::write(PATH, text + "\n").map_err(|error| format!("cannot write `{PATH}`: {error}").into())
    }

    /// Returns a complaint for every size over its budget, and for every image that is only measured or only in the
    /// budget.
    pub(super) fn check(&self, measured: &BTreeMap<String, Sizes>) -> Vec<String> {
        let names: BTreeSet<&String> = self.images.keys().chain(measured.keys()).collect();
        let mut complaints = Vec::new();
        for name in names {
            let (Some(allowed), Some(taken)) = (self.images.get(name), measured.get(name)) else {
                complaints
                    .push(format!("`{name}` is missing in the images or in `{PATH}`; update the budget with `cargo xtask embedded --accept`"));
                continue;
            };
            let kinds = [
                ("flash", allowed.flash, taken.flash),
                ("static RAM", allowed.ram, taken.ram),
                ("stack", allowed.stack.unwrap_or(0), taken.stack.unwrap_or(0)),
                ("heap", allowed.heap, taken.heap),
            ];
            for (kind, allowed, taken) in kinds {
                if taken * 100 > allowed * (100 + TOLERANCE) {
                    complaints.push(format!(
                        "`{name}` takes {taken} bytes of {kind}, more than {TOLERANCE} % over its budget of {allowed}; make it \
                          smaller, or accept the new size with `cargo xtask embedded --accept`"
                    ));
                }
            }
        }
        complaints
    }

    /// Returns a complaint if the ratio exceeds the target's limit; a target without a limit always passes.
    pub(super) fn check_ratio(&self, target: &str, ratio: f64) -> Option<String> {
        let limit = *self.times_floor.get(target)?;
        (ratio > limit).then(|| {
            format!("signing on `{target}` takes {ratio:.2} × the flash of the libraries below core, more than {limit} ×; make core smaller")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(flash: u64, heap: u64) -> BTreeMap<String, Sizes> {
        [("thumb sign".into(), Sizes { flash, heap, ..Sizes::default() })].into()
    }

    #[test]
    fn two_per_cent_over_is_the_limit() {
        let budget = Budget { images: images(10_000, 0), ..Budget::default() };
        assert_eq!(budget.check(&images(10_200, 0)), [] as [&str; 0]);
        assert!(budget.check(&images(10_201, 0)).concat().starts_with("`thumb sign` takes 10201 bytes of flash"));
        assert!(budget.check(&images(10_000, 1)).concat().contains("1 bytes of heap"));
    }

    #[test]
    fn image_in_only_one_of_build_and_budget_is_reported() {
        let budget = Budget { images: images(1, 0), ..Budget::default() };
        assert_eq!(budget.check(&BTreeMap::new()).len(), 1);
        assert_eq!(Budget::default().check(&images(1, 0)).len(), 1);
    }

    #[test]
    fn ratio_has_no_tolerance() {
        let budget = Budget { times_floor: [("thumb".into(), 1.5)].into(), ..Budget::default() };
        assert_eq!(budget.check_ratio("thumb", 1.5), None);
        assert!(budget.check_ratio("thumb", 1.501).is_some());
        assert_eq!(budget.check_ratio("other", 9.0), None);
    }
}
