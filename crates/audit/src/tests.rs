//! Tests of the journal as a whole.

mod batch;
mod crash;
mod facade;
mod history;
mod journal;
mod tampering;
