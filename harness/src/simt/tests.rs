//! What the interpreter computes and what it refuses, on warps of 32 and of 64 lanes.

use super::code::{Class, Code, Inst, Op};
use super::fault::Fault;
use super::launch::Launch;
use super::lower::Shader;
use super::memory::Buffer;
use super::races::Races;
use proptest::prelude::*;

/// Runs `main` of a shader over `out` (binding 0, read_write) and `input` (binding 1), on warps of `W` lanes.
fn run<const W: usize>(source: &str, out: &mut [u32], input: &[u32], grid: [u32; 3]) -> Result<(), Fault> {
    let code = Shader::parse("test", source)?.lower("main")?;
    let bytes: Vec<u8> = input.iter().flat_map(|w| w.to_le_bytes()).collect();
    let mut written: Vec<u8> = out.iter().flat_map(|w| w.to_le_bytes()).collect();
    let buffers = vec![(0, Buffer::Write(&mut written)), (1, Buffer::Read(&bytes)), (2, Buffer::Own(bytes.clone()))];
    Launch::<W>::new(&code, buffers, grid)?.run(&mut Races::new(W))?;
    for (word, bytes) in out.iter_mut().zip(written.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    Ok(())
}

fn lowered(source: &str) -> Code {
    Shader::parse("test", source).expect("valid").lower("main").expect("lowers")
}

/// One workgroup of `threads` runs `body` with `i` as its index; both widths must agree.
fn values(threads: usize, extra: &str, body: &str, input: &[u32]) -> Vec<u32> {
    let source = shader(threads, extra, body);
    let mut narrow = vec![0xdead_beef; threads];
    run::<32>(&source, &mut narrow, input, [1, 1, 1]).unwrap_or_else(|e| panic!("{e}\n{source}"));
    let mut wide = vec![0xdead_beef; threads];
    run::<64>(&source, &mut wide, input, [1, 1, 1]).unwrap_or_else(|e| panic!("{e}\n{source}"));
    assert_eq!(narrow, wide, "both widths\n{source}");
    narrow
}

fn shader(threads: usize, extra: &str, body: &str) -> String {
    format!(
        "@group(0) @binding(0) var<storage, read_write> out: array<u32>;\n\
         @group(0) @binding(1) var<storage, read> input: array<u32>;\n{extra}\n\
         @compute @workgroup_size({threads}) fn main(@builtin(local_invocation_index) i: u32) {{\n{body}\n}}\n"
    )
}

fn refusal(threads: usize, extra: &str, body: &str) -> String {
    let mut out = vec![0; threads];
    let input: Vec<u32> = (0..64).collect();
    let error = run::<32>(&shader(threads, extra, body), &mut out, &input, [1, 1, 1]);
    let error = error.err().unwrap_or_else(|| panic!("not refused: {body}")).to_string();
    assert!(error.starts_with("test.wgsl:") && !error.contains('\n'), "{error}");
    error
}

#[test]
fn lanes_take_both_sides_of_a_branch() {
    let got = values(
        70,
        "",
        "var r = 7u; if i % 3u == 0u { r = i; } else if i % 3u == 1u { r = r + 100u; } out[i] = r;",
        &[],
    );
    let wanted: Vec<u32> = (0..70).map(|i| [i, 107, 7][i as usize % 3]).collect();
    assert_eq!(got, wanted);
}

#[test]
fn any_number_of_lanes_takes_part() {
    // Each place of the mask and each number of lanes in it, by a branch, a loop, loads, stores and workgroup memory.
    let extra = "var<workgroup> tile: array<u32, 64>;";
    let body = "var r = i; tile[i] = 2u * i;
        if (i * 37u + input[1]) % 64u < input[0] {
            for (var j = 0u; j < i % 3u; j++) { r = r * 5u + input[i]; }
            tile[i] = tile[i] + r; r = r + u32(fma(f32(i), 2.0, exp(f32(i % 2u))));
        }
        out[i] = r + tile[i];";
    for count in 0..=64u32 {
        let input: Vec<u32> = [count, count / 3].into_iter().chain(2..64).collect();
        let wanted = |i: u32| {
            let (mut r, mut tile) = (i, 2 * i);
            if (i * 37 + count / 3) % 64 < count {
                (0..i % 3).for_each(|_| r = r * 5 + input[i as usize]);
                tile += r;
                r += 2 * i + [1, 2][i as usize % 2];
            }
            r + tile
        };
        assert_eq!(values(64, extra, body, &input), (0..64).map(wanted).collect::<Vec<_>>(), "{count} lanes");
    }
}

#[test]
fn lanes_leave_loops_one_by_one() {
    let body = "var n = 0u; var sum = 0u;
        loop {
            if n > i { break; }
            n = n + 1u;
            if n % 2u == 0u { continue; }
            for (var j = 0u; j < n; j++) { if j == 5u { break; } sum = sum + j * i; }
            if sum > 500u { out[i] = sum; return; }
        }
        out[i] = sum + 10000u;";
    let wanted = |i: u32| {
        let (mut n, mut sum) = (0, 0);
        while n <= i {
            n += 1;
            if n % 2 == 0 {
                continue;
            }
            sum += (0..n).take_while(|j| *j != 5).map(|j| j * i).sum::<u32>();
            if sum > 500 {
                return sum;
            }
        }
        sum + 10000
    };
    assert_eq!(values(50, "", body, &[]), (0..50).map(wanted).collect::<Vec<_>>());
}

#[test]
fn switches_choose_by_lane_and_may_be_left() {
    let body = "var r = 0u;
        switch i % 6u {
            case 0u: { r = 1u; }
            case 1u, 2u: { r = 2u; if i > 10u { break; } r = 3u; }
            default: { r = 9u; }
            case 4u: { r = 4u; }
        }
        out[i] = r;";
    let wanted = |i: u32| match i % 6 {
        0 => 1,
        1 | 2 if i > 10 => 2,
        1 | 2 => 3,
        4 => 4,
        _ => 9,
    };
    assert_eq!(values(40, "", body, &[]), (0..40).map(wanted).collect::<Vec<_>>());
}

#[test]
fn functions_return_early_and_from_loops() {
    let extra = "fn first_above(limit: u32, step: u32) -> u32 {
        for (var x = 0u; ; x += step) { if x > limit { return x; } if x > 60u { return 999u; } }
        return 0u;
    }
    fn twice(x: u32) -> u32 { if x == 4u { return 0u; } return first_above(x, 3u) * 2u; }";
    let wanted = |i: u32| {
        let above = (0..).map(|x| 3 * x).find(|x| *x > i || *x > 60).unwrap();
        if i == 4 {
            0
        } else if above > i {
            above * 2
        } else {
            1998
        }
    };
    assert_eq!(values(96, extra, "out[i] = twice(i);", &[]), (0..96).map(wanted).collect::<Vec<_>>());
}

#[test]
fn vectors_are_taken_apart_and_put_together() {
    let extra = "@group(0) @binding(2) var<uniform> sizes: vec4<u32>;";
    let body = "let v = vec4<f32>(f32(i), 2.0, 3.0, 4.0);
        var w = v.wzyx * 2.0 + vec4(1.0);
        w.y = dot(v, w);
        w[i % 4u] += 0.5;
        out[i] = u32(w.x + w.y + w.z * 10.0) + sizes.z + select(0u, 1000u, all(v.xy == vec2(5.0, 2.0)));";
    let wanted = |i: u32| {
        let v = [i as f32, 2.0, 3.0, 4.0];
        let mut w = [v[3] * 2.0 + 1.0, v[2] * 2.0 + 1.0, v[1] * 2.0 + 1.0, v[0] * 2.0 + 1.0];
        w[1] = v.iter().zip(w).map(|(a, b)| a * b).sum();
        w[i as usize % 4] += 0.5;
        (w[0] + w[1] + w[2] * 10.0) as u32 + 33 + if i == 5 { 1000 } else { 0 }
    };
    assert_eq!(values(16, extra, body, &[11, 22, 33, 44]), (0..16).map(wanted).collect::<Vec<_>>());
}

#[test]
fn arrays_with_an_index_per_lane() {
    let body = "var a: array<u32, 5>; for (var j = 0u; j < 5u; j++) { a[j] = j * 10u + i; }
        a[i % 5u] += 100u; out[i] = a[(i + 1u) % 5u] + a[i % 5u] + a[2];";
    let wanted = |i: u32| {
        let mut a: [u32; 5] = std::array::from_fn(|j| j as u32 * 10 + i);
        a[i as usize % 5] += 100;
        a[(i as usize + 1) % 5] + a[i as usize % 5] + a[2]
    };
    assert_eq!(values(37, "", body, &[]), (0..37).map(wanted).collect::<Vec<_>>());
}

#[test]
fn workgroup_memory_between_barriers() {
    let extra = "var<workgroup> tile: array<u32, 96>; struct Pair { a: u32, b: array<vec2<u32>, 96> }
        var<workgroup> pairs: Pair;";
    let body = "tile[i] = i * i; pairs.b[i].y = i; workgroupBarrier();
        var sum = tile[95u - i] + pairs.b[(i + 7u) % 96u].y; workgroupBarrier();
        for (var s = 32u; s > 0u; s >>= 1u) {
            if i < s { tile[i] = tile[i] + tile[i + s]; }
            workgroupBarrier();
        }
        out[i] = sum + tile[0];";
    let all: u32 = (0..64).map(|i: u32| i * i).sum();
    let wanted: Vec<u32> = (0..96).map(|i: u32| (95 - i).pow(2) + (i + 7) % 96 + all).collect();
    assert_eq!(values(96, extra, body, &[]), wanted);
}

#[test]
fn atomics_see_every_thread() {
    let extra = "var<workgroup> count: atomic<u32>; var<workgroup> low: atomic<i32>;";
    let body = "atomicAdd(&count, i); atomicMin(&low, 5 - i32(i)); workgroupBarrier();
        out[i] = atomicLoad(&count) + u32(-atomicLoad(&low));";
    assert_eq!(values(80, extra, body, &[])[3], (0..80).sum::<u32>() + 74);
}

#[test]
fn subgroups_exchange_by_warp() {
    let source = |body: &str| {
        format!(
            "@group(0) @binding(0) var<storage, read_write> out: array<u32>;
             @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32,
             @builtin(subgroup_size) n: u32, @builtin(subgroup_invocation_id) lane: u32, @builtin(subgroup_id) id: u32) {{
             {body} }}"
        )
    };
    let mut out = [0; 64];
    let sum = source("out[i] = u32(subgroupAdd(f32(i))) + 10000u * n + id * 1000000u;");
    run::<32>(&sum, &mut out, &[], [1, 1, 1]).unwrap();
    assert_eq!((out[0], out[31], out[40]), (320_496, 320_496, 1_321_520));
    run::<64>(&sum, &mut out, &[], [1, 1, 1]).unwrap();
    assert_eq!((out[0], out[63]), (642_016, 642_016));
    let moves = source(
        "var r = 0u; if lane % 2u == 0u { r = subgroupMax(lane); }
         out[i] = subgroupShuffleXor(i, 1u) + 100u * subgroupShuffleDown(lane, 2u) + 100000u * subgroupBroadcast(i, 3u)
             + 10000000u * r + subgroupBallot(lane == 5u).x;",
    );
    run::<32>(&moves, &mut out, &[], [1, 1, 1]).unwrap();
    assert_eq!(out[0], 1 + 200 + 300_000 + 300_000_000 + 32);
    assert_eq!(out[33], 32 + 300 + 3_500_000 + 32);
}

#[test]
fn packed_numbers_come_apart() {
    let body = "let w = input[i]; let b = unpack4xI8(w); let h = unpack2x16float(w);
        out[i] = u32(b.x + b.y * 2 + b.z * 3 + b.w * 4 + 4096) + u32(h.x) * 65536u
            + dot4U8Packed(w, 0x01010101u) * 0u + bitcast<u32>(dot4I8Packed(w, 0x01010101u)) * 0u + extractBits(w, 4u, 3u) * 0u;";
    let input: Vec<u32> = (0..32).map(|i| u32::from_le_bytes([0, 0x40 + i as u8, 0x80 - i as u8, 0xff])).collect();
    let wanted = |i: u32| {
        let b = input[i as usize].to_le_bytes().map(|b| i32::from(b as i8));
        let half = half::f16::from_bits(input[i as usize] as u16).to_f32();
        (b[0] + b[1] * 2 + b[2] * 3 + b[3] * 4 + 4096) as u32 + (half as u32).wrapping_mul(65536)
    };
    assert_eq!(values(32, "", body, &input), (0..32).map(wanted).collect::<Vec<_>>());
}

#[test]
fn a_grid_of_workgroups_covers_two_axes() {
    let source = "@group(0) @binding(0) var<storage, read_write> out: array<u32>;
        @compute @workgroup_size(8, 4) fn main(@builtin(global_invocation_id) g: vec3<u32>,
        @builtin(num_workgroups) n: vec3<u32>, @builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_id) l: vec3<u32>) {
        out[g.y * 24u + g.x] = g.x + 100u * g.y + 10000u * n.x + (w.x * 8u + l.x - g.x) + arrayLength(&out) * 1000000u; }";
    let mut out = vec![0; 24 * 8];
    run::<32>(source, &mut out, &[], [3, 2, 1]).unwrap();
    assert!(out.iter().enumerate().all(|(at, v)| *v == at as u32 % 24 + at as u32 / 24 * 100 + 30_000 + 192_000_000));
}

#[test]
fn a_uniform_load_sees_what_all_threads_stored_and_nothing_later() {
    let body = "atomicMax(&most, i);
        let all = workgroupUniformLoad(&most);
        if i == 0u { atomicStore(&most, 7u); }
        if all > 60u { workgroupBarrier(); out[i] = all + i; }";
    let wanted: Vec<u32> = (0..70).map(|i| 69 + i).collect();
    assert_eq!(values(70, "var<workgroup> most: atomic<u32>;", body, &[]), wanted);
}

#[test]
fn a_pass_has_the_workgroup_memory_that_it_uses() {
    let source = "@group(0) @binding(0) var<storage, read_write> out: array<u32>;
        var<workgroup> large: array<u32, 4000>;
        var<workgroup> small: array<u32, 64>;
        fn kept(i: u32) -> u32 { small[i] = i; return small[i]; }
        @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { large[i] = i; out[i] = large[i]; }
        @compute @workgroup_size(64) fn merge(@builtin(local_invocation_index) i: u32) { out[i] = kept(i); }
        @compute @workgroup_size(64) fn plain(@builtin(local_invocation_index) i: u32) { out[i] = i; }";
    let parsed = Shader::parse("test", source).expect("valid");
    let bytes = |entry| parsed.lower(entry).expect("lowers").shared_bytes;
    assert_eq!([bytes("main"), bytes("merge"), bytes("plain")], [16000, 256, 0]);
}

#[test]
fn what_a_shader_may_not_do_is_named_with_its_line() {
    assert!(refusal(64, "", "out[i + 1u] = 1u;").contains("writes bytes 256..260 of binding 0, which has 256"));
    assert!(refusal(64, "", "out[i] = input[i * 2u];").contains("reads bytes 256..260 of binding 1"));
    assert!(refusal(64, "var<workgroup> t: array<u32, 8>;", "t[i / 8u + 1u] = 1u;").contains("workgroup memory"));
    let shared = "var<workgroup> t: array<u32, 64>;";
    let race = refusal(64, shared, "t[i] = i; out[i] = t[63u - i];");
    assert!(race.contains("race") && race.starts_with("test.wgsl:5:"), "{race}");
    assert!(refusal(64, shared, "t[0] = i;").contains("race"));
    let divergent = refusal(64, "", "if input[i] < 40u { workgroupBarrier(); } out[i] = i;");
    assert!(divergent.contains("uniform") || divergent.contains("barrier"), "{divergent}");
    assert!(refusal(64, "", "out[i] = u32(sinh(f32(i)));").contains("does not have the function Sinh"));
    assert!(refusal(64, "", "out[i] = nothing;").contains("nothing"));
    assert!(
        refusal(64, "@group(0) @binding(9) var<storage, read> z: array<u32>;", "out[i] = z[i];")
            .contains("@binding(9)")
    );
    assert!(refusal(64, "", "let a = mat2x2<f32>(); out[i] = u32(a[0].x);").contains("matrices"));
    let two = "@group(0) @binding(0) var<storage, read_write> out: array<u32>;
        @compute @workgroup_size(1) fn main() { out[0] = 1u; }";
    let error = run::<32>(two, &mut [0; 4], &[], [2, 1, 1]).expect_err("a race of workgroups").to_string();
    assert!(error.contains("workgroup 1 and workgroup 0 race"), "{error}");
}

#[test]
fn code_is_as_short_as_a_compiler_makes_it() {
    let code = lowered(&shader(
        32,
        "@group(0) @binding(2) var<uniform> sizes: vec4<u32>;",
        "var sum = 0.0; for (var p = 0u; p < sizes.x; p++) { sum = fma(bitcast<f32>(input[i * sizes.x + p]), 2.0, sum); }
         out[i] = bitcast<u32>(sum);",
    ));
    let text: Vec<String> = code.insts.iter().map(|i| format!("{:?}", i.op)).collect();
    let inside: Vec<&str> = text
        .iter()
        .map(String::as_str)
        .skip_while(|o| *o != "ULt")
        .take_while(|o| *o != "Again")
        .filter(|o| *o != "Continuing")
        .collect();
    // Compare, branch, index, address, load, multiply-add, counter.
    assert_eq!(inside, ["ULt", "BreakUnless", "IMad", "IMad", "LoadGlobal", "FFma", "IAdd"], "{text:?}");
    assert!(code.live <= 6, "{} registers", code.live);
}

#[test]
fn the_first_compiler_of_cuda_left_loops_rolled_and_operands_in_workgroup_memory() {
    let rolled = |code: &Code, of: &dyn Fn(&&Inst) -> bool| -> f32 {
        code.insts.iter().filter(|i| i.class != Class::Free).filter(of).map(|i| i.rolled).sum()
    };
    // Ryoo et al., PPoPP 2008, section 4: eight operations, of which two are loads and one the multiply-add.
    let body = "var sum = 0.0; for (var p = 0u; p < sizes.x; p++) {
            sum = fma(bitcast<f32>(input[i * sizes.x + p]), bitcast<f32>(input[p * sizes.y + i]), sum);
        } out[i] = bitcast<u32>(sum);";
    let code = lowered(&shader(32, "@group(0) @binding(2) var<uniform> sizes: vec4<u32>;", body));
    assert_eq!(rolled(&code, &|i| i.unrolled), 8.0, "{:?}", code.insts);
    // Of two words that one product takes, one is loaded; four neighbours are four words.
    let body = "tile[i] = vec4(f32(i), 1.0, 2.0, 3.0); workgroupBarrier();
        out[i] = bitcast<u32>(tile[31u - i].x * tile[i ^ 1u].x);";
    let code = lowered(&shader(32, "var<workgroup> tile: array<vec4<f32>, 32>;", body));
    assert_eq!(rolled(&code, &|i| i.op == Op::StoreShared), 4.0);
    assert_eq!(rolled(&code, &|i| i.op == Op::LoadShared), 1.0, "{:?}", code.insts);
}

proptest! {
    #[test]
    fn integers_are_as_on_the_host(a in any::<u32>(), b in any::<u32>(), s in 0u32..32) {
        let body = "let a = input[0]; let b = input[1]; let s = input[2]; let x = bitcast<i32>(a); let y = bitcast<i32>(b);
            var r = 0u;
            switch i {
                case 0u: { r = a + b; } case 1u: { r = a - b; } case 2u: { r = a * b; } case 3u: { r = a / b; }
                case 4u: { r = a % b; } case 5u: { r = a << s; } case 6u: { r = a >> s; } case 7u: { r = bitcast<u32>(x >> s); }
                case 8u: { r = bitcast<u32>(x / y); } case 9u: { r = bitcast<u32>(x % y); } case 10u: { r = min(a, b); }
                case 11u: { r = bitcast<u32>(max(x, y)); } case 12u: { r = (a & b) | ~(a ^ b); }
                case 13u: { r = u32(x < y) + 2u * u32(a < b) + 4u * u32(a >= b) + 8u * u32(x > y); }
                case 14u: { r = countOneBits(a) + 100u * countLeadingZeros(b); } case 15u: { r = extractBits(a, s, 9u); }
                case 16u: { r = bitcast<u32>(extractBits(x, s, 9u)); } case 17u: { r = bitcast<u32>(f32(a) + f32(y)); }
                case 18u: { r = bitcast<u32>(dot4I8Packed(a, b)); } case 19u: { r = bitcast<u32>(abs(x)); }
                default: {}
            } out[i] = r;";
        let got = values(20, "", body, &[a, b, s]);
        let (x, y) = (a as i32, b as i32);
        let bytes = a.to_le_bytes().into_iter().zip(b.to_le_bytes());
        let field = 9.min(32 - s);
        let wanted = [
            a.wrapping_add(b), a.wrapping_sub(b), a.wrapping_mul(b), a.checked_div(b).unwrap_or(a),
            a.checked_rem(b).unwrap_or(0), a << s, a >> s, (x >> s) as u32,
            x.checked_div(y).unwrap_or(x) as u32, x.checked_rem(y).unwrap_or(0) as u32, a.min(b), x.max(y) as u32,
            (a & b) | !(a ^ b), u32::from(x < y) + 2 * u32::from(a < b) + 4 * u32::from(a >= b) + 8 * u32::from(x > y),
            a.count_ones() + 100 * b.leading_zeros(), a >> s & ((1 << field) - 1),
            ((x >> s) << (32 - field) >> (32 - field)) as u32, (a as f32 + y as f32).to_bits(),
            bytes.map(|(p, q)| i32::from(p as i8) * i32::from(q as i8)).sum::<i32>() as u32, x.wrapping_abs() as u32,
        ];
        for (i, (g, w)) in got.iter().zip(wanted).enumerate() {
            prop_assert_eq!(*g, w, "case {}", i);
        }
    }

    #[test]
    fn floats_are_rounded_once(a in any::<f32>(), b in any::<f32>(), c in any::<f32>()) {
        let body = "let a = bitcast<f32>(input[0]); let b = bitcast<f32>(input[1]); let c = bitcast<f32>(input[2]);
            var r = 0.0;
            switch i { case 0u: { r = a + b; } case 1u: { r = a * b - c; } case 2u: { r = a / b; } case 3u: { r = fma(a, b, c); }
                case 4u: { r = sqrt(abs(a)); } case 5u: { r = floor(a) + ceil(b) + trunc(c); } case 6u: { r = -abs(c); }
                case 7u: { r = clamp(a, -1.0, 2.0); } default: { r = select(0.0, 1.0, a <= b) + select(0.0, 2.0, a != c); } }
            out[i] = bitcast<u32>(r);";
        let got = values(9, "", body, &[a.to_bits(), b.to_bits(), c.to_bits()]);
        let wanted = [
            a + b, a * b - c, a / b, a.mul_add(b, c), a.abs().sqrt(), a.floor() + b.ceil() + c.trunc(), -c.abs(),
            if a.is_nan() { -1.0 } else { a.clamp(-1.0, 2.0) }, if a <= b { 1.0 } else { 0.0 } + if a != c { 2.0 } else { 0.0 },
        ];
        for (i, (g, w)) in got.iter().zip(wanted).enumerate() {
            prop_assert!(*g == w.to_bits() || w.is_nan() && f32::from_bits(*g).is_nan(), "case {i}: {} {w}", f32::from_bits(*g));
        }
    }

    #[test]
    fn loops_end_lane_by_lane(seeds in prop::collection::vec(1u32..5000, 64)) {
        let body = "var n = input[i]; var steps = 0u;
            while n != 1u { if n % 2u == 0u { n = n / 2u; } else { n = 3u * n + 1u; } steps++; } out[i] = steps;";
        let steps = |mut n: u32| { let mut s = 0; while n != 1 { n = if n & 1 == 0 { n / 2 } else { 3 * n + 1 }; s += 1; } s };
        prop_assert_eq!(values(64, "", body, &seeds), seeds.iter().map(|n| steps(*n)).collect::<Vec<u32>>());
    }

    #[test]
    fn exponentials_are_within_half_a_unit_or_nearly(x in -87.0f32..88.0) {
        let exact = f64::from(x).exp();
        let unit = f64::from(f32::from_bits((exact as f32).to_bits() + 1)) - f64::from(exact as f32);
        prop_assert!((f64::from(super::math::exp(x)) - exact).abs() <= 0.5001 * unit);
        let y = x.abs() + 1e-6;
        prop_assert!((f64::from(super::math::ln(y)) - f64::from(y).ln()).abs() <= 1e-7 * f64::from(y).ln().abs().max(1e-3));
    }
}

#[test]
fn exponentials_at_the_edges() {
    use super::math::{exp, exp2, ln};
    assert_eq!((exp(f32::NEG_INFINITY), exp(-200.0), exp(0.0)), (0.0, 0.0, 1.0));
    assert_eq!((exp(f32::INFINITY), exp(200.0)), (f32::INFINITY, f32::INFINITY));
    assert!(exp(f32::NAN).is_nan() && exp(-100.0) > 0.0, "subnormal results stay");
    assert_eq!((exp2(10.0), exp2(-3.0), ln(1.0), ln(0.0)), (1024.0, 0.125, 0.0, f32::NEG_INFINITY));
}
