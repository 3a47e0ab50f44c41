// A and B in f16 by fours, on their way to tiles.
@group(0) @binding(4) var<storage, read> a4: array<vec4<f16>>; // a, by fours
@group(0) @binding(5) var<storage, read> b4: array<vec4<f16>>; // b, by fours

// Number `at` of a, or zero beyond its row.
fn a_or_zero(at: u32, inside: bool) -> f32 {
    if inside {
        return of_a(at);
    }
    return 0.0;
}

fn b_or_zero(at: u32, inside: bool) -> f32 {
    if inside {
        return of_b(at);
    }
    return 0.0;
}

// Four neighbours of a row of A; beyond the edges lie zeros, which add nothing.
fn four_of_a(row: u32, p: u32) -> vec4<f16> {
    if row >= sizes.m || p >= sizes.k {
        return vec4<f16>();
    }
    let at = row * sizes.k + p;
    if sizes.k % 4u == 0u {
        return a4[at / 4u];
    }
    let left = sizes.k - p;
    return vec4<f16>(vec4(
        a_or_zero(at, true),
        a_or_zero(at + 1u, left > 1u),
        a_or_zero(at + 2u, left > 2u),
        a_or_zero(at + 3u, left > 3u),
    ));
}

fn four_of_b(p: u32, column: u32) -> vec4<f16> {
    if p >= sizes.k || column >= sizes.n {
        return vec4<f16>();
    }
    let at = p * sizes.n + column;
    if sizes.n % 4u == 0u {
        return b4[at / 4u];
    }
    let left = sizes.n - column;
    return vec4<f16>(vec4(
        b_or_zero(at, true),
        b_or_zero(at + 1u, left > 1u),
        b_or_zero(at + 2u, left > 2u),
        b_or_zero(at + 3u, left > 3u),
    ));
}
