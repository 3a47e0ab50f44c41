// idea: a thread per pair makes its own sine and cosine: the angle in turns folds into a quarter, where a polynomial does the rest
struct Sizes {
    heads: u32,
    half: u32, // pairs of a head
    positions: u32,
    first: u32, // position
    apart: u32, // values from the first of a pair to the second: 1, or half
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> frequencies: array<f32>; // turns a position: first parts of half pairs, then the rest; the same a run of 4096
@group(0) @binding(2) var<storage, read> x: array<f32>; // positions × heads × 2 half
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // the same

// Sine of an angle in turns, within a quarter. Coefficients as in sine.rs.
fn in_quarter(t: f32) -> f32 {
    let square = t * t;
    let p = fma(fma(fma(fma(39.759827, square, -76.58117), square, 81.60248), square, -41.341682), square, 6.2831855);
    return p * t;
}

// Cosine of an angle in turns, within three quarters.
fn cosine(turns: f32) -> f32 {
    return in_quarter(abs(0.5 - abs(turns)) - 0.25);
}

// Turns of `count` times the frequency at a place, less whole ones. The first product is exact, and so is what is left when
// its whole turns are taken off.
fn turns_of(place: u32, count: f32) -> f32 {
    let whole = frequencies[place] * count;
    return fma(frequencies[sizes.half + place], count, whole - round(whole));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let pair = id.x % sizes.half;
    let head = id.x / sizes.half;
    if head >= sizes.heads * sizes.positions {
        return;
    }
    let position = sizes.first + head / sizes.heads;
    var turns = turns_of(pair, f32(position % 4096u));
    if position >= 4096u {
        let both = turns + turns_of(2u * sizes.half + pair, f32(position / 4096u));
        turns = both - round(both);
    }
    let c = cosine(turns);
    let s = cosine(turns - 0.25);
    let at = head * 2u * sizes.half + select(2u * pair, pair, sizes.apart == sizes.half);
    let a = x[at];
    let b = x[at + sizes.apart];
    y[at] = a * c - b * s;
    y[at + sizes.apart] = fma(a, s, b * c);
}
