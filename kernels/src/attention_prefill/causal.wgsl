// idea: only pairs in order, their triangle folded to a rectangle, the shortest row beside the longest: half the work, no idle thread
// Row y of the rectangle holds the scores of query y, y + 1 of them, then those of the query as far from the end. The row in
// the middle of an odd number is one query's alone.
@group(0) @binding(5) var<storage, read_write> scores: array<f32>; // heads × half of the tokens × (tokens + 1)

fn row_at(head: u32, y: u32) -> u32 {
    return (head * ((sizes.tokens + 1u) / 2u) + y) * (sizes.tokens + 1u);
}

// First pass: a score.
@compute @workgroup_size(64)
fn score(@builtin(global_invocation_id) id: vec3<u32>) {
    let y = id.y;
    let late = sizes.tokens - 1u - y;
    let first = id.x <= y;
    if id.x > sizes.tokens || (!first && late == y) {
        return;
    }
    let at_q = query_at(select(late, y, first), id.z);
    let at_k = key_at(select(id.x - y - 1u, id.x, first), kv_head_of(id.z));
    var sum = 0.0;
    for (var c = 0u; c < sizes.width; c++) {
        sum = fma(of_q(at_q + c), of_k(at_k + c), sum);
    }
    scores[row_at(id.z, y) + id.x] = sum / sqrt(f32(sizes.width));
}

// Second pass: the softmax of two queries' scores.
@compute @workgroup_size(64)
fn normalize(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let y = group.x;
    let row = row_at(group.y, y);
    soften_some(row, y + 1u, i);
    if sizes.tokens - 1u - y != y {
        workgroupBarrier();
        soften_some(row + y + 1u, sizes.tokens - y, i);
    }
}

// Third pass: an output of two queries.
@compute @workgroup_size(64)
fn weigh(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let y = id.y;
    let late = sizes.tokens - 1u - y;
    if column >= sizes.width {
        return;
    }
    let row = row_at(id.z, y);
    let kv_head = kv_head_of(id.z);
    o[query_at(y, id.z) + column] = weighed(row, y + 1u, kv_head, column);
    if late != y {
        o[query_at(late, id.z) + column] = weighed(row + y + 1u, late + 1u, kv_head, column);
    }
}

fn weighed(row: u32, count: u32, kv_head: u32, column: u32) -> f32 {
    var sum = 0.0;
    for (var t = 0u; t < count; t++) {
        sum = fma(scores[row + t], of_v(key_at(t, kv_head) + column), sum);
    }
    return sum;
}
