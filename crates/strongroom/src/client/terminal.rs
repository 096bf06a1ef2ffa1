//! Standard input and output.

use std::io::{self, ErrorKind, IsTerminal, Read, Write};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::error::CliError;

/// The most that is read from standard input, in bytes: the largest body a server takes.
const MOST_BYTES: u64 = 1024 * 1024;

/// Writes to standard output. A reader that has gone away has seen enough.
pub(crate) fn print(text: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|e| CliError::Failed(format!("cannot write the output: {e}"))),
    }
}

/// Whether the other end of standard output is gone.
pub(crate) fn print_line(text: &str) -> Result<bool, CliError> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(CliError::Failed(format!("cannot write the output: {error}"))),
        Ok(()) => Ok(false),
    }
}

/// Warns on standard error.
pub(crate) fn warn(text: &str) {
    // Nobody to warn is no failure.
    let _ = writeln!(io::stderr().lock(), "warning: {text}");
}

/// Reads a secret from standard input to its end; from a terminal one line, without showing it.
pub(crate) fn read_secret(what: &str) -> Result<Zeroizing<String>, CliError> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return read_text(stdin.lock());
    }
    let _ = write!(io::stderr().lock(), "{what}: ");
    let silent = Silent::begin().map_err(CliError::failed)?;
    // A line of a terminal has less than this (N_TTY, 4096 bytes): the buffer never grows.
    let mut line = Zeroizing::new(String::with_capacity(8 * 1024));
    let read = stdin.read_line(&mut line);
    drop(silent);
    let _ = writeln!(io::stderr().lock());
    read.map_err(|error| CliError::Failed(format!("cannot read the terminal: {error}")))?;
    Ok(line)
}

/// `echo` and editors end a line that is no part of the value; nothing else is taken away.
pub(crate) fn without_newline(mut text: Zeroizing<String>) -> Zeroizing<String> {
    let kept = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).len());
    if let Some(kept) = kept {
        text.truncate(kept);
    }
    text
}

fn read_text(from: impl Read) -> Result<Zeroizing<String>, CliError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    from.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| CliError::Failed(format!("cannot read standard input: {error}")))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(CliError::Usage("standard input holds more than a secret can: 1 MiB".into()));
    }
    String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        CliError::Usage(
            "standard input is no UTF-8 text: other bytes come by --file, those of a secret with \
             --encoding base64"
                .into(),
        )
    })
}

/// A terminal that shows nothing of what is typed, until it is dropped.
struct Silent(nix::sys::termios::Termios);

impl Silent {
    fn begin() -> nix::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_it_is() {
        assert_eq!(read_text("a\nb\n".as_bytes()).unwrap().as_str(), "a\nb\n");
    }

    #[test]
    fn what_is_no_text_or_too_long_is_refused() {
        assert!(matches!(read_text(&[0xff, 0xfe][..]), Err(CliError::Usage(_))));
        assert!(matches!(read_text(&vec![b'a'; 1024 * 1024 + 1][..]), Err(CliError::Usage(_))));
    }

    #[test]
    fn one_line_end_is_taken_away() {
        let of = |text: &str| without_newline(Zeroizing::new(text.to_owned())).to_string();
        assert_eq!(of("a\n"), "a");
        assert_eq!(of("a\r\n"), "a");
        assert_eq!(of("a\n\n"), "a\n");
        assert_eq!(of("a\r"), "a\r");
        assert_eq!(of(" a "), " a ");
        assert_eq!(of(""), "");
    }
}
