//! What a launch can reach: buffers by binding, and the memory of a workgroup.

/// One buffer, as its operand lies on the host.
#[derive(Debug)]
pub enum Buffer<'a> {
    /// Only read.
    Read(&'a [u8]),
    /// Read and written.
    Write(&'a mut [u8]),
    /// Numbers that the launch brings: a uniform.
    Own(Vec<u8>),
}

impl Buffer<'_> {
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Buffer::Read(bytes) => bytes,
            Buffer::Write(bytes) => bytes,
            Buffer::Own(bytes) => bytes,
        }
    }
}

/// Buffers in the order that instructions name them, and workgroup memory.
#[derive(Debug)]
pub struct Memory<'a> {
    buffers: Vec<Buffer<'a>>,
    bindings: Vec<u32>,
    /// Words of the workgroup.
    pub shared: Vec<u32>,
}

impl<'a> Memory<'a> {
    /// Buffers with their `@binding`.
    pub fn new(buffers: Vec<(u32, Buffer<'a>)>, shared_bytes: u32) -> Self {
        let (bindings, buffers) = buffers.into_iter().unzip();
        Self { buffers, bindings, shared: vec![0; shared_bytes.div_ceil(4) as usize] }
    }

    /// Length of a buffer as shaders see it: whole words, the last one padded with zeros.
    pub fn bytes(&self, buffer: u32) -> u32 {
        (self.buffers[buffer as usize].as_slice().len() as u32).next_multiple_of(4)
    }

    /// Its `@binding`.
    pub fn binding(&self, buffer: u32) -> u32 {
        self.bindings[buffer as usize]
    }

    /// A buffer's bytes, of which [`word`] reads.
    pub fn slice(&self, buffer: u32) -> &[u8] {
        self.buffers[buffer as usize].as_slice()
    }

    /// A word; the caller has checked the address.
    #[inline]
    pub fn load(&self, buffer: u32, address: u32) -> u32 {
        word(self.slice(buffer), address)
    }

    /// A buffer's bytes, to which [`put`] writes; none of one that is only read.
    pub fn slice_mut(&mut self, buffer: u32) -> &mut [u8] {
        match &mut self.buffers[buffer as usize] {
            Buffer::Write(bytes) => bytes,
            _ => &mut [],
        }
    }

    /// Writes a word, as far as the buffer goes.
    #[inline]
    pub fn store(&mut self, buffer: u32, address: u32, value: u32) {
        put(self.slice_mut(buffer), address, value);
    }
}

/// Writes a word, as far as the bytes go.
#[inline(always)]
pub fn put(bytes: &mut [u8], address: u32, value: u32) {
    let at = address as usize;
    match bytes.get_mut(at..at + 4) {
        Some(word) => word.copy_from_slice(&value.to_le_bytes()),
        None => {
            let rest = bytes.get_mut(at..).unwrap_or_default();
            let n = rest.len().min(4);
            rest[..n].copy_from_slice(&value.to_le_bytes()[..n]);
        }
    }
}

/// The word at an address, beyond the end padded with zeros.
#[inline(always)]
pub fn word(bytes: &[u8], address: u32) -> u32 {
    let at = address as usize;
    match bytes.get(at..at + 4) {
        Some(word) => u32::from_le_bytes([word[0], word[1], word[2], word[3]]),
        None => {
            let mut word = [0; 4];
            let rest = bytes.get(at..).unwrap_or_default();
            word[..rest.len().min(4)].copy_from_slice(&rest[..rest.len().min(4)]);
            u32::from_le_bytes(word)
        }
    }
}
