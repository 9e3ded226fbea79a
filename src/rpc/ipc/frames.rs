//! Where does one JSON document end and the next begin in a stream of bytes?
//!
//! Clients write documents one after the other, with a new line between them or nothing. A document
//! ends where its first bracket is closed; what begins with no bracket is no request, up to the end of
//! its line or the next bracket.

/// What was cut from the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// From an opening bracket to the closing one.
    Document(Vec<u8>),
    /// Something that begins no document.
    Noise,
}

/// A document that does not end within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Cuts a stream into documents, holding at most one that is not whole.
#[derive(Debug)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    /// Where the document that is not whole begins.
    start: usize,
    /// How far it was looked at.
    seen: usize,
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    /// Is what comes the rest of some noise that was told already?
    in_noise: bool,
    limit: usize,
}

impl Frames {
    /// Documents may have so many bytes.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            seen: 0,
            depth: 0,
            in_string: false,
            is_escaped: false,
            in_noise: false,
            limit,
        }
    }

    /// More of the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.seen -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next piece; `None` if more of the stream is needed.
    pub(super) fn next(&mut self) -> Result<Option<Piece>, TooLong> {
        if self.depth == 0 && self.begin() {
            return Ok(Some(Piece::Noise));
        }
        while let Some(&byte) = self.bytes.get(self.seen) {
            self.seen += 1;
            if self.closes(byte) {
                let document = self.bytes[self.start..self.seen].to_vec();
                self.start = self.seen;
                return if document.len() > self.limit {
                    Err(TooLong)
                } else {
                    Ok(Some(Piece::Document(document)))
                };
            }
        }
        if self.seen - self.start > self.limit { Err(TooLong) } else { Ok(None) }
    }

    /// Goes on to the beginning of a document. Was there something else before it?
    fn begin(&mut self) -> bool {
        let mut has_noise = false;
        while let Some(&byte) = self.bytes.get(self.seen) {
            match byte {
                b'{' | b'[' => {
                    self.in_noise = false;
                    break;
                }
                b'\n' => self.in_noise = false,
                byte if byte.is_ascii_whitespace() => {}
                _ if self.in_noise => {}
                _ if has_noise => break,
                _ => (has_noise, self.in_noise) = (true, true),
            }
            self.seen += 1;
        }
        self.start = self.seen;
        has_noise
    }

    /// Takes one byte of a document: was it the last?
    const fn closes(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.in_string => self.is_escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth -= 1;
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(frames: &mut Frames) -> Vec<String> {
        let mut pieces = Vec::new();
        while let Some(piece) = frames.next().unwrap() {
            pieces.push(match piece {
                Piece::Document(bytes) => String::from_utf8(bytes).unwrap(),
                Piece::Noise => "noise".to_owned(),
            });
        }
        pieces
    }

    fn cut(stream: &str) -> Vec<String> {
        let mut whole = Frames::new(100);
        whole.push(stream.as_bytes());
        let at_once = all(&mut whole);
        let mut slow = Frames::new(100);
        let mut one_by_one = Vec::new();
        for byte in stream.bytes() {
            slow.push(&[byte]);
            one_by_one.extend(all(&mut slow));
        }
        assert_eq!(at_once, one_by_one, "however it arrives: {stream}");
        at_once
    }

    #[test]
    fn documents_follow_each_other_with_or_without_a_line_between_them() {
        assert_eq!(cut(r#"{"a":1}{"b":2}"#), [r#"{"a":1}"#, r#"{"b":2}"#]);
        assert_eq!(cut("[{}]\n\r\n {\"a\":[1,{}]}\n"), ["[{}]", "{\"a\":[1,{}]}"]);
        assert_eq!(cut(""), [""; 0]);
        assert_eq!(cut("{\"a\":"), [""; 0], "not whole");
    }

    #[test]
    fn brackets_in_texts_close_nothing() {
        assert_eq!(cut(r#"{"a":"}]\"}"}{}"#), [r#"{"a":"}]\"}"}"#, "{}"]);
        assert_eq!(cut(r#"{"a":"\\"}{}"#), [r#"{"a":"\\"}"#, "{}"]);
    }

    #[test]
    fn noise_is_told_once_a_line_and_ends_at_a_bracket() {
        assert_eq!(cut("hello world\n{}"), ["noise", "{}"]);
        assert_eq!(cut("GET / HTTP/1.1\nHost: x\n"), ["noise", "noise"]);
        assert_eq!(cut("}]1{}"), ["noise", "{}"]);
    }

    #[test]
    fn what_does_not_end_is_too_long_and_nothing_more_is_kept() {
        let mut frames = Frames::new(10);
        frames.push(b"{\"a\":\"0123456789");
        assert_eq!(frames.next(), Err(TooLong));
        let mut frames = Frames::new(10);
        frames.push(b"{\"a\":\"0123456789\"}");
        assert_eq!(frames.next(), Err(TooLong), "also where it ends");
        let mut frames = Frames::new(10);
        for _ in 0..1_000 {
            frames.push(b"{\"a\":1}  ");
            assert_eq!(all(&mut frames).len(), 1);
        }
        assert!(frames.bytes.capacity() < 100);
    }
}
