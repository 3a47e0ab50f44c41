//! idea: each head's keys and values are cached: only the newest token's are made, for many times the memory and its bandwidth

use super::{Args, Cached, MlaDecode, Size};
use crate::attention_decode::blocks::{Dots, Plain, attend};
use crate::gemv::{dot, multi_row::dots};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Expanded;

impl<E: Cached> Rung<MlaDecode<E>> for Expanded {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        head_by_head(m.one(), a);
    }
}

/// Plain attention over each head's own cache.
#[inline(always)]
pub(super) fn head_by_head<M: Machine, E: Cached>(m: M, mut a: Args<'_, E>) {
    if a.append {
        append(m, &mut a);
    }
    let (size, keys, values) = (a.absorbing.size, &*a.keys, &*a.values);
    let (key, value) = (size.key(), size.value);
    tasks!(m, size.heads, 1, |h| {
        let o = &mut a.absorbing.o[h * value..(h + 1) * value];
        let q = &a.absorbing.q[h * key..(h + 1) * key];
        let asked = Dots { q, k: rows(&size, keys, key, h) };
        attend(m, asked, rows(&size, values, value, h), size.scale, &mut a.absorbing.scratch[..size.tokens], o);
    });
}

/// Head `h` of a cache of rows of so many values.
#[inline(always)]
fn rows<'a, E: Cached>(size: &Size, cache: &'a [E], width: usize, h: usize) -> Plain<'a, E> {
    Plain { data: &cache[h * size.capacity * width..], stride: width, width, count: size.tokens }
}

/// Each head's key and value of the newest token, of its latent.
#[inline(always)]
fn append<M: Machine, E: Cached>(m: M, a: &mut Args<'_, E>) {
    let (size, one) = (a.absorbing.size, m.one());
    let (plain, key, value) = (size.plain, size.key(), size.value);
    let (latent, position) = a.absorbing.latents.row(size.tokens - 1);
    // In f32 once for all heads.
    let c = &mut a.absorbing.o_latent[..size.latent];
    for i in one.steps(0, size.latent, 1) {
        one.store(&E::load(one, latent, i), c, i);
    }
    let c = &*c;
    tasks!(m, size.heads, 1, |h| {
        let at = h * size.capacity + size.tokens - 1;
        let k = &mut a.keys[at * key..(at + 1) * key];
        products(m, &a.absorbing.to_key[h * plain * c.len()..][..plain * c.len()], c, k);
        for p in one.steps(0, position.len(), 1) {
            E::store(one, &E::load(one, position, p), k, plain + p);
        }
        let v = &mut a.values[at * value..(at + 1) * value];
        products(m, &a.absorbing.to_value[h * value * c.len()..][..value * c.len()], c, v);
    });
}

/// The products of a matrix's rows with `c`, four at a time.
#[inline(always)]
fn products<M: Machine, E: Cached>(m: M, matrix: &[f32], c: &[f32], out: &mut [E]) {
    let (one, k) = (m.one(), c.len());
    let fours = matrix.chunks_exact(4 * k);
    let rest = fours.remainder();
    let last = matrix.len() / (4 * k) * 4;
    for (r, four) in fours.enumerate() {
        let sums = dots::<M, f32, 4>(m, std::array::from_fn(|i| &four[i * k..(i + 1) * k]), c);
        for (i, sum) in sums.iter().enumerate() {
            E::store(one, sum, out, 4 * r + i);
        }
    }
    for (r, row) in rest.chunks_exact(k).enumerate() {
        E::store(one, &dot::<M, f32, 1>(m, row, c), out, last + r);
    }
}
