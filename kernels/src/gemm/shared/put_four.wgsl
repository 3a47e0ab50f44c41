// How a thread writes C.

// Writes four outputs of a row, as far as C goes.
fn put(row: u32, column: u32, values: vec4<f32>) {
    if row >= sizes.m {
        return;
    }
    let at = row * sizes.n + column;
    if column < sizes.n {
        c[at] = values.x;
    }
    if column + 1u < sizes.n {
        c[at + 1u] = values.y;
    }
    if column + 2u < sizes.n {
        c[at + 2u] = values.z;
    }
    if column + 3u < sizes.n {
        c[at + 3u] = values.w;
    }
}
