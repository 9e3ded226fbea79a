//! Which line is that, and in which function? A source file, as far as a stack trace needs it.

/// What a stack trace needs of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As the compiler calls it.
    pub path: String,
    /// Where lines begin, in bytes.
    lines: Vec<u32>,
    /// Contracts and functions in the order in which they begin.
    definitions: Vec<Definition>,
}

/// A contract or a function.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Definition {
    start: u32,
    end: u32,
    is_contract: bool,
    name: String,
}

/// A place in a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spotted<'a> {
    /// The file.
    pub file: &'a str,
    /// From 1.
    pub line: u32,
    /// From 1, in bytes.
    pub column: u32,
    /// The contract, library or interface around it.
    pub contract: Option<&'a str>,
    /// The function around it; `constructor`, `receive` and `fallback` are their own names.
    pub function: Option<&'a str>,
    /// Is it the whole of a function, or more? Then nothing in it is meant.
    pub is_whole: bool,
}

impl Source {
    /// Reads a text in Solidity. What is no Solidity has lines but no functions.
    pub fn read(path: &str, text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(at, _)| at as u32 + 1)).collect();
        let definitions = Scanner::new(text.as_bytes()).definitions();
        Self { path: path.to_owned(), lines, definitions }
    }

    /// The place of `length` bytes from `start`.
    pub fn spot(&self, start: u32, length: u32) -> Spotted<'_> {
        let line = self.lines.partition_point(|begin| *begin <= start);
        let begin = line.checked_sub(1).and_then(|line| self.lines.get(line)).copied();
        let end = start.saturating_add(length);
        let around = |it: &&Definition| {
            it.start <= start && start < it.end && end <= it.end.max(it.start + 1)
        };
        let inner = |is_contract| {
            let mut kind = self.definitions.iter().filter(move |it| it.is_contract == is_contract);
            kind.rfind(around)
        };
        let (contract, function) = (inner(true), inner(false));
        let is_whole = match function {
            Some(function) => function.start == start && end + 1 >= function.end,
            None => contract.is_none_or(|contract| contract.start == start),
        };
        Spotted {
            file: &self.path,
            line: line as u32,
            column: start - begin.unwrap_or(start) + 1,
            contract: contract.map(|it| it.name.as_str()),
            function: function.map(|it| it.name.as_str()),
            is_whole,
        }
    }
}

/// Finds contracts and functions: as much of the grammar as that takes.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

/// Most nested braces that are followed.
const MAX_DEPTH: usize = 1024;

impl<'a> Scanner<'a> {
    const fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    fn definitions(mut self) -> Vec<Definition> {
        let mut found: Vec<Definition> = Vec::new();
        // Every open brace, and the definition whose body it begins.
        let mut open: Vec<Option<usize>> = Vec::new();
        let mut pending: Option<Definition> = None;
        let mut parentheses = 0_usize;
        while let Some(token) = self.token() {
            let in_function = open.iter().flatten().any(|it| !found[*it].is_contract);
            match token {
                Token::Word(start, word) if pending.is_none() && !in_function => {
                    pending = self.definition(start, word);
                }
                Token::Word(..) | Token::Other => {}
                Token::Mark(b'(') => parentheses += 1,
                Token::Mark(b')') => parentheses = parentheses.saturating_sub(1),
                // A function type, or a function without a body.
                Token::Mark(b';') => {
                    pending = None;
                    parentheses = 0;
                }
                Token::Mark(b'{') if open.len() < MAX_DEPTH => {
                    // Braces in parentheses name arguments.
                    let body = pending.take_if(|_| parentheses == 0).map(|definition| {
                        found.push(definition);
                        found.len() - 1
                    });
                    open.push(body);
                }
                Token::Mark(b'}') => {
                    if let Some(Some(closed)) = open.pop() {
                        found[closed].end = self.at as u32;
                    }
                }
                Token::Mark(_) => {}
            }
        }
        // What is never closed goes to the end.
        for definition in open.into_iter().flatten() {
            found[definition].end = self.text.len() as u32;
        }
        found
    }

    /// What a word begins, if it begins a definition.
    fn definition(&mut self, start: usize, word: &[u8]) -> Option<Definition> {
        let is_contract = match word {
            b"contract" | b"library" | b"interface" => true,
            b"function" | b"modifier" => false,
            b"constructor" | b"receive" | b"fallback" => {
                let name = String::from_utf8_lossy(word).into_owned();
                return Some(Definition { start: start as u32, end: 0, is_contract: false, name });
            }
            _ => return None,
        };
        let before = self.at;
        let name = match self.token() {
            Some(Token::Word(_, name)) => String::from_utf8_lossy(name).into_owned(),
            // Before Solidity 0.6 the fallback had no name.
            _ if word == b"function" => {
                self.at = before;
                "fallback".to_owned()
            }
            _ => {
                self.at = before;
                return None;
            }
        };
        Some(Definition { start: start as u32, end: 0, is_contract, name })
    }

    fn token(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self.text.get(self.at..)?;
            let first = *rest.first()?;
            let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
            match first {
                _ if first.is_ascii_whitespace() => self.at += 1,
                b'/' if rest.starts_with(b"//") => self.skip_to(rest, b"\n"),
                b'/' if rest.starts_with(b"/*") => self.skip_to(&rest[2..], b"*/"),
                b'"' | b'\'' => {
                    self.skip_string(first);
                    return Some(Token::Other);
                }
                _ if is_word(&first) => {
                    let start = self.at;
                    self.at += rest.iter().take_while(|byte| is_word(byte)).count();
                    return Some(Token::Word(start, &self.text[start..self.at]));
                }
                mark => {
                    self.at += 1;
                    return Some(Token::Mark(mark));
                }
            }
        }
    }

    /// Goes on behind the next `end`, or to the end of the text.
    fn skip_to(&mut self, rest: &[u8], end: &[u8]) {
        let found = rest.windows(end.len()).position(|window| window == end);
        let from = self.text.len() - rest.len();
        self.at = found.map_or(self.text.len(), |found| from + found + end.len());
    }

    fn skip_string(&mut self, quote: u8) {
        self.at += 1;
        while let Some(byte) = self.text.get(self.at) {
            self.at += 1;
            match *byte {
                b'\\' => self.at += 1,
                // A text ends with its line.
                b'\n' => return,
                byte if byte == quote => return,
                _ => {}
            }
        }
    }
}

enum Token<'a> {
    Word(usize, &'a [u8]),
    Mark(u8),
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"// contract Not {
abstract contract Base { /* function no() {} */
    string constant BRACE = "}";
    modifier only() { require(true, "a\"b}"); _; }
    function open(function(uint) external returns (uint) f) internal virtual;
}
contract Über {}
contract Main is Base {
    uint public x = 1;
    constructor() Base() { x = 2; }
    receive() external payable { x = 3; }
    function submit(uint a) external only returns (uint) {
        assembly { function inner(b) -> c { c := b } }
        if (a > 0) { return this.submit{gas: 1}(a); }
        return a;
    }
}
function free() pure { unchecked { } }
"#;

    fn at(needle: &str) -> (Option<String>, Option<String>, u32) {
        let source = Source::read("Main.sol", TEXT);
        let start = TEXT.find(needle).unwrap();
        let spot = source.spot(start as u32, needle.len() as u32);
        (spot.contract.map(str::to_owned), spot.function.map(str::to_owned), spot.line)
    }

    fn named(contract: &str, function: &str, line: u32) -> (Option<String>, Option<String>, u32) {
        let text = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        (text(contract), text(function), line)
    }

    #[test]
    fn every_place_has_its_contract_its_function_and_its_line() {
        assert_eq!(at("require(true"), named("Base", "only", 4));
        assert_eq!(at("x = 1"), named("Main", "", 9));
        assert_eq!(at("x = 2"), named("Main", "constructor", 10));
        assert_eq!(at("x = 3"), named("Main", "receive", 11));
        assert_eq!(at("c := b"), named("Main", "submit", 13));
        assert_eq!(at("this.submit{gas: 1}"), named("Main", "submit", 14));
        assert_eq!(at("return a;"), named("Main", "submit", 15));
        assert_eq!(at("unchecked"), named("", "free", 18));
    }

    #[test]
    fn the_whole_of_a_function_is_no_place_in_it() {
        let source = Source::read("Main.sol", TEXT);
        let start = TEXT.find("constructor()").unwrap() as u32;
        let length = "constructor() Base() { x = 2; }".len() as u32;
        assert!(source.spot(start, length).is_whole);
        assert!(!source.spot(start + 23, 5).is_whole);
        let main = TEXT.find("contract Main").unwrap() as u32;
        let spot = source.spot(main, 300);
        assert_eq!((spot.contract, spot.function, spot.is_whole), (Some("Main"), None, true));
    }

    #[test]
    fn columns_begin_at_one_and_a_place_behind_the_text_has_a_line() {
        let source = Source::read("a.sol", "ab\ncd");
        let place = |start| {
            let spot = source.spot(start, 1);
            (spot.line, spot.column)
        };
        assert_eq!([place(0), place(1), place(3), place(4)], [(1, 1), (1, 2), (2, 1), (2, 2)]);
        assert_eq!(place(u32::MAX), (2, u32::MAX - 2));
    }

    #[test]
    fn what_is_no_solidity_has_no_functions() {
        for text in ["", "}}}}", "function", "contract", "contract {", "\"", "/*", "'\\", "({({"] {
            let source = Source::read("x", text);
            let spot = source.spot(0, 1);
            assert_eq!((spot.line, spot.function), (1, None), "{text}");
        }
        let deep = "contract A {".to_owned() + &"{".repeat(100_000) + &"}".repeat(100_000);
        assert_eq!(Source::read("x", &deep).spot(20, 1).contract, Some("A"));
    }
}
