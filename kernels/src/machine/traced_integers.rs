//! The integer half of the traced machine: what each operation is made of where no instruction does it.

use super::traced::{Access, B, F, I, Op, Ticket, Traced};
use super::{Integers, Registers};

impl<'t, const N: usize> Traced<'t, N> {
    /// `acc` plus `P` neighbouring products in each lane.
    fn dot<const P: usize>(self, acc: &I<'t, N>, w: &[i8], x: &[i8]) -> [i32; N] {
        self.each(|k| {
            let products = (P * k..P * (k + 1)).map(|b| i32::from(w[b]) * i32::from(x[b]));
            acc.lanes[k].wrapping_add(products.sum())
        })
    }

    fn bytes(self, op: Op, inputs: &[Ticket], lanes: [[i8; 4]; N]) -> B<'t, N> {
        let file = self.integer_file();
        let ticket = self.trace.op(op, self.lanes(), inputs, file.get());
        self.value(lanes, ticket, file)
    }

    /// A byte shift is a shift of wider lanes and a mask.
    fn shift_bytes(self, a: &B<'t, N>, f: impl Fn(u8) -> u8) -> B<'t, N> {
        let shifted = self.trace.op(Op::IntAdd, self.lanes(), &[a.ticket], self.integer_file().get());
        self.bytes(Op::IntAdd, &[shifted], self.map(&a.lanes, |lane| lane.map(|b| f(b as u8) as i8)))
    }

    fn dot4(self, op: Op, acc: &I<'t, N>, w: &B<'t, N>, x: &B<'t, N>) -> I<'t, N> {
        let lanes = self.each(|k| {
            let products = (0..4).map(|b| i32::from(w.lanes[k][b]) * i32::from(x.lanes[k][b]));
            acc.lanes[k].wrapping_add(products.sum())
        });
        self.int(op, &[acc.ticket, w.ticket, x.ticket], lanes)
    }

    /// One load a lane: no profile has a gather worth the name.
    fn gather<T>(self, table: &[T], index: &I<'t, N>) -> Ticket {
        let mut ticket = index.ticket;
        for &i in &index.lanes[..self.lanes()] {
            let address = &raw const table[i as usize] as usize;
            let access = Access { address, bytes: size_of::<T>(), lanes: 1, splat: false, address_from: index.ticket };
            ticket = ticket.later(self.trace.load(access, self.integer_file().get()));
        }
        ticket
    }
}

/// A lane of two i16, the lower one first.
fn halves(lane: i32) -> [i16; 2] {
    [lane as i16, (lane >> 16) as i16]
}

fn lane([low, high]: [i16; 2]) -> i32 {
    i32::from(low) & 0xffff | i32::from(high) << 16
}

impl<'t, const N: usize> Integers for Traced<'t, N> {
    #[inline]
    fn zero_i(self) -> I<'t, N> {
        self.value([0; N], Ticket::default(), self.integer_file())
    }
    fn load_i8(self, s: &[i8], i: usize) -> I<'t, N> {
        let lanes: [i32; N] = self.each(|k| i32::from(s[i + k]));
        let ticket = self.read(&s[i..i + self.lanes()], false, self.integer_file());
        if N == 1 {
            return self.value(lanes, ticket, self.integer_file());
        }
        let half = self.trace.op(Op::Widen, self.lanes(), &[ticket], self.integer_file().get());
        self.int(Op::Widen, &[half], lanes)
    }
    #[inline]
    fn add_i(self, a: &I<'t, N>, b: &I<'t, N>) -> I<'t, N> {
        let lanes = self.each(|k| a.lanes[k].wrapping_add(b.lanes[k]));
        self.int(Op::IntAdd, &[a.ticket, b.ticket], lanes)
    }
    #[inline]
    fn mul_i(self, a: &I<'t, N>, b: &I<'t, N>) -> I<'t, N> {
        let lanes = self.each(|k| a.lanes[k].wrapping_mul(b.lanes[k]));
        self.int(Op::IntMul, &[a.ticket, b.ticket], lanes)
    }
    fn lookup(self, table: &[i32], index: &I<'t, N>) -> I<'t, N> {
        let ticket = self.gather(table, index);
        self.value(self.map(&index.lanes, |i| table[i as usize]), ticket, self.integer_file())
    }
    #[inline]
    fn to_f32(self, v: &I<'t, N>) -> F<'t, N> {
        self.float(Op::Convert, &[v.ticket], self.map(&v.lanes, |x| x as f32))
    }
    fn madd_i8(self, acc: &I<'t, N>, w: &[i8], i: usize, x: &[i8], j: usize) -> I<'t, N> {
        if N == 1 {
            let first = self.mul_i(&self.load_i8(w, i), &self.load_i8(x, j));
            let second = self.mul_i(&self.load_i8(w, i + 1), &self.load_i8(x, j + 1));
            return self.add_i(&self.add_i(acc, &first), &second);
        }
        let live = self.integer_file();
        let (w, x) = (&w[i..i + 2 * self.lanes()], &x[j..j + 2 * self.lanes()]);
        let (w_loaded, x_loaded) = (self.read(w, false, live), self.read(x, false, live));
        let w_wide = self.trace.op(Op::Widen, self.lanes(), &[w_loaded], live.get());
        let x_wide = self.trace.op(Op::Widen, self.lanes(), &[x_loaded], live.get());
        let products = self.trace.op(Op::MaddI16, self.lanes(), &[w_wide, x_wide], live.get());
        self.int(Op::IntAdd, &[acc.ticket, products], self.dot::<2>(acc, w, x))
    }
    fn dot4_i8(self, acc: &I<'t, N>, w: &[i8], i: usize, x: &[i8], j: usize) -> I<'t, N> {
        let live = self.integer_file();
        let (w, x) = (&w[i..i + 4 * self.lanes()], &x[j..j + 4 * self.lanes()]);
        let (w_loaded, x_loaded) = (self.read(w, false, live), self.read(x, false, live));
        self.int(Op::Dot4I8, &[acc.ticket, w_loaded, x_loaded], self.dot::<4>(acc, w, x))
    }

    fn splat_i(self, x: i32) -> I<'t, N> {
        self.value([x; N], Ticket::default(), self.integer_file())
    }
    fn load_u8(self, s: &[u8], i: usize) -> I<'t, N> {
        let lanes = self.each(|k| i32::from(s[i + k]));
        let ticket = self.read(&s[i..i + self.lanes()], false, self.integer_file());
        if N == 1 {
            return self.value(lanes, ticket, self.integer_file());
        }
        let half = self.trace.op(Op::Widen, self.lanes(), &[ticket], self.integer_file().get());
        self.int(Op::Widen, &[half], lanes)
    }
    // Narrowed twice, as it was widened.
    fn store_i8(self, v: &I<'t, N>, s: &mut [i8], i: usize) {
        let out = &mut s[i..i + self.lanes()];
        out.copy_from_slice(&self.map(&v.lanes, |x| x as i8)[..out.len()]);
        let mut ticket = v.ticket;
        for _ in 0..if N == 1 { 0 } else { 2 } {
            ticket = self.trace.op(Op::Shuffle, self.lanes(), &[ticket], self.integer_file().get());
        }
        self.write(out, ticket);
    }
    fn store_i(self, v: &I<'t, N>, s: &mut [i32], i: usize) {
        let out = &mut s[i..i + self.lanes()];
        out.copy_from_slice(&v.lanes[..out.len()]);
        self.write(out, v.ticket);
    }
    fn sub_i(self, a: &I<'t, N>, b: &I<'t, N>) -> I<'t, N> {
        let lanes = self.each(|k| a.lanes[k].wrapping_sub(b.lanes[k]));
        self.int(Op::IntAdd, &[a.ticket, b.ticket], lanes)
    }
    fn and_i(self, a: &I<'t, N>, mask: i32) -> I<'t, N> {
        self.int(Op::IntAdd, &[a.ticket], self.map(&a.lanes, |x| x & mask))
    }
    fn mask_i(self, a: &I<'t, N>, mask: &I<'t, N>) -> I<'t, N> {
        let lanes = self.each(|k| a.lanes[k] & mask.lanes[k]);
        self.int(Op::IntAdd, &[a.ticket, mask.ticket], lanes)
    }
    fn or_i(self, a: &I<'t, N>, b: &I<'t, N>) -> I<'t, N> {
        self.int(Op::IntAdd, &[a.ticket, b.ticket], self.each(|k| a.lanes[k] | b.lanes[k]))
    }
    fn shl_i<const S: i32>(self, a: &I<'t, N>) -> I<'t, N> {
        self.int(Op::IntAdd, &[a.ticket], self.map(&a.lanes, |x| x << S))
    }
    fn shr_i<const S: i32>(self, a: &I<'t, N>) -> I<'t, N> {
        self.int(Op::IntAdd, &[a.ticket], self.map(&a.lanes, |x| (x as u32 >> S) as i32))
    }
    fn lookup_f32(self, table: &[f32], index: &I<'t, N>) -> F<'t, N> {
        let ticket = self.gather(table, index);
        self.value(self.map(&index.lanes, |i| table[i as usize]), ticket, self.float_file())
    }
    fn sum_i(self, v: &I<'t, N>) -> I<'t, 1> {
        let ticket = self.reduction(Op::IntAdd, v.ticket, self.integer_file().get());
        let total = v.lanes[..self.lanes()].iter().fold(0i32, |sum, x| sum.wrapping_add(*x));
        let one = super::Machine::one(self);
        one.value([total], ticket, one.integer_file())
    }
    fn round_i(self, v: &F<'t, N>) -> I<'t, N> {
        self.int(Op::Convert, &[v.ticket], self.map(&v.lanes, |x| x.round_ties_even() as i32))
    }
    // The same register of a SIMD unit; a move between register files of a scalar one.
    fn bits_as_f32(self, v: &I<'t, N>) -> F<'t, N> {
        let lanes = self.map(&v.lanes, |x| f32::from_bits(x as u32));
        if N == 1 { self.float(Op::IntAdd, &[v.ticket], lanes) } else { self.value(lanes, v.ticket, self.float_file()) }
    }

    fn load_b(self, s: &[u8], i: usize) -> B<'t, N> {
        let lanes = self.each(|k| std::array::from_fn(|b| s[i + 4 * k + b] as i8));
        let ticket = self.read(&s[i..i + 4 * self.lanes()], false, self.integer_file());
        self.value(lanes, ticket, self.integer_file())
    }
    fn load_splat_b4(self, s: &[i8], i: usize) -> B<'t, N> {
        let four: [i8; 4] = s[i..i + 4].try_into().expect("the slice is 4 long");
        let ticket = self.read(&s[i..i + 4], true, self.integer_file());
        self.value([four; N], ticket, self.integer_file())
    }
    fn splat_b(self, x: u8) -> B<'t, N> {
        self.value([[x as i8; 4]; N], Ticket::default(), self.integer_file())
    }
    fn and_b(self, a: &B<'t, N>, mask: u8) -> B<'t, N> {
        self.bytes(Op::IntAdd, &[a.ticket], self.map(&a.lanes, |lane| lane.map(|b| b & mask as i8)))
    }
    fn or_b(self, a: &B<'t, N>, b: &B<'t, N>) -> B<'t, N> {
        let lanes = self.each(|k| std::array::from_fn(|i| a.lanes[k][i] | b.lanes[k][i]));
        self.bytes(Op::IntAdd, &[a.ticket, b.ticket], lanes)
    }
    fn shl_b<const S: i32>(self, a: &B<'t, N>) -> B<'t, N> {
        self.shift_bytes(a, |b| b << S)
    }
    fn shr_b<const S: i32>(self, a: &B<'t, N>) -> B<'t, N> {
        self.shift_bytes(a, |b| b >> S)
    }
    fn sub_b(self, a: &B<'t, N>, b: &B<'t, N>) -> B<'t, N> {
        let lanes = self.each(|k| std::array::from_fn(|i| a.lanes[k][i].wrapping_sub(b.lanes[k][i])));
        self.bytes(Op::IntAdd, &[a.ticket, b.ticket], lanes)
    }
    fn load_table(self, s: &[i8], i: usize) -> B<'t, N> {
        let sixteen = &s[i..i + 16];
        let ticket = self.read(sixteen, true, self.integer_file());
        let lanes = self.each(|k| std::array::from_fn(|b| sixteen[(4 * k + b) % 16]));
        self.value(lanes, ticket, self.integer_file())
    }
    fn swizzle_b(self, table: &B<'t, N>, index: &B<'t, N>) -> B<'t, N> {
        let entry = |b: i8| table.lanes[usize::from(b as u8) / 4 % self.lanes()][usize::from(b as u8) % 4];
        let lanes = self.map(&index.lanes, |lane| lane.map(entry));
        self.bytes(Op::ByteShuffle, &[table.ticket, index.ticket], lanes)
    }
    fn dot4_b(self, acc: &I<'t, N>, w: &B<'t, N>, x: &B<'t, N>) -> I<'t, N> {
        self.dot4(Op::Dot4I8, acc, w, x)
    }
    fn dot4_ub(self, acc: &I<'t, N>, w: &B<'t, N>, x: &B<'t, N>) -> I<'t, N> {
        self.dot4(Op::Dot4U8, acc, w, x)
    }

    // A left shift and an arithmetic right one.
    fn even_i16(self, v: &B<'t, N>) -> I<'t, N> {
        let raised = self.trace.op(Op::IntAdd, self.lanes(), &[v.ticket], self.integer_file().get());
        self.int(Op::IntAdd, &[raised], self.map(&v.lanes, |b| lane([i16::from(b[0]), i16::from(b[2])])))
    }
    fn odd_i16(self, v: &B<'t, N>) -> I<'t, N> {
        self.int(Op::IntAdd, &[v.ticket], self.map(&v.lanes, |b| lane([i16::from(b[1]), i16::from(b[3])])))
    }
    fn add_i16(self, a: &I<'t, N>, b: &I<'t, N>) -> I<'t, N> {
        let lanes = self.each(|k| {
            let (a, b) = (halves(a.lanes[k]), halves(b.lanes[k]));
            lane([a[0].wrapping_add(b[0]), a[1].wrapping_add(b[1])])
        });
        self.int(Op::IntAdd, &[a.ticket, b.ticket], lanes)
    }
    fn madd_i16(self, acc: &I<'t, N>, a: &I<'t, N>, b: &I<'t, N>) -> I<'t, N> {
        let products = self.trace.op(Op::MaddI16, self.lanes(), &[a.ticket, b.ticket], self.integer_file().get());
        let lanes = self.each(|k| {
            let (a, b) = (halves(a.lanes[k]).map(i32::from), halves(b.lanes[k]).map(i32::from));
            acc.lanes[k].wrapping_add(a[0] * b[0]).wrapping_add(a[1].wrapping_mul(b[1]))
        });
        self.int(Op::IntAdd, &[acc.ticket, products], lanes)
    }
    fn splat_i16(self, x: i16) -> I<'t, N> {
        self.splat_i(lane([x, x]))
    }
}
