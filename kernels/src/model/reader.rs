//! A cursor over the bytes of a model file. Everything read is checked against what is left, so that a parser built on
//! it cannot panic, overflow, or believe a count that the file is too small for.

use super::error::ParseError;

/// Reads little-endian values from front to back.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// Begins at a byte.
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next read starts.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Bytes from there to the end.
    pub(super) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// The next `n` bytes; `what` names them in the error.
    pub(super) fn take(&mut self, n: u64, what: &'static str) -> Result<&'a [u8], ParseError> {
        let taken = usize::try_from(n).ok().and_then(|n| self.bytes.get(self.at..)?.get(..n));
        let taken = taken.ok_or(ParseError::Truncated { what, offset: self.at, needs: n, left: self.left() })?;
        self.at = self.at.saturating_add(taken.len());
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ParseError> {
        let (offset, left) = (self.at, self.left());
        let truncated = ParseError::Truncated { what, offset, needs: N as u64, left };
        self.take(N as u64, what)?.try_into().map_err(|_| truncated)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, ParseError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self, what: &'static str) -> Result<i32, ParseError> {
        self.array(what).map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, ParseError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A u64 that counts things of at least `item_bytes` each, all of which follow it: one that the rest of the file
    /// cannot hold is refused here, before anyone allocates for it.
    pub(super) fn count(&mut self, item_bytes: u64, what: &'static str) -> Result<u64, ParseError> {
        let count = self.u64(what)?;
        let needs = count.saturating_mul(item_bytes);
        if needs > self.left() as u64 {
            return Err(ParseError::Truncated { what, offset: self.at, needs, left: self.left() });
        }
        Ok(count)
    }

    /// A u64 length and as many bytes.
    pub(super) fn string(&mut self, what: &'static str) -> Result<&'a [u8], ParseError> {
        let len = self.u64(what)?;
        self.take(len, what)
    }

    /// A string that is UTF-8 of at most `max` bytes.
    pub(super) fn name(&mut self, max: usize, what: &'static str) -> Result<&'a str, ParseError> {
        let offset = self.at;
        let bytes = self.string(what)?;
        if bytes.len() > max {
            let problem = format!("a {what} has {} bytes, at most {max} are allowed", bytes.len());
            return Err(ParseError::Invalid { offset, problem });
        }
        std::str::from_utf8(bytes)
            .map_err(|_| ParseError::Invalid { offset, problem: format!("a {what} is not UTF-8") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_stops_at_the_end() {
        let mut r = Reader::new(&[1, 0, 0, 0, 255, 255, 255, 255, 7]);
        assert_eq!(r.u32("a"), Ok(1));
        assert_eq!(r.i32("b"), Ok(-1));
        assert_eq!(r.u64("c"), Err(ParseError::Truncated { what: "c", offset: 8, needs: 8, left: 1 }));
        assert_eq!(
            r.take(u64::MAX, "d"),
            Err(ParseError::Truncated { what: "d", offset: 8, needs: u64::MAX, left: 1 })
        );
        assert_eq!((r.take(1, "e"), r.left(), r.offset()), (Ok(&[7][..]), 0, 9));
        assert_eq!(r.take(0, "f"), Ok(&[][..]));
    }

    #[test]
    fn counts_and_names_are_bounded() {
        let mut bytes = 3_u64.to_le_bytes().to_vec();
        bytes.extend([b'x', 0xff, b'y']);
        assert_eq!(Reader::new(&bytes).count(1, "items"), Ok(3));
        assert!(matches!(Reader::new(&bytes).count(2, "items"), Err(ParseError::Truncated { needs: 6, left: 3, .. })));
        assert!(Reader::new(&u64::MAX.to_le_bytes()).count(u64::MAX, "items").is_err());
        assert!(Reader::new(&bytes).name(2, "name").unwrap_err().to_string().contains("3 bytes, at most 2"));
        assert!(Reader::new(&bytes).name(3, "name").unwrap_err().to_string().contains("not UTF-8"));
    }
}
