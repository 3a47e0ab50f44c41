//! What absorbed rungs take: a latent cache, whatever it is stored as, and what lies beside it.

use super::Size;
use crate::attention_decode::blocks::{Plain, Rows};
use crate::gemv::Element;

/// What rungs take that attend over a latent cache.
pub struct Absorbing<'a, L> {
    /// Sizes.
    pub size: Size,
    /// Queries, `heads × key`: the plain part, then the one with the position in it.
    pub q: &'a [f32],
    /// Latent cache.
    pub latents: L,
    /// What makes plain keys of latents, `heads × plain × latent`.
    pub to_key: &'a [f32],
    /// What makes values of latents, `heads × value × latent`.
    pub to_value: &'a [f32],
    /// Output, `heads × value`.
    pub o: &'a mut [f32],
    /// Room for queries in latent form, `heads × row`.
    pub q_latent: &'a mut [f32],
    /// Room for outputs in latent form, `heads × latent`.
    pub o_latent: &'a mut [f32],
    /// Room for scores and for what tasks leave to be merged.
    pub scratch: &'a mut [f32],
}

/// A latent cache: the keys and the values of all heads at once.
pub trait Latents: Copy {
    /// Keys: the latents, then what carries the position.
    type Keys: Rows;
    /// Values: the latents.
    type Values: Rows;
    /// Both.
    fn rows(&self) -> (Self::Keys, Self::Values);
}

/// Latents in f32 or bf16, `tokens × row`.
#[derive(Clone, Copy)]
pub struct PlainLatents<'a, E> {
    /// Sizes.
    pub size: Size,
    /// From the first token's first value.
    pub data: &'a [E],
}

impl<'a, E: Element> PlainLatents<'a, E> {
    /// Token `t`'s latent, then what carries its position.
    #[inline(always)]
    pub fn row(&self, t: usize) -> (&'a [E], &'a [E]) {
        self.data[t * self.size.row()..(t + 1) * self.size.row()].split_at(self.size.latent)
    }
}

impl<'a, E: Element> Latents for PlainLatents<'a, E> {
    type Keys = Plain<'a, E>;
    type Values = Plain<'a, E>;

    #[inline(always)]
    fn rows(&self) -> (Plain<'a, E>, Plain<'a, E>) {
        let (stride, count) = (self.size.row(), self.size.tokens);
        let rows = |width| Plain { data: self.data, stride, width, count };
        (rows(stride), rows(self.size.latent))
    }
}
