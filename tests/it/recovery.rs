//! A crash or a failed write loses nothing that was visible.
