// idea: tiles of bytes lie in workgroup memory by fours, and a thread's four by four outputs share what it takes from them
const TILE: u32 = 32; // rows and columns of C for a workgroup
var<workgroup> words_x: array<u32, 256>; // 8 × TILE: of each row a block, by fours, turned over
var<workgroup> words_w: array<u32, 256>;
var<workgroup> scales_x: array<f32, 32>;
var<workgroup> scales_w: array<f32, 32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let first_row = group.y * TILE;
    let first_column = group.x * TILE;
    let rows = i / 8u * 4u;
    let columns = i % 8u * 4u;
    let copied = i % TILE;
    var sums0 = vec4<f32>();
    var sums1 = vec4<f32>();
    var sums2 = vec4<f32>();
    var sums3 = vec4<f32>();
    for (var block = 0u; block < sizes.blocks; block++) {
        // Half of the threads copy a row's block, the others a column's. Beyond the edges lie zeros.
        if i < TILE {
            let there = first_row + copied < sizes.m;
            let at = (first_row + copied) * sizes.blocks + block;
            for (var word = 0u; word < 8u; word++) {
                var four = 0u;
                if there {
                    four = quants[at * 8u + word];
                }
                words_x[word * TILE + copied] = four;
            }
            var scale = 0.0;
            if there {
                scale = scales[at];
            }
            scales_x[copied] = scale;
        } else {
            let there = first_column + copied < sizes.n;
            let at = ((first_column + copied) * sizes.blocks + block) * 17u;
            for (var word = 0u; word < 8u; word++) {
                var four = 0u;
                if there {
                    four = four_quants(at, word);
                }
                words_w[word * TILE + copied] = four;
            }
            var scale = 0.0;
            if there {
                scale = f16_at(at);
            }
            scales_w[copied] = scale;
        }
        workgroupBarrier();
        var products0 = vec4<i32>();
        var products1 = vec4<i32>();
        var products2 = vec4<i32>();
        var products3 = vec4<i32>();
        for (var word = 0u; word < 8u; word++) {
            let at_w = word * TILE + columns;
            let w0 = words_w[at_w];
            let w1 = words_w[at_w + 1u];
            let w2 = words_w[at_w + 2u];
            let w3 = words_w[at_w + 3u];
            let at_x = word * TILE + rows;
            let x0 = words_x[at_x + 0u];
            let x1 = words_x[at_x + 1u];
            let x2 = words_x[at_x + 2u];
            let x3 = words_x[at_x + 3u];
            products0 += vec4(dot4I8Packed(x0, w0), dot4I8Packed(x0, w1), dot4I8Packed(x0, w2), dot4I8Packed(x0, w3));
            products1 += vec4(dot4I8Packed(x1, w0), dot4I8Packed(x1, w1), dot4I8Packed(x1, w2), dot4I8Packed(x1, w3));
            products2 += vec4(dot4I8Packed(x2, w0), dot4I8Packed(x2, w1), dot4I8Packed(x2, w2), dot4I8Packed(x2, w3));
            products3 += vec4(dot4I8Packed(x3, w0), dot4I8Packed(x3, w1), dot4I8Packed(x3, w2), dot4I8Packed(x3, w3));
        }
        let scale = vec4(scales_w[columns], scales_w[columns + 1u], scales_w[columns + 2u], scales_w[columns + 3u]);
        // One scale after the other: their product may be too small for an f32.
        sums0 = fma(vec4<f32>(products0) * scale, vec4(scales_x[rows + 0u]), sums0);
        sums1 = fma(vec4<f32>(products1) * scale, vec4(scales_x[rows + 1u]), sums1);
        sums2 = fma(vec4<f32>(products2) * scale, vec4(scales_x[rows + 2u]), sums2);
        sums3 = fma(vec4<f32>(products3) * scale, vec4(scales_x[rows + 3u]), sums3);
        workgroupBarrier();
    }
    put(first_row + rows + 0u, first_column + columns, sums0);
    put(first_row + rows + 1u, first_column + columns, sums1);
    put(first_row + rows + 2u, first_column + columns, sums2);
    put(first_row + rows + 3u, first_column + columns, sums3);
}
