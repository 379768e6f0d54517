//! The size of each firmware image, and its maximum.

use std::collections::{BTreeMap, BTreeSet};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::{Result, image};

const PATH: &str = "tests/targets/firmware/budget.json";
/// Allowed growth over the budget, in per cent. A different compiler version changes sizes by as much.
const TOLERANCE: u64 = 2;

/// Measures the images, and compares them with the budget or accepts them as the budget.
pub(crate) fn run(accept: bool, images: &[&str]) -> Result {
    let (mut measured, mut complaints) = (BTreeMap::new(), Vec::new());
    for argument in images {
        let mut parts = argument.split('=');
        let (name, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let bytes = fs::read(path).map_err(|error| vec![format!("cannot read `{path}`: {error}")])?;
        let Some(image::Image { flash, ram }) = image::measure(&bytes) else {
            return Err(vec![format!("`{path}` is neither ELF nor WebAssembly")]);
        };
        for what in image::unwanted(&bytes, !name.ends_with(" sign")) {
            complaints.push(format!("`{name}` has {what}; find its origin with `nm -C` and remove it"));
        }
        // No image has an allocator, as checked above, so the heap is 0.
        let stack = parts.next().and_then(|stack| stack.parse().ok());
        measured.insert(name.to_owned(), Sizes { flash, ram, stack, heap: 0 });
    }
    print(&measured);

    let mut budget = Budget::read()?;
    for (target, sign) in measured.iter().filter_map(|(name, sizes)| Some((name.strip_suffix(" sign")?, sizes.flash))) {
        if let Some(floor) = measured.get(&format!("{target} floor")) {
            let ratio = sign as f64 / floor.flash as f64;
            println!("{target}: key, signature and base64 take {ratio:.2} × the flash of HMAC and base64 alone");
            complaints.extend(budget.check_ratio(target, ratio));
        }
    }
    if !accept {
        complaints.extend(budget.check(&measured));
    } else if complaints.is_empty() {
        budget.images = measured;
        budget.write()?;
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints) }
}

fn print(images: &BTreeMap<String, Sizes>) {
    println!("\n{:50} {:>8} {:>10} {:>10} {:>5}", "bytes of", "flash", "static RAM", "peak stack", "heap");
    for (name, Sizes { flash, ram, stack, heap }) in images {
        let stack = stack.map_or("-".into(), |stack| stack.to_string());
        println!("{name:50} {flash:>8} {ram:>10} {stack:>10} {heap:>5}");
    }
    println!("(flash without interrupt vectors; static RAM of WebAssembly is its whole memory, with the stack)\n");
}

/// Sizes in bytes.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Sizes {
    flash: u64,
    ram: u64,
    /// Peak stack, only of images that measure it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<u64>,
    heap: u64,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    /// The maximum ratio of core's flash to that of the libraries below it, by target; no tolerance is added.
    times_floor: BTreeMap<String, f64>,
    images: BTreeMap<String, Sizes>,
}

impl Budget {
    fn read() -> Result<Self> {
        let text = fs::read_to_string(PATH).map_err(|error| vec![format!("cannot read `{PATH}`: {error}")])?;
        serde_json::from_str(&text).map_err(|error| vec![format!("cannot parse `{PATH}`: {error}")])
    }

    fn write(&self) -> Result {
        let failed = |error: io::Error| vec![format!("cannot write `{PATH}`: {error}")];
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))?;
        fs::write(PATH, text + "\n").map_err(failed)
    }

    /// Returns a complaint for every size over its budget, and for every image that is only measured or only in the
    /// budget.
    fn check(&self, measured: &BTreeMap<String, Sizes>) -> Vec<String> {
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
    fn check_ratio(&self, target: &str, ratio: f64) -> Option<String> {
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
