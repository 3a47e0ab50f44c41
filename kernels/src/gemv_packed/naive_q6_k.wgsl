// idea: a thread per row: each q6_K weight is put together from two bytes, becomes f32 by its scales and goes into one sum
struct Sizes {
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks of 105 half-words: 64 of low, 32 of high bits of quants, 8 of scales in i8, one in f16
@group(0) @binding(2) var<storage, read> x: array<f32>; // 256 × blocks
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // n

// Half-word number `at` of the weights.
fn half_word(at: u32) -> u32 {
    return extractBits(w[at / 2u], at % 2u * 16u, 16u);
}

// Scale of sub-block `j` of a block that begins at half-word `at`.
fn scale_of(at: u32, j: u32) -> i32 {
    return extractBits(bitcast<i32>(half_word(at + 96u + j / 2u)), j % 2u * 8u, 8u);
}

// Byte number `i` from half-word `at` on.
fn byte(at: u32, i: u32) -> u32 {
    return extractBits(half_word(at + i / 2u), i % 2u * 8u, 8u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var block = 0u; block < sizes.blocks; block++) {
        let at = (id.x * sizes.blocks + block) * 105u;
        let scale = unpack2x16float(half_word(at + 104u)).x;
        for (var j = 0u; j < 16u; j++) {
            // Of each half of the weights four runs of 32 share 64 low and 32 high bytes.
            let half = j / 8u;
            let run = j % 8u / 2u;
            let of_sub = scale * f32(scale_of(at, j));
            for (var i = 0u; i < 16u; i++) {
                let place = j % 2u * 16u + i;
                let low = byte(at, half * 64u + run % 2u * 32u + place) >> (run / 2u * 4u) & 15u;
                let high = byte(at + 64u, half * 32u + place) >> (run * 2u) & 3u;
                let quant = f32(low | (high << 4u)) - 32.0;
                sum = fma(quant * of_sub, x[block * 256u + j * 16u + i], sum);
            }
        }
    }
    y[id.x] = sum;
}
