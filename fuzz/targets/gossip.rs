//! What is read as: gossip. The claims are in `src/decoders.rs`.
#![cfg_attr(fuzzing, no_main)]

mainspring_fuzz::target!(gossip);
