//! Seeded inputs: the same numbers on every host, in buffers with NaN canaries on both sides.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use half::{bf16, f16};

use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q5_0::BlockQ5_0;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::dtype::tq1_0::BlockTq1_0;
use crate::dtype::tq2_0::BlockTq2_0;
use crate::weights::Source;

/// What the numbers are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// Like trained weights and activations: small, zero-mean, one value in a thousand a twenty times larger outlier.
    Typical,
    /// What breaks kernels: zeros, denormals, huge values, whole blocks of each.
    Adversarial,
    /// The same with zeros for denormals: WGSL and SPIR-V let a GPU take them for such.
    AdversarialNormal,
    /// Zeros the operating system hands out untouched: for timing models, which do not look at values.
    Blank,
}

/// Where operands come from.
#[derive(Clone, Debug)]
pub struct Input {
    /// Seed of every random number.
    pub seed: u64,
    /// What the numbers are like.
    pub flavor: Flavor,
    /// Each operand of weights, and each other order of one, is kept in so many copies that together they reach this many
    /// bytes, so that each run finds it cold. 0 = one copy.
    pub rotation_bytes: usize,
    /// A tensor of a model file, instead of seeded weights.
    pub weights: Option<Source>,
}

impl Input {
    /// Typical numbers, one copy of the weights.
    pub fn typical(seed: u64) -> Self {
        Self { seed, flavor: Flavor::Typical, rotation_bytes: 0, weights: None }
    }

    /// The generator of one operand; operands of a case have different `stream`s.
    fn rng(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream);
        rng
    }

    /// `len` values of about the size `scale`.
    pub fn values(&self, stream: u64, len: usize, scale: f32) -> Buffer<f32> {
        self.encoded(stream, len, scale, |x| x)
    }

    /// [`Input::values`], encoded one by one. Zero is taken to be all bits zero.
    pub fn encoded<T: Canary>(&self, stream: u64, len: usize, scale: f32, encode: impl Fn(f32) -> T) -> Buffer<T> {
        if self.flavor == Flavor::Blank {
            return Buffer::zeroed(len);
        }
        let mut values = self.drawn(stream, scale);
        Buffer::filled(len, |_| encode(values.next().unwrap_or_default()))
    }

    /// The same values one after the other, without end.
    pub fn drawn(&self, stream: u64, scale: f32) -> impl Iterator<Item = f32> {
        let (mut rng, flavor) = (self.rng(stream), self.flavor);
        (0..).map(move |i| match flavor {
            Flavor::Blank => 0.0,
            Flavor::Typical => typical(rng.next_u32(), scale),
            Flavor::Adversarial => adversarial(rng.next_u32(), i, scale),
            Flavor::AdversarialNormal => {
                let value = adversarial(rng.next_u32(), i, scale);
                if value.is_subnormal() { 0.0 } else { value }
            }
        })
    }

    /// [`Input::values`], none beyond `largest`: for what goes through several products, or what an exp follows, where huge
    /// values would leave one term of a sum.
    pub fn values_within(&self, stream: u64, len: usize, scale: f32, largest: f32) -> Buffer<f32> {
        let mut values = self.values(stream, len, scale);
        if self.flavor != Flavor::Blank {
            values.as_mut_slice().iter_mut().for_each(|v| *v = v.clamp(-largest, largest));
        }
        values
    }
}

/// Uniform in `-scale..scale` from the low 20 bits; the high 10 bits make one value in 1024 an outlier.
fn typical(bits: u32, scale: f32) -> f32 {
    let uniform = ((bits & 0xf_ffff) as f32 - 524_287.5) / 524_288.0;
    if bits >> 22 == 0 { uniform * 20.0 * scale } else { uniform * scale }
}

/// Values change character every 64 elements, so that whole vectors and blocks of one kind occur, and mix inside others.
fn adversarial(bits: u32, i: usize, scale: f32) -> f32 {
    let plain = typical(bits, scale);
    let denormal = f32::from_bits(bits & 0x8000_3fff);
    let huge = plain * 1e12;
    match (i / 64) % 6 {
        0 => plain,
        1 => 0.0,
        2 => denormal,
        3 => huge,
        4 => [plain, 0.0, denormal, huge, -0.0][(bits >> 20) as usize % 5],
        _ => plain,
    }
}

/// Values on each side of a buffer that nothing may touch.
const CANARY_VALUES: usize = 64;

/// An element that can mark memory as out of bounds.
pub trait Canary: bytemuck::Pod + PartialEq + Send + Sync {
    /// What lies beside the buffer.
    const VALUE: Self;
}

impl Canary for f32 {
    // A NaN with a payload: reading it poisons the result, overwriting it changes the bits.
    const VALUE: f32 = f32::from_bits(0x7fc0_dead);
}

impl Canary for i8 {
    const VALUE: i8 = -128;
}

impl Canary for u8 {
    const VALUE: u8 = 0xad;
}

impl Canary for i32 {
    // No sum of a kernel comes near it.
    const VALUE: i32 = i32::MIN + 0xdead;
}

impl Canary for bf16 {
    const VALUE: bf16 = bf16::from_bits(0x7fad);
}

impl Canary for f16 {
    const VALUE: f16 = f16::from_bits(0x7ead);
}

impl Canary for BlockQ8_0 {
    const VALUE: BlockQ8_0 = BlockQ8_0 { d: f16::VALUE, qs: [-128; BLOCK_LEN] };
}

impl Canary for BlockQ4_0 {
    const VALUE: BlockQ4_0 = BlockQ4_0 { d: f16::VALUE, qs: [0xad; 16] };
}

impl Canary for BlockQ4K {
    const VALUE: BlockQ4K = BlockQ4K { d: f16::VALUE, dmin: f16::VALUE, scales: [0xad; 12], qs: [0xad; 128] };
}

impl Canary for BlockQ5_0 {
    const VALUE: BlockQ5_0 = BlockQ5_0 { d: f16::VALUE, qh: [0xad; 4], qs: [0xad; 16] };
}

impl Canary for BlockQ6K {
    const VALUE: BlockQ6K = BlockQ6K { ql: [0xad; 128], qh: [0xad; 64], scales: [-1; 16], d: f16::VALUE };
}

impl Canary for BlockTq1_0 {
    const VALUE: BlockTq1_0 = BlockTq1_0 { qs: [0xad; 48], qh: [0xad; 4], d: f16::VALUE };
}

impl Canary for BlockTq2_0 {
    const VALUE: BlockTq2_0 = BlockTq2_0 { qs: [0xad; 64], d: f16::VALUE };
}

/// Owned values between canaries, the first value on a 64-byte boundary.
#[derive(Debug)]
pub struct Buffer<T: Canary> {
    storage: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Canary> Buffer<T> {
    /// Zeros. Large buffers come untouched from the operating system.
    pub fn zeroed(len: usize) -> Self {
        // So many values span a whole number of cache lines: one of any such run begins a line.
        let period = 64 >> size_of::<T>().trailing_zeros().min(6);
        let mut storage: Vec<T> = bytemuck::allocation::zeroed_vec(len + 2 * CANARY_VALUES + period);
        let address = storage.as_ptr() as usize;
        let begins_a_line = |at: &usize| (address + at * size_of::<T>()).is_multiple_of(64);
        let start = (CANARY_VALUES..CANARY_VALUES + period).find(begins_a_line).unwrap_or(CANARY_VALUES);
        for i in (start - CANARY_VALUES..start).chain(start + len..start + len + CANARY_VALUES) {
            storage[i] = T::VALUE;
        }
        Self { storage, start, len }
    }

    /// Values by index.
    pub fn filled(len: usize, mut value: impl FnMut(usize) -> T) -> Self {
        let mut buffer = Self::zeroed(len);
        for (i, slot) in buffer.as_mut_slice().iter_mut().enumerate() {
            *slot = value(i);
        }
        buffer
    }

    /// The values.
    pub fn as_slice(&self) -> &[T] {
        &self.storage[self.start..self.start + self.len]
    }

    /// The values.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.storage[self.start..self.start + self.len]
    }

    /// The values and the canary behind them: lets tests do what a faulty rung's raw pointer would.
    #[doc(hidden)]
    pub fn with_canary_mut(&mut self) -> &mut [T] {
        &mut self.storage[self.start..self.start + self.len + CANARY_VALUES]
    }

    /// True while both canaries are what they were.
    pub fn canaries_intact(&self) -> bool {
        let is_canary = |v: &T| bytemuck::bytes_of(v) == bytemuck::bytes_of(&T::VALUE);
        let end = self.start + self.len;
        self.storage[self.start - CANARY_VALUES..self.start].iter().all(is_canary)
            && self.storage[end..end + CANARY_VALUES].iter().all(is_canary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_numbers_other_stream_other_numbers() {
        let input = Input::typical(7);
        assert_eq!(input.values(1, 100, 1.0).as_slice(), input.values(1, 100, 1.0).as_slice());
        assert_ne!(input.values(1, 100, 1.0).as_slice(), input.values(2, 100, 1.0).as_slice());
    }

    #[test]
    fn adversarial_numbers_hold_each_kind_and_no_nan() {
        let input = Input { flavor: Flavor::Adversarial, ..Input::typical(1) };
        let buffer = input.values(0, 64 * 12, 1.0);
        let v = buffer.as_slice();
        assert!(v.contains(&0.0) && v.iter().any(|x| x.is_subnormal()) && v.iter().any(|x| x.abs() > 1e9));
        assert!(v.iter().all(|x| x.is_finite()));
    }

    fn aligned_and_guarded<T: Canary>() {
        for len in [0, 1, 63, 1000] {
            let mut b = Buffer::<T>::zeroed(len);
            assert_eq!(b.as_slice().as_ptr() as usize % 64, 0);
            assert_eq!(b.as_slice().len(), len);
            assert!(b.canaries_intact());
            b.with_canary_mut()[len] = T::zeroed();
            assert!(!b.canaries_intact());
        }
    }

    #[test]
    fn buffers_are_aligned_and_guarded() {
        aligned_and_guarded::<f32>();
        aligned_and_guarded::<i8>();
        aligned_and_guarded::<i32>();
        aligned_and_guarded::<BlockQ8_0>();
        aligned_and_guarded::<BlockQ4K>();
        aligned_and_guarded::<BlockQ6K>();
        aligned_and_guarded::<bf16>();
    }
}
