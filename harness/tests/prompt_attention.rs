//! Attention of a prompt on matrix units where scores grow from block to block: the sums so far shrink beside each new
//! maximum. With seeded inputs no maximum grows so much after the first block.

use half::f16;
use harness::simt::launch::Launch;
use harness::simt::lower::Shader;
use harness::simt::memory::Buffer;
use harness::simt::races::Races;
use kernels::attention_prefill_f16::AttentionPrefillF16;
use kernels::kernel::{Entry, Kernel, Shape};

const TOKENS: usize = 300;
const HEADS: usize = 3;
const WIDTH: usize = 64;

fn bytes(values: &[f16]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// `n` values of which the first of each `width` is given, the others small.
fn rows(n: usize, first: impl Fn(usize) -> f32) -> Vec<f16> {
    let value = |i: usize| if i.is_multiple_of(WIDTH) { first(i / WIDTH) } else { ((i * 7 % 13) as f32 - 6.0) / 8.0 };
    (0..n * WIDTH).map(|i| f16::from_f32(value(i))).collect()
}

/// In f64: three heads that share one of keys.
fn attend(q: &[f16], k: &[f16], v: &[f16]) -> Vec<f64> {
    let of_query = |(i, q): (usize, &[f16])| {
        let seen = i / HEADS + 1;
        let score = |k: &[f16]| q.iter().zip(k).map(|(q, k)| q.to_f64() * k.to_f64()).sum::<f64>();
        let scores = k.chunks_exact(WIDTH).take(seen).map(|k| score(k) / (WIDTH as f64).sqrt());
        let scores: Vec<f64> = scores.collect();
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
        let total: f64 = weights.iter().sum();
        let weighed = |c: usize| weights.iter().enumerate().map(|(t, w)| w * v[t * WIDTH + c].to_f64()).sum::<f64>();
        (0..WIDTH).map(|c| weighed(c) / total).collect::<Vec<f64>>()
    };
    q.chunks_exact(WIDTH).enumerate().flat_map(of_query).collect()
}

fn run(name: &str, q: &[f16], k: &[f16], v: &[f16]) -> Vec<f32> {
    let kernel = Entry::<AttentionPrefillF16>::new();
    let shader = kernel.shaders().iter().find(|s| s.name == name).expect("one of its shaders");
    let code = Shader::parse(name, shader.source).and_then(|parsed| parsed.lower("main"));
    let code = code.unwrap_or_else(|e| panic!("{e}"));
    let [pass] = &(shader.passes)(&Shape::new("test", TOKENS, HEADS, WIDTH).parts(1))[..] else {
        panic!("{name}: one pass");
    };
    let [q, k, v] = [q, k, v].map(bytes);
    let mut o = vec![0; 4 * TOKENS * HEADS * WIDTH];
    let buffers = vec![
        (0, Buffer::Own(pass.sizes.iter().flat_map(|n| n.to_le_bytes()).collect())),
        (1, Buffer::Read(&q)),
        (2, Buffer::Read(&k)),
        (3, Buffer::Read(&v)),
        (4, Buffer::Write(&mut o)),
    ];
    let launch = Launch::<32>::new(&code, buffers, pass.workgroups);
    launch.and_then(|mut launch| launch.run(&mut Races::new(32))).unwrap_or_else(|e| panic!("{e}"));
    o.chunks_exact(4).map(|w| f32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect()
}

#[test]
fn sums_shrink_beside_maxima_that_come_late() {
    for rise in [0.1, 0.5] {
        // Scores `rise` apart from token to token, give or take, for head 0, half of that for head 1, falling for head 2.
        let q = rows(TOKENS * HEADS, |i| [rise, rise / 2.0, -rise][i % HEADS] * (WIDTH as f32).sqrt() / 4.0);
        let k = rows(TOKENS, |t| t as f32 * 4.0);
        let v = rows(TOKENS, |t| (t * 5 % 17) as f32 - 8.0);
        let wanted = attend(&q, &k, &v);
        for (i, (got, wanted)) in run("matrix_units", &q, &k, &v).into_iter().zip(&wanted).enumerate() {
            let error = (f64::from(got) - wanted).abs();
            let place = (i / WIDTH / HEADS, i / WIDTH % HEADS, i % WIDTH);
            assert!(error <= 2e-3 * wanted.abs().max(1.0), "{rise} a token, {place:?}: {got}, not {wanted}");
        }
    }
}
