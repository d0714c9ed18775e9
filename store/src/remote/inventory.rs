//! The inventory of a part: of which objects it consists.
//!
//! ```json
//! { "format": "barrow-part/1", "digest": "<64 digits>", "bytes": 20000000, "object_bytes": 8388608,
//!   "objects": ["<SHA-256 of the first 8388608 bytes>", "...", "<of the rest>"] }
//! ```

use barrow_format::Digest;
use serde::{Deserialize, Serialize};

const FORMAT: &str = "barrow-part/1";
/// Length of every object but the last of a part that this build writes; small in tests, so that parts have many.
pub(crate) const OBJECT_BYTES: u64 = if cfg!(test) { 5000 } else { 8 << 20 };
/// Longest object that is read: a fetch keeps a few of them in memory.
const OBJECT_BYTES_MAX: u64 = 64 << 20;

/// Of which objects a part consists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inventory {
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
    pub(crate) object_bytes: u64,
    pub(crate) objects: Vec<Digest>,
}

/// A stretch of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) offset: u64,
    pub(crate) len: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    format: String,
    digest: String,
    bytes: u64,
    object_bytes: u64,
    objects: Vec<String>,
}

/// Returns the stretches that a part is cut into, first to last.
pub(crate) fn stretches(bytes: u64, object_bytes: u64) -> Vec<Stretch> {
    let starts = (0..bytes.div_ceil(object_bytes)).map(|index| index * object_bytes);
    let stretch = |offset: u64| {
        let len = object_bytes.min(bytes - offset);
        Stretch { offset, len: usize::try_from(len).unwrap_or(usize::MAX) }
    };
    starts.map(stretch).collect()
}

impl Inventory {
    /// Returns the objects with the stretches that they are of.
    pub(crate) fn pieces(&self) -> Vec<(Stretch, Digest)> {
        let stretches = stretches(self.bytes, self.object_bytes);
        stretches.into_iter().zip(self.objects.iter().copied()).collect()
    }

    pub(crate) fn render(&self) -> String {
        let document = Document {
            format: FORMAT.to_owned(),
            digest: self.digest.to_string(),
            bytes: self.bytes,
            object_bytes: self.object_bytes,
            objects: self.objects.iter().map(Digest::to_string).collect(),
        };
        serde_json::to_string(&document).expect("strings and integers are always JSON")
    }

    /// Reads the inventory of a part, and checks that it adds up.
    pub(crate) fn parse(text: &[u8], digest: Digest) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if document.format != FORMAT {
            return Err(format!(
                "its format is `{}`, this build reads `{FORMAT}`",
                document.format
            ));
        }
        if document.digest != digest.to_string() {
            return Err(format!("it is of part `{}`", document.digest));
        }
        let Document { bytes, object_bytes, .. } = document;
        if object_bytes == 0 || object_bytes > OBJECT_BYTES_MAX {
            return Err(format!(
                "objects of {object_bytes} bytes, expected 1 to {OBJECT_BYTES_MAX}"
            ));
        }
        let expected = bytes.div_ceil(object_bytes);
        if u64::try_from(document.objects.len()) != Ok(expected) {
            let found = document.objects.len();
            return Err(format!("{found} objects, expected {expected} for {bytes} bytes"));
        }
        let parse = |digits: &String| {
            digits.parse::<Digest>().map_err(|_| format!("`{digits}` is not a digest"))
        };
        let objects = document.objects.iter().map(parse).collect::<Result<_, String>>()?;
        Ok(Self { digest, bytes, object_bytes, objects })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_tile_a_part() {
        for bytes in [1, 7, 8, 9, 16, 17] {
            let mut end = 0;
            for stretch in stretches(bytes, 8) {
                assert_eq!(stretch.offset, end);
                assert!(stretch.len > 0 && stretch.len <= 8);
                end += u64::try_from(stretch.len).unwrap();
            }
            assert_eq!(end, bytes);
        }
        assert!(stretches(0, 8).is_empty());
    }

    #[test]
    fn an_inventory_survives_the_round_trip_and_has_to_add_up() {
        let digest = Digest::from_bytes([7; 32]);
        let objects = vec![Digest::from_bytes([1; 32]), Digest::from_bytes([0xab; 32])];
        let inventory = Inventory { digest, bytes: 12, object_bytes: 8, objects };
        let text = inventory.render();
        assert_eq!(Inventory::parse(text.as_bytes(), digest).unwrap(), inventory);
        let check = |text: String, expected: &str| {
            let problem = Inventory::parse(text.as_bytes(), digest).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        };
        check(text.replace("\"bytes\":12", "\"bytes\":17"), "2 objects, expected 3 for 17 bytes");
        check(text.replace("\"bytes\":12", "\"bytes\":8"), "2 objects, expected 1 for 8 bytes");
        check(text.replace("object_bytes\":8", "object_bytes\":0"), "objects of 0 bytes");
        let huge = format!("object_bytes\":{}", u64::MAX);
        check(text.replace("object_bytes\":8", &huge), "objects of 18446744073709551615 bytes");
        check(text.replace("part/1", "part/2"), "this build reads `barrow-part/1`");
        check(text.replace(&"07".repeat(32), &"08".repeat(32)), "it is of part `0808");
        check(text.replace(&"ab".repeat(32), "../../x"), "`../../x` is not a digest");
        check("[".repeat(100_000), "expected a string");
    }
}
