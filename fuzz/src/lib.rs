//! What the targets share: fixed keys, and what must hold of a key that was taken in.
