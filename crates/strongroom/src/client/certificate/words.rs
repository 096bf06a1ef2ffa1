//! A command and its arguments, from one text, without a shell.

/// The words of a text: separated by spaces, kept together by single or double quotes; a
/// backslash takes away what the next character means, except between single quotes. Nothing
/// else means anything.
pub(super) fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => {
                let next = letters.next().ok_or("a backslash ends it: nothing follows")?;
                word.get_or_insert_default().push(next);
            }
            (closing, Some(open)) if closing == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (space, None) if space.is_whitespace() => words.extend(word.take()),
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    words.extend(word);
    if words.is_empty() { Err("there is no command".into()) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_a_shell_would_make_of_them() {
        for (text, expected) in [
            ("nginx -s reload", vec!["nginx", "-s", "reload"]),
            ("  a\t b\n", vec!["a", "b"]),
            ("a 'b c' \"d e\"", vec!["a", "b c", "d e"]),
            ("a'b 'c", vec!["ab c"]),
            (r#"a "b\"c" d\ e '\n'"#, vec!["a", "b\"c", "d e", r"\n"]),
            ("a '' \"\"", vec!["a", "", ""]),
        ] {
            assert_eq!(words(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn nothing_but_words_has_a_meaning() {
        let expected = ["a", "$(rm", "-rf", "~)", ";", "b", "|", "c", ">", "*", "$HOME", "`d`"];
        assert_eq!(words("a $(rm -rf ~) ; b | c > * $HOME `d`").unwrap(), expected);
    }

    #[test]
    fn what_is_unfinished_is_refused() {
        for text in ["", "  ", "a 'b", "a \"b", "a \\"] {
            assert!(words(text).is_err(), "{text}");
        }
    }
}
