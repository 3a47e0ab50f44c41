//! idea: a table holds the value of each of the 256 codes: a load instead of a dozen operations

use super::naive::{Decode, element_by_element};
use super::{Args, GemmFp8};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Table;

impl Rung<GemmFp8> for Table {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_>) {
        element_by_element::<M::One, ByTable>(m.one(), g);
    }
}

/// By the table of all values.
pub(super) struct ByTable;

impl Decode for ByTable {
    #[inline(always)]
    fn decode<M: Machine<One = M>>(m: M, codes: &[u8], i: usize, values: &[f32]) -> M::F {
        m.lookup_f32(values, &m.load_u8(codes, i))
    }
}
