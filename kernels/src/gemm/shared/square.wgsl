// A square of eight by eight sums of a thread, of each row a left and a right four.
struct Square {
    left0: vec4<f32>,
    right0: vec4<f32>,
    left1: vec4<f32>,
    right1: vec4<f32>,
    left2: vec4<f32>,
    right2: vec4<f32>,
    left3: vec4<f32>,
    right3: vec4<f32>,
    left4: vec4<f32>,
    right4: vec4<f32>,
    left5: vec4<f32>,
    right5: vec4<f32>,
    left6: vec4<f32>,
    right6: vec4<f32>,
    left7: vec4<f32>,
    right7: vec4<f32>,
}

// Adds the products of eight values of a column of A with eight of a row of B.
fn add(sums: ptr<function, Square>, above: vec4<f32>, below: vec4<f32>, left: vec4<f32>, right: vec4<f32>) {
    sums.left0 = fma(vec4(above.x), left, sums.left0);
    sums.right0 = fma(vec4(above.x), right, sums.right0);
    sums.left1 = fma(vec4(above.y), left, sums.left1);
    sums.right1 = fma(vec4(above.y), right, sums.right1);
    sums.left2 = fma(vec4(above.z), left, sums.left2);
    sums.right2 = fma(vec4(above.z), right, sums.right2);
    sums.left3 = fma(vec4(above.w), left, sums.left3);
    sums.right3 = fma(vec4(above.w), right, sums.right3);
    sums.left4 = fma(vec4(below.x), left, sums.left4);
    sums.right4 = fma(vec4(below.x), right, sums.right4);
    sums.left5 = fma(vec4(below.y), left, sums.left5);
    sums.right5 = fma(vec4(below.y), right, sums.right5);
    sums.left6 = fma(vec4(below.z), left, sums.left6);
    sums.right6 = fma(vec4(below.z), right, sums.right6);
    sums.left7 = fma(vec4(below.w), left, sums.left7);
    sums.right7 = fma(vec4(below.w), right, sums.right7);
}

// Writes it to C, from this row and column on.
fn put_square(sums: ptr<function, Square>, row: u32, column: u32) {
    put(row + 0u, column, sums.left0);
    put(row + 0u, column + 4u, sums.right0);
    put(row + 1u, column, sums.left1);
    put(row + 1u, column + 4u, sums.right1);
    put(row + 2u, column, sums.left2);
    put(row + 2u, column + 4u, sums.right2);
    put(row + 3u, column, sums.left3);
    put(row + 3u, column + 4u, sums.right3);
    put(row + 4u, column, sums.left4);
    put(row + 4u, column + 4u, sums.right4);
    put(row + 5u, column, sums.left5);
    put(row + 5u, column + 4u, sums.right5);
    put(row + 6u, column, sums.left6);
    put(row + 6u, column + 4u, sums.right6);
    put(row + 7u, column, sums.left7);
    put(row + 7u, column + 4u, sums.right7);
}
