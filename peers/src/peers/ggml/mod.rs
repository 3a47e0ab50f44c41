//! llama.cpp's ggml on the CPU, as `./fetch-ggml` builds it: products with its own repacking of the weights and without,
//! flash attention, softmax, and add, RMS norm and multiply.

mod api;
mod graph;

use std::ptr::null_mut;

use api::{Ggml, Handle, ggml};
use graph::{Builder, Graph};

use crate::host::Host;
use crate::measure::Contestant;
use crate::rows::Problem;
use crate::rows::attention::Attention;
use crate::rows::linear::{Format, Linear};
use crate::rows::rmsnorm::{EPSILON, RmsNorm};
use crate::rows::softmax::Softmax;

/// Its version.
pub fn about() -> Result<String, String> {
    Ok(ggml()?.version.clone())
}

/// Everything it can compute.
pub fn add<'h>(problem: &Problem, host: &'h Host, to: &mut Vec<Contestant<'h>>) {
    let Ok(ggml) = ggml() else { return };
    match problem {
        Problem::Linear(linear) => {
            to.extend(product(ggml, linear, ggml.plain, host).map(|g| Contestant::new("ggml", g)));
            for (name, kind) in &ggml.reordering {
                let name = if name == "CPU_REPACK" { "ggml repacked".into() } else { format!("ggml {name}") };
                to.extend(product(ggml, linear, *kind, host).map(|g| Contestant::new(name, g)));
            }
        }
        Problem::Attention(a) => {
            to.push(Contestant::new("ggml", attention(ggml, a, Cache::ByToken, host)));
            to.push(Contestant::new("ggml by head", attention(ggml, a, Cache::ByHead, host)));
            to.push(Contestant::new("ggml f16 cache", attention(ggml, a, Cache::F16, host)).beside());
        }
        Problem::Softmax(s) => to.push(Contestant::new("ggml", softmax(ggml, s, host))),
        Problem::RmsNorm(r) => to.push(Contestant::new("ggml", rmsnorm(ggml, r, host))),
    }
}

/// Nodes for a run that touches so many bytes: a graph of them takes a good part of a millisecond.
fn nodes(bytes: usize) -> usize {
    (8usize << 20).div_ceil(bytes).clamp(1, 256)
}

/// `enum ggml_type`.
fn type_of(format: Format) -> i32 {
    match format {
        Format::F32 => 0,
        Format::Q4_0 => 2,
        Format::Q8_0 => 8,
        Format::Q4K => 12,
        Format::Q6K => 14,
        Format::Bf16 => 30,
    }
}

/// Weights in buffers of one kind; none where the kind does not take them.
fn product(ggml: &'static Ggml, linear: &Linear, kind: Handle, host: &Host) -> Option<Graph> {
    let Linear { m, n, k, .. } = *linear;
    let (f, stored) = (&ggml.f, linear.stored());
    let copies = linear.copies(stored.len());
    let count = if copies > 1 { copies } else { nodes(stored.len() * m) };
    let mut b = Builder::new(ggml, copies + 2 * count);
    let x = b.matrix(m, k, linear.x.as_slice());
    let mut weights: Vec<Handle> = Vec::new();
    for copy in 0..copies {
        // SAFETY: the context has room.
        let w = unsafe { (f.ggml_new_tensor_2d)(b.context, type_of(linear.format), k as i64, n as i64) };
        b.place(w, kind);
        if copy == 0 {
            // SAFETY: as above; the question is about an operation of placed weights.
            let supported = unsafe { (f.ggml_backend_dev_supports_op)(ggml.device, (f.ggml_mul_mat)(b.context, w, x)) };
            if !supported {
                return None;
            }
        }
        b.set(w, stored);
        weights.push(w);
    }
    // SAFETY: the context has room.
    let results: Vec<Handle> =
        (0..count).map(|i| unsafe { (f.ggml_mul_mat)(b.context, weights[i % copies], x) }).collect();
    b.place_outputs(&results);
    Some(b.build(&results, host.threads))
}

/// How the cache of keys and values lies.
#[derive(Clone, Copy, PartialEq)]
enum Cache {
    /// f32, token after token, as llama.cpp has it.
    ByToken,
    /// f32, head after head.
    ByHead,
    /// f16, token after token: llama.cpp's default, half the bytes.
    F16,
}

fn attention(ggml: &'static Ggml, a: &Attention, cache: Cache, host: &Host) -> Graph {
    let f = &ggml.f;
    let [width, heads, kv_heads, tokens] = [a.width, a.heads, a.kv_heads, a.tokens].map(|v| v as i64);
    let element = if cache == Cache::F16 { 2 } else { 4 };
    let copies = a.copies(element * a.k.as_slice().len());
    let mut b = Builder::new(ggml, 8 * copies);
    // SAFETY, for all of the block: the context has room, and `set` checks sizes.
    unsafe {
        // One token: rows of a head are the token's only ones.
        let q = (f.ggml_new_tensor_3d)(b.context, 0, width, 1, heads);
        b.place(q, ggml.plain);
        b.set(q, a.q.as_slice());
        let mut results = Vec::new();
        for _ in 0..copies {
            let placed = [&a.k, &a.v].map(|values| {
                let dtype = i32::from(cache == Cache::F16);
                let (middle, last) = if cache == Cache::ByHead { (tokens, kv_heads) } else { (kv_heads, tokens) };
                let tensor = (f.ggml_new_tensor_3d)(b.context, dtype, width, middle, last);
                b.place(tensor, ggml.plain);
                match cache {
                    Cache::ByToken => b.set(tensor, values.as_slice()),
                    Cache::ByHead => b.set(tensor, &a.by_head(values)),
                    Cache::F16 => {
                        let mut halves = vec![0u16; values.as_slice().len()];
                        (f.ggml_fp32_to_fp16_row)(values.as_slice().as_ptr(), halves.as_mut_ptr(), halves.len() as i64);
                        b.set(tensor, &halves);
                    }
                }
                tensor
            });
            // The operation wants width × tokens × heads; a view turns the order by token.
            let [k, v] =
                placed.map(|t| if cache == Cache::ByHead { t } else { (f.ggml_permute)(b.context, t, 0, 2, 1, 3) });
            results.push((f.ggml_flash_attn_ext)(b.context, q, k, v, null_mut(), a.scale(), 0.0, 0.0));
            for view in [k, v].into_iter().filter(|_| cache != Cache::ByHead) {
                b.place_view(view);
            }
        }
        b.place_outputs(&results);
        b.build(&results, host.threads)
    }
}

fn softmax(ggml: &'static Ggml, s: &Softmax, host: &Host) -> Graph {
    let count = nodes(8 * s.m * s.n);
    let mut b = Builder::new(ggml, count + 1);
    let x = b.matrix(s.m, s.n, s.x.as_slice());
    // SAFETY: the context has room.
    let results: Vec<Handle> = (0..count).map(|_| unsafe { (ggml.f.ggml_soft_max)(b.context, x) }).collect();
    b.place_outputs(&results);
    b.build(&results, host.threads)
}

fn rmsnorm(ggml: &'static Ggml, r: &RmsNorm, host: &Host) -> Graph {
    let f = &ggml.f;
    let count = nodes(16 * r.m * r.n);
    let mut b = Builder::new(ggml, 3 * count + 3);
    let (h, delta) = (b.matrix(r.m, r.n, r.h.as_slice()), b.matrix(r.m, r.n, r.delta.as_slice()));
    let w = b.matrix(1, r.n, r.w.as_slice());
    // SAFETY: the context has room.
    let steps: Vec<[Handle; 3]> = (0..count)
        .map(|_| unsafe {
            let sum = (f.ggml_add)(b.context, h, delta);
            let norm = (f.ggml_rms_norm)(b.context, sum, EPSILON);
            [sum, norm, (f.ggml_mul)(b.context, norm, w)]
        })
        .collect();
    for i in 0..3 {
        b.place_outputs(&steps.iter().map(|s| s[i]).collect::<Vec<_>>());
    }
    b.build(&steps.iter().map(|s| s[2]).collect::<Vec<_>>(), host.threads)
}
