//! Small matrices that a warp holds together: what they compute, what is counted, and what is refused.

use half::f16;
use harness::simt::code::Code;
use harness::simt::fault::Fault;
use harness::simt::launch::Launch;
use harness::simt::lower::Shader;
use harness::simt::memory::Buffer;
use harness::simt::races::Races;

const HEAD: &str = "enable f16;
    enable wgpu_cooperative_matrix;
    @group(0) @binding(0) var<storage, read_write> c: array<f32>;
    @group(0) @binding(1) var<storage, read> a: array<vec4<f16>>;
    @group(0) @binding(2) var<storage, read> b: array<f16>;
    var<workgroup> tile: array<vec4<f16>, 96>;
";

fn lowered(threads: u32, body: &str) -> Result<Code, Fault> {
    let main =
        format!("@compute @workgroup_size({threads}) fn main(@builtin(local_invocation_index) i: u32) {{ {body} }}");
    Shader::parse("test", &format!("{HEAD}{main}"))?.lower("main")
}

fn halves(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect()
}

/// One workgroup over `a` and `b`; `c` as it leaves it.
fn run(threads: u32, body: &str, a: &[f32], b: &[f32], c: usize) -> Result<Vec<f32>, Fault> {
    let code = lowered(threads, body)?;
    let (a, b, mut out) = (halves(a), halves(b), vec![0; 4 * c]);
    let buffers = vec![(0, Buffer::Write(&mut out)), (1, Buffer::Read(&a)), (2, Buffer::Read(&b))];
    Launch::<32>::new(&code, buffers, [1, 1, 1])?.run(&mut Races::new(32))?;
    Ok(out.chunks_exact(4).map(|w| f32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect())
}

/// `side × side` values that differ from place to place.
fn square(side: usize, seed: usize) -> Vec<f32> {
    (0..side * side).map(|i| ((i * 7 + seed * 13) % 31) as f32 - 15.0).collect()
}

fn product(side: usize, a: &[f32], b: &[f32], b_by_rows: bool) -> Vec<f32> {
    let of_b = |p: usize, j: usize| if b_by_rows { b[p * side + j] } else { b[j * side + p] };
    let at = |i: usize| (0..side).map(|p| a[i / side * side + p] * of_b(p, i % side)).sum();
    (0..side * side).map(at).collect()
}

#[test]
fn products_of_either_size_and_order_are_exact() {
    for side in [8, 16] {
        for (load, by_rows) in [("coopLoadT", true), ("coopLoad", false)] {
            let (a, b) = (square(side, 1), square(side, 2));
            let body = format!(
                "let l = coopLoadT<coop_mat{side}x{side}<f16, A>>(&a[0], {}u);
                 let r = {load}<coop_mat{side}x{side}<f16, B>>(&b[0], {side}u);
                 var sum: coop_mat{side}x{side}<f32, C>;
                 sum = coopMultiplyAdd(l, r, sum);
                 sum = coopMultiplyAdd(l, r, sum);
                 coopStoreT(sum, &c[0], {side}u);",
                side / 4
            );
            let got = run(32, &body, &a, &b, side * side).unwrap_or_else(|e| panic!("{e}"));
            let wanted: Vec<f32> = product(side, &a, &b, by_rows).iter().map(|v| 2.0 * v).collect();
            assert_eq!(got, wanted, "{side} {load}");
        }
    }
}

#[test]
fn matrices_come_from_workgroup_memory_with_a_stride() {
    let (a, b) = (square(16, 3), square(16, 4));
    let body = "for (var at = i; at < 64u; at += 32u) { tile[at / 4u * 6u + at % 4u] = a[at]; }
        workgroupBarrier();
        let l = coopLoadT<coop_mat16x16<f16, A>>(&tile[0], 6u);
        let r = coopLoadT<coop_mat16x16<f16, B>>(&b[0], 16u);
        var sum: coop_mat16x16<f32, C>;
        coopStoreT(coopMultiplyAdd(l, r, sum), &c[0], 20u);";
    let got = run(32, body, &a, &b, 320).unwrap_or_else(|e| panic!("{e}"));
    let wanted = product(16, &a, &b, true);
    for (i, value) in wanted.iter().enumerate() {
        assert_eq!(got[i / 16 * 20 + i % 16], *value, "{i}");
    }
}

#[test]
fn what_a_matrix_unit_cannot_do_is_refused_in_one_line() {
    let load = "let l = coopLoadT<coop_mat16x16<f16, A>>";
    let refused = |threads, body: &str, says: &str| {
        let error = run(threads, body, &square(16, 1), &square(16, 1), 256).expect_err(body).to_string();
        assert!(error.starts_with("test.wgsl:") && error.contains(says) && !error.contains('\n'), "{error}");
    };
    let kept = "coopStoreT(l, &c[0], 16u);".replace("l,", "coopMultiplyAdd(l, r, s),");
    let rest = format!("let r = coopLoadT<coop_mat16x16<f16, B>>(&b[0], 16u); var s: coop_mat16x16<f32, C>; {kept}");
    refused(32, &format!("if i < 8u {{ {load}(&a[0], 4u); {rest} }}"), "uniformity of control flow");
    refused(24, &format!("{load}(&a[0], 4u); {rest}"), "without all of its 32 lanes");
    refused(32, &format!("{load}(&a[1], 4u); {rest}"), "multiples of 16");
    refused(32, &format!("{load}(&a[i * 2u], 4u); {rest}"), "different places");
    refused(32, &format!("{load}(&a[0], 400u); {rest}"), "in memory that has 512");
    refused(32, "let x = b[i] + b[0]; c[i] = f32(x);", "16-bit Float values");
}

#[test]
fn a_thread_gives_its_share_of_a_matrix_in_registers() {
    let body = "let l = coopLoadT<coop_mat16x16<f16, A>>(&a[0], 4u);
        let r = coopLoadT<coop_mat16x16<f16, B>>(&b[0], 16u);
        var s: coop_mat16x16<f32, C>;
        s = coopMultiplyAdd(l, r, s);
        coopStoreT(s, &c[0], 16u);";
    let code = lowered(32, body).expect("it lowers");
    // Two of 256 f16 and one of 256 f32, over 32 lanes; the product takes the place of the sum.
    assert_eq!(code.live, 4 + 4 + 8);
    assert_eq!(code.matrices, 3);
}
