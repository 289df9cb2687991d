//! Messages put together of pieces. The standard library's formatting would take 10 KiB in WebAssembly, most of it
//! for what no message needs.

/// Text or a number in a message.
#[derive(Debug, Clone, Copy)]
pub enum Piece<'a> {
    /// As it is.
    Text(&'a str),
    /// In decimal digits.
    Count(u64),
}

impl<'a> From<&'a str> for Piece<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<usize> for Piece<'_> {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl From<u32> for Piece<'_> {
    fn from(count: u32) -> Self {
        Self::Count(count.into())
    }
}

impl From<u64> for Piece<'_> {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

/// The pieces one after the other.
pub fn join(pieces: &[Piece]) -> String {
    let mut text = String::new();
    pieces.iter().for_each(|piece| push(&mut text, *piece));
    text
}

/// Appends a piece.
pub fn push(text: &mut String, piece: Piece) {
    match piece {
        Piece::Text(piece) => text.push_str(piece),
        Piece::Count(count) => text.push_str(&count.to_string()),
    }
}

/// [`join`] of anything that is a [`Piece`].
#[macro_export]
macro_rules! text {
    ($($piece:expr),+ $(,)?) => {
        $crate::text::join(&[$($crate::text::Piece::from($piece)),+])
    };
}
