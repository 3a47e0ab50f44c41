//! Keys and values of the tokens so far, in the order and type that the chosen rungs of attention read.

use half::bf16;

use super::matrix::shape;
use super::rungs::{Ladder, Ladders, Watch};
use crate::attention_decode::blocks::{BLOCK, PANEL};
use crate::attention_decode::{self, AttentionDecode, Cached, Order, Size, order, parallel};
use crate::attention_decode_q8::{self, Group, Queries, TOKENS};
use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::input::Buffer;
use crate::{kv_append_q8, quantize_q8};

/// What keys and values are stored as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KvKind {
    /// f32.
    #[default]
    F32,
    /// bf16, half of it.
    Bf16,
    /// q8_0 blocks: 34 bytes for 32 values.
    Q8,
}

impl KvKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Q8];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Q8 => "q8",
        }
    }
}

/// The cache of one layer.
pub(super) enum Cache {
    F32(Plain<f32>),
    Bf16(Plain<bf16>),
    Q8(Blocks),
}

/// Room that attention of one token needs, whatever the layer.
pub(super) struct Room {
    scores: Buffer<f32>,
    partial: Buffer<f32>,
    quants: Buffer<i8>,
    scales: Buffer<f32>,
    rounded: Buffer<f32>,
    append: Buffer<f32>,
}

impl Room {
    /// For these sizes at their capacity.
    pub(super) fn of(size: &Size) -> Self {
        let full = Size { tokens: size.capacity, ..*size };
        let q = size.heads * size.width;
        let blocks = size.width / BLOCK_LEN;
        let append = kv_append_q8::Size { tokens: 1, capacity: 1, first: 0, heads: size.kv_heads, blocks };
        Self {
            scores: Buffer::zeroed(full.heads * full.tokens),
            partial: Buffer::zeroed(parallel::room(&full)),
            quants: Buffer::zeroed(q),
            scales: Buffer::zeroed(q / BLOCK_LEN),
            rounded: Buffer::zeroed(q),
            append: Buffer::zeroed(kv_append_q8::room(&append)),
        }
    }
}

impl Cache {
    /// An empty one.
    pub(super) fn empty(kind: KvKind, size: &Size, l: &Ladders) -> Self {
        match kind {
            KvKind::F32 => Self::F32(Plain::empty(size, order_of(&l.attention))),
            KvKind::Bf16 => Self::Bf16(Plain::empty(size, order_of(&l.attention_bf16))),
            KvKind::Q8 => Self::Q8(Blocks::empty(size)),
        }
    }

    /// Appends the keys and values of tokens, `tokens × kv_heads × width`, at place `first`.
    pub(super) fn append(
        &mut self,
        l: &Ladders,
        watch: &mut dyn Watch,
        size: &Size,
        first: usize,
        (k, v): (&[f32], &[f32]),
        room: &mut Room,
    ) {
        match self {
            Self::F32(cache) => cache.append(size, first, k, v),
            Self::Bf16(cache) => cache.append(size, first, k, v),
            Self::Q8(cache) => cache.append(l, watch, size, first, (k, v), &mut room.append),
        }
    }

    /// Attention of one token's queries over `size.tokens` tokens.
    pub(super) fn attend(
        &self,
        l: &Ladders,
        watch: &mut dyn Watch,
        size: Size,
        q: &[f32],
        o: &mut [f32],
        room: &mut Room,
    ) {
        match self {
            Self::F32(cache) => cache.attend(&l.attention, watch, size, q, o, room),
            Self::Bf16(cache) => cache.attend(&l.attention_bf16, watch, size, q, o, room),
            Self::Q8(cache) => cache.attend(l, watch, size, q, o, room),
        }
    }
}

/// The order that the rungs of a ladder read: those for few and for many tokens read the same.
fn order_of<E: Cached>(ladder: &Ladder<AttentionDecode<E>>) -> Order {
    [Order::ByToken, Order::ByHead]
        .into_iter()
        .find(|wanted| ladder.any(|about| order(about.name) == *wanted))
        .unwrap_or(Order::InPanels)
}

/// Keys and values in f32 or bf16, in one of three orders.
pub(super) struct Plain<E: Cached> {
    order: Order,
    k: Buffer<E>,
    v: Buffer<E>,
}

impl<E: Cached> Plain<E> {
    fn empty(size: &Size, order: Order) -> Self {
        let rows = |unit: usize| size.kv_heads * size.capacity.next_multiple_of(unit) * size.width;
        let (k, v) = if order == Order::InPanels { (PANEL, BLOCK) } else { (1, 1) };
        Self { order, k: Buffer::zeroed(rows(k)), v: Buffer::zeroed(rows(v)) }
    }

    fn append(&mut self, size: &Size, first: usize, k: &[f32], v: &[f32]) {
        let Size { kv_heads, width, capacity, .. } = *size;
        let (keys, values) = (self.k.as_mut_slice(), self.v.as_mut_slice());
        for (i, (k, v)) in k.chunks_exact(width).zip(v.chunks_exact(width)).enumerate() {
            let (t, head) = (first + i / kv_heads, i % kv_heads);
            let row = match self.order {
                Order::ByToken => (t * kv_heads + head) * width,
                Order::ByHead => (head * capacity + t) * width,
                Order::InPanels => {
                    let (of_keys, of_values) = (capacity.next_multiple_of(PANEL), capacity.next_multiple_of(BLOCK));
                    for c in 0..width {
                        keys[head * of_keys * width + attention_decode::place_of_key(t, c, width)] = E::encode(k[c]);
                        values[head * of_values * width + attention_decode::place_of_value(t, c, width)] =
                            E::encode(v[c]);
                    }
                    continue;
                }
            };
            for c in 0..width {
                keys[row + c] = E::encode(k[c]);
                values[row + c] = E::encode(v[c]);
            }
        }
    }

    fn attend(
        &self,
        ladder: &Ladder<AttentionDecode<E>>,
        watch: &mut dyn Watch,
        size: Size,
        q: &[f32],
        o: &mut [f32],
        room: &mut Room,
    ) {
        let shape = shape(size.heads, size.tokens, size.width, size.kv_heads);
        // Rungs read one of the orders; the others stay empty.
        let (k, v) = (self.k.as_slice(), self.v.as_slice());
        let given = |order: Order, cache| if self.order == order { cache } else { &[][..] };
        let args = attention_decode::Args {
            size,
            q,
            k: given(Order::ByToken, k),
            v: given(Order::ByToken, v),
            k_by_head: given(Order::ByHead, k),
            v_by_head: given(Order::ByHead, v),
            k_panels: given(Order::InPanels, k),
            v_panels: given(Order::InPanels, v),
            o,
            scores: room.scores.as_mut_slice(),
            partial: room.partial.as_mut_slice(),
        };
        ladder.run(watch, &shape, args);
    }
}

/// Keys and values in q8_0, head by head, and the keys sixteen tokens abreast as well where a rung reads them so.
pub(super) struct Blocks {
    k: Buffer<BlockQ8_0>,
    v: Buffer<BlockQ8_0>,
    groups: Buffer<Group>,
}

impl Blocks {
    fn empty(size: &Size) -> Self {
        let blocks = size.width / BLOCK_LEN;
        let rows = size.kv_heads * size.capacity * blocks;
        let groups = size.kv_heads * size.capacity.div_ceil(TOKENS) * blocks;
        Self { k: Buffer::zeroed(rows), v: Buffer::zeroed(rows), groups: Buffer::zeroed(groups) }
    }

    fn append(
        &mut self,
        l: &Ladders,
        watch: &mut dyn Watch,
        size: &Size,
        first: usize,
        (k, v): (&[f32], &[f32]),
        room: &mut Buffer<f32>,
    ) {
        let blocks = size.width / BLOCK_LEN;
        let tokens = k.len() / (size.kv_heads * size.width);
        let (heads, capacity) = (size.kv_heads, size.capacity);
        let shape = shape(tokens, capacity, size.width, heads);
        let args = kv_append_q8::Args {
            size: kv_append_q8::Size { tokens, capacity, first, heads, blocks },
            k,
            v,
            k_cache: self.k.as_mut_slice(),
            v_cache: self.v.as_mut_slice(),
            room: room.as_mut_slice(),
        };
        l.kv_append_q8.run(watch, &shape, args);
        // No kernel lays keys abreast.
        let of_head = capacity.div_ceil(TOKENS);
        for (head, t) in (0..heads).flat_map(|head| (first..first + tokens).map(move |t| (head, t))) {
            for b in 0..blocks {
                let block = &self.k.as_slice()[(head * capacity + t) * blocks + b];
                let group = &mut self.groups.as_mut_slice()[(head * of_head + t / TOKENS) * blocks + b];
                group.put(t % TOKENS, block);
            }
        }
    }

    fn attend(&self, l: &Ladders, watch: &mut dyn Watch, size: Size, q: &[f32], o: &mut [f32], room: &mut Room) {
        let (quants, scales) = (room.quants.as_mut_slice(), room.scales.as_mut_slice());
        let args = quantize_q8::Args { x: q, quants, scales };
        l.quantize.run(watch, &shape(1, q.len(), 1, 1), args);
        let shape = shape(size.heads, size.tokens, size.width, size.kv_heads);
        if l.attention_q8.about(&shape).after.is_none() {
            let blocks = room.rounded.as_mut_slice().chunks_exact_mut(BLOCK_LEN);
            for ((out, q), d) in blocks.zip(quants.chunks_exact(BLOCK_LEN)).zip(&*scales) {
                out.iter_mut().zip(q).for_each(|(out, q)| *out = d * f32::from(*q));
            }
        }
        let args = attention_decode_q8::Args {
            size,
            q: Queries { quants, scales },
            q_values: room.rounded.as_slice(),
            k: self.k.as_slice(),
            v: self.v.as_slice(),
            k_groups: self.groups.as_slice(),
            o,
            scores: room.scores.as_mut_slice(),
            partial: room.partial.as_mut_slice(),
        };
        l.attention_q8.run(watch, &shape, args);
    }
}
