//! What is read as: address. The claims are in `src/decoders.rs`.
#![cfg_attr(fuzzing, no_main)]

mainspring_fuzz::target!(address);
