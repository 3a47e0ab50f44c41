//! The operands of a case without their types: what a kernel lists once, and what the gate, the rotation of cold weights
//! and the timing model each need of that list.

use crate::input::{Buffer, Canary};
use crate::weights::{Copies, Stored, Weights};

/// A buffer the timed machine gives a simulated address.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// Address on this host; only used to find offsets.
    pub start: usize,
    /// Length, bytes.
    pub bytes: usize,
    /// True for what a run reads once and cold.
    pub streamed: bool,
    /// Beside which other regions it takes room.
    pub presence: Presence,
}

/// Whether an operand takes room in a machine's memory beside the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It does.
    Own,
    /// Another operand holds the same, in another order, and as many bytes: a run reads the one or the other.
    Instead,
    /// Only for variants that read it: it was made of other operands, and is many times as large.
    Expanded,
}

/// A buffer between canaries.
pub trait Guarded {
    /// First address and length, bytes.
    fn place(&self) -> (usize, usize);
    /// Its values, as they lie in memory.
    fn bytes(&self) -> &[u8];
    /// The same, to be written.
    fn bytes_mut(&mut self) -> &mut [u8];
    /// Overwrites every value with the canary's.
    fn poison(&mut self);
    /// False when something was written beside it.
    fn canaries_intact(&self) -> bool;
}

impl<T: Canary> Guarded for Buffer<T> {
    fn place(&self) -> (usize, usize) {
        (self.as_slice().as_ptr() as usize, size_of_val(self.as_slice()))
    }
    fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self.as_slice())
    }
    fn bytes_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(self.as_mut_slice())
    }
    fn poison(&mut self) {
        self.as_mut_slice().fill(T::VALUE);
    }
    fn canaries_intact(&self) -> bool {
        self.canaries_intact()
    }
}

/// Weights in one or several copies.
pub trait Rotating {
    /// First address and length in bytes of the copy in use.
    fn place(&self) -> (usize, usize);
    /// The copy in use, as it lies in memory.
    fn bytes(&self) -> &[u8];
    /// Bytes of all copies.
    fn total_bytes(&self) -> usize;
    /// Moves to the next copy.
    fn rotate(&mut self);
}

/// The same where runs add to the copy in use.
pub trait Growing: Rotating {
    /// The copy in use, to be written.
    fn bytes_mut(&mut self) -> &mut [u8];
}

impl<T: Canary> Growing for Copies<T> {
    fn bytes_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(self.as_mut_slice())
    }
}

macro_rules! rotating {
    ($of:ident, $bound:ident) => {
        impl<T: $bound> Rotating for $of<T> {
            fn place(&self) -> (usize, usize) {
                (self.as_slice().as_ptr() as usize, size_of_val(self.as_slice()))
            }
            fn bytes(&self) -> &[u8] {
                bytemuck::cast_slice(self.as_slice())
            }
            fn total_bytes(&self) -> usize {
                self.bytes()
            }
            fn rotate(&mut self) {
                self.rotate();
            }
        }
    };
}
rotating!(Weights, Stored);
rotating!(Copies, Canary);

/// One operand by its role.
pub enum Operand<'a> {
    /// Read once a run, and cold: weights, or a cache of keys and values.
    Weights(&'a mut dyn Rotating),
    /// The weights once more, in the order in which some variants read them. Made once, when a model is loaded.
    Repacked(&'a mut dyn Rotating),
    /// What some variants keep that others make anew of weights at each run, many times as large: each head's own keys and
    /// values of a cache of latents. Only variants marked `expanded` read it, and add what the newest token brings.
    Expanded(&'a mut dyn Growing),
    /// Read; made by the kernel before, so warm unless it is too large for any cache.
    Input(&'a mut dyn Guarded),
    /// Written, every value of it.
    Output(&'a mut dyn Guarded),
    /// Room that variants may use as they like.
    Scratch(&'a mut dyn Guarded),
}

/// Activations that begin to leave the caches before the kernel that made them ends, so that the next kernel finds them
/// as cold as weights. Smaller ones are warm where a cache holds them.
const LARGER_THAN_CACHES: usize = 32 << 20;

impl<'a> Operand<'a> {
    /// Where it is an input, that.
    pub(crate) fn into_input(self) -> Option<&'a mut dyn Guarded> {
        match self {
            Operand::Input(input) => Some(input),
            _ => None,
        }
    }

    fn place(&self) -> (usize, usize) {
        match self {
            Operand::Weights(w) | Operand::Repacked(w) => w.place(),
            Operand::Expanded(w) => w.place(),
            Operand::Input(b) | Operand::Output(b) | Operand::Scratch(b) => b.place(),
        }
    }

    /// Its values, as they lie in memory: what a machine with a memory of its own is given.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Operand::Weights(w) | Operand::Repacked(w) => w.bytes(),
            Operand::Expanded(w) => w.bytes(),
            Operand::Input(b) | Operand::Output(b) | Operand::Scratch(b) => b.bytes(),
        }
    }

    /// What a run writes, to be written back from such a machine; none for what it only reads.
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        match self {
            Operand::Output(b) | Operand::Scratch(b) => Some(b.bytes_mut()),
            Operand::Expanded(w) => Some(w.bytes_mut()),
            Operand::Weights(_) | Operand::Repacked(_) | Operand::Input(_) => None,
        }
    }

    /// Whether it takes room beside the others.
    pub fn presence(&self) -> Presence {
        match self {
            Operand::Repacked(_) => Presence::Instead,
            Operand::Expanded(_) => Presence::Expanded,
            Operand::Weights(_) | Operand::Input(_) | Operand::Output(_) | Operand::Scratch(_) => Presence::Own,
        }
    }

    /// Its memory.
    pub fn region(&self) -> Region {
        let (start, bytes) = self.place();
        let streamed = match self {
            Operand::Weights(_) | Operand::Repacked(_) | Operand::Expanded(_) => true,
            Operand::Input(_) => bytes >= LARGER_THAN_CACHES,
            Operand::Output(_) | Operand::Scratch(_) => false,
        };
        Region { start, bytes, streamed, presence: self.presence() }
    }

    /// Bytes that runs walk through before they come back to the first one: a run finds them cold where that is more
    /// than the caches hold.
    pub fn rotation_bytes(&self) -> usize {
        match (self, self.place().1) {
            (Operand::Weights(w), _) => w.total_bytes(),
            (Operand::Input(_) | Operand::Output(_), bytes) if bytes >= LARGER_THAN_CACHES => bytes,
            _ => 0,
        }
    }

    /// Moves weights to their next copy.
    pub fn rotate(&mut self) {
        match self {
            Operand::Weights(w) | Operand::Repacked(w) => w.rotate(),
            Operand::Expanded(w) => w.rotate(),
            Operand::Input(_) | Operand::Output(_) | Operand::Scratch(_) => {}
        }
    }

    /// Makes an output that is not written visible, and scratch that is read before it is: their values become NaN, or what
    /// no variant writes.
    pub fn poison(&mut self) {
        if let Operand::Output(b) | Operand::Scratch(b) = self {
            b.poison();
        }
    }

    /// False when a variant wrote beside it.
    pub fn canaries_intact(&self) -> bool {
        match self {
            Operand::Weights(_) | Operand::Repacked(_) | Operand::Expanded(_) => true,
            Operand::Input(b) | Operand::Output(b) | Operand::Scratch(b) => b.canaries_intact(),
        }
    }
}
