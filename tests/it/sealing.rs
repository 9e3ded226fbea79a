//! Blocks are made, and what was sent is in them.
