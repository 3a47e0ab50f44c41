//! Attention over latents on matrix units where scores grow from block to block: the sums so far shrink beside each new
//! maximum. With seeded inputs no maximum grows so much after the first block.

use half::f16;
use harness::simt::launch::Launch;
use harness::simt::lower::Shader;
use harness::simt::memory::Buffer;
use harness::simt::races::Races;
use kernels::kernel::{Entry, Kernel};
use kernels::mla_attend::MlaAttend;

const HEADS: usize = 20;
const TOKENS: usize = 200;
const LATENT: usize = 64;
const ROW: usize = LATENT / 8 * 9;

fn bytes(values: &[f16]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Queries and latents whose scores are `rise` apart from token to token, give or take, for head 0; half of that for head 1
/// and so on by turns, and falling for every third.
fn operands(rise: f32) -> (Vec<f16>, Vec<f16>) {
    let scale = 1.0 / ((LATENT / 8 * 3) as f32).sqrt();
    let slope = |head: usize| [rise, rise / 2.0, -rise][head % 3] / scale;
    let q = |i: usize| if i.is_multiple_of(ROW) { slope(i / ROW) / 8.0 } else { ((i * 7 % 13) as f32 - 6.0) / 8.0 };
    let c = |i: usize| if i.is_multiple_of(ROW) { (i / ROW) as f32 * 8.0 } else { ((i * 5 % 17) as f32 - 8.0) / 8.0 };
    let f16s = |n: usize, f: &dyn Fn(usize) -> f32| (0..n * ROW).map(|i| f16::from_f32(f(i))).collect();
    (f16s(HEADS, &q), f16s(TOKENS, &c))
}

/// In f64.
fn attend(q: &[f16], latents: &[f16]) -> Vec<f64> {
    let scale = 1.0 / ((LATENT / 8 * 3) as f64).sqrt();
    let of_head = |q: &[f16]| {
        let score = |c: &[f16]| q.iter().zip(c).map(|(q, c)| q.to_f64() * c.to_f64()).sum::<f64>() * scale;
        let scores: Vec<f64> = latents.chunks_exact(ROW).map(score).collect();
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
        let total: f64 = weights.iter().sum();
        let weighed =
            |i: usize| weights.iter().enumerate().map(|(t, w)| w * latents[t * ROW + i].to_f64()).sum::<f64>();
        (0..LATENT).map(|i| weighed(i) / total).collect::<Vec<f64>>()
    };
    q.chunks_exact(ROW).flat_map(of_head).collect()
}

/// What a shader makes of them whose workgroups take so many heads, all tokens in one part.
fn run(name: &str, heads: usize, q: &[f16], latents: &[f16]) -> Vec<f32> {
    let kernel = Entry::<MlaAttend>::new();
    let shader = kernel.shaders().iter().find(|s| s.name == name).expect("one of its shaders");
    let code = Shader::parse(name, shader.source).and_then(|parsed| parsed.lower("main"));
    let code = code.unwrap_or_else(|e| panic!("{e}"));
    let (q, latents) = (bytes(q), bytes(latents));
    let (mut o, mut partial) = (vec![0; 4 * HEADS * LATENT], vec![0; 4]);
    let sizes = [HEADS, TOKENS, LATENT, ROW / 2, TOKENS.next_multiple_of(64), 1, 0, 0];
    let buffers = vec![
        (0, Buffer::Own(sizes.iter().flat_map(|n| (*n as u32).to_le_bytes()).collect())),
        (1, Buffer::Read(&q)),
        (2, Buffer::Read(&latents)),
        (3, Buffer::Write(&mut o)),
        (4, Buffer::Write(&mut partial)),
    ];
    let launch = Launch::<32>::new(&code, buffers, [HEADS.div_ceil(heads) as u32, 1, 1]);
    launch.and_then(|mut launch| launch.run(&mut Races::new(32))).unwrap_or_else(|e| panic!("{e}"));
    o.chunks_exact(4).map(|w| f32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect()
}

#[test]
fn sums_shrink_beside_maxima_that_come_late() {
    for rise in [0.1, 0.5] {
        let (q, latents) = operands(rise);
        let wanted = attend(&q, &latents);
        for (name, heads) in [("matrix_units", 16), ("wide_matrix_tile", 64)] {
            for (i, (got, wanted)) in run(name, heads, &q, &latents).into_iter().zip(&wanted).enumerate() {
                let error = (f64::from(got) - wanted).abs();
                let place = (i / LATENT, i % LATENT);
                assert!(
                    error <= 2e-3 * wanted.abs().max(1.0),
                    "{name}, {rise} a token, {place:?}: {got}, not {wanted}"
                );
            }
        }
    }
}
