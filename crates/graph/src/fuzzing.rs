//! What `fuzz/` calls: filters, without a request around them.

use crate::filter::Filter;

/// The length of what a filter says in words, or the status and the message of the refusal.
///
/// # Errors
/// The refusal.
pub fn filter(text: &str) -> Result<usize, (u16, String)> {
    match Filter::parse(text) {
        Ok(filter) => Ok(format!("{filter:?}").len()),
        Err(problem) => Err((problem.status.as_u16(), problem.message)),
    }
}
