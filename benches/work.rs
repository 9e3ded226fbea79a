//! How many nonces does a thread try a second with the light cache, and with the dataset?
//!
//! Beside it the `ethash` crate with the same cache, in the same run: the ratio is what carries from one
//! machine to another. `-- 5` measures for five seconds each.

use alloy_primitives::{B64, B256};
use mainspring::consensus::ethash::{Cache, PAGE_WORDS, Sizes, hashimoto};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Hashes a second while `hash` runs for so long.
fn rate(time: Duration, mut hash: impl FnMut(u64)) -> f64 {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time {
        hash(count);
        count += 1;
    }
    count as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    let seconds = std::env::args().filter_map(|argument| argument.parse().ok()).next();
    let time = Duration::from_secs(seconds.unwrap_or(3));
    let start = Instant::now();
    let cache = Cache::new(Sizes::ETHEREUM, 0);
    println!("cache of the first epoch                {:>10.2} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let mut theirs = vec![0; ethash::get_cache_size(0)];
    ethash::make_cache(&mut theirs, ethash::get_seedhash(0));
    println!("  by the ethash crate                   {:>10.2} s", start.elapsed().as_secs_f64());

    let (seal_hash, size) = (B256::repeat_byte(7), ethash::get_full_size(0));
    let ours = |time| {
        rate(time, |nonce| {
            black_box(cache.hashimoto(seal_hash, B64::from(nonce)));
        })
    };
    let others = |time| {
        rate(time, |nonce| {
            let nonce = B64::from(nonce).0.into();
            black_box(ethash::hashimoto_light(seal_hash.0.into(), nonce, size, &theirs));
        })
    };
    // In turns, so that both see the same machine.
    let third = time / 3;
    let (mut light, mut other) = (0.0, 0.0);
    for _ in 0..3 {
        light += ours(third) / 3.0;
        other += others(third) / 3.0;
    }
    println!("light cache, nonces a second and thread {light:>10.0}");
    println!("  by the ethash crate                   {other:>10.0}    ratio {:.2}", light / other);

    // Pages of a dataset in memory, as large as fits everywhere: the first 64 MiB, read at random.
    let pages: Vec<[u32; PAGE_WORDS]> = vec![[7; PAGE_WORDS]; 1 << 19];
    let full = rate(time, |nonce| {
        let page = |page: u32| pages[page as usize];
        black_box(hashimoto(seal_hash, B64::from(nonce), pages.len() as u32, page));
    });
    println!("dataset of 64 MiB, in memory            {full:>10.0}    ratio {:.0}", full / light);
}
