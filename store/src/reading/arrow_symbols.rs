//! The symbol of every bar as an Arrow array, beside the columns of the file.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use arrow_array::types::{ArrowDictionaryKeyType, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{ArrayRef, PrimitiveArray, RunArray, StringArray};
use arrow_schema::ArrowError;
use barrow_format::Asset;

use crate::error::Result;
use crate::reading::arrow::repeated;
use crate::reading::lease::Lease;

/// Bars that a thread fills in while another could be started.
const SHARE_ROWS: usize = 1 << 18;

impl Lease {
    /// Returns the symbol of every bar, asset after asset, as a dictionary of all symbols. Keys take 1 byte a bar, 2 of more than
    /// 128 assets, 4 of more than 32,768, and have a sign, since pandas takes no others of older versions of pyarrow. Made anew
    /// at each call, by all processors: 4 ms for 7.6 million bars, most of which is the system clearing the memory.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) when the record of an asset cannot be read, [`Error::Arrow`](crate::Error::Arrow)
    /// when the assets have not as many bars as the bundle.
    pub fn symbol_dictionary(&self) -> Result<ArrayRef> {
        match self.asset_count() {
            0..=0x80 => self.dictionary::<Int8Type>(),
            0x81..=0x8000 => self.dictionary::<Int16Type>(),
            _ => self.dictionary::<Int32Type>(),
        }
    }

    /// Returns the symbol of every bar run-end encoded (run ends of i64 over strings): one run for each asset with bars.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) when the record of an asset cannot be read, [`Error::Arrow`](crate::Error::Arrow)
    /// when Arrow refuses the runs.
    pub fn symbol_runs(&self) -> Result<ArrayRef> {
        let (mut ends, mut symbols) = (Vec::new(), Vec::new());
        for asset in self.assets() {
            let asset = asset?;
            if asset.rows() > 0 {
                ends.push(i64::try_from(asset.row_range().end).unwrap_or(i64::MAX));
                symbols.push(self.symbol(asset));
            }
        }
        let ends = PrimitiveArray::<Int64Type>::from(ends);
        let symbols = RunArray::try_new(&ends, &StringArray::from(symbols));
        Ok(Arc::new(symbols.map_err(|error| self.refused(error))?))
    }

    fn dictionary<K: ArrowDictionaryKeyType>(&self) -> Result<ArrayRef> {
        let symbol = |asset: Result<Asset>| {
            let asset = asset?;
            Ok((self.symbol(asset), asset.rows()))
        };
        let symbols = self.assets().map(symbol).collect::<Result<Vec<_>>>()?;
        // Records of a hostile file may overlap: no memory is asked for by their word.
        let rows = symbols.iter().fold(0_usize, |rows, (_, len)| rows.saturating_add(*len));
        if rows != self.rows() {
            let text = format!("the assets have {rows} bars, expected {}", self.rows());
            return Err(self.refused(ArrowError::InvalidArgumentError(text)));
        }
        Ok(Arc::new(repeated::<K>(&symbols)))
    }
}

/// Fills runs, each with one value; `rows` are in all. What takes long is that the system hands out and clears the memory, page
/// by page as it is first written; so all processors write.
pub(super) fn fill<T: Copy + Send>(runs: Vec<(&mut [T], T)>, rows: usize) {
    let hands = match rows {
        0..SHARE_ROWS => 1,
        _ => thread::available_parallelism().map_or(1, NonZeroUsize::get),
    };
    let (share, mut shares, mut taken) =
        (SHARE_ROWS.max(rows.div_ceil(hands)), vec![Vec::new()], 0);
    for (run, value) in runs {
        if taken >= share * shares.len() {
            shares.push(Vec::new());
        }
        taken += run.len();
        shares.last_mut().expect("one is there from the start").push((run, value));
    }
    let fill =
        |share: Vec<(&mut [T], T)>| share.into_iter().for_each(|(run, value)| run.fill(value));
    thread::scope(|scope| {
        let own = shares.pop();
        for share in shares {
            scope.spawn(move || fill(share));
        }
        own.map(fill);
    });
}

#[cfg(test)]
mod tests {
    use arrow_array::{Array, DictionaryArray};

    use super::*;

    #[test]
    fn values_stand_as_often_as_they_are_said_to() {
        // The last has no bar, and one of them more than a share.
        let symbols = [("A", 3), ("B", 0), ("C", SHARE_ROWS + 7), ("D", 0)];
        let made = repeated::<Int8Type>(&symbols);
        let naive = symbols.iter().flat_map(|(symbol, len)| vec![*symbol; *len]);
        let naive: DictionaryArray<Int8Type> = naive.collect();
        assert_eq!(made.len(), naive.len());
        let texts = |array: &DictionaryArray<Int8Type>| -> Vec<Option<String>> {
            let values = array.downcast_dict::<StringArray>().unwrap();
            values.into_iter().map(|text| text.map(str::to_owned)).collect()
        };
        assert_eq!(texts(&made), texts(&naive));
        made.to_data().validate_full().unwrap();
        repeated::<Int16Type>(&[]).to_data().validate_full().unwrap();
    }
}
