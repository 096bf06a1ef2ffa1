//! Rust text without its comments and literals, so that a check on code reads only code.

/// Blanks comments, strings and character literals; every line keeps its number.
pub(super) fn code_only(text: &str) -> String {
    let mut scanner = Scanner { rest: text.chars().collect(), at: 0, code: String::new() };
    while let Some(character) = scanner.peek(0) {
        match (character, scanner.peek(1)) {
            ('/', Some('/')) => scanner.blank_while(|s| s.peek(0) != Some('\n')),
            ('/', Some('*')) => scanner.blank_block_comment(),
            ('"', _) => scanner.blank_string(),
            ('r' | 'b' | 'c', _) if scanner.raw_string_hashes().is_some() => {
                scanner.blank_raw_string();
            }
            ('\'', _) if scanner.is_character_literal() => scanner.blank_character(),
            _ => scanner.keep(),
        }
    }
    scanner.code
}

/// Whether `word` stands in `line` with no letter, digit or underscore touching it.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, found)| {
        let before = line.get(..start).and_then(|s| s.chars().next_back());
        let after = line.get(start + found.len()..).and_then(|s| s.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

struct Scanner {
    rest: Vec<char>,
    at: usize,
    code: String,
}

impl Scanner {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.at + ahead).copied()
    }

    fn keep(&mut self) {
        if let Some(character) = self.peek(0) {
            self.code.push(character);
            self.at += 1;
        }
    }

    fn blank(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(character) = self.peek(0) {
                self.code.push(if character == '\n' { '\n' } else { ' ' });
                self.at += 1;
            }
        }
    }

    fn blank_while(&mut self, go_on: impl Fn(&Self) -> bool) {
        while self.peek(0).is_some() && go_on(self) {
            self.blank(1);
        }
    }

    fn blank_block_comment(&mut self) {
        let mut depth = 0_u32;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (None, _) => return,
                _ => {
                    self.blank(1);
                    continue;
                }
            }
            self.blank(2);
            if depth == 0 {
                return;
            }
        }
    }

    fn blank_string(&mut self) {
        self.blank(1);
        while let Some(character) = self.peek(0) {
            self.blank(if character == '\\' { 2 } else { 1 });
            if character == '"' {
                return;
            }
        }
    }

    /// `r"`, `br#"` and so on: the number of hashes, when a raw string begins here.
    fn raw_string_hashes(&self) -> Option<usize> {
        let touches_a_name = self.code.chars().next_back().is_some_and(|c| c.is_alphanumeric());
        let start = if self.peek(0) == Some('r') { 1 } else { 2 };
        let is_raw = self.peek(start - 1) == Some('r');
        let hashes = (start..).take_while(|ahead| self.peek(*ahead) == Some('#')).count();
        let opens = self.peek(start + hashes) == Some('"');
        (is_raw && opens && !touches_a_name).then_some(hashes)
    }

    fn blank_raw_string(&mut self) {
        let hashes = self.raw_string_hashes().unwrap_or(0);
        self.blank_while(|s| s.peek(0) != Some('"'));
        self.blank(1);
        let closes = |s: &Self| {
            s.peek(0) == Some('"') && (1..=hashes).all(|ahead| s.peek(ahead) == Some('#'))
        };
        self.blank_while(|s| !closes(s));
        self.blank(1 + hashes);
    }

    /// `'a'` and `'\n'` are literals, `'a` alone is a lifetime.
    fn is_character_literal(&self) -> bool {
        self.peek(1) == Some('\\') || self.peek(2) == Some('\'')
    }

    fn blank_character(&mut self) {
        self.blank(if self.peek(1) == Some('\\') { 3 } else { 2 });
        self.blank_while(|s| s.peek(0) != Some('\''));
        self.blank(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_vanish_and_lines_stay() {
        let text = "let a = \"x \\\" y\"; // why\nlet b = r#\"z \" z\"#;\n\
            /* p /* q */ r */ let c = '\\'';";
        let code = code_only(text);
        assert_eq!(code.lines().count(), 3);
        for gone in ["x", "y", "why", "z", "p", "q", "r", "\\"] {
            assert!(!has_word(&code, gone), "{gone} is still there: {code}");
        }
        for kept in ["let", "a", "b", "c"] {
            assert!(has_word(&code, kept), "{kept} is lost: {code}");
        }
    }

    #[test]
    fn lifetimes_are_code() {
        assert_eq!(code_only("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
    }

    #[test]
    fn a_word_ends_where_names_end() {
        assert!(has_word("unsafe {", "unsafe"));
        assert!(!has_word("allow(unsafe_code)", "unsafe"));
    }
}
