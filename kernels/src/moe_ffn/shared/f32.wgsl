// Experts' weights in f32.
@group(0) @binding(1) var<storage, read> w: array<f32>; // experts × 3 × inner × width: gate, up, and down turned round

// Weight number `at`.
fn weight(at: u32) -> f32 {
    return w[at];
}
