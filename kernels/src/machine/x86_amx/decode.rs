//! AMX's instructions out of the bytes of a program: three bytes of VEX prefix, an opcode, what ModRM and SIB name. Only
//! those that the rungs use, and the load that leaves the first cache alone.
//!
//! Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, 2.3 and 2.10 and the instructions' pages.

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// LDTILECFG.
    Configure,
    /// TILERELEASE.
    Release,
    /// TILEZERO.
    Zero,
    /// TILELOADD and TILELOADDT1.
    Load,
    /// TILESTORED.
    Store,
    /// TDPBSSD.
    MultiplyBytes,
    /// TDPBF16PS.
    MultiplyPairs,
}

impl Operation {
    /// How many there are.
    pub(crate) const COUNT: usize = 7;
}

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub operation: Operation,
    /// Of a product C, A and B; else the one tile, or none, comes first.
    pub tiles: [usize; 3],
    pub memory: Option<Memory>,
    /// Bytes.
    pub length: usize,
}

/// Where an operand lies. Registers count from RAX, as instructions count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    pub base: usize,
    pub index: Option<usize>,
    /// The index counts `1 << scale` bytes.
    pub scale: u8,
    pub displacement: i32,
}

impl Memory {
    /// The first byte of a tile, and from one of its rows to the next.
    pub(super) fn place(self, register: impl Fn(usize) -> i64) -> (usize, isize) {
        let begin = register(self.base).wrapping_add(i64::from(self.displacement));
        let stride = self.index.map_or(0, |index| register(index) << self.scale);
        (begin as usize, stride as isize)
    }
}

/// The instruction that these bytes begin with; none where it is another, or has an operand without a base register.
/// Takes no byte beyond it.
pub(super) fn decode(bytes: impl IntoIterator<Item = u8>) -> Option<Instruction> {
    let mut bytes = bytes.into_iter();
    if bytes.next()? != 0xc4 {
        return None;
    }
    // The first byte holds R, X and B, inverted, and the opcode map, 0F38; the second W, vvvv, inverted, L and the prefix
    // that VEX stands for: none, 66, F3 or F2.
    let first = bytes.next().filter(|first| first & 0x1f == 2)?;
    let second = bytes.next().filter(|second| second & 0x84 == 0)?;
    let opcode = bytes.next().filter(|opcode| [0x49, 0x4b, 0x5c, 0x5e].contains(opcode))?;
    let modrm = bytes.next()?;
    let third = usize::from(!second >> 3 & 15);
    let [mode, reg, rm] = [modrm >> 6, modrm >> 3 & 7, modrm & 7].map(usize::from);
    let on_tiles = mode == 3;
    use Operation::*;
    let (operation, tiles) = match (opcode, second & 3) {
        (0x49, 0) if modrm == 0xc0 => (Release, [0; 3]),
        (0x49, 0) if !on_tiles && reg == 0 => (Configure, [0; 3]),
        (0x49, 3) if on_tiles && rm == 0 => (Zero, [reg, 0, 0]),
        (0x4b, 1 | 3) if !on_tiles && rm == 4 => (Load, [reg, 0, 0]),
        (0x4b, 2) if !on_tiles && rm == 4 => (Store, [reg, 0, 0]),
        (0x5c, 2) if on_tiles => (MultiplyPairs, [reg, rm, third]),
        (0x5e, 3) if on_tiles => (MultiplyBytes, [reg, rm, third]),
        _ => return None,
    };
    // There are eight tiles, and what an instruction does not use of its prefix is all ones.
    let product = matches!(operation, MultiplyBytes | MultiplyPairs);
    let inverted = if on_tiles { 0xe0 } else { 0x80 };
    if first & inverted != inverted || third > if product { 7 } else { 0 } {
        return None;
    }
    let (memory, more) = if on_tiles { (None, 0) } else { memory(first, mode, rm, &mut bytes)? };
    Some(Instruction { operation, tiles, memory, length: 5 + more })
}

/// An operand in memory, and how many bytes told of it.
fn memory(first: u8, mode: usize, rm: usize, bytes: &mut impl Iterator<Item = u8>) -> Option<(Option<Memory>, usize)> {
    let upper = |bit: u8| if first & bit == 0 { 8 } else { 0 };
    let mut more = 0;
    let mut next = || {
        more += 1;
        bytes.next()
    };
    let (base, index, scale) = if rm == 4 {
        let sib = next()?;
        let index = usize::from(sib >> 3 & 7) + upper(0x40);
        // The stack pointer's number means no index.
        (usize::from(sib & 7), Some(index).filter(|index| *index != 4), sib >> 6)
    } else {
        (rm, None, 0)
    };
    let displacement = match mode {
        0 if base == 5 => return None,
        0 => 0,
        1 => i32::from(next()? as i8),
        _ => i32::from_le_bytes([next()?, next()?, next()?, next()?]),
    };
    Some((Some(Memory { base: base + upper(0x20), index, scale, displacement }), more))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes, and what they say.
    type Known = (&'static [u8], Operation, [usize; 3], Option<Memory>);

    const LINE: Option<Memory> = Some(Memory { base: 0, index: Some(3), scale: 0, displacement: 0 });

    /// Encodings by hand, after the manual's tables.
    #[test]
    fn every_instruction_is_known_by_its_bytes() {
        use Operation::*;
        let known: [Known; 12] = [
            (&[0xc4, 0xe2, 0x78, 0x49, 0xc0], Release, [0; 3], None),
            // [rax], [r12 + 16], [r13 - 256]
            (&[0xc4, 0xe2, 0x78, 0x49, 0x00], Configure, [0; 3], Some(Memory { index: None, ..LINE.unwrap() })),
            (
                &[0xc4, 0xc2, 0x78, 0x49, 0x44, 0x24, 0x10],
                Configure,
                [0; 3],
                Some(Memory { base: 12, index: None, scale: 0, displacement: 16 }),
            ),
            (
                &[0xc4, 0xc2, 0x78, 0x49, 0x85, 0x00, 0xff, 0xff, 0xff],
                Configure,
                [0; 3],
                Some(Memory { base: 13, index: None, scale: 0, displacement: -256 }),
            ),
            (&[0xc4, 0xe2, 0x7b, 0x49, 0xf8], Zero, [7, 0, 0], None),
            (&[0xc4, 0xe2, 0x7b, 0x4b, 0x34, 0x18], Load, [6, 0, 0], LINE),
            (&[0xc4, 0xe2, 0x79, 0x4b, 0x34, 0x18], Load, [6, 0, 0], LINE),
            (&[0xc4, 0xe2, 0x7a, 0x4b, 0x34, 0x18], Store, [6, 0, 0], LINE),
            // [r14 + 4 r12 + 64], with a short displacement
            (
                &[0xc4, 0x82, 0x7b, 0x4b, 0x4c, 0xa6, 0x40],
                Load,
                [1, 0, 0],
                Some(Memory { base: 14, index: Some(12), scale: 2, displacement: 64 }),
            ),
            // [rsp - 64] without an index
            (
                &[0xc4, 0xe2, 0x7b, 0x4b, 0x54, 0x24, 0xc0],
                Load,
                [2, 0, 0],
                Some(Memory { base: 4, index: None, scale: 0, displacement: -64 }),
            ),
            (&[0xc4, 0xe2, 0x5a, 0x5c, 0xcb], MultiplyPairs, [1, 3, 4], None),
            (&[0xc4, 0xe2, 0x6b, 0x5e, 0xc1], MultiplyBytes, [0, 1, 2], None),
        ];
        for (bytes, operation, tiles, memory) in known {
            let more = bytes.iter().copied().chain([0x90; 4]);
            let expected = Instruction { operation, tiles, memory, length: bytes.len() };
            assert_eq!(decode(more), Some(expected), "{bytes:x?}");
            for end in 0..bytes.len() {
                assert_eq!(decode(bytes[..end].iter().copied()), None, "{:x?}", &bytes[..end]);
            }
        }
    }

    #[test]
    fn other_instructions_are_none_of_these() {
        let others: [&[u8]; 10] = [
            &[0x0f, 0x0b],                         // ud2
            &[0xc5, 0xf8, 0x77],                   // vzeroupper
            &[0xc4, 0xe2, 0xf8, 0x49, 0xc0],       // W
            &[0xc4, 0xe2, 0x7c, 0x49, 0xc0],       // L
            &[0xc4, 0xe1, 0x78, 0x49, 0xc0],       // another map
            &[0xc4, 0xe2, 0x7b, 0x4b, 0x00],       // a load without SIB
            &[0xc4, 0xe2, 0x78, 0x49, 0x05],       // a place beside the program
            &[0xc4, 0x62, 0x7b, 0x4b, 0x34, 0x18], // tile 14
            &[0xc4, 0xe2, 0x1a, 0x5c, 0xcb],       // tile 12
            &[0xc4, 0xe2, 0x6b, 0x49, 0xc0],       // a tile too many
        ];
        for bytes in others {
            assert_eq!(decode(bytes.iter().copied().chain([0; 8])), None, "{bytes:x?}");
        }
    }
}
