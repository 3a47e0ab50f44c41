// Parts of a head's tokens, each with its maximum, its total and its sums, become one.

// The sum of a head's column, of `width`, and the total to divide it by: what a part has weighs by how far its maximum is
// below the highest.
fn merged(head: u32, column: u32, width: u32) -> vec2<f32> {
    let step = width + 2u;
    let first = head * sizes.parts * step;
    var top = LOWEST;
    for (var p = 0u; p < sizes.parts; p++) {
        top = max(top, partial[first + p * step]);
    }
    var sum = 0.0;
    var total = 0.0;
    for (var p = 0u; p < sizes.parts; p++) {
        let at = first + p * step;
        let weight = exp(partial[at] - top);
        total = fma(weight, partial[at + 1u], total);
        sum = fma(weight, partial[at + 2u + column], sum);
    }
    return vec2(sum, total);
}
