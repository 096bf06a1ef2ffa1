//! A marked block in a hosts file.

use std::collections::BTreeSet;

/// The lines of an installation: both loopbacks, every name.
pub(super) fn lines(base: &str, vaults: &BTreeSet<String>) -> String {
    let fixed = ["login", "management", "graph", "portal"].map(|label| format!("{label}.{base}"));
    let vaults = vaults.iter().map(|vault| format!("{vault}.vault.{base}"));
    let names: Vec<String> = fixed.into_iter().chain(vaults).collect();
    let line = |address: &str, name: &String| format!("{address} {name}\n");
    let both = |name| line("127.0.0.1", name) + &line("::1", name);
    names.iter().map(both).collect()
}

/// The file with the block of this mark, in place of an older one.
pub(super) fn with(hosts: &str, mark: &str, lines: &str) -> String {
    let mut text = without(hosts, mark);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text + &begin(mark) + "\n" + lines + &end(mark) + "\n"
}

/// The file without the block of this mark. A block whose end is missing stays: what follows it
/// is somebody's.
pub(super) fn without(hosts: &str, mark: &str) -> String {
    let all: Vec<&str> = hosts.split_inclusive('\n').collect();
    let is = |line: &&str, text: &str| line.trim_end() == text;
    let Some(start) = all.iter().position(|line| is(line, &begin(mark))) else {
        return hosts.to_owned();
    };
    let length = all.iter().skip(start).position(|line| is(line, &end(mark)));
    let Some(length) = length else { return hosts.to_owned() };
    let kept = all.iter().take(start).chain(all.iter().skip(start + length + 1));
    kept.copied().collect()
}

fn begin(mark: &str) -> String {
    format!("# BEGIN strongroom {mark}")
}

fn end(mark: &str) -> String {
    format!("# END strongroom {mark}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";

    #[test]
    fn every_name_has_both_loopbacks() {
        let found = lines("localhost", &BTreeSet::from(["dev".to_owned()]));
        let expected = "127.0.0.1 login.localhost\n::1 login.localhost\n\
            127.0.0.1 management.localhost\n::1 management.localhost\n\
            127.0.0.1 graph.localhost\n::1 graph.localhost\n\
            127.0.0.1 portal.localhost\n::1 portal.localhost\n\
            127.0.0.1 dev.vault.localhost\n::1 dev.vault.localhost\n";
        assert_eq!(found, expected);
    }

    #[test]
    fn a_block_comes_once_and_goes_without_a_trace() {
        let once = with(HOSTS, "a", "::1 x\n");
        assert_eq!(once, format!("{HOSTS}# BEGIN strongroom a\n::1 x\n# END strongroom a\n"));
        let again = with(&(once.clone() + "10.0.0.1 later\n"), "a", "::1 y\n");
        assert_eq!(again.matches("BEGIN").count(), 1);
        assert!(again.contains("::1 y") && !again.contains("::1 x"));
        assert_eq!(without(&once, "a"), HOSTS);
        assert_eq!(without(&again, "a"), HOSTS.to_owned() + "10.0.0.1 later\n");
    }

    #[test]
    fn another_installations_block_stays() {
        let both = with(&with(HOSTS, "a", "::1 x\n"), "b", "::1 y\n");
        assert_eq!(without(&both, "a"), with(HOSTS, "b", "::1 y\n"));
        assert_eq!(without(&both, "c"), both);
    }

    #[test]
    fn a_block_without_an_end_is_left_alone() {
        let torn = "# BEGIN strongroom a\n::1 x\n10.0.0.1 mine\n";
        assert_eq!(without(torn, "a"), torn);
    }

    #[test]
    fn a_last_line_without_an_end_is_ended() {
        assert!(with("::1 localhost", "a", "").starts_with("::1 localhost\n# BEGIN"));
    }
}
