//! The expanded cache: what a model that caches keys and values would have kept.

use super::reference::product;
use super::{Cached, Size};
use crate::input::Buffer;

/// The keys and values that the latents stand for, rounded as by a core that makes them in f32: to that once, and once more
/// to what is cached where it is less. Those of the newest token are zeros: a run makes them. `blank` leaves all so.
pub fn expand<E: Cached>(
    size: &Size,
    latents: &Buffer<E>,
    to_key: &Buffer<f32>,
    to_value: &Buffer<f32>,
    blank: bool,
) -> (Buffer<E>, Buffer<E>) {
    let (plain, key, latent) = (size.plain, size.key(), size.latent);
    let mut keys = Buffer::zeroed(size.heads * size.tokens * key);
    let mut values = Buffer::zeroed(size.heads * size.tokens * plain);
    let rows = keys.as_mut_slice().chunks_exact_mut(key).zip(values.as_mut_slice().chunks_exact_mut(plain));
    for (i, (k, v)) in rows.enumerate().take(if blank { 0 } else { usize::MAX }) {
        let (head, t) = (i / size.tokens, i % size.tokens);
        if t + 1 == size.tokens {
            continue;
        }
        let (c, p) = latents.as_slice()[t * size.row()..(t + 1) * size.row()].split_at(latent);
        let c: Vec<f64> = c.iter().map(|x| x.decode()).collect();
        let of_head = head * plain * latent..(head + 1) * plain * latent;
        let round = |matrix: &Buffer<f32>, out: &mut [E]| {
            let (exact, _) = product(&matrix.as_slice()[of_head.clone()], &c);
            out.iter_mut().zip(exact).for_each(|(out, x)| *out = E::encode(x as f32));
        };
        round(to_key, &mut k[..plain]);
        k[plain..].copy_from_slice(p);
        round(to_value, v);
    }
    (keys, values)
}
