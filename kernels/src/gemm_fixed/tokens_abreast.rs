//! idea: a weight that is loaded once meets three tokens

use super::integer::every_product;
use super::{Args, GemmFixed};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct TokensAbreast;

impl Rung<GemmFixed> for TokensAbreast {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        every_product::<M, 3>(m, a);
    }
}
