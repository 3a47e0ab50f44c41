// idea: each head's keys and values are cached, and split over workgroups by tokens: products with one latent, many times the bytes
struct Sizes {
    heads: u32,
    tokens: u32,
    key: u32, // values of a key
    value: u32, // values of a value
    part: u32, // tokens of a workgroup
    parts: u32, // of a head
    latent: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> q: array<f32>; // heads × key
@group(0) @binding(2) var<storage, read> latents: array<f32>; // tokens × (latent + the part of a key with the position)
@group(0) @binding(3) var<storage, read> to_key: array<f32>; // heads × value × latent: the other part is as wide as a value
@group(0) @binding(4) var<storage, read> to_value: array<f32>; // heads × value × latent
@group(0) @binding(5) var<storage, read_write> keys: array<f32>; // heads × tokens × key
@group(0) @binding(6) var<storage, read_write> values: array<f32>; // heads × tokens × value
@group(0) @binding(7) var<storage, read_write> o: array<f32>; // heads × value
@group(0) @binding(8) var<storage, read_write> partial: array<f32>; // heads × parts × (2 + value): maximum, total, sums

const THREADS: u32 = 128;
const BLOCK: u32 = 16; // tokens at a time
const SHARE: u32 = 8; // threads of a score
const LOWEST: f32 = -3.4028234e38;
var<workgroup> products: array<f32, THREADS>;
var<workgroup> block: array<f32, BLOCK>;

// First pass: four values of the newest token's keys and values, thirty-two threads each.
@compute @workgroup_size(128)
fn append(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let lane = i % 32u;
    let made = group.x * 4u + i / 32u;
    let of_either = sizes.heads * sizes.value;
    let row = made % of_either;
    let newest = sizes.tokens - 1u;
    let rope = sizes.key - sizes.value;
    let latent = newest * (sizes.latent + rope);
    var sum = 0.0;
    if made < of_either {
        for (var c = lane; c < sizes.latent; c += 32u) {
            sum = fma(to_key[row * sizes.latent + c], latents[latent + c], sum);
        }
    } else if made < 2u * of_either {
        for (var c = lane; c < sizes.latent; c += 32u) {
            sum = fma(to_value[row * sizes.latent + c], latents[latent + c], sum);
        }
    }
    parts[i] = sum;
    workgroupBarrier();
    for (var half = 16u; half > 0u; half >>= 1u) {
        add_half(i, lane, half);
    }
    let token = row / sizes.value * sizes.tokens + newest;
    if lane == 0u && made < of_either {
        keys[token * sizes.key + row % sizes.value] = parts[i];
    } else if lane == 0u && made < 2u * of_either {
        values[token * sizes.value + row % sizes.value] = parts[i];
    }
    // The part with the position is every head's.
    if made < sizes.heads && lane < rope {
        for (var p = lane; p < rope; p += 32u) {
            keys[(made * sizes.tokens + newest) * sizes.key + sizes.value + p] = latents[latent + sizes.latent + p];
        }
    }
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let head = group.x;
    let begin = group.y * sizes.part;
    let end = min(begin + sizes.part, sizes.tokens);
    let scale = 1.0 / sqrt(f32(sizes.key));
    // Each thread owns a column of the output; those beyond the last repeat it, and are not stored.
    let column = group.z * THREADS + i;
    let owned = min(column, sizes.value - 1u);
    var sum = 0.0;
    var total = 0.0;
    var top = LOWEST;
    for (var first = begin; first < end; first += BLOCK) {
        let token = first + i / SHARE;
        var product = 0.0;
        if token < end {
            let key = (head * sizes.tokens + token) * sizes.key;
            for (var c = i % SHARE; c < sizes.key; c += SHARE) {
                product = fma(q[head * sizes.key + c], keys[key + c], product);
            }
        }
        products[i] = product;
        workgroupBarrier();
        if i < BLOCK {
            var whole = 0.0;
            for (var other = 0u; other < SHARE; other++) {
                whole += products[i * SHARE + other];
            }
            block[i] = select(LOWEST, whole * scale, first + i < end);
        }
        workgroupBarrier();
        var higher = top;
        for (var t = 0u; t < BLOCK; t++) {
            higher = max(higher, block[t]);
        }
        // What was summed under a lower maximum shrinks.
        let shrink = exp(top - higher);
        top = higher;
        sum *= shrink;
        total *= shrink;
        let count = min(BLOCK, end - first);
        for (var t = 0u; t < count; t++) {
            let weight = exp(block[t] - top);
            total += weight;
            sum = fma(weight, values[(head * sizes.tokens + first + t) * sizes.value + owned], sum);
        }
        workgroupBarrier();
    }
    let at = (head * sizes.parts + group.y) * (sizes.value + 2u);
    if column == 0u {
        partial[at] = top;
        partial[at + 1u] = total;
    }
    if column < sizes.value {
        partial[at + 2u + column] = sum;
    }
}

// Third pass: an output.
@compute @workgroup_size(64)
fn merge(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let head = id.y;
    if column >= sizes.value {
        return;
    }
    let whole = merged(head, column, sizes.value);
    o[head * sizes.value + column] = whole.x / whole.y;
}
