//! What is read as: response. The claims are in `src/decoders.rs`.
#![cfg_attr(fuzzing, no_main)]

mainspring_fuzz::target!(response);
