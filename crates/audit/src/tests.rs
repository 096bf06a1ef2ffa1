//! Tests of the journal as a whole.

mod crash;
mod facade;
mod journal;
mod tampering;
