//! Every operation of every machine, native and traced, against what its documentation says, lane by lane.

use half::{bf16, f16};
use proptest::prelude::*;

use super::traced::{Counter, on_traced};
use super::{Isa, Machine, OnMachine, on_native};

/// Enough for the widest register of bytes.
const BYTES: usize = 64;

/// Operands of one round.
#[derive(Clone, Debug)]
struct Operands {
    w: [u8; BYTES],
    x: [i8; BYTES],
    table: [i8; 16],
    f: [f32; 32],
}

/// What each operation gave: its name and the bits of its lanes.
type Results = Vec<(&'static str, Vec<u32>)>;

struct EveryOperation<'a> {
    operands: &'a Operands,
    lanes: &'a mut usize,
    results: &'a mut Results,
}

/// The bits of i32 lanes, byte by byte.
fn bits<M: Machine>(m: M, v: &M::I) -> Vec<u32> {
    let mut out = vec![0u32; m.lanes()];
    let mut bytes = vec![0i8; m.lanes()];
    for (place, shifted) in
        [m.add_i(v, &m.zero_i()), m.shr_i::<8>(v), m.shr_i::<16>(v), m.shr_i::<24>(v)].iter().enumerate()
    {
        m.store_i8(shifted, &mut bytes, 0);
        for (out, byte) in out.iter_mut().zip(&bytes) {
            *out |= u32::from(*byte as u8) << (8 * place);
        }
    }
    out
}

fn float_bits<M: Machine>(m: M, v: &M::F) -> Vec<u32> {
    let mut out = vec![0.0; m.lanes()];
    m.store(v, &mut out, 0);
    out.into_iter().map(f32::to_bits).collect()
}

/// The bytes of each lane, put together from the even and the odd ones.
fn byte_bits<M: Machine>(m: M, v: &M::B) -> Vec<u32> {
    let (even, odd) = (bits(m, &m.even_i16(v)), bits(m, &m.odd_i16(v)));
    even.iter().zip(&odd).map(|(e, o)| e & 0x00ff_00ff | (o & 0x00ff_00ff) << 8).collect()
}

impl OnMachine for EveryOperation<'_> {
    #[inline(always)]
    fn on<M: Machine>(self, m: M) {
        let Operands { w, x, table, f } = self.operands;
        let words: [i8; BYTES] = w.map(|b| b as i8);
        *self.lanes = m.lanes();
        let (a, b) = (m.load_i8(&words, 0), m.load_u8(w, 16));
        let (wb, xb) = (m.load_b(w, 0), m.load_b(bytemuck::cast_slice(x), 0));
        let low = m.and_b(&wb, 0x0f);
        let pairs = m.even_i16(&wb);
        let real = m.load(f, 0);
        let mut put = |name, lanes| self.results.push((name, lanes));
        put("load_i8", bits(m, &a));
        put("load_u8", bits(m, &b));
        put("splat_i", bits(m, &m.splat_i(-77_000)));
        put("sub_i", bits(m, &m.sub_i(&a, &b)));
        put("mul_i", bits(m, &m.mul_i(&a, &b)));
        put("and_i", bits(m, &m.and_i(&a, 0x5a5a)));
        put("or_i", bits(m, &m.or_i(&a, &b)));
        put("mask_i", bits(m, &m.mask_i(&a, &b)));
        let mut whole = [0i32; 16];
        m.store_i(&m.mul_i(&a, &b), &mut whole, 0);
        put("store_i", whole[..m.lanes()].iter().map(|v| *v as u32).collect());
        put("shl_i", bits(m, &m.shl_i::<9>(&a)));
        put("shr_i", bits(m, &m.shr_i::<1>(&a)));
        put("sum_i", bits(m.one(), &m.sum_i(&a)));
        put("lookup_f32", float_bits(m, &m.lookup_f32(&f[..], &m.and_i(&b, 31))));
        put("round_i", bits(m, &m.round_i(&real)));
        put("bits_as_f32", float_bits(m, &m.bits_as_f32(&m.and_i(&a, 0x3fff_ffff))));
        put("load_b", byte_bits(m, &wb));
        put("load_splat_b4", byte_bits(m, &m.load_splat_b4(x, 3)));
        put("splat_b", byte_bits(m, &m.splat_b(0xa7)));
        put("and_b", byte_bits(m, &m.and_b(&wb, 0x93)));
        put("or_b", byte_bits(m, &m.or_b(&wb, &xb)));
        put("shl_b", byte_bits(m, &m.shl_b::<3>(&wb)));
        put("shr_b", byte_bits(m, &m.shr_b::<4>(&wb)));
        put("sub_b", byte_bits(m, &m.sub_b(&wb, &xb)));
        put("dot4_b", bits(m, &m.dot4_b(&a, &wb, &xb)));
        put("dot4_ub", bits(m, &m.dot4_ub(&a, &m.and_b(&wb, 0x7f), &xb)));
        put("add_i16", bits(m, &m.add_i16(&pairs, &m.odd_i16(&xb))));
        put("madd_i16", bits(m, &m.madd_i16(&a, &pairs, &m.splat_i16(-321))));
        if m.lanes() >= 4 {
            put("swizzle_b", byte_bits(m, &m.swizzle_b(&m.load_table(table, 0), &low)));
        }
        put("abs", float_bits(m, &m.abs(&real)));
        put("reveal", vec![m.reveal(&real).to_bits()]);
        let (even, odd) = m.load_pairs(f, 0);
        put("load_pairs even", float_bits(m, &even));
        put("load_pairs odd", float_bits(m, &odd));
        let mut stored = [0.0f32; 32];
        m.store_pairs(&even, &odd, &mut stored, 0);
        put("store_pairs", stored[..2 * m.lanes()].iter().map(|v| v.to_bits()).collect());
        let (mut b16, mut h16) = ([bf16::ZERO; 16], [f16::ZERO; 16]);
        m.store_bf16(&real, &mut b16, 0);
        m.store_f16(&real, &mut h16, 0);
        put("store_bf16", b16[..m.lanes()].iter().map(|v| u32::from(v.to_bits())).collect());
        put("store_f16", h16[..m.lanes()].iter().map(|v| u32::from(v.to_bits())).collect());
        put("load_bf16", float_bits(m, &m.load_bf16(&b16, 0)));
        put("load_f16", float_bits(m, &m.load_f16(&h16, 0)));
        let (sin, cos) = m.sin_cos_libm(&real);
        put("sin", float_bits(m, &sin));
        put("cos", float_bits(m, &cos));
        self.arithmetic(m);
    }
}

impl EveryOperation<'_> {
    /// On f32 lanes, and of rows of bytes: whole numbers where machines may add in another order or round once less.
    #[inline(always)]
    fn arithmetic<M: Machine>(self, m: M) {
        let Operands { w, x, f, .. } = self.operands;
        let words: [i8; BYTES] = w.map(|b| b as i8);
        let (real, other) = (m.load(f, 0), m.load(f, 16));
        let whole = m.load_i8(&words, 0);
        let (a, b) = (m.to_f32(&whole), m.to_f32(&m.load_u8(w, 16)));
        let one = m.one();
        let mut put = |name, lanes| self.results.push((name, lanes));
        put("to_f32", float_bits(m, &a));
        put("splat", float_bits(m, &m.splat(0.1)));
        put("load_splat", float_bits(m, &m.load_splat(f, 5)));
        put("load_f16_splat", float_bits(m, &m.load_f16_splat(&f16::from_f32(f[1] * 0.1))));
        put("broadcast", float_bits(m, &m.broadcast(&one.load(f, 2))));
        put("add", float_bits(m, &m.add(&real, &other)));
        put("sub", float_bits(m, &m.sub(&real, &other)));
        put("mul", float_bits(m, &m.mul(&real, &other)));
        put("mul_add", float_bits(m, &m.mul_add(&a, &b, &m.splat(3.0))));
        put("div", float_bits(m, &m.div(&real, &other)));
        put("max", float_bits(m, &m.max(&real, &other)));
        put("sqrt", float_bits(m, &m.sqrt(&m.abs(&real))));
        put("pow2", float_bits(m, &m.pow2(&m.max(&a, &m.splat(-127.0)))));
        put("exp_libm", float_bits(m, &m.exp_libm(&m.mul(&real, &m.splat(0.001)))));
        put("sum", float_bits(one, &m.sum(&a)));
        put("largest", float_bits(one, &m.largest(&real)));
        let places: [i32; 32] = std::array::from_fn(|i| 1000 - 7 * i as i32);
        put("lookup", bits(m, &m.lookup(&places, &m.and_i(&whole, 31))));
        let lanes_sum = |v: &M::I| bits(one, &m.sum_i(v));
        // Which product goes to which lane is the machine's.
        put("madd_i8", lanes_sum(&m.madd_i8(&whole, &words, 0, x, 0)));
        put("dot4_i8", lanes_sum(&m.dot4_i8(&whole, &words, 0, x, 0)));
        put("dot4_i8 of -128", lanes_sum(&m.dot4_i8(&m.zero_i(), &[-128; BYTES], 0, x, 0)));
    }
}

/// The same by the definitions.
fn expected(o: &Operands, lanes: usize) -> Results {
    let a = |k: usize| i32::from(o.w[k] as i8);
    let b = |k: usize| i32::from(o.w[16 + k]);
    let each = |f: &dyn Fn(usize) -> i32| (0..lanes).map(|k| f(k) as u32).collect::<Vec<_>>();
    let floats = |f: &dyn Fn(usize) -> f32| (0..lanes).map(|k| f(k).to_bits()).collect::<Vec<_>>();
    let bytes = |f: &dyn Fn(usize) -> u8| {
        (0..lanes).map(|k| u32::from_le_bytes(std::array::from_fn(|i| f(4 * k + i)))).collect::<Vec<_>>()
    };
    let dot4 = |mask: u8, k: usize| {
        (4 * k..4 * k + 4).fold(a(k), |s, i| s + i32::from((o.w[i] & mask) as i8) * i32::from(o.x[i]))
    };
    let even = |k: usize| [o.w[4 * k] as i8, o.w[4 * k + 2] as i8].map(i16::from);
    let lane = |[low, high]: [i16; 2]| i32::from(low) & 0xffff | i32::from(high) << 16;
    let mut all: Results = vec![
        ("load_i8", each(&a)),
        ("load_u8", each(&b)),
        ("splat_i", each(&|_| -77_000)),
        ("sub_i", each(&|k| a(k) - b(k))),
        ("mul_i", each(&|k| a(k) * b(k))),
        ("and_i", each(&|k| a(k) & 0x5a5a)),
        ("or_i", each(&|k| a(k) | b(k))),
        ("mask_i", each(&|k| a(k) & b(k))),
        ("store_i", each(&|k| a(k) * b(k))),
        ("shl_i", each(&|k| a(k) << 9)),
        ("shr_i", each(&|k| (a(k) as u32 >> 1) as i32)),
        ("sum_i", vec![(0..lanes).map(a).sum::<i32>() as u32]),
        ("lookup_f32", floats(&|k| o.f[(b(k) & 31) as usize])),
        ("round_i", each(&|k| o.f[k].round_ties_even() as i32)),
        ("bits_as_f32", floats(&|k| f32::from_bits(a(k) as u32 & 0x3fff_ffff))),
        ("load_b", bytes(&|i| o.w[i])),
        ("load_splat_b4", bytes(&|i| o.x[3 + i % 4] as u8)),
        ("splat_b", bytes(&|_| 0xa7)),
        ("and_b", bytes(&|i| o.w[i] & 0x93)),
        ("or_b", bytes(&|i| o.w[i] | o.x[i] as u8)),
        ("shl_b", bytes(&|i| o.w[i] << 3)),
        ("shr_b", bytes(&|i| o.w[i] >> 4)),
        ("sub_b", bytes(&|i| o.w[i].wrapping_sub(o.x[i] as u8))),
        ("dot4_b", each(&|k| dot4(0xff, k))),
        ("dot4_ub", each(&|k| dot4(0x7f, k))),
        (
            "add_i16",
            each(&|k| {
                let odd = [o.x[4 * k + 1], o.x[4 * k + 3]].map(i16::from);
                lane([even(k)[0] + odd[0], even(k)[1] + odd[1]])
            }),
        ),
        ("madd_i16", each(&|k| a(k) - 321 * (i32::from(even(k)[0]) + i32::from(even(k)[1])))),
    ];
    if lanes >= 4 {
        all.push(("swizzle_b", bytes(&|i| o.table[usize::from(o.w[i] & 15)] as u8)));
    }
    let b16 = |k: usize| bf16::from_f32(o.f[k]);
    let h16 = |k: usize| f16::from_f32(o.f[k]);
    all.extend([
        ("abs", floats(&|k| o.f[k].abs())),
        ("reveal", vec![o.f[0].to_bits()]),
        ("load_pairs even", floats(&|k| o.f[2 * k])),
        ("load_pairs odd", floats(&|k| o.f[2 * k + 1])),
        ("store_pairs", o.f[..2 * lanes].iter().map(|v| v.to_bits()).collect()),
        ("store_bf16", each(&|k| i32::from(b16(k).to_bits()))),
        ("store_f16", each(&|k| i32::from(h16(k).to_bits()))),
        ("load_bf16", floats(&|k| b16(k).to_f32())),
        ("load_f16", floats(&|k| h16(k).to_f32())),
        ("sin", floats(&|k| o.f[k].sin())),
        ("cos", floats(&|k| o.f[k].cos())),
    ]);
    all.extend(expected_arithmetic(o, lanes));
    all
}

fn expected_arithmetic(o: &Operands, lanes: usize) -> Results {
    let a = |k: usize| i32::from(o.w[k] as i8);
    let b = |k: usize| i32::from(o.w[16 + k]);
    let floats = |f: &dyn Fn(usize) -> f32| (0..lanes).map(|k| f(k).to_bits()).collect::<Vec<_>>();
    let sum = |n: usize, f: &dyn Fn(usize) -> i32| vec![(0..n).map(f).sum::<i32>() as u32];
    let product = |i: usize| a(i) * i32::from(o.x[i]);
    let acc: i32 = (0..lanes).map(a).sum();
    let with_acc = |n: usize| vec![(acc + (0..n).map(product).sum::<i32>()) as u32];
    let power = |k: usize| if a(k) <= -127 { 0.0 } else { 2f32.powi(a(k)) };
    vec![
        ("to_f32", floats(&|k| a(k) as f32)),
        ("splat", floats(&|_| 0.1)),
        ("load_splat", floats(&|_| o.f[5])),
        ("load_f16_splat", floats(&|_| f16::from_f32(o.f[1] * 0.1).to_f32())),
        ("broadcast", floats(&|_| o.f[2])),
        ("add", floats(&|k| o.f[k] + o.f[16 + k])),
        ("sub", floats(&|k| o.f[k] - o.f[16 + k])),
        ("mul", floats(&|k| o.f[k] * o.f[16 + k])),
        ("mul_add", floats(&|k| (a(k) * b(k) + 3) as f32)),
        ("div", floats(&|k| o.f[k] / o.f[16 + k])),
        ("max", floats(&|k| o.f[k].max(o.f[16 + k]))),
        ("sqrt", floats(&|k| o.f[k].abs().sqrt())),
        ("pow2", floats(&power)),
        ("exp_libm", floats(&|k| (o.f[k] * 0.001).exp())),
        ("sum", vec![(acc as f32).to_bits()]),
        ("largest", vec![(0..lanes).map(|k| o.f[k]).fold(f32::MIN, f32::max).to_bits()]),
        ("lookup", (0..lanes).map(|k| (1000 - 7 * (a(k) & 31)) as u32).collect()),
        ("madd_i8", with_acc(2 * lanes)),
        ("dot4_i8", with_acc(4 * lanes)),
        ("dot4_i8 of -128", sum(4 * lanes, &|i| -128 * i32::from(o.x[i]))),
    ]
}

fn check(machine: &str, operands: &Operands, run: impl FnOnce(EveryOperation<'_>) -> bool) {
    let (mut lanes, mut results) = (0, Vec::new());
    if run(EveryOperation { operands, lanes: &mut lanes, results: &mut results }) {
        for ((name, got), (expected_name, want)) in results.iter().zip(expected(operands, lanes)) {
            assert_eq!((*name, got), (expected_name, &want), "{name} on {machine}: {operands:?}");
        }
        assert_eq!(results.len(), expected(operands, lanes).len());
    }
}

proptest! {
    #[test]
    fn every_operation_of_every_machine_does_what_it_says(
        w: [[u8; 16]; 4], x: [[i8; 16]; 4], table: [i8; 16], f in prop::array::uniform32(-70_000.0f32..70_000.0),
    ) {
        // No -128 in x, as dot4 asks.
        let x = x.map(|sixteen| sixteen.map(|b| b.max(-127)));
        let operands = Operands { w: bytemuck::cast(w), x: bytemuck::cast(x), table, f };
        for isa in Isa::ALL {
            check(isa.name(), &operands, |work| on_native(isa, work));
        }
        for lanes in [1, 2, 4, 8, 16] {
            check(&format!("{lanes} traced lanes"), &operands, |work| on_traced(&Counter::default(), lanes, work));
        }
    }
}
