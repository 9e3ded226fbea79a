//! What is read as: body. The claims are in `src/decoders.rs`.
#![cfg_attr(fuzzing, no_main)]

mainspring_fuzz::target!(body);
