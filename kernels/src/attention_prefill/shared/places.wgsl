// Where the values of a token lie.
const LOWEST: f32 = -3.4028234e38;

// Where the values of a token's query begin, and with them those of its output.
fn query_at(token: u32, head: u32) -> u32 {
    return (token * sizes.heads + head) * sizes.width;
}

// The head of keys and values that a head of queries meets.
fn kv_head_of(head: u32) -> u32 {
    return head / (sizes.heads / sizes.kv_heads);
}

// Where a token's key begins, and its value.
fn key_at(token: u32, kv_head: u32) -> u32 {
    return (token * sizes.kv_heads + kv_head) * sizes.width;
}
